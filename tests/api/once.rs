//! `Idempotency-Key`: what was asked for under it is made once, and `If-Match`: what was changed
//! meanwhile is not overwritten.

use crate::{
    by_hand::{Answer, ask, get},
    world::World,
};
use serde_json::{Value, json};

fn send(world: &World, method: &str, path: &str, headers: &str, body: &Value) -> Answer {
    ask(&world.socket, method, path, headers, body.to_string().as_bytes())
}

fn named(world: &World, method: &str, path: &str, key: &str, body: &Value) -> Answer {
    send(world, method, path, &format!("idempotency-key: {key}\r\n"), body)
}

fn next_core(world: &World) {
    world.kill_core();
    world.ok(&["swarm", "list"]);
}

#[test]
fn the_same_request_makes_one_swarm_also_of_the_next_core() {
    let world = World::new();
    world.ok(&["swarm", "list"]);
    let post = |key: &str, agents: u32| {
        let body = json!({"agents": agents, "cwd": world.work, "command": ["true"]});
        named(&world, "POST", "/v1/swarms", key, &body)
    };
    let first = post("k1", 1);
    assert_eq!(first.status, 201, "{}", first.body);
    let first = first.json();
    assert_eq!(post("k1", 1).json()["id"], first["id"]);
    next_core(&world);
    assert_eq!(post("k1", 1).json()["id"], first["id"]);
    assert_ne!(post("k2", 1).json()["id"], first["id"]);
    assert_eq!(post("k1", 2).problem(), 409);
    assert_eq!(world.json(&["swarm", "list"]).as_array().map(Vec::len), Some(2));
    assert_eq!(post(&"k".repeat(201), 1).problem(), 400);
    // What is gone is not made again behind its back.
    let id = first["id"].as_str().unwrap();
    world.ok(&["swarm", "wait", id]);
    world.ok(&["swarm", "rm", id]);
    assert_eq!(post("k1", 1).problem(), 410);
}

#[test]
fn agents_and_items_are_made_once_and_a_top_up_counts_once() {
    let world = World::new();
    let swarm = world.create(&["--item", "one", "--budget", "$1", "--", "sleep", "3600"]);
    let agent = json!({"name": "scout", "cwd": world.work, "command": ["true"]});
    let item = json!({"swarm": swarm, "text": "more"});
    let more = json!({"top_up": "$2"});
    let budget = format!("/v1/budgets/{swarm}");
    let all = [
        ("POST", "/v1/agents", "a", &agent, 201),
        ("POST", "/v1/items", "i", &item, 201),
        ("PATCH", &budget, "t", &more, 200),
    ];
    let round = || {
        all.map(|(method, path, key, body, status)| {
            let answer = named(&world, method, path, key, body);
            assert_eq!(answer.status, status, "{path}: {}", answer.body);
            let answer = answer.json();
            [&answer["id"], &answer["index"], &answer["limit_micros"]].map(Value::clone)
        })
    };
    let first = round();
    assert_eq!(first[2][2], 3_000_000);
    assert_eq!(round(), first);
    next_core(&world);
    assert_eq!(round(), first);
    // The name belongs to what was asked, not to where.
    assert_eq!(named(&world, "POST", "/v1/items", "a", &item).problem(), 409);
    assert_ne!(named(&world, "POST", "/v1/items", "i2", &item).json()["index"], first[1][1]);
    let again = world.ok(&["audit", "--json"]).text();
    let again: Vec<&str> = again.lines().filter(|row| row.contains("\"again\":true")).collect();
    assert_eq!(again.len(), 6, "{again:#?}");
}

#[test]
fn a_limit_that_somebody_else_set_meanwhile_is_not_overwritten() {
    let world = World::new();
    let swarm = world.create(&["--budget", "$1", "--", "sleep", "3600"]);
    let path = format!("/v1/budgets/{swarm}");
    let tag = |answer: &Answer| {
        let line = answer.head.lines().find_map(|line| line.strip_prefix("etag: "));
        line.unwrap_or_else(|| panic!("no tag: {}", answer.head)).to_owned()
    };
    let set = |tag: &str, limit: &str| {
        let headers = format!("if-match: {tag}\r\n");
        send(&world, "PATCH", &path, &headers, &json!({"limit": limit}))
    };
    let seen = tag(&get(&world.socket, &path, ""));
    let mine = set(&seen, "$2");
    assert_eq!((mine.status, &mine.json()["limit_micros"]), (200, &2_000_000.into()));
    let late = set(&seen, "$7");
    assert_eq!((late.problem(), &late.json()["code"]), (412, &"changed".into()));
    assert!(late.json()["detail"].as_str().unwrap().contains("$2"), "{}", late.body);
    assert_eq!(set(&tag(&mine), "$3").status, 200);
    assert_eq!(set("*", "$4").status, 200);
    assert_eq!(set("$4", "$5").problem(), 400);
    assert_eq!(tag(&get(&world.socket, &path, "")), "\"$4.00\"");
}
