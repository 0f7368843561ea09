//! Watches one attempt: bytes, gauges and status sequences in, observations out, and in the
//! end the verdict.
//!
//! It keeps no time and asks nobody: fed the same, it says the same. A core that comes back
//! makes a new one and feeds the recording from its first byte.

mod looks;
mod prompts;
mod verdict;

use super::{
    adapter::WatchRules,
    event::{EventRule, plain},
    format::{Judge, OutputFormat},
    lines::{Lines, MAX_LINE},
};
use crate::model::{AgentState, AttemptResult, Exit, Outcome, Signal, Source, Tokens};
use prompts::{Prompts, UNTOLD};
use serde_json::Value;
use std::sync::Arc;
use verdict::{by_exit, status_in, word_for};

/// Of a result's text, in bytes.
pub const MAX_TEXT: usize = 64 << 10;
/// Of what a status sequence says, in bytes.
const MAX_STATUS: usize = 8000;
/// The reason of one that shows a permission prompt.
const PERMISSION: &str = "permission";
/// Of an error, in bytes.
const MAX_ERROR: usize = 4 << 10;
/// Printed lines that stand for an answer where the agent gives none.
pub const LAST_LINES: usize = 40;

#[derive(Clone, Debug, PartialEq)]
pub enum Observation {
    /// Told only when it differs from the last one of its source.
    Signal(Signal),
    /// The agent's own name of its session.
    Session(String),
}

#[derive(Debug)]
pub struct Watcher {
    rules: Arc<WatchRules>,
    lines: Lines,
    /// An object over several lines, as far as it came.
    object: Option<String>,
    last_line: String,
    /// What it says or does, in words.
    words: String,
    text: String,
    /// A piece that comes now goes on with `text`.
    open: bool,
    error: String,
    /// The HTTP status that the error's own words name.
    error_status: Option<u64>,
    session: Option<String>,
    reported: Option<Tokens>,
    verdict: Option<Resolution>,
    last: Vec<Signal>,
    busy: bool,
    /// On the agent's own screen: what it prints is for eyes.
    interactive: bool,
    /// What permission prompts ask that are yet to be shown.
    prompts: Prompts,
}

#[derive(Debug)]
struct Resolution {
    outcome: Outcome,
    status: Option<u64>,
    stop_reason: Option<String>,
}

impl Watcher {
    pub(super) fn new(rules: Arc<WatchRules>, interactive: bool) -> Self {
        Self {
            rules,
            lines: Lines::default(),
            object: None,
            last_line: String::new(),
            words: String::new(),
            text: String::new(),
            open: false,
            error: String::new(),
            error_status: None,
            session: None,
            reported: None,
            verdict: None,
            last: Vec::new(),
            busy: false,
            interactive,
            prompts: Prompts::default(),
        }
    }

    /// The recording's bytes, in order, in pieces of any size.
    pub fn output(&mut self, bytes: &[u8]) -> Vec<Observation> {
        let mut seen = Vec::new();
        if !self.reads() {
            return seen;
        }
        let mut lines = std::mem::take(&mut self.lines);
        lines.feed(bytes, |line| self.line(line, &mut seen));
        self.lines = lines;
        seen
    }

    /// What it prints is for programs.
    fn reads(&self) -> bool {
        self.rules.format != OutputFormat::None && !self.interactive
    }

    /// What one of the agent's own hooks told.
    pub fn hook(&mut self, event: &Value) -> Vec<Observation> {
        let rules = Arc::clone(&self.rules);
        let mut seen = Vec::new();
        self.apply(&rules, &rules.hook, Source::Hook, event, &mut seen);
        if self.prompts.is_said_late() {
            seen.extend(self.next_prompt());
        }
        if let Some(asked) = self.prompts.is_told_late() {
            let detail = format!("title: {asked}");
            self.say(Source::Terminal, AgentState::Waiting, PERMISSION, &detail, &mut seen);
        }
        seen
    }

    /// What its hooks told an earlier core, which had it journaled: of it only the text, the
    /// session and the verdict are kept.
    pub fn remember_hooks<'a>(&mut self, events: impl Iterator<Item = &'a Value>) {
        for event in events {
            self.hook(event);
        }
        self.last.clear();
        self.prompts.clear();
    }

    /// A prompt that an earlier core knew of, and that is shown still.
    pub fn expect_prompt(&mut self, asked: String) {
        self.prompts.announce(asked);
    }

    /// The prompt in the place of one that was answered, where no word came in between.
    pub fn next_prompt(&mut self) -> Vec<Observation> {
        if self.prompts.is_empty() || self.prompts.is_standing() {
            return Vec::new();
        }
        self.status("blocked", PERMISSION, "", None)
    }

    /// True of a word for a prompt that does not say what it asks, where a hook is about to: it
    /// is started when the prompt is drawn, and tells some tenths of a second later.
    pub fn awaits_hook(&self, state: &str, kind: &str, message: &str) -> bool {
        (state, kind, message.trim()) == ("blocked", PERMISSION, UNTOLD)
            && self.prompts.is_empty()
            && self.rules.hook.iter().any(|rule| rule.prompt.is_some())
    }

    /// OSC 7501, whoever sends it. `done` is the end of a turn, not of the agent; `clear`
    /// takes back what was said before.
    pub fn status(
        &mut self,
        state: &str,
        kind: &str,
        message: &str,
        progress: Option<u8>,
    ) -> Vec<Observation> {
        let (known, reason) = match state {
            "working" => (AgentState::Working, ""),
            "blocked" if kind == PERMISSION => (AgentState::Waiting, kind),
            // A question, a form, a login: whatever it is called, somebody is to answer it.
            "blocked" => (AgentState::Waiting, "input"),
            "idle" | "done" | "clear" => (AgentState::Idle, ""),
            // A turn that failed; Codex runs no hook then.
            "error" => (AgentState::Idle, "failed"),
            // A word of a later version: better no signal than a wrong one.
            _ => return Vec::new(),
        };
        let message = message.trim();
        let asked = if (known, reason) == (AgentState::Waiting, PERMISSION) {
            self.prompts.show(message)
        } else {
            self.prompts.clear();
            None
        };
        let detail = match asked.as_deref().unwrap_or(message) {
            "" => state.to_owned(),
            words => format!("{state}: {}", clip(words, MAX_STATUS)),
        };
        let mut seen = Vec::new();
        let (source, reason) = (Source::Osc7501, reason.to_owned());
        self.tell(Signal { source, state: known, reason, detail, progress }, &mut seen);
        seen
    }

    /// What it says or does, for eyes: what it prints for programs is no word of its own.
    /// `shown`: the last line on its terminal.
    pub fn words<'a>(&'a self, shown: &'a str) -> &'a str {
        let asks =
            self.object.is_none() && self.lines.begun().is_some_and(|line| !line.starts_with(b"{"));
        if asks { shown } else { &self.words }
    }

    /// The verdict. `shown` is what it showed last, by lines. `files` is left to the caller,
    /// who knows the worktree.
    pub fn finish(&mut self, exit: Exit, shown: &[String]) -> AttemptResult {
        let mut late = Vec::new();
        if let Some(line) = self.lines.rest() {
            self.line(&line, &mut late);
        }
        let rules = Arc::clone(&self.rules);
        let judge = if self.interactive { Judge::Exit } else { rules.judge };
        let (outcome, stop_reason, said) = match judge {
            Judge::Exit => by_exit(exit),
            Judge::Output => self.by_verdict(&rules, exit),
        };
        let tail = tail(shown);
        let text = match judge {
            Judge::Output => std::mem::take(&mut self.text),
            Judge::Exit if self.text.is_empty() => tail.join("\n"),
            Judge::Exit => std::mem::take(&mut self.text),
        };
        let error = match outcome {
            Outcome::Done => String::new(),
            Outcome::Failed | Outcome::Stopped | Outcome::Lost | Outcome::Paused => {
                let own = std::mem::take(&mut self.error);
                let printed = tail.last().cloned().unwrap_or_default();
                let last = match std::mem::take(&mut self.last_line) {
                    // What is printed for programs is no word of its own.
                    last if last.is_empty() && self.reads() && printed.trim().starts_with('{') => {
                        self.words.clone()
                    }
                    last if last.is_empty() => printed,
                    last => last,
                };
                match (own.is_empty(), last.is_empty()) {
                    (false, _) => own,
                    (true, false) => format!("{said}: {}", last.trim()),
                    (true, true) => said,
                }
            }
        };
        AttemptResult {
            outcome,
            stop_reason,
            text: clip(&text, MAX_TEXT),
            data: None,
            error: clip(&error, MAX_ERROR),
            files: None,
            reported: self.reported,
            session: self.session.clone(),
        }
    }

    fn by_verdict(&self, rules: &WatchRules, exit: Exit) -> (Outcome, String, String) {
        let Some(verdict) = &self.verdict else {
            let (outcome, reason, said) = by_exit(exit);
            return match outcome {
                Outcome::Done => {
                    let said = "it ended without a result".to_owned();
                    (Outcome::Failed, "error".to_owned(), said)
                }
                Outcome::Failed | Outcome::Stopped | Outcome::Lost | Outcome::Paused => {
                    let status = self.error_status;
                    (Outcome::Failed, status.map_or(reason, |s| word_for(rules, s)), said)
                }
            };
        };
        match verdict.outcome {
            Outcome::Done if rules.done_needs_exit_zero && !exit.success() => by_exit(exit),
            Outcome::Done => (Outcome::Done, "finished".to_owned(), String::new()),
            outcome @ (Outcome::Failed | Outcome::Stopped | Outcome::Lost | Outcome::Paused) => {
                let status = verdict.status.or(self.error_status);
                let reason = match (status, &verdict.stop_reason) {
                    (Some(status), _) => word_for(rules, status),
                    (None, Some(reason)) => reason.clone(),
                    (None, None) => "error".to_owned(),
                };
                (outcome, reason, "it reported a failure without a word".to_owned())
            }
        }
    }

    fn line(&mut self, line: &str, seen: &mut Vec<Observation>) {
        let text = line.trim();
        match self.rules.format {
            OutputFormat::None => {}
            OutputFormat::JsonLines => match object(text) {
                Some(event) => self.event(&event, seen),
                None => self.plain(text),
            },
            OutputFormat::Json => self.json_part(line, text, seen),
        }
    }

    fn json_part(&mut self, line: &str, text: &str, seen: &mut Vec<Observation>) {
        if let Some(event) = object(text) {
            self.object = None;
            return self.event(&event, seen);
        }
        if line.starts_with('{') {
            self.object = Some(line.to_owned());
        } else if let Some(mut object_text) = self.object.take() {
            object_text.push('\n');
            object_text.push_str(line);
            match object(&object_text) {
                Some(event) if line.starts_with('}') => self.event(&event, seen),
                _ if object_text.len() < MAX_LINE && !line.starts_with('}') => {
                    self.object = Some(object_text);
                }
                _ => self.plain(text),
            }
        } else {
            self.plain(text);
        }
    }

    fn plain(&mut self, text: &str) {
        if !text.is_empty() {
            self.last_line = clip(text, MAX_ERROR);
            self.words.clone_from(&self.last_line);
        }
    }

    fn event(&mut self, event: &Value, seen: &mut Vec<Observation>) {
        let rules = Arc::clone(&self.rules);
        self.apply(&rules, &rules.output, Source::Output, event, seen);
    }

    fn apply(
        &mut self,
        rules: &WatchRules,
        of: &[EventRule],
        source: Source,
        event: &Value,
        seen: &mut Vec<Observation>,
    ) {
        for rule in of.iter().filter(|rule| rule.fits(event)) {
            if let Some(session) = rule.session(event)
                && self.session.as_ref() != Some(&session)
            {
                self.session = Some(session.clone());
                seen.push(Observation::Session(session));
            }
            if let Some(text) = rule.text(event) {
                self.say_text(&text, rule.text_goes_on);
                self.words = last_line(&self.text);
            }
            if let Some(says) = rule.says(event) {
                self.words = clip(&says, MAX_ERROR);
            }
            self.open &= !rule.text_ends;
            if let Some(error) = rule.error(event)
                && (self.error.is_empty() || !rule.error_fills)
            {
                self.error_status = status_in(rules, &error);
                self.error = clip(&plain(error), MAX_ERROR);
                self.words = last_line(&self.error);
            }
            self.reported = rule.usage(event, self.reported).or(self.reported);
            if let Some(outcome) = rule.outcome {
                let stop_reason = rule.stop_reason.clone();
                self.verdict =
                    Some(Resolution { outcome, status: rule.status(event), stop_reason });
            }
            if let Some(prompt) = &rule.prompt {
                self.prompts.announce(clip(&prompt.asked(event), MAX_STATUS));
            }
            if let Some(state) = rule.state {
                let detail = match &rule.detail {
                    // Whoever approves it sees all of it.
                    Some(detail)
                        if (state, rule.reason.as_str()) == (AgentState::Waiting, PERMISSION) =>
                    {
                        clip(&detail.asked(event), MAX_STATUS)
                    }
                    Some(detail) => detail.fill(event),
                    None => kind_of(event),
                };
                if self.words.is_empty() && source == Source::Output {
                    self.words.clone_from(&detail);
                }
                let reason = rule.reason.clone();
                let progress = rule.progress(event);
                self.tell(Signal { source, state, reason, detail, progress }, seen);
            }
        }
    }

    fn say_text(&mut self, text: &str, goes_on: bool) {
        if !(goes_on && self.open) {
            self.text.clear();
        }
        // One that is full already has its mark.
        if self.text.len() < MAX_TEXT - '…'.len_utf8() {
            self.text = clip(&(std::mem::take(&mut self.text) + text), MAX_TEXT);
        }
        self.open = goes_on;
    }

    fn say(
        &mut self,
        source: Source,
        state: AgentState,
        reason: &str,
        detail: &str,
        seen: &mut Vec<Observation>,
    ) {
        let (reason, detail) = (reason.to_owned(), detail.to_owned());
        self.tell(Signal { source, state, reason, detail, progress: None }, seen);
    }

    fn tell(&mut self, signal: Signal, seen: &mut Vec<Observation>) {
        // The newer of these two counts: after the one, the other's old word is news again.
        let own = |source| matches!(source, Source::Hook | Source::Osc7501);
        if own(signal.source) {
            self.last.retain(|last| !own(last.source) || last.source == signal.source);
        }
        match self.last.iter_mut().find(|last| last.source == signal.source) {
            Some(last) if *last == signal => return,
            Some(last) => *last = signal.clone(),
            None => self.last.push(signal.clone()),
        }
        seen.push(Observation::Signal(signal));
    }
}

/// A line that is one JSON object.
fn object(text: &str) -> Option<Value> {
    if !(text.starts_with('{') && text.trim_end().ends_with('}')) {
        return None;
    }
    serde_json::from_str(text).ok()
}

fn kind_of(event: &Value) -> String {
    let kind = event.get("type").and_then(Value::as_str).unwrap_or("output");
    clip(kind, 120)
}

/// The last lines with text, oldest first.
fn tail(shown: &[String]) -> Vec<String> {
    let lines: Vec<&String> = shown.iter().filter(|line| !line.trim().is_empty()).collect();
    let skip = lines.len().saturating_sub(LAST_LINES);
    lines.into_iter().skip(skip).map(|line| line.trim_end().to_owned()).collect()
}

fn last_line(text: &str) -> String {
    let line = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    clip(line.trim(), MAX_ERROR)
}

/// At most `max` bytes, cut between characters, with a mark where something is missing.
fn clip(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let mut end = max.saturating_sub('…'.len_utf8());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}

#[cfg(test)]
mod recordings;
#[cfg(test)]
mod tests;
