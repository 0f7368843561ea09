//! The prefix key: `C-b d` detaches, `C-b C-b` types a `C-b`, any other key after it is
//! dropped.

use std::str::FromStr;

/// A control key, as the byte that a terminal sends for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix(u8);

impl FromStr for Prefix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("{text:?} is no control key; write it like C-b or C-a");
        let key = text.strip_prefix("C-").or(text.strip_prefix("c-")).ok_or_else(bad)?;
        match key.as_bytes() {
            [b' '] => Ok(Self(0)),
            [key] if key.is_ascii_alphabetic() || (b'['..=b'_').contains(key) => {
                Ok(Self(key.to_ascii_uppercase() & 0x1f))
            }
            _ if key.eq_ignore_ascii_case("space") => Ok(Self(0)),
            _ => Err(bad()),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Press {
    Type(Vec<u8>),
    Detach,
}

/// Takes the prefix out of what is typed, also when its two keys come apart.
pub struct Keys {
    prefix: u8,
    armed: bool,
}

impl Keys {
    pub fn new(prefix: Prefix) -> Self {
        Self { prefix: prefix.0, armed: false }
    }

    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Press> {
        let mut presses = Vec::new();
        let mut typed = Vec::new();
        for &byte in bytes {
            if self.armed {
                self.armed = false;
                if byte == self.prefix {
                    typed.push(byte);
                } else if byte == b'd' {
                    if !typed.is_empty() {
                        presses.push(Press::Type(std::mem::take(&mut typed)));
                    }
                    presses.push(Press::Detach);
                    return presses;
                }
            } else if byte == self.prefix {
                self.armed = true;
            } else {
                typed.push(byte);
            }
        }
        if !typed.is_empty() {
            presses.push(Press::Type(typed));
        }
        presses
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_is_taken_out() {
        let mut keys = Keys::new("C-b".parse().unwrap());
        let typed = |text: &str| Press::Type(text.into());
        assert_eq!(keys.feed(b"ab"), [typed("ab")]);
        assert_eq!(keys.feed(b"x\x02"), [typed("x")]);
        assert_eq!(keys.feed(b"\x02y"), [typed("\x02y")]);
        assert_eq!(keys.feed(b"\x02zq"), [typed("q")]);
        assert_eq!(keys.feed(b"p\x02dmore"), [typed("p"), Press::Detach]);
    }

    #[test]
    fn prefixes_are_control_keys() {
        for (text, byte) in [("C-a", 1), ("C-B", 2), ("C-Space", 0), ("C-]", 29), ("C-\\", 28)] {
            assert_eq!(text.parse(), Ok(Prefix(byte)), "{text}");
        }
        for text in ["b", "C-", "C-bb", "M-b", "C-1", ""] {
            assert!(text.parse::<Prefix>().is_err(), "{text}");
        }
    }
}
