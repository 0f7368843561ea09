//! `dash agent|swarm pause` and `resume`: the processes themselves stand still, and go on.

use crate::{wait::eventually, world::World};
use std::fs;

/// Grows by a byte every few milliseconds.
const BEAT: &str = "while :; do printf x >> beat.$DASH_AGENT; sleep 0.02; done";

fn beats(world: &World, agent: &str) -> u64 {
    fs::metadata(world.work.join(format!("beat.{agent}"))).map_or(0, |meta| meta.len())
}

fn grows(world: &World, agent: &str) {
    grows_by(world, agent, 3);
}

fn grows_by(world: &World, agent: &str, more: u64) {
    let then = beats(world, agent);
    eventually("beats", || (beats(world, agent) >= then + more).then_some(()));
}

/// While the clock, an agent that nobody pauses, goes on for a while.
fn stands_still(world: &World, agent: &str) {
    // What was on its way when it was held.
    grows(world, CLOCK);
    let then = beats(world, agent);
    grows_by(world, CLOCK, 12);
    assert_eq!(beats(world, agent), then, "{agent} goes on");
}

const CLOCK: &str = "ag-03";

#[test]
fn what_is_paused_stands_still_and_goes_on() {
    let world = World::new();
    let swarm = world.create(&["--agents", "2", "--", "sh", "-c", BEAT]);
    world.create(&["--agents", "1", "--", "sh", "-c", BEAT]);
    for agent in ["ag-01", "ag-02", CLOCK] {
        grows(&world, agent);
    }
    let text = world.ok(&["agent", "pause", "ag-01"]).text();
    assert_eq!(text, "ag-01 paused\n");
    assert_eq!(world.agent("ag-01")["reason"], "user");
    stands_still(&world, "ag-01");
    grows(&world, "ag-02");

    world.ok(&["swarm", "pause", &swarm]);
    let info = world.json(&["swarm", "show", &swarm]);
    let told = (&info["state"], &info["reason"]);
    assert_eq!((told.0.as_str(), told.1.as_str()), (Some("paused"), Some("user")), "{info:#}");
    stands_still(&world, "ag-02");
    // A person has it in hand: it is not over.
    world.exits(&["swarm", "wait", &swarm, "--timeout", "200ms"], 5);

    world.ok(&["swarm", "resume", "--all"]);
    grows(&world, "ag-02");
    stands_still(&world, "ag-01");
    let refused = world.exits(&["swarm", "resume", &swarm], 1);
    assert!(refused.all().contains("is not paused"), "{}", refused.all());

    // A core that comes anew leaves it as it was.
    world.kill_core();
    assert_eq!(world.agent("ag-01")["reason"], "user");
    stands_still(&world, "ag-01");
    world.ok(&["agent", "resume", "ag-01"]);
    grows(&world, "ag-01");

    world.ok(&["swarm", "pause", &swarm]);
    world.ok(&["swarm", "stop", &swarm]);
    let refused = world.exits(&["agent", "pause", "ag-01"], 1);
    assert!(refused.all().contains("ag-01 is over: stopped"), "{}", refused.all());
}
