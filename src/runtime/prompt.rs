//! Answers an agent's own permission prompt by its own keys, on its own screen.
//!
//! Keys that come too late answer something else: the next prompt, or nobody. So the screen is
//! looked at first, and the keeper types only if that prompt still stands on it, the agent has
//! said nothing new and nobody has typed since. An agent may draw its prompt a while after it
//! says that it waits (Codex does, for a second after the last key): then it is waited for.

use super::{
    failpoint,
    world::{Order, Shared, Typed},
};
use crate::{
    core::{self, Input},
    model::{Actor, ApprovalId, AttemptId, Resolution},
};
use std::time::Duration;
use tokio::{
    sync::{mpsc, oneshot},
    time::sleep,
};

/// Between two looks at the screen.
const PAUSE: Duration = Duration::from_millis(200);
/// Looks for a prompt that is not drawn yet, or in front of which somebody types.
const LOOKS: u32 = 25;
/// So long, in pauses, the keys may take to make the prompt go.
const TO_GO: u32 = 10;
/// One that does not go is answered so often.
const TRIES: u32 = 3;

/// Types the answer. Where that cannot be done and the prompt is still there, it is asked
/// about anew.
pub async fn answer(world: &Shared, attempt: AttemptId, approval: ApprovalId, verdict: Resolution) {
    // Whoever adopts its keeper finds the answer, and comes here again.
    let Some(keeper) = world.keeper(&attempt) else { return };
    let Some(turn) = Turn::take(world, &approval) else { return };
    failpoint::reached("after-answer-before-keys");
    let answering = Answering { world, attempt: &attempt, approval: &approval, keeper: &keeper };
    let answered = answering.run(verdict).await;
    drop(turn);
    if answered.is_none() {
        // Its attempt ended meanwhile when this fails.
        let _ = keeper.send(Order::AskAgain { approval }).await;
    }
}

/// Two that type the same answer would answer the next prompt too.
struct Turn<'a>(&'a Shared, &'a ApprovalId);

impl<'a> Turn<'a> {
    fn take(world: &'a Shared, approval: &'a ApprovalId) -> Option<Self> {
        world.answering().insert(approval.clone()).then_some(Self(world, approval))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.answering().remove(self.1);
    }
}

struct Answering<'a> {
    world: &'a Shared,
    attempt: &'a AttemptId,
    approval: &'a ApprovalId,
    keeper: &'a mpsc::Sender<Order>,
}

impl Answering<'_> {
    /// None: it may still be shown.
    async fn run(&self, verdict: Resolution) -> Option<()> {
        let (of, approval) = (self.attempt.clone(), self.approval.clone());
        let found = self.world.read(move |state| {
            let agent = state.agents.get(&state.attempts.get(&of)?.agent)?;
            let asked = state.approvals.get(&approval)?.question.text();
            Some((agent.id.clone(), agent.adapter.clone(), asked))
        });
        let (agent, adapter, asked) = found.await.ok()??;
        let adapter = self.world.catalog().get(&adapter).cloned()?;
        adapter.answers_prompts().then_some(())?;
        let mut first: Option<Vec<String>> = None;
        let mut tries = 0;
        for _ in 0..LOOKS {
            let (done, seen) = oneshot::channel();
            self.keeper.send(Order::Screen(done)).await.ok()?;
            let seen = seen.await.unwrap_or_default();
            let Some((rows, keys)) = adapter.prompt_answer(&seen.screen.lines, &asked, verdict)
            else {
                sleep(PAUSE).await;
                continue;
            };
            if first.as_ref().is_some_and(|first| *first != rows) {
                // Another one has taken its place.
                return None;
            }
            match self.type_in(seen, &rows, keys).await? {
                Typed::Gone => return Some(()),
                Typed::NotYet => sleep(PAUSE).await,
                Typed::Yes => {
                    let (by, bytes) = (Actor::Core, keys.len() as u64);
                    self.world.tell(Input::Typed { by, agent: agent.clone(), bytes }).await;
                    if self.goes().await {
                        return Some(());
                    }
                    tries += 1;
                    if tries >= TRIES || rows.is_empty() {
                        return None;
                    }
                    first = Some(rows);
                }
            }
        }
        tracing::warn!(attempt = %self.attempt, approval = %self.approval,
            "its prompt is not on its screen as its adapter knows it: not answered");
        None
    }

    async fn type_in(
        &self,
        seen: super::world::Seen,
        rows: &[String],
        keys: &[u8],
    ) -> Option<Typed> {
        let (done, typed) = oneshot::channel();
        let answer = Order::Answer {
            approval: self.approval.clone(),
            seen,
            rows: rows.to_vec(),
            keys: keys.to_vec(),
            done,
        };
        self.keeper.send(answer).await.ok()?;
        typed.await.ok()
    }

    /// True once the agent shows no prompt any more.
    async fn goes(&self) -> bool {
        for _ in 0..TO_GO {
            sleep(PAUSE).await;
            let of = self.attempt.clone();
            match self.world.read(move |state| core::shows_prompt(state, &of)).await {
                Ok(true) => {}
                Ok(false) | Err(_) => return true,
            }
        }
        false
    }
}
