//! An agent that stands still is said to, until it does something again.

use crate::world::World;
use serde_json::json;
use std::fs;

#[test]
fn one_that_does_nothing_is_waiting_and_says_so() {
    let world = World::new();
    let agents = world.path().join("config/dash/agents");
    fs::create_dir_all(&agents).unwrap();
    // What it waits for costs it nothing.
    let text = "name = 'still'\nsummary = ''\n[program]\nname = 'sh'\n[launch]\n\
                args = ['-c', 'mkfifo go; read x < go; echo again; read x < go']\n\
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
    fs::write(world.work.join("go"), "x\n").unwrap();
    world.until_state(&agent, &["working"]);
    world.until_state(&agent, &["waiting"]);
    fs::write(world.work.join("go"), "x\n").unwrap();
    assert_eq!(world.ok(&["swarm", "wait", &swarm]).code, 0);
}
