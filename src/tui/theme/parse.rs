//! Reading a theme file: tolerant, with warnings that say where.

use super::{Appearance, ROLES, Theme};
use ratatui::style::{Color, Modifier, Style};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    fmt,
    ops::Range,
    path::{Path, PathBuf},
};
use toml::Spanned;

/// What is wrong with a theme, where, and the nearest right thing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ThemeError {
    pub path: PathBuf,
    /// From 1; 0 where it is about the file as a whole.
    pub line: usize,
    pub message: String,
}

impl fmt::Display for ThemeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "theme {}: {}", self.path.display(), self.message),
            line => write!(f, "theme {}:{line}: {}", self.path.display(), self.message),
        }
    }
}

impl ThemeError {
    pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> Self {
        Self { path: path.to_owned(), line: 0, message: format!("cannot be read: {error}") }
    }

    pub(super) fn unknown(name: &str, names: &[String]) -> Self {
        let message = match super::super::nearest::nearest(name, names) {
            Some(near) => format!("there is no such theme; nearest: {near}"),
            None => format!("there is no such theme; there are: {}", names.join(", ")),
        };
        Self { path: PathBuf::from(name), line: 0, message }
    }
}

/// What a style may be beside its colours.
pub(super) const MODIFIERS: [(&str, Modifier); 5] = [
    ("bold", Modifier::BOLD),
    ("dim", Modifier::DIM),
    ("italic", Modifier::ITALIC),
    ("underline", Modifier::UNDERLINED),
    ("reverse", Modifier::REVERSED),
];

/// The terminal's own colours, in the order of their numbers.
pub(super) const NAMES: [&str; 16] = [
    "black",
    "red",
    "green",
    "yellow",
    "blue",
    "magenta",
    "cyan",
    "white",
    "bright-black",
    "bright-red",
    "bright-green",
    "bright-yellow",
    "bright-blue",
    "bright-magenta",
    "bright-cyan",
    "bright-white",
];

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    appearance: Option<Spanned<String>>,
    #[serde(default)]
    palette: BTreeMap<String, Spanned<toml::Value>>,
    #[serde(default)]
    roles: BTreeMap<Spanned<String>, Spanned<toml::Value>>,
    #[serde(flatten)]
    rest: BTreeMap<String, toml::Value>,
}

pub(super) fn appearance(text: &str, fallback: Appearance) -> Appearance {
    let table: Option<toml::Table> = text.parse().ok();
    match table.as_ref().and_then(|t| t.get("appearance")).and_then(toml::Value::as_str) {
        Some("light") => Appearance::Light,
        Some("dark") => Appearance::Dark,
        _ => fallback,
    }
}

/// Puts the file's roles over the theme's.
pub(super) fn apply(theme: &mut Theme, path: &Path, text: &str, errors: &mut Vec<ThemeError>) {
    let mut complain = |span: Range<usize>, message: String| {
        let before = text.get(..span.start).unwrap_or(text);
        let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
        errors.push(ThemeError { path: path.to_owned(), line, message });
    };
    let file: File = match toml::from_str(text) {
        Ok(file) => file,
        Err(error) => {
            let span = error.span().unwrap_or(0..0);
            complain(span, error.message().to_owned());
            return;
        }
    };
    for key in file.rest.keys() {
        let at = text.find(key.as_str()).unwrap_or(0);
        complain(at..at, format!("unknown key {key:?}; there are appearance, palette, roles"));
    }
    if let Some(word) = &file.appearance
        && !matches!(word.get_ref().as_str(), "dark" | "light")
    {
        complain(word.span(), "appearance is \"dark\" or \"light\"".to_owned());
    }
    let mut palette = BTreeMap::new();
    for (name, value) in &file.palette {
        match color(value.get_ref(), &BTreeMap::new()) {
            Some(color) => {
                palette.insert(name.as_str(), color);
            }
            None => complain(value.span(), format!("{name} is no colour (#rrggbb, red, 0–255)")),
        }
    }
    for (key, value) in &file.roles {
        let Some(slot) = theme.role_mut(key.get_ref()) else {
            let near = super::super::nearest::nearest(key.get_ref(), ROLES);
            let hint = near.map(|near| format!("; nearest: {near}")).unwrap_or_default();
            complain(key.span(), format!("no role is called {:?}{hint}", key.get_ref()));
            continue;
        };
        match style(value.get_ref(), &palette) {
            Ok(style) => *slot = style,
            Err(message) => complain(value.span(), format!("{}: {message}", key.get_ref())),
        }
    }
}

fn style(value: &toml::Value, palette: &BTreeMap<&str, Color>) -> Result<Style, String> {
    let Some(table) = value.as_table() else {
        let fg = color(value, palette).ok_or("no such colour in the palette")?;
        return Ok(Style::new().fg(fg));
    };
    let mut style = Style::new();
    for (key, value) in table {
        match key.as_str() {
            "fg" => {
                style.fg = Some(color(value, palette).ok_or("fg: no such colour")?);
                continue;
            }
            "bg" => {
                style.bg = Some(color(value, palette).ok_or("bg: no such colour")?);
                continue;
            }
            _ => {}
        }
        let known = MODIFIERS.iter().find(|(name, _)| name == key);
        let modifier = known.map(|(_, modifier)| *modifier).ok_or_else(|| {
            let names = MODIFIERS.map(|(name, _)| name).join(", ");
            format!("unknown key {key:?}; there are fg, bg, {names}")
        })?;
        match value.as_bool() {
            Some(true) => style = style.add_modifier(modifier),
            Some(false) => {}
            None => return Err(format!("{key} is true or false")),
        }
    }
    Ok(style)
}

fn color(value: &toml::Value, palette: &BTreeMap<&str, Color>) -> Option<Color> {
    if let Some(n) = value.as_integer() {
        return u8::try_from(n).ok().map(Color::Indexed);
    }
    let text = value.as_str()?;
    if let Some(color) = palette.get(text) {
        return Some(*color);
    }
    if let Some(hex) = text.strip_prefix('#') {
        let n = u32::from_str_radix(hex, 16).ok().filter(|_| hex.len() == 6)?;
        let [_, r, g, b] = n.to_be_bytes();
        return Some(Color::Rgb(r, g, b));
    }
    if text == "default" {
        return Some(Color::Reset);
    }
    let at = NAMES.iter().position(|name| *name == text)?;
    u8::try_from(at).ok().map(Color::Indexed)
}
