//! Looking back through a terminal: what actions do to the cursor, the selection, the search.

use super::App;
use crate::model::Level;
use crate::tui::{
    actions::Action,
    copy::{Copy, Place, Reader},
    focus::{Focus, FocusMode},
    key::Key,
    link::Request,
    past::Goal,
    ui::Mode,
    views,
};
use bytes::Bytes;
use crossterm::event::KeyCode;

impl App {
    /// What was copied since this was asked last, for the clipboard.
    pub fn take_copied(&mut self) -> Option<String> {
        self.copied.take()
    }

    /// Begins on the line where the program's own cursor is.
    pub(super) fn begin_look(&mut self) {
        let Some(focus) = &mut self.ui.focus else { return };
        let at = focus.screen.as_ref().map_or(Place::default(), |screen| {
            let (row, column) = screen.cursor();
            Place { up: usize::from(screen.size().1.saturating_sub(row + 1)), column }
        });
        focus.copy = Copy { at, ..Copy::default() };
        focus.mode = FocusMode::Scroll;
    }

    /// True if the action was one of looking back.
    pub(super) fn look_action(&mut self, action: Action) -> bool {
        let room = views::focus::parts_of(&self.ui, self.area).terminal.height;
        let Some(focus) = &mut self.ui.focus else { return false };
        if focus.mode != FocusMode::Scroll {
            return false;
        }
        let half = (usize::from(room) / 2).max(1);
        let page = usize::from(room).max(1);
        // Nothing has come yet: there is nothing to do but to leave.
        let Focus { screen: Some(screen), copy, .. } = focus else {
            return action != Action::Leave;
        };
        let last = screen.size().0.saturating_sub(1);
        let mut reader = Reader::new(screen);
        let top = reader.all.saturating_sub(1);
        let before = copy.at.up;
        let at = &mut copy.at;
        match action {
            Action::Down => at.up = at.up.saturating_sub(1),
            Action::Up => at.up = (at.up + 1).min(top),
            Action::HalfPageDown => at.up = at.up.saturating_sub(half),
            Action::HalfPageUp => at.up = (at.up + half).min(top),
            Action::PageDown => at.up = at.up.saturating_sub(page),
            Action::PageUp => at.up = (at.up + page).min(top),
            Action::Top => at.up = top,
            Action::Bottom => at.up = 0,
            Action::Left => at.column = at.column.saturating_sub(1),
            Action::Right => at.column = (at.column + 1).min(last),
            Action::LineStart => at.column = 0,
            Action::LineEnd => at.column = reader.end(at.up),
            Action::NextWord => *at = reader.word(*at, true),
            Action::PreviousWord => *at = reader.word(*at, false),
            Action::Select | Action::SelectLines => {
                let lines = action == Action::SelectLines;
                let again = copy.anchor.is_some() && copy.lines == lines;
                copy.anchor = if again { None } else { copy.anchor.or(Some(copy.at)) };
                copy.lines = lines;
            }
            Action::Copy => {
                let text = match copy.anchor {
                    Some(_) => reader.chosen(copy),
                    // Without a selection it is the line.
                    None => reader.text(copy.at.up, 0, u16::MAX).0,
                };
                drop(reader);
                return self.copied(text);
            }
            Action::Search => {
                drop(reader);
                self.ui.mode = Mode::Search(String::new());
                return true;
            }
            Action::SearchAgain | Action::SearchBack => {
                let (search, from) = (copy.search.clone(), copy.at);
                let up = action == Action::SearchAgain;
                let found = reader.find(&search, from, up);
                drop(reader);
                if found.is_none() && up && !search.is_empty() && self.read_further(Goal::Search) {
                    return true;
                }
                return self.found(found, &search);
            }
            _ => return false,
        }
        drop(reader);
        let up = matches!(action, Action::Up | Action::HalfPageUp | Action::PageUp | Action::Top);
        let meets_top = up && copy.at.up == top;
        self.bring_into_view();
        if meets_top {
            self.look_further(action == Action::Top, before == top);
        }
        true
    }

    /// Rows from before those at hand are asked for, if there are some; `pushed`: somebody stood
    /// at the top already.
    pub(super) fn look_further(&mut self, top: bool, pushed: bool) {
        if self.read_further(if top { Goal::Top } else { Goal::Stay }) {
            return;
        }
        let Some(focus) = &self.ui.focus else { return };
        if pushed && focus.past.is_cut() {
            let agent = focus.agent.clone();
            self.say(Level::Info, format!("what is older is in `dash agent log {agent}`"));
        }
    }

    /// False where there is nothing more to read.
    fn read_further(&mut self, goal: Goal) -> bool {
        let Some(focus) = &mut self.ui.focus else { return false };
        focus.past.goal = goal;
        let Some(bytes) = focus.past.ask() else { return focus.past.waits() };
        let (attachment, agent) = (focus.attachment, focus.agent.clone());
        self.requests.push(Request::Past { attachment, agent, bytes });
        true
    }

    pub(super) fn past(&mut self, attachment: u64, end: Result<Bytes, String>) {
        let focus = self.ui.focus.as_mut().filter(|focus| focus.attachment == attachment);
        let Some(focus) = focus else { return };
        match end {
            Ok(end) => focus.read_past(&end),
            Err(why) => {
                focus.past.failed();
                return self.say(Level::Error, format!("the recording cannot be read: {why}"));
            }
        }
        match std::mem::take(&mut focus.past.goal) {
            Goal::Stay => {}
            Goal::Top => {
                if let Some(screen) = &mut focus.screen {
                    focus.copy.at.up = Reader::new(screen).all.saturating_sub(1);
                }
                self.bring_into_view();
                // That of all of it was meant.
                self.look_further(true, false);
            }
            Goal::Search => _ = self.look_action(Action::SearchAgain),
        }
    }

    fn copied(&mut self, text: String) -> bool {
        let lines = text.lines().count();
        let plural = if lines == 1 { "" } else { "s" };
        self.say(Level::Info, format!("copied {lines} line{plural} to the clipboard"));
        self.copied = Some(text);
        if let Some(focus) = &mut self.ui.focus {
            focus.leave_scroll();
        }
        true
    }

    fn found(&mut self, found: Option<Place>, search: &str) -> bool {
        match (found, &mut self.ui.focus) {
            (Some(place), Some(focus)) => {
                focus.copy.at = place;
                self.bring_into_view();
            }
            _ if search.is_empty() => self.say(Level::Info, "nothing was searched for"),
            _ => self.say(Level::Info, format!("no more {search:?} there")),
        }
        true
    }

    /// Scrolls so that the cursor's line is among the rows shown.
    fn bring_into_view(&mut self) {
        let room = usize::from(views::focus::parts_of(&self.ui, self.area).terminal.height);
        let Some(Focus { screen: Some(screen), copy, .. }) = &mut self.ui.focus else { return };
        // A screen higher than its place shows its lowest rows while one looks back.
        let shown = usize::from(screen.size().1).min(room).max(1);
        let lowest = screen.scrollback();
        if copy.at.up < lowest {
            screen.set_scrollback(copy.at.up);
        } else if copy.at.up >= lowest + shown {
            screen.set_scrollback(copy.at.up + 1 - shown);
        }
    }

    pub(super) fn search_key(&mut self, key: Key, mut text: String) {
        match key.code {
            KeyCode::Esc => return self.ui.mode = Mode::Normal,
            _ if key.ctrl('c') => return self.ui.mode = Mode::Normal,
            KeyCode::Enter => {
                self.ui.mode = Mode::Normal;
                if let Some(focus) = &mut self.ui.focus
                    && !text.is_empty()
                {
                    focus.copy.search = text;
                }
                self.look_action(Action::SearchAgain);
                return;
            }
            KeyCode::Backspace if text.is_empty() => return self.ui.mode = Mode::Normal,
            KeyCode::Backspace => _ = text.pop(),
            _ if key.ctrl('u') => text.clear(),
            _ => match key.typed() {
                Some(c) => text.push(c),
                None => return,
            },
        }
        self.ui.mode = Mode::Search(text);
    }
}
