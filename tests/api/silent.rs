//! Whoever listens and never answers holds no command up.

use crate::world::World;
use rustix::process::Signal;
use std::os::unix::net::UnixListener;

const COMMANDS: [&[&str]; 5] = [
    &["health"],
    &["core", "status"],
    &["doctor"],
    &["swarm", "list"],
    &["agent", "show", "ag-01"],
];

/// All at once: each waits for its limit.
fn all_give_up(world: &World) {
    std::thread::scope(|scope| {
        for command in COMMANDS {
            scope.spawn(move || {
                let output = world.exits(command, 7);
                let socket = world.socket.display().to_string();
                let words = format!("the core at {socket} does not answer");
                assert!(output.stderr.contains(&words), "{output:?}");
            });
        }
    });
}

#[test]
fn a_core_that_is_stopped() {
    let world = World::new();
    world.ok(&["swarm", "list"]);
    let core = world.core();
    core.signal(Signal::STOP);
    all_give_up(&world);
    core.signal(Signal::CONT);
    // Meanwhile it was idle for so long that it may leave: then another is started.
    world.ok(&["swarm", "list"]);
}

#[test]
fn a_program_that_only_listens() {
    let world = World::new();
    let _listener = UnixListener::bind(&world.socket).unwrap();
    all_give_up(&world);
}
