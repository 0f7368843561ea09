//! A git worktree and branch for each agent; unmerged work is never deleted.

use crate::{tools, world::World};
use std::{path::Path, process::Command};

fn git(world: &World, dir: &Path, args: &[&str]) -> String {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=T", "-c", "user.email=t@localhost"]).args(args);
    command.env_clear().envs(world.environment()).current_dir(dir);
    let output = world.run(command, b"", crate::wait::LIMIT);
    assert_eq!(output.code, 0, "{output:?}");
    output.text()
}

fn repository(world: &World) {
    git(world, &world.work, &["init", "-q", "-b", "main"]);
    world.write("file", "one\n");
    git(world, &world.work, &["add", "."]);
    git(world, &world.work, &["commit", "-qm", "first"]);
}

const COMMIT: &str = "echo {index} > file && git -c user.name=A -c user.email=a@localhost \
                      commit -qam 'by {index}' && pwd";

#[test]
fn every_agent_has_a_place_of_its_own() {
    if !tools::have("git") {
        return;
    }
    let world = World::new();
    repository(&world);
    let (id, code) =
        world.create_and_wait(&["--agents", "3", "--worktree", "--", "sh", "-c", COMMIT]);
    let results = world.json(&["swarm", "results", &id]);
    assert_eq!(code, 0, "{results:#}");
    assert_eq!(git(&world, &world.work, &["show", "main:file"]), "one\n", "main is untouched");
    let mut places = std::collections::BTreeSet::new();
    for row in results["results"].as_array().unwrap() {
        let branch = row["branch"].as_str().unwrap();
        let tip = git(&world, &world.work, &["show", &format!("{branch}:file")]);
        assert_eq!(tip.trim(), row["index"].to_string());
        let files = row["files"].as_array().unwrap();
        assert_eq!((files.len(), &files[0]["path"]), (1, &"file".into()), "{row:#}");
        assert_eq!((&files[0]["added"], &files[0]["removed"]), (&1.into(), &1.into()));
        places.insert(row["worktree"].as_str().unwrap().to_owned());
    }
    assert_eq!(places.len(), 3);
}

#[test]
fn removing_a_swarm_keeps_what_nobody_merged() {
    if !tools::have("git") {
        return;
    }
    let world = World::new();
    repository(&world);
    let cases = [
        // Committed on its branch; only written; nothing at all.
        (COMMIT, true),
        ("echo draft > new", true),
        ("true", false),
    ];
    for (command, worth_keeping) in cases {
        let (id, code) =
            world.create_and_wait(&["--agents", "1", "--worktree", "--", "sh", "-c", command]);
        assert_eq!(code, 0);
        let results = world.json(&["swarm", "results", &id]);
        let row = &results["results"][0];
        let branch = row["branch"].as_str().unwrap().to_owned();
        let place = Path::new(row["worktree"].as_str().unwrap()).to_owned();
        world.dash(&["swarm", "rm", &id]);
        if worth_keeping {
            let committed = git(&world, &world.work, &["branch", "--list", &branch]);
            assert!(!committed.trim().is_empty(), "branch {branch} was deleted ({command})");
        }
        if command.contains("draft") {
            let draft = std::fs::read_to_string(place.join("new")).unwrap_or_default();
            assert_eq!(draft, "draft\n", "uncommitted work was deleted");
        }
        // Once merged, there is nothing left to lose.
        if command == COMMIT {
            git(&world, &world.work, &["merge", "-q", "--no-edit", &branch]);
        }
    }
}

#[test]
fn worktrees_need_a_repository() {
    let world = World::new();
    let output = world.dash(&["swarm", "create", "--worktree", "--agents", "1", "--", "true"]);
    assert_ne!(output.code, 0, "{output:?}");
    assert!(output.stderr.contains("git"), "{output:?}");
}
