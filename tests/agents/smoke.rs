//! The agents that take long to start and much memory, once each: a task that is done on the
//! model that was asked for, one that is refused for money, a stop in the middle, and a session
//! that goes on with another model.

use crate::{
    stage::{
        Cut, alone, create_and_wait, events, goes_on, heavy, results, stage_with, stops_in_a_tool,
    },
    wait::{eventually, within},
    world::World,
};
use serde_json::json;
use std::{fs, time::Duration};

fn works(adapter: &str, model: &str, other: &str) {
    let _turn = heavy();
    let Some(world) = stage_with(&[adapter]) else { return };
    works_headless(&world, adapter, [model, other]);
    works_on_its_screen(&world, adapter);
}

fn works_headless(world: &World, adapter: &str, models: [&str; 2]) {
    does_a_task(world, adapter, models[0]);
    is_refused(world, adapter);
    stops_in_a_tool(world, adapter);
    goes_on(world, adapter, Cut::Failed, models);
}

/// A permission that is granted, on its own screen.
fn works_on_its_screen(world: &World, adapter: &str) {
    let made = world.json(&["agent", "spawn", "--agent", adapter]);
    let agent = made["id"].as_str().unwrap().to_owned();
    world.until_state(&agent, &["idle"]);
    world.ok(&["agent", "send", &agent, "run: touch asked"]);
    let asked = || world.json(&["inbox"]).get(0).cloned();
    // Some lose an Enter that comes while they still draw their first screen.
    let asked = within(Duration::from_secs(30), asked).unwrap_or_else(|| {
        world.ok(&["agent", "send", &agent, "--keys", "Enter"]);
        eventually("its question", asked)
    });
    assert!(asked["text"].as_str().unwrap().contains("touch"), "{asked:#}");
    assert_eq!(world.agent(&agent)["reason"], "permission");
    assert!(!world.work.join("asked").exists());
    world.ok(&["agent", "send", &agent, "--approve"]);
    world.until_state(&agent, &["idle"]);
    assert!(world.work.join("asked").exists(), "{adapter}");
    // By which it can go on.
    assert!(!events(world, &agent, "session_named").is_empty(), "{adapter}");
    world.ok(&["agent", "stop", &agent]);
    world.until_state(&agent, &["stopped"]);
}

fn does_a_task(world: &World, adapter: &str, model: &str) {
    // To its last byte, whatever it looks like.
    let task = "write -1.txt: \"two\"  words";
    let ask = ["--agent", adapter, "--agents", "1", "--model", model, "--task", task];
    let (id, code) = create_and_wait(world, &ask);
    let row = results(world, &id).remove(0);
    assert_eq!((code, &row["outcome"]), (0, &json!("done")), "{row:#}");
    assert_eq!(row["text"], "Done: -1.txt is written.", "{row:#}");
    let written = fs::read_to_string(world.work.join("-1.txt")).unwrap();
    assert_eq!(written, "\"two\"  words\n");
    let billed = json!({"input": 4000, "output": 59, "cache_read": 600, "cache_write": 0});
    assert_eq!((&row["tokens"], &row["reported"]), (&billed, &billed), "{row:#}");
    assert!(row["session"].is_string() && row["cost_micros"].as_u64() > Some(0), "{row:#}");
    let agent = world.agent(row["agent"].as_str().unwrap());
    assert_eq!((&agent["state"], &agent["model"]), (&json!("done"), &json!(model)), "{agent:#}");
    let calls = events(world, row["agent"].as_str().unwrap(), "model_called");
    assert_eq!(calls.len(), 2, "{calls:#?}");
    assert!(calls.iter().all(|call| call["model"] == model && call["priced"] == true));
}

fn is_refused(world: &World, adapter: &str) {
    let ask = ["--agent", adapter, "--agents", "1", "--task", "refuse me"];
    let (id, code) = create_and_wait(world, &ask);
    let row = results(world, &id).remove(0);
    assert_eq!((code, &row["stop_reason"]), (4, &json!("budget")), "{row:#}");
    assert!(row["error"].as_str().unwrap().contains("no credit left"), "{row:#}");
    let agent = world.agent(row["agent"].as_str().unwrap());
    assert_eq!((&agent["state"], &agent["reason"]), (&json!("failed"), &json!("budget")));
}

#[test]
fn heavy_opencode() {
    works("opencode", "claude-opus-4-5", "gpt-5.1");
}

#[test]
fn heavy_openclaw() {
    let _turn = alone();
    let Some(world) = stage_with(&["openclaw"]) else { return };
    works_headless(&world, "openclaw", ["claude-opus-4-5", "gpt-5.1"]);
}

#[test]
fn heavy_gemini() {
    works("gemini", "gemini-2.5-flash", "gemini-2.5-pro");
}

#[test]
fn heavy_qwen() {
    works("qwen", "gpt-5.1", "gpt-5.1-codex");
}
