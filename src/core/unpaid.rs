//! What an agent waits for that a budget holds: more money, or that somebody says what its call
//! costs. In words, and what becomes of it when prices change.

use super::{
    ledger::{Short, above, account, shorts},
    state::{Agent, Attempt, Phase, State},
    step::{Decision, Draft},
    views::waits_for_money,
};
use crate::model::{
    AccountId, AgentState, BUDGET, Budget, Coin, Event, Micros, Outcome, Shortage, Signal, Source,
    UNKNOWN_COST, no_price, unpriced, way_on,
};

/// Why a call is refused of which nobody can say what it may take: `why` is the gateway's word,
/// which begins so where it is the model that has no price.
pub(super) fn reason(why: &str, model: &str) -> String {
    if why.starts_with("no price of") { no_price(model) } else { UNKNOWN_COST.to_owned() }
}

/// What the gateway said last of an attempt whose call it refused.
fn refusal(attempt: &Attempt) -> Option<&Signal> {
    let mut said = attempt.signals.iter().map(|(signal, _)| signal);
    said.find(|signal| signal.source == Source::Gateway && signal.state == AgentState::Paused)
}

/// Why the call was refused, in full.
pub(super) fn refused_words(attempt: &Attempt) -> Option<&str> {
    refusal(attempt).map(|signal| signal.detail.as_str())
}

/// The reason of the state that an attempt leaves its agent in.
pub(super) fn reason_of(attempt: &Attempt) -> String {
    refusal(attempt).map_or_else(|| BUDGET.to_owned(), |signal| signal.reason.clone())
}

/// A stable word for how it ended.
pub(super) fn stop_reason(reason: &str) -> &'static str {
    if reason == BUDGET { "budget" } else { "price" }
}

/// True of an attempt that ends for want of money: its last call was refused, or it says itself
/// that it ends for one that was, whatever small call went through since.
pub(super) fn ends_unpaid(attempt: &Attempt, outcome: Outcome, says: &str) -> bool {
    let says = attempt.refused && outcome == Outcome::Failed && says == "budget";
    attempt.stop.is_none() && (attempt.unpaid || says)
}

/// True if what its last call lacked has come in the meantime.
pub(super) fn is_there_now(state: &State, attempt: &Attempt) -> bool {
    let Some((id, short)) = &attempt.short else {
        // Nobody knows any more what it lacked: prices changed since.
        return attempt.unpaid;
    };
    let Some(Shortage { coin, needs }) = *short else { return false };
    let purse = account(state, id).map(|account| account.purse(coin)).unwrap_or_default();
    purse.left().is_none_or(|left| left >= needs)
}

/// What lets an agent go on that waits for money.
pub(super) fn command_for(state: &State, agent: &Agent) -> String {
    let last = agent.latest.as_ref().and_then(|id| state.attempts.get(id));
    let lacks = last.filter(|last| last.unpaid).and_then(|last| last.short.as_ref());
    let short = shorts(state, agent);
    match (lacks, short.as_slice()) {
        (Some((id, Some(Shortage { coin, .. }))), []) => {
            top_up(&Short { account: id.clone(), coin: *coin, more: 1 })
        }
        (Some((_, Some(_))), all) => all.iter().map(top_up).collect::<Vec<_>>().join(AND),
        (Some((id, None)), _) => way_on(&agent.reason, &id.to_string()),
        (None, []) => way_on(&agent.reason, agent.swarm.as_str()),
        (None, all) => {
            let mut ways: Vec<String> =
                all.iter().map(|short| way_on(BUDGET, &short.account.to_string())).collect();
            // One account may have nothing left of either coin.
            ways.dedup();
            ways.join(AND)
        }
    }
}

/// Between commands that all have to be carried out.
pub(super) const AND: &str = " && ";

/// The command that gives an account what it lacks, to whole cents and thousands, upwards.
pub(super) fn top_up(short: &Short) -> String {
    let sum = match short.coin {
        Coin::Dollars => Micros(short.more.saturating_add(9_999) / 10_000 * 10_000).plain(),
        Coin::Tokens => {
            let thousands = u64::try_from(short.more).unwrap_or(0).div_ceil(1000);
            Budget::of_tokens(thousands.saturating_mul(1000)).to_string()
        }
    };
    format!("dash budget top-up {} {sum}", short.account)
}

/// What beside a top-up of `id` in `coin` lets somebody go on who waits below it: of other accounts above
/// that agent, which are as short. Of several agents it is the one that needs the fewest.
pub(super) fn beside(state: &State, id: &AccountId, coin: Coin) -> String {
    let waiting = state.agents.values().filter(|agent| waits_for_money(agent));
    let below = waiting.filter(|agent| above(state, agent).contains(id));
    let others = below.map(|agent| {
        let own = |short: &Short| short.account == *id && short.coin == coin;
        let all = shorts(state, agent).into_iter().filter(|short| !own(short));
        all.map(|short| top_up(&short) + AND).collect::<Vec<_>>()
    });
    others.min_by_key(Vec::len).unwrap_or_default().concat()
}

/// Models whose price agents wait for.
pub fn unpriced_models(state: &State) -> Vec<String> {
    let waiting = state.agents.values().filter(|agent| agent.state == AgentState::Paused);
    waiting.filter_map(|agent| unpriced(&agent.reason).map(str::to_owned)).collect()
}

/// Prices were changed: who waits for one asks again.
pub(super) fn prices_changed(state: &State) -> Decision {
    let mut decision = Decision::default();
    let waits = state.attempts.values().any(|attempt| waits_for_price(state, attempt));
    if !waits {
        return decision;
    }
    decision.events.push(Draft {
        swarm: None,
        agent: None,
        attempt: None,
        event: Event::PricesChanged,
    });
    decision
}

/// Its last call was refused since nobody could price it, and nothing else came of it yet.
fn waits_for_price(state: &State, attempt: &Attempt) -> bool {
    let unknown = attempt.unpaid && matches!(attempt.short, Some((_, None)));
    let agent = state.agents.get(&attempt.agent);
    unknown
        && agent.is_some_and(|agent| {
            let paused = agent.unpaid.is_some_and(|unpaid| !unpaid.again);
            let latest = agent.latest.as_ref() == Some(&attempt.id);
            latest && (paused || attempt.phase != Phase::Ended)
        })
}

/// It waits on its own screen, and has to be told to go on.
fn stands(state: &State, attempt: &Attempt) -> bool {
    let interactive = state.agents.get(&attempt.agent).is_some_and(|it| it.grant.interactive);
    interactive && attempt.phase != Phase::Ended && waits_for_price(state, attempt)
}

/// The same in `apply`.
pub(super) fn apply_prices_changed(state: &mut State) {
    let waiting: Vec<_> = (state.attempts.values())
        .filter(|attempt| waits_for_price(state, attempt))
        .map(|attempt| (attempt.id.clone(), attempt.agent.clone(), stands(state, attempt)))
        .collect();
    for (attempt, agent, stands) in waiting {
        if let Some(attempt) =
            state.attempts.get_mut(&attempt).filter(|it| it.phase != Phase::Ended)
        {
            // That it was refused stays true of one that is about to end for it; one that stands
            // on its screen is told to go on.
            attempt.short = None;
            attempt.raised = stands;
        }
        if let Some(unpaid) = state.agents.get_mut(&agent).and_then(|it| it.unpaid.as_mut()) {
            unpaid.again = true;
        }
    }
}
