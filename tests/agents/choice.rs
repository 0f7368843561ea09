//! Which agent runs, on which model, in which dialect; and what `doctor` says of them.

use crate::{
    stage::{events, results, stage, turn},
    tools,
    world::World,
};
use std::{env, fs};

#[test]
fn one_swarm_of_four_kinds() {
    let _turn = turn();
    let Some(world) = stage() else { return };
    let (id, code) = world.create_and_wait(&[
        "--agent",
        "claude:1,codex:1,mini:1,pi:1",
        "--agents",
        "4",
        "--task",
        "write {index}.txt: x",
    ]);
    let rows = results(&world, &id);
    assert_eq!(code, 0, "{rows:#?}");
    let mut kinds: Vec<_> = rows.iter().map(|row| row["adapter"].as_str().unwrap()).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["claude", "codex", "mini", "pi"]);
    assert!((1..=4).all(|n| world.work.join(format!("{n}.txt")).exists()));
}

#[test]
fn without_a_wish_the_first_that_is_installed() {
    let _turn = turn();
    let Some(world) = stage() else { return };
    let cases = [("", "claude"), ("[agents]\norder = [\"codex\", \"claude\"]\n", "codex")];
    for (config, expected) in cases {
        let path = world.path().join("config/dash/config.toml");
        fs::write(path, format!("[core]\nidle_exit_seconds = 5\n{config}")).unwrap();
        let (id, code) = world.create_and_wait(&["--agents", "1", "--task", "anything"]);
        let rows = results(&world, &id);
        assert_eq!((code, rows[0]["adapter"].as_str()), (0, Some(expected)), "{rows:#?}");
        world.ok(&["core", "stop"]);
    }
    // None is installed where the core looks: the embedded one.
    let bare = World::new().with("PATH", "/usr/bin:/bin");
    if tools::find("claude").or(tools::find("codex")).is_none() {
        let (id, code) = bare.create_and_wait(&["--agents", "1", "--task", "anything"]);
        assert_eq!((code, results(&bare, &id)[0]["adapter"].as_str()), (0, Some("mini")));
    }
}

#[test]
fn the_model_that_is_asked_for() {
    let _turn = turn();
    let Some(world) = stage() else { return };
    let cases = [
        ("claude", "claude-haiku-4-5"),
        ("codex", "gpt-5.1-codex"),
        ("mini", "gpt-5.1"),
        ("pi", "gpt-5.1"),
        // A part of names that pi knows.
        ("pi", "claude-opus-4"),
    ];
    for (adapter, model) in cases {
        let (id, code) = world.create_and_wait(&[
            "--agent",
            adapter,
            "--agents",
            "1",
            "--model",
            model,
            "--task",
            "write {index}.txt: x",
        ]);
        assert_eq!(code, 0);
        let agent = world.agent(&world.only_agent(&id));
        assert_eq!(agent["model"], model, "{agent:#}");
        let calls = events(&world, agent["id"].as_str().unwrap(), "model_called");
        assert!(!calls.is_empty());
        assert!(calls.iter().all(|call| call["model"] == model), "{calls:#?}");
    }
}

#[test]
fn mini_speaks_the_dialect_that_a_provider_is_there_for() {
    let _turn = turn();
    let Some(world) = stage() else { return };
    // By the model's name, where both dialects are simulated.
    for (model, expected) in [("gpt-6.1-sol", "openai"), ("claude-sonnet-5-5", "anthropic")] {
        let (id, code) = world.create_and_wait(&[
            "--agent",
            "mini",
            "--agents",
            "1",
            "--model",
            model,
            "--task",
            "write {index}.txt: x",
        ]);
        assert_eq!(code, 0);
        let spec = launched(&world, &world.only_agent(&id));
        assert_eq!(spec["DASH_DIALECT"], expected);
    }
    // By the provider that has a key, where no model is asked for. Nobody listens there.
    let keyed = World::new()
        .with("TEAM_KEY", "not-a-real-key")
        .with("PATH", &env::var("PATH").unwrap_or_default());
    let config = "[providers.team]\ndialect = \"openai\"\nbase_url = \"http://127.0.0.1:9/v1\"\n\
                  key_env = \"TEAM_KEY\"\n";
    fs::write(keyed.path().join("config/dash/config.toml"), config).unwrap();
    let (id, _) = keyed.create_and_wait(&["--agent", "mini", "--agents", "1", "--task", "x"]);
    let spec = launched(&keyed, &keyed.only_agent(&id));
    assert_eq!(spec["DASH_DIALECT"], "openai");
    assert!(!spec.contains_key("TEAM_KEY"), "an agent sees a provider's key");
}

/// The environment that an agent was started with.
fn launched(world: &World, agent: &str) -> std::collections::BTreeMap<String, String> {
    let attempt = world.agent(agent)["attempt_id"].as_str().unwrap().to_owned();
    let dir = crate::world::find_file(&world.state(), "journal.db").unwrap();
    let spec = dir.parent().unwrap().join("attempts").join(attempt).join("spec.json");
    let text = fs::read_to_string(&spec).unwrap_or_else(|e| panic!("{}: {e}", spec.display()));
    let spec: serde_json::Value = serde_json::from_str(&text).unwrap();
    let pairs = spec["env"].as_array().unwrap().iter();
    pairs
        .map(|pair| (pair[0].as_str().unwrap().to_owned(), pair[1].as_str().unwrap().to_owned()))
        .collect()
}

#[test]
fn doctor_names_the_versions() {
    let _turn = turn();
    let Some(world) = stage() else { return };
    let report = world.json(&["doctor"]);
    assert_eq!(report["scope"], "strict");
    let version = |name: &str| {
        let all = report["adapters"].as_array().unwrap();
        let of = all.iter().find(|adapter| adapter["name"] == name).unwrap();
        of["version"].as_str().unwrap_or_default().to_owned()
    };
    assert!(version("claude").contains("2.1.330"), "{report:#}");
    assert!(version("codex").contains("0.169.0"), "{report:#}");
    assert!(version("pi").contains("0.87.1"), "{report:#}");
    let shown = world.ok(&["doctor"]).text();
    assert!(shown.contains("2.1.330") && shown.contains("0.169.0"), "{shown}");
    assert!(shown.contains("scope: strict"), "{shown}");
}

#[test]
fn an_adapter_of_the_users_own() {
    let world = World::new();
    let dir = world.path().join("config/dash/agents");
    fs::create_dir_all(&dir).unwrap();
    let own = "name = \"mini\"\nsummary = \"mine\"\n\n[program]\nrun = \"command\"\n\n\
               [launch]\nenvironment = \"inherit\"\n\n[watch]\njudge = \"exit\"\n";
    fs::write(dir.join("mini.toml"), own).unwrap();
    fs::write(dir.join("broken.toml"), "name = \"broken\"\n\n[launch]\nargz = [\"x\"]\n").unwrap();
    // A broken file is an error of its own.
    let report = world.exits(&["doctor", "--json"], 1).json();
    let adapters = report["adapters"].as_array().unwrap();
    let mini = adapters.iter().find(|adapter| adapter["name"] == "mini").unwrap();
    assert_eq!(mini["summary"], "mine", "{mini:#}");
    assert!(mini["source"].as_str().unwrap().ends_with("agents/mini.toml"), "{mini:#}");
    let told = world.dash(&["doctor"]).all();
    for part in ["broken.toml:4: ", "`argz`", "`args`"] {
        assert!(told.contains(part), "{part:?} is not in\n{told}");
    }
}
