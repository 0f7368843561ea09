//! The inbox: what waits for an answer, and the keys that give one.

use super::App;
use crate::model::{Approval, ApprovalId, Level, Question, Remember, Resolution};
use crate::tui::{
    actions::{Action, Place},
    key::Key,
    link::Request,
    ui::{Hint, Inbox, Mode},
    views,
};
use crossterm::event::KeyCode;
use ratatui::layout::Rect;

impl App {
    /// Once, what is new in the inbox.
    pub fn take_call(&mut self) -> Option<String> {
        self.call.take()
    }

    /// Rings and says so where questions came up; those that waited already when the screen
    /// was opened (`loaded` is false) stand in the header.
    pub(super) fn tell_of_approvals(&mut self, loaded: bool) {
        let Some(newest) = self.store.approvals().last() else { return };
        let number = newest.id.number();
        let new = number > self.told;
        let agent = self.store.agent(&newest.agent);
        let name = agent.map_or(newest.agent.as_str(), |agent| &agent.name);
        let text = newest.question.text();
        let text = format!("{name} asks: {}", text.lines().next().unwrap_or(""));
        self.told = number;
        if new && loaded {
            self.call = Some(text.clone());
            self.say(Level::Warn, text);
        }
    }

    fn approval_ids(&self) -> Vec<ApprovalId> {
        self.store.approvals().map(|approval| approval.id.clone()).collect()
    }

    /// Opens it on what the chosen agent asks, else on what waits longest.
    pub(super) fn open_inbox(&mut self) {
        let agent = self.cursor_agent().map(|agent| agent.id.clone());
        let own = self.store.approvals().find(|open| Some(&open.agent) == agent.as_ref());
        let cursor = own.or_else(|| self.store.approvals().next()).map(|open| open.id.clone());
        if self.ui.focus.is_some() {
            self.detach();
        }
        self.ui.inbox = Some(Inbox { cursor, ..Inbox::default() });
    }

    /// True if the action was one of the inbox's.
    pub(super) fn inbox_action(&mut self, action: Action) -> bool {
        let half = (isize::from(self.area.height as i16) / 2).max(1);
        match action {
            Action::Down => self.step_in_inbox(1, 1),
            Action::Up => self.step_in_inbox(-1, -1),
            Action::HalfPageDown => self.step_in_inbox(3, half),
            Action::HalfPageUp => self.step_in_inbox(-3, -half),
            Action::PageDown => self.step_in_inbox(6, 2 * half - 5),
            Action::PageUp => self.step_in_inbox(-6, 5 - 2 * half),
            Action::Top => self.step_in_inbox(isize::MIN / 2, isize::MIN / 2),
            Action::Bottom => self.step_in_inbox(isize::MAX / 2, isize::MAX / 2),
            Action::Read => self.turn_reading(),
            Action::Approve => self.answer(Resolution::Approve, Remember::Once),
            Action::Deny => self.answer(Resolution::Deny, Remember::Once),
            Action::ApproveFor => self.ask_for_how_long(),
            Action::Focus => {
                if let Some(agent) = self.chosen_approval().map(|open| open.agent.clone()) {
                    self.focus(agent);
                }
            }
            Action::Close if self.is_reading() => self.turn_reading(),
            Action::Close | Action::Inbox => self.ui.inbox = None,
            _ => return false,
        }
        true
    }

    fn is_reading(&self) -> bool {
        self.ui.inbox.as_ref().is_some_and(|inbox| inbox.reading.is_some())
    }

    /// From the list to the chosen question alone, and back.
    fn turn_reading(&mut self) {
        let reading = !self.is_reading() && self.chosen_approval().is_some();
        if let Some(inbox) = &mut self.ui.inbox {
            inbox.reading = reading.then_some(0);
        }
    }

    /// So many cards, or lines where one stands alone.
    fn step_in_inbox(&mut self, cards: isize, lines: isize) {
        let most = views::inbox::most(&self.store, &self.ui, &self.theme, self.area);
        match self.ui.inbox.as_mut().and_then(|inbox| inbox.reading.as_mut()) {
            Some(top) => *top = top.saturating_add_signed(lines).min(most),
            None => self.move_in_inbox(cards),
        }
    }

    fn move_in_inbox(&mut self, by: isize) {
        let ids = self.approval_ids();
        let Some(inbox) = &mut self.ui.inbox else { return };
        let Some(last) = ids.len().checked_sub(1) else { return };
        let at = inbox.cursor.as_ref().and_then(|id| ids.iter().position(|other| other == id));
        // Without a cursor the first step only chooses: beside the one that was answered.
        let beside = || match (by, inbox.answered) {
            (_, 0) => 0,
            (1, n) => ids.iter().position(|id| id.number() > n).unwrap_or(last),
            (-1, n) => ids.iter().rposition(|id| id.number() < n).unwrap_or(0),
            (by, _) => {
                if by > 0 {
                    last
                } else {
                    0
                }
            }
        };
        let to = at.map_or_else(beside, |at| at.saturating_add_signed(by).min(last));
        inbox.cursor = Some(ids[to].clone());
    }

    /// Remembers what this frame shows to its end.
    pub(super) fn note_read(&mut self, area: Rect) {
        let read = views::inbox::read(&self.store, &self.ui, &self.theme, area);
        if let (Some(inbox), Some(read)) = (&mut self.ui.inbox, read) {
            inbox.read.insert(read);
        }
    }

    fn chosen_approval(&mut self) -> Option<&Approval> {
        let cursor = self.ui.inbox.as_ref().and_then(|inbox| inbox.cursor.clone());
        if cursor.as_ref().and_then(|id| self.store.approval(id)).is_none() {
            let down = self.keymap.key_of(Place::Inbox, Action::Down).unwrap_or_default();
            let text = match self.store.approvals().len() {
                0 => "nothing waits for an answer".to_owned(),
                _ => format!("none is chosen: choose another, with {down}"),
            };
            self.say(Level::Info, text);
        }
        self.store.approval(&cursor?)
    }

    /// The chosen one, if it can be answered from here.
    fn answerable(&mut self) -> Option<Approval> {
        let open = self.chosen_approval()?.clone();
        if let Some(elsewhere) = open.question.elsewhere(&open.agent) {
            let enter = self.keymap.key_of(Place::Inbox, Action::Focus).unwrap_or_default();
            let text = match open.question {
                Question::Prompt { .. } => {
                    format!("its adapter does not say how: answer in its terminal, {enter}")
                }
                _ => elsewhere,
            };
            self.say(Level::Warn, text);
            return None;
        }
        Some(open)
    }

    fn answer(&mut self, verdict: Resolution, remember: Remember) {
        let Some(open) = self.answerable() else { return };
        if verdict == Resolution::Deny || self.was_read(&open.id) {
            self.send_answer(&open.id, verdict, remember);
        }
    }

    /// Nobody approves what was not to be seen; says so where it was not.
    fn was_read(&mut self, id: &ApprovalId) -> bool {
        let inbox = self.ui.inbox.as_ref();
        if inbox.is_some_and(|inbox| inbox.read.contains(id)) {
            return true;
        }
        let action = if self.is_reading() { Action::HalfPageDown } else { Action::Read };
        let key = self.keymap.key_of(Place::Inbox, action).unwrap_or_default();
        let text = format!("{id} was not shown to its end, so it is not approved: {key} shows it");
        self.say(Level::Warn, text);
        false
    }

    fn send_answer(&mut self, id: &ApprovalId, verdict: Resolution, remember: Remember) {
        self.requests.push(Request::Answer { approval: id.clone(), verdict, remember });
        // None: the same key pressed again must not answer what nobody has read.
        if let Some(inbox) = &mut self.ui.inbox {
            inbox.cursor = None;
            inbox.reading = None;
            inbox.answered = id.number();
        }
    }

    fn ask_for_how_long(&mut self) {
        let Some(open) = self.answerable() else { return };
        if open.question.subject().is_none() {
            let text = format!("an answer to a {} stands once", open.question.kind());
            return self.say(Level::Info, text);
        }
        if self.was_read(&open.id) {
            self.ui.mode = Mode::Remember(open.id);
        }
    }

    pub(super) fn remember_key(&mut self, key: Key, approval: ApprovalId) {
        let chosen = match key.code {
            KeyCode::Char(c @ '1'..='4') => Remember::ALL.get(c as usize - '1' as usize),
            KeyCode::Esc | KeyCode::Char('q') => None,
            _ if key.ctrl('c') => None,
            _ => return,
        };
        self.ui.mode = Mode::Normal;
        if let Some(remember) = chosen {
            self.send_answer(&approval, Resolution::Approve, *remember);
        }
    }

    /// What is over by itself leaves the cursor on nothing.
    pub(super) fn settle_inbox(&mut self) {
        if let Mode::Remember(id) = &self.ui.mode
            && self.store.approval(id).is_none()
        {
            let text = format!("{id} is over");
            self.ui.mode = Mode::Normal;
            self.say(Level::Info, text);
        }
        let Some(inbox) = &mut self.ui.inbox else { return };
        inbox.cursor.take_if(|id| self.store.approval(id).is_none());
        inbox.read.retain(|id| self.store.approval(id).is_some());
        if inbox.cursor.is_none() {
            inbox.reading = None;
        }
    }

    /// `inbox (2)` while something waits.
    pub(super) fn waiting_label(&self) -> Option<String> {
        match self.store.approvals().len() {
            0 => None,
            n => Some(format!("inbox ({n})")),
        }
    }

    pub(super) fn inbox_hints(&self) -> Vec<Hint> {
        let cursor = self.ui.inbox.as_ref().and_then(|inbox| inbox.cursor.as_ref());
        let open = cursor.and_then(|id| self.store.approval(id));
        let question = open.map(|open| &open.question);
        // Keys that do something to what is chosen, and no others.
        let answerable = open.is_some_and(|open| open.question.elsewhere(&open.agent).is_none());
        let inbox = self.ui.inbox.as_ref();
        let read = inbox
            .is_some_and(|inbox| inbox.cursor.as_ref().is_some_and(|id| inbox.read.contains(id)));
        let lasting = question.is_some_and(|question| question.subject().is_some());
        let reading = self.is_reading();
        let read_on = if reading { Action::HalfPageDown } else { Action::Read };
        let answers = [
            (answerable && read, Action::Approve, ""),
            (lasting && read, Action::ApproveFor, "approve for…"),
            (answerable && !read, read_on, if reading { "read on" } else { "read it to its end" }),
            (answerable, Action::Deny, ""),
            (question.is_some(), Action::Focus, "its terminal"),
        ];
        let close = if reading { "list" } else { "" };
        let always = [Action::Close, Action::Palette, Action::Help, Action::Quit];
        let answers = answers.into_iter().filter(|(holds, ..)| *holds);
        let answers = answers.map(|(_, action, label)| (action, label));
        let hint = |(action, label)| self.hint(Place::Inbox, action, label);
        let several = self.store.approvals().len() > usize::from(question.is_some());
        let moves = if several || reading { self.both_ways(Place::Inbox) } else { None };
        let answers = answers.filter_map(hint).chain(moves);
        let label = |action| if action == Action::Close { close } else { "" };
        let always = always.into_iter().filter_map(|action| hint((action, label(action))));
        answers.chain(always).collect()
    }
}
