//! Themes: a look for every role. Views name roles, never colours.
//!
//! A theme is a TOML file: `appearance`, a `[palette]` of named colours (`#rrggbb`, the name of
//! one of the sixteen terminal colours, or its number 0–255) and `[roles]`. Built-in themes
//! are such files, embedded. A user's file of the same name stands before them; roles that it
//! leaves out come from the built-in theme of its appearance. A theme that cannot be read in
//! whole or part never stops Dash: the rest is used, and a warning names file, line and key.

mod detect;
mod parse;

pub use detect::{
    Appearance, Background, Depth, depth, indexed_rgb, osc11_appearance, parse_colorfgbg,
};
pub use parse::ThemeError;

use crate::model::AgentState;
use ratatui::style::{Modifier, Style};
use std::path::{Path, PathBuf};

/// Dash's own first: what `auto` stands for.
pub const BUILT_IN: [(&str, &str); 10] = [
    ("dash-dark", include_str!("../../../themes/dash-dark.toml")),
    ("dash-light", include_str!("../../../themes/dash-light.toml")),
    ("catppuccin-latte", include_str!("../../../themes/catppuccin-latte.toml")),
    ("catppuccin-mocha", include_str!("../../../themes/catppuccin-mocha.toml")),
    ("gruvbox-dark", include_str!("../../../themes/gruvbox-dark.toml")),
    ("gruvbox-light", include_str!("../../../themes/gruvbox-light.toml")),
    ("nord", include_str!("../../../themes/nord.toml")),
    ("solarized-dark", include_str!("../../../themes/solarized-dark.toml")),
    ("solarized-light", include_str!("../../../themes/solarized-light.toml")),
    ("tokyo-night", include_str!("../../../themes/tokyo-night.toml")),
];

macro_rules! roles {
    ($($name:ident $key:literal,)*) => {
        /// A loaded theme: one style a role, in colours that the terminal has.
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct Theme {
            pub name: String,
            /// What the terminal can show; agents' own colours are mapped to it too.
            pub depth: Depth,
            $(pub $name: Style,)*
        }

        /// Every role's key in a theme file.
        pub const ROLES: &[&str] = &[$($key,)*];

        impl Theme {
            fn role_mut(&mut self, key: &str) -> Option<&mut Style> {
                match key {
                    $($key => Some(&mut self.$name),)*
                    _ => None,
                }
            }

            fn styles_mut(&mut self) -> Vec<&mut Style> {
                vec![$(&mut self.$name,)*]
            }
        }
    };
}

roles! {
    surface "surface", text "text", strong "strong", muted "muted", faint "faint",
    accent "accent", selection "selection", border "border", border_focus "border_focus",
    bar "bar", overlay "overlay", key "key", found "match", heading "heading",
    notice "notice", banner "banner", cursor "cursor", ok "ok", warn "warn", error "error",
    info "info", money "money", spark_low "spark_low", spark_high "spark_high",
    queued "queued", starting "starting", working "working", waiting "waiting", idle "idle",
    retrying "retrying", paused "paused", done "done", failed "failed", stopped "stopped",
    lost "lost",
}

impl Theme {
    pub fn state(&self, state: AgentState) -> Style {
        match state {
            AgentState::Queued => self.queued,
            AgentState::Starting => self.starting,
            AgentState::Working => self.working,
            AgentState::Waiting => self.waiting,
            AgentState::Idle => self.idle,
            AgentState::Retrying => self.retrying,
            AgentState::Paused => self.paused,
            AgentState::Done => self.done,
            AgentState::Failed => self.failed,
            AgentState::Stopped => self.stopped,
            AgentState::Lost => self.lost,
        }
    }

    /// Dash's own theme of an appearance, for true colour.
    pub fn built_in(appearance: Appearance) -> Self {
        let (name, text) = match appearance {
            Appearance::Dark => BUILT_IN[0],
            Appearance::Light => BUILT_IN[1],
        };
        Self::embedded(name, text)
    }

    /// The tests parse all that are built in, so an error here cannot come up.
    fn embedded(name: &str, text: &str) -> Self {
        let mut theme = Self { name: name.to_owned(), ..Self::default() };
        parse::apply(&mut theme, Path::new(name), text, &mut Vec::new());
        theme
    }

    /// Narrows all styles to what the terminal shows.
    pub fn for_depth(mut self, depth: Depth) -> Self {
        self.depth = depth;
        for style in self.styles_mut() {
            style.fg = style.fg.and_then(|color| depth.map(color));
            style.bg = style.bg.and_then(|color| depth.map(color));
        }
        if depth == Depth::None {
            self.selection = self.selection.add_modifier(Modifier::REVERSED);
            self.banner = self.banner.add_modifier(Modifier::REVERSED);
            self.accent = self.accent.add_modifier(Modifier::BOLD);
            self.key = self.key.add_modifier(Modifier::BOLD);
            self.faint = self.faint.add_modifier(Modifier::DIM);
        }
        self
    }
}

/// Finds and loads themes.
#[derive(Clone, Debug)]
pub struct Themes {
    /// Searched for `NAME.toml` before the built-in ones.
    pub directory: Option<PathBuf>,
    pub depth: Depth,
    /// What `auto` stands for.
    pub appearance: Appearance,
}

impl Themes {
    /// The theme of that name, and what was wrong with it. Always gives a usable theme.
    pub fn load(&self, name: &str) -> (Theme, Vec<ThemeError>) {
        let mut errors = Vec::new();
        let theme = self.read(name, &mut errors);
        (theme.for_depth(self.depth), errors)
    }

    fn read(&self, name: &str, errors: &mut Vec<ThemeError>) -> Theme {
        if name == "auto" || name.is_empty() {
            let name = match self.appearance {
                Appearance::Dark => BUILT_IN[0].0,
                Appearance::Light => BUILT_IN[1].0,
            };
            return self.read(name, errors);
        }
        if let Some(path) = self.user_file(name) {
            match std::fs::read_to_string(&path) {
                Ok(text) => {
                    let mut theme = Theme::built_in(parse::appearance(&text, self.appearance));
                    theme.name = name.to_owned();
                    parse::apply(&mut theme, &path, &text, errors);
                    return theme;
                }
                Err(error) => errors.push(ThemeError::unreadable(&path, &error)),
            }
        }
        match BUILT_IN.iter().find(|(known, _)| *known == name) {
            Some((name, text)) => Theme::embedded(name, text),
            None => {
                errors.push(ThemeError::unknown(name, &self.names()));
                Theme::built_in(self.appearance)
            }
        }
    }

    fn user_file(&self, name: &str) -> Option<PathBuf> {
        let plain = !name.contains(['/', '\\']) && !name.starts_with('.');
        let path = self.directory.as_ref()?.join(format!("{name}.toml"));
        (plain && path.exists()).then_some(path)
    }

    /// Every theme there is, built-in ones first.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = BUILT_IN.iter().map(|(name, _)| (*name).to_owned()).collect();
        let entries = self.directory.as_ref().and_then(|dir| std::fs::read_dir(dir).ok());
        let mut own: Vec<String> = entries
            .into_iter()
            .flatten()
            .filter_map(|entry| {
                let name = entry.ok()?.file_name().into_string().ok()?;
                name.strip_suffix(".toml").map(str::to_owned)
            })
            .filter(|name| !names.contains(name))
            .collect();
        own.sort();
        names.append(&mut own);
        names
    }
}

#[cfg(test)]
mod schema;
#[cfg(test)]
mod tests;
