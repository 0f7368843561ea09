//! The egress proxy as an agent meets it: on its own gateway port, with its own token.

use crate::{wait::eventually, world::World};

#[test]
fn what_an_agent_may_not_reach_is_refused_and_told() {
    let world = World::new();
    let script = r#"
        port=${ANTHROPIC_BASE_URL##*:}
        code=$(printf 'dash:%s' "$DASH_TOKEN" | base64 | tr -d '\n')
        for header in 'x: y' "proxy-authorization: Basic $code"; do
            exec 3<>/dev/tcp/127.0.0.1/$port
            printf 'CONNECT example.com:443 HTTP/1.1\r\nhost: example.com\r\n%s\r\n\r\n' "$header" >&3
            head -n 1 <&3
            exec 3>&-
        done"#;
    let (swarm, code) = world.create_and_wait(&["--agents", "1", "--", "bash", "-c", script]);
    let agent = world.only_agent(&swarm);
    let log = String::from_utf8(world.raw_log(&agent)).unwrap();
    assert_eq!(code, 0, "{log}");
    assert!(log.contains("HTTP/1.1 407") && log.contains("HTTP/1.1 403"), "{log}");
    let told = eventually("the refusal", || {
        let events = world.ok(&["events", "--since", "0", "--json"]).text();
        let mut events = events.lines().map(|line| serde_json::from_str(line).unwrap());
        events.find(|event: &serde_json::Value| event["kind"] == "net_connected")
    });
    assert_eq!(told["agent"], agent.as_str());
    assert_eq!((&told["host"], &told["port"]), (&"example.com".into(), &443.into()));
    assert_eq!((&told["allowed"], &told["count"]), (&false.into(), &1.into()), "{told}");
    let readable = world.ok(&["events", "--since", "0", "--filter", "level=warn"]).text();
    assert!(readable.contains("connection to example.com:443 refused: "), "{readable}");
}

/// Also those that are summed up, lest a flood of them floods the journal.
#[test]
fn what_an_attempt_tried_to_reach_stands_before_its_end() {
    let world = World::new();
    let script = r#"
        port=${ANTHROPIC_BASE_URL##*:}
        code=$(printf 'dash:%s' "$DASH_TOKEN" | base64 | tr -d '\n')
        for n in 1 2 3 4 5 6 7 8; do
            exec 3<>/dev/tcp/127.0.0.1/$port
            printf 'CONNECT example.com:443 HTTP/1.1\r\nhost: x\r\nproxy-authorization: Basic %s\r\n\r\n' "$code" >&3
            head -n 1 <&3
            exec 3>&-
        done"#;
    let (_, code) = world.create_and_wait(&["--agents", "1", "--", "bash", "-c", script]);
    assert_eq!(code, 0, "{}", world.core_log());
    let events = world.ok(&["events", "--since", "0", "--json"]).text();
    let events =
        events.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let before = events.take_while(|event| event["kind"] != "attempt_ended");
    let told: u64 = before.filter_map(|event| event["count"].as_u64()).sum();
    assert_eq!(told, 8);
}
