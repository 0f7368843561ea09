//! The real keeper, with the test as its core: what it records, how it ends, what it
//! leaves behind.

mod bench;
mod cases;
mod harness;
