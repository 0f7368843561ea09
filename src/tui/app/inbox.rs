//! The inbox: what waits for an answer, and the keys that give one.

use super::App;
use crate::model::{Approval, ApprovalId, Level, Question, Remember, Resolution};
use crate::tui::{
    actions::{Action, Place},
    key::Key,
    link::Request,
    ui::{Hint, Inbox, Mode},
};
use crossterm::event::KeyCode;

impl App {
    /// True once, where something new waits.
    pub fn take_bell(&mut self) -> bool {
        std::mem::take(&mut self.bell)
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
            self.bell = true;
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
        self.ui.inbox = Some(Inbox { cursor });
    }

    /// True if the action was one of the inbox's.
    pub(super) fn inbox_action(&mut self, action: Action) -> bool {
        match action {
            Action::Down => self.move_in_inbox(1),
            Action::Up => self.move_in_inbox(-1),
            Action::Top => self.move_in_inbox(isize::MIN / 2),
            Action::Bottom => self.move_in_inbox(isize::MAX / 2),
            Action::Approve => self.answer(Resolution::Approve, Remember::Once),
            Action::Deny => self.answer(Resolution::Deny, Remember::Once),
            Action::ApproveFor => self.ask_for_how_long(),
            Action::Focus => {
                if let Some(agent) = self.chosen_approval().map(|open| open.agent.clone()) {
                    self.focus(agent);
                }
            }
            Action::Close | Action::Inbox => self.ui.inbox = None,
            _ => return false,
        }
        true
    }

    fn move_in_inbox(&mut self, by: isize) {
        let ids = self.approval_ids();
        let Some(inbox) = &mut self.ui.inbox else { return };
        let Some(last) = ids.len().checked_sub(1) else { return };
        let at = inbox.cursor.as_ref().and_then(|id| ids.iter().position(|other| other == id));
        // Without a cursor the first step only chooses.
        let to = at.map_or(0, |at| at.saturating_add_signed(by).min(last));
        inbox.cursor = Some(ids[to].clone());
    }

    fn chosen_approval(&mut self) -> Option<&Approval> {
        let cursor = self.ui.inbox.as_ref().and_then(|inbox| inbox.cursor.clone());
        if cursor.as_ref().and_then(|id| self.store.approval(id)).is_none() {
            let down = self.keymap.key_of(Place::Inbox, Action::Down).unwrap_or_default();
            let text = match self.store.approvals().len() {
                0 => "nothing waits for an answer".to_owned(),
                _ => format!("what was chosen is over: choose another, with {down}"),
            };
            self.say(Level::Info, text);
        }
        self.store.approval(&cursor?)
    }

    /// The chosen one, if it can be answered from here.
    fn answerable(&mut self) -> Option<Approval> {
        let open = self.chosen_approval()?.clone();
        if let Question::Prompt { answerable: false, .. } = open.question {
            let enter = self.keymap.key_of(Place::Inbox, Action::Focus).unwrap_or_default();
            let text = format!("its adapter does not say how: answer in its terminal, {enter}");
            self.say(Level::Warn, text);
            return None;
        }
        Some(open)
    }

    fn answer(&mut self, verdict: Resolution, remember: Remember) {
        if let Some(open) = self.answerable() {
            self.send_answer(&open.id, verdict, remember);
        }
    }

    fn send_answer(&mut self, id: &ApprovalId, verdict: Resolution, remember: Remember) {
        self.requests.push(Request::Answer { approval: id.clone(), verdict, remember });
        // The next one, in sight of whoever has just pressed a key.
        let ids = self.approval_ids();
        let at = ids.iter().position(|other| other == id);
        let next = at.and_then(|at| ids.get(at + 1).or_else(|| ids.get(at.checked_sub(1)?)));
        if let (Some(inbox), Some(next)) = (&mut self.ui.inbox, next) {
            inbox.cursor = Some(next.clone());
        }
    }

    fn ask_for_how_long(&mut self) {
        let Some(open) = self.answerable() else { return };
        if open.question.subject().is_none() {
            let text = format!("an answer to a {} stands once", open.question.kind());
            return self.say(Level::Info, text);
        }
        self.ui.mode = Mode::Remember(open.id);
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
        let question = cursor.and_then(|id| self.store.approval(id)).map(|open| &open.question);
        // Keys that do something to what is chosen, and no others.
        let answerable = match question {
            Some(Question::Prompt { answerable, .. }) => *answerable,
            Some(_) => true,
            None => false,
        };
        let lasting = question.is_some_and(|question| question.subject().is_some());
        let answers = [
            (answerable, Action::Approve, ""),
            (lasting, Action::ApproveFor, "approve for…"),
            (answerable, Action::Deny, ""),
            (question.is_some(), Action::Focus, "its terminal"),
        ];
        let always = [Action::Close, Action::Palette, Action::Help, Action::Quit];
        let answers = answers.into_iter().filter(|(holds, ..)| *holds);
        let answers = answers.map(|(_, action, label)| (action, label));
        let hint = |(action, label)| self.hint(Place::Inbox, action, label);
        let several = self.store.approvals().len() > usize::from(question.is_some());
        let moves = if several { self.both_ways(Place::Inbox) } else { None };
        let answers = answers.filter_map(hint).chain(moves);
        answers.chain(always.into_iter().filter_map(|action| hint((action, "")))).collect()
    }
}
