//! Accounts as clients see them, and which of them keep an agent from its work.

use super::{
    super::{
        state::{Agent, State},
        unpaid,
        views::waits_for_money,
    },
    above, account, spent_words,
};
use crate::model::{Account, AccountId, AccountInfo, AgentState, Budget, Coin, Micros, Shortage};
use std::collections::BTreeMap;

/// All accounts of what is there: the core's, then each swarm's, then each agent's.
pub fn accounts(state: &State) -> Vec<AccountInfo> {
    let standing = standing_in_the_way(state);
    let info = |id: AccountId, name: &str, parent, account: &Account, notional: Micros| {
        let stands = standing.get(&id).cloned();
        let mut info = info(id, name, parent, account, stands);
        if info.why.is_empty() {
            info.why = unheld(account, notional).unwrap_or_default();
        }
        info
    };
    let mut all = vec![info(AccountId::Core, "core", None, &state.account, Micros::ZERO)];
    for swarm in state.swarms.values() {
        let id = AccountId::Swarm(swarm.id.clone());
        all.push(info(id, &swarm.name, Some(AccountId::Core), &swarm.account, swarm.notional));
        for agent in swarm.agents.iter().filter_map(|id| state.agents.get(id)) {
            let parent = match &agent.parent {
                Some(parent) => AccountId::Agent(parent.clone()),
                None => AccountId::Swarm(swarm.id.clone()),
            };
            let id = AccountId::Agent(agent.id.clone());
            all.push(info(id, &agent.name, Some(parent), &agent.account, agent.notional));
        }
    }
    all
}

/// That a limit in dollars, which nothing stands beside, holds not all that it may seem to.
fn unheld(account: &Account, notional: Micros) -> Option<String> {
    let alone = account.limit.is_some() && account.tokens.limit.is_none();
    (alone && notional > Micros::ZERO).then(|| {
        format!(
            "{notional} beside it is notional, as under a subscription: no limit in dollars              holds that, one in tokens does"
        )
    })
}

/// Accounts that keep an agent from its work, whatever their figures say, and how. True: they
/// have less than a call needs that it waits for; false: nobody can say what it needs.
fn standing_in_the_way(state: &State) -> BTreeMap<AccountId, (bool, String)> {
    let mut all: BTreeMap<AccountId, (bool, String)> = BTreeMap::new();
    for agent in state.agents.values() {
        let Some((first, short)) = lacking(state, agent) else { continue };
        let why = match wanting(state, agent) {
            Some(why) => format!("{} waits: {why}", agent.id),
            // It has not come to its end by it, or not yet.
            None => format!("a call of {} was refused", agent.id),
        };
        let others = if short { shorts(state, agent) } else { Vec::new() };
        for id in others.into_iter().map(|Short { account, .. }| account).chain([first]) {
            match all.get(&id) {
                Some((known, _)) if *known || !short => {}
                Some(_) | None => _ = all.insert(id, (short, why.clone())),
            }
        }
    }
    all
}

/// An account that keeps an agent from going on.
pub(in crate::core) struct Short {
    pub account: AccountId,
    pub coin: Coin,
    /// So much more would do.
    pub more: i64,
}

/// All accounts above an agent that have less than the call needs which was refused last, or
/// nothing at all: the topmost first, as they are filled.
pub(in crate::core) fn shorts(state: &State, agent: &Agent) -> Vec<Short> {
    let last = agent.latest.as_ref().and_then(|id| state.attempts.get(id));
    let last = last.filter(|last| last.unpaid && agent.state != AgentState::Queued);
    let refused = last.and_then(|last| last.short.as_ref()).and_then(|(_, short)| *short);
    let above = above(state, agent);
    let of = |coin: Coin| {
        let needs = refused.filter(|short| short.coin == coin).map(|short| short.needs);
        above.iter().rev().filter_map(move |id| {
            let purse = account(state, id)?.purse(coin);
            let left = purse.left()?;
            // Of what it has none it needs as much as calls have needed.
            let needs = needs.unwrap_or(if left <= 0 { purse.call.max(1) } else { left });
            (left < needs).then(|| Short { account: id.clone(), coin, more: needs - left })
        })
    };
    Coin::ALL.into_iter().flat_map(of).collect()
}

/// The account whose limit refused its last call and would refuse it again; true: it has less
/// than that call needs, false: nobody can say what it needs.
pub(in crate::core) fn lacking(state: &State, agent: &Agent) -> Option<(AccountId, bool)> {
    let last = state.attempts.get(agent.latest.as_ref()?)?;
    let (id, short) = last.short.clone().filter(|_| last.unpaid && !agent.state.is_final())?;
    let account = account(state, &id)?;
    match short {
        Some(Shortage { coin, needs }) => {
            account.purse(coin).left().filter(|left| *left < needs).map(|_| (id, true))
        }
        None => (account.budget() != Budget::default()).then_some((id, false)),
    }
}

/// What an agent that waits for money lacks, in words: who has how much, and what it needs.
pub fn wanting(state: &State, agent: &Agent) -> Option<String> {
    if !waits_for_money(agent) {
        return None;
    }
    let last = agent.latest.as_ref().and_then(|id| state.attempts.get(id));
    // What is queued may have been refused in an earlier item.
    let refused = agent.state == AgentState::Paused;
    let short = last.and_then(|last| last.short.clone()).filter(|_| refused);
    if let Some((id, None)) = short {
        let why = last.and_then(unpaid::refused_words).map(str::to_owned);
        return Some(why.unwrap_or_else(|| {
            format!("{id} has a budget, and nobody can say what its next call needs")
        }));
    }
    let shorts = shorts(state, agent);
    let spent = |but: Option<Coin>| {
        let others = shorts.iter().filter(move |short| Some(short.coin) != but);
        others.map(|short| spent_words(state, short.coin, &short.account))
    };
    let Some((id, Some(Shortage { coin, needs }))) = short else {
        let all: Vec<String> = spent(None).collect();
        return (!all.is_empty()).then(|| all.join("; "));
    };
    let mut names: Vec<&AccountId> =
        shorts.iter().filter(|it| it.coin == coin).map(|it| &it.account).collect();
    if names.is_empty() {
        names.push(&id);
    }
    let unit = coin.unit();
    let mut least = String::new();
    let mut has = Vec::new();
    for name in names {
        let purse = account(state, name)?.purse(coin);
        let [left, limit, needs] = coin.told([purse.left()?, purse.limit?, needs]);
        has.push(format!("{name} has {left} of {limit}{unit} left"));
        least = needs;
    }
    let lacks = format!("{}, and its next call needs at least {least}{unit}", has.join(" and "));
    Some(std::iter::once(lacks).chain(spent(Some(coin))).collect::<Vec<_>>().join("; "))
}

fn info(
    id: AccountId,
    name: &str,
    parent: Option<AccountId>,
    account: &Account,
    stands: Option<(bool, String)>,
) -> AccountInfo {
    let state = match (account.level(), stands.as_ref().map(|(short, _)| *short)) {
        (100.., _) => "exhausted",
        (_, Some(true)) => "short",
        (_, Some(false)) => "blocked",
        (90.., None) => "critical",
        (75.., None) => "warning",
        (_, None) => "open",
    };
    let tokens = account.purse(Coin::Tokens);
    // By a limit that was lowered, or a provider that billed beyond the bound of its calls.
    let over = Coin::ALL.into_iter().find_map(|coin| {
        let over = -account.purse(coin).left().filter(|left| *left < 0)?;
        Some(format!("{}{} over its limit", coin.told([over])[0], coin.unit()))
    });
    let count = |tokens: i64| u64::try_from(tokens).unwrap_or(0);
    AccountInfo {
        id,
        name: name.to_owned(),
        parent,
        limit_micros: account.limit,
        spent_micros: account.spent,
        reserved_micros: account.reserved,
        left_micros: account.left(),
        estimated_micros: account.estimated,
        limit_tokens: tokens.limit.map(count),
        spent_tokens: count(tokens.spent),
        reserved_tokens: count(tokens.reserved),
        left_tokens: tokens.left().map(count),
        percent: account.percent(),
        state: state.to_owned(),
        why: stands.map(|(_, why)| why).or(over).unwrap_or_default(),
        forecast: None,
    }
}
