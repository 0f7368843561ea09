//! The real agent CLIs through the real binary: `claude`, `codex` and `pi`, and one test each
//! of the heavier ones, as `package.json` beside this file pins them, with a `node` for those
//! that need one (see `agents` in `.ci/run`); and `mini`; against the `simulated`
//! provider. Core, keepers and gateway are the ones a user has.
//!
//! What is asserted was measured with those versions; a number that only another version
//! gives belongs into AGENT_FACTS first. Without the CLIs a test says so and passes; with
//! `DASH_TEST_REQUIRE` set, as in `.ci/run`, it fails.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

// The harness of `tests/e2e`, of which these tests use a part.
#[allow(dead_code)]
#[path = "../e2e/procs.rs"]
mod procs;
#[allow(dead_code)]
#[path = "../e2e/tools.rs"]
mod tools;
#[allow(dead_code)]
#[path = "../e2e/wait.rs"]
mod wait;
#[allow(dead_code)]
#[path = "../e2e/world.rs"]
mod world;

mod stage;

// Calls that no agent makes, and who answers them.
#[allow(dead_code)]
#[path = "../api/caller.rs"]
mod caller;
#[allow(dead_code)]
#[path = "../api/dialects.rs"]
mod dialects;
#[allow(dead_code)]
#[path = "../api/upstream.rs"]
mod upstream;

mod aider;
mod choice;
mod ends;
mod failures;
mod hooks;
mod interactive;
mod lend;
mod recordings;
mod refused_turn;
mod restart;
mod resume;
mod resume_on_screen;
mod sdks;
mod shared;
mod smoke;
mod usage;
mod worktrees;
