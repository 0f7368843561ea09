//! Faults: the core killed at any moment, keepers killed, processes stopped.

use crate::{
    tools::count,
    wait::{LIMIT, eventually, exit_within, open_pipe},
    world::{World, heavy},
};
use rustix::process::Signal;
use sha2::{Digest, Sha256};
use std::{
    fs::{self, File},
    io::Write,
    process::Command,
};

/// An agent that prints about 9 MB for every line on the FIFO `go`, as fast as its terminal
/// takes them, and leaves the hash of all it wrote in the file `hash` when `go` is closed.
const WRITER: &str = "stty raw -echo
mkfifo sum
sha256sum < sum > hash.part &
while read -r from; do seq $from 1200000; done < go | tee sum
wait
mv hash.part hash";

struct Writer {
    agent: String,
    swarm: String,
    go: File,
}

fn start_writer(world: &World) -> Writer {
    let script = world.script("writer", WRITER);
    assert!(Command::new("mkfifo").arg(world.work.join("go")).status().unwrap().success());
    let swarm = world.create(&["--agents", "1", "--", &script]);
    // Its reader is there: it runs.
    let go = open_pipe(&world.work.join("go"));
    Writer { agent: world.only_agent(&swarm), swarm, go }
}

fn assert_every_byte_once(world: &World, writer: Writer) {
    drop(writer.go);
    assert_eq!(world.dash(&["swarm", "wait", &writer.swarm]).code, 0);
    let hash = fs::read_to_string(world.work.join("hash")).unwrap();
    let raw = world.raw_log(&writer.agent);
    let found = dash::model::hex(Sha256::digest(&raw));
    assert_eq!(hash.split_whitespace().next(), Some(found.as_str()), "{} bytes", raw.len());
    assert_eq!(world.agent(&writer.agent)["bytes"].as_u64(), Some(raw.len() as u64));
}

fn events(world: &World) -> Vec<String> {
    let all = ["events", "--since", "0", "--filter", "level=debug", "--json"];
    world.ok(&all).text().lines().map(str::to_owned).collect()
}

/// Waits until some core answers, without starting one.
fn until_adopted(world: &World) {
    eventually("a core that a keeper started", || {
        let mut command = world.command(&["health"]);
        command.env("DASH_AGENT", "ag-01");
        (world.run(command, b"", LIMIT).code == 0).then_some(())
    });
}

#[test]
fn heavy_no_byte_and_no_event_is_lost_however_often_the_core_is_killed() {
    let _alone = heavy();
    let world = World::new();
    let mut writer = start_writer(&world);
    let mut known = events(&world);
    for kill in 0..count("DASH_TEST_KILLS", 10) {
        writeln!(writer.go, "{}", kill + 1).unwrap();
        // The burst is on; the kill falls somewhere into it, at the machine's own whim.
        world.kill_core();
        if kill % 2 == 0 {
            until_adopted(&world);
        }
        let now = events(&world);
        assert_eq!(&now[..known.len().min(now.len())], &known[..], "an event changed or vanished");
        known = now;
        let row = world.agent(&writer.agent);
        assert!(matches!(row["state"].as_str(), Some("working" | "idle")), "kill {kill}: {row:#}");
        assert_eq!(row["attempt"], 1, "it was not started again");
    }
    assert_every_byte_once(&world, writer);
}

#[test]
fn many_agents_are_all_adopted() {
    let world = World::new();
    let id = world.create(&["--agents", "12", "--", "sh", "-c", "read x; echo got $x"]);
    let agents = world.agents_of(&id);
    for agent in &agents {
        world.until_state(agent, &["working", "idle", "waiting"]);
    }
    world.kill_core();
    until_adopted(&world);
    for agent in &agents {
        world.ok(&["agent", "send", agent, "word"]);
    }
    assert_eq!(world.dash(&["swarm", "wait", &id]).code, 0);
    for agent in &agents {
        let raw = String::from_utf8(world.raw_log(agent)).unwrap();
        assert!(raw.ends_with("got word\r\n"), "{raw:?}");
    }
}

#[test]
fn an_end_while_no_core_is_there_is_not_missed() {
    let world = World::new();
    assert!(Command::new("mkfifo").arg(world.work.join("gate")).status().unwrap().success());
    let id = world.create(&["--agents", "1", "--", "sh", "-c", "read x < gate; echo bye; exit 5"]);
    let gate = open_pipe(&world.work.join("gate"));
    let core = world.core();
    // Stopped, it can neither adopt nor be replaced while the agent ends.
    core.signal(Signal::STOP);
    drop(gate);
    eventually("the agent's end", || {
        let left = world.processes();
        left.iter().all(|proc| !proc.command.contains("read x")).then_some(())
    });
    core.signal(Signal::KILL);
    let output = world.dash(&["swarm", "wait", &id]);
    assert_eq!(output.code, 3, "{output:?}");
    let row = world.agent(&world.only_agent(&id));
    assert_eq!((&row["state"], &row["exit"]), (&"failed".into(), &5.into()), "{row:#}");
    assert_eq!(world.raw_log(&world.only_agent(&id)), b"bye\r\n");
}

#[test]
fn heavy_a_core_that_was_frozen_goes_on() {
    let _alone = heavy();
    let world = World::new();
    let mut writer = start_writer(&world);
    let core = world.core();
    for from in 0..3 {
        core.signal(Signal::STOP);
        writeln!(writer.go, "{from}").unwrap();
        core.signal(Signal::CONT);
        world.ok(&["swarm", "list"]);
    }
    assert_every_byte_once(&world, writer);
}

#[test]
fn a_killed_keeper_marks_its_agent_lost_and_leaves_no_orphan() {
    a_killed_keeper(&World::new());
}

#[test]
fn a_killed_keeper_leaves_no_orphan_without_namespaces_either() {
    a_killed_keeper(&World::new().with("DASH_NO_PIDNS", "1"));
}

fn a_killed_keeper(world: &World) {
    let id = world.create(&[
        "--agents",
        "3",
        "--",
        "sh",
        "-c",
        "echo here; sleep 601 & setsid -f sleep 602; wait",
    ]);
    let agents = world.agents_of(&id);
    for agent in &agents {
        world.until_state(agent, &["working", "idle"]);
    }
    eventually("all their processes", || {
        let all = world.processes();
        (all.iter().filter(|proc| proc.command.starts_with("sleep 60")).count() == 6).then_some(())
    });
    let attempt = world.agent(&agents[1])["attempt_id"].as_str().unwrap().to_owned();
    let keepers = world.keepers();
    let keeper = keepers.iter().find(|proc| proc.command.contains(&attempt)).expect("its keeper");
    keeper.signal(Signal::KILL);
    let row = world.until_state(&agents[1], &["lost"]);
    assert!(row["reason"].is_string(), "{row:#}");
    // Its last screen is drawn from what was recorded.
    assert!(world.ok(&["agent", "screen", &agents[1]]).text().contains("here"));
    eventually("no orphan of the lost agent", || {
        let all = world.processes();
        let orphans = all.iter().filter(|p| p.variable("DASH_ATTEMPT").as_ref() == Some(&attempt));
        (orphans.count() == 0).then_some(())
    });
    for agent in [&agents[0], &agents[2]] {
        let row = world.agent(agent);
        assert!(matches!(row["state"].as_str(), Some("working" | "idle")), "{row:#}");
    }
}

#[test]
fn a_frozen_keeper_is_not_lost_and_stalls_nobody() {
    let world = World::new();
    let id = world.create(&["--agents", "2", "--", "sh", "-c", "read x; echo got $x"]);
    let agents = world.agents_of(&id);
    for agent in &agents {
        world.until_state(agent, &["working", "idle"]);
    }
    let attempt = world.agent(&agents[0])["attempt_id"].as_str().unwrap().to_owned();
    let keepers = world.keepers();
    let keeper = keepers.iter().find(|proc| proc.command.contains(&attempt)).expect("its keeper");
    keeper.signal(Signal::STOP);
    // The next core meets it frozen.
    world.kill_core();
    world.ok(&["agent", "send", &agents[1], "word"]);
    world.until_state(&agents[1], &["done"]);
    let row = world.agent(&agents[0]);
    assert!(matches!(row["state"].as_str(), Some("working" | "idle")), "{row:#}");
    keeper.signal(Signal::CONT);
    world.ok(&["agent", "send", &agents[0], "word"]);
    assert_eq!(world.dash(&["swarm", "wait", &id]).code, 0);
    assert!(world.raw_log(&agents[0]).ends_with(b"got word\r\n"));
}

#[test]
fn keeper_and_core_killed_together() {
    both_killed(&World::new());
}

#[test]
fn keeper_and_core_killed_together_without_namespaces() {
    both_killed(&World::new().with("DASH_NO_PIDNS", "1"));
}

fn both_killed(world: &World) {
    let id = world.create(&["--agents", "2", "--", "sleep", "603"]);
    let agents = world.agents_of(&id);
    for agent in &agents {
        world.until_state(agent, &["working", "idle"]);
    }
    let core = world.core();
    core.signal(Signal::STOP);
    world.keepers().iter().for_each(|keeper| keeper.signal(Signal::KILL));
    core.signal(Signal::KILL);
    for agent in &agents {
        world.until_state(agent, &["lost"]);
    }
    eventually("no orphan", || {
        world.processes().iter().all(|proc| !proc.command.contains("sleep 603")).then_some(())
    });
}

/// A core that dies between what it journaled and what it does about it leaves an intent,
/// and whoever comes next carries it out, once.
#[test]
fn what_was_decided_and_not_done_is_done_once() {
    for point in [
        "after-commit-before-effects",
        "after-spec-before-keeper",
        "after-keeper-spawn-before-hello",
    ] {
        let world = World::new();
        let socket = world.socket.display().to_string();
        let mut command = world.command(&["--socket", &socket]);
        command.env("DASH_FAILPOINT", point);
        let mut core = world.headless_as(command);
        // Its answer comes from the next core, or is an error: the first dies over it.
        let script = world.script("once", "echo run >> runs");
        let made = world.dash(&["swarm", "create", "--agents", "3", "--", &script]);
        let status = exit_within(&mut core, LIMIT).expect("the core's end");
        assert_eq!(status.code(), None, "{point}: {made:?}\n{}", world.headless_log());
        assert_eq!(world.dash(&["swarm", "wait", "sw-1"]).code, 0, "{point}");
        let rows = world.agents();
        assert_eq!(rows.len(), 3, "{point}: {rows:#?}");
        for row in rows {
            assert_eq!((&row["state"], &row["attempt"]), (&"done".into(), &1.into()), "{row:#}");
        }
        let runs = fs::read_to_string(world.work.join("runs")).unwrap();
        assert_eq!(runs.lines().count(), 3, "{point}: launched more than once");
    }
}
