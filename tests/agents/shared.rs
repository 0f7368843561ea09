//! Runs that share one process of the agent's own: OpenClaw's gateway, for three runs.

use crate::{
    procs::Proc,
    stage::{SLOW, alone, create_and_wait, events, results, stage_with},
    wait::within,
    world::World,
};
use serde_json::json;
use std::fs;

const MODEL: &str = "claude-opus-4-5";

fn slowly<T>(what: &str, probe: impl FnMut() -> Option<T>) -> T {
    within(SLOW, probe).unwrap_or_else(|| panic!("not within {SLOW:?}: {what}"))
}

fn gateways(world: &World) -> usize {
    world.processes().iter().filter(|proc| proc.command == "openclaw-gateway").count()
}

fn sleeps(world: &World) -> usize {
    let all = world.processes();
    all.iter().filter(|proc| proc.command.starts_with("sleep 61")).count()
}

/// Three to nine minutes: `cargo test --test agents -- --ignored`.
#[test]
#[ignore = "takes minutes and 3 GB of memory"]
fn heavy_runs_of_openclaw_share_its_gateway() {
    let _turn = alone();
    let Some(world) = stage_with(&["openclaw"]) else { return };
    each_is_billed_its_own(&world);
    a_run_is_stopped_without_the_others(&world);
}

fn each_is_billed_its_own(world: &World) {
    let task = "write {index}.txt: x";
    // OpenClaw's gateway was seen to refuse a run before its first call, rarely and under load.
    let ask = ["--agent", "openclaw", "--agents", "3", "--model", MODEL, "--retries", "1"];
    let (id, code) = create_and_wait(world, &[&ask[..], &["--task", task]].concat());
    let rows = results(world, &id);
    assert_eq!((code, rows.len()), (0, 3), "{rows:#?}");
    for row in rows {
        assert_eq!(row["outcome"], "done", "{row:#}");
        let billed = json!({"input": 4000, "output": 59, "cache_read": 600, "cache_write": 0});
        assert_eq!((&row["tokens"], &row["reported"]), (&billed, &billed), "{row:#}");
        let calls = events(world, row["agent"].as_str().unwrap(), "model_called");
        assert_eq!(calls.len(), 2, "{calls:#?}");
    }
    for index in 1..=3 {
        let file = world.work.join(format!("{index}.txt"));
        assert_eq!(fs::read_to_string(file).unwrap(), "x\n");
    }
    until_it_is_gone(world);
}

fn a_run_is_stopped_without_the_others(world: &World) {
    // After 10 s its tool goes on in the background, and the model is asked again.
    let task = "hold: setsid -f sleep 611; sleep 612";
    let ask = ["--agent", "openclaw", "--agents", "3", "--model", MODEL, "--task", task];
    let id = world.create(&ask);
    slowly("all sleeps", || (sleeps(world) == 6).then_some(()));
    assert_eq!(gateways(world), 1);
    let agents = world.agents_of(&id);
    let shared = || world.json(&["agent", "explain", &agents[1]])["shared"].clone();
    let expected = format!("openclaw {id}-h1: ready, 3 of 24 seats taken");
    assert_eq!(shared(), expected.as_str());

    // The next core finds them together.
    world.kill_core();
    slowly("the next core", || (shared() == expected.as_str()).then_some(()));
    assert_eq!((sleeps(world), gateways(world)), (6, 1));

    world.ok(&["agent", "stop", &agents[0]]);
    world.until_state(&agents[0], &["stopped"]);
    assert_eq!(sleeps(world), 4, "{:#?}", world.processes());
    assert_eq!(world.agent(&agents[1])["state"], "working");
    world.ok(&["swarm", "stop", &id]);
    for agent in &agents {
        world.until_state(agent, &["stopped"]);
    }
    assert_eq!(sleeps(world), 0, "{:#?}", world.processes());
    until_it_is_gone(world);
}

/// It does not outlive its last run by more than a moment.
fn until_it_is_gone(world: &World) {
    slowly("the end of the shared process", || {
        world.processes().iter().all(|proc| !Proc::is_of_an_attempt(proc)).then_some(())
    });
}
