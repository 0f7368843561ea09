//! A stop ends the whole tree, wherever its processes hid.

use crate::{tools, wait::eventually, world::World};

/// What an agent may start before it is stopped: name and shell text. Each prints `ready`
/// once everything of it runs.
const TREES: &[(&str, &str)] = &[
    ("plain", "echo ready; sleep 611"),
    ("children", "sleep 611 & sleep 612 & echo ready; wait"),
    ("deaf", "trap '' TERM HUP INT; echo ready; while :; do sleep 611; done"),
    ("deaf children", "(trap '' TERM HUP; sleep 611) & trap '' TERM; echo ready; wait; sleep 612"),
    ("own session", "setsid -f sleep 611; echo ready; wait; sleep 612"),
    ("double fork", "( ( sleep 611 & ) & ); echo ready; sleep 612"),
    ("both", "setsid -f sh -c '( (trap \"\" TERM; sleep 611) & )'; echo ready; sleep 612"),
    (
        "no terminal",
        "setsid -f sh -c 'exec sleep 611 </dev/null >/dev/null 2>&1'; echo ready; sleep 612",
    ),
    ("stopped", "sleep 611 & kill -STOP $!; echo ready; wait"),
    ("parent gone", "setsid -f sh -c 'sleep 611; true' & echo ready; exec sleep 612"),
];

fn assert_stop_leaves_nothing(stop: impl Fn(&World, &str, &str)) {
    if !tools::have("setsid") {
        return;
    }
    let plain = [false, true];
    for ((name, tree), plain) in TREES.iter().flat_map(|tree| plain.map(|plain| (tree, plain))) {
        let world = World::new();
        // Where there are no namespaces, descendants are hunted for.
        let world = if plain { world.with("DASH_NO_PIDNS", "1") } else { world };
        let swarm = world.create(&["--agents", "1", "--", "sh", "-c", tree]);
        let agent = world.only_agent(&swarm);
        world.until_shown(&agent, "ready");
        assert!(world.processes().iter().any(|p| p.is_of_an_attempt()), "{name}: nothing runs?");
        stop(&world, &swarm, &agent);
        let row = world.until_state(&agent, &["stopped"]);
        assert!(row["ended_at"].is_string(), "{name}: {row:#}");
        eventually(&format!("{name}: nothing left, but {:?}", world.processes()), || {
            let left = world.processes();
            let of_it = |p: &&crate::procs::Proc| p.is_of_an_attempt() || p.is_keeper();
            (left.iter().filter(of_it).count() == 0).then_some(())
        });
    }
}

#[test]
fn stopping_an_agent_leaves_nothing() {
    assert_stop_leaves_nothing(|world, _, agent| {
        world.ok(&["agent", "stop", agent]);
    });
}

#[test]
fn stopping_a_swarm_leaves_nothing() {
    assert_stop_leaves_nothing(|world, swarm, _| {
        world.ok(&["swarm", "stop", swarm]);
    });
}

#[test]
fn an_agent_that_ends_by_itself_leaves_nothing_either() {
    let world = World::new();
    let (_, code) =
        world.create_and_wait(&["--agents", "1", "--", "sh", "-c", "setsid -f sleep 613; exit 0"]);
    assert_eq!(code, 0);
    eventually("nothing left of it", || {
        world.processes().iter().all(|proc| !proc.command.contains("sleep 613")).then_some(())
    });
}

#[test]
fn a_stop_gives_an_agent_the_time_to_clean_up() {
    let world = World::new();
    let swarm = world.create(&[
        "--agents",
        "1",
        "--",
        "sh",
        "-c",
        "trap 'echo tidy > tidied; exit 0' TERM; echo ready; while :; do sleep 0.1; done",
    ]);
    let agent = world.only_agent(&swarm);
    world.until_shown(&agent, "ready");
    world.ok(&["agent", "stop", &agent]);
    let row = world.until_state(&agent, &["stopped"]);
    assert_eq!(row["state"], "stopped");
    assert!(world.work.join("tidied").exists(), "it was not asked before it was killed");
}

#[test]
fn a_stopped_agent_keeps_its_last_words_and_bytes() {
    let world = World::new();
    let id = world.create(&["--name", "s", "--", "sh", "-c", "echo so far; sleep 1000"]);
    let agent = world.only_agent(&id);
    world.until_shown(&agent, "so far");
    world.ok(&["agent", "stop", &agent]);
    let row = world.until_state(&agent, &["stopped"]);
    assert_eq!(row["last_line"], "so far", "{row:#}");
    assert_eq!(row["bytes"], 8, "{row:#}");
    // Also by a core that never saw it run.
    world.kill_core();
    let row = world.agent(&agent);
    assert_eq!((&row["last_line"], &row["bytes"]), (&"so far".into(), &8.into()), "{row:#}");

    let taken = world.exits(&["swarm", "create", "--name", "s", "--", "true"], 1);
    assert!(taken.stderr.contains("a swarm is called \"s\" already"), "{taken:?}");
}
