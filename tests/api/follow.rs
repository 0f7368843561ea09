//! `dash agent log -f`: from the first byte of an attempt that may not have begun, to its
//! end and no further.

use crate::{
    wait::{LIMIT, eventually, exit_within},
    world::World,
};
use std::{
    io::Read,
    process::{Child, Stdio},
};

fn follow(world: &World, args: &[&str]) -> Child {
    let mut command = world.command(&[&["agent", "log", "-f"], args].concat());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn end(mut child: Child) -> Vec<u8> {
    let status = exit_within(&mut child, LIMIT);
    let (mut out, mut err) = (Vec::new(), String::new());
    if status.is_none() {
        child.kill().unwrap();
    }
    child.stdout.take().unwrap().read_to_end(&mut out).unwrap();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    let said = String::from_utf8_lossy(&out);
    assert_eq!(status.and_then(|status| status.code()), Some(0), "{said}\n{err}");
    out
}

const FORMS: [&[&str]; 3] = [&["--raw"], &["--cast"], &[]];

fn whole(world: &World, agent: &str, form: &[&str]) -> Vec<u8> {
    world.ok(&[&["agent", "log", agent], form].concat()).stdout
}

/// What a log says. Of a cast where its pieces end is left out: a reader that is behind gets
/// several in one.
fn said(log: &[u8], form: &[&str]) -> String {
    let text = String::from_utf8_lossy(log).into_owned();
    if form != ["--cast"] {
        return text;
    }
    let mut lines = text.lines();
    let head = lines.next().unwrap_or_default().to_owned();
    let piece = |line: &str| {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        event[2].as_str().unwrap().to_owned()
    };
    head + &lines.map(piece).collect::<String>()
}

#[test]
fn a_log_is_followed_from_the_spawn_to_the_end() {
    let world = World::new();
    let script = "for n in 1 2 3; do printf '%s \\303' $n; until [ -e go$n ]; do sleep 0.02; done; \
                  printf '\\251\\033[1mx\\033[0m\\n'; done";
    let spawned = world.ok(&["agent", "spawn", "--json", "--", "sh", "-c", script]).json();
    let agent = spawned["id"].as_str().unwrap();
    let readers: Vec<Child> =
        FORMS.iter().map(|form| follow(&world, &[&[agent], *form].concat())).collect();
    for n in 1..=3 {
        world.until_shown(agent, &n.to_string());
        world.write(&format!("go{n}"), "");
    }
    let told: Vec<Vec<u8>> = readers.into_iter().map(end).collect();
    for (form, told) in FORMS.iter().zip(told) {
        let whole = whole(&world, agent, form);
        assert!(!whole.is_empty());
        assert_eq!(said(&told, form), said(&whole, form), "{form:?}");
    }
    // Over already: the same, at once.
    assert_eq!(end(follow(&world, &[agent, "--raw"])), whole(&world, agent, &["--raw"]));
}

#[test]
fn a_queued_agent_is_followed_when_it_comes_to_run() {
    let world = World::new();
    let script = "until [ -e go ]; do sleep 0.02; done; echo ran";
    let args = ["--agents", "2", "--max", "1", "--", "sh", "-c", script];
    let swarm = world.create(&args);
    let agents = world.agents_of(&swarm);
    world.until_state(&agents[0], &["working", "idle"]);
    let readers: Vec<Child> =
        agents.iter().map(|agent| follow(&world, &[agent, "--raw"])).collect();
    let health = || world.json(&["health"])["clients"].as_u64() >= Some(3);
    eventually("both followers", || health().then_some(()));
    world.write("go", "");
    for reader in readers {
        assert_eq!(end(reader), b"ran\r\n");
    }
}

#[test]
fn one_that_never_comes_to_run_ends_its_followers() {
    let world = World::new();
    let args = ["--agents", "2", "--max", "1", "--", "sleep", "605"];
    let swarm = world.create(&args);
    let agents = world.agents_of(&swarm);
    world.until_state(&agents[0], &["working", "idle"]);
    let reader = follow(&world, &[&agents[1], "--raw"]);
    eventually("the follower", || {
        (world.json(&["health"])["clients"].as_u64() >= Some(2)).then_some(())
    });
    world.ok(&["swarm", "stop", &swarm]);
    assert_eq!(end(reader), b"");
}

#[test]
fn a_followed_log_goes_on_under_the_next_core() {
    let world = World::new();
    let script = "echo one; until [ -e go ]; do sleep 0.02; done; echo two";
    let spawned = world.ok(&["agent", "spawn", "--json", "--", "sh", "-c", script]).json();
    let agent = spawned["id"].as_str().unwrap();
    let readers: Vec<Child> =
        FORMS.iter().map(|form| follow(&world, &[&[agent], *form].concat())).collect();
    world.until_shown(agent, "one");
    eventually("the followers", || {
        (world.json(&["health"])["clients"].as_u64() >= Some(4)).then_some(())
    });
    world.kill_core();
    world.ok(&["agent", "show", agent]);
    world.write("go", "");
    let told: Vec<Vec<u8>> = readers.into_iter().map(end).collect();
    for (form, told) in FORMS.iter().zip(told) {
        let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert_eq!(lossy(&told), lossy(&whole(&world, agent, form)), "{form:?}");
    }
}
