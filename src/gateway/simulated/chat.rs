//! OpenAI Chat Completions.

use super::ask::Ask;
use super::reply::{Reply, pieces};
use serde_json::{Value, json};

pub fn whole(ask: &Ask, reply: &Reply) -> Value {
    let mut message = json!({"role": "assistant", "content": reply.text});
    if let Some(call) = call(ask, reply) {
        message["tool_calls"] = json!([call]);
    }
    let choice = json!({
        "index": 0, "message": message, "logprobs": null, "finish_reason": finish_reason(reply),
    });
    let mut out = frame(ask, "chat.completion", vec![choice]);
    out["usage"] = usage(reply);
    out
}

pub fn stream(ask: &Ask, reply: &Reply) -> Vec<String> {
    let line = |value: Value| format!("data: {value}\n\n");
    let chunk = |delta: Value, finish: Option<&str>| {
        let choice = json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish});
        line(frame(ask, "chat.completion.chunk", vec![choice]))
    };
    let mut out = vec![chunk(json!({"role": "assistant", "content": ""}), None)];
    out.extend(pieces(&reply.text).into_iter().map(|text| chunk(json!({"content": text}), None)));
    if let Some(mut call) = call(ask, reply) {
        let arguments = call["function"]["arguments"].take();
        call["index"] = json!(0);
        call["function"]["arguments"] = json!("");
        out.push(chunk(json!({"tool_calls": [call]}), None));
        let rest = json!({"index": 0, "function": {"arguments": arguments}});
        out.push(chunk(json!({"tool_calls": [rest]}), None));
    }
    out.push(chunk(json!({}), Some(finish_reason(reply))));
    if ask.include_usage {
        let mut last = frame(ask, "chat.completion.chunk", Vec::new());
        last["usage"] = usage(reply);
        out.push(line(last));
    }
    out.push("data: [DONE]\n\n".to_owned());
    out
}

fn frame(ask: &Ask, object: &str, choices: Vec<Value>) -> Value {
    json!({
        "id": format!("chatcmpl-sim-{:016x}", ask.hash),
        "object": object,
        "created": 0,
        "model": ask.model,
        "choices": choices,
    })
}

fn call(ask: &Ask, reply: &Reply) -> Option<Value> {
    let tool = reply.tool.as_ref()?;
    Some(json!({
        "id": format!("call_sim_{:016x}", ask.hash),
        "type": "function",
        "function": {"name": tool.name, "arguments": tool.input.to_string()},
    }))
}

fn usage(reply: &Reply) -> Value {
    let prompt = reply.usage.input + reply.usage.cache_read + reply.usage.cache_write;
    json!({
        "prompt_tokens": prompt,
        "completion_tokens": reply.usage.output,
        "total_tokens": prompt + reply.usage.output,
        "prompt_tokens_details": {
            "cached_tokens": reply.usage.cache_read,
            "cache_write_tokens": reply.usage.cache_write,
        },
    })
}

fn finish_reason(reply: &Reply) -> &'static str {
    if reply.tool.is_some() { "tool_calls" } else { "stop" }
}
