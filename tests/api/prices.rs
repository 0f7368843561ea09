//! Prices: what is in force, changed under a core that runs, and never half.

use crate::{
    caller::Door,
    dialects::Wire,
    upstream::{Play, Upstream, Usage},
    world::World,
};
use serde_json::{Value, json};
use std::{fs, time::Duration};

fn spent(world: &World) -> i64 {
    world.json(&["budget", "show", "core"])["spent_micros"].as_i64().unwrap()
}

#[test]
fn a_price_that_is_set_counts_from_the_next_call_on() {
    let world = World::new();
    let say = ["--agent", "mini", "--task", "say hello"];
    let (_, code) = world.create_and_wait(&say);
    assert_eq!(code, 0);
    let (first, pid) = (spent(&world), world.core().pid);
    assert!(first > 0);
    let model = world.json(&["cost", "--by", "model"])[0]["name"].as_str().unwrap().to_owned();
    let was = world.json(&["prices", "list", &model]);
    assert!(was[0]["date"].as_str().unwrap().starts_with("20") && was[0]["licence"] == "MIT");
    let half = world.exits(&["prices", "set", &model, "input=0"], 2).stderr;
    assert!(half.contains("give output, too") && !half.contains("prices.toml"), "{half}");
    world.ok(&["prices", "set", &model, "input=0", "output=0"]);
    world.create_and_wait(&say);
    assert_eq!((spent(&world), world.core().pid), (first, pid), "free, and without a restart");
    let rows = world.json(&["prices", "list", &model]);
    assert_eq!(
        (&rows[0]["output"], &rows[0]["models"]),
        (&json!(0.0), &json!([format!("={model}")]))
    );
    assert!(rows[0]["source"].as_str().unwrap().ends_with("dash/prices.toml"), "{rows:#}");
    assert_eq!(rows[1]["overridden"], json!([model]));
    // What is wrong changes nothing, and is told.
    let path = world.path().join("config/dash/prices.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("output = 0", "output = -1")).unwrap();
    world.create_and_wait(&say);
    assert_eq!(spent(&world), first);
    let refused = world.exits(&["prices", "list"], 1);
    assert!(
        refused.stderr.contains("prices.toml") && refused.stderr.contains("output"),
        "{refused:?}"
    );
    let doctor = world.exits(&["doctor", "--json"], 1).json();
    let check = doctor["checks"].as_array().unwrap().iter().find(|check| check["name"] == "prices");
    assert_eq!(check.unwrap()["status"], "fail", "{doctor:#}");
}

#[test]
fn a_newer_table_is_taken_whole_or_not_at_all() {
    let world = World::new();
    let now = include_str!("../../assets/prices.json");
    let date = &serde_json::from_str::<Value>(now).unwrap()["date"].as_str().unwrap().to_owned();
    let file = |name: &str, text: &str| world.write(name, text).to_str().unwrap().to_owned();
    let one = now.replace("[15000000,75000000,1500000,18750000,30000000]", "[15000000]");
    let wrong = file("wrong.json", &one);
    for (from, says) in [
        (wrong.as_str(), "wrong.json:"),
        (&file("cut.json", &now[..now.len() / 2]), "cut.json:"),
        (&file("old.json", &now.replace(date.as_str(), "2020-01-01")), "older"),
        (&file("new.json", &now.replace(date.as_str(), "2999-01-01")), "yet to come"),
        ("/nonexistent", "no such file"),
    ] {
        let refused = world.exits(&["prices", "update", "--from", from], 1);
        assert!(refused.stderr.contains(says), "{refused:?}");
    }
    let place = world.exits(&["prices", "update", "--from", &wrong], 1).stderr;
    assert!(
        place.contains("providers.anthropic[") && place.contains("output is missing"),
        "{place}"
    );
    let newer = now.replace("[5000000,25000000,500000,6250000,10000000]", "[6000000,25000000]");
    let newer = world.write("newer.json", newer);
    let update = ["prices", "update", "--from", newer.to_str().unwrap()];
    let table = world.path().join("config/dash/prices.json");
    let dry = world.ok(&[&update[..], &["--dry-run"]].concat()).text();
    assert!(dry.contains("input 5 → 6") && !table.exists(), "{dry}");
    let done = world.json(&update);
    assert_eq!(done[0]["what"], "changed", "{done:#}");
    let opus = world.json(&["prices", "list", "claude-opus-4-5"]);
    assert_eq!(opus[0]["input"], 6.0, "{opus:#}");
    assert!(opus[0]["source"].as_str().unwrap().contains("dash/prices.json"), "{opus:#}");
}

/// What the provider's own tools cost nobody can say but the user: till then a budget refuses
/// them, with the line that would say it.
#[test]
fn what_costs_more_than_tokens_is_priced_or_refused_by_name() {
    let usage = Usage { input: 20, output: 100, ..Usage::default() };
    let upstream = Upstream::new(move |_| Play { usage, ..Play::default() });
    let world = World::new();
    world.configure(&upstream.configuration());
    let (_, doors) = Door::open(&world, 1, &["--budget", "$100"]);
    let (path, body) = Wire::Messages.request(true, 100, "look it up");
    let tool = r#""tools":[{"type":"web_search_20250305","name":"web_search"}],"messages""#;
    let body = body.replace("\"messages\"", tool);
    let ask = || doors[0].ask(Wire::Messages, &path, &body, Duration::from_secs(20)).unwrap();
    let refused = ask();
    let message = serde_json::from_str::<Value>(&refused.body).unwrap()["error"]["message"].clone();
    let line = "\"tool web_search_20250305\" = DOLLARS below [features] in prices.toml";
    assert_eq!(refused.status, 402);
    assert!(message.as_str().unwrap().contains(line), "{message}");
    assert_eq!((upstream.log().len(), spent(&world)), (0, 0));

    let path = world.path().join("config/dash/prices.toml");
    let tool = "tool web_search_20250305";
    let mixed = world.exits(&["prices", "set", tool, "request=1", "input=3"], 2).stderr;
    assert!(mixed.contains("`request`"), "{mixed}");
    world.ok(&["prices", "set", tool, "request=1"]);
    let said = world.ok(&["prices", "set", tool, "request=0.25"]).text();
    assert!(said.contains("$0.25 a request at most"), "{said}");
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("[features]\n{tool:?} = 0.25\n"));
    let rows = world.json(&["prices", "list", "web_search"]);
    assert_eq!((&rows[0]["request"], rows.as_array().unwrap().len()), (&json!(0.25), 1));
    let listed = world.ok(&["prices", "list"]).text();
    let row = listed.lines().find(|line| line.contains(tool)).unwrap_or_else(|| panic!("{listed}"));
    assert!(row.contains("$0.25 a request at most"), "{row}");
    assert_eq!(ask().status, 200);
    // $5 and $25 per million tokens, and all that the tool may cost.
    assert_eq!((upstream.log().len(), spent(&world)), (1, 100 + 2_500 + 250_000));

    fs::write(&path, "[features]\n\"tool web_search_20250305\" = -1\n").unwrap();
    let wrong = world.exits(&["prices", "list"], 1).stderr;
    assert!(wrong.contains("prices.toml:2:") && wrong.contains("-1 is no price"), "{wrong}");
    assert_eq!(ask().status, 200, "as it was");
}

/// What nobody can price is not what is spent: it is called by its name, and a price lets it go on.
#[test]
fn an_unknown_price_is_no_spent_budget_and_goes_on_with_a_price() {
    let world = World::new();
    let task = ["--agent", "mini", "--model", "nobody-knows-1", "--task", "say hello"];
    let (swarm, code) = world.create_and_wait(&[&task[..], &["--budget", "$5"]].concat());
    assert_eq!(code, 3, "{}", world.core_log());
    let agent = &world.agents_of(&swarm)[0];
    let reason = "no price for nobody-knows-1";
    let set = "dash prices set nobody-knows-1 input=";
    let row = world.agent(agent);
    assert_eq!((&row["state"], &row["reason"]), (&json!("paused"), &json!(reason)), "{row:#}");
    let shown = world.json(&["swarm", "show", &swarm]);
    assert_eq!((&shown["state"], &shown["reason"]), (&json!("paused"), &json!(reason)));
    let waited = world.dash(&["agent", "wait", agent]);
    assert_eq!(waited.code, 3, "{waited:?}");
    assert!(waited.text().contains(&format!("paused: {reason}")), "{waited:?}");
    assert!(waited.stderr.contains(set) && !waited.stderr.contains("top-up"), "{waited:?}");
    let results = world.ok(&["swarm", "results", &swarm]).text();
    assert!(results.contains(&format!("paused: {reason}; `{set}")), "{results}");
    assert!(!results.contains("top-up") && !results.contains("failed\n"), "{results}");
    let pulse = world.ok(&["pulse"]).text();
    assert!(pulse.contains(&format!("paused {agent}: {reason}")), "{pulse}");
    assert!(!pulse.contains("exhausted") && !pulse.contains("too little"), "{pulse}");
    let account = world.json(&["budget", "show", &swarm]);
    assert_eq!((&account["state"], &account["percent"]), (&json!("blocked"), &json!(0)));
    let choice = &account["forecast"]["choices"][0];
    assert_eq!(
        (&choice["choice"], &choice["model"]),
        (&json!("set_price"), &json!("nobody-knows-1"))
    );
    let retry = world.exits(&["agent", "retry", agent], 1).stderr;
    assert!(retry.contains(set), "{retry}");
    // Nobody has to touch the budget, nor the agent.
    world.ok(&["prices", "set", "nobody-knows-1", "input=1", "output=5"]);
    world.until_state(agent, &["done"]);
    assert_eq!(world.dash(&["swarm", "wait", &swarm]).code, 0, "{}", world.core_log());
    let audit = world.ok(&["audit", "--json"]).text();
    assert!(audit.contains("prices.change"), "{audit}");
}
