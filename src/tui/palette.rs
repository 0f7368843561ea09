//! The palette: a line of text, ranked against every command there is.
//!
//! Every entry *is* a command as it could be typed; running an entry runs its command, and
//! completing puts it into the line. Behind a command the words that may follow it are offered.
//! What was run is remembered, from screen to screen, and comes before its equals.

use super::command::{self, Slot};
use nucleo_matcher::{
    Config, Matcher, Utf32Str,
    pattern::{CaseMatching, Normalization, Pattern},
};
use std::collections::HashMap;

/// Commands remembered.
const HISTORY: usize = 100;
/// Of them, so many stand above the rest before anything is typed.
const RECENT: usize = 5;
/// What the newest of them counts for in the order; the oldest for nothing.
const RECENCY: u32 = 200;
/// Entries kept for showing.
const SHOWN: usize = 200;

/// Something the palette offers.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// As it is typed after the colon.
    pub command: String,
    pub detail: String,
    /// The key that does the same, if there is one.
    pub key: String,
    /// More has to be typed (`:filter …`): completing it is all that Enter does.
    pub open: bool,
}

#[derive(Default)]
pub struct Palette {
    input: String,
    candidates: Vec<Entry>,
    /// What may follow the line up to this many bytes, where that is known.
    words: Option<Words>,
    entries: Vec<Entry>,
    selected: usize,
    /// True once the selection was moved: then Enter means the entry, else the line.
    moved: bool,
    /// What Enter makes of the line as it stands; or why nothing.
    reading: Option<Result<String, String>>,
    history: Vec<String>,
    recalled: Option<usize>,
}

/// Words that may stand at the end of a line.
#[derive(Debug)]
struct Words {
    slot: Slot,
    /// The line before the word.
    before: String,
    /// Their `command` is the word alone.
    words: Vec<Entry>,
}

impl Palette {
    pub fn open(&mut self, candidates: Vec<Entry>, input: &str) {
        self.candidates = candidates;
        self.words = None;
        self.input = input.to_owned();
        self.recalled = None;
        self.rank();
    }

    pub fn input(&self) -> &str {
        &self.input
    }

    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What of an entry was not typed yet; all of it where that is a command.
    pub fn word_of<'a>(&self, entry: &'a Entry) -> &'a str {
        let before = self.words.as_ref().map_or("", |words| words.before.as_str());
        entry.command.strip_prefix(before).unwrap_or(&entry.command)
    }

    pub fn selected(&self) -> usize {
        self.selected
    }

    /// Tells what the line means by itself, after it has changed.
    pub fn read_as(&mut self, read: impl Fn(&str) -> Result<String, String>) {
        let line = self.input.trim();
        self.reading = (!line.is_empty()).then(|| read(line));
    }

    /// What Enter will do, where that is not the selected entry; or why it can do nothing.
    pub fn reading(&self) -> Option<Result<&str, &str>> {
        let reading = self.reading.as_ref()?.as_ref().map(String::as_str).map_err(String::as_str);
        match (self.entries.get(self.selected), reading) {
            (None, reading) => Some(reading),
            (Some(entry), Ok(_)) if entry.command == self.input.trim() => None,
            (Some(_), Ok(_)) if self.means_entry(true) => None,
            (Some(_), Ok(meaning)) => Some(Ok(meaning)),
            (Some(_), Err(_)) => None,
        }
    }

    /// Whether Enter is about the selected entry and not about the line, which is a command
    /// or is none.
    fn means_entry(&self, understood: bool) -> bool {
        let Some(entry) = self.entries.get(self.selected) else { return false };
        let part = self.words.as_ref().is_some_and(|words| {
            let word = self.input.strip_prefix(words.before.as_str()).unwrap_or("").trim();
            let whole = words.words.iter().any(|entry| entry.command == word);
            words.slot.is_closed() && !word.is_empty() && !whole && !entry.open
        });
        self.moved || !understood || part
    }

    /// Offers the words that may stand where the line ends; `find` is asked where others than
    /// before may.
    pub fn offer(&mut self, find: impl FnOnce(Slot) -> Vec<Entry>) {
        let wanted = command::slot(&self.input).map(|(at, slot)| (slot, &self.input[..at]));
        let has = self.words.as_ref().map(|words| (words.slot, words.before.as_str()));
        if wanted == has {
            return;
        }
        self.words = wanted.map(|(slot, before)| {
            let before = before.to_owned();
            Words { slot, before, words: find(slot) }
        });
        self.rank();
    }

    /// What was run, oldest first.
    pub fn history(&self) -> &[String] {
        &self.history
    }

    pub fn remember(&mut self, mut history: Vec<String>) {
        let old = history.len().saturating_sub(HISTORY);
        history.drain(..old);
        self.history = history;
    }

    pub fn type_text(&mut self, text: &str) {
        self.input.extend(text.chars().filter(|c| !c.is_control()));
        self.rank();
    }

    pub fn backspace(&mut self) {
        self.input.pop();
        self.rank();
    }

    pub fn delete_word(&mut self) {
        let kept = self.input.trim_end();
        let end = kept.rfind(' ').map_or(0, |at| at + 1);
        self.input.truncate(end);
        self.rank();
    }

    pub fn clear(&mut self) {
        self.input.clear();
        self.rank();
    }

    pub fn next(&mut self) {
        self.step(1);
    }

    pub fn previous(&mut self) {
        self.step(self.entries.len().saturating_sub(1));
    }

    fn step(&mut self, by: usize) {
        if !self.entries.is_empty() {
            self.selected = (self.selected + by) % self.entries.len();
            self.moved = true;
        }
    }

    /// True when Up has nothing above it but what was typed before.
    pub fn at_top(&self) -> bool {
        self.selected == 0
    }

    /// An older command, into the line.
    pub fn recall(&mut self) {
        let at = self.recalled.unwrap_or(self.history.len());
        if at > 0 {
            self.recalled = Some(at - 1);
            self.input = self.history[at - 1].clone();
            self.rank();
        }
    }

    /// Puts the selected command into the line.
    pub fn complete(&mut self) {
        if let Some(entry) = self.entries.get(self.selected) {
            self.input = entry.command.clone();
            // A term such as `state:` goes on without a blank.
            if entry.open && !self.input.ends_with(':') {
                self.input.push(' ');
            }
            self.rank();
        }
    }

    /// The command to run. A line that is a command in full, or has words after one, stands
    /// for itself; else the selected entry is meant. None: there is more to type.
    pub fn enter(&mut self, understood: impl Fn(&str) -> bool) -> Option<String> {
        let line = self.input.trim().to_owned();
        let means_entry = self.means_entry(understood(&line));
        let command = match self.entries.get(self.selected).filter(|_| means_entry) {
            Some(entry) if entry.open => {
                self.complete();
                return None;
            }
            Some(entry) => entry.command.clone(),
            None => line,
        };
        if !command.is_empty() {
            // Once each, where it was run last.
            self.history.retain(|old| *old != command);
            self.history.push(command.clone());
            if self.history.len() > HISTORY {
                self.history.remove(0);
            }
        }
        Some(command)
    }

    fn rank(&mut self) {
        self.selected = 0;
        self.moved = false;
        let words = self
            .words
            .as_ref()
            .and_then(|words| Some((words, self.input.strip_prefix(words.before.as_str())?)));
        self.entries = match words {
            Some((words, typed)) => {
                let full = |entry: &Entry| Entry {
                    command: format!("{}{}", words.before, entry.command),
                    ..entry.clone()
                };
                let recent = self.recent(&words.before);
                best(&words.words, typed.trim(), &recent).into_iter().map(full).collect()
            }
            None if self.input.trim().is_empty() => self.unasked(),
            None => {
                let recent = self.recent("");
                best(&self.candidates, self.input.trim(), &recent).into_iter().cloned().collect()
            }
        };
    }

    /// How much each command counts for having been run, without what stands before it.
    fn recent(&self, before: &str) -> HashMap<&str, u32> {
        let all = self.history.len().max(1) as u32;
        let mut recent = HashMap::new();
        for (at, command) in (1..).zip(&self.history) {
            let Some(rest) = command.strip_prefix(before) else { continue };
            let worth = RECENCY * at / all;
            recent.insert(rest, worth);
            // `filter` was run when `filter state:failed` was.
            if let Some((head, _)) = rest.split_once(' ') {
                recent.insert(head, worth);
            }
        }
        recent
    }

    /// Before anything is typed: the last ones run, then all in their order.
    fn unasked(&self) -> Vec<Entry> {
        let known = |command: &String| self.candidates.iter().find(|e| e.command == *command);
        let again = |command: &String| {
            known(command).cloned().unwrap_or_else(|| Entry {
                command: command.clone(),
                detail: "once more".to_owned(),
                key: String::new(),
                open: false,
            })
        };
        let mut list: Vec<Entry> = self.history.iter().rev().take(RECENT).map(again).collect();
        let recent = list.len();
        let rest = self.candidates.iter();
        let rest = rest.filter(|entry| !list[..recent].iter().any(|e| e.command == entry.command));
        let rest: Vec<Entry> = rest.take(SHOWN).cloned().collect();
        list.extend(rest);
        list
    }
}

/// The best of them, best first.
fn best<'a>(from: &'a [Entry], line: &str, recent: &HashMap<&str, u32>) -> Vec<&'a Entry> {
    let worth = |entry: &Entry| recent.get(entry.command.as_str()).copied().unwrap_or(0);
    let mut found: Vec<(u32, usize)> = Vec::new();
    if line.is_empty() {
        found = from.iter().map(worth).zip(0..).collect();
    } else {
        let pattern = Pattern::parse(line, CaseMatching::Ignore, Normalization::Smart);
        let mut matcher = Matcher::new(Config::DEFAULT);
        let mut chars = Vec::new();
        for (at, entry) in from.iter().enumerate() {
            let named = pattern.score(Utf32Str::new(&entry.command, &mut chars), &mut matcher);
            let front = entry.command.starts_with(line);
            let score = named.map(|score| score * 2 + if front { 1_000 } else { 0 });
            let told = || pattern.score(Utf32Str::new(&entry.detail, &mut chars), &mut matcher);
            if let Some(score) = score.or_else(told) {
                found.push((score + worth(entry), at));
            }
        }
    }
    found.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    found.into_iter().take(SHOWN).map(|(_, at)| &from[at]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(command: &str, open: bool) -> Entry {
        Entry { command: command.into(), detail: String::new(), key: String::new(), open }
    }

    fn palette() -> Palette {
        let mut palette = Palette::default();
        let list = vec![
            entry("quit", false),
            entry("filter", true),
            entry("focus ag-01", false),
            entry("theme dash-light", false),
        ];
        palette.open(list, "");
        palette
    }

    #[test]
    fn ranks_completes_and_remembers() {
        let mut palette = palette();
        palette.type_text("thlig");
        assert_eq!(palette.entries()[0].command, "theme dash-light");
        assert_eq!(palette.enter(|_| false).as_deref(), Some("theme dash-light"));
        palette.clear();
        palette.type_text("filt");
        assert_eq!(palette.enter(|_| false), None);
        assert_eq!(palette.input(), "filter ");
        palette.type_text("state:failed");
        let understood = |line: &str| line.starts_with("filter ");
        assert_eq!(palette.enter(understood).as_deref(), Some("filter state:failed"));
        palette.clear();
        palette.recall();
        assert_eq!(palette.input(), "filter state:failed");
        palette.recall();
        assert_eq!(palette.input(), "theme dash-light");
        palette.delete_word();
        assert_eq!(palette.input(), "theme ");
    }

    #[test]
    fn what_was_run_lately_comes_first() {
        let mut palette = palette();
        let list = (1..=9).map(|n| entry(&format!("focus ag-0{n}"), false)).collect();
        palette.open(list, "");
        palette.remember(vec!["focus ag-07".into(), "filter state:failed".into()]);
        palette.open(palette.candidates.clone(), "");
        let commands = |palette: &Palette| {
            palette.entries().iter().map(|e| e.command.clone()).collect::<Vec<_>>()
        };
        assert_eq!(commands(&palette)[..3], ["filter state:failed", "focus ag-07", "focus ag-01"]);
        palette.type_text("focus ag");
        palette.offer(|_| Vec::new());
        palette.clear();
        palette.type_text("ag-0");
        assert_eq!(commands(&palette)[0], "focus ag-07");
        // Run again, it stands in the history once, as the newest.
        palette.type_text("7");
        assert_eq!(palette.enter(|_| false).as_deref(), Some("focus ag-07"));
        assert_eq!(palette.history(), ["filter state:failed", "focus ag-07"]);
    }

    #[test]
    fn words_are_offered_behind_a_command() {
        let mut palette = palette();
        let themes = |_| vec![entry("dash-dark", false), entry("nord", false)];
        palette.type_text("theme ");
        palette.offer(themes);
        assert_eq!(palette.entries()[1].command, "theme nord");
        palette.type_text("no");
        palette.offer(|_| panic!("they are known"));
        assert_eq!(palette.entries().len(), 1);
        // Nothing else can stand there, so a part of it is enough.
        palette.read_as(|_| Ok("switch".to_owned()));
        assert_eq!(palette.reading(), None);
        assert_eq!(palette.enter(|_| true).as_deref(), Some("theme nord"));
        palette.clear();
        palette.offer(|_| Vec::new());
        assert_eq!(palette.entries()[0].command, "theme nord", "run lately");
        // In a text everything may stand.
        palette.type_text("swarm create --mo");
        palette.offer(|_| vec![entry("--model", true)]);
        palette.complete();
        assert_eq!(palette.input(), "swarm create --model ");
    }
}
