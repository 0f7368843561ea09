//! Which columns the grid has room for, and how wide each is.

use super::words;
use crate::model::AgentInfo;
use crate::store::{Column, Store};
use std::collections::BTreeSet;
use unicode_width::UnicodeWidthStr;

/// Blank columns between two columns.
pub const GAP: usize = 2;
/// Columns of the cursor and mark at the very left.
pub const MARGIN: usize = 2;

const LEAST_ITEM: usize = 14;

/// What a column of the grid shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    State,
    Agent,
    Kind,
    Model,
    Item,
    Progress,
    Tokens,
    Burn,
    /// Only where some are in no scope and others are in one.
    Scope,
    Cost,
    Age,
    Last,
}

impl Field {
    pub fn title(self) -> &'static str {
        match self {
            Self::State => "STATE",
            Self::Agent => "AGENT",
            Self::Kind => "KIND",
            Self::Model => "MODEL",
            Self::Item => "ITEM",
            Self::Progress => "PROGRESS",
            Self::Tokens => "TOKENS",
            Self::Burn => "BURN",
            Self::Scope => "SCOPE",
            Self::Cost => "COST",
            Self::Age => "AGE",
            Self::Last => "LAST",
        }
    }

    pub fn right_aligned(self) -> bool {
        match self {
            Self::Tokens | Self::Cost | Self::Age => true,
            Self::State
            | Self::Agent
            | Self::Kind
            | Self::Model
            | Self::Item
            | Self::Progress
            | Self::Burn
            | Self::Scope
            | Self::Last => false,
        }
    }

    /// Whether the grid is sorted by this.
    pub fn sorts(self, by: Column) -> bool {
        match self {
            Self::State => matches!(by, Column::State | Column::Need),
            Self::Agent => by == Column::Agent,
            Self::Kind => by == Column::Kind,
            Self::Model => by == Column::Model,
            Self::Item => by == Column::Item,
            Self::Progress => by == Column::Progress,
            Self::Tokens => by == Column::Tokens,
            Self::Burn => by == Column::Burn,
            Self::Scope => false,
            Self::Cost => by == Column::Cost,
            Self::Age => by == Column::Age,
            Self::Last => by == Column::Last,
        }
    }
}

/// What rows can be sorted by so that it shows, in the order of the columns.
pub fn sortable(store: &Store, width: u16) -> Vec<Column> {
    let of = |field: Field| {
        Some(match field {
            Field::State => Column::Need,
            Field::Agent => Column::Agent,
            Field::Kind => Column::Kind,
            Field::Model => Column::Model,
            Field::Item => Column::Item,
            Field::Progress => Column::Progress,
            Field::Tokens => Column::Tokens,
            Field::Burn => Column::Burn,
            Field::Scope => return None,
            Field::Cost => Column::Cost,
            Field::Age => Column::Age,
            Field::Last => Column::Last,
        })
    };
    layout(store, width).into_iter().filter_map(|(field, _)| of(field)).collect()
}

/// Whether any model was ever called: else tokens and money would be columns of zeros.
pub fn tells_money(store: &Store) -> bool {
    store.agents().any(|agent| agent.tokens.total() > 0 || agent.cost_micros.0 != 0)
}

/// Columns of a scope in a word.
pub const SCOPE: usize = 6;

/// Some living agents are in no scope and others are in one: rows have to say which. Where
/// none is, the top line says so of all.
pub fn tells_scopes(store: &Store) -> bool {
    let living = || store.agents().filter(|agent| !agent.state.is_final());
    living().any(AgentInfo::is_unscoped) && living().any(|agent| !agent.is_unscoped())
}

fn kinds(store: &Store) -> usize {
    store.agents().map(|agent| &agent.adapter).collect::<BTreeSet<_>>().len()
}

/// Columns that the last one keeps: what lets a held branch go on is to be read.
pub fn least_last(store: &Store) -> usize {
    let held = store.agents().filter_map(|agent| agent.held.as_ref());
    held.map(|held| words::held(held).width()).max().unwrap_or(0).max(14)
}

/// Fields with their widths, from left to right.
pub fn layout(store: &Store, width: u16) -> Vec<(Field, usize)> {
    let width = usize::from(width).saturating_sub(MARGIN);
    let mut name = 8;
    let (mut item, mut model, mut kind) = (0, 0, 4);
    for agent in store.agents() {
        // A child stands to the right of its parent.
        name = name.max(agent.name.width() + 2 * agent.id.ancestors().count());
        kind = kind.max(agent.adapter.len());
        let text = agent.item.as_deref().and_then(|item| item.lines().next()).unwrap_or("");
        item = item.max(text.width());
        // Where some are simulated, four columns say which.
        model = model.max(words::model(&agent.model).width() + 4);
    }
    let narrow = width < 58;
    let mut fields = vec![
        (Field::State, if narrow { 1 } else { 10 }),
        (Field::Agent, name.min(if width < 110 { 12 } else { 18 })),
    ];
    // One kind of all tells nothing: where room is short, it goes.
    if width >= 110 || kinds(store) > 1 {
        fields.push((Field::Kind, kind.min(8)));
    }
    if model > 4 {
        fields.push((Field::Model, model.clamp(8, 18)));
    }
    if item > 0 {
        fields.push((Field::Item, LEAST_ITEM));
    }
    if store.progress_seen() {
        fields.push((Field::Progress, 15));
    }
    let money = tells_money(store);
    if money {
        fields.extend([(Field::Tokens, 6), (Field::Burn, 8)]);
    }
    if tells_scopes(store) {
        fields.push((Field::Scope, SCOPE));
    }
    if money {
        fields.push((Field::Cost, 8));
    }
    fields.push((Field::Age, 6));
    fields.push((Field::Last, least_last(store)));
    let order = [
        Field::Burn,
        Field::Progress,
        Field::Model,
        Field::Kind,
        Field::Item,
        Field::Tokens,
        Field::Age,
        Field::Cost,
        Field::Last,
        Field::Scope,
    ];
    let mut dropped = order.into_iter();
    while taken(&fields) > width {
        let Some(drop) = dropped.next() else { break };
        fields.retain(|(field, _)| *field != drop);
    }
    let spare = width.saturating_sub(taken(&fields));
    let has_last = fields.iter().any(|(field, _)| *field == Field::Last);
    // An item gets what it needs, but no more than leaves the last line as much again.
    let wants = item.saturating_sub(LEAST_ITEM);
    let to_item = if has_last { wants.min(spare * 3 / 5) } else { spare };
    let mut given = 0;
    for (field, wide) in &mut fields {
        if *field == Field::Item {
            *wide += to_item;
            given = to_item;
        }
    }
    if let Some((Field::Last, wide)) = fields.last_mut() {
        *wide += spare - given;
    }
    fields
}

fn taken(fields: &[(Field, usize)]) -> usize {
    let gaps = fields.len().saturating_sub(1) * GAP;
    fields.iter().map(|(_, width)| width).sum::<usize>() + gaps
}
