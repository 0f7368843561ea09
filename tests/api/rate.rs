//! A provider that takes no calls for now, as its agents show it.

use crate::{wait::eventually, world::World};
use serde_json::Value;
use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

/// Refuses every call for a hundred seconds, and counts them.
fn provider() -> (String, Arc<AtomicU32>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let calls = Arc::<AtomicU32>::default();
    let count = calls.clone();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            count.fetch_add(1, Ordering::SeqCst);
            let mut head = BufReader::new(stream.try_clone().unwrap());
            let mut line = String::new();
            while head.read_line(&mut line).is_ok_and(|read| read > 2) {
                line.clear();
            }
            let answer = "HTTP/1.1 429 Too Many Requests\r\nretry-after: 100\r\n\
                          connection: close\r\ncontent-length: 2\r\n\r\n{}";
            drop(stream.write_all(answer.as_bytes()));
            // Its body is not read: closed at once, the answer could be lost.
            while head.read_line(&mut line).is_ok_and(|read| read > 0) {}
        }
    });
    (url, calls)
}

#[test]
fn an_agent_whose_provider_takes_no_calls_waits_for_its_rate_limit() {
    let (url, calls) = provider();
    let world = World::new();
    world.configure(&format!("[providers.up]\ndialect = \"anthropic\"\nbase_url = \"{url}\"\n"));
    world.create(&["--agent", "mini", "--task", "say hello"]);
    eventually("the refusal", || {
        let events = world.ok(&["events", "--since", "0", "--json"]).text();
        let mut events = events.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        events.find(|event| event["kind"] == "model_called" && event["status"] == 429)
    });
    let second = world.create(&["--agent", "mini", "--task", "say hello"]);
    let agent = world.only_agent(&second);
    let row = world.until_state(&agent, &["waiting"]);
    assert_eq!(row["reason"], "rate limit", "{row:#}");
    let explained = world.ok(&["agent", "explain", &agent]).text();
    assert!(explained.contains("takes no calls"), "{explained}");
    assert_eq!(calls.load(Ordering::SeqCst), 1, "the second call has not left");
    world.ok(&["swarm", "stop", "--all"]);
}
