//! Fuzzers of what the gateway reads of a model call: see `tests/fuzz/main.rs`.

use super::{
    answer::strip,
    usage::Meter,
    wire::{Asked, Wire},
};
use crate::config::Dialect;
use hyper::{
    HeaderMap,
    header::{self, HeaderName, HeaderValue},
};
use serde_json::Value;
use std::{path::Path, time::Duration};

/// Most that one target takes where the environment does not say otherwise.
const TIME: Duration = Duration::from_secs(2);

fn has_corpus(name: &str) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/gateway/__fuzz__").join(name);
    let files = std::fs::read_dir(dir.join("corpus")).map(Iterator::count).unwrap_or_default();
    assert!(files >= 3, "{files} files in the corpus of {name}");
}

const BODY: &[&str] = &[
    "data: ",
    "event: x\n",
    "\n",
    "\n\n",
    "\r\n",
    ":",
    "{",
    "}",
    "[",
    "]",
    ",",
    "\"usage\":",
    "\"model\":",
    "\"message\":",
    "\"response\":",
    "\"input_tokens\":",
    "\"output_tokens\":",
    "\"cache_read_input_tokens\":",
    "\"cache_creation\":",
    "\"prompt_tokens\":",
    "\"completion_tokens\":",
    "\"prompt_tokens_details\":",
    "\"cached_tokens\":",
    "\"cache_write_tokens\":",
    "\"usageMetadata\":",
    "\"promptTokenCount\":",
    "\"cachedContentTokenCount\":",
    "\"candidatesTokenCount\":",
    "\"generationConfig\":",
    "\"maxOutputTokens\":",
    "\"stream\":true",
    "\"stream_options\":",
    "\"include_usage\":",
    "\"max_tokens\":",
    "null",
    "true",
    "false",
    "0",
    "7",
    "18446744073709551615",
    "-1",
    "1e3",
    "\"a\"",
    "\"a\":",
    "\\",
    "\"",
    "\u{e9}",
    "[DONE]",
    "{\"usage\":{\"prompt_tokens\":5}}\n\n",
    "{\"model\":\"m\",\"stream\":true}",
];

/// Random bytes as pieces of bodies.
fn spoken(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().flat_map(|byte| BODY[usize::from(*byte) % BODY.len()].bytes()).collect()
}

const WIRES: [Wire; 7] = [
    Wire::Messages,
    Wire::CountTokens,
    Wire::Chat,
    Wire::Responses,
    Wire::Generate,
    Wire::StreamGenerate,
    Wire::Models(Dialect::Gemini),
];

/// However an answer is cut into chunks, it is read the same.
fn metered(body: &[u8]) {
    for (wire, streaming) in WIRES.into_iter().flat_map(|wire| [(wire, true), (wire, false)]) {
        let read = |size: usize| {
            let mut meter = Meter::new(wire, streaming);
            body.chunks(size).for_each(|chunk| meter.feed(chunk));
            meter.finish(true)
        };
        let whole = read(body.len().max(1));
        for size in [1, 3, 7] {
            assert_eq!(read(size), whole, "{wire:?} in chunks of {size}");
        }
        let tokens = whole.tokens;
        assert!(whole.known || [tokens.input, tokens.output, tokens.cache_read] == [0, 0, 0]);
    }
}

#[test]
fn usage() {
    has_corpus("usage");
    bolero::check!(name = "usage").with_iterations(3000).with_test_time(TIME).for_each(
        |input: &[u8]| {
            metered(input);
            metered(&spoken(input));
        },
    );
}

/// Where the gateway asks for usage in the agent's name, the rest of the request stays, and
/// whoever reads the result finds the wish in it.
fn asked(body: &[u8]) {
    let Ok(request) = serde_json::from_slice::<Asked<'_>>(body) else { return };
    for wire in WIRES {
        let _ = request.max_output(wire);
    }
    let Some(edited) = request.with_usage(body) else { return };
    let mut before: Value = serde_json::from_slice(body).unwrap();
    let mut after: Value = serde_json::from_slice(&edited).unwrap();
    let wish = after["stream_options"]["include_usage"].take();
    assert_eq!(wish, Value::Bool(true), "{}", String::from_utf8_lossy(&edited));
    for value in [&mut before, &mut after] {
        value.as_object_mut().unwrap().remove("stream_options");
    }
    assert_eq!(before, after);
}

#[test]
fn requests() {
    has_corpus("requests");
    bolero::check!(name = "requests").with_iterations(20_000).with_test_time(TIME).for_each(
        |input: &[u8]| {
            asked(input);
            asked(&spoken(input));
            // Members of an object, so that most of them are read.
            let members: Vec<String> = input
                .chunks(2)
                .map(|pair| {
                    let key = ["model", "stream", "stream_options", "max_tokens", "x"];
                    let value = ["\"m\"", "true", "null", "{}", "{\"a\": 1}", "7", "[{}]"];
                    let of = |list: &[&str], n: u8| list[usize::from(n) % list.len()].to_owned();
                    let second = pair.get(1).copied().unwrap_or_default();
                    format!("\"{}\": {}", of(&key, pair[0]), of(&value, second))
                })
                .collect();
            asked(format!(" {{ {} }}", members.join(" , ")).as_bytes());
        },
    );
}

/// Lines of `name: value`, as hyper would have taken them.
fn head(text: &[u8]) -> HeaderMap {
    let lines = text.split(|byte| *byte == b'\n');
    let header = |line: &[u8]| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = HeaderName::from_bytes(&line[..colon]).ok()?;
        Some((name, HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?))
    };
    // More than one name may come again, but a map has its bounds.
    lines.filter_map(header).take(100).fold(HeaderMap::new(), |mut map, (name, value)| {
        map.append(name, value);
        map
    })
}

#[test]
fn heads() {
    has_corpus("heads");
    const WORDS: &[&str] = &[
        "connection",
        "keep-alive",
        "upgrade",
        "te",
        "host",
        "x-api-key",
        "anthropic-version",
        ":",
        ": ",
        ",",
        " ",
        "\n",
        "close",
        "chunked",
        "/v1/",
        "messages",
        "models/",
        "/v1beta/",
        ":generateContent",
        "é",
        "/",
        "transfer-encoding",
    ];
    bolero::check!(name = "heads").with_iterations(10_000).with_test_time(TIME).for_each(
        |input: &[u8]| {
            let made: String =
                input.iter().map(|byte| WORDS[usize::from(*byte) % WORDS.len()]).collect();
            for text in [input, made.as_bytes()] {
                let mut headers = head(text);
                let path = String::from_utf8_lossy(text);
                if let Some((_, rest)) = Wire::route(&path, &headers) {
                    assert!(path.ends_with(rest) && rest.starts_with("/v1"), "{path:?}");
                }
                let named: Vec<HeaderName> = headers
                    .get_all(header::CONNECTION)
                    .iter()
                    .filter_map(|value| value.to_str().ok())
                    .flat_map(|value| value.split(','))
                    .filter_map(|name| name.trim().parse().ok())
                    .collect();
                strip(&mut headers);
                assert!(named.iter().all(|name| !headers.contains_key(name)), "{headers:?}");
                assert!(!headers.contains_key(header::TRANSFER_ENCODING));
            }
        },
    );
}
