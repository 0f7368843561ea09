//! Turns on an agent's own screen that its budget refuses: whoever waits is told, and after a
//! top-up each goes on, from where it was, and once.

use crate::{
    stage::{events, stage, turn},
    wait::eventually,
    world::World,
};
use serde_json::Value;
use std::fs;

const KINDS: [&str; 3] = ["claude", "codex", "pi"];

fn start(world: &World, adapter: &str, budget: &str) -> (String, String) {
    let made = world.json(&["agent", "spawn", "--agent", adapter, "--budget", budget]);
    let name = |key: &str| made[key].as_str().unwrap().to_owned();
    rests(world, &name("id"));
    (name("id"), name("swarm"))
}

fn rests(world: &World, agent: &str) {
    eventually(&format!("{agent} rests: {}", world.agent(agent)), || {
        let row = world.agent(agent);
        (row["state"] == "idle" && row["reason"] == "").then_some(())
    });
}

fn is_paused(world: &World, agent: &str, swarm: &str) {
    let row = world.until_state(agent, &["paused"]);
    assert_eq!(row["reason"], "budget", "{row:#}");
    let waited = world.exits(&["agent", "wait", agent], 4);
    assert!(waited.stderr.contains(&format!("budget of {swarm}")), "{waited:?}");
    let waited = world.exits(&["swarm", "wait", swarm], 4);
    assert!(waited.text().contains("paused: budget"), "{waited:?}");
    // Codex asks again by itself before it gives up.
    eventually(&format!("{agent} says that its turn failed"), || {
        let explained = world.json(&["agent", "explain", agent]);
        let signals = explained["signals"].as_array().unwrap();
        signals.iter().any(|signal| signal["reason"] == "failed").then_some(())
    });
}

/// How often somebody typed, people and core.
fn typed(world: &World, agent: &str) -> usize {
    events(world, agent, "input_sent").len()
}

#[test]
fn the_first_one_is_answered_after_a_top_up() {
    let _turn = turn();
    let Some(world) = stage() else { return };
    for adapter in KINDS {
        let (agent, swarm) = start(&world, adapter, "$0.000001");
        world.ok(&["agent", "send", &agent, "say what you are paid for"]);
        is_paused(&world, &agent, &swarm);
        world.ok(&["budget", "top-up", &swarm, "$50"]);
        world.until_shown(&agent, "I am paid for this.");
        rests(&world, &agent);
        assert_eq!(typed(&world, &agent), 2, "{adapter}");
        // What comes next is a turn of its own.
        world.ok(&["agent", "send", &agent, "what else?"]);
        world.until_shown(&agent, "Nothing to do.");
        rests(&world, &agent);
        world.ok(&["agent", "stop", &agent]);
    }
}

#[test]
fn in_the_middle_of_its_work_it_goes_on_from_there() {
    let _turn = turn();
    let Some(world) = stage() else { return };
    world.script("pay", "echo one >> paid.$1; until [ -e go.$1 ]; do sleep 0.1; done");
    for adapter in KINDS {
        let (agent, swarm) = start(&world, adapter, "$50");
        world.ok(&["agent", "send", &agent, "pay bit by bit"]);
        if adapter == "claude" {
            world.json(&["inbox", "--wait"]);
            world.ok(&["agent", "send", &agent, "--approve"]);
        }
        let steps = || fs::read_to_string(world.work.join(format!("paid.{agent}")));
        eventually("its first step", || steps().ok().filter(|steps| steps == "one\n"));
        // Nothing is left while it takes its time.
        let spent = eventually("the end of its call", || {
            let account = world.json(&["budget", "show", &swarm]);
            (account["reserved_micros"] == 0).then(|| account["spent_micros"].as_i64())?
        });
        let all = format!("${}.{:06}", spent / 1_000_000, spent % 1_000_000);
        world.ok(&["budget", "set", &swarm, &all]);
        fs::write(world.work.join(format!("go.{agent}")), "").unwrap();
        is_paused(&world, &agent, &swarm);
        let before = typed(&world, &agent);
        world.ok(&["budget", "top-up", &swarm, "$50"]);
        world.until_shown(&agent, "It went on after its first step.");
        rests(&world, &agent);
        assert_eq!((steps().unwrap().as_str(), typed(&world, &agent)), ("one\n", before + 1));
        let told: Vec<Value> = events(&world, &agent, "turn_asked_again");
        assert_eq!(told.len(), 1, "{adapter}: {told:#?}");
        world.ok(&["agent", "stop", &agent]);
    }
}
