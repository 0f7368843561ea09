use super::*;
use crate::model::Cores;

/// A tree as the kernel shows it: each directory with its type (none for the root), its
/// processes, its controllers and those that it hands down.
fn tree(dirs: &[(&str, Option<&str>, &str, &str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (dir, kind, processes, controllers, handed) in dirs {
        let dir = root.path().join("sys/fs/cgroup").join(dir);
        fs::create_dir_all(&dir).unwrap();
        if let Some(kind) = kind {
            fs::write(dir.join("cgroup.type"), kind).unwrap();
        }
        fs::write(dir.join("cgroup.procs"), processes).unwrap();
        fs::write(dir.join("cgroup.controllers"), controllers).unwrap();
        fs::write(dir.join("cgroup.subtree_control"), handed).unwrap();
    }
    root
}

const MOUNT: &str = "23 1 0:5 / /proc rw - proc proc rw\n\
                     31 23 0:29 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n";
const ALL: &str = "cpu memory pids\n";
const DOMAIN: Option<&str> = Some("domain\n");

#[test]
fn the_nearest_directory_that_may_hold_groups_is_the_ground() {
    let root = tree(&[
        ("", None, "1\n", ALL, ALL),
        ("user", DOMAIN, "", ALL, "memory pids\n"),
        ("user/app", DOMAIN, "", "memory pids\n", "memory pids\n"),
        ("user/app/own", DOMAIN, "77\n", "memory pids\n", ""),
    ]);
    let own = "3:cpu:/x\n0::/user/app/own\n";
    let found = find(MOUNT, own, root.path(), "dash-x").unwrap();
    // Nearer is better only where it can do as much: `user` hands down the processor, too.
    let at = root.path().join("sys/fs/cgroup");
    let expected = Ground { dir: at.join("user/dash-x"), memory: true, cpu: true, processes: true };
    assert_eq!(found, expected);
    assert_eq!(fs::read_to_string(at.join("user/cgroup.subtree_control")).unwrap(), "+cpu");
    // The fake file keeps what was written last, so that memory and pids are to be had anew.
    fs::write(at.join("user/cgroup.controllers"), "memory pids\n").unwrap();
    fs::write(at.join("cgroup.controllers"), "memory pids\n").unwrap();
    fs::write(at.join("cgroup.subtree_control"), "memory pids\n").unwrap();
    fs::write(at.join("user/cgroup.subtree_control"), "memory\n").unwrap();
    let found = find(MOUNT, own, root.path(), "dash-x").unwrap();
    assert_eq!(found.dir, at.join("user/app/dash-x"));
    assert_eq!((found.memory, found.cpu, found.processes), (true, false, true));
}

#[test]
fn a_directory_with_processes_is_none_but_the_root() {
    let full = tree(&[
        ("", None, "1\n", ALL, ALL),
        ("a", DOMAIN, "9\n", ALL, ALL),
        ("a/own", DOMAIN, "77\n", ALL, ""),
    ]);
    let at = full.path().join("sys/fs/cgroup");
    let found = find(MOUNT, "0::/a/own\n", full.path(), "dash").unwrap();
    assert_eq!(found.dir, at.join("dash"));
    // The root itself, where that is where we are.
    assert_eq!(find(MOUNT, "0::/\n", full.path(), "dash").unwrap().dir, at.join("dash"));
    // In a container the top of what is mounted is no root.
    let inner = tree(&[("", DOMAIN, "1\n", ALL, "")]);
    assert_eq!(find(MOUNT, "0::/\n", inner.path(), "dash"), None);
    let threaded = tree(&[("", Some("domain threaded\n"), "", ALL, ALL)]);
    assert_eq!(find(MOUNT, "0::/\n", threaded.path(), "dash"), None);
}

#[test]
fn nothing_is_made_where_no_controller_is_to_be_had() {
    let root = tree(&[("", None, "1\n", "hugetlb\n", "")]);
    assert_eq!(find(MOUNT, "0::/\n", root.path(), "dash"), None);
    let at = root.path().join("sys/fs/cgroup");
    assert!(!at.join("dash").exists());
    assert_eq!(fs::read_to_string(at.join("cgroup.subtree_control")).unwrap(), "");
    assert_eq!(find("", "0::/\n", root.path(), "dash"), None);
    assert_eq!(find(MOUNT, "4:memory:/\n", root.path(), "dash"), None);
    assert_eq!(find(MOUNT, "0::/../other\n", root.path(), "dash"), None);
}

#[test]
fn a_part_of_the_hierarchy_may_be_mounted_elsewhere() {
    let root = tree(&[("a b", None, "1\n", ALL, ""), ("a b/own", DOMAIN, "7\n", ALL, "")]);
    let mount = "1 1 0:29 /other /x rw - cgroup2 c rw\n\
                 31 23 0:29 /part /sys/fs/cgroup/a\\040b rw - cgroup2 cgroup2 rw\n";
    let found = find(mount, "0::/part/own\n", root.path(), "dash").unwrap();
    assert_eq!(found.dir, root.path().join("sys/fs/cgroup/a b/dash"));
}

#[test]
fn limits_are_written_and_what_is_not_there_is_left_to_others() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("dash");
    let ground = Ground { dir: dir.clone(), memory: true, cpu: true, processes: false };
    fs::create_dir_all(dir.join("ag-01-1")).unwrap();
    fs::write(dir.join("ag-01-1/memory.swap.max"), "max\n").unwrap();
    let cpu: Option<Cores> = "1.5".parse().ok();
    let limits =
        Limits { memory_bytes: Some(64 << 20), cpu, processes: Some(9), ..Limits::default() };
    let group = Group::make(&ground, "ag-01-1", limits).unwrap();
    assert_eq!(group.held, Limits { processes: None, ..limits });
    let read = |file: &str| fs::read_to_string(group.dir().join(file)).unwrap_or_default();
    let written = ["memory.max", "memory.oom.group", "memory.swap.max", "cpu.max", "pids.max"];
    assert_eq!(written.map(read), ["67108864", "1", "0", "150000 100000", ""]);
    assert_eq!(
        fs::read_to_string(dir.join("cgroup.subtree_control")).unwrap(),
        "+cpu",
        "what was written last"
    );
    enter(group.dir()).unwrap();
    assert_eq!(read("cgroup.procs"), "0");
    assert!(!group.is_out_of_memory());
    fs::write(group.dir().join("memory.events"), "low 0\noom 1\noom_kill 2\n").unwrap();
    assert!(group.is_out_of_memory());
    let none = Limits { processes: Some(9), ..Limits::default() };
    assert!(Group::make(&ground, "ag-02-1", none).is_none());
    assert!(!dir.join("ag-02-1").exists());
}

/// What works without a controller, in the real hierarchy, where this user may make groups.
#[test]
fn a_real_group_is_entered_killed_and_removed() {
    let Some(at) = mount() else { return };
    let dir = at.join(format!("dash-test-{}", std::process::id()));
    let ground = Ground { dir, memory: false, cpu: false, processes: false };
    let Ok(group) = Group::make_in(&ground, "ag-01-1", Limits::default()) else { return };
    if !try_out(&Ground { dir: at.join("dash-test-try"), ..ground.clone() }) {
        group.remove();
        return;
    }
    let script = "echo 0 > \"$0/cgroup.procs\" && (sleep 600 & sleep 600) ; exit 1";
    let mut child = Command::new("sh").args(["-c", script]).arg(group.dir()).spawn().unwrap();
    let until = |what: &dyn Fn() -> bool| {
        let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while !what() {
            assert!(std::time::Instant::now() < end);
            std::thread::yield_now();
        }
    };
    let inside = || fs::read_to_string(group.dir().join("cgroup.procs")).unwrap_or_default();
    until(&|| inside().lines().count() >= 3);
    let is_populated = || {
        let events = fs::read_to_string(group.dir().join("cgroup.events")).unwrap();
        number(&events, "populated") == Some(1)
    };
    assert!(is_populated() && !group.remove());
    assert!(fs::read_to_string(group.dir().join("cpu.stat")).unwrap().contains("usage_usec"));
    group.kill();
    use std::os::unix::process::ExitStatusExt;
    assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGKILL));
    until(&|| !is_populated());
    assert!(group.remove() && !ground.dir.exists());
}
