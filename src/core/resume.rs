//! What an attempt takes over of an earlier one at its item: the agent's own session where it
//! has one that can go on, else a word on what was done.

use super::state::{Attempt, State};
use crate::model::{AttemptId, FileChange, Follows, Outcome, Tokens};

/// Somebody asks for another attempt: whatever there is of the last one is taken up.
pub(super) fn by_hand(last: &Attempt) -> Follows {
    Follows { attempt: last.number, told: true }
}

/// A retry that nobody asked for goes on where the attempt was cut off from outside, or its
/// result did not hold. Where the agent itself came to an error it begins anew: a conversation
/// that a provider refuses is refused again, however often it is sent.
pub(super) fn by_itself(last: &Attempt) -> Option<Follows> {
    let reason = last.result.as_ref()?.stop_reason.as_str();
    let cut_off = ["overloaded", "timeout", "signal", "limit", "check", "lost"].contains(&reason);
    cut_off.then_some(Follows { attempt: last.number, told: false })
}

/// What was left by the attempts before one, as far as it is to follow them.
#[derive(Clone, Debug, PartialEq)]
pub struct Left {
    /// The number of the last of them.
    pub number: u32,
    /// The latest one with a session, and the agent's own name of that.
    pub session: Option<(AttemptId, String)>,
    /// The latest one that its model has answered.
    pub began: Option<AttemptId>,
    /// If there is no session to go on with, the agent is told of the rest.
    pub told: bool,
    pub outcome: Outcome,
    /// Why it ended, in words.
    pub why: String,
    /// The latest that was said.
    pub text: String,
    pub files: Vec<FileChange>,
}

/// What is there for `attempt` to take up; none where it follows nothing.
pub fn left_by(state: &State, attempt: &Attempt) -> Option<Left> {
    let Follows { attempt: number, told } = attempt.follows?;
    let last = state.attempts.get(&attempt.agent.attempt(number))?;
    let result = last.result.as_ref()?;
    // An attempt may have ended before it came to its session, or to a word.
    let at_item: Vec<&Attempt> = (1..=number)
        .rev()
        .filter_map(|n| state.attempts.get(&attempt.agent.attempt(n)))
        .take_while(|earlier| earlier.index == attempt.index)
        .collect();
    // Where no call was paid for nothing was done: some agents keep no such session.
    let began = |earlier: &Attempt| !(earlier.unpaid && earlier.tokens == Tokens::default());
    let session = |earlier: &&Attempt| {
        let named = earlier.session.clone().filter(|_| began(earlier))?;
        Some((earlier.id.clone(), named))
    };
    let answered = |earlier: &&&Attempt| earlier.calls > 0 && began(earlier);
    let results = || at_item.iter().filter_map(|earlier| earlier.result.as_ref());
    let text = results().map(|result| &result.text).find(|text| !text.trim().is_empty());
    Some(Left {
        number,
        session: at_item.iter().find_map(session),
        began: at_item.iter().find(answered).map(|earlier| earlier.id.clone()),
        told,
        outcome: result.outcome,
        why: if result.error.is_empty() { &result.stop_reason } else { &result.error }.clone(),
        text: text.cloned().unwrap_or_default(),
        files: results().find_map(|result| result.files.clone()).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use crate::{
        core::{Effect, Input, Timer, Wish, left_by, tests::*},
        model::*,
    };

    fn retried(bench: &mut Bench, model: Option<&str>) {
        let model = model.map(str::to_owned);
        bench.ask(Command::RetryAgent { agent: "ag-01".into(), model }).unwrap();
    }

    fn left(bench: &Bench, attempt: &str) -> Option<super::Left> {
        left_by(&bench.state, &bench.state.attempts[attempt])
    }

    fn named(bench: &mut Bench, attempt: &str, session: &str) {
        let session = session.to_owned();
        bench.feed(Input::Session { attempt: attempt.into(), session }).unwrap();
    }

    #[test]
    fn a_retry_by_hand_goes_on_with_the_latest_session_on_the_model_asked_for() {
        let mut bench = Bench::default();
        bench.create(spec(), 1);
        assert_eq!(left(&bench, "ag-01-1"), None);
        named(&mut bench, "ag-01-1", "s-1");
        bench.ended("ag-01-1", Outcome::Failed);
        retried(&mut bench, Some("m-2"));
        assert_eq!(bench.agent("ag-01").model, "m-2");
        let session = Some(("ag-01-1".into(), "s-1".to_owned()));
        let taken = left(&bench, "ag-01-2").unwrap();
        assert_eq!((taken.number, &taken.session, taken.told), (1, &session, true));
        assert_eq!((taken.outcome, taken.why.as_str()), (Outcome::Failed, "exit"));
        // The second ended before it had a session of its own; the model stays.
        bench.ended("ag-01-2", Outcome::Failed);
        retried(&mut bench, None);
        let taken = left(&bench, "ag-01-3").unwrap();
        assert_eq!((taken.number, taken.session), (2, session));
        assert_eq!(bench.agent("ag-01").model, "m-2");
        assert!(bench.ask(Command::RetryAgent { agent: "ag-01".into(), model: None }).is_err());
    }

    #[test]
    fn a_session_in_which_no_call_was_paid_is_none() {
        let mut bench = Bench::default();
        bench.create(SwarmSpec { budget: Some("$1".to_owned()), ..spec() }, 1);
        named(&mut bench, "ag-01-1", "s-1");
        let bound = Micros(2_000_000);
        let bound = Ok(Bound { least: bound, usual: bound, most: bound });
        let wish = Box::new(Wish {
            provider: "p".to_owned(),
            model: "m".to_owned(),
            bound,
            tokens: Err(String::new()),
            known: Budget::default(),
            notional: false,
        });
        bench.feed(Input::Reserve { attempt: "ag-01-1".into(), wish, last: true }).unwrap();
        bench.ended("ag-01-1", Outcome::Failed);
        assert_eq!(bench.agent("ag-01").state, AgentState::Paused);
        let change = BudgetChange::TopUp(Budget::of_dollars(Micros(4_000_000)));
        bench
            .ask(Command::SetBudget { account: "sw-1".parse().unwrap(), change, seen: None })
            .unwrap();
        assert_eq!(left(&bench, "ag-01-2").unwrap().session, None);
    }

    #[test]
    fn an_empty_model_is_refused() {
        let mut bench = Bench::default();
        bench.create(spec(), 1);
        bench.ended("ag-01-1", Outcome::Failed);
        let model = Some(" ".to_owned());
        let refused = bench.ask(Command::RetryAgent { agent: "ag-01".into(), model });
        assert_eq!(refused.unwrap_err().code, RefusalCode::Invalid);
    }

    #[test]
    fn a_retry_by_itself_goes_on_only_after_what_cut_it_off() {
        for (reason, goes_on) in [
            ("overloaded", true),
            ("check", true),
            ("timeout", true),
            ("error", false),
            ("exit", false),
        ] {
            let mut bench = Bench::default();
            bench.create(SwarmSpec { retries: 1, ..spec() }, 1);
            named(&mut bench, "ag-01-1", "s-1");
            let result =
                AttemptResult { stop_reason: reason.to_owned(), ..result(Outcome::Failed) };
            let (attempt, exit, result) = ("ag-01-1".into(), None, Box::new(result));
            bench.feed(Input::Ended { attempt, n: 1, bytes: 1, exit, result }).unwrap();
            let number = 2;
            bench.feed(Input::Due(Timer::Retry { agent: "ag-01".into(), number })).unwrap();
            let launched = |e: &Effect| *e == Effect::Launch { attempt: "ag-01-2".into() };
            assert!(bench.effects.iter().any(launched), "{reason}");
            let told = left(&bench, "ag-01-2").map(|left| left.told);
            assert_eq!(told, goes_on.then_some(false), "{reason}");
        }
    }

    #[test]
    fn another_item_has_nothing_to_do_with_it() {
        let mut bench = Bench::default();
        bench.create(queue(2), 1);
        named(&mut bench, "ag-01-1", "s-1");
        bench.ended("ag-01-1", Outcome::Done);
        assert_eq!(left(&bench, "ag-01-2"), None);
        bench.ended("ag-01-2", Outcome::Failed);
        retried(&mut bench, None);
        assert_eq!(left(&bench, "ag-01-3").unwrap().session, None);
    }
}
