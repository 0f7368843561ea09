//! A key as people write it: `j`, `C-d`, `M-Enter`, `S-Tab`, `F5`.

use super::nearest::nearest;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use std::{fmt, str::FromStr};

/// A key with its modifiers. Shift is part of a character, not beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    pub code: KeyCode,
    pub modifiers: KeyModifiers,
}

const NAMES: [(&str, KeyCode); 16] = [
    ("Enter", KeyCode::Enter),
    ("Esc", KeyCode::Esc),
    ("Tab", KeyCode::Tab),
    ("Space", KeyCode::Char(' ')),
    ("Backspace", KeyCode::Backspace),
    ("Delete", KeyCode::Delete),
    ("Insert", KeyCode::Insert),
    ("Up", KeyCode::Up),
    ("Down", KeyCode::Down),
    ("Left", KeyCode::Left),
    ("Right", KeyCode::Right),
    ("Home", KeyCode::Home),
    ("End", KeyCode::End),
    ("PageUp", KeyCode::PageUp),
    ("PageDown", KeyCode::PageDown),
    ("Null", KeyCode::Null),
];

const KEPT: KeyModifiers =
    KeyModifiers::CONTROL.union(KeyModifiers::ALT).union(KeyModifiers::SHIFT);

impl Key {
    fn new(code: KeyCode, modifiers: KeyModifiers) -> Self {
        let mut modifiers = modifiers & KEPT;
        let mut code = code;
        match code {
            KeyCode::BackTab => {
                code = KeyCode::Tab;
                modifiers |= KeyModifiers::SHIFT;
            }
            KeyCode::Char(c) => {
                if modifiers.contains(KeyModifiers::SHIFT) && c.is_ascii_lowercase() {
                    code = KeyCode::Char(c.to_ascii_uppercase());
                }
                modifiers -= KeyModifiers::SHIFT;
            }
            _ => {}
        }
        Self { code, modifiers }
    }

    pub fn plain(code: KeyCode) -> Self {
        Self::new(code, KeyModifiers::NONE)
    }

    pub fn is(&self, c: char) -> bool {
        self.code == KeyCode::Char(c) && self.modifiers.is_empty()
    }

    pub fn ctrl(&self, c: char) -> bool {
        self.code == KeyCode::Char(c) && self.modifiers == KeyModifiers::CONTROL
    }

    /// The character it types, if it types one.
    pub fn typed(&self) -> Option<char> {
        match self.code {
            KeyCode::Char(c) if self.modifiers.is_empty() => Some(c),
            _ => None,
        }
    }
}

impl From<KeyEvent> for Key {
    fn from(event: KeyEvent) -> Self {
        Self::new(event.code, event.modifiers)
    }
}

impl FromStr for Key {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut rest = text;
        let mut modifiers = KeyModifiers::NONE;
        while let Some((front, after)) = rest.split_once('-').filter(|(_, after)| !after.is_empty())
        {
            modifiers |= match front {
                "C" => KeyModifiers::CONTROL,
                "M" | "A" => KeyModifiers::ALT,
                "S" => KeyModifiers::SHIFT,
                _ => break,
            };
            rest = after;
        }
        let mut chars = rest.chars();
        if let (Some(c), None) = (chars.next(), chars.next()) {
            return Ok(Self::new(KeyCode::Char(c), modifiers));
        }
        if let Some((_, code)) = NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(rest)) {
            return Ok(Self::new(*code, modifiers));
        }
        if let Some(n) = rest.strip_prefix(['F', 'f']).and_then(|n| n.parse::<u8>().ok())
            && (1..=24).contains(&n)
        {
            return Ok(Self::new(KeyCode::F(n), modifiers));
        }
        // `ctrl-b`, `alt-enter`: as other programs write them.
        match crokey::parse(text) {
            Ok(combination) => match combination.codes {
                crokey::OneToThree::One(code) => Ok(Self::new(code, combination.modifiers)),
                _ => Err(format!("{text:?} is more than one key")),
            },
            Err(_) => {
                let names = NAMES.map(|(name, _)| name);
                let near = nearest(rest, &names);
                let near = near.map(|near| format!("; nearest: {near}")).unwrap_or_default();
                Err(format!("{text:?} is no key (j, C-d, M-x, S-Tab, Enter, F5 …){near}"))
            }
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (modifier, letter) in
            [(KeyModifiers::CONTROL, "C-"), (KeyModifiers::ALT, "M-"), (KeyModifiers::SHIFT, "S-")]
        {
            if self.modifiers.contains(modifier) {
                f.write_str(letter)?;
            }
        }
        if let Some((name, _)) = NAMES.iter().find(|(_, code)| *code == self.code) {
            return f.write_str(name);
        }
        match self.code {
            KeyCode::Char(c) => write!(f, "{c}"),
            KeyCode::F(n) => write!(f, "F{n}"),
            other => write!(f, "{other:?}"),
        }
    }
}

/// Keys with blanks between.
pub fn chord(text: &str) -> Result<Vec<Key>, String> {
    let keys: Vec<Key> = text.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    if keys.is_empty() { Err("a key is missing".to_owned()) } else { Ok(keys) }
}

pub fn show(keys: &[Key]) -> String {
    // Letters that follow each other are one word, as vim writes them.
    let letters = keys.iter().all(|key| key.typed().is_some_and(|c| !c.is_whitespace()));
    let words: Vec<String> = keys.iter().map(ToString::to_string).collect();
    words.join(if letters { "" } else { " " })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_keys() {
        for text in ["j", "G", "C-d", "M-x", "S-Tab", "F5", "Enter", "-", "C--", "/", "C-M-Left"] {
            assert_eq!(text.parse::<Key>().unwrap().to_string(), text);
        }
        assert_eq!("ctrl-b".parse::<Key>(), "C-b".parse());
        assert_eq!("S-a".parse::<Key>(), "A".parse());
        let shifted = KeyEvent::new(KeyCode::Char('G'), KeyModifiers::SHIFT);
        assert_eq!(Ok(Key::from(shifted)), "G".parse());
        assert!("Entr".parse::<Key>().is_err());
        assert_eq!(show(&chord("g g").unwrap()), "gg");
        assert_eq!(show(&chord("C-x d").unwrap()), "C-x d");
    }
}
