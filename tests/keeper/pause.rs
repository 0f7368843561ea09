//! An attempt that is held: nothing of it moves until it may go on, and a stop finds it.

use crate::cases::both;
use crate::harness::{Peer, World, family, lines, until};
use dash::protocol::keeper::ToKeeper;
use std::fs;

/// In front, in the background, out of the session, and one that the agent stopped itself.
const SCRIPT: &str = "set -m; tick() { while [ ! -e go ]; do echo x >>$1; sleep 0.02; done; }; \
    tick background & sleep 1000 & kill -STOP $!; echo $! >asleep; \
    setsid sh -c 'while [ ! -e go ]; do echo x >>session; sleep 0.02; done' & \
    sh -c 'while [ ! -e go ]; do echo x >>front; sleep 0.02; done'; echo $? >after; \
    kill -9 $(cat asleep)";
const TICKERS: [&str; 3] = ["background", "session", "front"];

fn ticks(world: &World) -> [usize; 3] {
    TICKERS.map(|name| lines(&world.path(name)))
}

fn until_all_tick(world: &World) {
    let before = ticks(world);
    until("all tick", || ticks(world).iter().zip(before).all(|(now, before)| *now > before + 1));
}

fn state(pid: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(") ").next()?.chars().next()
}

/// Stopped, or in the kernel: whoever made a child by vfork waits there until the child, which
/// is stopped, runs its program.
fn until_all_stand(world: &World) {
    until("all stand still", || {
        let mut states = family(&world.spec.attempt).into_iter().filter_map(state);
        states.all(|state| "TZXD".contains(state))
    });
}

fn start(world: &World) -> (crate::harness::Keeper, Peer) {
    let (keeper, mut core) = world.start();
    core.started();
    until("one was stopped", || !world.read("asleep").is_empty());
    until_all_tick(world);
    (keeper, core)
}

#[test]
fn a_held_attempt_stands_still_and_goes_on_where_it_was() {
    both(SCRIPT, |world| {
        let (mut keeper, mut core) = start(world);
        core.say(&ToKeeper::Pause { paused: true });
        until_all_stand(world);
        let before = ticks(world);
        // As long as another one takes.
        let clock = World::sh(SCRIPT);
        let other = start(&clock);
        assert_eq!(ticks(world), before);
        drop(other);
        // Also under the next core, which says so.
        let mut next = world.connect();
        let hello = ToKeeper::Core {
            version: 1,
            epoch: 2,
            facts_after: 0,
            judges: false,
            looks: false,
            paused: true,
        };
        next.say(&hello);
        next.screen();
        assert_eq!(ticks(world), before);
        next.say(&ToKeeper::Pause { paused: false });
        until_all_tick(world);
        let asleep = String::from_utf8(world.read("asleep")).unwrap();
        // In its own namespace it has another number.
        if world.plain {
            assert_eq!(state(asleep.trim().parse().unwrap()), Some('T'), "it was stopped before");
        }
        assert!(world.read("after").is_empty(), "the shell saw nothing stop");
        fs::write(world.path("go"), "").unwrap();
        assert_eq!(next.exited().code, Some(0));
        assert_eq!(world.read("after"), b"0\n");
        keeper.wait();
    });
}

#[test]
fn a_stop_finds_a_held_attempt() {
    let script = "trap 'echo heard; exit 3' TERM; echo ready; while :; do sleep 0.02; done";
    both(script, |world| {
        let (mut keeper, mut core) = world.start();
        core.started();
        until("the trap stands", || world.read("out.raw").starts_with(b"ready"));
        core.say(&ToKeeper::Pause { paused: true });
        until_all_stand(world);
        core.say(&ToKeeper::Stop { grace_ms: 30_000 });
        // Too late to hold it.
        core.say(&ToKeeper::Pause { paused: true });
        assert_eq!(core.exited().code, Some(3));
        keeper.wait();
        assert_eq!(family(&world.spec.attempt), Vec::<u32>::new());
    });
}

#[test]
fn a_held_attempt_ends_with_its_keeper() {
    let world = World::sh("while :; do sleep 0.02; done");
    let (mut keeper, mut core) = world.start();
    core.started();
    core.say(&ToKeeper::Pause { paused: true });
    until_all_stand(&world);
    keeper.0.kill().unwrap();
    keeper.0.wait().unwrap();
    until("nothing is left", || family(&world.spec.attempt).is_empty());
}
