//! Key names, as `dash agent send` takes them, to the bytes that a terminal sends.

/// No key has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no key is named {name:?}{}", hint(.nearest))]
pub struct UnknownKey {
    pub name: String,
    /// The known name most like it.
    pub nearest: Option<String>,
}

fn hint(nearest: &Option<String>) -> String {
    nearest.as_ref().map_or_else(String::new, |near| format!("; did you mean {near}?"))
}

/// How a named key is sent.
#[derive(Clone, Copy)]
enum Form {
    /// One byte, modifiers as Ctrl and Alt make them.
    Byte(u8),
    /// `CSI letter` or `SS3 letter` in application mode; `CSI 1;m letter` with modifiers.
    Cursor(char),
    /// `SS3 letter`; `CSI 1;m letter` with modifiers.
    Function(char),
    /// `CSI number ~`; `CSI number;m ~` with modifiers.
    Tilde(u8),
}

const NAMED: &[(&str, Form)] = &[
    ("Enter", Form::Byte(b'\r')),
    ("Return", Form::Byte(b'\r')),
    ("Tab", Form::Byte(b'\t')),
    ("Escape", Form::Byte(0x1b)),
    ("Esc", Form::Byte(0x1b)),
    ("Space", Form::Byte(b' ')),
    ("Backspace", Form::Byte(0x7f)),
    ("BSpace", Form::Byte(0x7f)),
    ("Up", Form::Cursor('A')),
    ("Down", Form::Cursor('B')),
    ("Right", Form::Cursor('C')),
    ("Left", Form::Cursor('D')),
    ("Home", Form::Cursor('H')),
    ("End", Form::Cursor('F')),
    ("BTab", Form::Cursor('Z')),
    ("Insert", Form::Tilde(2)),
    ("Delete", Form::Tilde(3)),
    ("PageUp", Form::Tilde(5)),
    ("PgUp", Form::Tilde(5)),
    ("PageDown", Form::Tilde(6)),
    ("PgDn", Form::Tilde(6)),
    ("F1", Form::Function('P')),
    ("F2", Form::Function('Q')),
    ("F3", Form::Function('R')),
    ("F4", Form::Function('S')),
    ("F5", Form::Tilde(15)),
    ("F6", Form::Tilde(17)),
    ("F7", Form::Tilde(18)),
    ("F8", Form::Tilde(19)),
    ("F9", Form::Tilde(20)),
    ("F10", Form::Tilde(21)),
    ("F11", Form::Tilde(23)),
    ("F12", Form::Tilde(24)),
];

#[derive(Clone, Copy, Default)]
struct Held {
    shift: bool,
    alt: bool,
    ctrl: bool,
}

impl Held {
    /// The modifier parameter of xterm: 1 for none.
    fn parameter(self) -> u8 {
        1 + u8::from(self.shift) + 2 * u8::from(self.alt) + 4 * u8::from(self.ctrl)
    }
}

/// The bytes of one key: `a`, `Enter`, `Up`, `F5`, with any of `C-`, `M-` (or `A-`) and
/// `S-` before it. Names are case-insensitive, single characters are not.
pub fn encode(name: &str, application_cursor: bool) -> Result<Vec<u8>, UnknownKey> {
    let (held, key) = modifiers(name);
    let unknown = || UnknownKey { name: name.to_owned(), nearest: nearest(name, key) };
    let mut chars = key.chars();
    if let (Some(c), None) = (chars.next(), chars.next()) {
        return character(c, held).ok_or_else(unknown);
    }
    let (_, form) =
        NAMED.iter().find(|(known, _)| known.eq_ignore_ascii_case(key)).ok_or_else(unknown)?;
    Ok(named(*form, held, application_cursor))
}

/// The bytes of a pasted text. In bracketed mode nothing in it can end the paste early;
/// else its line breaks become Enter.
pub fn paste(text: &str, bracketed: bool) -> Vec<u8> {
    if !bracketed {
        return text.replace("\r\n", "\r").replace('\n', "\r").into_bytes();
    }
    // Every ESC goes: the rest of an end mark alone is harmless text.
    let safe: String = text.chars().filter(|c| *c != '\x1b').collect();
    format!("\x1b[200~{}\x1b[201~", safe.replace("\r\n", "\r").replace('\n', "\r")).into_bytes()
}

fn modifiers(name: &str) -> (Held, &str) {
    let mut held = Held::default();
    let mut rest = name;
    loop {
        let mut chars = rest.chars();
        let flag = match (chars.next(), chars.next()) {
            (Some('C' | 'c'), Some('-')) => &mut held.ctrl,
            (Some('M' | 'm' | 'A' | 'a'), Some('-')) => &mut held.alt,
            (Some('S' | 's'), Some('-')) => &mut held.shift,
            _ => return (held, rest),
        };
        if rest.len() == 2 {
            return (held, rest);
        }
        *flag = true;
        rest = &rest[2..];
    }
}

fn character(c: char, held: Held) -> Option<Vec<u8>> {
    let mut bytes = if held.alt { vec![0x1b] } else { Vec::new() };
    if held.ctrl {
        bytes.push(control(c)?);
        return Some(bytes);
    }
    let c = if held.shift { c.to_ascii_uppercase() } else { c };
    bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    Some(bytes)
}

fn control(c: char) -> Option<u8> {
    match c {
        'a'..='z' | 'A'..='Z' => Some(c as u8 & 0x1f),
        '@' | ' ' | '2' => Some(0),
        '[' | '3' => Some(0x1b),
        '\\' | '4' => Some(0x1c),
        ']' | '5' => Some(0x1d),
        '^' | '6' => Some(0x1e),
        '_' | '/' | '7' | '-' => Some(0x1f),
        '?' | '8' => Some(0x7f),
        _ => None,
    }
}

fn named(form: Form, held: Held, application_cursor: bool) -> Vec<u8> {
    let parameter = held.parameter();
    let text = match form {
        Form::Byte(byte) => {
            let mut bytes = if held.alt { vec![0x1b] } else { Vec::new() };
            match byte {
                b'\t' if held.shift => bytes.extend_from_slice(b"\x1b[Z"),
                b' ' if held.ctrl => bytes.push(0),
                0x7f if held.ctrl => bytes.push(0x08),
                _ => bytes.push(byte),
            }
            return bytes;
        }
        Form::Cursor('Z') => "\x1b[Z".to_owned(),
        Form::Cursor(last) if parameter == 1 => {
            let lead = if application_cursor { 'O' } else { '[' };
            format!("\x1b{lead}{last}")
        }
        Form::Function(last) if parameter == 1 => format!("\x1bO{last}"),
        Form::Cursor(last) | Form::Function(last) => format!("\x1b[1;{parameter}{last}"),
        Form::Tilde(number) if parameter == 1 => format!("\x1b[{number}~"),
        Form::Tilde(number) => format!("\x1b[{number};{parameter}~"),
    };
    text.into_bytes()
}

fn nearest(name: &str, key: &str) -> Option<String> {
    let lower = key.to_lowercase();
    let (score, best) = NAMED
        .iter()
        .map(|(known, _)| (strsim::jaro_winkler(&known.to_lowercase(), &lower), *known))
        .max_by(|a, b| a.0.total_cmp(&b.0))?;
    let prefix = &name[..name.len() - key.len()];
    (score > 0.7).then(|| format!("{prefix}{best}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_become_bytes() {
        for (name, bytes) in [
            ("a", "a"),
            ("-", "-"),
            ("é", "é"),
            ("C-c", "\x03"),
            ("C-C", "\x03"),
            ("C-[", "\x1b"),
            ("C--", "\x1f"),
            ("M-x", "\x1bx"),
            ("C-M-x", "\x1b\x18"),
            ("Enter", "\r"),
            ("M-Enter", "\x1b\r"),
            ("enter", "\r"),
            ("Tab", "\t"),
            ("BTab", "\x1b[Z"),
            ("S-Tab", "\x1b[Z"),
            ("Escape", "\x1b"),
            ("Space", " "),
            ("C-Space", "\0"),
            ("Up", "\x1b[A"),
            ("C-Up", "\x1b[1;5A"),
            ("F1", "\x1bOP"),
            ("F5", "\x1b[15~"),
            ("S-F5", "\x1b[15;2~"),
            ("PageUp", "\x1b[5~"),
        ] {
            assert_eq!(encode(name, false).unwrap(), bytes.as_bytes(), "{name}");
        }
        assert_eq!(encode("Up", true).unwrap(), b"\x1bOA");
        assert_eq!(encode("C-Up", true).unwrap(), b"\x1b[1;5A");
    }

    #[test]
    fn an_unknown_key_names_the_nearest() {
        assert_eq!(
            encode("C-Entr", false).unwrap_err().to_string(),
            "no key is named \"C-Entr\"; did you mean C-Enter?"
        );
        assert_eq!(encode("", false).unwrap_err().nearest, None);
        assert!(encode("C-é", false).is_err());
    }

    #[test]
    fn a_paste_cannot_end_itself() {
        assert_eq!(paste("a\r\nb\nc", false), b"a\rb\rc");
        assert_eq!(paste("a\x1b[201~b", true), b"\x1b[200~a[201~b\x1b[201~");
    }
}
