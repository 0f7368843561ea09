//! Keymaps: TOML files from keys to actions, one table a place. `keymaps/vim.toml` is the
//! default and the example; a user's keymap is laid over it.
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

pub const VIM: &str = include_str!("../../keymaps/vim.toml");

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
}

/// The keys in force.
#[derive(Clone, Debug)]
pub struct Keymap {
    pub name: String,
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

impl Keymap {
    /// Only the prefix is bound; files are laid over it.
    fn bare() -> Self {
        let prefix = Key {
            code: crossterm::event::KeyCode::Char('b'),
            modifiers: crossterm::event::KeyModifiers::CONTROL,
        };
        Self { name: String::new(), prefix, bindings: HashMap::new(), order: Vec::new() }
    }

    /// The keymap of that name: `DIRECTORY/NAME.toml` laid over the default, or the default.
    pub fn load(name: &str, directory: Option<&Path>) -> Result<Self, Vec<KeymapError>> {
        let mut keymap = Self::bare();
        keymap.name = name.to_owned();
        let mut errors = keymap.lay(Path::new("keymaps/vim.toml"), VIM);
        let plain = !name.contains(['/', '\\']) && !name.starts_with('.');
        let own = directory.map(|dir| dir.join(format!("{name}.toml")));
        if let Some(path) = own.filter(|path| plain && path.exists()) {
            match std::fs::read_to_string(&path) {
                Ok(text) => errors.append(&mut keymap.lay(&path, &text)),
                Err(error) => {
                    let message = format!("cannot be read: {error}");
                    errors.push(KeymapError { path, line: 0, message });
                }
            }
        } else if name != "vim" {
            let wanted = directory.map(|dir| dir.join(format!("{name}.toml")));
            let message = match wanted {
                Some(path) => format!("there is no such keymap ({} is missing)", path.display()),
                None => "there is no such keymap; there is: vim".to_owned(),
            };
            errors.push(KeymapError { path: PathBuf::from(name), line: 0, message });
        }
        if errors.is_empty() { Ok(keymap) } else { Err(errors) }
    }

    fn lay(&mut self, path: &Path, text: &str) -> Vec<KeymapError> {
        let mut errors = Vec::new();
        let mut complain = |span: Range<usize>, message: String| {
            let before = text.get(..span.start).unwrap_or(text);
            let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
            errors.push(KeymapError { path: path.to_owned(), line, message });
        };
        let file: File = match toml::from_str(text) {
            Ok(file) => file,
            Err(error) => {
                complain(error.span().unwrap_or(0..0), error.message().to_owned());
                return errors;
            }
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
                list.push((keys.join(" "), *action));
            }
        }
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn user(text: &str) -> Result<Keymap, Vec<KeymapError>> {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("mine.toml"), text).unwrap();
        Keymap::load("mine", Some(dir.path()))
    }

    #[test]
    fn the_default_binds_every_action_somewhere() {
        let keymap = Keymap::load("vim", None).unwrap();
        for action in Action::ALL {
            for place in action.places() {
                let optional =
                    matches!((action, place), (Action::StopSwarm | Action::Quit, Place::Focus));
                let bound = keymap.key_of(*place, *action).is_some();
                assert!(bound || optional, "{} has no key in {place:?}", action.name());
            }
        }
        assert_eq!(keymap.find(Place::Grid, &chord("g").unwrap()), Found::Begun);
        assert_eq!(keymap.find(Place::Grid, &chord("g g").unwrap()), Found::Action(Action::Top));
        let following = keymap.following(Place::Grid, &chord("g").unwrap());
        assert_eq!(following, [("g".to_owned(), Action::Top)]);
    }

    #[test]
    fn a_users_keys_are_laid_over() {
        let keymap =
            user("prefix = \"C-a\"\n[grid]\n\"x\" = \"noop\"\n\"z\" = \"stop\"\n").unwrap();
        assert_eq!(keymap.prefix, "C-a".parse().unwrap());
        assert_eq!(keymap.key_of(Place::Grid, Action::Stop).as_deref(), Some("z"));
        assert_eq!(keymap.find(Place::Grid, &chord("x").unwrap()), Found::Nothing);
        assert_eq!(keymap.key_of(Place::Grid, Action::Down).as_deref(), Some("j"));
    }

    #[test]
    fn mistakes_are_refused_with_their_line() {
        let says = |text: &str| user(text).unwrap_err()[0].to_string();
        let text = says("[grid]\n\"x\" = \"stopp\"\n");
        assert!(text.contains("mine.toml:2:") && text.contains("nearest: \"stop\""), "{text}");
        assert!(says("[grid]\n\"Entr\" = \"stop\"").contains("is no key"));
        assert!(says("[grid]\n\"y\" = \"detach\"").contains("only in [focus]"));
        assert!(says("[gird]\n").contains("gird"));
        assert!(says("[grid\n").contains("mine.toml:1:"));
        let text = says("[grid]\n\"g\" = \"top\"\n");
        assert!(text.contains("mine.toml:2:") && text.contains("never reached"), "{text}");
        assert!(text.contains("\"g g\" = \"noop\""), "{text}");
        assert!(user("[grid]\n\"g\" = \"top\"\n\"g g\" = \"noop\"\n").is_ok());
        assert!(Keymap::load("emcas", None).is_err());
    }
}
