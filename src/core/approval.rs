//! Approvals: who asks, who may answer, for how long an answer stands.
//!
//! Only users answer. An agent answers for nobody: not for itself, not for its kin (a child
//! that approves its parent's wish would be the parent approving itself), and over strangers
//! it has no rights. Nobody's silence approves: what is not answered in time is denied.

mod key;
mod prompt;
mod record;

use super::{
    breaker,
    decide::live,
    explain::state_by_signals,
    state::{Attempt, State},
    step::{Decision, Draft, Effect, Reply, Timer},
};
use crate::model::{
    Actor, AgentId, AgentState, Approval, ApprovalAnswer, ApprovalId, ApprovalState, AttemptId,
    Event, Question, Reach, Refusal, RefusalCode, Remember, Remembered, Resolution, Stamp,
};
pub use key::KEY_MISSING;
pub(super) use key::settle;
pub(super) use prompt::{Raise, prompt_gone, prompted};
pub use prompt::{Standing, asks_first, is_prompt, shows_prompt, standing_prompt, takes_text};
pub(super) use record::{apply, forget_swarm};

/// Why an agent waits that an open question holds.
pub(super) const REASON: &str = "approval";
/// Questions of one attempt that may wait at once.
const MOST_OPEN: usize = 32;
/// Names under which one question may be asked.
const MOST_KEYS: usize = 64;

/// A question, as whoever holds something asks it.
#[derive(Clone, Debug, PartialEq)]
pub struct Ask {
    /// Names it within its attempt: asked again under it, it is the same question, and has
    /// the same answer.
    pub key: String,
    pub question: Question,
    /// The rule that asks, or the reason.
    pub why: String,
    /// How many users must approve.
    pub needs: u32,
    /// Denied after so long; none: it waits as long as its attempt lives.
    pub timeout_ms: Option<u64>,
}

/// An answer, as a user gives it.
pub(super) struct Wish {
    pub verdict: Resolution,
    pub remember: Remember,
    pub note: String,
}

/// True if a question other than `but` holds the attempt.
pub(super) fn held(state: &State, attempt: &AttemptId, but: Option<&ApprovalId>) -> bool {
    let mut open = state.open_approvals();
    open.any(|open| open.attempt == *attempt && open.question.holds() && Some(&open.id) != but)
}

/// What an open approval needs of the runtime, also of one that takes over.
pub(super) fn waits(approval: &Approval) -> Vec<Effect> {
    let timer = Timer::Approval { approval: approval.id.clone() };
    let timer = approval.expires_at.map(|at| Effect::SetTimer { at, timer });
    let notify = Effect::Notify { approval: approval.id.clone() };
    timer.into_iter().chain([notify]).collect()
}

pub(super) fn asked(
    state: &State,
    now: Stamp,
    attempt: &AttemptId,
    ask: Ask,
) -> Result<Decision, Refusal> {
    let over = || Refusal::new(RefusalCode::Conflict, format!("attempt {attempt} is over"));
    let attempt = live(state, attempt).filter(|attempt| attempt.stop.is_none()).ok_or_else(over)?;
    let mut own = state.approvals.values().filter(|known| known.attempt == attempt.id);
    let reply = |id: &ApprovalId| Some(Reply::Approval(id.clone()));
    if let Some(known) = own.clone().find(|known| known.keys.contains(&ask.key)) {
        if known.question != ask.question {
            let why = format!("something else was asked under this key: {}", known.id);
            return Err(
                Refusal::new(RefusalCode::Conflict, why).hinted("a new question needs a new key")
            );
        }
        return Ok(Decision { reply: reply(&known.id), ..Decision::default() });
    }
    let too_many = |what: &str| Err(Refusal::new(RefusalCode::Conflict, what));
    if let Some(same) = own.clone().find(|open| open.is_open() && open.question == ask.question) {
        if same.keys.len() >= MOST_KEYS {
            return too_many("this question was asked under too many keys already");
        }
        let joined = Event::ApprovalJoined { approval: same.id.clone(), key: ask.key };
        let events = vec![Draft::attempt(attempt, joined)];
        return Ok(Decision { events, reply: reply(&same.id), ..Decision::default() });
    }
    if own.by_ref().filter(|open| open.is_open()).count() >= MOST_OPEN {
        return too_many("too many questions of this attempt wait already");
    }
    let mut decision = Decision::default();
    let id = raise(state, now, attempt, ask, &mut decision);
    decision.reply = Some(Reply::Approval(id));
    Ok(decision)
}

/// A new approval; answered at once where an answer is remembered.
fn raise(
    state: &State,
    now: Stamp,
    attempt: &Attempt,
    ask: Ask,
    decision: &mut Decision,
) -> ApprovalId {
    let Ask { key, question, why, needs, timeout_ms } = ask;
    let mut approval = Approval {
        id: ApprovalId::numbered(state.approvals_made + 1),
        swarm: attempt.swarm.clone(),
        agent: attempt.agent.clone(),
        attempt: attempt.id.clone(),
        question,
        why,
        keys: vec![key],
        asked_at: now,
        expires_at: timeout_ms.map(|ms| now.plus_ms(ms)),
        needs: needs.max(1),
        answers: Vec::new(),
        state: ApprovalState::Open,
        ended_at: None,
        remember: Remember::Once,
        note: String::new(),
        recalled: None,
    };
    let id = approval.id.clone();
    let earlier = recall(state, &approval);
    approval.recalled = earlier.map(|known| known.approval.clone());
    let holds = approval.question.holds();
    let effects = if earlier.is_none() { waits(&approval) } else { Vec::new() };
    let asked = Event::ApprovalAsked { approval: Box::new(approval) };
    decision.events.push(Draft::attempt(attempt, asked));
    decision.effects.extend(effects);
    match earlier {
        Some(Remembered { approval: earlier, verdict, .. }) => {
            let (approval, earlier, verdict) = (id.clone(), earlier.clone(), *verdict);
            let recalled = Event::ApprovalRecalled { approval, earlier, verdict };
            decision.events.push(Draft::attempt(attempt, recalled));
        }
        None if holds => {
            enter(state, attempt, (AgentState::Waiting, REASON.to_owned()), decision);
        }
        None => {}
    }
    id
}

/// The remembered answer that a question gets; of several a denial.
fn recall<'a>(state: &'a State, approval: &Approval) -> Option<&'a Remembered> {
    let reaches = |reach: &Reach| match reach {
        Reach::Agent(agent) => *agent == approval.agent,
        Reach::Swarm(swarm) => *swarm == approval.swarm,
        Reach::Always => true,
    };
    let fits = |known: &&Remembered| {
        let enough = known.verdict == Resolution::Deny || known.eyes >= approval.needs;
        enough && reaches(&known.reach) && known.subject.covers(&approval.question)
    };
    let mut fitting = state.remembered.iter().filter(fits);
    let first = fitting.next()?;
    let denial =
        std::iter::once(first).chain(fitting).find(|known| known.verdict == Resolution::Deny);
    Some(denial.unwrap_or(first))
}

fn enter(
    state: &State,
    attempt: &Attempt,
    (to, reason): (AgentState, String),
    decision: &mut Decision,
) {
    let agent = state.agents.get(&attempt.agent);
    let changed = agent.is_some_and(|agent| (agent.state, &agent.reason) != (to, &reason));
    if changed && attempt.held_for().is_none() {
        let changed = Event::StateChanged { state: to, reason };
        decision.events.push(Draft::attempt(attempt, changed));
    }
}

/// Lets the agent go on where `over` was the last question that held it.
fn release(state: &State, over: &Approval, decision: &mut Decision) {
    let Some(attempt) = live(state, &over.attempt) else { return };
    if over.question.holds() && !held(state, &attempt.id, Some(&over.id)) {
        enter(state, attempt, state_by_signals(attempt), decision);
    }
}

fn draft(approval: &Approval, event: Event) -> Draft {
    Draft {
        attempt: Some(approval.attempt.clone()),
        ..Draft::agent(&approval.swarm, &approval.agent, event)
    }
}

fn users_only(by: &Actor) -> Result<(), Refusal> {
    match by {
        Actor::User(_) => Ok(()),
        Actor::Agent(agent) => {
            let why = format!("agent {agent} cannot answer approvals: no agent can");
            Err(Refusal::new(RefusalCode::Forbidden, why)
                .hinted("a person or the primary model answers them, outside"))
        }
        Actor::Core => Err(Refusal::new(RefusalCode::Forbidden, "only users answer approvals")),
    }
}

pub(super) fn answered(
    state: &State,
    by: Actor,
    id: &ApprovalId,
    wish: Wish,
) -> Result<Decision, Refusal> {
    users_only(&by)?;
    let none = || Refusal::new(RefusalCode::NotFound, format!("no approval {id}"));
    let approval = state.approvals.get(id).ok_or_else(|| none().hinted("dash inbox --all"))?;
    if let Some(word) = how_it_ended(approval) {
        return Err(Refusal::new(RefusalCode::Conflict, format!("{id} {word} already")));
    }
    if let Some(elsewhere) = approval.question.elsewhere(&approval.agent) {
        let why = match approval.question {
            Question::Key { .. } => format!("{id} has no answer: {}", approval.question.text()),
            _ => format!(
                "the adapter of {} does not say how its prompts are answered",
                approval.agent
            ),
        };
        return Err(Refusal::new(RefusalCode::Conflict, why).hinted(elsewhere));
    }
    if wish.remember != Remember::Once && approval.question.subject().is_none() {
        let why = format!(
            "an answer to a question of kind {} cannot be remembered",
            approval.question.kind()
        );
        return Err(Refusal::new(RefusalCode::Invalid, why).hinted("answer it once"));
    }
    let same = |answer: &&ApprovalAnswer| by.is_same(&answer.by);
    if approval.answers.iter().filter(same).any(|answer| answer.verdict == wish.verdict) {
        let why = format!("{by} has approved {id} already; it needs {} users", approval.needs);
        return Err(Refusal::new(RefusalCode::Conflict, why).hinted(
            "another person answers, under another $DASH_ACTOR; names are taken at their \
                 word, so this is cooperation among people of one user account, and no lock",
        ));
    }
    let Wish { verdict, remember, note } = wish;
    let mut decision = Decision { reply: Some(Reply::Done), ..Decision::default() };
    let answered = Event::ApprovalAnswered { approval: id.clone(), by, verdict, remember, note };
    decision.events.push(draft(approval, answered));
    let last = match verdict {
        Resolution::Deny => true,
        Resolution::Approve => approval.answers.len() + 1 >= approval.needs as usize,
    };
    if last {
        release(state, approval, &mut decision);
        match approval.question {
            Question::Prompt { .. } => {
                let (attempt, approval) = (approval.attempt.clone(), id.clone());
                decision.effects.push(Effect::AnswerPrompt { attempt, approval, verdict });
            }
            Question::Branch { .. } => {
                breaker::answered(state, &approval.agent, verdict, &mut decision);
            }
            Question::Command { .. }
            | Question::Network { .. }
            | Question::Escalation { .. }
            | Question::Key { .. } => {}
        }
    }
    Ok(decision)
}

/// `was approved by user ann`; none while it is open.
fn how_it_ended(approval: &Approval) -> Option<String> {
    let word = match (approval.state, &approval.recalled) {
        (ApprovalState::Open, _) => return None,
        (ApprovalState::Expired, _) => "has expired, and so was denied".to_owned(),
        (ApprovalState::Withdrawn, _) => "was withdrawn".to_owned(),
        (state, Some(earlier)) => format!("was {state} as {earlier} was"),
        (state, None) => format!("was {state} by {}", approval.by()),
    };
    Some(word)
}

pub(super) fn forget(state: &State, by: Actor, number: u64) -> Result<Decision, Refusal> {
    users_only(&by)?;
    if !state.remembered.iter().any(|known| known.number == number) {
        let why = format!("no remembered answer has the number {number}");
        return Err(Refusal::new(RefusalCode::NotFound, why).hinted("dash inbox --remembered"));
    }
    let forgotten = Event::AnswerForgotten { number, by };
    let draft = Draft { swarm: None, agent: None, attempt: None, event: forgotten };
    Ok(Decision { events: vec![draft], reply: Some(Reply::Done), ..Decision::default() })
}

pub(super) fn expired(state: &State, id: &ApprovalId, decision: &mut Decision) {
    let Some(approval) = state.approvals.get(id).filter(|approval| approval.is_open()) else {
        return;
    };
    decision.events.push(draft(approval, Event::ApprovalExpired { approval: id.clone() }));
    release(state, approval, decision);
}

fn withdraw(approval: &Approval, why: &str, decision: &mut Decision) {
    let gone = Event::ApprovalWithdrawn { approval: approval.id.clone(), why: why.to_owned() };
    decision.events.push(draft(approval, gone));
}

/// Whoever asked last, under `key`, has gone; those who asked the same before it, too.
pub(super) fn unasked(state: &State, attempt: &AttemptId, key: &str, decision: &mut Decision) {
    let mut own = state.open_approvals().filter(|open| open.attempt == *attempt);
    if let Some(open) = own.find(|open| open.keys.last().is_some_and(|last| last == key)) {
        withdraw(open, "the command was given up", decision);
        release(state, open, decision);
    }
}

/// The attempt has ended: nobody waits for its answers any more.
pub(super) fn withdraw_all(state: &State, attempt: &Attempt, decision: &mut Decision) {
    for approval in state.open_approvals().filter(|open| open.attempt == attempt.id) {
        withdraw(approval, "its attempt ended", decision);
    }
}

/// Asks about a branch that is held, once an attempt of its top: with the branch held still,
/// its next attempt asks again. A denial stops what is below it and leaves it held.
pub(super) fn branch_held(
    state: &State,
    attempt: &Attempt,
    (text, why): (String, String),
    decision: &mut Decision,
) {
    let branch = |known: &&Approval| matches!(known.question, Question::Branch { .. });
    let mut own = state.approvals.values().filter(|known| known.attempt == attempt.id);
    // Resumed and held again: that is another question.
    if own.any(|known| {
        branch(&known) && !matches!(known.state, ApprovalState::Approved | ApprovalState::Withdrawn)
    }) {
        return;
    }
    let key = format!("branch {}", state.approvals_made + 1);
    let question = Question::Branch { text };
    let ask = Ask { key, question, why, needs: 1, timeout_ms: None };
    let now = state.agents.get(&attempt.agent).and_then(|agent| agent.failures.last().copied());
    raise(state, now.unwrap_or(attempt.planned_at), attempt, ask, decision);
}

/// The branch goes on, by whomever.
pub(super) fn branch_resumed(state: &State, top: &AgentId, decision: &mut Decision) {
    let branch = |open: &&Approval| matches!(open.question, Question::Branch { .. });
    for open in state.open_approvals().filter(branch).filter(|open| open.agent == *top) {
        withdraw(open, "its branch was resumed", decision);
    }
}

#[cfg(test)]
mod tests;
