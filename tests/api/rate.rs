//! A provider that takes no calls for now, and swarms that make few at once, as agents show it.

use crate::{
    caller::Door,
    dialects::Wire,
    upstream::{End, Play, Upstream},
    wait::eventually,
    world::World,
};
use serde_json::Value;
use std::{
    thread,
    time::{Duration, Instant},
};

#[test]
fn an_agent_whose_provider_takes_no_calls_waits_for_its_rate_limit() {
    let end = End::Refused(429, "retry-after: 100\r\n");
    let upstream = Upstream::new(move |_| Play { end, ..Play::default() });
    let world = World::new();
    world.configure(&upstream.configuration());
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
    assert_eq!(upstream.log().len(), 1, "the second call has not left");
    world.ok(&["swarm", "stop", "--all"]);
}

#[test]
fn a_swarm_makes_no_more_calls_at_once_than_it_may() {
    const PATIENCE: Duration = Duration::from_secs(30);
    let slow = Play { pieces: 6, pause: Duration::from_millis(200), ..Play::default() };
    let upstream = Upstream::new(move |_| slow);
    let world = World::new();
    world.configure(&upstream.configuration());
    let (swarm, doors) = Door::open(&world, 2, &["--calls", "1"]);
    assert_eq!(world.json(&["swarm", "show", &swarm])["calls"], 1);
    assert!(world.ok(&["swarm", "show", &swarm]).text().contains("at most 1 at once"));
    let call = |door: &Door| {
        let (path, body) = Wire::Messages.request(true, 50, "say hello");
        let mut line = door.connect(PATIENCE).unwrap();
        line.send(Wire::Messages, &path, &body).unwrap();
        assert_eq!(line.head().unwrap(), 200);
        let from = Instant::now();
        line.body(|_| {}).unwrap();
        (from, Instant::now())
    };
    let mut times = thread::scope(|scope| {
        let calls: Vec<_> = (0..4)
            .map(|n| {
                scope.spawn({
                    let (call, door) = (&call, &doors[n % 2]);
                    move || call(door)
                })
            })
            .collect();
        eventually("one that waits its turn", || {
            world.agents().into_iter().find(|agent| agent["reason"] == "calls")
        });
        calls.into_iter().map(|call| call.join().unwrap()).collect::<Vec<_>>()
    });
    times.sort();
    for pair in times.windows(2) {
        // Who reads the end of one may be late.
        let together = pair[0].1.saturating_duration_since(pair[1].0);
        assert!(together < Duration::from_millis(150), "{together:?}");
    }
    let none = world.exits(&["swarm", "create", "--calls", "0", "--task", "t"], 2);
    assert!(none.stderr.contains("--calls"), "{none:?}");
    world.ok(&["swarm", "stop", "--all"]);
}
