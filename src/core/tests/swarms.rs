//! A swarm as a whole: its agents, its queue, its limits, its end.

use super::*;

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
fn a_queue_shrinks_and_grows_again() {
    let mut bench = Bench::default();
    bench.create(queue(6), 1);
    let swarm = || SwarmId::from("sw-1");
    let last = |count| Command::DropItems { swarm: swarm(), which: Dropped::Last(count) };
    let these = |items: &[u32]| Command::DropItems {
        swarm: swarm(),
        which: Dropped::Items(items.to_vec()),
    };
    let refused = bench.ask(last(6)).unwrap_err();
    assert!(refused.message.contains("only 5 of sw-1's items wait"), "{refused:?}");
    assert_eq!(bench.ask(last(2)).unwrap(), Some(Reply::Items(vec![5, 6])));
    assert_eq!(bench.ask(these(&[3, 2, 3])).unwrap(), Some(Reply::Items(vec![2, 3])));
    for (items, why) in
        [(&[1][..], "at work"), (&[5], "dropped already"), (&[7], "no item 7"), (&[], "which")]
    {
        let refused = bench.ask(these(items)).unwrap_err();
        assert!(refused.message.contains(why), "{refused:?}");
    }
    let counts = swarm_info(&bench.state, &swarm()).unwrap().items;
    assert_eq!((counts.total, counts.dropped), (2, 4));
    let restore = |items: &[u32]| Command::RestoreItems { swarm: swarm(), items: items.to_vec() };
    assert!(bench.ask(restore(&[4])).unwrap_err().message.contains("was not dropped"));
    assert_eq!(bench.ask(restore(&[6])).unwrap(), Some(Reply::Items(vec![6])));
    for attempt in ["ag-01-1", "ag-01-2", "ag-01-3"] {
        bench.started(attempt, 1);
        bench.ended(attempt, Outcome::Done);
    }
    // What was dropped is nobody's failure.
    let info = swarm_info(&bench.state, &swarm()).unwrap();
    assert_eq!((info.state, info.items.done, info.items.total), (SwarmState::Done, 3, 3));
    assert!(bench.ask(restore(&[])).is_err(), "it is over");
    let mut again = State::default();
    bench.journal.iter().for_each(|record| apply(&mut again, record));
    assert_eq!(again, bench.state);
}

#[test]
fn whoever_is_done_takes_what_was_put_back() {
    let mut bench = Bench::default();
    bench.create(queue(3), 2);
    for attempt in ["ag-01-1", "ag-02-1"] {
        bench.started(attempt, 1);
    }
    let (swarm, which) = (SwarmId::from("sw-1"), Dropped::Last(1));
    bench.ask(Command::DropItems { swarm: swarm.clone(), which }).unwrap();
    bench.ended("ag-01-1", Outcome::Done);
    assert_eq!(bench.agent("ag-01").state, AgentState::Done);
    bench.ask(Command::RestoreItems { swarm, items: Vec::new() }).unwrap();
    assert_eq!(bench.agent("ag-01").attempts, 2);
}
