//! Limits that the keeper holds by watching: who is beyond one is ended, and only he.

use crate::harness::{Peer, World, family, until};
use dash::model::Limits;
use dash::protocol::keeper::FactKind;

fn reached(core: &mut Peer) -> (String, String) {
    core.fact(|kind| match kind {
        FactKind::LimitReached { limit, message } => Some((limit.clone(), message.clone())),
        _ => None,
    })
}

#[test]
fn a_memory_hog_is_ended_and_nobody_else() {
    for plain in [false, true] {
        let mut quiet = World::sh("sleep 600");
        quiet.spec.limits.memory_bytes = Some(64 << 20);
        let (_other, mut other) = quiet.start();
        other.started();
        // `tail` keeps the line that never ends; a shell that ignores all signals watches it.
        let mut world = World::sh(
            "trap '' TERM HUP; (head -c 900000000 /dev/zero | tail -n 1 >/dev/null); sleep 600",
        );
        world.plain = plain;
        world.spec.limits.memory_bytes = Some(64 << 20);
        let (mut keeper, mut core) = world.start();
        core.started();
        let (limit, message) = reached(&mut core);
        assert_eq!(limit, "memory");
        assert!(message.ends_with("at most 64 MB (--memory)"), "{message}");
        core.exited();
        keeper.wait();
        assert_eq!(family(&world.spec.attempt), [] as [u32; 0]);
        assert!(!family(&quiet.spec.attempt).is_empty());
    }
}

#[test]
fn a_fork_bomb_ends_with_its_attempt() {
    let mut world = World::sh("bomb() { bomb | bomb & }; bomb; sleep 600");
    world.spec.limits = Limits { processes: Some(64), ..Limits::default() };
    let (mut keeper, mut core) = world.start();
    core.started();
    if rustix::process::getuid().is_root() {
        assert_eq!(reached(&mut core).0, "processes");
        core.exited();
        keeper.wait();
    } else {
        // The kernel counts: the bomb finds no room, and its shell says so.
        until("it finds no room", || {
            String::from_utf8_lossy(&world.read("out.raw")).to_lowercase().contains("fork")
        });
        assert!(family(&world.spec.attempt).len() <= 64);
        drop(keeper);
    }
    until("all are gone", || family(&world.spec.attempt).is_empty());
}

#[test]
fn many_processes_are_counted_without_a_namespace_too() {
    let mut world = World::sh("for i in $(seq 40); do sleep 600 & done; wait");
    world.plain = true;
    world.spec.limits.processes = Some(20);
    let (mut keeper, mut core) = world.start();
    let (limit, message) = reached(&mut core);
    let expected = "more than 20 processes and threads at once (--processes)";
    assert_eq!((limit.as_str(), message.as_str()), ("processes", expected));
    core.exited();
    keeper.wait();
    assert_eq!(family(&world.spec.attempt), [] as [u32; 0]);
}
