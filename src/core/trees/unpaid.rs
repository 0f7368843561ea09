//! What becomes of children when money runs out, theirs or their parent's.

use super::*;

/// A swarm of one agent with a budget of $1, whose child runs.
fn poor() -> Bench {
    let mut bench = Bench::default();
    bench.create(SwarmSpec { budget: Some("$1".to_owned()), ..spec() }, 1);
    bench.started("ag-01-1", 1);
    child(&mut bench, "ag-01").unwrap();
    bench.started("ag-01.1-1", 1);
    bench
}

/// Its call would take more than there is.
fn dear(bench: &mut Bench, attempt: &str) {
    let bound = Micros(2_000_000);
    let wish = Box::new(Wish {
        provider: "p".to_owned(),
        model: "m".to_owned(),
        bound: Ok(Bound { least: bound, usual: bound, most: bound }),
        tokens: Err(String::new()),
        known: Budget::default(),
        notional: false,
    });
    bench.feed(Input::Reserve { attempt: attempt.into(), wish, last: true }).unwrap();
}

fn top_up(bench: &mut Bench, account: &str) {
    let change = BudgetChange::TopUp(Budget::of_dollars(Micros(9_000_000)));
    bench
        .ask(Command::SetBudget { account: account.parse().unwrap(), change, seen: None })
        .unwrap();
}

fn state_of(bench: &Bench, agent: &str) -> (AgentState, String) {
    (bench.agent(agent).state, bench.agent(agent).reason.clone())
}

fn paused() -> (AgentState, String) {
    (AgentState::Paused, BUDGET.to_owned())
}

#[test]
fn a_child_that_waits_for_money_goes_on_with_its_parent() {
    // Who ends first, and who was refused, makes no difference.
    for (refused, first) in [
        (vec!["ag-01.1-1", "ag-01-1"], ["ag-01.1-1", "ag-01-1"]),
        (vec!["ag-01.1-1", "ag-01-1"], ["ag-01-1", "ag-01.1-1"]),
        (vec!["ag-01-1"], ["ag-01-1", "ag-01.1-1"]),
    ] {
        let mut bench = poor();
        for attempt in refused {
            dear(&mut bench, attempt);
        }
        for attempt in first {
            bench.ended(attempt, Outcome::Failed);
        }
        assert_eq!(state_of(&bench, "ag-01"), paused());
        assert_eq!(state_of(&bench, "ag-01.1"), paused());
        let swarm = swarm_info(&bench.state, &"sw-1".into()).unwrap();
        assert_eq!((swarm.state, swarm.reason.as_str()), (SwarmState::Paused, BUDGET));
        bench.launches();
        top_up(&mut bench, "sw-1");
        assert_eq!(bench.launches(), ["ag-01-2", "ag-01.1-2"]);
    }
}

#[test]
fn a_child_that_begins_nothing_waits_with_its_parent_too() {
    let mut bench = poor();
    bench.ended("ag-01.1-1", Outcome::Done);
    bench.limits = 1;
    child(&mut bench, "ag-01").unwrap();
    assert_eq!(bench.agent("ag-01.2").state, AgentState::Queued);
    dear(&mut bench, "ag-01-1");
    bench.limits = 0;
    bench.ended("ag-01-1", Outcome::Failed);
    let swarm = swarm_info(&bench.state, &"sw-1".into()).unwrap();
    assert_eq!((swarm.state, swarm.reason.as_str()), (SwarmState::Paused, BUDGET));
    bench.launches();
    top_up(&mut bench, "sw-1");
    assert_eq!(bench.launches(), ["ag-01-2", "ag-01.2-1"]);
}

#[test]
fn a_budgets_stop_of_a_child_is_named_when_its_parent_ends_well() {
    let mut bench = poor();
    dear(&mut bench, "ag-01.1-1");
    bench.ended("ag-01.1-1", Outcome::Failed);
    bench.ended("ag-01-1", Outcome::Done);
    assert_eq!(state_of(&bench, "ag-01.1"), (AgentState::Stopped, BUDGET.to_owned()));
    assert_eq!(bench.state.swarms["sw-1"].state, SwarmState::Stopped);
    let results = swarm_results(&bench.state, &"sw-1".into(), Stamp(bench.now)).unwrap();
    assert_eq!((results.done, results.open, results.failed), (1, 1, 0));
    // One that its parent had no more use for says nothing.
    let mut bench = poor();
    dear(&mut bench, "ag-01.1-1");
    bench.ended("ag-01.1-1", Outcome::Failed);
    by_agent(&mut bench, "ag-01", Command::StopAgent { agent: "ag-01.1".into() }).unwrap();
    bench.ended("ag-01-1", Outcome::Done);
    assert_eq!(bench.state.swarms["sw-1"].state, SwarmState::Done);
}
