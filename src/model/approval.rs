//! Approvals: questions that wait for a person or the primary model, and the answers that
//! are remembered for questions to come.

use super::{Actor, AgentId, ApprovalId, AttemptId, Stamp, SwarmId};
use serde::{Deserialize, Serialize};
use std::{
    fmt,
    path::{Component, Path, PathBuf},
    str::FromStr,
};

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Question {
    /// May this command run?
    Command {
        argv: Vec<String>,
        cwd: PathBuf,
        /// A remembered answer stands for every command that begins with so many words of
        /// this one; none: for this command alone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        covers: Option<u32>,
    },
    /// May this address be reached? A remembered answer stands for the host, at any port.
    Network { host: String, port: u16 },
    /// The agent's own permission prompt, on its terminal.
    Prompt {
        text: String,
        /// Its adapter says how to answer it; otherwise its terminal is the only place.
        answerable: bool,
    },
    /// Recovery ran out.
    Escalation { text: String },
    /// Children of the agent failed so often that its branch is held: may it go on?
    Branch { text: String },
    /// Its model call waits for a provider's key, which no answer brings.
    Key { text: String },
}

impl Question {
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Command { .. } => "command",
            Self::Network { .. } => "network",
            Self::Prompt { .. } => "prompt",
            Self::Escalation { .. } => "escalation",
            Self::Branch { .. } => "branch",
            Self::Key { .. } => "key",
        }
    }

    /// Holds the agent until it is answered. An agent that shows a prompt of its own waits
    /// by itself, as one does whose call waits for a key, and one whose branch is held goes on with
    /// its own work.
    pub fn holds(&self) -> bool {
        match self {
            Self::Command { .. } | Self::Network { .. } | Self::Escalation { .. } => true,
            Self::Prompt { .. } | Self::Branch { .. } | Self::Key { .. } => false,
        }
    }

    /// What to do where an answer does nothing; none where it does.
    pub fn elsewhere(&self, agent: &AgentId) -> Option<String> {
        match self {
            Self::Prompt { answerable: false, .. } => {
                Some(format!("answer in its terminal: dash attach {agent}"))
            }
            Self::Key { .. } => Some("no answer brings a key: give one to a new core".to_owned()),
            _ => None,
        }
    }

    /// What is asked about, whole and in one line: a command quoted as a shell reads it, so
    /// that no word passes for two.
    pub fn text(&self) -> String {
        match self {
            Self::Command { argv, .. } => quoted(argv),
            Self::Network { host, port } if host.contains(':') => format!("[{host}]:{port}"),
            Self::Network { host, port } => format!("{host}:{port}"),
            Self::Prompt { text, .. }
            | Self::Escalation { text }
            | Self::Branch { text }
            | Self::Key { text } => text.clone(),
        }
    }

    /// What an answer is remembered for; none where it cannot be remembered.
    pub fn subject(&self) -> Option<Subject> {
        match self {
            Self::Command { argv, covers: None, cwd } => {
                Some(Subject::Command { words: argv.clone(), exact: true, cwd: Some(cwd.clone()) })
            }
            Self::Command { argv, covers: Some(n), cwd } => {
                let words = argv.get(..*n as usize).filter(|words| !words.is_empty())?;
                let (words, cwd) = (words.to_vec(), Some(cwd.clone()));
                Some(Subject::Command { words, exact: false, cwd })
            }
            Self::Network { host, .. } => Some(Subject::Network { host: host.clone() }),
            Self::Prompt { .. }
            | Self::Escalation { .. }
            | Self::Branch { .. }
            | Self::Key { .. } => None,
        }
    }
}

/// Controls a terminal, turns the direction of text or has no width: what a reader would not
/// see.
fn hidden(c: char) -> bool {
    let format = matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}');
    c.is_control() || format
}

/// Words as a shell reads them; what would not be seen is shown as in `$'\x1b'`.
pub fn quoted(words: &[String]) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./=:,+@%^".contains(c);
    let word = |word: &String| {
        if !word.is_empty() && word.chars().all(plain) {
            word.clone()
        } else if word.chars().any(hidden) {
            let escaped = word.chars().map(|c| match c {
                '\'' => "\\'".to_owned(),
                '\\' => "\\\\".to_owned(),
                '\n' => "\\n".to_owned(),
                '\t' => "\\t".to_owned(),
                c if c.is_ascii_control() => format!("\\x{:02x}", c as u32),
                c if hidden(c) => format!("\\u{:04x}", c as u32),
                c => c.to_string(),
            });
            format!("$'{}'", escaped.collect::<String>())
        } else {
            format!("'{}'", word.replace('\'', "'\\''"))
        }
    };
    words.iter().map(word).collect::<Vec<_>>().join(" ")
}

/// What a remembered answer stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Subject {
    Command {
        words: Vec<String>,
        /// Only this very command; otherwise every one that begins so.
        exact: bool,
        /// In this directory and below: `git push` in one repository says nothing of
        /// another. None: anywhere.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cwd: Option<PathBuf>,
    },
    Network {
        host: String,
    },
}

impl Subject {
    pub fn covers(&self, question: &Question) -> bool {
        match (self, question) {
            (
                Self::Command { words, exact, cwd },
                Question::Command { argv, cwd: asked_in, .. },
            ) => {
                let same = if *exact { argv == words } else { argv.starts_with(words) };
                same && cwd.as_ref().is_none_or(|cwd| lies_in(asked_in, cwd))
            }
            (Self::Network { host }, Question::Network { host: asked, .. }) => host == asked,
            (Self::Command { .. } | Self::Network { .. }, _) => false,
        }
    }

    /// Without its directory: for a swarm's agents, each of which may work in a tree of its own.
    #[must_use]
    pub fn anywhere(self) -> Self {
        match self {
            Self::Command { words, exact, .. } => Self::Command { words, exact, cwd: None },
            Self::Network { .. } => self,
        }
    }
}

/// By the names alone; one that climbs lies nowhere for sure.
fn lies_in(dir: &Path, root: &Path) -> bool {
    let climbs = dir.components().any(|part| part == Component::ParentDir);
    dir == root || (!climbs && dir.starts_with(root))
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command { words, exact, cwd } => {
                f.write_str(&quoted(words))?;
                if !exact {
                    f.write_str(" …")?;
                }
                match cwd {
                    Some(cwd) => write!(f, " (in {})", quoted(&[cwd.display().to_string()])),
                    None => Ok(()),
                }
            }
            Self::Network { host } => f.write_str(host),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Resolution {
    Approve,
    Deny,
}

impl Resolution {
    pub fn word(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Deny => "deny",
        }
    }
}

/// For which further questions an answer stands. The order is that of reach.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Remember {
    #[default]
    Once,
    Agent,
    Swarm,
    Always,
}

impl Remember {
    pub const ALL: [Self; 4] = [Self::Once, Self::Agent, Self::Swarm, Self::Always];

    pub fn word(self) -> &'static str {
        match self {
            Self::Once => "once",
            Self::Agent => "agent",
            Self::Swarm => "swarm",
            Self::Always => "always",
        }
    }
}

impl FromStr for Remember {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|reach| reach.word() == text);
        found.ok_or_else(|| "it is once, agent, swarm or always".to_owned())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ApprovalState {
    Open,
    Approved,
    Denied,
    /// Nobody answered in time: as good as denied.
    Expired,
    /// What it was asked for is over: the attempt ended, the prompt went away.
    Withdrawn,
}

impl ApprovalState {
    pub fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// What whoever asked may do; none while it is open.
    pub fn verdict(self) -> Option<Resolution> {
        match self {
            Self::Open => None,
            Self::Approved => Some(Resolution::Approve),
            Self::Denied | Self::Expired | Self::Withdrawn => Some(Resolution::Deny),
        }
    }
}

impl fmt::Display for ApprovalState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// One answer to one approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ApprovalAnswer {
    pub by: Actor,
    pub verdict: Resolution,
    pub remember: Remember,
    pub note: String,
    pub at: Stamp,
}

/// A question that waits, or waited, for somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Approval {
    pub id: ApprovalId,
    pub swarm: SwarmId,
    pub agent: AgentId,
    pub attempt: AttemptId,
    #[serde(flatten)]
    pub question: Question,
    /// The rule that asks, or the reason.
    pub why: String,
    /// The names under which it was asked; under each it is asked once.
    #[serde(default)]
    pub keys: Vec<String>,
    pub asked_at: Stamp,
    /// Unanswered by then it is denied; none: it waits as long as the agent does.
    pub expires_at: Option<Stamp>,
    /// How many users must approve; two with four eyes. One denial is enough.
    pub needs: u32,
    pub answers: Vec<ApprovalAnswer>,
    pub state: ApprovalState,
    pub ended_at: Option<Stamp>,
    /// For what the answer stands beside this question: the narrowest that its approvers
    /// asked for.
    pub remember: Remember,
    /// What is told to whoever asked.
    pub note: String,
    /// The approval whose remembered answer this one got.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recalled: Option<ApprovalId>,
}

impl Approval {
    pub fn is_open(&self) -> bool {
        self.state == ApprovalState::Open
    }

    /// Who answered, as a list for people.
    pub fn by(&self) -> String {
        let names: Vec<String> = self.answers.iter().map(|answer| answer.by.to_string()).collect();
        names.join(", ")
    }
}

/// Whom a remembered answer serves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    Agent(AgentId),
    Swarm(SwarmId),
    Always,
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Agent(agent) => write!(f, "agent {agent}"),
            Self::Swarm(swarm) => write!(f, "swarm {swarm}"),
            Self::Always => f.write_str("always"),
        }
    }
}

/// An answer that later questions get at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Remembered {
    /// From 1; never reused.
    pub number: u64,
    pub approval: ApprovalId,
    pub subject: Subject,
    pub reach: Reach,
    pub verdict: Resolution,
    /// By so many users: an approval that needs more is not answered by it.
    pub eyes: u32,
    pub by: Vec<Actor>,
    pub note: String,
    pub at: Stamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argv(words: &[&str]) -> Vec<String> {
        words.iter().map(|&word| word.to_owned()).collect()
    }

    fn command(words: &[&str], covers: Option<u32>) -> Question {
        Question::Command { argv: argv(words), cwd: "/w".into(), covers }
    }

    #[test]
    fn no_word_passes_for_two_and_no_control_character_is_hidden() {
        for (words, shown) in [
            (&["git", "push", "-u=x"][..], "git push -u=x"),
            (&["git", "push; rm -rf /"], "git 'push; rm -rf /'"),
            (&["echo", "it's", ""], "echo 'it'\\''s' ''"),
            (&["ls", "a\x1b[2J\n'b"], "ls $'a\\x1b[2J\\n\\'b'"),
        ] {
            assert_eq!(quoted(&argv(words)), shown);
        }
    }

    #[test]
    fn an_answer_covers_what_was_shown_and_no_more() {
        let exact = command(&["git", "push"], None).subject().unwrap();
        assert!(exact.covers(&command(&["git", "push"], Some(1))));
        assert!(!exact.covers(&command(&["git", "push", "--force"], None)));
        let begins = command(&["git", "push", "origin"], Some(2)).subject().unwrap();
        assert_eq!(begins.to_string(), "git push … (in /w)");
        assert_eq!(begins.clone().anywhere().to_string(), "git push …");
        assert!(begins.covers(&command(&["git", "push", "--force"], None)));
        assert!(!begins.covers(&command(&["git", "pull"], None)));
        // Nothing begins with no word, or with more words than there are.
        assert_eq!(command(&["ls"], Some(0)).subject(), None);
        assert_eq!(command(&["ls"], Some(2)).subject(), None);
        let net = Question::Network { host: "a.b".to_owned(), port: 1 };
        let other = Question::Network { host: "a.b".to_owned(), port: 2 };
        assert!(net.subject().unwrap().covers(&other) && !exact.covers(&net));
    }

    #[test]
    fn an_answer_holds_where_it_was_asked_and_below() {
        let at = |cwd: &str| Question::Command {
            argv: argv(&["git", "push"]),
            cwd: cwd.into(),
            covers: None,
        };
        let here = at("/w").subject().unwrap();
        for (cwd, wanted) in
            [("/w", true), ("/w/deep/er", true), ("/w2", false), ("/", false), ("/w/../x", false)]
        {
            assert_eq!(here.covers(&at(cwd)), wanted, "{cwd}");
            assert!(here.clone().anywhere().covers(&at(cwd)), "{cwd}");
        }
        // From before there were directories.
        let old = r#"{"kind":"command","words":["git","push"],"exact":true}"#;
        assert_eq!(serde_json::from_str::<Subject>(old).unwrap(), here.anywhere());
    }

    #[test]
    fn the_question_stands_in_the_approvals_own_object() {
        let question = command(&["ls"], None);
        let json = serde_json::to_value(&question).unwrap();
        assert_eq!(json["kind"], "command");
        assert_eq!(serde_json::from_value::<Question>(json).unwrap(), question);
    }
}
