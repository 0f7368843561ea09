//! What the screen shows beside the replica: cursor, mode, overlays, words for the footer.
//! Views read it; only `app` changes it. No clock and no terminal in here.

use crate::model::{AgentId, ApprovalId, Level, Stamp, SwarmId};
use crate::store::{By, GridOptions};
use crate::tui::{
    field::Chosen, focus::Focus, form::Form, palette::Palette, stream::Stream, wall::Wall,
};
use std::collections::BTreeSet;

/// State of the screen.
#[derive(Default)]
pub struct Ui {
    /// The time this frame stands for; set once a frame.
    pub now: Stamp,
    /// The slow clock that all spinners share; it stands still while nothing works.
    pub tick: u64,
    /// Minutes that local time is ahead of UTC.
    pub utc_offset_minutes: i32,
    /// False where the locale has no UTF-8: only ASCII is drawn.
    pub unicode: bool,
    /// A note that stands in the header, such as that this is a rehearsal.
    pub title: String,
    /// Agents end with this screen.
    pub rehearsal: bool,
    pub grid: GridOptions,
    /// The columns of the grid; none: those that have something to tell.
    pub columns: Vec<Chosen>,
    /// The row under the cursor.
    pub cursor: Option<AgentId>,
    /// First row shown.
    pub top: usize,
    pub marked: BTreeSet<AgentId>,
    /// Rows that came or moved since the order was held.
    pub moved: usize,
    pub events: EventsPane,
    /// The events, while they have all the room.
    pub stream: Stream,
    pub mode: Mode,
    pub focus: Option<Focus>,
    /// The inbox stands in the grid's place; behind an agent's terminal it waits.
    pub inbox: Option<Inbox>,
    /// What was spent stands in the grid's place.
    pub costs: Option<Costs>,
    /// Terminals stand in the grid's place.
    pub wall: Option<Wall>,
    pub palette: Palette,
    pub notice: Option<Notice>,
    /// Why there is no core, while there is none.
    pub lost: Option<String>,
    /// Keys of the chord begun so far.
    pub pending: String,
    /// The keys that matter here and now.
    pub hints: Vec<Hint>,
    /// The keys that may follow those pressed so far.
    pub follows: Vec<Hint>,
    pub help: Help,
}

/// What keys go to.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Mode {
    /// The grid, or the focused agent where there is one.
    #[default]
    Normal,
    /// The filter is being typed; holds the one before.
    Filter {
        before: String,
    },
    /// The events' filter is being typed; holds the one before.
    Sift {
        before: String,
    },
    Palette,
    Help,
    Confirm(Confirm),
    /// For how long an approval is to stand.
    Remember(ApprovalId),
    /// A text to agents is being typed.
    Letter(Letter),
    /// A new swarm is being filled in.
    Form(Form),
    Columns(Chooser),
    /// What is searched for in a terminal is being typed.
    Search(String),
    /// Keys, and what they do; the next key closes it and is still itself.
    Tour(Vec<Hint>),
}

/// The inbox, as it is shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inbox {
    /// The approval that keys are about; none once it was answered or went away by itself, so
    /// that no key that was meant for it answers another.
    pub cursor: Option<ApprovalId>,
    /// The chosen one stands alone, from this line on, to be read to its end.
    pub reading: Option<usize>,
    /// Questions whose end was on the screen: only those are approved from here.
    pub read: BTreeSet<ApprovalId>,
    /// The number of the last one answered: the next step goes on from it.
    pub answered: u64,
}

/// The costs, as they are shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Costs {
    pub by: By,
    /// The ledger's id of the chosen row; none: all together.
    pub cursor: Option<String>,
    /// First row shown below the sum.
    pub top: usize,
    /// The order to keep while the cursor is in it; empty: the dearest first.
    pub hold: Vec<String>,
    /// The chart spans hours, not minutes.
    pub long: bool,
    /// Why the ledger's last answer did not come.
    pub failed: Option<String>,
    /// Something was told since the ledger was asked last.
    pub stale: bool,
    /// When it was asked; and whether it has answered.
    pub asked_at: Option<Stamp>,
    pub waits: bool,
}

/// A question before something that cannot be taken back.
#[derive(Clone, Debug, PartialEq)]
pub struct Confirm {
    pub question: String,
    pub detail: String,
    pub ask: Ask,
}

/// A text to agents.
#[derive(Clone, Debug, PartialEq)]
pub struct Letter {
    pub to: Vec<AgentId>,
    /// Theirs, with blanks between.
    pub names: String,
    /// So many were chosen too, and cannot hear.
    pub deaf: usize,
    pub text: String,
}

/// The columns, while they are chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct Chooser {
    /// All of them, and whether each is shown.
    pub list: Vec<(Chosen, bool)>,
    pub at: usize,
}

/// What is done after a yes.
#[derive(Clone, Debug, PartialEq)]
pub enum Ask {
    StopAgents(Vec<AgentId>),
    RetryAgents(Vec<AgentId>),
    StopSwarm(SwarmId),
    RemoveSwarm(SwarmId),
    /// End a rehearsal.
    Leave,
}

/// A word to the person, until the next key.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    pub level: Level,
    pub text: String,
}

/// A key and what it does, as the footer shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Hint {
    pub key: String,
    pub label: String,
}

/// The help overlay: the keymap in force, by section.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Help {
    pub sections: Vec<HelpSection>,
    pub scroll: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub struct HelpSection {
    pub title: String,
    /// Keys, what they do.
    pub keys: Vec<(String, String)>,
}

/// How much room the events get.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EventsPane {
    Hidden,
    #[default]
    Small,
    Half,
    /// As many as were dragged to, with the heading.
    Rows(u16),
    /// Nothing else; then keys are about them.
    Full,
}

impl EventsPane {
    const ALL: [Self; 4] = [Self::Hidden, Self::Small, Self::Half, Self::Full];

    pub fn word(self) -> String {
        match self {
            Self::Hidden => "hidden".to_owned(),
            Self::Small => "small".to_owned(),
            Self::Half => "half".to_owned(),
            Self::Rows(rows) => rows.to_string(),
            Self::Full => "full".to_owned(),
        }
    }

    pub fn named(word: &str) -> Option<Self> {
        let rows = word.parse().ok().map(Self::Rows);
        Self::ALL.into_iter().find(|pane| pane.word() == word).or(rows)
    }

    pub fn larger(self) -> Self {
        match self {
            Self::Hidden => Self::Small,
            Self::Small => Self::Half,
            Self::Half | Self::Rows(_) => Self::Full,
            Self::Full => Self::Small,
        }
    }

    /// Rows with the pane's heading, out of `height`.
    pub fn rows(self, height: u16) -> u16 {
        match self {
            Self::Hidden => 0,
            Self::Small if height < 12 => 0,
            Self::Small => (height / 5).clamp(3, 9),
            Self::Half => height / 2,
            // The grid keeps its titles and a row.
            Self::Rows(rows) => rows.min(height.saturating_sub(2)),
            Self::Full => height,
        }
    }
}
