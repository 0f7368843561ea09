//! Summary rows of what has just ended, for the journal's `history` table.

use super::journal::HistoryRow;
use crate::{
    core::State,
    model::{AttemptId, Event, EventRecord, Outcome, SwarmId},
};

pub fn history_rows(state: &State, events: &[EventRecord]) -> Vec<HistoryRow> {
    let row = |record: &EventRecord| match &record.event {
        Event::AttemptEnded { .. } => attempt_row(state, record.attempt.as_ref()?),
        Event::SwarmEnded { .. } => swarm_row(state, record.swarm.as_ref()?),
        _ => None,
    };
    events.iter().filter_map(row).collect()
}

fn attempt_row(state: &State, id: &AttemptId) -> Option<HistoryRow> {
    let attempt = state.attempts.get(id)?;
    let agent = state.agents.get(&attempt.agent)?;
    let swarm = state.swarms.get(&attempt.swarm)?;
    let result = attempt.result.as_ref()?;
    let ended = attempt.ended_at?;
    Some(HistoryRow {
        what: "attempt",
        id: id.to_string(),
        swarm: swarm.name.clone(),
        adapter: agent.adapter.clone(),
        model: if agent.model.is_empty() { agent.seen_model.clone() } else { agent.model.clone() },
        task_type: if swarm.queue { "queue" } else { "single" },
        outcome: result.outcome.word().to_owned(),
        failure: match result.outcome {
            Outcome::Done => String::new(),
            Outcome::Failed | Outcome::Stopped | Outcome::Lost | Outcome::Paused => {
                result.stop_reason.clone()
            }
        },
        duration_ms: ended.ms_since(attempt.started_at.unwrap_or(attempt.planned_at)),
        tokens: attempt.tokens.total(),
        cost_micros: attempt.cost.0,
        retries: state.item(&swarm.id, attempt.index).map_or(0, |item| item.attempts - 1),
        ended_at: ended.to_string(),
    })
}

fn swarm_row(state: &State, id: &SwarmId) -> Option<HistoryRow> {
    let swarm = state.swarms.get(id)?;
    let ended = swarm.ended_at?;
    Some(HistoryRow {
        what: "swarm",
        id: id.to_string(),
        swarm: swarm.name.clone(),
        task_type: if swarm.queue { "queue" } else { "single" },
        outcome: swarm.state.word().to_owned(),
        duration_ms: ended.ms_since(swarm.started_at.unwrap_or(swarm.created_at)),
        tokens: swarm.tokens.total(),
        cost_micros: swarm.cost.0,
        retries: swarm.items.iter().map(|item| item.attempts.saturating_sub(1)).sum(),
        ended_at: ended.to_string(),
        ..HistoryRow::default()
    })
}
