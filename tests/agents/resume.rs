//! Another attempt goes on with the session of the one before it, on another model.

use crate::{
    stage::{Cut, events, goes_on, results, stage, turn},
    world::find_file,
};
use std::fs;

/// Adapter, and the models of the two attempts.
const PAIRS: [(&str, [&str; 2]); 3] = [
    ("claude", ["claude-opus-4-5", "claude-haiku-4-5"]),
    ("codex", ["gpt-5.1", "gpt-5.1-codex"]),
    // Another dialect, too.
    ("pi", ["claude-opus-4-5", "gpt-5.1"]),
];

#[test]
fn after_a_failure() {
    let _turn = turn();
    let Some(world) = stage() else { return };
    for (adapter, models) in PAIRS {
        goes_on(&world, adapter, Cut::Failed, models);
    }
}

#[test]
fn after_a_stop_in_the_middle_of_an_answer() {
    let _turn = turn();
    let Some(world) = stage() else { return };
    for (adapter, models) in PAIRS {
        goes_on(&world, adapter, Cut::Stopped, models);
    }
}

#[test]
fn a_third_attempt_knows_the_first() {
    let _turn = turn();
    let Some(world) = stage() else { return };
    for (adapter, models) in PAIRS {
        let agent = goes_on(&world, adapter, Cut::Failed, models);
        world.ok(&["agent", "retry", &agent, "--model", models[0]]);
        let row = world.until_state(&agent, &["done", "failed"]);
        assert_eq!((&row["attempt"], &row["state"]), (&3.into(), &"done".into()), "{row:#}");
        let took = events(&world, &agent, "took_up").remove(1);
        assert_eq!(took["from"], 2, "{took:#}");
        assert!(took["session"] != "", "{took:#}");
        let result = results(&world, row["swarm"].as_str().unwrap()).remove(0);
        assert_eq!(result["text"], "I remember the first attempt.", "{adapter}: {result:#}");
    }
}

#[test]
fn a_retry_after_a_failed_check_knows_what_was_said() {
    let _turn = turn();
    let Some(world) = stage() else { return };
    let (id, code) = world.create_and_wait(&[
        "--agent",
        "pi",
        "--agents",
        "1",
        "--retries",
        "1",
        "--check",
        "test -e never",
        "--task",
        "step by step, until the check holds",
    ]);
    let result = results(&world, &id).remove(0);
    assert_eq!((code, &result["stop_reason"]), (3, &"check".into()), "{result:#}");
    assert_eq!(result["text"], "I remember the first attempt.", "{result:#}");
    let took = events(&world, &world.only_agent(&id), "took_up");
    assert_eq!(took.len(), 1, "{took:#?}");
}

#[test]
fn an_agent_without_sessions_is_told_what_was_done() {
    let _turn = turn();
    let Some(world) = stage() else { return };
    let task = "step by step and fail";
    let (id, _) = world.create_and_wait(&["--agent", "mini", "--agents", "1", "--task", task]);
    let agent = world.only_agent(&id);
    world.ok(&["agent", "retry", &agent, "--model", "gpt-5.1"]);
    let row = world.until_state(&agent, &["done", "failed"]);
    assert_eq!((&row["state"], &row["model"]), (&"done".into(), &"gpt-5.1".into()), "{row:#}");
    let took = events(&world, &agent, "took_up").remove(0);
    assert_eq!((&took["session"], &took["from"]), (&"".into(), &1.into()), "{took:#}");
    let dir = find_file(&world.state(), "journal.db").unwrap();
    let spec = dir.parent().unwrap().join(format!("attempts/{agent}-2/spec.json"));
    let spec: serde_json::Value = serde_json::from_str(&fs::read_to_string(spec).unwrap()).unwrap();
    let env = spec["env"].as_array().unwrap();
    let told = env.iter().find(|pair| pair[0] == "DASH_TASK").unwrap()[1].as_str().unwrap();
    assert!(told.starts_with("Attempt 1 at the task below failed ("), "{told}");
    assert!(told.ends_with(&format!("The task:\n\n{task}")), "{told}");
    // A command line is nobody's to add to.
    let (id, _) = world.create_and_wait(&["--agents", "1", "--", "false"]);
    let agent = world.only_agent(&id);
    world.ok(&["agent", "retry", &agent]);
    world.until_state(&agent, &["failed"]);
    assert!(events(&world, &agent, "took_up").is_empty());
}
