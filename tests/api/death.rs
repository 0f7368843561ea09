//! Waiting and following go on when the core is killed at once: a keeper or the client
//! itself starts the next one, and nothing is missed or told twice.

use crate::{
    wait::{LIMIT, eventually, exit_within},
    world::World,
};
use serde_json::Value;
use std::{
    fs,
    io::{BufRead, BufReader, Read},
    process::{Child, ChildStdout, Stdio},
};

/// Agents that end as soon as `go` is there.
const UNTIL_GO: &str = "until [ -e go ]; do sleep 0.05; done; echo went";

fn start(world: &World, args: &[&str]) -> Child {
    let mut command = world.command(args);
    let err = fs::File::create(world.path().join("child.err")).unwrap();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(err).spawn().unwrap()
}

/// Asks without starting a core, since it is somebody else's to start.
fn until_health(world: &World, field: &str, least: u64) {
    eventually(&format!("a core with {least} {field}"), || {
        let output = world.dash(&["health", "--json"]);
        (output.code == 0 && output.json()[field].as_u64() >= Some(least)).then_some(())
    });
}

/// Besides the one that asks.
fn until_a_client_listens(world: &World) {
    until_health(world, "clients", 2);
}

fn until_working(world: &World, agents: usize) {
    eventually("agents at work", || {
        let all = world.agents();
        let at_work = all.iter().filter(|agent| agent["state"] == "working").count();
        (at_work == agents).then_some(())
    });
}

fn stdout_of(world: &World, mut child: Child) -> String {
    let status = exit_within(&mut child, LIMIT).expect("an end");
    let err = fs::read_to_string(world.path().join("child.err")).unwrap();
    assert_eq!(status.code(), Some(0), "{err}\n{}", world.core_log());
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    text
}

#[test]
fn swarm_wait_outlives_two_cores() {
    let world = World::new();
    let swarm = world.create(&["--agents", "3", "--", "sh", "-c", UNTIL_GO]);
    until_working(&world, 3);
    let waiting = start(&world, &["swarm", "wait", &swarm, "--json"]);
    for _ in 0..2 {
        until_a_client_listens(&world);
        world.kill_core();
    }
    until_a_client_listens(&world);
    world.write("go", "");
    let results: Value = serde_json::from_str(&stdout_of(&world, waiting)).unwrap();
    assert_eq!((&results["done"], &results["failed"]), (&3.into(), &0.into()), "{results:#}");
    assert_eq!(results["swarm"]["state"], "done");
}

#[test]
fn create_and_wait_outlives_a_core() {
    let world = World::new();
    let args = ["swarm", "create", "--agents", "2", "--wait", "--", "sh", "-c", UNTIL_GO];
    let waiting = start(&world, &args);
    until_working(&world, 2);
    until_a_client_listens(&world);
    world.kill_core();
    until_a_client_listens(&world);
    world.write("go", "");
    let text = stdout_of(&world, waiting);
    assert!(text.contains("0 failed, 2 done"), "{text}");
    assert_eq!(world.json(&["swarm", "list"]).as_array().map(Vec::len), Some(1));
}

#[test]
fn followed_events_have_no_gap_and_no_double_through_a_death() {
    let world = World::new();
    let swarm = world.create(&["--agents", "2", "--", "sh", "-c", UNTIL_GO]);
    until_working(&world, 2);
    let mut child = start(&world, &["events", "--follow", "--since", "0", "--json"]);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut seen = vec![next(&mut lines)];
    world.kill_core();
    until_health(&world, "epoch", 2);
    world.write("go", "");
    while seen.last().unwrap()["kind"] != "swarm_ended" {
        seen.push(next(&mut lines));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let seqs: Vec<u64> = seen.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert!(seqs.is_sorted_by(|a, b| a < b), "{seqs:?}");
    assert_eq!(seen.last().unwrap()["swarm"], swarm.as_str());
    let told = world.ok(&["events", "--since", "0", "--json"]).text();
    let first: Vec<Value> =
        told.lines().take(seen.len()).map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(first, seen, "the same as the journal says");
}

fn next(lines: &mut std::io::Lines<BufReader<ChildStdout>>) -> Value {
    serde_json::from_str(&lines.next().expect("a further event").unwrap()).unwrap()
}
