//! The full-screen session.

pub mod focus;
mod nearest;
pub mod palette;
pub mod theme;
pub mod ui;
pub mod views;
