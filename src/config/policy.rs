//! `policy.toml`: rules on commands. The built-in ones are a file of the same format
//! (`assets/policy.toml`); the user's own come after them and may stand in their place by
//! name; a project's `.dash/policy.toml` may narrow only, and is read whether or not its
//! repository is trusted.
//!
//! A file that is wrong is refused as a whole, with the place: no rule is ever left out in
//! silence. The examples in it are judged when it is loaded.

use super::{
    ConfigError, Dirs, from_toml,
    load::{line_column, read, read_as},
};
use crate::{
    core::policy::{Where, is_shadowed, speaks_of},
    model::{Hidden, Policy, Rule, Scope, Verdict},
};
use serde::Deserialize;
use std::{
    collections::BTreeSet,
    ops::Range,
    path::{Path, PathBuf},
};
use toml::Spanned;

const BUILT_IN: &str = include_str!("../../assets/policy.toml");
/// Rules in one file; every command is held against all of them.
const MOST: usize = 1000;
/// Directories above an agent's own that are looked in for a project's file.
const HIGHEST: usize = 64;

/// The files that a policy comes from. One that is not there has no rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyFiles {
    pub user: Option<PathBuf>,
    pub project: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    default: Option<Spanned<Verdict>>,
    #[serde(default)]
    rule: Vec<Spanned<Entry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    #[serde(default)]
    name: String,
    command: Vec<Alternatives>,
    #[serde(default)]
    with: Vec<String>,
    #[serde(default)]
    without: Vec<String>,
    #[serde(default)]
    outside_scope: bool,
    #[serde(default)]
    touches: Vec<String>,
    #[serde(default)]
    into: Vec<String>,
    verdict: Spanned<Verdict>,
    #[serde(default)]
    reason: String,
    executable: Option<Spanned<PathBuf>>,
    #[serde(default)]
    examples: Examples,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a word or a list of words")]
enum Alternatives {
    One(String),
    Some(Vec<String>),
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Examples {
    #[serde(rename = "match")]
    fits: Vec<Spanned<String>>,
    #[serde(rename = "not_match")]
    fits_not: Vec<Spanned<String>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    Ours,
    User,
    Project,
}

impl PolicyFiles {
    /// The user's file.
    pub fn of(dirs: &Dirs) -> Self {
        Self { user: Some(dirs.config.join("policy.toml")), project: None }
    }

    /// With that of the project which `cwd` lies in, if there is one.
    #[must_use]
    pub fn at(&self, cwd: &Path) -> Self {
        let above = cwd.ancestors().take(HIGHEST).map(|dir| dir.join(".dash/policy.toml"));
        // Also one that is no file or cannot be read: that is to be said, not passed over.
        let found = above.into_iter().find(|path| path.symlink_metadata().is_ok());
        Self { project: found, ..self.clone() }
    }

    /// All rules in force.
    ///
    /// # Errors
    /// When a file is wrong, or there and cannot be read.
    pub fn load(&self) -> Result<Policy, ConfigError> {
        let mut policy = built_in()?;
        if let Some(path) = &self.user
            && let Some(text) = read(path)?
        {
            let (default, mut rules) = parse(path, &text, Whose::User)?;
            for rule in &mut rules {
                rule.replaces = policy.rules.iter().any(|ours| ours.name == rule.name);
            }
            let own: BTreeSet<&str> = rules.iter().map(|rule| rule.name.as_str()).collect();
            policy.rules.retain(|rule| !own.contains(rule.name.as_str()));
            policy.default = default.unwrap_or(policy.default);
            policy.rules.extend(rules);
        }
        if let Some(path) = &self.project
            && let Some(text) = read_as(path, false)?
        {
            let (default, rules) = parse(path, &text, Whose::Project)?;
            policy.default = policy.default.max(default.unwrap_or_default());
            policy.rules.extend(rules);
        }
        Ok(policy)
    }
}

/// The rules that hold without any file.
///
/// # Errors
/// When `assets/policy.toml` is wrong, which a test keeps from being built.
pub fn built_in() -> Result<Policy, ConfigError> {
    let (default, rules) = parse(Path::new("built in"), BUILT_IN, Whose::Ours)?;
    Ok(Policy { default: default.unwrap_or_default(), rules })
}

/// Checks a file on its own.
///
/// # Errors
/// As [`PolicyFiles::load`].
pub fn check_policy(file: &Path, text: &str) -> Result<Vec<Rule>, ConfigError> {
    let built_in = built_in()?;
    let (_, mut rules) = parse(file, text, Whose::User)?;
    for rule in &mut rules {
        rule.replaces = built_in.rules.iter().any(|ours| ours.name == rule.name);
    }
    Ok(rules)
}

/// Of `rules` with the built-in ones that none of them replaces: the first that never lets
/// this one decide, as far as the two alone tell.
pub fn shadowed_by(rule: &Rule, rules: &[Rule]) -> Option<Rule> {
    let ours = built_in().map(|policy| policy.rules).unwrap_or_default();
    let replaced = |ours: &Rule| rules.iter().any(|rule| rule.name == ours.name);
    let ours = ours.into_iter().filter(|ours| !replaced(ours));
    rules.iter().cloned().chain(ours).find(|by| is_shadowed(rule, by))
}

/// Words of a file, as they may be shown on a terminal: they do not control it, nor turn what
/// follows them.
fn shown(text: &str) -> String {
    let turns = |c: char| {
        matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let one = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().filter(|&c| !turns(c)).map(one).collect()
}

fn parse(
    file: &Path,
    text: &str,
    whose: Whose,
) -> Result<(Option<Verdict>, Vec<Rule>), ConfigError> {
    let read: File = from_toml(file, text)?;
    let wrong = |span: Range<usize>, key: &str, message: String| ConfigError {
        file: file.to_owned(),
        at: Some(line_column(text, span.start)),
        key: key.to_owned(),
        message,
        nearest: None,
    };
    if read.rule.len() > MOST {
        return Err(wrong(read.rule[MOST].span(), "rule", format!("more than {MOST} rules")));
    }
    let widens = "a project may narrow only: deny or ask here, allow in your own policy.toml";
    if let Some(default) = read.default.as_ref().filter(|_| whose == Whose::Project)
        && *default.get_ref() == Verdict::Allow
    {
        return Err(wrong(default.span(), "default", widens.to_owned()));
    }
    let mut names = BTreeSet::new();
    let mut rules = Vec::new();
    for entry in read.rule {
        let span = entry.span();
        let entry = entry.into_inner();
        if whose == Whose::Project && *entry.verdict.get_ref() == Verdict::Allow {
            return Err(wrong(entry.verdict.span(), "rule.verdict", widens.to_owned()));
        }
        if !entry.name.is_empty() && !names.insert(entry.name.clone()) {
            let message = format!("there is a rule called {:?} already", entry.name);
            return Err(wrong(span, "rule.name", message));
        }
        if let Some(path) = entry.executable.as_ref().filter(|path| !path.get_ref().is_absolute()) {
            let message = "an executable is named by its absolute path".to_owned();
            return Err(wrong(path.span(), "rule.executable", message));
        }
        let source = match whose {
            Whose::Ours => "built in".to_owned(),
            Whose::User | Whose::Project => {
                format!("{}:{}", file.display(), line_column(text, span.start).0)
            }
        };
        let rule =
            rule(&entry, source).map_err(|(key, message)| wrong(span.clone(), key, message))?;
        examples(&rule, &entry.examples)
            .map_err(|(at, message)| wrong(at, "rule.examples", message))?;
        rules.push(rule);
    }
    Ok((read.default.map(Spanned::into_inner), rules))
}

fn rule(entry: &Entry, source: String) -> Result<Rule, (&'static str, String)> {
    let command: Vec<Vec<String>> = entry
        .command
        .iter()
        .map(|word| match word {
            Alternatives::One(word) => vec![word.clone()],
            Alternatives::Some(words) => words.clone(),
        })
        .collect();
    if command.is_empty() || command.iter().any(Vec::is_empty) {
        return Err(("rule.command", "it names no program".to_owned()));
    }
    let empty = |list: &[String]| list.iter().any(String::is_empty);
    if empty(&entry.with) || empty(&entry.without) || empty(&entry.touches) || empty(&entry.into) {
        return Err(("rule", "an empty word means nothing".to_owned()));
    }
    if command[0].iter().any(|name| name.contains('/')) {
        let message = "a program is named without its directory; `executable` pins the file";
        return Err(("rule.command", message.to_owned()));
    }
    let pin = entry.executable.as_ref().map(Spanned::get_ref);
    let verdict = *entry.verdict.get_ref();
    let reason = match entry.reason.as_str() {
        "" => format!("the rule at {source} says so"),
        reason => shown(reason),
    };
    Ok(Rule {
        name: shown(&entry.name),
        source,
        verdict,
        command,
        with: entry.with.clone(),
        without: entry.without.clone(),
        outside_scope: entry.outside_scope,
        touches: entry.touches.clone(),
        into: entry.into.clone(),
        reason,
        // One that is not installed here is named all the same.
        executable: pin.map(|path| path.canonicalize().unwrap_or_else(|_| path.clone())),
        replaces: false,
    })
}

fn examples(rule: &Rule, examples: &Examples) -> Result<(), (Range<usize>, String)> {
    let cwd = Path::new("/scope");
    let scope = Scope { write: vec![cwd.to_owned()], ..Scope::default() };
    let at = Where {
        cwd,
        scope: &scope,
        executable: rule.executable.as_deref(),
        hidden: Hidden::NOTHING,
    };
    for (lines, wanted) in [(&examples.fits, true), (&examples.fits_not, false)] {
        for line in lines {
            if speaks_of(rule, line.get_ref(), &at) != wanted {
                let said = if wanted { "does not match" } else { "matches" };
                return Err((line.span(), format!("the rule {said} {:?}", line.get_ref())));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
