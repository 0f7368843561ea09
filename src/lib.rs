//! The map of the house.
//!
//! Dash runs swarms of coding agents, each in a PTY of its own, and shows them live. Four
//! kinds of process share this crate:
//!
//! - a **client** (`cli`, `tui` over `store`, `client`) speaks REST and WebSocket over the
//!   instance's Unix socket, and nothing else;
//! - the **core** (`server` over `runtime` over `core`) decides, journals, tells and acts;
//!   the `gateway` inside it meters every model call;
//! - a **keeper** (`keeper`) for each attempt holds its PTY, records it, keeps its screen,
//!   and outlives the core;
//! - the **shim** (`sandbox::exec`), forked by a keeper, becomes the agent. `mini` is the
//!   embedded agent, `broker` what stands in place of programs that the keeper runs for it, or
//!   that are asked about before they run.
//!
//! One way to flow: `cli → client → socket → server → runtime → core::decide → events →
//! journal → server → client → store → views`, and `effects → keeper | gateway → inputs`.
//!
//! | folder | what lives there | may import |
//! |---|---|---|
//! | `model` | plain data shared by all: ids, money, agents, swarms, commands, events, audit | – |
//! | `core` | the rules, pure: `decide`, `settle`, `apply` over `State` | `model` |
//! | `protocol` | what crosses a socket: REST and stream bodies, keeper frames | `model` |
//! | `config` | files, paths, instances | `model` |
//! | `term` | screen, scanner, follower, recordings, keys | `model`, `protocol` |
//! | `agents` | adapters: launch, watch, judge, as data | `model`, `config`, `term`, `protocol` |
//! | `gateway` | metering proxy, prices, simulated provider, `trait Ledger`; egress proxy | `model`, `config` |
//! | `sandbox` | the shim, and the walls that it puts around an agent | `model`, `config` |
//! | `keeper` | the process of an attempt | `protocol`, `term`, `sandbox`, `model` |
//! | `broker` | what an agent finds in place of a program: front and shims | `model`, `protocol` |
//! | `mini` | the embedded agent | `model` |
//! | `runtime` | actor, journal, effects, adoption, git | all of the above but `keeper`, `mini` |
//! | `server` | socket, REST, WebSocket | `protocol`, `model`, `config`, runtime's handle |
//! | `client` | the other end of the socket | `protocol`, `model`, `config` |
//! | `store` | a client's replica | `model`, `protocol`, `term` |
//! | `tui` | the full-screen session | `store`, `client`, `config`, `model`, `protocol`, `term` |
//! | `cli` | commands | `client`, `config`, `model`, `protocol`, `tui` |
//!
//! `tests/layering.rs` holds this table. Where the house departs from the first design:
//!
//! - `decide` states what an input means and `settle` draws the consequences; both answer
//!   with events that are applied between rounds. One function would have had to apply its
//!   own events to a copy of the state to see what follows from them.
//! - `config` imports `core::policy`, the judge of commands, which is pure: a policy file's
//!   examples are held against it when the file is loaded, by whomever it is loaded.
//! - `term` imports `protocol` for the bodies that a screen is dumped into.
//! - `cli` imports `agents`: `dash config check` asks no core, and what can be lent is said by the
//!   adapters' files.
//! - The keeper's first connection to its core is a socket pair made at its birth, so that
//!   a launch needs no waiting for a socket to appear.
//! - Beside attempts keepers keep *hosts* (`runtime::host`): processes that several runs of an
//!   agent share, since one each would not fit. The core's rules do not know them.
//! - Keepers are forked by one small process of the core, `dash __nursery`, and the shim by
//!   its keeper; both have one thread. An exec of this program costs a millisecond or two of
//!   CPU on a virtual machine (the loader asks the processor what it can), twice an agent:
//!   500 agents started in half the time without. Each is named as before in process lists
//!   (`dash __keeper DIR`, `dash __exec ATTEMPT`).

pub mod agents;
pub mod broker;
pub mod cli;
pub mod client;
pub mod config;
pub mod core;
pub mod gateway;
pub mod keeper;
pub mod mini;
pub mod model;
pub mod protocol;
pub mod runtime;
pub mod sandbox;
pub mod server;
pub mod store;
pub mod term;
pub mod tui;
