//! Changes single values of `prices.toml` where they stand, so that whatever else the user
//! wrote there stays as it is.

use super::super::{ConfigError, nearest};
use super::own::{KEYS, no_figure, no_price};
use std::path::Path;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// An insertion or replacement at a place of the text.
struct Edit {
    from: usize,
    to: usize,
    text: String,
}

/// `text` with what is to be said of `model`.
///
/// # Errors
/// When a key or value is none, or the text is no TOML.
pub fn edited(
    path: &Path,
    text: &str,
    model: &str,
    changes: &[(String, f64)],
    date: &str,
) -> Result<String, ConfigError> {
    let wrong = |key: &str, message: String, near: Option<&str>| ConfigError {
        file: path.to_owned(),
        at: None,
        key: key.to_owned(),
        message,
        nearest: near.map(str::to_owned),
    };
    for (key, value) in changes {
        if !KEYS.contains(&key.as_str()) {
            let message = format!("there is no such price (known: {})", KEYS.join(", "));
            return Err(wrong(key, message, nearest(key, KEYS)));
        }
        if let Some(why) = no_figure(key, *value) {
            return Err(wrong(key, why, None));
        }
    }
    let table = DeTable::parse(text).map_err(|error| wrong("", error.to_string(), None))?;
    let literals = std::iter::once(("date".to_owned(), format!("\"{date}\"")))
        .chain(changes.iter().map(|(key, value)| (key.clone(), value.to_string())));
    let found = child(table.get_ref(), "models").and_then(|models| child(below(models)?, model));
    let Some(found) = found else {
        let lines: Vec<String> =
            literals.map(|(key, value)| format!("{key} = {value}\n")).collect();
        let gap = if text.is_empty() { "" } else { "\n" };
        let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        let header = format!("[models.{}]\n", quoted(model));
        return Ok([text, end, gap, &header, &lines.concat()].concat());
    };
    let mut edits: Vec<Edit> =
        literals.map(|(key, value)| edit(text, found, &key, value)).collect();
    // Those further back first, so that the places of the others hold; insertions at one place
    // come in the order in which they were asked for.
    edits.reverse();
    edits.sort_by_key(|edit| std::cmp::Reverse(edit.from));
    let mut text = text.to_owned();
    for edit in edits {
        text.replace_range(edit.from..edit.to, &edit.text);
    }
    Ok(text)
}

/// `text` with what `name` adds to a request.
///
/// # Errors
/// When the value is no price, or the text is no TOML.
pub fn featured(path: &Path, text: &str, name: &str, dollars: f64) -> Result<String, ConfigError> {
    let wrong = |message: String| ConfigError {
        file: path.to_owned(),
        at: None,
        key: format!("features.{name:?}"),
        message,
        nearest: None,
    };
    if let Some(why) = no_price(dollars) {
        return Err(wrong(why));
    }
    let table = DeTable::parse(text).map_err(|error| wrong(error.to_string()))?;
    let Some(features) = child(table.get_ref(), "features") else {
        let gap = if text.is_empty() { "" } else { "\n" };
        let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        let line = format!("[features]\n{} = {dollars}\n", quoted(name));
        return Ok([text, end, gap, &line].concat());
    };
    let old = below(features).and_then(|features| child(features, name));
    let Edit { from, to, text: new } = match old {
        Some(old) => Edit { from: old.span().start, to: old.span().end, text: dollars.to_string() },
        None => edit(text, features, &quoted(name), dollars.to_string()),
    };
    Ok([&text[..from], &new, &text[to..]].concat())
}

fn child<'a, 'i>(table: &'a DeTable<'i>, name: &str) -> Option<&'a Spanned<DeValue<'i>>> {
    table.iter().find(|(key, _)| key.get_ref() == name).map(|(_, value)| value)
}

fn below<'a, 'i>(value: &'a Spanned<DeValue<'i>>) -> Option<&'a DeTable<'i>> {
    match value.get_ref() {
        DeValue::Table(table) => Some(table),
        _ => None,
    }
}

/// Sets `key`, which may be dotted, of the table `at`.
fn edit(text: &str, at: &Spanned<DeValue<'_>>, key: &str, value: String) -> Edit {
    let table = below(at);
    if let Some(old) = table.and_then(|table| child(table, key)) {
        return Edit { from: old.span().start, to: old.span().end, text: value };
    }
    if let Some((first, rest)) = key.split_once('.')
        && let Some(inner) = table.and_then(|table| child(table, first))
    {
        let there = below(inner).is_some_and(|inner| child(inner, rest).is_some());
        // One that is made of dotted keys has no place of its own.
        if there || text[inner.span().start..].starts_with(['{', '[']) {
            return edit(text, inner, rest, value);
        }
    }
    let inline = text[at.span().start..].starts_with('{');
    let values = table.into_iter().flat_map(|table| table.iter().map(|(_, value)| value));
    let own = values.filter(|value| inline || !text[value.span().start..].starts_with('['));
    let last = own.map(|value| value.span().end).max();
    if inline {
        // Behind the last value, or right behind the brace of an empty table.
        let (at, comma) = last.map_or((at.span().start + 1, ""), |end| (end, ","));
        return Edit { from: at, to: at, text: format!("{comma} {key} = {value}") };
    }
    let from = last.unwrap_or(at.span().end);
    let (at, line) = match text[from..].find('\n') {
        Some(end) => (from + end + 1, format!("{key} = {value}\n")),
        None => (text.len(), format!("\n{key} = {value}")),
    };
    Edit { from: at, to: at, text: line }
}

fn quoted(name: &str) -> String {
    toml::Value::from(name).to_string()
}
