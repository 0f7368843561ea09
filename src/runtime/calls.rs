//! Whose model calls are in flight now, and since when it has been so. The state does not know it
//! of every attempt: a word for each call would fill the journal.

use super::clock;
use crate::{
    gateway::Traffic,
    model::{AgentState, AttemptId, ExplainedSignal, Explanation, Source, Stamp},
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

#[derive(Clone, Default)]
pub struct Calls(Arc<Mutex<HashMap<AttemptId, (Stage, Stamp)>>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Asked,
    Answering,
    Quiet,
}

impl Calls {
    pub fn in_flight(&self, attempt: &AttemptId) -> bool {
        self.all().get(attempt).is_some_and(|(stage, _)| *stage != Stage::Quiet)
    }

    fn all(&self) -> MutexGuard<'_, HashMap<AttemptId, (Stage, Stamp)>> {
        // The table is whole between any two operations on it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn note(&self, attempt: &AttemptId, traffic: &Traffic) {
        let stage = match traffic {
            Traffic::Asked => Stage::Asked,
            Traffic::Answering => Stage::Answering,
            Traffic::Quiet | Traffic::Troubled { .. } => Stage::Quiet,
            Traffic::Held { .. } | Traffic::Limited | Traffic::Queued => return,
        };
        self.all().insert(attempt.clone(), (stage, clock::now()));
    }

    /// Drops what was known of attempts that are gone.
    pub fn forget(&self, gone: &[AttemptId]) {
        self.all().retain(|attempt, _| !gone.contains(attempt));
    }

    /// With what the gateway knows at this moment in place of its last word in the state, where
    /// that was that a call is in flight.
    pub fn add_to(
        &self,
        mut known: Explanation,
        attempt: Option<&AttemptId>,
        over: bool,
    ) -> Explanation {
        let now = attempt.and_then(|attempt| self.all().get(attempt).copied());
        let gateway = |seen: &&mut ExplainedSignal| seen.signal.source == Source::Gateway;
        let plain = |seen: &&mut ExplainedSignal| {
            seen.signal.state == AgentState::Working && seen.signal.reason.is_empty()
        };
        if let Some(seen) = known.signals.iter_mut().find(gateway).filter(plain) {
            tell(seen, now, over, clock::now());
        }
        known
    }
}

/// `now`: none where this core has seen no call of the attempt: what an earlier one held is over.
fn tell(seen: &mut ExplainedSignal, now: Option<(Stage, Stamp)>, over: bool, clock: Stamp) {
    let (stage, since) = now.unwrap_or((Stage::Quiet, seen.at));
    let detail = match (stage, over) {
        (Stage::Asked, false) => "a model call is in flight",
        (Stage::Answering, false) => "a model call is in flight: its answer comes",
        // Whoever sees more of it says which.
        (Stage::Quiet, false) => "no model call is in flight: a tool runs, or it is silent",
        (Stage::Quiet, true) => "until its end: no model call was in flight",
        (Stage::Asked | Stage::Answering, true) => "until its end: a model call was in flight",
    };
    seen.signal.detail = detail.to_owned();
    // Where nobody says more, that it called its model makes it work.
    if stage == Stage::Quiet && !seen.decided {
        seen.signal.state = AgentState::Idle;
    }
    (seen.at, seen.age_ms) = (since, clock.ms_since(since));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Signal;

    #[test]
    fn a_call_is_told_as_it_is_at_this_moment() {
        let calls = Calls::default();
        let attempt: AttemptId = "ag-01-1".into();
        let told = |decided, over| {
            let signal = Signal {
                source: Source::Gateway,
                state: AgentState::Working,
                reason: String::new(),
                detail: "a model call is in flight".to_owned(),
                progress: None,
            };
            let seen = ExplainedSignal { signal, at: Stamp(0), age_ms: 9, decided };
            let known = Explanation {
                agent: "ag-01".into(),
                state: AgentState::Working,
                reason: String::new(),
                since: Stamp(0),
                held: None,
                signals: vec![seen],
                scope: String::new(),
                narrowed: Vec::new(),
                shared: String::new(),
            };
            let seen = calls.add_to(known, Some(&attempt), over).signals.remove(0);
            (seen.signal.state, seen.signal.detail, seen.at > Stamp(0))
        };
        let quiet = "no model call is in flight: a tool runs, or it is silent".to_owned();
        let flies = "a model call is in flight".to_owned();
        // An earlier core's.
        assert_eq!(told(false, false), (AgentState::Idle, quiet.clone(), false));
        calls.note(&attempt, &Traffic::Asked);
        assert_eq!(told(false, false), (AgentState::Working, flies.clone(), true));
        assert!(calls.in_flight(&attempt));
        calls.note(&attempt, &Traffic::Answering);
        assert_eq!(told(false, false).1, flies + ": its answer comes");
        calls.note(&attempt, &Traffic::Quiet);
        assert!(!calls.in_flight(&attempt));
        assert_eq!(told(false, false), (AgentState::Idle, quiet.clone(), true));
        assert_eq!(told(true, false), (AgentState::Working, quiet, true));
        assert_eq!(told(false, true).1, "until its end: no model call was in flight");
        calls.forget(std::slice::from_ref(&attempt));
        assert!(!told(false, false).2);
    }
}
