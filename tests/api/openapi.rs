//! The API's description: where it is, and that it keeps its word where that is easily broken.

use crate::{
    by_hand::get,
    inside,
    serve::Door,
    tools::{have, missing},
    wait::LIMIT,
    world::World,
};
use std::process::Command;

#[test]
fn the_description_is_served_to_the_user_and_to_agents() {
    let world = World::new();
    let (agent, socket, token) = inside::agent(&world);
    let served = get(&world.socket, "/v1/openapi.json", "");
    assert_eq!(served.status, 200);
    assert!(served.head.to_lowercase().contains("content-type: application/json"));
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/openapi.json");
    let file: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    assert!(served.json() == file, "what is served is not what is checked in");
    let bearer = format!("authorization: Bearer {token}\r\n");
    assert!(get(&socket, "/v1/openapi.json", &bearer).json() == file, "{agent} gets another");
    assert_eq!(get(&socket, "/v1/openapi.json", "").problem(), 401);
}

#[test]
fn a_path_that_is_no_text_is_refused_with_a_problem() {
    let world = World::new();
    world.ok(&["swarm", "list"]);
    for path in ["swarms/%FF", "agents/%FF", "agents/%FF/log", "budgets/%FF", "approvals/%FF"] {
        assert_eq!(get(&world.socket, &format!("/v1/{path}"), "").problem(), 400, "{path}");
    }
}

/// It holds every answer to its schema, too: see `client.py`.
#[test]
fn a_client_made_from_the_description_alone_runs_a_swarm_of_twenty() {
    if !have("python3") {
        return;
    }
    let world = World::new();
    world.ok(&["swarm", "list"]);
    let mut command = Command::new("python3");
    command.arg("-B").arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/api/client.py"));
    command.args([&world.socket, &world.work]);
    let output = world.run(command, b"", LIMIT * 2);
    assert_eq!(output.code, 0, "{output:#?}\ncore's log: {}", world.core_log());
    let came = output.json();
    assert_eq!((&came["state"], &came["told"]), (&"done".into(), &20.into()), "{came:#}");
    assert_eq!((&came["done"], &came["failed"]), (&20.into(), &0.into()), "{came:#}");
    assert_eq!(came["providers"], serde_json::json!(["simulated"]), "{came:#}");
    assert!(came["cost_micros"].as_u64() > Some(0), "{came:#}");
}

/// Over TCP, following what happens by both kinds of stream while it happens.
#[test]
fn a_client_in_another_language_runs_a_swarm_of_twenty_too() {
    let node = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/agents/node_modules/node/bin/node");
    if !std::path::Path::new(node).is_file() {
        return missing("node 24 is not installed (npm ci --prefix tests/agents)");
    }
    let world = World::new();
    let door = Door::open(&world);
    let mut command = Command::new(node);
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/api/client.ts"));
    command.args([&door.url(), &door.token]).arg(&world.work);
    let output = world.run(command, b"", LIMIT * 2);
    assert_eq!(output.code, 0, "{output:#?}\ncore's log: {}", world.core_log());
    let came = output.json();
    assert_eq!((&came["state"], &came["agents"]), (&"done".into(), &20.into()), "{came:#}");
    assert_eq!((&came["done"], &came["failed"]), (&20.into(), &0.into()), "{came:#}");
    assert!(came["cost_micros"].as_u64() > Some(0), "{came:#}");
}
