//! Keys of the terminal as the bytes that an agent's terminal gets for them.

use super::key::Key;
use crate::term::keys;
use crossterm::event::{KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

/// The bytes of a key, as xterm sends them; empty for one that sends none.
/// `application` is the cursor key mode that the program asked for (DECCKM).
pub fn key(event: &KeyEvent, application: bool) -> Vec<u8> {
    keys::encode(&Key::from(*event).to_string(), application).unwrap_or_default()
}

/// The bytes of a mouse event at a cell (from 0), for a program that asked for `mode` (9, 1000,
/// 1002 or 1003) and perhaps for the SGR form; none where it did not ask for such an event.
pub fn mouse(event: &MouseEvent, at: (u16, u16), (mode, sgr): (u16, bool)) -> Option<Vec<u8>> {
    let button = |button| match button {
        MouseButton::Left => 0,
        MouseButton::Middle => 1,
        MouseButton::Right => 2,
    };
    let (code, released) = match event.kind {
        MouseEventKind::Down(which) => (button(which), false),
        MouseEventKind::Up(which) if mode != 9 => (button(which), true),
        MouseEventKind::Drag(which) if mode >= 1002 => (button(which) + 32, false),
        MouseEventKind::Moved if mode == 1003 => (35, false),
        MouseEventKind::ScrollUp if mode != 9 => (64, false),
        MouseEventKind::ScrollDown if mode != 9 => (65, false),
        MouseEventKind::ScrollLeft if mode != 9 => (66, false),
        MouseEventKind::ScrollRight if mode != 9 => (67, false),
        _ => return None,
    };
    let held = [(KeyModifiers::SHIFT, 4), (KeyModifiers::ALT, 8), (KeyModifiers::CONTROL, 16)];
    let held = held.into_iter().filter(|(key, _)| event.modifiers.contains(*key));
    let code: u16 = code + held.map(|(_, bit)| bit).sum::<u16>();
    let (column, row) = (at.0 + 1, at.1 + 1);
    if sgr {
        let end = if released { 'm' } else { 'M' };
        return Some(format!("\x1b[<{code};{column};{row}{end}").into_bytes());
    }
    // The older form has no place for cells far away, nor for which button was released.
    let code = if released { code | 3 } else { code };
    let byte = |n: u16| u8::try_from(n + 32).ok();
    Some(vec![0x1b, b'[', b'M', byte(code)?, byte(column)?, byte(row)?])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossterm::event::{KeyCode, KeyModifiers};

    #[test]
    fn the_mouse_is_encoded_as_it_was_asked_for() {
        let event = |kind, modifiers| MouseEvent { kind, column: 0, row: 0, modifiers };
        let none = KeyModifiers::NONE;
        let down = event(MouseEventKind::Down(MouseButton::Left), none);
        let up = event(MouseEventKind::Up(MouseButton::Right), KeyModifiers::CONTROL);
        let drag = event(MouseEventKind::Drag(MouseButton::Left), none);
        let wheel = event(MouseEventKind::ScrollDown, none);
        assert_eq!(mouse(&down, (4, 9), (1000, true)).unwrap(), b"\x1b[<0;5;10M");
        assert_eq!(mouse(&up, (4, 9), (1000, true)).unwrap(), b"\x1b[<18;5;10m");
        assert_eq!(mouse(&drag, (0, 0), (1000, true)), None);
        assert_eq!(mouse(&drag, (0, 0), (1002, true)).unwrap(), b"\x1b[<32;1;1M");
        assert_eq!(mouse(&wheel, (0, 0), (1002, false)).unwrap(), b"\x1b[M\x61!!");
        assert_eq!(mouse(&up, (0, 0), (1000, false)).unwrap(), b"\x1b[M3!!");
        assert_eq!(mouse(&down, (300, 0), (1000, false)), None);
        assert_eq!(mouse(&up, (0, 0), (9, false)), None);
    }

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
