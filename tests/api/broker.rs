//! Brokered commands: a program that a rule pins is hidden from agents, and the keeper runs it
//! for them when the rules, or somebody, let it.

use crate::{
    wait::{eventually, open_pipe},
    world::{World, set_mode},
};
use std::{fs, io::Write, path::Path};

/// Says what it was given.
const STRONGBOX: &str = r#"#!/bin/sh
echo "ran $*"
case "$1" in
  where) pwd; exit 3;;
  read) cat;;
  show) cat "$2";;
  spaces) readlink /proc/self/ns/net /proc/self/ns/pid;;
  env) env | sort;;
  err) echo complaint >&2;;
  fill) head -c 3000000 /dev/zero >"$2";;
  wait) trap 'echo interrupted; exit 9' INT TERM; echo begun >begun; sleep 606 & wait;;
  sleep) echo $$ >begun; exec sleep 606;;
esac
"#;

/// A world with the program `strongbox`, which only the broker runs.
fn world() -> World {
    let world = World::new();
    let bin = world.path().join("bin");
    fs::create_dir(&bin).unwrap();
    fs::write(bin.join("strongbox"), STRONGBOX).unwrap();
    set_mode(&bin.join("strongbox"), 0o755);
    // Nothing but the kernel makes it run: a copy of a program is as good as the program.
    fs::copy("/bin/echo", bin.join("crier")).unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let mut rules = String::new();
    for (name, program, word, verdict) in [
        ("no-rm", "strongbox", "rm", "deny"),
        ("push", "strongbox", "push", "ask"),
        ("no-cry", "crier", "wolf", "deny"),
    ] {
        let file = bin.join(program);
        rules += &format!(
            "[[rule]]\nname = \"{name}\"\ncommand = [\"{program}\", \"{word}\"]\n\
             executable = \"{}\"\nverdict = \"{verdict}\"\nreason = \"because of {word}\"\n",
            file.display()
        );
    }
    fs::write(world.path().join("config/dash/policy.toml"), rules).unwrap();
    world.with("PATH", &path)
}

/// Runs a script as an agent: what it printed into `out`.
fn agent(world: &World, script: &str) -> String {
    let script = format!("exec >out 2>&1\n{script}");
    let (_, code) = world.create_and_wait(&["--agents", "1", "--", "sh", "-c", &script]);
    let out = read(&world.work.join("out"));
    assert_eq!(code, 0, "{out}\n{}", world.core_log());
    out
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

#[test]
fn what_is_allowed_runs_as_if_it_were_there() {
    let world = world();
    let out = agent(
        &world,
        "mkdir -p deep/er; cd deep/er; strongbox where; echo code $?\n\
         echo from stdin | strongbox read\n\
         strongbox err 2>../../err >/dev/null; cat ../../err; strongbox 'two  words' '' '*'",
    );
    let here = world.work.join("deep/er").display().to_string();
    for part in ["ran where", &here, "code 3", "ran read\nfrom stdin", "complaint", "two  words  *"]
    {
        assert!(out.contains(part), "{part:?} in {out}");
    }
}

#[test]
fn what_is_denied_does_not_run_and_says_why() {
    let world = world();
    let out = agent(
        &world,
        "strongbox rm x; echo code $?; sh -c 'strongbox rm y'; env -i ../bin/strongbox rm z; echo code $?\n\
         bash -c 'exec -a show strongbox rm 2'; crier wolf; crier dog",
    );
    assert_eq!(out.matches("dash: denied: no-rm: because of rm").count(), 4, "{out}");
    assert_eq!(out.matches("code 126").count(), 2, "{out}");
    assert!(out.contains("dash: denied: no-cry") && out.contains("dog"), "{out}");
    assert!(!out.contains("ran") && !out.contains("\nwolf"), "{out}");
    let audit = world.ok(&["audit", "--json"]).text();
    assert!(audit.contains("policy.deny") && audit.contains("no-rm"), "{audit}");
    assert!(audit.contains("policy.allow"), "{audit}");
    // Which command it was: as it is shown, and so that one that is known can be matched.
    let denied = audit.lines().find(|row| row.contains("policy.deny")).unwrap();
    let denied: serde_json::Value = serde_json::from_str(denied).unwrap();
    let detail = &denied["detail"];
    assert_eq!(detail["command"], "strongbox rm x", "{denied}");
    assert!(detail["program"].as_str().unwrap().ends_with("strongbox"), "{denied}");
    assert_eq!(detail["cwd"], world.work.canonicalize().unwrap().display().to_string());
    let hash = dash::model::hex(<sha2::Sha256 as sha2::Digest>::digest("strongbox\0rm\0x\0"));
    assert_eq!(detail["argv_sha256"], hash, "{denied}");
    world.ok(&["audit", "--verify"]);
}

/// Where the kernel has an end for root's processes, it has one for these, too.
#[test]
fn what_it_may_start_comes_to_an_end() {
    if !dash::sandbox::numbers::are_held() {
        return;
    }
    let file = "/proc/sys/kernel/pid_max";
    let out = agent(&world(), &format!("cat {file}; strongbox show {file}"));
    let most = (4096 + dash::sandbox::numbers::ABOVE).to_string();
    assert_eq!(out, format!("{most}\nran show {file}\n{most}\n"));
}

#[test]
fn a_question_holds_the_command_until_it_is_answered() {
    let world = world();
    for (answer, ran) in [("approve", true), ("deny", false)] {
        let script = "strongbox push it >out 2>&1; echo code $? >>out";
        let swarm = world.create(&["--agents", "1", "--", "sh", "-c", script]);
        let agent = world.only_agent(&swarm);
        let inbox = world.ok(&["inbox", "--wait", "--json"]).json();
        let asked = &inbox[0];
        assert_eq!(asked["agent"], agent.as_str(), "{inbox:#}");
        assert!(asked.to_string().contains("push: because of push"), "{inbox:#}");
        assert_eq!(world.until_state(&agent, &["waiting"])["reason"], "approval");
        assert!(!read(&world.work.join("out")).contains("ran"));
        world.ok(&[answer, asked["id"].as_str().unwrap()]);
        world.dash(&["swarm", "wait", &swarm]);
        let out = read(&world.work.join("out"));
        assert_eq!(out.contains("ran push it\ncode 0"), ran, "{out}");
        assert_eq!(out.contains("denied: push: because of push"), !ran, "{out}");
        assert_eq!(out.contains("code 126"), !ran, "{out}");
    }
}

/// An answer comes late; what the rules say by then counts.
#[test]
fn an_approval_does_not_outlive_its_rule() {
    let world = world();
    let file = world.path().join("config/dash/policy.toml");
    let rules = read(&file);
    let denied = rules.replace("verdict = \"ask\"", "verdict = \"deny\"");
    let broken = rules.replace("verdict = \"ask\"", "verdict = \"aks\"");
    for (now, says) in [
        (denied, "denied: push: because of push (the rules have changed since it was asked)"),
        (broken, "did you mean `ask`?"),
    ] {
        fs::write(&file, &rules).unwrap();
        let script = "strongbox push it >out 2>&1; echo code $? >>out";
        let swarm = world.create(&["--agents", "1", "--", "sh", "-c", script]);
        let asked = world.ok(&["inbox", "--wait", "--json"]).json();
        fs::write(&file, now).unwrap();
        world.ok(&["approve", asked[0]["id"].as_str().unwrap()]);
        world.dash(&["swarm", "wait", &swarm]);
        let out = read(&world.work.join("out"));
        assert!(out.contains(says) && out.contains("code 126"), "{out}");
        assert!(!out.contains("ran push"), "{out}");
    }
}

/// What comes first on PATH is what runs, and no rule on another file holds it.
#[test]
fn a_program_before_the_pinned_one_is_not_held() {
    let world = world();
    let check = ["policy", "check", "--", "strongbox", "rm"];
    assert!(world.exits(&check, 6).text().contains("enforced by  broker"));
    let agent = world.only_agent(&world.create(&["--agents", "1", "--", "sleep", "603"]));
    world.until_state(&agent, &["working", "idle"]);
    let before = world.path().join("before");
    fs::create_dir(&before).unwrap();
    fs::copy(world.path().join("bin/strongbox"), before.join("strongbox")).unwrap();
    let before_it = before.join("strongbox").display().to_string();
    let path = format!("{}:{}", before.display(), world.path().join("bin").display());
    let world = world.with("PATH", &format!("{path}:{}", std::env::var("PATH").unwrap()));
    for line in [&["strongbox", "rm"][..], &["sh -c 'strongbox rm'"]] {
        let said = world.exits(&[&["policy", "check", "--"], line].concat(), 6).text();
        let why = format!("`strongbox` is {before_it} here, which this rule does not pin");
        assert!(said.contains("enforced by  cooperates") && said.contains(&why), "{said}");
        // An agent has the PATH that it was started with.
        let of = [&["policy", "check", "--agent", &agent, "--"], line].concat();
        let said = world.exits(&of, 6).text();
        assert!(said.contains("enforced by  broker"), "{said}");
    }
    let shown = world.json(&["policy", "show"]);
    let rules = shown["rules"].as_array().unwrap();
    let by =
        |name: &str| rules.iter().find(|rule| rule["name"] == name).unwrap()["enforced_by"].clone();
    assert_eq!((by("no-rm"), by("no-cry")), ("cooperates".into(), "broker".into()));
    // The core has the PATH of whoever started it: a keeper would have given it the old one.
    world.ok(&["agent", "stop", &agent]);
    world.kill_core();
    let doctor = world.dash(&["doctor"]).text();
    let why = format!("no-rm is not held: `strongbox` is {before_it}");
    assert!(doctor.contains(&why) && !doctor.contains("force-push is"), "{doctor}");
    let checked = world.exits(&["config", "check"], 0);
    let said = &checked.stderr;
    let why = format!("policy.toml:1: the rule no-rm is not held here: `strongbox` is {before_it}");
    assert!(said.contains(&why) && !said.contains("built in"), "{said}");
}

#[test]
fn a_command_that_is_given_up_is_no_question_any_more() {
    let world = world();
    let script = "strongbox push & p=$!; read -r go <go; kill $p; wait $p; echo code $? >out; \
                  sleep 604";
    let fifo = world.work.join("go");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let agent = world.only_agent(&world.create(&["--agents", "1", "--", "sh", "-c", script]));
    world.ok(&["inbox", "--wait", "--json"]);
    world.until_state(&agent, &["waiting"]);
    writeln!(open_pipe(&fifo), "go").unwrap();
    world.until_state(&agent, &["working", "idle"]);
    assert_eq!(world.json(&["inbox"]).as_array().unwrap().len(), 0);
    let out = || read(&world.work.join("out"));
    eventually("its end", || (out() == "code 143\n").then_some(()));
}

#[test]
fn a_question_outlives_the_core() {
    let world = world();
    let script = "strongbox push it >out 2>&1";
    let swarm = world.create(&["--agents", "1", "--", "sh", "-c", script]);
    world.ok(&["inbox", "--wait", "--json"]);
    world.kill_core();
    let inbox = world.ok(&["inbox", "--wait", "--json"]).json();
    assert_eq!(inbox.as_array().unwrap().len(), 1, "{inbox:#}");
    world.ok(&["approve", inbox[0]["id"].as_str().unwrap()]);
    assert_eq!(world.dash(&["swarm", "wait", &swarm]).code, 0);
    assert_eq!(read(&world.work.join("out")), "ran push it\n");
}

#[test]
fn the_program_itself_is_not_to_be_had() {
    let world = world();
    // Outside the very same steps get hold of it.
    let steps = |bin: &str| {
        format!(
            "cp {bin}/crier copied; ./copied wolf; ln {bin}/crier linked && ./linked wolf\n\
             ld=$(ls /lib64/ld-linux*.so.* /lib/ld-linux*.so.* 2>/dev/null | head -1)\n\
             $ld {bin}/crier wolf; /proc/self/root{bin}/crier wolf; {bin}/../bin/crier wolf\n\
             (cd {bin}; ./crier wolf); grep -c 'GNU coreutils' {bin}/crier; true"
        )
    };
    let bin = world.path().join("bin").display().to_string();
    let mut outside = std::process::Command::new("sh");
    outside.args(["-c", &steps(&bin)]).current_dir(world.path().join("tmp"));
    let control = world.run(outside, b"", std::time::Duration::from_secs(20));
    assert_eq!(control.text().matches("wolf").count(), 6, "{control:?}");
    // A file with a name that is not found cannot be hidden, and nobody says that it is.
    let check = ["policy", "check", "--json", "--", "crier", "wolf"];
    assert_eq!(world.exits(&check, 6).json()["enforced_by"], "cooperates");
    fs::remove_file(world.path().join("tmp/linked")).unwrap();
    assert_eq!(world.exits(&check, 6).json()["enforced_by"], "broker");
    let out = agent(&world, &steps(&bin));
    assert!(!out.lines().any(|line| line == "wolf"), "{out}");
    assert!(out.contains("denied: no-cry"), "{out}");
}

#[test]
fn no_variable_of_the_agents_reaches_it_that_could_turn_it() {
    let world = world();
    let out = agent(
        &world,
        "mkdir evil; printf '#!/bin/sh\\necho EVIL' >evil/sort; chmod +x evil/sort\n\
         cp evil/sort evil/env; cp evil/sort evil/cat\n\
         export LD_PRELOAD=$PWD/evil.so BASH_ENV=$PWD/x ENV=$PWD/x GIT_SSH_COMMAND=evil \
         GIT_CONFIG_COUNT=1 PAGER=evil NODE_OPTIONS=evil PYTHONPATH=evil GIT_AUTHOR_NAME=Ann \
         LANG=/tmp/evil TERM=vt100\n\
         PATH=$PWD/evil:$PATH /proc/self/cwd/../bin/strongbox env 2>/dev/null",
    );
    assert!(out.contains("ran env") && out.contains("GIT_AUTHOR_NAME=Ann"), "{out}");
    assert!(out.contains("TERM=vt100"), "{out}");
    assert!(!out.to_lowercase().contains("evil") && !out.contains("BASH_ENV"), "{out}");
}

#[test]
fn it_is_in_the_agents_scope_and_out_of_its_reach() {
    let world = world();
    let secret = world.path().join("home/.key");
    fs::write(&secret, "the key").unwrap();
    let script = format!(
        "readlink /proc/self/ns/net /proc/self/ns/pid; strongbox spaces\n\
         strongbox sleep & k=$!; until [ -s begun ]; do :; done\n\
         echo mine >own; strongbox show own; strongbox show {} ; for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline; echo; done; \
         kill $k; wait",
        secret.display()
    );
    let out = agent(&world, &script);
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines[0], lines[3], "the network is the agent's: {out}");
    assert_ne!(lines[1], lines[4], "the processes are not: {out}");
    assert!(out.contains("strongbox sleep"), "the front is seen: {out}");
    assert!(!out.contains("sleep 606"), "the program is not: {out}");
    assert!(out.contains("mine") && !out.contains("the key"), "{out}");
}

#[test]
fn signals_reach_it_and_it_ends_with_the_agent() {
    let world = world();
    let out = agent(
        &world,
        "strongbox wait & until [ -s begun ]; do :; done; kill -TERM $!; wait $!; echo code $?",
    );
    assert!(out.contains("interrupted") && out.contains("code 9"), "{out}");
    let running = || {
        let all = world.processes();
        all.iter().any(|proc| proc.command.contains("sleep 606"))
    };
    assert!(!running());
    // Its front is killed without a word.
    fs::remove_file(world.work.join("begun")).unwrap();
    agent(&world, "strongbox sleep & until [ -s begun ]; do :; done; kill -KILL $!; wait $!; true");
    eventually("the end of what was run", || (!running()).then_some(()));
    fs::remove_file(world.work.join("begun")).unwrap();
    let swarm = world.create(&["--agents", "1", "--", "sh", "-c", "strongbox sleep"]);
    eventually("the run", || (world.work.join("begun").exists() && running()).then_some(()));
    world.ok(&["swarm", "stop", &swarm]);
    assert!(!running());
}

#[test]
fn it_is_said_who_holds_a_rule() {
    let world = world();
    let said = world.exits(&["policy", "check", "--json", "--", "strongbox", "rm"], 6).json();
    assert_eq!(said["enforced_by"], "broker", "{said:#}");
    let shown = world.json(&["policy", "show"]);
    let by = |name: &str| {
        let rules = shown["rules"].as_array().unwrap();
        rules.iter().find(|rule| rule["name"] == name).unwrap()["enforced_by"].clone()
    };
    assert_eq!((by("no-rm"), by("force-push")), ("broker".into(), "cooperates".into()));
    // Of an agent it is said how it is, not how it would be.
    for (flags, wanted) in [(&[][..], "broker"), (&["--no-sandbox"], "cooperates")] {
        let args = [&["--agents", "1"], flags, &["--", "sleep", "605"]].concat();
        let agent = world.only_agent(&world.create(&args));
        world.until_state(&agent, &["working", "idle"]);
        let check = ["policy", "check", "--agent", &agent, "--json", "--", "strongbox", "rm"];
        assert_eq!(world.exits(&check, 6).json()["enforced_by"], wanted);
    }
}

/// Each is gone before anybody looks.
#[test]
fn what_short_ones_write_is_counted() {
    let world = world();
    // Where files reach a disk: a temporary directory may lie in memory.
    let files = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let script = "for i in $(seq 900); do strongbox fill f$i || exit 9; done";
    let scope = files.path().display().to_string();
    let script = format!("cd '{scope}' && {script}");
    let args = ["--agents", "1", "--scope", &scope, "--disk", "20M", "--", "sh", "-c", &script];
    let (swarm, _) = world.create_and_wait(&args);
    let results = world.ok(&["swarm", "results", &swarm]).text();
    assert!(results.contains("at most 20 MB (--disk)"), "{results}");
    // Looks now and then meet one in forty of them, and end it after hundreds.
    let made = fs::read_dir(files.path()).unwrap().count();
    assert!(made < 100, "{made} files of 3 MB");
}

/// Programs that the rules which come with Dash speak of: none of them is hidden, and an agent
/// that calls them by name asks all the same.
#[test]
fn what_is_called_by_name_is_asked_about() {
    let world = World::new();
    let bin = world.path().join("bin");
    fs::create_dir(&bin).unwrap();
    for name in ["npm", "git", "plain"] {
        fs::write(bin.join(name), format!("#!/bin/sh\necho {name} as \"$0\" ran \"$@\"\n"))
            .unwrap();
        set_mode(&bin.join(name), 0o755);
    }
    let path = format!("{}:/usr/bin:/bin", bin.display());
    let world = world.with("PATH", &path);
    let out = agent(
        &world,
        "git status '' 'a  b'; git push --force; echo code $?\n\
         sh -c 'env -i PATH=\"$PATH\" git push -f'; echo \"$(printf 'git\\npush\\n-f' | xargs)\" | sh\n\
         command -v plain yarn; echo code $?; PATH=/nowhere; /run/dash/bin/git status; echo code $?\n\
         ../bin/git push --force",
    );
    let git = bin.join("git").display().to_string();
    assert!(out.contains(&format!("git as {git} ran status  a  b\n")), "{out}");
    assert_eq!(
        out.matches("dash: denied: force-push: rewrites what others have").count(),
        3,
        "{out}"
    );
    assert!(out.contains("code 126") && out.contains("dash: git: not found\ncode 127"), "{out}");
    assert!(out.contains("bin/plain\ncode 0") && !out.contains("yarn"), "{out}");
    // Its whole path goes around: the rule is one for those who cooperate.
    assert!(out.contains("ran push --force"), "{out}");
    let check = world.dash(&["policy", "check", "--json", "--", "git", "push", "--force"]).json();
    assert_eq!(check["enforced_by"], "cooperates", "{check:#}");
    let audit = world.ok(&["audit", "--json"]).text();
    let of = |action: &str| audit.lines().filter(|row| row.contains(action)).count();
    assert_eq!((of("policy.deny"), of("policy.allow")), (3, 0), "{audit}");

    let swarm = world.create(&["--agents", "1", "--", "sh", "-c", "npm publish >out 2>&1"]);
    let agent = world.only_agent(&swarm);
    let asked = world.ok(&["inbox", "--wait", "--json"]).json();
    assert_eq!(world.until_state(&agent, &["waiting"])["reason"], "approval");
    world.ok(&["approve", asked[0]["id"].as_str().unwrap()]);
    world.dash(&["swarm", "wait", &swarm]);
    assert!(read(&world.work.join("out")).contains("ran publish"));
}
