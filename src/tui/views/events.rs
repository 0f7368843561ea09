//! The event stream, newest at the bottom.

use super::{pen::Pen, words};
use crate::model::{AgentState, Event, EventRecord, Level};
use crate::store::Store;
use crate::tui::{
    theme::Theme,
    ui::{EventsPane, Ui},
};
use ratatui::{buffer::Buffer, layout::Rect};

/// Draws a heading, then as many of the newest events as fit.
pub fn draw(store: &Store, ui: &Ui, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    if area.height == 0 {
        return;
    }
    let rule = if ui.unicode { "─" } else { "-" };
    let mut pen = Pen::new(buffer, area, 0);
    pen.put(rule, theme.border).put(" events ", theme.heading);
    let left = pen.left();
    pen.put(&rule.repeat(left), theme.border);
    let room = usize::from(area.height - 1);
    let shown: Vec<&EventRecord> = store
        .events()
        .rev()
        .filter(|record| tells(&record.event, ui.events))
        .filter(|record| match (&ui.grid.swarm, &record.swarm) {
            (Some(only), Some(swarm)) => only == swarm,
            (None, _) | (Some(_), None) => true,
        })
        .take(room * EVENTS_OF_AN_END)
        .collect();
    let ends: Vec<&EventRecord> = shown
        .iter()
        .copied()
        .filter(|record| matches!(record.event, Event::AttemptEnded { .. }))
        .collect();
    let shown: Vec<&EventRecord> =
        shown.into_iter().filter(|record| !is_part_of(record, &ends)).take(room).collect();
    if shown.is_empty() && room > 0 {
        Pen::new(buffer, area, 1).put(" Nothing has happened yet.", theme.faint);
    }
    for (line, record) in (1..).zip(shown.into_iter().rev()) {
        event(store, record, ui, theme, Rect { y: area.y + line, height: 1, ..area }, buffer);
    }
}

/// An attempt's end is told as a change of state, an end, an item's end and a change of
/// state again.
const EVENTS_OF_AN_END: usize = 4;
/// These follow one another as fast as the journal takes them.
const TOGETHER_MS: u64 = 1_000;

/// Whether an end that is shown says it already.
fn is_part_of(record: &EventRecord, ends: &[&EventRecord]) -> bool {
    let repeats = match &record.event {
        Event::ItemEnded { .. } => true,
        Event::StateChanged { state, .. } => state.is_final() || *state == AgentState::Idle,
        _ => false,
    };
    let near = |end: &&EventRecord| {
        end.time.ms_since(record.time) < TOGETHER_MS && record.time.ms_since(end.time) < TOGETHER_MS
    };
    repeats && ends.iter().filter(|end| end.agent == record.agent).any(near)
}

/// In little room, what comes by the thousand (calls and connections that went well, keys typed) would push
/// out what matters.
fn tells(event: &Event, pane: EventsPane) -> bool {
    match event {
        Event::ModelCalled { .. } | Event::NetConnected { .. } | Event::InputSent { .. }
            if event.level() < Level::Warn =>
        {
            pane == EventsPane::Full
        }
        _ => event.level() > Level::Debug,
    }
}

fn event(
    store: &Store,
    record: &EventRecord,
    ui: &Ui,
    theme: &Theme,
    area: Rect,
    buf: &mut Buffer,
) {
    let style = match record.event.level() {
        Level::Debug => theme.faint,
        Level::Info => theme.info,
        Level::Warn => theme.warn,
        Level::Error => theme.error,
    };
    let agent = record.agent.as_ref().map(|id| store.agent(id).map_or(id.as_str(), |a| &a.name));
    let who = agent.or_else(|| {
        let id = record.swarm.as_ref()?;
        Some(store.swarm(id).map_or(id.as_str(), |swarm| &swarm.name))
    });
    let mut pen = Pen::new(buf, area, 0);
    pen.skip(1).column(&words::clock(record.time, ui.utc_offset_minutes), 8, theme.faint);
    if pen.left() > 24 {
        pen.skip(2).column(who.unwrap_or("core"), 10, theme.muted);
    }
    pen.skip(2).put(&record.event.summary(), style);
}
