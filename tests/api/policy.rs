//! Rules on commands: what the core says of them, to people, to programs and to agents.

use crate::world::World;
use serde_json::Value;
use std::{fs, path::PathBuf};

fn user_policy(world: &World) -> PathBuf {
    world.path().join("config/dash/policy.toml")
}

const RULE: &str = "\n[[rule]]\nname = \"no-frob\"\ncommand = [\"frob\"]\nwith = [\"-x\"]\n\
                    verdict = \"deny\"\nreason = \"frobs\"\n";

#[test]
fn a_check_tells_the_three_verdicts_apart() {
    let world = World::new();
    for (verdict, code, line) in [
        ("allow", 0, "git push origin main"),
        ("ask", 0, "npm publish"),
        ("deny", 6, "sh -c 'git push -f'"),
    ] {
        let output = world.exits(&["policy", "check", "--json", "--", line], code);
        let said = output.json();
        assert_eq!(said["verdict"], verdict, "{said:#}");
        let by: Value = if verdict == "allow" { Value::Null } else { "cooperates".into() };
        assert_eq!(said["enforced_by"], by, "{said:#}");
        let text = world.exits(&["policy", "check", "--", line], code).text();
        assert!(text.starts_with(verdict), "{text}");
    }
    let said = world.exits(&["policy", "check", "--", "git", "push", "-f"], 6).text();
    for part in ["force-push (built in)", "rewrites what others have", "cooperates", "git push -f"]
    {
        assert!(said.contains(part), "{part:?} in {said}");
    }
    // Its directory is the scope of whoever is in none.
    world.exits(&["policy", "check", "--", "rm", "-rf", "x"], 0);
    world.exits(&["policy", "check", "--", "rm", "-rf", ".."], 6);
    for empty in ["", " "] {
        let usage = world.exits(&["policy", "check", "--", empty], 2);
        assert!(usage.stderr.contains("CMD is empty"), "{usage:?}");
    }
    let nobody = world.exits(&["policy", "check", "--agent", "nobody", "--", "ls"], 1);
    assert!(nobody.stderr.contains("nobody"), "{nobody:?}");
}

#[test]
fn a_file_counts_as_soon_as_it_is_written_and_a_broken_one_stops_new_agents() {
    let world = World::new();
    world.exits(&["policy", "check", "--", "frob", "-x"], 0);
    fs::write(user_policy(&world), RULE).unwrap();
    let said = world.exits(&["policy", "check", "--json", "--", "frob", "-x"], 6).json();
    let source = said["findings"][0]["source"].as_str().unwrap();
    assert!(source.ends_with("policy.toml:2"), "{said:#}");
    let shown = world.json(&["policy", "show"]);
    let rules = shown["rules"].as_array().unwrap();
    let own = rules.iter().find(|rule| rule["name"] == "no-frob").unwrap();
    assert_eq!((&own["verdict"], &own["enforced_by"]), (&"deny".into(), &"cooperates".into()));
    assert!(rules.iter().any(|rule| rule["source"] == "built in"));
    let text = world.ok(&["policy", "show"]).text();
    assert!(text.contains("no-frob") && text.contains("force-push"), "{text}");

    fs::write(user_policy(&world), RULE.replace("verdict", "verdikt")).unwrap();
    for args in [
        &["swarm", "create", "--agents", "1", "--", "touch", "ran"][..],
        &["agent", "spawn", "--", "touch", "ran"],
        &["policy", "check", "--", "ls"],
        &["policy", "show"],
    ] {
        let refused = world.exits(args, 2);
        let place = "policy.toml:6:1: rule.verdikt";
        assert!(refused.stderr.contains(place), "{refused:?}");
    }
    let checked = world.exits(&["config", "check"], 1);
    assert!(checked.stderr.contains("did you mean `verdict`?"), "{checked:?}");
    assert!(!world.work.join("ran").exists());

    let wrong = format!("{RULE}[rule.examples]\nmatch = [\"frob -y\"]\n");
    fs::write(user_policy(&world), wrong).unwrap();
    let checked = world.exits(&["config", "check"], 1);
    assert!(checked.stderr.contains("policy.toml:9:10"), "{checked:?}");
    fs::remove_file(user_policy(&world)).unwrap();
    world.exits(&["config", "check"], 0);
    assert_eq!(world.create_and_wait(&["--agents", "1", "--", "touch", "ran"]).1, 0);
}

#[test]
fn a_project_may_narrow_and_nothing_else() {
    let world = World::new();
    world.write(".dash/policy.toml", RULE);
    let said = world.exits(&["policy", "check", "--json", "--", "frob -x"], 6).json();
    let source = said["findings"][0]["source"].as_str().unwrap();
    assert!(source.ends_with(".dash/policy.toml:2"), "{said:#}");
    let wide = world.write(".dash/policy.toml", RULE.replace("deny", "allow"));
    for args in
        [&["swarm", "create", "--agents", "1", "--", "true"][..], &["policy", "check", "--", "ls"]]
    {
        let refused = world.exits(args, 2);
        assert!(refused.stderr.contains("may narrow only"), "{refused:?}");
    }
    let checked = world.exits(&["config", "check"], 1);
    assert!(checked.stderr.contains("may narrow only"), "{checked:?}");
    // On its own it is a file like any other.
    world.exits(&["config", "check", wide.to_str().unwrap()], 0);
}

#[test]
fn an_agents_scope_decides_what_is_outside_and_what_is_allowed() {
    let world = World::new();
    let sleep = ["--agents", "1", "--allow", "npm publish", "--", "sleep", "609"];
    let swarm = world.create(&sleep);
    let agent = world.only_agent(&swarm);
    world.write("deep/notes", "");
    for (code, command) in
        [(0, "rm -rf build"), (0, "npm publish --tag x"), (6, "rm -rf /etc"), (6, "git push -f")]
    {
        for of in [["--agent", &*agent], ["--swarm", &*swarm]] {
            // Where the question is asked does not matter: the agent works in its own place.
            let mut check = world.command(&["policy", "check", of[0], of[1], "--json", "--"]);
            check.arg(command).current_dir("/");
            let said = world.run(check, b"", std::time::Duration::from_secs(20));
            assert_eq!(said.code, code, "{of:?} {command}: {said:?}");
            if command.starts_with("npm") {
                assert_eq!(said.json()["verdict"], "allow", "{said:?}");
            }
        }
    }
}

#[test]
fn an_agent_asks_for_itself_and_its_hook_answers() {
    let world = World::new();
    let other = world.only_agent(&world.create(&["--agents", "1", "--", "sleep", "608"]));
    let dash = env!("CARGO_BIN_EXE_dash");
    let hook = |name: &str, input: &str| {
        format!("printf '%s' '{input}' | {dash} __hook claude >{name}; echo $? >>{name}\n")
    };
    let bash = |line: &str| {
        format!(
            "{{\"tool_name\":\"Bash\",\"tool_input\":{{\"command\":\"{line}\"}},\"cwd\":\"/\"}}"
        )
    };
    let script = [
        format!("{dash} policy check --json -- git push -f >own; echo $? >code\n"),
        format!("{dash} policy check --agent {other} -- ls 2>foreign; echo $? >>foreign\n"),
        hook("denied", &bash("git push -f")),
        hook("asked", &bash("npm publish")),
        hook("nothing", &bash("git status")),
        hook("tool", "{\"tool_name\":\"Read\",\"tool_input\":{}}"),
        hook("garbage", "{"),
        format!("export DASH_SOCKET=/nowhere/d.sock\n{}", hook("alone", &bash("ls"))),
    ]
    .concat();
    let swarm = world.create(&["--agents", "1", "--", "sh", "-c", &script]);
    // What is asked about is held until somebody has answered.
    let waits = world.ok(&["inbox", "--wait", "--json"]).json();
    assert_eq!(waits.as_array().map(Vec::len), Some(1), "{waits}");
    world.ok(&["deny", &world.only_agent(&swarm), "--note", "not now"]);
    world.exits(&["swarm", "wait", &swarm], 0);
    let read = |name: &str| fs::read_to_string(world.work.join(name)).unwrap();
    assert_eq!(read("code").trim(), "6", "{}", read("own"));
    assert!(read("own").contains("force-push"), "{}", read("own"));
    assert!(read("foreign").contains("own commands only"), "{}", read("foreign"));
    assert!(read("foreign").trim_end().ends_with('6'), "{}", read("foreign"));
    for (name, decision, reason) in [
        ("denied", "deny", "rewrites what others have"),
        ("asked", "deny", "not now"),
        ("garbage", "deny", "hook's input"),
        ("alone", "deny", "could not be asked"),
    ] {
        let text = read(name);
        let (said, status) = text.trim_end().rsplit_once('\n').unwrap();
        assert_eq!(status, "0", "{name}: {text}");
        let said: Value = serde_json::from_str(said).unwrap();
        let said = &said["hookSpecificOutput"];
        assert_eq!(said["hookEventName"], "PreToolUse", "{name}: {text}");
        assert_eq!(said["permissionDecision"], decision, "{name}: {text}");
        let why = said["permissionDecisionReason"].as_str().unwrap();
        assert!(why.contains(reason), "{name}: {text}");
    }
    assert_eq!(read("nothing"), "0\n");
    // On record by the rule, with the command.
    let audit = world.ok(&["audit", "--json"]).text();
    let rows: Vec<Value> = audit.lines().map(|row| serde_json::from_str(row).unwrap()).collect();
    let of = |action: &str| rows.iter().filter(|row| row["action"] == action).collect::<Vec<_>>();
    assert_eq!(of("policy.deny").len(), 2, "{audit}");
    assert_eq!(of("policy.deny")[0]["leave"], "force-push", "{audit}");
    assert_eq!(of("policy.ask").len(), 1, "{audit}");
    let detail = &of("policy.deny")[0]["detail"];
    let told = ["line", "command"].into_iter().find(|key| detail[key].is_string());
    assert!(told.is_some() && audit.contains("_sha256"), "{audit}");
    assert_eq!(read("tool"), "0\n");
}

#[test]
fn a_rule_of_ones_own_that_does_not_hold_is_told() {
    let world = World::new();
    let rule = |name: &str, file: &str| {
        format!(
            "[[rule]]\nname = \"{name}\"\ncommand = [\"x\"]\nverdict = \"deny\"\n\
             executable = \"{file}\"\n"
        )
    };
    let rules = [rule("gone", "/nowhere/x"), rule("mount", "/usr"), rule("plain", "/etc/passwd")];
    fs::write(user_policy(&world), rules.concat()).unwrap();
    let checked = world.exits(&["config", "check"], 0).stderr;
    for says in [
        "policy.toml:1: the rule gone is not held here: /nowhere/x cannot be looked at",
        "policy.toml:6: the rule mount is not held here: /usr is a directory",
        "policy.toml:6: the rule mount stands in the place of the built-in one",
        "policy.toml:11: the rule plain is not held here: /etc/passwd is not executable",
    ] {
        assert!(checked.contains(says), "{says:?} in {checked}");
    }
    assert_eq!(checked.lines().count(), 4, "nothing of the built-in ones: {checked}");
    let file = user_policy(&world);
    let alone = world.exits(&["config", "check", file.to_str().unwrap()], 0).stderr;
    assert_eq!(alone.lines().count(), 4, "{alone}");
    let shown = world.ok(&["policy", "show"]).text();
    assert_eq!(shown.matches("replaces the built-in rule").count(), 1, "{shown}");
    let said = world.exits(&["policy", "check", "--", "x"], 6).text();
    assert!(said.contains("/nowhere/x cannot be looked at"), "{said}");
    let doctor = world.dash(&["doctor"]).text();
    assert!(doctor.contains("gone is not held: /nowhere/x"), "{doctor}");
}

/// A hook holds its command until it is answered, and then asks the rules of then.
#[test]
fn a_hooks_approval_does_not_outlive_its_rule() {
    let world = World::new();
    let dash = env!("CARGO_BIN_EXE_dash");
    let input = "{\"tool_name\":\"Bash\",\"tool_input\":{\"command\":\"npm publish\"}}";
    let script = format!("printf '%s' '{input}' | {dash} __hook claude >said");
    for (rule, decision) in [("", "allow"), (&*RULE.replace("frob", "npm"), "allow")] {
        let swarm = world.create(&["--agents", "1", "--", "sh", "-c", &script]);
        world.ok(&["inbox", "--wait", "--json"]);
        fs::write(user_policy(&world), rule).unwrap();
        world.ok(&["approve", &world.only_agent(&swarm)]);
        world.exits(&["swarm", "wait", &swarm], 0);
        let said = fs::read_to_string(world.work.join("said")).unwrap();
        assert!(said.contains(&format!("\"permissionDecision\":\"{decision}\"")), "{said}");
    }
    fs::write(user_policy(&world), "").unwrap();
    let swarm = world.create(&["--agents", "1", "--", "sh", "-c", &script]);
    world.ok(&["inbox", "--wait", "--json"]);
    let rule = RULE.replace("frob", "npm").replace("with = [\"-x\"]\n", "");
    fs::write(user_policy(&world), rule).unwrap();
    world.ok(&["approve", &world.only_agent(&swarm)]);
    world.exits(&["swarm", "wait", &swarm], 0);
    let said = fs::read_to_string(world.work.join("said")).unwrap();
    assert!(said.contains("\"permissionDecision\":\"deny\""), "{said}");
    assert!(said.contains("the rules have changed since it was asked"), "{said}");
}

#[test]
fn a_rule_that_never_decides_is_said_to() {
    let world = World::new();
    let file = world.path().join("config/dash/policy.toml");
    let rules = "[[rule]]\nname = \"all\"\ncommand = [\"frob*\"]\nverdict = \"deny\"\n\
                 [[rule]]\ncommand = [\"frobnicate\", \"x\"]\nverdict = \"ask\"\n\
                 [[rule]]\ncommand = [\"sudo\", \"apt\"]\nverdict = \"allow\"\n\
                 [[rule]]\ncommand = [\"fro\"]\nverdict = \"ask\"\n";
    std::fs::write(&file, rules).unwrap();
    let named = file.display().to_string();
    for args in [&["config", "check"][..], &["config", "check", &named]] {
        let said = world.ok(args).stderr;
        let never: Vec<&str> = said.lines().filter(|line| line.contains("never decides")).collect();
        assert_eq!(never.len(), 2, "{said}");
        assert!(never[0].contains("policy.toml:5: the rule never decides: deny (all, "), "{said}");
        assert!(never[1].contains("policy.toml:8:") && never[1].contains("built in)"), "{said}");
    }
}
