//! `POST /v1/swarms` under an `Idempotency-Key`.

use crate::{by_hand::ask, world::World};
use serde_json::{Value, json};

fn post(world: &World, key: &str, agents: u32) -> (u16, Value) {
    let body = json!({"agents": agents, "cwd": world.work, "command": ["true"]}).to_string();
    let key = format!("idempotency-key: {key}\r\n");
    let answer = ask(&world.socket, "POST", "/v1/swarms", &key, body.as_bytes());
    (answer.status, answer.json())
}

#[test]
fn the_same_request_makes_one_swarm_also_of_the_next_core() {
    let world = World::new();
    world.ok(&["swarm", "list"]);
    let (status, first) = post(&world, "k1", 1);
    assert_eq!(status, 201, "{first:#}");
    assert_eq!(post(&world, "k1", 1).1["id"], first["id"]);
    world.kill_core();
    world.ok(&["swarm", "list"]);
    assert_eq!(post(&world, "k1", 1).1["id"], first["id"]);
    assert_ne!(post(&world, "k2", 1).1["id"], first["id"]);
    let (status, problem) = post(&world, "k1", 2);
    assert_eq!((status, &problem["status"]), (409, &409.into()), "{problem:#}");
    assert_eq!(world.json(&["swarm", "list"]).as_array().map(Vec::len), Some(2));
    let (status, problem) = post(&world, &"k".repeat(201), 1);
    assert_eq!((status, &problem["status"]), (400, &400.into()), "{problem:#}");
}
