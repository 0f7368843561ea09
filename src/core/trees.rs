//! Delegation as tables, and as a property of many random trees.

mod breaker;
mod unpaid;

use super::{
    tests::{Bench, queue, spec},
    *,
};
use crate::model::{Limits, *};

fn ask(parent: &str) -> (Actor, AgentSpec) {
    (Actor::Agent(parent.into()), AgentSpec { task: "part of it".to_owned(), ..spec_here() })
}

fn spec_here() -> AgentSpec {
    AgentSpec { cwd: "/".into(), ..AgentSpec::default() }
}

fn spawn(bench: &mut Bench, by: Actor, spec: AgentSpec) -> Result<AgentId, Refusal> {
    let crew = vec![("command".to_owned(), String::new())];
    let command = Command::SpawnAgent { spec: Box::new(spec) };
    match bench.feed(Input::Request { by, command, crew, once: None })? {
        Some(Reply::Agent(id)) => Ok(id),
        other => panic!("{other:?}"),
    }
}

fn child(bench: &mut Bench, parent: &str) -> Result<AgentId, Refusal> {
    let (by, spec) = ask(parent);
    spawn(bench, by, spec)
}

fn by_agent(bench: &mut Bench, agent: &str, command: Command) -> Result<Option<Reply>, Refusal> {
    bench.feed(Input::Request {
        by: Actor::Agent(agent.into()),
        command,
        crew: Vec::new(),
        once: None,
    })
}

/// A swarm of one agent that runs.
fn parent() -> Bench {
    let mut bench = Bench::default();
    bench.create(spec(), 1);
    bench.started("ag-01-1", 1);
    bench.launches();
    bench
}

fn stop_of(bench: &Bench, attempt: &str) -> Option<String> {
    bench.state.attempts[attempt].stop.clone()
}

#[test]
fn a_child_joins_its_parents_swarm_with_an_item_of_its_own() {
    // A queue's free agents do not take a child's item, and a child takes none of the queue.
    for wish in [spec(), queue(2), SwarmSpec { max: Some(1), ..queue(2) }] {
        let mut bench = Bench::default();
        bench.create(wish, 1);
        bench.started("ag-01-1", 1);
        bench.launches();
        assert_eq!(child(&mut bench, "ag-01").unwrap().as_str(), "ag-01.1");
        assert_eq!(bench.launches(), ["ag-01.1-1"], "the swarm's --max is not for children");
        bench.started("ag-01.1-1", 1);
        let low = bench.agent("ag-01.1").clone();
        assert_eq!((low.parent, low.swarm.as_str()), (Some("ag-01".into()), "sw-1"));
        bench.ended("ag-01.1-1", Outcome::Done);
        assert!(bench.launches().is_empty());
        assert_eq!(bench.agent("ag-01.1").state, AgentState::Done);
        // The next agent that a person makes is counted as if there were no children.
        let id = spawn(&mut bench, Actor::Core, spec_here()).unwrap();
        assert_eq!(id.as_str(), "ag-02");
    }
}

#[test]
fn an_agent_may_ask_only_for_its_own() {
    let mut bench = parent();
    bench.create(spec(), 1);
    bench.started("ag-02-1", 1);
    child(&mut bench, "ag-01").unwrap();
    for command in [
        Command::CreateSwarm { spec: Box::new(spec()) },
        Command::AddItem { swarm: "sw-1".into(), text: "x".to_owned() },
        Command::StopSwarm { swarm: "sw-1".into() },
        Command::StopAgent { agent: "ag-01".into() },
        Command::StopAgent { agent: "ag-02".into() },
        Command::RetryAgent { agent: "ag-02".into(), model: None },
        Command::ResumeAgent { agent: "ag-01".into() },
        Command::ResumeAgent { agent: "ag-01.1".into() },
        Command::RemoveSwarm { swarm: "sw-1".into() },
        Command::StopAll,
    ] {
        let before = bench.state.clone();
        let refused = by_agent(&mut bench, "ag-01", command.clone()).unwrap_err();
        assert_eq!(refused.code, RefusalCode::Forbidden, "{command:?}");
        assert_eq!(bench.state, before);
    }
    let (by, wish) = ask("ag-01");
    let elsewhere = AgentSpec { swarm: Some("sw-2".into()), ..wish };
    assert_eq!(spawn(&mut bench, by, elsewhere).unwrap_err().code, RefusalCode::Forbidden);
    by_agent(&mut bench, "ag-01", Command::StopAgent { agent: "ag-01.1".into() }).unwrap();
    assert_eq!(stop_of(&bench, "ag-01.1-1").unwrap(), "asked to");
    // Its kin neither.
    let up = by_agent(&mut bench, "ag-01.1", Command::StopAgent { agent: "ag-01".into() });
    assert_eq!(up.unwrap_err().code, RefusalCode::Forbidden);
}

#[test]
fn caps_refuse_and_say_which_and_what_is_left() {
    let caps = |depth, children, total| Some(Caps { depth, children, total });
    let spawn_under = |bench: &mut Bench, parent: &str, caps: Option<Caps>| {
        let (by, wish) = ask(parent);
        spawn(bench, by, AgentSpec { caps, ..wish })
    };
    let mut bench = parent();
    let refused = spawn_under(&mut bench, "ag-01", caps(0, 9, 9)).unwrap_err();
    assert!(refused.message.contains("cap on depth leaves 0"), "{refused}");
    for _ in 0..2 {
        spawn_under(&mut bench, "ag-01", caps(1, 2, 9)).unwrap();
    }
    let refused = spawn_under(&mut bench, "ag-01", caps(1, 2, 9)).unwrap_err();
    assert!(refused.message.contains("2 of at most 2 children"), "{refused}");
    assert_eq!(refused.code, RefusalCode::Forbidden);
    let refused = spawn_under(&mut bench, "ag-01.1", caps(5, 5, 9)).unwrap_err();
    assert!(refused.message.contains("ag-01.1 may have no children"), "{refused}");
    // A place is free again once a child is over, but what was made stays made.
    bench.ended("ag-01.1-1", Outcome::Done);
    let refused = spawn_under(&mut bench, "ag-01", caps(1, 2, 2)).unwrap_err();
    assert!(refused.message.contains("2 of at most 2 agents were spawned below ag-01"));
    spawn_under(&mut bench, "ag-01", caps(1, 2, 9)).unwrap();

    // Lowered by whoever spawns, for the branch; never raised.
    let mut bench = parent();
    let (by, wish) = ask("ag-01");
    let low = AgentSpec { depth: Some(1), children: Some(99), total: Some(1), ..wish };
    spawn(&mut bench, by, low).unwrap();
    let granted = bench.agent("ag-01.1").grant.caps.unwrap();
    assert_eq!(granted, Caps { depth: 1, children: 16, total: 1 });
    child(&mut bench, "ag-01.1").unwrap();
    assert!(child(&mut bench, "ag-01.1").unwrap_err().message.contains("1 of at most 1"));
    assert!(child(&mut bench, "ag-01.1.1").unwrap_err().message.contains("depth"));
    child(&mut bench, "ag-01").unwrap();
}

#[test]
fn a_person_may_lower_the_caps_of_what_a_person_spawns() {
    let mut bench = Bench::default();
    let wish = AgentSpec { depth: Some(0), ..spec_here() };
    let id = spawn(&mut bench, Actor::Core, wish).unwrap();
    bench.started("ag-01-1", 1);
    assert!(child(&mut bench, id.as_str()).unwrap_err().message.contains("depth"));
}

#[test]
fn a_deadline_is_the_parents_whatever_is_asked_for() {
    let mut bench = Bench::default();
    bench.create(SwarmSpec { timeout_ms: Some(60_000), ..spec() }, 1);
    bench.started("ag-01-1", 1);
    let started = bench.state.attempts["ag-01-1"].started_at.unwrap();
    let end = started.plus_ms(60_000);
    let (by, wish) = ask("ag-01");
    let long = AgentSpec { timeout_ms: Some(3_600_000), retries: 9, ..wish };
    spawn(&mut bench, by, long).unwrap();
    bench.effects.clear();
    bench.started("ag-01.1-1", 1);
    let timer = Timer::Timeout { attempt: "ag-01.1-1".into() };
    assert!(bench.effects.contains(&Effect::SetTimer { at: end, timer }));
    let (by, wish) = ask("ag-01.1");
    let short = AgentSpec { timeout_ms: Some(1000), ..wish };
    spawn(&mut bench, by, short).unwrap();
    bench.started("ag-01.1.1-1", 1);
    let attempt = &bench.state.attempts["ag-01.1.1-1"];
    let own = deadline_of(&bench.state, attempt, attempt.started_at.unwrap()).unwrap();
    assert_eq!(own, attempt.started_at.unwrap().plus_ms(1000));
    // No retry begins behind it.
    bench.now = end.0 - 500_000;
    bench.ended("ag-01.1-1", Outcome::Failed);
    assert_eq!(bench.agent("ag-01.1").state, AgentState::Failed);
}

#[test]
fn a_child_has_no_more_of_the_machine_and_is_told() {
    let mut bench = Bench::default();
    let limits = Limits { memory_bytes: Some(64 << 20), processes: Some(50), ..Limits::default() };
    bench.create(SwarmSpec { limits: Some(limits), timeout_ms: Some(60_000), ..spec() }, 1);
    bench.started("ag-01-1", 1);
    let (by, wish) = ask("ag-01");
    let more = Limits {
        memory_bytes: Some(1 << 30),
        processes: Some(9),
        disk_bytes: Some(1 << 20),
        ..Limits::default()
    };
    let greedy =
        AgentSpec { limits: Some(more), timeout_ms: Some(3_600_000), depth: Some(9), ..wish };
    spawn(&mut bench, by, greedy).unwrap();
    let child = bench.agent("ag-01.1").clone();
    let has = Limits { memory_bytes: Some(64 << 20), ..more };
    assert_eq!(limits_of(&bench.state, &child), has);
    let own = child.grant.own.unwrap();
    let told = |what: &str| own.narrowed.iter().any(|wish| wish.starts_with(what));
    assert!(told("depth 9: 2 is granted") && told("timeout: "), "{:?}", own.narrowed);
    assert!(more.beyond(has) == ["memory 1024 MB: 64 MB is granted"]);
}

#[test]
fn stopping_a_parent_stops_its_branch_at_once() {
    let mut bench = parent();
    child(&mut bench, "ag-01").unwrap();
    bench.started("ag-01.1-1", 1);
    child(&mut bench, "ag-01.1").unwrap();
    bench.started("ag-01.1.1-1", 1);
    bench.effects.clear();
    bench.ask(Command::StopAgent { agent: "ag-01".into() }).unwrap();
    for attempt in ["ag-01-1", "ag-01.1-1", "ag-01.1.1-1"] {
        let stop = Effect::Stop { attempt: attempt.into() };
        assert!(bench.effects.contains(&stop), "{attempt}");
    }
    assert_eq!(stop_of(&bench, "ag-01.1.1-1").as_deref(), Some("its parent ended"));
    assert!(child(&mut bench, "ag-01").unwrap_err().message.contains("being stopped"));
    for attempt in ["ag-01-1", "ag-01.1-1", "ag-01.1.1-1"] {
        bench.ended(attempt, Outcome::Failed);
    }
    let low = bench.agent("ag-01.1.1");
    assert_eq!((low.state, low.reason.as_str()), (AgentState::Stopped, "its parent ended"));
    assert_eq!(bench.state.swarms["sw-1"].state, SwarmState::Stopped);
    let again = Command::RetryAgent { agent: "ag-01.1".into(), model: None };
    assert!(bench.ask(again).unwrap_err().message.contains("outlives"));
}

#[test]
fn no_child_outlives_its_parents_attempt() {
    for outcome in [Outcome::Done, Outcome::Failed, Outcome::Lost] {
        let mut bench = Bench::default();
        bench.create(SwarmSpec { retries: 1, ..spec() }, 1);
        bench.started("ag-01-1", 1);
        child(&mut bench, "ag-01").unwrap();
        bench.started("ag-01.1-1", 1);
        bench.ended("ag-01-1", outcome);
        assert_eq!(stop_of(&bench, "ag-01.1-1").as_deref(), Some("its parent ended"));
        bench.ended("ag-01.1-1", Outcome::Lost);
        assert_eq!(bench.agent("ag-01.1").state, AgentState::Stopped);
        if outcome == Outcome::Done {
            // The swarm did what it was to do.
            assert_eq!(bench.state.swarms["sw-1"].state, SwarmState::Done);
        }
    }
}

#[test]
fn an_event_of_an_older_build_has_no_grant() {
    let old =
        r#"{"kind":"agent_added","name":"a","parent":null,"adapter":"mini","model":"","cwd":"/"}"#;
    let event: Event = serde_json::from_str(old).unwrap();
    let Event::AgentAdded { grant, .. } = &event else { panic!("{event:?}") };
    assert!(grant.is_empty());
    assert_eq!(serde_json::to_string(&event).unwrap(), old);
}

/// Numbers of a fixed sequence (xorshift), so that a failure comes again.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }

    fn some<T: Clone>(&mut self, list: &[T]) -> Vec<T> {
        let mut picked = list.to_vec();
        picked.retain(|_| self.below(3) == 0);
        picked
    }

    fn limits(&mut self) -> Option<Limits> {
        let mut some = |most| self.maybe(most).map(u64::from);
        let (memory_bytes, processes, disk_bytes) = (some(9), some(9), some(9));
        let limits = Limits { memory_bytes, processes, disk_bytes, ..Limits::default() };
        (self.below(2) > 0).then_some(limits)
    }

    fn maybe(&mut self, n: u64) -> Option<u32> {
        (self.below(4) == 0).then(|| self.below(n) as u32)
    }

    fn scope(&mut self) -> Scope {
        if self.below(8) == 0 {
            return Scope::none();
        }
        let paths = ["/", "/a", "/a/b", "/a/b/c", "/a/bc", "/x", "/x/y"];
        let hosts = ["a.com", "*.a.com", "x.a.com:443", "*.x.a.com", "b.com:80", "[::1]:80"];
        let words = [vec!["git"], vec!["git", "push"], vec!["ls"]];
        let paths = |dice: &mut Self| outermost(dice.some(&paths).iter().map(Into::into).collect());
        let (write, read) = (paths(self), paths(self));
        Scope {
            sandbox: Sandbox::Strict,
            read: read.into_iter().filter(|p| !write.iter().any(|w| p.starts_with(w))).collect(),
            write,
            net: match self.below(4) {
                0 => Net::None,
                1 => Net::Any,
                _ => {
                    Net::Hosts(self.some(&hosts).iter().map(|h| Host::parse(h).unwrap()).collect())
                }
            },
            allow: (self.some(&words).iter())
                .map(|words| words.iter().map(|&word| word.to_owned()).collect())
                .collect(),
            only: (self.below(2) == 0)
                .then(|| self.some(&["git", "ls", "sh"]).iter().map(|&p| p.to_owned()).collect()),
        }
    }
}

/// Everything that holds of a child the moment that it was made.
fn fits(bench: &Bench, id: &AgentId, asked: &AgentSpec) {
    let state = &bench.state;
    let made = &state.agents[id];
    let parent = &state.agents[made.parent.as_ref().unwrap()];
    let (scope, above) = (scope_of(state, id), scope_of(state, &parent.id));
    assert!(scope.is_within(&above), "{id}: {scope:?} in {above:?}");
    match &asked.granted {
        Some(wish) => assert!(scope.is_within(wish), "{id}: {scope:?} in {wish:?}"),
        None => assert_eq!(scope, above),
    }
    let run = &state.attempts[parent.current.as_ref().unwrap()];
    let end = deadline_of(state, run, run.started_at.unwrap_or(Stamp(bench.now)));
    assert_eq!(made.grant.deadline, end);
    if let (Some(end), Some(run)) =
        (end, made.current.as_ref().and_then(|id| state.attempts.get(id)))
    {
        let own = deadline_of(state, run, Stamp(bench.now)).unwrap();
        assert!(own <= end);
    }
    let (limits, above) = (limits_of(state, made), limits_of(state, parent));
    assert_eq!(limits, above.meet(asked.limits.unwrap_or_default()));
    assert_eq!(limits.meet(above), limits);
    let (caps, configured) = (made.grant.caps.unwrap(), asked.caps.unwrap());
    let above = parent.grant.caps.unwrap_or(configured).meet(configured);
    assert!(caps.depth < above.depth && caps.children <= above.children);
    assert!(caps.total <= above.total);
    assert!(asked.depth.is_none_or(|most| caps.depth <= most));
    assert!(asked.children.is_none_or(|most| caps.children <= most));
    assert!(asked.total.is_none_or(|most| caps.total <= most));
    let children = state.branch(&parent.id).filter(|a| a.parent.as_ref() == Some(&parent.id));
    let live = children.filter(|child| !child.state.is_final()).count();
    assert!(live <= above.children as usize, "{live} children of {}", parent.id);
    assert!(id.ancestors().count() <= configured.depth as usize, "{id} is too deep");
    for top in id.ancestors() {
        let most = state.agents[&top].grant.caps.unwrap_or(configured).total;
        assert!(state.branch(&top).count() <= most as usize, "too many below {top}");
    }
}

/// No child works on whose parent does not.
fn nobody_is_left(state: &State) {
    let running = |agent: &Agent| {
        let attempt = agent.current.as_ref().map(|id| &state.attempts[id]);
        attempt.is_some_and(|attempt| attempt.stop.is_none())
    };
    for agent in state.agents.values() {
        let Some(parent) = &agent.parent else { continue };
        if !running(&state.agents[parent]) {
            assert!(!running(agent), "{} goes on without {parent}", agent.id);
            assert!(agent.current.is_some() || agent.state.is_final(), "{} waits", agent.id);
        }
    }
}

#[test]
fn a_child_is_within_its_parent_in_fifty_thousand_trees() {
    forest(Dice(0x9e37_79b9_7f4a_7c15), 50_000);
}

/// Beside the others, on another core.
#[test]
fn a_child_is_within_its_parent_in_another_fifty_thousand_trees() {
    forest(Dice(0xbf58_476d_1ce4_e5b9), 50_000);
}

fn forest(mut dice: Dice, trees: u32) {
    let mut made = 0;
    for tree in 0..trees {
        let mut bench = Bench::default();
        let configured = Caps {
            depth: dice.below(20).min(4) as u32,
            children: dice.below(40).min(5) as u32,
            total: dice.below(60).min(9) as u32,
        };
        let granted = (dice.below(4) > 0).then(|| dice.scope());
        let timeout_ms = dice.maybe(100_000).map(|ms| u64::from(ms) + 1);
        let limits = dice.limits();
        bench.create(SwarmSpec { granted, timeout_ms, limits, ..spec() }, 1);
        bench.started("ag-01-1", 1);
        for _ in 0..2 + dice.below(5) {
            let agents: Vec<AgentId> = bench.state.agents.keys().cloned().collect();
            let one = agents[dice.below(agents.len() as u64) as usize].clone();
            let attempt = bench.state.agents[&one].current.clone();
            // Without the first nothing more is made.
            let fate = if one == agents[0] { dice.below(60) } else { dice.below(12) };
            match (fate, attempt) {
                (0, _) => drop(bench.ask(Command::StopAgent { agent: one })),
                (1 | 2, Some(attempt)) => {
                    let outcome = [Outcome::Done, Outcome::Failed][dice.below(2) as usize];
                    bench.ended(attempt.as_str(), outcome);
                }
                (3, Some(attempt)) => bench.started(attempt.as_str(), 1),
                _ => {
                    let asked = AgentSpec {
                        granted: (dice.below(3) > 0).then(|| dice.scope()),
                        caps: Some(configured),
                        depth: dice.maybe(4),
                        children: dice.maybe(4),
                        total: dice.maybe(6),
                        timeout_ms: dice.maybe(200_000).map(|ms| u64::from(ms) + 1),
                        retries: dice.below(2) as u32,
                        limits: dice.limits(),
                        ..spec_here()
                    };
                    // A refusal is an answer, too.
                    if let Ok(id) = spawn(&mut bench, Actor::Agent(one), asked.clone()) {
                        fits(&bench, &id, &asked);
                        made += 1;
                    }
                }
            }
            nobody_is_left(&bench.state);
        }
        if tree % 100 > 0 {
            continue;
        }
        let mut replayed = State::default();
        for record in &bench.journal {
            let json = serde_json::to_string(record).unwrap();
            apply(&mut replayed, &serde_json::from_str(&json).unwrap());
        }
        assert_eq!(replayed, bench.state);
    }
    assert!(made > trees + trees / 2, "only {made} children were made: the trees test nothing");
}
