//! Keys of the terminal as the bytes that an agent's terminal gets for them.

use super::key::Key;
use crate::term::keys;
use crossterm::event::KeyEvent;

/// The bytes of a key, as xterm sends them; empty for one that sends none.
/// `application` is the cursor key mode that the program asked for (DECCKM).
pub fn key(event: &KeyEvent, application: bool) -> Vec<u8> {
    keys::encode(&Key::from(*event).to_string(), application).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossterm::event::{KeyCode, KeyModifiers};

    #[test]
    fn keys_are_encoded_as_xterm_does() {
        let press = |code, modifiers| KeyEvent::new(code, modifiers);
        let none = KeyModifiers::NONE;
        let (control, shift, alt) = (KeyModifiers::CONTROL, KeyModifiers::SHIFT, KeyModifiers::ALT);
        let cases: [(KeyEvent, &[u8]); 14] = [
            (press(KeyCode::Char('é'), none), "é".as_bytes()),
            (press(KeyCode::Char('c'), control), b"\x03"),
            (press(KeyCode::Char('x'), alt), b"\x1bx"),
            (press(KeyCode::Char('A'), shift), b"A"),
            (press(KeyCode::Enter, none), b"\r"),
            (press(KeyCode::BackTab, shift), b"\x1b[Z"),
            (press(KeyCode::Backspace, none), b"\x7f"),
            (press(KeyCode::Up, none), b"\x1b[A"),
            (press(KeyCode::Left, control), b"\x1b[1;5D"),
            (press(KeyCode::Delete, shift), b"\x1b[3;2~"),
            (press(KeyCode::F(1), none), b"\x1bOP"),
            (press(KeyCode::F(5), none), b"\x1b[15~"),
            (press(KeyCode::F(12), shift), b"\x1b[24;2~"),
            (press(KeyCode::Char(' '), control), b"\0"),
        ];
        for (event, bytes) in cases {
            assert_eq!(key(&event, false), bytes, "{event:?}");
        }
        assert_eq!(key(&press(KeyCode::Up, none), true), b"\x1bOA");
    }
}
