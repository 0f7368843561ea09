//! What a row of the grid and one of the tree have in common: they stand for the same agents,
//! and the same thing looks the same in both.

use super::{
    columns::{GAP, MARGIN},
    pen::{Pen, clean, fill},
    words,
};
use crate::model::{AgentInfo, AgentState, Micros};
use crate::store::Store;
use crate::tui::{theme::Theme, ui::Ui};
use ratatui::{buffer::Buffer, layout::Rect, style::Style};
use unicode_width::UnicodeWidthStr;

/// A column's title, as it is drawn.
pub struct Title<'a> {
    pub text: &'a str,
    pub width: usize,
    /// Stands over figures.
    pub right: bool,
    pub style: Style,
}

pub fn titles<'a>(titles: impl Iterator<Item = Title<'a>>, area: Rect, buffer: &mut Buffer) {
    let mut pen = Pen::new(buffer, area, 0);
    pen.skip(MARGIN);
    for (place, title) in titles.enumerate() {
        if place > 0 {
            pen.skip(GAP);
        }
        if title.right {
            pen.right(title.text, title.width, title.style);
        } else {
            pen.column(title.text, title.width, title.style);
        }
    }
}

pub fn is_current(agent: &AgentInfo, ui: &Ui) -> bool {
    ui.cursor.as_ref() == Some(&agent.id)
}

/// An agent's row: the cursor's ground, its bar, the mark, then one field after the other.
pub fn draw<F: Copy>(
    agent: &AgentInfo,
    fields: &[(F, usize)],
    (ui, theme): (&Ui, &Theme),
    (area, buffer): (Rect, &mut Buffer),
    field: impl Fn(F, usize, &mut Pen),
) {
    let current = is_current(agent, ui);
    if current {
        fill(buffer, area, theme.surface.patch(theme.selection));
    }
    let mut pen = Pen::new(buffer, area, 0);
    let cursor = match (current, ui.unicode) {
        (false, _) => " ",
        (true, true) => "▌",
        (true, false) => ">",
    };
    let mark = match (ui.marked.contains(&agent.id), ui.unicode) {
        (false, _) => " ",
        (true, true) => "◆",
        (true, false) => "*",
    };
    pen.column(cursor, 1, theme.accent).column(mark, 1, theme.accent);
    for (place, (which, width)) in fields.iter().enumerate() {
        if place > 0 {
            pen.skip(GAP);
        }
        field(*which, *width, &mut pen);
    }
}

/// Glyph and word; the glyph alone where there is no room for both.
pub fn state(agent: &AgentInfo, width: usize, ui: &Ui, theme: &Theme, pen: &mut Pen) {
    let glyph = words::spinning(agent.state, ui.tick, ui.unicode);
    let style = theme.state(agent.state);
    if width < 3 {
        pen.column(glyph, width, style);
    } else {
        pen.column(glyph, 2, style).column(agent.state.word(), width - 2, style);
    }
}

pub fn tokens(total: u64, width: usize, theme: &Theme, pen: &mut Pen) {
    pen.right(&words::count(total), width, if total == 0 { theme.faint } else { theme.muted });
}

/// `estimated`: so much of it no provider told.
pub fn cost((cost, estimated): (Micros, Micros), width: usize, theme: &Theme, pen: &mut Pen) {
    let style = if cost.0 == 0 { theme.faint } else { theme.money };
    pen.right(&cost.told(estimated), width, style);
}

/// What holds it, in a word; that nothing does is not to be overlooked while it lives.
pub fn scope(agent: &AgentInfo, width: usize, theme: &Theme, pen: &mut Pen) {
    let style = match (agent.is_unscoped(), agent.state.is_final()) {
        (true, false) => theme.error,
        (true, true) | (false, false) => theme.muted,
        (false, true) => theme.faint,
    };
    pen.column(agent.scope.split(':').next().unwrap_or(""), width, style);
}

/// A sparkline, its high points brighter.
pub fn spark(points: &[u64], ui: &Ui, theme: &Theme, pen: &mut Pen) {
    let max = points.iter().copied().max().unwrap_or(0);
    for (c, n) in words::spark(points, ui.unicode).chars().zip(points) {
        let low = n.saturating_mul(2) <= max;
        let style = if low { theme.spark_low } else { theme.spark_high };
        pen.column(c.encode_utf8(&mut [0; 4]), 1, style);
    }
}

/// A name: the current one stands out, what is over steps back.
pub fn name(agent: &AgentInfo, ui: &Ui, theme: &Theme) -> Style {
    if is_current(agent, ui) {
        theme.strong
    } else if agent.state.is_final() {
        theme.muted
    } else {
        theme.text
    }
}

/// Why it stands as it stands, what it asks, what lets it go on; then what it printed last.
pub fn last(store: &Store, agent: &AgentInfo, width: usize, ui: &Ui, theme: &Theme, pen: &mut Pen) {
    let tells = match agent.state {
        AgentState::Queued
        | AgentState::Waiting
        | AgentState::Retrying
        | AgentState::Paused
        | AgentState::Failed
        | AgentState::Lost => !agent.reason.is_empty(),
        AgentState::Starting
        | AgentState::Working
        | AgentState::Idle
        | AgentState::Done
        | AgentState::Stopped => agent.held.is_some(),
    };
    let asks = store.asked_by(&agent.id).filter(|_| !agent.state.is_final());
    let why = match asks {
        Some(open) if agent.held.is_none() => {
            format!("{}: {}", agent.reason, open.question.text())
        }
        Some(_) | None => words::why(agent),
    };
    // The whole of what is to be done, rather than a part of that and why.
    let why = match &agent.held {
        Some(held) if why.width() > width => words::held(held),
        Some(_) | None => why,
    };
    let style = if agent.state.is_final() { theme.faint } else { theme.muted };
    let shown = if tells { clean(&why).width().min(width) } else { 0 };
    // Of one that works on it is the branch that is paused.
    let state = if agent.held.is_some() { AgentState::Paused } else { agent.state };
    let reason: Style = theme.state(state).not_bold();
    pen.column(&why, shown, reason);
    // Less than a word of it would only be noise.
    let left = width - shown;
    if shown == 0 {
        pen.column(&agent.last_line, left, style);
    } else if left > 12 && !agent.last_line.is_empty() && !agent.last_line.starts_with(&why) {
        let dot = if ui.unicode { " · " } else { " - " };
        pen.put(dot, theme.faint).column(&agent.last_line, left - 3, style);
    }
}
