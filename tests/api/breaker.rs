//! The failure breaker with real processes: what it holds does not move, through the end of a
//! core too, until a person says how it goes on.

use crate::{
    wait::{LIMIT, eventually, within},
    world::World,
};
use serde_json::Value;
use std::fs;

/// A parent that ticks, a child and a grandchild that tick, and two children that fail.
const TREE: &str = "\
    tick() { while [ ! -e go ]; do echo x >>$1; sleep 0.05; done; }; \
    cat >child.sh <<'END'\n\
    while [ ! -e go ]; do echo x >>$1; sleep 0.05; done\n\
    END\n\
    dash agent spawn -- sh -c 'dash agent spawn -- sh child.sh low; sh child.sh mid' >said 2>&1; \
    until [ -s low ] && [ -s mid ]; do sleep 0.05; done; \
    for n in 1 2; do dash agent wait $(dash agent spawn -- false); done; tick top";

fn held_tree() -> (World, String) {
    let world = World::new();
    let config = "[core]\nidle_exit_seconds = 5\n\
                  [delegation]\nbreaker = { failures = 2, within = \"1h\" }\n";
    fs::write(world.path().join("config/dash/config.toml"), config).unwrap();
    let swarm = world.create(&["--agents", "1", "--", "sh", "-c", TREE]);
    let top = eventually("the parent", || {
        world.agents_of(&swarm).into_iter().find(|id| !id.contains('.'))
    });
    eventually("a branch that is held", || {
        let paused = |row: &&Value| row["state"] == "paused" && row["reason"] == "breaker";
        (world.agents().iter().filter(paused).count() == 2).then_some(())
    });
    until_still(&world, &top);
    (world, top)
}

fn below(top: &str) -> [String; 2] {
    [format!("{top}.1"), format!("{top}.1.1")]
}

fn lines(world: &World, name: &str) -> usize {
    fs::read_to_string(world.work.join(name)).unwrap_or_default().lines().count()
}

fn ticks(world: &World) -> [usize; 2] {
    ["mid", "low"].map(|name| lines(world, name))
}

fn until_ticks(world: &World, name: &str) {
    let before = lines(world, name);
    eventually("ticks", || (lines(world, name) > before + 5).then_some(()));
}

/// Each agent's main process is stopped.
fn until_still(world: &World, top: &str) {
    for id in below(top) {
        let pid = world.agent(&id)["pid"].as_u64().expect("it is there still");
        let stat = || fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let still = || stat().rsplit(") ").next()?.starts_with('T').then_some(());
        if within(LIMIT, still).is_none() {
            let seen: Vec<_> = world.processes().into_iter().map(|it| it.command).collect();
            let said = world.ok(&["agent", "explain", &id]).text();
            let log = world.core_log();
            panic!("{id} does not stand still: {}\n{said}\n{seen:#?}\n{log}", stat());
        }
    }
}

fn question(world: &World) -> Value {
    let open = world.json(&["inbox"]);
    let open = open.as_array().unwrap().clone();
    let [question] = &open[..] else { panic!("{open:?}") };
    question.clone()
}

#[test]
fn a_tripped_breaker_holds_what_runs_until_it_is_approved() {
    let (world, top) = held_tree();
    let before = ticks(&world);
    // The parent goes on meanwhile: it has to see what became of its children.
    until_ticks(&world, "top");
    assert_eq!(ticks(&world), before);
    let question = question(&world);
    assert!(question["why"].as_str().unwrap().contains("to deny stops all below"), "{question}");
    for id in below(&top) {
        for page in [["agent", "show"], ["agent", "explain"], ["agent", "tree"]] {
            let said = world.ok(&[page[0], page[1], &id]).text();
            assert!(said.contains("paused") && said.contains("breaker"), "{page:?}: {said}");
        }
    }
    // Killed, not stopped: the next core finds them as they are.
    world.kill_core();
    until_still(&world, &top);
    until_ticks(&world, "top");
    assert_eq!(ticks(&world), before);
    assert_eq!(world.agent(&below(&top)[0])["state"], "paused");

    world.ok(&["approve", question["id"].as_str().unwrap()]);
    for (id, name) in below(&top).iter().zip(["mid", "low"]) {
        world.until_state(id, &["working", "idle"]);
        until_ticks(&world, name);
    }
    world.write("go", "");
    world.until_state(&top, &["done"]);
    let audit = world.ok(&["audit", "--json"]).text();
    for action in ["branch.hold", "attempt.pause", "attempt.resume"] {
        assert!(audit.contains(&format!("\"action\":\"{action}\"")), "{action}");
    }
    world.ok(&["audit", "--verify"]);
}

#[test]
fn a_denied_branch_is_stopped_and_a_paused_agent_can_be() {
    let (world, top) = held_tree();
    let [child, grandchild] = below(&top);
    world.ok(&["agent", "stop", &grandchild]);
    world.until_state(&grandchild, &["stopped"]);
    world.ok(&["deny", question(&world)["id"].as_str().unwrap()]);
    let row = world.until_state(&child, &["stopped"]);
    assert_eq!(row["reason"], "its branch was denied");
    until_ticks(&world, "top");
    world.write("go", "");
    world.until_state(&top, &["done"]);
}
