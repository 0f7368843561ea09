//! The layers hold: who may import whom, what may never be imported, how long a file may be.
//!
//! The table below is the design's own (its map stands in `src/lib.rs`). The check reads the
//! source as text: every `use` tree, every path in an expression, resolved through `self`,
//! `super`, aliases and child modules. What text cannot show (`include!`, `#[path]`,
//! `extern crate`) is refused outright.

#![allow(clippy::unwrap_used)]

#[path = "layering/rules.rs"]
mod rules;
#[path = "layering/scan.rs"]
mod scan;
#[path = "layering/tokens.rs"]
mod tokens;

use rules::{Row, check, read_tree};
use std::path::Path;

/// Lines a source file may have, its tests not counted.
const LONGEST: usize = 500;

const CLOCK: &[&str] =
    &["std::time::SystemTime", "std::time::Instant", "jiff::Timestamp::now", "jiff::Zoned::now"];
const RANDOM: &[&str] = &["rand", "getrandom", "fastrand"];
const WORLD: &[&str] = &[
    "std::fs",
    "std::process",
    // Addresses are data; sockets are the world.
    "std::net::TcpListener",
    "std::net::TcpStream",
    "std::net::UdpSocket",
    "std::net::ToSocketAddrs",
    "std::os",
    "std::thread",
    "std::env",
    "libc",
    "rustix",
    "portable_pty",
    "rusqlite",
    "reqwest",
    "hyper",
    "hyper_util",
    "axum",
];
const TOKIO: &[&str] = &["tokio", "tokio_stream", "tokio_tungstenite", "futures_util"];
const SCREEN: &[&str] = &["ratatui", "crossterm", "crokey"];

/// One row a module, the most specific first served: what it may import of ours, and what of
/// the outside it may not. Outside tests only; tests may use the clock and the disk.
const TABLE: &[Row] = &[
    Row { module: "model", ours: &[], never: &[TOKIO, SCREEN, WORLD, CLOCK, RANDOM] },
    Row { module: "core", ours: &["model"], never: &[TOKIO, SCREEN, WORLD, CLOCK, RANDOM] },
    Row { module: "protocol", ours: &["model"], never: &[TOKIO, SCREEN] },
    Row { module: "config", ours: &["model"], never: &[TOKIO, &["ratatui"]] },
    Row { module: "term", ours: &["model"], never: &[TOKIO, &["ratatui"]] },
    Row {
        module: "agents",
        ours: &["model", "config", "term", "protocol"],
        never: &[TOKIO, SCREEN],
    },
    Row { module: "sandbox", ours: &["model", "config"], never: &[TOKIO, SCREEN] },
    Row { module: "gateway", ours: &["model", "config"], never: &[SCREEN] },
    Row {
        module: "keeper",
        ours: &["protocol", "term", "sandbox", "model"],
        never: &[TOKIO, SCREEN],
    },
    Row { module: "broker", ours: &["model", "protocol"], never: &[TOKIO, SCREEN] },
    Row { module: "mini", ours: &["model"], never: &[TOKIO, SCREEN] },
    Row {
        module: "runtime",
        ours: &["model", "core", "agents", "gateway", "sandbox", "protocol", "config", "term"],
        never: &[SCREEN],
    },
    Row { module: "server", ours: &["protocol", "model", "config", "runtime"], never: &[SCREEN] },
    Row { module: "client", ours: &["protocol", "model", "config"], never: &[SCREEN] },
    Row { module: "store", ours: &["model", "protocol", "term"], never: &[TOKIO, SCREEN, CLOCK] },
    Row {
        module: "tui/views",
        ours: &["store", "model", "term", "tui/theme"],
        never: &[TOKIO, &["crossterm"], WORLD, CLOCK, RANDOM],
    },
    Row {
        module: "tui",
        ours: &["tui/views", "store", "client", "config", "model", "protocol", "term"],
        never: &[],
    },
    Row { module: "cli", ours: &["client", "config", "model", "protocol", "tui"], never: &[] },
];

/// Where the code departs from the table: importer, imported (and all below it), the reason.
const DEVIATIONS: &[(&str, &str, &str)] = &[
    (
        "config",
        "core/policy",
        "the examples of a policy file are held against the judge, which is pure, at its load",
    ),
    (
        "term",
        "protocol/keeper",
        "a screen is dumped straight into the wire's ScreenDump, which keeper and server send on",
    ),
    (
        "cli",
        "agents",
        "`dash config check` asks no core, and what can be lent is said by the adapters' files",
    ),
    ("tui/views", "tui/ui", "what a view draws beside the store: `draw(&Store, &Ui, &Theme, …)`"),
    (
        "tui/views",
        "tui/focus",
        "the state of the focused terminal, drawn by one view; it holds no connection",
    ),
    ("tui/views", "tui/wall", "the state of the watched terminals, as that of the focused one"),
    (
        "tui/views",
        "tui/stream",
        "the state of the events as they are read; it picks lines from the store and nothing else",
    ),
    ("tui/views", "tui/form", "a new swarm as it is filled in: texts, and what is wrong with them"),
    (
        "tui/views",
        "tui/field",
        "the columns of the grid as plain data: also named in a configuration and in commands",
    ),
];

#[test]
fn the_layers_hold() {
    let tree = read_tree(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    assert!(tree.len() > 20, "only {} source files were found", tree.len());
    let breaches = check(&tree, TABLE, DEVIATIONS, LONGEST);
    assert!(breaches.is_empty(), "{} breaches:\n{}", breaches.len(), breaches.join("\n"));
}

#[test]
fn every_deviation_is_used_and_has_a_reason() {
    let tree = read_tree(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    for (i, (from, to, why)) in DEVIATIONS.iter().enumerate() {
        assert!(why.len() > 20, "{from} → {to} has no reason");
        let mut others = DEVIATIONS.to_vec();
        others.remove(i);
        let breaches = check(&tree, TABLE, &others, LONGEST);
        assert!(!breaches.is_empty(), "nothing needs the deviation {from} → {to} any more");
    }
}

/// A small house where all is well; each case adds one file or replaces one.
fn house(changed: &str, source: &str) -> Vec<String> {
    let files = [
        ("lib.rs", "pub mod core;\npub mod model;\npub mod term;\npub mod tui;\npub mod keeper;"),
        ("main.rs", "use dash::{core, keeper};\nfn main() { keeper::run(core::State::default()) }"),
        ("core/mod.rs", "mod rule;\nuse crate::model::Id;\npub use rule::Rule;\npub struct State;"),
        ("core/rule.rs", "use super::State;\npub struct Rule;"),
        ("model/mod.rs", "mod ids;\npub use ids::Id;"),
        ("model/ids.rs", "pub struct Id;"),
        ("term/mod.rs", "pub struct Screen;"),
        ("keeper/mod.rs", "use crate::term::Screen;\nuse std::{fs, process};"),
        ("tui/mod.rs", "pub mod theme;\nmod views;\nuse crate::term::Screen;"),
        ("tui/theme.rs", ""),
        ("tui/views/mod.rs", "mod grid;"),
        ("tui/views/grid.rs", "use super::super::theme::Theme;\nuse crate::term;"),
    ];
    let mut tree: rules::Tree =
        files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    if !changed.is_empty() {
        tree.insert(changed.to_owned(), source.to_owned());
    }
    check(&tree, TABLE, &[], LONGEST)
}

#[test]
fn a_house_in_order_passes() {
    assert_eq!(house("", ""), Vec::<String>::new());
    let tests_may = "#[cfg(test)]\nmod tests { use super::*; use std::fs; fn now() { \
        std::time::Instant::now(); } }";
    assert_eq!(house("core/rule.rs", tests_may), Vec::<String>::new());
    let words = "// use tokio::x;\nfn f() { g(\"crate::tui::x std::fs::y\") }";
    assert_eq!(house("core/rule.rs", words), Vec::<String>::new());
}

#[test]
fn every_kind_of_breach_is_found() {
    let long = "fn f() {}\n".repeat(LONGEST + 1);
    let cases = [
        // Ours, in every spelling.
        ("core/rule.rs", "use crate::tui::App;", "core imports tui"),
        ("core/rule.rs", "use crate::{model::Id,\n  tui as screen};", "core imports tui"),
        ("core/rule.rs", "use super::super::tui::App;", "core imports tui"),
        ("core/rule.rs", "fn f() { super::super::tui::run() }", "core imports tui"),
        ("core/rule.rs", "mod tests { use super::super::super::tui; }", "core imports tui"),
        ("core/rule.rs", "use crate::*;", "core imports the crate's root"),
        ("core/mod.rs", "mod inner { pub use crate::tui::App; }", "core imports tui"),
        ("core/mod.rs", "use crate as house; use house::tui::App;", "core imports tui"),
        ("core/rule.rs", "#[cfg(test)] mod tests { use crate::tui::App; }", "core imports tui"),
        ("tui/views/grid.rs", "use super::super::App;", "tui/views imports tui"),
        ("tui/mod.rs", "use crate::core::State;", "tui imports core"),
        ("keeper/mod.rs", "use crate::{core::State};", "keeper imports core"),
        // Outside `use`.
        ("core/rule.rs", "fn f(a: crate::model::Id) {}", "`crate::model::Id` outside `use`"),
        ("main.rs", "fn main() { dash::core::run() }", "`dash::core::run` outside `use`"),
        ("core/rule.rs", "macro_rules! m { () => { $crate::model::Id } }", "outside `use`"),
        // The outside world.
        ("core/rule.rs", "use tokio::sync;", "core imports tokio::sync"),
        ("core/rule.rs", "use ::tokio::sync;", "core imports tokio::sync"),
        ("core/rule.rs", "fn f() { std::fs::read(\"x\"); }", "core imports std::fs"),
        ("core/rule.rs", "use std::{collections, fs};", "core imports std::fs"),
        ("core/rule.rs", "use std::*;", "core imports std::*"),
        ("core/rule.rs", "use std as s;", "core imports std"),
        ("core/rule.rs", "use std::time; fn f() { time::Instant::now() }", "std::time::Instant"),
        ("core/rule.rs", "use std::time::*;", "core imports std::time::*"),
        ("core/rule.rs", "use jiff::Timestamp; fn f() { Timestamp::now() }", "jiff::Timestamp"),
        ("tui/views/grid.rs", "use std::time::SystemTime;", "tui/views imports std::time"),
        ("keeper/mod.rs", "#[tokio::main] fn main() {}", "keeper imports tokio"),
        // Laundering: whoever may import the one may not import the other.
        ("term/mod.rs", "pub use std::fs;", "term passes std::fs on to tui/views"),
        ("model/mod.rs", "pub use crate::term::Screen;", "model imports term"),
        ("tui/theme.rs", "pub use crate::client::Client;", "passes client on to tui/views"),
        ("tui/theme.rs", "use crate::client::C; pub type D = C;", "passes client on to tui/views"),
        // Tricks, rows, lengths.
        ("core/rule.rs", "include!(\"x.rs\");", "include!"),
        ("core/rule.rs", "#[path = \"x.rs\"] mod x;", "#[path]"),
        ("core/rule.rs", "extern crate tokio as t;", "extern crate"),
        ("other/mod.rs", "", "has no row"),
        ("core/rule.rs", long.as_str(), "501 lines"),
    ];
    for (path, source, expected) in cases {
        let found = house(path, source);
        assert!(
            found.iter().any(|breach| breach.contains(path) && breach.contains(expected)),
            "{path}: {source:.80}\n expected {expected:?}, found {found:#?}"
        );
    }
}
