//! Watches one attempt: bytes, gauges and status sequences in, observations out, and in the
//! end the verdict.
//!
//! It keeps no time and asks nobody: fed the same, it says the same. A core that comes back
//! makes a new one and feeds the recording from its first byte.

use super::{
    adapter::{Pattern, WatchRules},
    event::plain,
    format::{Judge, OutputFormat},
    lines::{Lines, MAX_LINE},
};
use crate::{
    model::{AgentState, AttemptResult, Exit, Outcome, Signal, Source, Tokens},
    protocol::keeper::KeeperGauge,
};
use serde_json::Value;
use std::sync::Arc;

/// Of a result's text, in bytes.
const MAX_TEXT: usize = 64 << 10;
/// Of what a status sequence says, in bytes.
const MAX_STATUS: usize = 1000;
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
}

#[derive(Debug)]
struct Resolution {
    outcome: Outcome,
    status: Option<u64>,
    stop_reason: Option<String>,
}

impl Watcher {
    pub(super) fn new(rules: Arc<WatchRules>) -> Self {
        Self {
            rules,
            lines: Lines::default(),
            object: None,
            last_line: String::new(),
            text: String::new(),
            open: false,
            error: String::new(),
            error_status: None,
            session: None,
            reported: None,
            verdict: None,
            last: Vec::new(),
            busy: false,
        }
    }

    /// The recording's bytes, in order, in pieces of any size.
    pub fn output(&mut self, bytes: &[u8]) -> Vec<Observation> {
        let mut seen = Vec::new();
        if self.rules.format == OutputFormat::None {
            return seen;
        }
        let mut lines = std::mem::take(&mut self.lines);
        lines.feed(bytes, |line| self.line(line, &mut seen));
        self.lines = lines;
        seen
    }

    /// The keeper's latest values.
    pub fn gauge(&mut self, gauge: &KeeperGauge) -> Vec<Observation> {
        let rules = Arc::clone(&self.rules);
        let mut seen = Vec::new();
        if gauge.busy {
            let detail = "OSC 9;4".to_owned();
            let state = AgentState::Working;
            let signal = Signal {
                source: Source::Terminal,
                state,
                reason: String::new(),
                detail,
                progress: gauge.progress,
            };
            self.tell(signal, &mut seen);
        } else if self.busy && rules.progress_off_is_idle {
            self.say(Source::Terminal, AgentState::Idle, "", "OSC 9;4 off", &mut seen);
        }
        self.busy = gauge.busy;
        if let Some(found) = rules.title.iter().find(|title| title.regex.is_match(&gauge.title)) {
            let detail = format!("title: {}", found.rule.name);
            self.say(Source::Terminal, found.rule.state, &found.rule.reason, &detail, &mut seen);
        }
        if let Some(found) = rules.screen.iter().find(|rule| on_screen(rule, &gauge.bottom)) {
            let detail = format!("screen: {}", found.rule.name);
            self.say(Source::Screen, found.rule.state, &found.rule.reason, &detail, &mut seen);
        }
        seen
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
            "blocked" if kind.is_empty() => (AgentState::Waiting, "input"),
            "blocked" => (AgentState::Waiting, kind),
            "idle" | "done" | "clear" => (AgentState::Idle, ""),
            // A word of a later version: better no signal than a wrong one.
            _ => return Vec::new(),
        };
        let detail = match message.trim() {
            "" => state.to_owned(),
            message => format!("{state}: {}", clip(message, MAX_STATUS)),
        };
        let mut seen = Vec::new();
        let (source, reason) = (Source::Osc7501, reason.to_owned());
        self.tell(Signal { source, state: known, reason, detail, progress }, &mut seen);
        seen
    }

    /// The verdict. `shown` is what it showed last, by lines. `files` is left to the caller,
    /// who knows the worktree.
    pub fn finish(&mut self, exit: Exit, shown: &[String]) -> AttemptResult {
        let mut late = Vec::new();
        if let Some(line) = self.lines.rest() {
            self.line(&line, &mut late);
        }
        let rules = Arc::clone(&self.rules);
        let (outcome, stop_reason, said) = match rules.judge {
            Judge::Exit => by_exit(exit),
            Judge::Output => self.by_verdict(&rules, exit),
        };
        let tail = tail(shown);
        let text = match rules.judge {
            Judge::Output => std::mem::take(&mut self.text),
            Judge::Exit if self.text.is_empty() => tail.join("\n"),
            Judge::Exit => std::mem::take(&mut self.text),
        };
        let error = match outcome {
            Outcome::Done => String::new(),
            Outcome::Failed | Outcome::Stopped | Outcome::Lost => {
                let own = std::mem::take(&mut self.error);
                let last = if self.last_line.is_empty() {
                    tail.last().cloned().unwrap_or_default()
                } else {
                    std::mem::take(&mut self.last_line)
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
                Outcome::Failed | Outcome::Stopped | Outcome::Lost => {
                    let status = self.error_status;
                    (Outcome::Failed, status.map_or(reason, |s| word_for(rules, s)), said)
                }
            };
        };
        match verdict.outcome {
            Outcome::Done if rules.done_needs_exit_zero && !exit.success() => by_exit(exit),
            Outcome::Done => (Outcome::Done, "finished".to_owned(), String::new()),
            outcome @ (Outcome::Failed | Outcome::Stopped | Outcome::Lost) => {
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
        }
    }

    fn event(&mut self, event: &Value, seen: &mut Vec<Observation>) {
        let rules = Arc::clone(&self.rules);
        for rule in rules.output.iter().filter(|rule| rule.fits(event)) {
            if let Some(session) = rule.session(event)
                && self.session.as_ref() != Some(&session)
            {
                self.session = Some(session.clone());
                seen.push(Observation::Session(session));
            }
            if let Some(text) = rule.text(event) {
                self.say_text(&text, rule.text_goes_on);
            }
            self.open &= !rule.text_ends;
            if let Some(error) = rule.error(event)
                && (self.error.is_empty() || !rule.error_fills)
            {
                self.error_status = status_in(&rules, &error);
                self.error = clip(&plain(error), MAX_ERROR);
            }
            self.reported = rule.usage(event, self.reported).or(self.reported);
            if let Some(outcome) = rule.outcome {
                let stop_reason = rule.stop_reason.clone();
                self.verdict =
                    Some(Resolution { outcome, status: rule.status(event), stop_reason });
            }
            if let Some(state) = rule.state {
                let detail = match &rule.detail {
                    Some(detail) => detail.fill(event),
                    None => kind_of(event),
                };
                let (source, reason) = (Source::Output, rule.reason.clone());
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
        match self.last.iter_mut().find(|last| last.source == signal.source) {
            Some(last) if *last == signal => return,
            Some(last) => *last = signal.clone(),
            None => self.last.push(signal.clone()),
        }
        seen.push(Observation::Signal(signal));
    }
}

fn by_exit(exit: Exit) -> (Outcome, String, String) {
    if exit.success() {
        return (Outcome::Done, "finished".to_owned(), String::new());
    }
    let reason = if exit.signal.is_some() { "signal" } else { "exit" };
    (Outcome::Failed, reason.to_owned(), exit.to_string())
}

fn word_for(rules: &WatchRules, status: u64) -> String {
    if let Some(word) = rules.stop_reasons.get(&status.to_string()) {
        return word.clone();
    }
    match status {
        402 => "budget",
        429 | 503 | 529 => "overloaded",
        _ => "error",
    }
    .to_owned()
}

fn status_in(rules: &WatchRules, error: &str) -> Option<u64> {
    let named = || {
        let found = rules.status_pattern.as_ref()?.captures(error)?;
        found.get(1)?.as_str().parse().ok()
    };
    let spent = rules.budget_pattern.as_ref().is_some_and(|pattern| pattern.is_match(error));
    named().or(spent.then_some(402))
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

fn on_screen(pattern: &Pattern, bottom: &[String]) -> bool {
    bottom.iter().rev().take(pattern.rule.rows).any(|row| pattern.regex.is_match(row))
}

/// The last lines with text, oldest first.
fn tail(shown: &[String]) -> Vec<String> {
    let lines: Vec<&String> = shown.iter().filter(|line| !line.trim().is_empty()).collect();
    let skip = lines.len().saturating_sub(LAST_LINES);
    lines.into_iter().skip(skip).map(|line| line.trim_end().to_owned()).collect()
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
