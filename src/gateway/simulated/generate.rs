//! Gemini `generateContent`, whole and as a stream.

use super::ask::Ask;
use super::reply::{Reply, pieces};
use serde_json::{Value, json};

pub fn whole(ask: &Ask, reply: &Reply) -> Value {
    let mut parts = Vec::new();
    if !reply.text.is_empty() || reply.tool.is_none() {
        parts.push(json!({"text": reply.text}));
    }
    parts.extend(call(ask, reply));
    let mut out = chunk(ask, parts, Some("STOP"));
    out["usageMetadata"] = usage(reply);
    out
}

/// Every chunk is an answer of its own, of which text is joined; the last one says why it
/// ended and what it took.
pub fn stream(ask: &Ask, reply: &Reply) -> Vec<String> {
    let texts = pieces(&reply.text).into_iter().map(|text| vec![json!({"text": text})]);
    let mut out: Vec<Value> = texts
        .chain(call(ask, reply).map(|call| vec![call]))
        .map(|parts| chunk(ask, parts, None))
        .collect();
    let mut last = chunk(ask, vec![json!({"text": ""})], Some("STOP"));
    last["usageMetadata"] = usage(reply);
    out.push(last);
    // Google ends its lines so.
    out.iter().map(|value| format!("data: {value}\r\n\r\n")).collect()
}

/// What is listed under `/v1beta/models`.
pub fn models(path: &str) -> Value {
    let model = json!({
        "name": "models/simulated", "displayName": "Simulated", "version": "1",
        "inputTokenLimit": 1_000_000, "outputTokenLimit": 65_536,
        "supportedGenerationMethods": ["generateContent", "countTokens"],
    });
    match path.split('?').next().unwrap_or_default().split_once("/models/") {
        Some(_) => model,
        None => json!({"models": [model]}),
    }
}

fn chunk(ask: &Ask, parts: Vec<Value>, finish: Option<&str>) -> Value {
    let mut candidate = json!({"index": 0, "content": {"role": "model", "parts": parts}});
    if let Some(reason) = finish {
        candidate["finishReason"] = json!(reason);
    }
    json!({
        "candidates": [candidate],
        "modelVersion": ask.model,
        "responseId": format!("sim-{:016x}", ask.hash),
    })
}

fn call(ask: &Ask, reply: &Reply) -> Option<Value> {
    let tool = reply.tool.as_ref()?;
    let id = format!("call-sim-{:016x}", ask.hash);
    Some(json!({"functionCall": {"id": id, "name": tool.name, "args": tool.input}}))
}

fn usage(reply: &Reply) -> Value {
    let prompt = reply.usage.input + reply.usage.cache_read + reply.usage.cache_write;
    json!({
        "promptTokenCount": prompt,
        "cachedContentTokenCount": reply.usage.cache_read,
        "candidatesTokenCount": reply.usage.output,
        "thoughtsTokenCount": 0,
        "totalTokenCount": prompt + reply.usage.output,
    })
}
