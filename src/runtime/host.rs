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
//! guest's. When a run has not ended by itself its seat is not taken again: what the host
//! still does for it must not be paid for by another.
//!
//! The guests of one host are not held from each other: they have one swarm and one scope, and
//! the same rights at their host. What they start has no identity for `dash` commands.
//!
//! A host that dies fails the runs that it served; the next one to be launched starts another.

mod keep;

use super::{
    adopt,
    launch::{self, Plan},
    world::{Shared, World},
};
use crate::{
    agents::{Meeting, Part, Seat},
    config::Instance,
    gateway::{Caller, Guest, Guests},
    model::{AgentId, AttemptId, Confine, Explanation, Net, SwarmId},
};
use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// Hosts that a guest tries, one after the other, where they end before they are ready.
const TRIES: usize = 2;
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
}

#[derive(Clone, Debug, PartialEq)]
enum Stage {
    Starting,
    Ready,
    /// And why.
    Over(String),
}

struct Seats {
    by: Vec<Taken>,
    /// Nobody comes any more.
    closed: bool,
}

#[derive(Clone, PartialEq)]
enum Taken {
    Free,
    By(AgentId),
    /// Not to be taken again.
    Worn,
}

/// A guest's. Dropped without a word its seat is worn.
pub struct Place {
    host: Arc<Host>,
    seat: usize,
    guest: Option<Guest>,
}

/// What a launch has to do with others.
pub enum Share {
    Alone,
    Guest(Arc<Host>, usize),
    Host(Arc<Host>),
}

impl Share {
    pub fn part(&self) -> Part<'_> {
        match self {
            Self::Alone => Part::Alone,
            Self::Guest(host, seat) => match host.record.seats.get(*seat) {
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
            Self::Guest(host, _) => confine.readable.push(host.record.meeting.dir.clone()),
            Self::Host(host) => confine.writable.push(host.record.meeting.dir.clone()),
        }
    }
}

impl Place {
    pub fn share(&self) -> Share {
        Share::Guest(self.host.clone(), self.seat)
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
        self.host.free(self.seat, if well { Taken::Free } else { Taken::Worn });
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if matches!(self.host.seats().by.get(self.seat), Some(Taken::By(_))) {
            self.host.free(self.seat, Taken::Worn);
        }
    }
}

impl Host {
    fn new(plan: &Plan, record: Record, at_once: usize) -> Self {
        let mut plan = plan.clone();
        plan.attempt.id = record.id.clone();
        // It takes up nothing: what an attempt left is a guest's.
        plan.left = None;
        let seats = Seats { by: vec![Taken::Free; record.seats.len()], closed: false };
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

    fn told_taken(&self, seats: &Seats) {
        let taken = seats.by.iter().filter(|seat| matches!(seat, Taken::By(_))).count();
        self.taken.send_replace(taken);
    }

    fn free(&self, seat: usize, now: Taken) {
        let mut seats = self.seats();
        if let Some(place) = seats.by.get_mut(seat) {
            *place = now;
        }
        self.told_taken(&seats);
    }

    /// Takes `wanted`, or the first that is free.
    fn take(&self, agent: &AgentId, wanted: Option<usize>) -> Option<usize> {
        let mut seats = self.seats();
        let free = || seats.by.iter().position(|seat| *seat == Taken::Free);
        let at = wanted.or_else(free).filter(|_| !seats.closed)?;
        *seats.by.get_mut(at)? = Taken::By(agent.clone());
        self.told_taken(&seats);
        Some(at)
    }

    /// Closes it unless somebody is there.
    fn close_if_empty(&self) -> bool {
        let mut seats = self.seats();
        seats.closed |= !seats.by.iter().any(|seat| matches!(seat, Taken::By(_)));
        seats.closed
    }

    /// Whoever has this plan may be its guest.
    fn suits(&self, plan: &Plan) -> bool {
        let own = &self.plan;
        (&own.attempt.swarm, &own.adapter, &own.scope)
            == (&plan.attempt.swarm, &plan.adapter, &plan.scope)
            && (own.workplace(), &own.spec.path) == (plan.workplace(), &plan.spec.path)
    }

    fn place(self: &Arc<Self>, world: &World, plan: &Plan, seat: usize) -> Place {
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
        Place { host: self.clone(), seat, guest }
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
        let is_there = |host: &&Arc<Host>| {
            let seats = host.seats();
            seats.by.iter().any(|seat| matches!(seat, Taken::By(by) if *by == known.agent))
        };
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

/// A place for `plan` at a host that is ready; none where it has a process of its own.
///
/// # Errors
/// When no host could be started.
pub async fn join(world: &Shared, plan: &Plan) -> anyhow::Result<Option<Place>> {
    let Some(size) = shares(world, plan).await else { return Ok(None) };
    let mut tries = TRIES;
    loop {
        // A core that left before it had launched this run has found one for it.
        let place = match join_again(world, plan) {
            Some(place) => place,
            None => sit_down(world, plan, size)?,
        };
        let mut stage = place.host.stage.subscribe();
        let failed = {
            let reached = stage.wait_for(|stage| *stage != Stage::Starting).await;
            match reached.as_deref() {
                Ok(Stage::Ready) => None,
                Ok(Stage::Over(why)) => Some(why.clone()),
                Ok(Stage::Starting) | Err(_) => Some("nothing is heard of it".to_owned()),
            }
        };
        let Some(why) = failed else {
            let turn = place.host.starts.clone().acquire_owned().await?;
            place.hold_until_it_calls(turn);
            return Ok(Some(place));
        };
        tries -= 1;
        if tries == 0 {
            bail!("the process that its {} runs share: {why}", plan.adapter);
        }
    }
}

/// Of a host: its seats, and how many guests start at once.
#[derive(Clone, Copy)]
struct Size(usize, usize);

/// How large the host is that this run has a place at, if it shares one.
async fn shares(world: &Shared, plan: &Plan) -> Option<Size> {
    let catalog = world.catalog();
    let rules = catalog.get(&plan.adapter)?.shared()?;
    // What holds one run alone cannot hold it among others; what its own listener opens is
    // not open at another's.
    let plain = !plan.interactive
        && plan.worktree.is_none()
        && plan.spec.limits.unwrap_or_default() == Default::default()
        && plan.scope.only.is_none()
        && !matches!(plan.scope.net, Net::Hosts(_));
    let (swarm, adapter) = (plan.attempt.swarm.clone(), plan.adapter.clone());
    let like = world.read(move |state| {
        let agents = state.agents.values();
        agents.filter(|agent| agent.swarm == swarm && agent.adapter == adapter).count()
    });
    (plain && like.await.ok()? >= rules.from).then_some(Size(rules.seats, rules.at_once))
}

/// Takes a seat, at a new host where no other has one, and writes that down.
fn sit_down(world: &Shared, plan: &Plan, Size(seats, at_once): Size) -> anyhow::Result<Place> {
    let agent = &plan.attempt.agent;
    let mut hosts = world.hosts.all();
    let mut suiting = hosts.iter().filter(|host| host.suits(plan));
    let found = suiting.find_map(|host| Some((host.clone(), host.take(agent, None)?)));
    let (host, seat) = match found {
        Some(found) => found,
        None => {
            let record = new_record(world, &plan.attempt.swarm, seats, &hosts)?;
            let host = Arc::new(Host::new(plan, record, at_once));
            let seat = host.take(agent, None).context("it has no seats")?;
            hosts.push(host.clone());
            keep::spawn(world, host.clone());
            (host, seat)
        }
    };
    drop(hosts);
    let place = host.place(world, plan, seat);
    let record = GuestRecord { host: host.record.id.clone(), seat };
    let dir = world.instance.attempt_dir(&plan.attempt.id);
    launch::make_private(&dir)?;
    launch::write_private(&dir.join("guest.json"), &serde_json::to_vec(&record)?)?;
    Ok(place)
}

/// `hosts` are those that are known, also of such as have ended and are being cleared away.
fn new_record(
    world: &World,
    swarm: &SwarmId,
    seats: usize,
    hosts: &[Arc<Host>],
) -> anyhow::Result<Record> {
    let names = (1..).map(|n| AttemptId::new(format!("{swarm}-h{n}")));
    let known = |id: &AttemptId| hosts.iter().any(|host| host.record.id == *id);
    let mut free = names.filter(|id| !known(id) && !world.instance.attempt_dir(id).exists());
    let id = free.next().context("naming it")?;
    let dir = world.instance.meeting_dir(&id);
    launch::make_private(&dir)?;
    let seats = (1..=seats).map(|n| {
        let token = launch::new_token()?;
        Ok(Seat { name: format!("seat-{n:02}"), token })
    });
    let seats = seats.collect::<anyhow::Result<_>>()?;
    let record = Record { id, meeting: Meeting { dir, key: launch::new_token()? }, seats };
    let dir = world.instance.attempt_dir(&record.id);
    launch::make_private(&dir)?;
    launch::write_private(&dir.join("host.json"), &serde_json::to_vec(&record)?)?;
    Ok(record)
}

/// The place that an earlier core gave to an attempt which runs.
pub fn join_again(world: &Shared, plan: &Plan) -> Option<Place> {
    let dir = world.instance.attempt_dir(&plan.attempt.id);
    let GuestRecord { host: id, seat } = read(&dir.join("guest.json"))?;
    let mut hosts = world.hosts.all();
    let host = match hosts.iter().find(|host| host.record.id == id) {
        Some(host) => host.clone(),
        None => {
            let record: Record = read(&world.instance.attempt_dir(&id).join("host.json"))?;
            let at_once = world.catalog().get(&plan.adapter)?.shared()?.at_once;
            let host = Arc::new(Host::new(plan, record, at_once));
            hosts.push(host.clone());
            keep::spawn(world, host.clone());
            host
        }
    };
    let seat = host.take(&plan.attempt.agent, Some(seat))?;
    drop(hosts);
    Some(host.place(world, plan, seat))
}
