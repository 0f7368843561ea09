//! Focus: one agent's live terminal, fed by an attachment to its keeper.

use crate::model::{AgentId, AttemptId, Exit};
use crate::term::Screen;
use crate::tui::{copy::Copy, past::Past};

/// Rows of scrollback kept in memory; older text is in the recording ([`Past`]).
const SCROLLBACK: usize = 2_000;

/// Bytes held back at most while one looks back.
const HELD: usize = 1 << 20;

/// Where the attachment stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Stage {
    #[default]
    Attaching,
    Live,
    /// The agent is over; the last screen stays.
    Ended(Option<Exit>),
    /// Why there is no terminal to show.
    Failed(String),
}

/// What keys do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FocusMode {
    /// They go to the agent.
    #[default]
    Typing,
    /// The prefix was pressed: the next one is for Dash.
    Prefix,
    /// They move through the scrollback.
    Scroll,
}

/// The focused agent.
pub struct Focus {
    pub agent: AgentId,
    /// The attempt that is shown; a newer one is attached to when it starts.
    pub attempt: Option<AttemptId>,
    /// Number of this attachment: answers to an older one are ignored.
    pub attachment: u64,
    pub screen: Option<Screen>,
    pub stage: Stage,
    pub mode: FocusMode,
    /// Keys that came after the end stand in a line begun before it: Enter only ends that.
    pub midline: bool,
    /// It has the screen for itself, without the side panel.
    pub zoom: bool,
    /// It stands beside the grid and the events.
    pub split: bool,
    /// Columns and rows that the keeper was asked for.
    pub size: (u16, u16),
    /// The cursor and the selection while one looks back.
    pub copy: Copy,
    /// What was printed since then: it is shown when that is over.
    held: Vec<u8>,
    /// What was printed before, as far as it was read.
    pub past: Past,
}

impl Focus {
    pub fn new(
        agent: AgentId,
        attempt: Option<AttemptId>,
        attachment: u64,
        size: (u16, u16),
    ) -> Self {
        Self {
            agent,
            attempt,
            attachment,
            screen: None,
            stage: Stage::Attaching,
            mode: FocusMode::Typing,
            midline: false,
            zoom: false,
            split: false,
            size,
            copy: Copy::default(),
            held: Vec::new(),
            past: Past::default(),
        }
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        if self.mode == FocusMode::Scroll && self.screen.is_some() {
            if self.held.len() + bytes.len() <= HELD {
                self.held.extend_from_slice(bytes);
                return;
            }
            // Too much to wait for: lines get other numbers, so nothing stays chosen.
            self.copy.anchor = None;
            self.back_to_live();
        }
        self.let_go();
        self.process(bytes);
    }

    /// Back to typing, and to what was printed meanwhile.
    pub fn leave_scroll(&mut self) {
        self.mode = FocusMode::Typing;
        self.copy.anchor = None;
        self.back_to_live();
        self.scroll_to(0);
        self.let_go();
    }

    /// The end of the recording has come: rows from before those at hand.
    pub fn read_past(&mut self, end: &[u8]) {
        let Some(screen) = self.screen.as_mut().filter(|_| self.mode == FocusMode::Scroll) else {
            return self.past.failed();
        };
        let shown = screen.scrollback();
        self.past.read(screen, end, &self.held);
        screen.set_scrollback(shown);
    }

    fn back_to_live(&mut self) {
        if let Some(live) = self.past.leave() {
            self.screen = Some(live);
        }
    }

    /// Shows what was held back.
    fn let_go(&mut self) {
        let held = std::mem::take(&mut self.held);
        if !held.is_empty() {
            self.process(&held);
        }
    }

    fn process(&mut self, bytes: &[u8]) {
        let (columns, rows) = self.size;
        self.screen.get_or_insert_with(|| Screen::new(columns, rows, SCROLLBACK)).process(bytes);
        if self.stage == Stage::Attaching {
            self.stage = Stage::Live;
        }
    }

    /// The keeper's terminal has this size now (another viewer may have set it).
    pub fn sized(&mut self, columns: u16, rows: u16) {
        match &mut self.screen {
            Some(screen) => {
                screen.resize(columns, rows);
                if let Some(live) = self.past.live() {
                    live.resize(columns, rows);
                }
            }
            None => self.screen = Some(Screen::new(columns, rows, SCROLLBACK)),
        }
        if self.stage == Stage::Attaching {
            self.stage = Stage::Live;
        }
    }

    pub fn scrolled(&self) -> usize {
        self.screen.as_ref().map_or(0, Screen::scrollback)
    }

    /// Moves the view by rows, positive into the past.
    pub fn scroll(&mut self, by: isize) {
        if let Some(screen) = &mut self.screen {
            screen.set_scrollback(screen.scrollback().saturating_add_signed(by));
        }
    }

    pub fn scroll_to(&mut self, rows: usize) {
        if let Some(screen) = &mut self.screen {
            screen.set_scrollback(rows);
        }
    }
}
