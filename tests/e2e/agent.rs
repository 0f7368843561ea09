//! `dash agent` and `dash attach`: one agent at a time.

use crate::{
    tui::Tui,
    world::{World, set_mode},
};
use serde_json::json;
use std::fs;

#[test]
fn an_agent_by_itself() {
    let world = World::new();
    let made = world.ok(&["agent", "spawn", "--json", "--", "sh", "-c", "read a; echo got $a"]);
    let id = made.json()["id"].as_str().unwrap().to_owned();
    world.until_state(&id, &["working", "idle", "waiting"]);
    world.ok(&["agent", "send", &id, "a line"]);
    world.exits(&["agent", "wait", &id], 0);
    assert_eq!(world.agent(&id)["state"], "done");
    let raw = String::from_utf8(world.raw_log(&id)).unwrap();
    assert_eq!(raw, "a line\r\ngot a line\r\n", "what the terminal echoed and the program said");
    let shown = world.ok(&["agent", "show", &id]).text();
    assert!(shown.contains("none") && shown.contains("scope"), "{shown}");
}

#[test]
fn explain_names_the_signal_that_decided() {
    let world = World::new();
    let id = world.create(&["--agents", "1", "--", "sh", "-c", "exit 4"]);
    world.dash(&["swarm", "wait", &id]);
    let agent = world.only_agent(&id);
    let why = world.json(&["agent", "explain", &agent]);
    assert_eq!(why["state"], "failed");
    let signals = why["signals"].as_array().unwrap();
    let deciding: Vec<_> = signals.iter().filter(|signal| signal["decided"] == true).collect();
    assert_eq!(deciding.len(), 1, "{why:#}");
    assert_eq!(deciding[0]["source"], "process");
    assert!(deciding[0]["age_ms"].is_u64());
    assert!(world.ok(&["agent", "explain", &agent]).text().contains("process"));
}

#[test]
fn a_status_sequence_is_a_signal() {
    let world = World::new();
    let id = world.create(&[
        "--agents",
        "1",
        "--",
        "sh",
        "-c",
        "printf '\\033]7501;state=blocked:kind=permission:msg=may I\\033\\\\'; read x",
    ]);
    let agent = world.only_agent(&id);
    let why = crate::wait::eventually("the sequence among the signals", || {
        let why = world.json(&["agent", "explain", &agent]);
        let signals = why["signals"].as_array().unwrap();
        signals.iter().any(|signal| signal["source"] == "osc7501").then_some(why)
    });
    assert_eq!((&why["agent"], &why["state"]), (&agent.as_str().into(), &"waiting".into()));
    let row = world.agent(&agent);
    assert_eq!(
        (&row["state"], &row["reason"]),
        (&"waiting".into(), &"permission".into()),
        "{row:#}"
    );
}

#[test]
fn attach_puts_this_terminal_into_the_agents() {
    let world = World::new();
    let id = world.create(&["--agents", "1", "--", "sh"]);
    let agent = world.only_agent(&id);
    world.until_state(&agent, &["working", "idle", "waiting"]);
    let tui = Tui::start(&world, &["attach", &agent], 70, 20);
    tui.send("PS1='ready> '; stty size; echo $((6*7))\r");
    tui.wait_for_text("20 70");
    tui.wait_for_text("42");
    // The agent's own keys work: an interrupt reaches it, not the client.
    tui.send("sleep 100\r");
    let sleeps = || world.processes().iter().any(|proc| proc.command == "sleep 100");
    crate::wait::eventually("the tool in front", || sleeps().then_some(()));
    tui.send("\x03");
    // An interrupt throws away what was typed and not yet read: so, one after the other.
    crate::wait::eventually("its end", || (!sleeps()).then_some(()));
    tui.wait_for_text("^C");
    tui.send("echo after$((1+1))\r");
    tui.wait_for_text("after2");
    tui.send("\x02d");
    assert_eq!(tui.wait_exit(), 0);
    tui.assert_restored();
    assert!(matches!(world.agent(&agent)["state"].as_str(), Some("working" | "idle" | "waiting")));
}

#[test]
fn attach_ends_with_the_agent() {
    let world = World::new();
    let id = world.create(&["--agents", "1", "--", "sh"]);
    let agent = world.only_agent(&id);
    world.until_state(&agent, &["working", "idle", "waiting"]);
    let tui = Tui::start(&world, &["attach", &agent], 70, 20);
    tui.send("echo here$((1+1))\r");
    tui.wait_for_text("here2");
    tui.send("exit 3\r");
    tui.wait_exit();
    tui.assert_restored();
    world.exits(&["agent", "wait", &agent], 3);
}

#[test]
fn a_cleared_environment_still_gives_an_agent_what_it_needs() {
    let world = World::new();
    let id = world.create(&["--agents", "1", "--", "env"]);
    world.dash(&["swarm", "wait", &id]);
    let raw = String::from_utf8(world.raw_log(&world.only_agent(&id))).unwrap();
    let variables = [
        "DASH_SOCKET",
        "DASH_AGENT",
        "DASH_ATTEMPT",
        "DASH_TOKEN",
        "ANTHROPIC_BASE_URL",
        "ANTHROPIC_API_KEY",
        "OPENAI_BASE_URL",
        "OPENAI_API_KEY",
        "GOOGLE_GEMINI_BASE_URL",
        "GEMINI_API_KEY",
        "PATH",
        "HOME",
        "TERM",
    ];
    for name in variables {
        let line = raw.lines().find(|line| line.starts_with(&format!("{name}=")));
        assert!(line.is_some_and(|line| line.len() > name.len() + 1), "{name} is not in\n{raw}");
    }
    let value = |name: &str| {
        let line = raw.lines().find_map(|line| line.strip_prefix(&format!("{name}="))).unwrap();
        line.trim().to_owned()
    };
    assert!(value("ANTHROPIC_BASE_URL").starts_with("http://127.0.0.1:"));
    assert_eq!(value("OPENAI_BASE_URL"), format!("{}/v1", value("ANTHROPIC_BASE_URL")));
    assert_eq!(value("ANTHROPIC_API_KEY"), value("DASH_TOKEN"));
}

#[test]
fn agents_have_the_users_limit_of_open_files() {
    let world = World::new();
    // Below what the core raises its own to; also after a core that a keeper started.
    let mut first = std::process::Command::new("sh");
    let line = "ulimit -Sn 321; exec \"$0\" swarm create --agents 1 -- sleep 604";
    first.args(["-c", line, env!("CARGO_BIN_EXE_dash")]);
    first.env_clear().envs(world.environment()).current_dir(&world.work);
    assert_eq!(world.run(first, b"", crate::wait::LIMIT).code, 0);
    let limit = || {
        let (id, code) = world.create_and_wait(&["--agents", "1", "--", "sh", "-c", "ulimit -Sn"]);
        assert_eq!(code, 0);
        String::from_utf8(world.raw_log(&world.only_agent(&id))).unwrap()
    };
    assert_eq!(limit().trim(), "321");
    world.kill_core();
    crate::wait::eventually("a core that a keeper started", || {
        let mut command = world.command(&["health"]);
        command.env("DASH_AGENT", "ag-01");
        (world.run(command, b"", crate::wait::LIMIT).code == 0).then_some(())
    });
    assert_eq!(limit().trim(), "321");
}

#[test]
fn of_two_attached_clients_the_one_that_types_decides_the_size() {
    let world = World::new();
    let id = world.create(&["--agents", "1", "--", "sh"]);
    let agent = world.only_agent(&id);
    world.until_state(&agent, &["working", "idle", "waiting"]);
    let small = Tui::start(&world, &["attach", &agent], 70, 20);
    small.send("PS1='ready> '; stty size; echo a$((1+1))\r");
    small.wait_for_text("20 70");
    let big = Tui::start(&world, &["attach", &agent], 100, 30);
    // What is there is drawn for the newcomer.
    big.wait_for_text("a2");
    big.send("stty size; echo b$((1+1))\r");
    for client in [&big, &small] {
        client.wait_for_text("30 100");
        client.wait_for_text("b2");
    }
    small.send("clear; stty size; echo c$((1+1))\r");
    for client in [&big, &small] {
        client.wait_for_text("c2");
        client.wait_for_text("20 70");
    }
    small.send("exit\r");
    assert_eq!((small.wait_exit(), big.wait_exit()), (0, 0));
}

/// The link lies where no sandbox shows anything, and the program is the agent's own.
#[test]
fn an_agents_own_program_is_found_where_a_link_leads() {
    let world = World::new();
    let package = world.path().join("real/node_modules/prog");
    fs::create_dir_all(package.join("bin")).unwrap();
    fs::write(package.join("bin/prog"), "#!/bin/sh\necho it runs\n").unwrap();
    set_mode(&package.join("bin/prog"), 0o755);
    fs::write(package.join("package.json"), r#"{ "version": "2.0.0" }"#).unwrap();
    let link = world.path().join("link");
    std::os::unix::fs::symlink(&package, &link).unwrap();
    let agents = world.path().join("config/dash/agents");
    fs::create_dir_all(&agents).unwrap();
    let adapter = |measured: &str| {
        format!(
            "name = 'prog'\nsummary = ''\nmeasured = '{measured}'\n[program]\nname = 'prog'\n\
             version = ['--version']\n[launch]\nargs = ['{{task}}']\n"
        )
    };
    fs::write(agents.join("prog.toml"), adapter("1.0.0")).unwrap();
    let path = format!("{}:{}", link.join("bin").display(), std::env::var("PATH").unwrap());
    let world = world.with("PATH", &path);
    let (swarm, code) =
        world.create_and_wait(&["--agent", "prog", "--agents", "1", "--task", "run"]);
    assert_eq!(code, 0, "{}", world.ok(&["swarm", "results", &swarm]).text());

    // It is another version than the one that its adapter is known to fit.
    let agent = world.only_agent(&swarm);
    let shown = || world.ok(&["agent", "show", &agent]).text();
    assert!(shown().contains("2.0.0; its adapter was measured with 1.0.0"), "{}", shown());
    let version = json!({ "installed": "2.0.0", "measured": "1.0.0", "known": false });
    assert_eq!(world.agent(&agent)["version"], version);
    fs::write(agents.join("prog.toml"), adapter("2.0.0")).unwrap();
    world.create_and_wait(&["--agent", "prog", "--agents", "1", "--task", "run"]);
    assert!(shown().contains("2.0.0, as measured"), "{}", shown());
}

/// As version managers and package managers have it.
#[test]
fn a_program_is_found_where_a_link_leads() {
    let world = World::new();
    let (real, link) = (world.path().join("real"), world.path().join("link"));
    fs::create_dir_all(real.join("bin")).unwrap();
    fs::write(real.join("bin/prog"), "#!/bin/sh\necho it runs\n").unwrap();
    set_mode(&real.join("bin/prog"), 0o755);
    std::os::unix::fs::symlink(&real, &link).unwrap();
    let path = format!("{}:{}", link.join("bin").display(), std::env::var("PATH").unwrap());
    let world = world.with("PATH", &path);
    let (swarm, code) = world.create_and_wait(&["--agents", "1", "--", "sh", "-c", "prog"]);
    assert_eq!(code, 0, "{}", world.ok(&["swarm", "results", &swarm]).text());
}
