//! The agents' own hooks, wired to the rules on commands: what is denied is refused with the
//! rule's reason and the agent goes on, what is asked about is held until it is answered.

use crate::{
    stage::{results, stage, turn},
    world::World,
};
use std::fs;

const RULES: &str = r#"
[[rule]]
name = "makes"
command = ["touch"]
verdict = "ask"
reason = "makes a file"
"#;

fn create<'a>(adapter: &'a str, task: &'a str) -> [&'a str; 6] {
    ["--agent", adapter, "--agents", "1", "--task", task]
}

fn log(world: &World, swarm: &str) -> String {
    String::from_utf8_lossy(&world.raw_log(&world.only_agent(swarm))).into_owned()
}

#[test]
fn a_denied_command_does_not_run_and_the_agent_goes_on() {
    let _turn = turn();
    let Some(world) = stage() else { return };
    // What the tree brings along must not switch the hook off.
    fs::create_dir_all(world.work.join(".claude")).unwrap();
    fs::create_dir_all(world.work.join(".codex")).unwrap();
    fs::write(world.work.join(".claude/settings.json"), "{\"disableAllHooks\":true}").unwrap();
    fs::write(world.work.join(".claude/settings.local.json"), "{\"disableAllHooks\":true}")
        .unwrap();
    fs::write(world.work.join(".codex/config.toml"), "[features]\nhooks = false\n").unwrap();
    for adapter in ["claude", "codex"] {
        for sandbox in [&[][..], &["--no-sandbox"]] {
            let refused = "run: echo x > refused; sudo true";
            let mut args = create(adapter, refused).to_vec();
            args.extend(sandbox);
            let (swarm, code) = world.create_and_wait(&args);
            let (rows, log) = (results(&world, &swarm), log(&world, &swarm));
            assert_eq!((code, rows[0]["outcome"].as_str()), (0, Some("done")), "{rows:#?}");
            assert!(!world.work.join("refused").exists(), "{adapter} ran it: {log}");
            assert!(log.contains("asks for other rights"), "{adapter}: {log}");
        }
        let (_, code) = world.create_and_wait(&create(adapter, "run: echo x > allowed"));
        assert_eq!(code, 0);
        fs::remove_file(world.work.join("allowed")).unwrap();
    }
}

#[test]
fn a_command_that_is_asked_about_waits_for_its_answer() {
    let _turn = turn();
    let Some(world) = stage() else { return };
    fs::write(world.path().join("config/dash/policy.toml"), RULES).unwrap();
    for adapter in ["claude", "codex"] {
        for (verb, runs) in [("approve", true), ("deny", false)] {
            let swarm = world.create(&create(adapter, "run: touch asked"));
            let open = world.json(&["inbox", "--wait"]);
            assert_eq!(open[0]["argv"], serde_json::json!(["sh", "-c", "touch asked"]), "{open:#}");
            assert_eq!(open[0]["why"], "the agent asks: makes a file");
            let agent = world.only_agent(&swarm);
            assert_eq!(world.until_state(&agent, &["waiting"])["reason"], "approval");
            assert!(!world.work.join("asked").exists());
            world.ok(&[verb, open[0]["id"].as_str().unwrap(), "--note", "as agreed"]);
            world.ok(&["swarm", "wait", &swarm]);
            let log = log(&world, &swarm);
            assert_eq!(world.work.join("asked").exists(), runs, "{adapter}: {log}");
            assert_eq!(log.contains("as agreed"), !runs, "{adapter}: {log}");
            let _ = fs::remove_file(world.work.join("asked"));
        }
    }
}

#[test]
fn the_hook_cannot_be_taken_out() {
    let _turn = turn();
    let Some(world) = stage() else { return };
    let cases =
        [("claude", "CLAUDE_CONFIG_DIR", "dash.json"), ("codex", "CODEX_HOME", "hooks.json")];
    for (adapter, variable, file) in cases {
        // In a script, which the rules do not read: it is the mounts that are tried.
        let script = format!(
            "echo '{{}}' > ${variable}/{file}; rm -f ${variable}/{file}\n\
             mv ${variable}/{file} ${variable}/x; mv ${variable} ${variable}.x\n\
             grep -c __hook ${variable}/{file} > held; echo x > ${variable}/mine && echo own >> held\n"
        );
        fs::write(world.work.join("try.sh"), script).unwrap();
        let (swarm, code) = world.create_and_wait(&create(adapter, "run: sh try.sh"));
        let held = fs::read_to_string(world.work.join("held")).unwrap_or_default();
        assert_eq!((code, held.as_str()), (0, "1\nown\n"), "{}", log(&world, &swarm));
    }
}
