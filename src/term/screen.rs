//! The one place, with [`core`], that names the emulator crate.
//!
//! Output passes through our own tokenizer first, which fills what the emulator lacks
//! (line drawing, IND, NEL, CBT, colours with colons …) and keeps strings such as OSC out
//! of it, whose payload it would keep without limit. No bytes and no size make it panic: a
//! fault inside the emulator costs the picture, which the next redraw brings back.

use super::follower::Known;
use super::lines;
use super::modes::{Modes, Pen};
use super::token::Tokenizer;
use crate::protocol::keeper::ScreenDump;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

mod core;

use self::core::{Core, at_least_one};

/// A colour as the program asked for it; the viewer's theme decides what it looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Color {
    #[default]
    Default,
    Indexed(u8),
    Rgb(u8, u8, u8),
}

/// One cell of a screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cell<'a> {
    /// Empty for a blank cell and for the second half of a wide character.
    pub text: &'a str,
    pub wide: bool,
    pub continuation: bool,
    pub fg: Color,
    pub bg: Color,
    pub bold: bool,
    pub dim: bool,
    pub italic: bool,
    pub underline: bool,
    pub inverse: bool,
}

/// Which of two opposite unknown pasts a [`Screen::guess`] assumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Past {
    Low,
    High,
}

/// A terminal screen fed with bytes.
pub struct Screen {
    core: Core,
    tokens: Tokenizer,
}

impl Screen {
    /// `scrollback` in rows kept in memory. Sizes of 0 count as 1.
    pub fn new(cols: u16, rows: u16, scrollback: usize) -> Self {
        let parser = vt100::Parser::new(at_least_one(rows), at_least_one(cols), scrollback);
        let modes = Modes::default();
        Self {
            core: Core { parser, scrollback, modes, out: Vec::new(), faults: 0 },
            tokens: Tokenizer::default(),
        }
    }

    pub fn process(&mut self, bytes: &[u8]) {
        self.tokens.feed(bytes, &mut self.core);
        self.core.flush();
    }

    pub fn resize(&mut self, cols: u16, rows: u16) {
        let (cols, rows) = (at_least_one(cols), at_least_one(rows));
        if (cols.get(), rows.get()) == self.size() {
            return;
        }
        let parser = &mut self.core.parser;
        if catch_unwind(AssertUnwindSafe(|| parser.set_size(rows, cols))).is_err() {
            self.core.faults += 1;
            self.core.parser = vt100::Parser::new(rows, cols, self.core.scrollback);
        }
        self.core.modes.resized();
    }

    fn grid(&self) -> &vt100::Screen {
        self.core.parser.screen()
    }

    /// Columns, rows.
    pub fn size(&self) -> (u16, u16) {
        self.core.size()
    }

    /// Row, column, both from 0. The column is at most the last one, also while the next
    /// character is to wrap.
    pub fn cursor(&self) -> (u16, u16) {
        let (row, col) = self.grid().cursor_position();
        (row, col.min(self.size().0 - 1))
    }

    pub fn cursor_visible(&self) -> bool {
        !self.core.modes.cursor_hidden
    }

    pub fn cell(&self, row: u16, col: u16) -> Cell<'_> {
        let Some(cell) = self.grid().cell(row, col) else { return Cell::default() };
        Cell {
            text: cell.contents(),
            wide: cell.is_wide(),
            continuation: cell.is_wide_continuation(),
            fg: color(cell.fgcolor()),
            bg: color(cell.bgcolor()),
            bold: cell.bold(),
            dim: cell.dim(),
            italic: cell.italic(),
            underline: cell.underline(),
            inverse: cell.inverse(),
        }
    }

    /// The row goes on in the next one without a line break.
    pub fn row_wrapped(&self, row: u16) -> bool {
        self.grid().row_wrapped(row)
    }

    /// Trailing blanks removed.
    pub fn row_text(&self, row: u16) -> String {
        let mut text = String::new();
        for col in 0..self.size().0 {
            let cell = self.cell(row, col);
            if !cell.continuation {
                text.push_str(if cell.text.is_empty() { " " } else { cell.text });
            }
        }
        text.truncate(text.trim_end_matches(' ').len());
        text
    }

    /// The row with SGR sequences, trailing unstyled blanks removed; it starts and ends
    /// with the default pen.
    pub fn row_ansi(&self, row: u16) -> String {
        let mut text = String::new();
        let mut pen = Pen::default();
        let mut blanks = 0;
        for col in 0..self.size().0 {
            let cell = self.cell(row, col);
            if cell.continuation {
                continue;
            }
            let own = Pen::from(&cell);
            let blank = cell.text.trim_matches(' ').is_empty();
            if blank && own == Pen::default() {
                blanks += 1;
                continue;
            }
            if blanks > 0 {
                if pen != Pen::default() {
                    pen = Pen::default();
                    text.push_str("\x1b[0m");
                }
                text.extend(std::iter::repeat_n(' ', blanks));
                blanks = 0;
            }
            if own != pen {
                text.push_str(&own.sgr());
                pen = own;
            }
            text.push_str(if cell.text.is_empty() { " " } else { cell.text });
        }
        if pen != Pen::default() {
            text.push_str("\x1b[0m");
        }
        text
    }

    pub fn alternate(&self) -> bool {
        self.grid().alternate_screen()
    }

    pub fn bracketed_paste(&self) -> bool {
        self.core.modes.bracketed_paste
    }

    pub fn application_cursor(&self) -> bool {
        self.core.modes.application_cursor
    }

    /// The program draws a frame that is not complete yet (mode 2026).
    pub fn synchronized(&self) -> bool {
        self.core.modes.synchronized
    }

    /// The program wants mouse events: 0 for none, else the mode's number (9, 1000, 1002,
    /// 1003), and whether in the SGR form.
    pub fn mouse(&self) -> (u16, bool) {
        (self.core.modes.mouse, self.core.modes.mouse_encoding == 1006)
    }

    /// Last title set by OSC 0 or 2, cleaned.
    pub fn title(&self) -> &str {
        &self.core.modes.title
    }

    /// Faults of the emulator survived so far.
    pub fn faults(&self) -> u64 {
        self.core.faults
    }

    /// Last row with text, cleaned and cut to `width`.
    pub fn last_line(&self, width: usize) -> String {
        (0..self.size().1)
            .rev()
            .map(|row| lines::last_line(std::iter::once(self.row_text(row).as_str()), width))
            .find(|line| !line.is_empty())
            .unwrap_or_default()
    }

    /// The bottom rows with text, at most `max`, top first, cleaned.
    pub fn bottom(&self, max: usize) -> Vec<String> {
        let width = usize::from(self.size().0);
        let mut found: Vec<String> = (0..self.size().1)
            .rev()
            .map(|row| lines::clean_to_width(&self.row_text(row), width))
            .filter(|line| !line.trim().is_empty())
            .take(max)
            .collect();
        found.reverse();
        found
    }

    /// Rows scrolled back by the viewer; clamped to what is kept.
    pub fn set_scrollback(&mut self, rows: usize) {
        self.core.parser.screen_mut().set_scrollback(rows);
    }

    pub fn scrollback(&self) -> usize {
        self.grid().scrollback()
    }

    /// Bytes that bring a fresh terminal of the same size into this state: both screens,
    /// modes, scroll region, cursor.
    pub fn restore_bytes(&self) -> Vec<u8> {
        let mut scratch = self.core.copy();
        scratch.parser.screen_mut().set_scrollback(0);
        let modes = &self.core.modes;
        let mut out = String::from("\x1b[?1049l\x1b[r\x1b[?6l\x1b(B\x0f\x1b[?7h\x1b[0m");
        if self.alternate() {
            scratch.parser.process(b"\x1b[?47l");
            out.push_str(&scratch.parser.screen().contents_formatted());
            // Leaving the alternate screen brings back what was saved on entering it.
            scratch.parser.process(b"\x1b8");
            scratch.place_cursor(&mut out);
            out.push_str(&modes.saved_pen.sgr());
            out.push_str("\x1b[?1049h");
            scratch = self.core.copy();
        }
        out.push_str(&scratch.parser.screen().contents_formatted());
        let page = modes.page();
        if !self.alternate() {
            let mut saved = self.core.copy();
            saved.parser.process(b"\x1b8");
            let (row, col) = saved.parser.screen().cursor_position();
            let _ = write!(out, "\x1b[{};{}H{}\x1b7", row + 1, col + 1, modes.saved_pen.sgr());
        }
        if let Some((top, bottom)) = page.region {
            let _ = write!(out, "\x1b[{top};{bottom}r");
        }
        if page.origin {
            let top = page.region.map_or(1, |r| r.0);
            let (row, col) = self.cursor();
            let row = (row + 2).saturating_sub(top).max(1);
            let _ = write!(out, "\x1b[?6h\x1b[{row};{}H", col + 1);
        } else {
            scratch.place_cursor(&mut out);
        }
        out.push_str(&modes.pen.sgr());
        out.push_str(&modes.input_bytes());
        if !modes.title.is_empty() {
            let _ = write!(out, "\x1b]2;{}\x1b\\", modes.title);
        }
        out.into_bytes()
    }

    pub fn dump(&self) -> ScreenDump {
        let (cols, rows) = self.size();
        let (cursor_row, cursor_col) = self.cursor();
        ScreenDump {
            cols,
            rows,
            cursor_row,
            cursor_col,
            cursor_visible: self.cursor_visible(),
            alternate: self.alternate(),
            title: self.title().to_owned(),
            lines: (0..rows).map(|row| self.row_text(row)).collect(),
            ansi: (0..rows).map(|row| self.row_ansi(row)).collect(),
        }
    }

    /// Row and column of the cursor; the column is the number of columns where the next
    /// character is to wrap.
    pub(super) fn place(&self) -> (u16, u16) {
        self.grid().cursor_position()
    }

    /// A copy whose active screen holds nothing that was known but `known`: other cells,
    /// another cursor, and `modes` as they are where the output goes on. See
    /// [`super::Follower`].
    pub(super) fn guess(&self, modes: &Modes, past: Past, pos: u64, known: Option<&Known>) -> Self {
        let mut core = self.core.copy();
        core.modes = modes.clone();
        match known {
            Some(known) => core.fill_unknown(past, known),
            None => core.fill(past),
        }
        let mut tokens = Tokenizer::at(pos);
        tokens.set_shifted(modes.shifted);
        Self { core, tokens }
    }

    /// A copy that goes on at `pos`, where the output has these modes.
    pub(super) fn over(&self, modes: &Modes, pos: u64) -> Self {
        let mut core = self.core.copy();
        if core.modes.alternate != modes.alternate {
            core.push(if modes.alternate { b"\x1b[?47h" } else { b"\x1b[?47l" });
        }
        core.modes = modes.clone();
        let (_, rows) = core.size();
        core.push(&modes.bytes(rows));
        core.flush();
        let mut tokens = Tokenizer::at(pos);
        tokens.set_shifted(modes.shifted);
        Self { core, tokens }
    }

    pub(super) fn copy(&self) -> Self {
        let mut core = self.core.copy();
        core.out.clone_from(&self.core.out);
        Self { core, tokens: self.tokens.clone() }
    }

    /// A blank screen that keeps as much scrollback as this one.
    pub(super) fn fresh(&self, cols: u16, rows: u16) -> Self {
        Self::new(cols, rows, self.core.scrollback)
    }

    /// Cells, attributes, pen, modes and cursor are the same, of the screen in use; with
    /// `saved` the saved cursor too.
    pub(super) fn same(&self, other: &Self, saved: bool) -> bool {
        let (a, b) = (self.grid(), other.grid());
        let (cols, rows) = self.size();
        self.size() == other.size()
            && a.cursor_position() == b.cursor_position()
            && a.alternate_screen() == b.alternate_screen()
            && self.core.modes == other.core.modes
            && a.attributes_formatted() == b.attributes_formatted()
            && (0..rows).rev().all(|row| (0..cols).all(|col| a.cell(row, col) == b.cell(row, col)))
            && (!saved || self.core.saved() == other.core.saved())
    }
}

impl From<&Cell<'_>> for Pen {
    fn from(cell: &Cell<'_>) -> Self {
        Self {
            fg: cell.fg,
            bg: cell.bg,
            bold: cell.bold,
            dim: cell.dim,
            italic: cell.italic,
            underline: cell.underline,
            inverse: cell.inverse,
        }
    }
}

fn color(color: vt100::Color) -> Color {
    match color {
        vt100::Color::Default => Color::Default,
        vt100::Color::Idx(n) => Color::Indexed(n),
        vt100::Color::Rgb(r, g, b) => Color::Rgb(r, g, b),
    }
}

#[cfg(test)]
mod tests;
