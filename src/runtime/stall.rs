//! Agents that stand still: one that is said to work, and that for its adapter's time neither
//! prints, computes nor calls a model, is `waiting: stalled`, so that nobody waits for it in
//! silence. It is nothing but a word: the first sign of life takes it back.
//!
//! All are looked at together. What they print and call is known here; only of those that have
//! been quiet for half their time the processor time is read.

use super::{adopt, world::World};
use crate::{
    core::{Input, Phase, STALLED, State},
    model::{AgentId, AgentState, AttemptId, Signal, Source, Stamp},
};
use std::{
    collections::HashMap,
    fs,
    sync::Weak,
    time::{Duration, Instant},
};

const TICK: Duration = Duration::from_secs(1);
/// One that uses more than this part of a core computes; what waits for something wakes up now
/// and then, too.
const PART: u32 = 50;

/// Looks until the core has left.
pub async fn watch(world: Weak<World>) {
    let mut quiet = Quiet::default();
    loop {
        tokio::time::sleep(TICK).await;
        let Some(world) = world.upgrade() else { return };
        if world.keepers().is_empty() {
            continue;
        }
        let Ok(found) = world.read(suspects).await else { return };
        let catalog = world.catalog();
        let with_limits = found.into_iter().filter_map(|mut suspect| {
            suspect.life.bytes = world.gauges.bytes(&suspect.agent);
            suspect.calls = world.calls.in_flight(&suspect.attempt);
            let limit = catalog.get(&suspect.adapter)?.stalled_after()?;
            Some((suspect, limit))
        });
        let all: Vec<(Suspect, Duration)> = with_limits.collect();
        let cpu = |attempt: &AttemptId| adopt::keeper_pid(&world, attempt).and_then(cpu_below);
        for (attempt, stalled) in quiet.look(&all, Instant::now(), cpu) {
            let of = all.iter().find(|(suspect, _)| suspect.attempt == attempt);
            let shows = of.map(|(suspect, _)| world.gauges.last_line(&suspect.agent));
            let signal = word(stalled, &shows.unwrap_or_default());
            world.tell(Input::Signal { attempt, signal }).await;
        }
    }
}

/// Of what it showed last, in characters.
const SHOWN: usize = 200;

/// `stalled`: for how long; none: it does something again. What it shows may be a question that
/// its adapter does not know.
fn word(stalled: Option<Duration>, shows: &str) -> Signal {
    let (state, reason, detail) = match stalled {
        Some(time) => {
            let seconds = time.as_secs();
            let mut detail =
                format!("for {seconds} s it neither printed, computed nor called a model");
            if !shows.is_empty() {
                detail.push_str("; it shows: ");
                detail.extend(shows.chars().take(SHOWN));
            }
            (AgentState::Waiting, STALLED, detail)
        }
        None => (AgentState::Working, "", "it does something again".to_owned()),
    };
    Signal { source: Source::Activity, state, reason: reason.to_owned(), detail, progress: None }
}

/// One that ought to do something.
#[derive(Clone, Debug)]
struct Suspect {
    attempt: AttemptId,
    agent: AgentId,
    adapter: String,
    /// A call is in flight: it waits for its model.
    calls: bool,
    stalled: bool,
    life: Life,
}

/// What changes when it does something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Life {
    bytes: u64,
    called: u64,
    said: Stamp,
}

/// On its own screen an agent that is idle waits for whoever sits there; one without has
/// nothing to wait for.
fn suspects(state: &State) -> Vec<Suspect> {
    let all = state.live_attempts().filter_map(|attempt| {
        let agent = state.agents.get(&attempt.agent)?;
        let stalled = agent.state == AgentState::Waiting && agent.reason == STALLED;
        let ought = match agent.state {
            AgentState::Working | AgentState::Starting => true,
            AgentState::Idle => !agent.grant.interactive,
            AgentState::Waiting => stalled,
            AgentState::Queued
            | AgentState::Retrying
            | AgentState::Paused
            | AgentState::Done
            | AgentState::Failed
            | AgentState::Stopped
            | AgentState::Lost => false,
        };
        // What it does may be to wait for those that it spawned.
        let waits_for_others = || state.branch(&agent.id).any(|other| !other.state.is_final());
        let own =
            |(signal, at): &(Signal, Stamp)| (signal.source != Source::Activity).then_some(*at);
        let runs = attempt.phase == Phase::Running && attempt.stop.is_none();
        (ought && runs && !waits_for_others()).then(|| Suspect {
            attempt: attempt.id.clone(),
            agent: agent.id.clone(),
            adapter: agent.adapter.clone(),
            calls: false,
            stalled,
            life: Life {
                bytes: 0,
                called: agent.calls,
                said: attempt.signals.iter().filter_map(own).max().unwrap_or_default(),
            },
        })
    });
    all.collect()
}

#[derive(Default)]
struct Quiet {
    known: HashMap<AttemptId, Known>,
}

struct Known {
    life: Life,
    since: Instant,
    /// Its processor time, and when that was.
    cpu: Option<(Instant, Duration)>,
}

impl Quiet {
    /// Whose word is another from now on.
    fn look(
        &mut self,
        all: &[(Suspect, Duration)],
        now: Instant,
        cpu: impl Fn(&AttemptId) -> Option<Duration>,
    ) -> Vec<(AttemptId, Option<Duration>)> {
        self.known.retain(|known, _| all.iter().any(|(suspect, _)| suspect.attempt == *known));
        let mut news = Vec::new();
        for (suspect, limit) in all {
            let fresh = || Known { life: suspect.life, since: now, cpu: None };
            let known = self.known.entry(suspect.attempt.clone()).or_insert_with(fresh);
            let mut lives = suspect.calls || known.life != suspect.life;
            let quiet = now.saturating_duration_since(known.since);
            if !lives && quiet >= *limit / 2 {
                let used = cpu(&suspect.attempt);
                match (known.cpu, used) {
                    // Nobody knows: then nothing is said.
                    (_, None) => {}
                    (None, Some(used)) => known.cpu = Some((now, used)),
                    (Some((at, before)), Some(used)) => {
                        let time = now.saturating_duration_since(at);
                        lives = used.saturating_sub(before) > time / PART;
                        if !lives && quiet >= *limit && !suspect.stalled {
                            news.push((suspect.attempt.clone(), Some(quiet)));
                        }
                    }
                }
            }
            if lives {
                *known = fresh();
                if suspect.stalled {
                    news.push((suspect.attempt.clone(), None));
                }
            }
        }
        news
    }
}

/// Processor time of all processes below a keeper, and of those that they waited for.
fn cpu_below(keeper: u32) -> Option<Duration> {
    let mut all: HashMap<u32, (u32, u64, u64)> = HashMap::new();
    for entry in fs::read_dir("/proc").ok()?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // It may have ended by now.
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        // The name in parentheses may hold blanks: count fields from behind it.
        let rest = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
        let fields: Vec<u64> = rest.split(' ').map(|field| field.parse().unwrap_or(0)).collect();
        let [_, parent, .., user, system, user_below, system_below] =
            fields[..fields.len().min(15)]
        else {
            continue;
        };
        let parent = u32::try_from(parent).unwrap_or(0);
        all.insert(pid, (parent, user + system, user_below + system_below));
    }
    let mut ticks = all.get(&keeper)?.2;
    let mut above = vec![keeper];
    while let Some(top) = above.pop() {
        for (pid, (_, own, below)) in all.iter().filter(|(_, (parent, ..))| *parent == top) {
            ticks += own + below;
            above.push(*pid);
        }
    }
    let second = rustix::param::clock_ticks_per_second().max(1);
    Some(Duration::from_millis(ticks * 1000 / second))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    const LIMIT: Duration = Duration::from_secs(100);

    fn suspect(bytes: u64, calls: bool, stalled: bool) -> Suspect {
        let life = Life { bytes, ..Life::default() };
        let (attempt, agent) = ("ag-01-1".into(), "ag-01".into());
        Suspect { attempt, agent, adapter: String::new(), calls, stalled, life }
    }

    #[test]
    fn whoever_does_nothing_for_its_time_is_stalled_until_it_does_something() {
        let (start, cpu) = (Instant::now(), Cell::new(Some(Duration::from_secs(3))));
        let mut quiet = Quiet::default();
        let mut look = |at: u64, suspect: Suspect| {
            let now = start + Duration::from_secs(at);
            quiet.look(&[(suspect, LIMIT)], now, |_| cpu.get()).pop().map(|(_, word)| word)
        };
        let stalled_for = |seconds| Some(Some(Duration::from_secs(seconds)));
        assert_eq!(look(0, suspect(1, false, false)), None);
        assert_eq!(look(99, suspect(1, false, false)), None);
        assert_eq!(look(101, suspect(1, false, false)), stalled_for(101));
        // Said once, and taken back at the first byte.
        assert_eq!(look(150, suspect(1, false, true)), None);
        assert_eq!(look(160, suspect(2, false, true)), Some(None));
        // A call that its model does not answer is a call.
        assert_eq!(look(300, suspect(2, true, false)), None);
        assert_eq!(look(399, suspect(2, false, false)), None);
        // It computes: 4 of the 60 seconds until then.
        cpu.set(Some(Duration::from_secs(7)));
        assert_eq!(look(459, suspect(2, false, false)), None);
        assert_eq!(look(520, suspect(2, false, false)), None);
        assert_eq!(look(560, suspect(2, false, false)), stalled_for(101));
        cpu.set(Some(Duration::from_secs(9)));
        assert_eq!(look(561, suspect(2, false, true)), Some(None));
    }

    #[test]
    fn where_nobody_knows_what_it_computes_nothing_is_said() {
        let (start, mut quiet) = (Instant::now(), Quiet::default());
        for at in [0, 60, 120, 500] {
            let now = start + Duration::from_secs(at);
            assert!(quiet.look(&[(suspect(1, false, false), LIMIT)], now, |_| None).is_empty());
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_is_below_a_process_is_counted() {
        let mut child = std::process::Command::new("sh")
            .args(["-c", "i=0; while [ $i -lt 200000 ]; do i=$((i + 1)); done; echo done; read x"])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = [0; 5];
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut line).unwrap();
        let used = cpu_below(std::process::id()).unwrap();
        assert!(used > Duration::ZERO);
        drop(child.stdin.take());
        child.wait().unwrap();
        assert!(cpu_below(u32::MAX).is_none());
    }
}
