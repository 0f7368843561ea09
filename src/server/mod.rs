//! The server: one Unix socket, REST and WebSocket, for every client alike. It owns the
//! instance's lock for the core's life, so that two cores never share a world.

mod agents;
mod approvals;
mod audit;
mod bound;
mod branch;
mod budgets;
mod events;
mod identity;
mod life;
mod log;
mod logger;
mod name;
mod openapi;
mod place;
mod policy;
mod problem;
mod pty;
mod pulse;
mod routes;
mod swarms;

pub use life::{Options, run};
