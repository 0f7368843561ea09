//! The schema that is published for keymap files, made from the actions.

use super::KEYS;
use crate::config::is_published;
use crate::tui::actions::{Action, Place};
use serde_json::{Map, Value, json};

fn place(place: Place) -> Value {
    let actions = Action::ALL.iter().filter(|action| action.places().contains(&place));
    let mut kinds: Vec<Value> = actions
        .map(|action| json!({"const": action.name(), "description": action.doc()}))
        .collect();
    kinds.push(json!({"const": "noop", "description": "unbinds the key"}));
    json!({"type": "object", "additionalProperties": {"oneOf": kinds}})
}

/// A JSON schema (draft 2020-12) of the file.
fn schema() -> Value {
    let mut properties = Map::new();
    let bases = super::BUILT_IN.iter().map(|(name, _)| *name).chain([super::ALONE]);
    properties.insert(
        "base".to_owned(),
        json!({
            "enum": bases.collect::<Vec<_>>(),
            "description": "the keymap that these keys are laid over; vim where nothing is said",
        }),
    );
    properties.insert(
        "prefix".to_owned(),
        json!({
            "type": "string",
            "description": "the one key that does not go to an agent's terminal, such as C-b",
        }),
    );
    for at in Place::ALL {
        properties.insert(at.word().to_owned(), place(at));
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Dash keymap: which key does what, by place; a key is j, C-d, M-x, S-Tab, Enter, or several with blanks between",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    })
}

#[test]
fn the_published_schema_is_this_one() {
    is_published("keymaps/schema.json", &schema());
}

#[test]
fn it_names_what_the_loader_takes() {
    let schema = schema();
    let known: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
    let mut keys = KEYS.to_vec();
    keys.sort_unstable();
    let mut known: Vec<&str> = known.into_iter().map(String::as_str).collect();
    known.sort_unstable();
    assert_eq!(known, keys);
    // Every file that is built in holds to it, and the loader takes no key beside them.
    for (name, text) in super::BUILT_IN {
        let table: toml::Table = text.parse().unwrap();
        for (section, bound) in table.iter().filter(|(key, _)| *key != "prefix") {
            let kinds = &schema["properties"][section]["additionalProperties"]["oneOf"];
            let kinds = kinds.as_array().unwrap();
            for (key, action) in bound.as_table().unwrap() {
                let fits = kinds.iter().any(|kind| kind["const"] == action.as_str().unwrap());
                assert!(fits, "{name} [{section}] {key}");
            }
        }
    }
    for key in KEYS {
        let text = match *key {
            "base" => "base = \"vim\"\n".to_owned(),
            "prefix" => "prefix = \"C-a\"\n".to_owned(),
            section => format!("[{section}]\n"),
        };
        assert!(toml::from_str::<super::File>(&text).is_ok(), "{key}");
    }
}
