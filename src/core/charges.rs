//! The latest charges of each account, and what they come to in a minute.

use super::{
    ledger::above,
    state::{Charge, State},
};
use crate::model::{AccountId, AttemptId, Micros, Stamp, SwarmId};

/// Charges that are kept of an agent; of swarms and the core, whose come faster.
const OF_AN_AGENT: usize = 16;
const OF_MANY: usize = 64;
/// Older ones say nothing of now.
const WINDOW_MS: u64 = 600_000;
/// With fewer there is no rate.
const FEWEST: usize = 4;
const MINUTE_MS: i128 = 60_000;

/// A call was paid for.
pub(super) fn apply(state: &mut State, attempt: Option<&AttemptId>, at: Stamp, cost: Micros) {
    let attempt = attempt.and_then(|id| state.attempts.get(id));
    let Some(agent) = attempt.and_then(|attempt| state.agents.get(&attempt.agent)) else { return };
    for account in above(state, agent) {
        let most = match account {
            AccountId::Agent(_) => OF_AN_AGENT,
            AccountId::Swarm(_) | AccountId::Core => OF_MANY,
        };
        let charges = state.charges.entry(account).or_default();
        if charges.len() >= most {
            charges.remove(0);
        }
        charges.push(Charge { at, cost });
    }
}

/// With what is forgotten its charges go.
pub(super) fn forget_swarm(state: &mut State, swarm: &SwarmId) {
    let State { charges, agents, .. } = state;
    charges.retain(|account, _| match account {
        AccountId::Core => true,
        AccountId::Swarm(id) => id != swarm,
        AccountId::Agent(id) => agents.contains_key(id),
    });
}

/// In a minute, by the charges of the last ten; none where there are too few.
pub(super) fn rate(state: &State, account: &AccountId, now: Stamp) -> Option<Micros> {
    let charges = state.charges.get(account)?;
    let oldest = now.minus_ms(WINDOW_MS);
    let recent = charges.iter().filter(|charge| charge.at > oldest);
    // The first one paid for what was before it.
    let from = recent.clone().next()?.at;
    if recent.clone().count() < FEWEST {
        return None;
    }
    let sum: i128 = recent.skip(1).map(|charge| i128::from(charge.cost.0)).sum();
    let ms = i128::from(now.ms_since(from)).max(1);
    Some(Micros(i64::try_from(sum * MINUTE_MS / ms).unwrap_or(i64::MAX)))
}
