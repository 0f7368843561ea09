//! What a slow terminal answers when nobody waits for it any more. The stream of events knows no
//! such answers and makes keys of them, one of which would open the palette and the others be
//! typed into it.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};

/// How the answer that says what colour the background has begins, behind ESC and `]`.
const BEGINS: &str = "11;rgb";

/// Takes one answer out of the keys.
#[derive(Debug, Default)]
pub struct Late {
    expected: bool,
    /// Keys that may be part of it, in order.
    held: Vec<Event>,
    text: String,
}

impl Late {
    /// `expected`: the answer is still to come.
    pub fn new(expected: bool) -> Self {
        Self { expected, ..Self::default() }
    }

    /// What of it is meant for the screen: the event, nothing for now, or all that was held.
    pub fn pass(&mut self, event: Event) -> Vec<Event> {
        if !self.expected {
            return vec![event];
        }
        let Event::Key(KeyEvent { code: KeyCode::Char(c), modifiers, .. }) = event else {
            self.held.push(event);
            return self.give_back();
        };
        let escaped = modifiers == KeyModifiers::ALT;
        let bell = (c, modifiers) == ('g', KeyModifiers::CONTROL);
        if self.held.is_empty() {
            if !(escaped && c == ']') {
                return vec![event];
            }
            self.held.push(event);
            return Vec::new();
        }
        self.held.push(event);
        if self.text.len() > BEGINS.len() && (bell || (escaped && c == '\\')) {
            *self = Self::default();
            return Vec::new();
        }
        self.text.push(c);
        let begins = BEGINS.starts_with(&self.text) || self.text.starts_with(BEGINS);
        let rest = self.text.get(BEGINS.len()..).unwrap_or_default();
        let fits =
            rest.len() < 32 && rest.chars().all(|c| c.is_ascii_hexdigit() || ":/".contains(c));
        if begins && fits && !bell && !escaped { Vec::new() } else { self.give_back() }
    }

    fn give_back(&mut self) -> Vec<Event> {
        self.text.clear();
        std::mem::take(&mut self.held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(c: char, modifiers: KeyModifiers) -> Event {
        Event::Key(KeyEvent::new(KeyCode::Char(c), modifiers))
    }

    /// As crossterm reads them.
    fn keys(text: &str) -> Vec<Event> {
        let mut escaped = false;
        let mut keys = Vec::new();
        for c in text.chars() {
            match c {
                '\x1b' => escaped = true,
                '\x07' => keys.push(key('g', KeyModifiers::CONTROL)),
                c => {
                    let modifiers = if escaped { KeyModifiers::ALT } else { KeyModifiers::NONE };
                    keys.push(key(c, modifiers));
                    escaped = false;
                }
            }
        }
        keys
    }

    fn passed(late: &mut Late, events: Vec<Event>) -> Vec<Event> {
        events.into_iter().flat_map(|event| late.pass(event)).collect()
    }

    #[test]
    fn an_answer_that_comes_late_is_no_key() {
        for answer in ["\x1b]11;rgb:1010/ffff/1010\x1b\\", "\x1b]11;rgba:0/0/0/0\x07"] {
            let mut late = Late::new(true);
            assert_eq!(passed(&mut late, keys(&format!("j{answer}k"))), keys("jk"), "{answer:?}");
            // It comes once.
            assert_eq!(passed(&mut late, keys(answer)), keys(answer));
        }
    }

    #[test]
    fn whatever_else_is_typed_comes_through() {
        for typed in ["\x1b]", "\x1b]x", "\x1b]11;rgb\x07", "\x1b]11;rgb:q", "\x1b]11\x1bb:q"] {
            let mut late = Late::new(true);
            let mut all = passed(&mut late, keys(typed));
            all.extend(passed(&mut late, vec![Event::FocusGained]));
            let mut expected = keys(typed);
            expected.push(Event::FocusGained);
            assert_eq!(all, expected, "{typed:?}");
            assert_eq!(passed(&mut Late::new(false), keys(typed)), keys(typed));
        }
    }
}
