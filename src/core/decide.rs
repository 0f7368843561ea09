//! `decide`: what an input means. It reads the state and the time it is given, and answers
//! with events (to be journaled, then applied) and effects (to be run after that).

use super::{
    again, approval,
    audit::{self, Behind},
    delegate,
    explain::{self, signalled},
    ledger, pause, requests, resume,
    state::{Attempt, Phase, State},
    step::{Decision, Draft, Effect, Input, KeeperNews, Timer},
    unpaid,
};
use crate::model::{
    AgentState, AttemptId, AttemptResult, Command, Event, Exit, Outcome, Refusal, Signal, Source,
    Stamp,
};

/// States what `input` means at `now`.
///
/// # Errors
/// Only requests and questions are refused; anything else that no longer fits the state (a late answer,
/// a timer of an earlier attempt) means nothing and gives an empty decision.
pub fn decide(state: &State, now: Stamp, input: Input) -> Result<Decision, Refusal> {
    let behind = Behind::of(&input);
    let asked = audit::asked(&input);
    let mut decision = meaning(state, now, input)?;
    let asked = asked.map(|asked| audit::answered(state, asked, &decision));
    audit::record(&mut decision, &behind, asked);
    Ok(decision)
}

fn meaning(state: &State, now: Stamp, input: Input) -> Result<Decision, Refusal> {
    let mut decision = Decision::default();
    match input {
        Input::Start { epoch, pid, version } => {
            decision.events.push(Draft {
                swarm: None,
                agent: None,
                attempt: None,
                event: Event::CoreStarted { epoch, pid, version },
            });
            ledger::recover(state, &mut decision);
        }
        Input::Reserve { attempt, wish, last } => {
            return Ok(ledger::reserve(state, &attempt, &wish, last));
        }
        Input::PricesChanged => return Ok(unpaid::prices_changed(state)),
        // Who may answer is a rule; what others may was seen before.
        Input::Request {
            by,
            command: Command::Decide { approval, verdict, remember, note, uid: _ },
            ..
        } => {
            let answer = approval::Wish { verdict, remember, note };
            return approval::answered(state, by, &approval, answer);
        }
        Input::Request { by, command: Command::Forget { remembered }, .. } => {
            return approval::forget(state, by, remembered);
        }
        Input::Request { by, command, crew, once } => {
            return requests::request(state, now, &by, once, command, &crew);
        }
        Input::Asked { attempt, ask } => return approval::asked(state, now, &attempt, *ask),
        Input::Unasked { attempt, key } => {
            approval::unasked(state, &attempt, &key, &mut decision);
        }
        Input::Prompted { attempt, signal, answerable, needs } => {
            if let Some(attempt) = live(state, &attempt) {
                let raise = approval::Raise { signal: signal.clone(), answerable, needs };
                signalled(state, attempt, signal, &mut decision);
                approval::prompted(state, now, attempt, &raise, &mut decision);
            }
        }
        Input::Keeper { attempt, n, offset, news } => {
            if let Some(attempt) = fresh(state, &attempt, n) {
                keeper_news(state, now, attempt, n, offset, news, &mut decision);
            }
        }
        Input::Ended { attempt, n, bytes, exit, result } => {
            if let Some(attempt) = live(state, &attempt) {
                let taken = (n.max(attempt.fact_n), bytes.max(attempt.fact_offset));
                if taken != (attempt.fact_n, attempt.fact_offset) {
                    let (n, offset) = taken;
                    let taken = Event::FactTaken { n, offset };
                    decision.events.push(Draft::attempt(attempt, taken));
                }
                ended(state, now, attempt, exit, result, &mut decision);
            }
        }
        Input::Signal { attempt, signal } => {
            if let Some(attempt) =
                live(state, &attempt).filter(|attempt| explain::counts(state, attempt, &signal))
            {
                again::heard(attempt, &signal, &mut decision);
                signalled(state, attempt, signal, &mut decision);
            }
        }
        Input::GoOn { attempt } => {
            if let Some(attempt) = live(state, &attempt) {
                again::asked(attempt, &mut decision);
            }
        }
        Input::Session { attempt, session } => {
            if let Some(attempt) = live(state, &attempt)
                && attempt.session.as_deref() != Some(&session)
            {
                decision.events.push(Draft::attempt(attempt, Event::SessionNamed { session }));
            }
        }
        Input::TookUp { attempt, from, session, why } => {
            // A core that launches again says so again.
            if let Some(attempt) = live(state, &attempt).filter(|attempt| !attempt.took_up) {
                let took = Event::TookUp { from, session, why };
                decision.events.push(Draft::attempt(attempt, took));
            }
        }
        Input::WorktreeMade { agent, path, branch, base, dir, repository, top } => {
            if let Some(agent) = state.agents.get(&agent) {
                let made = Event::WorktreeMade { path, branch, base, dir, repository, top };
                decision.events.push(Draft::agent(&agent.swarm, &agent.id, made));
            }
        }
        Input::ModelCall {
            attempt,
            provider,
            model,
            status,
            tokens,
            cost,
            priced,
            duration_ms,
            reservation,
            estimated,
            notional,
        } => {
            // A call may settle after its attempt ended; it is paid for all the same.
            if let Some(attempt) = state.attempts.get(&attempt) {
                let called = Event::ModelCalled {
                    provider,
                    model,
                    status,
                    tokens,
                    cost_micros: cost,
                    priced,
                    duration_ms,
                    reservation,
                    estimated,
                    notional,
                };
                decision.events.push(Draft::attempt(attempt, called));
            }
        }
        Input::Held { attempt, paths, place } => {
            if let Some(attempt) = state.attempts.get(&attempt) {
                decision.events.push(Draft::attempt(attempt, Event::Held { paths, place }));
            }
        }
        Input::Connected { attempt, what } => {
            // One may be told after its attempt ended.
            if let Some(attempt) = state.attempts.get(&attempt) {
                decision.events.push(Draft::attempt(attempt, what));
            }
        }
        Input::Typed { by: _, agent, bytes } => {
            if let Some(agent) = state.agents.get(&agent) {
                let sent = Event::InputSent { bytes };
                decision.events.push(Draft::agent(&agent.swarm, &agent.id, sent));
            }
        }
        Input::Due(timer) => due(state, now, timer, &mut decision),
        Input::Note(row) => decision.audit.push(audit::placed(state, *row)),
    }
    Ok(decision)
}

pub(super) fn live<'a>(state: &'a State, id: &AttemptId) -> Option<&'a Attempt> {
    state.attempts.get(id).filter(|attempt| attempt.phase != Phase::Ended)
}

/// A keeper's fact that was not taken over yet.
fn fresh<'a>(state: &'a State, id: &AttemptId, n: u64) -> Option<&'a Attempt> {
    live(state, id).filter(|attempt| attempt.fact_n < n)
}

fn keeper_news(
    state: &State,
    now: Stamp,
    attempt: &Attempt,
    n: u64,
    offset: u64,
    news: KeeperNews,
    decision: &mut Decision,
) {
    decision.events.push(Draft::attempt(attempt, Event::FactTaken { n, offset }));
    match news {
        KeeperNews::Started { pid } => {
            decision.events.push(Draft::attempt(attempt, Event::AttemptStarted { pid }));
            let runs = Signal {
                source: Source::Activity,
                state: AgentState::Working,
                reason: String::new(),
                detail: format!("process {pid} runs"),
                progress: None,
            };
            signalled(state, attempt, runs, decision);
            decision.effects.extend(timeout(state, attempt, now));
        }
        KeeperNews::DiskFull => {
            decision.events.push(Draft::attempt(attempt, Event::DiskFull));
            let after = Attempt { disk_full: true, ..attempt.clone() };
            explain::restated(state, &after, decision);
        }
        KeeperNews::DiskBack => {
            decision.events.push(Draft::attempt(attempt, Event::DiskBack));
            let after = Attempt { disk_full: false, ..attempt.clone() };
            explain::restated(state, &after, decision);
        }
        KeeperNews::LimitReached { limit, message } => {
            let reached = Event::LimitReached { limit, message };
            decision.events.push(Draft::attempt(attempt, reached));
        }
        KeeperNews::Cut { from, to } => {
            decision.events.push(Draft::attempt(attempt, Event::RecordingCut { from, to }));
        }
    }
}

/// The timer that holds `attempt` to its time limit.
pub(super) fn timeout(state: &State, attempt: &Attempt, started: Stamp) -> Option<Effect> {
    let at = delegate::deadline_of(state, attempt, started)?;
    Some(Effect::SetTimer { at, timer: Timer::Timeout { attempt: attempt.id.clone() } })
}

fn ended(
    state: &State,
    now: Stamp,
    attempt: &Attempt,
    exit: Option<Exit>,
    mut result: Box<AttemptResult>,
    decision: &mut Decision,
) {
    if let Some(limit) = &attempt.limit
        && attempt.stop.is_none()
    {
        result.outcome = Outcome::Failed;
        result.stop_reason = "limit".to_owned();
        result.error.clone_from(limit);
    }
    // Whatever the agent made of it, also where it calls that done: its last call was refused
    // for want of money.
    let halted = attempt.stop.as_deref() == Some(delegate::HALTED);
    let unpaid = match halted {
        true => result.outcome != Outcome::Done,
        false => unpaid::ends_unpaid(attempt, result.outcome, &result.stop_reason),
    };
    let waits_for = unpaid::reason_of(attempt);
    if unpaid {
        result.outcome = Outcome::Paused;
        result.stop_reason = unpaid::stop_reason(&waits_for).to_owned();
    }
    match attempt.stop.as_deref() {
        // An agent that finished well in the moment of its timeout has finished.
        Some("timeout") if result.outcome != Outcome::Done => {
            result.outcome = Outcome::Failed;
            result.stop_reason = "timeout".to_owned();
            if result.error.is_empty() {
                result.error = "took longer than its --timeout".to_owned();
            }
        }
        // Whoever asked for a stop reads `stopped`, also of one that tidied up and left with 0.
        Some(why) if why != "timeout" && !halted => {
            result.outcome = Outcome::Stopped;
            result.stop_reason = "stopped".to_owned();
            result.error = why.to_owned();
        }
        Some(_) | None => {}
    }
    let outcome = result.outcome;
    let reason = result.stop_reason.clone();
    let stopping = state.swarms.get(&attempt.swarm).is_none_or(|swarm| swarm.stopping);
    approval::withdraw_all(state, attempt, decision);
    decision.events.push(Draft::attempt(attempt, Event::AttemptEnded { exit, result }));
    if unpaid && !stopping {
        let to = Event::StateChanged { state: AgentState::Paused, reason: waits_for };
        decision.events.push(Draft::attempt(attempt, to));
        let paused = Event::BudgetPaused { index: attempt.index };
        decision.events.push(Draft::attempt(attempt, paused));
        return;
    }
    let swarm = state.swarms.get(&attempt.swarm);
    let tries = state.item(&attempt.swarm, attempt.index).map_or(1, |item| item.attempts);
    let agent = state.agents.get(&attempt.agent);
    let may_retry = swarm.zip(agent).is_some_and(|(swarm, agent)| {
        !swarm.stopping
            && tries <= delegate::retries_of(swarm, agent)
            && !delegate::is_orphan(state, agent)
    }) && !matches!(reason.as_str(), "budget" | "price" | "launch");
    let again = match outcome {
        Outcome::Failed | Outcome::Lost => may_retry,
        Outcome::Done | Outcome::Stopped | Outcome::Paused => false,
    };
    // 1, 2, 4 … seconds, a minute at most.
    let wait_ms = 1000u64.saturating_mul(1 << tries.saturating_sub(1).min(6)).min(60_000);
    let at = now.plus_ms(wait_ms);
    let end = agent.and_then(|agent| delegate::parents_end(state, agent));
    let in_time = end.is_none_or(|end| at < end);
    if again && in_time {
        let number = attempt.number + 1;
        let because = format!("{reason}, attempt {number} follows");
        let to = Event::StateChanged { state: AgentState::Retrying, reason: because };
        decision.events.push(Draft::attempt(attempt, to));
        decision.events.push(Draft::attempt(attempt, Event::RetryPlanned { at, number }));
        let timer = Timer::Retry { agent: attempt.agent.clone(), number };
        decision.effects.push(Effect::SetTimer { at, timer });
        return;
    }
    let done = outcome == Outcome::Done;
    decision.events.push(Draft::attempt(attempt, Event::ItemEnded { index: attempt.index, done }));
    let to = match outcome {
        Outcome::Stopped => {
            let why = attempt.stop.as_deref().unwrap_or_default();
            let reason =
                agent.map_or_else(String::new, |agent| delegate::reason(state, agent, why));
            Some((AgentState::Stopped, reason))
        }
        Outcome::Lost => Some((AgentState::Lost, "its keeper vanished".to_owned())),
        // Whether it is done, has failed or takes another item is for `settle` to see.
        Outcome::Done | Outcome::Failed | Outcome::Paused => None,
    };
    if let Some((to, reason)) = to {
        decision.events.push(Draft::attempt(attempt, Event::StateChanged { state: to, reason }));
    }
}

fn due(state: &State, now: Stamp, timer: Timer, decision: &mut Decision) {
    match timer {
        Timer::Timeout { attempt } => {
            // While it is paused no time passes; it is set again when the attempt goes on.
            let runs = |attempt: &&Attempt| attempt.stop.is_none() && attempt.paused.is_none();
            if let Some(attempt) = live(state, &attempt).filter(runs) {
                let started = attempt.started_at.unwrap_or(attempt.planned_at);
                let end = delegate::deadline_of(state, attempt, started);
                // Set before a pause that has moved the end on.
                if end.is_some_and(|end| end > now) {
                    decision.effects.extend(timeout(state, attempt, started));
                    return;
                }
                let asked = Event::StopAsked { why: "timeout".to_owned() };
                decision.events.push(Draft::attempt(attempt, asked));
                decision.effects.push(Effect::Stop { attempt: attempt.id.clone() });
            }
        }
        Timer::Approval { approval } => approval::expired(state, &approval, decision),
        Timer::Retry { agent, number } => {
            let Some(agent) = state.agents.get(&agent) else { return };
            let retry = agent.retry.as_ref().filter(|retry| retry.number == number);
            let Some(retry) = retry else { return };
            if pause::why(state, agent).is_some() {
                // Set again when it goes on.
                return;
            }
            let last = agent.latest.as_ref().and_then(|id| state.attempts.get(id));
            // One that was held while it waited for room is due as it was.
            let (model, follows) = match &retry.due {
                Some(due) => (due.model.clone(), due.follows),
                None => (None, last.and_then(resume::by_itself)),
            };
            let due = Event::RetryDue { number, index: retry.index, model, follows };
            decision.events.push(Draft::agent(&agent.swarm, &agent.id, due));
        }
    }
}
