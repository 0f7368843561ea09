//! What a terminal remembers besides its cells: attributes, scroll region, charset, modes,
//! title. "Last wins" holds for all of it, so that it can be collected from output far
//! faster than the output can be drawn.

use super::screen::Color;
use super::token::{number, params};
use std::fmt::Write as _;

/// Longest title kept, in characters.
const TITLE_CAP: usize = 256;

/// The pen with which text is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pen {
    pub fg: Color,
    pub bg: Color,
    pub bold: bool,
    pub dim: bool,
    pub italic: bool,
    pub underline: bool,
    pub inverse: bool,
}

/// Per screen (main, alternate).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// First and last row from 1, none for the whole screen.
    pub region: Option<(u16, u16)>,
    pub origin: bool,
    pub saved_origin: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Modes {
    pub pen: Pen,
    pub saved_pen: Pen,
    pub main: Page,
    pub other: Page,
    pub alternate: bool,
    pub application_cursor: bool,
    pub application_keypad: bool,
    pub cursor_hidden: bool,
    pub bracketed_paste: bool,
    pub autowrap: bool,
    pub focus_events: bool,
    pub synchronized: bool,
    /// 0, 9, 1000, 1002 or 1003.
    pub mouse: u16,
    /// 0, 1005 or 1006.
    pub mouse_encoding: u16,
    pub cursor_style: u16,
    /// G0 and G1 are the line-drawing set.
    pub drawing: [bool; 2],
    /// G1 is in use.
    pub shifted: bool,
    pub title: String,
}

impl Default for Modes {
    fn default() -> Self {
        Self {
            pen: Pen::default(),
            saved_pen: Pen::default(),
            main: Page::default(),
            other: Page::default(),
            alternate: false,
            application_cursor: false,
            application_keypad: false,
            cursor_hidden: false,
            bracketed_paste: false,
            autowrap: true,
            focus_events: false,
            synchronized: false,
            mouse: 0,
            mouse_encoding: 0,
            cursor_style: 0,
            drawing: [false; 2],
            shifted: false,
            title: String::new(),
        }
    }
}

/// What a sequence does beyond the modes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing that later output could not undo.
    None,
    /// The cursor is saved.
    Save,
    /// The alternate screen comes or goes.
    Switch,
    /// Everything starts anew.
    Reset,
}

impl Modes {
    pub fn page(&self) -> &Page {
        if self.alternate { &self.other } else { &self.main }
    }

    fn page_mut(&mut self) -> &mut Page {
        if self.alternate { &mut self.other } else { &mut self.main }
    }

    /// Text is drawn with the line-drawing set.
    pub fn line_drawing(&self) -> bool {
        self.drawing[usize::from(self.shifted)]
    }

    /// A resize takes the scroll regions away.
    pub fn resized(&mut self) {
        self.main.region = None;
        self.other.region = None;
    }

    pub fn control(&mut self, byte: u8) {
        match byte {
            0x0e => self.shifted = true,
            0x0f => self.shifted = false,
            _ => {}
        }
    }

    pub fn save(&mut self) {
        self.saved_pen = self.pen;
        let page = self.page_mut();
        page.saved_origin = page.origin;
    }

    pub fn restore(&mut self) {
        self.pen = self.saved_pen;
        let page = self.page_mut();
        page.origin = page.saved_origin;
    }

    pub fn esc(&mut self, intermediates: &[u8], last: u8) -> Effect {
        match (intermediates, last) {
            ([], b'7') => {
                self.save();
                return Effect::Save;
            }
            ([], b'8') => self.restore(),
            ([], b'=') => self.application_keypad = true,
            ([], b'>') => self.application_keypad = false,
            ([], b'c') => {
                *self = Self::default();
                return Effect::Reset;
            }
            (b"(", set) => self.drawing[0] = set == b'0',
            (b")", set) => self.drawing[1] = set == b'0',
            _ => {}
        }
        Effect::None
    }

    /// `rows` is the height of the screen.
    pub fn csi(&mut self, raw: &[u8], last: u8, rows: u16) -> Effect {
        match (raw.first(), last) {
            (Some(b'?'), b'h' | b'l') => {
                let mut effect = Effect::None;
                for number in params(&raw[1..]).flatten() {
                    match self.private(number, last == b'h') {
                        Effect::None => {}
                        Effect::Save if effect == Effect::Switch => {}
                        more => effect = more,
                    }
                }
                return effect;
            }
            (_, b'm') if is_plain(raw) => {
                self.sgr(raw);
            }
            (_, b'r') if is_plain(raw) => {
                let mut list = params(raw).map(|n| n.filter(|n| *n > 0));
                let top = list.next().flatten().unwrap_or(1);
                let bottom = list.next().flatten().unwrap_or(rows).min(rows);
                self.page_mut().region =
                    (top < bottom && (top, bottom) != (1, rows)).then_some((top, bottom));
            }
            (None, b's') => {
                self.save();
                return Effect::Save;
            }
            (None, b'u') => self.restore(),
            (_, b'q') if raw.last() == Some(&b' ') => {
                let style = number(&raw[..raw.len() - 1]).unwrap_or(0);
                if style <= 6 {
                    self.cursor_style = style;
                }
            }
            (Some(b'!'), b'p') => {
                // Soft reset, all but the scroll region, which could not go without the cursor.
                self.pen = Pen::default();
                self.cursor_hidden = false;
                self.application_cursor = false;
                self.application_keypad = false;
                self.autowrap = true;
                self.drawing = [false; 2];
                self.shifted = false;
            }
            _ => {}
        }
        Effect::None
    }

    fn private(&mut self, number: u16, on: bool) -> Effect {
        match number {
            1 => self.application_cursor = on,
            6 => self.page_mut().origin = on,
            7 => self.autowrap = on,
            25 => self.cursor_hidden = !on,
            9 | 1000 | 1002 | 1003 => {
                if on {
                    self.mouse = number;
                } else if self.mouse == number {
                    self.mouse = 0;
                }
            }
            1005 | 1006 => {
                if on {
                    self.mouse_encoding = number;
                } else if self.mouse_encoding == number {
                    self.mouse_encoding = 0;
                }
            }
            1004 => self.focus_events = on,
            2004 => self.bracketed_paste = on,
            2026 => self.synchronized = on,
            47 | 1047 => {
                self.alternate = on;
                return Effect::Switch;
            }
            1048 => {
                if on {
                    self.save();
                    return Effect::Save;
                }
                self.restore();
            }
            1049 => {
                if on {
                    self.save();
                    self.other = Page::default();
                    self.alternate = true;
                } else {
                    self.alternate = false;
                    self.restore();
                }
                return Effect::Switch;
            }
            _ => {}
        }
        Effect::None
    }

    /// Returns false where another terminal may take it for something else: then the pen
    /// as a whole says it better.
    pub fn sgr(&mut self, raw: &[u8]) -> bool {
        if raw.is_empty() {
            self.pen = Pen::default();
            return true;
        }
        let pen = &mut self.pen;
        let mut plain = raw.len() < 64;
        let mut parts = raw.split(|b| *b == b';');
        while let Some(part) = parts.next() {
            let (code, with_subs) = code(part);
            let subs = || part.split(|b| *b == b':').skip(1).map(|d| number(d).unwrap_or(0));
            plain &= !with_subs;
            match code {
                0 => *pen = Pen::default(),
                1 => (pen.bold, pen.dim) = (true, false),
                2 => (pen.bold, pen.dim) = (false, true),
                3 => pen.italic = true,
                4 => pen.underline = !with_subs || subs().next() != Some(0),
                7 => pen.inverse = true,
                21 => {
                    pen.underline = true;
                    plain = false;
                }
                22 => (pen.bold, pen.dim) = (false, false),
                23 => pen.italic = false,
                24 => pen.underline = false,
                27 => pen.inverse = false,
                30..=37 => pen.fg = Color::Indexed((code - 30) as u8),
                40..=47 => pen.bg = Color::Indexed((code - 40) as u8),
                39 => pen.fg = Color::Default,
                49 => pen.bg = Color::Default,
                90..=97 => pen.fg = Color::Indexed((code - 82) as u8),
                100..=107 => pen.bg = Color::Indexed((code - 92) as u8),
                38 | 48 | 58 => {
                    let color = if with_subs {
                        let list: Vec<u16> = subs().take(6).collect();
                        sub_color(&list)
                    } else {
                        let mut next = || parts.next().map(|d| number(d).unwrap_or(0));
                        match next() {
                            Some(5) => next().and_then(indexed),
                            Some(2) => match (next(), next(), next()) {
                                (Some(r), Some(g), Some(b)) => rgb(r, g, b),
                                _ => None,
                            },
                            _ => None,
                        }
                    };
                    plain &= color.is_some() && code != 58;
                    match (color, code) {
                        (Some(color), 38) => pen.fg = color,
                        (Some(color), 48) => pen.bg = color,
                        _ => {}
                    }
                }
                _ => {}
            }
        }
        plain
    }

    /// Takes `OSC 0` and `OSC 2`.
    pub fn osc(&mut self, payload: &[u8]) {
        if let Some(title) = payload.strip_prefix(b"0;").or_else(|| payload.strip_prefix(b"2;")) {
            self.title = super::lines::clean(&String::from_utf8_lossy(title), TITLE_CAP);
        }
    }

    /// The bytes that set pen, page and modes in a terminal of `rows` rows, whatever it had
    /// before; the cursor ends anywhere, the screen stays the one in use.
    pub fn bytes(&self, rows: u16) -> Vec<u8> {
        let mut out = self.input_bytes();
        let page = self.page();
        let (top, bottom) = page.region.unwrap_or((1, rows));
        let _ = write!(out, "\x1b[{top};{bottom}r\x1b[?6{}", flag(page.origin));
        out.push_str(&self.pen.sgr());
        out.into_bytes()
    }

    /// Modes alone: no pen, no page.
    pub fn input_bytes(&self) -> String {
        let mut out = String::with_capacity(160);
        for (number, on) in [
            (1, self.application_cursor),
            (7, self.autowrap),
            (25, !self.cursor_hidden),
            (1004, self.focus_events),
            (2004, self.bracketed_paste),
        ] {
            let _ = write!(out, "\x1b[?{number}{}", flag(on));
        }
        out.push_str(if self.application_keypad { "\x1b=" } else { "\x1b>" });
        out.push_str("\x1b[?9l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1005l\x1b[?1006l");
        for number in [self.mouse, self.mouse_encoding] {
            if number != 0 {
                let _ = write!(out, "\x1b[?{number}h");
            }
        }
        let _ = write!(out, "\x1b[{} q", self.cursor_style);
        for (set, drawing) in ["(", ")"].into_iter().zip(self.drawing) {
            let _ = write!(out, "\x1b{set}{}", if drawing { '0' } else { 'B' });
        }
        out.push(if self.shifted { '\x0e' } else { '\x0f' });
        out
    }
}

/// The number before the first colon, 0 for none, and whether there is a colon.
fn code(part: &[u8]) -> (u16, bool) {
    let mut code = 0u16;
    for &byte in part {
        if byte == b':' {
            return (code, true);
        }
        code = code.saturating_mul(10).saturating_add(u16::from(byte.wrapping_sub(b'0')));
    }
    (code, false)
}

/// Digits and separators only: no private marker, no intermediate.
pub fn is_plain(raw: &[u8]) -> bool {
    raw.iter().all(|b| (b'0'..=b';').contains(b))
}

fn flag(on: bool) -> char {
    if on { 'h' } else { 'l' }
}

fn indexed(n: u16) -> Option<Color> {
    u8::try_from(n).ok().map(Color::Indexed)
}

fn rgb(r: u16, g: u16, b: u16) -> Option<Color> {
    Some(Color::Rgb(u8::try_from(r).ok()?, u8::try_from(g).ok()?, u8::try_from(b).ok()?))
}

/// `38:5:n`, `38:2:r:g:b`, `38:2:space:r:g:b`, without the 38.
fn sub_color(list: &[u16]) -> Option<Color> {
    match *list {
        [5, n] => indexed(n),
        [2, r, g, b] | [2, _, r, g, b] | [2, _, r, g, b, _] => rgb(r, g, b),
        _ => None,
    }
}

impl Pen {
    /// From any pen to this one.
    pub fn sgr(&self) -> String {
        let mut out = String::from("\x1b[0");
        for (on, code) in [
            (self.bold, ";1"),
            (self.dim, ";2"),
            (self.italic, ";3"),
            (self.underline, ";4"),
            (self.inverse, ";7"),
        ] {
            if on {
                out.push_str(code);
            }
        }
        for (color, base) in [(self.fg, 30u8), (self.bg, 40u8)] {
            let _ = match color {
                Color::Default => Ok(()),
                Color::Indexed(n @ 0..=7) => write!(out, ";{}", base + n),
                Color::Indexed(n @ 8..=15) => write!(out, ";{}", base + 52 + n),
                Color::Indexed(n) => write!(out, ";{};5;{n}", base + 8),
                Color::Rgb(r, g, b) => write!(out, ";{};2;{r};{g};{b}", base + 8),
            };
        }
        out.push('m');
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pen_follows_every_form_of_colour() {
        for (raw, fg) in [
            ("31", Color::Indexed(1)),
            ("93", Color::Indexed(11)),
            ("38;5;200", Color::Indexed(200)),
            ("38:5:200", Color::Indexed(200)),
            ("38;2;1;2;3", Color::Rgb(1, 2, 3)),
            ("38:2:1:2:3", Color::Rgb(1, 2, 3)),
            ("38:2::1:2:3", Color::Rgb(1, 2, 3)),
            ("38;2;1;2;3;58;2;9;9;9", Color::Rgb(1, 2, 3)),
            ("31;39", Color::Default),
        ] {
            let mut modes = Modes::default();
            modes.sgr(raw.as_bytes());
            assert_eq!(modes.pen.fg, fg, "{raw}");
            assert!(!modes.pen.dim, "{raw}");
            let mut again = Modes::default();
            let sgr = modes.pen.sgr();
            again.sgr(&sgr.as_bytes()[2..sgr.len() - 1]);
            assert_eq!(again.pen, modes.pen, "{raw}");
        }
    }

    #[test]
    fn restoring_brings_the_saved_pen_and_origin() {
        let mut modes = Modes::default();
        modes.sgr(b"1;31");
        modes.csi(b"?6", b'h', 24);
        assert_eq!(modes.esc(b"", b'7'), Effect::Save);
        modes.sgr(b"0");
        modes.csi(b"?6", b'l', 24);
        modes.esc(b"", b'8');
        assert!(modes.pen.bold && modes.main.origin);
    }
}
