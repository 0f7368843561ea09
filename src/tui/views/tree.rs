//! The tree: who spawned whom, and what each branch comes to.

use super::{
    columns::{GAP, MARGIN, SCOPE, least_last, tells_money, tells_scopes},
    pen::{self, Pen},
    row::{self, Title},
    words,
};
use crate::model::{AgentId, AgentInfo, AgentState, RollUp};
use crate::store::{Row, Store};
use crate::tui::{theme::Theme, ui::Ui};
use ratatui::{buffer::Buffer, layout::Rect};
use std::collections::HashMap;
use unicode_width::UnicodeWidthStr;

/// Least columns of the tree itself.
const LEAST_TREE: usize = 12;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    State,
    Tree,
    Kind,
    Model,
    Own,
    Agents,
    Tokens,
    /// Only where some are in no scope and others are in one.
    Scope,
    Cost,
    Branch,
}

impl Field {
    /// Heading and width, and whether it stands to the right.
    fn shape(self) -> (&'static str, usize, bool) {
        match self {
            Self::State => ("STATE", 10, false),
            Self::Tree => ("AGENT", LEAST_TREE, false),
            Self::Kind => ("KIND", 8, false),
            Self::Model => ("MODEL", 16, false),
            Self::Own => ("OWN", 8, true),
            Self::Agents => ("AGENTS", 6, true),
            Self::Tokens => ("TOKENS", 6, true),
            Self::Scope => ("SCOPE", SCOPE, false),
            Self::Cost => ("COST", 8, true),
            Self::Branch => ("BRANCH", 14, false),
        }
    }
}

/// Draws column titles and rows; `rows` are the store's rows for a tree.
pub fn draw(store: &Store, rows: &[Row], ui: &Ui, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let sums = RollUp::of(store.agents());
    let bars = bars(rows, ui.unicode);
    let deepest = rows.iter().zip(&bars).filter_map(|(row, bar)| {
        let agent = row.agent()?;
        Some(bar.width() + 2 + pen::clean(&agent.name).width())
    });
    let deepest = deepest.max().unwrap_or(0);
    let fields = layout(deepest, store, usize::from(area.width));
    titles(&fields, theme, area, buffer);
    let height = area.height.saturating_sub(1);
    for (line, (row, bar)) in (1..=height).zip(rows.iter().zip(&bars).skip(ui.top)) {
        let strip = Rect { y: area.y + line, height: 1, ..area };
        if let Row::Agent { agent, .. } = row {
            let line = Line { store, agent, bar, sums: &sums, ui, theme };
            line.draw(&fields, strip, buffer);
        }
    }
    if rows.is_empty() && height > 0 {
        Pen::new(buffer, area, 2).put("  No agents here.", theme.muted);
    }
}

/// Fields with their widths: what there is no room for is left out, what is left over the
/// tree takes, then the last.
fn layout(tree: usize, store: &Store, width: usize) -> Vec<(Field, usize)> {
    use Field::{Agents, Branch, Cost, Kind, Model, Own, Scope, State, Tokens, Tree};
    let mut fields = vec![State, Tree, Kind, Model, Own, Agents, Tokens, Scope, Cost, Branch];
    let (scopes, money) = (tells_scopes(store), tells_money(store));
    let models = store.agents().any(|agent| !agent.model.is_empty());
    fields.retain(|field| match field {
        Scope => scopes,
        Tokens | Cost | Own => money,
        Model => models,
        State | Tree | Kind | Agents | Branch => true,
    });
    let own_width = |field: &Field| match field {
        Branch => least_last(store),
        State | Tree | Kind | Model | Own | Agents | Tokens | Scope | Cost => field.shape().1,
    };
    let taken = |fields: &[Field]| {
        let widths: usize = fields.iter().map(own_width).sum();
        MARGIN + widths + GAP * fields.len().saturating_sub(1)
    };
    // A branch that is held says so to the last.
    let order = if least_last(store) > Branch.shape().1 {
        [Own, Model, Kind, Agents, Tokens, Cost, Branch]
    } else {
        [Own, Model, Kind, Branch, Agents, Tokens, Cost]
    };
    for spare in order {
        if taken(&fields) > width {
            fields.retain(|field| *field != spare);
        }
    }
    let mut over = width.saturating_sub(taken(&fields));
    let mut wide: Vec<(Field, usize)> =
        fields.into_iter().map(|field| (field, own_width(&field))).collect();
    for (field, own) in &mut wide {
        let more = match field {
            Tree => tree.saturating_sub(*own).min(over),
            State | Kind | Model | Own | Agents | Tokens | Scope | Cost | Branch => 0,
        };
        *own += more;
        over -= more;
    }
    if let Some((_, last)) = wide.last_mut().filter(|(field, _)| *field == Branch) {
        *last += over;
    }
    wide
}

fn titles(fields: &[(Field, usize)], theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let titles = fields.iter().map(|(field, width)| {
        let (text, _, right) = field.shape();
        Title { text, width: *width, right, style: theme.heading }
    });
    row::titles(titles, area, buffer);
}

/// What stands before each row's name.
fn bars(rows: &[Row], unicode: bool) -> Vec<String> {
    let (through, tip, last, none) =
        if unicode { ("│ ", "├ ", "└ ", "  ") } else { ("| ", "|-", "`-", "  ") };
    // Of each generation: whether one of the same parent follows below.
    let mut more: Vec<bool> = Vec::new();
    let mut bars: Vec<String> = rows
        .iter()
        .rev()
        .map(|row| {
            let Row::Agent { depth, .. } = row else { return String::new() };
            let depth = usize::from(*depth);
            more.resize(depth + 1, false);
            let mut bar = String::new();
            for (level, more) in more.iter().enumerate().skip(1) {
                bar.push_str(match (level == depth, more) {
                    (true, true) => tip,
                    (true, false) => last,
                    (false, true) => through,
                    (false, false) => none,
                });
            }
            more[depth] = true;
            bar
        })
        .collect();
    bars.reverse();
    bars
}

/// One agent in one row.
struct Line<'a> {
    store: &'a Store,
    agent: &'a AgentInfo,
    bar: &'a str,
    sums: &'a HashMap<&'a AgentId, RollUp>,
    ui: &'a Ui,
    theme: &'a Theme,
}

impl Line<'_> {
    fn draw(&self, fields: &[(Field, usize)], area: Rect, buffer: &mut Buffer) {
        let field = |field, width, pen: &mut Pen| self.field(field, width, pen);
        row::draw(self.agent, fields, (self.ui, self.theme), (area, buffer), field);
    }

    fn sum(&self) -> Option<&RollUp> {
        self.sums.get(&self.agent.id)
    }

    fn is_parent(&self) -> bool {
        self.sum().is_some_and(|sum| sum.agents > 1)
    }

    fn field(&self, field: Field, width: usize, pen: &mut Pen) {
        let (agent, ui, theme) = (self.agent, self.ui, self.theme);
        let sum = self.sum();
        match field {
            Field::State => row::state(agent, width, ui, theme, pen),
            Field::Tree => self.name(width, pen),
            Field::Kind => _ = pen.column(&agent.adapter, width, theme.muted),
            Field::Model => _ = pen.column(words::model(&agent.model), width, theme.muted),
            Field::Own => {
                let own = agent.cost();
                pen.right(if self.is_parent() { &own } else { "" }, width, theme.faint);
            }
            Field::Agents => {
                let agents = sum.filter(|_| self.is_parent()).map(|sum| sum.agents.to_string());
                pen.right(&agents.unwrap_or_default(), width, theme.muted);
            }
            Field::Tokens => {
                row::tokens(sum.map_or(0, |sum| sum.tokens.total()), width, theme, pen)
            }
            Field::Scope => row::scope(agent, width, theme, pen),
            Field::Cost => {
                let own = (agent.cost_micros, agent.estimated_micros);
                let sum = sum.map_or(own, |sum| (sum.cost_micros, sum.estimated_micros));
                row::cost(sum, width, theme, pen)
            }
            Field::Branch => self.branch(width, pen),
        }
    }

    fn name(&self, width: usize, pen: &mut Pen) {
        let (agent, theme) = (self.agent, self.theme);
        let folded = self.ui.grid.folded.contains(&agent.id);
        let knob = match (self.is_parent(), folded, self.ui.unicode) {
            (false, ..) => "",
            (true, true, true) => "▸ ",
            (true, false, true) => "▾ ",
            (true, true, false) => "+ ",
            (true, false, false) => "- ",
        };
        let bar = self.bar.width().min(width / 2);
        let room = width - bar;
        pen.column(self.bar, bar, theme.faint).column(knob, knob.width().min(room), theme.accent);
        let room = room.saturating_sub(knob.width());
        pen.column(&agent.name, room, row::name(agent, self.ui, theme));
    }

    /// How a parent's branch stands, by state; of one without children why it stands so. What
    /// lets a held branch go on goes before all that.
    fn branch(&self, width: usize, pen: &mut Pen) {
        let mut room = width;
        let parent = self.is_parent();
        if let Some(sum) = self.sum().filter(|_| parent && self.agent.held.is_none()) {
            for state in AgentState::ALL {
                let Some(n) = sum.by_state.get(&state) else { continue };
                let text = format!("{} {n}  ", words::glyph(state, self.ui.unicode));
                if text.width() > room {
                    break;
                }
                pen.put(&text, self.theme.state(state));
                room -= text.width();
            }
        }
        if room == width || room > 8 {
            row::last(self.store, self.agent, room, self.ui, self.theme, pen);
        }
    }
}
