//! Who spent it: a row each by swarm, model or agent, all together above them.

use super::super::{
    columns::{GAP, MARGIN},
    pen::{Pen, below, fill},
    row, words,
};
use crate::model::{CostRow, Micros, Tokens};
use crate::store::{By, Money, Series, Store};
use crate::tui::{
    theme::Theme,
    ui::{Costs, Ui},
};
use ratatui::{buffer::Buffer, layout::Rect};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    Name,
    Burn,
    Rate,
    Cost,
    Notional,
    Share,
    Calls,
    Input,
    Output,
    Cached,
}

impl Field {
    fn shape(self) -> (&'static str, usize) {
        match self {
            Self::Name => ("", 17),
            Self::Burn => ("BURN", 12),
            Self::Rate => ("$/MIN", 9),
            Self::Cost => ("COST", 9),
            Self::Notional => ("NOTIONAL", 9),
            Self::Share => ("SHARE", 5),
            Self::Calls => ("CALLS", 6),
            Self::Input => ("INPUT", 6),
            Self::Output => ("OUTPUT", 6),
            Self::Cached => ("CACHED", 6),
        }
    }
}

/// What there is no room for goes, the least telling first; the burn takes what is left over.
/// `notional`: somebody calls under a subscription, which nobody pays by the token.
fn layout(width: usize, longest: usize, notional: bool) -> Vec<(Field, usize)> {
    use Field::{Burn, Cached, Calls, Cost, Input, Name, Notional, Output, Rate, Share};
    let mut fields: Vec<(Field, usize)> =
        [Name, Burn, Rate, Cost, Notional, Share, Calls, Input, Output, Cached]
            .into_iter()
            .filter(|field| notional || *field != Notional)
            .map(|field| (field, field.shape().1))
            .collect();
    let taken = |fields: &[(Field, usize)]| {
        MARGIN + fields.iter().map(|f| f.1).sum::<usize>() + GAP * (fields.len() - 1)
    };
    for spare in [Cached, Output, Input, Calls, Share, Burn, Rate, Notional] {
        if taken(&fields) > width {
            fields.retain(|(field, _)| *field != spare);
        }
    }
    if let Some((_, name)) = fields.first_mut() {
        // Rather half a name than half a sum.
        *name = (*name).min(width.saturating_sub(MARGIN + GAP + Cost.shape().1));
    }
    let over = width.saturating_sub(taken(&fields));
    let name = longest.saturating_sub(17).min(over).min(26);
    for (field, wide) in &mut fields {
        match field {
            Name => *wide += name,
            // A point each up to what is kept.
            Burn => *wide += (over - name).min(48),
            Rate | Cost | Notional | Share | Calls | Input | Output | Cached => {}
        }
    }
    fields
}

/// Rows that it would take: titles, the sum, and one each.
pub fn wanted(store: &Store) -> u16 {
    let rows = store.money().map_or(0, |money| money.rows.len());
    u16::try_from(rows + 2).unwrap_or(u16::MAX)
}

/// One row, as the ledger has it or summed up.
struct Line<'a> {
    name: &'a str,
    calls: u64,
    tokens: Tokens,
    cost: Micros,
    estimated: Micros,
    notional: Micros,
    simulated: bool,
    series: Option<&'a Series>,
    current: bool,
}

pub fn draw(
    store: &Store,
    money: &Money,
    costs: &Costs,
    ui: &Ui,
    theme: &Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    if area.height == 0 {
        return;
    }
    let rows = money.ordered(&costs.hold);
    let name = |row: &CostRow| -> String {
        let name = if money.by == By::Model { words::model(&row.name) } else { &row.name };
        name.to_owned()
    };
    let longest = rows.iter().map(|row| name(row).chars().count()).max().unwrap_or(0) + 4;
    let notional = rows.iter().any(|row| row.notional_micros > Micros::ZERO);
    let fields = layout(usize::from(area.width), longest, notional);
    titles(&fields, costs, theme, area, buffer);
    let total = money.total();
    let mut sums = Line {
        name: "all together",
        calls: 0,
        tokens: Tokens::default(),
        cost: total,
        estimated: Micros::ZERO,
        notional: Micros::ZERO,
        simulated: !rows.is_empty() && rows.iter().all(|row| row.simulated || row.calls == 0),
        series: Some(store.burn().total()),
        current: costs.cursor.is_none(),
    };
    for row in &rows {
        sums.calls += row.calls;
        sums.tokens += row.tokens;
        sums.estimated += row.estimated_micros;
        sums.notional += row.notional_micros;
    }
    let area = below(area, 1);
    let mut draw = |at: u16, line: &Line| {
        let strip = Rect { y: area.y + at, height: 1, ..area };
        line_row(line, &fields, total, ui, theme, strip, buffer);
    };
    if area.height == 0 {
        return;
    }
    draw(0, &sums);
    // Of another dimension, until the ledger has answered.
    if money.by != costs.by {
        return;
    }
    for (at, row) in (1..area.height).zip(rows.iter().skip(costs.top)) {
        let name = name(row);
        let line = Line {
            name: &name,
            calls: row.calls,
            tokens: row.tokens,
            cost: row.cost_micros,
            estimated: row.estimated_micros,
            notional: row.notional_micros,
            simulated: row.simulated,
            series: store.burn().of(money.by, &row.id),
            current: costs.cursor.as_deref() == Some(row.id.as_str()),
        };
        draw(at, &line);
    }
    if rows.is_empty() {
        Pen::new(buffer, area, 1).skip(MARGIN).put("Nothing was spent yet.", theme.muted);
    }
}

fn titles(
    fields: &[(Field, usize)],
    costs: &Costs,
    theme: &Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    let mut pen = Pen::new(buffer, area, 0);
    pen.skip(MARGIN);
    for (at, (field, width)) in fields.iter().enumerate() {
        if at > 0 {
            pen.skip(GAP);
        }
        match field {
            Field::Name => {
                let mut used = 0;
                for by in By::ALL {
                    let word = by.word().to_uppercase();
                    let style = if by == costs.by { theme.accent } else { theme.faint };
                    let room = width - used;
                    pen.column(&word, word.len().min(room), style);
                    used = (used + word.len()).min(*width);
                    let gap = 1.min(width - used);
                    pen.skip(gap);
                    used += gap;
                }
                pen.skip(width - used);
            }
            Field::Burn => _ = pen.column(field.shape().0, *width, theme.heading),
            _ => _ = pen.right(field.shape().0, *width, theme.heading),
        }
    }
}

fn line_row(
    line: &Line,
    fields: &[(Field, usize)],
    total: Micros,
    ui: &Ui,
    theme: &Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    if line.current {
        fill(buffer, area, theme.surface.patch(theme.selection));
    }
    let bar = match (line.current, ui.unicode) {
        (false, _) => " ",
        (true, true) => "▌",
        (true, false) => ">",
    };
    let mut pen = Pen::new(buffer, area, 0);
    pen.column(bar, 1, theme.accent).skip(MARGIN - 1);
    for (at, (field, width)) in fields.iter().enumerate() {
        let width = *width;
        if at > 0 {
            pen.skip(GAP);
        }
        match field {
            Field::Name => {
                let style = if line.current { theme.strong } else { theme.text };
                let sim = if line.simulated && width > 12 { 4 } else { 0 };
                pen.column(line.name, width - sim, style);
                pen.column(" sim", sim, theme.notice);
            }
            Field::Burn => match line.series {
                Some(series) => {
                    row::spark(&series.short.rates(ui.now, width), ui, theme, &mut pen);
                }
                None => _ = pen.skip(width),
            },
            Field::Rate => {
                let rate = line.series.map_or(Micros::ZERO, |s| s.short.cost_per_minute(ui.now));
                row::cost((rate, Micros::ZERO), width, theme, &mut pen);
            }
            Field::Cost => row::cost((line.cost, line.estimated), width, theme, &mut pen),
            Field::Notional if line.notional == Micros::ZERO => _ = pen.skip(width),
            // Nobody pays it: it does not look like what is paid.
            Field::Notional => _ = pen.right(&line.notional.to_string(), width, theme.muted),
            Field::Share => {
                let share = (total.0 > 0)
                    .then(|| i128::from(line.cost.0) * 100 / i128::from(total.0))
                    .map(|share| format!("{share}%"));
                pen.right(share.as_deref().unwrap_or(""), width, theme.muted);
            }
            Field::Calls => _ = pen.right(&words::count(line.calls), width, theme.muted),
            Field::Input => row::tokens(line.tokens.input, width, theme, &mut pen),
            Field::Output => row::tokens(line.tokens.output, width, theme, &mut pen),
            Field::Cached => {
                row::tokens(
                    line.tokens.cache_read + line.tokens.cache_write,
                    width,
                    theme,
                    &mut pen,
                );
            }
        }
    }
}
