//! What is wrong with an adapter file, where, and what was probably meant.

use std::ops::Range;

/// `file:line: what (did you mean …?)`.
pub fn at(source: &str, text: &str, span: Option<Range<usize>>, message: &str) -> String {
    match span {
        Some(span) => format!("{source}:{}: {message}", line_of(text, span.start)),
        None => format!("{source}: {message}"),
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

/// The reader's own message, with the nearest of the names it expected.
pub fn from_toml(source: &str, text: &str, error: &toml::de::Error) -> String {
    let message = error.message();
    let mut named = message.split('`').skip(1).step_by(2);
    let mut said = message.trim_end().replace('\n', "; ");
    let kind = match message {
        _ if message.starts_with("unknown field") => Some("key"),
        _ if message.starts_with("unknown variant") => Some("value"),
        _ => None,
    };
    if let (Some(kind), Some(wrong)) = (kind, named.next()) {
        said = format!("unknown {kind} `{wrong}`");
        match nearest(wrong, named.clone()) {
            Some(name) => said.push_str(&format!(", did you mean `{name}`?")),
            None => {
                let all: Vec<_> = named.collect();
                said.push_str(&format!("; known are {}", all.join(", ")));
            }
        }
    }
    at(source, text, error.span(), &said)
}

/// The candidate that a typing error could have made `wrong` of.
pub fn nearest<'a>(wrong: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .map(|name| (strsim::damerau_levenshtein(wrong, name), name))
        .filter(|(distance, name)| *distance <= 1 + name.len().max(wrong.len()) / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}
