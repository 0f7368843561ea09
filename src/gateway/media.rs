//! What of a prompt no count of its bytes bounds: images, of which there are so many tokens each,
//! documents, whose text is packed and which are read as pictures beside: a file of 1 MB may
//! be a few hundred tokens, or all that the model takes; and what the provider itself says to its
//! model, which nobody sees and everybody pays.
//!
//! They are found by the fields that say what they are. Within a text its quotes are escaped, so
//! that what an agent quotes is none.

use super::{
    dear::{Tools, tools, values},
    wire::Wire,
};
use crate::config::Dialect;
use serde::{Deserialize, de::IgnoredAny};

/// The images and documents of a request, and what is added to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Media {
    /// Where it says that there is an image, in order.
    pub images: Vec<usize>,
    /// Tokens of each of them, at most.
    pub image: u64,
    pub documents: u64,
    /// Tokens that the provider adds by itself, at most.
    pub hidden: u64,
}

/// Said to a model before its tools, how to write in a format, or how to cite, each: 346 tokens at
/// most for Claude 4, 530 for Claude 3 (Anthropic's docs: tool use, pricing; 2026-11). Twice that,
/// since no other figure is given.
const PREFACE: u64 = 1_000;
/// A tool whose description the provider has itself: 245 tokens of `bash`, 700 of `text_editor`,
/// 735 of `computer` and its share of a preface (the same page); of OpenAI's, `apply_patch` and
/// others, nobody says.
const OWN_WORDS: u64 = 1_000;
/// Beside tools, what has Anthropic say something to its model: a format, and that it cites.
const PREFACED: [&[u8]; 2] = [b"\"json_schema\"", b"\"citations\""];

/// Types of content that are an image.
const IMAGES: [&[u8]; 4] = [b"image", b"image_url", b"input_image", b"computer_screenshot"];
/// Types of content that are a file.
const FILES: [&[u8]; 2] = [b"file", b"input_file"];
/// Fields that say what data is.
const KINDS: [&str; 3] = ["media_type", "mimeType", "mime_type"];

impl Media {
    pub fn of(wire: Wire, model: &str, body: &[u8]) -> Self {
        let typed = |kinds: &[&[u8]]| -> Vec<usize> {
            let all = values(body, "type").filter(|(_, text)| kinds.contains(text));
            all.map(|(at, _)| at).collect()
        };
        let kinds: Vec<(usize, &[u8])> = KINDS.iter().flat_map(|name| values(body, name)).collect();
        // Sound and films are refused by name, a text is bounded by its bytes.
        let packed = |kind: &[u8]| {
            !["image/", "text/", "audio/", "video/"].iter().any(|known| is_of(kind, known))
        };
        let documents = kinds.iter().filter(|(_, kind)| packed(kind)).count() as u64;
        let files = match wire.dialect() {
            Dialect::Openai => typed(&FILES).len() as u64,
            Dialect::Anthropic | Dialect::Gemini => 0,
        };
        let told = kinds.iter().filter(|(_, kind)| is_of(kind, "image/"));
        let mut told: Vec<usize> = told.map(|(at, _)| *at).collect();
        told.sort_unstable();
        let typed = typed(&IMAGES);
        // Some say it twice of each.
        let images = if told.len() > typed.len() { told } else { typed };
        let (image, documents) = (image(wire, model), documents.saturating_add(files));
        Self { images, image, documents, hidden: hidden(wire, body) }
    }
}

/// Functions that a request describes are billed by its own words, and in fewer of them: Gemini and
/// OpenAI add nothing that is not in its bytes.
fn hidden(wire: Wire, body: &[u8]) -> u64 {
    let Tools { all, of_provider } = tools(body);
    let prefaced = PREFACED.iter().filter(|word| memchr::memmem::find(body, word).is_some());
    let prefaces = match wire.dialect() {
        Dialect::Anthropic => u64::from(all > 0) + prefaced.count() as u64,
        Dialect::Openai => 0,
        Dialect::Gemini => return 0,
    };
    prefaces * PREFACE + of_provider * OWN_WORDS
}

/// Services take a kind in any case.
pub fn is_of(kind: &[u8], beginning: &str) -> bool {
    let begins = kind.get(..beginning.len());
    begins.is_some_and(|begins| begins.eq_ignore_ascii_case(beginning.as_bytes()))
}

#[derive(Deserialize)]
struct Inline {
    data: Option<IgnoredAny>,
    #[serde(rename = "mimeType", alias = "mime_type")]
    kind: Option<String>,
}

/// What the data that stands in a request of Gemini's is said to be, in small letters; empty
/// where nobody can tell.
pub fn inline(body: &[u8]) -> Vec<String> {
    let read = |name: &str| {
        let key = format!("\"{name}\"");
        let all = memchr::memmem::find_iter(body, &key).filter_map(|at| {
            let rest = body.get(at + key.len()..)?.trim_ascii_start().strip_prefix(b":")?;
            let object = rest.trim_ascii_start();
            object.starts_with(b"{").then_some(())?;
            match Inline::deserialize(&mut serde_json::Deserializer::from_slice(object)) {
                Ok(Inline { data: None, .. }) => None,
                Ok(Inline { kind, .. }) => Some(kind.unwrap_or_default().to_ascii_lowercase()),
                Err(_) => Some(String::new()),
            }
        });
        all.collect::<Vec<String>>()
    };
    [read("inlineData"), read("inline_data")].concat()
}

/// Tokens of one image, at most, whatever its size: services make large ones smaller.
fn image(wire: Wire, model: &str) -> u64 {
    match wire.dialect() {
        // 4,784 at its largest (docs: vision, 2026-11).
        Dialect::Anthropic => 5_000,
        // 2,833 and up to eight tiles of 5,667 each: it is billed as if it were a large model's.
        Dialect::Openai if model.contains("4o-mini") => 50_000,
        // Up to 10,000 patches at the original's detail, else 1,536 by a factor below 2.5.
        Dialect::Openai => 12_000,
        // 258 for each tile, of which a long and narrow one has many more than others.
        Dialect::Gemini => 20_000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_and_documents_are_found_in_every_dialect() {
        let found = |wire, body: &str| {
            let media = Media::of(wire, "m", body.as_bytes());
            (media.images.len(), media.documents)
        };
        for (wire, body, is) in [
            (
                Wire::Messages,
                r#"{"type":"image","source":{"media_type": "image/png","data":"iVBORw0"}}"#,
                (1, 0),
            ),
            (Wire::Messages, r#"{"type":"image","source":{"type":"url","url":"u"}}"#, (1, 0)),
            (
                Wire::Messages,
                r#"{"type":"document","source":{"media_type":"application/pdf","data":"JV"}}"#,
                (0, 1),
            ),
            (
                Wire::Messages,
                r#"{"type":"document","source":{"type":"text","media_type":"text/plain"}}"#,
                (0, 0),
            ),
            (Wire::Chat, r#"[{"type":"image_url","image_url":{"url":"data:image/png"}}]"#, (1, 0)),
            (Wire::Chat, r#"[{"type":"file","file":{"file_data":"data:…"}}]"#, (0, 1)),
            (Wire::Responses, r#"[{"type":"input_image"},{"type":"input_file"}]"#, (1, 1)),
            (Wire::Responses, r#"{"output":{"type":"computer_screenshot"}}"#, (1, 0)),
            (
                Wire::Generate,
                r#"{"parts":[{"inlineData":{"mimeType":"application/pdf"}},
                {"inline_data":{"mime_type":"image/webp"}}]}"#,
                (1, 1),
            ),
            (Wire::Generate, r#"{"generationConfig":{"responseMimeType":"a/json"}}"#, (0, 0)),
            (Wire::Messages, r#"{"text":"\"media_type\":\"application/pdf\" image/png"}"#, (0, 0)),
        ] {
            assert_eq!(found(wire, body), is, "{body}");
        }
    }

    #[test]
    fn an_image_is_as_dear_as_its_model_makes_it() {
        let body = br#"{"type":"image_url"}"#;
        let of = |model| Media::of(Wire::Chat, model, body).image;
        // As its documentation counts 2,048 by 768.
        assert!(of("gpt-4o-mini") >= 2_833 + 8 * 5_667);
        assert!(of("gpt-5.4") >= 10_000);
    }

    #[test]
    fn what_the_provider_says_by_itself_is_counted() {
        let hidden = |wire, body: &str| Media::of(wire, "m", body.as_bytes()).hidden;
        for (wire, body, is) in [
            (Wire::Messages, "{}", 0),
            (Wire::Messages, r#"{"tools":[]}"#, 0),
            (Wire::Messages, r#"{"tools":null,"messages":[{"tools":[{}]}]}"#, 0),
            (Wire::Messages, r#"{"tools":[{"name":"x"},{"type":"custom"}]}"#, 1_000),
            (Wire::Messages, r#"{"tools":{"type":"bash_20250124"}}"#, 2_000),
            (
                Wire::Messages,
                r#"{"tools":[{"type":"text_editor_20250728"},{"type":"computer_20251124"}]}"#,
                3_000,
            ),
            (Wire::Messages, r#"{"output_format":{"type":"json_schema"}}"#, 1_000),
            (Wire::Chat, r#"{"tools":[{"type":"function"}]}"#, 0),
            (Wire::Responses, r#"{"tools":[{"type":"function"},{"type":"apply_patch"}]}"#, 1_000),
            (Wire::Generate, r#"{"tools":[{"functionDeclarations":[]}]}"#, 0),
        ] {
            assert_eq!(hidden(wire, body), is, "{body}");
        }
    }
}
