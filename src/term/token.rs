//! Splits terminal output into text, control characters and sequences, across any chunk
//! borders. One state machine serves the scanner, the mode tracker and the screen, so that
//! they never disagree about where a sequence ends.
//!
//! Malformed or overlong sequences are swallowed; the payload of a string (OSC, DCS …) is
//! kept up to [`STRING_CAP`] bytes and flagged when it was longer, so memory is bounded
//! whatever is printed. 8-bit C1 controls are not recognised: they are UTF-8 bytes today.

use memchr::{memchr2, memchr3};

const ESC: u8 = 0x1b;
const BEL: u8 = 0x07;
const SO: u8 = 0x0e;
const SI: u8 = 0x0f;
const CAN: u8 = 0x18;
const SUB: u8 = 0x1a;

/// Longest string payload kept, in bytes.
pub const STRING_CAP: usize = 16 << 10;
/// Longest parameter list of a CSI sequence.
const CSI_CAP: usize = 256;

/// Where a sequence stands, counted in bytes from the first byte ever fed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub start: u64,
    pub end: u64,
}

/// What receives the tokens.
pub trait Sink {
    /// Printable bytes and those C0 controls that [`Sink::control`] does not get. May end
    /// in the middle of a character.
    fn text(&mut self, bytes: &[u8]);
    /// BEL, SO or SI.
    fn control(&mut self, byte: u8);
    fn esc(&mut self, intermediates: &[u8], last: u8, at: Span);
    /// `params` is all between `ESC [` and the final byte: private markers, parameters,
    /// intermediates.
    fn csi(&mut self, params: &[u8], last: u8, at: Span);
    fn osc(&mut self, payload: &[u8], bel: bool, truncated: bool);
    fn dcs(&mut self, payload: &[u8], truncated: bool);
}

/// Two receivers of the same tokens, so that the bytes are looked at once.
pub struct Both<'a, A, B>(pub &'a mut A, pub &'a mut B);

impl<A: Sink, B: Sink> Sink for Both<'_, A, B> {
    fn text(&mut self, bytes: &[u8]) {
        self.0.text(bytes);
        self.1.text(bytes);
    }

    fn control(&mut self, byte: u8) {
        self.0.control(byte);
        self.1.control(byte);
    }

    fn esc(&mut self, intermediates: &[u8], last: u8, at: Span) {
        self.0.esc(intermediates, last, at);
        self.1.esc(intermediates, last, at);
    }

    fn csi(&mut self, params: &[u8], last: u8, at: Span) {
        self.0.csi(params, last, at);
        self.1.csi(params, last, at);
    }

    fn osc(&mut self, payload: &[u8], bel: bool, truncated: bool) {
        self.0.osc(payload, bel, truncated);
        self.1.osc(payload, bel, truncated);
    }

    fn dcs(&mut self, payload: &[u8], truncated: bool) {
        self.0.dcs(payload, truncated);
        self.1.dcs(payload, truncated);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Ground,
    Esc,
    Csi,
    Osc,
    Dcs,
    /// SOS, PM and APC: nobody reads them.
    Other,
}

#[derive(Clone, Debug)]
pub struct Tokenizer {
    state: State,
    buf: Vec<u8>,
    overflow: bool,
    /// SO was seen, so SI is the next byte of interest.
    shifted: bool,
    /// The last text byte was not ASCII: a character may be unfinished.
    open_char: bool,
    pos: u64,
    start: u64,
}

impl Default for Tokenizer {
    fn default() -> Self {
        Self::at(0)
    }
}

impl Tokenizer {
    /// Starts counting at `pos`, outside any sequence.
    pub fn at(pos: u64) -> Self {
        Self {
            state: State::Ground,
            buf: Vec::new(),
            overflow: false,
            shifted: false,
            open_char: false,
            pos,
            start: pos,
        }
    }

    /// Bytes fed so far.
    pub fn pos(&self) -> u64 {
        self.pos
    }

    /// True between tokens: a fresh tokenizer could take over here.
    pub fn is_safe(&self) -> bool {
        self.state == State::Ground && !self.open_char
    }

    pub fn set_shifted(&mut self, shifted: bool) {
        self.shifted = shifted;
    }

    pub fn feed(&mut self, bytes: &[u8], sink: &mut impl Sink) {
        let base = self.pos;
        let mut i = 0;
        while i < bytes.len() {
            i = match self.state {
                State::Ground => self.ground(bytes, i, base, sink),
                State::Esc => self.esc(bytes, i, base, sink),
                State::Csi => self.csi(bytes, i, base, sink),
                State::Osc | State::Dcs | State::Other => self.string(bytes, i, base, sink),
            };
        }
        self.pos = base + bytes.len() as u64;
    }

    fn ground(&mut self, bytes: &[u8], i: usize, base: u64, sink: &mut impl Sink) -> usize {
        let rest = &bytes[i..];
        let shift = if self.shifted { SI } else { SO };
        let n = memchr3(ESC, BEL, shift, rest).unwrap_or(rest.len());
        if n > 0 {
            self.open_char = rest[n - 1] >= 0x80;
            sink.text(&rest[..n]);
        }
        let Some(&byte) = rest.get(n) else { return bytes.len() };
        let at = i + n;
        if byte != ESC {
            self.control(byte, sink);
            return at + 1;
        }
        self.start = base + at as u64;
        if bytes.get(at + 1) == Some(&b'[') {
            // The common case: a whole CSI sequence inside this chunk, nothing copied.
            let params = at + 2;
            let len = bytes[params..].iter().position(|b| !(0x20..=0x3f).contains(b));
            if let Some(len) = len
                && len <= CSI_CAP
                && (0x40..=0x7e).contains(&bytes[params + len])
            {
                let end = params + len;
                let span = Span { start: self.start, end: base + end as u64 + 1 };
                self.settle();
                self.shifted &= !is_soft_reset(&bytes[params..end], bytes[end]);
                sink.csi(&bytes[params..end], bytes[end], span);
                return end + 1;
            }
        }
        self.enter(State::Esc);
        at + 1
    }

    fn control(&mut self, byte: u8, sink: &mut impl Sink) {
        match byte {
            SO => self.shifted = true,
            SI => self.shifted = false,
            _ => {}
        }
        self.settle();
        sink.control(byte);
    }

    /// A control or sequence ends an unfinished character.
    fn settle(&mut self) {
        self.open_char = false;
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.buf.clear();
        self.overflow = false;
    }

    /// A C0 control in the middle of a sequence acts at once and leaves it open.
    fn c0(&mut self, byte: u8, at: usize, base: u64, sink: &mut impl Sink) {
        match byte {
            ESC => {
                self.start = base + at as u64;
                self.enter(State::Esc);
            }
            CAN | SUB => self.enter(State::Ground),
            BEL | SO | SI => self.control(byte, sink),
            _ => {
                self.settle();
                sink.text(&[byte]);
            }
        }
    }

    fn esc(&mut self, bytes: &[u8], i: usize, base: u64, sink: &mut impl Sink) -> usize {
        let byte = bytes[i];
        let bare = self.buf.is_empty() && !self.overflow;
        match byte {
            0x00..=0x1f => self.c0(byte, i, base, sink),
            0x20..=0x2f => {
                if self.buf.len() < 4 {
                    self.buf.push(byte);
                } else {
                    self.overflow = true;
                }
            }
            b'[' if bare => self.enter(State::Csi),
            b']' if bare => self.enter(State::Osc),
            b'P' if bare => self.enter(State::Dcs),
            b'X' | b'^' | b'_' if bare => self.enter(State::Other),
            0x30..=0x7e => {
                let span = Span { start: self.start, end: base + i as u64 + 1 };
                self.state = State::Ground;
                self.settle();
                if !self.overflow {
                    self.shifted &= !(self.buf.is_empty() && byte == b'c');
                    sink.esc(&self.buf, byte, span);
                }
            }
            0x7f => {}
            0x80.. => {
                self.enter(State::Ground);
                return i;
            }
        }
        i + 1
    }

    fn csi(&mut self, bytes: &[u8], i: usize, base: u64, sink: &mut impl Sink) -> usize {
        let byte = bytes[i];
        match byte {
            0x00..=0x1f => self.c0(byte, i, base, sink),
            0x20..=0x3f => {
                if self.buf.len() < CSI_CAP {
                    self.buf.push(byte);
                } else {
                    self.overflow = true;
                }
            }
            0x40..=0x7e => {
                let span = Span { start: self.start, end: base + i as u64 + 1 };
                self.state = State::Ground;
                self.settle();
                if !self.overflow {
                    self.shifted &= !is_soft_reset(&self.buf, byte);
                    sink.csi(&self.buf, byte, span);
                }
            }
            0x7f.. => {}
        }
        i + 1
    }

    fn string(&mut self, bytes: &[u8], i: usize, base: u64, sink: &mut impl Sink) -> usize {
        let rest = &bytes[i..];
        let osc = self.state == State::Osc;
        let mut n = memchr3(ESC, CAN, SUB, rest).unwrap_or(rest.len());
        if osc {
            n = memchr2(BEL, ESC, &rest[..n]).unwrap_or(n);
        }
        if self.state != State::Other {
            let room = STRING_CAP.saturating_sub(self.buf.len());
            self.buf.extend_from_slice(&rest[..n.min(room)]);
            self.overflow |= n > room;
        }
        let Some(&byte) = rest.get(n) else { return bytes.len() };
        let state = self.state;
        self.state = State::Ground;
        if byte == BEL || byte == ESC {
            match state {
                State::Osc => sink.osc(&self.buf, byte == BEL, self.overflow),
                State::Dcs => sink.dcs(&self.buf, self.overflow),
                State::Ground | State::Esc | State::Csi | State::Other => {}
            }
        }
        self.enter(State::Ground);
        if self.buf.capacity() > 1024 {
            self.buf = Vec::new();
        }
        self.settle();
        if byte == ESC {
            // The start of ST, whose backslash means nothing by itself.
            self.start = base + (i + n) as u64;
            self.enter(State::Esc);
        }
        i + n + 1
    }
}

/// DECSTR; like a full reset it shifts back in.
fn is_soft_reset(params: &[u8], last: u8) -> bool {
    last == b'p' && params.first() == Some(&b'!')
}

/// Decimal parameters of a sequence: `;` separates, an empty one is `None`, sub-parameters
/// after `:` are dropped, values stop at 65535.
pub fn params(bytes: &[u8]) -> impl Iterator<Item = Option<u16>> + '_ {
    bytes.split(|b| *b == b';').map(|part| {
        let digits = part.split(|b| *b == b':').next().unwrap_or_default();
        number(digits)
    })
}

/// A decimal number, stopping at 65535; `None` for no digits or anything else in it.
pub fn number(digits: &[u8]) -> Option<u16> {
    if digits.is_empty() {
        return None;
    }
    let mut value = 0u32;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = (value * 10 + u32::from(digit)).min(u32::from(u16::MAX));
    }
    u16::try_from(value).ok()
}

/// How many bytes at the end may become a character with more to come.
pub fn open_char(bytes: &[u8]) -> usize {
    for back in 1..=bytes.len().min(3) {
        let byte = bytes[bytes.len() - back];
        let need = match byte {
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            0x80..=0xbf => continue,
            _ => return 0,
        };
        return if need > back { back } else { 0 };
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Default, Debug, PartialEq)]
    struct Log {
        text: Vec<u8>,
        marks: Vec<String>,
    }

    impl Log {
        fn mark(&mut self, what: String) {
            let at = self.text.len();
            self.marks.push(format!("{at}:{what}"));
        }
    }

    impl Sink for Log {
        fn text(&mut self, bytes: &[u8]) {
            self.text.extend_from_slice(bytes);
        }
        fn control(&mut self, byte: u8) {
            self.mark(format!("control {byte}"));
        }
        fn esc(&mut self, i: &[u8], last: u8, at: Span) {
            self.mark(format!("esc {i:?} {last} {at:?}"));
        }
        fn csi(&mut self, params: &[u8], last: u8, at: Span) {
            self.mark(format!("csi {params:?} {last} {at:?}"));
        }
        fn osc(&mut self, payload: &[u8], bel: bool, truncated: bool) {
            self.mark(format!("osc {payload:?} {bel} {truncated}"));
        }
        fn dcs(&mut self, payload: &[u8], truncated: bool) {
            self.mark(format!("dcs {payload:?} {truncated}"));
        }
    }

    fn whole(bytes: &[u8]) -> Log {
        let mut log = Log::default();
        Tokenizer::default().feed(bytes, &mut log);
        log
    }

    #[test]
    fn a_long_string_is_cut_and_flagged() {
        let mut bytes = b"\x1b]52;c;".to_vec();
        bytes.resize(10 * STRING_CAP, b'A');
        bytes.extend_from_slice(b"\x07after");
        let log = whole(&bytes);
        assert_eq!(log.text, b"after");
        assert!(log.marks[0].ends_with("true true"));
    }

    fn stream() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            any::<u8>().prop_map(|b| vec![b]),
            Just(b"\x1b[1;31m".to_vec()),
            Just(b"\x1b[".to_vec()),
            Just(b"\x1b]0;t".to_vec()),
            Just(b"\x1b\\".to_vec()),
            Just(b"\x1bP+q".to_vec()),
            Just(b"\x07".to_vec()),
            Just("wörld界".as_bytes().to_vec()),
        ];
        prop::collection::vec(piece, 0..60).prop_map(|p| p.concat())
    }

    proptest! {
        #[test]
        fn chunk_borders_change_nothing(bytes in stream(), cut in 1usize..9) {
            let mut log = Log::default();
            let mut tokens = Tokenizer::default();
            for chunk in bytes.chunks(cut) {
                tokens.feed(chunk, &mut log);
            }
            prop_assert_eq!(log, whole(&bytes));
        }
    }
}
