//! OpenAI Responses.

use super::ask::Ask;
use super::reply::{Reply, event, pieces};
use serde_json::{Value, json};

pub fn whole(ask: &Ask, reply: &Reply) -> Value {
    response(ask, "completed", items(ask, reply), usage(reply))
}

pub fn stream(ask: &Ask, reply: &Reply) -> Vec<String> {
    let mut out = Vec::new();
    let mut number = 0;
    let mut emit = |name: &str, mut data: Value| {
        data["type"] = json!(name);
        data["sequence_number"] = json!(number);
        number += 1;
        out.push(event(name, &data));
    };
    let begun = response(ask, "in_progress", Vec::new(), Value::Null);
    emit("response.created", json!({"response": begun}));
    emit("response.in_progress", json!({"response": begun}));
    let items = items(ask, reply);
    for (index, item) in items.iter().enumerate() {
        let id = item["id"].clone();
        let mut empty = item.clone();
        empty["status"] = json!("in_progress");
        match item["type"].as_str() {
            Some("message") => {
                empty["content"] = json!([]);
                emit("response.output_item.added", json!({"output_index": index, "item": empty}));
                let at = json!({"item_id": id, "output_index": index, "content_index": 0});
                let with = |key: &str, value: Value| {
                    let mut data = at.clone();
                    data[key] = value;
                    data
                };
                let part =
                    |text: &str| json!({"type": "output_text", "text": text, "annotations": []});
                emit("response.content_part.added", with("part", part("")));
                for text in pieces(&reply.text) {
                    emit("response.output_text.delta", with("delta", json!(text)));
                }
                emit("response.output_text.done", with("text", json!(reply.text)));
                emit("response.content_part.done", with("part", part(&reply.text)));
            }
            Some(kind) => {
                let (field, stem) = match kind {
                    "custom_tool_call" => ("input", "response.custom_tool_call_input"),
                    _ => ("arguments", "response.function_call_arguments"),
                };
                empty[field] = json!("");
                emit("response.output_item.added", json!({"output_index": index, "item": empty}));
                for (name, key) in [("delta", "delta"), ("done", field)] {
                    let mut data = json!({"item_id": id, "output_index": index});
                    data[key] = item[field].clone();
                    emit(&format!("{stem}.{name}"), data);
                }
            }
            None => {}
        }
        emit("response.output_item.done", json!({"output_index": index, "item": item}));
    }
    let done = response(ask, "completed", items, usage(reply));
    emit("response.completed", json!({"response": done}));
    out
}

fn items(ask: &Ask, reply: &Reply) -> Vec<Value> {
    let mut out = Vec::new();
    if !reply.text.is_empty() || reply.tool.is_none() {
        out.push(json!({
            "id": format!("msg_sim_{:016x}", ask.hash),
            "type": "message",
            "status": "completed",
            "role": "assistant",
            "content": [{"type": "output_text", "text": reply.text, "annotations": []}],
        }));
    }
    if let Some(tool) = &reply.tool {
        let call_id = format!("call_sim_{:016x}", ask.hash);
        out.push(match tool.freeform {
            true => json!({
                "id": format!("ctc_sim_{:016x}", ask.hash), "type": "custom_tool_call",
                "status": "completed", "call_id": call_id, "name": tool.name,
                "input": tool.input,
            }),
            false => json!({
                "id": format!("fc_sim_{:016x}", ask.hash), "type": "function_call",
                "status": "completed", "call_id": call_id, "name": tool.name,
                "arguments": tool.input.to_string(),
            }),
        });
    }
    out
}

fn response(ask: &Ask, status: &str, output: Vec<Value>, usage: Value) -> Value {
    json!({
        "id": format!("resp_sim_{:016x}", ask.hash),
        "object": "response",
        "created_at": 0,
        "status": status,
        "error": null,
        "incomplete_details": null,
        "model": ask.model,
        "output": output,
        "parallel_tool_calls": false,
        "usage": usage,
    })
}

fn usage(reply: &Reply) -> Value {
    let prompt = reply.usage.input + reply.usage.cache_read + reply.usage.cache_write;
    json!({
        "input_tokens": prompt,
        "input_tokens_details": {
            "cached_tokens": reply.usage.cache_read,
            "cache_write_tokens": reply.usage.cache_write,
        },
        "output_tokens": reply.usage.output,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": prompt + reply.usage.output,
    })
}
