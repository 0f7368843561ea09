//! `--allow-only`: nothing but the named programs is executed, in whatever way it is tried.

use crate::{tools, world::World};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// What is not to be held: the programs that were named.
/// And, as `--help` says, code of the agent's own making, by the loader that every program
/// needs: Landlock tells no loading from executing.
const OPEN: &[&str] =
    &["listed_by_path", "listed_by_name", "text_by_a_listed_interpreter", "its_own_by_the_loader"];

/// A python that is a program itself, and no script that looks for one.
fn python() -> Option<String> {
    let found = Path::new("/usr/bin/python3");
    if !found.exists() {
        tools::missing("/usr/bin/python3");
        return None;
    }
    Some(found.display().to_string())
}

/// The loader of this machine.
fn loader() -> PathBuf {
    let known = ["/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"];
    let found = known.iter().map(Path::new).find(|path| path.exists());
    found.expect("a loader by one of its usual names").to_owned()
}

/// Runs all tries in one agent: what each came to, none where it worked.
fn run(world: &World, flags: &[&str]) -> BTreeMap<String, Option<String>> {
    let work = world.work.canonicalize().unwrap();
    for entry in fs::read_dir(&work).unwrap().flatten() {
        fs::remove_file(entry.path()).unwrap();
    }
    fs::write(work.join("programs.py"), include_str!("programs.py")).unwrap();
    let python = python().unwrap();
    let loader = loader();
    let mut args = vec!["--agents", "1"];
    args.extend(flags);
    let (work_text, loader) = (work.to_str().unwrap(), loader.to_str().unwrap());
    args.extend(["--", &python, "programs.py", work_text, "/usr/bin/true", "/bin/sh", loader]);
    let (swarm, code) = world.create_and_wait(&args);
    let log = world.raw_log(&world.only_agent(&swarm));
    assert_eq!(code, 0, "{}", String::from_utf8_lossy(&log));
    let text = fs::read_to_string(work.join("programs")).unwrap();
    let line = |line: &str| match line.split_once(" no ") {
        Some((name, why)) => (name.to_owned(), Some(why.to_owned())),
        None => (line.to_owned(), None),
    };
    text.lines().map(line).collect()
}

fn held(world: &World, flags: &[&str]) {
    let control = run(world, &["--no-sandbox"]);
    let failed: Vec<_> = control.iter().filter(|(_, why)| why.is_some()).collect();
    assert!(failed.is_empty(), "not even without a scope: {failed:#?}");
    let flags = [flags, &["--allow-only", "sh"]].concat();
    let found = run(world, &flags);
    assert_eq!(found.len(), control.len());
    for (name, why) in &found {
        assert_eq!(why.is_none(), OPEN.contains(&name.as_str()), "{name}: {why:?}\n{found:#?}");
    }
}

#[test]
fn only_what_is_named_is_executed_in_bubblewrap() {
    if !tools::have("bwrap") || python().is_none() {
        return;
    }
    held(&World::new(), &[]);
}

#[test]
fn only_what_is_named_is_executed_under_landlock() {
    let world = World::new();
    world.configure("[sandbox]\nholder = \"landlock\"\n");
    if python().is_none() || world.json(&["doctor"])["scope"] != "strict for files" {
        return tools::missing("Landlock of a version that holds by itself");
    }
    held(&world, &["--net", "any"]);
}

#[test]
fn what_cannot_be_held_is_refused() {
    if !tools::have("bwrap") {
        return;
    }
    let world = World::new();
    let create = |flags: &[&str]| {
        world.dash(
            &[&["swarm", "create", "--agents", "1"], flags, &["--", "sh", "-c", ":"]].concat(),
        )
    };
    let none = create(&["--allow-only"]);
    assert_eq!(none.code, 2, "{none:?}");
    assert!(none.stderr.contains("--allow-only names no program"), "{none:?}");
    let unknown = create(&["--allow-only", "sh,no-such-program"]);
    assert!(unknown.code != 0 && unknown.stderr.contains("no-such-program"), "{unknown:?}");
    fs::write(world.work.join("own"), "#!/bin/sh\n").unwrap();
    crate::world::set_mode(&world.work.join("own"), 0o755);
    let own = create(&["--allow-only", "./own"]);
    assert!(own.code != 0 && own.stderr.contains("may be written"), "{own:?}");
    let none = create(&["--allow-only", "sh", "--no-sandbox"]);
    assert!(none.code != 0 && none.stderr.contains("without a sandbox"), "{none:?}");
    let dry = world.ok(&[
        "swarm",
        "create",
        "--allow-only",
        "git",
        "--allow",
        "ls -l",
        "--dry-run",
        "--task",
        "x",
    ]);
    assert!(dry.text().contains("; only git, ls"), "{dry:?}");
    // The programs of --allow count, and the judge knows who holds it.
    let swarm = world.create(&["--allow-only", "--allow", "sh -c", "--", "sh", "-c", "sleep 600"]);
    let said = world.dash(&["policy", "check", "--swarm", &swarm, "--json", "--", "ls"]).json();
    assert_eq!((&said["verdict"], &said["enforced_by"]), (&"deny".into(), &"kernel".into()));
    world.ok(&["swarm", "stop", &swarm]);
}

#[test]
fn a_child_executes_no_more_than_its_parent() {
    if !tools::have("bwrap") {
        return;
    }
    let world = World::new();
    let script = "dash agent spawn -- sleep 5 2> refused; \
                  dash agent spawn --allow-only sleep -- sleep 5 2> wished; \
                  id=$(dash agent spawn -- sh -c 'echo x > made' 2> spawned); \
                  dash agent wait $id 2>> spawned";
    let (swarm, _) = world.create_and_wait(&["--allow-only", "sh", "--", "sh", "-c", script]);
    let read = |name: &str| fs::read_to_string(world.work.join(name)).unwrap_or_default();
    for name in ["refused", "wished"] {
        assert!(read(name).contains("is not among the programs"), "{name}: {}", read(name));
    }
    assert!(!swarm.is_empty() && !read("spawned").contains("not among"), "{}", read("spawned"));
    assert!(world.work.join("made").exists(), "{}", read("spawned"));
}
