//! The REST API's habits: what it refuses, and how its streams go on.

use crate::{
    by_hand::{ask, get},
    world::World,
};

#[test]
fn a_query_that_is_not_understood_is_refused_everywhere() {
    let world = World::new();
    let (swarm, _) = world.create_and_wait(&["--agents", "1", "--", "true"]);
    let agent = world.only_agent(&swarm);
    let paths = [
        "health".to_owned(),
        "doctor".to_owned(),
        "swarms".to_owned(),
        format!("swarms/{swarm}"),
        format!("swarms/{swarm}/results"),
        "items".to_owned(),
        "agents".to_owned(),
        format!("agents/{agent}"),
        format!("agents/{agent}/explain"),
        format!("agents/{agent}/screen"),
        format!("agents/{agent}/log"),
        format!("agents/{agent}/pty"),
        "events".to_owned(),
        "pulse".to_owned(),
        "approvals".to_owned(),
        "approvals/ap-1".to_owned(),
        "remembered".to_owned(),
    ];
    for path in paths {
        let answer = get(&world.socket, &format!("/v1/{path}?limit=2"), "");
        assert_eq!(answer.problem(), 400, "{path}");
        assert!(answer.body.contains("limit"), "{path}: {}", answer.body);
    }
    for (method, path) in [("POST", "swarms"), ("DELETE", "swarms/none"), ("POST", "shutdown")] {
        let answer = ask(&world.socket, method, &format!("/v1/{path}?dry_run=1"), "", b"{}");
        assert_eq!(answer.problem(), 400, "{method} {path}");
    }
}

#[test]
fn server_sent_events_are_numbered_and_resumed() {
    let world = World::new();
    world.create_and_wait(&["--agents", "1", "--", "true"]);
    let ids = |answer: &str| -> Vec<u64> {
        answer.lines().filter_map(|line| line.strip_prefix("id: ")?.trim().parse().ok()).collect()
    };
    let all = get(&world.socket, "/v1/events?since=0&follow=0&level=debug", "");
    let seen = ids(&all.body);
    assert_eq!(seen, (1..=seen.len() as u64).collect::<Vec<_>>(), "{}", all.body);
    let path = "/v1/events?since=0&follow=0&level=debug";
    let rest = get(&world.socket, path, "last-event-id: 2\r\n");
    assert_eq!(ids(&rest.body), seen[2..]);
    assert_eq!(get(&world.socket, path, "last-event-id: x\r\n").problem(), 400);
    // After the last one nothing is there yet; after one that is to come nobody can ask.
    let last = format!("/v1/events?since={}&follow=0", seen.len());
    let none = get(&world.socket, &last, "");
    assert_eq!((none.status, ids(&none.body)), (200, Vec::new()));
    let ahead = get(&world.socket, "/v1/events?since=99999&follow=0", "");
    assert_eq!(ahead.problem(), 400);
    assert!(ahead.body.contains(&format!("the latest is {}", seen.len())), "{}", ahead.body);
}

#[test]
fn a_terminal_wants_an_upgrade() {
    let world = World::new();
    let swarm = world.create(&["--agents", "1", "--", "sleep", "606"]);
    let agent = world.only_agent(&swarm);
    let answer = get(&world.socket, &format!("/v1/agents/{agent}/pty"), "");
    assert_eq!(answer.problem(), 426);
    assert!(answer.head.to_lowercase().contains("upgrade: websocket"), "{}", answer.head);
}

#[test]
fn a_body_beyond_the_limit_is_told_the_limit() {
    let world = World::new();
    world.ok(&["swarm", "list"]);
    let body = format!("{{\"task\": \"{}\"}}", "x".repeat(5 << 20));
    let answer = ask(&world.socket, "POST", "/v1/swarms", "", body.as_bytes());
    assert_eq!(answer.problem(), 413);
    assert!(answer.body.contains("4 MiB"), "{}", answer.body);
}
