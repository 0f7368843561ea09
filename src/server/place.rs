//! Where in a JSON text an error stands, by keys: `adapters[1].count`.

enum Level {
    Object(String),
    Array(usize),
}

/// The path at a line and a column, both from 1, as serde_json counts them: of the value that
/// ends there, or is being read. Empty at the top, and where the text is none.
pub fn path(text: &[u8], line: usize, column: usize) -> String {
    let lines = text.split_inclusive(|byte| *byte == b'\n').take(line.saturating_sub(1));
    let end = (lines.map(<[u8]>::len).sum::<usize>() + column).min(text.len());
    let mut levels: Vec<Level> = Vec::new();
    let (mut at, mut wants_key) = (0, false);
    while at < end {
        match text[at] {
            b'"' => {
                let from = at;
                at += 1;
                while at < end && text[at] != b'"' {
                    at += if text[at] == b'\\' { 2 } else { 1 };
                }
                if let Some(Level::Object(key)) = levels.last_mut().filter(|_| wants_key) {
                    let quoted = text.get(from..=at).unwrap_or_default();
                    *key = serde_json::from_slice(quoted).unwrap_or_default();
                    wants_key = false;
                }
            }
            b'{' => {
                levels.push(Level::Object(String::new()));
                wants_key = true;
            }
            b'[' => {
                levels.push(Level::Array(0));
                wants_key = false;
            }
            b'}' | b']' => {
                levels.pop();
                wants_key = false;
            }
            b',' => match levels.last_mut() {
                Some(Level::Array(n)) => *n += 1,
                Some(Level::Object(_)) => wants_key = true,
                None => {}
            },
            _ => {}
        }
        at += 1;
    }
    let mut path = String::new();
    for level in levels {
        match level {
            Level::Array(n) => path.push_str(&format!("[{n}]")),
            Level::Object(key) if key.is_empty() => {}
            Level::Object(key) if path.is_empty() => path = key,
            Level::Object(key) => path.push_str(&format!(".{key}")),
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SwarmSpec;

    #[test]
    fn errors_are_found_where_they_stand() {
        for (text, wanted) in [
            (r#"{"agents": "x"}"#, "agents"),
            (r#"{"task": "a\"}, b", "agents": -1}"#, "agents"),
            (
                "{\n  \"adapters\": [{\"adapter\": \"mini\"},\n {\"adapter\": 3}]}",
                "adapters[1].adapter",
            ),
            (r#"{"tusk": "x"}"#, "tusk"),
            (r#"{"adapters": [{"adapter": "a", "cound": 1}]}"#, "adapters[0].cound"),
            (r#"{"items": ["a", "b", 7]}"#, "items[2]"),
            (r#"{"items": ["a", "b""#, "items[1]"),
            ("[]", ""),
            ("", ""),
            ("\"", ""),
        ] {
            let error = serde_json::from_str::<SwarmSpec>(text).err();
            let (line, column) = error.map_or((1, 9), |error| (error.line(), error.column()));
            assert_eq!(path(text.as_bytes(), line, column), wanted, "{text}");
        }
    }
}
