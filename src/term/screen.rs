//! The one place that names the emulator crate.

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

/// A terminal screen fed with bytes.
pub struct Screen {
    parser: vt100::Parser,
}

impl Screen {
    /// `scrollback` in rows kept in memory. Sizes of 0 count as 1.
    pub fn new(cols: u16, rows: u16, scrollback: usize) -> Self {
        todo!()
    }
    pub fn process(&mut self, bytes: &[u8]) {}
    pub fn resize(&mut self, cols: u16, rows: u16) {}
    /// Columns, rows.
    pub fn size(&self) -> (u16, u16) {
        todo!()
    }
    /// Row, column, both from 0.
    pub fn cursor(&self) -> (u16, u16) {
        todo!()
    }
    pub fn cursor_visible(&self) -> bool {
        todo!()
    }
    pub fn cell(&self, row: u16, col: u16) -> Cell<'_> {
        todo!()
    }
    /// Trailing blanks removed.
    pub fn row_text(&self, row: u16) -> String {
        todo!()
    }
    pub fn alternate(&self) -> bool {
        todo!()
    }
    pub fn bracketed_paste(&self) -> bool {
        todo!()
    }
    pub fn application_cursor(&self) -> bool {
        todo!()
    }
    /// Rows scrolled back by the viewer; clamped to what is kept.
    pub fn set_scrollback(&mut self, rows: usize) {}
    pub fn scrollback(&self) -> usize {
        todo!()
    }
    /// Bytes that bring a fresh terminal of the same size into this state: both screens,
    /// modes, scroll region, cursor.
    pub fn restore_bytes(&self) -> Vec<u8> {
        todo!()
    }
    pub fn dump(&self) -> crate::protocol::keeper::ScreenDump {
        todo!()
    }
}
