//! Anthropic Messages.

use super::ask::Ask;
use super::reply::{Reply, event, pieces};
use serde_json::{Value, json};

pub fn whole(ask: &Ask, reply: &Reply) -> Value {
    let mut content = Vec::new();
    if !reply.text.is_empty() || reply.tool.is_none() {
        content.push(json!({"type": "text", "text": reply.text}));
    }
    if let Some(tool) = &reply.tool {
        content.push(json!({
            "type": "tool_use", "id": tool_id(ask), "name": tool.name, "input": tool.input,
        }));
    }
    message(ask, reply, content, Some(stop_reason(reply)), reply.usage.output)
}

pub fn stream(ask: &Ask, reply: &Reply) -> Vec<String> {
    let start = message(ask, reply, Vec::new(), None, 1);
    let mut out = vec![
        event("message_start", &json!({"type": "message_start", "message": start})),
        event("ping", &json!({"type": "ping"})),
    ];
    let mut index = 0;
    let mut block = |begin: Value, deltas: Vec<Value>| {
        out.push(event(
            "content_block_start",
            &json!({"type": "content_block_start", "index": index, "content_block": begin}),
        ));
        out.extend(deltas.into_iter().map(|delta| {
            event(
                "content_block_delta",
                &json!({"type": "content_block_delta", "index": index, "delta": delta}),
            )
        }));
        out.push(event(
            "content_block_stop",
            &json!({"type": "content_block_stop", "index": index}),
        ));
        index += 1;
    };
    if !reply.text.is_empty() || reply.tool.is_none() {
        let deltas = pieces(&reply.text);
        let deltas = deltas.iter().map(|text| json!({"type": "text_delta", "text": text}));
        block(json!({"type": "text", "text": ""}), deltas.collect());
    }
    if let Some(tool) = &reply.tool {
        let begin = json!({"type": "tool_use", "id": tool_id(ask), "name": tool.name, "input": {}});
        let input = tool.input.to_string();
        block(begin, vec![json!({"type": "input_json_delta", "partial_json": input})]);
    }
    out.push(event(
        "message_delta",
        &json!({
            "type": "message_delta",
            "delta": {"stop_reason": stop_reason(reply), "stop_sequence": null},
            "usage": {"output_tokens": reply.usage.output},
        }),
    ));
    out.push(event("message_stop", &json!({"type": "message_stop"})));
    out
}

fn message(
    ask: &Ask,
    reply: &Reply,
    content: Vec<Value>,
    stop_reason: Option<&str>,
    output: u64,
) -> Value {
    json!({
        "id": format!("msg_sim_{:016x}", ask.hash),
        "type": "message",
        "role": "assistant",
        "model": ask.model,
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": null,
        "usage": {
            "input_tokens": reply.usage.input,
            "cache_creation_input_tokens": reply.usage.cache_write,
            "cache_read_input_tokens": reply.usage.cache_read,
            "output_tokens": output,
        },
    })
}

fn tool_id(ask: &Ask) -> String {
    format!("toolu_sim_{:016x}", ask.hash)
}

fn stop_reason(reply: &Reply) -> &'static str {
    if reply.tool.is_some() { "tool_use" } else { "end_turn" }
}
