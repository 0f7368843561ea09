//! What stands where nothing else can: a terminal too small, a world still empty.

use super::pen::{Pen, fill};
use crate::store::Store;
use crate::tui::{theme::Theme, ui::Ui};
use ratatui::{buffer::Buffer, layout::Rect};

/// Smallest terminal the screen is drawn in.
pub const MIN_COLUMNS: u16 = 24;
pub const MIN_ROWS: u16 = 6;

pub fn too_small(theme: &Theme, area: Rect, buffer: &mut Buffer) {
    fill(buffer, area, theme.surface);
    let lines = [
        "too small".to_owned(),
        format!("is {}x{}", area.width, area.height),
        format!("need {MIN_COLUMNS}x{MIN_ROWS}"),
    ];
    for (row, line) in (0..).zip(&lines) {
        let style = if row == 0 { theme.warn } else { theme.muted };
        Pen::new(buffer, area, row).put(line, style);
    }
}

pub fn empty(store: &Store, ui: &Ui, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let mut row = area.height / 4;
    let mut line = |pieces: &[(&str, ratatui::style::Style)]| {
        let mut pen = Pen::new(buffer, area, row);
        pen.skip(3);
        for (text, style) in pieces {
            pen.put(text, *style);
        }
        row += 1;
    };
    if !store.is_loaded() {
        let dots = if ui.unicode { "…" } else { "..." };
        line(&[("Asking the core how things stand", theme.muted), (dots, theme.muted)]);
        return;
    }
    line(&[("No swarm yet.", theme.strong)]);
    line(&[]);
    line(&[(":swarm create TASK ", theme.key), ("    give one agent a task, here", theme.muted)]);
    line(&[(":swarm create -n 5 TASK", theme.key), (" or five of them", theme.muted)]);
    line(&[
        ("dash demo", theme.key),
        ("               rehearse, in a shell: no key, no agent needed", theme.muted),
    ]);
    line(&[]);
    line(&[
        ("?", theme.key),
        (" shows every key, ", theme.muted),
        (":", theme.key),
        (" every command.", theme.muted),
    ]);
}
