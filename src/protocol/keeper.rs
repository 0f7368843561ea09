//! Frames between a keeper and whoever connects to it. Versioned and nearly frozen: a
//! keeper outlives the core that made it, and a newer core must still speak to it.
//!
//! A frame is `u32` length (little endian, of what follows), one byte of kind, payload.
//! Kind 0 is a control message in JSON ([`ToKeeper`] or [`FromKeeper`] by direction),
//! kind 1 raw terminal bytes (input to a keeper, output from it). The first frame of a
//! connection says who it is: [`ToKeeper::Core`] or [`ToKeeper::View`].

use crate::model::{AttemptId, Confine, Exit, Ground, Lent, Limits, Stamp};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Raised only when an old keeper could misunderstand a new core.
pub const VERSION: u32 = 1;
/// Longest frame either side accepts, in bytes.
pub const MAX_FRAME: usize = 8 << 20;
pub const KIND_CONTROL: u8 = 0;
pub const KIND_BYTES: u8 = 1;
/// A viewer with more than this many unsent bytes gets a fresh screen instead.
pub const VIEWER_BACKLOG: usize = 256 << 10;

/// In argv, env and file contents of a [`LaunchFile`], replaced by the keeper with the
/// attempt's own gateway address, `http://127.0.0.1:PORT`, which is known only there.
pub const GATEWAY_MARK: &str = "@DASH_GATEWAY@";
/// The same without the scheme, `127.0.0.1:PORT`: for a URL with a password in it.
pub const GATEWAY_ADDRESS_MARK: &str = "@DASH_GATEWAY_ADDRESS@";

/// `spec.json` in an attempt's directory: all that `dash __keeper DIR` needs. The core
/// writes it before it launches the keeper, whose standard input is the first connection
/// to the core (a Unix stream socket).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeeperSpec {
    pub version: u32,
    pub attempt: AttemptId,
    /// What the attempt shows the gateway and its own socket: kept here so that a later core
    /// knows it. `env` and `files` hold it where the agent reads it.
    #[serde(default)]
    pub token: String,
    /// Program and arguments of the agent; the program is looked up in `env`'s PATH.
    pub argv: Vec<String>,
    /// The whole environment of the agent.
    pub env: Vec<(String, String)>,
    pub cwd: PathBuf,
    pub cols: u16,
    pub rows: u16,
    /// Written before the launch; missing parents are made.
    pub files: Vec<LaunchFile>,
    /// Made before the launch, as `files`.
    #[serde(default)]
    pub links: Vec<LaunchLink>,
    /// What `links` and `files` hold of the user's own, for whoever looks at the agent.
    #[serde(default)]
    pub lent: Vec<Lent>,
    /// True: standard input is /dev/null instead of the terminal (some agents read a
    /// prompt from it).
    pub stdin_null: bool,
    /// Standard input is this file, which is one of `files`.
    #[serde(default)]
    pub stdin_file: Option<PathBuf>,
    /// Where the keeper listens for cores and viewers.
    pub keeper_socket: PathBuf,
    /// The attempt's own socket, whose listener is handed to the core.
    pub agent_socket: PathBuf,
    /// The core's socket, to start a core on when it vanished without goodbye.
    pub core_socket: PathBuf,
    /// Recording cap in bytes.
    pub recording_cap: u64,
    #[serde(default)]
    pub limits: Limits,
    /// None: nothing is held by control groups.
    #[serde(default)]
    pub ground: Option<Ground>,
    /// None: no sandbox.
    #[serde(default)]
    pub confine: Option<Box<Confine>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LaunchFile {
    pub path: PathBuf,
    pub content: String,
    /// Permission bits, such as 0o600.
    pub mode: u32,
    /// Not to be changed by the agent; what of that is held, the keeper's `confine` says.
    #[serde(default)]
    pub protected: bool,
}

/// A symbolic link; what lies at `path` is replaced if it is one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaunchLink {
    pub path: PathBuf,
    pub to: PathBuf,
}

/// Processes and threads that a machine gains between two words of a core to its keepers.
pub const PROCESSES_GAINED: u64 = 256;

/// `keeper.json` in an attempt's directory: who keeps it. All three must fit for a pid to
/// be that keeper.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeeperId {
    pub pid: u32,
    /// Field 22 of /proc/PID/stat: clock ticks after boot.
    pub start_ticks: u64,
    /// /proc/sys/kernel/random/boot_id.
    pub boot: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToKeeper {
    /// A core takes over: a higher epoch evicts a lower. Facts after `facts_after` follow
    /// the welcome.
    Core {
        version: u32,
        epoch: u64,
        facts_after: u64,
        /// It answers [`FromKeeper::Judge`]; older cores do not know it.
        #[serde(default)]
        judges: bool,
        /// It sends [`ToKeeper::Look`] whenever the machine has gained
        /// [`PROCESSES_GAINED`] processes; older cores do not know it.
        #[serde(default)]
        looks: bool,
        /// All processes of the attempt are to be held; older cores hold none.
        #[serde(default)]
        paused: bool,
    },
    /// A viewer, by a ticket that works once. `cols` 0 leaves the size alone.
    View {
        version: u32,
        ticket: String,
        cols: u16,
        rows: u16,
    },
    /// Core only: facts up to `n` are journaled.
    Ack {
        n: u64,
    },
    /// Core only: lets a viewer with this ticket in.
    Ticket {
        ticket: String,
        read_only: bool,
    },
    /// Core only: SIGTERM (SIGHUP for shells) to the agent, SIGKILL to all that is left
    /// after `grace_ms`.
    Stop {
        grace_ms: u64,
    },
    Resize {
        cols: u16,
        rows: u16,
    },
    /// Core only: answered by [`FromKeeper::Screen`] with the same id.
    Screen {
        id: u64,
    },
    /// Core only, to a keeper whose welcome says `types`: text as if it were pasted, where the
    /// program knows pastes, then `then` as it is.
    Type {
        text: String,
        then: Vec<u8>,
    },
    /// Core only, to a keeper whose welcome says `types`: types `keys`, but only if nothing
    /// has happened since the core looked. Answered by [`FromKeeper::Answered`] with the same
    /// id.
    Answer {
        id: u64,
        /// The last fact that the core knows of.
        facts: u64,
        /// As the screen that it looked at had it.
        activity: u64,
        /// These rows are on the screen.
        rows: Vec<String>,
        keys: Vec<u8>,
    },
    /// Core only: the answer to [`FromKeeper::Judge`] with the same id. `why`: for people.
    Verdict {
        id: u64,
        allow: bool,
        why: String,
    },
    /// Core only, to a keeper whose welcome said that it can: holds all processes of the
    /// attempt, or lets them go on. A stop does that, too.
    Pause {
        paused: bool,
    },
    /// Core only, to a keeper whose welcome asked for it: the machine has gained processes,
    /// perhaps by this attempt.
    Look,
    /// Core only: this core leaves on purpose; do not start another.
    Goodbye,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromKeeper {
    /// To a core this frame carries two descriptors (SCM_RIGHTS): the attempt's gateway
    /// listener (TCP, loopback), then its own Unix listener.
    Welcome {
        version: u32,
        attempt: AttemptId,
        keeper: u32,
        cols: u16,
        rows: u16,
        bytes: u64,
        /// True: it wants to be told to look.
        #[serde(default)]
        looks: bool,
        /// It can hold the attempt: [`ToKeeper::Pause`].
        #[serde(default)]
        pauses: bool,
        /// True: it takes [`ToKeeper::Type`] and [`ToKeeper::Answer`].
        #[serde(default)]
        types: bool,
    },
    Fact {
        fact: Fact,
    },
    Gauge {
        gauge: KeeperGauge,
    },
    Screen {
        id: u64,
        screen: ScreenDump,
        /// Grows whenever a client types or changes the window's size.
        #[serde(default)]
        activity: u64,
    },
    /// Whether the keys of [`ToKeeper::Answer`] were typed.
    Answered {
        id: u64,
        typed: bool,
    },
    /// To viewers: the terminal has this size now.
    Size {
        cols: u16,
        rows: u16,
    },
    /// To viewers: the agent is over; no more bytes follow.
    Ended {
        exit: Exit,
    },
    Refused {
        message: String,
    },
    /// May the agent run this? To a core that judges, and to each that comes before there is
    /// an answer. `id`: of the run, from 1; `program`: the file that is run, canonical.
    Judge {
        id: u64,
        program: PathBuf,
        argv: Vec<String>,
        cwd: PathBuf,
        /// Whoever asks runs it itself: `program` is what it says.
        #[serde(default)]
        shim: bool,
    },
    /// To a core that judges: nobody waits for this verdict any more.
    Unasked {
        id: u64,
    },
}

/// Something that happened to the attempt; kept on the keeper's disk until acknowledged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    /// From 1, without gaps.
    pub n: u64,
    /// Bytes recorded when it happened.
    pub offset: u64,
    pub at: Stamp,
    #[serde(flatten)]
    pub kind: FactKind,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum FactKind {
    /// The agent's program runs under this pid (as this machine counts, not its namespace).
    Started {
        pid: u32,
    },
    /// It could not be started; `step` says where: `cwd`, `files`, `pty`, `exec`, `interpreter` …
    LaunchFailed {
        step: String,
        message: String,
    },
    Exited {
        exit: Exit,
    },
    /// OSC 7501: `state=…`, as sent.
    Status {
        state: String,
        kind: String,
        message: String,
        progress: Option<u8>,
    },
    DiskFull,
    DiskBack,
    /// It used more than it may, and was killed; `limit`: `memory`, `processes` or `disk`.
    LimitReached {
        limit: String,
        message: String,
    },
    Cut {
        from: u64,
        to: u64,
    },
}

/// The latest value of what changes all the time; never journaled.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct KeeperGauge {
    /// Bytes recorded so far.
    pub bytes: u64,
    /// Last line with text on the screen, without control characters.
    pub last_line: String,
    pub title: String,
    /// OSC 9;4: percent, or none when it is off or indeterminate.
    pub progress: Option<u8>,
    /// OSC 9;4 is on.
    pub busy: bool,
    /// Bells rung so far.
    pub bells: u64,
    /// The bottom rows with text, at most 12, after 100 ms of quiet.
    pub bottom: Vec<String>,
}

/// A screen as text and as the bytes that draw it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ScreenDump {
    pub cols: u16,
    pub rows: u16,
    pub cursor_row: u16,
    pub cursor_col: u16,
    pub cursor_visible: bool,
    pub alternate: bool,
    pub title: String,
    /// One string a row, trailing blanks removed.
    pub lines: Vec<String>,
    /// The same rows with SGR sequences, one string a row.
    pub ansi: Vec<String>,
}

/// `exit.json` in an attempt's directory: renamed into place and synced before a keeper
/// leaves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExitRecord {
    pub exit: Exit,
    pub at: Stamp,
    /// Bytes recorded in all.
    pub bytes: u64,
    pub screen: ScreenDump,
}
