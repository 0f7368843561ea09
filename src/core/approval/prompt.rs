//! Permission prompts that agents show on their own screens, as approvals.

use super::{
    super::{
        decide::live,
        explain,
        state::{Attempt, State},
        step::{Decision, Reply},
    },
    Ask, raise, withdraw,
};
use crate::model::{
    AgentId, AgentState, Approval, ApprovalId, ApprovalState, AttemptId, Question, Resolution,
    Signal, Source, Stamp,
};

/// What an agent's signals call a permission prompt of its own.
const PERMISSION: &str = "permission";

/// A permission prompt that an agent shows.
pub struct Raise {
    pub signal: Signal,
    pub answerable: bool,
    pub needs: u32,
}

/// True for the signal of an agent that shows a permission prompt.
pub fn is_prompt(signal: &Signal) -> bool {
    signal.state == AgentState::Waiting && signal.reason == PERMISSION
}

/// The prompt that an attempt shows.
fn shown(attempt: &Attempt) -> Option<&Signal> {
    explain::shown(attempt).filter(|signal| is_prompt(signal))
}

fn open_prompts<'a>(
    state: &'a State,
    attempt: &'a AttemptId,
) -> impl Iterator<Item = &'a Approval> {
    let prompt = |open: &&Approval| matches!(open.question, Question::Prompt { .. });
    state.open_approvals().filter(move |open| open.attempt == *attempt).filter(prompt)
}

/// Withdraws the prompt that `after`, an attempt with its newest signal, shows no longer.
pub fn prompt_gone(state: &State, after: &Attempt, decision: &mut Decision) {
    if shown(after).is_none() {
        for open in open_prompts(state, &after.id) {
            withdraw(open, "its prompt is gone", decision);
        }
    }
}

/// Raises the prompt that an agent shows as an approval.
pub fn prompted(
    state: &State,
    now: Stamp,
    attempt: &Attempt,
    raised: &Raise,
    decision: &mut Decision,
) {
    let Raise { signal, answerable, needs } = raised;
    let mut after = attempt.clone();
    explain::renew(&mut after, signal);
    if shown(&after) != Some(signal) {
        return;
    }
    let text = signal.detail.split_once(": ").map_or("", |(_, text)| text);
    let text = if text.is_empty() { "it asks for permission" } else { text }.to_owned();
    let question = Question::Prompt { text, answerable: *answerable };
    for open in open_prompts(state, &attempt.id) {
        if open.question == question {
            decision.reply = Some(Reply::Approval(open.id.clone()));
            return;
        }
        withdraw(open, "another prompt is shown", decision);
    }
    let key = format!("prompt {}", state.approvals_made + 1);
    let why = "the agent's own prompt".to_owned();
    let ask = Ask { key, question, why, needs: *needs, timeout_ms: None };
    let id = raise(state, now, attempt, ask, decision);
    decision.reply = Some(Reply::Approval(id));
}

/// The prompt that an attempt shows, as a core that finds it needs to know it.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    pub signal: Signal,
    /// The approval that asks about it; none: nobody was asked yet.
    pub approval: Option<ApprovalId>,
    /// Answered, and perhaps not typed: a core may have died between the two.
    pub verdict: Option<Resolution>,
    /// When it was heard of.
    pub since: Option<Stamp>,
}

/// False of an agent on its own screen that has not shown a line to type into yet: what is typed
/// before it draws its first screen is lost to it, or stands there without an Enter.
pub fn takes_text(state: &State, agent: &AgentId) -> bool {
    let Some(agent) = state.agents.get(agent).filter(|agent| agent.grant.interactive) else {
        return true;
    };
    let own = |source| {
        matches!(source, Source::Hook | Source::Osc7501 | Source::Terminal | Source::Screen)
    };
    let attempt = agent.latest.as_ref().and_then(|id| state.attempts.get(id));
    // Its rows alone show what it asks before all else, as Codex does.
    let asks = |signal: &Signal| signal.source == Source::Screen && is_prompt(signal);
    let other = |signal: &Signal| own(signal.source) && !asks(signal);
    attempt.is_none_or(|attempt| attempt.signals.iter().any(|(signal, _)| other(signal)))
}

/// The question that an agent asks before it has shown anything else: text for it would answer
/// that, in a way that nobody chose.
pub fn asks_first(state: &State, agent: &AgentId) -> Option<ApprovalId> {
    let attempt = state.agents.get(agent)?.latest.as_ref()?;
    let open = open_prompts(state, attempt).next()?;
    (!takes_text(state, agent)).then(|| open.id.clone())
}

/// What stands on an attempt's screen.
pub fn standing_prompt(state: &State, attempt: &AttemptId) -> Option<Standing> {
    let live = live(state, attempt)?;
    let signal = shown(live)?.clone();
    let since = live.signals.iter().find(|(known, _)| *known == signal).map(|(_, at)| *at);
    let own = |known: &&Approval| {
        known.attempt == *attempt && matches!(known.question, Question::Prompt { .. })
    };
    let newest = state.approvals.values().filter(own).max_by_key(|known| known.id.number());
    let about = newest.filter(|known| asks_about(known, since));
    let verdict = about.and_then(|known| known.state.verdict());
    Some(Standing { signal, approval: about.map(|known| known.id.clone()), verdict, since })
}

/// True unless it was over before the prompt came up, or by itself.
fn asks_about(known: &Approval, since: Option<Stamp>) -> bool {
    match known.state {
        ApprovalState::Open => true,
        ApprovalState::Approved | ApprovalState::Denied => known.ended_at >= since,
        ApprovalState::Expired | ApprovalState::Withdrawn => false,
    }
}

/// True while an attempt shows a permission prompt.
pub fn shows_prompt(state: &State, attempt: &AttemptId) -> bool {
    live(state, attempt).and_then(shown).is_some()
}

#[cfg(test)]
mod tests;
