//! Answers to an agent's own permission prompts are typed while that very prompt is on its
//! screen, and only then; and what its hooks tell decides its state.

use crate::{wait::eventually, world::World};
use serde_json::{Value, json};
use std::fs;

const ADAPTER: &str = r#"
name = "asker"
summary = "asks"
[program]
name = "sh"
[launch]
args = ["{task}"]
[interactive]
args = ["-c", "exec sh ./asks"]
[[hook]]
when = { hook_event_name = "Ask" }
prompt = "Bash: {/command}"
[[hook]]
when = { hook_event_name = "Go" }
state = "working"
detail = "Go"
[[hook]]
when = { hook_event_name = "Stop" }
state = "idle"
text = ["/last"]
session = "/id"
[prompt]
approve = ["y"]
deny = ["Escape"]
shown = "^press y or esc"
"#;

/// What the scripts below have in common.
const HEAD: &str = r#"
stty raw -echo
say() { printf '\033]7501;state=%s\007' "$1"; }
key() { dd bs=1 count=1 2>/dev/null | od -An -tx1; }
until_there() { while [ ! -e "$1" ]; do sleep 0.05; done; }
tell() {
  printf '%s' "$1" | curl -sS --unix-socket "$DASH_SOCKET" -X POST -d @- \
    -H "Authorization: Bearer $DASH_TOKEN" -H 'Content-Type: application/json' http://d/v1/hooks
}
"#;

fn start(world: &World, script: &str) -> String {
    let adapters = world.path().join("config/dash/agents");
    fs::create_dir_all(&adapters).unwrap();
    fs::write(adapters.join("asker.toml"), ADAPTER).unwrap();
    world.script("asks", &format!("{HEAD}{script}"));
    let made = world.json(&["agent", "spawn", "--agent", "asker"]);
    assert_eq!(made["interactive"], true, "{made:#}");
    made["id"].as_str().unwrap().to_owned()
}

fn inbox(world: &World, state: &str) -> Vec<Value> {
    let all = world.json(&["inbox", "--all"]);
    let all = all.as_array().unwrap();
    all.iter().filter(|row| row["state"] == state).cloned().collect()
}

#[test]
fn keys_wait_until_the_prompt_is_drawn() {
    let world = World::new();
    let agent = start(
        &world,
        r#"say blocked:kind=permission
until_there draw
printf 'press y or esc\r\n'
got=$(key); say working; printf 'got <%s>\r\n' "$got"; sleep 606"#,
    );
    world.ok(&["inbox", "--wait"]);
    world.ok(&["agent", "send", &agent, "--approve"]);
    assert_eq!(world.until_state(&agent, &["waiting"])["reason"], "permission");
    fs::write(world.work.join("draw"), "").unwrap();
    world.until_shown(&agent, "got < 79>");
    world.until_state(&agent, &["working"]);
    assert_eq!(inbox(&world, "approved").len(), 1);
    let refused = world.exits(&["agent", "send", &agent, "--deny"], 1);
    assert!(refused.stderr.contains("shows no permission prompt"), "{refused:?}");
}

#[test]
fn a_prompt_that_takes_the_place_of_an_answered_one_is_another_question() {
    let world = World::new();
    // The second comes without a word in between, and would take the same key.
    let agent = start(
        &world,
        r#"say blocked:kind=permission
printf 'run one?\r\npress y or esc\r\n'
first=$(key); printf '\033[2J\033[Hrun two?\r\npress y or esc\r\n'
second=$(key); say working; printf 'got <%s> <%s>\r\n' "$first" "$second"; sleep 606"#,
    );
    let first = world.json(&["inbox", "--wait"])[0]["id"].clone();
    world.ok(&["approve", first.as_str().unwrap()]);
    let second = eventually("another question", || inbox(&world, "open").pop());
    assert_ne!(second["id"], first);
    world.ok(&["deny", second["id"].as_str().unwrap()]);
    world.until_shown(&agent, "got < 79> < 1b>");
}

#[test]
fn a_prompt_that_is_never_drawn_is_asked_about_again() {
    let world = World::new();
    let agent = start(
        &world,
        r#"say blocked:kind=permission
got=$(key); say working; printf 'got <%s>\r\n' "$got"; sleep 606"#,
    );
    let first = world.json(&["inbox", "--wait"])[0]["id"].clone();
    world.ok(&["approve", &agent]);
    let again = eventually("the question again", || inbox(&world, "open").pop());
    assert_ne!(again["id"], first);
    assert_eq!(world.agent(&agent)["reason"], "permission", "nothing was typed");
    world.ok(&["agent", "send", &agent, "--keys", "q"]);
    world.until_shown(&agent, "got < 71>");
    eventually("an empty inbox", || inbox(&world, "open").is_empty().then_some(()));
}

#[test]
fn an_answer_outlives_the_core_that_took_it() {
    let world = World::new();
    let socket = world.socket.display().to_string();
    let mut command = world.command(&["--socket", &socket]);
    command.env("DASH_FAILPOINT", "after-answer-before-keys");
    let mut core = world.headless_as(command);
    let agent = start(
        &world,
        r#"say blocked:kind=permission
printf 'press y or esc\r\n'
got=$(key); say working; printf 'got <%s>\r\n' "$got"; sleep 606"#,
    );
    world.ok(&["inbox", "--wait"]);
    // It may die before it says that it took it.
    world.dash(&["approve", &agent]);
    assert_eq!(core.wait().unwrap().code(), None, "{}", world.headless_log());
    world.until_shown(&agent, "got < 79>");
    world.until_state(&agent, &["working"]);
    assert_eq!(inbox(&world, "approved").len(), 1);
}

#[test]
fn hooks_tell_state_question_session_and_last_words() {
    if !crate::tools::have("curl") {
        return;
    }
    let world = World::new();
    let agent = start(
        &world,
        r#"tell '{"hook_event_name":"Go"}'
until_there ask
tell '{"hook_event_name":"Ask","command":"rm -rf x"}'
say blocked:kind=permission; printf '$ rm -rf x\r\npress y or esc\r\n'
got=$(key); say working; printf '\033[2J\033[Hon\r\n'
until_there stop
tell '{"hook_event_name":"Stop","last":"all is done","id":"s-1"}'
until_there leave"#,
    );
    let explained = eventually("a hook's word", || {
        let explained = world.json(&["agent", "explain", &agent]);
        let signals = explained["signals"].as_array().unwrap().clone();
        signals.into_iter().find(|signal| signal["source"] == "hook")
    });
    assert_eq!((&explained["detail"], &explained["decided"]), (&json!("Go"), &json!(true)));
    fs::write(world.work.join("ask"), "").unwrap();
    let asked = world.json(&["inbox", "--wait"]);
    assert_eq!(asked[0]["text"], "Bash: rm -rf x", "{asked:#}");
    // A core that dies knows it still: the same question, under the same name.
    world.kill_core();
    world.json(&["agent", "list"]);
    eventually("the question, of the next core", || {
        let open = inbox(&world, "open");
        assert!(open.len() <= 1, "{open:#?}");
        (open.first()?["id"] == asked[0]["id"]).then_some(())
    });
    world.ok(&["approve", &agent]);
    world.until_state(&agent, &["working"]);
    fs::write(world.work.join("stop"), "").unwrap();
    world.until_state(&agent, &["idle"]);
    world.kill_core();
    fs::write(world.work.join("leave"), "").unwrap();
    world.until_state(&agent, &["done"]);
    let results = world.json(&["agent", "results", &agent]);
    assert_eq!(
        (&results[0]["text"], &results[0]["session"]),
        (&json!("all is done"), &json!("s-1"))
    );
}

#[test]
fn only_agents_with_a_screen_are_started_on_it() {
    let world = World::new();
    for args in [&["--agent", "mini"][..], &["--interactive", "--task", "x", "--agent", "mini"]] {
        let refused = world.exits(&[&["agent", "spawn"], args].concat(), 2);
        assert!(refused.stderr.contains("mini has no screen of its own"), "{refused:?}");
        assert!(refused.stderr.contains("claude"), "{refused:?}");
    }
    world.exits(&["agent", "spawn", "--interactive", "--", "sh"], 2);
    world.exits(&["agent", "spawn"], 2);
}

#[test]
fn another_rule_of_its_file_reaches_an_agent_that_runs() {
    let world = World::new();
    let agent = start(&world, "printf 'Shall I go on?\\r\\n'; sleep 606");
    world.until_shown(&agent, "Shall I go on?");
    let file = world.path().join("config/dash/agents/asker.toml");
    let rule = |pattern: &str| {
        let rule = "state = \"waiting\"\nreason = \"input\"";
        let text =
            format!("{ADAPTER}[[screen]]\nname = \"asks\"\npattern = \"{pattern}\"\n{rule}\n");
        fs::write(&file, text).unwrap();
    };
    rule("^Shall I");
    assert_eq!(world.until_state(&agent, &["waiting"])["reason"], "input");
    rule("^Shall you");
    world.until_state(&agent, &["working"]);
    let explained = world.ok(&["agent", "explain", &agent]).text();
    assert!(explained.contains("no rule of its file fits"), "{explained}");
}
