//! An agent that stands still is said to, until it does something again.

use crate::{
    wait::{eventually, open_pipe},
    world::World,
};
use serde_json::{Value, json};
use std::{fs, io::Write};

/// Of the only agent, as they followed one another.
fn states(world: &World) -> Vec<String> {
    let all = world.ok(&["events", "--since", "0", "--json"]).text();
    let events = all.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let changed = events.filter(|event| event["kind"] == "state_changed");
    let word =
        |event: Value| Some(format!("{}: {}", event["state"].as_str()?, event["reason"].as_str()?));
    changed.filter_map(word).collect()
}

/// As when it offers an update, or asks what its adapter has no rule for.
#[test]
fn one_that_asks_something_new_on_its_screen_is_shown_with_its_question() {
    let world = World::new();
    let agents = world.path().join("config/dash/agents");
    fs::create_dir_all(&agents).unwrap();
    let text = "name = 'asks'\nsummary = ''\n[program]\nname = 'sh'\n[launch]\nargs = []\n\
                [interactive]\nargs = ['-c', 'printf \"Install 2.0 now? [y/N] \"; read x; \
                echo \"it was $x\"']\n[watch]\nstalled_after_s = 2\n";
    fs::write(agents.join("asks.toml"), text).unwrap();
    let made = world.json(&["agent", "spawn", "--agent", "asks"]);
    let agent = made["id"].as_str().unwrap();
    let row = world.until_state(agent, &["waiting"]);
    let question = "Install 2.0 now? [y/N]";
    assert_eq!((&row["reason"], &row["last_line"]), (&json!("stalled"), &json!(question)));
    let explained = world.ok(&["agent", "explain", agent]).text();
    assert!(explained.contains(question), "{explained}");
    world.ok(&["agent", "send", agent, "y"]);
    assert_eq!(world.until_state(agent, &["done", "failed"])["state"], "done");
    assert!(world.ok(&["agent", "log", agent]).text().contains("it was y"));
}

#[test]
fn one_that_does_nothing_is_waiting_and_says_so() {
    let world = World::new();
    let agents = world.path().join("config/dash/agents");
    fs::create_dir_all(&agents).unwrap();
    // What it waits for costs it nothing. Two pipes: of one it would see the end at once, while
    // whoever wrote to it has not closed it yet.
    let text = "name = 'still'\nsummary = ''\n[program]\nname = 'sh'\n[launch]\n\
                args = ['-c', 'mkfifo go on; read x < go; echo again; read x < on']\n\
                [watch]\nstalled_after_s = 2\n";
    fs::write(agents.join("still.toml"), text).unwrap();
    let swarm = world.create(&["--agent", "still", "--agents", "1", "--task", "wait"]);
    let agent = world.only_agent(&swarm);
    let row = world.until_state(&agent, &["waiting"]);
    assert_eq!(row["reason"], json!("stalled"), "{row:#}");
    assert!(world.ok(&["agent", "list"]).text().contains("waiting: stalled"));
    let explained = world.ok(&["agent", "explain", &agent]).text();
    assert!(explained.contains("neither printed, computed nor called a model"), "{explained}");
    // It is none the worse for it.
    writeln!(open_pipe(&world.work.join("go")), "x").unwrap();
    let words = ["waiting: stalled", "working: ", "waiting: stalled"];
    eventually(&format!("{words:?} of {:?}", states(&world)), || {
        states(&world).windows(3).any(|seen| seen == words).then_some(())
    });
    writeln!(open_pipe(&world.work.join("on")), "x").unwrap();
    assert_eq!(world.ok(&["swarm", "wait", &swarm]).code, 0);
}
