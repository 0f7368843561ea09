//! The screen's one owner: replica, state, theme and keys. Events go in, requests come out;
//! nothing here blocks, draws, or talks to anybody, so a test can press keys and look.

mod act;
mod bulk;
mod columns;
mod commands;
mod costs;
mod focus;
mod form;
mod grid;
mod hints;
mod inbox;
mod look;
mod memory;
mod mouse;
mod overlays;
mod palette;
mod reread;
mod stream;
mod tour;
mod wall;

use super::{
    actions::Place,
    field::Chosen,
    key::{Key, show},
    keymap::{Found, Keymap},
    link::{Message, Request},
    memory::Memory,
    theme::{Theme, Themes},
    ui::{EventsPane, Letter, Mode, Notice, Ui},
    views,
};
use crate::model::{AgentState, Level, Stamp};
use crate::protocol::stream::ServerMessage;
use crate::store::{Row, Store, rows};
use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind};
use ratatui::{buffer::Buffer, layout::Position, layout::Rect};
use std::{path::PathBuf, time::Duration};

/// Beat of the slow clock that spinners share.
pub const BEAT: Duration = Duration::from_millis(330);
const SECOND: Duration = Duration::from_secs(1);

/// What the loop is to do beside drawing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    Quit,
    Suspend,
}

/// What an [`App`] is made of.
pub struct Parts {
    pub keymap: Keymap,
    pub themes: Themes,
    pub theme: Theme,
    pub ui: Ui,
    /// Where swarms made here work.
    pub cwd: PathBuf,
    /// The PATH that their agents get.
    pub path: Option<String>,
}

pub struct App {
    pub store: Store,
    pub ui: Ui,
    pub theme: Theme,
    keymap: Keymap,
    themes: Themes,
    cwd: PathBuf,
    path: Option<String>,
    chord: Vec<Key>,
    area: Rect,
    attachments: u64,
    /// A swarm to show alone, once it is known.
    select: Option<String>,
    /// A key came since the last frame.
    pressed: bool,
    /// When the last key came, to a frame's precision.
    idle_since: Stamp,
    requests: Vec<Request>,
    want: Option<Want>,
    /// The newest approval that was told of.
    told: u64,
    /// What the person is to be called for.
    call: Option<String>,
    dirty: bool,
    /// The columns that the configuration names.
    configured: Vec<Chosen>,
    /// What the screen before left, until it is known which agents there are.
    recalled: Option<Memory>,
    /// A person did something since this was asked last.
    used: bool,
    /// How many tiles the wall had when it was closed; 0: it was never open.
    tiles: usize,
    mouse: mouse::Mouse,
    /// When the event came that is being taken in.
    heard: Stamp,
    /// Terminals are opened beside grid and events.
    split: bool,
    /// On its way to the clipboard.
    copied: Option<String>,
    /// Nobody has used this instance's screen before.
    first_run: bool,
    /// A keymap or theme could not be read when it was taken up anew last.
    misread: bool,
    /// What was filled in for a new swarm last; and whether it waits for an answer.
    form: Vec<String>,
    given_out: bool,
}

impl App {
    pub fn new(parts: Parts, area: Rect) -> Self {
        let Parts { keymap, themes, theme, ui, cwd, path } = parts;
        let configured = ui.columns.clone();
        Self {
            store: Store::default(),
            ui,
            theme,
            keymap,
            themes,
            cwd,
            path,
            chord: Vec::new(),
            area,
            attachments: 0,
            select: None,
            pressed: false,
            idle_since: Stamp(0),
            requests: Vec::new(),
            want: None,
            told: 0,
            call: None,
            dirty: true,
            configured,
            recalled: None,
            used: false,
            tiles: 0,
            mouse: mouse::Mouse::default(),
            heard: Stamp(0),
            split: false,
            copied: None,
            first_run: false,
            misread: false,
            form: Vec::new(),
            given_out: false,
        }
    }

    /// What came up since the last time this was asked.
    pub fn take_requests(&mut self) -> Vec<Request> {
        std::mem::take(&mut self.requests)
    }

    pub fn take_want(&mut self) -> Option<Want> {
        self.want.take()
    }

    /// Something shown may have changed.
    pub fn is_dirty(&self) -> bool {
        self.dirty
    }

    pub fn touch(&mut self) {
        self.dirty = true;
    }

    /// How often the screen changes by itself, if it does: the slow clock has to run then.
    pub fn pace(&self) -> Option<Duration> {
        if let Some(focus) = &self.ui.focus {
            // Beside a terminal only seconds are counted, unless the grid stands there.
            let counted = views::focus::parts_of(&self.ui, self.area).side.width > 0;
            let runs = self.store.agent(&focus.agent).is_some_and(|agent| agent.pid.is_some());
            if !views::layout(&self.ui, self.area).split {
                return (counted && runs).then_some(SECOND);
            }
        } else if self.ui.inbox.is_some() {
            // How long is left is counted.
            return (self.store.approvals().len() > 0).then_some(SECOND);
        }
        if let Some(costs) = self.ui.costs.as_ref().filter(|_| self.ui.focus.is_none()) {
            return self.costs_pace(costs);
        }
        let works = |state| matches!(state, AgentState::Working | AgentState::Starting);
        let grid = self.ui.events != EventsPane::Full || self.ui.wall.is_some();
        if grid && self.store.agents().any(|agent| works(agent.state)) {
            return Some(BEAT);
        }
        // Rows are put into their place when nobody has pressed a key for a while.
        (self.ui.moved > 0 && self.may_order()).then_some(SECOND)
    }

    /// A beat of the slow clock.
    pub fn tick(&mut self) {
        self.ui.tick = self.ui.tick.wrapping_add(1);
        self.dirty = true;
    }

    pub fn say(&mut self, level: Level, text: impl Into<String>) {
        self.ui.notice = Some(Notice { level, text: text.into() });
        self.dirty = true;
    }

    /// Something from the terminal.
    pub fn event(&mut self, event: Event) {
        match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => self.key(key),
            Event::Paste(text) => self.paste(&text),
            Event::Resize(columns, rows) => self.resize(columns, rows),
            Event::Mouse(event) => {
                if !self.mouse(event) {
                    return;
                }
                self.pressed = true;
            }
            Event::Key(_) | Event::FocusGained | Event::FocusLost => return,
        }
        self.dirty = true;
        self.used = true;
    }

    /// Something from the core.
    pub fn message(&mut self, message: Message) {
        self.dirty = true;
        match &message {
            Message::Done(_) => self.form_was_taken(true),
            Message::Refused(_) => self.form_was_taken(false),
            _ => {}
        }
        match message {
            Message::Server(message) => {
                if matches!(message, ServerMessage::Snapshot(_)) {
                    self.ui.lost = None;
                }
                let loaded = self.store.is_loaded();
                self.store.apply(message);
                self.costs_are_stale();
                self.tell_of_approvals(loaded);
                self.follow_attempt();
                self.try_select();
                if self.store.is_loaded() {
                    self.recall_agents();
                    self.begin_tour();
                }
            }
            Message::Lost(why) => self.ui.lost = Some(why),
            Message::Back => self.ui.lost = None,
            Message::Terminal { attachment, event } => self.terminal(attachment, event),
            Message::Past { attachment, bytes } => self.past(attachment, bytes),
            Message::Costs(answer) => self.take_costs(answer),
            // What went wrong a moment ago is not hidden by what went well.
            Message::Done(_)
                if self.ui.notice.as_ref().is_some_and(|n| n.level == Level::Error) => {}
            Message::Done(what) => self.say(Level::Info, what),
            Message::Refused(why) => self.say(Level::Error, why),
        }
    }

    /// Shows only that swarm, as soon as the core tells of it.
    pub fn select_swarm(&mut self, word: Option<String>) {
        self.select = word;
        self.try_select();
    }

    fn try_select(&mut self) {
        let found = self.select.as_deref().and_then(|word| self.store.find_swarm(word));
        if let Some(id) = found.map(|swarm| swarm.id.clone()) {
            self.ui.grid.swarm = Some(id);
            self.select = None;
        }
    }

    fn key(&mut self, event: KeyEvent) {
        self.pressed = true;
        self.ui.notice = None;
        let key = Key::from(event);
        match self.ui.mode.clone() {
            Mode::Filter { before } => self.filter_key(key, &before),
            Mode::Sift { before } => self.sift_key(key, &before),
            Mode::Palette => self.palette_key(key),
            Mode::Help => self.help_key(key),
            Mode::Confirm(confirm) => self.confirm_key(key, confirm),
            Mode::Remember(approval) => self.remember_key(key, approval),
            Mode::Letter(letter) => self.letter_key(key, letter),
            Mode::Form(form) => self.form_key(key, form),
            Mode::Columns(chooser) => self.columns_key(key, chooser),
            Mode::Search(text) => self.search_key(key, text),
            Mode::Tour(_) => {
                self.ui.mode = Mode::Normal;
                // One who only closes it means nothing else.
                let closes = matches!(key.code, KeyCode::Esc | KeyCode::Enter);
                if !(closes || key.is(' ')) {
                    self.key(event);
                }
            }
            Mode::Normal if self.ui.focus.is_some() => self.focus_key(key, &event),
            Mode::Normal => _ = self.chord_key(self.place(), key),
        }
    }

    /// Where keys and commands apply.
    fn place(&self) -> Place {
        match (&self.ui.focus, &self.ui.inbox, &self.ui.costs) {
            (Some(_), _, _) => Place::Focus,
            (None, Some(_), _) => Place::Inbox,
            (None, None, Some(_)) => Place::Costs,
            (None, None, None) if self.ui.wall.is_some() => Place::Wall,
            (None, None, None) if self.ui.events == EventsPane::Full => Place::Events,
            (None, None, None) => Place::Grid,
        }
    }

    /// Adds a key to the chord begun, and does what it means.
    fn chord_key(&mut self, place: Place, key: Key) -> bool {
        self.chord.push(key);
        let found = self.keymap.find(place, &self.chord);
        match found {
            Found::Begun => {
                self.ui.pending = show(&self.chord);
                return true;
            }
            Found::Action(action) => {
                self.end_chord();
                self.act(action);
            }
            Found::Nothing => {
                let tried = show(&self.chord);
                let alone = self.chord.len() == 1;
                self.end_chord();
                if place == Place::Focus {
                    let prefix = self.keymap.prefix;
                    self.say(Level::Info, format!("{prefix} {tried} is not bound"));
                } else if !alone {
                    self.say(Level::Info, format!("{tried} is not bound"));
                }
            }
        }
        false
    }

    fn end_chord(&mut self) {
        self.chord.clear();
        self.ui.pending.clear();
    }

    fn paste(&mut self, text: &str) {
        match &self.ui.mode {
            Mode::Normal => self.paste_into_focus(text),
            Mode::Palette => {
                self.ui.palette.type_text(text.lines().next().unwrap_or(""));
                self.read_palette();
            }
            Mode::Filter { .. } => {
                let typed = format!("{}{}", self.ui.grid.filter.text(), text.trim());
                self.set_filter(&typed);
            }
            Mode::Sift { .. } => {
                let typed = format!("{}{}", self.ui.stream.filter.text(), text.trim());
                self.ui.stream.sift(&typed);
            }
            Mode::Letter(letter) => {
                let text = format!("{}{text}", letter.text);
                self.ui.mode = Mode::Letter(Letter { text, ..letter.clone() });
            }
            Mode::Form(form) => {
                let form = form.clone();
                self.paste_into_form(form, text);
            }
            Mode::Help
            | Mode::Confirm(_)
            | Mode::Remember(_)
            | Mode::Columns(_)
            | Mode::Tour(_) => {}
            Mode::Search(before) => {
                let text = format!("{before}{}", text.lines().next().unwrap_or(""));
                self.ui.mode = Mode::Search(text);
            }
        }
    }

    fn resize(&mut self, columns: u16, rows: u16) {
        self.area = Rect::new(0, 0, columns, rows);
        self.resize_focus();
    }

    /// Rows as they are shown now.
    fn rows(&self) -> Vec<Row<'_>> {
        rows(&self.store, &self.ui.grid)
    }

    /// Draws a frame; returns where the hardware cursor belongs.
    pub fn draw(&mut self, now: Stamp, area: Rect, buffer: &mut Buffer) -> Option<Position> {
        if area != self.area {
            self.resize(area.width, area.height);
        }
        self.ui.now = now;
        if std::mem::take(&mut self.pressed) {
            self.idle_since = now;
        }
        self.settle();
        self.settle_inbox();
        self.settle_costs();
        self.settle_wall();
        self.settle_stream();
        self.note_read(area);
        self.ui.hints = self.hints();
        self.ui.follows = self.follows();
        self.dirty = false;
        views::draw(&self.store, &self.ui, &self.theme, area, buffer)
    }
}
