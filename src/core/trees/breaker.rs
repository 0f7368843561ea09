//! The failure breaker: when it holds a branch, who is asked, and what lets it go on.

use super::*;

#[test]
fn failing_children_hold_the_branch_until_somebody_resumes_it() {
    let mut bench = parent();
    let (by, wish) = ask("ag-01");
    let stubborn = AgentSpec { retries: 3, ..wish };
    spawn(&mut bench, by, stubborn).unwrap();
    bench.ended("ag-01.1-1", Outcome::Failed);
    assert_eq!(bench.agent("ag-01.1").state, AgentState::Retrying);
    for n in 2..=6 {
        child(&mut bench, "ag-01").unwrap();
        bench.ended(&format!("ag-01.{n}-1"), Outcome::Failed);
    }
    assert!(bench.agent("ag-01").held);
    let told = bench.journal.iter().find(|r| matches!(r.event, Event::BranchHeld { .. })).unwrap();
    assert_eq!(told.event.summary(), "5 children failed within 10m: its branch is held");
    let retrying = bench.agent("ag-01.1");
    assert_eq!((retrying.state, retrying.reason.as_str()), (AgentState::Paused, "breaker"));
    bench.launches();
    let timer = Timer::Retry { agent: "ag-01.1".into(), number: 2 };
    bench.feed(Input::Due(timer.clone())).unwrap();
    assert!(bench.launches().is_empty(), "what is held is not started");
    let refused = child(&mut bench, "ag-01").unwrap_err();
    assert!(refused.message.contains("its branch is held"), "{refused}");
    assert!(refused.hint.unwrap().contains("dash agent resume ag-01"));

    bench.ask(Command::ResumeAgent { agent: "ag-01".into() }).unwrap();
    assert_eq!(bench.agent("ag-01.1").state, AgentState::Retrying);
    assert!(
        bench.effects.iter().any(|e| matches!(e, Effect::SetTimer { timer: t, .. } if *t == timer))
    );
    bench.feed(Input::Due(timer)).unwrap();
    assert_eq!(bench.launches(), ["ag-01.1-2"]);
    child(&mut bench, "ag-01").unwrap();
    let twice = bench.ask(Command::ResumeAgent { agent: "ag-01".into() });
    assert_eq!(twice.unwrap_err().code, RefusalCode::Conflict);
}

/// An agent whose branch is held, and a child that waits for it.
fn held() -> Bench {
    let mut bench = parent();
    let (by, wish) = ask("ag-01");
    spawn(&mut bench, by, AgentSpec { retries: 3, ..wish }).unwrap();
    bench.ended("ag-01.1-1", Outcome::Failed);
    for n in 2..=6 {
        child(&mut bench, "ag-01").unwrap();
        bench.ended(&format!("ag-01.{n}-1"), Outcome::Failed);
    }
    assert!(bench.agent("ag-01").held);
    bench
}

fn questions(bench: &Bench) -> Vec<Approval> {
    let branch = |open: &&Approval| matches!(open.question, Question::Branch { .. });
    bench.state.open_approvals().filter(branch).cloned().collect()
}

fn decide(bench: &mut Bench, approval: &Approval, verdict: Resolution) {
    let (approval, note) = (approval.id.clone(), String::new());
    let command = Command::Decide { approval, verdict, remember: Remember::Once, note, uid: None };
    let by = Actor::User("ann".to_owned());
    bench.feed(Input::Request { by, command, crew: Vec::new(), once: None }).unwrap();
}

#[test]
fn a_held_branch_is_a_question_that_an_approval_answers() {
    let mut bench = held();
    let asked = questions(&bench);
    let [open] = &asked[..] else { panic!("{asked:?}") };
    assert_eq!(open.agent.as_str(), "ag-01");
    assert_eq!(open.question.text(), "5 children failed within 10m: may its branch go on?");
    assert!(open.why.ends_with("dash agent resume ag-01"), "{}", open.why);
    // The agent itself goes on with its own work.
    assert_eq!(bench.agent("ag-01").state, AgentState::Working);
    for (id, top) in [("ag-01", "ag-01"), ("ag-01.1", "ag-01")] {
        let held = agent_info(&bench.state, &id.into()).unwrap().held.unwrap();
        assert_eq!((held.top.as_str(), held.why.as_str()), (top, "5 children failed within 10m"));
        assert_eq!(held.remedy(), "dash agent resume ag-01");
        let told = explanation(&bench.state, &id.into(), Stamp(bench.now)).unwrap();
        assert_eq!(told.held, Some(held));
    }
    assert_eq!(agent_info(&bench.state, &"ag-01.2".into()).unwrap().held, None);

    decide(&mut bench, open, Resolution::Approve);
    assert!(!bench.agent("ag-01").held && questions(&bench).is_empty());
    assert_eq!(bench.agent("ag-01.1").state, AgentState::Retrying);
    assert_eq!(agent_info(&bench.state, &"ag-01".into()).unwrap().held, None);
    // Held again it asks again.
    for n in 7..=11 {
        child(&mut bench, "ag-01").unwrap();
        bench.ended(&format!("ag-01.{n}-1"), Outcome::Failed);
    }
    assert_eq!(questions(&bench).len(), 1);
}

#[test]
fn a_resumed_branch_is_no_question_any_more_and_a_denied_one_stays_held() {
    let mut bench = held();
    bench.ask(Command::ResumeAgent { agent: "ag-01".into() }).unwrap();
    assert!(questions(&bench).is_empty());

    let mut bench = held();
    let open = questions(&bench).remove(0);
    decide(&mut bench, &open, Resolution::Deny);
    assert!(bench.agent("ag-01").held && questions(&bench).is_empty());
    let waited = bench.agent("ag-01.1");
    assert_eq!(
        (waited.state, waited.reason.as_str()),
        (AgentState::Stopped, "its branch was denied")
    );
    bench.ask(Command::ResumeAgent { agent: "ag-01".into() }).unwrap();
    assert!(!bench.agent("ag-01").held);
}

#[test]
fn the_next_attempt_of_a_held_agent_asks_again() {
    let mut bench = held();
    bench.ended("ag-01-1", Outcome::Failed);
    bench.ended("ag-01.1-1", Outcome::Lost);
    assert!(questions(&bench).is_empty(), "nobody waits for it");
    bench.ask(Command::RetryAgent { agent: "ag-01".into(), model: None }).unwrap();
    let asked = questions(&bench);
    assert_eq!(asked.iter().map(|open| open.attempt.as_str()).collect::<Vec<_>>(), ["ag-01-2"]);
}

#[test]
fn failures_far_apart_hold_nothing() {
    let mut bench = parent();
    for n in 1..=12 {
        bench.now += 200_000_000;
        child(&mut bench, "ag-01").unwrap();
        bench.ended(&format!("ag-01.{n}-1"), Outcome::Failed);
    }
    assert!(!bench.agent("ag-01").held);
}

/// A branch with a child (ag-01.1) that has one itself, and one that is not yet started
/// (ag-01.2); then it is held.
fn running() -> Bench {
    let mut bench = Bench::default();
    bench.create(SwarmSpec { timeout_ms: Some(3_600_000), ..spec() }, 2);
    bench.started("ag-01-1", 1);
    bench.started("ag-02-1", 1);
    let (by, wish) = ask("ag-01");
    spawn(&mut bench, by, AgentSpec { timeout_ms: Some(1_000_000), ..wish }).unwrap();
    bench.started("ag-01.1-1", 1);
    child(&mut bench, "ag-01.1").unwrap();
    bench.started("ag-01.1.1-1", 1);
    child(&mut bench, "ag-01").unwrap();
    bench.effects.clear();
    for n in 3..=7 {
        child(&mut bench, "ag-01").unwrap();
        bench.ended(&format!("ag-01.{n}-1"), Outcome::Failed);
    }
    assert!(bench.agent("ag-01").held);
    bench
}

const BELOW: [&str; 3] = ["ag-01.1", "ag-01.1.1", "ag-01.2"];

/// Their states, and whether their processes are held.
fn states(bench: &Bench) -> Vec<(AgentState, bool)> {
    let of = |id: &&str| {
        let agent = bench.agent(id);
        let attempt = &bench.state.attempts[agent.latest.as_ref().unwrap()];
        (agent.state, attempt.paused.is_some())
    };
    BELOW.iter().map(of).collect()
}

fn holds(bench: &mut Bench) -> Vec<String> {
    let hold = |effect: Effect| match effect {
        Effect::Hold { attempt } => Some(attempt.to_string()),
        _ => None,
    };
    std::mem::take(&mut bench.effects).into_iter().filter_map(hold).collect()
}

fn signal(bench: &mut Bench, attempt: &str, state: AgentState) {
    let (source, reason, detail) = (Source::Output, String::new(), "says so".to_owned());
    let signal = Signal { source, state, reason, detail, progress: None };
    bench.feed(Input::Signal { attempt: attempt.into(), signal }).unwrap();
}

#[test]
fn what_runs_below_a_held_branch_is_paused_and_goes_on_when_it_may() {
    let mut bench = running();
    assert_eq!(states(&bench), [(AgentState::Paused, true); 3]);
    assert_eq!(holds(&mut bench), ["ag-01.1-1", "ag-01.1.1-1", "ag-01.2-1"]);
    // Neither the one whose children failed nor a stranger.
    for id in ["ag-01", "ag-02"] {
        assert_eq!(bench.agent(id).state, AgentState::Working, "{id}");
    }
    for id in BELOW {
        let info = agent_info(&bench.state, &id.into()).unwrap();
        assert_eq!((info.reason.as_str(), info.held.unwrap().top.as_str()), ("breaker", "ag-01"));
    }
    let audited: Vec<&str> =
        bench.audit.iter().map(|row| row.action).filter(|a| a.starts_with("attempt.p")).collect();
    assert_eq!(audited, ["attempt.pause"; 3]);
    // What is seen of them meanwhile says nothing about now; it counts afterwards.
    signal(&mut bench, "ag-01.1-1", AgentState::Idle);
    bench.started("ag-01.2-1", 1);
    bench.feed(full("ag-01.1-1", 2, KeeperNews::DiskFull)).unwrap();
    bench.feed(full("ag-01.1-1", 3, KeeperNews::DiskBack)).unwrap();
    assert_eq!(states(&bench), [(AgentState::Paused, true); 3]);
    assert_eq!(bench.agent("ag-01.1").reason, "breaker");
    let told = explanation(&bench.state, &"ag-01.1".into(), Stamp(bench.now)).unwrap();
    assert!(told.signals.iter().all(|signal| !signal.decided), "{told:?}");

    let open = questions(&bench).remove(0);
    decide(&mut bench, &open, Resolution::Approve);
    let after = [AgentState::Idle, AgentState::Working, AgentState::Working];
    assert_eq!(states(&bench), after.map(|state| (state, false)));
    assert_eq!(holds(&mut bench), ["ag-01.1-1", "ag-01.1.1-1", "ag-01.2-1"]);
    assert_eq!(bench.audit.last().unwrap().action, "attempt.resume");
}

fn full(attempt: &str, n: u64, news: KeeperNews) -> Input {
    Input::Keeper { attempt: attempt.into(), n, offset: 0, news }
}

#[test]
fn a_full_disk_outlasts_the_pause() {
    let mut bench = running();
    bench.feed(full("ag-01.1-1", 2, KeeperNews::DiskFull)).unwrap();
    bench.ask(Command::ResumeAgent { agent: "ag-01".into() }).unwrap();
    let agent = bench.agent("ag-01.1");
    assert_eq!((agent.state, agent.reason.as_str()), (AgentState::Paused, "disk full"));
    bench.feed(full("ag-01.1-1", 3, KeeperNews::DiskBack)).unwrap();
    assert_eq!(bench.agent("ag-01.1").state, AgentState::Working);
}

#[test]
fn a_denial_stops_all_below_and_leaves_the_top_alone() {
    let mut bench = running();
    let open = questions(&bench).remove(0);
    bench.effects.clear();
    decide(&mut bench, &open, Resolution::Deny);
    for id in BELOW {
        let attempt = format!("{id}-1");
        assert_eq!(stop_of(&bench, &attempt).as_deref(), Some("its branch was denied"));
        assert!(bench.effects.contains(&Effect::Stop { attempt: attempt.as_str().into() }));
        bench.ended(&attempt, Outcome::Failed);
        let agent = bench.agent(id);
        assert_eq!(
            (agent.state, agent.reason.as_str()),
            (AgentState::Stopped, "its branch was denied")
        );
    }
    assert_eq!(
        (bench.agent("ag-01").state, bench.agent("ag-01").held),
        (AgentState::Working, true)
    );
    assert!(child(&mut bench, "ag-01").is_err());
    assert_eq!(questions(&bench), []);
    bench.ended("ag-01-1", Outcome::Done);
    bench.ended("ag-02-1", Outcome::Done);
    assert!(bench.state.swarms["sw-1"].state.is_final());
}

#[test]
fn one_that_is_paused_can_be_stopped_and_does_not_come_back() {
    let mut bench = running();
    bench.effects.clear();
    bench.ask(Command::StopAgent { agent: "ag-01.2".into() }).unwrap();
    assert!(bench.effects.contains(&Effect::Stop { attempt: "ag-01.2-1".into() }));
    bench.ask(Command::ResumeAgent { agent: "ag-01".into() }).unwrap();
    assert_eq!(holds(&mut bench), ["ag-01.1-1", "ag-01.1.1-1"]);
    bench.ended("ag-01.2-1", Outcome::Failed);
    assert_eq!(bench.agent("ag-01.2").state, AgentState::Stopped);
}

#[test]
fn time_that_it_is_paused_is_no_time_of_its_timeout() {
    let mut bench = running();
    let timer = |attempt: &str| Timer::Timeout { attempt: attempt.into() };
    let due = |bench: &mut Bench, attempt: &str| {
        bench.effects.clear();
        bench.feed(Input::Due(timer(attempt))).unwrap();
        let set = |effect: &Effect| match effect {
            Effect::SetTimer { at, timer: Timer::Timeout { .. } } => Some(*at),
            _ => None,
        };
        bench.effects.iter().find_map(set)
    };
    let ends = ["ag-01.1-1", "ag-01.1.1-1"].map(|id| {
        let attempt = &bench.state.attempts[id];
        deadline_of(&bench.state, attempt, attempt.started_at.unwrap()).unwrap()
    });
    let pause = bench.state.attempts["ag-01.1-1"].paused.clone().unwrap().since;
    bench.now = pause.0 + 2_000_000_000;
    assert_eq!(due(&mut bench, "ag-01.1-1"), None, "not while it is paused");
    assert_eq!(stop_of(&bench, "ag-01.1-1"), None);
    let again = recover(&bench.state);
    let timed = |effect: &Effect| matches!(effect, Effect::SetTimer { timer: t, .. } if *t == timer("ag-01.1-1"));
    assert!(!again.iter().any(timed));
    bench.ask(Command::ResumeAgent { agent: "ag-01".into() }).unwrap();
    assert!(bench.effects.iter().any(timed), "it is set again");
    let paused_ms = Stamp(bench.now).ms_since(pause);
    // Its child's moves on with it.
    for (attempt, end) in ["ag-01.1-1", "ag-01.1.1-1"].into_iter().zip(ends) {
        assert_eq!(due(&mut bench, attempt), Some(end.plus_ms(paused_ms)), "{attempt}");
        assert_eq!(stop_of(&bench, attempt), None);
    }
    bench.now = ends[0].plus_ms(paused_ms).0;
    assert_eq!(due(&mut bench, "ag-01.1-1"), None);
    assert_eq!(stop_of(&bench, "ag-01.1-1").as_deref(), Some("timeout"));
}
