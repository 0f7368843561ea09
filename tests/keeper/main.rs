//! The real keeper, with the test as its core: what it records, how it ends, what it
//! leaves behind.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod bench;
mod cases;
mod harness;
mod limits;
mod pause;
