//! What becomes of children when money runs out, theirs or their parent's.

use super::*;
use crate::core::{delegate::ORPHAN, ledger::wanting};

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

/// A child and a grandchild of it, each of which was refused, as their top was.
fn all_wait(child: &str) -> Bench {
    let mut bench = Bench::default();
    bench.create(SwarmSpec { budget: Some("$1".to_owned()), ..spec() }, 1);
    bench.started("ag-01-1", 1);
    for parent in ["ag-01", "ag-01.1"] {
        let (by, wish) = ask(parent);
        let budget = Some(child.to_owned()).filter(|budget| !budget.is_empty());
        let low = spawn(&mut bench, by, AgentSpec { budget, ..wish }).unwrap();
        bench.started(&format!("{low}-1"), 1);
    }
    for attempt in ["ag-01.1.1-1", "ag-01.1-1", "ag-01-1"] {
        dear(&mut bench, attempt);
    }
    for attempt in ["ag-01.1.1-1", "ag-01.1-1", "ag-01-1"] {
        bench.ended(attempt, Outcome::Failed);
    }
    for agent in ["ag-01", "ag-01.1", "ag-01.1.1"] {
        assert_eq!(state_of(&bench, agent), paused(), "{agent}");
    }
    bench
}

#[test]
fn a_tree_that_waits_is_stopped_from_wherever_somebody_stops_it() {
    let stopped = |bench: &Bench, agent: &str| bench.agent(agent).state == AgentState::Stopped;
    let mut bench = all_wait("");
    bench.ask(Command::StopAgent { agent: "ag-01.1".into() }).unwrap();
    assert!(stopped(&bench, "ag-01.1"));
    let low = state_of(&bench, "ag-01.1.1");
    assert_eq!(low, (AgentState::Stopped, ORPHAN.to_owned()), "nobody waits for money there");
    assert_eq!(state_of(&bench, "ag-01"), paused(), "above it nothing changed");
    bench.launches();
    top_up(&mut bench, "sw-1");
    assert_eq!(bench.launches(), ["ag-01-2"]);
    bench.started("ag-01-2", 1);
    bench.ended("ag-01-2", Outcome::Done);
    assert_eq!(bench.state.swarms["sw-1"].state, SwarmState::Done, "what was given up is no loss");
    let mut bench = all_wait("");
    bench.ask(Command::StopAgent { agent: "ag-01".into() }).unwrap();
    assert!(stopped(&bench, "ag-01.1") && stopped(&bench, "ag-01.1.1"));
}

/// Carries out what is told to let an agent go on.
fn do_what_is_said(bench: &mut Bench, command: &str) {
    for one in command.split(" && ") {
        let words: Vec<&str> = one.split(' ').collect();
        let [dash, budget, verb, account, sum] = words[..] else { panic!("{command}") };
        assert_eq!((dash, budget, verb), ("dash", "budget", "top-up"));
        let change = BudgetChange::TopUp(sum.parse().unwrap());
        let account = account.parse().unwrap();
        bench.ask(Command::SetBudget { account, change, seen: None }).unwrap();
    }
}

#[test]
fn what_lets_a_child_go_on_names_every_account_that_is_short() {
    let mut bench = all_wait("$0.50");
    let low = agent_info(&bench.state, &"ag-01.1.1".into()).unwrap();
    let way = low.way_on.unwrap();
    assert_eq!(
        way,
        "dash budget top-up sw-1 1 && dash budget top-up ag-01.1 1.5 && \
         dash budget top-up ag-01.1.1 1.5"
    );
    let lacks = wanting(&bench.state, bench.agent("ag-01.1.1")).unwrap();
    for part in
        ["sw-1 has $1.00 of $1.00", "ag-01.1 has $0.5000 of $0.5000", "needs at least $2.00"]
    {
        assert!(lacks.contains(part), "{lacks}");
    }
    // What it lacks is seen in each of them, and a way that does.
    let accounts = accounts(&bench.state);
    for id in ["sw-1", "ag-01.1", "ag-01.1.1"] {
        let account = accounts.iter().find(|it| it.id.to_string() == id).unwrap();
        assert_eq!(account.state, "short", "{account:?}");
    }
    do_what_is_said(&mut bench, &way);
    for coin in Coin::ALL {
        let left = left(&bench, "ag-01.1.1").get(coin);
        assert!(left.is_none_or(|left| left >= 2_000_000), "{left:?}");
    }
    assert!(bench.launches().contains(&"ag-01.1.1-2".to_owned()));
}

fn left(bench: &Bench, agent: &str) -> Budget {
    super::super::ledger::left(&bench.state, bench.agent(agent))
}

#[test]
fn a_forecasts_way_out_names_every_account_that_is_short() {
    for id in ["sw-1", "ag-01.1", "ag-01.1.1"] {
        let mut bench = all_wait("$0.50");
        let forecasts = forecasts(&bench.state, Stamp(bench.now));
        let choices = forecasts[&id.parse().unwrap()].choices.clone();
        let [Choice::TopUp { command, .. }] = choices.as_slice() else { panic!("{choices:?}") };
        let last = command.rsplit(" && ").next().unwrap();
        assert!(
            last.starts_with(&format!("dash budget top-up {id} ")),
            "its own is the last: {command}"
        );
        do_what_is_said(&mut bench, command);
        let goes_on = ["ag-01", "ag-01.1", "ag-01.1.1"]
            .into_iter()
            .any(|agent| left(&bench, agent).dollars.is_some_and(|left| left >= Micros(2_000_000)));
        assert!(goes_on, "{command}");
    }
}

#[test]
fn an_account_that_another_is_as_short_as_has_a_way_out_too() {
    let mut bench = Bench::default();
    let one = Some("$1".to_owned());
    bench.create(SwarmSpec { budget: one.clone(), agent_budget: one, ..spec() }, 1);
    bench.started("ag-01-1", 1);
    // Of two with as much the nearest is told that refuses.
    dear(&mut bench, "ag-01-1");
    bench.ended("ag-01-1", Outcome::Failed);
    let forecasts = forecasts(&bench.state, Stamp(bench.now));
    for (id, other) in [("sw-1", "ag-01"), ("ag-01", "sw-1")] {
        let choices = &forecasts[&id.parse().unwrap()].choices;
        let [Choice::TopUp { command, .. }] = choices.as_slice() else { panic!("{choices:?}") };
        let says = format!("dash budget top-up {other} 1 && dash budget top-up {id} ");
        assert!(command.starts_with(&says), "{command}");
    }
    let swarm = swarm_info(&bench.state, &"sw-1".into()).unwrap();
    let both = "dash budget top-up sw-1 1 && dash budget top-up ag-01 1";
    assert_eq!(swarm.way_on.as_deref(), Some(both));
}
