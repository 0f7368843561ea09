//! A program that the judge does not know may run what follows it, as `valgrind` and `entr` do.
//! Where that is, to the word, what a rule speaks of, it is asked about. Only rules on more
//! than a program's name are heard, since a name alone may be anything.

use super::{
    super::{
        fit::{Given, fits},
        unwrap::{SHELLS, is_builtin, program},
        word::{Likely, shown},
    },
    Walk,
};
use crate::model::{Finding, Verdict};

/// Places where a command may begin that are looked at.
const STARTS: usize = 4;

/// Programs that take words for words, or run them on another machine.
#[rustfmt::skip]
const QUIET: &[&str] = &[
    "echo", "printf", "grep", "egrep", "fgrep", "rg", "ag", "ack", "sed", "git", "gh", "glab",
    "hg", "svn", "jj", "man", "tldr", "which", "type", "whereis", "whatis", "apropos", "help",
    "info", "expr", "docker", "podman", "nerdctl", "kubectl", "lxc", "ssh", "scp", "alias",
    "find", "logger", "notify-send", "say", "basename", "command",
];
/// Programs that run a line which is one word among theirs.
#[rustfmt::skip]
const LINES: &[&str] = &[
    "hyperfine", "nodemon", "concurrently", "entr", "watchexec", "pueue", "chokidar", "onchange",
    "dtach", "abduco", "zellij", "byobu", "socat", "expect", "sops", "nix", "guix", "ts", "tsp",
    "nq", "xterm", "gnome-terminal", "konsole", "alacritty", "kitty", "urxvt", "st", "foot",
    "wezterm", "x-terminal-emulator", "less", "more", "ed", "sqlite3", "psql", "mysql", "mariadb",
    "gnuplot", "gcc", "g++", "cc", "apt", "apt-get", "bazel", "cargo", "vagrant", "adb", "valgrind",
    "perf", "rr", "start-stop-daemon", "daemonize", "pm2", "forever", "foreman", "gdb", "vi",
    "vim", "nvim", "ex", "mosh", "multitail", "inotifywait", "fswatch", "incrontab", "logrotate",
];

/// The words of a line, without what stands between them.
fn apart(line: &str) -> Vec<String> {
    let between = |c: char| c.is_whitespace() || ":;,!=|&()[]{}\"'\\".contains(c);
    line.split(between).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

impl Walk<'_> {
    pub(super) fn perhaps(&mut self, given: &Given<'_>) {
        // `dash policy check -- …` asks what it would say.
        let asks = given.name == "dash" && given.words.get(1).is_some_and(|word| word == "policy");
        if asks || QUIET.contains(&given.name) || is_builtin(given.name) {
            return;
        }
        self.begun_in(given, given.words.get(1..).unwrap_or_default());
        if !LINES.contains(&given.name) {
            return;
        }
        for word in given.words.iter().skip(1).filter(|word| word.contains([' ', ','])) {
            self.begun_in(given, &apart(word));
        }
    }

    /// Where one of the rules' programs is among `words`, with what makes the rule fit.
    fn begun_in(&mut self, given: &Given<'_>, words: &[String]) {
        let judge = self.judge;
        let starts = words.iter().enumerate().filter_map(|(at, word)| {
            let name = program(word).filter(|_| word.starts_with('/') || !word.contains('/'))?;
            let rules = judge.by_name.get(name).map(Vec::as_slice);
            Some((at, name, rules.or(SHELLS.contains(&name).then_some(&[]))?))
        });
        for (at, name, rules) in starts.take(STARTS) {
            if let [_, option, line, ..] = &words[at..]
                && SHELLS.contains(&name)
                && option.starts_with('-')
                && option.ends_with('c')
            {
                self.begun_in(given, &apart(line));
            }
            let inner = Given { name, words: &words[at..], executable: None, ..*given };
            for rule in rules.iter().filter_map(|&i| judge.policy.rules.get(i)) {
                let says_more = rule.command.len() > 1 || !rule.with.is_empty();
                if rule.verdict == Verdict::Allow || !says_more {
                    continue;
                }
                if !self.spend(inner.words.len() * (1 + rule.with.len() + rule.touches.len())) {
                    return;
                }
                if fits(rule, &inner) != Likely::Yes || self.is_allowed(&inner) {
                    continue;
                }
                let (enforced_by, not_held) = self.held(rule, &inner);
                self.find(Finding {
                    rule: rule.name.clone(),
                    source: rule.source.clone(),
                    verdict: Verdict::Ask,
                    command: shown(inner.words),
                    reason: format!("{} (perhaps: {} may run it)", rule.reason, given.name),
                    enforced_by,
                    not_held,
                });
            }
        }
    }
}
