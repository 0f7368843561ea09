//! `POST /v1/swarms` under an `Idempotency-Key`, over the socket by hand.

use crate::world::World;
use serde_json::{Value, json};
use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
};

fn post(world: &World, key: &str) -> (u16, Value) {
    let body = json!({"agents": 1, "cwd": world.work, "command": ["true"]}).to_string();
    let mut stream = UnixStream::connect(&world.socket).unwrap();
    write!(
        stream,
        "POST /v1/swarms HTTP/1.1\r\nhost: dash\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nidempotency-key: {key}\r\n\r\n\
         {body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

#[test]
fn the_same_request_makes_one_swarm_also_of_the_next_core() {
    let world = World::new();
    world.ok(&["swarm", "list"]);
    let (status, first) = post(&world, "k1");
    assert_eq!(status, 201, "{first:#}");
    assert_eq!(post(&world, "k1").1["id"], first["id"]);
    world.kill_core();
    world.ok(&["swarm", "list"]);
    assert_eq!(post(&world, "k1").1["id"], first["id"]);
    assert_ne!(post(&world, "k2").1["id"], first["id"]);
    assert_eq!(world.json(&["swarm", "list"]).as_array().map(Vec::len), Some(2));
    let (status, problem) = post(&world, &"k".repeat(201));
    assert_eq!((status, &problem["status"]), (400, &400.into()), "{problem:#}");
}
