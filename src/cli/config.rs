//! `dash config show`, `check` and `schema`: they read files and ask no core.

use super::{
    args::Json,
    context::Context,
    failure::{Code, Done, Failure},
    format::one_line,
    swarm::here,
};
use crate::{
    agents::Catalog,
    config::{
        Config, ConfigError, Dirs, Lend, PolicyFiles, PriceFiles, check_policy, not_held,
        shadowed_by, unpacked,
    },
    model::Rule,
    tui::{
        field,
        keymap::Keymap,
        theme::{Appearance, Depth, Themes},
    },
};
use clap::{Args, Subcommand, ValueEnum};
use std::path::{Path, PathBuf};

#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// The configuration in force, defaults included
    Show(Show),
    /// Whether a configuration is right
    Check(Check),
    /// The JSON schema of a kind of file, for editors
    Schema(Schema),
}

#[derive(Debug, Args)]
pub struct Schema {
    /// Of which files
    #[arg(value_enum)]
    of: Kind,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// Those in `agents/`: how a kind of agent is launched, watched and judged
    Adapter,
    /// Those in `keymaps/`: which key does what
    Keymap,
    /// Those in `themes/`: which part of the screen looks how
    Theme,
}

impl Kind {
    fn schema(self) -> String {
        let packed: &[u8] = match self {
            Self::Adapter => include_bytes!(concat!(env!("OUT_DIR"), "/adapter.json.lz4")),
            Self::Keymap => include_bytes!(concat!(env!("OUT_DIR"), "/keymap.json.lz4")),
            Self::Theme => include_bytes!(concat!(env!("OUT_DIR"), "/theme.json.lz4")),
        };
        unpacked(packed)
    }
}

#[derive(Debug, Args)]
pub struct Show {
    #[command(flatten)]
    json: Json,
}

#[derive(Debug, Args)]
pub struct Check {
    /// This file instead of the ones in force; one called policy.toml holds rules, one in a
    /// directory keymaps/ or themes/ is such a file
    file: Option<PathBuf>,
}

impl ConfigCommand {
    pub async fn run(self, context: &mut Context<'_>) -> Done {
        match self {
            Self::Show(command) => command.run(context),
            Self::Check(command) => command.run(context),
            Self::Schema(Schema { of }) => {
                let schema: serde_json::Value = serde_json::from_str(&of.schema())
                    .map_err(|error| Failure::error(error.to_string()))?;
                context.json(&schema)?;
                Ok(Code::Ok)
            }
        }
    }
}

impl Show {
    fn run(self, context: &mut Context<'_>) -> Done {
        let dirs = Dirs::from_env()?;
        let config = Config::load(&dirs)?;
        if self.json.json {
            context.json(&config)?;
            return Ok(Code::Ok);
        }
        let path = Config::path(&dirs);
        let note = if path.exists() { "" } else { " (not there: these are the defaults)" };
        context.line(format!("# {}{note}", path.display()))?;
        let text = toml::to_string(&config).map_err(|error| Failure::error(error.to_string()))?;
        context.line(text.trim_end())?;
        Ok(Code::Ok)
    }
}

/// What is wrong with the keymap and the theme that a configuration names, and with the others
/// that lie beside them.
fn of_the_screen(config: &Config, dirs: &Dirs) -> Vec<String> {
    let (keymaps, themes) = (dirs.config.join("keymaps"), dirs.config.join("themes"));
    let mut problems = of_keymap(&config.ui.keymap, &keymaps);
    problems.extend(of_theme(&config.ui.theme, &themes));
    for name in files_in(&keymaps).filter(|name| *name != config.ui.keymap) {
        problems.extend(of_keymap(&name, &keymaps));
    }
    for name in files_in(&themes).filter(|name| *name != config.ui.theme) {
        problems.extend(of_theme(&name, &themes));
    }
    if let Err(why) = field::parse(config.ui.columns.iter().map(String::as_str)) {
        problems.push(format!("[ui] columns: {why}"));
    }
    problems
}

fn of_keymap(name: &str, directory: &Path) -> Vec<String> {
    let errors = Keymap::load(name, Some(directory)).err().unwrap_or_default();
    errors.iter().map(ToString::to_string).collect()
}

fn of_theme(name: &str, directory: &Path) -> Vec<String> {
    let directory = Some(directory.to_owned());
    let themes = Themes { directory, depth: Depth::True, appearance: Appearance::Dark };
    themes.load(name).1.iter().map(ToString::to_string).collect()
}

/// Names of the TOML files there, without their ending.
fn files_in(directory: &Path) -> impl Iterator<Item = String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().filter_map(Result::ok);
    let mut names: Vec<String> = entries
        .filter_map(|entry| {
            Some(entry.file_name().into_string().ok()?.strip_suffix(".toml")?.into())
        })
        .collect();
    names.sort();
    names.into_iter()
}

/// A file in a directory of keymaps or of themes.
fn of_look(path: &Path, context: &mut Context<'_>) -> Option<Done> {
    let directory = path.parent()?;
    let name = path.file_name()?.to_str()?.strip_suffix(".toml")?;
    let problems = match directory.canonicalize().ok()?.file_name()?.to_str()? {
        "keymaps" => of_keymap(name, directory),
        "themes" => of_theme(name, directory),
        _ => return None,
    };
    if !problems.is_empty() {
        return Some(Err(Failure::error(problems.join("\n"))));
    }
    let said = context.line(format!("{} is right", path.display()));
    Some(said.map(|()| Code::Ok))
}

fn of_rules(path: &Path, context: &mut Context<'_>) -> Done {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::error(format!("{}: {error}", path.display())))?;
    let rules = check_policy(path, &text)?;
    context.line(format!("{} is right: {} rules", path.display(), rules.len()))?;
    of_own(&rules, context);
    Ok(Code::Ok)
}

/// What a user may not know of rules that are right: which built-in ones they take the place
/// of, which are not held here, whatever they say, and which another never lets decide.
fn of_own(rules: &[Rule], context: &mut Context<'_>) {
    let path = std::env::var("PATH").unwrap_or_default();
    for rule in rules {
        let called = if rule.name.is_empty() { String::new() } else { format!(" {}", rule.name) };
        let said = one_line(&format!("{}: the rule{called}", rule.source));
        if rule.replaces {
            context.note(format!("{said} stands in the place of the built-in one of that name"));
        }
        if let Some(why) = not_held(rule, &path) {
            context.note(format!("warning: {said} is not held here: {}", one_line(&why)));
        }
        let own = rule.source != "built in";
        if let Some(by) = own.then(|| shadowed_by(rule, rules)).flatten() {
            let (verdict, place) = (by.verdict, one_line(&by.source));
            let name = if by.name.is_empty() { String::new() } else { format!("{}, ", by.name) };
            let why = format!("{verdict} ({name}{place}) is stricter and says it of all of them");
            context.note(format!("warning: {said} never decides: {}", one_line(&why)));
        }
    }
}

/// The scenario that is not there; `of`: the configuration's file.
fn no_scenario(config: &Config, of: &Lend) -> Option<ConfigError> {
    let file = config.simulated.scenario.as_ref()?;
    let why = match std::fs::File::open(file).and_then(|file| file.metadata()) {
        _ if file.as_os_str() == "demo" => return None,
        Ok(known) if known.is_file() => return None,
        Ok(_) => "it is no plain file".to_owned(),
        Err(error) => error.to_string(),
    };
    let key = ["simulated", "scenario"].map(str::to_owned);
    let why = format!("{}: {why}", file.display());
    Some(ConfigError::at_key(&of.file, &of.text, &key, None, why))
}

impl Check {
    fn run(self, context: &mut Context<'_>) -> Done {
        let dirs = Dirs::from_env()?;
        let in_force = self.file.is_none();
        let path = match self.file {
            Some(file) if !file.exists() => {
                return Err(Failure::error(format!("{}: no such file", file.display())));
            }
            Some(file) => file,
            None => Config::path(&dirs),
        };
        if path.file_name().is_some_and(|name| name == "policy.toml") {
            return of_rules(&path, context);
        }
        if !in_force && let Some(done) = of_look(&path, context) {
            return done;
        }
        let config = Config::load_file(&path)?;
        let mut problems = of_the_screen(&config, &dirs);
        // By what the core holds it against before an agent starts.
        let adapters = Catalog::load(Some(&dirs.config.join("agents")));
        let lend = Lend::read(&path)?;
        problems.extend(adapters.wrong_lend(&lend).iter().map(ToString::to_string));
        problems.extend(no_scenario(&config, &lend).map(|error| error.to_string()));
        if !problems.is_empty() {
            return Err(Failure::error(problems.join("\n")));
        }
        let note = if path.exists() { "is right" } else { "is not there: the defaults hold" };
        context.line(format!("{} {note}", path.display()))?;
        if in_force {
            PriceFiles::at(&dirs.config).load()?;
            // The project's, too: what a core would read for an agent started here.
            let files = PolicyFiles::of(&dirs).at(&here()?);
            let rules = files.load()?.rules;
            context.line(format!("{} rules on commands are right", rules.len()))?;
            of_own(&rules, context);
        }
        Ok(Code::Ok)
    }
}
