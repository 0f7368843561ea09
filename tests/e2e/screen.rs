//! The full screen, as a person uses it.

use crate::{tui::Tui, wait::eventually, world::World};
use rustix::process::Signal;

const ENTER: &str = "\r";
const ESCAPE: &str = "\x1b";
const PREFIX: &str = "\x02";

fn shells(world: &World, n: &str) -> Vec<String> {
    let id = world.create(&["--name", "shells", "--no-sandbox", "--agents", n, "--", "sh"]);
    let agents = world.agents_of(&id);
    for agent in &agents {
        world.until_state(agent, &["working", "idle", "waiting"]);
    }
    agents
}

#[test]
fn the_grid_shows_agents_and_quit_gives_the_terminal_back() {
    let world = World::new();
    let agents = shells(&world, "3");
    let tui = Tui::start(&world, &[], 140, 30);
    let screen = tui.wait_for("every agent", |screen| agents.iter().all(|a| screen.contains(a)));
    assert!(screen.contains("command") && screen.contains("shells"), "{screen}");
    assert!(screen.contains("scope: none"), "{screen}");
    tui.send("q");
    assert_eq!(tui.wait_exit(), 0);
    tui.assert_restored();
    // Leaving is not stopping.
    assert_eq!(world.keepers().len(), 3);
}

#[test]
fn focus_types_into_the_agent_and_the_prefix_gets_out() {
    let world = World::new();
    let agents = shells(&world, "1");
    let tui = Tui::start(&world, &[], 140, 30);
    tui.wait_for_text(&agents[0]);
    tui.send(ENTER);
    tui.wait_for("the agent's terminal", |screen| {
        screen.contains("prefix") || screen.contains("C-b")
    });
    tui.send("PS1='ready> '\r");
    tui.wait_for_text("ready>");
    tui.send("echo $((40+2)) jkq:?\r");
    tui.wait_for_text("42 jkq:?");
    // Out again, and the grid's keys are the grid's.
    tui.send(&format!("{PREFIX}d"));
    tui.wait_for("the grid", |screen| screen.contains("STATE") || screen.contains("AGENT"));
    tui.send("q");
    assert_eq!(tui.wait_exit(), 0);
    tui.assert_restored();
    let raw = String::from_utf8_lossy(&world.raw_log(&agents[0])).into_owned();
    assert!(raw.contains("42 jkq:?") && !raw.contains("echo q"), "{raw:?}");
}

#[test]
fn the_palette_finds_actions_and_help_shows_the_keys() {
    let world = World::new();
    shells(&world, "1");
    let tui = Tui::start(&world, &[], 140, 40);
    tui.wait_for_text("shells");
    for open in [":", "\x10"] {
        tui.send(open);
        tui.wait_for("the palette", |screen| screen.contains('╭'));
        tui.send("hel");
        tui.wait_for("help among the actions", |screen| screen.to_lowercase().contains("help"));
        tui.send(ESCAPE);
        tui.wait_for("no palette", |screen| !screen.contains('╭'));
    }
    tui.send("?");
    let help = tui.wait_for("the keys", |screen| screen.contains("Esc closes"));
    assert!(help.contains('j') && help.contains('q'), "{help}");
    tui.send(ESCAPE);
    // Sent together, they would be Alt-q.
    tui.wait_for("no help", |screen| !screen.contains('╭'));
    tui.send("q");
    assert_eq!(tui.wait_exit(), 0);
}

#[test]
fn what_happens_elsewhere_appears() {
    let world = World::new();
    let tui = Tui::start(&world, &[], 140, 30);
    tui.settle();
    let id = world.create(&["--name", "latecomer", "--agents", "1", "--", "sh", "-c", "exit 9"]);
    world.dash(&["swarm", "wait", &id]);
    tui.wait_for("the failed agent", |screen| screen.contains("failed"));
    tui.send("q");
    tui.wait_exit();
}

#[test]
fn what_a_terminal_answers_late_is_not_typed() {
    let world = World::new();
    let tui = Tui::start(&world, &[], 140, 30);
    tui.mute();
    tui.wait_for_text("No swarm yet.");
    tui.send("\x1b]11;rgb:1010/1010/1010\x1b\\\x1b[?62;22c");
    tui.send("?");
    let shown = tui.wait_for_text("open the agent's terminal");
    assert!(!shown.contains("1010"), "{shown}");
    tui.send("\x1b");
    tui.wait_for("the grid alone", |screen| !screen.contains("open the agent's terminal"));
    tui.send("q");
    assert_eq!(tui.wait_exit(), 0);
}

#[test]
fn a_terminal_of_20_by_5_and_back() {
    let world = World::new();
    shells(&world, "2");
    let tui = Tui::start(&world, &[], 20, 5);
    tui.wait_for("something", |screen| !screen.trim().is_empty());
    for keys in ["j", ":", ESCAPE, "?", ESCAPE, ENTER, "\x02d"] {
        tui.send(keys);
        tui.settle();
    }
    for (cols, rows) in [(1, 1), (300, 80), (140, 30)] {
        tui.resize(cols, rows);
        tui.settle();
    }
    tui.wait_for_text("shells");
    tui.send("q");
    assert_eq!(tui.wait_exit(), 0);
    tui.assert_restored();
}

#[test]
fn it_outlives_its_core() {
    let world = World::new();
    let agents = shells(&world, "2");
    let tui = Tui::start(&world, &[], 140, 30);
    tui.wait_for_text(&agents[1]);
    world.kill_core();
    world.ok(&["swarm", "list"]);
    // What happens after is on the screen again, by itself.
    world.ok(&["agent", "send", &agents[0], "exit 6"]);
    tui.wait_for("the failed agent", |screen| screen.contains("failed"));
    tui.send("q");
    tui.wait_exit();
    tui.assert_restored();
}

#[test]
fn a_hang_up_leaves_no_client_behind() {
    let world = World::new();
    shells(&world, "1");
    let before = world.processes().len();
    let tui = Tui::start(&world, &[], 100, 30);
    tui.wait_for_text("shells");
    tui.hang_up();
    eventually("the client's end", || (world.processes().len() <= before).then_some(()));
    assert_eq!(world.keepers().len(), 1);
}

#[test]
fn every_signal_gives_the_terminal_back_and_leaves_no_row_behind() {
    let world = World::new();
    let agents = shells(&world, "1");
    let views: [&[&str]; 2] = [&[], &["attach", &agents[0]]];
    for view in views {
        for signal in [Signal::INT, Signal::QUIT, Signal::TERM, Signal::HUP] {
            let tui = Tui::start(&world, view, 100, 30);
            tui.wait_for("a screen", |_| tui.raw().windows(8).any(|w| w == b"\x1b[?1049h"));
            tui.settle();
            tui.signal(signal);
            tui.wait_exit();
            tui.assert_restored();
            // Some terminals keep rows of an alternate screen that is left while they stand.
            let raw = tui.raw();
            let find = |what: &[u8]| raw.windows(what.len()).rposition(|w| w == what);
            let (cleared, left) = (find(b"\x1b[2J").unwrap(), find(b"\x1b[?1049l").unwrap());
            assert!(cleared < left && left - cleared < 16, "{view:?} {signal:?}");
        }
    }
}

#[test]
fn a_second_attempt_is_followed_in_focus() {
    let world = World::new();
    let args = ["--name", "twice", "--agents", "1", "--", "sh", "-c"];
    let script = "echo attempt $DASH_ATTEMPT began; read line; exit 3";
    world.create(&[&args[..], &[script]].concat());
    let tui = Tui::start(&world, &[], 140, 30);
    tui.wait_for_text("working");
    tui.send(ENTER);
    tui.wait_for_text("ag-01-1 began");
    tui.send(ENTER);
    tui.wait_for_text("ended: exit 3");
    // Nobody is there: this is no command.
    tui.send("rxn");
    tui.settle();
    assert!(tui.screen().contains("ended: exit 3"), "{}", tui.screen());
    tui.send("\x02r");
    tui.wait_for_text("ag-01-2 began");
    tui.send(ENTER);
    tui.wait_for_text("ended: exit 3");
    tui.send(ESCAPE);
    tui.wait_for_text("AGENT");
    tui.send("q");
    tui.wait_exit();
}
