//! Which columns the grid has room for, and how wide each is.

use super::words;
use crate::model::AgentInfo;
use crate::store::{Column, Store};
use crate::tui::field::{Chosen, Field};
use std::collections::BTreeSet;
use unicode_width::UnicodeWidthStr;

/// Blank columns between two columns.
pub const GAP: usize = 2;
/// Columns of the cursor and mark at the very left.
pub const MARGIN: usize = 2;

const LEAST_ITEM: usize = 14;

/// What rows can be sorted by so that it shows, in the order of the columns.
pub fn sortable(store: &Store, chosen: &[Chosen], width: u16) -> Vec<Column> {
    layout(store, chosen, width).into_iter().map(|(field, _)| field.column()).collect()
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

/// Fields with their widths, from left to right: those that were chosen, else those that have
/// something to tell. What there is no room for is left out.
pub fn layout(store: &Store, chosen: &[Chosen], width: u16) -> Vec<(Field, usize)> {
    let width = usize::from(width).saturating_sub(MARGIN);
    let wishes = Wishes::of(store, width);
    let mut fields: Vec<(Field, usize)> = if chosen.is_empty() {
        let tells = |field: &Field| wishes.tells(store, width, *field);
        let tell = Field::ALL.into_iter().filter(tells);
        tell.map(|field| (field, wishes.width(field))).collect()
    } else {
        let own = |c: &Chosen| c.width.map_or_else(|| wishes.width(c.field), usize::from);
        chosen.iter().map(|c| (c.field, own(c))).collect()
    };
    drop_some(&mut fields, width);
    let sized = |field| chosen.iter().any(|chosen| chosen.field == field && chosen.width.is_some());
    let spare = width.saturating_sub(taken(&fields));
    let grows = |fields: &[(Field, usize)], which| {
        fields.iter().any(|(field, _)| *field == which && !sized(which))
    };
    let has_last = grows(&fields, Field::Last);
    // An item gets what it needs, but no more than leaves the last line as much again.
    let wants = wishes.item.saturating_sub(LEAST_ITEM);
    let to_item = match grows(&fields, Field::Item) {
        false => 0,
        true if has_last => wants.min(spare * 3 / 5),
        true => spare,
    };
    for (field, wide) in &mut fields {
        match field {
            Field::Item => *wide += to_item,
            Field::Last if has_last => *wide += spare - to_item,
            _ => {}
        }
    }
    fields
}

/// The least telling go first; of what was chosen, the last ones when nothing else is left.
fn drop_some(fields: &mut Vec<(Field, usize)>, width: usize) {
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
    for drop in order {
        if taken(fields) <= width {
            return;
        }
        fields.retain(|(field, _)| *field != drop);
    }
    while taken(fields) > width && fields.len() > 2 {
        fields.pop();
    }
    // Of the last one as much as there is room for.
    let over = taken(fields).saturating_sub(width);
    if let Some((_, wide)) = fields.last_mut() {
        *wide = wide.saturating_sub(over);
    }
}

/// What the columns would like to have, by what stands in them.
struct Wishes {
    name: usize,
    item: usize,
    model: usize,
    kind: usize,
    last: usize,
    narrow: bool,
}

impl Wishes {
    fn of(store: &Store, width: usize) -> Self {
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
        let name = name.min(if width < 110 { 12 } else { 18 });
        let (last, narrow) = (least_last(store), width < 58);
        Self { name, item, model, kind, last, narrow }
    }

    fn width(&self, field: Field) -> usize {
        match field {
            Field::State if self.narrow => 1,
            Field::State => 10,
            Field::Agent => self.name,
            Field::Kind => self.kind.min(8),
            Field::Model => self.model.clamp(8, 18),
            Field::Item => LEAST_ITEM,
            Field::Progress => 15,
            Field::Tokens | Field::Age => 6,
            Field::Burn | Field::Cost => 8,
            Field::Scope => SCOPE,
            Field::Last => self.last,
        }
    }

    /// Whether there is something to tell in it.
    fn tells(&self, store: &Store, width: usize, field: Field) -> bool {
        match field {
            Field::State | Field::Agent | Field::Age | Field::Last => true,
            // One kind of all tells nothing: where room is short, it goes.
            Field::Kind => width >= 110 || kinds(store) > 1,
            Field::Model => self.model > 4,
            Field::Item => self.item > 0,
            Field::Progress => store.progress_seen(),
            Field::Tokens | Field::Burn | Field::Cost => tells_money(store),
            Field::Scope => tells_scopes(store),
        }
    }
}

fn taken(fields: &[(Field, usize)]) -> usize {
    let gaps = fields.len().saturating_sub(1) * GAP;
    fields.iter().map(|(_, width)| width).sum::<usize>() + gaps
}
