//! What a person pauses, and lets go on.

use super::*;

fn pause(bench: &mut Bench, agent: &str) {
    bench.ask(Command::PauseAgent { agent: agent.into() }).unwrap();
}

fn resume(bench: &mut Bench, agent: &str) -> Result<Option<Reply>, Refusal> {
    bench.ask(Command::ResumeAgent { agent: agent.into() })
}

fn seen(bench: &Bench, agent: &str) -> (AgentState, String) {
    let agent = bench.agent(agent);
    (agent.state, agent.reason.clone())
}

fn paused() -> (AgentState, String) {
    (AgentState::Paused, "user".to_owned())
}

fn queue(items: usize) -> SwarmSpec {
    SwarmSpec { items: Some((0..items).map(|n| n.to_string()).collect()), ..spec() }
}

fn holds(bench: &mut Bench) -> Vec<String> {
    let hold = |effect: Effect| match effect {
        Effect::Hold { attempt } => Some(attempt.to_string()),
        _ => None,
    };
    std::mem::take(&mut bench.effects).into_iter().filter_map(hold).collect()
}

#[test]
fn an_agent_at_work_is_held_and_goes_on() {
    let mut bench = Bench::default();
    bench.create(spec(), 2);
    bench.started("ag-01-1", 1);
    bench.started("ag-02-1", 1);
    bench.effects.clear();
    pause(&mut bench, "ag-01");
    assert_eq!(seen(&bench, "ag-01"), paused());
    assert_eq!(bench.agent("ag-02").state, AgentState::Working);
    assert_eq!(holds(&mut bench), ["ag-01-1"]);
    // Twice is once.
    pause(&mut bench, "ag-01");
    assert!(holds(&mut bench).is_empty());
    resume(&mut bench, "ag-01").unwrap();
    assert_eq!(bench.agent("ag-01").state, AgentState::Working);
    assert_eq!(holds(&mut bench), ["ag-01-1"]);
    let refused = resume(&mut bench, "ag-01").unwrap_err();
    assert_eq!(refused.code, RefusalCode::Conflict);
    assert!(refused.message.contains("ag-01 is not paused"), "{refused}");
    let audited: Vec<&str> = bench.audit.iter().map(|row| row.action).collect();
    assert!(audited.contains(&"agent.pause") && audited.contains(&"agent.resume"), "{audited:?}");
}

#[test]
fn no_item_is_begun_for_one_that_is_paused() {
    let mut bench = Bench::default();
    let swarm = bench.create(queue(3), 1);
    bench.launches();
    bench.started("ag-01-1", 1);
    pause(&mut bench, "ag-01");
    // What it had done when it was held is taken.
    bench.ended("ag-01-1", Outcome::Done);
    assert_eq!(seen(&bench, "ag-01"), paused());
    assert!(bench.launches().is_empty());
    resume(&mut bench, "ag-01").unwrap();
    assert_eq!(bench.launches(), ["ag-01-2"]);
    for attempt in ["ag-01-2", "ag-01-3"] {
        bench.ended(attempt, Outcome::Done);
    }
    assert_eq!(bench.state.swarms[&swarm].state, SwarmState::Done);
}

#[test]
fn a_swarm_is_paused_with_those_that_come_later_and_alone_ones_stay() {
    let mut bench = Bench::default();
    let swarm = bench.create(queue(2), 2);
    pause(&mut bench, "ag-02");
    bench.ask(Command::PauseSwarm { swarm: swarm.clone() }).unwrap();
    let info = swarm_info(&bench.state, &swarm).unwrap();
    assert_eq!((info.state, info.reason.as_str()), (SwarmState::Paused, "user"));
    bench.ask(Command::AddItem { swarm: swarm.clone(), text: "more".to_owned() }).unwrap();
    let alone = AgentSpec { swarm: Some(swarm.clone()), cwd: "/".into(), ..AgentSpec::default() };
    let command = Command::SpawnAgent { spec: Box::new(alone) };
    let crew = vec![("command".to_owned(), String::new())];
    bench.launches();
    bench.feed(Input::Request { by: Actor::Core, command, crew, once: None }).unwrap();
    for agent in ["ag-01", "ag-02", "ag-03"] {
        assert_eq!(seen(&bench, agent), paused(), "{agent}");
    }
    assert!(bench.launches().is_empty());
    let refused = resume(&mut bench, "ag-01").unwrap_err();
    assert!(refused.hint.unwrap().contains("dash swarm resume sw-1"));
    bench.ask(Command::ResumeSwarm { swarm: swarm.clone() }).unwrap();
    assert_eq!(bench.agent("ag-01").state, AgentState::Starting);
    assert_eq!(seen(&bench, "ag-02"), paused(), "it was paused by itself");
    assert_eq!(bench.launches(), ["ag-03-1"]);
    let twice = bench.ask(Command::ResumeSwarm { swarm: swarm.clone() }).unwrap_err();
    assert_eq!(twice.code, RefusalCode::Conflict);
    resume(&mut bench, "ag-02").unwrap();
    assert_ne!(seen(&bench, "ag-02"), paused());
}

#[test]
fn a_retry_waits_for_a_person_who_paused_it() {
    let mut bench = Bench::default();
    bench.create(SwarmSpec { retries: 2, ..spec() }, 1);
    bench.launches();
    bench.ended("ag-01-1", Outcome::Failed);
    assert_eq!(bench.agent("ag-01").state, AgentState::Retrying);
    pause(&mut bench, "ag-01");
    assert_eq!(seen(&bench, "ag-01"), paused());
    let timer = Timer::Retry { agent: "ag-01".into(), number: 2 };
    bench.feed(Input::Due(timer.clone())).unwrap();
    assert!(bench.launches().is_empty());
    resume(&mut bench, "ag-01").unwrap();
    assert_eq!(bench.agent("ag-01").state, AgentState::Retrying);
    bench.feed(Input::Due(timer)).unwrap();
    assert_eq!(bench.launches(), ["ag-01-2"]);
}

#[test]
fn one_that_is_paused_can_be_stopped_and_one_that_is_over_not_paused() {
    let mut bench = Bench::default();
    let swarm = bench.create(queue(2), 1);
    bench.started("ag-01-1", 1);
    bench.ask(Command::PauseSwarm { swarm: swarm.clone() }).unwrap();
    bench.ask(Command::StopSwarm { swarm: swarm.clone() }).unwrap();
    bench.ended("ag-01-1", Outcome::Stopped);
    assert_eq!(bench.state.swarms[&swarm].state, SwarmState::Stopped);
    for refused in [
        bench.ask(Command::PauseSwarm { swarm }).unwrap_err(),
        bench.ask(Command::PauseAgent { agent: "ag-01".into() }).unwrap_err(),
    ] {
        assert_eq!(refused.code, RefusalCode::Conflict);
        assert!(refused.message.contains("is over: stopped"), "{refused}");
    }
}

#[test]
fn an_agent_neither_pauses_nor_resumes() {
    let mut bench = Bench::default();
    let swarm = bench.create(spec(), 1);
    let agent = AgentId::new("ag-01");
    for command in [
        Command::PauseAgent { agent: agent.clone() },
        Command::ResumeAgent { agent: agent.clone() },
        Command::PauseSwarm { swarm: swarm.clone() },
        Command::ResumeSwarm { swarm },
    ] {
        let input = Input::Request {
            by: Actor::Agent(agent.clone()),
            command,
            crew: Vec::new(),
            once: None,
        };
        assert_eq!(bench.feed(input).unwrap_err().code, RefusalCode::Forbidden);
    }
}
