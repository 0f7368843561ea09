//! Keys as the bytes that a terminal would send for them.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// The bytes of a key, as xterm sends them; empty for one that sends none.
/// `application` is the cursor key mode that the program asked for (DECCKM).
pub fn key(event: &KeyEvent, application: bool) -> Vec<u8> {
    let modifiers = event.modifiers;
    let alt = modifiers.contains(KeyModifiers::ALT);
    // 1 + shift + 2 alt + 4 ctrl, as CSI sequences carry it.
    let number = 1
        + u8::from(modifiers.contains(KeyModifiers::SHIFT))
        + 2 * u8::from(alt)
        + 4 * u8::from(modifiers.contains(KeyModifiers::CONTROL));
    match event.code {
        KeyCode::Char(c) => with_alt(alt, character(c, modifiers)),
        KeyCode::Enter => with_alt(alt, vec![b'\r']),
        KeyCode::Esc => with_alt(alt, vec![0x1b]),
        KeyCode::Tab if modifiers.contains(KeyModifiers::SHIFT) => b"\x1b[Z".to_vec(),
        KeyCode::Tab => with_alt(alt, vec![b'\t']),
        KeyCode::BackTab => b"\x1b[Z".to_vec(),
        KeyCode::Backspace => {
            let control = modifiers.contains(KeyModifiers::CONTROL);
            with_alt(alt, vec![if control { 0x08 } else { 0x7f }])
        }
        KeyCode::Up => cursor(b'A', number, application),
        KeyCode::Down => cursor(b'B', number, application),
        KeyCode::Right => cursor(b'C', number, application),
        KeyCode::Left => cursor(b'D', number, application),
        KeyCode::Home => cursor(b'H', number, application),
        KeyCode::End => cursor(b'F', number, application),
        KeyCode::Insert => tilde(2, number),
        KeyCode::Delete => tilde(3, number),
        KeyCode::PageUp => tilde(5, number),
        KeyCode::PageDown => tilde(6, number),
        KeyCode::F(n) => function(n, number),
        KeyCode::Null => vec![0],
        _ => Vec::new(),
    }
}

/// A paste, marked as one where the program asked for that. The end mark cannot be pasted.
pub fn paste(text: &str, bracketed: bool) -> Vec<u8> {
    if !bracketed {
        return text.replace("\r\n", "\r").replace('\n', "\r").into_bytes();
    }
    let inner = text.replace("\x1b[201~", "").replace("\x1b[200~", "");
    [b"\x1b[200~", inner.as_bytes(), b"\x1b[201~"].concat()
}

fn with_alt(alt: bool, mut bytes: Vec<u8>) -> Vec<u8> {
    if alt {
        bytes.insert(0, 0x1b);
    }
    bytes
}

fn character(c: char, modifiers: KeyModifiers) -> Vec<u8> {
    if modifiers.contains(KeyModifiers::CONTROL) {
        let byte = match c {
            'a'..='z' | 'A'..='Z' => Some(c.to_ascii_lowercase() as u8 - b'a' + 1),
            ' ' | '@' | '2' => Some(0),
            '[' | '3' => Some(0x1b),
            '\\' | '4' => Some(0x1c),
            ']' | '5' => Some(0x1d),
            '^' | '6' => Some(0x1e),
            '_' | '/' | '7' => Some(0x1f),
            '?' | '8' => Some(0x7f),
            _ => None,
        };
        if let Some(byte) = byte {
            return vec![byte];
        }
    }
    c.encode_utf8(&mut [0; 4]).as_bytes().to_vec()
}

fn cursor(letter: u8, number: u8, application: bool) -> Vec<u8> {
    if number > 1 {
        return format!("\x1b[1;{number}{}", letter as char).into_bytes();
    }
    vec![0x1b, if application { b'O' } else { b'[' }, letter]
}

fn tilde(code: u8, number: u8) -> Vec<u8> {
    if number > 1 {
        format!("\x1b[{code};{number}~").into_bytes()
    } else {
        format!("\x1b[{code}~").into_bytes()
    }
}

fn function(n: u8, number: u8) -> Vec<u8> {
    const CODES: [u8; 16] = [15, 17, 18, 19, 20, 21, 23, 24, 25, 26, 28, 29, 31, 32, 33, 34];
    match n {
        1..=4 if number > 1 => format!("\x1b[1;{number}{}", (b'O' + n) as char).into_bytes(),
        1..=4 => vec![0x1b, b'O', b'O' + n],
        5..=20 => tilde(CODES[usize::from(n - 5)], number),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(paste("a\x1b[201~b", true), b"\x1b[200~ab\x1b[201~");
        assert_eq!(paste("a\nb", false), b"a\rb");
    }
}
