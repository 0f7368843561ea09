//! Adapters: how a kind of agent is launched, watched and judged, as data.
//!
//! An adapter is a TOML file: those in `assets/agents/` are built in, one of the same name
//! in the user's `agents/` directory takes its place. A file that cannot be read right is
//! left out and told as a problem (file, line, key, nearest known key); the others work on.
//! The format is the structs of `format.rs`, field by field; in short:
//!
//! | part | says |
//! |---|---|
//! | `[program]` | what runs: a program on PATH, this executable, or the caller's own command |
//! | `[model]` | default, short names, the arguments that choose it |
//! | `[launch]` | arguments, environment (cleared or inherited), files written before |
//! | `[interactive]` | the agent on its own screen: arguments, first prompt, variables, files |
//! | `[[lend]]` | what of the user's own it can be lent |
//! | `[shared]` | how many runs share one process of the agent's own |
//! | `[watch]` | JSON in the output or none; who judges: the final event or the exit code |
//! | `[[output]]` | rules over JSON lines: state, text, error, session, usage, outcome |
//! | `[[hook]]` | the same rules over what its own hooks tell |
//! | `[prompt]` | keys that answer its permission prompts, and how such a prompt looks |
//! | `[[screen]]`, `[[title]]` | patterns for the bottom rows and the window title |
//!
//! Texts of `[launch]` may hold placeholders such as `{task}` or `{cwd|json}` ([`template`]);
//! a brace that is not one stays as it is. The gateway's address is known only to the
//! keeper: `{gateway}` becomes [`GATEWAY_MARK`](crate::protocol::keeper::GATEWAY_MARK).
//!
//! This folder starts nothing and reads no clock: [`Adapter::launch`] gives a description
//! of a launch, [`Watcher`] turns recorded bytes into observations. The same bytes, however
//! they are cut, give the same observations and the same result, so that a core that comes
//! back feeds the recording again and knows what its predecessor knew.

mod adapter;
mod asked;
mod catalog;
mod environment;
mod event;
mod format;
mod interactive;
mod launch;
mod lend;
mod lines;
mod lint;
mod meaning;
mod pattern;
mod pointer;
mod problem;
mod prompt;
mod shared;
mod template;
pub mod version;
mod watcher;
pub mod worktree;

pub use adapter::Adapter;
pub use catalog::Catalog;
pub use environment::{confined_variables, is_private_variable};
pub use launch::{Launch, LaunchError, LaunchRequest};
pub use lend::{Lender, Loan};
pub use lint::Remark;
pub use meaning::{Said, meaning};
pub use shared::{Meeting, Part, Readiness, Seat, SharedRules};
pub use watcher::{LAST_LINES, MAX_TEXT, Observation, Watcher};
