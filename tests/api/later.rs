//! Limits that come while calls are in flight, and what such calls cost where nothing limits them.

use crate::{
    caller::Door,
    dialects::Wire,
    upstream::{End, Play, Told, Upstream, Usage},
    wait::eventually,
    world::World,
};
use rustix::process::Signal;
use serde_json::Value;
use std::{thread, time::Duration};

const PATIENCE: Duration = Duration::from_secs(20);
const LIMIT: u64 = 300;

fn micros(world: &World, id: &str) -> [i64; 3] {
    let shown = world.json(&["budget", "show", id]);
    ["spent_micros", "reserved_micros", "estimated_micros"]
        .map(|name| shown[name].as_i64().unwrap_or(-1))
}

/// Answers that take a while, and cost as much as they can.
fn slow(body: &str) -> Play {
    let usage = Usage { input: body.len() as u64 / 2, output: LIMIT, ..Usage::default() };
    Play { usage, pieces: 6, pause: Duration::from_millis(500), ..Play::default() }
}

#[test]
fn a_limit_that_is_set_while_calls_are_in_flight_counts_them() {
    let upstream = Upstream::new(|asked| slow(&asked.body));
    let world = World::new();
    world.configure(&upstream.configuration());
    let (swarm, doors) = Door::open(&world, 2, &[]);
    let (path, body) = Wire::Messages.request(true, LIMIT, "tell a story");
    let call = |door: &Door| door.ask(Wire::Messages, &path, &body, PATIENCE).unwrap().status;
    thread::scope(|scope| {
        let running: Vec<_> = (0..4)
            .map(|n| {
                let (call, door) = (&call, &doors[n % 2]);
                scope.spawn(move || call(door))
            })
            .collect();
        eventually("four calls in flight", || (upstream.log().len() == 4).then_some(()));
        let [spent, reserved, _] = micros(&world, &swarm);
        assert!(spent == 0 && reserved > 0, "{reserved} are set aside");
        // Less than they may come to is no limit that would hold.
        let refused = world.exits(&["budget", "set", &swarm, "0.000001"], 1);
        assert!(refused.stderr.contains("the least possible limit now"), "{refused:?}");
        let least = format!("{}.{:06}", reserved / 1_000_000, reserved % 1_000_000);
        world.ok(&["budget", "set", &swarm, &least]);
        assert_eq!(call(&doors[0]), 402, "nothing is left beside them, or after them");
        for call in running {
            assert_eq!(call.join().unwrap(), 200);
        }
        let [spent, open, estimated] = micros(&world, &swarm);
        let billed = upstream.billed_micros();
        assert!(billed <= spent && spent <= reserved, "{billed} billed, {spent} of {reserved}");
        assert_eq!((open, estimated), (0, 0));
    });
}

#[test]
fn without_a_limit_in_dollars_a_call_without_usage_is_charged_all_the_same() {
    for args in [&[][..], &["--budget", "10M-tokens"]] {
        for end in [End::Well, End::Cut(1)] {
            let upstream = Upstream::new(move |asked| {
                let told = if end == End::Well { Told::Nothing } else { Told::Right };
                Play { told, end, pause: Duration::ZERO, ..slow(&asked.body) }
            });
            let world = World::new();
            world.configure(&upstream.configuration());
            let (swarm, doors) = Door::open(&world, 1, args);
            for wire in Wire::ALL {
                let (path, body) = wire.request(true, LIMIT, "tell a story");
                // However it ends.
                let _ = doors[0].ask(wire, &path, &body, PATIENCE);
            }
            let settled = || (micros(&world, &swarm)[1] == 0).then_some(());
            eventually("all are settled", settled);
            let [spent, _, estimated] = micros(&world, &swarm);
            let billed = upstream.billed_micros();
            assert!(billed > 0 && billed <= spent, "{billed} billed, {spent} spent: {args:?}");
            assert_eq!(estimated, spent, "and it is told which of it nobody knows");
            for by in ["agent", "attempt", "item", "swarm", "parent", "day"] {
                let row = &world.json(&["cost", "--by", by])[0];
                assert_eq!(row["estimated_micros"].as_i64(), Some(spent), "{by}: {row}");
                let text = world.ok(&["cost", "--by", by]).text();
                assert!(text.contains('~') && text.contains("of it estimated"), "{text}");
            }
            let csv = world.ok(&["cost", "--csv"]).text();
            assert!(csv.contains(",estimated_micros\n"), "{csv}");
            assert!(csv.lines().nth(1).unwrap().ends_with(&format!(",{spent}")), "{csv}");
            let shown = world.ok(&["agent", "show", &world.only_agent(&swarm)]).text();
            assert!(shown.contains("~$") && shown.contains("of it estimated"), "{shown}");
        }
    }
}

#[test]
fn a_core_that_is_killed_charges_calls_that_nothing_limited() {
    let upstream = Upstream::new(|asked| Play { end: End::Hang(2), ..slow(&asked.body) });
    let world = World::new();
    world.configure(&upstream.configuration());
    let (swarm, doors) = Door::open(&world, 1, &[]);
    let (path, body) = Wire::Chat.request(true, LIMIT, "tell a story");
    thread::scope(|scope| {
        scope.spawn(|| {
            // It breaks off with the core.
            let _ = doors[0].ask(Wire::Chat, &path, &body, PATIENCE);
        });
        eventually("a call in flight", || (upstream.log().len() == 1).then_some(()));
        let core = world.core();
        core.signal(Signal::KILL);
        eventually("the core's end", || {
            world.processes().iter().all(|proc| proc.pid != core.pid).then_some(())
        });
    });
    let [spent, reserved, estimated] = micros(&world, &swarm);
    let billed = upstream.billed_micros();
    assert!(reserved == 0 && spent >= billed && billed > 0, "{billed} billed, {spent} spent");
    assert_eq!(estimated, spent);
}

#[test]
fn a_budget_in_dollars_under_a_subscription_is_warned_of() {
    let upstream = Upstream::new(|_| Play::default());
    let world = World::new();
    let login = format!(
        "[providers.plan]\ndialect = \"anthropic\"\nbase_url = \"{}\"\nlogin = \"passthrough\"\n",
        upstream.url
    );
    world.configure(&login);
    let create = |budget: &str| {
        let args = ["swarm", "create", "--no-sandbox", "--budget", budget, "--json"];
        world.ok(&[&args[..], &["--", "sleep", "3600"]].concat())
    };
    let warned = create("$5");
    let said = "warning: the budget of $5.00 limits no call through plan";
    assert!(warned.stderr.contains(said) && warned.stderr.contains("--budget 5,2M-tokens"));
    let swarm: Value = serde_json::from_str(&warned.text()).unwrap();
    assert!(swarm["warnings"][0].as_str().unwrap().contains("through plan"), "{swarm:#}");
    let well = create("5,2M-tokens");
    assert!(!well.stderr.contains("limits no call"), "{well:?}");
}

#[test]
fn a_sum_that_cannot_be_counted_is_no_top_up() {
    let world = World::new();
    world.ok(&["budget", "set", "core", "50"]);
    let refused = world.exits(&["budget", "top-up", "core", "9223372036854"], 2);
    assert!(refused.stderr.contains("more than can be counted"), "{refused:?}");
    assert_eq!(world.json(&["budget", "show", "core"])["limit_micros"], 50_000_000);
    let near = world.exits(&["swarm", "create", "--task", "t", "--budget", "3k-token"], 2);
    assert!(near.stderr.contains("did you mean 3k-tokens?"), "{near:?}");
    let word = world.exits(&["swarm", "create", "--task", "t", "--budget", "five"], 2);
    assert!(word.stderr.contains("50,2M-tokens"), "{word:?}");
}
