//! `config.toml`, as serde data with its defaults.

use super::Delegation;
use super::duration::duration;
use super::prices::LongPrice;
use crate::model::Cores;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::PathBuf};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub core: CoreConfig,
    pub agents: AgentsConfig,
    pub limits: LimitsConfig,
    pub delegation: Delegation,
    pub approvals: ApprovalsConfig,
    pub notify: NotifyConfig,
    /// What of the user's own agents find in their homes, by adapter: `claude = ["memory"]`.
    pub lend: BTreeMap<String, Vec<String>>,
    /// By name. The provider variables in the core's own environment (`ANTHROPIC_API_KEY`,
    /// `ANTHROPIC_BASE_URL`, …) stand for a provider of each dialect that is not named here.
    pub providers: BTreeMap<String, Provider>,
    pub simulated: Simulated,
    pub sandbox: SandboxConfig,
    pub ui: Ui,
}

/// What each agent in a sandbox may use, where its request does not say; 0 sets no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// Memory of all its processes together, in MB. Not set: no limit.
    pub memory_mb: Option<u64>,
    /// Processor time, in cores, such as 2 or 0.5. Not set: no limit.
    pub cpu: Option<Cores>,
    /// Processes and threads at once. Not set: 4096.
    pub processes: Option<u64>,
    /// What all its processes write to disks, in MB. Not set: no limit.
    pub disk_mb: Option<u64>,
}

/// How scopes are held.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SandboxConfig {
    pub holder: HolderChoice,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HolderChoice {
    /// Bubblewrap where it can be had, else Landlock alone.
    #[default]
    Auto,
    Bubblewrap,
    Landlock,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CoreConfig {
    /// A core started on demand leaves after so many seconds without an agent and a client.
    pub idle_exit_seconds: u64,
    /// Cap of a recording, in MB; beyond it the oldest middle is cut.
    pub recording_mb: u64,
    /// So many of the newest events stay in the journal, at least.
    pub events_kept: u64,
    /// Size of a new agent's terminal.
    pub cols: u16,
    pub rows: u16,
    /// Grace between SIGTERM and SIGKILL, in milliseconds.
    pub stop_grace_ms: u64,
}

impl Default for CoreConfig {
    fn default() -> Self {
        Self {
            idle_exit_seconds: 10,
            recording_mb: 1024,
            events_kept: 2_000_000,
            cols: 120,
            rows: 40,
            stop_grace_ms: 3000,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AgentsConfig {
    /// Without `--agent`: the first of these that is installed, else `mini`.
    pub order: Vec<String>,
    /// At most so many attempts at once, over all swarms; 0 sets no limit.
    pub max: u32,
    /// Agents wait (`queued: memory`, `queued: cores`) until the machine has room for what
    /// their adapter says they take.
    pub admission: bool,
}

impl Default for AgentsConfig {
    fn default() -> Self {
        let order = vec!["claude".to_owned(), "codex".to_owned()];
        Self { order, max: 0, admission: true }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApprovalsConfig {
    /// What nobody answers in this time is denied: `90s`, `10m`, `1h30m`.
    pub timeout: String,
    /// Two users, by name, must approve; one is enough to deny. Names (`$DASH_ACTOR`) are
    /// taken at their word: it is cooperation among people who share one user account, and no
    /// lock. The audit has the account (uid) that each answer came from.
    pub four_eyes: bool,
    /// A program and its arguments, run for each new approval with the approval as JSON on
    /// its standard input, and again by a new core for those that are still open.
    pub notify: Vec<String>,
}

impl Default for ApprovalsConfig {
    fn default() -> Self {
        Self { timeout: "10m".to_owned(), four_eyes: false, notify: Vec::new() }
    }
}

/// Who is told of what needs somebody: failures that are not tried again, questions, what waits
/// for money or input, ends of swarms. Each gets the event as JSON, with `text`, what happened in
/// words. A core tells its successor how far it came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NotifyConfig {
    /// A program and its arguments, in which `{text}` stands for the words; the JSON is its
    /// standard input. `["notify-send", "Dash", "{text}"]` is a notification of the desktop.
    pub command: Vec<String>,
    /// An http(s) address that the JSON is posted to; tried again for half a minute where it cannot
    /// be reached or answers 408, 425, 429 or 5xx.
    pub webhook: Option<String>,
}

impl ApprovalsConfig {
    /// Milliseconds. One that is no duration was refused when it was read.
    pub fn timeout_ms(&self) -> u64 {
        duration(&self.timeout).unwrap_or(600_000)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// `/v1/messages`
    Anthropic,
    /// `/v1/chat/completions` and `/v1/responses`
    Openai,
    /// `/v1beta/models/MODEL:generateContent` and `:streamGenerateContent`
    Gemini,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    pub dialect: Dialect,
    /// Without `/v1` for anthropic, with it for openai, as the SDKs want it.
    pub base_url: String,
    #[serde(default)]
    pub key_env: Option<String>,
    /// A file of mode 0600.
    #[serde(default)]
    pub key_file: Option<PathBuf>,
    #[serde(default)]
    pub key_command: Option<Vec<String>>,
    /// In place of a key: each agent's own login goes upstream.
    #[serde(default)]
    pub login: Option<Login>,
    /// What its calls cost nobody pays by the token, as under a subscription: it is told and
    /// labelled, and no budget in dollars counts it. Where nothing is said, it is so of logins
    /// that pass through, but for API keys among them, which are billed by the token.
    #[serde(default)]
    pub notional: Option<bool>,
    /// Overrides of the price file, by model: dollars per million tokens.
    #[serde(default)]
    pub prices: BTreeMap<String, ModelPrice>,
}

/// Whose login a call is made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Login {
    /// The agent's own, as it sends it.
    Passthrough,
}

/// Dollars per million tokens, as in `prices.toml`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelPrice {
    pub input: f64,
    pub output: f64,
    #[serde(default)]
    pub cache_read: Option<f64>,
    #[serde(default)]
    pub cache_write: Option<f64>,
    #[serde(default)]
    pub cache_write_1h: Option<f64>,
    /// The longest prompt, in tokens.
    #[serde(default)]
    pub context: Option<u64>,
    #[serde(default)]
    pub long: Option<LongPrice>,
}

/// The provider that answers from a scenario file instead of a model. It stands in for a
/// dialect without a key, and for every dialect when `always` is set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Simulated {
    pub always: bool,
    pub scenario: Option<PathBuf>,
    /// The built-in scenario of `dash demo` instead of the default one; set by the core's
    /// own command line, never in a file.
    #[serde(skip)]
    pub rehearsal: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ui {
    /// A name from `themes/`, or `auto`: dark or light as the terminal says.
    pub theme: String,
    pub keymap: String,
    /// Columns of the grid in their order, such as `agent` or `item:40`; none: those that have
    /// something to tell.
    pub columns: Vec<String>,
    /// Clicks, wheel and drags are Dash's; false leaves them to the terminal.
    pub mouse: bool,
    /// How the terminal is told that something new waits in the inbox.
    pub notify: Notify,
}

/// What the terminal makes of it is its own business; nothing else rings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Notify {
    Off,
    #[default]
    Bell,
    /// A notification with its text, as iTerm2, WezTerm, Ghostty, kitty and Windows Terminal
    /// take it.
    Osc9,
    /// The same with a title, as urxvt, foot, Ghostty and WezTerm take it.
    Osc777,
}

impl Default for Ui {
    fn default() -> Self {
        Self {
            theme: "auto".to_owned(),
            keymap: "vim".to_owned(),
            columns: Vec::new(),
            mouse: true,
            notify: Notify::default(),
        }
    }
}
