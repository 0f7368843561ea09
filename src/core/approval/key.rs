//! A model call that waits for a key which this core does not have, as a question: one for each
//! provider, however many agents wait. No answer brings a key; it goes once a core has it.

use super::{
    super::{
        state::{Attempt, State},
        step::Decision,
    },
    Ask, raise, withdraw,
};
use crate::model::{AgentState, Question, Signal, Source, Stamp};

/// Why an agent waits whose call is held so.
pub const KEY_MISSING: &str = "key missing";

/// What the gateway says of an attempt whose call it holds, and since when.
fn held(attempt: &Attempt) -> Option<&(Signal, Stamp)> {
    attempt.signals.iter().find(|(signal, _)| {
        let waits = (signal.source, signal.state) == (Source::Gateway, AgentState::Waiting);
        waits && signal.reason == KEY_MISSING
    })
}

pub fn settle(state: &State, decision: &mut Decision) {
    let mut asked = Vec::new();
    for open in state.open_approvals() {
        let Question::Key { text } = &open.question else { continue };
        let attempt = state.attempts.get(&open.attempt);
        if attempt.and_then(held).is_some_and(|(signal, _)| signal.detail == *text) {
            asked.push(text);
        } else {
            withdraw(open, "its call is held no longer", decision);
        }
    }
    let mut waiting = state.live_attempts().filter_map(|attempt| Some((attempt, held(attempt)?)));
    let unasked = waiting.find(|(_, (signal, _))| !asked.contains(&&signal.detail));
    if let Some((attempt, (signal, since))) = unasked {
        let key = format!("key {}", state.approvals_made + 1);
        let question = Question::Key { text: signal.detail.clone() };
        let why = "its model call waits for it".to_owned();
        let ask = Ask { key, question, why, needs: 1, timeout_ms: None };
        raise(state, *since, attempt, ask, decision);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        core::{Input, tests::*},
        model::*,
    };

    fn said(bench: &mut Bench, attempt: &str, state: AgentState, detail: &str) {
        let waits = state == AgentState::Waiting;
        let signal = Signal {
            source: Source::Gateway,
            state,
            reason: if waits { KEY_MISSING } else { "" }.to_owned(),
            detail: detail.to_owned(),
            progress: None,
        };
        bench.feed(Input::Signal { attempt: attempt.into(), signal }).unwrap();
    }

    fn open(bench: &Bench) -> Vec<(String, String)> {
        let open = bench.state.open_approvals();
        open.map(|open| (open.attempt.to_string(), open.question.text())).collect()
    }

    #[test]
    fn a_missing_key_is_asked_for_once_until_it_is_there() {
        let mut bench = Bench::default();
        bench.create(spec(), 3);
        for attempt in ["ag-01-1", "ag-02-1", "ag-03-1"] {
            bench.started(attempt, 1);
        }
        said(&mut bench, "ag-01-1", AgentState::Waiting, "no key of a");
        said(&mut bench, "ag-02-1", AgentState::Waiting, "no key of a");
        said(&mut bench, "ag-03-1", AgentState::Waiting, "no key of b");
        let one = |attempt: &str, text: &str| (attempt.to_owned(), text.to_owned());
        assert_eq!(open(&bench), [one("ag-01-1", "no key of a"), one("ag-03-1", "no key of b")]);
        // Who waits for it says so itself; the question holds nobody.
        let agent = bench.agent("ag-01");
        assert_eq!((agent.state, agent.reason.as_str()), (AgentState::Waiting, KEY_MISSING));
        let command = Command::Decide {
            approval: "ap-1".into(),
            verdict: Resolution::Approve,
            remember: Remember::Once,
            note: String::new(),
            uid: None,
        };
        let by = Actor::User("ann".to_owned());
        let answer = Input::Request { by, command, crew: Vec::new(), once: None };
        assert!(bench.feed(answer).unwrap_err().message.contains("no answer"));
        // Another that waits for the same asks in its place.
        bench.ended("ag-01-1", Outcome::Failed);
        assert_eq!(open(&bench), [one("ag-03-1", "no key of b"), one("ag-02-1", "no key of a")]);
        said(&mut bench, "ag-02-1", AgentState::Working, "a model call is in flight");
        assert_eq!(open(&bench), [one("ag-03-1", "no key of b")]);
    }
}
