//! What remains of a run: its recording, and why its state is what it is.

use crate::{
    stage::{stage, turn},
    tools,
};
use std::process::Command;

#[test]
fn recordings_export_and_states_are_explained() {
    let _turn = turn();
    let Some(world) = stage() else { return };
    let (id, code) = world.create_and_wait(&[
        "--agent",
        "claude:1,codex:1,pi:1",
        "--task",
        "write {index}.txt: x",
    ]);
    assert_eq!(code, 0);
    for agent in world.agents_of(&id) {
        let explained = world.json(&["agent", "explain", &agent]);
        let signals = explained["signals"].as_array().unwrap();
        let source = |name: &str| signals.iter().find(|signal| signal["source"] == name);
        assert_eq!(source("process").unwrap()["decided"], true, "{explained:#}");
        assert!(source("output").is_some(), "no structured output in {explained:#}");
        assert!(source("gateway").is_some(), "{explained:#}");
        let shown = world.ok(&["agent", "explain", &agent]).text();
        assert!(shown.contains("output") && shown.contains("process"), "{shown}");

        let raw = world.raw_log(&agent);
        let session: [&[u8]; 3] = [b"\"session_", b"\"thread_i", b"\"session\""];
        assert!(raw.windows(9).any(|w| session.contains(&w)), "{raw:?}");
        let cast = world.ok(&["agent", "log", &agent, "--cast"]);
        let text = cast.text();
        let header: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!(header["version"], 3);
        if !tools::have("asciinema") {
            continue;
        }
        let file = world.write("log.cast", &cast.stdout).display().to_string();
        let mut command = Command::new("asciinema");
        command.args(["convert", "--overwrite", "-f", "txt", &file, "out.txt"]);
        command.env_clear().envs(world.environment()).current_dir(&world.work);
        let output = world.run(command, b"", crate::wait::LIMIT);
        assert_eq!(output.code, 0, "{output:?}");
        let played = std::fs::read_to_string(world.work.join("out.txt")).unwrap();
        assert!(played.contains("is written"), "{played}");
    }
}
