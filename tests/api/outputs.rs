//! Every command over one finished swarm: what people read, and what programs parse.

use crate::world::World;
use serde_json::Value;

/// A world with a swarm of two items, one done and one failed.
fn world() -> (World, String) {
    let world = World::new();
    let items = world.write("items", "good\nbad\n").display().to_string();
    let script = "echo at {item}; [ {item} = good ]";
    let args = ["--name", "pair", "--agents", "2", "--items", &items, "--", "sh", "-c", script];
    let (swarm, code) = world.create_and_wait(&args);
    assert_eq!(code, 3);
    (world, swarm)
}

/// Command, whether it answers with a list, words of the readable form, keys of JSON.
type Row<'a> = (&'a [&'a str], bool, &'a [&'a str], &'a [&'a str]);

fn keys(value: &Value, keys: &[&str], what: &str) {
    for key in keys {
        assert!(value.get(key).is_some(), "{what} has no {key}: {value:#}");
    }
}

#[test]
fn every_list_and_row_is_readable_and_json() {
    let (world, swarm) = world();
    let agents = world.agents_of(&swarm);
    let (first, s) = (agents[0].as_str(), swarm.as_str());
    let table: &[Row<'_>] = &[
        (
            &["swarm", "list"],
            true,
            &["ID", "NAME", "STATE", "pair", "failed", "1/2"],
            &[
                "id",
                "name",
                "task",
                "strategy",
                "state",
                "agents",
                "items",
                "tokens",
                "cost_micros",
            ],
        ),
        (&["swarm", "show", s], false, &["pair", "failed"], &["id", "budget_micros", "ended_at"]),
        (
            &["swarm", "results", s],
            false,
            &["1 failed, 1 done", "OUTCOME", "ITEM", "good", "bad"],
            &["swarm", "failed", "done", "open", "results"],
        ),
        (
            &["agent", "list"],
            true,
            &["ID", "STATE", "ITEM", "ag-01", "ag-02", "done", "failed"],
            &[
                "id",
                "name",
                "swarm",
                "parent",
                "adapter",
                "model",
                "item",
                "attempt",
                "state",
                "reason",
                "pid",
                "exit",
                "progress",
                "tokens",
                "cost_micros",
                "started_at",
                "ended_at",
            ],
        ),
        (&["agent", "list", "--swarm", s], true, &["ag-01", "ag-02"], &["id"]),
        (&["agent", "show", first], false, &["swarm", "attempt", "usage"], &["id", "exit"]),
        (&["agent", "explain", first], false, &[first], &["agent", "state", "signals"]),
        (&["agent", "screen", first], false, &["at "], &["cols", "rows", "lines", "ansi"]),
        (
            &["item", "list", "--swarm", s],
            true,
            &["good", "bad"],
            &["swarm", "index", "text", "state"],
        ),
        (&["health"], false, &["pid"], &["version", "pid", "socket", "uptime_ms"]),
        (&["core", "status"], false, &["core", "socket", "state"], &["pid", "epoch", "running"]),
        (&["doctor"], false, &["scope"], &["adapters", "scope"]),
        (&["config", "show"], false, &["[core]", "idle_exit_seconds"], &["core", "agents", "ui"]),
    ];
    for (command, list, words, wanted) in table {
        let text = world.ok(command).text();
        for word in *words {
            assert!(text.contains(word), "{command:?} does not say {word:?}:\n{text}");
        }
        assert!(!text.contains('\x1b'), "{command:?}: no control sequences into a pipe");
        assert!(text.lines().all(|line| line == line.trim_end()), "{command:?}:\n{text}");
        let value = world.json(command);
        let row = if *list { &value[0] } else { &value };
        assert_eq!(value.is_array(), *list, "{command:?}");
        keys(row, wanted, &command.join(" "));
    }
}

#[test]
fn tables_say_nothing_twice() {
    let (world, swarm) = world();
    let agents = world.ok(&["agent", "list"]).text();
    assert!(!agents.lines().next().unwrap().contains("NAME"), "{agents}");
    let results = world.ok(&["swarm", "results", &swarm]).text();
    assert!(!results.contains("NAME") && !results.contains("simulated"), "{results}");
    let swarms = world.ok(&["swarm", "list"]).text();
    assert!(swarms.lines().next().unwrap().contains("NAME"), "{swarms}");
    // A screen ends with its last row of text.
    let screen = world.ok(&["agent", "screen", &world.agents_of(&swarm)[0]]).text();
    assert_eq!(screen.lines().count(), 1, "{screen:?}");
}

#[test]
fn logs_and_events_come_in_every_form() {
    let (world, swarm) = world();
    let agent = &world.agents_of(&swarm)[0];
    let raw = world.raw_log(agent);
    assert!(raw.ends_with(b"\r\n") && raw.starts_with(b"at "), "{raw:?}");
    let cast = world.ok(&["agent", "log", agent, "--cast"]).text();
    for line in cast.lines() {
        serde_json::from_str::<Value>(line).unwrap();
    }
    let events = world.ok(&["events", "--since", "0", "--json"]).text();
    for line in events.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        keys(&event, &["seq", "time", "kind"], "an event");
    }
    let readable = world.ok(&["events", "--since", "0"]).text();
    assert_eq!(readable.lines().count(), events.lines().count());
    let markdown = world.ok(&["swarm", "results", &swarm, "--markdown"]).text();
    assert!(markdown.starts_with("# pair: 1 failed, 1 done"), "{markdown}");
}

#[test]
fn simulated_money_is_called_so() {
    let world = World::new();
    let args = ["--agent", "mini", "--agents", "1", "--task", "say hello"];
    let (swarm, code) = world.create_and_wait(&args);
    assert_eq!(code, 0);
    let results = world.json(&["swarm", "results", &swarm]);
    assert_eq!(results["results"][0]["provider"], "simulated", "{results:#}");
    let text = world.ok(&["swarm", "results", &swarm]).text();
    assert!(text.lines().next().unwrap().contains(" simulated "), "{text}");
}

#[test]
fn an_agent_that_is_not_there_is_an_error_of_one_line() {
    let (world, _) = world();
    for command in [
        ["agent", "show", "ag-99"],
        ["agent", "screen", "ag-99"],
        ["agent", "explain", "ag-99"],
        ["swarm", "show", "none"],
        ["swarm", "wait", "none"],
    ] {
        let output = world.exits(&command, 1);
        assert!(output.stdout.is_empty(), "{output:?}");
        assert!(output.stderr.starts_with("dash: no "), "{output:?}");
    }
}
