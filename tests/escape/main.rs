//! Agents that try to get out of their scope, in each of the ways that this machine can hold
//! them, and once with nothing that holds them: a try that fails even then shows nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod lent;
mod only;
mod outside;
mod paths;
#[allow(dead_code)]
#[path = "../e2e/procs.rs"]
mod procs;
#[allow(dead_code)]
#[path = "../e2e/tools.rs"]
mod tools;
#[allow(dead_code)]
#[path = "../e2e/wait.rs"]
mod wait;
#[allow(dead_code)]
#[path = "../e2e/world.rs"]
mod world;

use outside::Outside;
use std::collections::BTreeMap;
use world::World;

/// Tries that do nothing on this machine even where nothing holds them, whatever the reason:
/// a kernel without vsock, say. They are listed aloud.
const MAY_BE_MISSING: &[&str] = &[
    "opens_a_socket_to_a_hypervisor",
    "opens_a_socket_for_packets",
    "opens_the_audit_of_the_kernel",
    "connects_by_multipath",
    "connects_by_tcp_6",
    "uses_a_ring",
    "types_into_the_terminal",
    "types_into_the_terminal_by_the_other_number",
    "sets_an_attribute_outside",
    "makes_a_key",
    "loads_a_program_into_the_kernel",
    "makes_a_user_namespace",
    "makes_a_user_namespace_by_clone",
    "makes_a_user_namespace_by_clone3",
];

/// What only the superuser can do outside, too.
const SUPERUSERS: &[&str] = &[
    "writes_to_the_system",
    "makes_a_device",
    "changes_the_mode_of_a_device",
    "opens_by_handle",
    "mounts",
    "changes_its_root",
    "changes_the_kernels_settings",
    "raises_the_last_process_number",
    "has_rights_of_the_superuser",
];

/// Refused where nothing else holds an agent, too: sockets of Dash that are not its own.
const ALWAYS_REFUSED: &[&str] = &["asks_dash_as_its_owner"];

/// What each try came to.
type Findings = BTreeMap<String, Result<(), String>>;

/// Runs all tries in one agent.
fn run(world: &World, outside: &Outside, name: &str, flags: &[&str], stay: &str) -> Findings {
    let given = outside.describe(name, stay);
    let probes = world.work.join("probes.py");
    std::fs::write(&probes, include_str!("probes.py")).unwrap();
    let python = tools::find("python3").expect("python3");
    let python = python.to_str().unwrap();
    let mut args = vec!["--agents", "1"];
    args.extend(flags);
    args.extend(["--", python, "probes.py", &given]);
    let (swarm, code) = world.create_and_wait(&args);
    let agent = world.only_agent(&swarm);
    assert_eq!(code, 0, "{}", String::from_utf8_lossy(&world.raw_log(&agent)));
    let text = std::fs::read_to_string(world.work.join("results").join(name)).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("descriptors []"), "inherited by {name}");
    lines
        .map(|line| {
            let (name, rest) = line.split_once(' ').unwrap();
            let found = match rest.strip_prefix("no ") {
                Some(why) => Err(why.to_owned()),
                None => Ok(()),
            };
            (name.to_owned(), found)
        })
        .collect()
}

/// A world whose processes see each other but for a sandbox: so that it is the sandbox which
/// is tried, and not the namespace that every attempt is in.
fn unhidden() -> World {
    World::new().with("DASH_NO_PIDNS", "1")
}

/// What works where nothing holds an agent.
fn control(world: &World, outside: &Outside) -> Vec<String> {
    let findings = run(world, outside, "control", &["--no-sandbox"], "");
    let root = rustix::process::geteuid().is_root();
    let mut open = Vec::new();
    for (name, found) in findings {
        let listed = |list: &[&str]| list.contains(&name.as_str());
        match found {
            Ok(()) => open.push(name),
            Err(why) if listed(MAY_BE_MISSING) || (!root && listed(SUPERUSERS)) => {
                eprintln!("not on this machine: {name}: {why}");
            }
            Err(_) if listed(ALWAYS_REFUSED) => {}
            Err(why) => panic!("{name} does not even work outside: {why}"),
        }
    }
    assert!(open.len() > 40, "{open:?}");
    open
}

fn held(
    world: &World,
    outside: &Outside,
    open: &[String],
    name: &str,
    flags: &[&str],
    except: &[&str],
) {
    let stay = format!("{}.{}", 7000 + std::process::id() % 1000, name.len());
    let findings = run(world, outside, name, flags, &stay);
    let out: Vec<&str> = findings
        .iter()
        .filter(|(name, found)| found.is_ok() && !except.contains(&name.as_str()))
        .map(|(name, _)| name.as_str())
        .collect();
    assert!(out.is_empty(), "out of {name}: {out:?}");
    // The same tries, all of them.
    assert!(open.iter().all(|name| findings.contains_key(name)));
    for name in except {
        assert!(findings[*name].is_ok(), "{name} is held after all: take it off the list");
    }
    outside.assert_untouched();
    // The daemon that it left ended with it.
    let left: Vec<_> =
        world.processes().into_iter().filter(|process| process.command.contains(&stay)).collect();
    assert!(left.is_empty(), "left of {name}: {left:?}");
}

#[test]
fn nothing_gets_out_of_bubblewrap() {
    if !tools::have("bwrap") || !tools::have("python3") || !tools::have("git") {
        return;
    }
    let world = unhidden();
    let outside = Outside::new(&world);
    let open = control(&world, &outside);
    outside.restore();
    held(&world, &outside, &open, "bubblewrap", &[], &[]);
    // What git would have run later was moved away, and said.
    let hook = world.work.join("later/.git/hooks/pre-commit");
    assert!(!hook.exists(), "a hook made after the launch is still there");
    let events = world.ok(&["events"]).text();
    assert!(events.contains("later/.git/hooks/pre-commit"), "{events}");
}

#[test]
fn nothing_gets_out_of_landlock() {
    if !tools::have("python3") || !tools::have("git") {
        return;
    }
    let world = unhidden();
    world.configure("[sandbox]\nholder = \"landlock\"\n");
    if world.json(&["doctor"])["scope"] != "strict for files" {
        return tools::missing("Landlock of a version that holds by itself");
    }
    let outside = Outside::new(&world);
    // A tree with something protected in it is refused, and a network that would be limited.
    let refused = world.dash(&["swarm", "create", "--agents", "1", "--", "true"]);
    assert!(refused.code != 0 && refused.stderr.contains("--net any"), "{refused:?}");
    let refused = world.dash(&["swarm", "create", "--net", "any", "--agents", "1", "--", "true"]);
    assert!(refused.code != 0 && refused.stderr.contains("cannot be kept"), "{refused:?}");
    let possible = control(&world, &outside);
    outside.restore();
    outside.clear_protected();
    let network = [
        "connects_by_tcp",
        "connects_by_tcp_6",
        "connects_with_the_first_byte",
        "connects_by_multipath",
        "sends_by_udp",
    ];
    let mut open: Vec<&str> = network.into_iter().filter(|name| outside.has(name)).collect();
    open.retain(|name| possible.iter().any(|other| other == name));
    // There was none before; what is made of them is moved away in the end.
    open.extend(["writes_a_shells_start", "writes_a_package_managers_settings"]);
    // Names are for everybody to see where no namespace hides them.
    open.push("finds_anothers_name");
    // Landlock does not speak of modes and times, and git does not do without changing them;
    // `dash doctor` says so.
    open.extend(["changes_a_mode_outside", "touches_a_file_outside"]);
    open.extend(
        possible.iter().map(String::as_str).filter(|name| *name == "changes_the_mode_of_a_device"),
    );
    held(&world, &outside, &possible, "landlock", &["--net", "any"], &open);
}

#[test]
fn a_scope_that_became_a_link_is_not_followed() {
    if !tools::have("bwrap") {
        return;
    }
    let world = World::new();
    let (scope, outside) = (world.work.join("part"), world.path().join("outside"));
    std::fs::create_dir(&scope).unwrap();
    std::fs::create_dir(&outside).unwrap();
    let script = "echo x > part/written";
    let (swarm, code) =
        world.create_and_wait(&["--scope", "part", "--agents", "1", "--", "sh", "-c", script]);
    assert_eq!(code, 0);
    assert!(scope.join("written").exists());
    // The same agent once more, after somebody has put a link in its place.
    std::fs::rename(&scope, world.work.join("moved")).unwrap();
    std::os::unix::fs::symlink(&outside, &scope).unwrap();
    let agent = world.only_agent(&swarm);
    world.ok(&["agent", "retry", &agent]);
    world.until_state(&agent, &["failed"]);
    let results = world.json(&["swarm", "results", &swarm]);
    let error = results["results"][0]["error"].as_str().unwrap().to_owned();
    assert!(error.contains("has become a link"), "{error}");
    assert!(!outside.join("written").exists());
}

#[test]
fn who_listens_in_the_scope_is_spoken_to_only_where_he_is_named() {
    if !tools::have("bwrap") || !tools::have("python3") {
        return;
    }
    let world = World::new();
    let (lent, own) = (world.path().join("lent/deep/s"), world.work.join("own"));
    std::fs::create_dir_all(lent.parent().unwrap()).unwrap();
    let bind = |path: &std::path::Path| std::os::unix::net::UnixListener::bind(path).unwrap();
    let _listening = [bind(&lent), bind(&own)];
    // What the last server left is nobody's: the next one takes its place.
    drop(bind(&world.work.join("left")));
    let script = "import os, socket, sys\n\
                  for path in sys.argv[1:]:\n\
                  \x20try: socket.socket(socket.AF_UNIX).connect(path); print('reached', path)\n\
                  \x20except OSError as error: print('held', path, error)\n\
                  os.unlink('left')\n\
                  socket.socket(socket.AF_UNIX).bind('left')\n";
    std::fs::write(world.work.join("try.py"), script).unwrap();
    let python = tools::find("python3").expect("python3");
    let [python, lent, own] = [&python, &lent, &own].map(|path| path.to_str().unwrap());
    let said = |flags: &[&str]| {
        let command = ["--", python, "try.py", lent, own];
        let (swarm, code) =
            world.create_and_wait(&[&["--agents", "1"][..], flags, &command].concat());
        let log = world.raw_log(&world.only_agent(&swarm));
        let log = String::from_utf8(log).unwrap();
        assert_eq!(code, 0, "{log}");
        [lent, own].map(|path| log.contains(&format!("reached {path}")))
    };
    let read = world.path().join("lent").display().to_string();
    assert_eq!(said(&["--no-sandbox"]), [true, true]);
    assert_eq!(said(&["--read", &read]), [false, false]);
    assert_eq!(said(&["--read", &read, "--scope", ".", "--scope", "own"]), [false, true]);
    // Nor does a child open what is closed to its parent.
    let script = "dash agent spawn --scope own -- true; echo spawned $?";
    let args = ["--agents", "1", "--", "sh", "-c", script];
    let (swarm, _) = world.create_and_wait(&args);
    let log = world.raw_log(&world.only_agent(&swarm));
    let log = String::from_utf8(log).unwrap();
    assert!(log.contains("spawned") && !log.contains("spawned 0"), "{log}");
    assert!(log.contains("may not touch"), "{log}");
}

#[test]
fn what_no_text_can_name_is_moved_away_too_and_stops_nobody() {
    if !tools::have("bwrap") || !tools::have("git") {
        return;
    }
    let world = World::new();
    let script = "d=$(printf 'x\\377'); git init -q \"$d\"; \
                  command -p git -C \"$d\" config core.fsmonitor evil; \
                  git -C \"$d\" config user.name ok";
    let name = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"x\xff");
    let settings = world.work.join(name).join(".git/config");
    for _ in 0..2 {
        let (_, code) = world.create_and_wait(&["--agents", "1", "--", "sh", "-c", script]);
        assert_eq!(code, 0);
        let left = std::fs::read_to_string(&settings).unwrap();
        assert!(left.contains("ok") && !left.contains("evil"), "{left}");
    }
    assert!(world.ok(&["events"]).text().contains("others would obey it"));
}

#[test]
fn what_moves_with_its_directory_stays_and_links_of_obeyed_names_stop_nobody() {
    if !tools::have("bwrap") {
        return;
    }
    let world = World::new();
    let at = |path: &str| world.work.join(path);
    for file in ["packages/web/.npmrc", "packages/web/.vscode/s", "real/s", "conf/config.toml"] {
        std::fs::create_dir_all(at(file).parent().unwrap()).unwrap();
        std::fs::write(at(file), "mine").unwrap();
    }
    std::fs::create_dir(at("z")).unwrap();
    std::os::unix::fs::symlink("../real", at("z/.vscode")).unwrap();
    std::os::unix::fs::symlink("conf", at(".cargo")).unwrap();
    std::os::unix::fs::symlink("nowhere", at(".envrc")).unwrap();
    // The second time as the next attempt, in a scope that was looked at before the move.
    let script = "for f in real/s conf/config.toml packages/app/.npmrc packages/app/.vscode/s; \
                  do echo evil >$f; done; [ -e packages/app ] && exit 0; \
                  mv packages/web packages/app; mkdir dot; echo evil >dot/config.toml; \
                  ln -s dot packages/.cargo; echo evil >conf/config; exit 3";
    let args = ["--agents", "1", "--name", "movers", "--", "sh", "-c", script];
    let (swarm, _) = world.create_and_wait(&args);
    let agent = world.only_agent(&swarm);
    world.ok(&["agent", "retry", &agent]);
    world.until_state(&agent, &["done"]);
    for file in ["real/s", "conf/config.toml", "packages/app/.npmrc", "packages/app/.vscode/s"] {
        assert_eq!(std::fs::read_to_string(at(file)).unwrap(), "mine", "{file}");
    }
    for link in ["z/.vscode", ".cargo", ".envrc"] {
        assert!(at(link).is_symlink(), "{link}");
    }
    assert!(!at("packages/.cargo").is_symlink() && !at("conf/config").exists());
    // What is held is said, and not deleted unasked.
    assert!(world.ok(&["swarm", "results", "movers"]).all().contains("moved out of the scope"));
    let refused = world.dash(&["swarm", "rm", "movers"]);
    assert_ne!(refused.code, 0);
    let said = refused.all();
    assert!(said.contains("/held") && said.contains("swarm rm --force movers"), "{said}");
    world.ok(&["swarm", "rm", "--force", "movers"]);
}
