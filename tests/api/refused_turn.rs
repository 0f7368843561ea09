//! An agent on its own screen whose call the budget refuses: whoever waits for it is told, and
//! after a top-up it goes on with that turn, once.

use crate::{wait::eventually, world::World};
use serde_json::{Value, json};
use std::fs;

const ADAPTER: &str = r#"
name = "payer"
summary = "asks its model for each line that is typed"
[program]
name = "sh"
[launch]
args = ["{task}"]
[interactive]
args = ["-c", "exec sh ./pays"]
go_on = "go on"
"#;

const SCRIPT: &str = r#"
say() { printf '\033]7501;state=%s\007' "$1"; }
ask='{"model":"claude-haiku-4-5","max_tokens":300,"messages":[{"role":"user","content":"hi"}]}'
say idle
while read line; do
  printf '%s\n' "$line" >> typed
  say working
  status=$(curl -sS -o /dev/null -w '%{http_code}' "$ANTHROPIC_BASE_URL/v1/messages" -d "$ask" \
    -H "x-api-key: $ANTHROPIC_API_KEY" -H 'content-type: application/json')
  echo "answered $status"
  if [ "$status" = 200 ]; then say idle; else say error; fi
done
"#;

fn typed(world: &World) -> Vec<String> {
    let text = fs::read_to_string(world.work.join("typed")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

fn start(world: &World) -> Value {
    let adapters = world.path().join("config/dash/agents");
    fs::create_dir_all(&adapters).unwrap();
    fs::write(adapters.join("payer.toml"), ADAPTER).unwrap();
    world.script("pays", SCRIPT);
    let made = world.json(&["agent", "spawn", "--agent", "payer", "--budget", "$0.000001"]);
    let agent = made["id"].as_str().unwrap();
    world.until_state(agent, &["idle"]);
    world.ok(&["agent", "send", agent, "do it"]);
    // Not before it has come to know it.
    world.until_shown(agent, "answered 402");
    assert_eq!(world.until_state(agent, &["paused"])["reason"], "budget");
    made
}

#[test]
fn whoever_waits_for_it_is_told_of_its_budget() {
    if !crate::tools::have("curl") {
        return;
    }
    let world = World::new();
    let made = start(&world);
    let [agent, swarm] = ["id", "swarm"].map(|key| made[key].as_str().unwrap());
    let waited = world.exits(&["agent", "wait", agent], 4);
    assert!(waited.stderr.contains(&format!("the budget of {swarm} is")), "{waited:?}");
    assert!(waited.stderr.contains("dash budget top-up"), "{waited:?}");
    let waited = world.exits(&["agent", "wait", agent, "--json"], 4);
    assert_eq!(waited.json()["state"], "paused");
    let waited = world.exits(&["swarm", "wait", swarm], 4);
    assert!(waited.text().contains("paused: budget"), "{waited:?}");
    assert!(world.agent(agent)["pid"].is_number(), "it stands there still");
    let explained = world.ok(&["agent", "explain", agent]).text();
    assert!(explained.contains("this call could cost"), "{explained}");
    world.ok(&["agent", "stop", agent]);
}

#[test]
fn after_a_top_up_its_turn_goes_on_once() {
    if !crate::tools::have("curl") {
        return;
    }
    let world = World::new();
    let made = start(&world);
    let [agent, swarm] = ["id", "swarm"].map(|key| made[key].as_str().unwrap());
    // Too little still.
    world.ok(&["budget", "top-up", swarm, "$0.000001"]);
    world.exits(&["agent", "wait", agent], 4);
    assert_eq!(typed(&world), ["do it"]);
    world.ok(&["budget", "top-up", swarm, "$5"]);
    world.until_shown(agent, "answered 200");
    let row = world.until_state(agent, &["idle"]);
    assert_eq!((&row["reason"], typed(&world)), (&json!(""), vec!["do it".into(), "go on".into()]));
    // The next core does not say it again.
    world.kill_core();
    world.until_state(agent, &["idle"]);
    world.ok(&["budget", "top-up", swarm, "$5"]);
    eventually("its keeper is adopted", || {
        (world.dash(&["agent", "send", agent, "more"]).code == 0).then_some(())
    });
    eventually("the next line", || (typed(&world).len() > 2).then_some(()));
    assert_eq!(typed(&world)[2..], ["more"]);
    world.ok(&["agent", "stop", agent]);
}
