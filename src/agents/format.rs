//! The adapter file, key by key. Unknown keys are refused.
//!
//! `Text` remembers where it stands, so that a bad placeholder, pointer or pattern is told
//! with its line.

use crate::{
    config::Dialect,
    model::{AgentState, Footprint, Outcome},
};
use serde::Deserialize;
use std::collections::BTreeMap;
use toml::Spanned;

pub type Text = Spanned<String>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Lower-case letters, digits, `-`: what `--agent` takes. Also the file's own name.
    pub name: Text,
    /// One line for `dash doctor`.
    pub summary: String,
    /// The version that the facts in this file were measured on.
    #[serde(default)]
    pub measured: String,
    /// The API it speaks to its provider, if it speaks only one.
    pub dialect: Option<Dialect>,
    pub program: ProgramPart,
    #[serde(default)]
    pub model: ModelPart,
    pub launch: LaunchPart,
    /// What one of its agents takes of the machine.
    #[serde(default)]
    pub footprint: Footprint,
    /// None: it only works without a screen of its own.
    pub interactive: Option<InteractivePart>,
    /// How several runs share one process; none: each has its own.
    pub shared: Option<SharedPart>,
    /// What of the user's own it can be lent.
    #[serde(default)]
    pub lend: Vec<LendPart>,
    #[serde(default)]
    pub watch: WatchPart,
    /// How its own permission prompts are answered; none: on its terminal alone.
    pub prompt: Option<PromptPart>,
    /// HTTP status (as text) to stop reason, over the built-in ones: 402 `budget`; 429,
    /// 503, 529 `overloaded`; any other `error`.
    #[serde(default)]
    pub stop_reasons: BTreeMap<String, Text>,
    /// Every rule that fits a line applies, in this order.
    #[serde(default)]
    pub output: Vec<OutputRule>,
    /// The same over what the agent's own hooks tell (`dash __hook NAME`, set up by a file of
    /// `[interactive]`): their JSON, object by object.
    #[serde(default)]
    pub hook: Vec<OutputRule>,
    /// The first that fits counts.
    #[serde(default)]
    pub screen: Vec<PatternRule>,
    /// The first that fits counts.
    #[serde(default)]
    pub title: Vec<PatternRule>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Run {
    /// `name`, looked up on the agent's PATH.
    #[default]
    Program,
    /// This executable.
    Dash,
    /// What the caller gave after `--`; without it the task, by `sh -c`.
    Command,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProgramPart {
    #[serde(default)]
    pub run: Run,
    #[serde(default)]
    pub name: String,
    /// Arguments that make it print its version; none: it is not asked.
    #[serde(default)]
    pub version: Vec<String>,
    /// How to get it, told where it is missing.
    #[serde(default)]
    pub install: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelPart {
    /// Empty: the agent's own default.
    pub default: String,
    /// Where the adapter speaks any dialect: the default for each.
    pub by_dialect: BTreeMap<Dialect, String>,
    /// Short names.
    pub aliases: BTreeMap<String, String>,
    /// What `{model_args}` stands for where a model is asked for.
    pub args: Vec<Text>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stdin {
    #[default]
    Terminal,
    /// /dev/null: for agents that would read a prompt from a pipe or terminal.
    Null,
    /// The task, to its last byte, in a file: for agents that take no prompt of any form as an
    /// argument.
    Task,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// Nothing but what `environment.rs` lists; HOME, TMPDIR and XDG directories of the
    /// attempt's own.
    #[default]
    Clear,
    /// The core's, without provider keys and agents' own variables.
    Inherit,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LaunchPart {
    /// An argument that is exactly `{model_args}` is replaced by those of `[model]`, and one
    /// that is `{lend_args}` by those of what is lent.
    pub args: Vec<Text>,
    /// The arguments that resume `{session}`; none: it cannot.
    pub resume: Vec<Text>,
    /// Files and directories with its sessions, in {private} or {home}: each attempt has its
    /// own, and one that resumes gets copies of what the earlier one left there.
    pub sessions: Vec<Text>,
    pub stdin: Stdin,
    pub environment: Environment,
    /// Further variables of the core's environment that pass a cleared one; `*` at the end
    /// stands for anything.
    pub keep: Vec<String>,
    /// A hook of its own, set up here, asks about every command before it runs: then nobody
    /// else is to ask about it once more.
    pub hook: bool,
    /// A variable that comes out empty is not set.
    pub env: BTreeMap<String, Text>,
    pub files: Vec<FilePart>,
}

/// A process of the agent's own that serves many runs. It is started for the first of them,
/// in their scope, and stopped after the last. A run in a worktree, with hosts or limits of
/// its own or beside no other of its kind has its own process all the same.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SharedPart {
    /// Agents of its kind in a swarm from which on they share.
    pub from: usize,
    /// Runs of one such process; for more there is another.
    pub seats: usize,
    /// Runs that start at once: the next begins when one has made its first model call. More
    /// would only contend for the shared process.
    pub at_once: usize,
    /// Found on a line of its output: it takes runs from now on.
    pub ready: Text,
    pub host: LaunchPart,
    /// A run's own launch, in place of `[launch]`.
    pub guest: LaunchPart,
}

/// Something of the user's own. It is lent only where the user's `config.toml` asks for it:
/// `[lend]`, by the adapter's name. Several parts may have one name.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LendPart {
    /// `memory`, `skills`, `mcp`, `login` …: what `[lend]` calls it.
    pub name: Text,
    /// Where it lies: `~/…` or `$VARIABLE/…`, the first of them that is there.
    pub from: Vec<Text>,
    /// Where the agent finds it, in {private} or {home}: a link to the user's own, which no
    /// sandbox lets it change.
    pub to: Text,
    /// Of a file of settings (JSON, or TOML if it is called so): only these keys, in a copy, or
    /// in the file that the launch itself writes there.
    #[serde(default)]
    pub keys: Vec<String>,
    /// Stand for `{lend_args}` then.
    #[serde(default)]
    pub args: Vec<Text>,
    /// Beside the launch's own; of two alike this one counts. An empty one is not set.
    #[serde(default)]
    pub env: BTreeMap<String, Text>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilePart {
    pub path: Text,
    pub content: Text,
    #[serde(default = "private_mode")]
    pub mode: u32,
    /// The agent cannot change it: held by a mount, and so in a sandbox of namespaces alone.
    /// Elsewhere it is the agent that has to leave it as it is.
    #[serde(default)]
    pub protected: bool,
}

fn private_mode() -> u32 {
    0o600
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutputFormat {
    /// Nothing structured: the recording need not be read.
    #[default]
    None,
    /// One JSON object a line, other lines between them.
    JsonLines,
    /// One JSON object over several lines, from a line that begins with `{` to one that
    /// begins with `}`.
    Json,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Judge {
    /// The exit code: 0 is done.
    #[default]
    Exit,
    /// The last output rule with an `outcome`; without one it failed, whatever the code.
    Output,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WatchPart {
    pub output: OutputFormat,
    pub judge: Judge,
    /// With `judge = "output"`: done only if the exit code is 0 as well.
    pub done_needs_exit_zero: bool,
    /// Finds the HTTP status in an error's text, as its first group, where no rule's
    /// `status` points at it.
    pub status_pattern: Option<Text>,
    /// Found in an error that says in words of the agent's own that the money is spent: as
    /// good as a 402, where no status is known.
    pub budget_pattern: Option<Text>,
    /// Seconds after which one that ought to work, and neither prints, computes nor calls a
    /// model, is `waiting: stalled`; 0: never, for what may well wait for something of its own.
    pub stalled_after_s: Option<u64>,
    /// OSC 9;4 going off says that the agent is idle, not just that it shows no progress.
    pub progress_off_is_idle: bool,
}

/// The agent on its own screen, for a person or a model to type into. What `[launch]` says of
/// program, environment, variables and files holds here too; its arguments do not, and
/// standard input is the terminal.
///
/// Its state comes from OSC 7501, from `[[hook]]`, from `[[title]]` and `[[screen]]`, and its
/// outcome from the exit code alone: `[[output]]` is for what it prints without a screen.
/// What it would ask at its first start is answered before, by arguments and files.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InteractivePart {
    /// As `launch.args`, without a task.
    pub args: Vec<Text>,
    /// As `launch.resume`, without a task; none: on its screen it resumes no session. Its name
    /// comes from `[[hook]]`, its files lie where `launch.sessions` says.
    pub resume: Vec<Text>,
    /// These follow where there is a task: it is then the first prompt.
    pub task: Vec<Text>,
    /// Beside `launch.env`; of two alike this one counts.
    pub env: BTreeMap<String, Text>,
    /// Beside `launch.files`; of two at one path this one counts.
    pub files: Vec<FilePart>,
    /// Typed, and Enter after it, once there is more money after a turn of its was refused for
    /// want of it, so that it goes on with that turn; none: it waits for what somebody types.
    pub go_on: String,
    /// Keys for that, after the text in place of Enter.
    pub go_on_keys: Vec<Text>,
}

/// Keys that answer a permission prompt, as `dash agent send --keys` takes them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PromptPart {
    pub approve: Vec<Text>,
    pub deny: Vec<Text>,
    /// A regular expression for a row of the prompt that takes these keys. They are typed only
    /// while a row fits it and stands there with those above it as it did when it was looked
    /// at. None: they are typed as long as the agent says that it shows the prompt.
    pub shown: Option<Text>,
}

/// A rule over one JSON object. Pointers are `/key/key/0`; `*` stands for every element:
/// texts are joined, numbers added. Where a list of pointers is given, the first that finds
/// something counts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputRule {
    /// What must be there: objects fit key by key, a list fits any of its members, `"*"`
    /// fits whatever is there and not null.
    pub when: serde_json::Map<String, serde_json::Value>,
    pub state: Option<AgentState>,
    #[serde(default)]
    pub reason: String,
    /// What `explain` shows: text with `{/pointer}` in it.
    #[serde(default)]
    pub detail: Option<Text>,
    /// What it says or does, for its last line: text with `{/pointer}` in it; the first whose
    /// pointers all find something. Of one that is a pointer alone, the last line.
    #[serde(default)]
    pub says: Vec<Text>,
    #[serde(default)]
    pub progress: Option<Text>,
    /// Of `[[hook]]`: text with `{/pointer}` in it, what the permission prompt asks that the
    /// agent shows next. For agents whose OSC 7501 does not say it.
    #[serde(default)]
    pub prompt: Option<Text>,
    /// The agent's answer; the last one counts.
    #[serde(default)]
    pub text: Vec<Text>,
    /// `text` is a piece of the answer, which goes on from the piece before.
    #[serde(default)]
    pub text_goes_on: bool,
    /// An answer in pieces is over: the next piece begins another.
    #[serde(default)]
    pub text_ends: bool,
    /// What went wrong; the last one counts, and only if the attempt failed.
    #[serde(default)]
    pub error: Vec<Text>,
    /// `error` counts only where nothing was told before.
    #[serde(default)]
    pub error_fills: bool,
    #[serde(default)]
    pub session: Option<Text>,
    #[serde(default)]
    pub usage: Option<UsagePart>,
    /// The object is the agent's verdict; the last one counts.
    pub outcome: Option<Verdict>,
    /// HTTP status of the call that ended it.
    #[serde(default)]
    pub status: Option<Text>,
    /// Where no status is known.
    #[serde(default)]
    pub stop_reason: Option<Text>,
}

/// What an agent can say of itself: that it waits for money only the gateway knows.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Done,
    Failed,
    Stopped,
    Lost,
}

impl From<Verdict> for Outcome {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Done => Self::Done,
            Verdict::Failed => Self::Failed,
            Verdict::Stopped => Self::Stopped,
            Verdict::Lost => Self::Lost,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UsagePart {
    pub input: Option<Text>,
    pub output: Option<Text>,
    pub cache_read: Option<Text>,
    pub cache_write: Option<Text>,
    /// Its `input` counts cached tokens too: they are taken out.
    pub input_includes_cache: bool,
    /// Adds to what was reported before, instead of standing for all of it.
    pub add: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PatternRule {
    /// For `explain`.
    pub name: String,
    /// A regular expression, tried on each row from the bottom up. Of a permission prompt its
    /// first group is what is asked.
    pub pattern: Text,
    /// Counts only while a row of the screen fits this as well; its first group is then what is
    /// asked.
    pub screen: Option<Text>,
    /// Of a permission prompt: rows right above and below the one that says what is asked, as
    /// far as they fit this, say it too, with their first group.
    pub block: Option<Text>,
    /// How many of the bottom rows with text are looked at.
    #[serde(default = "some_rows")]
    pub rows: usize,
    pub state: AgentState,
    #[serde(default)]
    pub reason: String,
    /// Of `[[screen]]`: keys that answer what it asks, in place of those of `[prompt]`.
    #[serde(default)]
    pub approve: Vec<Text>,
    #[serde(default)]
    pub deny: Vec<Text>,
}

fn some_rows() -> usize {
    8
}
