//! What a scenario answers to one request, before a dialect puts it into words.

use super::tools::ToolCall;
use crate::model::Tokens;
use std::time::Duration;

#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    pub text: String,
    pub tool: Option<ToolCall>,
    pub usage: Tokens,
    pub delay: Duration,
    pub chunk: Duration,
    pub end: End,
}

/// How an answer ends.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    Well,
    Error {
        status: u16,
        message: String,
        retry_after: Option<u64>,
    },
    /// After so many pieces the connection breaks.
    Cut(usize),
    /// After so many pieces nothing comes any more.
    Hang(usize),
}

/// Text in the pieces in which it is streamed: a few words each.
pub fn pieces(text: &str) -> Vec<&str> {
    const LENGTH: usize = 18;
    let mut out = Vec::new();
    let mut start = 0;
    for (at, c) in text.char_indices() {
        if c.is_whitespace() && at - start >= LENGTH {
            out.push(&text[start..at]);
            start = at;
        }
    }
    if start < text.len() {
        out.push(&text[start..]);
    }
    out
}

/// One server-sent event with a name.
pub fn event(name: &str, data: &serde_json::Value) -> String {
    format!("event: {name}\ndata: {data}\n\n")
}
