//! What an agent's permission prompts ask, where its hooks say it and its terminal does not.

use crate::agents::{pointer::BREAK, prompt::bare};
use std::collections::VecDeque;

/// Prompts that are announced and not shown yet.
const MOST: usize = 32;
/// Characters, without blanks, by which one is known that is seen in part: of its beginning, and
/// of its end.
const BEGIN: usize = 30;
const END: usize = 20;

#[derive(Debug, Default)]
pub struct Prompts {
    announced: VecDeque<String>,
    /// One is shown of which nobody has said what it asks.
    unsaid: bool,
    /// What the rows say that stand on the screen, where it is they that show a prompt.
    standing: Option<String>,
}

impl Prompts {
    pub fn announce(&mut self, asked: String) {
        if self.announced.len() >= MOST {
            self.announced.pop_front();
        }
        self.announced.push_back(asked);
    }

    /// One is shown, with the agent's `message`: what its hook said it asks, if that does not.
    pub fn show(&mut self, message: &str) -> Option<String> {
        self.unsaid = false;
        if tells(message) {
            let known = self.announced.iter().position(|asked| message.ends_with(asked));
            self.announced.drain(..known.map_or(0, |at| at + 1));
            return None;
        }
        let asked = self.announced.pop_front();
        self.unsaid = asked.is_none();
        asked
    }

    /// A prompt stands on the screen, whose rows say `seen`: what its hook said of it, if that
    /// is more than these show.
    pub fn stands(&mut self, seen: String) -> String {
        let known = self.known(&seen);
        // Those before it were answered.
        self.announced.drain(..known.unwrap_or(0));
        let asked = known.and_then(|_| self.announced.front().cloned());
        let asked = asked.unwrap_or_else(|| seen.clone());
        self.standing = Some(seen);
        asked
    }

    /// The one that is most like these rows.
    fn known(&self, seen: &str) -> Option<usize> {
        let alike = self.announced.iter().map(|asked| alike(asked, seen)).enumerate();
        let (at, most) = alike.rev().max_by_key(|(_, alike)| *alike)?;
        (most > 0).then_some(at)
    }

    /// None stands on the screen any more; `over`: nor will one of those that were announced.
    pub fn gone(&mut self, over: bool) {
        if let Some(seen) = self.standing.take()
            && let Some(known) = self.known(&seen)
        {
            self.announced.drain(..=known);
        }
        if over {
            self.announced.clear();
        }
    }

    pub fn is_standing(&self) -> bool {
        self.standing.is_some()
    }

    /// What a hook says of the one that stands there already.
    pub fn is_told_late(&mut self) -> Option<String> {
        let seen = self.standing.clone()?;
        self.known(&seen)?;
        Some(self.stands(seen))
    }

    /// None is shown.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    pub fn is_empty(&self) -> bool {
        self.announced.is_empty()
    }

    /// It is known by now what the one that is shown asks: its hook was later than its terminal.
    pub fn is_said_late(&self) -> bool {
        self.unsaid && !self.is_empty()
    }
}

/// Claude Code's word for a command that it does not put into a status.
pub const UNTOLD: &str = "permission prompt";

fn tells(message: &str) -> bool {
    !matches!(message, "" | UNTOLD)
}

/// Characters by which `asked` is known in these rows, of which the tool's name is the first word;
/// none where it is another, or where they show all of it.
fn alike(asked: &str, seen: &str) -> usize {
    let text = asked.split_once(": ").map_or(asked, |(_, text)| text);
    let line = bare(text.split(BREAK).next().unwrap_or_default());
    let (text, rows) = (bare(text), bare(seen.split_once(' ').map_or(seen, |(_, rows)| rows)));
    let all = text.chars().count();
    let begin = text.chars().zip(rows.chars()).take_while(|(a, b)| a == b).count();
    let first_line = || {
        let rest = rows.strip_prefix(&line).filter(|_| line != text && !line.is_empty());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(&line))
    };
    if begin >= BEGIN || first_line() {
        return begin;
    }
    let end: String = text.chars().skip(all.saturating_sub(END)).collect();
    let ends = all > BEGIN && seen.starts_with('…') && rows.contains(&end);
    if ends { END } else { 0 }
}
