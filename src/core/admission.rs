//! Who may start now: agents begin one after the other, as many at once as the machine has
//! memory and cores for, by what their adapters say they take.
//!
//! The machine's figures come in with the question. Memory that agents at work have taken is in
//! them already; one that is still starting will take what it takes, and is counted whole. Of
//! the cores only starts are counted: an agent at work waits for its model.

use super::state::{Agent, Attempt, State};
use crate::model::{AgentId, AgentState, Footprint, Source, Stamp};
use std::collections::BTreeMap;

/// Memory that is left to everything else, in MB.
const SPARE_MB: u64 = 256;
/// Of starts that share a core: so much of its time at most, in milliseconds.
const START_MS: u64 = 2000;
/// A start that takes longer than its processor time this many times (the machine is not ours
/// alone), and a moment, is over: the agent may make no model call at all.
const PATIENCE: u64 = 5;
const MOMENT_MS: u64 = 5000;

/// The machine as it is now, and what each adapter's agents take of it.
#[derive(Clone, Debug, Default)]
pub struct Machine {
    pub now: Stamp,
    /// Memory that can be had without others suffering, in MB. None: nobody knows.
    pub available_mb: Option<u64>,
    /// 0: nobody knows.
    pub cores: u64,
    /// By adapter; one that is not named takes nothing worth a word.
    pub footprints: BTreeMap<String, Footprint>,
}

/// What is left to agents that want to start.
#[derive(Debug)]
pub(super) struct Room<'a> {
    machine: &'a Machine,
    /// None: no limit.
    memory_mb: Option<u64>,
    starting_ms: u64,
    /// Nobody runs whose footprint is known.
    alone: bool,
    /// Who was refused first goes first: a small agent that comes later may not take the place
    /// that a large one waits for.
    refused: Option<&'static str>,
}

impl<'a> Room<'a> {
    pub(super) fn of(state: &State, machine: &'a Machine) -> Self {
        let spare = |available: u64| available.saturating_sub(SPARE_MB);
        let memory_mb = machine.available_mb.map(spare);
        let mut room = Self { machine, memory_mb, starting_ms: 0, alone: true, refused: None };
        if machine.footprints.is_empty() {
            return room;
        }
        for attempt in state.live_attempts() {
            let Some(agent) = state.agents.get(&attempt.agent) else { continue };
            let footprint = room.footprint(agent);
            room.alone &= footprint.is_none();
            if starts(attempt, footprint, machine.now) {
                room.take(footprint);
            }
        }
        room
    }

    fn footprint(&self, agent: &Agent) -> Footprint {
        self.machine.footprints.get(&agent.adapter).copied().unwrap_or_default()
    }

    fn take(&mut self, footprint: Footprint) {
        self.memory_mb = self.memory_mb.map(|left| left.saturating_sub(footprint.memory_mb));
        self.starting_ms += footprint.start_cpu_ms;
    }

    /// Gives `agent` its place, or says what it waits for.
    ///
    /// A child needs no memory to be left: its parent waits for it, and would keep its own for
    /// as long. One agent always runs, however large.
    pub(super) fn admit(&mut self, agent: &Agent) -> Result<(), &'static str> {
        let footprint = self.footprint(agent);
        if footprint.is_none() {
            return Ok(());
        }
        let is_child = agent.parent.is_some();
        if let Some(why) = self.refused.filter(|_| !is_child) {
            return Err(why);
        }
        let fits = |left| footprint.memory_mb <= left;
        let cores_ms = self.machine.cores * START_MS;
        let too_many = cores_ms > 0
            && self.starting_ms > 0
            && self.starting_ms + footprint.start_cpu_ms > cores_ms;
        let why = match () {
            () if self.alone => None,
            () if !is_child && !self.memory_mb.is_none_or(fits) => Some("memory"),
            () if too_many => Some("cores"),
            () => None,
        };
        if let Some(why) = why {
            self.refused = Some(why);
            return Err(why);
        }
        self.take(footprint);
        self.alone = false;
        Ok(())
    }
}

/// True until its first model call, or until it ought to have made it.
fn starts(attempt: &Attempt, footprint: Footprint, now: Stamp) -> bool {
    let called = attempt.signals.iter().any(|(signal, _)| signal.source == Source::Gateway);
    let limit = (footprint.start_cpu_ms * PATIENCE + MOMENT_MS).min(i64::MAX as u64);
    !called && now < attempt.planned_at.plus_ms(limit)
}

/// Agents that wait for the machine, in no order: it is worth a look again for them alone.
pub fn waiting_for_room(state: &State) -> impl Iterator<Item = &AgentId> {
    let waits = |agent: &&Agent| {
        agent.state == AgentState::Queued && ["memory", "cores"].contains(&agent.reason.as_str())
    };
    state.agents.values().filter(waits).map(|agent| &agent.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        core::{Effect, Input, Timer, recover, swarm_info, tests::*},
        model::*,
    };

    /// A bench whose agents (all of the kind `command`) take so much.
    fn bench(memory_mb: u64, start_cpu_ms: u64, available_mb: Option<u64>, cores: u64) -> Bench {
        let footprints =
            [("command".to_owned(), Footprint { memory_mb, start_cpu_ms })].into_iter().collect();
        let machine = Machine { now: Stamp(0), available_mb, cores, footprints };
        Bench { machine, ..Bench::default() }
    }

    fn queued(bench: &Bench) -> Vec<(String, String)> {
        let waits = |agent: &&super::Agent| agent.state == AgentState::Queued;
        let all = bench.state.agents.values().filter(waits);
        all.map(|agent| (agent.id.to_string(), agent.reason.clone())).collect()
    }

    fn asks(bench: &mut Bench, attempt: &str) {
        let signal = Signal {
            source: Source::Gateway,
            state: AgentState::Working,
            reason: String::new(),
            detail: String::new(),
            progress: None,
        };
        bench.feed(Input::Signal { attempt: attempt.into(), signal }).unwrap();
    }

    #[test]
    fn as_many_start_as_there_is_memory_for() {
        // 200 MB each, of 1000 MB 256 are spare.
        let mut bench = bench(200, 1, Some(1000), 8);
        bench.create(spec(), 6);
        assert_eq!(bench.launches(), ["ag-01-1", "ag-02-1", "ag-03-1"]);
        let why: Vec<_> = queued(&bench).into_iter().map(|(_, why)| why).collect();
        assert_eq!(why, ["memory"; 3]);
        assert_eq!(waiting_for_room(&bench.state).count(), 3);
        // At work: what it takes is no longer in what the machine says is left.
        bench.machine.available_mb = Some(800);
        asks(&mut bench, "ag-01-1");
        assert_eq!(bench.launches(), [] as [String; 0]);
        // Another is over, and its memory is back.
        bench.machine.available_mb = Some(1000);
        bench.ended("ag-02-1", Outcome::Done);
        assert_eq!(bench.launches(), ["ag-04-1", "ag-05-1"]);
    }

    #[test]
    fn starts_share_the_cores() {
        // 1.5 s each, on two cores 4 s at once.
        let mut bench = bench(1, 1500, Some(100_000), 2);
        bench.create(spec(), 5);
        assert_eq!(bench.launches(), ["ag-01-1", "ag-02-1"]);
        assert_eq!(queued(&bench)[0], ("ag-03".to_owned(), "cores".to_owned()));
        asks(&mut bench, "ag-02-1");
        assert_eq!(bench.launches(), ["ag-03-1"]);
        // One that never calls a model has started all the same, after a while.
        bench.machine.now = Stamp(bench.now).plus_ms(1500 * PATIENCE + MOMENT_MS + 1000);
        bench.started("ag-01-1", 1);
        assert_eq!(bench.launches(), ["ag-04-1", "ag-05-1"]);
    }

    #[test]
    fn a_retry_waits_for_room_too() {
        for by_hand in [true, false] {
            let mut bench = bench(400, 1, Some(1000), 8);
            bench.create(SwarmSpec { retries: u32::from(!by_hand), ..spec() }, 1);
            bench.started("ag-01-1", 1);
            asks(&mut bench, "ag-01-1");
            bench.ended("ag-01-1", Outcome::Failed);
            bench.create(spec(), 1);
            bench.started("ag-02-1", 1);
            asks(&mut bench, "ag-02-1");
            bench.launches();
            // Something else has taken it.
            bench.machine.available_mb = Some(500);
            if by_hand {
                let model = Some("m-2".to_owned());
                bench.ask(Command::RetryAgent { agent: "ag-01".into(), model }).unwrap();
            } else {
                let timer = Timer::Retry { agent: "ag-01".into(), number: 2 };
                bench.feed(Input::Due(timer)).unwrap();
            }
            assert_eq!(bench.launches(), [] as [String; 0]);
            assert_eq!(queued(&bench), [("ag-01".to_owned(), "memory".to_owned())]);
            assert_eq!(waiting_for_room(&bench.state).count(), 1);
            // A later core finds it as it is, and sets no timer for it.
            assert!(!recover(&bench.state).iter().any(|e| matches!(e, Effect::SetTimer { .. })));
            bench.machine.available_mb = Some(1000);
            bench.ended("ag-02-1", Outcome::Done);
            assert_eq!(bench.launches(), ["ag-01-2"]);
            assert_eq!(bench.agent("ag-01").model, if by_hand { "m-2" } else { "" });
            let follows = bench.state.attempts["ag-01-2"].follows;
            assert_eq!(follows.map(|follows| follows.attempt), by_hand.then_some(1));
        }
    }

    #[test]
    fn a_retry_that_waits_is_stopped_and_its_item_counts_once() {
        for (outcome, failed) in [(Outcome::Failed, 1), (Outcome::Done, 0)] {
            let mut bench = bench(400, 1, Some(1000), 8);
            let swarm = bench.create(spec(), 2);
            bench.ended("ag-01-1", outcome);
            bench.machine.available_mb = Some(300);
            bench.ask(Command::RetryAgent { agent: "ag-01".into(), model: None }).unwrap();
            assert_eq!(queued(&bench)[0], ("ag-01".to_owned(), "memory".to_owned()));
            bench.ask(Command::StopAgent { agent: "ag-01".into() }).unwrap();
            assert_eq!(bench.agent("ag-01").state, AgentState::Stopped);
            let info = swarm_info(&bench.state, &swarm).unwrap();
            assert_eq!((info.items.done, info.items.failed), (0, failed), "{outcome:?}");
        }
    }

    #[test]
    fn one_runs_however_large_and_the_next_waits() {
        for (memory, cpu, why) in [(9_000, 1, "memory"), (1, 90_000, "cores")] {
            let mut bench = bench(memory, cpu, Some(2000), 2);
            bench.create(spec(), 2);
            assert_eq!(bench.launches(), ["ag-01-1"]);
            assert_eq!(queued(&bench), [("ag-02".to_owned(), why.to_owned())]);
            bench.ended("ag-01-1", Outcome::Done);
            assert_eq!(bench.launches(), ["ag-02-1"], "{why}");
        }
    }

    #[test]
    fn nothing_is_held_where_nothing_is_known() {
        let mut light = bench(0, 0, Some(1), 1);
        light.create(spec(), 50);
        assert_eq!(light.launches().len(), 50);
        let mut unknown = bench(500, 500, None, 0);
        unknown.create(spec(), 50);
        assert_eq!(unknown.launches().len(), 50);
    }

    #[test]
    fn who_waits_first_is_first() {
        let mut bench = bench(400, 1, Some(1000), 8);
        bench
            .machine
            .footprints
            .insert("small".to_owned(), Footprint { memory_mb: 10, ..Footprint::default() });
        bench.create(spec(), 2);
        assert_eq!(bench.launches(), ["ag-01-1"]);
        let crew = vec![("small".to_owned(), String::new()), ("none".to_owned(), String::new())];
        let command = Command::CreateSwarm { spec: Box::new(spec()) };
        bench.feed(Input::Request { by: Actor::Core, command, crew, once: None }).unwrap();
        // There would be room for the small one, and there would always be.
        assert_eq!(bench.launches(), ["ag-04-1"]);
        let waits = queued(&bench);
        assert_eq!(waits, ["ag-02", "ag-03"].map(|id| (id.to_owned(), "memory".to_owned())));
    }
}
