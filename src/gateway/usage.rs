//! Reads usage out of an answer as it passes by. The meter gets a copy of every chunk,
//! never holds one back, and survives whatever a provider sends: what it cannot read it
//! counts as nothing.
//!
//! Anthropic reports the prompt in `message_start` and the running output in every
//! `message_delta` (cumulative: the most that is said counts); chat completions in the last chunk;
//! responses in `response.completed`, `.incomplete` or `.failed`; Gemini in every chunk
//! (cumulative), where thoughts are counted beside the answer and billed like it.
//!
//! Counts that may still grow are not those of the whole answer, and neither is a usage that
//! leaves prompt or answer out: what is not known is no zero. No prompt has no tokens, and neither
//! has an answer that says something.

use super::{dear::values, wire::Wire};
use crate::config::Dialect;
use crate::model::Tokens;
use memchr::memmem::Finder;
use serde::{Deserialize, de::IgnoredAny};
use std::sync::LazyLock;

/// Longest event or plain body that is read for usage, in bytes; a longer one is skipped.
const MAX_EVENT: usize = 32 << 20;

/// Tokens of one kind: no model takes or gives so many in one call, and who says so says nothing.
const MOST: u64 = 1_000_000_000;

/// What an answer said about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub tokens: Tokens,
    /// The part of `tokens.cache_write` with an hour to live.
    pub cache_write_1h: u64,
    /// Which part that is was told.
    pub split: bool,
    /// The model that answered, in the provider's words.
    pub model: Option<String>,
    /// False while no usage was seen at all.
    pub known: bool,
    /// The usage is that of the whole answer: no more follows.
    pub whole: bool,
}

pub struct Meter {
    wire: Wire,
    streaming: bool,
    /// The line in the making of a stream; the whole body otherwise.
    held: Vec<u8>,
    /// Data lines of the event in the making.
    event: Vec<u8>,
    skipping: bool,
    usage: Usage,
    /// The prompt was counted.
    prompt: bool,
    /// So was the answer, as far as it had come: all of it, where nothing follows.
    answer: bool,
    /// It ends with an error.
    failed: bool,
    /// Something was answered: a text, a thought, a tool's call.
    said: bool,
}

impl Meter {
    pub fn new(wire: Wire, streaming: bool) -> Self {
        Self {
            wire,
            streaming,
            held: Vec::new(),
            event: Vec::new(),
            skipping: false,
            usage: Usage::default(),
            prompt: false,
            answer: false,
            failed: false,
            said: false,
        }
    }

    pub fn feed(&mut self, chunk: &[u8]) {
        if !self.streaming {
            self.hold(chunk);
            return;
        }
        let mut rest = chunk;
        // The end of an event that began earlier.
        while !(self.held.is_empty() && self.event.is_empty() && !self.skipping) {
            let Some(after) = self.one_line(rest) else { return };
            rest = after;
        }
        // Whole events without a word of interest are not looked at one by one: long streams are
        // made of them.
        if let Some(end) = end_of_events(rest) {
            let (events, after) = rest.split_at(end);
            if !self.said || speaks_of(&USAGE, events) || speaks_of(&ERROR, events) {
                self.lines(events);
            }
            rest = after;
        }
        self.lines(rest);
    }

    fn lines(&mut self, mut rest: &[u8]) {
        while let Some(after) = self.one_line(rest) {
            rest = after;
        }
    }

    /// What follows the first line; none where it does not end here.
    fn one_line<'a>(&mut self, text: &'a [u8]) -> Option<&'a [u8]> {
        let end = memchr::memchr(b'\n', text);
        self.hold(&text[..end.unwrap_or(text.len())]);
        let after = &text[end? + 1..];
        self.line();
        Some(after)
    }

    /// What was seen so far; `ended`: the answer came to its end, and that is all of it.
    pub fn finish(mut self, ended: bool) -> Usage {
        if self.streaming {
            self.line();
            self.dispatch();
        } else if !self.skipping {
            let body = std::mem::take(&mut self.held);
            self.said = says_something(&body);
            self.read(&body);
        }
        let Tokens { input, output, cache_read, cache_write, .. } = self.usage.tokens;
        let counts = [input, output, cache_read, cache_write];
        // No prompt has no tokens: who counts none has not counted.
        if counts.iter().any(|count| *count > MOST) || counts == [0; 4] {
            return Usage { model: self.usage.model, ..Usage::default() };
        }
        self.usage.whole |= ended && self.prompt && self.answer && !self.failed;
        self.usage.whole &= input + cache_read + cache_write > 0 && (output > 0 || !self.said);
        self.usage
    }

    fn hold(&mut self, bytes: &[u8]) {
        if self.held.len() + self.event.len() + bytes.len() > MAX_EVENT {
            self.skipping = true;
            self.held = Vec::new();
        } else if !self.skipping {
            self.held.extend_from_slice(bytes);
        }
    }

    fn line(&mut self) {
        let mut line = std::mem::take(&mut self.held);
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        if line.is_empty() && !self.skipping {
            self.dispatch();
        } else if let Some(data) = line.strip_prefix(b"data:") {
            if !self.event.is_empty() {
                self.event.push(b'\n');
            }
            self.event.extend_from_slice(data);
        }
        if self.skipping {
            self.skipping = false;
            self.event.clear();
        }
        // The buffer is given back so that a long stream allocates once.
        line.clear();
        self.held = line;
    }

    fn dispatch(&mut self) {
        let mut event = std::mem::take(&mut self.event);
        self.said = self.said || says_something(&event);
        // Most events are text; only those that speak of usage are worth parsing.
        if speaks_of(&USAGE, &event) {
            self.read(&event);
        }
        if speaks_of(&ERROR, &event) {
            let failed = serde_json::from_slice::<Failed>(&event);
            self.failed |= failed.is_ok_and(|event| event.error.is_some());
        }
        event.clear();
        self.event = event;
    }

    fn read(&mut self, json: &[u8]) {
        match serde_json::from_slice::<Said>(json) {
            Ok(said) => self.take(said),
            // A stream of Gemini's that is no stream of events is a list of its chunks.
            Err(_) if self.wire == Wire::StreamGenerate => {
                let all = serde_json::from_slice::<Vec<Said>>(json).unwrap_or_default();
                all.into_iter().for_each(|said| self.take(said));
            }
            Err(_) => {}
        }
    }

    fn take(&mut self, said: Said) {
        if self.wire.dialect() == Dialect::Gemini {
            self.usage.model = said.model_version.or(self.usage.model.take());
            if let Some(counts) = said.usage_metadata {
                self.usage.known = true;
                self.gemini(&counts);
                let ended = said.candidates.iter().any(|one| one.finish_reason.is_some());
                self.usage.whole |= self.prompt && (!self.streaming || ended);
            }
            return;
        }
        let at_end = !self.streaming || said.is_last(self.wire);
        // What is in `message` was counted before the answer.
        let before = self.streaming && said.message.is_some();
        let inner = said.message.or(said.response);
        let (model, usage) = match inner {
            Some(inner) => (inner.model.or(said.model), inner.usage.or(said.usage)),
            None => (said.model, said.usage),
        };
        if model.is_some() {
            self.usage.model = model;
        }
        let Some(usage) = usage else { return };
        self.usage.known = true;
        self.prompt |= usage.prompt().is_some();
        self.answer |= !before && usage.answer().is_some();
        self.usage.whole |= at_end && self.prompt && self.answer;
        match self.wire {
            Wire::Messages | Wire::CountTokens => self.anthropic(&usage),
            Wire::Chat | Wire::Responses | Wire::Models(_) => self.openai(&usage),
            Wire::Generate | Wire::StreamGenerate | Wire::CountGenerate => {}
        }
    }

    fn gemini(&mut self, said: &Metadata) {
        // Of an answer without a word it says nothing.
        (self.prompt, self.answer) = (said.prompt.is_some(), true);
        let prompt = said.prompt.unwrap_or(0);
        let read = said.cached.unwrap_or(0).min(prompt);
        self.whole_counts(Tokens {
            // What its own tools brought in is counted apart from the prompt.
            input: (prompt - read).saturating_add(said.tools.unwrap_or(0)),
            output: said.answer.unwrap_or(0).saturating_add(said.thoughts.unwrap_or(0)),
            cache_read: read,
            cache_write: 0,
        });
    }

    fn anthropic(&mut self, said: &Counts) {
        let tokens = &mut self.usage.tokens;
        set(&mut tokens.input, said.input_tokens);
        set(&mut tokens.output, said.output_tokens);
        set(&mut tokens.cache_read, said.cache_read_input_tokens);
        set(&mut tokens.cache_write, said.cache_creation_input_tokens);
        if let Some(split) = &said.cache_creation {
            self.usage.split = true;
            // Whatever does not live for five minutes is billed as what lives the longest.
            let others =
                split.ephemeral_5m_input_tokens.map(|n| tokens.cache_write.saturating_sub(n));
            set(&mut self.usage.cache_write_1h, others.max(split.ephemeral_1h_input_tokens));
        }
    }

    fn openai(&mut self, said: &Counts) {
        let details = said.prompt_tokens_details.as_ref().or(said.input_tokens_details.as_ref());
        let prompt = said.prompt().unwrap_or(0);
        let read = details.and_then(|d| d.cached_tokens).unwrap_or(0).min(prompt);
        let written = details.and_then(|d| d.cache_write_tokens).unwrap_or(0).min(prompt - read);
        self.whole_counts(Tokens {
            input: prompt - read - written,
            output: said.answer().unwrap_or(0),
            cache_read: read,
            cache_write: written,
        });
    }

    /// Of the prompt the latest count, if it is no smaller than that before: what is read from a
    /// cache is a part of it.
    fn whole_counts(&mut self, said: Tokens) {
        let known = &mut self.usage.tokens;
        let prompt = |tokens: &Tokens| {
            tokens.input.saturating_add(tokens.cache_read).saturating_add(tokens.cache_write)
        };
        let output = known.output.max(said.output);
        if prompt(&said) >= prompt(known) {
            *known = said;
        }
        known.output = output;
    }
}

/// The beginnings of names whose events are read.
static USAGE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"usage"));
static ERROR: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"error\""));

fn speaks_of(what: &Finder<'_>, text: &[u8]) -> bool {
    what.find(text).is_some()
}

/// Where the last event that is whole ends.
fn end_of_events(text: &[u8]) -> Option<usize> {
    let mut ends = memchr::memrchr_iter(b'\n', text);
    let is_end = |at: &usize| matches!(text[..*at], [.., b'\n'] | [.., b'\n', b'\r']);
    ends.find(is_end).map(|at| at + 1)
}

/// Fields of an answer whose text is what a model said.
const SAID: [&str; 8] = [
    "text",
    "content",
    "delta",
    "thinking",
    "reasoning",
    "reasoning_content",
    "partial_json",
    "arguments",
];
/// Of calls that may have no text.
const CALLED: [&str; 2] = ["\"tool_use\"", "\"functionCall\""];

fn says_something(json: &[u8]) -> bool {
    SAID.iter().any(|name| values(json, name).any(|(_, text)| !text.is_empty()))
        || CALLED.iter().any(|name| memchr::memmem::find(json, name.as_bytes()).is_some())
}

/// Counts grow, however they are told.
fn set(field: &mut u64, value: Option<u64>) {
    *field = (*field).max(value.unwrap_or(0));
}

#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    usage: Option<Counts>,
    /// Of Anthropic's `message_start`.
    #[serde(default)]
    message: Option<Inner>,
    /// Of a response's events.
    #[serde(default)]
    response: Option<Inner>,
    /// Gemini's words for model and usage.
    #[serde(default, rename = "modelVersion")]
    model_version: Option<String>,
    #[serde(default, rename = "usageMetadata")]
    usage_metadata: Option<Metadata>,
    #[serde(default)]
    candidates: Vec<Candidate>,
    /// Of a chat's chunk.
    #[serde(default)]
    choices: Option<Vec<Candidate>>,
    /// Of Anthropic's `message_delta`, and of others.
    #[serde(default)]
    delta: Option<Delta>,
}

impl Said {
    /// A stream's event that no count follows.
    fn is_last(&self, wire: Wire) -> bool {
        match wire {
            Wire::Messages | Wire::CountTokens => {
                matches!(&self.delta, Some(Delta::Ends { stop_reason: Some(_) }))
            }
            // Some count in every chunk; the last is that without choices, or which ends one.
            Wire::Chat => self.choices.iter().flatten().all(|one| one.finish_reason.is_some()),
            Wire::Responses => self.response.is_some() || self.usage.is_some(),
            Wire::Generate | Wire::StreamGenerate | Wire::CountGenerate | Wire::Models(_) => false,
        }
    }
}

/// Of an event in the middle of a stream.
#[derive(Deserialize)]
struct Failed {
    error: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Delta {
    Ends { stop_reason: Option<IgnoredAny> },
    Other(IgnoredAny),
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Candidate {
    #[serde(rename = "finishReason", alias = "finish_reason")]
    finish_reason: Option<IgnoredAny>,
}

/// Tokens in Gemini's words.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata {
    /// Cached ones are counted in.
    #[serde(rename = "promptTokenCount")]
    prompt: Option<u64>,
    #[serde(rename = "cachedContentTokenCount")]
    cached: Option<u64>,
    #[serde(rename = "toolUsePromptTokenCount")]
    tools: Option<u64>,
    #[serde(rename = "candidatesTokenCount")]
    answer: Option<u64>,
    #[serde(rename = "thoughtsTokenCount")]
    thoughts: Option<u64>,
}

#[derive(Deserialize)]
struct Inner {
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    usage: Option<Counts>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Counts {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_creation: Option<CacheCreation>,
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    prompt_tokens_details: Option<Details>,
    input_tokens_details: Option<Details>,
}

impl Counts {
    fn prompt(&self) -> Option<u64> {
        self.prompt_tokens.or(self.input_tokens)
    }

    fn answer(&self) -> Option<u64> {
        self.completion_tokens.or(self.output_tokens)
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct CacheCreation {
    ephemeral_5m_input_tokens: Option<u64>,
    ephemeral_1h_input_tokens: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Details {
    cached_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fed in every chunk size, the reading is the same.
    fn meter(wire: Wire, streaming: bool, text: &str) -> Usage {
        let read = |size: usize| {
            let mut meter = Meter::new(wire, streaming);
            text.as_bytes().chunks(size).for_each(|chunk| meter.feed(chunk));
            meter.finish(true)
        };
        let whole = read(text.len());
        for size in [1, 2, 7, 64] {
            assert_eq!(read(size), whole, "chunks of {size}");
        }
        whole
    }

    fn tokens(input: u64, output: u64, cache_read: u64, cache_write: u64) -> Tokens {
        Tokens { input, output, cache_read, cache_write }
    }

    #[test]
    fn a_count_that_no_model_reaches_is_none() {
        for count in [MOST + 1, u64::MAX] {
            let text = format!(
                r#"{{"model":"m-1","usage":{{"input_tokens":{count},"output_tokens":1}}}}"#
            );
            let usage = meter(Wire::Messages, false, &text);
            let nothing = Usage { model: usage.model.clone(), ..Usage::default() };
            assert_eq!(usage, nothing, "{count}");
        }
    }

    #[test]
    fn anthropic_stream_takes_the_most_that_is_said() {
        let text = concat!(
            "event: message_start\r\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"m-1\",",
            "\"usage\":{\"input_tokens\":10,\"cache_read_input_tokens\":5,",
            "\"cache_creation_input_tokens\":7,\"cache_creation\":{\"ephemeral_5m_input_tokens\":4,",
            "\"ephemeral_1h_input_tokens\":3},\"output_tokens\":1}}}\r\n\r\n",
            "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":",
            "{\"type\":\"text_delta\",\"text\":\"the \\\"usage\\\" of it\"}}\n\n",
            "event: message_delta\ndata: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":9}}\n\n",
            "event: message_delta\ndata: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":20}}\n\n",
        );
        let usage = meter(Wire::Messages, true, text);
        assert_eq!(usage.tokens, tokens(10, 20, 5, 7));
        assert_eq!((usage.cache_write_1h, usage.model.as_deref()), (3, Some("m-1")));
    }

    #[test]
    fn chat_and_responses_take_cached_tokens_out_of_the_input() {
        let chat = "data: {\"model\":\"g\",\"choices\":[],\"usage\":null}\n\n\
             data: {\"model\":\"g\",\"choices\":[],\"usage\":{\"prompt_tokens\":100,\
             \"completion_tokens\":8,\"prompt_tokens_details\":{\"cached_tokens\":60}}}\n\n\
             data: [DONE]\n\n";
        assert_eq!(meter(Wire::Chat, true, chat).tokens, tokens(40, 8, 60, 0));
        let responses = "event: response.completed\ndata: {\"type\":\"response.completed\",\
             \"response\":{\"model\":\"g\",\"usage\":{\"input_tokens\":50,\"input_tokens_details\":\
             {\"cached_tokens\":20},\"output_tokens\":3}}}";
        let usage = meter(Wire::Responses, true, responses);
        assert_eq!(usage.tokens, tokens(30, 3, 20, 0), "also without the last blank line");
        let plain = r#"{"model":"g","usage":{"input_tokens":5,"output_tokens":6}}"#;
        assert_eq!(meter(Wire::Responses, false, plain).tokens, tokens(5, 6, 0, 0));
    }

    #[test]
    fn gemini_counts_cached_tokens_in_the_prompt_and_thoughts_beside_the_answer() {
        let chunk = r#"{"modelVersion":"g-1","usageMetadata":{"promptTokenCount":100,"cachedContentTokenCount":60,"totalTokenCount":100}}"#;
        let last = r#"{"modelVersion":"g-1","usageMetadata":{"promptTokenCount":100,"cachedContentTokenCount":60,"candidatesTokenCount":8,"thoughtsTokenCount":20,"toolUsePromptTokenCount":3,"totalTokenCount":131}}"#;
        let stream = format!("data: {chunk}\r\n\r\ndata: {last}\r\n\r\n");
        let list = format!("[{chunk}\n,\r\n{last}\n]");
        for usage in [
            meter(Wire::StreamGenerate, true, &stream),
            meter(Wire::StreamGenerate, false, &list),
            meter(Wire::Generate, false, last),
        ] {
            assert_eq!(usage.tokens, tokens(43, 28, 60, 0));
            assert_eq!((usage.model.as_deref(), usage.known), (Some("g-1"), true));
        }
        let cut = format!("data: {chunk}\n\ndata: {{\"usageMeta");
        assert_eq!(meter(Wire::StreamGenerate, true, &cut).tokens, tokens(40, 0, 60, 0));
    }

    /// Read to its end, and broken off behind it: is it all?
    fn whole(wire: Wire, text: &str) -> [bool; 2] {
        [true, false].map(|ended| {
            let mut meter = Meter::new(wire, true);
            meter.feed(text.as_bytes());
            meter.finish(ended).whole
        })
    }

    #[test]
    fn counts_that_may_grow_are_all_only_at_the_end() {
        let start = "data: {\"message\":{\"usage\":{\"input_tokens\":9,\"output_tokens\":1}}}\n\n";
        let delta = |stop: &str| {
            let delta = format!("{{\"stop_reason\":{stop}}}");
            format!("{start}data: {{\"delta\":{delta},\"usage\":{{\"output_tokens\":5}}}}\n\n")
        };
        assert_eq!(whole(Wire::Messages, start), [false; 2], "its answer was not counted");
        assert_eq!(whole(Wire::Messages, &delta("null")), [true, false]);
        assert_eq!(whole(Wire::Messages, &delta("\"end_turn\"")), [true; 2]);
        let chat = |choices: &str| {
            let usage = "{\"prompt_tokens\":9,\"completion_tokens\":5}";
            format!("data: {{\"choices\":{choices},\"usage\":{usage}}}\n\n")
        };
        let running = chat("[{\"delta\":{},\"finish_reason\":null}]");
        assert_eq!(whole(Wire::Chat, &running), [true, false]);
        for last in ["[]", "null", "[{\"finish_reason\":\"stop\"}]"] {
            assert_eq!(whole(Wire::Chat, &chat(last)), [true; 2], "{last}");
        }
        let piece = "data: {\"usageMetadata\":{\"promptTokenCount\":9}}\n\n";
        assert_eq!(whole(Wire::StreamGenerate, piece), [true, false]);
        let failed = format!("{piece}data: {{\"error\":{{\"code\":500}}}}\n\n");
        assert_eq!(whole(Wire::StreamGenerate, &failed), [false; 2]);
        let text = "data: {\"type\":\"response.output_text.delta\",\"delta\":\"usage\"}\n\n";
        let end = "data: {\"response\":{\"usage\":{\"input_tokens\":9,\"output_tokens\":5}}}\n\n";
        assert_eq!(whole(Wire::Responses, &format!("{text}{end}")), [true; 2]);
    }

    #[test]
    fn a_usage_without_counts_is_none() {
        for (wire, text) in [
            (Wire::Messages, "data: {\"delta\":{\"stop_reason\":\"x\"},\"usage\":{}}\n\n"),
            (
                Wire::Messages,
                "data: {\"delta\":{\"stop_reason\":\"x\"},\"usage\":{\"output_tokens\":3}}\n\n",
            ),
            (Wire::Chat, "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3}}\n\n"),
            (Wire::Responses, "data: {\"response\":{\"usage\":{\"output_tokens\":3}}}\n\n"),
            (Wire::StreamGenerate, "data: {\"usageMetadata\":{}}\n\n"),
        ] {
            assert_eq!(whole(wire, text), [false; 2], "{text}");
        }
    }

    #[test]
    fn events_end_at_blank_lines() {
        for (text, end) in [
            ("", None),
            ("data: a\n", None),
            ("data: a\n\nda", Some(9)),
            ("a\r\n\r\nb\n\nc\r\n", Some(8)),
            ("a\r\n\r\nb\n", Some(5)),
        ] {
            assert_eq!(end_of_events(text.as_bytes()), end, "{text:?}");
        }
    }

    #[test]
    fn garbage_is_no_usage() {
        for text in ["", "data: {\"usage\":", "data: \"usage\"\n\n", "\u{0}\n\n\n"] {
            assert_eq!(meter(Wire::Messages, true, &format!("{text} ")), Usage::default());
        }
    }

    #[test]
    fn counts_of_a_stream_never_fall() {
        let start = "data: {\"message\":{\"usage\":{\"input_tokens\":900,\
             \"cache_read_input_tokens\":50,\"output_tokens\":1}}}\n\n";
        let delta = |counts: &str| {
            let end = "\"delta\":{\"stop_reason\":\"end_turn\"}";
            format!("data: {{{end},\"usage\":{{{counts}}}}}\n\n")
        };
        let falls =
            [delta("\"output_tokens\":70"), delta("\"input_tokens\":3,\"output_tokens\":2")];
        let usage = meter(Wire::Messages, true, &[start, &falls.concat()].concat());
        assert_eq!((usage.tokens, usage.whole), (tokens(900, 70, 50, 0), true));
        let chat = |prompt: u64, answer: u64| {
            format!(
                "data: {{\"choices\":[],\"usage\":{{\"prompt_tokens\":{prompt},\
                 \"completion_tokens\":{answer}}}}}\n\n"
            )
        };
        let usage = meter(Wire::Chat, true, &(chat(900, 70) + &chat(0, 0)));
        assert_eq!((usage.tokens, usage.whole), (tokens(900, 70, 0, 0), true));
        let piece = |prompt: u64, answer: u64| {
            format!(
                "data: {{\"candidates\":[{{\"finishReason\":\"STOP\"}}],\"usageMetadata\":\
                 {{\"promptTokenCount\":{prompt},\"candidatesTokenCount\":{answer}}}}}\n\n"
            )
        };
        let usage = meter(Wire::StreamGenerate, true, &(piece(900, 70) + &piece(4, 5)));
        assert_eq!((usage.tokens, usage.whole), (tokens(900, 70, 0, 0), true));
    }

    #[test]
    fn a_prompt_or_text_of_no_tokens_was_not_counted() {
        let said = "data: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\"well\"}}\n\n";
        let messages = |between: &str, input: u64, output: u64| {
            format!(
                "data: {{\"message\":{{\"usage\":{{\"input_tokens\":{input}}}}}}}\n\n{between}\
                 data: {{\"delta\":{{\"stop_reason\":\"x\"}},\
                 \"usage\":{{\"output_tokens\":{output}}}}}\n\n"
            )
        };
        assert_eq!(whole(Wire::Messages, &messages(said, 9, 1)), [true; 2]);
        assert_eq!(whole(Wire::Messages, &messages(said, 0, 1)), [false; 2]);
        assert_eq!(whole(Wire::Messages, &messages(said, 9, 0)), [false; 2]);
        assert_eq!(whole(Wire::Messages, &messages("", 9, 0)), [true; 2], "it said nothing");
        let plain = |wire, text: &str| meter(wire, false, text).whole;
        let usage = r#""usage":{"prompt_tokens":9,"completion_tokens":0}"#;
        for (message, whole) in [
            (r#"{"content":"well"}"#, false),
            (r#"{"content":""}"#, true),
            (r#"{"content":null,"tool_calls":[{"function":{"arguments":"{}"}}]}"#, false),
            (r#"{"content":null,"reasoning_content": "hm"}"#, false),
        ] {
            let text = format!("{{\"choices\":[{{\"message\":{message}}}],{usage}}}");
            assert_eq!(plain(Wire::Chat, &text), whole, "{text}");
        }
        // What Gemini blocks has no answer, and no count of one.
        let metadata = r#""usageMetadata":{"promptTokenCount":9}"#;
        assert!(plain(Wire::Generate, &format!("{{\"promptFeedback\":{{}},{metadata}}}")));
        for part in [r#"{"text":"well"}"#, r#"{"functionCall":{"name":"f","args":{}}}"#] {
            let text =
                format!("{{\"candidates\":[{{\"content\":{{\"parts\":[{part}]}}}}],{metadata}}}");
            assert!(!plain(Wire::Generate, &text), "{text}");
        }
    }

    #[test]
    fn of_writes_to_a_cache_whatever_is_not_short_is_long() {
        for (split, long) in [
            (r#"{"ephemeral_5m_input_tokens":4,"ephemeral_1h_input_tokens":3}"#, 3),
            (r#"{"ephemeral_5m_input_tokens":4,"ephemeral_1d_input_tokens":3}"#, 3),
            (r#"{"ephemeral_1h_input_tokens":2}"#, 2),
            ("{}", 0),
        ] {
            let text = format!(
                r#"{{"usage":{{"input_tokens":1,"output_tokens":1,"cache_creation_input_tokens":7,"cache_creation":{split}}}}}"#
            );
            assert_eq!(meter(Wire::Messages, false, &text).cache_write_1h, long, "{split}");
        }
    }
}
