//! The real binary, as a person or a model uses it: no test here knows the inside.
//!
//! Every test has a [`world::World`] of its own (home, state, sockets, nothing inherited
//! from the environment) that leaves no process behind. Tests wait for events, never for
//! time. A test whose tool is missing says so and passes; with `DASH_TEST_REQUIRE` set, as
//! in `.ci/run`, it fails. `DASH_TEST_KILLS` says how often the core is killed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod pause;
mod procs;
mod tools;
mod tui;
mod wait;
mod world;

mod admission;
mod agent;
mod audit;
mod bad_input;
mod board;
mod clones;
mod core;
mod demo;
mod disk;
mod export;
mod faults;
mod inbox;
mod items;
mod keys;
mod odd_output;
mod results;
mod screen;
mod sharing;
mod stalled;
mod stop;
mod swarm;
mod worktree;
