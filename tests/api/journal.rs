//! A journal that was damaged, or is gone: the core says what to do, and that works.

use crate::world::World;
use std::{fs, process::Command};

/// A world in which an agent has printed `old`, and whose journal is cut in half.
fn damaged() -> World {
    let world = World::new();
    world.create_and_wait(&["--agents", "1", "--", "echo", "old"]);
    world.ok(&["core", "stop"]);
    let journal = world.journal();
    let merged = rusqlite::Connection::open(&journal).unwrap();
    let merge = "PRAGMA wal_checkpoint(TRUNCATE)";
    merged.query_row(merge, [], |_| Ok(())).unwrap();
    drop(merged);
    let size = fs::metadata(&journal).unwrap().len();
    fs::File::options().write(true).open(&journal).unwrap().set_len(size / 2).unwrap();
    world
}

#[test]
fn a_damaged_journal_says_how_to_go_on_and_that_works() {
    let world = damaged();
    let journal = world.journal();
    let state = journal.parent().unwrap();
    let said = world.exits(&["swarm", "list"], 7).stderr;
    let report = world.exits(&["doctor"], 7).stdout;
    let report = String::from_utf8(report).unwrap();
    for text in [&said, &report] {
        assert!(text.contains(&format!("{} is damaged: ", journal.display())), "{text}");
        assert!(text.contains(&format!("remains: {}", state.join("attempts").display())), "{text}");
        assert!(text.contains("to restore it"), "{text}");
    }
    let doctor = world.exits(&["doctor", "--json"], 7).json();
    assert_eq!(doctor["checks"][0]["status"], "fail", "{doctor}");

    let way = said.lines().find(|line| line.contains("move it away")).unwrap();
    let way = &way[way.find('(').unwrap()..];
    assert!(Command::new("sh").args(["-c", way]).status().unwrap().success());
    // Its numbers are given again: nothing of what was is taken for the new.
    let (swarm, code) = world.create_and_wait(&["--agents", "1", "--", "echo", "new"]);
    let agent = world.only_agent(&swarm);
    assert_eq!((agent.as_str(), code), ("ag-01", 0));
    assert_eq!(world.raw_log(&agent), b"new\r\n");
    assert_eq!(fs::read(state.join("lost-1/attempts/ag-01-1/out.raw")).unwrap(), b"old\r\n");
    assert!(state.join("damaged/journal.db").exists());
}

#[test]
fn agents_of_a_journal_that_is_gone_are_stopped_and_their_output_kept() {
    let world = World::new();
    let swarm = world.create(&["--agents", "1", "--", "sh", "-c", "echo old; sleep 1000"]);
    let agent = world.only_agent(&swarm);
    world.until_shown(&agent, "old");
    let pid = world.agent(&agent)["pid"].as_u64().unwrap();
    world.ok(&["core", "stop"]);
    let journal = world.journal();
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{suffix}", journal.display()));
    }
    assert_eq!(world.agents(), [] as [serde_json::Value; 0]);
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    let kept = journal.with_file_name("lost-1/attempts/ag-01-1");
    assert_eq!(fs::read(kept.join("out.raw")).unwrap(), b"old\r\n");
    assert!(kept.join("exit.json").exists(), "its end was written before it was moved");
}
