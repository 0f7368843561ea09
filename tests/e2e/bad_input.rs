//! What cannot work: a clear message, the right exit code, nobody else disturbed.

use crate::{
    tui::Tui,
    wait::{LIMIT, eventually},
    world::{World, set_mode},
};
use std::process::Command;

#[test]
fn a_sum_that_is_none_is_refused() {
    let world = World::new();
    let flags: &[&[&str]] = &[&["--budget", "5 euros"], &["--agent-budget", "$-1"]];
    for flag in flags {
        let args = [&["swarm", "create"], *flag, &["--agents", "1", "--", "touch", "ran"]].concat();
        let output = world.exits(&args, 2);
        assert!(output.stderr.contains("not a sum of money"), "{output:?}");
        assert!(output.stderr.contains(flag[0]), "which flag? {output:?}");
    }
    assert!(!world.work.join("ran").exists());
}

#[test]
fn what_makes_no_sense_is_a_usage_error() {
    let world = World::new();
    world.write("empty", "");
    let cases: &[(&[&str], i32, &str)] = &[
        (&["swarm", "create", "--agents", "0", "--", "true"], 2, "agents"),
        (&["swarm", "create", "--agents", "-1", "--", "true"], 2, ""),
        (&["swarm", "create", "--agents", "many", "--", "true"], 2, "many"),
        (&["swarm", "create", "--agents", "2"], 2, "task"),
        (&["swarm", "create", "--agent", "a:3,b:2", "--agents", "4", "--task", "t"], 2, ""),
        (&["swarm", "create", "--agents", "1", "--items", "nowhere", "--", "true"], 1, "nowhere"),
        (&["swarm", "create", "--agents", "1", "--items", "empty", "--", "true"], 1, "empty"),
        (&["swarm", "create", "--agents", "1", "--each", "*.none", "--", "true"], 1, "*.none"),
        (&["swarm", "create", "--agent", "nobody", "--agents", "1", "--task", "t"], 1, "nobody"),
        (&["swarm", "create", "--agents", "1", "--task", ""], 2, "leave --task out"),
        (&["swarm", "create", "--agents", "1", "--task", " ", "--", "true"], 2, "task is empty"),
        (&["agent", "spawn", "--agent", "claude", "--task", ""], 2, "leave --task out"),
        (&["agent", "spawn", "--agent", "claude", "--interactive", "--task", "\n"], 2, "task out"),
        (&["swarm", "show", "sw-99"], 1, "sw-99"),
        (&["agent", "show", "ag-99"], 1, "ag-99"),
        (&["agent", "log", "ag-99", "--raw"], 1, "ag-99"),
        (&["attach", "ag-99"], 1, ""),
        (&["swarm", "frobnicate"], 2, "frobnicate"),
        (&["--no-such-flag"], 2, "--no-such-flag"),
    ];
    for (args, code, word) in cases {
        let output = world.dash(args);
        assert_eq!(output.code, *code, "{args:?}: {output:?}");
        assert!(output.stderr.contains(word), "{args:?}: {word:?} is not named in {output:?}");
        assert!(output.stdout.is_empty(), "{args:?}: {output:?}");
        assert!(!output.stderr.contains("panicked"), "{output:?}");
    }
}

#[test]
fn items_that_cannot_be_read() {
    let world = World::new();
    world.write("binary", b"\xff\xfe\x00\n\x80");
    std::fs::create_dir(world.work.join("folder")).unwrap();
    for items in ["binary", "folder"] {
        let output =
            world.dash(&["swarm", "create", "--agents", "1", "--items", items, "--", "true"]);
        assert!(matches!(output.code, 1 | 2), "{output:?}");
        assert!(output.stderr.contains(items), "{output:?}");
    }
}

#[test]
fn a_program_that_is_not_installed_is_named_before_anything_starts() {
    // The adapters' programs are nowhere on this PATH.
    let world = World::new().with("PATH", "/nonexistent");
    for agent in ["claude", "codex"] {
        let output =
            world.dash(&["swarm", "create", "--agent", agent, "--agents", "1", "--task", "t"]);
        assert!(matches!(output.code, 1 | 2), "{output:?}");
        assert!(output.stderr.contains(agent), "{output:?}");
    }
    let doctor = world.dash(&["doctor"]);
    assert!(doctor.text().contains("claude"), "{doctor:?}");
}

#[test]
fn a_launch_that_fails_says_at_which_step_and_leaves_the_others_alone() {
    let world = World::new();
    let bystander = world.create(&["--agents", "1", "--", "sleep", "600"]);
    let neighbour = world.only_agent(&bystander);
    world.until_state(&neighbour, &["working", "idle"]);

    let plain = world.write("plain", "no program at all");
    set_mode(&plain, 0o644);
    let bad = world.write("bad", "#!/no/such/interpreter\n");
    set_mode(&bad, 0o755);
    let garbage = world.write("garbage", b"\x7fELFgarbage");
    set_mode(&garbage, 0o755);
    for (program, word) in [
        ("no-such-command", "no-such-command"),
        ("./plain", "plain"),
        ("./bad", "/no/such/interpreter"),
        ("./garbage", "garbage"),
        ("./", ""),
    ] {
        let (id, code) = world.create_and_wait(&["--agents", "1", "--", program]);
        assert_eq!(code, 3, "{program}");
        let results = world.json(&["swarm", "results", &id]);
        let row = &results["results"][0];
        assert_eq!(
            (&row["outcome"], &row["stop_reason"]),
            (&"failed".into(), &"launch".into()),
            "{program}: {row:#}"
        );
        let error = row["error"].as_str().unwrap();
        assert!(error.contains(word) && !error.is_empty(), "{program}: {row:#}");
    }
    let row = world.agent(&neighbour);
    assert!(matches!(row["state"].as_str(), Some("working" | "idle")), "{row:#}");
}

#[test]
fn a_directory_that_does_not_exist() {
    let world = World::new();
    // Gone between the request and the launch: the agent must not start elsewhere.
    let gone = world.work.join("gone");
    std::fs::create_dir(&gone).unwrap();
    let shell = format!("rmdir {0}; exec \"$@\"", gone.display());
    let mut through = Command::new("sh");
    through.args(["-c", &shell, "-", env!("CARGO_BIN_EXE_dash")]);
    through.args(["swarm", "create", "--wait", "--agents", "1", "--", "pwd"]);
    through.env_clear().envs(world.environment()).current_dir(&gone);
    let output = world.run(through, b"", LIMIT);
    assert_eq!(output.code, 1, "{output:?}");
    assert!(output.all().contains("director"), "{output:?}");
}

#[test]
fn a_stale_socket_file_is_replaced() {
    let world = World::new();
    // Bound, then abandoned: nobody listens, the file stays.
    drop(std::os::unix::net::UnixListener::bind(&world.socket).unwrap());
    assert!(world.socket.exists());
    assert_eq!(world.json(&["swarm", "list"]), serde_json::json!([]));
}

#[test]
fn a_file_in_place_of_the_socket_is_left_alone() {
    let world = World::new();
    std::fs::write(&world.socket, "precious").unwrap();
    let output = world.exits(&["swarm", "list"], 1);
    assert!(output.stderr.contains("socket"), "{output:?}");
    assert_eq!(std::fs::read_to_string(&world.socket).unwrap(), "precious");
}

#[test]
fn a_socket_path_that_is_too_long() {
    let world = World::new();
    let long = world.path().join("x".repeat(120)).join("d.sock");
    std::fs::create_dir(long.parent().unwrap()).unwrap();
    let output = world.exits(&["-S", long.to_str().unwrap(), "swarm", "list"], 1);
    assert!(output.stderr.contains("long"), "{output:?}");
}

#[test]
fn without_a_home_the_message_says_what_to_set() {
    let world = World::new();
    // A user whom the system's user database does not know either.
    let user = |program: &str| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-user=54321", program]);
        command.env_clear().current_dir(&world.work);
        command.env("DASH_SOCKET", &world.socket).env("PATH", "/usr/bin:/bin");
        command
    };
    if !user("true").status().is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: no user namespaces here");
        return;
    }
    let mut command = user(env!("CARGO_BIN_EXE_dash"));
    command.args(["swarm", "list"]);
    let output = world.run(command, b"", LIMIT);
    assert_eq!(output.code, 1, "{output:?}");
    assert!(output.stderr.contains("set HOME"), "{output:?}");
}

#[test]
fn a_mistake_in_the_configuration_is_shown_where_it_is() {
    let world = World::new();
    std::fs::write(world.path().join("config/dash/config.toml"), "[core]\nrecording_mbb = 5\n")
        .unwrap();
    let output = world.exits(&["swarm", "list"], 7);
    for word in ["config.toml", "2", "recording_mbb", "recording_mb"] {
        assert!(output.stderr.contains(word), "{word:?} is not in {output:?}");
    }
}

#[test]
fn a_dumb_terminal_gets_text_or_a_clear_no() {
    let world = World::new().with("TERM", "dumb");
    let tui = Tui::start(&world, &[], 80, 24);
    let code = tui.wait_exit();
    assert_ne!(code, 0);
    let raw = String::from_utf8_lossy(&tui.raw()).into_owned();
    assert!(!raw.contains('\x1b'), "control sequences on a dumb terminal: {raw:?}");
    assert!(raw.to_lowercase().contains("dumb") || raw.contains("TERM"), "{raw:?}");
}

#[test]
fn without_a_terminal_the_full_screen_says_no() {
    let world = World::new();
    let output = world.exits(&[], 2);
    assert!(output.stderr.contains("terminal"), "{output:?}");
}

#[test]
fn an_agent_cannot_start_a_core_and_says_that_there_is_none() {
    let world = World::new().with("DASH_AGENT", "ag-01");
    let output = world.exits(&["swarm", "list"], 7);
    assert!(output.stderr.contains("core"), "{output:?}");
    let output = world.dash(&["core", "status"]);
    assert_eq!(output.code, 7, "{output:?}");
    assert!(world.processes().is_empty());
}

#[test]
fn a_second_core_on_the_same_socket_is_refused() {
    let world = World::new();
    let mut first = world.headless();
    let socket = world.socket.display().to_string();
    let output = world.exits(&["--socket", &socket], 1);
    assert!(output.stderr.contains(&socket), "{output:?}");
    assert_eq!(world.json(&["health"])["pid"], first.id());
    world.ok(&["core", "stop"]);
    eventually("the first core's end", || first.try_wait().unwrap());
}
