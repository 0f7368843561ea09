//! Agents wait for room on the machine, and say so.

use crate::world::World;
use serde_json::json;
use std::fs;

/// A world with an agent that takes so much and works until there is a file `go`.
fn world(footprint: &str) -> World {
    let world = World::new();
    let agents = world.path().join("config/dash/agents");
    fs::create_dir_all(&agents).unwrap();
    let text = format!(
        "name = 'big'\nsummary = ''\n[program]\nname = 'sh'\n[launch]\n\
         args = ['-c', 'until [ -e go ]; do sleep 0.05; done']\n[footprint]\n{footprint}\n"
    );
    fs::write(agents.join("big.toml"), text).unwrap();
    world
}

const TWO: [&str; 6] = ["--agent", "big", "--agents", "2", "--task", "wait"];

#[test]
fn the_next_waits_for_room_and_says_for_what() {
    for (footprint, why) in
        [("memory_mb = 900000000", "memory"), ("start_cpu_ms = 900000", "cores")]
    {
        let world = world(footprint);
        let swarm = world.create(&TWO);
        let agents = world.agents_of(&swarm);
        world.until_state(&agents[0], &["working"]);
        let waits = world.until_state(&agents[1], &["queued"]);
        assert_eq!((&waits["reason"], &waits["attempt"]), (&json!(why), &json!(0)), "{waits:#}");
        let shown = world.ok(&["agent", "list"]).text();
        assert!(shown.contains(&format!("queued: {why}")), "{shown}");
        fs::write(world.work.join("go"), "").unwrap();
        world.ok(&["swarm", "wait", &swarm]);
    }
}

#[test]
fn without_admission_all_start_at_once() {
    let world = world("memory_mb = 900000000\nstart_cpu_ms = 900000");
    world.configure("[agents]\nadmission = false\n");
    let swarm = world.create(&TWO);
    for agent in world.agents_of(&swarm) {
        world.until_state(&agent, &["working"]);
    }
    fs::write(world.work.join("go"), "").unwrap();
    world.ok(&["swarm", "wait", &swarm]);
}
