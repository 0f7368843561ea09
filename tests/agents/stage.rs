//! A world with the pinned CLIs first on PATH, and the scenario of these tests.

use crate::{
    tools,
    wait::{eventually, within},
    world::World,
};
use serde_json::Value;
use std::{
    env,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Every call has a usage of its own, so that a sum tells which calls were counted.
const SCENARIO: &str = r#"
name = "real agents"

[[rule]]
when = { task = "learn the marker", attempt = "2+", said = "violet-4711" }
reply = { say = "I remember the first attempt." }

[[rule]]
when = { task = "learn the marker" }
reply = { say = "The marker is violet-4711." }

[[rule]]
when = { task = "what do you remember", said = "violet-4711" }
reply = { say = "I remember what was typed." }

[[rule]]
when = { task = "step by step", attempt = "2+", said = "violet-4711", tools = true }
reply = { say = "I remember the first attempt." }

[[rule]]
when = { task = "step by step", attempt = "2+" }
reply = { say = "I remember nothing." }

[[rule]]
when = { task = "step by step", turn = 1, tools = true }
reply = { say = "The marker is violet-4711.", shell = "echo one > one.{agent}" }

[[rule]]
when = { task = "step by step and fail" }
reply = { error = 400, message = "simulated: no further" }

[[rule]]
when = { task = "step by step and hang" }
reply = { say = "Now I think about it.", hang = true }

[[rule]]
when = { task = ["continue", "say what you are paid for"], said = "say what you are paid for" }
reply = { say = "I am paid for this." }

[[rule]]
when = { task = "what else?" }
reply = { say = "Nothing to do." }

[[rule]]
when = { task = "pay bit by bit", turn = 1, tools = true }
reply = { say = "I begin.", shell = "./pay {agent}" }

[[rule]]
when = { task = ["pay bit by bit", "continue"], said = "pay bit by bit" }
reply = { say = "It went on after its first step." }

# An agent sends what was refused along with what comes next.
[[rule]]
when = { task = "go on all the same" }
reply = { say = "Nothing to do." }

[[rule]]
when = { task = "overload me once", call = 1 }
reply = { error = 429, retry_after = 1, message = "simulated: too many requests" }

[[rule]]
when = { task = "break twice", call = [1, 2] }
reply = { error = 500, message = "simulated: broken" }

[[rule]]
when = { task = "cut me off once", call = 1 }
reply = { say = "This answer is long enough to be cut off somewhere in the middle of its words.", cut_after = 4 }

[[rule]]
when = { task = ["overload me once", "break twice", "cut me off once"] }
reply = { say = "It went well in the end." }

[[rule]]
when = { task = "cut me off" }
reply = { say = "This answer is long enough to be cut off somewhere in the middle of its words.", cut_after = 4 }

[[rule]]
when = { task = "go wrong at once" }
reply = { error = 400, message = "simulated: it cannot" }

[[rule]]
when = { task = "let me in" }
reply = { error = 403, message = "simulated: not with this key" }

[[rule]]
when = { task = "refuse me" }
reply = { error = 402, message = "simulated: no credit left" }

[[rule]]
when = { task = "go wrong", turn = 1, tools = true }
reply = { say = "I will try.", shell = "echo 'it fails' >&2; exit 3", usage = { input = 700, output = 7 } }

[[rule]]
when = { task = "go wrong" }
reply = { error = 400, message = "simulated: the task cannot be done" }

[[rule]]
when = { task = "write {file}: {content}", turn = 1, tools = true }
reply = { say = "I will write {file}.", write = { path = "{file}", content = "{content}" }, usage = { input = 1000, output = 50, cache_read = 200 } }

[[rule]]
when = { task = "write {file}: {content}", turn = "2+" }
reply = { say = "Done: {file} is written.", usage = { input = 3000, output = 9, cache_read = 400 } }

[[rule]]
when = { task = "take your time", turn = 1, tools = true }
reply = { say = "One word after the other, slowly, so that there is a middle to be hit in.", shell = "echo step > slow.{agent}", delay_ms = 700, chunk_ms = 150, usage = { input = 500, output = 5 } }

[[rule]]
when = { task = "take your time", turn = "2+" }
reply = { say = "Done: it took its time.", delay_ms = 1500, chunk_ms = 150, usage = { input = 600, output = 6 } }

[[rule]]
when = { task = "hold: {command}", turn = 1, tools = true }
reply = { say = "I will run it.", shell = "{=command}" }

[[rule]]
when = { task = "hold: {command}" }
reply = { say = "It is held no more.", delay_ms = 600000 }

[[rule]]
when = { task = "run: {command}", turn = 1, tools = true }
reply = { say = "I will run it.", shell = "{=command}" }

[[rule]]
when = { task = "quote a prompt" }
reply = { say = "It will ask:\n\n Bash command\n\n   touch x\n\n Do you want to proceed?\n ❯ 1. Yes\n   2. No\n\n Esc to cancel · Tab to amend\n Press enter to confirm or esc to cancel" }

[[rule]]
reply = { say = "Nothing to do.", usage = { input = 10, output = 1 } }
"#;

/// Tests that run at once: a real agent takes 200 MB, and two cores for its first second.
const AT_ONCE: usize = 2;

static FREE: (Mutex<usize>, Condvar) = (Mutex::new(AT_ONCE), Condvar::new());

/// Leave to run real agents, given back at its end.
pub struct Turn(usize);

impl Drop for Turn {
    fn drop(&mut self) {
        let (free, changed) = &FREE;
        *free.lock().unwrap_or_else(PoisonError::into_inner) += self.0;
        changed.notify_all();
    }
}

fn take(many: usize) -> Turn {
    let (free, changed) = &FREE;
    let free = free.lock().unwrap_or_else(PoisonError::into_inner);
    let enough = changed.wait_while(free, |free| *free < many);
    *enough.unwrap_or_else(PoisonError::into_inner) -= many;
    Turn(many)
}

pub fn turn() -> Turn {
    take(1)
}

/// For agents that take much memory: one of them at a time, beside a light one.
pub fn heavy() -> (MutexGuard<'static, ()>, Turn) {
    static HEAVY: Mutex<()> = Mutex::new(());
    (HEAVY.lock().unwrap_or_else(PoisonError::into_inner), take(1))
}

/// For agents so heavy that nothing else may run beside them.
pub fn alone() -> Turn {
    take(AT_ONCE)
}

/// The kinds that every test here is about.
pub const KINDS: [&str; 4] = ["claude", "codex", "mini", "pi"];

/// A world for these tests; none, said aloud, where the CLIs are not installed.
pub fn stage() -> Option<World> {
    stage_with(&["claude", "codex", "pi"])
}

/// A world with these programs in it, and the `node` that they need.
pub fn stage_with(programs: &[&str]) -> Option<World> {
    for name in programs.iter().chain(&["node"]) {
        if !tools::agent_bins().iter().any(|bin| bin.join(name).exists()) {
            let why = format!("{name} is not there: see `agents` in .ci/run");
            tools::missing(&why);
            return None;
        }
    }
    let world = World::new();
    let bins = tools::agent_bins().map(|bin| bin.display().to_string()).join(":");
    let path = format!("{bins}:{}", env::var("PATH").unwrap_or_default());
    let scenario = world.path().join("scenario.toml");
    std::fs::write(&scenario, SCENARIO).unwrap();
    let scenario = scenario.display().to_string();
    Some(world.with("PATH", &path).with("DASH_SCENARIO", &scenario))
}

/// The results of a swarm, as rows.
pub fn results(world: &World, swarm: &str) -> Vec<Value> {
    world.json(&["swarm", "results", swarm])["results"].as_array().cloned().unwrap()
}

/// All events of a kind of one agent.
pub fn events(world: &World, agent: &str, kind: &str) -> Vec<Value> {
    let all = world.ok(&["events", "--since", "0", "--filter", "level=debug", "--json"]).text();
    let events = all.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    events.filter(|event| event["agent"] == agent && event["kind"] == kind).collect()
}

/// States as they followed one another, with their reasons.
pub fn timeline(world: &World, agent: &str) -> Vec<String> {
    let changed = events(world, agent, "state_changed").into_iter();
    let words = changed.map(|event| match event["reason"].as_str().unwrap() {
        "" => event["state"].as_str().unwrap().to_owned(),
        reason => format!("{}: {reason}", event["state"].as_str().unwrap()),
    });
    // Agents of other tests may be at work still, and hold it up.
    words.filter(|word| !word.starts_with("queued")).collect()
}

/// How long the heavy ones may take, on a machine where others are at work.
pub const SLOW: Duration = Duration::from_secs(400);

/// A swarm that has ended, and the exit code of the wait.
pub fn create_and_wait(world: &World, args: &[&str]) -> (String, i32) {
    let id = world.create(args);
    let code = world.run(world.command(&["swarm", "wait", &id]), b"", SLOW).code;
    (id, code)
}

/// How the first attempt of an agent comes to its end before its task is done.
#[derive(Clone, Copy, PartialEq)]
pub enum Cut {
    Failed,
    Stopped,
}

/// An agent whose first attempt is cut off after a step; retried on another model it knows
/// what was said before. The agent's id.
pub fn goes_on(world: &World, adapter: &str, cut: Cut, models: [&str; 2]) -> String {
    let end = if cut == Cut::Failed { "fail" } else { "hang" };
    let task = format!("step by step and {end}");
    let of = ["--agent", adapter, "--agents", "1", "--model", models[0], "--task", &task];
    let agent = world.only_agent(&world.create(&of));
    if cut == Cut::Stopped {
        // The call that hangs is under way, and will never be told of.
        eventually("the first call", || {
            (!events(world, &agent, "model_called").is_empty()).then_some(())
        });
        eventually("the first step", || {
            world.work.join(format!("one.{agent}")).exists().then_some(())
        });
        world.ok(&["agent", "stop", &agent]);
    }
    let row = world.until_state(&agent, &["failed", "stopped"]);
    let swarm = row["swarm"].as_str().unwrap().to_owned();
    let calls = events(world, &agent, "model_called").len();
    world.ok(&["agent", "retry", &agent, "--model", models[1]]);
    let row = world.until_state(&agent, &["done", "failed"]);
    assert_eq!((&row["state"], &row["model"]), (&"done".into(), &models[1].into()), "{row:#}");
    let log = || String::from_utf8_lossy(&world.raw_log(&agent)).into_owned();
    let text = &results(world, &swarm)[0]["text"];
    assert_eq!(text, "I remember the first attempt.", "{adapter}: {}", log());
    let later = events(world, &agent, "model_called").split_off(calls);
    let on_it = |call: &Value| call["model"] == models[1] && call["status"] == 200;
    assert!(!later.is_empty() && later.iter().all(on_it), "{later:#?}");
    let took = events(world, &agent, "took_up").remove(0);
    let named = events(world, &agent, "session_named").remove(0);
    assert_eq!((&took["from"], &took["session"]), (&1.into(), &named["session"]), "{took:#}");
    agent
}

/// Stops an agent while a tool of its runs, a part of it in a session of its own.
pub fn stops_in_a_tool(world: &World, adapter: &str) {
    let task = "run: touch started; setsid -f sleep 611; sleep 612";
    let id = world.create(&["--agent", adapter, "--agents", "1", "--task", task]);
    let agent = world.only_agent(&id);
    let both = within(SLOW, || {
        let all = world.processes();
        let sleeps = all.iter().filter(|proc| proc.command.starts_with("sleep 61"));
        (sleeps.count() == 2).then_some(())
    });
    assert!(both.is_some(), "{adapter} does not run its tool: {:#?}", world.processes());
    world.ok(&["agent", "stop", &agent]);
    let row = world.until_state(&agent, &["stopped"]);
    assert_eq!(row["pid"], Value::Null, "{row:#}");
    let left: Vec<_> =
        world.processes().into_iter().filter(|proc| proc.is_of_an_attempt()).collect();
    assert!(left.is_empty(), "{adapter} left {left:#?}");
    let result = results(world, &id).remove(0);
    assert_eq!(result["outcome"], "stopped", "{result:#}");
    assert_eq!(result["stop_reason"], "stopped");
    std::fs::remove_file(world.work.join("started")).unwrap();
}
