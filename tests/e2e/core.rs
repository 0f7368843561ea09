//! The core's life: started on demand, headless, stopped, told apart by its socket.

use crate::{
    wait::{LIMIT, eventually, exit_within, within},
    world::{World, set_mode},
};
use rustix::process::Signal;
use std::time::Duration;

#[test]
fn the_first_command_starts_one_core_for_all() {
    let world = World::new();
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| world.ok(&["swarm", "list"]));
        }
    });
    let health = world.json(&["health"]);
    assert_eq!(health["epoch"], 1, "only one core ever started: {health}");
    for field in ["version", "pid", "socket", "uptime_ms"] {
        assert!(!health[field].is_null(), "{field}: {health}");
    }
    assert_eq!(health["socket"], world.socket.display().to_string());
}

#[test]
fn a_core_with_nothing_to_do_leaves() {
    let world = World::new();
    world.ok(&["swarm", "list"]);
    eventually("the core to leave by itself", || world.processes().is_empty().then_some(()));
    assert!(!world.socket.exists(), "its socket is gone with it");
}

#[test]
fn a_headless_core_ends_cleanly_on_a_signal_and_leaves_the_agents() {
    for signal in [Signal::TERM, Signal::INT] {
        let world = World::new();
        let mut core = world.headless();
        let id = world.create(&["--agents", "2", "--", "sleep", "600"]);
        for agent in world.agents_of(&id) {
            world.until_state(&agent, &["working", "idle"]);
        }
        let proc = world.core();
        proc.signal(signal);
        let status = exit_within(&mut core, LIMIT).expect("an end");
        assert_eq!(status.code(), Some(0), "{signal:?}: {}", world.headless_log());
        assert!(!world.headless_log().contains("panicked"), "{}", world.headless_log());
        assert_eq!(world.keepers().len(), 2, "the agents go on");
        // Told goodbye, a keeper starts no core of its own.
        let back = within(Duration::from_millis(1500), || {
            let without = world.run(
                {
                    let mut command = world.command(&["health"]);
                    command.env("DASH_AGENT", "ag-01");
                    command
                },
                b"",
                LIMIT,
            );
            (without.code == 0).then_some(())
        });
        assert!(back.is_none(), "somebody started a core after a goodbye");
        // The next command does, and finds the agents.
        let agents = world.agents();
        assert_eq!(agents.len(), 2);
        assert!(agents.iter().all(|agent| agent["state"] != "lost"), "{agents:#?}");
        world.ok(&["core", "stop", "--agents"]);
        eventually("everybody's end", || world.processes().is_empty().then_some(()));
    }
}

#[test]
fn a_core_whose_socket_was_swept_away_keeps_its_state_to_itself() {
    let world = World::new();
    let mut core = world.headless();
    let first = world.core();
    let run = world.path().join("run");
    std::fs::remove_dir_all(&run).unwrap();
    std::fs::create_dir(&run).unwrap();
    set_mode(&run, 0o700);
    let second = world.dash(&["swarm", "list"]);
    assert_ne!(second.code, 0, "{second:?}");
    let remedy = format!("`kill {}`", first.pid);
    assert!(second.stderr.contains(&remedy), "{second:?}");
    first.signal(Signal::TERM);
    assert_eq!(exit_within(&mut core, LIMIT).and_then(|status| status.code()), Some(0));
    world.ok(&["swarm", "list"]);
}

#[test]
fn events_are_numbered_without_gaps_and_follow_is_a_stream() {
    let world = World::new();
    let (_, code) = world.create_and_wait(&["--agents", "3", "--", "true"]);
    assert_eq!(code, 0);
    let output = world.ok(&["events", "--since", "0", "--filter", "level=debug", "--json"]);
    let events: Vec<serde_json::Value> =
        output.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let seqs: Vec<u64> = events.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
    let kinds = |kind: &str| events.iter().filter(|event| event["kind"] == kind).count();
    assert_eq!((kinds("swarm_created"), kinds("attempt_ended"), kinds("swarm_ended")), (1, 3, 1));

    let mut command =
        world.command(&["events", "--follow", "--since", "0", "--filter", "level=debug", "--json"]);
    let mut child = command
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    use std::io::{BufRead, BufReader};
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for seq in &seqs {
        let event: serde_json::Value =
            serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        assert_eq!(event["seq"].as_u64(), Some(*seq));
    }
    // And on, with what happens from now.
    world.create(&["--agents", "1", "--", "true"]);
    let event: serde_json::Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(event["seq"].as_u64(), seqs.last().map(|seq| seq + 1));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn doctor_says_what_this_machine_can_do() {
    let world = World::new();
    let report = world.json(&["doctor"]);
    assert_eq!(report["scope"], "strict");
    let adapters: Vec<&str> =
        report["adapters"].as_array().unwrap().iter().filter_map(|a| a["name"].as_str()).collect();
    for name in ["claude", "codex", "command", "mini"] {
        assert!(adapters.contains(&name), "{adapters:?}");
    }
    let shown = world.ok(&["doctor"]).text();
    assert!(shown.contains("scope: strict"), "{shown}");
}

/// Agents are started with their client's PATH, not the core's.
#[test]
fn doctor_looks_where_the_agents_of_its_client_would() {
    let world = World::new();
    world.json(&["swarm", "list"]);
    let bin = world.path().join("clients");
    std::fs::create_dir(&bin).unwrap();
    let codex = bin.join("codex");
    std::fs::write(&codex, "#!/bin/sh\necho codex-cli 47.11\n").unwrap();
    set_mode(&codex, 0o755);
    let seen = |path: &str| {
        let mut command = world.command(&["doctor", "--json"]);
        command.env("PATH", path);
        let report = world.run(command, b"", LIMIT).json();
        let adapters = report["adapters"].as_array().unwrap().clone();
        let codex = adapters.into_iter().find(|adapter| adapter["name"] == "codex").unwrap();
        (codex["usable"] == true, codex["version"].as_str().map(str::to_owned))
    };
    let own = "/usr/bin:/bin";
    let with = format!("{}:{own}", bin.display());
    assert_eq!(seen(&with), (true, Some("codex-cli 47.11".to_owned())));
    assert_eq!(seen(own), (false, None));
    // The other way round: a core that has it, and a client that has not.
    world.kill_core();
    let mut command = world.command(&["swarm", "list"]);
    command.env("PATH", &with);
    assert_eq!(world.run(command, b"", LIMIT).code, 0);
    assert_eq!(seen(own), (false, None));
}
