//! A new swarm by a form: opening, typing, and giving it out.

use super::App;
use crate::model::SwarmSpec;
use crate::tui::{
    form::{FIELDS, Form, TASK, WORKTREE},
    key::Key,
    link::Request,
    ui::Mode,
};
use crossterm::event::{KeyCode, KeyModifiers};

impl App {
    /// With what was filled in last: the next swarm is often like the one before.
    pub(super) fn open_form(&mut self) {
        self.ui.mode = Mode::Form(Form::of(&self.form));
    }

    pub(super) fn form_key(&mut self, key: Key, mut form: Form) {
        let last = FIELDS.len() - 1;
        let back = key.code == KeyCode::Up
            || key.ctrl('p')
            || (key.code == KeyCode::Tab && key.modifiers.contains(KeyModifiers::SHIFT));
        let text = &mut form.fields[form.at];
        match key.code {
            KeyCode::Esc => return self.leave_form(form),
            _ if key.ctrl('c') => return self.leave_form(form),
            _ if back => form.at = form.at.checked_sub(1).unwrap_or(last),
            KeyCode::Tab | KeyCode::Down => form.at = if form.at == last { 0 } else { form.at + 1 },
            _ if key.ctrl('n') => form.at = if form.at == last { 0 } else { form.at + 1 },
            KeyCode::Enter => match form.spec() {
                Ok(spec) => return self.give_out(form, spec),
                // To the field that is wrong.
                Err((field, _)) => form.at = field,
            },
            _ if form.at == WORKTREE => {
                let yes = text.is_empty() && (key.is(' ') || key.is('y'));
                *text = if yes { "yes".to_owned() } else { String::new() };
            }
            KeyCode::Backspace => _ = text.pop(),
            _ if key.ctrl('u') => text.clear(),
            _ if key.ctrl('w') => {
                let end = text.trim_end().rfind(' ').map_or(0, |at| at + 1);
                text.truncate(end);
            }
            _ => match key.typed() {
                Some(c) => text.push(c),
                None => return,
            },
        }
        self.ui.mode = Mode::Form(form);
    }

    fn leave_form(&mut self, form: Form) {
        self.form = form.fields.into();
        self.ui.mode = Mode::Normal;
    }

    fn give_out(&mut self, form: Form, spec: SwarmSpec) {
        let (cwd, path) = (self.cwd.clone(), self.path.clone());
        self.requests.push(Request::CreateSwarm(Box::new(SwarmSpec { cwd, path, ..spec })));
        self.given_out = true;
        self.leave_form(form);
    }

    /// A swarm was made, or was not: what was given out is not given out again by one key,
    /// and what was refused can be put right.
    pub(super) fn form_was_taken(&mut self, taken: bool) {
        if std::mem::take(&mut self.given_out)
            && taken
            && let Some(task) = self.form.get_mut(TASK)
        {
            task.clear();
        }
    }

    pub(super) fn paste_into_form(&mut self, mut form: Form, text: &str) {
        if form.at != WORKTREE {
            // A field is one line.
            let words: Vec<&str> = text.split_whitespace().collect();
            form.fields[form.at].push_str(&words.join(" "));
        }
        self.ui.mode = Mode::Form(form);
    }
}
