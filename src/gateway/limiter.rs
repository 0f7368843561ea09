//! One limiter for all agents: a [gate](gate) before each model of each provider, which learns
//! from what the provider says of its limits. A call that a provider refuses for its rate goes
//! back to its agent as it is; whoever comes after it waits in here instead of being refused
//! too, and so cannot make it worse. A wait has an end: who would have to wait longer is
//! answered with 429 and told how long.
//!
//! A swarm may say how many calls of all its agents are in flight at once: the rest wait before a
//! gate of that swarm, until a call is over to its last byte.

mod gate;
mod headers;
mod wait;

use super::Caller;
use crate::model::{AgentId, SwarmId};
use gate::{Gate, Ticket, Turn};
use headers::Said;
use hyper::{HeaderMap, StatusCode};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::{sync::Notify, time::timeout_at};

pub use wait::{in_turn, through_the_gate};

/// A call waits no longer: SDKs give up on a silent service after ten minutes, some earlier.
const PATIENCE: Duration = Duration::from_secs(120);

/// For others of its swarm a call waits longer, since nobody has complained: a little less than
/// SDKs do.
const PATIENCE_OF_A_SWARM: Duration = Duration::from_secs(540);

/// Doors that are kept; agents name models as they like.
const DOORS: usize = 512;

/// Provider and model.
type Key = (String, String);

#[derive(Default)]
pub struct Limiter {
    models: Mutex<HashMap<Key, Arc<Door>>>,
    swarms: Mutex<HashMap<SwarmId, Arc<Door>>>,
}

#[derive(Default)]
struct Door {
    gate: Mutex<Gate>,
    changed: Notify,
}

impl Door {
    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Leave to make one call. Dropped, the call is taken for not made.
pub struct Permit {
    door: Arc<Door>,
    answered: bool,
}

/// It would have to wait longer than it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong {
    pub seconds: u64,
}

/// A place among those who wait.
struct Place {
    door: Arc<Door>,
    ticket: Ticket,
    taken: bool,
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.taken {
            self.door.gate().leave(self.ticket);
        }
        self.door.changed.notify_waiters();
    }
}

impl Limiter {
    /// Resolves when a call of `agent` may start; `waits` is told once if that is not at once.
    ///
    /// # Errors
    /// When it would have to wait too long.
    pub async fn pass(
        &self,
        provider: &str,
        model: &str,
        agent: &AgentId,
        waits: impl FnOnce(),
    ) -> Result<Permit, TooLong> {
        self.pass_within(PATIENCE, (provider, model), agent, waits).await
    }

    async fn pass_within(
        &self,
        patience: Duration,
        (provider, model): (&str, &str),
        agent: &AgentId,
        waits: impl FnOnce(),
    ) -> Result<Permit, TooLong> {
        wait_at(self.door(provider, model), patience, agent, waits).await
    }

    /// Resolves when a call of the caller's swarm may start, of which there are `most` at once;
    /// it is over when the permit is dropped.
    ///
    /// # Errors
    /// When it would have to wait too long.
    pub async fn pass_in_swarm(
        &self,
        caller: &Caller,
        most: u32,
        waits: impl FnOnce(),
    ) -> Result<Permit, TooLong> {
        let door = {
            let mut doors = self.swarms.lock().unwrap_or_else(PoisonError::into_inner);
            doors.retain(|_, door| Arc::strong_count(door) > 1 || !door.gate().is_idle());
            let new = || Arc::new(Door { gate: Mutex::new(Gate::of(most)), ..Door::default() });
            doors.entry(caller.swarm.clone()).or_insert_with(new).clone()
        };
        wait_at(door, PATIENCE_OF_A_SWARM, &caller.agent, waits).await
    }

    /// Where no call is let through for longer than one would wait: provider, model, how long.
    pub fn closed(&self) -> Vec<(Key, Duration)> {
        let now = Instant::now();
        let doors = self.models.lock().unwrap_or_else(PoisonError::into_inner);
        let closed = doors.iter().filter_map(|(key, door)| {
            let rest = door.gate().not_before(now)?.saturating_duration_since(now);
            (rest > PATIENCE).then(|| (key.clone(), rest))
        });
        closed.collect()
    }

    fn door(&self, provider: &str, model: &str) -> Arc<Door> {
        let mut doors = self.models.lock().unwrap_or_else(PoisonError::into_inner);
        if doors.len() >= DOORS {
            // Those that nobody stands at, and that hold nobody up.
            let now = Instant::now();
            doors.retain(|_, door| Arc::strong_count(door) > 1 || !door.gate().is_open(now));
        }
        doors.entry((provider.to_owned(), model.to_owned())).or_default().clone()
    }
}

async fn wait_at(
    door: Arc<Door>,
    patience: Duration,
    agent: &AgentId,
    waits: impl FnOnce(),
) -> Result<Permit, TooLong> {
    let ticket = door.gate().join(agent);
    let mut place = Place { door: door.clone(), ticket, taken: false };
    let last = Instant::now() + patience;
    let mut waits = Some(waits);
    loop {
        let changed = door.changed.notified();
        tokio::pin!(changed);
        changed.as_mut().enable();
        let now = Instant::now();
        let (turn, opens) = {
            let mut gate = door.gate();
            (gate.turn(ticket, now, chance()), gate.not_before(now))
        };
        let at = match turn {
            Turn::Go => {
                place.taken = true;
                return Ok(Permit { door: door.clone(), answered: false });
            }
            Turn::Wait(at) => at,
        };
        // No sense in waiting for what is too late anyway.
        if now >= last || opens.is_some_and(|opens| opens > last) {
            let rest = opens.unwrap_or(now).saturating_duration_since(now);
            let seconds = rest.as_secs() + u64::from(rest.subsec_nanos() > 0);
            return Err(TooLong { seconds: seconds.max(1) });
        }
        if let Some(waits) = waits.take() {
            waits();
        }
        // Early or late: the gate is asked again.
        let _ = timeout_at(at.unwrap_or(last).min(last).into(), changed).await;
    }
}

impl Permit {
    /// The provider's answer began; true if it asks to wait for longer than a call would.
    pub fn answered(mut self, status: StatusCode, headers: &HeaderMap) -> bool {
        let said = Said::of(status, headers, jiff::Timestamp::now());
        self.door.gate().answered(said, Instant::now(), chance());
        self.answered = true;
        said.wait.is_some_and(|wait| wait > PATIENCE)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if !self.answered {
            self.door.gate().gone();
        }
        self.door.changed.notify_waiters();
    }
}

/// From 0 up to 1; in the middle where the system has no random numbers.
fn chance() -> f64 {
    getrandom::u32().map_or(0.5, |n| f64::from(n) / (f64::from(u32::MAX) + 1.0))
}

#[cfg(test)]
mod served;
#[cfg(test)]
mod tests;
