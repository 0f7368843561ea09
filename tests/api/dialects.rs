//! The four dialects as the tests' own provider speaks them: just enough for the official SDKs
//! and for the gateway, and written apart from what the gateway itself reads them with.

use crate::upstream::{Asked, Usage};
use serde_json::{Value, json};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    Messages,
    Chat,
    Responses,
    Gemini,
    /// Anthropic's and Gemini's counting of tokens, which is free.
    Count,
}

/// A stream: what comes first, a piece as often as it is wanted, and the end.
pub struct Frames {
    pub before: String,
    pub piece: String,
    pub after: String,
}

/// In every piece of text.
pub const TEXT: &str = "word é ";

fn event(value: &Value) -> String {
    match value["type"].as_str() {
        Some(kind) => format!("event: {kind}\ndata: {value}\n\n"),
        None => format!("data: {value}\n\n"),
    }
}

fn events(values: &[Value]) -> String {
    values.iter().map(event).collect()
}

impl Wire {
    pub const ALL: [Self; 4] = [Self::Messages, Self::Chat, Self::Responses, Self::Gemini];

    pub fn of(path: &str) -> Self {
        let path = path.split('?').next().unwrap_or_default();
        let ends: [(&str, Self); 5] = [
            ("/messages", Self::Messages),
            ("/chat/completions", Self::Chat),
            ("/responses", Self::Responses),
            ("enerateContent", Self::Gemini),
            ("ount", Self::Count),
        ];
        let found = ends.iter().find(|(end, _)| path.ends_with(end));
        found.map_or(Self::Count, |(_, wire)| *wire)
    }

    pub fn counts(self) -> bool {
        self == Self::Count
    }

    /// A model that this dialect's provider has.
    pub fn own_model(self) -> &'static str {
        match self {
            Self::Messages | Self::Count => "claude-opus-4-5",
            Self::Chat | Self::Responses => "gpt-5",
            Self::Gemini => "gemini-2.5-pro",
        }
    }

    /// Path and body of a request for an answer of at most `limit` tokens.
    pub fn request(self, stream: bool, limit: u64, text: &str) -> (String, String) {
        let model = self.own_model();
        let turn = json!([{"role": "user", "content": text}]);
        match self {
            Self::Messages | Self::Count => {
                let body = json!({"model": model, "max_tokens": limit, "stream": stream, "messages": turn});
                ("/v1/messages".to_owned(), body.to_string())
            }
            Self::Chat => {
                let body = json!({"model": model, "max_completion_tokens": limit, "stream": stream, "messages": turn});
                ("/v1/chat/completions".to_owned(), body.to_string())
            }
            Self::Responses => {
                let body = json!({"model": model, "max_output_tokens": limit, "stream": stream, "input": text});
                ("/v1/responses".to_owned(), body.to_string())
            }
            Self::Gemini => {
                let body = json!({
                    "contents": [{"role": "user", "parts": [{"text": text}]}],
                    "generationConfig": {"maxOutputTokens": limit},
                });
                let method =
                    if stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
                (format!("/v1beta/models/{model}:{method}"), body.to_string())
            }
        }
    }

    pub fn model(self, path: &str, body: &str) -> String {
        if let (Self::Gemini, Some((_, rest))) = (self, path.split_once("/models/")) {
            return rest.split(':').next().unwrap_or_default().to_owned();
        }
        parsed(body)["model"].as_str().unwrap_or_default().to_owned()
    }

    pub fn streams(self, path: &str, body: &str) -> bool {
        match self {
            Self::Gemini => path.contains("streamGenerateContent"),
            Self::Messages | Self::Chat | Self::Responses | Self::Count => {
                parsed(body)["stream"] == true
            }
        }
    }

    /// The most tokens that an answer may have.
    pub fn limit(self, body: &str) -> Option<u64> {
        let body = parsed(body);
        let names = ["max_tokens", "max_completion_tokens", "max_output_tokens"];
        let at_top = names.iter().filter_map(|name| body[name].as_u64());
        at_top.chain(body["generationConfig"]["maxOutputTokens"].as_u64()).min()
    }

    pub fn error(self, status: u16) -> String {
        let message = format!("the upstream refuses with {status}");
        match self {
            Self::Messages | Self::Count => {
                json!({"type": "error", "error": {"type": "api_error", "message": message}})
            }
            Self::Chat | Self::Responses => {
                json!({"error": {"message": message, "type": "server_error", "param": null, "code": null}})
            }
            Self::Gemini => {
                json!({"error": {"code": status, "message": message, "status": "UNAVAILABLE"}})
            }
        }
        .to_string()
    }

    /// Something goes wrong in the middle of a stream.
    pub fn failure(self) -> String {
        match self {
            Self::Messages => event(
                &json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
            ),
            Self::Responses => event(&json!({
                "type": "response.failed", "sequence_number": 9,
                "response": {"id": "resp_1", "object": "response", "status": "failed", "error":
                    {"code": "server_error", "message": "it broke"}, "output": [], "usage": null},
            })),
            Self::Chat | Self::Gemini | Self::Count => event(
                &json!({"error": {"message": "it broke", "code": 500, "type": "server_error"}}),
            ),
        }
    }

    /// An answer that is no stream.
    pub fn whole(self, asked: &Asked, told: Option<Usage>) -> String {
        let model = self.model(&asked.path, &asked.body);
        let mut answer = match self {
            Self::Messages => message(&model, json!([{"type": "text", "text": TEXT}]), "end_turn"),
            Self::Chat => json!({
                "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": model,
                "choices": [{"index": 0, "finish_reason": "stop", "logprobs": null, "message":
                    {"role": "assistant", "content": TEXT, "refusal": null}}],
            }),
            Self::Responses => response(&model, "completed", json!([output_item(TEXT)])),
            Self::Gemini => json!({"modelVersion": model, "candidates": [candidate(Some("STOP"))]}),
            Self::Count => return json!({"input_tokens": 12, "totalTokens": 12}).to_string(),
        };
        if let Some(usage) = told {
            answer[self.usage_name()] = self.usage(&usage);
        }
        answer.to_string()
    }

    pub fn frames(self, asked: &Asked, told: Option<Usage>) -> Frames {
        let model = self.model(&asked.path, &asked.body);
        match self {
            Self::Messages | Self::Count => messages(&model, told),
            Self::Chat => {
                let wanted = parsed(&asked.body)["stream_options"]["include_usage"] == true;
                chat(&model, told.filter(|_| wanted))
            }
            Self::Responses => responses(&model, told),
            Self::Gemini => gemini(&model, told),
        }
    }

    fn usage_name(self) -> &'static str {
        if self == Self::Gemini { "usageMetadata" } else { "usage" }
    }

    fn usage(self, usage: &Usage) -> Value {
        let Usage { input, cache_read, write_5m, write_1h, output } = *usage;
        let prompt = input + cache_read + write_5m + write_1h;
        match self {
            Self::Messages | Self::Count => json!({
                "input_tokens": input, "output_tokens": output,
                "cache_read_input_tokens": cache_read,
                "cache_creation_input_tokens": write_5m + write_1h,
                "cache_creation": {"ephemeral_5m_input_tokens": write_5m,
                    "ephemeral_1h_input_tokens": write_1h},
            }),
            Self::Chat => json!({
                "prompt_tokens": prompt, "completion_tokens": output,
                "total_tokens": prompt + output,
                "prompt_tokens_details": {"cached_tokens": cache_read},
            }),
            Self::Responses => json!({
                "input_tokens": prompt, "output_tokens": output, "total_tokens": prompt + output,
                "input_tokens_details": {"cached_tokens": cache_read},
                "output_tokens_details": {"reasoning_tokens": 0},
            }),
            Self::Gemini => json!({
                "promptTokenCount": prompt, "candidatesTokenCount": output,
                "cachedContentTokenCount": cache_read, "totalTokenCount": prompt + output,
            }),
        }
    }
}

fn parsed(body: &str) -> Value {
    serde_json::from_str(body).unwrap_or_default()
}

fn message(model: &str, content: Value, stop: &str) -> Value {
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": model, "content": content,
        "stop_reason": if stop.is_empty() { Value::Null } else { stop.into() },
        "stop_sequence": null,
    })
}

fn messages(model: &str, told: Option<Usage>) -> Frames {
    let mut start = message(model, json!([]), "");
    let first = told.map(|usage| Usage { output: 1, ..usage });
    start["usage"] = first.map_or(json!({}), |usage| Wire::Messages.usage(&usage));
    let usage = told.map_or(json!({}), |usage| json!({"output_tokens": usage.output}));
    Frames {
        before: events(&[
            json!({"type": "message_start", "message": start}),
            json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
            json!({"type": "ping"}),
        ]),
        piece: event(
            &json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": TEXT}}),
        ),
        after: events(&[
            json!({"type": "content_block_stop", "index": 0}),
            json!({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": null}, "usage": usage}),
            json!({"type": "message_stop"}),
        ]),
    }
}

fn chat(model: &str, told: Option<Usage>) -> Frames {
    let chunk = |choices: Value| {
        json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": model,
            "choices": choices,
        })
    };
    let delta = |delta: Value, finish: Value| {
        chunk(json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}]))
    };
    let mut after = event(&delta(json!({}), "stop".into()));
    if let Some(usage) = told {
        let mut last = chunk(json!([]));
        last["usage"] = Wire::Chat.usage(&usage);
        after += &event(&last);
    }
    Frames {
        before: event(&delta(json!({"role": "assistant", "content": ""}), Value::Null)),
        piece: event(&delta(json!({"content": TEXT}), Value::Null)),
        after: after + "data: [DONE]\n\n",
    }
}

fn output_item(text: &str) -> Value {
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content":
            [{"type": "output_text", "text": text, "annotations": [], "logprobs": []}],
    })
}

fn response(model: &str, status: &str, output: Value) -> Value {
    json!({
        "id": "resp_1", "object": "response", "created_at": 1, "status": status, "model": model,
        "output": output, "error": null, "incomplete_details": null, "instructions": null,
        "metadata": {}, "parallel_tool_calls": true, "temperature": 1.0, "tool_choice": "auto",
        "tools": [], "top_p": 1.0,
    })
}

fn responses(model: &str, told: Option<Usage>) -> Frames {
    let place = |kind: &str, more: Value| {
        let mut value = json!({
            "type": kind, "sequence_number": 1, "output_index": 0, "content_index": 0,
            "item_id": "msg_1",
        });
        for (name, field) in more.as_object().into_iter().flatten() {
            value[name] = field.clone();
        }
        value
    };
    let empty = json!({"type": "output_text", "text": "", "annotations": [], "logprobs": []});
    let mut item = output_item(TEXT);
    (item["content"], item["status"]) = (json!([]), "in_progress".into());
    let mut last = response(model, "completed", json!([output_item(TEXT)]));
    last["usage"] = told.map_or(Value::Null, |usage| Wire::Responses.usage(&usage));
    let begun = response(model, "in_progress", json!([]));
    Frames {
        before: events(&[
            json!({"type": "response.created", "sequence_number": 0, "response": begun}),
            place("response.output_item.added", json!({"item": item})),
            place("response.content_part.added", json!({"part": empty})),
        ]),
        piece: event(&place("response.output_text.delta", json!({"delta": TEXT, "logprobs": []}))),
        after: events(&[
            place("response.output_text.done", json!({"text": TEXT, "logprobs": []})),
            place("response.output_item.done", json!({"item": output_item(TEXT)})),
            json!({"type": "response.completed", "sequence_number": 9, "response": last}),
        ]),
    }
}

fn candidate(finish: Option<&str>) -> Value {
    let mut one = json!({"index": 0, "content": {"role": "model", "parts": [{"text": TEXT}]}});
    if let Some(finish) = finish {
        one["finishReason"] = finish.into();
    }
    one
}

fn gemini(model: &str, told: Option<Usage>) -> Frames {
    let piece = json!({"modelVersion": model, "candidates": [candidate(None)]});
    let with = |mut value: Value, output: Option<u64>| {
        if let Some(usage) = told {
            let output = output.unwrap_or(usage.output);
            value["usageMetadata"] = Wire::Gemini.usage(&Usage { output, ..usage });
        }
        event(&value)
    };
    let end = json!({"modelVersion": model, "candidates": [candidate(Some("STOP"))]});
    Frames { before: with(piece.clone(), Some(0)), piece: event(&piece), after: with(end, None) }
}
