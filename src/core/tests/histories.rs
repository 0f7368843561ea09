//! Properties of random histories: the replayed state is the live one, and nothing is worked on
//! twice.

use super::*;
use proptest::{
    prelude::{Just, ProptestConfig, prop_assert_eq, prop_oneof, proptest},
    strategy::Strategy as _,
};

#[derive(Clone, Debug)]
enum Step {
    Create { agents: usize, items: Option<usize>, retries: u32, max: Option<u32> },
    Start(usize),
    End(usize, u8),
    Stop(usize),
    StopSwarm(usize),
    Spawn(usize),
    Pause(usize, bool),
    Resume(usize, bool),
    Answer(usize, bool),
    Retry(usize),
    Remove(usize),
    Add(usize),
    Timers,
}

fn step() -> impl proptest::strategy::Strategy<Value = Step> {
    prop_oneof![
        2 => (1usize..5, proptest::option::of(1usize..8), 0u32..3, proptest::option::of(1u32..3))
            .prop_map(|(agents, items, retries, max)| Step::Create { agents, items, retries, max }),
        6 => (0usize..20).prop_map(Step::Start),
        8 => (0usize..20, 0u8..4).prop_map(|(at, how)| Step::End(at, how)),
        1 => (0usize..20).prop_map(Step::Stop),
        1 => (0usize..4).prop_map(Step::StopSwarm),
        1 => (0usize..20).prop_map(Step::Retry),
        1 => (0usize..4).prop_map(Step::Remove),
        2 => (0usize..4).prop_map(Step::Add),
        4 => (0usize..20).prop_map(Step::Spawn),
        1 => (0usize..20, proptest::bool::ANY).prop_map(|(at, all)| Step::Pause(at, all)),
        2 => (0usize..20, proptest::bool::ANY).prop_map(|(at, all)| Step::Resume(at, all)),
        1 => (0usize..4, proptest::bool::ANY).prop_map(|(at, yes)| Step::Answer(at, yes)),
        3 => Just(Step::Timers),
    ]
}

fn take(bench: &mut Bench, step: Step) {
    let live: Vec<AttemptId> = bench.state.live_attempts().map(|a| a.id.clone()).collect();
    let agents: Vec<AgentId> = bench.state.agents.keys().cloned().collect();
    let swarms: Vec<SwarmId> = bench.state.swarms.keys().cloned().collect();
    let some = |at: usize, len: usize| (len > 0).then(|| at % len.max(1));
    // A refusal is an answer, too.
    match step {
        Step::Create { agents, items, retries, max } => {
            let items = items.map(|n| (0..n).map(|n| n.to_string()).collect());
            bench.create(SwarmSpec { items, retries, max, ..spec() }, agents);
        }
        Step::Start(at) => {
            if let Some(at) = some(at, live.len()) {
                bench.started(live[at].as_str(), 1);
            }
        }
        Step::End(at, how) => {
            if let Some(at) = some(at, live.len()) {
                let outcome = [Outcome::Done, Outcome::Done, Outcome::Failed, Outcome::Lost];
                bench.ended(live[at].as_str(), outcome[how as usize]);
            }
        }
        Step::Stop(at) => {
            if let Some(at) = some(at, agents.len()) {
                let _ = bench.ask(Command::StopAgent { agent: agents[at].clone() });
            }
        }
        Step::Spawn(at) => {
            if let Some(at) = some(at, agents.len()) {
                let spec = AgentSpec { cwd: "/".into(), retries: 1, ..AgentSpec::default() };
                let command = Command::SpawnAgent { spec: Box::new(spec) };
                let (by, crew) = (Actor::Agent(agents[at].clone()), vec![Default::default()]);
                let _ = bench.feed(Input::Request { by, command, crew, once: None });
            }
        }
        Step::Pause(at, whole) | Step::Resume(at, whole) => {
            let pause = matches!(step, Step::Pause(..));
            let swarm = some(at, swarms.len()).map(|at| swarms[at].clone());
            let agent = some(at, agents.len()).map(|at| agents[at].clone());
            let command = match (pause, whole) {
                (true, true) => swarm.map(|swarm| Command::PauseSwarm { swarm }),
                (false, true) => swarm.map(|swarm| Command::ResumeSwarm { swarm }),
                (true, false) => agent.map(|agent| Command::PauseAgent { agent }),
                (false, false) => agent.map(|agent| Command::ResumeAgent { agent }),
            };
            command.map(|command| bench.ask(command));
        }
        Step::Answer(at, yes) => {
            let open: Vec<ApprovalId> =
                bench.state.open_approvals().map(|open| open.id.clone()).collect();
            if let Some(at) = some(at, open.len()) {
                let verdict = if yes { Resolution::Approve } else { Resolution::Deny };
                let (remember, note) = (Remember::Once, String::new());
                let approval = open[at].clone();
                let command = Command::Decide { approval, verdict, remember, note, uid: None };
                let by = Actor::User("ann".to_owned());
                bench.feed(Input::Request { by, command, crew: Vec::new(), once: None }).unwrap();
            }
        }
        Step::Retry(at) => {
            if let Some(at) = some(at, agents.len()) {
                let agent = agents[at].clone();
                let _ = bench.ask(Command::RetryAgent { agent, model: None });
            }
        }
        Step::StopSwarm(at) => {
            if let Some(at) = some(at, swarms.len()) {
                let _ = bench.ask(Command::StopSwarm { swarm: swarms[at].clone() });
            }
        }
        Step::Remove(at) => {
            if let Some(at) = some(at, swarms.len()) {
                let _ = bench.ask(Command::RemoveSwarm { swarm: swarms[at].clone() });
            }
        }
        Step::Add(at) => {
            if let Some(at) = some(at, swarms.len()) {
                let swarm = swarms[at].clone();
                let _ = bench.ask(Command::AddItem { swarm, text: "more".to_owned() });
            }
        }
        Step::Timers => {
            for effect in std::mem::take(&mut bench.effects) {
                if let Effect::SetTimer { timer, .. } = effect {
                    bench.feed(Input::Due(timer)).unwrap();
                }
            }
        }
    }
}

fn holds(state: &State) {
    for attempt in state.live_attempts().filter(|attempt| attempt.stop.is_none()) {
        let agent = &state.agents[&attempt.agent];
        let why = pause::why(state, agent);
        let paused = attempt.paused.as_ref().map(|pause| pause.why.as_str());
        assert_eq!(paused, why, "{}", attempt.id);
        let shown = (agent.state == AgentState::Paused).then_some(agent.reason.as_str());
        assert_eq!(shown, why, "{}", attempt.id);
    }
    for swarm in state.swarms.values() {
        let running: Vec<&Attempt> =
            state.live_attempts().filter(|attempt| attempt.swarm == swarm.id).collect();
        if let Some(max) = swarm.spec.max.filter(|_| !swarm.agents.is_empty()) {
            // Retries and attempts by hand keep their place: they are not new work.
            // Children are not, either.
            let own = |attempt: &&Attempt| state.agents[&attempt.agent].parent.is_none();
            let fresh = running.iter().copied().filter(|attempt| attempt.number == 1);
            let fresh = fresh.filter(own).count();
            assert!(fresh <= max as usize, "{} over its max", swarm.id);
        }
        let mut indexes: Vec<u32> = running.iter().map(|attempt| attempt.index).collect();
        indexes.sort_unstable();
        indexes.dedup();
        assert_eq!(indexes.len(), running.len(), "two attempts at one item");
        for item in &swarm.items {
            let worked = running.iter().any(|attempt| attempt.index == item.index);
            assert!(!worked || item.state == ItemState::Working, "{item:?} is in work");
        }
        if swarm.state.is_final() {
            assert!(running.is_empty(), "{} is over and works", swarm.id);
        } else {
            let busy = |agent: &&Agent| agent.current.is_some() || agent.retry.is_some();
            let any = swarm.agents.iter().filter_map(|id| state.agents.get(id));
            let waits = |agent: &Agent| {
                agent.state == AgentState::Queued
                    || (agent.state == AgentState::Paused && pause::is_paused(state, agent))
            };
            let mut any = any.filter(|agent| busy(agent) || waits(agent));
            assert!(any.next().is_some(), "{} is not over, and nothing will end it", swarm.id);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn replay_is_live_and_nothing_is_worked_on_twice(steps in proptest::collection::vec(step(), 1..80)) {
        let mut bench = Bench { failures: 2, ..Bench::default() };
        for step in steps {
            take(&mut bench, step);
            holds(&bench.state);
        }
        let mut replayed = State::default();
        for record in &bench.journal {
            let json = serde_json::to_string(record).unwrap();
            apply(&mut replayed, &serde_json::from_str(&json).unwrap());
        }
        prop_assert_eq!(&replayed, &bench.state);
        let snapshot: State = serde_json::from_str(&serde_json::to_string(&bench.state).unwrap()).unwrap();
        // A stamp on the wire is exact to the millisecond, and this clock ticks in seconds.
        prop_assert_eq!(&snapshot, &bench.state);
    }
}
