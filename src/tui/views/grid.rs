//! The grid: a row an agent, whoever needs somebody first.

use super::{
    columns::layout,
    pen::{Pen, fit_path},
    row::{self, Title},
    words,
};
use crate::model::{AgentInfo, AgentState, SwarmInfo};
use crate::store::{Row, Store};
use crate::tui::{field::Field, theme::Theme, ui::Ui};
use ratatui::{buffer::Buffer, layout::Rect};
use unicode_width::UnicodeWidthStr;

/// Draws column titles and rows; `rows` are the store's rows for `ui.grid`.
pub fn draw(store: &Store, rows: &[Row], ui: &Ui, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let fields = layout(store, &ui.columns, area.width);
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
    let texts: Vec<String> =
        fields.iter().map(|(field, width)| title(*field, *width, ui)).collect();
    let titles = fields.iter().zip(&texts).map(|((field, width), text)| Title {
        text,
        width: *width,
        right: field.right_aligned(),
        style: if field.sorts(ui.grid.sort) { theme.accent } else { theme.heading },
    });
    row::titles(titles, area, buffer);
}

/// A column's title with the arrow of the order, which is never what is cut.
fn title(field: Field, width: usize, ui: &Ui) -> String {
    let arrow = match (field.sorts(ui.grid.sort), ui.grid.reverse, ui.unicode) {
        (false, ..) => "",
        (true, false, true) => "▾",
        (true, true, true) => "▴",
        (true, false, false) => "v",
        (true, true, false) => "^",
    };
    let words = if width < 3 { "" } else { field.title() };
    let room = width.saturating_sub(arrow.width());
    format!("{}{arrow}", &words[..words.len().min(room)])
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
    pen.put(&format!("  {}", swarm.cost()), theme.money);
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
        let field = |field, width, pen: &mut Pen| self.field(field, width, pen);
        row::draw(self.agent, fields, (self.ui, self.theme), (area, buffer), field);
    }

    fn field(&self, field: Field, width: usize, pen: &mut Pen) {
        let (agent, ui, theme) = (self.agent, self.ui, self.theme);
        let over = agent.state.is_final();
        let quiet = if over { theme.muted } else { theme.text };
        match field {
            Field::State => row::state(agent, width, ui, theme, pen),
            Field::Agent => {
                let style = row::name(agent, ui, theme);
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
            Field::Tokens => row::tokens(agent.tokens.total(), width, theme, pen),
            Field::Burn => self.burn(width, pen),
            Field::Scope => row::scope(agent, width, theme, pen),
            Field::Cost => {
                row::cost((agent.cost_micros, agent.estimated_micros), width, theme, pen)
            }
            Field::Age => {
                let end = if over { agent.ended_at.unwrap_or(agent.since) } else { ui.now };
                let text = agent.started_at.map(|start| words::age(end.ms_since(start)));
                pen.right(text.as_deref().unwrap_or(""), width, theme.muted);
            }
            Field::Last => row::last(self.store, agent, width, ui, theme, pen),
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
        row::spark(&history.tokens(self.ui.now, width), self.ui, self.theme, pen);
    }
}
