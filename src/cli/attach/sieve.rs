//! What an agent prints is not all for the viewer's terminal. Two kinds of sequence stay
//! out:
//!
//! - questions (where is the cursor, what are you, which colours …): the keeper answers
//!   them, and a second answer, from here, would reach the agent as typed keys;
//! - switches between main and alternate screen: this viewer's own alternate screen is what
//!   stands between the agent and the user's shell. A switch clears instead, and a program
//!   redraws after it.
//!
//! All else passes byte for byte. A sequence cut between two reads is held until it is
//! whole; one longer than any that is looked for passes as it comes.

/// Longest sequence looked at, in bytes.
const LONGEST: usize = 256;

#[derive(Default)]
pub struct Sieve {
    /// The beginning of a sequence, from its ESC on.
    held: Vec<u8>,
    /// Inside a string (OSC, DCS) too long to be looked at: passes until its end.
    passing: bool,
}

enum Shape {
    Incomplete,
    /// Not a sequence that is looked for: pass.
    Pass,
    Csi,
    Text,
}

impl Sieve {
    pub fn feed(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.held.is_empty() {
                let Some(at) = memchr::memchr(0x1b, rest) else {
                    out.extend_from_slice(rest);
                    return;
                };
                out.extend_from_slice(&rest[..at]);
                self.held.push(0x1b);
                rest = &rest[at + 1..];
                continue;
            }
            // A new ESC ends a sequence that was not finished, except as `ESC \`.
            self.held.push(rest[0]);
            rest = &rest[1..];
            match shape(&self.held) {
                Shape::Incomplete if self.held.len() < LONGEST => {}
                Shape::Incomplete | Shape::Pass => self.release(out),
                Shape::Csi => {
                    csi(&self.held, out);
                    self.held.clear();
                }
                Shape::Text => {
                    if !is_question(&self.held) || self.passing {
                        out.extend_from_slice(&self.held);
                    }
                    self.passing = false;
                    self.held.clear();
                }
            }
        }
    }

    fn release(&mut self, out: &mut Vec<u8>) {
        // Two ESC in a row: the second may begin a sequence.
        let again = self.held.len() > 1 && self.held.last() == Some(&0x1b);
        let end = self.held.len() - usize::from(again);
        out.extend_from_slice(&self.held[..end]);
        self.held.drain(..end);
    }
}

fn shape(held: &[u8]) -> Shape {
    match held {
        [] | [0x1b] => Shape::Incomplete,
        [0x1b, b'['] => Shape::Incomplete,
        [0x1b, b'[', .., last] => match last {
            0x20..=0x3f => Shape::Incomplete,
            0x40..=0x7e => Shape::Csi,
            _ => Shape::Pass,
        },
        [0x1b, b']' | b'P', middle @ ..] => match middle {
            [.., 0x07] | [.., 0x1b, b'\\'] => Shape::Text,
            _ => Shape::Incomplete,
        },
        // DECID, an old "what are you".
        [0x1b, b'Z'] => Shape::Text,
        _ => Shape::Pass,
    }
}

/// OSC with `?` as its value, DECRQSS, XTGETTCAP, DECID.
fn is_question(text: &[u8]) -> bool {
    let body = text.strip_suffix(b"\x07").or(text.strip_suffix(b"\x1b\\")).unwrap_or(text);
    match body {
        [0x1b, b']', osc @ ..] => osc.ends_with(b";?"),
        [0x1b, b'P', b'$' | b'+', b'q', ..] | [0x1b, b'Z'] => true,
        _ => false,
    }
}

fn csi(sequence: &[u8], out: &mut Vec<u8>) {
    let (Some(body), Some(last)) = (sequence.get(2..sequence.len() - 1), sequence.last()) else {
        return;
    };
    let mark = body.first().copied().filter(|byte| (b'<'..=b'?').contains(byte));
    let question = match (last, mark) {
        (b'c', None | Some(b'>' | b'=')) => true,
        (b'n', None | Some(b'?')) => true,
        (b'u', Some(b'?')) => true,
        (b'q', Some(b'>')) => true,
        (b'p', _) => body.ends_with(b"$"),
        (b't', None) => {
            let first = body.split(|&byte| byte == b';').next().unwrap_or_default();
            matches!(first, b"11" | b"13" | b"14" | b"15" | b"16" | b"18" | b"19" | b"20" | b"21")
        }
        _ => false,
    };
    if question {
        return;
    }
    if !matches!((last, mark), (b'h' | b'l', Some(b'?'))) {
        out.extend_from_slice(sequence);
        return;
    }
    let modes: Vec<&[u8]> = body[1..].split(|&byte| byte == b';').collect();
    let screen = |mode: &&[u8]| matches!(*mode, b"47" | b"1047" | b"1048" | b"1049");
    if !modes.iter().any(screen) {
        out.extend_from_slice(sequence);
        return;
    }
    let others: Vec<&[u8]> = modes.iter().copied().filter(|mode| !screen(mode)).collect();
    if !others.is_empty() {
        out.extend_from_slice(b"\x1b[?");
        out.extend_from_slice(&others.join(&b';'));
        out.push(*last);
    }
    if modes.iter().any(|mode| *mode != b"1048") {
        out.extend_from_slice(b"\x1b[H\x1b[2J");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sift(bytes: &[u8]) -> String {
        let mut out = Vec::new();
        Sieve::default().feed(bytes, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn questions_stay_out() {
        for question in [
            "\x1b[c",
            "\x1b[0c",
            "\x1b[>c",
            "\x1b[6n",
            "\x1b[?6n",
            "\x1b[?u",
            "\x1b[>q",
            "\x1b[14t",
            "\x1b[?2026$p",
            "\x1b]11;?\x07",
            "\x1b]10;?\x1b\\",
            "\x1bP+q544e\x1b\\",
            "\x1bZ",
        ] {
            assert_eq!(sift(format!("a{question}b").as_bytes()), "ab", "{question:?}");
        }
    }

    #[test]
    fn all_else_passes() {
        for text in [
            "\x1b[31mred\x1b[m",
            "\x1b]0;title\x07",
            "\x1b[?25l",
            "\x1b[2 q",
            "\x1b7\x1b8",
            "\x1b(0",
            "\x1b[8;24;80t",
            "\x1b\x1b[A",
            "\x1b[>1u",
            "\x1b]8;;http://h/?\x07",
            "é漢",
        ] {
            assert_eq!(sift(text.as_bytes()), text, "{text:?}");
        }
    }

    #[test]
    fn the_viewers_own_alternate_screen_stays() {
        assert_eq!(sift(b"\x1b[?1049h"), "\x1b[H\x1b[2J");
        assert_eq!(sift(b"\x1b[?1049;25l"), "\x1b[?25l\x1b[H\x1b[2J");
        assert_eq!(sift(b"\x1b[?1048h"), "");
    }

    #[test]
    fn long_strings_pass() {
        let long = format!("\x1b]52;c;{}\x07after\x1b[6n", "A".repeat(5000));
        assert_eq!(sift(long.as_bytes()), long.trim_end_matches("\x1b[6n"));
    }

    proptest! {
        #[test]
        fn cuts_do_not_matter(words in proptest::collection::vec(
            prop_oneof![
                Just("\x1b[6n"), Just("\x1b[1m"), Just("text"), Just("\x1b]11;?\x1b\\"),
                Just("\x1b[?1049h"), Just("\x1b]0;t\x07"), Just("\x1b\x1b[c"), Just("\x1b(B"),
            ], 0..30), step in 1usize..9) {
            let bytes = words.concat().into_bytes();
            let mut cut = Vec::new();
            let mut sieve = Sieve::default();
            for piece in bytes.chunks(step) {
                sieve.feed(piece, &mut cut);
            }
            prop_assert_eq!(String::from_utf8(cut).unwrap(), sift(&bytes));
        }
    }
}
