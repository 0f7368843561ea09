//! What a person makes of the full screen: its layout, costs, the wall, texts to many, the
//! mouse.

use crate::{tui::Tui, world::World};
use rustix::process::Signal;

const ENTER: &str = "\r";
const ESCAPE: &str = "\x1b";

fn readers(world: &World, n: &str) -> Vec<String> {
    // Each says who it is, then what it is told.
    let script = "echo I am $DASH_AGENT; while read line; do echo $DASH_AGENT heard $line; done";
    let id = world.create(&[
        "--name",
        "readers",
        "--no-sandbox",
        "--agents",
        n,
        "--",
        "sh",
        "-c",
        script,
    ]);
    let agents = world.agents_of(&id);
    for agent in &agents {
        world.until_state(agent, &["working", "idle", "waiting"]);
    }
    agents
}

#[test]
fn the_layout_comes_back_after_quit_and_after_a_crash() {
    let world = World::new();
    let agents = readers(&world, "3");
    let tui = Tui::start(&world, &[], 120, 30);
    tui.wait_for_text(&agents[0]);
    tui.send(&format!(":columns agent:20 state last{ENTER}"));
    tui.send(&format!(":sort agent{ENTER}S"));
    tui.wait_for_text("by agent, reversed");
    tui.send(&format!("/ag-0{ENTER}"));
    tui.wait_for_text("/ag-0");
    tui.send("jj ");
    tui.wait_for_text("1 marked");
    tui.send("q");
    assert_eq!(tui.wait_exit(), 0);
    tui.assert_restored();

    let same = |screen: &str| {
        let titles = screen.lines().nth(1).unwrap_or("");
        let words: Vec<&str> = titles.split_whitespace().collect();
        words == ["AGENT▴", "STATE", "LAST"]
            && ["by agent, reversed", "1 marked", "/ag-0"].iter().all(|word| screen.contains(word))
    };
    let tui = Tui::start(&world, &[], 120, 30);
    tui.wait_for("the layout it was left with", same);
    // Nobody can say good-bye after this.
    tui.signal(Signal::KILL);
    tui.wait_exit();
    let tui = Tui::start(&world, &[], 120, 30);
    tui.wait_for("the layout it was left with", same);
    tui.send("q");
    assert_eq!(tui.wait_exit(), 0);
}

#[test]
fn costs_are_the_ledgers() {
    let world = World::new();
    let agents = readers(&world, "2");
    let tui = Tui::start(&world, &[], 120, 30);
    tui.wait_for_text(&agents[0]);
    tui.send("$");
    tui.wait_for("the ledger's rows", |screen| {
        screen.contains("all together") && screen.contains("readers") && screen.contains("$/MIN")
    });
    tui.send("\t\t");
    tui.wait_for("agents", |screen| agents.iter().all(|agent| screen.contains(agent.as_str())));
    tui.send(ESCAPE);
    tui.wait_for("the grid", |screen| screen.contains("STATE"));
    tui.send("q");
    assert_eq!(tui.wait_exit(), 0);
}

#[test]
fn the_wall_is_live_and_all_marked_hear_a_text() {
    let world = World::new();
    let agents = readers(&world, "4");
    let tui = Tui::start(&world, &[], 160, 40);
    tui.wait_for_text(&agents[0]);
    tui.send("w");
    tui.wait_for("every terminal", |screen| {
        agents.iter().all(|agent| screen.contains(&format!("I am {agent}")))
    });
    tui.send(&format!("*mgo on{ENTER}"));
    tui.wait_for("every answer", |screen| {
        agents.iter().all(|agent| screen.contains(&format!("{agent} heard go on")))
    });
    // The one under the cursor opens, and hears what is typed to it alone.
    tui.send(&format!("l{ENTER}"));
    tui.wait_for_text("C-b");
    tui.send("hello\r");
    tui.wait_for_text(&format!("{} heard hello", agents[1]));
    tui.send("\x02d");
    tui.wait_for_text(&format!("I am {}", agents[0]));
    tui.send("q");
    assert_eq!(tui.wait_exit(), 0);
    tui.assert_restored();
}

#[test]
fn a_double_click_opens_a_terminal() {
    let world = World::new();
    let agents = readers(&world, "2");
    let tui = Tui::start(&world, &[], 120, 30);
    tui.wait_for_text(&agents[1]);
    let click = "\x1b[<0;20;4M\x1b[<0;20;4m";
    tui.send(&format!("{click}{click}"));
    tui.wait_for_text("I am ");
    tui.send("\x02dq");
    assert_eq!(tui.wait_exit(), 0);
    tui.assert_restored();
}

#[test]
fn keys_and_colours_change_under_a_running_screen() {
    let world = World::new();
    world.configure("[ui]\nkeymap = \"mine\"\ntheme = \"sea\"\n");
    let file = |name: &str, text: &str| {
        let path = world.path().join("config/dash").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    file("keymaps/mine.toml", "base = \"emacs\"\n");
    file("themes/sea.toml", "[roles]\naccent = \"#ff8800\"\n");
    let agents = readers(&world, "2");
    let tui = Tui::start(&world, &[], 160, 30);
    tui.wait_for_text(&agents[0]);
    tui.wait_for_text("M-x command");
    file("keymaps/mine.toml", "base = \"tmux\"\n[grid]\n\"Q\" = \"quit\"\n");
    tui.wait_for_text("keymap mine, as it is now");
    file("themes/sea.toml", "[roles]\nacent = \"#00ff88\"\n");
    tui.wait_for("the mistake", |screen| {
        screen.contains("sea.toml:2:") && screen.contains("nearest: accent")
    });
    file("themes/sea.toml", "[roles]\naccent = \"#00ff88\"\n");
    tui.wait_for_text("theme sea, as it is now");
    tui.send("Q");
    assert_eq!(tui.wait_exit(), 0);
    tui.assert_restored();
}
