//! Rules on commands, and what comes of holding a command against them.

use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::{Path, PathBuf},
};

/// Ordered by strictness: of several the greatest counts.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    #[default]
    Allow,
    /// Held until somebody with the right to do so has answered.
    Ask,
    Deny,
}

impl Verdict {
    pub fn word(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Ask => "ask",
            Self::Deny => "deny",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// Who keeps an agent from doing what a verdict says it may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Enforcement {
    /// The program cannot be executed.
    Kernel,
    /// The program is hidden from the agent; the broker alone runs it.
    Broker,
    /// The agent has to ask, and to heed the answer.
    Cooperates,
}

impl Enforcement {
    pub fn word(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Broker => "broker",
            Self::Cooperates => "cooperates",
        }
    }
}

impl fmt::Display for Enforcement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// One rule. It speaks of a command that fits all that it names; what it leaves empty, fits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Rule {
    pub name: String,
    /// `FILE:LINE`, or `built in`.
    pub source: String,
    pub verdict: Verdict,
    /// How the command line begins: for each word its alternatives, the program first. `*`
    /// stands for any letters.
    pub command: Vec<Vec<String>>,
    /// One of these is among the further arguments.
    pub with: Vec<String>,
    /// None of these is.
    pub without: Vec<String>,
    /// An argument is a path outside of what the scope lets the agent write.
    pub outside_scope: bool,
    /// An argument or a redirection is, or lies in, one of these paths.
    pub touches: Vec<String>,
    /// What it prints goes to one of these programs.
    pub into: Vec<String>,
    pub reason: String,
    /// The one file that the rule's program is; canonical.
    pub executable: Option<PathBuf>,
    /// It stands in the place of the built-in rule of this name, which does not hold any more.
    #[serde(default, skip_serializing_if = "is_false")]
    pub replaces: bool,
}

fn is_false(value: &bool) -> bool {
    !value
}

/// The rules in force, and what holds where none of them speaks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    pub default: Verdict,
    pub rules: Vec<Rule>,
}

/// Executables that an agent cannot see, since the broker alone has them.
#[derive(Clone, Debug, Default)]
pub struct Hidden {
    /// By all their names.
    pub executables: BTreeSet<PathBuf>,
    /// Why a file that a rule pins is none of them.
    pub seen: BTreeMap<PathBuf, String>,
    /// What a word stands for where the agent is.
    pub lookup: Option<Lookup>,
}

impl Hidden {
    /// Everything can be seen.
    pub const NOTHING: &'static Self =
        &Self { executables: BTreeSet::new(), seen: BTreeMap::new(), lookup: None };
}

/// How whoever runs a command finds its program. The rules are pure: the disk is looked at by
/// those who ask.
#[derive(Clone, Debug)]
pub struct Lookup {
    pub path: String,
    /// The canonical file for a program's word, by `path` or in a directory.
    pub find: fn(word: &str, path: &str, cwd: &Path) -> Option<PathBuf>,
}

/// What one rule says of one command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Finding {
    /// The rule's name; empty where it has none.
    pub rule: String,
    /// `FILE:LINE`, `built in`, `scope` or `judge`.
    pub source: String,
    pub verdict: Verdict,
    /// The command in question, which may be a part of what was asked about.
    pub command: String,
    pub reason: String,
    pub enforced_by: Enforcement,
    /// The rule pins a file, and this is why the broker does not hold it all the same.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub not_held: String,
}

/// The answer to: may this be run?
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Judgement {
    pub verdict: Verdict,
    pub reason: String,
    /// The strictest first.
    pub findings: Vec<Finding>,
    /// Who holds the verdict; none where everything is allowed.
    pub enforced_by: Option<Enforcement>,
    /// Programs whose code no rule reads (`python3`, `make`, `./run`): of what they do the
    /// verdict says nothing, and the scope alone bounds it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unseen: Vec<String>,
}
