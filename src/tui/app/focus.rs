//! The focused agent: keys to its terminal, bytes from it.

use super::App;
use crate::model::{AgentId, Level};
use crate::store::Row;
use crate::term::{Screen, keys};
use crate::tui::{
    actions::{Action, Place},
    encode,
    focus::{Focus, FocusMode, Stage},
    key::Key,
    link::{Request, TerminalEvent},
    ui::Hint,
    views,
};
use crossterm::event::{KeyCode, KeyEvent};

impl App {
    pub(super) fn focus_cursor(&mut self) {
        if let Some(id) = self.ui.cursor.clone() {
            self.focus(id);
        }
    }

    /// Opens an agent's terminal in place of what is shown.
    pub(super) fn focus(&mut self, id: AgentId) {
        let zoom = self.ui.focus.as_ref().is_some_and(|focus| focus.zoom);
        self.detach();
        let attempt = self.store.agent(&id).and_then(|agent| agent.attempt_id.clone());
        self.attachments += 1;
        let mut focus = Focus::new(id.clone(), attempt, self.attachments, (1, 1));
        (focus.zoom, focus.split) = (zoom, self.split);
        let attachment = self.attachments;
        self.ui.focus = Some(focus);
        let (columns, rows) = self.terminal_size();
        if let Some(focus) = &mut self.ui.focus {
            focus.size = (columns, rows);
        }
        self.ui.cursor = Some(id.clone());
        if self.split {
            // Its row is the current one.
            self.hold_here(id.clone());
        }
        self.requests.push(Request::Attach { attachment, agent: id, columns, rows });
    }

    /// Back to the grid, with the cursor on the agent.
    pub(super) fn detach(&mut self) {
        if let Some(focus) = self.ui.focus.take() {
            self.requests.push(Request::Detach { attachment: focus.attachment });
            self.hold_here(focus.agent);
        }
    }

    pub(super) fn hold_here(&mut self, agent: AgentId) {
        if self.ui.grid.hold.is_empty() {
            self.ui.grid.hold =
                self.rows().iter().filter_map(Row::agent).map(|a| a.id.clone()).collect();
        }
        self.ui.cursor = Some(agent);
    }

    fn terminal_size(&self) -> (u16, u16) {
        let terminal = views::focus::parts_of(&self.ui, self.area).terminal;
        (terminal.width.max(1), terminal.height.max(1))
    }

    pub(super) fn resize_focus(&mut self) {
        let size = self.terminal_size();
        let Some(focus) = &mut self.ui.focus else { return };
        if focus.size != size {
            focus.size = size;
            let (columns, rows) = size;
            self.requests.push(Request::Resize { attachment: focus.attachment, columns, rows });
        }
    }

    /// A new attempt of the focused agent is attached to as the old one was.
    pub(super) fn follow_attempt(&mut self) {
        let Some(focus) = &self.ui.focus else { return };
        let Some(agent) = self.store.agent(&focus.agent) else { return };
        let newer = agent.attempt_id.is_some() && agent.attempt_id != focus.attempt;
        // It was asked for before its keeper was there, and runs now.
        let missed = matches!(focus.stage, Stage::Ended(None) | Stage::Failed(_))
            && agent.pid.is_some()
            && !agent.state.is_final();
        if newer || missed {
            self.focus(focus.agent.clone());
        }
    }

    pub(super) fn terminal(&mut self, attachment: u64, event: TerminalEvent) {
        let Some(focus) = self.ui.focus.as_mut().filter(|f| f.attachment == attachment) else {
            let tiles = self.ui.wall.as_mut().map(|wall| &mut wall.tiles);
            let tile = tiles.into_iter().flatten().find(|tile| tile.attachment == attachment);
            if let Some(tile) = tile {
                tile.event(event);
            }
            return;
        };
        match event {
            TerminalEvent::Bytes(bytes) => focus.bytes(&bytes),
            TerminalEvent::Size { columns, rows } => focus.sized(columns, rows),
            TerminalEvent::Last { columns, rows, bytes } => {
                focus.sized(columns, rows);
                focus.bytes(&bytes);
                focus.stage = Stage::Ended(None);
            }
            TerminalEvent::Ended(exit) => focus.stage = Stage::Ended(exit),
            TerminalEvent::Failed(why) => focus.stage = Stage::Failed(why),
        }
    }

    pub(super) fn focus_key(&mut self, key: Key, event: &KeyEvent) {
        let prefix = self.keymap.prefix;
        let Some(focus) = &mut self.ui.focus else { return };
        match focus.mode {
            FocusMode::Typing if key == prefix => focus.mode = FocusMode::Prefix,
            FocusMode::Typing => match focus.stage {
                Stage::Attaching | Stage::Live => {
                    let application = focus.screen.as_ref().is_some_and(Screen::application_cursor);
                    focus.midline = key.typed().is_some();
                    let bytes = encode::key(event, application);
                    self.send(bytes);
                }
                // Nobody is there to type to, but somebody may be typing still: what was
                // meant for the agent must not become a command.
                Stage::Ended(_) | Stage::Failed(_) => match key.code {
                    KeyCode::Esc => self.detach(),
                    KeyCode::Enter if focus.midline => focus.midline = false,
                    KeyCode::Enter => self.detach(),
                    _ => focus.midline = true,
                },
            },
            FocusMode::Prefix if key == prefix => {
                focus.mode = FocusMode::Typing;
                let bytes = encode::key(event, false);
                self.send(bytes);
            }
            FocusMode::Prefix if key.code == KeyCode::Esc => {
                focus.mode = FocusMode::Typing;
                self.end_chord();
            }
            FocusMode::Prefix => {
                focus.mode = FocusMode::Typing;
                let longer = self.chord_key(Place::Focus, key);
                if longer && let Some(focus) = &mut self.ui.focus {
                    focus.mode = FocusMode::Prefix;
                }
            }
            FocusMode::Scroll => _ = self.chord_key(Place::Scroll, key),
        }
    }

    fn send(&mut self, bytes: Vec<u8>) {
        if let Some(focus) = &self.ui.focus
            && !bytes.is_empty()
        {
            self.requests.push(Request::Input { attachment: focus.attachment, bytes });
        }
    }

    pub(super) fn paste_into_focus(&mut self, text: &str) {
        let Some(focus) = &self.ui.focus else { return };
        if matches!(focus.stage, Stage::Attaching | Stage::Live) {
            let screen = focus.screen.as_ref();
            let bracketed = screen.is_some_and(Screen::bracketed_paste);
            self.send(keys::paste(text, bracketed));
        }
    }

    /// True if the action was one of the focused agent's.
    pub(super) fn focus_action(&mut self, action: Action) -> bool {
        if self.look_action(action) {
            return true;
        }
        let Some(focus) = &mut self.ui.focus else { return false };
        match action {
            Action::Detach => self.detach(),
            Action::NextAgent => self.focus_beside(1),
            Action::PreviousAgent => self.focus_beside(-1),
            Action::NextInNeed => {
                let from = focus.agent.clone();
                match self.in_need_after(Some(&from)).filter(|id| *id != from) {
                    Some(id) => self.focus(id),
                    None => self.say(Level::Info, "nobody else needs anything"),
                }
            }
            Action::Zoom => {
                focus.zoom = !focus.zoom;
                self.resize_focus();
            }
            Action::Split => {
                (focus.split, focus.zoom) = (!focus.split || focus.zoom, false);
                self.split = focus.split;
                let agent = focus.agent.clone();
                self.hold_here(agent);
                self.resize_focus();
            }
            Action::Scroll => self.begin_look(),
            Action::Leave => focus.leave_scroll(),
            _ => return false,
        }
        true
    }

    fn focus_beside(&mut self, by: isize) {
        let ids: Vec<AgentId> =
            self.rows().iter().filter_map(Row::agent).map(|a| a.id.clone()).collect();
        let here = self.ui.focus.as_ref().map(|focus| focus.agent.clone());
        let at = ids.iter().position(|id| Some(id) == here.as_ref());
        if ids.is_empty() || (ids.len() == 1 && at.is_some()) {
            return self.say(Level::Info, "there is no other agent");
        }
        let to = (at.unwrap_or(0) as isize + by).rem_euclid(ids.len() as isize) as usize;
        // The order must stay while walking through it.
        if let Some(here) = here {
            self.hold_here(here);
        }
        self.focus(ids[to].clone());
    }

    pub(super) fn focus_hints(&self, focus: &Focus) -> Vec<Hint> {
        let hint = |place, action| self.hint(place, action, "");
        let waits = self.waiting_label();
        let waits = waits.and_then(|label| self.hint(Place::Focus, Action::Inbox, &label));
        let in_focus = [
            Action::Detach,
            Action::NextAgent,
            Action::PreviousAgent,
            Action::NextInNeed,
            Action::Zoom,
            Action::Split,
            Action::Scroll,
            Action::Stop,
            Action::Palette,
            Action::Help,
        ];
        match focus.mode {
            FocusMode::Scroll => [
                Action::Up,
                Action::Down,
                Action::HalfPageUp,
                Action::Search,
                Action::SearchAgain,
                Action::Select,
                Action::Copy,
                Action::Top,
                Action::Leave,
            ]
            .into_iter()
            .filter_map(|action| hint(Place::Scroll, action))
            .collect(),
            FocusMode::Prefix => {
                let others = in_focus.into_iter().filter_map(|action| hint(Place::Focus, action));
                waits.into_iter().chain(others).collect()
            }
            FocusMode::Typing => {
                let over = matches!(focus.stage, Stage::Ended(_) | Stage::Failed(_));
                let mut hints: Vec<Hint> = Vec::new();
                let mut say = |key: &str, label: &str| {
                    hints.push(Hint { key: key.to_owned(), label: label.to_owned() });
                };
                if over {
                    say("Esc", "grid; it has ended, other keys do nothing");
                }
                say(&self.keymap.prefix.to_string(), "then");
                hints.extend(waits);
                let stop = if over { Action::Retry } else { Action::Stop };
                let swap = |a| if a == Action::Stop { stop } else { a };
                hints.extend(in_focus.into_iter().filter_map(|a| hint(Place::Focus, swap(a))));
                hints
            }
        }
    }
}
