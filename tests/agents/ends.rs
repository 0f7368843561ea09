//! How a run ends: state, outcome, stop reason, exit, and what `swarm wait` says of it.

use crate::{
    stage::{KINDS, results, stage, stops_in_a_tool, turn},
    world::World,
};
use serde_json::{Value, json};
use std::fs;

/// Runs one agent to its end: its result, its row and the exit code of the wait.
fn run(world: &World, adapter: &str, task: &str) -> (Value, Value, i32) {
    let (id, code) = world.create_and_wait(&["--agent", adapter, "--agents", "1", "--task", task]);
    let agent = world.agent(&world.only_agent(&id));
    (results(world, &id).remove(0), agent, code)
}

#[test]
fn a_task_that_is_done() {
    let _turn = turn();
    let Some(world) = stage() else { return };
    for adapter in KINDS {
        let task = format!("write {adapter}.txt: by {adapter}");
        let (result, agent, code) = run(&world, adapter, &task);
        assert_eq!(code, 0, "{adapter}: {result:#}");
        let written = fs::read_to_string(world.work.join(format!("{adapter}.txt"))).unwrap();
        assert_eq!(written.trim_end(), format!("by {adapter}"));
        assert_eq!(result["outcome"], "done", "{result:#}");
        assert_eq!(result["stop_reason"], "finished");
        assert_eq!(result["text"], format!("Done: {adapter}.txt is written."));
        assert_eq!(result["error"], "");
        assert_eq!((&result["exit"], &agent["exit"]), (&json!(0), &json!(0)));
        assert_eq!((&agent["state"], &agent["reason"]), (&json!("done"), &json!("")), "{agent:#}");
        assert_eq!((&agent["items_done"], &agent["items_failed"]), (&json!(1), &json!(0)));
        assert_eq!(agent["provider"], "simulated");
        let scope = format!("strict: write {}; net none", world.work.display());
        assert_eq!(agent["scope"], scope);
    }
}

#[test]
fn an_agent_that_is_told_to_break_out_does_not_and_ends_well() {
    let _turn = turn();
    let Some(world) = stage() else { return };
    let (secret, outside) = (world.path().join("secret"), world.path().join("outside"));
    fs::write(&secret, "not for agents").unwrap();
    for adapter in KINDS {
        let tries = format!(
            "run: cat {} >stolen; echo x >{}; touch $HOME/mine; \
             python3 -c 'import socket; socket.create_connection((\"192.0.2.1\", 80), 3)'; \
             echo tried >tried.{adapter}",
            secret.display(),
            outside.display()
        );
        let (result, agent, _) = run(&world, adapter, &tries);
        let tried = world.work.join(format!("tried.{adapter}"));
        assert!(tried.exists(), "{adapter} did not even try: {result:#}");
        assert_eq!(fs::read_to_string(world.work.join("stolen")).unwrap(), "", "{adapter}");
        assert!(!outside.exists(), "{adapter} wrote outside");
        // Its own home is its own, and not the user's.
        assert!(!world.path().join("home/mine").exists(), "{adapter}");
        assert_eq!((&result["outcome"], &agent["state"]), (&json!("done"), &json!("done")));
        fs::remove_file(world.work.join("stolen")).unwrap();
    }
}

#[test]
fn a_task_that_fails() {
    let _turn = turn();
    let Some(world) = stage() else { return };
    for adapter in KINDS {
        let (result, agent, code) = run(&world, adapter, "go wrong");
        assert_eq!(code, 3, "{adapter}: {result:#}");
        assert_eq!(result["outcome"], "failed", "{result:#}");
        assert_eq!(result["stop_reason"], "error", "{result:#}");
        // pi leaves with 0 whatever came of it.
        assert_eq!(result["exit"], i32::from(adapter != "pi"), "{result:#}");
        let error = result["error"].as_str().unwrap();
        assert!(error.contains("simulated: the task cannot be done"), "{adapter}: {error}");
        assert!(!error.trim_start().starts_with('{'), "{adapter}: {error}");
        assert_eq!((&agent["state"], &agent["reason"]), (&json!("failed"), &json!("error")));
        // What was spent before the failure is counted all the same.
        assert_eq!(agent["tokens"]["input"], 700, "{adapter}: {agent:#}");
    }
}

#[test]
fn a_task_that_is_refused_for_money() {
    let _turn = turn();
    let Some(world) = stage() else { return };
    for adapter in KINDS {
        let (result, agent, code) = run(&world, adapter, "refuse me");
        assert_eq!(code, 4, "{adapter}: {result:#}");
        assert_eq!(result["outcome"], "failed", "{result:#}");
        assert_eq!(result["stop_reason"], "budget", "{result:#}");
        // `mini` ends as `dash` does for a budget; the others know only 1, or not even that.
        let exit = match adapter {
            "mini" => 4,
            "pi" => 0,
            _ => 1,
        };
        assert_eq!(result["exit"], exit, "{result:#}");
        assert!(result["error"].as_str().unwrap().contains("no credit left"), "{result:#}");
        assert_eq!((&agent["state"], &agent["reason"]), (&json!("failed"), &json!("budget")));
        let total: u64 =
            agent["tokens"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
        assert_eq!((total, &agent["cost_micros"]), (0, &json!(0)), "{agent:#}");
    }
}

#[test]
fn a_refusal_counts_before_a_failure() {
    let _turn = turn();
    let Some(world) = stage() else { return };
    let items = world.write("items", "refuse me\ngo wrong\nwrite ok.txt: fine\n");
    let items = items.display().to_string();
    let (id, code) = world.create_and_wait(&[
        "--agent",
        "claude:1,codex:1,mini:1",
        "--items",
        &items,
        "--task",
        "{item}",
    ]);
    let rows = results(&world, &id);
    assert_eq!(code, 4, "{rows:#?}");
    let ended: Vec<_> = rows.iter().map(|row| row["outcome"].as_str().unwrap()).collect();
    assert_eq!(ended, ["failed", "failed", "done"]);
}

#[test]
fn a_stop_in_the_middle_of_a_tool_leaves_no_process() {
    let _turn = turn();
    let Some(world) = stage() else { return };
    for adapter in KINDS {
        stops_in_a_tool(&world, adapter);
    }
}
