//! The core dies in the middle of a real agent's model call.

use crate::{
    stage::{alone, events, results, stage},
    wait::{LIMIT, eventually},
    world::World,
};
use serde_json::{Value, json};

/// Waits until some core answers, without starting one.
fn until_adopted(world: &World) {
    eventually("a core that a keeper started", || {
        let mut command = world.command(&["health"]);
        command.env("DASH_AGENT", "ag-01");
        (world.run(command, b"", LIMIT).code == 0).then_some(())
    });
}

fn signals(world: &World, agent: &str) -> Vec<Value> {
    let events = events(world, agent, "signalled");
    events.into_iter().map(|event| event["signal"].clone()).collect()
}

#[test]
fn heavy_the_calls_of_a_dead_core_are_only_delayed() {
    let _turn = alone();
    let Some(world) = stage() else { return };
    let id = world.create(&["--agent", "claude:1,codex:1,mini:1,pi:1", "--task", "take your time"]);
    let agents = world.agents_of(&id);
    for agent in &agents {
        eventually("the first model call", || {
            let explained = world.json(&["agent", "explain", agent]);
            let signals = explained["signals"].as_array().unwrap();
            signals.iter().any(|signal| signal["source"] == "gateway").then_some(())
        });
    }
    // Somewhere in the first answer, then soon after. No more: codex asks twice again.
    for _ in 0..2 {
        world.kill_core();
        until_adopted(&world);
    }
    assert_eq!(world.dash(&["swarm", "wait", &id]).code, 0, "{:#?}", results(&world, &id));
    for row in results(&world, &id) {
        let agent = row["agent"].as_str().unwrap();
        assert_eq!(row["outcome"], "done", "{row:#}");
        assert_eq!((&row["attempt"], &row["exit"]), (&json!(1), &json!(0)), "{row:#}");
        assert_eq!(row["text"], "Done: it took its time.");
        let left = std::fs::read_to_string(world.work.join(format!("slow.{agent}")));
        assert_eq!(left.unwrap_or_default(), "step\n", "{row:#}");
        // Nothing is told again when the recording is read from its start once more.
        let told = signals(&world, agent);
        let mut output: Vec<_> = told.iter().filter(|s| s["source"] == "output").collect();
        let before = output.len();
        output.dedup();
        assert_eq!(output.len(), before, "told twice: {told:#?}");
        let starts = output
            .iter()
            .filter(|s| s["detail"].as_str().is_some_and(|d| d.starts_with("started")));
        assert!(starts.count() <= 1, "told again: {told:#?}");
    }
}
