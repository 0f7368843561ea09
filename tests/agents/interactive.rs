//! The real agents on their own screens: nothing to answer by hand at their start, tasks
//! typed into them, permissions granted and refused from the inbox, and states that say what
//! happens.

use crate::{
    stage::{events, stage, turn},
    wait::eventually,
    world::World,
};
use serde_json::{Value, json};
use std::{fs, process::Command};

/// What each asks leave for, left to itself.
const KINDS: [&str; 2] = ["claude", "codex"];
const ASKED: &str = "rm -rf gone";

fn start(world: &World, adapter: &str, args: &[&str]) -> String {
    let made = world.json(&[&["agent", "spawn", "--agent", adapter], args].concat());
    assert_eq!(made["interactive"], true, "{made:#}");
    made["id"].as_str().unwrap().to_owned()
}

/// Waits for the state, and that it is not the one of before.
fn until(world: &World, agent: &str, state: &str) -> Value {
    world.until_state(agent, &[state])
}

/// States as they followed one another, without the first moments.
fn states(world: &World, agent: &str) -> Vec<String> {
    let changed = events(world, agent, "state_changed").into_iter();
    let words = changed.map(|event| match event["reason"].as_str().unwrap() {
        "" => event["state"].as_str().unwrap().to_owned(),
        reason => format!("{}: {reason}", event["state"].as_str().unwrap()),
    });
    words.skip_while(|word| word != "idle").collect()
}

/// Waits until it has asked, answers, and waits until it is idle again.
fn answer(world: &World, agent: &str, verdict: &str) -> Value {
    let asked = world.json(&["inbox", "--wait"])[0].clone();
    assert_eq!(asked["kind"], "prompt", "{asked:#}");
    assert_eq!(until(world, agent, "waiting")["reason"], "permission");
    world.ok(&["agent", "send", agent, verdict]);
    until(world, agent, "idle");
    assert_eq!(world.json(&["inbox"]), json!([]));
    asked
}

/// In the root of a git tree, on a model that has a successor: Codex would ask about both.
#[test]
fn nothing_is_asked_before_its_first_screen() {
    let _turn = turn();
    let Some(world) = stage() else { return };
    let made = Command::new("git").args(["init", "-q"]).current_dir(&world.work).status();
    assert!(made.unwrap().success());
    for model in ["gpt-5.5", "gpt-5.6-luna"] {
        let agent = start(&world, "codex", &["--model", model]);
        until(&world, &agent, "idle");
        world.ok(&["agent", "send", &agent, "be so kind"]);
        world.until_shown(&agent, "Nothing to do.");
        let called = events(&world, &agent, "model_called");
        assert!(called.iter().all(|call| call["model"] == model), "{called:#?}");
        world.ok(&["agent", "stop", &agent]);
    }
    assert_eq!(world.json(&["inbox", "--all"]), json!([]));
}

/// What its file does not answer beforehand, somebody does.
#[test]
fn a_question_before_its_first_screen_is_answered_from_the_inbox() {
    let _turn = turn();
    let Some(world) = stage() else { return };
    let file = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/agents/codex.toml"));
    let file = file.unwrap().replace("\"gpt-5.5\"=\"gpt-6-sol\",", "");
    let agents = world.path().join("config/dash/agents");
    fs::create_dir_all(&agents).unwrap();
    fs::write(agents.join("codex.toml"), file).unwrap();
    let agent = start(&world, "codex", &["--model", "gpt-5.5"]);
    let asked = world.json(&["inbox", "--wait"])[0].clone();
    assert!(asked["text"].as_str().unwrap().contains("Try new model"), "{asked:#}");
    let refused = world.exits(&["agent", "send", &agent, "be so kind"], 1).all();
    assert!(refused.contains("asks something before it takes text"), "{refused}");
    world.ok(&["deny", asked["id"].as_str().unwrap()]);
    until(&world, &agent, "idle");
    world.ok(&["agent", "send", &agent, "be so kind"]);
    world.until_shown(&agent, "Nothing to do.");
    let called = events(&world, &agent, "model_called");
    assert!(called.iter().all(|call| call["model"] == "gpt-5.5"), "{called:#?}");
}

#[test]
fn what_is_typed_before_its_first_screen_is_not_lost() {
    let _turn = turn();
    let Some(world) = stage() else { return };
    for adapter in ["claude", "codex", "pi"] {
        let agent = start(&world, adapter, &[]);
        world.ok(&["agent", "send", &agent, "be so kind"]);
        world.until_shown(&agent, "Nothing to do.");
        world.ok(&["agent", "stop", &agent]);
    }
}

#[test]
fn a_permission_is_granted_and_the_work_is_done() {
    let _turn = turn();
    let Some(world) = stage() else { return };
    for adapter in KINDS {
        fs::create_dir(world.work.join("gone")).unwrap();
        let agent = start(&world, adapter, &[]);
        let first = until(&world, &agent, "idle");
        assert_eq!((&first["item"], &first["tokens"]["input"]), (&Value::Null, &json!(0)));
        let task = format!("run: {ASKED}");
        world.ok(&["agent", "send", &agent, &task]);
        let asked = answer(&world, &agent, "--approve");
        assert!(asked["text"].as_str().unwrap().ends_with(&format!("Bash: {ASKED}")), "{asked:#}");
        assert!(!world.work.join("gone").exists(), "{adapter}");
        let expected = ["idle", "working", "waiting: permission", "working", "idle"];
        let mut seen = states(&world, &agent);
        // Codex begins its first turn twice over.
        seen.dedup();
        if seen.starts_with(&["idle", "working", "idle", "working"].map(str::to_owned)) {
            seen.drain(..2);
        }
        assert_eq!(seen, expected, "{adapter}");
        // Its own words for leaving; then its exit judges.
        world.ok(&["agent", "send", &agent, if adapter == "codex" { "/quit" } else { "/exit" }]);
        until(&world, &agent, "done");
        let result = world.json(&["agent", "results", &agent])[0].clone();
        assert_eq!((&result["outcome"], &result["exit"]), (&json!("done"), &json!(0)));
        assert_eq!(result["text"], "Nothing to do.", "{result:#}");
        assert!(result["session"].is_string(), "{result:#}");
        assert!(result["cost_micros"].as_u64() > Some(0), "{result:#}");
    }
}

/// Claude's terminal says `permission prompt` alone then.
#[test]
fn a_prompt_about_a_long_command_says_the_command() {
    let _turn = turn();
    let Some(world) = stage() else { return };
    fs::create_dir(world.work.join("gone")).unwrap();
    let long = format!("{ASKED}{}", " and-another".repeat(120));
    let agent = start(&world, "claude", &[]);
    until(&world, &agent, "idle");
    world.ok(&["agent", "send", &agent, &format!("run: {long}")]);
    let asked = answer(&world, &agent, "--approve");
    assert_eq!(asked["text"], format!("Bash: {long}"), "{asked:#}");
    assert_eq!(world.json(&["inbox", "--all"]).as_array().unwrap().len(), 1);
    assert!(!world.work.join("gone").exists());
}

#[test]
fn a_permission_is_refused_and_nothing_is_done() {
    let _turn = turn();
    let Some(world) = stage() else { return };
    fs::create_dir(world.work.join("gone")).unwrap();
    for adapter in KINDS {
        // As its first prompt.
        let task = format!("run: {ASKED}");
        let agent = start(&world, adapter, &["--interactive", "--task", &task]);
        let asked = answer(&world, &agent, "--deny");
        assert!(asked["text"].as_str().unwrap().ends_with(&format!("Bash: {ASKED}")), "{asked:#}");
        assert!(world.work.join("gone").exists(), "{adapter}");
        // It takes the next task, a long one too, with its Enter.
        let long = format!("say {}", "something about the weather ".repeat(12));
        world.ok(&["agent", "send", &agent, &long]);
        world.until_shown(&agent, "Nothing to do.");
        until(&world, &agent, "idle");
        world.ok(&["agent", "stop", &agent]);
    }
}

#[test]
fn a_file_is_written() {
    let _turn = turn();
    let Some(world) = stage() else { return };
    for adapter in KINDS {
        let agent = start(&world, adapter, &[]);
        until(&world, &agent, "idle");
        world.ok(&["agent", "send", &agent, &format!("write {adapter}.txt: by {adapter}")]);
        if adapter == "claude" {
            let asked = answer(&world, &agent, "--approve");
            assert!(asked["text"].as_str().unwrap().ends_with("claude.txt"), "{asked:#}");
        }
        world.until_shown(&agent, &format!("Done: {adapter}.txt is written."));
        until(&world, &agent, "idle");
        let written = fs::read_to_string(world.work.join(format!("{adapter}.txt"))).unwrap();
        assert_eq!(written.trim_end(), format!("by {adapter}"));
        world.ok(&["agent", "stop", &agent]);
        let row = until(&world, &agent, "stopped");
        assert_eq!(row["pid"], Value::Null, "{row:#}");
    }
}

#[test]
fn prose_that_quotes_a_prompt_is_no_prompt() {
    let _turn = turn();
    let Some(world) = stage() else { return };
    for adapter in KINDS {
        let agent = start(&world, adapter, &[]);
        until(&world, &agent, "idle");
        world.ok(&["agent", "send", &agent, "quote a prompt"]);
        world.until_shown(&agent, "Do you want to proceed?");
        until(&world, &agent, "idle");
        let seen = states(&world, &agent);
        assert!(seen.iter().all(|state| !state.starts_with("waiting")), "{adapter}: {seen:?}");
        assert_eq!(world.json(&["inbox", "--all"]), json!([]));
        let explained = world.ok(&["agent", "explain", &agent]).text();
        assert!(explained.contains("hook") && explained.contains("OSC 7501"), "{explained}");
        world.ok(&["agent", "stop", &agent]);
    }
}

#[test]
fn pi_says_when_it_works() {
    let _turn = turn();
    let Some(world) = stage() else { return };
    let agent = start(&world, "pi", &[]);
    until(&world, &agent, "idle");
    world.ok(&["agent", "send", &agent, "run: sleep 1; touch bypi"]);
    until(&world, &agent, "working");
    // On a slow machine its next sign of progress may be so late that it seems idle.
    eventually("the command's end", || world.work.join("bypi").exists().then_some(()));
    until(&world, &agent, "idle");
    let seen = states(&world, &agent);
    assert!(seen.iter().all(|state| ["idle", "working"].contains(&state.as_str())), "{seen:?}");
    assert_eq!(seen.last().map(String::as_str), Some("idle"), "{seen:?}");
    world.ok(&["agent", "send", &agent, "/quit"]);
    until(&world, &agent, "done");
}

#[test]
fn a_failed_turn_leaves_it_idle() {
    let _turn = turn();
    let Some(world) = stage() else { return };
    for adapter in KINDS {
        let agent = start(&world, adapter, &[]);
        until(&world, &agent, "idle");
        world.ok(&["agent", "send", &agent, "refuse me"]);
        world.until_shown(&agent, "no credit left");
        eventually("the failure's state", || {
            let seen = states(&world, &agent);
            seen.iter().any(|state| state == "idle: failed").then_some(())
        });
        until(&world, &agent, "idle");
        world.ok(&["agent", "stop", &agent]);
    }
}

#[test]
fn stopped_in_a_tool_it_leaves_nothing() {
    let _turn = turn();
    let Some(world) = stage() else { return };
    for adapter in KINDS {
        let agent = start(&world, adapter, &[]);
        until(&world, &agent, "idle");
        world.ok(&["agent", "send", &agent, "run: setsid -f sleep 611; sleep 612"]);
        if adapter == "claude" {
            world.json(&["inbox", "--wait"]);
            world.ok(&["agent", "send", &agent, "--approve"]);
        }
        eventually("both sleeps", || {
            let all = world.processes();
            let sleeps = all.iter().filter(|proc| proc.command.starts_with("sleep 61"));
            (sleeps.count() == 2).then_some(())
        });
        assert_eq!(world.agent(&agent)["state"], "working", "{adapter}");
        world.ok(&["agent", "stop", &agent]);
        until(&world, &agent, "stopped");
        let left: Vec<_> =
            world.processes().into_iter().filter(|proc| proc.is_of_an_attempt()).collect();
        assert!(left.is_empty(), "{adapter} left {left:#?}");
    }
}

#[test]
fn a_prompt_outlives_the_core() {
    let _turn = turn();
    let Some(world) = stage() else { return };
    for adapter in KINDS {
        fs::create_dir(world.work.join("gone")).unwrap();
        let agent = start(&world, adapter, &["--interactive", "--task", &format!("run: {ASKED}")]);
        let asked = world.json(&["inbox", "--wait"])[0].clone();
        world.kill_core();
        let open = world.json(&["inbox", "--wait"]);
        assert_eq!((&open[0]["id"], &open[0]["text"]), (&asked["id"], &asked["text"]));
        eventually("the answer is taken", || {
            // Until the keeper is adopted nobody types.
            (world.dash(&["approve", &agent]).code == 0).then_some(())
        });
        until(&world, &agent, "idle");
        assert!(!world.work.join("gone").exists(), "{adapter}");
        world.ok(&["agent", "stop", &agent]);
    }
}
