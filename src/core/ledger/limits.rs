//! What limits are changed to. Of what is spent, and of what calls in flight may still come to,
//! no limit goes below: then it would not hold.

use super::{
    super::{
        state::{Reserved, State},
        step::{Decision, Reply},
    },
    above, account, draft,
};
use crate::model::{
    AccountId, Actor, Budget, BudgetChange, Coin, Event, Micros, Purse, Refusal, RefusalCode,
};

/// Changes a limit.
///
/// # Errors
/// When there is no such account, or less than what is spent or set aside is meant.
pub fn change(
    state: &State,
    by: &Actor,
    id: &AccountId,
    change: BudgetChange,
    seen: Option<&str>,
) -> Result<Decision, Refusal> {
    let Some(now) = account(state, id) else {
        return Err(Refusal::new(RefusalCode::NotFound, format!("there is no account {id}")));
    };
    let mut limits = now.budget();
    if seen.is_some_and(|seen| seen != limits.to_string()) {
        let why = format!("the limits of {id} were changed since: it has {limits} now");
        return Err(Refusal::new(RefusalCode::Changed, why));
    }
    for coin in Coin::ALL {
        let limit = match change {
            BudgetChange::Only(budget) => budget.get(coin),
            BudgetChange::Limit(budget) => budget.get(coin).or(limits.get(coin)),
            BudgetChange::TopUp(budget) => match (budget.get(coin), limits.get(coin)) {
                (None, limit) => limit,
                (Some(more), Some(limit)) => {
                    let sum = limit.checked_add(more);
                    Some(sum.ok_or_else(|| beyond_counting(id, coin, limit, more))?)
                }
                (Some(_), None) => return Err(nothing_to_top_up(id, coin)),
            },
        };
        if limit.is_some_and(|limit| limit < now.purse(coin).used()) {
            return Err(less_than_used(state, id, coin, now.purse(coin)));
        }
        if limit.is_some()
            && let Some(call) = endless(state, id, coin)
        {
            return Err(may_cost_anything(state, id, coin, call));
        }
        limits.set(coin, limit);
    }
    let Budget { dollars: limit_micros, tokens: limit_tokens } = limits;
    let by = by.clone();
    let event = Event::BudgetSet { account: id.clone(), limit_micros, limit_tokens, by };
    Ok(Decision {
        events: vec![draft(state, id, event)],
        reply: Some(Reply::Done),
        ..Decision::default()
    })
}

fn nothing_to_top_up(id: &AccountId, coin: Coin) -> Refusal {
    let (what, sum) = match coin {
        Coin::Dollars => ("limit", "5"),
        Coin::Tokens => ("limit in tokens", "2M-tokens"),
    };
    Refusal::new(RefusalCode::Conflict, format!("{id} has no {what}: there is nothing to top up"))
        .hinted(format!("dash budget set {id} {sum} gives it one"))
}

/// A sum as it is given in a command.
fn exact(coin: Coin, sum: i64) -> String {
    match coin {
        Coin::Dollars => Micros(sum).plain(),
        Coin::Tokens => format!("{sum}-tokens"),
    }
}

fn beyond_counting(id: &AccountId, coin: Coin, limit: i64, more: i64) -> Refusal {
    let (unit, most) = (coin.unit(), exact(coin, i64::MAX - limit));
    let [limit, more] = coin.told([limit, more]);
    let why = format!(
        "{more}{unit} on top of the {limit}{unit} that {id} has are more than can be counted"
    );
    Refusal::new(RefusalCode::Invalid, why).hinted(format!(
        "at most: dash budget top-up {id} {most}; no limit at all: dash budget set {id} none"
    ))
}

fn less_than_used(state: &State, id: &AccountId, coin: Coin, purse: Purse) -> Refusal {
    let (used, unit) = (purse.used(), coin.unit());
    let least = exact(coin, used);
    let [used, spent, reserved] = coin.told([used, purse.spent, purse.reserved]);
    let why = format!("{used}{unit} of {id} are spent or set aside already");
    if purse.reserved == 0 {
        return Refusal::new(RefusalCode::Conflict, why)
            .hinted(format!("the least possible limit: dash budget set {id} {least}"));
    }
    let why = format!("{why}: {spent} spent, {reserved} for calls that are in flight");
    Refusal::new(RefusalCode::Conflict, why).hinted(format!(
        "the least possible limit now: dash budget set {id} {least}; most of what is set aside \
         comes back when the calls are over: {}",
        then_over(state, id)
    ))
}

/// How calls in flight come to an end, and no other begins.
fn then_over(state: &State, id: &AccountId) -> String {
    let swarm = match id {
        AccountId::Core => None,
        AccountId::Swarm(id) => Some(id),
        AccountId::Agent(id) => state.agents.get(id).map(|agent| &agent.swarm),
    };
    match swarm {
        Some(swarm) => format!("dash swarm pause {swarm} lets them come to that"),
        None => "dash swarm pause lets those of a swarm come to that".to_owned(),
    }
}

/// A call in flight below an account of which nobody can say what it takes of a coin at most: it
/// left when nothing limited that.
fn endless<'a>(state: &'a State, id: &AccountId, coin: Coin) -> Option<&'a Reserved> {
    state.reservations.values().filter(|call| call.unbounded.contains(&coin)).find(|call| {
        let agent = state.attempts.get(&call.attempt).map(|attempt| &attempt.agent);
        let agent = agent.and_then(|id| state.agents.get(id));
        agent.is_some_and(|agent| above(state, agent).contains(id))
    })
}

fn may_cost_anything(state: &State, id: &AccountId, coin: Coin, call: &Reserved) -> Refusal {
    let verb = match coin {
        Coin::Dollars => "cost",
        Coin::Tokens => "take",
    };
    let why = format!(
        "a call of {} to {} is in flight, and nobody can say what it may {verb}: no limit of {id} \
         would hold",
        call.attempt, call.model
    );
    Refusal::new(RefusalCode::Conflict, why)
        .hinted(format!("set it when the call is over: {}", then_over(state, id)))
}
