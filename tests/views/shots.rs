//! Snapshots of every view.

use super::*;
use dash::{
    model::Level,
    tui::link::{Message, TerminalEvent},
};
use std::path::Path;

pub const SIZES: [(u16, u16); 2] = [(80, 24), (200, 60)];

pub fn shot(name: &str, buffer: &Buffer) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name.to_owned(), text(buffer)));
}

pub fn named(what: &str, size: (u16, u16)) -> String {
    format!("{what}-{}x{}", size.0, size.1)
}

#[test]
fn the_grid_with_few_and_many() {
    for size in SIZES {
        for agents in [0, 1, 20, 500] {
            let mut app = app(agents, size);
            shot(&named(&format!("grid-{agents}"), size), &frame(&mut app, size));
        }
    }
}

#[test]
fn small_terminals() {
    for size in [(20, 5), (40, 10), (24, 6), (60, 16), (110, 20)] {
        shot(&named("small", size), &frame(&mut app(20, size), size));
    }
    for width in 0..30 {
        for height in 0..9 {
            let mut app = app(20, (width, height));
            for keys in ["?", "Esc", ":", "Esc", "x", "n", "E", "E", "Enter"] {
                press(&mut app, keys);
                frame(&mut app, (width, height));
            }
        }
    }
}

#[test]
fn a_long_name_pushes_out_neither_counts_nor_costs_nor_scopes() {
    for (width, name) in [(80, "n".repeat(60)), (50, "refactor-auth".into()), (40, "n".repeat(60))]
    {
        let mut app = app(20, (width, 24));
        let agents: Vec<_> = (1..=20).map(|n| world::agent(n, 1)).collect();
        let update = dash::protocol::stream::Update {
            seq: 200_000,
            swarms: vec![world::swarm(1, &name, &agents)],
            ..Default::default()
        };
        let message = dash::protocol::stream::ServerMessage::Update(Box::new(update));
        app.message(Message::Server(message));
        let shown = text(&frame(&mut app, (width, 24)));
        let head = shown.lines().next().unwrap();
        // That nothing holds them is not what is left out.
        let right = if width < 50 { ["no scope"; 2] } else { ["$", "scope: none"] };
        for needed in [&name[..4], "● 10", "▲ 2", "✔ 4", "✖ 1"].into_iter().chain(right) {
            assert!(head.contains(needed), "{needed}: {head}");
        }
    }
}

#[test]
fn no_cell_is_of_disputed_width() {
    let size = (80, 24);
    let mut app = focused(size);
    let text = "\r\na⚠\u{fe0f}b 👨\u{200d}👩\u{200d}👧c 👍🏽d 1\u{fe0f}\u{20e3}e";
    let event = TerminalEvent::Bytes(text.into());
    app.message(Message::Terminal { attachment: 1, event });
    app.store.apply(world::snapshot_of(vec![{
        let mut agent = world::agent(4, 1);
        agent.item = Some("⚠\u{fe0f} careful".into());
        agent
    }]));
    let buffer = frame(&mut app, size);
    let odd = ['\u{fe0f}', '\u{200d}', '\u{20e3}'];
    let fine = |symbol: &str| !symbol.is_empty() && !symbol.contains(odd);
    assert!(buffer.content().iter().all(|cell| fine(cell.symbol())));
    let shown = super::text(&buffer);
    assert!(shown.contains("a⚠ b 👨👩👧c"), "{shown}");
}

#[test]
fn every_overlay() {
    for size in SIZES {
        let shoot = |what: &str, keys: &str, typed: &str| {
            let mut app = app(20, size);
            frame(&mut app, size);
            press(&mut app, keys);
            enter(&mut app, typed);
            shot(&named(what, size), &frame(&mut app, size));
        };
        shoot("help", "?", "");
        shoot("palette", ":", "");
        shoot("palette-typed", "C-p", "sw st");
        shoot("confirm", "j x", "");
        shoot("confirm-many", "Space Space Space x", "");
        shoot("filter", "/", "state:wait");
        shoot("grouped", "t", "");
        shoot("marked", "j Space Space", "");
        shoot("events-full", "E E", "");
        shoot("events-hidden", "e", "");
    }
}

/// A parent of several, one of which has children of its own.
fn family() -> dash::protocol::stream::ServerMessage {
    let mut agents: Vec<_> = (1..=3).map(|n| world::agent(n, 1)).collect();
    for (n, id) in
        (4..).zip(["ag-01.1", "ag-01.2", "ag-01.10", "ag-01.2.1", "ag-01.2.2", "ag-03.1"])
    {
        let mut child = world::agent(n, 1);
        child.id = id.into();
        child.name = if id == "ag-01.2" { "tests".into() } else { id.into() };
        child.parent = child.id.ancestors().next();
        agents.push(child);
    }
    world::snapshot_of(agents)
}

#[test]
fn the_tree_of_who_spawned_whom() {
    for size in SIZES {
        let mut app = app(0, size);
        app.message(Message::Server(family()));
        press(&mut app, "b");
        shot(&named("tree", size), &frame(&mut app, size));
        press(&mut app, "j j j z");
        shot(&named("tree-folded", size), &frame(&mut app, size));
        app.ui.unicode = false;
        assert!(text(&frame(&mut app, size)).is_ascii());
    }
    for width in 0..60 {
        let mut app = app(0, (width, 12));
        app.message(Message::Server(family()));
        press(&mut app, "b G");
        frame(&mut app, (width, 12));
    }
}

/// Who is in no scope while others are in one, and whose branch is held.
fn guarded() -> dash::protocol::stream::ServerMessage {
    let mut agents: Vec<_> = (1..=3).map(|n| world::agent(n, 1)).collect();
    for (n, id) in (4..).zip(["ag-01.1", "ag-01.2", "ag-03.1"]) {
        let mut child = world::agent(n, 1);
        child.id = id.into();
        child.name = id.into();
        child.parent = child.id.ancestors().next();
        agents.push(child);
    }
    let why = "5 children failed within 10m".to_owned();
    for agent in &mut agents {
        agent.scope = "strict: write /home/ada/refactor".into();
        if ["ag-01", "ag-01.1"].contains(&agent.id.as_str()) {
            agent.held = Some(dash::model::HeldBranch { top: "ag-01".into(), why: why.clone() });
        }
        if agent.id.as_str() == "ag-01.1" {
            (agent.state, agent.reason) = (dash::model::AgentState::Paused, "breaker".into());
        }
        // One that is over has no scope, either, and is no danger any more.
        if ["ag-02", "ag-03"].contains(&agent.id.as_str()) {
            agent.scope = "none".into();
        }
    }
    world::snapshot_of(agents)
}

#[test]
fn who_is_in_no_scope_and_what_is_held_shows_everywhere() {
    for size in SIZES {
        let mut app = app(0, size);
        app.message(Message::Server(guarded()));
        let theme = app.theme.clone();
        for (view, tree) in [("guarded", false), ("guarded-tree", true)] {
            app.ui.grid.tree = tree;
            let buffer = frame(&mut app, size);
            let shown = text(&buffer);
            assert!(shown.contains("held: dash agent resume ag-01"), "{shown}");
            assert!(shown.lines().next().unwrap().contains("scope: none for 1"), "{shown}");
            let line = shown.lines().position(|line| line.contains("ag-03 ")).unwrap() as u16;
            let row = shown.lines().nth(usize::from(line)).unwrap();
            let at = row[..row.find("none").unwrap()].width() as u16;
            assert_eq!(buffer[(at, line)].fg, theme.error.fg.unwrap());
            shot(&named(view, size), &buffer);
        }
    }
}

#[test]
fn only_the_living_are_told_to_have_no_scope() {
    let size = (120, 30);
    let mut app = app(0, size);
    let mut agents: Vec<_> = (1..=2).map(|n| world::agent(n, n)).collect();
    agents[0].scope = "strict: write /w".into();
    agents[1].state = dash::model::AgentState::Done;
    let update = |first: dash::model::AgentInfo, second: dash::model::AgentInfo, seq| {
        let mut swarms = vec![
            world::swarm(1, "held", std::slice::from_ref(&first)),
            world::swarm(2, "bare", std::slice::from_ref(&second)),
        ];
        swarms[0].scope = first.scope.clone();
        swarms[1].scope = second.scope.clone();
        if second.state.is_final() {
            swarms[1].state = dash::model::SwarmState::Done;
        }
        let agents = vec![first, second];
        let update = dash::protocol::stream::Update { seq, swarms, agents, ..Default::default() };
        Message::Server(dash::protocol::stream::ServerMessage::Update(Box::new(update)))
    };
    app.message(update(agents[0].clone(), agents[1].clone(), 200_000));
    let shown = text(&frame(&mut app, size));
    assert!(!shown.contains("scope: none"), "{shown}");
    agents[1].state = dash::model::AgentState::Working;
    app.message(update(agents[0].clone(), agents[1].clone(), 200_001));
    let shown = text(&frame(&mut app, size));
    assert!(shown.contains("scope: none for 1"), "{shown}");
}

#[test]
fn no_core_and_other_notices() {
    for size in SIZES {
        let mut app = app(20, size);
        app.message(Message::Lost("it went away".into()));
        shot(&named("lost", size), &frame(&mut app, size));
        app.message(Message::Back);
        app.say(Level::Error, "ag-03 cannot be stopped: the journal is full");
        shot(&named("notice", size), &frame(&mut app, size));
    }
}

fn focused(size: (u16, u16)) -> App {
    let mut app = app(20, size);
    frame(&mut app, size);
    app.command("focus ag-04");
    let attachment = 1;
    let screen = "\x1b[1mmini\x1b[0m works in /home/ada/refactor\r\n\
        \x1b[32m●\x1b[0m reading \x1b[38;5;110msrc/auth/cookie.rs\x1b[0m\r\n\
        \x1b[38;2;224;176;96m漢字 wide\x1b[0m \x1b[7minverse\x1b[0m\r\n$ ";
    for event in [
        TerminalEvent::Size { columns: size.0.min(80), rows: size.1 - 2 },
        TerminalEvent::Bytes(screen.into()),
    ] {
        app.message(Message::Terminal { attachment, event });
    }
    app
}

#[test]
fn an_agents_terminal() {
    for size in SIZES {
        let mut app = focused(size);
        shot(&named("focus", size), &frame(&mut app, size));
        press(&mut app, "C-b");
        shot(&named("focus-prefix", size), &frame(&mut app, size));
        press(&mut app, "z");
        shot(&named("focus-zoomed", size), &frame(&mut app, size));
        let ended = TerminalEvent::Ended(Some(dash::model::Exit { code: Some(1), signal: None }));
        app.message(Message::Terminal { attachment: 1, event: ended });
        shot(&named("focus-ended", size), &frame(&mut app, size));
    }
}

#[test]
fn themes_change_looks_and_never_words() {
    for size in SIZES {
        let dark = frame(&mut app_in(20, size, Appearance::Dark), size);
        let light = frame(&mut app_in(20, size, Appearance::Light), size);
        assert_eq!(text(&dark), text(&light));
        assert_ne!(dark, light);
        // No cell is left unthemed, but the second half of a wide character, which no
        // terminal is sent.
        for buffer in [&dark, &light] {
            for pair in buffer.content().windows(2) {
                let second_half = pair[0].symbol().width() > 1;
                assert!(second_half || pair[1].bg != ratatui::style::Color::Reset);
            }
        }
    }
    let looks = |appearance| {
        let size = (80, 24);
        let buffer = frame(&mut app_in(20, size, appearance), size);
        let mut lines = Vec::new();
        for y in 0..size.1 {
            let mut last = None;
            for x in 0..size.0 {
                let cell = &buffer[(x, y)];
                let style = (cell.fg, cell.bg, cell.modifier);
                if last != Some(style) {
                    lines.push(format!("{y}:{x} {} on {} {:?}", cell.fg, cell.bg, cell.modifier));
                    last = Some(style);
                }
            }
        }
        lines.join("\n")
    };
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        insta::assert_snapshot!("looks-dark", looks(Appearance::Dark));
        insta::assert_snapshot!("looks-light", looks(Appearance::Light));
    });
}

#[test]
fn only_ascii_where_there_is_no_more() {
    let size = (120, 30);
    let mut app = app(20, size);
    app.ui.unicode = false;
    let buffer = frame(&mut app, size);
    assert!(text(&buffer).is_ascii(), "{}", text(&buffer));
    shot(&named("ascii", size), &buffer);
}

#[test]
fn no_colour_where_there_is_none() {
    let theme = Theme::built_in(Appearance::Dark).for_depth(Depth::None);
    let mut app = app(20, (80, 24));
    app.theme = theme;
    let buffer = frame(&mut app, (80, 24));
    let reset = ratatui::style::Color::Reset;
    assert!(buffer.content().iter().all(|cell| cell.fg == reset && cell.bg == reset));
}

#[test]
fn hostile_text_stays_harmless() {
    let mut agent = world::agent(1, 1);
    agent.last_line = "a\x1b[2Jb\u{202e}c\x07\u{9b}d".into();
    agent.name = "\x1b]0;x\x07".into();
    agent.item = Some("x\ny\tz".into());
    let mut store = Store::default();
    store.apply(world::snapshot_of(vec![agent]));
    let ui = Ui { now: world::NOW, unicode: true, ..Ui::default() };
    let buffer = bare(&store, &ui, &Theme::built_in(Appearance::Dark), (200, 20));
    let bad = |c: char| c.is_control() || c == '\u{202e}';
    assert!(buffer.content().iter().all(|cell| !cell.symbol().chars().any(bad)));
}

/// Writes pictures of the screen to `$DASH_PICTURES`.
#[test]
#[ignore = "writes files"]
fn pictures() {
    let Some(dir) = std::env::var_os("DASH_PICTURES") else { return };
    let write = |name: String, app: &mut App, size| {
        let buffer = frame(app, size);
        let path = Path::new(&dir).join(format!("{}.svg", named(&name, size)));
        std::fs::write(path, picture::svg(&buffer, &app.theme)).unwrap();
    };
    for (word, appearance) in [("dark", Appearance::Dark), ("light", Appearance::Light)] {
        for (size, agents) in [((80, 24), 20), ((120, 32), 20), ((200, 60), 500)] {
            let mut app = app_in(agents, size, appearance);
            frame(&mut app, size);
            press(&mut app, if agents > 100 { "t j j j" } else { "j" });
            write(format!("grid-{word}"), &mut app, size);
            for (what, keys) in [("help", "?"), ("palette", ":"), ("confirm", "x")] {
                press(&mut app, keys);
                write(format!("{what}-{word}"), &mut app, size);
                press(&mut app, "Esc");
            }
            let mut app = focused(size);
            app.theme = Theme::built_in(appearance);
            write(format!("focus-{word}"), &mut app, size);
        }
    }
}
