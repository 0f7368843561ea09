//! The rules as tables, and as properties over random histories.

use super::{Limits, *};
use crate::model::*;
use proptest::{
    prelude::{Just, ProptestConfig, prop_assert_eq, prop_oneof, proptest},
    strategy::Strategy as _,
};
use std::path::PathBuf;

/// A core without a world: what is decided is applied at once.
#[derive(Default)]
pub(super) struct Bench {
    pub(super) state: State,
    pub(super) journal: Vec<EventRecord>,
    pub(super) now: i64,
    pub(super) effects: Vec<Effect>,
    pub(super) limits: u32,
}

impl Bench {
    pub(super) fn feed(&mut self, input: Input) -> Result<Option<Reply>, Refusal> {
        self.now += 1_000_000;
        let decision = decide(&self.state, Stamp(self.now), input)?;
        let reply = decision.reply.clone();
        self.enact(decision);
        for round in 0.. {
            let decision = settle(&self.state, self.limits());
            if decision.events.is_empty() {
                break;
            }
            assert!(round < 1000, "settle never comes to rest");
            self.enact(decision);
        }
        Ok(reply)
    }

    fn limits(&self) -> Limits {
        // As configured by default.
        let breaker = Breaker { failures: 5, within_ms: 600_000 };
        Limits { attempts: self.limits, breaker }
    }

    pub(super) fn enact(&mut self, decision: Decision) {
        for draft in decision.events {
            let record = EventRecord {
                seq: self.state.seq + 1,
                time: Stamp(self.now),
                swarm: draft.swarm,
                agent: draft.agent,
                attempt: draft.attempt,
                event: draft.event,
            };
            apply(&mut self.state, &record);
            self.journal.push(record);
        }
        self.effects.extend(decision.effects);
    }

    pub(super) fn create(&mut self, spec: SwarmSpec, agents: usize) -> SwarmId {
        let crew = vec![("command".to_owned(), String::new()); agents];
        let command = Command::CreateSwarm { spec: Box::new(spec) };
        match self.feed(Input::Request { by: Actor::Core, command, crew }).unwrap() {
            Some(Reply::Swarm(id)) => id,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn ask(&mut self, command: Command) -> Result<Option<Reply>, Refusal> {
        self.feed(Input::Request { by: Actor::Core, command, crew: Vec::new() })
    }

    pub(super) fn started(&mut self, attempt: &str, n: u64) {
        let news = KeeperNews::Started { pid: 7 };
        let attempt = attempt.into();
        self.feed(Input::Keeper { attempt, n, offset: 0, news }).unwrap();
    }

    pub(super) fn ended(&mut self, attempt: &str, outcome: Outcome) {
        let result = Box::new(result(outcome));
        let exit = Some(Exit { code: Some(0), signal: None });
        self.feed(Input::Ended { attempt: attempt.into(), n: 9, bytes: 70, exit, result }).unwrap();
    }

    pub(super) fn launches(&mut self) -> Vec<String> {
        let launch = |effect: Effect| match effect {
            Effect::Launch { attempt } => Some(attempt.to_string()),
            _ => None,
        };
        std::mem::take(&mut self.effects).into_iter().filter_map(launch).collect()
    }

    pub(super) fn agent(&self, id: &str) -> &Agent {
        &self.state.agents[id]
    }
}

fn result(outcome: Outcome) -> AttemptResult {
    AttemptResult {
        outcome,
        stop_reason: if outcome == Outcome::Done { "finished" } else { "exit" }.to_owned(),
        text: "text".to_owned(),
        error: String::new(),
        files: None,
        reported: None,
        session: None,
    }
}

pub(super) fn spec() -> SwarmSpec {
    SwarmSpec {
        task: "Refactor the auth code".to_owned(),
        cwd: PathBuf::from("/"),
        ..Default::default()
    }
}

pub(super) fn queue(items: usize) -> SwarmSpec {
    SwarmSpec { items: Some((0..items).map(|n| format!("item {n}")).collect()), ..spec() }
}

#[test]
fn every_agent_does_the_task_once() {
    let mut bench = Bench::default();
    let id = bench.create(spec(), 3);
    assert_eq!(bench.launches(), ["ag-01-1", "ag-02-1", "ag-03-1"]);
    let info = swarm_info(&bench.state, &id).unwrap();
    assert_eq!((info.name.as_str(), info.items.total), ("refactor-the-auth-code", 3));
    for attempt in ["ag-01-1", "ag-02-1", "ag-03-1"] {
        bench.started(attempt, 1);
        bench.ended(attempt, Outcome::Done);
    }
    let info = swarm_info(&bench.state, &id).unwrap();
    assert_eq!((info.state, info.items.done), (SwarmState::Done, 3));
    assert_eq!(bench.agent("ag-02").state, AgentState::Done);
}

#[test]
fn connections_are_told_and_change_nothing() {
    let mut bench = Bench::default();
    bench.create(spec(), 1);
    bench.started("ag-01-1", 1);
    let before = State { seq: 0, ..bench.state.clone() };
    let what = Event::NetConnected {
        host: "a.com".to_owned(),
        port: 443,
        allowed: false,
        reason: Some("outside".to_owned()),
        sent: 0,
        received: 0,
        duration_ms: 0,
        count: 3,
    };
    assert_eq!(what.summary(), "connection to a.com:443 refused (3 times): outside");
    for attempt in ["ag-01-1", "ag-77-1"] {
        let connected = Input::Connected { attempt: attempt.into(), what: what.clone() };
        bench.feed(connected).unwrap();
    }
    let last = bench.journal.last().unwrap();
    assert_eq!((&last.event, last.attempt.as_ref().unwrap().as_str()), (&what, "ag-01-1"));
    assert_eq!(last.seq, bench.state.seq);
    assert_eq!(State { seq: 0, ..bench.state }, before);
}

#[test]
fn an_agents_scope_is_its_swarms() {
    let mut bench = Bench::default();
    bench.create(spec(), 1);
    let granted = Scope { write: vec!["/w".into()], ..Scope::default() };
    bench.create(SwarmSpec { granted: Some(granted.clone()), ..spec() }, 1);
    assert_eq!(scope_of(&bench.state, &"ag-01".into()), Scope::none());
    assert_eq!(scope_of(&bench.state, &"ag-02".into()), granted);
    assert_eq!(scope_of(&bench.state, &"ag-03".into()), Scope::default(), "nobody");
}

#[test]
fn agents_work_through_a_queue_and_end_when_it_is_empty() {
    let mut bench = Bench::default();
    let id = bench.create(queue(3), 2);
    assert_eq!(bench.launches(), ["ag-01-1", "ag-02-1"]);
    bench.ended("ag-01-1", Outcome::Done);
    assert_eq!(bench.launches(), ["ag-01-2"]);
    bench.ended("ag-02-1", Outcome::Done);
    assert!(bench.launches().is_empty());
    assert_eq!(bench.agent("ag-02").state, AgentState::Done);
    assert!(bench.ask(Command::AddItem { swarm: id.clone(), text: "late".to_owned() }).is_ok());
    assert_eq!(bench.launches(), ["ag-02-2"], "a late item wakes a free agent");
    bench.ended("ag-01-2", Outcome::Failed);
    assert_eq!(bench.agent("ag-01").state, AgentState::Failed);
    bench.ended("ag-02-2", Outcome::Done);
    let info = swarm_info(&bench.state, &id).unwrap();
    assert_eq!((info.state, info.items.done, info.items.failed), (SwarmState::Failed, 3, 1));
    let results = swarm_results(&bench.state, &id, Stamp(0)).unwrap();
    assert_eq!(results.results[0].index, 3, "failures come first");
    assert!(bench.ask(Command::AddItem { swarm: id, text: "too late".to_owned() }).is_err());
}

#[test]
fn limits_hold_and_the_rest_is_queued_with_the_reason() {
    let mut bench = Bench { limits: 2, ..Bench::default() };
    bench.create(spec(), 3);
    assert_eq!(bench.launches().len(), 2);
    assert_eq!(bench.agent("ag-03").state, AgentState::Queued);
    assert!(bench.agent("ag-03").reason.contains("agents.max"));
    bench.ended("ag-01-1", Outcome::Done);
    assert_eq!(bench.launches(), ["ag-03-1"]);
    let mut bench = Bench::default();
    bench.create(SwarmSpec { max: Some(1), ..spec() }, 2);
    assert_eq!(bench.launches().len(), 1);
    assert!(bench.agent("ag-02").reason.contains("--max"));
}

#[test]
fn a_failed_attempt_is_tried_again_at_its_time_and_no_other() {
    let mut bench = Bench::default();
    let id = bench.create(SwarmSpec { retries: 1, ..spec() }, 1);
    bench.launches();
    bench.ended("ag-01-1", Outcome::Failed);
    assert_eq!(bench.agent("ag-01").state, AgentState::Retrying);
    let set = bench.effects.iter().any(|effect| matches!(effect, Effect::SetTimer { .. }));
    assert!(set);
    let stale = Timer::Retry { agent: "ag-01".into(), number: 7 };
    bench.feed(Input::Due(stale)).unwrap();
    assert!(bench.launches().is_empty(), "a timer of another attempt is ignored");
    bench.feed(Input::Due(Timer::Retry { agent: "ag-01".into(), number: 2 })).unwrap();
    assert_eq!(bench.launches(), ["ag-01-2"]);
    bench.ended("ag-01-2", Outcome::Failed);
    let info = swarm_info(&bench.state, &id).unwrap();
    assert_eq!((info.state, info.items.failed), (SwarmState::Failed, 1));
}

#[test]
fn stopping_ends_everything_once() {
    let mut bench = Bench::default();
    let id = bench.create(queue(5), 2);
    bench.started("ag-01-1", 1);
    bench.launches();
    bench.ask(Command::StopSwarm { swarm: id.clone() }).unwrap();
    let stops = bench.effects.iter().filter(|effect| matches!(effect, Effect::Stop { .. })).count();
    assert_eq!(stops, 2);
    bench.ended("ag-01-1", Outcome::Failed);
    bench.ended("ag-02-1", Outcome::Failed);
    let info = swarm_info(&bench.state, &id).unwrap();
    assert_eq!(info.state, SwarmState::Stopped);
    assert_eq!(bench.agent("ag-01").state, AgentState::Stopped);
    assert_eq!(info.items.failed, 0);
    bench.ask(Command::RemoveSwarm { swarm: id }).unwrap();
    assert!(bench.state.agents.is_empty() && bench.state.attempts.is_empty());
    let next = bench.create(spec(), 1);
    assert_eq!((next.as_str(), bench.state.agents.contains_key("ag-03")), ("sw-2", true));
}

#[test]
fn a_timeout_fails_and_says_so() {
    let mut bench = Bench::default();
    bench.create(SwarmSpec { timeout_ms: Some(5000), ..spec() }, 1);
    bench.started("ag-01-1", 1);
    let timer = Timer::Timeout { attempt: "ag-01-1".into() };
    assert!(
        bench.effects.iter().any(|e| matches!(e, Effect::SetTimer { timer: t, .. } if *t == timer))
    );
    bench.feed(Input::Due(timer)).unwrap();
    bench.ended("ag-01-1", Outcome::Failed);
    let result = bench.state.attempts["ag-01-1"].result.clone().unwrap();
    assert_eq!((result.outcome, result.stop_reason.as_str()), (Outcome::Failed, "timeout"));
}

#[test]
fn an_attempt_beyond_a_limit_has_failed_and_says_which() {
    for (asked, outcome, reason) in
        [(false, Outcome::Failed, "limit"), (true, Outcome::Stopped, "stopped")]
    {
        let mut bench = Bench::default();
        bench.create(spec(), 2);
        bench.started("ag-01-1", 1);
        let message = "201 MB of memory".to_owned();
        let news = KeeperNews::LimitReached { limit: "memory".to_owned(), message };
        let attempt = AttemptId::new("ag-01-1");
        bench.feed(Input::Keeper { attempt, n: 2, offset: 5, news }).unwrap();
        if asked {
            bench.ask(Command::StopAgent { agent: "ag-01".into() }).unwrap();
        }
        // However the agent itself came out: it was killed.
        bench.ended("ag-01-1", Outcome::Done);
        let ended = bench.state.attempts[&AttemptId::new("ag-01-1")].result.clone().unwrap();
        assert_eq!((ended.outcome, ended.stop_reason.as_str()), (outcome, reason));
        assert_eq!(ended.error == "201 MB of memory", !asked, "{}", ended.error);
        assert!(!bench.agent("ag-02").state.is_final());
    }
}

#[test]
fn the_strongest_signal_decides_and_explain_names_it() {
    let mut bench = Bench::default();
    bench.create(spec(), 1);
    bench.started("ag-01-1", 1);
    assert_eq!(bench.agent("ag-01").state, AgentState::Working);
    let mut say = |source, state, reason: &str| {
        let signal = Signal {
            source,
            state,
            reason: reason.to_owned(),
            detail: String::new(),
            progress: None,
        };
        bench.feed(Input::Signal { attempt: "ag-01-1".into(), signal }).unwrap();
        bench.agent("ag-01").state
    };
    assert_eq!(say(Source::Osc7501, AgentState::Waiting, "permission"), AgentState::Waiting);
    assert_eq!(say(Source::Activity, AgentState::Working, ""), AgentState::Waiting);
    assert_eq!(say(Source::Output, AgentState::Idle, ""), AgentState::Idle);
    let seq = bench.state.seq;
    let explained = explanation(&bench.state, &"ag-01".into(), Stamp(0)).unwrap();
    assert!(explained.signals[0].decided && explained.signals[0].signal.source == Source::Output);
    bench.started("ag-01-1", 1);
    assert_eq!(bench.state.seq, seq, "a fact that was taken over means nothing again");
}

#[test]
fn a_lost_keeper_is_lost_and_never_done() {
    let mut bench = Bench::default();
    let id = bench.create(spec(), 2);
    bench.ended("ag-01-1", Outcome::Lost);
    bench.ended("ag-02-1", Outcome::Done);
    assert_eq!(bench.agent("ag-01").state, AgentState::Lost);
    assert_eq!(swarm_info(&bench.state, &id).unwrap().state, SwarmState::Failed);
}

#[test]
fn a_request_whose_answer_was_lost_makes_no_second_swarm() {
    let mut bench = Bench::default();
    let spec = SwarmSpec { idempotency_key: Some("k".to_owned()), ..spec() };
    let first = bench.create(spec.clone(), 2);
    let events = bench.journal.len();
    assert_eq!(bench.create(spec.clone(), 2), first);
    assert_eq!(bench.journal.len(), events);
    let other = SwarmSpec { idempotency_key: Some("l".to_owned()), ..spec };
    assert_ne!(bench.create(other, 2), first);
}

#[test]
fn another_request_under_a_known_key_is_refused() {
    let mut bench = Bench::default();
    let hashed = |hash: &str| SwarmSpec {
        idempotency_key: Some("k".to_owned()),
        request_hash: Some(hash.to_owned()),
        ..spec()
    };
    let first = bench.create(hashed("one"), 1);
    assert_eq!(bench.create(hashed("one"), 1), first);
    let command = Command::CreateSwarm { spec: Box::new(hashed("two")) };
    let crew = vec![("command".to_owned(), String::new())];
    let refused = bench.feed(Input::Request { by: Actor::Core, command, crew }).unwrap_err();
    assert_eq!(refused.code, RefusalCode::Conflict);
    assert!(refused.message.contains(first.as_str()), "{refused:?}");
}

#[test]
fn a_spawned_agent_has_the_name_it_was_given_and_nobody_else() {
    let mut bench = Bench::default();
    let spawn = || Command::SpawnAgent {
        spec: Box::new(AgentSpec { name: "scout".to_owned(), ..Default::default() }),
    };
    let crew = vec![("command".to_owned(), String::new())];
    let made = bench
        .feed(Input::Request { by: Actor::Core, command: spawn(), crew: crew.clone() })
        .unwrap();
    assert_eq!(made, Some(Reply::Agent("ag-01".into())));
    assert_eq!(bench.agent("ag-01").name, "scout");
    let again = bench.feed(Input::Request { by: Actor::Core, command: spawn(), crew });
    assert_eq!(again.unwrap_err().code, RefusalCode::Conflict);
}

#[test]
fn a_retry_by_hand_counts_an_item_once() {
    let mut bench = Bench::default();
    let id = bench.create(spec(), 1);
    bench.ended("ag-01-1", Outcome::Failed);
    bench.launches();
    let again = Command::RetryAgent { agent: "ag-01".into(), model: None };
    bench.ask(again.clone()).unwrap();
    assert_eq!(bench.launches(), ["ag-01-2"]);
    assert!(bench.ask(again).is_err(), "it runs already");
    bench.ended("ag-01-2", Outcome::Done);
    let info = swarm_info(&bench.state, &id).unwrap();
    assert_eq!((info.state, info.items.done, info.items.failed), (SwarmState::Done, 1, 0));
    assert_eq!(bench.agent("ag-01").state, AgentState::Done);
}

#[test]
fn a_new_core_does_again_what_was_decided_and_not_yet_done() {
    let mut bench = Bench::default();
    bench.create(SwarmSpec { timeout_ms: Some(5000), ..spec() }, 2);
    bench.started("ag-01-1", 1);
    let again = recover(&bench.state);
    assert!(again.contains(&Effect::Launch { attempt: "ag-02-1".into() }));
    let timer = Timer::Timeout { attempt: "ag-01-1".into() };
    assert!(again.iter().any(|e| matches!(e, Effect::SetTimer { timer: t, .. } if *t == timer)));
}

#[derive(Clone, Debug)]
enum Step {
    Create { agents: usize, items: Option<usize>, retries: u32, max: Option<u32> },
    Start(usize),
    End(usize, u8),
    Stop(usize),
    StopSwarm(usize),
    Spawn(usize),
    Resume(usize),
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
        1 => (0usize..20).prop_map(Step::Resume),
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
                let _ = bench.feed(Input::Request { by, command, crew });
            }
        }
        Step::Resume(at) => {
            if let Some(at) = some(at, agents.len()) {
                let _ = bench.ask(Command::ResumeAgent { agent: agents[at].clone() });
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
            let mut any = any.filter(|agent| busy(agent) || agent.state == AgentState::Queued);
            assert!(any.next().is_some(), "{} is not over, and nothing will end it", swarm.id);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn replay_is_live_and_nothing_is_worked_on_twice(steps in proptest::collection::vec(step(), 1..80)) {
        let mut bench = Bench::default();
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

/// A journal of a build that linked worktrees to their repository.
#[test]
fn a_linked_worktree_of_an_older_build_is_known_as_one() {
    let old = r#"{"path":"/w/ag-01","branch":"dash/s/ag-01","base":"c"}"#;
    let tree: Worktree = serde_json::from_str(old).unwrap();
    assert_eq!((tree.repository, tree.dir), (None, PathBuf::new()));
}

#[test]
fn a_scope_in_the_repository_is_meant_in_the_clone() {
    let old = r#"{"path":"/state/ag-01","branch":"b","base":"c","dir":"part"}"#;
    let linked: Worktree = serde_json::from_str(old).unwrap();
    let tree = Worktree { top: Some("/repo".into()), ..linked.clone() };
    let paths = |paths: &[&str]| paths.iter().map(PathBuf::from).collect::<Vec<_>>();
    for (write, expected) in [
        (&[][..], &["/state/ag-01"][..]),
        (&["/repo"], &["/state/ag-01"]),
        (&["/data", "/repo/part"], &["/data", "/state/ag-01/.git", "/state/ag-01/part"]),
        (&["/data", "/repository"], &["/data", "/repository", "/state/ag-01"]),
    ] {
        assert_eq!(tree.meant(&paths(write)), paths(expected));
    }
    assert_eq!(linked.meant(&[]), paths(&["/state/ag-01"]));
}
