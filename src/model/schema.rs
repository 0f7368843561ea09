//! The JSON Schema that each agent's answer has to fit: the part of draft 2020-12 that answers
//! are described with. A word that would not be held is refused, never ignored.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::cell::Cell;

/// Words that say something about a value, and are held.
const HELD: &[&str] = &[
    "$defs",
    "$ref",
    "additionalProperties",
    "allOf",
    "anyOf",
    "const",
    "definitions",
    "enum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "items",
    "maxItems",
    "maxLength",
    "maximum",
    "minItems",
    "minLength",
    "minimum",
    "not",
    "oneOf",
    "prefixItems",
    "properties",
    "required",
    "type",
];
/// Words that hold nothing.
const SAID: &[&str] = &[
    "$comment",
    "$id",
    "$schema",
    "default",
    "deprecated",
    "description",
    "examples",
    "format",
    "readOnly",
    "title",
    "writeOnly",
];
const TYPES: &[&str] = &["array", "boolean", "integer", "null", "number", "object", "string"];
/// References and parts within each other, at most.
const DEPTH: usize = 64;
/// Parts that are looked at for one answer: references that branch double with every step.
const STEPS: u32 = 200_000;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub struct Schema(Value);

impl From<Schema> for Value {
    fn from(schema: Schema) -> Self {
        schema.0
    }
}

impl TryFrom<Value> for Schema {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        look(&value, &value, "#", 0).map_err(|why| format!("schema {why}"))?;
        Ok(Self(value))
    }
}

fn parts<'a>(schema: &'a Map<String, Value>, word: &str) -> Vec<(String, &'a Value)> {
    match (word, &schema[word]) {
        ("properties" | "$defs" | "definitions", Value::Object(parts)) => {
            parts.iter().map(|(name, part)| (format!("{word}/{name}"), part)).collect()
        }
        ("allOf" | "anyOf" | "oneOf" | "prefixItems", Value::Array(parts)) => {
            parts.iter().enumerate().map(|(n, part)| (format!("{word}/{n}"), part)).collect()
        }
        ("items" | "additionalProperties" | "not", part) => vec![(word.to_owned(), part)],
        _ => Vec::new(),
    }
}

/// Whether this is a schema, as far as it is looked at when an answer is held against it.
fn look(schema: &Value, root: &Value, at: &str, depth: usize) -> Result<(), String> {
    if depth > DEPTH {
        return Err(format!("{at}: more than {DEPTH} parts within each other"));
    }
    let schema = match schema {
        Value::Bool(_) => return Ok(()),
        Value::Object(schema) => schema,
        _ => return Err(format!("{at}: a schema is an object, true or false")),
    };
    if leads_to_itself(schema, root) {
        return Err(format!("{at}/$ref: it leads to itself, and so nothing fits"));
    }
    for (word, value) in schema {
        let here = format!("{at}/{word}");
        let fits = match word.as_str() {
            "type" => match value {
                Value::String(_) => is_type(value),
                Value::Array(types) => !types.is_empty() && types.iter().all(is_type),
                _ => false,
            },
            "enum" => value.as_array().is_some_and(|values| !values.is_empty()),
            "required" => value.as_array().is_some_and(|names| names.iter().all(Value::is_string)),
            "properties" | "$defs" | "definitions" => value.is_object(),
            "allOf" | "anyOf" | "oneOf" | "prefixItems" => {
                value.as_array().is_some_and(|parts| !parts.is_empty())
            }
            "minItems" | "maxItems" | "minLength" | "maxLength" => value.is_u64(),
            "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" => value.is_number(),
            "$ref" => value.as_str().is_some_and(|name| find(root, name).is_some()),
            "const" | "items" | "additionalProperties" | "not" => true,
            word if SAID.contains(&word) => true,
            _ => {
                let known = HELD.join(", ");
                return Err(format!("{here}: no answer is held to that (known: {known})"));
            }
        };
        if !fits {
            return Err(format!("{here}: {} is none", brief(value)));
        }
        for (name, part) in parts(schema, word) {
            look(part, root, &format!("{at}/{name}"), depth + 1)?;
        }
    }
    Ok(())
}

/// A reference that leads to another one, and so on, without an end.
fn leads_to_itself(schema: &Map<String, Value>, root: &Value) -> bool {
    let mut now = schema;
    for _ in 0..=DEPTH {
        let Some(next) = now.get("$ref").and_then(Value::as_str).and_then(|name| find(root, name))
        else {
            return false;
        };
        let Some(next) = next.as_object() else { return false };
        now = next;
    }
    true
}

fn is_type(word: &Value) -> bool {
    word.as_str().is_some_and(|word| TYPES.contains(&word))
}

/// What `#/$defs/name` is.
fn find<'a>(root: &'a Value, reference: &str) -> Option<&'a Value> {
    root.pointer(reference.strip_prefix('#')?)
}

fn brief(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

impl Schema {
    /// What an answer says, if it is one JSON document that fits: alone, or in the last fenced
    /// block of a longer text that is one, or on its last line.
    ///
    /// # Errors
    /// In words, with the place: `$.files[0]: "x" is no number`.
    pub fn answer(&self, text: &str) -> Result<Value, String> {
        let read = |text: &str| serde_json::from_str::<Value>(text.trim());
        let value = match read(text) {
            Ok(value) => value,
            Err(error) => {
                let last = text.trim().lines().next_back();
                let parts = fenced(text).into_iter().rev().chain(last.map(str::to_owned));
                let found = parts.into_iter().find_map(|part| read(&part).ok());
                found.ok_or_else(|| format!("it is no JSON document: {error}"))?
            }
        };
        self.check(&value).map(|()| value)
    }

    /// # Errors
    /// Where it does not fit, and why.
    pub fn check(&self, value: &Value) -> Result<(), String> {
        let steps = Cell::new(0);
        let root = &self.0;
        Check { root, steps: &steps }.fits(value, root, "$", 0)
    }
}

/// What stands between fences, in the order of the text: lines of at least three backticks or
/// tildes, ended by one of at least as many of the same.
fn fenced(text: &str) -> Vec<String> {
    let fence = |line: &str| {
        let line = line.trim();
        let mark = line.chars().next().filter(|c| matches!(c, '`' | '~'))?;
        let length = line.chars().take_while(|c| *c == mark).count();
        (length >= 3).then_some((mark, length, line.len() == length))
    };
    let mut blocks = Vec::new();
    let mut open: Option<(char, usize, String)> = None;
    for line in text.lines() {
        open = match (open, fence(line)) {
            (None, found) => found.map(|(mark, length, _)| (mark, length, String::new())),
            (Some((mark, length, block)), Some((same, n, true))) if same == mark && n >= length => {
                blocks.push(block);
                None
            }
            (Some((mark, length, block)), _) => Some((mark, length, block + line + "\n")),
        };
    }
    blocks
}

/// A look at one answer.
struct Check<'a> {
    root: &'a Value,
    steps: &'a Cell<u32>,
}

impl Check<'_> {
    fn fits(&self, value: &Value, schema: &Value, at: &str, depth: usize) -> Result<(), String> {
        let schema = match schema {
            Value::Bool(true) => return Ok(()),
            Value::Object(schema) => schema,
            _ => return Err(format!("{at}: nothing fits here")),
        };
        if depth > DEPTH {
            return Err(format!("{at}: more than {DEPTH} references within each other"));
        }
        self.steps.set(self.steps.get() + 1);
        if self.steps.get() > STEPS {
            return Err(format!("{at}: it takes more than {STEPS} steps to be checked"));
        }
        for (word, wanted) in schema {
            let no = |what: &str| Err(format!("{at}: {} is {what}", brief(value)));
            let all = |parts: &Value| -> Vec<Result<(), String>> {
                let parts = parts.as_array().into_iter().flatten();
                parts.map(|part| self.fits(value, part, at, depth + 1)).collect()
            };
            match word.as_str() {
                "$ref" => {
                    let part = wanted.as_str().and_then(|name| find(self.root, name));
                    self.fits(value, part.unwrap_or(&Value::Bool(true)), at, depth + 1)?;
                }
                "type" if !of_type(value, wanted) => {
                    return no(&format!("no {}", wanted.to_string().replace('"', "")));
                }
                "const" if !same(value, wanted) => return no(&format!("not {}", brief(wanted))),
                "enum"
                    if !wanted
                        .as_array()
                        .is_some_and(|all| all.iter().any(|it| same(value, it))) =>
                {
                    return no(&format!("none of {}", brief(wanted)));
                }
                "allOf" => all(wanted).into_iter().collect::<Result<(), _>>()?,
                "anyOf" | "oneOf" => {
                    let came = all(wanted);
                    let fit = came.iter().filter(|came| came.is_ok()).count();
                    match (fit, word.as_str(), came.into_iter().find_map(Result::err)) {
                        (0, _, Some(why)) => return Err(why),
                        (2.., "oneOf", _) => return no("more than one of what it may be"),
                        _ => {}
                    }
                }
                "not" if self.fits(value, wanted, at, depth + 1).is_ok() => {
                    return no("what it must not be");
                }
                _ => bounds(value, word, wanted).map_err(|why| format!("{at}: {why}"))?,
            }
        }
        match value {
            Value::Object(fields) => self.fields(fields, schema, at, depth),
            Value::Array(items) => self.items(items, schema, at, depth),
            _ => Ok(()),
        }
    }

    fn fields(
        &self,
        fields: &Map<String, Value>,
        schema: &Map<String, Value>,
        at: &str,
        depth: usize,
    ) -> Result<(), String> {
        let needed = schema.get("required").and_then(Value::as_array).into_iter().flatten();
        for name in needed.filter_map(Value::as_str) {
            if !fields.contains_key(name) {
                return Err(format!("{at}: it has no {name:?}"));
            }
        }
        for (name, field) in fields {
            let own = schema.get("properties").and_then(|parts| parts.get(name));
            let Some(part) = own.or(schema.get("additionalProperties")) else { continue };
            if *part == Value::Bool(false) {
                return Err(format!("{at}: nobody asked for {name:?}"));
            }
            self.fits(field, part, &format!("{at}.{name}"), depth + 1)?;
        }
        Ok(())
    }

    fn items(
        &self,
        items: &[Value],
        schema: &Map<String, Value>,
        at: &str,
        depth: usize,
    ) -> Result<(), String> {
        let first = schema.get("prefixItems").and_then(Value::as_array);
        for (n, item) in items.iter().enumerate() {
            let Some(part) = first.and_then(|first| first.get(n)).or(schema.get("items")) else {
                continue;
            };
            self.fits(item, part, &format!("{at}[{n}]"), depth + 1)?;
        }
        Ok(())
    }
}

/// Equal, as JSON Schema has it: 1 is 1.0.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            let found = |(key, a): (&String, &Value)| b.get(key).is_some_and(|b| same(a, b));
            a.len() == b.len() && a.iter().all(found)
        }
        _ => one == other,
    }
}

fn of_type(value: &Value, wanted: &Value) -> bool {
    let is = |word: &str| match (word, value) {
        ("null", Value::Null)
        | ("boolean", Value::Bool(_))
        | ("string", Value::String(_))
        | ("array", Value::Array(_))
        | ("object", Value::Object(_))
        | ("number", Value::Number(_)) => true,
        // 2.0 is one, as the specification has it.
        ("integer", Value::Number(n)) => n.as_f64().is_some_and(|n| n.fract() == 0.0),
        _ => false,
    };
    match wanted {
        Value::Array(words) => words.iter().filter_map(Value::as_str).any(is),
        word => word.as_str().is_some_and(is),
    }
}

fn bounds(value: &Value, word: &str, wanted: &Value) -> Result<(), String> {
    let Some(bound) = wanted.as_f64() else { return Ok(()) };
    let size = match (word, value) {
        ("minItems" | "maxItems", Value::Array(items)) => items.len() as f64,
        ("minLength" | "maxLength", Value::String(text)) => text.chars().count() as f64,
        ("minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum", Value::Number(n)) => {
            n.as_f64().unwrap_or(f64::NAN)
        }
        _ => return Ok(()),
    };
    let holds = match word {
        "exclusiveMinimum" => size > bound,
        "exclusiveMaximum" => size < bound,
        word if word.starts_with("min") => size >= bound,
        _ => size <= bound,
    };
    if holds { Ok(()) } else { Err(format!("{} breaks {word} {wanted}", brief(value))) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn schema(value: Value) -> Schema {
        value.try_into().unwrap()
    }

    #[test]
    fn what_is_no_schema_is_refused_with_its_place() {
        for (wrong, why) in [
            (json!([]), "#: a schema is"),
            (json!({"type": "strin"}), "#/type: \"strin\" is none"),
            (json!({"type": []}), "#/type: [] is none"),
            (json!({"pattern": "^a"}), "#/pattern: no answer is held to that"),
            (json!({"properties": {"a": {"enum": []}}}), "#/properties/a/enum: [] is none"),
            (json!({"items": 3}), "#/items: a schema is"),
            (json!({"$ref": "#/$defs/x"}), "#/$ref: \"#/$defs/x\" is none"),
            (json!({"anyOf": [true, {"minimum": "1"}]}), "#/anyOf/1/minimum: \"1\" is none"),
            (json!({"$ref": "#"}), "#/$ref: it leads to itself"),
            (
                json!({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}),
                "#/$defs/a/$ref: it leads to itself",
            ),
        ] {
            let said = Schema::try_from(wrong.clone()).unwrap_err();
            assert!(said.starts_with(&format!("schema {why}")), "{wrong}: {said}");
        }
        let said = json!({"title": "T", "description": "d", "format": "uri", "default": 1});
        assert!(Schema::try_from(said).is_ok());
    }

    #[test]
    fn answers_are_held_to_it() {
        let of = schema(json!({
            "type": "object",
            "required": ["ok", "files"],
            "additionalProperties": false,
            "properties": {
                "ok": {"type": "boolean"},
                "files": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/file"}},
                "note": {"type": ["string", "null"], "maxLength": 3},
                "even": {"enum": [2, 4]},
                "risk": {"oneOf": [{"const": "low"}, {"type": "integer", "minimum": 1}]},
            },
            "$defs": {"file": {"type": "string", "not": {"enum": ["a.rs"]}}},
        }));
        for (value, why) in [
            (json!({"ok": true, "files": ["b.rs"], "note": null, "risk": "low"}), None),
            (json!({"ok": true, "files": ["b.rs"], "risk": 2.0}), None),
            (json!({"ok": true, "files": ["b.rs"], "even": 2.0}), None),
            (json!([]), Some("$: [] is no object")),
            (json!({"ok": true}), Some("$: it has no \"files\"")),
            (json!({"ok": 1, "files": ["b"]}), Some("$.ok: 1 is no boolean")),
            (json!({"ok": true, "files": []}), Some("$.files: [] breaks minItems 1")),
            (json!({"ok": true, "files": [7]}), Some("$.files[0]: 7 is no string")),
            (json!({"ok": true, "files": ["a.rs"]}), Some("$.files[0]: \"a.rs\" is what it must")),
            (json!({"ok": true, "files": ["b"], "x": 1}), Some("$: nobody asked for \"x\"")),
            (json!({"ok": true, "files": ["b"], "note": "four"}), Some("$.note: \"four\" breaks")),
            (json!({"ok": true, "files": ["b"], "risk": 0}), Some("$.risk: 0 is not \"low\"")),
            (json!({"ok": true, "files": ["b"], "risk": 1.5}), Some("$.risk: 1.5 is not \"low\"")),
        ] {
            let said = of.check(&value).err();
            match (why, &said) {
                (None, None) => {}
                (Some(why), Some(said)) if said.starts_with(why) => {}
                _ => panic!("{value}: {said:?}, not {why:?}"),
            }
        }
    }

    #[test]
    fn an_answer_is_found_where_agents_put_it() {
        let of = schema(json!({"type": "object", "required": ["n"]}));
        for text in [
            "{\"n\": 1}",
            " {\"n\":\n1}\n",
            "Here it is:\n```json\n{\"n\": 1}\n```\nBye.",
            "```\n{\"n\": 1}\n```",
            "working …\ndone\n{\"n\": 1}\n",
            "````json\n{\"n\": 1, \"code\": \"```rust```\"}\n````",
            "~~~\n{\"n\": 1}\n~~~",
            "```json\n{\"n\": 1}\n```\nand\n```sh\nls\n```",
        ] {
            assert_eq!(of.answer(text).map(|it| it["n"].clone()), Ok(json!(1)), "{text}");
        }
        assert!(of.answer("no JSON").unwrap_err().starts_with("it is no JSON document"));
        assert_eq!(of.answer("{}").unwrap_err(), "$: it has no \"n\"");
    }

    #[test]
    fn one_that_never_ends_is_no_trap() {
        let mut parts = Map::new();
        for n in 0..25 {
            let next = json!({"$ref": format!("#/$defs/a{}", n + 1)});
            parts.insert(format!("a{n}"), json!({"allOf": [next, next]}));
        }
        parts.insert("a25".to_owned(), json!({"type": "integer"}));
        let of = schema(json!({"$ref": "#/$defs/a0", "$defs": parts}));
        assert!(of.check(&json!(1)).unwrap_err().contains("steps to be checked"));
        let of = schema(json!({"anyOf": [{"$ref": "#"}, {"type": "integer"}]}));
        assert!(of.check(&json!("x")).is_err());
        let of = schema(json!({"properties": {"a": {"$ref": "#"}}, "type": "object"}));
        assert!(of.check(&json!({"a": {"a": {}}})).is_ok());
        assert!(of.check(&json!({"a": {"a": 1}})).is_err());
    }
}
