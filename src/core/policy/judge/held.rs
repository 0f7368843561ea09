//! Who holds what a rule says of a command, by the file that would run; and words of git's
//! that stand for what nobody sees.

use super::{
    super::{
        enforcement,
        fit::{Given, fits},
        git,
        word::{Likely, is_mark, shown},
    },
    Walk,
};
use crate::model::{Enforcement, Finding, Rule, Verdict};
use std::path::PathBuf;

impl Walk<'_> {
    /// Who holds `rule` for this command; where it pins a file in vain, also why. A program
    /// that stands before the pinned one on the agent's PATH is not hidden from it.
    pub(super) fn held(&mut self, rule: &Rule, given: &Given<'_>) -> (Enforcement, String) {
        let by = enforcement(rule, self.hidden);
        let Some(pin) = &rule.executable else { return (by, String::new()) };
        if by != Enforcement::Broker {
            return (by, self.hidden.seen.get(pin).cloned().unwrap_or_default());
        }
        let word = given.words.first().map_or("", String::as_str);
        match self.file(given) {
            Some(file) if self.hidden.executables.contains(&file) => (by, String::new()),
            Some(file) => {
                let why = format!(
                    "`{}` is {} here, which this rule does not pin",
                    shown(&[word.to_owned()]),
                    file.display()
                );
                (Enforcement::Cooperates, why)
            }
            // Nothing would run that is called so.
            None => (by, String::new()),
        }
    }

    /// The file that a command runs; none where that is not known.
    fn file(&mut self, given: &Given<'_>) -> Option<PathBuf> {
        if let Some(file) = given.executable {
            return Some(file.to_owned());
        }
        let hidden = self.hidden;
        let lookup = hidden.lookup.as_ref()?;
        let word = given.words.first().filter(|word| !word.contains(is_mark))?;
        if let Some(known) = self.files.get(word) {
            return known.clone();
        }
        let found = (lookup.find)(word, &lookup.path, self.cwd);
        self.files.insert(word.clone(), found.clone());
        found
    }

    /// True for what the broker runs in the agent's place.
    pub(super) fn is_brokered(&mut self, given: &Given<'_>) -> bool {
        !self.hidden.executables.is_empty()
            && self.file(given).is_some_and(|file| self.hidden.executables.contains(&file))
    }

    /// A word that git does not know by itself stands for whatever the repository's settings
    /// say, which its agent may have written: no rule on git sees what that is.
    pub(super) fn stranger(&mut self, given: &Given<'_>) {
        let Some(word) = git::stranger(given.words.get(1..).unwrap_or_default()) else { return };
        let names = |prefix: &[String]| prefix.get(1).is_some_and(|named| named == word);
        let mut allowing = self.judge.policy.rules.iter().filter(|rule| {
            rule.verdict == Verdict::Allow
                && rule.command.get(1).is_some_and(|names| names.iter().any(|name| name == word))
        });
        let allowed = self.scope.allow.iter().any(|prefix| names(prefix)) && self.is_allowed(given);
        if allowed || allowing.any(|rule| fits(rule, given) == Likely::Yes) {
            return;
        }
        let why = format!(
            "`{}` is no command of git's own: what it stands for (an alias, or a program \
             git-NAME) cannot be seen",
            shown(&[word.to_owned()])
        );
        let by =
            if self.is_brokered(given) { Enforcement::Broker } else { Enforcement::Cooperates };
        self.find(Finding {
            rule: String::new(),
            source: "judge".to_owned(),
            verdict: Verdict::Ask,
            command: shown(given.words),
            reason: why,
            enforced_by: by,
            not_held: String::new(),
        });
    }
}
