//! Processes that runs share: an adapter's `[shared]`.
//!
//! A *host* is kept like an attempt, by a keeper of its own and in the scope of its guests,
//! but is none: no item is worked on in it, the journal does not know it, and it lives for as
//! long as it has guests (and a moment longer, since the next item may follow). It belongs to
//! one swarm and one scope. `host.json` in its directory and `guest.json` in that of each guest
//! let a later core put them together again; a host without a guest is stopped by it.
//!
//! A *place* is a guest's: a seat at its host, whose key is in the host's own settings from
//! the start, so that nobody waits for settings to be read anew. Calls with that key are the
//! guest's. When a run has not ended by itself its seat is not taken again but by its own
//! agent: what the host still does for it must not be paid for by another.
//!
//! What a run said stands in its session at the host. The next attempt of its agent takes the
//! same seat at the same host, and goes on with that session; a host that has ended is started
//! again for it on what it left (`kept`). Where that is gone, or the seat taken, it begins anew.
//!
//! The guests of one host are not held from each other: they have one swarm and one scope, and
//! the same rights at their host. What they start has no identity for `dash` commands.
//!
//! A host that dies fails the runs that it served; the next one to be launched starts another.

mod join;
mod keep;
mod kept;
mod seats;

pub use self::join::{join, join_again};
use self::seats::Seats;
use super::{adopt, launch::Plan, world::World};
use crate::{
    agents::{Meeting, Part, Seat},
    config::Instance,
    gateway::{Caller, Guest, Guests},
    model::{AgentId, AttemptId, Confine, Explanation},
};
use serde::{Deserialize, Serialize};
use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// A guest that has made no call by then keeps nobody waiting any more.
const FIRST_CALL: Duration = Duration::from_secs(60);

#[derive(Default)]
pub struct Hosts(Mutex<Vec<Arc<Host>>>);

pub struct Host {
    record: Record,
    /// Of its first guest, with the host's own name for the attempt's.
    plan: Plan,
    guests: Guests,
    stage: watch::Sender<Stage>,
    seats: Mutex<Seats>,
    /// How many of them are taken.
    taken: watch::Sender<usize>,
    /// Held by guests on their way to their first call.
    starts: Arc<Semaphore>,
}

/// `host.json`
#[derive(Clone, Serialize, Deserialize)]
struct Record {
    id: AttemptId,
    meeting: Meeting,
    seats: Vec<Seat>,
}

/// `guest.json`
#[derive(Serialize, Deserialize)]
struct GuestRecord {
    host: AttemptId,
    seat: usize,
    /// Of an earlier attempt, which goes on; none: it has one of its own name.
    #[serde(default)]
    session: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
enum Stage {
    Starting,
    Ready,
    /// And why.
    Over(String),
}

/// A guest's. Dropped without a word its seat is worn.
pub struct Place {
    host: Arc<Host>,
    seat: usize,
    /// Of an earlier attempt, which goes on there.
    session: Option<String>,
    guest: Option<Guest>,
}

/// What a launch has to do with others.
pub enum Share {
    Alone,
    /// At a seat of that host, with the session that goes on there.
    Guest(Arc<Host>, usize, Option<String>),
    Host(Arc<Host>),
}

impl Share {
    pub fn part(&self) -> Part<'_> {
        match self {
            Self::Alone => Part::Alone,
            Self::Guest(host, seat, _) => match host.record.seats.get(*seat) {
                Some(seat) => Part::Guest(&host.record.meeting, seat),
                None => Part::Alone,
            },
            Self::Host(host) => Part::Host(&host.record.meeting, &host.record.seats),
        }
    }

    /// Shows the meeting place in a sandbox.
    pub fn open(&self, confine: &mut Confine) {
        match self {
            Self::Alone => {}
            Self::Guest(host, ..) => confine.readable.push(host.record.meeting.dir.clone()),
            Self::Host(host) => confine.writable.push(host.record.meeting.dir.clone()),
        }
    }
}

impl Place {
    pub fn share(&self) -> Share {
        Share::Guest(self.host.clone(), self.seat, self.session.clone())
    }

    fn hold_until_it_calls(&self, turn: OwnedSemaphorePermit) {
        let Some(mut called) = self.guest.as_ref().map(Guest::called) else { return };
        tokio::spawn(async move {
            // Also over when the guest is gone.
            let _ = tokio::time::timeout(FIRST_CALL, called.wait_for(|called| *called)).await;
            drop(turn);
        });
    }

    /// Whatever is asked for it waits until it is let go on.
    pub fn hold(&self, held: bool) {
        if let Some(guest) = &self.guest {
            guest.hold(held);
        }
    }

    /// Its calls are answered with 402 from now on.
    pub fn refuse(&self) {
        if let Some(guest) = &self.guest {
            guest.refuse();
        }
    }

    /// The run is over: whatever the host started for it is killed.
    pub async fn leave(mut self, well: bool) {
        self.guest = None;
        let name = self.host.record.seats.get(self.seat).map(|seat| seat.name.clone());
        let mark = name.map(|name| self.host.record.meeting.dir.join(name));
        if let Some(mark) = mark {
            let killed = tokio::task::spawn_blocking(move || adopt::kill_with_directory(&mark));
            // It fails with the runtime only.
            let _ = killed.await;
        }
        self.host.leave(self.seat, well);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.host.leave(self.seat, false);
    }
}

impl Host {
    fn new(plan: &Plan, record: Record, at_once: usize) -> Self {
        let mut plan = plan.clone();
        plan.attempt.id = record.id.clone();
        // It takes up nothing: what an attempt left is a guest's.
        plan.left = None;
        let seats = Seats::new(record.seats.len());
        Self {
            record,
            plan,
            guests: Guests::default(),
            stage: watch::Sender::new(Stage::Starting),
            seats: Mutex::new(seats),
            taken: watch::Sender::new(0),
            starts: Arc::new(Semaphore::new(at_once)),
        }
    }

    fn seats(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `well`: its run ended by itself.
    fn leave(&self, seat: usize, well: bool) {
        let mut seats = self.seats();
        seats.leave(seat, well);
        self.taken.send_replace(seats.taken());
    }

    /// Takes the seat that `choose` finds.
    fn take(&self, agent: &AgentId, choose: impl FnOnce(&Seats) -> Option<usize>) -> Option<usize> {
        let mut seats = self.seats();
        let at = choose(&seats)?;
        seats.take(at, agent)?;
        self.taken.send_replace(seats.taken());
        Some(at)
    }

    /// Closes it unless somebody is there.
    fn close_if_empty(&self) -> bool {
        let mut seats = self.seats();
        seats.closed |= seats.taken() == 0;
        seats.closed
    }

    /// Whoever has this plan may be its guest.
    fn suits(&self, plan: &Plan) -> bool {
        let own = &self.plan;
        (&own.attempt.swarm, &own.adapter, &own.scope)
            == (&plan.attempt.swarm, &plan.adapter, &plan.scope)
            && (own.workplace(), &own.spec.path) == (plan.workplace(), &plan.spec.path)
    }

    fn place(
        self: &Arc<Self>,
        world: &World,
        plan: &Plan,
        seat: usize,
        session: Option<String>,
    ) -> Place {
        let guest = self.record.seats.get(seat).zip(world.gateway.get()).map(|(seat, gate)| {
            let caller = Caller {
                swarm: plan.attempt.swarm.clone(),
                agent: plan.attempt.agent.clone(),
                attempt: plan.attempt.id.clone(),
                token: seat.token.clone(),
                calls: plan.spec.calls,
            };
            gate.admit(&self.guests, caller)
        });
        Place { host: self.clone(), seat, session, guest }
    }

    /// For people.
    fn told(&self) -> String {
        let stage = match &*self.stage.borrow() {
            Stage::Starting => "starting".to_owned(),
            Stage::Ready => "ready".to_owned(),
            Stage::Over(why) => why.clone(),
        };
        let (taken, seats) = (*self.taken.borrow(), self.record.seats.len());
        let Plan { adapter, .. } = &self.plan;
        format!("{adapter} {}: {stage}, {taken} of {seats} seats taken", self.record.id)
    }
}

impl Hosts {
    fn all(&self) -> MutexGuard<'_, Vec<Arc<Host>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// With the host that serves a run of the agent, if one does.
    pub fn add_to(&self, known: Explanation) -> Explanation {
        let is_there = |host: &&Arc<Host>| host.seats().has(&known.agent);
        let shared = self.all().iter().find(is_there).map(|host| host.told());
        Explanation { shared: shared.unwrap_or_default(), ..known }
    }

    pub fn all_told(&self) -> Vec<String> {
        self.all().iter().map(|host| host.told()).collect()
    }

    fn forget(&self, host: &Arc<Host>) {
        self.all().retain(|known| !Arc::ptr_eq(known, host));
    }
}

/// The host of an attempt that a core launched as a guest.
pub fn of(instance: &Instance, attempt: &AttemptId) -> Option<AttemptId> {
    let record: GuestRecord = read(&instance.attempt_dir(attempt).join("guest.json"))?;
    Some(record.host)
}

fn read<T: for<'a> Deserialize<'a>>(path: &Path) -> Option<T> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}
