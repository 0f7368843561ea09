//! Makes schemas small and plain: as a reader wants them, and as generators of clients take them.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use crate::model::{Cores, Stamp};
use std::borrow::Cow;

/// What stands in `other` and not in `schema`.
pub fn merge(schema: &mut Value, other: Value) {
    let (Value::Object(schema), Value::Object(other)) = (schema, other) else { return };
    schema.remove("$ref");
    for (key, value) in other {
        schema.entry(key).or_insert(value);
    }
}

/// A parameter that may be missing is never null.
pub fn without_null(schema: &mut Value) {
    if let Some([word, null]) = schema["type"].as_array().map(Vec::as_slice)
        && null == "null"
    {
        schema["type"] = word.clone();
    }
    if let Some(fields) = schema.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
}

/// Every schema in it, too.
pub fn schema(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            one(fields);
            for (key, value) in fields.iter_mut() {
                // Data, not schemas.
                if !["enum", "const", "default", "example", "required"].contains(&key.as_str()) {
                    schema(value);
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(schema),
        _ => {}
    }
}

fn one(fields: &mut Map<String, Value>) {
    words(fields);
    numbers(fields);
    if let Some(plain) = plain_enum(fields) {
        *fields = plain;
    }
    // What is missing is as if it were empty.
    let idle = |value: &Value| {
        matches!(value, Value::Null | Value::Bool(false))
            || [json!(0), json!(""), json!([]), json!({})].contains(value)
    };
    // A property may have this name.
    if fields.get("default").is_some_and(idle) {
        fields.remove("default");
    }
}

/// In one line, and without links that lead nowhere here.
fn words(fields: &mut Map<String, Value>) {
    let Some(Value::String(words)) = fields.get_mut("description") else { return };
    let mut text = words.split_whitespace().collect::<Vec<_>>().join(" ");
    while let Some(start) = text.find("[`") {
        let Some(length) = text[start..].find("`]") else { break };
        let name = text[start + 2..start + length].to_owned();
        let name = name.rsplit("::").next().unwrap_or_default();
        let mut end = start + length + 2;
        if text[end..].starts_with('(') {
            end += text[end..].find(')').map_or(0, |at| at + 1);
        }
        text = format!("{}`{name}`{}", &text[..start], &text[end..]);
    }
    *words = text;
}

/// Bounds instead of formats that only Rust knows.
fn numbers(fields: &mut Map<String, Value>) {
    let most = match fields.get("format").and_then(Value::as_str) {
        Some("uint32") => Some(u64::from(u32::MAX)),
        Some("uint64" | "uint") => Some(u64::MAX),
        Some("uint8" | "uint16") => None,
        _ => return,
    };
    fields.remove("format");
    if let Some(most) = most {
        fields.insert("maximum".to_owned(), most.into());
    }
}

/// Words with a sentence each are one list of words, and what they mean.
fn plain_enum(fields: &Map<String, Value>) -> Option<Map<String, Value>> {
    let (mut all, mut meaning) = (Vec::new(), Vec::new());
    for choice in fields.get("oneOf")?.as_array()? {
        if choice["type"] != "string" || choice.get("pattern").is_some() {
            return None;
        }
        match (choice.get("const"), choice.get("enum")) {
            (Some(word), _) => {
                if let Some(said) = choice["description"].as_str() {
                    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
                    meaning.push(format!("`{}`: {said}", word.as_str()?));
                }
                all.push(word.clone());
            }
            (None, Some(words)) => all.extend(words.as_array()?.iter().cloned()),
            (None, None) => return None,
        }
    }
    let mut plain = fields.clone();
    plain.remove("oneOf");
    let said = plain.get("description").and_then(Value::as_str).map(str::to_owned);
    let said: Vec<String> = said.into_iter().chain(meaning).collect();
    plain.insert("type".to_owned(), "string".into());
    plain.insert("enum".to_owned(), all.into());
    if !said.is_empty() {
        plain.insert("description".to_owned(), said.join(" ").into());
    }
    Some(plain)
}

impl JsonSchema for Stamp {
    fn schema_name() -> Cow<'static, str> {
        "Stamp".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "date-time"})
    }

    fn inline_schema() -> bool {
        true
    }
}

impl JsonSchema for Cores {
    fn schema_name() -> Cow<'static, str> {
        "Cores".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "number", "minimum": 0})
    }

    fn inline_schema() -> bool {
        true
    }
}

#[test]
fn schemas_are_plain() {
    let mut one = json!({
        "description": "See [`super::A`] and\n [`B`](c::B).", "type": "integer", "format": "uint32",
        "minimum": 0, "default": null,
    });
    schema(&mut one);
    let wanted = json!({
        "description": "See `A` and `B`.", "type": "integer", "minimum": 0, "maximum": u32::MAX,
    });
    assert_eq!(one, wanted);
    let mut words = json!({"oneOf": [
        {"type": "string", "enum": ["a"]},
        {"type": "string", "const": "b", "description": "More."},
    ]});
    schema(&mut words);
    assert_eq!(words, json!({"type": "string", "enum": ["a", "b"], "description": "`b`: More."}));
}
