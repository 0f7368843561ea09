//! What Dash keeps opens in the programs of others.

use crate::{tools, world::World};
use std::process::Command;

fn tool(world: &World, program: &str, args: &[&str]) -> crate::world::Output {
    let mut command = Command::new(program);
    command.args(args).env_clear().envs(world.environment()).current_dir(&world.work);
    world.run(command, b"", crate::wait::LIMIT)
}

#[test]
fn the_journal_opens_in_sqlite3() {
    if !tools::have("sqlite3") {
        return;
    }
    let world = World::new();
    let (_, code) = world.create_and_wait(&["--agents", "2", "--", "true"]);
    assert_eq!(code, 0);
    let journal = world.journal().display().to_string();
    let output = tool(
        &world,
        "sqlite3",
        &[&journal, "pragma integrity_check; select count(*) from events;"],
    );
    assert_eq!(output.code, 0, "{output:?}");
    let text = output.text();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("ok"), "{output:?}");
    let rows: usize = lines.next().unwrap().parse().unwrap();
    let events = world
        .ok(&["events", "--since", "0", "--filter", "level=debug", "--json"])
        .text()
        .lines()
        .count();
    assert_eq!(rows, events);
    // And while the core is gone without a word.
    world.kill_core();
    let output = tool(&world, "sqlite3", &[&journal, "pragma integrity_check;"]);
    assert_eq!(output.text().trim(), "ok", "{output:?}");
}

#[test]
fn an_exported_recording_plays_in_asciinema() {
    let world = World::new();
    let (id, code) = world.create_and_wait(&[
        "--agents", "1", "--", "sh", "-c",
        "printf 'first\\nsecond \\033[31mred\\033[0m\\n'; printf 'bytes \\377\\376 and \\342\\202\\254\\n'",
    ]);
    assert_eq!(code, 0);
    let agent = world.only_agent(&id);
    let cast = world.ok(&["agent", "log", &agent, "--cast"]);
    let header: serde_json::Value =
        serde_json::from_str(cast.text().lines().next().unwrap()).unwrap();
    assert_eq!(header["version"], 3, "{header}");
    for line in cast.text().lines().skip(1) {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(event[0].is_number() && event[1].is_string() && event[2].is_string(), "{line}");
    }
    if !tools::have("asciinema") {
        return;
    }
    let version = tool(&world, "asciinema", &["--version"]).text();
    if version.contains(" 2.") || version.contains(" 1.") {
        return tools::missing(&format!("{} does not play version 3", version.trim()));
    }
    let file = world.write("log.cast", &cast.stdout).display().to_string();
    let output = tool(&world, "asciinema", &["convert", "-f", "txt", &file, "out.txt"]);
    assert_eq!(output.code, 0, "{output:?}");
    let text = std::fs::read_to_string(world.work.join("out.txt")).unwrap();
    assert!(text.starts_with("first\nsecond red\nbytes "), "{text:?}");
    assert!(text.contains('€'), "{text:?}");
}
