//! What a request asks for beyond tokens that it shows: tools that the provider runs and bills
//! by their own measure, dearer tiers, and what the provider reads from elsewhere. Nobody can
//! say what that costs, so under a budget it is refused by name.

use super::wire::Wire;
use crate::config::Dialect;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Fields of a request that cost more than tokens, or change what tokens cost.
const FIELDS: &[&str] = &[
    "mcp_servers",
    "speed",
    "inference_geo",
    "web_search_options",
    "modalities",
    "audio",
    "background",
    "prompt",
    "cachedContent",
    "cached_content",
    "container",
    "conversation",
    "previous_response_id",
];
/// Of tools those that the agent runs itself, as their type begins.
const OWN_TOOLS: &[&str] = &[
    "function",
    "custom",
    "bash_",
    "text_editor_",
    "memory_",
    "computer_",
    "local_shell",
    "apply_patch",
    "shell",
    // Codex (0.169.0): functions in groups, and the finding of one among those of the request.
    "namespace",
    "tool_search",
];
/// Types of content that stand for something else.
const CONTENT: &[&str] = &["item_reference", "container_upload", "input_audio"];
/// Fields whose text names what the provider has or fetches.
const NAMES: &[&str] = &["file_id", "fileUri", "file_uri"];

#[derive(Deserialize)]
struct Tool<'a> {
    #[serde(default, borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
}

/// The first such thing, in the request's own words.
pub fn dear(wire: Wire, body: &[u8]) -> Option<String> {
    let fields: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_slice(body).ok()?;
    let set = |name: &&&str| fields.get(**name).is_some_and(|raw| raw.get() != "null");
    if let Some(name) = FIELDS.iter().find(set) {
        return Some((*name).to_owned());
    }
    let tier = fields.get("service_tier").map(|raw| raw.get().trim_matches('"'));
    if let Some(tier) = tier.filter(|tier| matches!(*tier, "priority" | "fast")) {
        return Some(format!("service_tier: {tier}"));
    }
    let tools = fields.get("tools").map_or("[]", |raw| raw.get());
    if let Some(tool) = dear_tool(wire, tools) {
        return Some(format!("tool {tool}"));
    }
    let kind = CONTENT.iter().find(|kind| value(body, "type").any(|text| text == kind.as_bytes()));
    if let Some(kind) = kind {
        return Some((*kind).to_owned());
    }
    let named = |name: &&&str| value(body, name).next().is_some();
    if let Some(name) = NAMES.iter().find(named) {
        return Some((*name).to_owned());
    }
    let typed = |kind: &[u8]| value(body, "type").any(|text| text == kind);
    // An image has so many tokens, wherever it lies; a document any number.
    if wire.dialect() == Dialect::Anthropic && typed(b"document") && typed(b"url") {
        return Some("document by url".to_owned());
    }
    media(wire, body)
}

/// Sound and pictures that move, asked or answered, which no count of bytes bounds.
fn media(wire: Wire, body: &[u8]) -> Option<String> {
    if wire.dialect() != Dialect::Gemini {
        return None;
    }
    let moves = |text: &&[u8]| text.starts_with(b"audio/") || text.starts_with(b"video/");
    let sent = ["mimeType", "mime_type"].iter().find_map(|name| value(body, name).find(moves));
    if let Some(kind) = sent {
        return Some(String::from_utf8_lossy(kind).into_owned());
    }
    let answered = ["responseModalities", "response_modalities"];
    let generation: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_slice(body).ok()?;
    let generation = ["generationConfig", "generation_config"].iter().find_map(|name| {
        let fields: BTreeMap<Cow<'_, str>, &RawValue> =
            serde_json::from_str(generation.get(*name)?.get()).ok()?;
        answered.iter().find_map(|name| fields.get(*name).map(|raw| raw.get().to_uppercase()))
    })?;
    let kinds: Vec<String> = serde_json::from_str(&generation).ok()?;
    kinds.iter().any(|kind| kind != "TEXT").then(|| answered[0].to_owned())
}

fn dear_tool(wire: Wire, tools: &str) -> Option<String> {
    if wire.dialect() == Dialect::Gemini {
        let tools: Vec<BTreeMap<Cow<'_, str>, &RawValue>> = serde_json::from_str(tools).ok()?;
        let own = ["functionDeclarations", "function_declarations"];
        let others = tools.iter().flat_map(BTreeMap::keys);
        return others.map(Cow::as_ref).find(|key| !own.contains(key)).map(str::to_owned);
    }
    let tools: Vec<Tool<'_>> = serde_json::from_str(tools).ok()?;
    let kinds = tools.iter().filter_map(|tool| tool.kind.as_deref());
    let mut others = kinds.filter(|kind| !OWN_TOOLS.iter().any(|own| kind.starts_with(own)));
    others.next().map(str::to_owned)
}

/// The texts that stand as values of `name`, wherever it is a field. Within a text its quotes
/// are escaped, so that what an agent quotes is none.
fn value<'a>(body: &'a [u8], name: &str) -> impl Iterator<Item = &'a [u8]> {
    let key = format!("\"{name}\"");
    let len = key.len();
    let found: Vec<usize> = memchr::memmem::find_iter(body, key.as_bytes()).collect();
    found.into_iter().filter_map(move |at| {
        let rest = body.get(at + len..)?.trim_ascii_start().strip_prefix(b":")?;
        let text = rest.trim_ascii_start().strip_prefix(b"\"")?;
        text.split(|byte| *byte == b'"').next()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_costs_more_than_its_tokens_is_named() {
        let said = |wire, body: &str| dear(wire, body.as_bytes());
        for (wire, body, name) in [
            (Wire::Messages, r#"{"mcp_servers":[]}"#, "mcp_servers"),
            (Wire::Messages, r#"{"tools":[{"type":"web_search_20250305"}]}"#, "web_search"),
            (Wire::Messages, r#"{"tools":[{"type":"deep_research_2027"}]}"#, "deep_research"),
            (Wire::Messages, r#"{"messages":[{"type": "container_upload"}]}"#, "container_upload"),
            (Wire::Messages, r#"{"source":{"file_id" : "file_1"}}"#, "file_id"),
            (Wire::Chat, r#"{"service_tier":"priority"}"#, "priority"),
            (Wire::Responses, r#"{"prompt":{"id":"p"}}"#, "prompt"),
            (Wire::Responses, r#"{"tools":[{"type":"file_search"}]}"#, "file_search"),
            (Wire::Generate, r#"{"tools":[{"google_search":{}}]}"#, "google_search"),
            (Wire::Generate, r#"{"cachedContent":"c/1"}"#, "cachedContent"),
            (Wire::Generate, r#"{"parts":[{"fileData":{"fileUri":"u"}}]}"#, "fileUri"),
            (
                Wire::Messages,
                r#"{"messages":[{"type":"document","source":{"type":"url","url":"u"}}]}"#,
                "document by url",
            ),
            (Wire::Generate, r#"{"inlineData":{"mimeType": "video/mp4","data":"eA"}}"#, "video"),
            (
                Wire::Generate,
                r#"{"generationConfig":{"responseModalities":["TEXT","audio"]}}"#,
                "responseModalities",
            ),
        ] {
            assert!(said(wire, body).is_some_and(|it| it.contains(name)), "{body}");
        }
        for (wire, body) in [
            (Wire::Messages, r#"{"tools":[{"name":"x","input_schema":{"type":"object"}}]}"#),
            (Wire::Messages, r#"{"tools":[{"type":"bash_20250124"},{"type":"custom"}]}"#),
            (Wire::Messages, r#"{"messages":[{"text":"{\"type\":\"input_audio\"}"}]}"#),
            (
                Wire::Chat,
                r#"{"tools":[{"type":"function","function":{"parameters":{"properties":
                {"file_id":{"type":"string"},"prompt":{"type":"string"}}}}}]}"#,
            ),
            (Wire::Chat, r#"{"service_tier":"auto","modalities":null}"#),
            (Wire::Messages, r#"{"messages":[{"type":"image","source":{"type":"url"}}]}"#),
            (Wire::Responses, r#"{"tools":[{"type":"namespace","tools":[]}]}"#),
            (Wire::Generate, r#"{"generationConfig":{"responseModalities":["TEXT"]}}"#),
            (Wire::Generate, r#"{"tools":[{"functionDeclarations":[]}]}"#),
        ] {
            assert_eq!(said(wire, body), None, "{body}");
        }
    }
}
