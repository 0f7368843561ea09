//! `/v1/audit`: what its parameters do, and what of a terminal's use it records.

use crate::{
    by_hand::{ask, get},
    wait::eventually,
    world::World,
};
use serde_json::Value;
use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
};

fn rows(world: &World, query: &str) -> Vec<Value> {
    let text = world.ok(&["audit", "--json"]).text();
    let all = text.lines().map(|line| serde_json::from_str(line).unwrap());
    all.filter(|row: &Value| row["action"] == query).collect()
}

#[test]
fn a_terminal_that_is_opened_is_on_record_and_what_is_typed_only_counted() {
    let world = World::new();
    let swarm = world.create(&["--agents", "1", "--", "sh", "-c", "read x; sleep 607"]);
    let agent = world.only_agent(&swarm);
    world.until_state(&agent, &["working", "idle"]);

    let mut stream = UnixStream::connect(&world.socket).unwrap();
    write!(
        stream,
        "GET /v1/agents/{agent}/pty?cols=80&rows=24 HTTP/1.1\r\nhost: dash\r\n\
         connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    .unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 101");
    assert_eq!(rows(&world, "agent.attach").len(), 1, "before anything is typed");
    // One binary message, masked with zeros.
    stream.write_all(b"\x82\x86\0\0\0\0hush!\r").unwrap();
    world.until_shown(&agent, "hush!");
    drop(stream);
    let detached = eventually("its end on record", || rows(&world, "agent.detach").pop());
    assert_eq!((&detached["agent"], &detached["detail"]["bytes"]), (&agent.into(), &6.into()));

    let path = "/v1/agents/ag-01/ticket";
    let ticket = ask(&world.socket, "POST", path, "", br#"{"read_only": true}"#).json();
    let attached = rows(&world, "agent.attach");
    assert_eq!(attached[1]["detail"], serde_json::json!({"read_only": true, "to": "keeper"}));
    let size = br#"{"size": {"cols": 90, "rows": 30}}"#;
    assert_eq!(ask(&world.socket, "PATCH", "/v1/agents/ag-01", "", size).status, 200);
    assert_eq!(rows(&world, "agent.resize")[0]["detail"]["cols"], 90);

    let all = world.ok(&["audit", "--json"]).text();
    let secret = ticket["ticket"].as_str().unwrap();
    assert!(!all.contains("hush") && !all.contains(secret));
    world.ok(&["audit", "--verify"]);
}

#[test]
fn its_parameters_are_understood_or_refused() {
    let world = World::new();
    world.create_and_wait(&["--agents", "2", "--", "true"]);
    let count = |query: &str| {
        let answer = get(&world.socket, &format!("/v1/audit?{query}"), "");
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body.lines().filter(|line| line.starts_with('{')).count()
    };
    let all = count("");
    assert!(all > 8);
    assert_eq!((count("limit=2"), count("limit=0"), count("since=3")), (2, 0, all - 3));
    assert_eq!(count("since=2000-01-01T00:00:00Z"), all);
    assert_eq!(count(&format!("since={}", u64::MAX)), 0);
    for (query, status) in [
        ("since=yesterday", 400),
        ("since=-1", 400),
        ("limit=many", 400),
        ("sine=3", 400),
        ("agent=nobody", 404),
        ("swarm=nothing", 404),
    ] {
        let answer = get(&world.socket, &format!("/v1/audit?{query}"), "");
        assert_eq!(answer.problem(), status, "{query}");
    }
    assert_eq!(get(&world.socket, "/v1/audit/verify?x=1", "").problem(), 400);
}

#[test]
fn whoever_is_refused_again_and_again_does_not_fill_the_disk() {
    let world = World::new();
    world.ok(&["swarm", "list"]);
    for _ in 0..400 {
        assert_eq!(ask(&world.socket, "POST", "/v1/swarms", "", b"{").problem(), 400);
    }
    let written = rows(&world, "swarm.create").len();
    assert!((100..400).contains(&written), "{written}");
    world.ok(&["core", "stop"]);
    let skipped = |rows: &[Value]| -> u64 {
        rows.iter().filter_map(|row| row["detail"]["skipped"].as_u64()).sum()
    };
    let counted = skipped(&rows(&world, "swarm.create")) + skipped(&rows(&world, "refused"));
    assert_eq!(written as u64 + counted, 400, "every one is counted");
}
