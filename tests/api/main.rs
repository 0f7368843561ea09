//! What clients see of a core: every command's two outputs, and a core that dies under its
//! clients. With the real binary, as a model uses it; the worlds are those of `tests/e2e`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod audit;
mod breaker;
mod broker;
mod budget;
mod by_hand;
#[allow(dead_code)]
mod caller;
mod dialects;
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

mod death;
mod follow;
mod inbox;
mod inside;
mod inside_tree;
mod journal;
mod later;
mod limits;
mod mcp;
mod mcp_tools;
mod notify;
mod once;
mod openapi;
mod outputs;
mod overspend;
mod policy;
mod prices;
mod prompts;
mod pulse;
mod rate;
mod readme;
mod refused_turn;
mod rest;
mod schema;
mod serve;
mod silent;
mod socket;
#[allow(dead_code)]
mod upstream;
mod way_out;
