//! An agent that nobody here has seen: `aider` by a user's file, `aider.toml` beside this one,
//! and what `dash doctor --adapter` says of such files. The real aider runs where it is on PATH
//! (`pip install aider-chat`).

use crate::{stage::results, tools, world::World};
use std::{env, fs, os::unix::fs::PermissionsExt, path::Path};

const ADAPTER: &str = include_str!("aider.toml");

const SCENARIO: &str = r#"
name = "aider"

[[rule]]
when = { task = "refuse me" }
reply = { error = 400, message = "simulated: the task cannot be done" }

[[rule]]
when = { task = "write {file}: {content}" }
reply = { say = "{file}\n```\n{content}\n```\n", usage = { input = 1000, output = 50 } }
"#;

/// A world with the file in the user's `agents/`.
fn world(path: &str) -> World {
    let world = World::new();
    let agents = world.path().join("config/dash/agents");
    fs::create_dir_all(&agents).unwrap();
    fs::write(agents.join("aider.toml"), ADAPTER).unwrap();
    let scenario = world.path().join("scenario.toml");
    fs::write(&scenario, SCENARIO).unwrap();
    world.with("PATH", path).with("DASH_SCENARIO", &scenario.display().to_string())
}

/// A directory with a program in it that says this version.
fn saying(world: &Path, version: &str) -> String {
    let bin = world.join("bin");
    fs::create_dir_all(&bin).unwrap();
    let file = bin.join("aider");
    fs::write(&file, format!("#!/bin/sh\necho aider {version}\n")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    format!("{}:/usr/bin:/bin", bin.display())
}

fn file(world: &World) -> String {
    world.path().join("config/dash/agents/aider.toml").display().to_string()
}

#[test]
fn the_doctor_looks_at_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(&saying(dir.path(), "0.86.2"));
    let file = file(&world);
    let report = world.json(&["doctor", "--adapter", &file]);
    assert_eq!(report["name"], "aider", "{report:#}");
    let checks = report["checks"].as_array().unwrap();
    assert!(checks.iter().all(|check| check["status"] == "ok"), "{checks:#?}");
    let launch = &report["launch"];
    let argv: Vec<_> = launch["argv"].as_array().unwrap().iter().collect();
    assert_eq!(argv[0], &dir.path().join("bin/aider").display().to_string());
    assert_eq!(argv[argv.len() - 1], "openai/gpt-6.1-sol");
    assert!(launch["files"].as_array().unwrap().iter().any(|file| file["content"] == "TASK"));
    let shown = world.ok(&["doctor", "--adapter", &file]).text();
    for part in [
        "0.86.2, as measured",
        "watch.judge = \"output\"",
        "who says whether it is done: the exit code, or the last rule with an outcome",
        "OPENAI_API_BASE = @DASH_GATEWAY@/v1",
        "private/aider/task (4 bytes, mode 600)",
    ] {
        assert!(shown.contains(part), "{part:?} is not in\n{shown}");
    }
}

#[test]
fn the_doctor_names_what_is_wrong_and_where() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(&saying(dir.path(), "0.99"));
    let file = file(&world);
    let old = world.ok(&["doctor", "--adapter", &file]).text();
    assert!(old.contains("aider 0.99; the file was measured with 0.86.2"), "{old}");
    for (from, to, says) in [
        ("judge =", "juge =", "aider.toml:66: unknown key `juge`, did you mean `judge`?"),
        (
            "{gateway}/v1",
            "{gatewy}/v1",
            "unknown placeholder `{gatewy}`, did you mean `{gateway}`?",
        ),
        (
            "judge = \"output\"\n",
            "judge = \"output\"\nstatus_pattern = '('\n",
            "aider.toml:67: bad pattern `(`",
        ),
        ("outcome = ", "reason = ", "no [[output]] rule has an outcome"),
        ("name = \"aider\"\nversion", "name = \"aidr\"\nversion", "not on PATH"),
    ] {
        assert!(ADAPTER.contains(from), "{from}");
        let mut wrong = ADAPTER.replace(from, to);
        if from == "outcome = " {
            // Where there is a reason already, there is no other.
            wrong = wrong.replace("reason = \"failed\"\n", "");
        }
        fs::write(&file, wrong).unwrap();
        let told = world.exits(&["doctor", "--adapter", &file], 1).text();
        assert!(told.contains(says), "{says:?} is not in\n{told}");
    }
    let gone = world.exits(&["doctor", "--adapter", "nowhere.toml"], 2);
    assert!(gone.stderr.contains("nowhere.toml: No such file"), "{gone:?}");
}

#[test]
fn heavy_aider_works_by_a_file_alone() {
    if tools::find("aider").is_none() {
        // Not pinned with the others: half a gigabyte of Python.
        eprintln!("SKIPPED: aider is not on PATH");
        return;
    }
    let world = world(&env::var("PATH").unwrap_or_default());
    let (id, code) = world.create_and_wait(&[
        "--agent",
        "aider",
        "--agents",
        "1",
        "--model",
        "gpt-6.1-sol-2",
        "--task",
        "write a.txt: by aider",
    ]);
    let row = results(&world, &id).remove(0);
    assert_eq!((code, &row["outcome"]), (0, &"done".into()), "{row:#}");
    assert_eq!(fs::read_to_string(world.work.join("a.txt")).unwrap(), "by aider\n");
    let agent = world.agent(row["agent"].as_str().unwrap());
    assert_eq!(
        (&agent["model"], &agent["provider"]),
        (&"gpt-6.1-sol-2".into(), &"simulated".into())
    );
    assert!(agent["scope"].as_str().unwrap().starts_with("strict"), "{agent:#}");
    assert_eq!(agent["tokens"]["input"], 1000, "{agent:#}");
    let (id, code) =
        world.create_and_wait(&["--agent", "aider", "--agents", "1", "--task", "refuse me"]);
    let row = results(&world, &id).remove(0);
    assert_eq!((code, &row["outcome"]), (3, &"failed".into()), "{row:#}");
    assert!(row["error"].as_str().unwrap().contains("the task cannot be done"), "{row:#}");
    let mut left: Vec<_> =
        fs::read_dir(&world.work).unwrap().map(|e| e.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["a.txt"]);
}
