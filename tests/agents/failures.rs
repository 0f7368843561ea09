//! What goes wrong at the model: the agents of each kind side by side, in both ways of running
//! them, and the states that they show meanwhile against what happened. Those that go on by
//! themselves are seen to wait, and get to their end; those that cannot say so; a stream that is
//! cut is never an answer.

use crate::{
    stage::{events, results, stage, timeline, turn},
    wait::eventually,
    world::World,
};
use serde_json::Value;

const KINDS: [&str; 3] = ["claude", "codex", "pi"];
/// Mended by the next call or the one after it.
const PASSES: [&str; 3] = ["overload me once", "break twice", "cut me off once"];
/// Never mended.
const CUT: &str = "cut me off";
const RETRY: &str = "working: api retry";

/// One agent on its own screen for each kind and task.
fn on_screens(world: &World, tasks: &[&str], kinds: &[&str]) -> Vec<(String, String, String)> {
    let mut started = Vec::new();
    for task in tasks {
        for kind in kinds {
            let ask = ["agent", "spawn", "--agent", kind, "--interactive", "--task", task];
            let made = world.json(&ask);
            let id = made["id"].as_str().unwrap().to_owned();
            started.push(((*kind).to_owned(), (*task).to_owned(), id));
        }
    }
    started
}

/// Waits until its turn is over: idle after it has called a model.
fn turn_over(world: &World, agent: &str) -> Vec<String> {
    eventually(&format!("the end of the turn of {agent}: {:?}", timeline(world, agent)), || {
        let called = !events(world, agent, "model_called").is_empty();
        let seen = timeline(world, agent);
        // Codex makes a call after its turn.
        let rests = |row: &Value| row["state"] == "idle";
        let over = called && rests(&world.agent(agent)) && seen.iter().any(|s| s == "working");
        over.then_some(seen)
    })
}

/// How often a call failed that an agent asks again after.
fn failed(world: &World, agent: &str) -> usize {
    let calls = events(world, agent, "model_called");
    calls.iter().filter(|call| call["status"].as_u64() >= Some(429)).count()
}

#[test]
fn on_its_screen_it_is_seen_to_try_again_and_is_done() {
    let _turn = turn();
    let Some(world) = stage() else { return };
    for (kind, task, agent) in on_screens(&world, &PASSES, &KINDS) {
        world.until_shown(&agent, "It went well in the end.");
        let seen = turn_over(&world, &agent);
        let tried = seen.iter().filter(|state| *state == RETRY).count();
        assert!(tried > 0, "{kind}, {task}: {seen:?}");
        assert_eq!(seen.last().map(String::as_str), Some("idle"), "{kind}, {task}: {seen:?}");
        let odd = |state: &&String| !["idle", "working", RETRY].contains(&state.as_str());
        assert_eq!(seen.iter().find(odd), None, "{kind}, {task}: {seen:?}");
        // While it waits it never seems to have done its turn.
        let first = seen.iter().position(|state| state == RETRY).unwrap();
        let last = seen.iter().rposition(|state| state == RETRY).unwrap();
        let between = &seen[first..last];
        assert!(between.iter().all(|state| state != "idle"), "{kind}, {task}: {seen:?}");
        if task != PASSES[2] {
            assert!(failed(&world, &agent) > 0, "{kind}, {task}");
        }
    }
}

#[test]
fn on_its_screen_a_turn_that_fails_is_told_and_the_next_is_taken() {
    let _turn = turn();
    let Some(world) = stage() else { return };
    let mut started = on_screens(&world, &["refuse me", "go wrong at once"], &KINDS);
    // Claude would try for three minutes.
    started.extend(on_screens(&world, &[CUT], &["codex", "pi"]));
    for (kind, task, agent) in started {
        eventually(&format!("{kind} says that it failed: {task}"), || {
            let row = world.agent(&agent);
            (row["state"] == "idle" && row["reason"] == "failed").then_some(())
        });
        let seen = timeline(&world, &agent);
        let tried = seen.iter().any(|state| state == RETRY);
        assert_eq!(tried, task == CUT, "{kind}, {task}: {seen:?}");
        world.ok(&["agent", "send", &agent, "go on all the same"]);
        world.until_shown(&agent, "Nothing to do.");
        eventually(&format!("{kind} has done the next turn"), || {
            let row = world.agent(&agent);
            (row["state"] == "idle" && row["reason"] == "").then_some(())
        });
    }
}

#[test]
fn a_login_that_is_missing_is_a_question() {
    let _turn = turn();
    let Some(world) = stage() else { return };
    let (_, _, agent) = on_screens(&world, &["let me in"], &["claude"]).remove(0);
    let row = world.until_state(&agent, &["waiting"]);
    assert_eq!(row["reason"], "input", "{row:#}");
    let explained = world.ok(&["agent", "explain", &agent]).text();
    assert!(explained.contains("not with this key"), "{explained}");
}

#[test]
fn without_a_screen_it_is_seen_to_try_again_and_is_done() {
    let _turn = turn();
    let Some(world) = stage() else { return };
    let mut swarms = Vec::new();
    for task in PASSES {
        for kind in KINDS {
            let swarm = world.create(&["--agent", kind, "--agents", "1", "--task", task]);
            swarms.push((kind, task, swarm));
        }
    }
    for kind in ["codex", "pi"] {
        let task = "cut me off";
        swarms.push((
            kind,
            task,
            world.create(&["--agent", kind, "--agents", "1", "--task", task]),
        ));
    }
    for (kind, task, swarm) in swarms {
        let code = world.dash(&["swarm", "wait", &swarm]).code;
        let agent = world.only_agent(&swarm);
        let (row, seen) = (results(&world, &swarm).remove(0), timeline(&world, &agent));
        assert!(seen.iter().any(|state| state == RETRY), "{kind}, {task}: {seen:?}");
        if task == CUT {
            assert_eq!((code, &row["outcome"]), (3, &"failed".into()), "{kind}: {row:#}");
            assert_eq!(seen.last().map(String::as_str), Some("failed: error"), "{kind}: {seen:?}");
            continue;
        }
        assert_eq!((code, &row["outcome"]), (0, &"done".into()), "{kind}, {task}: {row:#}");
        assert_eq!(row["text"], "It went well in the end.", "{kind}, {task}: {row:#}");
        assert_eq!(seen.last().map(String::as_str), Some("done"), "{kind}, {task}: {seen:?}");
    }
}
