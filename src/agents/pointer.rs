//! Finding things in a JSON object: pointers with `*`, and patterns of objects.

use super::problem::nearest;
use serde_json::Value;

/// Stands where a line of what a prompt asks ends.
pub const BREAK: char = '⏎';

/// `/usage/input_tokens`, `/content/*/text`; `` is the whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pointer(Vec<String>);

impl Pointer {
    pub fn parse(text: &str) -> Result<Self, String> {
        if !text.is_empty() && !text.starts_with('/') {
            return Err(format!("a pointer begins with `/`: `{text}`"));
        }
        let words = text.split('/').skip(1);
        Ok(Self(words.map(|word| word.replace("~1", "/").replace("~0", "~")).collect()))
    }

    fn all<'a>(&self, root: &'a Value) -> Vec<&'a Value> {
        let mut found = vec![root];
        for word in &self.0 {
            found = found
                .into_iter()
                .flat_map(|value| match (value, word.as_str()) {
                    (Value::Array(list), "*") => list.iter().collect(),
                    (Value::Object(map), "*") => map.values().collect(),
                    (Value::Array(list), index) => {
                        index.parse().ok().and_then(|i: usize| list.get(i)).into_iter().collect()
                    }
                    (Value::Object(map), key) => map.get(key).into_iter().collect(),
                    (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_), _) => {
                        Vec::new()
                    }
                })
                .collect();
        }
        found.retain(|value| !value.is_null());
        found
    }

    /// Strings as they are, anything else as JSON; several joined by a newline. None where
    /// nothing is there, or nothing but blanks.
    pub fn text(&self, root: &Value) -> Option<String> {
        self.piece(root).filter(|text| !text.trim().is_empty())
    }

    /// The same, also where it is nothing but blanks.
    pub fn piece(&self, root: &Value) -> Option<String> {
        let found = self.all(root);
        let words: Vec<String> = found
            .into_iter()
            .map(|value| match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            })
            .collect();
        (!words.is_empty()).then(|| words.join("\n"))
    }

    /// The sum of the numbers found; none where there is none.
    pub fn sum(&self, root: &Value) -> Option<u64> {
        let numbers: Vec<u64> = self
            .all(root)
            .into_iter()
            .filter_map(|value| value.as_u64().or_else(|| value.as_str()?.parse().ok()))
            .collect();
        (!numbers.is_empty()).then(|| numbers.iter().fold(0u64, |a, b| a.saturating_add(*b)))
    }
}

/// True if all that `pattern` asks for is in `value`.
pub fn fits(pattern: &Value, value: Option<&Value>) -> bool {
    match (pattern, value) {
        (Value::Object(keys), Some(Value::Object(map))) => {
            keys.iter().all(|(key, wanted)| fits(wanted, map.get(key)))
        }
        (Value::Array(any), _) => any.iter().any(|wanted| fits(wanted, value)),
        (Value::String(star), Some(found)) if star == "*" => !found.is_null(),
        (wanted, Some(found)) => wanted == found,
        (_, None) => false,
    }
}

/// Text with `{/pointer}` in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Detail(Vec<(String, Option<Pointer>)>);

impl Detail {
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, inside)) = rest.split_once("{/") {
            let Some((path, after)) = inside.split_once('}') else {
                return Err(format!("`{{/` without `}}` in `{text}`"));
            };
            parts.push((before.to_owned(), Some(Pointer::parse(&format!("/{path}"))?)));
            rest = after;
        }
        parts.push((rest.to_owned(), None));
        Ok(Self(parts))
    }

    /// The words before the first pointer.
    pub fn lead(&self) -> &str {
        self.0.first().map_or("", |(plain, _)| plain)
    }

    /// One line, at most 120 characters.
    pub fn fill(&self, root: &Value) -> String {
        self.whole(root).chars().take(120).collect()
    }

    /// In one line; none where one of its pointers finds nothing. Of a pointer alone the last
    /// line of what it finds.
    pub fn found(&self, root: &Value) -> Option<String> {
        let pointers = || self.0.iter().filter_map(|(_, pointer)| pointer.as_ref());
        if !pointers().all(|pointer| pointer.text(root).is_some()) {
            return None;
        }
        if self.0.iter().any(|(plain, _)| !plain.is_empty()) {
            return Some(self.whole(root));
        }
        Some(pointers().next_back()?.text(root)?.trim_end().lines().next_back()?.trim().to_owned())
    }

    /// The whole line.
    pub fn whole(&self, root: &Value) -> String {
        self.filled(root).split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The same of what a prompt asks: where a line of it ends another command begins.
    pub fn asked(&self, root: &Value) -> String {
        let text = self.filled(root);
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        lines.collect::<Vec<_>>().join(&format!(" {BREAK} "))
    }

    fn filled(&self, root: &Value) -> String {
        let mut out = String::new();
        for (plain, pointer) in &self.0 {
            out.push_str(plain);
            if let Some(text) = pointer.as_ref().and_then(|pointer| pointer.text(root)) {
                out.push_str(&text);
            }
        }
        out
    }
}

/// The stop reasons of the result's contract that an adapter may give.
const STOP_REASONS: [&str; 5] = ["finished", "budget", "overloaded", "timeout", "error"];

pub fn stop_reason(word: &str) -> Result<String, String> {
    if STOP_REASONS.contains(&word) {
        return Ok(word.to_owned());
    }
    let meant = nearest(word, STOP_REASONS.into_iter()).unwrap_or(STOP_REASONS[4]);
    Err(format!("unknown stop reason `{word}`, did you mean `{meant}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn points_joins_and_adds() {
        let value = json!({"a": [{"t": "x", "n": 1}, {"n": 2}, {"t": "y"}], "b": {"c": null},
            "m": {"one": {"n": 3}, "two": {"n": 4}}, "k/l": "s"});
        let text = |path: &str| Pointer::parse(path).unwrap().text(&value);
        assert_eq!(text("/a/*/t"), Some("x\ny".to_owned()));
        assert_eq!(text("/a/1/n"), Some("2".to_owned()));
        assert_eq!(text("/b/c"), None);
        assert_eq!(text("/k~1l"), Some("s".to_owned()));
        assert_eq!(Pointer::parse("/m/*/n").unwrap().sum(&value), Some(7));
        assert_eq!(Pointer::parse("/a/*/n").unwrap().sum(&value), Some(3));
        assert_eq!(Pointer::parse("/z").unwrap().sum(&value), None);
        assert!(Pointer::parse("a").is_err());
    }

    #[test]
    fn patterns_fit_parts() {
        let value = json!({"type": "result", "is_error": true, "e": {"status": 429}, "n": null});
        for (pattern, expected) in [
            (json!({"type": "result"}), true),
            (json!({"type": "result", "is_error": false}), false),
            (json!({"e": {"status": [429, 529]}}), true),
            (json!({"e": {"status": [402]}}), false),
            (json!({"e": "*"}), true),
            (json!({"n": "*"}), false),
            (json!({"x": "*"}), false),
            (json!({}), true),
        ] {
            assert_eq!(fits(&pattern, Some(&value)), expected, "{pattern}");
        }
    }

    #[test]
    fn details_are_one_short_line() {
        let detail = Detail::parse("tool {/name}: {/input/command}").unwrap();
        assert_eq!(
            detail.fill(&json!({"name": "Bash", "input": {"command": "a\nb"}})),
            "tool Bash: a b"
        );
        assert!(Detail::parse("{/x").is_err());
        let found = |text: &str| {
            Detail::parse(text).unwrap().found(&json!({"a": "x\ny \n\n", "b": "z\nz", "c": " "}))
        };
        assert_eq!(found("{/a}").as_deref(), Some("y"));
        assert_eq!(found("{/b}: {/a}").as_deref(), Some("z z: x y"));
        assert_eq!((found("{/b}: {/c}"), found("{/d}")), (None, None));
    }
}
