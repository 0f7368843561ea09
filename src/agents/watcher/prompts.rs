//! What an agent's permission prompts ask, where its hooks say it and its terminal does not.

use std::collections::VecDeque;

/// Prompts that are announced and not shown yet.
const MOST: usize = 32;

#[derive(Debug, Default)]
pub struct Prompts {
    announced: VecDeque<String>,
    /// One is shown of which nobody has said what it asks.
    unsaid: bool,
}

impl Prompts {
    pub fn announce(&mut self, asked: String) {
        if self.announced.len() < MOST {
            self.announced.push_back(asked);
        }
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
