//! Sees all output at the speed of the drain, before anything is drawn: queries of the
//! terminal with their answers, status (OSC 7501), progress (OSC 9;4), titles, bells.
//!
//! Answers keep the order of the questions. What needs the screen is reported for the
//! keeper to answer ([`Seen::CursorReport`]). Strings of agents arrive cleaned and capped;
//! an overlong or malformed sequence is nothing.

use super::lines;
use super::modes::Modes;
use super::token::{Sink, Span, Tokenizer, number, params};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Longest title kept, in characters.
const TITLE_CAP: usize = 256;
/// Longest message kept, in characters.
const MESSAGE_CAP: usize = 8000;

/// Something in the output that is more than a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// To be written to the program at once, in this order.
    Reply(Vec<u8>),
    /// The program asks where the cursor is: answer with [`cursor_report`] of a screen
    /// that has drawn everything up to this sequence. `dec` is for DECXCPR.
    CursorReport {
        dec: bool,
        offset: u64,
    },
    /// OSC 7501.
    Status(Status),
    /// OSC 9;4: on or off, and percent where it is known.
    Progress {
        busy: bool,
        percent: Option<u8>,
    },
    Title(String),
    /// Bells rung in a row, without anything else between them.
    Bell(u32),
    /// Mode 2026: the program began (true) or finished a frame.
    Synchronized(bool),
}

/// What OSC 7501 said. Unknown fields are ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// `idle`, `working`, `blocked`, `done`, `clear`, or what comes later.
    pub state: String,
    pub app: String,
    pub kind: String,
    pub title: String,
    pub message: String,
    pub progress: Option<u8>,
}

/// The answer to a [`Seen::CursorReport`]; row and column from 0.
pub fn cursor_report(dec: bool, row: u16, col: u16) -> Vec<u8> {
    let (row, col) = (u32::from(row) + 1, u32::from(col) + 1);
    if dec {
        format!("\x1b[?{row};{col};1R").into_bytes()
    } else {
        format!("\x1b[{row};{col}R").into_bytes()
    }
}

pub struct Scanner {
    tokens: Tokenizer,
    core: Core,
}

pub(super) struct Core {
    cols: u16,
    rows: u16,
    dark: bool,
    /// Only for what DECRQM asks.
    modes: Modes,
    out: Vec<Seen>,
}

impl Scanner {
    pub fn new(cols: u16, rows: u16) -> Self {
        let core = Core { cols, rows, dark: true, modes: Modes::default(), out: Vec::new() };
        Self { tokens: Tokenizer::default(), core }
    }

    /// For the reports of the window's size.
    pub fn resize(&mut self, cols: u16, rows: u16) {
        (self.core.cols, self.core.rows) = (cols, rows);
    }

    /// Which background the questions for colours are answered with.
    pub fn set_dark(&mut self, dark: bool) {
        self.core.dark = dark;
    }

    /// All that `bytes` completed, in order.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Seen> {
        self.tokens.feed(bytes, &mut self.core);
        std::mem::take(&mut self.core.out)
    }

    /// For a tokenizer that others share; [`Self::taken`] then has what it saw. Not to be
    /// mixed with [`Self::feed`].
    pub(super) fn sink(&mut self) -> &mut Core {
        &mut self.core
    }

    pub(super) fn taken(&mut self) -> Vec<Seen> {
        std::mem::take(&mut self.core.out)
    }

    /// The program tells a paste from what is typed.
    pub fn bracketed_paste(&self) -> bool {
        self.core.modes.bracketed_paste
    }

    /// Bytes fed so far.
    pub fn offset(&self) -> u64 {
        self.tokens.pos()
    }
}

impl Core {
    fn reply(&mut self, bytes: impl Into<Vec<u8>>) {
        let bytes = bytes.into();
        match self.out.last_mut() {
            Some(Seen::Reply(before)) => before.extend_from_slice(&bytes),
            _ => self.out.push(Seen::Reply(bytes)),
        }
    }

    fn private_modes(&mut self, raw: &[u8], on: bool) {
        for number in params(&raw[1..]).flatten() {
            if number == 2026 {
                self.out.push(Seen::Synchronized(on));
            }
        }
        self.modes.csi(raw, if on { b'h' } else { b'l' }, self.rows);
    }

    /// DECRQM: 1 set, 2 reset, 0 not recognised.
    fn mode_state(&self, number: u16) -> u8 {
        let modes = &self.modes;
        let on = match number {
            1 => modes.application_cursor,
            6 => modes.page().origin,
            7 => modes.autowrap,
            25 => !modes.cursor_hidden,
            9 | 1000 | 1002 | 1003 => modes.mouse == number,
            1005 | 1006 => modes.mouse_encoding == number,
            1004 => modes.focus_events,
            47 | 1047 | 1049 => modes.alternate,
            2004 => modes.bracketed_paste,
            2026 => modes.synchronized,
            _ => return 0,
        };
        if on { 1 } else { 2 }
    }

    fn window(&mut self, raw: &[u8]) {
        let (cols, rows) = (u32::from(self.cols), u32::from(self.rows));
        match params(raw).next().flatten() {
            // A cell of 8 by 16 pixels, as nobody here has pixels.
            Some(14) => self.reply(format!("\x1b[4;{};{}t", rows * 16, cols * 8)),
            Some(16) => self.reply("\x1b[6;16;8t"),
            Some(18) => self.reply(format!("\x1b[8;{rows};{cols}t")),
            Some(19) => self.reply(format!("\x1b[9;{rows};{cols}t")),
            _ => {}
        }
    }

    fn color_reply(&mut self, what: &str, rgb: (u8, u8, u8), bel: bool) {
        let wide = |c: u8| format!("{c:02x}{c:02x}");
        let (r, g, b) = (wide(rgb.0), wide(rgb.1), wide(rgb.2));
        let end = if bel { "\x07" } else { "\x1b\\" };
        self.reply(format!("\x1b]{what};rgb:{r}/{g}/{b}{end}"));
    }

    fn ground_color(&self, which: u16) -> (u8, u8, u8) {
        match (which, self.dark) {
            (11, true) | (10 | 12, false) => (0x1c, 0x1c, 0x1c),
            _ => (0xe4, 0xe4, 0xe4),
        }
    }
}

impl Sink for Core {
    fn text(&mut self, _: &[u8]) {}

    fn control(&mut self, byte: u8) {
        if byte != 7 {
            return;
        }
        match self.out.last_mut() {
            Some(Seen::Bell(n)) => *n = n.saturating_add(1),
            _ => self.out.push(Seen::Bell(1)),
        }
    }

    fn esc(&mut self, intermediates: &[u8], last: u8, _: Span) {
        match (intermediates, last) {
            ([], b'Z') => self.reply("\x1b[?62;22c"),
            ([], b'c') => self.modes = Modes::default(),
            _ => {}
        }
    }

    fn csi(&mut self, raw: &[u8], last: u8, at: Span) {
        match last {
            b'm' | b'H' | b'K' | b'A'..=b'D' | b'G' | b'J' => {}
            b'h' if raw.first() == Some(&b'?') => self.private_modes(raw, true),
            b'l' if raw.first() == Some(&b'?') => self.private_modes(raw, false),
            b'c' => match raw {
                // A VT220 with colours: no promise of anything that is not there.
                b"" | b"0" => self.reply("\x1b[?62;22c"),
                b">" | b">0" => self.reply("\x1b[>1;10;0c"),
                b"=" | b"=0" => self.reply("\x1bP!|00000000\x1b\\"),
                _ => {}
            },
            b'n' => match raw {
                b"5" => self.reply("\x1b[0n"),
                b"6" => self.out.push(Seen::CursorReport { dec: false, offset: at.end }),
                b"?6" => self.out.push(Seen::CursorReport { dec: true, offset: at.end }),
                b"?996" => {
                    let scheme = if self.dark { 1 } else { 2 };
                    self.reply(format!("\x1b[?997;{scheme}n"));
                }
                _ => {}
            },
            b'q' if raw == b">" || raw == b">0" => {
                let version = env!("CARGO_PKG_VERSION");
                self.reply(format!("\x1bP>|dash {version}\x1b\\"));
            }
            b'p' if raw.last() == Some(&b'$') => {
                let (private, digits) = match raw.strip_prefix(b"?") {
                    Some(rest) => ("?", &rest[..rest.len() - 1]),
                    None => ("", &raw[..raw.len() - 1]),
                };
                if let Some(n) = number(digits) {
                    let state = if private.is_empty() { 0 } else { self.mode_state(n) };
                    self.reply(format!("\x1b[{private}{n};{state}$y"));
                }
            }
            b'u' if raw == b"?" => self.reply("\x1b[?0u"),
            b't' => self.window(raw),
            _ => {}
        }
    }

    fn osc(&mut self, payload: &[u8], bel: bool, truncated: bool) {
        let cut = payload.iter().position(|b| *b == b';').unwrap_or(payload.len());
        let (code, rest) = (&payload[..cut], payload.get(cut + 1..).unwrap_or_default());
        if truncated && code != b"0" && code != b"2" {
            return;
        }
        match code {
            b"0" | b"2" => {
                let title = lines::clean(&String::from_utf8_lossy(rest), TITLE_CAP);
                match self.out.last_mut() {
                    Some(Seen::Title(before)) => *before = title,
                    _ => self.out.push(Seen::Title(title)),
                }
            }
            b"4" => {
                let mut parts = rest.split(|b| *b == b';');
                while let (Some(n), Some(ask)) = (parts.next(), parts.next()) {
                    if ask == b"?"
                        && let Some(n) = number(n).and_then(|n| u8::try_from(n).ok())
                    {
                        self.color_reply(&format!("4;{n}"), palette(n), bel);
                    }
                }
            }
            b"10" | b"11" | b"12" => {
                // Several questions may follow each other: `10;?;?`.
                let first = number(code).unwrap_or(10);
                for (which, ask) in (first..=12).zip(rest.split(|b| *b == b';')) {
                    if ask == b"?" {
                        self.color_reply(&which.to_string(), self.ground_color(which), bel);
                    }
                }
            }
            b"9" => {
                if let Some(progress) = progress(rest) {
                    self.out.push(progress);
                }
            }
            b"7501" if rest == b"?" => self.reply("\x1b]7501;?\x1b\\"),
            b"7501" => {
                if let Some(status) = status(rest) {
                    self.out.push(Seen::Status(status));
                }
            }
            _ => {}
        }
    }

    fn dcs(&mut self, payload: &[u8], truncated: bool) {
        if truncated {
            return;
        }
        if let Some(names) = payload.strip_prefix(b"+q")
            && names.iter().all(|b| b.is_ascii_hexdigit() || *b == b';')
        {
            // XTGETTCAP: no such capability.
            self.reply([b"\x1bP0+r".as_slice(), names, b"\x1b\\"].concat());
        } else if payload.starts_with(b"$q") {
            // DECRQSS: not a setting known here.
            self.reply("\x1bP0$r\x1b\\");
        }
    }
}

/// `OSC 9 ; 4 ; state ; percent`.
fn progress(rest: &[u8]) -> Option<Seen> {
    let rest = rest.strip_prefix(b"4")?;
    let mut parts = rest.strip_prefix(b";").unwrap_or_default().split(|b| *b == b';');
    let state = parts.next().and_then(number).unwrap_or(0);
    let percent = parts.next().and_then(number).map(|n| n.min(100) as u8);
    Some(match state {
        0 => Seen::Progress { busy: false, percent: None },
        // 2 is an error and 4 a pause: still at that point.
        1 | 2 | 4 => Seen::Progress { busy: true, percent },
        3 => Seen::Progress { busy: true, percent: None },
        _ => return None,
    })
}

/// `state=…:app=…[:kind=…][:progress=…][:title=base64][:msg=base64]`.
fn status(rest: &[u8]) -> Option<Status> {
    let mut status = Status::default();
    let text = String::from_utf8_lossy(rest);
    for field in text.split(':') {
        let Some((key, value)) = field.split_once('=') else { continue };
        match key {
            "state" => status.state = lines::clean(value, 32),
            "app" => status.app = lines::clean(value, 64),
            "kind" => status.kind = lines::clean(value, 64),
            "progress" => status.progress = value.parse::<u8>().ok().map(|n| n.min(100)),
            "title" => status.title = decode(value, TITLE_CAP),
            "msg" => status.message = decode(value, MESSAGE_CAP),
            _ => {}
        }
    }
    (!status.state.is_empty()).then_some(status)
}

fn decode(value: &str, cap: usize) -> String {
    let bytes = STANDARD
        .decode(value)
        .or_else(|_| STANDARD_NO_PAD.decode(value))
        .or_else(|_| URL_SAFE_NO_PAD.decode(value.trim_end_matches('=')));
    bytes.map(|bytes| lines::clean(&String::from_utf8_lossy(&bytes), cap)).unwrap_or_default()
}

/// The colours that terminals commonly give the 256 numbers.
fn palette(n: u8) -> (u8, u8, u8) {
    const BASE: [(u8, u8, u8); 16] = [
        (0x00, 0x00, 0x00),
        (0xcd, 0x31, 0x31),
        (0x0d, 0xbc, 0x79),
        (0xe5, 0xe5, 0x10),
        (0x24, 0x72, 0xc8),
        (0xbc, 0x3f, 0xbc),
        (0x11, 0xa8, 0xcd),
        (0xe5, 0xe5, 0xe5),
        (0x66, 0x66, 0x66),
        (0xf1, 0x4c, 0x4c),
        (0x23, 0xd1, 0x8b),
        (0xf5, 0xf5, 0x43),
        (0x3b, 0x8e, 0xea),
        (0xd6, 0x70, 0xd6),
        (0x29, 0xb8, 0xdb),
        (0xff, 0xff, 0xff),
    ];
    match n {
        0..=15 => BASE[usize::from(n)],
        16..=231 => {
            let level = |v: u8| if v == 0 { 0 } else { 55 + 40 * v };
            let n = n - 16;
            (level(n / 36), level(n / 6 % 6), level(n % 6))
        }
        232..=255 => {
            let grey = 8 + 10 * (n - 232);
            (grey, grey, grey)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seen(bytes: &[u8]) -> Vec<Seen> {
        Scanner::new(80, 24).feed(bytes)
    }

    fn replies(bytes: &[u8]) -> String {
        let mut all = Vec::new();
        for one in seen(bytes) {
            if let Seen::Reply(bytes) = one {
                all.extend(bytes);
            }
        }
        String::from_utf8(all).unwrap()
    }

    #[test]
    fn queries_are_answered() {
        for (ask, answer) in [
            ("\x1b[c", "\x1b[?62;22c"),
            ("\x1b[0c", "\x1b[?62;22c"),
            ("\x1b[>c", "\x1b[>1;10;0c"),
            ("\x1b[=c", "\x1bP!|00000000\x1b\\"),
            ("\x1b[5n", "\x1b[0n"),
            ("\x1b[>0q", concat!("\x1bP>|dash ", env!("CARGO_PKG_VERSION"), "\x1b\\")),
            ("\x1b[?2026$p", "\x1b[?2026;2$y"),
            ("\x1b[?2026h\x1b[?2026$p", "\x1b[?2026;1$y"),
            ("\x1b[?31337$p", "\x1b[?31337;0$y"),
            ("\x1b[20$p", "\x1b[20;0$y"),
            ("\x1b]11;?\x07", "\x1b]11;rgb:1c1c/1c1c/1c1c\x07"),
            ("\x1b]10;?\x1b\\", "\x1b]10;rgb:e4e4/e4e4/e4e4\x1b\\"),
            ("\x1b]4;1;?\x07", "\x1b]4;1;rgb:cdcd/3131/3131\x07"),
            ("\x1b]4;21;?\x07", "\x1b]4;21;rgb:0000/0000/ffff\x07"),
            ("\x1b[?u", "\x1b[?0u"),
            ("\x1bP+q544e\x1b\\", "\x1bP0+r544e\x1b\\"),
            ("\x1b[18t", "\x1b[8;24;80t"),
            ("\x1b[14t", "\x1b[4;384;640t"),
            ("\x1b]7501;?\x07\x1b[c", "\x1b]7501;?\x1b\\\x1b[?62;22c"),
            ("\x1b[c\x1b]7501;?\x1b\\", "\x1b[?62;22c\x1b]7501;?\x1b\\"),
            ("\x1b[1;31mtext\x1b[0m", ""),
        ] {
            assert_eq!(replies(ask.as_bytes()), answer, "{ask:?}");
        }
    }

    #[test]
    fn the_cursor_is_asked_for_with_its_offset() {
        assert_eq!(seen(b"abc\x1b[6n"), [Seen::CursorReport { dec: false, offset: 7 }]);
        assert_eq!(seen(b"\x1b[?6n"), [Seen::CursorReport { dec: true, offset: 5 }]);
        assert_eq!(cursor_report(false, 2, 3), b"\x1b[3;4R");
        assert_eq!(cursor_report(true, 2, 3), b"\x1b[?3;4;1R");
    }

    #[test]
    fn a_status_is_read_whole() {
        let msg = STANDARD.encode("approve\x1b Bash: ls");
        let bytes = format!(
            "\x1b]7501;state=blocked:app=claude:kind=permission:id=7:progress=40:msg={msg}\x07"
        );
        let status = Status {
            state: "blocked".into(),
            app: "claude".into(),
            kind: "permission".into(),
            message: "approve Bash: ls".into(),
            progress: Some(40),
            ..Status::default()
        };
        assert_eq!(seen(bytes.as_bytes()), [Seen::Status(status)]);
        assert_eq!(seen(b"\x1b]7501;nonsense\x07"), []);
    }

    #[test]
    fn progress_titles_and_bells() {
        assert_eq!(
            seen(b"\x1b]9;4;1;42\x07\x1b]9;4;3\x07\x1b]9;4;0\x07\x1b]9;hello\x07"),
            [
                Seen::Progress { busy: true, percent: Some(42) },
                Seen::Progress { busy: true, percent: None },
                Seen::Progress { busy: false, percent: None },
            ]
        );
        assert_eq!(
            seen(b"\x07\x07\x1b]0;one\x07\x1b]2;tw\x01o\x1b\\"),
            [Seen::Bell(2), Seen::Title("two".into())]
        );
        // The bell that ends a title is not a bell.
        assert_eq!(seen(b"\x1b]0;t\x07"), [Seen::Title("t".into())]);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            seen(&bytes);
            seen(&[b"\x1b[".as_slice(), &bytes].concat());
            seen(&[b"\x1b]".as_slice(), &bytes, b"\x07"].concat());
            seen(&[b"\x1b]7501;state=".as_slice(), &bytes, b"\x07"].concat());
        }
    }
}
