//! What agents may use of the machine, from the command line to the verdict.

use crate::wait::eventually;
use crate::world::{World, find_file};

#[test]
fn who_takes_too_much_fails_for_it_and_the_others_go_on() {
    let world = World::new();
    let script = "if [ {index} = 1 ]; then head -c 900000000 /dev/zero | tail -n 1 >/dev/null; \
                  else sleep 1; echo well; fi";
    let args = ["--agents", "2", "--memory", "64M", "--", "sh", "-c", script];
    let (swarm, code) = world.create_and_wait(&args);
    assert_eq!(code, 3);
    let results = world.dash(&["swarm", "results", &swarm, "--json"]).json();
    let results = results["results"].as_array().unwrap();
    let (hog, other) = (&results[0], &results[1]);
    assert_eq!((&hog["outcome"], &hog["stop_reason"]), (&"failed".into(), &"limit".into()));
    assert!(hog["error"].as_str().unwrap().ends_with("at most 64 MB (--memory)"), "{hog}");
    assert_eq!(other["outcome"], "done", "{other}");
    let events = world.ok(&["events", "--since", "0", "--json"]).text();
    let reached: Vec<serde_json::Value> = events
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|event: &serde_json::Value| event["kind"] == "limit_reached")
        .collect();
    assert_eq!(reached.len(), 1, "{events}");
    assert_eq!((&reached[0]["agent"], &reached[0]["limit"]), (&"ag-01".into(), &"memory".into()));
}

#[test]
fn who_writes_too_much_fails_for_it_and_is_told_which_limit() {
    let world = World::new();
    let script = "exec head -c 90000000 /dev/zero > large";
    let args = ["--agents", "1", "--disk", "20M", "--cpu", "4096", "--", "sh", "-c", script];
    let (swarm, code) = world.create_and_wait(&args);
    assert_eq!(code, 3);
    let agent = world.only_agent(&swarm);
    // Whichever is seen first: that the file became too large, or that so much was written.
    let why = "MB (--disk)";
    let explained = world.ok(&["agent", "explain", &agent]).text();
    let judged = explained.lines().find(|line| line.contains("judged failed ("));
    assert!(judged.is_some_and(|line| line.contains(why)), "{explained}");
    let audit = world.ok(&["audit"]).text();
    assert!(audit.contains("limit=disk") && audit.contains(why), "{audit}");
}

#[test]
fn a_fork_bomb_leaves_process_numbers_to_everybody_else() {
    let root = rustix::process::getuid().is_root();
    if root && !dash::sandbox::numbers::are_held() {
        return;
    }
    let world = World::new();
    let machines = || std::fs::read_to_string("/proc/sys/kernel/pid_max").unwrap();
    let most = machines();
    // It cannot be raised from inside, whoever it is.
    let raise = "cat /proc/sys/kernel/pid_max; { echo 9999 > /proc/sys/kernel/pid_max; } \
                 2>/dev/null || echo held";
    let args = ["--agents", "1", "--processes", "200", "--", "sh", "-c", raise];
    let (swarm, code) = world.create_and_wait(&args);
    let said = String::from_utf8(world.raw_log(&world.only_agent(&swarm))).unwrap();
    assert_eq!((code, said.contains("held")), (0, true), "{said}");
    assert!(!root || said.starts_with("1524\r\n"), "{said}");
    assert_eq!(machines(), most, "the machine's own has changed");
    // Where no more can be started the shells give up; what they have started stays.
    // A little slower than it could be: the cores are those of the tests beside it, too.
    let bomb = "bomb() { sleep 600 & sleep 0.1; bomb | bomb & }; bomb; exec sleep 600";
    let swarm = world.create(&["--agents", "1", "--processes", "200", "--", "sh", "-c", bomb]);
    let agent = world.only_agent(&swarm);
    let ended = || {
        // Others find a number all the while.
        assert!(std::process::Command::new("true").status().unwrap().success());
        let (log, row) = (
            world.dash(&["agent", "log", &agent, "--raw"]),
            world.dash(&["agent", "show", &agent, "--json"]),
        );
        // A core that is starved for a moment is asked again.
        let row = (log.code == 0 && row.code == 0).then(|| row.json())?;
        let log = log.text().to_lowercase();
        // Not root's is not ended: the kernel starts no more.
        (row["state"] == "failed" || (!root && log.contains("fork"))).then_some(row)
    };
    let row = eventually("the end of the bomb", ended);
    assert!(!root || row["reason"] == "limit", "{row}");
    world.ok(&["swarm", "stop", &swarm]);
}

#[test]
fn a_swarm_file_may_set_every_limit() {
    let world = World::new();
    let file = world.path().join("swarm.toml");
    let limits = "memory_bytes = 500000000\ncpu = 4096\nprocesses = 200\n\
                  disk_bytes = 9000000\noutput_bytes = 2000000\n";
    std::fs::write(&file, format!("command = [\"true\"]\n[limits]\n{limits}")).unwrap();
    let file = file.display().to_string();
    let shown = world.ok(&["swarm", "create", "-f", &file, "--cpu", "64.5", "--dry-run", "--json"]);
    let shown = shown.json();
    assert_eq!(shown["limits"]["cpu"], 64.5, "{shown}");
    assert_eq!(shown["limits"]["disk_bytes"], 9_000_000, "{shown}");
    let made = world.ok(&["swarm", "create", "-f", &file, "--wait", "--json"]).json();
    assert_eq!(made["results"][0]["outcome"], "done", "{made}");
}

#[test]
fn endless_output_is_cut_in_its_own_recording() {
    let world = World::new();
    let script = "head -c 6000000 /dev/zero | tr '\\0' x; echo the end";
    let (swarm, code) =
        world.create_and_wait(&["--agents", "1", "--output", "1M", "--", "sh", "-c", script]);
    assert_eq!(code, 0);
    let agent = world.only_agent(&swarm);
    let log = world.raw_log(&agent);
    assert!(log.len() < 2 << 20 && log.ends_with(b"the end\r\n"), "{} bytes", log.len());
    let events = world.ok(&["events", "--since", "0"]).text();
    // Twice as much, and twice as much again: no row for every cut.
    let told: Vec<&str> = events.lines().filter(|line| line.contains("recording cut")).collect();
    assert!((1..=8).contains(&told.len()), "{told:#?}");
    let missing = |line: &str| {
        let numbers = line.split_whitespace().filter_map(|word| word.parse().ok());
        let numbers: Vec<u64> = numbers.rev().take(2).collect();
        numbers[0] - numbers[1]
    };
    let last = missing(told[told.len() - 1]);
    assert!((4_900_000..6_100_000).contains(&last), "{last}: all of it at last: {told:#?}");
}

#[test]
fn limits_that_make_no_sense_are_refused() {
    let world = World::new();
    for (flag, value, why) in [
        ("--memory", "2", "the unit is missing"),
        ("--memory", "1M", "too little"),
        ("--processes", "2", "less than 8"),
        ("--processes", "many", "invalid"),
        ("--output", "10K", "at least 1 MB"),
        ("--disk", "10K", "less than 1 MB"),
        ("--cpu", "0.001", "less than 0.01"),
        ("--cpu", "some", "is no number of cores"),
    ] {
        let output = world.dash(&["swarm", "create", "--agents", "1", flag, value, "--", "true"]);
        assert_eq!(output.code, 2, "{flag} {value}: {output:?}");
        assert!(output.stderr.contains(why), "{output:?}");
    }
    let doctor = world.dash(&["doctor", "--json"]).json();
    let checks = doctor["checks"].as_array().unwrap();
    let limits = checks.iter().find(|check| check["name"] == "limits").unwrap();
    let said = limits["detail"].as_str().unwrap();
    assert!(said.starts_with("memory by ") && said.contains("4096 processes"), "{limits}");
}

#[test]
fn what_a_killed_keeper_leaves_of_a_control_group_is_removed() {
    let world = World::new();
    let swarm = world.create(&["--agents", "1", "--", "sleep", "600"]);
    let agent = world.only_agent(&swarm);
    world.until_state(&agent, &["working"]);
    // As on a machine where its keeper made one.
    let file = find_file(&world.state(), "spec.json").unwrap();
    let mut spec: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let ground = world.path().join("ground");
    std::fs::create_dir_all(ground.join(spec["attempt"].as_str().unwrap())).unwrap();
    spec["ground"] =
        serde_json::json!({"dir": ground, "memory": true, "cpu": false, "processes": false});
    std::fs::write(&file, spec.to_string()).unwrap();
    world.keepers()[0].signal(rustix::process::Signal::KILL);
    world.until_state(&agent, &["lost"]);
    eventually("the group is removed", || (!ground.exists()).then_some(()));
}

/// Else whoever is held by a limit would have a child do it.
#[test]
fn a_child_has_no_more_than_its_parent() {
    let world = World::new();
    let hog = "head -c 900000000 /dev/zero | tail -n 1 >/dev/null";
    let script = format!(
        "dash agent spawn --memory 4G --processes 99999 -- sh -c '{hog}' >said 2>&1; sleep 600"
    );
    let args = ["--agents", "1", "--memory", "64M", "--", "sh", "-c", &script];
    world.create(&args);
    let child = eventually("the child's end", || {
        let agents = world.agents();
        agents.into_iter().find(|agent| agent["parent"] == "ag-01" && agent["state"] == "failed")
    });
    assert_eq!(child["reason"], "limit", "{child}");
    let said = std::fs::read_to_string(world.work.join("said")).unwrap();
    for wish in ["memory 4096 MB: 64 MB is granted", "processes 99999: 4096 is granted"] {
        assert!(said.contains(&format!("not granted: {wish}")), "{said}");
    }
}

#[test]
fn an_agent_is_shown_with_what_it_is_held_to() {
    let world = World::new();
    let args = ["--agents", "1", "--memory", "200M", "--cpu", "4096", "--timeout", "1h"];
    let swarm = world.create(&[&args[..], &["--", "sleep", "1000"]].concat());
    let agent = world.only_agent(&swarm);
    world.until_state(&agent, &["working", "idle"]);
    let row = world.json(&["agent", "show", &agent]);
    let limits = &row["limits"];
    assert_eq!(limits["memory_bytes"], 200 << 20, "{row}");
    // What it got unasked, and as many cores as there are.
    assert_eq!((&limits["processes"], &limits["output_bytes"]), (&4096.into(), &(1 << 30).into()));
    let cores = std::thread::available_parallelism().unwrap().get();
    assert_eq!(limits["cpu"].as_f64(), Some(cores as f64), "{row}");
    assert_eq!((&row["timeout_ms"], row["ends_by"].is_string()), (&3_600_000.into(), true));
    let shown = world.ok(&["agent", "show", &agent]).text();
    let line = format!("memory 200 MB, cpu {cores}, processes 4096, output 1024 MB, timeout 1h00m");
    assert!(shown.contains(&line), "{shown}");
    // Rows of lists leave it out.
    assert_eq!(world.agents()[0]["limits"], serde_json::Value::Null);
}

#[test]
fn values_that_can_only_be_slips_are_refused() {
    let world = World::new();
    for (args, word) in [
        (["--timeout", "99999999d"], "longer than 10 years"),
        (["--timeout", "3651d"], "longer than 10 years"),
        (["--allow", ""], "--allow"),
        (["--allow", " "], "--allow"),
        (["--scope", ""], "--scope"),
        (["--read", ""], "--read"),
        (["--net", ""], "--net"),
    ] {
        for verb in [&["swarm", "create", "--agents", "1"][..], &["agent", "spawn"][..]] {
            let said = world.exits(&[verb, &args[..], &["--", "true"]].concat(), 2);
            assert!(said.stderr.contains(word), "{args:?}: {said:?}");
        }
    }
    let file = world.path().join("swarm.toml");
    for text in ["timeout_ms = 315360000001", "allow = [\"\"]", "scope = [\"\"]"] {
        std::fs::write(&file, format!("command = [\"true\"]\n{text}\n")).unwrap();
        world.exits(&["swarm", "create", "-f", &file.display().to_string()], 2);
    }
    let said = world.ok(&["swarm", "create", "--agents", "1", "--cpu", "4096", "--", "true"]);
    assert!(said.stderr.contains("--cpu 4096: this machine has "), "{said:?}");
    // Dash's own state lies there.
    let state = world.state().display().to_string();
    let said = world.exits(&["swarm", "create", "--scope", &state, "--", "true"], 2);
    assert!(said.stderr.contains("Dash keeps its own state"), "{said:?}");
}
