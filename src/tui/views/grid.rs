//! The grid: a row an agent, whoever needs somebody first.

use super::{
    columns::{Field, GAP, MARGIN, layout},
    pen::{self, Pen, fill, fit_path},
    words,
};
use crate::model::{AgentInfo, AgentState, SwarmInfo};
use crate::store::{Row, Store};
use crate::tui::{theme::Theme, ui::Ui};
use ratatui::{buffer::Buffer, layout::Rect, style::Style};
use unicode_width::UnicodeWidthStr;

/// Draws column titles and rows; `rows` are the store's rows for `ui.grid`.
pub fn draw(store: &Store, rows: &[Row], ui: &Ui, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let fields = layout(store, area.width);
    titles(&fields, ui, theme, area, buffer);
    let mixed = mixed(store);
    let height = area.height.saturating_sub(1);
    for (line, row) in (1..=height).zip(rows.iter().skip(ui.top)) {
        let strip = Rect { y: area.y + line, height: 1, ..area };
        match row {
            Row::Swarm(swarm) => heading(swarm, ui, theme, strip, buffer),
            Row::Agent { agent, depth } => {
                let line = AgentLine { store, agent, depth: *depth, mixed, ui, theme };
                line.draw(&fields, strip, buffer);
            }
        }
    }
    if rows.is_empty() && height > 0 {
        let text = if ui.grid.filter.is_empty() {
            "  No agents here.".to_owned()
        } else {
            format!("  Nothing fits /{}  Esc shows all again.", ui.grid.filter.text())
        };
        Pen::new(buffer, area, 2).put(&text, theme.muted);
        if let Some(problem) = ui.grid.filter.problem() {
            Pen::new(buffer, area, 3).skip(2).put(problem, theme.warn);
        }
    }
}

/// Rows of agents that fit below the titles.
pub fn capacity(area: Rect) -> usize {
    usize::from(area.height.saturating_sub(1))
}

fn mixed(store: &Store) -> bool {
    let simulated = |agent: &AgentInfo| agent.provider == "simulated";
    store.agents().any(simulated)
        && store.agents().any(|agent| !agent.provider.is_empty() && !simulated(agent))
}

fn titles(fields: &[(Field, usize)], ui: &Ui, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let mut pen = Pen::new(buffer, area, 0);
    pen.skip(MARGIN);
    for (place, (field, width)) in fields.iter().enumerate() {
        if place > 0 {
            pen.skip(GAP);
        }
        let sorted = field.sorts(ui.grid.sort);
        let style = if sorted { theme.accent } else { theme.heading };
        let arrow = match (sorted, ui.grid.reverse, ui.unicode) {
            (false, ..) => "",
            (true, false, true) => "▾",
            (true, true, true) => "▴",
            (true, false, false) => "v",
            (true, true, false) => "^",
        };
        // The arrow is never what is cut.
        let room = width.saturating_sub(arrow.width());
        let words = if *width < 3 { "" } else { field.title() };
        let title = format!("{}{arrow}", &words[..words.len().min(room)]);
        if field.right_aligned() {
            pen.right(&title, *width, style);
        } else {
            pen.column(&title, *width, style);
        }
    }
}

fn heading(swarm: &SwarmInfo, ui: &Ui, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let mark = if ui.unicode { "▾ " } else { "v " };
    let mut pen = Pen::new(buffer, area, 0);
    pen.put(mark, theme.accent).put(&swarm.name, theme.strong);
    pen.put(&format!("  {}", swarm.id), theme.faint);
    pen.put(&format!("  {}", swarm.state), theme.muted);
    if swarm.items.total > 0 {
        let items = swarm.items;
        pen.put(&format!("  {}/{} items", items.done + items.failed, items.total), theme.muted);
    }
    for state in AgentState::ALL {
        if let Some(n) = swarm.agents.by_state.get(&state).filter(|n| **n > 0) {
            let text = format!("  {} {n}", words::glyph(state, ui.unicode));
            pen.put(&text, theme.state(state));
        }
    }
    pen.put(&format!("  {}", swarm.cost_micros), theme.money);
    if pen.left() > 12 {
        let task = swarm.task.lines().next().unwrap_or("");
        pen.put("  ", theme.muted).put(task, theme.faint);
    }
}

/// One agent in one row.
struct AgentLine<'a> {
    store: &'a Store,
    agent: &'a AgentInfo,
    depth: u8,
    /// Some agents are simulated and some are not: say which.
    mixed: bool,
    ui: &'a Ui,
    theme: &'a Theme,
}

impl AgentLine<'_> {
    fn draw(&self, fields: &[(Field, usize)], area: Rect, buffer: &mut Buffer) {
        let (ui, theme) = (self.ui, self.theme);
        let current = ui.cursor.as_ref() == Some(&self.agent.id);
        let base = if current { theme.surface.patch(theme.selection) } else { theme.surface };
        if current {
            fill(buffer, area, base);
        }
        let mut pen = Pen::new(buffer, area, 0);
        let cursor = match (current, ui.unicode) {
            (false, _) => " ",
            (true, true) => "▌",
            (true, false) => ">",
        };
        let mark = match (ui.marked.contains(&self.agent.id), ui.unicode) {
            (false, _) => " ",
            (true, true) => "◆",
            (true, false) => "*",
        };
        pen.column(cursor, 1, theme.accent).column(mark, 1, theme.accent);
        for (place, (field, width)) in fields.iter().enumerate() {
            if place > 0 {
                pen.skip(GAP);
            }
            self.field(*field, *width, current, &mut pen);
        }
    }

    fn field(&self, field: Field, width: usize, current: bool, pen: &mut Pen) {
        let (agent, ui, theme) = (self.agent, self.ui, self.theme);
        let over = agent.state.is_final();
        let quiet = if over { theme.muted } else { theme.text };
        match field {
            Field::State => {
                let glyph = words::spinning(agent.state, ui.tick, ui.unicode);
                let style = theme.state(agent.state);
                if width < 3 {
                    pen.column(glyph, width, style);
                } else {
                    pen.column(glyph, 2, style).column(agent.state.word(), width - 2, style);
                }
            }
            Field::Agent => {
                let style = if current { theme.strong } else { quiet };
                if self.depth == 0 {
                    pen.column(&agent.name, width, style);
                    return;
                }
                let branch = if ui.unicode { "├ " } else { "|-" };
                let indent = (usize::from(self.depth) * 2).min(width / 2);
                pen.skip(indent - 2).column(branch, 2, theme.faint);
                pen.column(&agent.name, width - indent, style);
            }
            Field::Kind => _ = pen.column(&agent.adapter, width, theme.muted),
            Field::Model => self.model(width, pen),
            Field::Item => {
                let item = agent.item.as_deref().unwrap_or("");
                pen.column(&fit_path(item.lines().next().unwrap_or(""), width), width, quiet);
            }
            Field::Progress => self.progress(width, pen),
            Field::Tokens => {
                let total = agent.tokens.total();
                let style = if total == 0 { theme.faint } else { theme.muted };
                pen.right(&words::count(total), width, style);
            }
            Field::Burn => self.burn(width, pen),
            Field::Cost => {
                let none = agent.cost_micros.0 == 0;
                let style = if none { theme.faint } else { theme.money };
                pen.right(&agent.cost_micros.to_string(), width, style);
            }
            Field::Age => {
                let end = if over { agent.ended_at.unwrap_or(agent.since) } else { ui.now };
                let text = agent.started_at.map(|start| words::age(end.ms_since(start)));
                pen.right(text.as_deref().unwrap_or(""), width, theme.muted);
            }
            Field::Last => self.last(width, pen),
        }
    }

    fn model(&self, width: usize, pen: &mut Pen) {
        let simulated = self.mixed && self.agent.provider == "simulated";
        let room = if simulated { width.saturating_sub(4) } else { width };
        pen.column(words::model(&self.agent.model), room, self.theme.muted);
        if simulated {
            pen.column(" sim", width - room, self.theme.notice);
        }
    }

    fn progress(&self, width: usize, pen: &mut Pen) {
        let Some(percent) = self.agent.progress else {
            pen.skip(width);
            return;
        };
        let (on, off) = words::bar(percent, width.saturating_sub(5), self.ui.unicode);
        let lit = if self.agent.state.is_final() { self.theme.muted } else { self.theme.accent };
        pen.put(&on, lit).put(&off, self.theme.border);
        pen.right(&format!("{percent}%"), 5, self.theme.muted);
    }

    fn burn(&self, width: usize, pen: &mut Pen) {
        let Some(history) = self.store.history(&self.agent.id) else {
            pen.skip(width);
            return;
        };
        let points = history.tokens(self.ui.now, width);
        let max = points.iter().copied().max().unwrap_or(0);
        let text = words::spark(&points, self.ui.unicode);
        for (c, n) in text.chars().zip(points) {
            let low = n.saturating_mul(2) <= max;
            let style = if low { self.theme.spark_low } else { self.theme.spark_high };
            pen.column(c.encode_utf8(&mut [0; 4]), 1, style);
        }
    }

    /// Why it stands as it stands, then what it printed last.
    fn last(&self, width: usize, pen: &mut Pen) {
        let (agent, theme) = (self.agent, self.theme);
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
            | AgentState::Stopped => false,
        };
        let style = if agent.state.is_final() { theme.faint } else { theme.muted };
        let why = match self.store.asked_by(&agent.id).filter(|_| !agent.state.is_final()) {
            Some(open) => format!("{}: {}", agent.reason, open.question.text()),
            None => words::why(agent),
        };
        let shown = if tells { pen::clean(&why).width().min(width) } else { 0 };
        let reason: Style = theme.state(agent.state).not_bold();
        pen.column(&why, shown, reason);
        // Less than a word of it would only be noise.
        let left = width - shown;
        if shown == 0 {
            pen.column(&agent.last_line, left, style);
        } else if left > 12 && !agent.last_line.is_empty() && !agent.last_line.starts_with(&why) {
            let dot = if self.ui.unicode { " · " } else { " - " };
            pen.put(dot, theme.faint).column(&agent.last_line, left - 3, style);
        }
    }
}
