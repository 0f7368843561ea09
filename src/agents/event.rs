//! An output rule, ready to use, and what it finds in one JSON object.

use super::{
    format::{OutputRule, Text, UsagePart},
    pointer::{Detail, Pointer, fits, stop_reason},
};
use crate::model::{AgentState, Outcome, Tokens};
use serde_json::Value;

/// A part of a file that makes no sense: where, and why.
pub type Wrong = (std::ops::Range<usize>, String);

pub fn compile<T>(text: &Text, parse: impl Fn(&str) -> Result<T, String>) -> Result<T, Wrong> {
    parse(text.get_ref()).map_err(|why| (text.span(), why))
}

fn optional<T>(
    text: &Option<Text>,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<T>, Wrong> {
    text.as_ref().map(|text| compile(text, parse)).transpose()
}

#[derive(Debug)]
pub struct EventRule {
    when: Value,
    pub state: Option<AgentState>,
    pub reason: String,
    pub detail: Option<Detail>,
    says: Vec<Detail>,
    progress: Option<Pointer>,
    pub prompt: Option<Detail>,
    text: Vec<Pointer>,
    pub text_goes_on: bool,
    pub text_ends: bool,
    error: Vec<Pointer>,
    pub error_fills: bool,
    session: Option<Pointer>,
    usage: Option<Usage>,
    pub outcome: Option<Outcome>,
    status: Option<Pointer>,
    pub stop_reason: Option<String>,
}

#[derive(Debug)]
struct Usage {
    input: Option<Pointer>,
    output: Option<Pointer>,
    cache_read: Option<Pointer>,
    cache_write: Option<Pointer>,
    input_includes_cache: bool,
    add: bool,
}

impl EventRule {
    pub fn new(rule: &OutputRule) -> Result<Self, Wrong> {
        let many = |texts: &[Text]| -> Result<Vec<Pointer>, Wrong> {
            texts.iter().map(|text| compile(text, Pointer::parse)).collect()
        };
        Ok(Self {
            when: Value::Object(rule.when.clone()),
            state: rule.state,
            reason: rule.reason.clone(),
            detail: optional(&rule.detail, Detail::parse)?,
            says: rule
                .says
                .iter()
                .map(|text| compile(text, Detail::parse))
                .collect::<Result<_, _>>()?,
            progress: optional(&rule.progress, Pointer::parse)?,
            prompt: optional(&rule.prompt, Detail::parse)?,
            text: many(&rule.text)?,
            text_goes_on: rule.text_goes_on,
            text_ends: rule.text_ends,
            error: many(&rule.error)?,
            error_fills: rule.error_fills,
            session: optional(&rule.session, Pointer::parse)?,
            usage: rule.usage.as_ref().map(Usage::new).transpose()?,
            outcome: rule.outcome.map(Into::into),
            status: optional(&rule.status, Pointer::parse)?,
            stop_reason: optional(&rule.stop_reason, stop_reason)?,
        })
    }

    pub fn names_sessions(&self) -> bool {
        self.session.is_some()
    }

    pub fn fits(&self, event: &Value) -> bool {
        fits(&self.when, Some(event))
    }

    pub fn text(&self, event: &Value) -> Option<String> {
        match self.text_goes_on {
            true => self.text.iter().find_map(|pointer| pointer.piece(event)),
            false => self.text.iter().find_map(|pointer| pointer.text(event)),
        }
    }

    /// What the agent says or does, in a line.
    pub fn says(&self, event: &Value) -> Option<String> {
        self.says.iter().find_map(|says| says.found(event))
    }

    /// In the agent's own words: see [`plain`].
    pub fn error(&self, event: &Value) -> Option<String> {
        self.error.iter().find_map(|pointer| pointer.text(event))
    }

    pub fn session(&self, event: &Value) -> Option<String> {
        self.session.as_ref()?.text(event)
    }

    pub fn status(&self, event: &Value) -> Option<u64> {
        self.status.as_ref()?.sum(event)
    }

    pub fn progress(&self, event: &Value) -> Option<u8> {
        Some(self.progress.as_ref()?.sum(event)?.min(100) as u8)
    }

    /// What was reported in all, given what had been before.
    pub fn usage(&self, event: &Value, before: Option<Tokens>) -> Option<Tokens> {
        let usage = self.usage.as_ref()?;
        let found = usage.find(event)?;
        Some(match before {
            Some(mut sum) if usage.add => {
                sum += found;
                sum
            }
            Some(_) | None => found,
        })
    }
}

/// Agents pass a provider's whole answer on as their error, some after words of their own:
/// its message says it all.
pub fn plain(error: String) -> String {
    let message = || {
        let (words, answer) = error.split_at(error.find('{')?);
        let mut values = serde_json::Deserializer::from_str(answer).into_iter::<Value>();
        let body = values.next()?.ok()?;
        let rest = answer.get(values.byte_offset()..)?.trim_end();
        if !rest.chars().all(|c| matches!(c, ']' | ')')) {
            return None;
        }
        let message = body.pointer("/error/message").or_else(|| body.pointer("/message"))?;
        let message = message.as_str().filter(|text| !text.trim().is_empty())?;
        Some(format!("{}{message}{rest}", words.trim_start()))
    };
    message().unwrap_or(error)
}

impl Usage {
    fn new(part: &UsagePart) -> Result<Self, Wrong> {
        Ok(Self {
            input: optional(&part.input, Pointer::parse)?,
            output: optional(&part.output, Pointer::parse)?,
            cache_read: optional(&part.cache_read, Pointer::parse)?,
            cache_write: optional(&part.cache_write, Pointer::parse)?,
            input_includes_cache: part.input_includes_cache,
            add: part.add,
        })
    }

    fn find(&self, event: &Value) -> Option<Tokens> {
        let sum = |pointer: &Option<Pointer>| pointer.as_ref()?.sum(event);
        let parts =
            [sum(&self.input), sum(&self.output), sum(&self.cache_read), sum(&self.cache_write)];
        if parts.iter().all(Option::is_none) {
            return None;
        }
        let [input, output, cache_read, cache_write] = parts.map(Option::unwrap_or_default);
        let cached = if self.input_includes_cache { cache_read + cache_write } else { 0 };
        Some(Tokens { input: input.saturating_sub(cached), output, cache_read, cache_write })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_answer_that_is_passed_on_the_message_counts() {
        for (given, expected) in [
            (r#"{"error":{"code":null,"message":"no such task"}}"#, "no such task"),
            (r#"{"message":"short"}"#, "short"),
            (r#"{"error":{"message":" "}}"#, r#"{"error":{"message":" "}}"#),
            ("exit 3", "exit 3"),
            (r#"402 {"error":{"message":"spent"}}"#, "402 spent"),
            (r#"x API error (402): {"code":null,"message":"spent"}"#, "x API error (402): spent"),
            (r#"{"error":{"message":"spent"}} twice"#, r#"{"error":{"message":"spent"}} twice"#),
            (r#"[API Error: {"error":{"message":"spent"}}]"#, "[API Error: spent]"),
            (r#"no {"a":1}"#, r#"no {"a":1}"#),
        ] {
            assert_eq!(plain(given.to_owned()), expected);
        }
    }
}
