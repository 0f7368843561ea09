//! Whether a rule can ever decide anything beside another. Of several rules the strictest
//! counts, so one all of whose commands a stricter one speaks of is never heard. That is said
//! only where the two rules themselves tell it; most pairs overlap in part, or in what the
//! disk and the scope decide.

use super::word::like;
use crate::model::{Rule, Verdict};

/// True if `by` is stricter and speaks of every command that `rule` speaks of.
pub fn is_shadowed(rule: &Rule, by: &Rule) -> bool {
    by.verdict > rule.verdict && asks_no_more(by, rule) && begins_alike(by, rule)
}

/// What `by` asks of a command beside its first words, `rule` asks, too.
fn asks_no_more(by: &Rule, rule: &Rule) -> bool {
    let same_or_none = |by: &[String], rule: &[String]| by.is_empty() || by == rule;
    let anywhere = !by.outside_scope || (rule.outside_scope && by.command == rule.command);
    anywhere
        && same_or_none(&by.with, &rule.with)
        // What counts as one of them depends on the others, too.
        && (by.without.is_empty() || (by.without == rule.without && by.with == rule.with))
        && same_or_none(&by.touches, &rule.touches)
        && same_or_none(&by.into, &rule.into)
        // A file may go by any name; one that allows goes by its name as well.
        && (by.executable == rule.executable
            || by.executable.is_none() && rule.verdict == Verdict::Allow && named_as_its_file(rule))
}

/// The name that a pinned file has here is one of the rule's own.
fn named_as_its_file(rule: &Rule) -> bool {
    let name = rule.executable.as_ref().and_then(|file| file.file_name()?.to_str());
    let names = rule.command.first().map_or(&[][..], Vec::as_slice);
    name.is_some_and(|name| names == [name])
}

/// The words that `by` begins with are those of `rule`, or more general.
fn begins_alike(by: &Rule, rule: &Rule) -> bool {
    let general = |by: &[String], own: &[String]| {
        // A star in the narrower pattern is a letter here that only a star covers.
        own.iter().all(|own| by.iter().any(|by| like(by, own)))
    };
    by.command.len() <= rule.command.len()
        && by.command.iter().zip(&rule.command).all(|(by, own)| general(by, own))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(verdict: Verdict, command: &str) -> Rule {
        let words = command.split(' ').map(|word| word.split('|').map(str::to_owned).collect());
        Rule { verdict, command: words.collect(), ..Rule::default() }
    }

    #[test]
    fn what_a_stricter_and_wider_rule_covers_is_never_heard() {
        for (own, by, shadowed) in [
            ("git push", "git", true),
            ("git push", "git push", true),
            ("git push|pull", "git push|pull|fetch", true),
            ("git push|pull", "git push", false),
            ("git", "git push", false),
            ("apt-get", "apt*", true),
            ("apt-*", "apt*", true),
            ("apt*", "apt-*", false),
            ("a*c", "a*", true),
            ("a*c", "*c", true),
            ("a*c", "a*b*c", false),
            ("*", "*", true),
            ("*", "a*", false),
            ("sudo apt", "sud? apt", false),
        ] {
            let own = rule(Verdict::Ask, own);
            assert_eq!(is_shadowed(&own, &rule(Verdict::Deny, by)), shadowed, "{own:?} by {by}");
            assert!(!is_shadowed(&own, &rule(Verdict::Ask, by)), "not stricter: {by}");
            assert!(!is_shadowed(&own, &rule(Verdict::Allow, by)), "weaker: {by}");
        }
    }

    #[test]
    fn what_more_is_asked_of_a_command_is_left_undecided() {
        let own = rule(Verdict::Allow, "git push");
        let wide = rule(Verdict::Deny, "git");
        let words = || vec!["-f".to_owned()];
        let with = Rule { with: words(), ..wide.clone() };
        assert!(!is_shadowed(&own, &with));
        assert!(is_shadowed(&Rule { with: words(), ..own.clone() }, &with));
        assert!(is_shadowed(&Rule { with: words(), ..own.clone() }, &wide));
        for by in [
            Rule { without: words(), ..wide.clone() },
            Rule { touches: words(), ..wide.clone() },
            Rule { into: words(), ..wide.clone() },
            Rule { outside_scope: true, ..wide.clone() },
            Rule { executable: Some("/usr/bin/git".into()), ..wide.clone() },
        ] {
            assert!(!is_shadowed(&own, &by), "{by:?}");
        }
        let pinned = Rule { executable: Some("/usr/bin/git".into()), ..own.clone() };
        assert!(is_shadowed(&pinned, &wide));
        let elsewhere = Rule { executable: Some("/usr/bin/got".into()), ..own };
        assert!(!is_shadowed(&elsewhere, &wide));
    }
}
