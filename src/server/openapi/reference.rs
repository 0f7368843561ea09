//! The description as people read it: `assets/api.md`, made from the same document.

use super::describe::document;
use serde_json::{Map, Value};
use std::{fmt::Write, fs, path::Path};

/// Operations by the first word of their path, as the table has them, and what that is about.
const CHAPTERS: [(&str, &[&str]); 7] = [
    ("Swarms and items", &["swarms", "items"]),
    ("Agents", &["agents", "hooks"]),
    ("Money", &["budgets", "ledger", "prices"]),
    ("Rules", &["policy"]),
    ("The inbox", &["approvals", "remembered"]),
    ("What happens", &["events", "pulse", "audit"]),
    ("The core", &["health", "doctor", "shutdown", "openapi.json"]),
];

#[test]
fn the_reference_is_of_this_description() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/api.md");
    let now = reference(&document());
    if std::env::var_os("DASH_WRITE").is_some() {
        fs::write(&file, &now).unwrap();
    }
    let was = fs::read_to_string(&file).unwrap_or_default();
    assert!(was == now, "assets/api.md is old: set DASH_WRITE=1 once");
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn fields<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    value[key].as_object().into_iter().flatten()
}

fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(path) => document.pointer(&path[1..]).unwrap(),
        None => value,
    }
}

/// For one cell of a table.
fn cell(words: &str) -> String {
    words.replace('|', "\\|").replace('\n', " ")
}

fn reference(document: &Value) -> String {
    let mut out = String::from("# The API of Dash\n\n");
    writeln!(out, "{}\n", text(&document["info"], "description")).unwrap();
    out.push_str("Made from [openapi.json](openapi.json), which a test makes from the types.\n");
    let mut told = 0;
    for (title, nouns) in CHAPTERS {
        writeln!(out, "\n## {title}").unwrap();
        for noun in nouns {
            for (path, methods) in fields(document, "paths") {
                if path.split('/').nth(2) != Some(noun) {
                    continue;
                }
                for (method, operation) in methods.as_object().unwrap() {
                    describe(&mut out, document, path, method, operation);
                    told += 1;
                }
            }
        }
    }
    let all: usize = fields(document, "paths").map(|(_, it)| it.as_object().unwrap().len()).sum();
    assert_eq!(told, all, "an operation is in no chapter");
    out.push_str("\n## Refusals\n\n");
    for (status, response) in fields(&document["components"], "responses") {
        writeln!(out, "- **{status}** {}", text(response, "description")).unwrap();
    }
    out.push_str("\n## Types\n");
    for (name, schema) in fields(&document["components"], "schemas") {
        writeln!(out, "\n### {name}\n").unwrap();
        if !text(schema, "description").is_empty() {
            writeln!(out, "{}\n", text(schema, "description")).unwrap();
        }
        shape(&mut out, schema);
    }
    out
}

fn describe(out: &mut String, document: &Value, path: &str, method: &str, operation: &Value) {
    let (id, method) = (text(operation, "operationId"), method.to_uppercase());
    writeln!(out, "\n### `{method} {path}`\n").unwrap();
    write!(out, "{} (`{id}`).", text(operation, "summary")).unwrap();
    match operation["x-inside"].as_str() {
        Some("any") => out.push_str(" Open to agents."),
        Some("branch") => out.push_str(" Open to an agent of itself and all below it."),
        Some(_) => out.push_str(" Open to an agent of what it spawned."),
        None => {}
    }
    out.push('\n');
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let parameters: Vec<_> = parameters.map(|it| resolve(document, it)).collect();
    if !parameters.is_empty() {
        out.push_str("\n| parameter | in | type | |\n|---|---|---|---|\n");
    }
    for it in parameters {
        let needed = if it["required"] == true { " (needed)" } else { "" };
        let (name, place, words) = (text(it, "name"), text(it, "in"), text(it, "description"));
        let kind = kind(&it["schema"]);
        writeln!(out, "| `{name}`{needed} | {place} | {kind} | {} |", cell(words)).unwrap();
    }
    let body = &operation["requestBody"]["content"]["application/json"];
    if !body.is_null() {
        let example = serde_json::to_string(&body["example"]).unwrap();
        writeln!(out, "\nBody: {}, such as\n\n```json\n{example}\n```", kind(&body["schema"]))
            .unwrap();
    }
    let mut refusals = Vec::new();
    out.push('\n');
    for (status, response) in fields(operation, "responses") {
        if response.get("$ref").is_some() {
            refusals.push(status.as_str());
            continue;
        }
        let mut given = Vec::new();
        for (media, content) in fields(response, "content") {
            let item = content.get("x-itemSchema").map(|item| format!(" of {}", kind(item)));
            let whole = if item.is_some() {
                String::new()
            } else {
                format!(" {}", kind(&content["schema"]))
            };
            given.push(format!("`{media}`{whole}{}", item.unwrap_or_default()));
        }
        let given = if given.is_empty() {
            text(response, "description").to_owned()
        } else {
            given.join(", ")
        };
        writeln!(out, "- **{status}** {given}").unwrap();
    }
    writeln!(out, "- refused with {}", refusals.join(", ")).unwrap();
}

/// A type in few words, with a link where it has a name.
fn kind(schema: &Value) -> String {
    if let Some(path) = schema["$ref"].as_str() {
        let name = path.rsplit('/').next().unwrap();
        return format!("[{name}](#{})", name.to_lowercase());
    }
    for several in ["anyOf", "oneOf"] {
        if let Some(choices) = schema[several].as_array() {
            let words: Vec<String> = choices.iter().map(kind).collect();
            return words.join(" or ");
        }
    }
    if let Some(words) = schema["enum"].as_array() {
        let words: Vec<String> = words.iter().map(|word| format!("`{}`", bare(word))).collect();
        return words.join(", ");
    }
    if let Some(word) = schema.get("const") {
        return format!("`{}`", bare(word));
    }
    let named = match &schema["type"] {
        Value::Array(words) => words.iter().map(bare).collect::<Vec<_>>().join(" or "),
        word => bare(word),
    };
    match (named.as_str(), schema.get("items"), schema.get("additionalProperties")) {
        ("array", Some(items), _) => format!("array of {}", kind(items)),
        ("object", _, Some(Value::Object(values))) if !values.is_empty() => {
            format!("object of {}", kind(&Value::Object(values.clone())))
        }
        ("null", ..) if schema["type"].is_null() => "anything".to_owned(),
        _ => named,
    }
}

fn bare(word: &Value) -> String {
    word.as_str().map_or_else(|| word.to_string(), str::to_owned)
}

fn shape(out: &mut String, schema: &Value) {
    let none = Map::new();
    let known = schema["properties"].as_object().unwrap_or(&none);
    for choice in schema["oneOf"].as_array().into_iter().flatten() {
        choice_line(out, choice);
    }
    if known.is_empty() && schema["oneOf"].is_null() {
        writeln!(out, "{}", kind(schema)).unwrap();
    }
    if known.is_empty() {
        return;
    }
    if !schema["oneOf"].is_null() {
        out.push_str("\nand always\n\n");
    }
    let needed = schema["required"].as_array().cloned().unwrap_or_default();
    out.push_str("| field | type | |\n|---|---|---|\n");
    for (name, field) in known {
        let star = if needed.contains(&Value::from(name.as_str())) { "" } else { "?" };
        let words = cell(text(field, "description"));
        writeln!(out, "| `{name}`{star} | {} | {words} |", cell(&kind(field))).unwrap();
    }
}

/// One of several things that it may be.
fn choice_line(out: &mut String, choice: &Value) {
    let words = text(choice, "description").replace('\n', " ");
    let Some(known) = choice["properties"].as_object() else {
        writeln!(out, "- {}{}", kind(choice), said(&words)).unwrap();
        return;
    };
    let mark = known.iter().find(|(_, field)| field.get("const").is_some());
    let rest = known.iter().filter(|(_, field)| field.get("const").is_none());
    let mut parts: Vec<String> =
        rest.map(|(name, field)| format!("`{name}` {}", kind(field))).collect();
    if choice.get("$ref").is_some() {
        parts.insert(0, format!("all of {}", kind(choice)));
    }
    let mark = mark.map(|(name, field)| format!("`{name}: {}`", bare(&field["const"])));
    let with = if parts.is_empty() { String::new() } else { format!(" with {}", parts.join(", ")) };
    writeln!(out, "- {}{with}{}", mark.unwrap_or_default(), said(&words)).unwrap();
}

fn said(words: &str) -> String {
    if words.is_empty() { String::new() } else { format!(": {words}") }
}
