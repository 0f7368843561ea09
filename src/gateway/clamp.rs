//! The one edit beside `include_usage`: a lower limit for the answer, where what was set aside
//! would not pay for the one that was asked for. All other bytes pass as they are.

use super::wire::Wire;
use crate::config::Dialect;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;

type Fields<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

/// `body` with `limit` as the most tokens of an answer; none where it has no place for it.
pub fn clamped(wire: Wire, body: &str, limit: u64) -> Option<String> {
    let limit = limit.to_string();
    match (wire.dialect(), wire) {
        (Dialect::Anthropic, _) => set(body, &["max_tokens"], &limit),
        (Dialect::Openai, Wire::Responses) => set(body, &["max_output_tokens"], &limit),
        (Dialect::Openai, _) => {
            // Of the two names a service may read either.
            let old = set_if_there(body, "max_tokens", &limit);
            match old {
                Some(edited) => {
                    Some(set_if_there(&edited, "max_completion_tokens", &limit).unwrap_or(edited))
                }
                None => set(body, &["max_completion_tokens"], &limit),
            }
        }
        (Dialect::Gemini, _) => {
            let fields: Fields<'_> = serde_json::from_str(body).ok()?;
            let (names, limits) = (
                ["generationConfig", "generation_config"],
                ["maxOutputTokens", "max_output_tokens"],
            );
            let at = usize::from(fields.contains_key(names[1]));
            let config = fields.get(names[at]).map_or("{}", |raw| raw.get());
            let config: Option<Fields<'_>> = serde_json::from_str(config).ok()?;
            // In the spelling that it has: given twice, either may count.
            let there =
                limits.into_iter().find(|name| config.iter().any(|c| c.contains_key(*name)));
            set(body, &[names[at], there.unwrap_or(limits[at])], &limit)
        }
    }
}

/// Never higher than it was.
fn set_if_there(body: &str, name: &str, value: &str) -> Option<String> {
    let fields: Fields<'_> = serde_json::from_str(body).ok()?;
    let old = fields.get(name).map(|raw| raw.get()).filter(|old| *old != "null")?;
    let number = |text: &str| text.parse::<u64>().ok();
    if number(old).zip(number(value)).is_some_and(|(old, new)| old <= new) {
        return Some(body.to_owned());
    }
    set(body, &[name], value)
}

/// The object `text` with the field at the end of `path` set to `value`, which is JSON.
fn set(text: &str, path: &[&str], value: &str) -> Option<String> {
    let (name, below) = path.split_first()?;
    let fields: Fields<'_> = serde_json::from_str(text).ok()?;
    let Some(old) = fields.get(*name).map(|raw| raw.get()) else {
        let value = below
            .iter()
            .rev()
            .fold(value.to_owned(), |value, name| format!("{{\"{name}\":{value}}}"));
        let open = text.find('{')? + 1;
        let more = if fields.is_empty() { "" } else { "," };
        return Some(format!("{}\"{name}\":{value}{more}{}", &text[..open], &text[open..]));
    };
    let at = (old.as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
    let end = at.checked_add(old.len()).filter(|end| *end <= text.len())?;
    let new = match below {
        [] => value.to_owned(),
        below if old == "null" => set("{}", below, value)?,
        below => set(old, below, value)?,
    };
    Some(format!("{}{new}{}", &text[..at], &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_alone_changes() {
        for (wire, body, edited) in [
            (
                Wire::Messages,
                r#"{"a": [1,  2], "max_tokens" : 64000, "z":"\u00e9"}"#,
                r#"{"a": [1,  2], "max_tokens" : 9, "z":"\u00e9"}"#,
            ),
            (Wire::Chat, r#"{"max_tokens":50,"n":1}"#, r#"{"max_tokens":9,"n":1}"#),
            (
                Wire::Chat,
                r#"{"max_tokens":1,"max_completion_tokens":60}"#,
                r#"{"max_tokens":1,"max_completion_tokens":9}"#,
            ),
            (
                Wire::Chat,
                r#"{"max_tokens":50,"max_completion_tokens":2}"#,
                r#"{"max_tokens":9,"max_completion_tokens":2}"#,
            ),
            (Wire::Chat, r#"{"n":1}"#, r#"{"max_completion_tokens":9,"n":1}"#),
            (Wire::Responses, " {}", r#" {"max_output_tokens":9}"#),
            (Wire::Responses, r#"{"max_output_tokens":null}"#, r#"{"max_output_tokens":9}"#),
            (Wire::Generate, "{}", r#"{"generationConfig":{"maxOutputTokens":9}}"#),
            (
                Wire::StreamGenerate,
                r#"{"generation_config":{"temperature":1, "max_output_tokens":3}}"#,
                r#"{"generation_config":{"temperature":1, "max_output_tokens":9}}"#,
            ),
        ] {
            assert_eq!(clamped(wire, body, 9).as_deref(), Some(edited));
        }
        assert_eq!(clamped(Wire::Chat, "[]", 9), None);
    }
}
