//! The wall: many terminals at once, each a tile, watched and never typed into.

use crate::model::{AgentId, AttemptId};
use crate::term::Screen;
use crate::tui::{focus::Stage, link::TerminalEvent};

/// How many tiles a wall may have.
pub const SIZES: [usize; 11] = [4, 6, 9, 12, 16, 20, 25, 30, 36, 49, 64];
/// Before the keeper has said how large it is.
const SIZE: (u16, u16) = (120, 40);
/// Watching is begun so often again where it failed, of one attempt.
const TRIES: u8 = 3;

/// The wall, while it is open.
pub struct Wall {
    /// Of [`SIZES`].
    pub want: usize,
    /// What is watched, in no order.
    pub tiles: Vec<Tile>,
}

/// A terminal that is watched.
pub struct Tile {
    pub agent: AgentId,
    pub attempt: Option<AttemptId>,
    pub attachment: u64,
    pub screen: Option<Screen>,
    pub stage: Stage,
    pub tries: u8,
}

impl Wall {
    pub fn new(want: usize) -> Self {
        let want = SIZES.into_iter().find(|size| *size >= want).unwrap_or(SIZES[2]);
        Self { want, tiles: Vec::new() }
    }

    pub fn tile(&self, agent: &AgentId) -> Option<&Tile> {
        self.tiles.iter().find(|tile| tile.agent == *agent)
    }

    /// The next size up or down.
    pub fn resize(&mut self, more: bool) {
        let next = if more {
            SIZES.into_iter().find(|size| *size > self.want)
        } else {
            SIZES.into_iter().rfind(|size| *size < self.want)
        };
        self.want = next.unwrap_or(self.want);
    }
}

impl Tile {
    pub fn new(agent: AgentId, attempt: Option<AttemptId>, attachment: u64, tries: u8) -> Self {
        Self { agent, attempt, attachment, screen: None, stage: Stage::Attaching, tries }
    }

    pub fn event(&mut self, event: TerminalEvent) {
        match event {
            TerminalEvent::Bytes(bytes) => {
                let (columns, rows) = SIZE;
                self.screen.get_or_insert_with(|| Screen::new(columns, rows, 0)).process(&bytes);
                self.lives();
            }
            TerminalEvent::Size { columns, rows } => {
                self.sized(columns, rows);
                self.lives();
            }
            TerminalEvent::Last { columns, rows, bytes } => {
                self.sized(columns, rows);
                if let Some(screen) = &mut self.screen {
                    screen.process(&bytes);
                }
                self.stage = Stage::Ended(None);
            }
            TerminalEvent::Ended(exit) => self.stage = Stage::Ended(exit),
            TerminalEvent::Failed(why) => self.stage = Stage::Failed(why),
        }
    }

    fn lives(&mut self) {
        if self.stage == Stage::Attaching {
            self.stage = Stage::Live;
        }
    }

    fn sized(&mut self, columns: u16, rows: u16) {
        match &mut self.screen {
            Some(screen) => screen.resize(columns, rows),
            None => self.screen = Some(Screen::new(columns, rows, 0)),
        }
    }

    /// It was asked for before its keeper was there, and may be there now.
    pub fn may_try_again(&self) -> bool {
        let missed = matches!(self.stage, Stage::Ended(None) | Stage::Failed(_));
        missed && self.tries < TRIES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_step_up_and_down() {
        let mut wall = Wall::new(10);
        assert_eq!(wall.want, 12);
        wall.resize(false);
        assert_eq!(wall.want, 9);
        (0..20).for_each(|_| wall.resize(true));
        assert_eq!(wall.want, 64);
        (0..20).for_each(|_| wall.resize(false));
        assert_eq!(wall.want, 4);
    }
}
