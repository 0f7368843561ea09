//! The terminal: a screen behind one seam ([`Screen`]), so that another emulator could
//! stand in for vt100; the control-sequence scanner; key encoding; recordings.

mod screen;

pub use screen::{Cell, Color, Screen};
