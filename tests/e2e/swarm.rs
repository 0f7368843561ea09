//! `dash swarm`: create, list, show, wait, stop, rm.

use crate::{wait::open_pipe, world::World};
use std::{io::Write, time::Instant};

#[test]
fn twenty_agents_run_any_command() {
    let world = World::new();
    let output = world.exits(
        &["swarm", "create", "--agents", "20", "--wait", "--", "sh", "-c", "echo I am {index}"],
        0,
    );
    assert!(!output.text().is_empty(), "--wait shows something");
    let swarms = world.json(&["swarm", "list"]);
    assert_eq!(swarms.as_array().map(Vec::len), Some(1), "{swarms}");
    assert_eq!(swarms[0]["state"], "done");
    assert_eq!(swarms[0]["agents"]["total"], 20);
    let scope = format!("strict: write {}; net none", world.work.display());
    assert_eq!(swarms[0]["scope"], scope);
    let agents = world.agents();
    assert_eq!(agents.len(), 20);
    for agent in &agents {
        assert_eq!((&agent["state"], &agent["exit"]), (&"done".into(), &0.into()), "{agent}");
        assert_eq!(agent["scope"], scope);
        assert_eq!(agent["adapter"], "command");
    }
    let mut said: Vec<String> = agents
        .iter()
        .map(|agent| {
            let raw = world.raw_log(agent["id"].as_str().unwrap());
            String::from_utf8(raw).unwrap().trim().to_owned()
        })
        .collect();
    said.sort();
    let mut expected: Vec<String> = (1..=20).map(|i| format!("I am {i}")).collect();
    expected.sort();
    assert_eq!(said, expected);
}

#[test]
fn create_returns_at_once_and_list_and_show_tell_the_rest() {
    let world = World::new();
    let begun = Instant::now();
    let id = world.create(&["--name", "sleepers", "--agents", "3", "--", "sleep", "600"]);
    assert!(begun.elapsed().as_secs() < 20, "create waited for its agents");
    let agents = world.agents_of(&id);
    assert_eq!(agents.len(), 3);
    for agent in &agents {
        let row = world.until_state(agent, &["working", "idle"]);
        assert!(row["pid"].as_i64().is_some(), "{row}");
        assert!(row["started_at"].as_str().is_some_and(|at| at.ends_with('Z')), "{row}");
        assert!(row["progress"].is_null(), "no progress is reported, none is made up: {row}");
    }
    // By name as well as by id, for people and for programs.
    assert_eq!(world.json(&["swarm", "show", "sleepers"])["id"], id);
    let shown = world.ok(&["swarm", "list"]).text();
    assert!(shown.contains("sleepers") && shown.contains("working"), "{shown}");
    let shown = world.ok(&["agent", "list"]).text();
    assert!(agents.iter().all(|agent| shown.contains(agent.as_str())), "{shown}");

    world.ok(&["swarm", "stop", &id]);
    world.dash(&["swarm", "wait", &id]);
    assert_eq!(world.json(&["swarm", "show", &id])["state"], "stopped");
    assert!(world.agents().iter().all(|agent| agent["state"] == "stopped"));
    world.ok(&["swarm", "rm", &id]);
    let agent = world.ok(&["agent", "spawn", "--dry-run", "--", "touch", "made"]).text();
    let scope = format!("strict: write {}", world.work.canonicalize().unwrap().display());
    assert!(agent.contains(&scope), "{agent}");
    assert!(!world.work.join("made").exists());
    assert_eq!(world.json(&["swarm", "list"]), serde_json::json!([]));
}

#[test]
fn a_dry_run_is_refused_as_the_real_thing_is() {
    let world = World::new();
    for wish in [
        &["--scope", "nowhere"][..],
        &["--scope", "/"],
        &["--scope", "/sys/kernel"],
        &["--read", "nowhere"],
        &["--net", "any:80"],
        &["--net", "*.com"],
        &["--net", "http://a.com/"],
        &["--allow-only", "no-such-program"],
        &["--name", "sw-1"],
    ] {
        for noun in [&["swarm", "create"][..], &["agent", "spawn"]] {
            let run = |dry: &[&str]| world.dash(&[noun, dry, wish, &["--", "true"]].concat());
            let (real, dry) = (run(&[]), run(&["--dry-run"]));
            assert_ne!(real.code, 0, "{wish:?}");
            assert_eq!((dry.code, &dry.stderr), (real.code, &real.stderr), "{wish:?}");
        }
    }
}

#[test]
fn wait_tells_by_its_exit_code() {
    let world = World::new();
    let fails: &[&str] = &["--agents", "2", "--", "false"];
    let cases: &[(&[&str], i32)] = &[
        (&["--agents", "2", "--", "true"], 0),
        (fails, 3),
        (&["--agents", "2", "--", "sh", "-c", "exit {index}"], 3),
        (&["--agents", "1", "--", "sh", "-c", "kill -9 $$"], 3),
        (&["--agents", "1", "--timeout", "1s", "--", "sleep", "600"], 5),
    ];
    for (args, code) in cases {
        let (id, found) = world.create_and_wait(args);
        assert_eq!(found, *code, "{args:?}: {:#}", world.json(&["swarm", "results", &id]));
        // A swarm that is over answers at once, and the same.
        assert_eq!(world.dash(&["swarm", "wait", &id]).code, *code);
    }
    world.exits(&["swarm", "wait", "no-such-swarm"], 1);
    let (_, code) = world.create_and_wait(fails);
    assert_eq!(code, 3);
    world.exits(&[&["swarm", "create", "--wait"], fails].concat(), 3);
}

#[test]
fn a_failed_agent_is_tried_again_as_often_as_asked() {
    let world = World::new();
    let (id, code) = world.create_and_wait(&[
        "--agents",
        "1",
        "--retries",
        "2",
        "--",
        "sh",
        "-c",
        "echo try >> tries; [ $(wc -l < tries) -ge 3 ]",
    ]);
    assert_eq!(code, 0);
    let agent = world.agent(&world.only_agent(&id));
    assert_eq!(agent["attempt"], 3, "{agent}");
    let first = world.ok(&["agent", "log", agent["id"].as_str().unwrap(), "--attempt", "1"]);
    assert_eq!(first.text(), "");
}

#[test]
fn at_most_so_many_at_once() {
    let world = World::new();
    let script = world.script(
        "one",
        "mkdir running.$1; ls -d running.* | wc -l >> counts
        mkfifo gate.$1; read x < gate.$1; rm gate.$1; rmdir running.$1",
    );
    let id = world.create(&["--agents", "4", "--max", "2", "--", &script, "{index}"]);
    let mut passed = std::collections::BTreeSet::new();
    while passed.len() < 4 {
        let gate = crate::wait::eventually("an agent that waits", || {
            let names = std::fs::read_dir(&world.work).unwrap();
            let mut gates = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
            gates.find(|name| name.starts_with("gate.") && !passed.contains(name))
        });
        writeln!(open_pipe(&world.work.join(&gate)), "go").unwrap();
        passed.insert(gate);
    }
    assert_eq!(world.dash(&["swarm", "wait", &id]).code, 0);
    let counts = std::fs::read_to_string(world.work.join("counts")).unwrap();
    let most = counts.lines().map(|line| line.trim().parse::<u32>().unwrap()).max();
    assert!(most <= Some(2), "{counts}");
}

#[test]
fn a_check_decides_whether_it_is_done() {
    let world = World::new();
    let (_, code) =
        world.create_and_wait(&["--agents", "1", "--check", "test -e made", "--", "true"]);
    assert_eq!(code, 3);
    let (_, code) =
        world.create_and_wait(&["--agents", "1", "--check", "test -e made", "--", "touch", "made"]);
    assert_eq!(code, 0);
}

#[test]
fn a_dry_run_starts_nothing() {
    let world = World::new();
    let head = ["swarm", "create", "--dry-run", "--agents", "3"];
    std::fs::create_dir(world.work.join("sub")).unwrap();
    let wishes = ["--memory", "64M", "--timeout", "90s", "--allow", "git push", "--scope", "sub"];
    let money = ["--budget", "$5", "--agent-budget", "2"];
    let shown = world.ok(&[&head[..], &wishes, &money, &["--", "touch", "made"]].concat()).text();
    let work = world.work.canonicalize().unwrap();
    let scope = format!("strict: write {0}/sub; read {0}; net none", work.display());
    let limits = "limits    memory 64 MB, processes 4096, timeout 1m30s";
    for line in [&scope, limits, "budget    $5 for all, 2 for each agent", "allowed   git push"] {
        assert!(shown.contains(line), "{shown}");
    }
    // What a machine obeys is no place for agents without a word.
    let wide = world.ok(&[&head[..], &["--scope", "/etc", "--", "true"]].concat());
    assert!(wide.stderr.contains("the scope is /etc, where the system"), "{wide:?}");
    assert!(!world.work.join("made").exists());
    assert_eq!(world.json(&["swarm", "list"]), serde_json::json!([]));
}
