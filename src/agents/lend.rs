//! What of the user's own an agent is lent: instructions, skills, tool servers, a login.
//!
//! An agent has a home of its own, in which nothing of the user's lies. What its file's
//! `[[lend]]` names, and the user's configuration asks for, is put there: as a link to the
//! user's file or directory, or, of a file of settings, as a copy of the keys in question alone.

mod servers;

use super::{
    adapter::check_path,
    event::{Wrong, compile},
    format::LendPart,
    template::Template,
};
use crate::{config::read_plain, protocol::keeper::LaunchFile};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// What tool servers are called, whose settings are looked through.
const SERVERS: &str = "mcp";
/// Larger settings are nobody's.
const MOST_BYTES: u64 = 16 << 20;

#[derive(Debug)]
pub(super) struct LendRule {
    name: String,
    from: Vec<Place>,
    pub to: Template,
    keys: Vec<String>,
    pub args: Vec<Template>,
    pub env: Vec<(String, Template)>,
}

/// Where the user's agent keeps it.
#[derive(Debug)]
struct Place {
    /// Names the directory; none: the user's home.
    variable: Option<String>,
    under: String,
}

/// One thing lent, or why it is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loan {
    pub name: String,
    /// The user's own, as it is named.
    pub path: PathBuf,
    /// The same without the links on the way to it.
    pub real: PathBuf,
    /// It was asked for, and cannot be had.
    pub lack: Option<String>,
    /// What of it is left out, by name, and why.
    pub left_out: Vec<(String, String)>,
    /// Of settings: the keys that are lent.
    settings: Option<Map<String, Value>>,
    /// Of the adapter's rules.
    rule: usize,
}

/// Whose things are lent.
pub struct Lender<'a> {
    /// Of his environment.
    pub variables: &'a [(String, String)],
    /// Where a path leads; none where agents have a say in that.
    pub real: &'a dyn Fn(&Path) -> Option<PathBuf>,
}

impl Loan {
    /// True if it was found, and nothing spoke against it.
    pub fn is_held(&self) -> bool {
        self.lack.is_none()
    }

    /// A link leads to it: what it leads to must be seen in a sandbox, too.
    pub fn is_link(&self) -> bool {
        self.is_held() && self.settings.is_none()
    }
}

impl LendRule {
    pub fn new(part: &LendPart) -> Result<Self, Wrong> {
        let from = part.from.iter().map(|text| compile(text, Place::parse));
        let args = part.args.iter().map(|text| compile(text, Template::parse));
        let env = part.env.iter();
        let env = env.map(|(key, text)| Ok((key.clone(), compile(text, Template::parse)?)));
        Ok(Self {
            name: compile(&part.name, check_word)?,
            from: from.collect::<Result<_, Wrong>>()?,
            to: compile(&part.to, check_path)?,
            keys: part.keys.clone(),
            args: args.collect::<Result<_, Wrong>>()?,
            env: env.collect::<Result<_, Wrong>>()?,
        })
    }

    /// Looks on the disk.
    fn borrow(&self, rule: usize, from: &Lender<'_>) -> Option<Loan> {
        let places = self.from.iter().filter_map(|place| place.path(from.variables));
        let places: Vec<PathBuf> = places.collect();
        let found = places.iter().find(|path| path.exists());
        let path = found.or(places.first())?.clone();
        let real = (from.real)(&path);
        let mut loan = Loan {
            name: self.name.clone(),
            real: real.clone().unwrap_or_default(),
            path,
            lack: None,
            left_out: Vec::new(),
            settings: None,
            rule,
        };
        match real {
            _ if found.is_none() => loan.lack = Some("nothing there".to_owned()),
            None => {
                loan.lack = Some(
                    "it leads where agents have a say, or to what is nobody's to see".to_owned(),
                )
            }
            Some(_) if self.keys.is_empty() => {}
            Some(real) => match pick(&real, is_toml(&loan.path), &self.keys) {
                Ok(settings) => self.settle(settings, &mut loan),
                Err(why) => loan.lack = Some(why),
            },
        }
        Some(loan)
    }

    fn settle(&self, mut settings: Map<String, Value>, loan: &mut Loan) {
        let found = !settings.is_empty();
        let wrong = if self.name == SERVERS { servers::sift(&mut settings) } else { Vec::new() };
        if !settings.is_empty() {
            (loan.settings, loan.left_out) = (Some(settings), wrong);
        } else if found {
            let wrong: Vec<String> =
                wrong.iter().map(|(name, why)| format!("{name}: {why}")).collect();
            loan.lack = Some(wrong.join("; "));
        } else {
            loan.lack = Some(format!("no {} in it", self.keys.join(", ")));
        }
    }
}

impl Place {
    fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("begins with `~/` or `$VARIABLE/`, and stays below it: `{text}`");
        let (top, under) = text.split_once('/').ok_or_else(wrong)?;
        if under.is_empty() || under.split('/').any(|part| part == ".." || part.is_empty()) {
            return Err(wrong());
        }
        let variable = match (top, top.strip_prefix('$')) {
            ("~", _) => None,
            (_, Some(name)) if !name.is_empty() => Some(name.to_owned()),
            _ => return Err(wrong()),
        };
        Ok(Self { variable, under: under.to_owned() })
    }

    fn path(&self, variables: &[(String, String)]) -> Option<PathBuf> {
        let name = self.variable.as_deref().unwrap_or("HOME");
        let (_, dir) = variables.iter().find(|(known, _)| known == name)?;
        Some(Path::new(dir)).filter(|dir| dir.is_absolute()).map(|dir| dir.join(&self.under))
    }
}

fn check_word(name: &str) -> Result<String, String> {
    let good = |c: char| c.is_ascii_lowercase() || c == '-';
    if name.is_empty() || !name.chars().all(good) {
        return Err(format!("a name is lower-case letters and `-`: `{name}`"));
    }
    Ok(name.to_owned())
}

/// What can be lent by these rules, each name once, in order of the alphabet.
pub(super) fn names(rules: &[LendRule]) -> Vec<&str> {
    let mut names: Vec<&str> = rules.iter().map(|rule| rule.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Of what is wanted, all that the rules name. Of several rules of a name those that find
/// nothing are left out, if one finds something.
pub(super) fn loans(rules: &[LendRule], wanted: &[String], from: &Lender<'_>) -> Vec<Loan> {
    let of_name = |name: &&str| {
        let rules = rules.iter().enumerate().filter(|(_, rule)| rule.name == **name);
        let all = rules.filter_map(|(at, rule)| rule.borrow(at, from));
        let (held, lacking): (Vec<_>, Vec<_>) = all.partition(Loan::is_held);
        let lacking = lacking.into_iter().take(usize::from(held.is_empty()));
        held.into_iter().chain(lacking.collect::<Vec<_>>()).collect::<Vec<_>>()
    };
    let names = names(rules).into_iter().filter(|name| wanted.iter().any(|word| word == name));
    names.collect::<Vec<_>>().iter().flat_map(of_name).collect()
}

/// The rules by which something is lent, with what it is.
pub(super) fn held<'a>(
    rules: &'a [LendRule],
    loans: &'a [Loan],
) -> impl Iterator<Item = (&'a LendRule, &'a Loan)> {
    let held = loans.iter().filter(|loan| loan.is_held());
    held.filter_map(|loan| Some((rules.get(loan.rule)?, loan)))
}

/// Puts a loan's settings into the file `path`, which the launch may write as well: what that
/// says itself stays as it is. False: the loan is no settings.
pub(super) fn settle(loan: &Loan, path: &Path, files: &mut Vec<LaunchFile>) -> bool {
    let Some(lent) = &loan.settings else { return false };
    let own = files.iter().position(|file| file.path == path);
    let text = own.map(|at| files[at].content.as_str()).unwrap_or_default();
    let toml = is_toml(path);
    let mut all = parse(toml, text).unwrap_or_default();
    for (key, value) in lent {
        all.entry(key.clone()).or_insert_with(|| value.clone());
    }
    let content = print(toml, &all);
    match own {
        Some(at) => files[at].content = content,
        // Tool servers may hold keys.
        None => {
            let path = path.to_owned();
            files.push(LaunchFile { path, content, mode: 0o600, protected: false });
        }
    }
    true
}

/// Of the settings in `file`, whose path has no links, these keys, as far as they are there.
fn pick(file: &Path, toml: bool, keys: &[String]) -> Result<Map<String, Value>, String> {
    let text = read_plain(file, false, MOST_BYTES).map_err(|error| error.to_string())?;
    let mut all = parse(toml, &String::from_utf8_lossy(&text))?;
    all.retain(|key, value| keys.contains(key) && !is_empty(value));
    Ok(all)
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_object().is_some_and(Map::is_empty)
}

fn is_toml(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "toml")
}

fn parse(toml: bool, text: &str) -> Result<Map<String, Value>, String> {
    if toml {
        toml::from_str(text).map_err(|error| format!("no TOML: {}", error.message()))
    } else if text.trim().is_empty() {
        Ok(Map::new())
    } else {
        serde_json::from_str(text).map_err(|error| format!("no JSON: {error}"))
    }
}

fn print(toml: bool, settings: &Map<String, Value>) -> String {
    let text = if toml {
        toml::to_string(settings).unwrap_or_default()
    } else {
        serde_json::to_string_pretty(settings).unwrap_or_default()
    };
    text + "\n"
}

#[cfg(test)]
mod tests;
