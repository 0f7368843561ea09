//! What is sure of a line's variables, so that it takes a doubt away: `D=build; rm -rf $D`.
//!
//! Only where nothing else can have a say: the line sets the variable once, by itself and in
//! any case, before it uses it; no function is defined, and no command is run that may set
//! variables by a name that is not seen. `$PWD` and what `pwd` prints are where the line
//! begins while it goes nowhere else; `$TMPDIR` and what `mktemp` makes are the agent's own.
//! To know all of that the line is read twice.

use super::{
    shell::Parser,
    word::{HERE, TEMP, is_mark, is_open},
};
use std::collections::{HashMap, HashSet};

/// Words of a loop that are held.
const WORDS: usize = 16;
/// Bytes of what a variable holds.
const LONGEST: usize = 256;

/// Commands that may set a variable, or make a name stand for another command.
#[rustfmt::skip]
const UNCLEAR: &[&str] = &[
    "read", "mapfile", "readarray", "eval", "source", ".", "unset", "getopts", "let", "alias",
    "trap", "select", "coproc", "builtin", "exec", "wait", "enable", "hash", "-", "noglob",
    "shopt", "setopt", "emulate", "vared", "zparseopts", "zstyle", "autoload", "fc", "nocorrect",
];
const DECLARE: &[&str] = &["export", "declare", "typeset", "local", "readonly"];
const MOVES: &[&str] = &["cd", "pushd", "popd", "chdir"];

/// Whether each word of the command `name` is a path, a mode or an option, however many there
/// are: the words of a loop may stand there side by side.
pub fn takes_paths(name: &str) -> bool {
    const NAMES: &[&str] =
        &["rm", "rmdir", "unlink", "mv", "cp", "mkdir", "chmod", "chown", "chgrp", "truncate"];
    NAMES.contains(&name)
}

/// What a line does to variables, as the first reading finds it.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// How often each is set.
    times: HashMap<String, usize>,
    /// They may be set unseen.
    pub unclear: bool,
    moves: bool,
    /// One is used that might be sure.
    used: bool,
}

impl Seen {
    pub fn note(&mut self, name: &str) {
        self.unclear |= name.contains(is_mark) || name == "IFS";
        *self.times.entry(name.to_owned()).or_default() += 1;
    }

    pub fn note_command(&mut self, words: &[String]) {
        let before = words.iter().take_while(|word| matches!(word.as_str(), "time" | "-p" | "!"));
        let Some((name, args)) = words[before.count()..].split_first() else { return };
        let name = name.as_str();
        let option = args.first().map_or("", String::as_str);
        self.unclear |= match name {
            "command" => !option.eq_ignore_ascii_case("-v"),
            "printf" => option.starts_with("-v") || option.contains(is_mark),
            _ => false,
        };
        self.moves |= MOVES.contains(&name);
        self.unclear |= UNCLEAR.contains(&name) || name.contains(is_mark);
        if DECLARE.contains(&name) {
            for arg in args {
                let name = arg.split_once('=').map_or(arg.as_str(), |(name, _)| name);
                self.unclear |= name.starts_with('-');
                self.note(name.strip_suffix('+').unwrap_or(name));
            }
        }
    }

    /// None where nothing of use is sure.
    pub fn settled(self) -> Option<Settled> {
        if self.unclear || !self.used {
            return None;
        }
        let once = |name: &String| self.times.get(name) == Some(&1);
        let once = self.times.keys().filter(|name| once(name)).cloned().collect();
        let set = |name: &str| self.times.contains_key(name);
        let mut holds = HashMap::new();
        if !self.moves && !set("PWD") {
            holds.insert("PWD".to_owned(), vec![HERE.to_string()]);
        }
        if !set("TMPDIR") {
            holds.insert("TMPDIR".to_owned(), vec![TEMP.to_string()]);
        }
        Some(Settled { once, holds, moves: self.moves, temp: !set("TMPDIR") })
    }
}

/// What is sure of a line's variables, on its second reading.
#[derive(Clone, Debug)]
pub struct Settled {
    /// Those that are set once.
    once: HashSet<String>,
    /// What those hold that were set up to here.
    holds: HashMap<String, Vec<String>>,
    moves: bool,
    /// What is made for what passes is made in its own place.
    temp: bool,
}

impl Settled {
    /// The variable `name` is one of `texts`, from here on. False where that is not taken.
    pub fn hold(&mut self, name: &str, texts: &[String]) -> bool {
        // A shell may make patterns of letters that were quoted when they were set.
        let plain = |text: &String| {
            !text.is_empty()
                && text.len() <= LONGEST
                && !is_open(text)
                && !text.contains(['*', '?', '[', '\\'])
        };
        let fits = self.once.contains(name)
            && !texts.is_empty()
            && texts.len() <= WORDS
            && texts.iter().all(plain);
        if fits {
            self.holds.insert(name.to_owned(), texts.to_vec());
        }
        fits
    }

    pub fn forget(&mut self, name: &str) {
        self.holds.remove(name);
    }
}

impl Parser {
    /// After assignments by themselves, which no pipe and no `&` sets apart.
    pub fn settle(&mut self, assigned: Vec<(String, String)>) {
        let goes_on = match self.peek() {
            None | Some('\n' | ';') => true,
            next => next == Some('&') && self.peek_at(1) == Some('&'),
        };
        if let Some(settled) = self.settled.as_mut().filter(|_| goes_on) {
            for (name, text) in assigned {
                settled.hold(&name, &[text]);
            }
        }
    }

    /// What the variable `name` holds for sure.
    pub fn settled_value(&mut self, name: &str) -> Option<Vec<String>> {
        self.seen.used = true;
        self.settled.as_ref()?.holds.get(name).cloned()
    }

    /// Whether what a substitution prints, which is `likely`, is sure: of `pwd` and `mktemp`.
    pub fn is_own_path(&mut self, likely: Option<&str>) -> bool {
        let Some(likely) = likely else { return false };
        let (here, temp) = (likely.starts_with(HERE), likely.starts_with(TEMP));
        self.seen.used |= here || temp;
        let Some(settled) = &self.settled else { return false };
        (here && !settled.moves) || (temp && settled.temp)
    }
}
