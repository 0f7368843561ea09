//! Accounts as clients see them, and which of them keep an agent from its work.

use super::{
    super::{
        state::{Agent, State},
        views::waits_for_money,
    },
    account, spent_up, spent_words,
};
use crate::model::{Account, AccountId, AccountInfo, Coin, Shortage};
use std::collections::BTreeSet;

/// All accounts of what is there: the core's, then each swarm's, then each agent's.
pub fn accounts(state: &State) -> Vec<AccountInfo> {
    let short = short(state);
    let info = |id: AccountId, name: &str, parent, account: &Account| {
        let is_short = short.contains(&id);
        info(id, name, parent, account, is_short)
    };
    let mut all = vec![info(AccountId::Core, "core", None, &state.account)];
    for swarm in state.swarms.values() {
        let id = AccountId::Swarm(swarm.id.clone());
        all.push(info(id, &swarm.name, Some(AccountId::Core), &swarm.account));
        for agent in swarm.agents.iter().filter_map(|id| state.agents.get(id)) {
            let parent = match &agent.parent {
                Some(parent) => AccountId::Agent(parent.clone()),
                None => AccountId::Swarm(swarm.id.clone()),
            };
            let id = AccountId::Agent(agent.id.clone());
            all.push(info(id, &agent.name, Some(parent), &agent.account));
        }
    }
    all
}

/// Accounts with less left than a call needs that an agent waits for: whatever their figures
/// say, nothing comes of what is left in them.
fn short(state: &State) -> BTreeSet<AccountId> {
    state.agents.values().filter_map(|agent| lacking(state, agent)).collect()
}

/// The account that keeps an agent from its work.
fn lacking(state: &State, agent: &Agent) -> Option<AccountId> {
    let last = state.attempts.get(agent.latest.as_ref()?)?;
    let waits = last.unpaid && !agent.state.is_final();
    let (id, Shortage { coin, needs }) = last.short.clone().filter(|_| waits)?;
    let left = account(state, &id)?.purse(coin).left()?;
    (left < needs).then_some(id)
}

/// What an agent that waits for money lacks, in words: who has how much, and what it needs.
pub fn wanting(state: &State, agent: &Agent) -> Option<String> {
    if !waits_for_money(agent) {
        return None;
    }
    let last = agent.latest.as_ref().and_then(|id| state.attempts.get(id));
    let short = last.and_then(|last| last.short.clone()).filter(|_| agent.unpaid.is_some());
    let Some((id, Shortage { coin, needs })) = short else {
        let (coin, id) = spent_up(state, agent)?;
        return Some(spent_words(state, coin, &id));
    };
    let purse = account(state, &id)?.purse(coin);
    let [left, limit, needs] = coin.told([purse.left()?, purse.limit?, needs]);
    let unit = coin.unit();
    Some(format!(
        "{id} has {left} of {limit}{unit} left, and its next call needs at least {needs}{unit}"
    ))
}

fn info(
    id: AccountId,
    name: &str,
    parent: Option<AccountId>,
    account: &Account,
    is_short: bool,
) -> AccountInfo {
    let state = match account.level() {
        _ if is_short => "exhausted",
        0 => "open",
        75 => "warning",
        90 => "critical",
        _ => "exhausted",
    };
    let tokens = account.purse(Coin::Tokens);
    let count = |tokens: i64| u64::try_from(tokens).unwrap_or(0);
    AccountInfo {
        id,
        name: name.to_owned(),
        parent,
        limit_micros: account.limit,
        spent_micros: account.spent,
        reserved_micros: account.reserved,
        left_micros: account.left(),
        limit_tokens: tokens.limit.map(count),
        spent_tokens: count(tokens.spent),
        reserved_tokens: count(tokens.reserved),
        left_tokens: tokens.left().map(count),
        percent: account.percent(),
        state: state.to_owned(),
        forecast: None,
    }
}
