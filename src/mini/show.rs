//! What the person at the terminal sees, and the state reports for whoever watches it.
//! Colours and reports go to a terminal only; `NO_COLOR` and `TERM=dumb` are heeded.

use base64::{Engine, engine::general_purpose::STANDARD};
use std::io::{self, IsTerminal, Write};

pub const BOLD: &str = "\x1b[1m";
pub const DIM: &str = "\x1b[2m";
pub const RED: &str = "\x1b[31m";
pub const CYAN: &str = "\x1b[36m";
pub const YELLOW: &str = "\x1b[33m";
const RESET: &str = "\x1b[0m";

/// The terminal. What cannot be written is lost: the keeper at the other end has gone, and
/// the hangup signal is on its way.
pub struct Show {
    colour: bool,
    terminal: bool,
}

impl Show {
    pub fn new() -> Self {
        let terminal = io::stdout().is_terminal();
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self { colour: terminal && !set("NO_COLOR") && !dumb, terminal }
    }

    pub fn print(&self, style: &str, text: &str) {
        let mut out = io::stdout().lock();
        let _ = if self.colour && !style.is_empty() {
            write!(out, "{style}{text}{RESET}")
        } else {
            out.write_all(text.as_bytes())
        };
        let _ = out.flush();
    }

    pub fn line(&self, style: &str, text: &str) {
        self.print(style, text);
        self.print("", "\n");
    }

    /// OSC 7501: `working`, `done`, `blocked`.
    pub fn report(&self, state: &str, message: &str) {
        if self.terminal {
            let message = STANDARD.encode(message);
            self.print("", &format!("\x1b]7501;state={state}:app=mini:msg={message}\x07"));
        }
    }
}

/// A tool's output as it may be shown: colours pass, other control sequences do not, and
/// every line is indented, so that nothing a tool prints is taken for the agent's own words.
#[derive(Default)]
pub struct Filter {
    state: Seen,
    sequence: Vec<u8>,
    in_line: bool,
}

#[derive(Clone, Copy, Default)]
enum Seen {
    #[default]
    Text,
    Escape,
    /// `ESC [`
    Csi,
    /// A string such as OSC, up to BEL or ST.
    Words,
}

impl Filter {
    pub fn pass(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len() + 16);
        for &byte in bytes {
            match self.state {
                Seen::Text => match byte {
                    0x1b => self.state = Seen::Escape,
                    b'\n' => {
                        self.start(&mut out);
                        out.push(b'\n');
                        self.in_line = false;
                    }
                    b'\t' | 0x20..=0x7e | 0x80.. => {
                        self.start(&mut out);
                        out.push(byte);
                    }
                    _ => {}
                },
                Seen::Escape => {
                    self.sequence.clear();
                    self.state = match byte {
                        b'[' => Seen::Csi,
                        b']' | b'P' | b'X' | b'^' | b'_' => Seen::Words,
                        _ => Seen::Text,
                    };
                }
                Seen::Csi => match byte {
                    b'm' => {
                        self.start(&mut out);
                        out.extend_from_slice(b"\x1b[");
                        out.append(&mut self.sequence);
                        out.push(b'm');
                        self.state = Seen::Text;
                    }
                    b'0'..=b'9' | b';' | b':' if self.sequence.len() < 64 => {
                        self.sequence.push(byte)
                    }
                    0x40..=0x7e => self.state = Seen::Text,
                    _ => {}
                },
                Seen::Words => match byte {
                    0x07 => self.state = Seen::Text,
                    0x1b => self.state = Seen::Escape,
                    _ => {}
                },
            }
        }
        out
    }

    fn start(&mut self, out: &mut Vec<u8>) {
        if !self.in_line {
            out.extend_from_slice(b"  ");
            self.in_line = true;
        }
    }

    /// True if a line is begun and not ended.
    pub fn in_line(&self) -> bool {
        self.in_line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_colours_pass() {
        let text = b"a\x1b[31mb\x1b[0m\x1b[2Jc\x1b]7501;state=done\x07d\r\n\x1b]0;t\x1b\\e\n\nf";
        let whole = Filter::default().pass(text);
        assert_eq!(String::from_utf8_lossy(&whole), "  a\x1b[31mb\x1b[0mcd\n  e\n  \n  f");
        let mut split = Filter::default();
        let parts: Vec<u8> = text.chunks(1).flat_map(|byte| split.pass(byte)).collect();
        assert_eq!(parts, whole);
    }
}
