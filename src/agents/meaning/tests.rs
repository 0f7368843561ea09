//! The schema that is published, and what holds the table against the format.

use super::*;
use crate::agents::{Adapter, format::File};
use crate::config::is_published;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// A JSON schema (draft 2020-12) of the file.
fn schema() -> Value {
    let mut schema = object(FILE);
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!("Dash adapter: how a kind of agent is launched, watched and judged");
    schema
}

fn object(keys: Keys) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for (key, kind, means) in keys {
        let texts = || json!({"type": "array", "items": {"type": "string"}});
        let mut property = match kind {
            Text | Needed => json!({"type": "string"}),
            Texts | NeededTexts => texts(),
            Flag => json!({"type": "boolean"}),
            Number | NeededNumber => json!({"type": "integer", "minimum": 0}),
            OneOf(words) | NeededOneOf(words) => json!({"enum": words}),
            Named => json!({"type": "object", "additionalProperties": {"type": "string"}}),
            Pattern => json!({"type": "object"}),
            Part(keys) | NeededPart(keys) => object(keys),
            Parts(keys) => json!({"type": "array", "items": object(keys)}),
        };
        property["description"] = json!(means);
        properties.insert((*key).to_owned(), property);
        if matches!(
            kind,
            Needed | NeededTexts | NeededNumber | NeededOneOf(_) | NeededPart(_) | Pattern
        ) {
            required.push(*key);
        }
    }
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

#[test]
fn the_published_schema_is_this_one() {
    is_published("assets/agents/schema.json", &schema());
}

/// A file with all that is needed in this part, and its lines.
fn example(keys: Keys) -> String {
    let mut plain = String::new();
    for (key, kind, _) in keys {
        match kind {
            Needed => plain.push_str(&format!("{key} = '{{home}}/x'\n")),
            NeededTexts => plain.push_str(&format!("{key} = ['y']\n")),
            NeededOneOf(words) => plain.push_str(&format!("{key} = '{}'\n", words[0])),
            NeededNumber => plain.push_str(&format!("{key} = 1\n")),
            Pattern | NeededPart(_) => plain.push_str(&format!("{key} = {{}}\n")),
            Text | Texts | Flag | Number | OneOf(_) | Named | Part(_) | Parts(_) => {}
        }
    }
    plain
}

const HEAD: &str = "name = 'x'\nsummary = ''\n";
const PROGRAM_PART: &str = "[program]\nname = 'x'\n";
const LAUNCH_PART: &str = "[launch]\n";

/// The file with `part` in it as well, whose place is `header`.
fn with(header: &str, part: &str) -> String {
    let mut text = HEAD.to_owned();
    if header.is_empty() {
        text.push_str(part);
    }
    for (known, own) in [("[program]", PROGRAM_PART), ("[launch]", LAUNCH_PART)] {
        let more = if header == known { part } else { "" };
        text.push_str(&format!("{own}{more}"));
    }
    match header {
        "" | "[program]" | "[launch]" => text,
        header => format!("{text}{header}\n{part}"),
    }
}

/// Words in backticks after the first.
fn expected(error: &str) -> BTreeSet<String> {
    error.split('`').skip(3).step_by(2).map(str::to_owned).collect()
}

fn raw_error(text: &str) -> String {
    toml::from_str::<File>(text).unwrap_err().message().to_owned()
}

fn check(keys: Keys, header: &str, above: &str) {
    let names: BTreeSet<String> = keys.iter().map(|(key, ..)| (*key).to_owned()).collect();
    let own = if header.is_empty() { String::new() } else { example(keys) };
    let told = raw_error(&with(header, &format!("{own}zzz = 1\n")));
    assert_eq!(expected(&told), names, "{header}: {told}");
    for (key, kind, _) in keys {
        let place = format!("{above}{key}");
        match kind {
            OneOf(words) | NeededOneOf(words) => {
                let own: String =
                    own.lines().filter(|l| !l.starts_with(key)).map(|l| format!("{l}\n")).collect();
                let told = raw_error(&with(header, &format!("{own}{key} = 'zzz'\n")));
                let words: BTreeSet<String> = words.iter().map(|w| (*w).to_owned()).collect();
                assert_eq!(expected(&told), words, "{place}: {told}");
            }
            Part(below) | NeededPart(below) if *key == "usage" => {
                let inner = format!("{own}usage = {{ zzz = 1 }}\n");
                let names = below.iter().map(|(key, ..)| (*key).to_owned()).collect();
                assert_eq!(expected(&raw_error(&with(header, &inner))), names, "{place}");
            }
            Part(below) | NeededPart(below) => {
                check(below, &format!("[{place}]"), &format!("{place}."));
            }
            Parts(below) => check(below, &format!("[[{place}]]"), &format!("{place}.")),
            Text | Needed | Texts | NeededTexts | Flag | Number | NeededNumber | Named
            | Pattern => {}
        }
    }
    if !header.is_empty() {
        for line in own.lines() {
            let less: String =
                own.lines().filter(|l| *l != line).map(|l| format!("{l}\n")).collect();
            let told = raw_error(&with(header, &less));
            assert!(told.starts_with("missing field"), "{header} {line}: {told}");
        }
    }
}

#[test]
fn the_table_has_the_keys_and_words_of_the_format() {
    Adapter::parse("x", &with("", "")).unwrap();
    check(FILE, "", "");
}

#[test]
fn a_file_is_told_key_by_key() {
    let said = meaning(&with("[[output]]", "when = { a = 1 }\nusage = { add = true }\n"));
    let keys: Vec<_> = said.iter().map(|said| said.key.as_str()).collect();
    let all = ["name", "summary", "program.name", "output[0].when", "output[0].usage.add"];
    assert_eq!(keys, all);
    assert_eq!(said[4].value, "true");
}
