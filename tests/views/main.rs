//! What the screen looks like, cell by cell, and what keys make of it.
//!
//! `DASH_PICTURES=DIR cargo test --test views -- --ignored pictures` writes the screen as SVG
//! pictures; `-- --ignored speed --nocapture` prints how long a frame takes.

#![allow(clippy::unwrap_used)]

mod board;
mod costs;
mod events;
mod form;
mod inbox;
mod keymaps;
mod keys;
mod look;
mod loops;
mod mouse;
mod palette;
mod picture;
mod portrait;
mod reread;
mod shots;
mod speed;
mod split;
mod wall;
mod world;

use crossterm::event::{Event, KeyEvent};
use dash::{
    store::Store,
    tui::{
        app::{App, Parts},
        key::chord,
        keymap::Keymap,
        link::Message,
        theme::{Appearance, Depth, Theme, Themes},
        ui::Ui,
        views,
    },
};
use ratatui::{buffer::Buffer, layout::Rect};
use unicode_width::UnicodeWidthStr;

/// An app on a made-up world, as a person would find it after a moment.
fn app(agents: u64, size: (u16, u16)) -> App {
    app_in(agents, size, Appearance::Dark)
}

fn app_in(agents: u64, size: (u16, u16), appearance: Appearance) -> App {
    let themes = Themes { directory: None, depth: Depth::True, appearance };
    let keymap = Keymap::load("vim", None).unwrap();
    app_of(agents, size, keymap, themes, Theme::built_in(appearance))
}

fn app_of(agents: u64, size: (u16, u16), keymap: Keymap, themes: Themes, theme: Theme) -> App {
    let parts = Parts {
        keymap,
        theme,
        themes,
        ui: Ui { unicode: true, now: world::NOW, ..Ui::default() },
        cwd: "/home/ada/refactor".into(),
        path: None,
    };
    let mut app = App::new(parts, Rect::new(0, 0, size.0, size.1));
    app.message(Message::Server(world::snapshot(agents)));
    app
}

/// Presses keys, written as in a keymap, with blanks between.
fn press(app: &mut App, keys: &str) {
    for key in chord(keys).unwrap() {
        app.event(Event::Key(KeyEvent::new(key.code, key.modifiers)));
    }
}

/// Types a text, character by character.
fn enter(app: &mut App, text: &str) {
    for c in text.chars() {
        let code = crossterm::event::KeyCode::Char(c);
        app.event(Event::Key(KeyEvent::new(code, crossterm::event::KeyModifiers::NONE)));
    }
}

fn frame(app: &mut App, size: (u16, u16)) -> Buffer {
    let area = Rect::new(0, 0, size.0, size.1);
    let mut buffer = Buffer::empty(area);
    app.draw(world::NOW, area, &mut buffer);
    buffer
}

fn bare(store: &Store, ui: &Ui, theme: &Theme, size: (u16, u16)) -> Buffer {
    let area = Rect::new(0, 0, size.0, size.1);
    let mut buffer = Buffer::empty(area);
    views::draw(store, ui, theme, area, &mut buffer);
    buffer
}

/// The text of a buffer, a line a row, without trailing blanks.
fn text(buffer: &Buffer) -> String {
    let area = *buffer.area();
    let mut out = String::new();
    for y in area.top()..area.bottom() {
        let mut line = String::new();
        let mut x = area.left();
        while x < area.right() {
            let symbol = buffer[(x, y)].symbol();
            line.push_str(symbol);
            x += symbol.width().max(1) as u16;
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}
