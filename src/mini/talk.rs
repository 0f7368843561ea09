//! The two dialects that mini speaks: how a conversation is put, and how an answer is read.

use super::http::{Response, events};
use crate::model::Tokens;
use serde_json::{Value, json};
use std::io::{self, Read};

/// Longest answer, in tokens.
const MAX_OUTPUT: u32 = 16_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Anthropic,
    Openai,
}

/// A command that the model wants run.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolUse {
    pub id: String,
    pub name: String,
    /// JSON, or what the model took for it.
    pub arguments: String,
}

/// What the model said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Said {
    pub text: String,
    pub tools: Vec<ToolUse>,
    pub usage: Tokens,
    /// The answer ran into its length limit.
    pub cut_short: bool,
}

/// Why an answer did not come to its end.
#[derive(Debug)]
pub enum Broken {
    /// The connection: worth another try.
    Io(io::Error),
    /// The provider says so in the middle of its stream.
    Provider(String),
}

impl From<io::Error> for Broken {
    fn from(e: io::Error) -> Self {
        Self::Io(e)
    }
}

pub struct Conversation {
    dialect: Dialect,
    model: String,
    system: String,
    messages: Vec<Value>,
}

impl Conversation {
    pub fn new(dialect: Dialect, model: &str, system: &str, task: &str) -> Self {
        let mut messages = Vec::new();
        if dialect == Dialect::Openai {
            messages.push(json!({"role": "system", "content": system}));
        }
        messages.push(match dialect {
            Dialect::Anthropic => {
                json!({"role": "user", "content": [{"type": "text", "text": task}]})
            }
            Dialect::Openai => json!({"role": "user", "content": task}),
        });
        Self { dialect, model: model.to_owned(), system: system.to_owned(), messages }
    }

    pub fn path(&self) -> &'static str {
        match self.dialect {
            Dialect::Anthropic => "/v1/messages",
            Dialect::Openai => "/chat/completions",
        }
    }

    pub fn headers<'a>(&self, key: &'a str, bearer: &'a str) -> Vec<(&'static str, &'a str)> {
        match self.dialect {
            Dialect::Anthropic => vec![("x-api-key", key), ("anthropic-version", "2023-06-01")],
            Dialect::Openai => vec![("authorization", bearer)],
        }
    }

    pub fn body(&self) -> Vec<u8> {
        let schema = json!({
            "type": "object",
            "properties": {
                "command": {"type": "string", "description": "a command for `sh -c`"},
                "timeout_s": {"type": "integer", "description": "seconds; 120 if left out"},
            },
            "required": ["command"],
        });
        let about = "Runs a shell command in the working directory and returns what it prints.";
        let body = match self.dialect {
            Dialect::Anthropic => {
                // The mark on the last block lets the provider keep all before it in its cache.
                let mark = json!({"type": "ephemeral"});
                let mut messages = self.messages.clone();
                let last = messages.last_mut().and_then(|m| m["content"].as_array_mut());
                if let Some(block) = last.and_then(|content| content.last_mut()) {
                    block["cache_control"] = mark.clone();
                }
                json!({
                    "model": self.model, "max_tokens": MAX_OUTPUT, "stream": true,
                    "system": [{"type": "text", "text": self.system, "cache_control": mark}],
                    "tools": [{"name": "bash", "description": about, "input_schema": schema}],
                    "messages": messages,
                })
            }
            Dialect::Openai => json!({
                "model": self.model, "stream": true, "stream_options": {"include_usage": true},
                "tools": [{"type": "function", "function": {
                    "name": "bash", "description": about, "parameters": schema}}],
                "messages": self.messages,
            }),
        };
        body.to_string().into_bytes()
    }

    /// Adds the model's answer, and what its tools gave back, in the same order.
    pub fn add(&mut self, said: &Said, results: &[String]) {
        match self.dialect {
            Dialect::Anthropic => {
                let mut content = Vec::new();
                if !said.text.is_empty() {
                    content.push(json!({"type": "text", "text": said.text}));
                }
                for tool in &said.tools {
                    let input: Value = serde_json::from_str(&tool.arguments).unwrap_or(json!({}));
                    let input = if input.is_object() { input } else { json!({}) };
                    content.push(json!({
                        "type": "tool_use", "id": tool.id, "name": tool.name, "input": input,
                    }));
                }
                self.messages.push(json!({"role": "assistant", "content": content}));
                let results: Vec<Value> = said
                    .tools
                    .iter()
                    .zip(results)
                    .map(|(tool, text)| {
                        json!({"type": "tool_result", "tool_use_id": tool.id, "content": text})
                    })
                    .collect();
                self.messages.push(json!({"role": "user", "content": results}));
            }
            Dialect::Openai => {
                let calls: Vec<Value> = said
                    .tools
                    .iter()
                    .map(|tool| {
                        let function = json!({"name": tool.name, "arguments": tool.arguments});
                        json!({"id": tool.id, "type": "function", "function": function})
                    })
                    .collect();
                self.messages
                    .push(json!({"role": "assistant", "content": said.text, "tool_calls": calls}));
                for (tool, text) in said.tools.iter().zip(results) {
                    self.messages
                        .push(json!({"role": "tool", "tool_call_id": tool.id, "content": text}));
                }
            }
        }
    }

    /// Reads a streamed answer; text goes to `show` as it comes.
    pub fn read(&self, response: Response, show: &mut dyn FnMut(&str)) -> Result<Said, Broken> {
        let mut said = Said::default();
        let mut ended = false;
        for data in events(response) {
            let data = data?;
            if data == "[DONE]" {
                ended = true;
                continue;
            }
            let event: Value = serde_json::from_str(&data)
                .map_err(|e| Broken::Provider(format!("an event is no JSON: {e}")))?;
            if let Some(error) = event.get("error").filter(|error| !error.is_null()) {
                let message = error["message"].as_str().unwrap_or("the stream broke off");
                return Err(Broken::Provider(message.to_owned()));
            }
            match self.dialect {
                Dialect::Anthropic => ended |= anthropic(&event, &mut said, show),
                Dialect::Openai => openai(&event, &mut said, show),
            }
        }
        if ended { Ok(said) } else { Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()) }
    }
}

/// True for the last event.
fn anthropic(event: &Value, said: &mut Said, show: &mut dyn FnMut(&str)) -> bool {
    let count = |usage: &Value, key: &str, field: &mut u64| {
        if let Some(n) = usage[key].as_u64() {
            *field = n;
        }
    };
    match event["type"].as_str() {
        Some("content_block_start") if event["content_block"]["type"] == "tool_use" => {
            let block = &event["content_block"];
            said.tools.push(ToolUse {
                id: text(&block["id"]),
                name: text(&block["name"]),
                arguments: String::new(),
            });
        }
        Some("content_block_delta") => {
            let delta = &event["delta"];
            if let Some(text) = delta["text"].as_str() {
                said.text.push_str(text);
                show(text);
            }
            if let (Some(json), Some(tool)) =
                (delta["partial_json"].as_str(), said.tools.last_mut())
            {
                tool.arguments.push_str(json);
            }
        }
        Some("message_start" | "message_delta") => {
            said.cut_short |= event["delta"]["stop_reason"] == "max_tokens";
            for usage in [&event["message"]["usage"], &event["usage"]] {
                count(usage, "input_tokens", &mut said.usage.input);
                count(usage, "output_tokens", &mut said.usage.output);
                count(usage, "cache_read_input_tokens", &mut said.usage.cache_read);
                count(usage, "cache_creation_input_tokens", &mut said.usage.cache_write);
            }
        }
        Some("message_stop") => return true,
        _ => {}
    }
    false
}

fn openai(event: &Value, said: &mut Said, show: &mut dyn FnMut(&str)) {
    let choice = &event["choices"][0];
    if let Some(text) = choice["delta"]["content"].as_str().filter(|text| !text.is_empty()) {
        said.text.push_str(text);
        show(text);
    }
    for call in choice["delta"]["tool_calls"].as_array().into_iter().flatten() {
        let index = call["index"].as_u64().unwrap_or(0).min(64) as usize;
        while said.tools.len() <= index {
            let empty = String::new;
            said.tools.push(ToolUse { id: empty(), name: empty(), arguments: empty() });
        }
        let tool = &mut said.tools[index];
        tool.id.push_str(&text(&call["id"]));
        tool.name.push_str(&text(&call["function"]["name"]));
        tool.arguments.push_str(&text(&call["function"]["arguments"]));
    }
    said.cut_short |= choice["finish_reason"] == "length";
    if event["usage"].is_object() {
        let usage = &event["usage"];
        let prompt = usage["prompt_tokens"].as_u64().unwrap_or(0);
        let cached = usage["prompt_tokens_details"]["cached_tokens"].as_u64().unwrap_or(0);
        said.usage.input = prompt.saturating_sub(cached);
        said.usage.cache_read = cached;
        said.usage.output = usage["completion_tokens"].as_u64().unwrap_or(0);
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The message of an error answer, in whichever shape.
pub fn error_message(mut response: Response) -> String {
    let mut bytes = Vec::new();
    // What could be read will do.
    let _ = response.by_ref().take(64 << 10).read_to_end(&mut bytes);
    let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    match body["error"]["message"].as_str() {
        Some(message) => message.to_owned(),
        None => String::from_utf8_lossy(&bytes).chars().take(500).collect(),
    }
}
