//! A new swarm: its fields, what is wrong with them, and what it may cost.

use super::{overlay::panel, pen::Pen};
use crate::store::Store;
use crate::tui::{
    form::{FIELDS, Form},
    theme::Theme,
    ui::Ui,
};
use ratatui::{buffer::Buffer, layout::Rect};

/// Columns of the labels.
const LABEL: usize = 10;

pub fn draw(store: &Store, form: &Form, ui: &Ui, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let tall = FIELDS.len() as u16 + 5;
    let inside = panel("new swarm", (84, tall), ui, theme, area, buffer);
    let spec = form.spec();
    // Below the fields: a blank line, and what it comes to.
    let below = u16::from(inside.height > 2) + u16::from(inside.height > 5);
    let rows = usize::from(inside.height.saturating_sub(below)).max(1).min(FIELDS.len());
    let top = (form.at + 1).saturating_sub(rows);
    let caret = if ui.unicode { "▏" } else { "_" };
    for (row, at) in (0..).zip(top..(top + rows).min(FIELDS.len())) {
        let (label, takes) = FIELDS[at];
        let current = at == form.at;
        let wrong =
            spec.as_ref().is_err_and(|(field, _)| *field == at) && !form.fields[at].is_empty();
        let style = match (wrong, current) {
            (true, _) => theme.error,
            (false, true) => theme.key,
            (false, false) => theme.muted,
        };
        let mut pen = Pen::new(buffer, inside, row);
        pen.column(label, LABEL, style);
        // The end of a long text is what is being typed.
        let fits = pen.left().saturating_sub(1);
        let skip = form.fields[at].chars().count().saturating_sub(fits);
        let text: String = form.fields[at].chars().skip(skip).collect();
        pen.put(&text, theme.strong);
        if current {
            pen.put(caret, theme.accent);
        }
        if text.is_empty() {
            pen.put(takes, theme.faint);
        }
    }
    if below == 0 {
        return;
    }
    let mut pen = Pen::new(buffer, inside, inside.height - 1);
    match &spec {
        Ok(spec) => pen.put(&form.estimate(store, spec), theme.money),
        Err((field, why)) => {
            pen.put(FIELDS[*field].0, theme.warn).put(": ", theme.warn).put(why, theme.warn)
        }
    };
}
