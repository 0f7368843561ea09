//! Keymaps: TOML files from keys to actions, one table a place. `keymaps/vim.toml` is the
//! default and the example; `emacs` and `tmux` are built in beside it. A user's keymap is laid
//! over the built-in one that its `base` names, else over the one of its own name, else over
//! `vim`; with `base = "none"` it stands alone.
//!
//! A keymap with a mistake is refused whole, with file, line and the nearest action: keys that
//! quietly do something else than was asked for are worse than none.

use super::{
    actions::{Action, Place},
    key::{Key, chord, show},
    nearest::nearest,
};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    ops::Range,
    path::{Path, PathBuf},
};
use toml::Spanned;

/// The default first.
pub const BUILT_IN: [(&str, &str); 3] = [
    ("vim", include_str!("../../keymaps/vim.toml")),
    ("emacs", include_str!("../../keymaps/emacs.toml")),
    ("tmux", include_str!("../../keymaps/tmux.toml")),
];
/// What a file may have at its top level.
const KEYS: &[&str] =
    &["base", "prefix", "grid", "focus", "scroll", "inbox", "costs", "wall", "events"];
/// A keymap of one's own that is laid over nothing.
const ALONE: &str = "none";

/// A mistake in a keymap file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct KeymapError {
    pub path: PathBuf,
    /// From 1; 0 where it is about the file as a whole.
    pub line: usize,
    pub message: String,
}

impl fmt::Display for KeymapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "keymap {}: {}", self.path.display(), self.message),
            line => write!(f, "keymap {}:{line}: {}", self.path.display(), self.message),
        }
    }
}

type Bindings = BTreeMap<Spanned<String>, Spanned<String>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// What it is laid over.
    #[serde(default)]
    base: Option<Spanned<String>>,
    #[serde(default)]
    prefix: Option<Spanned<String>>,
    #[serde(default)]
    grid: Bindings,
    #[serde(default)]
    focus: Bindings,
    #[serde(default)]
    scroll: Bindings,
    #[serde(default)]
    inbox: Bindings,
    #[serde(default)]
    costs: Bindings,
    #[serde(default)]
    wall: Bindings,
    #[serde(default)]
    events: Bindings,
}

/// The keys in force.
#[derive(Clone, Debug, PartialEq)]
pub struct Keymap {
    pub name: String,
    /// Where a file of the user's is looked for.
    directory: Option<PathBuf>,
    pub prefix: Key,
    bindings: HashMap<(Place, Vec<Key>), Action>,
    /// The order in which keys were written, so that hints show the first.
    order: Vec<(Place, Vec<Key>)>,
}

/// What the keys pressed so far mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    Action(Action),
    /// The beginning of a longer chord.
    Begun,
    Nothing,
}

/// From 1.
fn line(text: &str, at: usize) -> usize {
    text.get(..at).unwrap_or(text).bytes().filter(|b| *b == b'\n').count() + 1
}

fn built_in(name: &str) -> Option<(PathBuf, &'static str)> {
    let (name, text) = BUILT_IN.into_iter().find(|(known, _)| *known == name)?;
    Some((PathBuf::from(format!("keymaps/{name}.toml")), text))
}

fn parse(path: &Path, text: &str) -> Result<File, KeymapError> {
    toml::from_str(text).map_err(|error| {
        let mut message = error.message().to_owned();
        // `[gird]`: the parser lists all that there are, which is long and hides the one.
        let word = message.strip_prefix("unknown field `").and_then(|rest| rest.split_once('`'));
        if let Some((word, _)) = word {
            let near = nearest(word, KEYS).map(|near| format!("; nearest: {near}"));
            let near = near.unwrap_or_else(|| format!("; there are {}", KEYS.join(", ")));
            message = format!("no part is called {word:?}{near}");
        }
        let at = error.span().unwrap_or(0..0).start;
        KeymapError { path: path.to_owned(), line: line(text, at), message }
    })
}

impl Keymap {
    /// Only the prefix is bound; files are laid over it.
    fn bare(name: &str, directory: Option<&Path>) -> Self {
        let prefix = Key {
            code: crossterm::event::KeyCode::Char('b'),
            modifiers: crossterm::event::KeyModifiers::CONTROL,
        };
        Self {
            name: name.to_owned(),
            directory: directory.map(Path::to_owned),
            prefix,
            bindings: HashMap::new(),
            order: Vec::new(),
        }
    }

    /// The keymap of that name: `DIRECTORY/NAME.toml` laid over its base, or the built-in one.
    pub fn load(name: &str, directory: Option<&Path>) -> Result<Self, Vec<KeymapError>> {
        let plain = !name.contains(['/', '\\']) && !name.starts_with('.');
        let own = directory.map(|dir| dir.join(format!("{name}.toml")));
        if let Some(path) = own.filter(|path| plain && path.exists()) {
            return Self::own(name, directory, &path);
        }
        let mut keymap = Self::bare(name, directory);
        let errors = match built_in(name) {
            Some((path, text)) => keymap.lay(&path, text, parse(&path, text)),
            None => {
                let known = BUILT_IN.map(|(known, _)| known);
                let near = nearest(name, &known).map(|near| format!("nearest: {near}"));
                let near = near.unwrap_or_else(|| format!("built in: {}", known.join(", ")));
                let message = match directory.map(|dir| dir.join(format!("{name}.toml"))) {
                    Some(path) => {
                        format!("there is no such keymap ({} is missing); {near}", path.display())
                    }
                    None => format!("there is no such keymap; {near}"),
                };
                vec![KeymapError { path: PathBuf::from(name), line: 0, message }]
            }
        };
        if errors.is_empty() { Ok(keymap) } else { Err(errors) }
    }

    /// A user's file.
    fn own(name: &str, directory: Option<&Path>, path: &Path) -> Result<Self, Vec<KeymapError>> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            let message = format!("cannot be read: {error}");
            vec![KeymapError { path: path.to_owned(), line: 0, message }]
        })?;
        let file = parse(path, &text);
        let mut keymap = Self::bare(name, directory);
        let mut errors = Vec::new();
        let base = file.as_ref().ok().and_then(|file| file.base.clone());
        let named = base.as_ref().map_or(name, |base| base.get_ref().as_str());
        match built_in(named)
            .or_else(|| if base.is_none() { built_in(BUILT_IN[0].0) } else { None })
        {
            Some((path, text)) => errors.append(&mut keymap.lay(&path, text, parse(&path, text))),
            None if named == ALONE => {}
            None => {
                let known = [BUILT_IN[0].0, BUILT_IN[1].0, BUILT_IN[2].0, ALONE];
                let near = nearest(named, &known).map(|near| format!("; nearest: {near:?}"));
                let message = format!(
                    "base is one of {}, not {named:?}{}",
                    known.join(", "),
                    near.unwrap_or_default()
                );
                let span = base.map_or(0..0, |base| base.span());
                errors.push(KeymapError {
                    path: path.to_owned(),
                    line: line(&text, span.start),
                    message,
                });
            }
        }
        errors.append(&mut keymap.lay(path, &text, file));
        if errors.is_empty() { Ok(keymap) } else { Err(errors) }
    }

    /// Another one, from where this one came from.
    pub fn beside(&self, name: &str) -> Result<Self, Vec<KeymapError>> {
        Self::load(name, self.directory.as_deref())
    }

    /// All that there are, built-in ones first.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = BUILT_IN.map(|(name, _)| name.to_owned()).into();
        let entries = self.directory.as_ref().and_then(|dir| std::fs::read_dir(dir).ok());
        let files = entries.into_iter().flatten().filter_map(|entry| {
            let name = entry.ok()?.file_name().into_string().ok()?;
            name.strip_suffix(".toml").map(str::to_owned)
        });
        let mut own: Vec<String> = files.filter(|name| !names.contains(name)).collect();
        own.sort();
        names.append(&mut own);
        names
    }

    /// As its file is now, if that has become another.
    pub fn reload(&self) -> Result<Option<Self>, Vec<KeymapError>> {
        let now = Self::load(&self.name, self.directory.as_deref())?;
        Ok((now != *self).then_some(now))
    }

    fn lay(
        &mut self,
        path: &Path,
        text: &str,
        file: Result<File, KeymapError>,
    ) -> Vec<KeymapError> {
        let mut errors = Vec::new();
        let mut complain = |span: Range<usize>, message: String| {
            errors.push(KeymapError {
                path: path.to_owned(),
                line: line(text, span.start),
                message,
            });
        };
        let file = match file {
            Ok(file) => file,
            Err(error) => return vec![error],
        };
        if let Some(prefix) = file.prefix {
            match prefix.get_ref().parse() {
                Ok(key) => self.prefix = key,
                Err(message) => complain(prefix.span(), message),
            }
        }
        // Where this file binds what.
        let mut spans: HashMap<(Place, Vec<Key>), Range<usize>> = HashMap::new();
        for (place, table) in [
            (Place::Grid, file.grid),
            (Place::Focus, file.focus),
            (Place::Scroll, file.scroll),
            (Place::Inbox, file.inbox),
            (Place::Costs, file.costs),
            (Place::Wall, file.wall),
            (Place::Events, file.events),
        ] {
            let mut table: Vec<_> = table.into_iter().collect();
            table.sort_by_key(|(keys, _)| keys.span().start);
            for (keys, action) in table {
                if let Ok(chord) = chord(keys.get_ref()) {
                    spans.insert((place, chord), keys.span());
                }
                if let Err((span, message)) = self.bind(place, &keys, &action) {
                    complain(span, message);
                }
            }
        }
        for (place, keys) in &self.order {
            let shorter = (1..keys.len())
                .find(|n| self.bindings.contains_key(&(*place, keys[..*n].to_vec())));
            if let Some(n) = shorter {
                let (long, short) = (show(keys), show(&keys[..n]));
                let slots = [(*place, keys[..n].to_vec()), (*place, keys.clone())];
                let span = slots.iter().find_map(|slot| spans.get(slot)).cloned();
                let spaced: Vec<String> = keys.iter().map(Key::to_string).collect();
                let message = format!(
                    "{long} in [{}] is never reached: {short} is bound; unbind it: \"{}\" = \"noop\"",
                    place.word(),
                    spaced.join(" ")
                );
                complain(span.unwrap_or(0..0), message);
            }
        }
        errors
    }

    fn bind(
        &mut self,
        place: Place,
        keys: &Spanned<String>,
        action: &Spanned<String>,
    ) -> Result<(), (Range<usize>, String)> {
        let chord = chord(keys.get_ref()).map_err(|message| (keys.span(), message))?;
        let slot = (place, chord);
        let name = action.get_ref().as_str();
        if name == "noop" {
            self.bindings.remove(&slot);
            self.order.retain(|kept| *kept != slot);
            return Ok(());
        }
        let Some(action) = Action::named(name) else {
            let near = nearest(name, Action::NAMES);
            let hint = near.map(|near| format!("; nearest: {near:?}")).unwrap_or_default();
            return Err((action.span(), format!("no action is called {name:?}{hint}")));
        };
        if !action.places().contains(&place) {
            let places: Vec<String> =
                action.places().iter().map(|place| format!("[{}]", place.word())).collect();
            let message = format!(
                "{name:?} does not apply in [{}], only in {}",
                place.word(),
                places.join(", ")
            );
            return Err((keys.span(), message));
        }
        if self.bindings.insert(slot.clone(), action).is_none() {
            self.order.push(slot);
        }
        Ok(())
    }

    pub fn find(&self, place: Place, keys: &[Key]) -> Found {
        if let Some(action) = self.bindings.get(&(place, keys.to_vec())) {
            return Found::Action(*action);
        }
        let begun = self
            .order
            .iter()
            .any(|(p, bound)| *p == place && bound.len() > keys.len() && bound.starts_with(keys));
        if begun { Found::Begun } else { Found::Nothing }
    }

    /// The keys that may follow those pressed, with what they do.
    pub fn following(&self, place: Place, keys: &[Key]) -> Vec<(String, Action)> {
        let bound = |slot: &&(Place, Vec<Key>)| {
            slot.0 == place && slot.1.len() > keys.len() && slot.1.starts_with(keys)
        };
        let rest = |slot: &(Place, Vec<Key>)| {
            self.bindings.get(slot).map(|action| (show(&slot.1[keys.len()..]), *action))
        };
        self.order.iter().filter(bound).filter_map(rest).collect()
    }

    /// The first key of an action, as it is shown.
    pub fn key_of(&self, place: Place, action: Action) -> Option<String> {
        let bound = self
            .order
            .iter()
            .find(|slot| slot.0 == place && self.bindings.get(*slot) == Some(&action))?;
        Some(show(&bound.1))
    }

    /// Every key of a place with its action, an action's keys together, in the order of the
    /// actions.
    pub fn keys(&self, place: Place) -> Vec<(String, Action)> {
        let mut list = Vec::new();
        for action in Action::ALL {
            let keys: Vec<String> = self
                .order
                .iter()
                .filter(|slot| slot.0 == place && self.bindings.get(*slot) == Some(action))
                .map(|slot| show(&slot.1))
                .collect();
            if !keys.is_empty() {
                // A blank within a chord is not one between two.
                let gap = if keys.iter().any(|keys| keys.contains(' ')) { ", " } else { " " };
                list.push((keys.join(gap), *action));
            }
        }
        list
    }
}

#[cfg(test)]
mod schema;
#[cfg(test)]
mod tests;
