//! How a run comes to its place: at a host that has one, at another that is started for it, or at
//! the one that it had before.

use super::{GuestRecord, Host, Place, Record, Stage, keep, kept, read, seats::Seats};
use crate::{
    agents::{Meeting, Seat},
    model::{AttemptId, Net, SwarmId},
    runtime::{
        launch::{self, Plan},
        world::{Shared, World},
    },
};
use anyhow::{Context, bail};
use std::sync::Arc;

/// Hosts that a guest tries, one after the other, where they end before they are ready.
const TRIES: usize = 2;

/// A place for `plan` at a host that is ready; none where it has a process of its own.
///
/// # Errors
/// When no host could be started.
pub async fn join(world: &Shared, plan: &Plan) -> anyhow::Result<Option<Place>> {
    let Some(size) = shares(world, plan).await else { return Ok(None) };
    until_it_has_ended(world, plan).await;
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

/// Waits for the end of the host of the attempt that this one follows, where that takes nobody any
/// more: until then what it leaves is not there.
async fn until_it_has_ended(world: &World, plan: &Plan) {
    let Some(left) = left_at(world, plan) else { return };
    let ending = {
        let hosts = world.hosts.all();
        let known = hosts.iter().find(|host| host.record.id == left.host);
        known.filter(|host| host.seats().closed).map(|host| host.stage.subscribe())
    };
    if let Some(mut stage) = ending {
        // It fails once the host is gone.
        let _ = stage.wait_for(|stage| matches!(stage, Stage::Over(_))).await;
    }
}

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
    let left = left_at(world, plan);
    let kept = left.as_ref().and_then(|left| kept::record(world, plan, left));
    let mut hosts = world.hosts.all();
    let suiting = hosts.iter().filter(|host| host.suits(plan));
    let again = left.as_ref().and_then(|left| {
        let host = suiting.clone().find(|host| host.record.id == left.host)?;
        let seat = host.take(agent, |seats| seats.again(left.seat, agent))?;
        Some((host.clone(), seat, Some(left.session.clone())))
    });
    let kept = kept.filter(|record| is_free(world, &record.id, &hosts)).zip(left);
    let found = again.or_else(|| {
        let mut free = suiting.filter(|_| kept.is_none());
        free.find_map(|host| Some((host.clone(), host.take(agent, Seats::free)?, None)))
    });
    let (host, seat, session) = match found {
        Some(found) => found,
        None => {
            let (record, seat, session) = match kept {
                Some((record, left)) => (record, Some(left.seat), Some(left.session)),
                None => (new_record(world, &plan.attempt.swarm, seats, &hosts)?, None, None),
            };
            note_down(world, &record)?;
            let host = Arc::new(Host::new(plan, record, at_once));
            let chosen = host.take(agent, |seats| seat.or_else(|| seats.free()));
            let seat = chosen.context("it has no seats")?;
            hosts.push(host.clone());
            keep::spawn(world, host.clone());
            (host, seat, session)
        }
    };
    drop(hosts);
    let place = host.place(world, plan, seat, session.clone());
    let record = GuestRecord { host: host.record.id.clone(), seat, session };
    let dir = world.instance.attempt_dir(&plan.attempt.id);
    launch::make_private(&dir)?;
    launch::write_private(&dir.join("guest.json"), &serde_json::to_vec(&record)?)?;
    Ok(place)
}

/// Where an earlier attempt had its place.
pub struct LeftAt {
    pub host: AttemptId,
    pub seat: usize,
    pub session: String,
}

/// Of the attempt that `plan` follows. None where nothing was said there, or its adapter cannot
/// go on with that.
fn left_at(world: &World, plan: &Plan) -> Option<LeftAt> {
    let earlier = plan.left.as_ref()?.began.as_ref()?;
    world.catalog().get(&plan.adapter)?.shared()?.resumes().then_some(())?;
    let dir = world.instance.attempt_dir(earlier);
    let GuestRecord { host, seat, session } = read(&dir.join("guest.json"))?;
    Some(LeftAt { host, seat, session: session.unwrap_or_else(|| earlier.to_string()) })
}

/// Nobody has that name, nor is anything there of one that had it.
fn is_free(world: &World, id: &AttemptId, hosts: &[Arc<Host>]) -> bool {
    let known = hosts.iter().any(|host| host.record.id == *id);
    !known && !world.instance.attempt_dir(id).exists()
}

/// `hosts` are those that are known, also of such as have ended and are being cleared away.
fn new_record(
    world: &World,
    swarm: &SwarmId,
    seats: usize,
    hosts: &[Arc<Host>],
) -> anyhow::Result<Record> {
    let names = (1..).map(|n| AttemptId::new(format!("{swarm}-h{n}")));
    // What one of that name has left is for those who were its guests.
    let mut free =
        names.filter(|id| is_free(world, id, hosts) && !kept::is_there(world, swarm, id));
    let id = free.next().context("naming it")?;
    let dir = world.instance.meeting_dir(&id);
    let seats = (1..=seats).map(|n| {
        let token = launch::new_token()?;
        Ok(Seat { name: format!("seat-{n:02}"), token })
    });
    let seats = seats.collect::<anyhow::Result<_>>()?;
    Ok(Record { id, meeting: Meeting { dir, key: launch::new_token()? }, seats })
}

fn note_down(world: &World, record: &Record) -> anyhow::Result<()> {
    launch::make_private(&record.meeting.dir)?;
    let dir = world.instance.attempt_dir(&record.id);
    launch::make_private(&dir)?;
    launch::write_private(&dir.join("host.json"), &serde_json::to_vec(record)?)
}

/// The place that an earlier core gave to an attempt which runs.
pub fn join_again(world: &Shared, plan: &Plan) -> Option<Place> {
    let dir = world.instance.attempt_dir(&plan.attempt.id);
    let GuestRecord { host: id, seat, session } = read(&dir.join("guest.json"))?;
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
    let seat = host.take(&plan.attempt.agent, |_| Some(seat))?;
    drop(hosts);
    Some(host.place(world, plan, seat, session))
}
