//! The schema that is published for theme files, made from the roles.

use super::{BUILT_IN, ROLES, parse};
use crate::config::is_published;
use serde_json::{Map, Value, json};

/// A JSON schema (draft 2020-12) of the file.
fn schema() -> Value {
    let names = parse::NAMES.iter().copied().chain(["default"]).collect::<Vec<_>>().join(", ");
    let color = json!({
        "description": format!("#rrggbb, a name of [palette], a number 0–255, or one of {names}"),
        "anyOf": [
            {"type": "string"},
            {"type": "integer", "minimum": 0, "maximum": 255},
        ],
    });
    let mut style = Map::new();
    for key in ["fg", "bg"] {
        style.insert(key.to_owned(), json!({"$ref": "#/$defs/color"}));
    }
    for (key, _) in parse::MODIFIERS {
        style.insert(key.to_owned(), json!({"type": "boolean"}));
    }
    let role = json!({"$ref": "#/$defs/style"});
    let roles: Map<String, Value> =
        ROLES.iter().map(|key| ((*key).to_owned(), role.clone())).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Dash theme: how each role on the screen looks",
        "type": "object",
        "properties": {
            "appearance": {
                "enum": ["dark", "light"],
                "description": "roles that are left out come from Dash's own theme of it",
            },
            "palette": {
                "type": "object",
                "description": "colours by name, for the roles",
                "additionalProperties": {"$ref": "#/$defs/color"},
            },
            "roles": {"type": "object", "properties": roles, "additionalProperties": false},
        },
        "additionalProperties": false,
        "$defs": {
            "color": color,
            "style": {
                "anyOf": [
                    {"$ref": "#/$defs/color"},
                    {"type": "object", "properties": style, "additionalProperties": false},
                ],
            },
        },
    })
}

#[test]
fn the_published_schema_is_this_one() {
    is_published("themes/schema.json", &schema());
}

#[test]
fn it_names_what_the_built_in_themes_use() {
    let schema = schema();
    for (name, text) in BUILT_IN {
        let table: toml::Table = text.parse().unwrap();
        for (key, value) in &table {
            let known = &schema["properties"][key];
            assert!(known.is_object(), "{name}: {key}");
            if key == "roles" {
                for (role, look) in value.as_table().unwrap() {
                    assert!(known["properties"][role].is_object(), "{name}: {role}");
                    let keys = look.as_table().into_iter().flat_map(|table| table.keys());
                    let style = &schema["$defs"]["style"]["anyOf"][1]["properties"];
                    keys.for_each(|key| assert!(style[key].is_object(), "{name}: {role}.{key}"));
                }
            }
        }
    }
}
