//! Limits that the keeper holds by watching: who is beyond one is ended, and only he.

use crate::harness::{Peer, World, family, until};
use dash::model::{Ground, Limits};
use dash::protocol::keeper::FactKind;
use dash::sandbox::numbers;
use std::os::unix::fs::MetadataExt;

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
    let root = rustix::process::getuid().is_root();
    // Where root's processes have no end, a moment between two generations: else the other
    // tests here find no process numbers.
    let pause = if root && !numbers::are_held() { "sleep 0.1; " } else { "" };
    // Where no more can be started the shells give up; what they have started stays.
    let bomb = format!("bomb() {{ {pause}sleep 600 & bomb | bomb & }}; bomb; exec sleep 600");
    let mut world = World::sh(&bomb);
    world.spec.limits = Limits { processes: Some(64), ..Limits::default() };
    let (mut keeper, mut core) = world.start();
    core.started();
    if root {
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
fn roots_processes_come_to_an_end_too() {
    if !numbers::are_held() {
        return;
    }
    let most = || std::fs::read_to_string("/proc/sys/kernel/pid_max").unwrap();
    let machines = most();
    let mut world = World::sh("cat /proc/sys/kernel/pid_max");
    world.spec.limits.processes = Some(200);
    let (mut keeper, mut core) = world.start();
    core.exited();
    keeper.wait();
    assert_eq!(String::from_utf8(world.read("out.raw")).unwrap(), "1524\r\n");
    assert_eq!(most(), machines, "the machine's own has changed");
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

/// Python, for what no shell does; none: nothing to try.
fn python(script: &str) -> Option<World> {
    let there = std::process::Command::new("python3").arg("--version").output().is_ok();
    there.then(|| World::new(&["python3", "-c", script]))
}

#[test]
fn files_in_memory_are_memory() {
    let script = "import os, time\n\
                  hidden = os.memfd_create('x')\n\
                  for _ in range(200): os.write(hidden, bytes(1 << 20))\n\
                  time.sleep(600)";
    let Some(mut world) = python(script) else { return };
    world.spec.limits.memory_bytes = Some(64 << 20);
    let (mut keeper, mut core) = world.start();
    let (limit, message) = reached(&mut core);
    assert_eq!(limit, "memory");
    assert!(message.ends_with("at most 64 MB (--memory)"), "{message}");
    core.exited();
    keeper.wait();
}

/// Where files reach a disk: a temporary directory may lie in memory.
fn on_disk() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

#[test]
fn who_fills_the_disk_is_ended() {
    let script = "n=0; while [ $n -lt 900 ]; do n=$((n + 1)); \
                  head -c 5000000 /dev/zero > $n; done; sleep 600";
    for plain in [false, true] {
        let files = on_disk();
        let mut world = World::sh(script);
        world.plain = plain;
        world.spec.cwd = files.path().to_owned();
        world.spec.limits.disk_bytes = Some(50 << 20);
        let (mut keeper, mut core) = world.start();
        let (limit, message) = reached(&mut core);
        assert_eq!(limit, "disk");
        assert!(message.ends_with("MB written to disk: at most 50 MB (--disk)"), "{message}");
        core.exited();
        keeper.wait();
        assert_eq!(family(&world.spec.attempt), [] as [u32; 0]);
    }
}

/// It takes room that no figure of the kernel's tells of.
#[test]
fn no_room_is_taken_without_writing() {
    let files = on_disk();
    let mut world = World::sh("fallocate -l 5000000 room; stat -c %b room");
    world.spec.cwd = files.path().to_owned();
    world.spec.limits.disk_bytes = Some(50 << 20);
    let (mut keeper, mut core) = world.start();
    core.exited();
    keeper.wait();
    let blocks = std::fs::metadata(files.path().join("room")).map_or(0, |meta| meta.blocks());
    assert_eq!(blocks, 0);
}

#[test]
fn no_file_gets_larger_than_all_may() {
    let files = on_disk();
    let mut world = World::sh("exec head -c 90000000 /dev/zero > large");
    world.spec.cwd = files.path().to_owned();
    world.spec.limits.disk_bytes = Some(20 << 20);
    let (mut keeper, mut core) = world.start();
    let (limit, message) = reached(&mut core);
    assert_eq!((&*limit, &*message), ("disk", "a file of more than 20 MB (--disk)"));
    assert_eq!(core.exited().signal, Some(libc::SIGXFSZ));
    keeper.wait();
    assert_eq!(std::fs::metadata(files.path().join("large")).unwrap().len(), 20 << 20);
}

#[test]
fn a_whole_number_of_cores_is_all_that_is_left() {
    let script = "import os\n\
                  print('has', len(os.sched_getaffinity(0)))\n\
                  try: os.sched_setaffinity(0, range(os.cpu_count())); print('got more')\n\
                  except PermissionError: print('no more')";
    for plain in [false, true] {
        let Some(mut world) = python(script) else { return };
        world.plain = plain;
        world.spec.limits.cpu = "1".parse().ok();
        let (mut keeper, mut core) = world.start();
        assert_eq!(core.exited().code, Some(0));
        keeper.wait();
        let said = String::from_utf8(world.read("out.raw")).unwrap();
        let cores = dash::sandbox::cores::own().len();
        let held = if cores > 1 { "has 1\r\nno more\r\n" } else { "has 1\r\ngot more\r\n" };
        assert_eq!(said, held);
    }
}

#[test]
fn a_fraction_of_a_core_is_refused_without_a_group() {
    let mut world = World::sh("true");
    world.spec.limits.cpu = "0.5".parse().ok();
    let (mut keeper, mut core) = world.start();
    let message = core.fact(|kind| match kind {
        FactKind::LaunchFailed { step, message } if step == "limits" => Some(message.clone()),
        _ => None,
    });
    assert_eq!(message, "cpu: nothing here holds a fraction of a core (0.5)");
    core.exited();
    keeper.wait();
}

/// The group's files are plain ones here: what the kernel would be told is read from them.
#[test]
fn an_attempt_lives_in_its_group_and_dies_by_it() {
    for plain in [false, true] {
        let ground = tempfile::tempdir().unwrap();
        let mut world = World::sh("echo up; sleep 600");
        world.plain = plain;
        world.spec.ground = Some(Ground {
            dir: ground.path().join("dash"),
            memory: true,
            cpu: true,
            processes: true,
        });
        world.spec.limits = Limits {
            memory_bytes: Some(64 << 20),
            cpu: "0.5".parse().ok(),
            processes: Some(50),
            ..Limits::default()
        };
        let (mut keeper, mut core) = world.start();
        let agent = core.started();
        let group = ground.path().join("dash").join(world.spec.attempt.as_str());
        let read = |file: &str| std::fs::read_to_string(group.join(file)).unwrap_or_default();
        let files = ["memory.max", "memory.oom.group", "cpu.max", "pids.max", "cgroup.procs"];
        assert_eq!(files.map(read), ["67108864", "1", "50000 100000", "50", "0"]);
        std::fs::write(group.join("memory.events"), "oom_kill 1\n").unwrap();
        std::fs::write(group.join("memory.peak"), "67100000\n").unwrap();
        let agent = rustix::process::Pid::from_raw(agent as i32).unwrap();
        rustix::process::kill_process(agent, rustix::process::Signal::KILL).unwrap();
        let (limit, message) = reached(&mut core);
        let expected = "63 MB of memory in its processes: at most 64 MB (--memory)";
        assert_eq!((&*limit, &*message), ("memory", expected));
        until("what is left is killed", || read("cgroup.kill") == "1");
        // A directory of the kernel's goes with its files.
        std::fs::remove_dir_all(&group).unwrap();
        core.exited();
        keeper.wait();
        assert!(!group.exists());
    }
}
