//! Who may answer what, for how long it stands, and what is never approved.

use super::{
    super::{
        State, apply, decide, explanation, recover,
        tests::{Bench, spec},
    },
    *,
};
use crate::{
    core::Input,
    model::{Command, Outcome, Signal, Source, SwarmSpec},
};
use proptest::{
    prelude::{ProptestConfig, prop_assert, prop_assert_eq, prop_oneof, proptest},
    strategy::Strategy as _,
};

fn command(words: &[&str]) -> Question {
    let argv = words.iter().map(|&word| word.to_owned()).collect();
    Question::Command { argv, cwd: "/w".into(), covers: None }
}

fn ask(key: &str, question: Question) -> Ask {
    let why = "builtin.push".to_owned();
    Ask { key: key.to_owned(), question, why, needs: 1, timeout_ms: Some(60_000) }
}

pub(super) fn user(name: &str) -> Actor {
    Actor::User(name.to_owned())
}

/// A bench with `agents` that work, in one swarm.
pub(super) fn bench(agents: usize) -> Bench {
    let mut bench = Bench::default();
    bench.create(spec(), agents);
    for n in 1..=agents {
        bench.started(&format!("ag-{n:02}-1"), 1);
    }
    bench.effects.clear();
    bench
}

fn raise_in(bench: &mut Bench, attempt: &str, ask: Ask) -> Result<String, Refusal> {
    match bench.feed(Input::Asked { attempt: attempt.into(), ask: Box::new(ask) })? {
        Some(Reply::Approval(id)) => Ok(id.to_string()),
        other => panic!("{other:?}"),
    }
}

pub(super) fn answer(
    bench: &mut Bench,
    by: Actor,
    id: &str,
    verdict: Resolution,
    remember: Remember,
) -> Result<(), Refusal> {
    let note = String::new();
    let command = Command::Decide { approval: id.into(), verdict, remember, note, uid: None };
    bench.feed(Input::Request { by, command, crew: Vec::new(), once: None }).map(|_| ())
}

pub(super) fn approve(bench: &mut Bench, by: &str, id: &str) -> Result<(), Refusal> {
    answer(bench, user(by), id, Resolution::Approve, Remember::Once)
}

pub(super) fn state(bench: &Bench, id: &str) -> ApprovalState {
    bench.state.approvals[id].state
}

pub(super) fn agent(bench: &Bench, id: &str) -> (AgentState, String) {
    let agent = bench.agent(id);
    (agent.state, agent.reason.clone())
}

#[test]
fn a_question_holds_its_agent_until_it_is_answered() {
    let mut bench = bench(1);
    let id = raise_in(&mut bench, "ag-01-1", ask("k", command(&["git", "push"]))).unwrap();
    assert_eq!(agent(&bench, "ag-01"), (AgentState::Waiting, "approval".to_owned()));
    let timer = Timer::Approval { approval: id.as_str().into() };
    let at = bench.state.approvals[id.as_str()].expires_at.unwrap();
    assert_eq!(bench.effects[0], Effect::SetTimer { at, timer: timer.clone() });
    assert_eq!(bench.effects[1], Effect::Notify { approval: id.as_str().into() });
    let seen = explanation(&bench.state, &"ag-01".into(), Stamp(0)).unwrap();
    assert!(seen.signals[0].decided && seen.signals[0].signal.detail.contains("git push"));
    // What its terminal says meanwhile does not free it.
    let signal = Signal {
        source: Source::Osc7501,
        state: AgentState::Idle,
        reason: String::new(),
        detail: String::new(),
        progress: None,
    };
    bench.feed(Input::Signal { attempt: "ag-01-1".into(), signal }).unwrap();
    assert_eq!(agent(&bench, "ag-01").0, AgentState::Waiting);
    // A second question holds on after the first is answered.
    let second = raise_in(&mut bench, "ag-01-1", ask("l", command(&["ls"]))).unwrap();
    approve(&mut bench, "ann", &id).unwrap();
    assert_eq!(agent(&bench, "ag-01").0, AgentState::Waiting);
    answer(&mut bench, user("ann"), &second, Resolution::Deny, Remember::Once).unwrap();
    assert_eq!(agent(&bench, "ag-01").0, AgentState::Idle, "what the signals say");
    assert_eq!(state(&bench, &id), ApprovalState::Approved);
    assert_eq!(state(&bench, &second), ApprovalState::Denied);
    // Its timer comes too late, and a second answer is told what the first was.
    bench.feed(Input::Due(timer)).unwrap();
    assert_eq!(state(&bench, &id), ApprovalState::Approved);
    let refused =
        answer(&mut bench, user("bob"), &id, Resolution::Deny, Remember::Once).unwrap_err();
    assert_eq!(refused.code, RefusalCode::Conflict);
    assert_eq!(refused.message, "ap-1 was approved by user ann already");
}

#[test]
fn silence_denies_and_a_new_core_sets_the_timer_again() {
    let mut bench = bench(1);
    let id = raise_in(&mut bench, "ag-01-1", ask("k", command(&["ls"]))).unwrap();
    let timer = Timer::Approval { approval: id.as_str().into() };
    let at = bench.state.approvals[id.as_str()].expires_at.unwrap();
    let again = recover(&bench.state);
    assert!(again.contains(&Effect::SetTimer { at, timer: timer.clone() }), "{again:?}");
    assert!(again.contains(&Effect::Notify { approval: id.as_str().into() }));
    bench.feed(Input::Due(timer)).unwrap();
    assert_eq!(state(&bench, &id), ApprovalState::Expired);
    assert_eq!(state(&bench, &id).verdict(), Some(Resolution::Deny));
    assert_eq!(agent(&bench, "ag-01").0, AgentState::Working);
    assert!(!recover(&bench.state).iter().any(|effect| matches!(effect, Effect::Notify { .. })));
}

#[test]
fn no_agent_answers_for_anybody() {
    let mut bench = bench(2);
    let id = raise_in(&mut bench, "ag-01-1", ask("k", command(&["ls"]))).unwrap();
    for by in [Actor::Agent("ag-01".into()), Actor::Agent("ag-02".into()), Actor::Core] {
        for verdict in [Resolution::Approve, Resolution::Deny] {
            let refused = answer(&mut bench, by.clone(), &id, verdict, Remember::Always);
            assert_eq!(refused.unwrap_err().code, RefusalCode::Forbidden, "{by}");
        }
    }
    answer(&mut bench, user("ann"), &id, Resolution::Deny, Remember::Always).unwrap();
    let forget = |by| Input::Request {
        by,
        command: Command::Forget { remembered: 1 },
        crew: Vec::new(),
        once: None,
    };
    let refused = bench.feed(forget(Actor::Agent("ag-01".into()))).unwrap_err();
    assert_eq!(refused.code, RefusalCode::Forbidden);
    bench.feed(forget(user("ann"))).unwrap();
    assert_eq!(bench.feed(forget(user("ann"))).unwrap_err().code, RefusalCode::NotFound);
}

#[test]
fn four_eyes_are_those_of_two_users() {
    let mut bench = bench(1);
    let two = |key: &str| Ask { needs: 2, ..ask(key, command(&["git", key])) };
    let id = raise_in(&mut bench, "ag-01-1", two("k")).unwrap();
    answer(&mut bench, user("ann"), &id, Resolution::Approve, Remember::Always).unwrap();
    assert_eq!(state(&bench, &id), ApprovalState::Open);
    let refused = approve(&mut bench, "ann", &id).unwrap_err();
    assert!(refused.message.contains("approved ap-1 already; it needs 2"), "{refused:?}");
    // Whose names differ in their case alone is one and the same.
    let refused = approve(&mut bench, "Ann", &id).unwrap_err();
    assert!(refused.message.contains("approved ap-1 already"), "{refused:?}");
    assert!(refused.hint.unwrap().contains("taken at their word"));
    assert_eq!(agent(&bench, "ag-01").0, AgentState::Waiting);
    answer(&mut bench, user("bob"), &id, Resolution::Approve, Remember::Agent).unwrap();
    assert_eq!(state(&bench, &id), ApprovalState::Approved);
    let known = &bench.state.remembered[0];
    assert_eq!((&known.reach, known.eyes), (&Reach::Agent("ag-01".into()), 2), "the narrower");
    // One denial is enough, also from whom approved before.
    let id = raise_in(&mut bench, "ag-01-1", two("l")).unwrap();
    approve(&mut bench, "ann", &id).unwrap();
    answer(&mut bench, user("ann"), &id, Resolution::Deny, Remember::Once).unwrap();
    assert_eq!(state(&bench, &id), ApprovalState::Denied);
    // What one user approved before four eyes were asked for does not count for two.
    let id = raise_in(&mut bench, "ag-01-1", ask("m", command(&["git", "m"]))).unwrap();
    answer(&mut bench, user("ann"), &id, Resolution::Approve, Remember::Always).unwrap();
    let later = Ask { key: "n".to_owned(), ..two("m") };
    let id = raise_in(&mut bench, "ag-01-1", later).unwrap();
    assert_eq!(state(&bench, &id), ApprovalState::Open);
}

#[test]
fn an_answer_is_remembered_as_far_as_it_was_meant() {
    for (remember, second, other_swarm) in [
        (Remember::Once, ApprovalState::Open, ApprovalState::Open),
        (Remember::Agent, ApprovalState::Open, ApprovalState::Open),
        (Remember::Swarm, ApprovalState::Denied, ApprovalState::Open),
        (Remember::Always, ApprovalState::Denied, ApprovalState::Denied),
    ] {
        let mut bench = bench(2);
        bench.create(SwarmSpec { name: "other".to_owned(), ..spec() }, 1);
        let id = raise_in(&mut bench, "ag-01-1", ask("k", command(&["ls"]))).unwrap();
        answer(&mut bench, user("ann"), &id, Resolution::Deny, remember).unwrap();
        bench.effects.clear();
        let own = raise_in(&mut bench, "ag-01-1", ask("l", command(&["ls"]))).unwrap();
        let remembered = remember != Remember::Once;
        assert_eq!(state(&bench, &own) == ApprovalState::Denied, remembered);
        assert_eq!(bench.effects.is_empty(), remembered, "nobody is told of what is answered");
        let recalled = bench.state.approvals[own.as_str()].recalled.clone();
        assert_eq!(recalled.map(|id| id.to_string()), remembered.then_some(id));
        for (attempt, expected) in [("ag-02-1", second), ("ag-03-1", other_swarm)] {
            let id = raise_in(&mut bench, attempt, ask("k", command(&["ls"]))).unwrap();
            assert_eq!(state(&bench, &id), expected, "{remember:?} {attempt}");
            let more = raise_in(&mut bench, attempt, ask("l", command(&["ls", "-l"]))).unwrap();
            assert_eq!(state(&bench, &more), ApprovalState::Open, "another command");
        }
    }
}

#[test]
fn a_denial_goes_before_an_approval_and_the_last_word_replaces_the_same() {
    let mut bench = bench(1);
    for (key, remember, verdict) in
        [("a", Remember::Always, Resolution::Approve), ("b", Remember::Agent, Resolution::Deny)]
    {
        // Asked before either was answered.
        let question = command(&["ls"]);
        let ask = Ask { needs: if key == "b" { 2 } else { 1 }, ..ask(key, question) };
        let id = raise_in(&mut bench, "ag-01-1", ask).unwrap();
        answer(&mut bench, user("ann"), &id, verdict, remember).unwrap();
    }
    let id = raise_in(&mut bench, "ag-01-1", ask("c", command(&["ls"]))).unwrap();
    assert_eq!(state(&bench, &id), ApprovalState::Denied);
    assert_eq!(bench.state.remembered.len(), 2);
}

#[test]
fn asked_again_it_is_the_same_question() {
    let mut bench = bench(2);
    let push = || ask("k", command(&["git", "push"]));
    let id = raise_in(&mut bench, "ag-01-1", push()).unwrap();
    let seq = bench.state.seq;
    assert_eq!(raise_in(&mut bench, "ag-01-1", push()).unwrap(), id);
    assert_eq!(bench.state.seq, seq, "the same key says nothing new");
    let joined = Ask { key: "l".to_owned(), ..push() };
    assert_eq!(raise_in(&mut bench, "ag-01-1", joined.clone()).unwrap(), id);
    assert_ne!(raise_in(&mut bench, "ag-02-1", push()).unwrap(), id, "another attempt's key");
    approve(&mut bench, "ann", &id).unwrap();
    // After a crash both ask again, and get the answer that was given.
    assert_eq!(raise_in(&mut bench, "ag-01-1", push()).unwrap(), id);
    assert_eq!(raise_in(&mut bench, "ag-01-1", joined).unwrap(), id);
    let refused = raise_in(&mut bench, "ag-01-1", ask("k", command(&["ls"]))).unwrap_err();
    assert_eq!(refused.code, RefusalCode::Conflict);
    // Once was once.
    let next = raise_in(&mut bench, "ag-01-1", Ask { key: "m".to_owned(), ..push() }).unwrap();
    assert_eq!(state(&bench, &next), ApprovalState::Open);
}

#[test]
fn a_question_that_nobody_waits_for_is_withdrawn() {
    let mut bench = bench(1);
    let unask = |bench: &mut Bench, key: &str| {
        bench.feed(Input::Unasked { attempt: "ag-01-1".into(), key: key.to_owned() }).unwrap();
    };
    let id = raise_in(&mut bench, "ag-01-1", ask("k", command(&["a"]))).unwrap();
    assert_eq!(agent(&bench, "ag-01").0, AgentState::Waiting);
    unask(&mut bench, "other");
    assert_eq!(state(&bench, &id), ApprovalState::Open);
    assert_eq!(raise_in(&mut bench, "ag-01-1", ask("l", command(&["a"]))).unwrap(), id);
    unask(&mut bench, "k");
    assert_eq!(state(&bench, &id), ApprovalState::Open, "another waits");
    unask(&mut bench, "l");
    assert_eq!(state(&bench, &id), ApprovalState::Withdrawn);
    assert_ne!(agent(&bench, "ag-01").0, AgentState::Waiting);
    unask(&mut bench, "l");
    let next = raise_in(&mut bench, "ag-01-1", ask("m", command(&["a"]))).unwrap();
    assert_ne!(next, id);
}

#[test]
fn questions_end_with_their_attempt_and_answers_with_their_swarm() {
    let mut bench = bench(1);
    let id = raise_in(&mut bench, "ag-01-1", ask("k", command(&["a"]))).unwrap();
    answer(&mut bench, user("ann"), &id, Resolution::Approve, Remember::Swarm).unwrap();
    let id = raise_in(&mut bench, "ag-01-1", ask("l", command(&["b"]))).unwrap();
    answer(&mut bench, user("ann"), &id, Resolution::Approve, Remember::Always).unwrap();
    let id = raise_in(&mut bench, "ag-01-1", ask("m", command(&["c"]))).unwrap();
    bench.ended("ag-01-1", Outcome::Done);
    assert_eq!(state(&bench, &id), ApprovalState::Withdrawn);
    assert_eq!(agent(&bench, "ag-01").0, AgentState::Done);
    assert_eq!(approve(&mut bench, "ann", &id).unwrap_err().code, RefusalCode::Conflict);
    assert!(raise_in(&mut bench, "ag-01-1", ask("n", command(&["d"]))).is_err());
    bench.ask(Command::RemoveSwarm { swarm: "sw-1".into() }).unwrap();
    assert!(bench.state.approvals.is_empty());
    assert_eq!(bench.state.remembered.len(), 1, "what stands always stays");
}

#[test]
fn an_attempt_does_not_ask_without_end() {
    let mut bench = bench(1);
    for n in 0..MOST_OPEN {
        raise_in(&mut bench, "ag-01-1", ask(&n.to_string(), command(&[&n.to_string()]))).unwrap();
    }
    let refused = raise_in(&mut bench, "ag-01-1", ask("more", command(&["more"]))).unwrap_err();
    assert_eq!(refused.code, RefusalCode::Conflict);
}

#[derive(Clone, Debug)]
enum Step {
    Ask { attempt: usize, key: u8, word: u8, needs: u32 },
    Answer { by: u8, id: u64, approve: bool, remember: u8 },
    Expire(u64),
    Prompt(usize, bool),
    Works(usize),
    End(usize),
    Forget(u64),
}

fn step() -> impl proptest::strategy::Strategy<Value = Step> {
    prop_oneof![
        8 => (0usize..4, 0u8..6, 0u8..3, 1u32..3)
            .prop_map(|(attempt, key, word, needs)| Step::Ask { attempt, key, word, needs }),
        8 => (0u8..4, 1u64..20, proptest::bool::ANY, 0u8..4)
            .prop_map(|(by, id, approve, remember)| Step::Answer { by, id, approve, remember }),
        2 => (1u64..20).prop_map(Step::Expire),
        2 => (0usize..4, proptest::bool::ANY).prop_map(|(at, answerable)| Step::Prompt(at, answerable)),
        2 => (0usize..4).prop_map(Step::Works),
        1 => (0usize..4).prop_map(Step::End),
        1 => (1u64..5).prop_map(Step::Forget),
    ]
}

fn take(bench: &mut Bench, step: Step) {
    let attempt = |at: usize| format!("ag-{:02}-1", at + 1);
    let by = |n: u8| match n {
        0 => user("ann"),
        1 => user("bob"),
        n => Actor::Agent(format!("ag-0{n}").as_str().into()),
    };
    let signal = |state, reason: &str| Signal {
        source: Source::Osc7501,
        state,
        reason: reason.to_owned(),
        detail: String::new(),
        progress: None,
    };
    // Most are refused: what matters is what they leave.
    let _ = match step {
        Step::Ask { attempt: at, key, word, needs } => {
            let ask = Ask { needs, ..ask(&key.to_string(), command(&[&word.to_string()])) };
            raise_in(bench, &attempt(at), ask).map(|_| ())
        }
        Step::Answer { by: n, id, approve, remember } => {
            let verdict = if approve { Resolution::Approve } else { Resolution::Deny };
            let remember = Remember::ALL[remember as usize];
            answer(bench, by(n), &format!("ap-{id}"), verdict, remember)
        }
        Step::Expire(id) => {
            let approval = ApprovalId::numbered(id);
            bench.feed(Input::Due(Timer::Approval { approval })).map(|_| ())
        }
        Step::Prompt(at, answerable) => {
            let signal = signal(AgentState::Waiting, "permission");
            let attempt = attempt(at).as_str().into();
            bench.feed(Input::Prompted { attempt, signal, answerable, needs: 1 }).map(|_| ())
        }
        Step::Works(at) => {
            let signal = signal(AgentState::Working, "");
            let attempt = attempt(at).as_str().into();
            bench.feed(Input::Signal { attempt, signal }).map(|_| ())
        }
        Step::End(at) => {
            bench.ended(&attempt(at), Outcome::Done);
            Ok(())
        }
        Step::Forget(remembered) => {
            let command = Command::Forget { remembered };
            bench
                .feed(Input::Request { by: user("ann"), command, crew: Vec::new(), once: None })
                .map(|_| ())
        }
    };
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn whatever_happens_only_users_approve(steps in proptest::collection::vec(step(), 1..60)) {
        let mut bench = bench(4);
        for step in steps {
            take(&mut bench, step);
        }
        for approval in bench.state.approvals.values() {
            let approvers: std::collections::BTreeSet<&Actor> = approval
                .answers
                .iter()
                .filter(|answer| answer.verdict == Resolution::Approve)
                .map(|answer| &answer.by)
                .collect();
            prop_assert!(approval.answers.iter().all(|a| matches!(a.by, Actor::User(_))));
            if approval.state == ApprovalState::Approved {
                let by_users = approvers.len() >= approval.needs as usize;
                let denied = approval.answers.iter().any(|a| a.verdict == Resolution::Deny);
                prop_assert!((by_users && !denied) || approval.recalled.is_some(), "{approval:?}");
            }
            if approval.is_open() {
                let live = live(&bench.state, &approval.attempt).is_some();
                prop_assert!(live, "an open question of an attempt that is over: {approval:?}");
            }
            // An agent waits for an approval exactly while a question holds it.
            let agent = &bench.state.agents[&approval.agent];
            if let Some(current) = &agent.current {
                let waits = (agent.state, agent.reason.as_str()) == (AgentState::Waiting, REASON);
                prop_assert_eq!(waits, held(&bench.state, current, None));
            }
        }
        for known in &bench.state.remembered {
            prop_assert!(known.eyes as usize == known.by.len() && known.eyes > 0);
        }
        let mut replayed = State::default();
        for record in &bench.journal {
            let json = serde_json::to_string(record).unwrap();
            apply(&mut replayed, &serde_json::from_str(&json).unwrap());
        }
        let snapshot = serde_json::to_string(&bench.state).unwrap();
        let snapshot: State = serde_json::from_str(&snapshot).unwrap();
        // Times lose their microseconds on the way through JSON, on both ways alike.
        prop_assert_eq!(&replayed, &snapshot);
        // A timer that comes late, or twice, changes nothing.
        for approval in bench.state.approvals.values().filter(|approval| !approval.is_open()) {
            let timer = Timer::Approval { approval: approval.id.clone() };
            let late = decide(&bench.state, Stamp(0), Input::Due(timer)).unwrap();
            prop_assert!(late.events.is_empty());
        }
    }
}
