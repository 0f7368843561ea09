//! A provider that takes no calls for now, as its agents show it.

use crate::{
    upstream::{End, Play, Upstream},
    wait::eventually,
    world::World,
};
use serde_json::Value;

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
