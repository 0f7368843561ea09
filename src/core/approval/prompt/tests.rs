//! A prompt is a question for as long as it is shown, and its answer is not lost.

use super::super::{
    super::{Input, explanation, standing_prompt, step::Effect, tests::Bench},
    tests::{agent, answer, approve, bench, state, user},
};
use crate::model::{
    AgentSpec, AgentState, ApprovalState, Command, RefusalCode, Remember, Resolution, Signal,
    Source, Stamp,
};

fn prompt(bench: &mut Bench, source: Source, detail: &str, answerable: bool) {
    let signal = Signal {
        source,
        state: AgentState::Waiting,
        reason: "permission".to_owned(),
        detail: detail.to_owned(),
        progress: None,
    };
    let attempt = "ag-01-1".into();
    bench.feed(Input::Prompted { attempt, signal, answerable, needs: 1 }).unwrap();
}

fn works(bench: &mut Bench, source: Source) {
    let signal = Signal {
        source,
        state: AgentState::Working,
        reason: String::new(),
        detail: String::new(),
        progress: None,
    };
    bench.feed(Input::Signal { attempt: "ag-01-1".into(), signal }).unwrap();
}

#[test]
fn an_agents_own_prompt_waits_in_the_inbox_for_as_long_as_it_is_shown() {
    let mut bench = bench(1);
    prompt(&mut bench, Source::Osc7501, "blocked: approve Bash: ls", true);
    assert_eq!(agent(&bench, "ag-01"), (AgentState::Waiting, "permission".to_owned()));
    let text = bench.state.approvals["ap-1"].question.text();
    assert_eq!(text, "approve Bash: ls");
    assert_eq!(bench.state.approvals["ap-1"].expires_at, None);
    prompt(&mut bench, Source::Osc7501, "blocked: approve Bash: ls", true);
    assert_eq!(bench.state.approvals_made, 1, "the same prompt");
    // A held call and a weaker source say nothing about the screen.
    works(&mut bench, Source::Activity);
    assert_eq!(state(&bench, "ap-1"), ApprovalState::Open);
    prompt(&mut bench, Source::Osc7501, "blocked: approve Bash: rm", true);
    assert_eq!(state(&bench, "ap-1"), ApprovalState::Withdrawn);
    assert_eq!(bench.state.approvals["ap-2"].question.text(), "approve Bash: rm");
    works(&mut bench, Source::Osc7501);
    assert_eq!(state(&bench, "ap-2"), ApprovalState::Withdrawn, "answered in its terminal");
    prompt(&mut bench, Source::Osc7501, "blocked", true);
    bench.effects.clear();
    let refused = answer(&mut bench, user("ann"), "ap-3", Resolution::Approve, Remember::Agent);
    assert_eq!(refused.unwrap_err().code, RefusalCode::Invalid);
    approve(&mut bench, "ann", "ap-3").unwrap();
    let typed = Effect::AnswerPrompt {
        attempt: "ag-01-1".into(),
        approval: "ap-3".into(),
        verdict: Resolution::Approve,
    };
    assert_eq!(bench.effects, [typed]);
}

#[test]
fn of_hooks_and_osc_7501_the_newer_word_counts() {
    let mut bench = bench(1);
    let hook = |bench: &mut Bench, state: AgentState| {
        let (source, reason, detail) = (Source::Hook, String::new(), "Stop".to_owned());
        let signal = Signal { source, state, reason, detail, progress: None };
        bench.feed(Input::Signal { attempt: "ag-01-1".into(), signal }).unwrap();
    };
    hook(&mut bench, AgentState::Working);
    prompt(&mut bench, Source::Osc7501, "blocked: approve Bash: ls", true);
    assert_eq!(agent(&bench, "ag-01"), (AgentState::Waiting, "permission".to_owned()));
    assert_eq!(state(&bench, "ap-1"), ApprovalState::Open, "the hook spoke before it");
    // What the screen shows is weaker than either.
    works(&mut bench, Source::Screen);
    assert_eq!(state(&bench, "ap-1"), ApprovalState::Open);
    // Said before, and news all the same.
    hook(&mut bench, AgentState::Working);
    assert_eq!(agent(&bench, "ag-01"), (AgentState::Working, String::new()));
    assert_eq!(state(&bench, "ap-1"), ApprovalState::Withdrawn);
    let explained = explanation(&bench.state, &"ag-01".into(), Stamp(bench.now)).unwrap();
    let decided = explained.signals.iter().find(|seen| seen.decided).unwrap();
    assert_eq!(decided.signal.source, Source::Hook);
}

#[test]
fn a_gateway_without_a_call_leaves_the_word_to_others() {
    let mut bench = Bench::default();
    let agent_spec = AgentSpec { interactive: true, ..Default::default() };
    let crew = vec![("pi".to_owned(), String::new())];
    let spawn = Command::SpawnAgent { spec: Box::new(agent_spec) };
    bench.feed(Input::Request { by: user("ann"), command: spawn, crew, once: None }).unwrap();
    bench.started("ag-01-1", 1);
    let says = |bench: &mut Bench, source: Source, state: AgentState| {
        let signal =
            Signal { source, state, reason: String::new(), detail: String::new(), progress: None };
        bench.feed(Input::Signal { attempt: "ag-01-1".into(), signal }).unwrap();
        agent(bench, "ag-01").0
    };
    assert_eq!(says(&mut bench, Source::Gateway, AgentState::Working), AgentState::Working);
    assert_eq!(says(&mut bench, Source::Terminal, AgentState::Idle), AgentState::Working);
    assert_eq!(says(&mut bench, Source::Gateway, AgentState::Idle), AgentState::Idle);
    assert_eq!(says(&mut bench, Source::Terminal, AgentState::Working), AgentState::Working);
    // Of one that works without a screen it is not even written down.
    let mut plain = self::bench(1);
    let before = plain.state.seq;
    says(&mut plain, Source::Gateway, AgentState::Idle);
    assert_eq!(plain.state.seq, before);
}

#[test]
fn a_prompt_that_cannot_be_answered_here_says_where() {
    let mut bench = bench(1);
    prompt(&mut bench, Source::Screen, "screen: permission", false);
    let refused = approve(&mut bench, "ann", "ap-1").unwrap_err();
    assert_eq!(refused.hint.unwrap(), "answer in its terminal: dash attach ag-01");
    assert_eq!(state(&bench, "ap-1"), ApprovalState::Open);
}

#[test]
fn a_core_that_finds_a_prompt_knows_what_became_of_its_question() {
    let mut bench = bench(1);
    let standing = |bench: &Bench| {
        let standing = standing_prompt(&bench.state, &"ag-01-1".into())?;
        Some((standing.approval.map(|id| id.to_string()), standing.verdict))
    };
    assert_eq!(standing(&bench), None);
    prompt(&mut bench, Source::Osc7501, "blocked: approve Bash: ls", true);
    assert_eq!(standing(&bench), Some((Some("ap-1".to_owned()), None)));
    bench.now += 1;
    approve(&mut bench, "ann", "ap-1").unwrap();
    assert_eq!(standing(&bench), Some((Some("ap-1".to_owned()), Some(Resolution::Approve))));
    // Its signal came, and the core died before anybody was asked.
    bench.now += 1;
    let signal = Signal {
        source: Source::Osc7501,
        state: AgentState::Waiting,
        reason: "permission".to_owned(),
        detail: "blocked: approve Bash: rm".to_owned(),
        progress: None,
    };
    bench.feed(Input::Signal { attempt: "ag-01-1".into(), signal }).unwrap();
    assert_eq!(standing(&bench), Some((None, None)), "the answer was to another prompt");
    prompt(&mut bench, Source::Osc7501, "blocked: approve Bash: mv", true);
    bench.now += 1;
    let denied = answer(&mut bench, user("ann"), "ap-2", Resolution::Deny, Remember::Once);
    denied.unwrap();
    assert_eq!(standing(&bench), Some((Some("ap-2".to_owned()), Some(Resolution::Deny))));
    works(&mut bench, Source::Osc7501);
    assert_eq!(standing(&bench), None);
}

#[test]
fn a_prompt_that_stands_is_known_by_the_time_at_which_it_was_heard_of() {
    let mut bench = bench(1);
    let since = |bench: &Bench| standing_prompt(&bench.state, &"ag-01-1".into())?.since;
    prompt(&mut bench, Source::Osc7501, "blocked: approve Bash: ls", true);
    let first = Stamp(bench.now);
    approve(&mut bench, "ann", "ap-1").unwrap();
    prompt(&mut bench, Source::Osc7501, "blocked: approve Bash: ls", true);
    assert_eq!(since(&bench), Some(first), "told once more");
    works(&mut bench, Source::Osc7501);
    prompt(&mut bench, Source::Osc7501, "blocked: approve Bash: ls", true);
    assert_eq!(since(&bench), Some(Stamp(bench.now)), "another of the same words");
}
