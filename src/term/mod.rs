//! The terminal: a screen behind one seam ([`Screen`]), so that another emulator could
//! stand in for vt100; the control-sequence scanner; key encoding; recordings.
//!
//! - [`Scanner`] sees all output at the speed of the drain: terminal queries and their
//!   answers, status, progress, titles, bells.
//! - [`Follower`] keeps a [`Screen`] at the end of a recording that grows faster than any
//!   emulator parses.
//! - [`recording`] is the recording itself: `out.raw` and `out.idx`, and its exports.
//! - [`last_screen`] draws a recording that no keeper shows any more.
//! - [`keys`] turns key names into bytes, [`lines`] makes text fit for one line.

mod follower;
pub mod keys;
pub mod lines;
mod modes;
pub mod recording;
mod replay;
mod scanner;
mod screen;
mod token;

pub use follower::{CaughtUp, Follower};
pub use replay::last_screen;
pub use scanner::{Scanner, Seen, Status, cursor_report};
pub use screen::{Cell, Color, Screen};
