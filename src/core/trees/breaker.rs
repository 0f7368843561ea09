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
    bench.feed(Input::Request { by, command, crew: Vec::new() }).unwrap();
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
