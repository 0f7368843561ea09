//! How one attempt ends, what follows from it, and which signal says how it stands.

use super::*;

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
fn a_timeout_fails_and_says_so() {
    let mut bench = Bench::default();
    bench.create(SwarmSpec { timeout_ms: Some(5000), ..spec() }, 1);
    bench.started("ag-01-1", 1);
    let timer = Timer::Timeout { attempt: "ag-01-1".into() };
    assert!(
        bench.effects.iter().any(|e| matches!(e, Effect::SetTimer { timer: t, .. } if *t == timer))
    );
    // One that comes too early is set again.
    bench.effects.clear();
    bench.feed(Input::Due(timer.clone())).unwrap();
    assert_eq!(bench.effects.len(), 1);
    assert_eq!(bench.state.attempts["ag-01-1"].stop, None);
    bench.now += 5_000_000;
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
fn who_works_and_whose_call_failed_since_waits_to_ask_again() {
    let mut bench = Bench::default();
    bench.create(spec(), 1);
    bench.started("ag-01-1", 1);
    let mut say = |source, state, reason: &str| {
        let signal = Signal {
            source,
            state,
            reason: reason.to_owned(),
            detail: String::new(),
            progress: None,
        };
        bench.feed(Input::Signal { attempt: "ag-01-1".into(), signal }).unwrap();
        let agent = bench.agent("ag-01");
        (agent.state, agent.reason.clone())
    };
    let words = |state, reason: &str| (state, reason.to_owned());
    let (works, retries) = (words(AgentState::Working, ""), words(AgentState::Working, API_RETRY));
    // Also an agent that is silent about it, whose signals are its process and its calls.
    assert_eq!(say(Source::Gateway, AgentState::Working, ""), works);
    assert_eq!(say(Source::Gateway, AgentState::Idle, API_RETRY), retries);
    assert_eq!(say(Source::Gateway, AgentState::Working, ""), works);
    assert_eq!(say(Source::Hook, AgentState::Working, ""), works);
    assert_eq!(say(Source::Gateway, AgentState::Idle, API_RETRY), retries);
    // It has given up, and was asked for something else.
    let failed = words(AgentState::Idle, "failed");
    assert_eq!(say(Source::Hook, AgentState::Idle, "failed"), failed);
    assert_eq!(say(Source::Gateway, AgentState::Idle, API_RETRY), failed);
    assert_eq!(say(Source::Hook, AgentState::Working, ""), works);
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
