//! What a request asks for beyond tokens that it shows: tools that the provider runs and bills
//! by their own measure, dearer tiers, and what the provider reads from elsewhere. Nobody can
//! say what that costs but the user; else it is refused by name under a budget.

use super::media::{inline, is_of};
use super::wire::Wire;
use crate::config::Dialect;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

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
    // OpenRouter's: other models than the one that is priced, and what it runs beside them.
    "models",
    "plugins",
];
/// Of their values those that change nothing.
const USUAL: &[(&str, &str)] =
    &[("speed", "standard"), ("inference_geo", "global"), ("models", "[]"), ("plugins", "[]")];
/// Models that do what costs more than tokens whatever is asked of them, by a part of their name.
const MODELS: &[(&str, &str)] = &[
    ("-image", "image output"),
    ("nano-banana", "image output"),
    ("-search-preview", "web search"),
    ("-search-api", "web search"),
    (":online", "web search"),
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
/// Of these, those that a request describes in full.
const DESCRIBED: &[&str] = &["function", "custom", "namespace"];
/// Tiers that cost no more than the usual one.
const TIERS: &[&str] =
    &["auto", "default", "standard", "standard_only", "flex", "batch", "on_demand", "unspecified"];
/// The name of a tool that is not written as one.
const UNKNOWN: &str = "of an unknown form";
/// Kinds of data that [`Media`](super::media::Media) bounds, as they begin.
const PLAIN: &[&str] = &[
    "image/",
    "text/",
    "application/pdf",
    "application/json",
    "application/xml",
    "application/rtf",
    "application/x-javascript",
    "application/x-python",
];
/// The name of data that is of no kind.
const UNTYPED: &str = "inlineData of no known type";
/// Types of content that stand for something else.
const CONTENT: &[&str] = &["item_reference", "container_upload", "input_audio"];
/// Fields whose text names what the provider has or fetches.
const NAMES: &[&str] = &["file_id", "fileUri", "file_uri"];

type Fields<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

/// An object as it stands there.
struct Pairs<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object<'a>(PhantomData<&'a ()>);
        impl<'de: 'a, 'a> Visitor<'de> for Object<'a> {
            type Value = Pairs<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Object(PhantomData))
    }
}

#[derive(Deserialize)]
struct Tool<'a> {
    #[serde(default, borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
    /// Where a shell is run: a container of the provider's is paid by the hour.
    #[serde(default, borrow)]
    environment: Option<Place<'a>>,
}

#[derive(Deserialize)]
struct Place<'a> {
    #[serde(default, borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
}

impl Tool<'_> {
    /// Its name where the provider runs it.
    fn dear(self) -> Option<String> {
        let kind = self.kind?;
        if !OWN_TOOLS.iter().any(|own| kind.starts_with(own)) {
            return Some(kind.into_owned());
        }
        let place = self.environment.and_then(|place| place.kind).filter(|place| place != "local");
        place.map(|place| format!("{kind} in {place}"))
    }
}

/// How many tools a request has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tools {
    pub all: u64,
    /// That it names and does not describe.
    pub of_provider: u64,
}

/// Of a request that is none of Gemini's.
pub fn tools(body: &[u8]) -> Tools {
    let pairs = serde_json::from_slice(body).map_or_else(|_| Vec::new(), |Pairs(pairs)| pairs);
    // Given twice either may count.
    let given = pairs.iter().filter(|(name, _)| name == "tools");
    let all: Vec<&str> = given.flat_map(|(_, raw)| listed(raw.get())).collect();
    let named = |tool: &&&str| {
        let kind = serde_json::from_str::<Tool<'_>>(tool).map(|tool| tool.kind);
        kind.is_ok_and(|kind| kind.is_some_and(|kind| !DESCRIBED.contains(&&*kind)))
    };
    Tools { all: all.len() as u64, of_provider: all.iter().filter(named).count() as u64 }
}

/// All such things, in the request's own words.
pub fn dear(wire: Wire, model: &str, body: &[u8]) -> Vec<String> {
    let Ok(Pairs(pairs)) = serde_json::from_slice(body) else { return Vec::new() };
    let mut fields = Fields::new();
    let mut all = Vec::new();
    for (name, raw) in pairs {
        // Some take the last, some both.
        if fields.insert(name.clone(), raw).is_some() {
            all.push(format!("{name} given twice"));
        }
    }
    let name = model.to_ascii_lowercase();
    let does = MODELS.iter().find(|(part, _)| name.contains(part)).map(|(_, does)| *does);
    // How it is to search is not one search more.
    let same = |name: &str| name == "web_search_options" && does == Some("web search");
    let usual = |name: &str, raw: &RawValue| {
        let text = raw.get().trim_matches('"');
        text == "null" || USUAL.contains(&(name, text))
    };
    let set = |name: &&&str| fields.get(**name).is_some_and(|raw| !usual(name, raw)) && !same(name);
    all.extend(FIELDS.iter().filter(set).map(|name| (*name).to_owned()));
    all.extend(does.map(str::to_owned));
    all.extend(dear_tiers(&fields));
    let tools = fields.get("tools").map_or("[]", |raw| raw.get());
    all.extend(dear_tools(wire, tools).into_iter().map(|tool| format!("tool {tool}")));
    let there = |kind: &&&str| value(body, "type").any(|text| text == kind.as_bytes());
    all.extend(CONTENT.iter().filter(there).map(|kind| (*kind).to_owned()));
    let named = |name: &&&str| value(body, name).next().is_some();
    all.extend(NAMES.iter().filter(named).map(|name| (*name).to_owned()));
    let typed = |kind: &[u8]| value(body, "type").any(|text| text == kind);
    // An image has so many tokens, wherever it lies; a document any number.
    if wire.dialect() == Dialect::Anthropic && typed(b"document") && typed(b"url") {
        all.push("document by url".to_owned());
    }
    all.extend(media(wire, body, &fields));
    all
}

/// Sound and pictures that move, asked or answered, which no count of bytes bounds.
fn media(wire: Wire, body: &[u8], fields: &Fields<'_>) -> Vec<String> {
    if wire.dialect() != Dialect::Gemini {
        return Vec::new();
    }
    let moves = |text: &&[u8]| is_of(text, "audio/") || is_of(text, "video/");
    let sent = ["mimeType", "mime_type"].iter().flat_map(|name| value(body, name).filter(moves));
    let sent = sent.map(|kind| String::from_utf8_lossy(kind).to_ascii_lowercase());
    let inline = inline(body).into_iter();
    let inline = inline.filter(|kind| !PLAIN.iter().any(|plain| kind.starts_with(plain)));
    let inline = inline.map(|kind| if kind.is_empty() { UNTYPED.to_owned() } else { kind });
    let mut all: Vec<String> = sent.chain(inline).collect();
    all.sort_unstable();
    all.dedup();
    all.extend(answered(fields));
    all
}

fn answered(fields: &Fields<'_>) -> Option<String> {
    let names = ["responseModalities", "response_modalities"];
    let is_text = |kind: &str| {
        serde_json::from_str::<String>(kind).is_ok_and(|kind| kind.eq_ignore_ascii_case("text"))
    };
    let others = |config: &str| {
        let config: Fields<'_> = serde_json::from_str(config).unwrap_or_default();
        spelled(&config, names).flat_map(listed).any(|kind| !is_text(kind))
    };
    let mut configs = spelled(fields, ["generationConfig", "generation_config"]);
    configs.any(others).then(|| names[0].to_owned())
}

/// In whatever case, and with the name of their kind before it.
fn dear_tiers(fields: &Fields<'_>) -> Vec<String> {
    let tiers = spelled(fields, ["service_tier", "serviceTier"]).map(|raw| {
        let tier = serde_json::from_str::<String>(raw).unwrap_or_else(|_| raw.to_owned());
        let tier = tier.to_ascii_lowercase();
        tier.strip_prefix("service_tier_").map_or_else(|| tier.clone(), str::to_owned)
    });
    let dear = tiers.filter(|tier| !TIERS.contains(&&**tier));
    dear.map(|tier| format!("service_tier: {tier}")).collect()
}

/// What a field is in each of its spellings, of which services take either.
fn spelled<'a>(
    fields: &Fields<'a>,
    names: [&'static str; 2],
) -> impl Iterator<Item = &'a str> + use<'a> {
    let [one, other] = names.map(|name| fields.get(name).map(|raw| raw.get()));
    one.into_iter().chain(other).filter(|raw| *raw != "null")
}

fn dear_tools(wire: Wire, tools: &str) -> Vec<String> {
    let mut all = Vec::new();
    for tool in listed(tools) {
        if wire.dialect() == Dialect::Gemini {
            let own = ["functionDeclarations", "function_declarations"];
            let Ok(tool) = serde_json::from_str::<Fields<'_>>(tool) else {
                all.push(UNKNOWN.to_owned());
                continue;
            };
            all.extend(tool.into_keys().filter(|key| !own.contains(&&**key)).map(Cow::into_owned));
        } else {
            match serde_json::from_str::<Tool<'_>>(tool).map(Tool::dear) {
                Ok(dear) => all.extend(dear),
                Err(_) => all.push(UNKNOWN.to_owned()),
            }
        }
    }
    all
}

/// The values of a list; what is none is taken for its one value, as services do.
fn listed(json: &str) -> Vec<&str> {
    match serde_json::from_str::<Vec<&RawValue>>(json) {
        Ok(all) => all.into_iter().map(RawValue::get).collect(),
        Err(_) if json == "null" => Vec::new(),
        Err(_) => vec![json],
    }
}

fn value<'a>(body: &'a [u8], name: &str) -> impl Iterator<Item = &'a [u8]> {
    values(body, name).map(|(_, text)| text)
}

/// The texts that stand as values of `name`, wherever it is a field, and where that is. Within a
/// text its quotes are escaped, so that what an agent quotes is none.
pub fn values<'a>(body: &'a [u8], name: &str) -> impl Iterator<Item = (usize, &'a [u8])> {
    let key = format!("\"{name}\"");
    let len = key.len();
    let found: Vec<usize> = memchr::memmem::find_iter(body, key.as_bytes()).collect();
    found.into_iter().filter_map(move |at| {
        let rest = body.get(at + len..)?.trim_ascii_start().strip_prefix(b":")?;
        let text = rest.trim_ascii_start().strip_prefix(b"\"")?;
        Some((at, text.split(|byte| *byte == b'"').next()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_costs_more_than_its_tokens_is_named() {
        let said = |wire, body: &str| dear(wire, "m", body.as_bytes());
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
            let said = said(wire, body);
            assert!(said.len() == 1 && said[0].contains(name), "{body}: {said:?}");
        }
        let both = r#"{"tools":[{"type":"web_search_1"},{"type":"web_fetch_1"}],"speed":"fast"}"#;
        let named = ["speed", "tool web_search_1", "tool web_fetch_1"];
        assert_eq!(said(Wire::Messages, both), named);
        for (wire, body) in [
            (Wire::Messages, r#"{"tools":[{"name":"x","input_schema":{"type":"object"}}]}"#),
            (Wire::Messages, r#"{"tools":[{"type":"bash_20250124"},{"type":"custom"}]}"#),
            (Wire::Messages, r#"{"speed":"standard","inference_geo":"global"}"#),
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
            assert_eq!(said(wire, body), [""; 0], "{body}");
        }
    }
}
