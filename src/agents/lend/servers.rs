//! Tool servers as agents' own settings have them. Of the agents at hand Codex 0.154 does not
//! start with a table that has one wrong field, nor Claude Code 2.1 with one that is no table:
//! so what is wrong is left out, and told.

use serde_json::{Map, Value};

/// Takes what is no tool server out of `settings`, whose keys hold nothing else: its name, and
/// why.
pub fn sift(settings: &mut Map<String, Value>) -> Vec<(String, String)> {
    let mut wrong = Vec::new();
    settings.retain(|key, value| {
        let Some(servers) = value.as_object_mut() else {
            wrong.push((key.clone(), "no table of tool servers".to_owned()));
            return false;
        };
        servers.retain(|name, server| {
            let why = mistake(server);
            let good = why.is_none();
            wrong.extend(why.map(|why| (name.clone(), why)));
            good
        });
        !servers.is_empty()
    });
    wrong
}

fn mistake(server: &Value) -> Option<String> {
    let Some(fields) = server.as_object() else { return Some("no table".to_owned()) };
    let wrong = fields.iter().find_map(|(field, value)| Some((field, expected(field, value)?)));
    if let Some((field, what)) = wrong {
        return Some(format!("{field} is no {what}"));
    }
    // One that is only switched off may stand for another, elsewhere.
    let ways = ["command", "url", "httpUrl", "enabled"];
    let names = ways.iter().any(|way| fields.contains_key(*way));
    (!names).then(|| "names neither command nor url".to_owned())
}

/// What a field must be and is not, where all agents agree on it.
fn expected(field: &str, value: &Value) -> Option<&'static str> {
    let texts = |list: &Vec<Value>| list.iter().all(Value::is_string);
    let (right, what) = match field {
        "command" => (value.is_string() || value.as_array().is_some_and(texts), "text"),
        "url" | "httpUrl" | "cwd" | "type" => (value.is_string(), "text"),
        "args" => (value.as_array().is_some_and(texts), "list of texts"),
        "env" | "environment" | "headers" | "http_headers" => {
            let texts = |table: &Map<String, Value>| table.values().all(Value::is_string);
            (value.as_object().is_some_and(texts), "table of texts")
        }
        "timeout" | "startup_timeout_sec" | "tool_timeout_sec" => (value.is_number(), "number"),
        "enabled" | "disabled" => (value.is_boolean(), "true or false"),
        _ => return None,
    };
    (!right).then_some(what)
}
