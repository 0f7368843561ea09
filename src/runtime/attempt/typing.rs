//! What is typed into an attempt on somebody's behalf: text, and the answers to its own
//! permission prompts.

use super::{
    super::{
        prompt,
        world::{Seen, Typed},
    },
    Keeping, LinkWriter,
};
use crate::{
    agents::Observation,
    core::{self, Input, Reply, Standing, is_prompt},
    model::{ApprovalId, Signal, Source, Stamp},
    protocol::keeper::{FactKind, ToKeeper},
};
use std::{io, time::Duration};
use tokio::{sync::oneshot, time::Instant};

/// A prompt whose hook says what it asks is told without that after so long.
const HOOK_TIME: Duration = Duration::from_secs(2);

/// What a keeper tells a core that has taken it over, most of it once more.
pub(super) struct ToldAgain {
    latest: Option<(FactKind, Stamp)>,
    /// When an earlier core heard of the prompt that stands.
    prompt_at: Option<Stamp>,
}

/// An answer as [`Order::Answer`](super::Order::Answer) has it.
pub(super) struct Answer {
    pub approval: ApprovalId,
    pub seen: Seen,
    pub rows: Vec<String>,
    pub keys: Vec<u8>,
}

impl Keeping {
    /// What an earlier core knew and this one goes on with.
    pub(super) async fn take_over(&mut self) -> Option<Standing> {
        let of = self.id.clone();
        let standing = self.world.read(move |state| core::standing_prompt(state, &of)).await;
        let standing = standing.ok().flatten();
        self.prompt = standing.clone().and_then(|shown| Some((shown.approval?, shown.signal)));
        self.remember_hooks().await;
        let asked = self.prompt.as_ref().and_then(|(_, signal)| signal.detail.split_once(": "));
        if let Some((_, asked)) = asked {
            let asked = asked.to_owned();
            self.watcher.expect_prompt(asked);
        }
        let prompt_at = standing.as_ref().and_then(|shown| shown.since);
        self.told_again = Some(ToldAgain { latest: None, prompt_at });
        standing
    }

    /// Nobody was asked about the prompt that an earlier core saw, or its answer was not typed:
    /// that core died in between, or nobody could type until now.
    pub(super) async fn mind_prompt(&mut self, standing: Option<Standing>) {
        let Some(Standing { signal, approval, verdict, .. }) = standing else { return };
        match (approval, verdict) {
            (None, _) => self.prompted(signal).await,
            (Some(_), None) => {}
            (Some(approval), Some(verdict)) => {
                let (world, id) = (self.world.clone(), self.id.clone());
                tokio::spawn(async move { prompt::answer(&world, id, approval, verdict).await });
            }
        }
    }

    /// OSC 7501. Of what was said to an earlier core only the last word counts: the others
    /// would end, one after the other, what that core knew.
    pub(super) async fn status(&mut self, status: FactKind, at: Stamp) {
        match &mut self.told_again {
            Some(told) => told.latest = Some((status, at)),
            None => {
                // In the order in which they were said.
                self.say_unsaid().await;
                if self.awaits_hook(&status) {
                    self.unsaid = Some((status, Instant::now() + HOOK_TIME));
                    return;
                }
                let seen = self.seen_in(status);
                self.observe(seen).await;
            }
        }
    }

    pub(super) fn awaits_hook(&self, status: &FactKind) -> bool {
        let FactKind::Status { state, kind, message, .. } = status else { return false };
        self.watcher.awaits_hook(state, kind, message)
    }

    /// What its terminal said of a prompt: its hook has told the rest by now, or does not.
    pub(super) async fn say_unsaid(&mut self) {
        let Some((status, _)) = self.unsaid.take() else { return };
        let seen = self.seen_in(status);
        self.observe(seen).await;
    }

    fn seen_in(&mut self, status: FactKind) -> Vec<Observation> {
        let FactKind::Status { state, kind, message, progress } = status else { return Vec::new() };
        self.watcher.status(&state, &kind, &message, progress)
    }

    /// All that the keeper kept has come.
    pub(super) async fn caught_up(&mut self) {
        let Some(ToldAgain { latest: Some((status, at)), prompt_at }) = self.told_again.take()
        else {
            return;
        };
        let known = self.prompt.as_ref().map(|(_, signal)| signal.source).zip(prompt_at);
        let seen = unheard(self.seen_in(status), at, known);
        self.observe(seen).await;
    }

    /// The agent shows a permission prompt.
    pub(super) async fn prompted(&mut self, signal: Signal) {
        let prompted = Input::Prompted {
            attempt: self.id.clone(),
            signal: signal.clone(),
            answerable: self.answerable,
            needs: self.world.approvers(),
        };
        if let Ok(Some(Reply::Approval(id))) = self.world.feed(prompted).await {
            self.prompt = Some((id, signal));
        }
    }

    /// The agent says, by `signal`, that it shows none; a weaker source says nothing of it.
    pub(super) fn no_prompt(&mut self, signal: &Signal) {
        let own = |source| matches!(source, Source::Hook | Source::Osc7501);
        let over = |known: Source| signal.source <= known || own(signal.source) && own(known);
        if self.prompt.as_ref().is_some_and(|(_, prompt)| over(prompt.source)) {
            self.prompt = None;
        }
    }

    /// The prompt that was answered is there still, or another in its place.
    pub(super) async fn ask_again(&mut self, answered: &ApprovalId) {
        let Some((_, signal)) = self.prompt.take_if(|(shown, _)| shown == answered) else { return };
        let next = self.watcher.next_prompt();
        if next.is_empty() {
            self.prompted(signal).await;
        } else {
            self.observe(next).await;
        }
    }

    pub(super) async fn type_text(
        &self,
        text: String,
        then: Vec<u8>,
        writer: &mut LinkWriter,
    ) -> io::Result<()> {
        if self.types {
            return writer.control(&ToKeeper::Type { text, then }).await;
        }
        writer.bytes(&[text.into_bytes(), then].concat()).await
    }

    pub(super) async fn answer_prompt(
        &mut self,
        answer: Answer,
        done: oneshot::Sender<Typed>,
        writer: &mut LinkWriter,
    ) -> io::Result<()> {
        let Answer { approval, seen, rows, keys } = answer;
        if self.prompt.as_ref().is_none_or(|(shown, _)| *shown != approval) {
            // Whoever asked has gone when this fails.
            let _ = done.send(Typed::Gone);
            return Ok(());
        }
        if !self.types {
            // A keeper of an older build types whatever it is given.
            let _ = done.send(Typed::Yes);
            return writer.bytes(&keys).await;
        }
        self.screens_asked += 1;
        let id = self.screens_asked;
        self.answers.retain(|_, asker| !asker.is_closed());
        self.answers.insert(id, done);
        let (facts, activity) = (self.fact_n, seen.activity);
        writer.control(&ToKeeper::Answer { id, facts, activity, rows, keys }).await
    }
}

/// Of what was said `at` that time, what no earlier core has heard: `known` is the source of the
/// prompt that stands, and when one heard of it. That prompt is known, and perhaps answered.
fn unheard(
    mut seen: Vec<Observation>,
    at: Stamp,
    known: Option<(Source, Stamp)>,
) -> Vec<Observation> {
    let is_known = |signal: &Signal| {
        is_prompt(signal)
            && known.is_some_and(|(source, heard)| signal.source == source && at <= heard)
    };
    seen.retain(|one| !matches!(one, Observation::Signal(signal) if is_known(signal)));
    seen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::AgentState;

    fn says(source: Source, state: AgentState, reason: &str) -> Vec<Observation> {
        let (reason, detail) = (reason.to_owned(), "blocked: Bash: rm -rf x".to_owned());
        vec![Observation::Signal(Signal { source, state, reason, detail, progress: None })]
    }

    #[test]
    fn a_prompt_that_is_told_once_more_is_known_by_its_time() {
        let prompt = says(Source::Osc7501, AgentState::Waiting, "permission");
        let known = Some((Source::Osc7501, Stamp(70)));
        // The earlier core heard of it at the moment that it was said, or later.
        for said in [Stamp(69), Stamp(70)] {
            assert_eq!(unheard(prompt.clone(), said, known), []);
        }
        let all = |at, known| unheard(prompt.clone(), Stamp(at), known) == prompt;
        assert!(all(71, known), "another prompt, of the same words");
        assert!(all(69, None), "no earlier core has heard of any");
        assert!(all(69, Some((Source::Screen, Stamp(70)))), "that one was seen by another way");
        for (state, reason) in [(AgentState::Working, ""), (AgentState::Waiting, "input")] {
            let word = says(Source::Osc7501, state, reason);
            assert_eq!(unheard(word.clone(), Stamp(69), known), word, "{reason}");
        }
    }
}
