//! Real agents in git worktrees of their own.

use crate::{
    stage::{results, stage, turn},
    tools,
    world::World,
};
use std::process::Command;

fn git(world: &World, args: &[&str]) -> String {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=T", "-c", "user.email=t@localhost"]).args(args);
    command.env_clear().envs(world.environment()).current_dir(&world.work);
    let output = world.run(command, b"", crate::wait::LIMIT);
    assert_eq!(output.code, 0, "{output:?}");
    output.text()
}

#[test]
fn results_list_what_each_changed() {
    let _turn = turn();
    if !tools::have("git") {
        return;
    }
    let Some(world) = stage() else { return };
    git(&world, &["init", "-q", "-b", "main"]);
    world.write("file", "one\n");
    git(&world, &["add", "."]);
    git(&world, &["commit", "-qm", "first"]);
    let (id, code) = world.create_and_wait(&[
        "--agent",
        "claude:1,codex:1,mini:1,pi:1",
        "--worktree",
        "--task",
        "write {index}.txt: x",
    ]);
    let rows = results(&world, &id);
    assert_eq!(code, 0, "{rows:#?}");
    for row in &rows {
        let files = row["files"].as_array().unwrap_or_else(|| panic!("no files in {row:#}"));
        let paths: Vec<_> = files.iter().map(|file| file["path"].as_str().unwrap()).collect();
        assert_eq!(paths, [format!("{}.txt", row["index"])], "{row:#}");
        assert_eq!((&files[0]["added"], &files[0]["removed"]), (&1.into(), &0.into()));
    }
    assert_eq!(git(&world, &["status", "--porcelain"]), "", "the user's own tree is untouched");
}
