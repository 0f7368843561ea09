//! The full-screen session.

pub mod actions;
pub mod app;
mod command;
mod encode;
pub mod focus;
pub mod key;
pub mod keymap;
pub mod link;
mod nearest;
pub mod palette;
pub mod theme;
pub mod ui;
pub mod views;
