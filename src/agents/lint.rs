//! What reads well in an adapter file and still cannot work, or not as was probably meant.

use super::{
    adapter::{Adapter, Arg},
    event::EventRule,
    format::{Judge, OutputFormat, Run, Stdin},
    template::{Slot, Template},
};

/// One remark on a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// Every attempt would fail, or hang.
    pub fatal: bool,
    pub text: String,
}

impl Adapter {
    pub fn remarks(&self) -> Vec<Remark> {
        let mut remarks = Vec::new();
        let mut say = |fatal, text: &str| remarks.push(Remark { fatal, text: text.to_owned() });
        if self.run != Run::Command {
            let told = self.tells(Slot::Task) || self.launch.stdin == Stdin::Task;
            if !told && self.interactive.is_some() && self.launch.args.is_empty() {
                say(
                    false,
                    "it has a screen of its own and nothing else: launch.args does not say how it does a task without one",
                );
            } else if !told {
                say(
                    true,
                    "nothing tells it the task: put {task} into launch.args, launch.env or a file, or set launch.stdin = \"task\"",
                );
            }
            if !self.tells(Slot::Model) {
                say(false, "{model} is nowhere: --model has no effect");
            }
            let alone = self.interactive.is_some() && self.launch.args.is_empty();
            if !self.model.args.is_empty() && !alone && !has_model_args(&self.launch.args) {
                say(false, "model.args count only where launch.args has {model_args}");
            }
        }
        let lends_args = self.lend.iter().any(|rule| !rule.args.is_empty());
        if lends_args && !self.launch.args.iter().any(|arg| matches!(arg, Arg::Lend)) {
            say(false, "lend.args count only where launch.args has {lend_args}");
        }
        let watch = self.watch_rules();
        if watch.judge == Judge::Output && watch.output.iter().all(|rule| rule.outcome.is_none()) {
            say(
                true,
                "watch.judge is \"output\", and no [[output]] rule has an outcome: every attempt fails",
            );
        }
        if watch.format == OutputFormat::None && !watch.output.is_empty() {
            say(
                true,
                "[[output]] rules count only where watch.output is \"json-lines\" or \"json\"",
            );
        }
        self.about_sessions(&mut say);
        remarks
    }

    fn about_sessions(&self, say: &mut impl FnMut(bool, &str)) {
        let rules = &self.launch;
        let on_screen = self.interactive.as_ref().map_or(&[][..], |own| &own.launch.resume);
        let names = |rules: &[EventRule]| rules.iter().any(EventRule::names_sessions);
        if !on_screen.is_empty() {
            if !in_args(on_screen, Slot::Session) {
                say(true, "interactive.resume has no {session}");
            }
            if !names(&self.watch_rules().hook) {
                say(false, "no [[hook]] rule has a session: on its screen none is ever resumed");
            }
        }
        let guest = self.shared().map_or(&[][..], |shared| &shared.guest.resume);
        if !guest.is_empty() && !in_args(guest, Slot::Session) {
            say(true, "shared.guest.resume has no {session}");
        }
        if rules.resume.is_empty() {
            if !rules.sessions.is_empty() && on_screen.is_empty() {
                say(false, "launch.sessions counts only beside launch.resume");
            }
            return;
        }
        if !in_args(&rules.resume, Slot::Session) {
            say(true, "launch.resume has no {session}");
        }
        if rules.sessions.is_empty() {
            say(
                false,
                "launch.sessions is empty: a session is not found again by the next attempt, which begins anew",
            );
        }
        if !names(&self.watch_rules().output) {
            say(false, "no [[output]] rule has a session: none is ever resumed");
        }
    }

    /// True if the placeholder reaches the agent in some way.
    fn tells(&self, slot: Slot) -> bool {
        let rules = &self.launch;
        let on_screen = self.interactive.as_ref().map_or(&[][..], |own| &own.launch.args);
        // One without a task has a screen alone.
        let args = if rules.args.is_empty() { on_screen } else { &rules.args };
        let model = slot == Slot::Model && has_model_args(args);
        (slot == Slot::Model && in_args(args, slot))
            || in_args(&rules.args, slot)
            || (model && self.model.args.iter().any(|text| text.uses(slot)))
            || rules.env.iter().any(|(_, text)| text.uses(slot))
            || rules.files.iter().any(|file| file.content.uses(slot))
    }
}

fn has_model_args(args: &[Arg]) -> bool {
    args.iter().any(|arg| matches!(arg, Arg::Model))
}

fn in_args(args: &[Arg], slot: Slot) -> bool {
    let uses = |text: &Template| text.uses(slot);
    args.iter().any(|arg| matches!(arg, Arg::One(text) if uses(text)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agents::Catalog;

    fn remarks(rest: &str) -> Vec<(bool, String)> {
        let text = format!("name = 'x'\nsummary = ''\n[program]\nname = 'x'\n{rest}");
        let remarks = Adapter::parse("x.toml", &text).unwrap().remarks();
        remarks.into_iter().map(|remark| (remark.fatal, remark.text)).collect()
    }

    #[test]
    fn built_in_files_are_beyond_remark() {
        let catalog = Catalog::load(None);
        for name in catalog.names() {
            assert_eq!(catalog.get(&name).unwrap().remarks(), [], "{name}");
        }
    }

    #[test]
    fn what_cannot_work_is_told() {
        let model = "[model]\nargs = ['{model}']\n";
        for (rest, fatal, part) in [
            ("[launch]\nargs = ['{model}']\n".to_owned(), true, "nothing tells it the task"),
            ("[launch]\nargs = ['{task}']\n".to_owned(), false, "--model has no effect"),
            (
                format!("{model}[launch]\nargs = ['{{task}}', '{{model}}']\n"),
                false,
                "{model_args}",
            ),
            (
                format!("{model}[launch]\n[interactive]\nargs = ['{{model_args}}']\n"),
                false,
                "a screen of its own and nothing else",
            ),
            (
                format!("{model}[launch]\nargs = ['{{task}}', '{{model_args}}']\n[watch]\njudge = 'output'\n"),
                true,
                "no [[output]] rule has an outcome",
            ),
            (
                "[launch]\nargs = ['{task}{model}']\n[[output]]\nwhen = {}\n".to_owned(),
                true,
                "\"json-lines\" or \"json\"",
            ),
            (
                "[launch]\nargs = ['{task}{model}']\nresume = ['-c']\nsessions = ['{home}/a']\n\
                 [watch]\noutput = 'json-lines'\n[[output]]\nwhen = {}\nsession = '/id'\n"
                    .to_owned(),
                true,
                "launch.resume has no {session}",
            ),
            (
                "[launch]\nargs = ['{task}{model}']\nresume = ['{session}']\nsessions = ['{home}/a']\n"
                    .to_owned(),
                false,
                "none is ever resumed",
            ),
        ] {
            let told = remarks(&rest);
            assert_eq!(told.len(), 1, "{rest}\n{told:?}");
            assert!(told[0].0 == fatal && told[0].1.contains(part), "{rest}\n{told:?}");
        }
    }
}
