//! The palette: a line of text, ranked against every command there is.
//!
//! Every entry *is* a command as it could be typed; running an entry runs its command, and
//! completing puts it into the line. What was run is remembered until Dash leaves.

use nucleo_matcher::{
    Config, Matcher, Utf32Str,
    pattern::{CaseMatching, Normalization, Pattern},
};

/// Commands remembered.
const HISTORY: usize = 100;
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
    entries: Vec<Entry>,
    selected: usize,
    /// True once the selection was moved: then Enter means the entry, else the line.
    moved: bool,
    /// What Enter makes of the line as it stands; or why nothing.
    reading: Option<Result<String, String>>,
    history: Vec<String>,
    recalled: Option<usize>,
}

impl Palette {
    pub fn open(&mut self, candidates: Vec<Entry>, input: &str) {
        self.candidates = candidates;
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
            (Some(entry), Ok(_)) if self.moved || entry.command == self.input.trim() => None,
            (Some(_), Ok(meaning)) => Some(Ok(meaning)),
            (Some(_), Err(_)) => None,
        }
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
            if entry.open {
                self.input.push(' ');
            }
            self.rank();
        }
    }

    /// The command to run. A line that is a command in full, or has words after one, stands
    /// for itself; else the selected entry is meant. None: there is more to type.
    pub fn enter(&mut self, understood: impl Fn(&str) -> bool) -> Option<String> {
        let line = self.input.trim().to_owned();
        let entry = self.entries.get(self.selected);
        let command = match entry {
            Some(entry) if self.moved || !understood(&line) => {
                if entry.open {
                    self.complete();
                    return None;
                }
                entry.command.clone()
            }
            Some(_) | None => line,
        };
        if self.history.last() != Some(&command) && !command.is_empty() {
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
        let line = self.input.trim();
        if line.is_empty() {
            self.entries = self.candidates.iter().take(SHOWN).cloned().collect();
            return;
        }
        let pattern = Pattern::parse(line, CaseMatching::Ignore, Normalization::Smart);
        let mut matcher = Matcher::new(Config::DEFAULT);
        let mut chars = Vec::new();
        let mut found: Vec<(u32, usize)> = Vec::new();
        for (at, entry) in self.candidates.iter().enumerate() {
            let named = pattern.score(Utf32Str::new(&entry.command, &mut chars), &mut matcher);
            let front = entry.command.starts_with(line);
            let score = named.map(|score| score * 2 + if front { 1_000 } else { 0 });
            let told = || pattern.score(Utf32Str::new(&entry.detail, &mut chars), &mut matcher);
            if let Some(score) = score.or_else(told) {
                found.push((score, at));
            }
        }
        found.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        let best = found.into_iter().take(SHOWN);
        self.entries = best.map(|(_, at)| self.candidates[at].clone()).collect();
    }
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
}
