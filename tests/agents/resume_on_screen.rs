//! An agent on its own screen that is tried again goes on with its conversation there, on the
//! model that is asked for.

use crate::{
    stage::{events, stage, turn},
    wait::eventually,
    world::World,
};
use serde_json::Value;

/// Adapter, and the models of the two attempts.
const PAIRS: [(&str, [&str; 2]); 3] = [
    ("claude", ["claude-opus-4-5", "claude-haiku-4-5"]),
    ("codex", ["gpt-5.1", "gpt-5.1-codex"]),
    // Another dialect, too.
    ("pi", ["claude-opus-4-5", "gpt-5.1"]),
];

fn rests(world: &World, agent: &str) {
    eventually(&format!("{agent} rests: {}", world.agent(agent)), || {
        (world.agent(agent)["state"] == "idle").then_some(())
    });
}

fn calls(world: &World, agent: &str) -> Vec<Value> {
    events(world, agent, "model_called")
}

#[test]
fn a_conversation_goes_on_on_another_model() {
    let _turn = turn();
    let Some(world) = stage() else { return };
    let mut agents = Vec::new();
    for (adapter, models) in PAIRS {
        // With a first prompt, and with what is typed in later.
        for task in [&["--interactive", "--task", "learn the marker"][..], &[]] {
            let args = ["agent", "spawn", "--agent", adapter, "--model", models[0]];
            let made = world.json(&[&args, task].concat());
            agents.push((made["id"].as_str().unwrap().to_owned(), models, !task.is_empty()));
        }
    }
    for (agent, _, has_task) in &agents {
        if !has_task {
            rests(&world, agent);
            world.ok(&["agent", "send", agent, "learn the marker"]);
        }
        world.until_shown(agent, "The marker is violet-4711.");
        rests(&world, agent);
        world.ok(&["agent", "stop", agent]);
    }
    for (agent, models, has_task) in &agents {
        world.until_state(agent, &["stopped"]);
        let before = calls(&world, agent).len();
        world.ok(&["agent", "retry", agent, "--model", models[1]]);
        rests(&world, agent);
        let took = events(&world, agent, "took_up").remove(0);
        let named = events(&world, agent, "session_named").remove(0);
        assert_eq!((&took["from"], &took["session"]), (&1.into(), &named["session"]), "{took:#}");
        if *has_task {
            // It is told to go on.
            world.until_shown(agent, "I remember the first attempt.");
        } else {
            // Nothing is asked of a model in its name.
            assert_eq!(calls(&world, agent).len(), before, "{:#?}", calls(&world, agent));
            world.ok(&["agent", "send", agent, "what do you remember"]);
            world.until_shown(agent, "I remember what was typed.");
        }
        let later = calls(&world, agent).split_off(before);
        assert!(later.iter().all(|call| call["model"] == models[1]), "{later:#?}");
        assert_eq!(world.agent(agent)["model"], models[1]);
        world.ok(&["agent", "stop", agent]);
    }
}
