//! Budgets end to end: the embedded agent against the simulated provider, which has real
//! prices.

use crate::{
    wait::{eventually, within},
    world::World,
};
use serde_json::{Value, json};
use std::time::Duration;

/// More than one call of the embedded agent costs, and less than two may.
const ONE_CALL: &str = "$0.35";

fn account(world: &World, id: &str) -> Value {
    world.json(&["budget", "show", id])
}

fn micros(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| panic!("no sum: {value}"))
}

#[test]
fn a_budget_that_is_too_small_stops_before_the_first_call() {
    let world = World::new();
    let task = ["--agent", "mini", "--agents", "2", "--task", "say hello"];
    let (swarm, code) = world.create_and_wait(&[&task[..], &["--budget", "$0.000001"]].concat());
    assert_eq!(code, 4, "{}", world.core_log());
    let shown = world.json(&["swarm", "show", &swarm]);
    assert_eq!((&shown["state"], &shown["reason"]), (&json!("paused"), &json!("budget")));
    assert_eq!((&shown["budget_micros"], &shown["cost_micros"]), (&json!(1), &json!(0)));
    for agent in world.agents_of(&swarm) {
        let row = world.agent(&agent);
        assert_eq!(
            (&row["state"], &row["reason"]),
            (&json!("paused"), &json!("budget")),
            "{row:#}"
        );
        assert_eq!(world.dash(&["agent", "wait", &agent]).code, 4);
        let explained = world.ok(&["agent", "explain", &agent]).text();
        assert!(explained.contains("budget"), "{explained}");
    }
    let first = &world.agents_of(&swarm)[0];
    // It goes on by itself with more: nobody has to stop it, or to try it again.
    let retry = world.exits(&["agent", "retry", first], 1).stderr;
    assert!(retry.contains(&format!("dash budget top-up {swarm} 0.")), "{retry}");
    assert!(!retry.contains("agent stop"), "{retry}");
    let waited = world.dash(&["agent", "wait", first]);
    assert!(waited.text().contains("paused: budget"), "{waited:?}");
    assert!(waited.stderr.contains("dash budget top-up"), "{waited:?}");
    for list in [&["agent", "list"][..], &["pulse"], &["agent", "results", first]] {
        let shown = world.ok(list).text();
        assert!(shown.contains("paused") && shown.contains("budget"), "{shown}");
        assert!(!shown.contains("failed"), "{list:?}: {shown}");
    }
    let short = account(&world, &swarm);
    assert_eq!((&short["state"], &short["percent"]), (&json!("short"), &json!(0)));
    assert!(short["why"].as_str().unwrap().contains("its next call needs at least"), "{short:#}");
    let results = world.ok(&["swarm", "results", &swarm]).text();
    assert!(results.contains("2 open") && results.contains("budget of sw-1"), "{results}");
    assert_eq!(results.matches("paused: budget").count(), 3, "{results}");
    let rows = world.json(&["swarm", "results", &swarm]);
    assert_eq!(rows["results"][0]["outcome"], "paused", "{rows:#}");
    assert!(
        results.contains("$0.000001 of $0.000001 is left, and this call could cost $"),
        "{results}"
    );
    // The work is kept, and goes on with more money.
    let topped = world.ok(&["budget", "top-up", &swarm, "$50"]).text();
    assert!(topped.contains("of $50.00 left"), "{topped}");
    assert_eq!(world.dash(&["swarm", "wait", &swarm]).code, 0, "{}", world.core_log());
    let after = account(&world, &swarm);
    assert_eq!(
        (&after["limit_micros"], &after["reserved_micros"]),
        (&json!(50_000_001), &json!(0))
    );
    assert!(micros(&after["spent_micros"]) > 0, "{after:#}");
    let audit = world.ok(&["audit", "--json"]).text();
    for action in ["call.refuse", "budget.set", "agent.pause"] {
        assert!(audit.contains(action), "{action} in {audit}");
    }
    world.ok(&["audit", "--verify"]);
}

#[test]
fn nothing_is_ever_spent_beyond_it() {
    let world = World::new();
    let task = ["--agent", "mini", "--agents", "12", "--task", "say hello"];
    let (swarm, _) = world.create_and_wait(&[&task[..], &["--budget", ONE_CALL]].concat());
    let after = account(&world, &swarm);
    assert_eq!(after["reserved_micros"], 0, "{after:#}");
    assert!(micros(&after["spent_micros"]) <= micros(&after["limit_micros"]), "{after:#}");
    let events = world.ok(&["events", "--filter", "level=debug", "--json"]).text();
    let (mut spent, mut open, mut reserved) = (0, 0, std::collections::BTreeMap::new());
    for event in events.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
        match event["kind"].as_str().unwrap() {
            "call_reserved" => {
                let amount = micros(&event["amount_micros"]);
                reserved.insert(event["number"].as_u64().unwrap(), amount);
                open += amount;
                assert!(spent + open <= micros(&after["limit_micros"]), "{event:#}");
            }
            "model_called" => {
                spent += micros(&event["cost_micros"]);
                open -= event["reservation"].as_u64().map_or(0, |number| reserved[&number]);
            }
            _ => {}
        }
    }
    assert_eq!((spent, open), (micros(&after["spent_micros"]), 0));
    assert!(!reserved.is_empty(), "{events}");
}

/// One that waits for others to settle hears of more money as well.
#[test]
fn a_call_that_waits_leaves_as_soon_as_there_is_more() {
    let world = World::new();
    let task = ["--agent", "mini", "--agents", "2", "--task", "simulate-hang"];
    // One call takes it all, and its answer never ends.
    let swarm = world.create(&[&task[..], &["--budget", "$0.06"]].concat());
    let reserved = || micros(&account(&world, &swarm)["reserved_micros"]);
    for agent in eventually("two agents", || {
        let agents = world.agents_of(&swarm);
        (agents.len() == 2).then_some(agents)
    }) {
        world.until_state(&agent, &["working"]);
    }
    eventually("the first call", || (reserved() == 60_000).then_some(()));
    world.ok(&["budget", "top-up", &swarm, "$50"]);
    let soon = within(Duration::from_secs(5), || (reserved() > 60_000).then_some(()));
    assert!(soon.is_some(), "{}", world.core_log());
    world.ok(&["swarm", "stop", &swarm]);
}

#[test]
fn costs_are_told_by_agent_swarm_and_model() {
    let world = World::new();
    let (swarm, code) =
        world.create_and_wait(&["--agent", "mini", "--agents", "2", "--task", "say hello"]);
    assert_eq!(code, 0);
    let total = micros(&world.json(&["swarm", "show", &swarm])["cost_micros"]);
    for by in ["agent", "swarm", "model"] {
        let rows = world.json(&["cost", "--by", by]);
        let rows = rows.as_array().unwrap();
        let sum: i64 = rows.iter().map(|row| micros(&row["cost_micros"])).sum();
        assert_eq!(sum, total, "{by}: {rows:#?}");
        assert!(rows.iter().all(|row| row["simulated"] == true), "{rows:#?}");
    }
    let csv = world.ok(&["cost", "--csv"]).text();
    assert!(csv.starts_with("by,id,name,calls,") && csv.lines().count() == 3, "{csv}");
    let core = account(&world, "core");
    assert_eq!((micros(&core["spent_micros"]), &core["limit_micros"]), (total, &Value::Null));
}

#[test]
fn the_core_itself_can_have_a_limit() {
    let world = World::new();
    world.ok(&["budget", "set", "core", "0.000001"]);
    let (_, code) = world.create_and_wait(&["--agent", "mini", "--task", "say hello"]);
    assert_eq!(code, 4);
    let lower = world.exits(&["budget", "set", "core", "five"], 2);
    assert!(lower.stderr.contains("not a sum of money"), "{lower:?}");
    let nobody = world.exits(&["budget", "show", "nobody"], 1);
    assert!(nobody.stderr.contains("nobody"), "{nobody:?}");
    world.ok(&["budget", "set", "core", "none"]);
    assert_eq!(world.dash(&["swarm", "wait", "sw-1"]).code, 0, "{}", world.core_log());
}

#[test]
fn an_agent_sees_what_is_left_to_it_and_changes_nothing() {
    let world = World::new();
    let script = "dash budget show --json; dash budget top-up core 5; echo code $?; \
                  dash agent spawn --budget 9 -- true >/dev/null";
    let args = ["--agents", "1", "--agent-budget", "$2", "--", "sh", "-c", script];
    let (swarm, _) = world.create_and_wait(&args);
    let agents = world.agents_of(&swarm);
    let said = String::from_utf8(world.raw_log(&agents[0])).unwrap();
    assert!(said.contains("\"limit_micros\": 2000000"), "{said}");
    assert!(said.contains("code 6"), "{said}");
    assert!(said.contains("$2.00 of its parent's are left"), "{said}");
    assert_eq!(account(&world, &agents[1])["limit_micros"], 2_000_000);
}

/// Whatever moment a core dies in: what it had set aside is charged, and no more is spent than
/// may be.
#[test]
fn a_core_that_dies_costs_no_more_than_the_budget() {
    let world = World::new();
    let task = ["--agent", "mini", "--agents", "4", "--retries", "3", "--task", "say hello"];
    let swarm = world.create(&[&task[..], &["--budget", "$2"]].concat());
    for _ in 0..3 {
        world.kill_core();
        let now = account(&world, &swarm);
        let (spent, reserved) = (micros(&now["spent_micros"]), micros(&now["reserved_micros"]));
        assert!(spent + reserved <= 2_000_000, "{now:#}");
    }
    world.dash(&["swarm", "wait", &swarm]);
    let after = account(&world, &swarm);
    assert_eq!(after["reserved_micros"], 0, "{after:#}");
    assert!(micros(&after["spent_micros"]) <= 2_000_000, "{after:#}");
    let agents: i64 = world.agents().iter().map(|row| micros(&row["cost_micros"])).sum();
    assert_eq!(agents, micros(&after["spent_micros"]));
}

#[test]
fn costs_have_days_items_attempts_and_parents() {
    let world = World::new();
    let (swarm, code) =
        world.create_and_wait(&["--agent", "mini", "--agents", "2", "--task", "say hello"]);
    assert_eq!(code, 0);
    let total = micros(&account(&world, "core")["spent_micros"]);
    for (by, count) in [("day", 1), ("item", 2), ("attempt", 2), ("parent", 1)] {
        let rows = world.json(&["cost", "--by", by]);
        let rows = rows.as_array().unwrap();
        let sum: i64 = rows.iter().map(|row| micros(&row["cost_micros"])).sum();
        assert_eq!((sum, rows.len()), (total, count), "{by}: {rows:#?}");
        assert!(rows.iter().all(|row| row["simulated"] == true && row["by"] == by), "{rows:#?}");
    }
    let csv = world.ok(&["cost", "--by", "day", "--csv"]).text();
    assert!(csv.lines().nth(1).unwrap().starts_with("day,20"), "{csv}");
    // A day stays when its swarms are gone.
    world.ok(&["swarm", "rm", &swarm]);
    assert_eq!(micros(&world.json(&["cost", "--by", "day"])[0]["cost_micros"]), total);
}

#[test]
fn a_budget_shows_what_it_will_come_to() {
    let world = World::new();
    let items = world.write("items", "again\n".repeat(20));
    let task = ["--agent", "mini", "--agents", "1", "--task", "say {item}", "--items"];
    let args = [&task[..], &[items.to_str().unwrap(), "--budget", "$0.025"]].concat();
    let (swarm, code) = world.create_and_wait(&args);
    assert_eq!(code, 4, "{}", world.core_log());
    let forecast = &account(&world, &swarm)["forecast"];
    assert_eq!((&forecast["estimated"], &forecast["items"]), (&json!(true), &json!(20)));
    assert!(forecast["items_unfinished"].as_i64().unwrap() > 0, "{forecast:#}");
    assert_eq!(forecast["choices"][0]["choice"], "top_up", "{forecast:#}");
    let shown = world.ok(&["budget", "show", &swarm]).text();
    assert!(
        shown.contains("estimated: ") && shown.contains("of 20 items will not finish"),
        "{shown}"
    );
    assert!(shown.contains(&format!("dash budget top-up {swarm} 0.")), "{shown}");
    // A shell takes it as it is printed, and it does.
    let command = forecast["choices"][0]["safe_command"].as_str().unwrap();
    let words: Vec<&str> = command.split(' ').skip(1).collect();
    world.ok(&words);
    assert_eq!(world.dash(&["swarm", "wait", &swarm]).code, 0, "{}", world.core_log());
}

#[test]
fn a_budget_in_tokens_stops_at_the_wire_and_goes_on_with_more() {
    let world = World::new();
    let task = ["--agent", "mini", "--agents", "2", "--task", "say hello"];
    let (swarm, code) = world.create_and_wait(&[&task[..], &["--budget", "10-tokens"]].concat());
    assert_eq!(code, 4, "{}", world.core_log());
    let stopped = account(&world, &swarm);
    assert_eq!(
        (&stopped["limit_micros"], &stopped["limit_tokens"], &stopped["spent_tokens"]),
        (&Value::Null, &json!(10), &json!(0))
    );
    assert_eq!((&stopped["state"], &stopped["percent"]), (&json!("short"), &json!(0)));
    assert!(stopped["why"].as_str().unwrap().contains("needs at least"), "{stopped:#}");
    assert_eq!(stopped["forecast"]["items_unfinished"], 2, "{stopped:#}");
    let choice = &stopped["forecast"]["choices"][0];
    assert_eq!(choice["choice"], "top_up_tokens", "{stopped:#}");
    let results = world.ok(&["swarm", "results", &swarm]).text();
    assert!(results.contains("10 of 10 tokens is left, and this call could take"), "{results}");
    let first = &world.agents_of(&swarm)[0];
    let explained = world.ok(&["agent", "explain", first]).text();
    assert!(
        explained.contains("has 10 of 10 tokens left, and its next call needs at least"),
        "{explained}"
    );
    // What is advised is a command; as long as nothing is through, of the least that it takes.
    assert!(choice["safe_tokens"].is_null(), "{stopped:#}");
    let advised: Vec<&str> = choice["command"].as_str().unwrap().split(' ').skip(1).collect();
    let topped = world.ok(&advised).text();
    assert!(topped.contains("tokens left"), "{topped}");
    world.ok(&["budget", "top-up", &swarm, "2M-tokens"]);
    assert_eq!(world.dash(&["swarm", "wait", &swarm]).code, 0, "{}", world.core_log());
    let after = account(&world, &swarm);
    let of = |key: &str| after[key].as_u64().unwrap();
    assert!((1..=of("limit_tokens")).contains(&of("spent_tokens")), "{after:#}");
    assert_eq!(of("reserved_tokens"), 0, "{after:#}");
    assert!(micros(&after["spent_micros"]) > 0, "{after:#}");
    let shown = world.ok(&["swarm", "show", &swarm]).text();
    assert!(shown.contains("budget  ") && shown.contains("tokens, "), "{shown}");
    assert!(world.json(&["swarm", "show", &swarm])["budget_tokens"].as_u64() > Some(10));
    let both = world.ok(&["budget", "set", &swarm, "$5"]).text();
    assert!(both.contains("of $5.00 left, ") && both.contains("tokens left"), "{both}");
    let one = world.json(&["budget", "set", &swarm, "none,$5"]);
    assert_eq!((&one["limit_micros"], &one["limit_tokens"]), (&json!(5_000_000), &Value::Null));
    for wrong in ["2M", "1.5-tokens", "$5,$6"] {
        world.exits(&["budget", "set", &swarm, wrong], 2);
    }
}

#[test]
fn a_child_has_no_more_tokens_than_its_parent() {
    let world = World::new();
    let script = "dash agent spawn --budget 3M-tokens -- true >/dev/null";
    let args = ["--agents", "1", "--agent-budget", "2M-tokens", "--", "sh", "-c", script];
    let (swarm, _) = world.create_and_wait(&args);
    let agents = world.agents_of(&swarm);
    let said = String::from_utf8(world.raw_log(&agents[0])).unwrap();
    assert!(said.contains("2000000 tokens of its parent's are left"), "{said}");
    assert_eq!(account(&world, &agents[1])["limit_tokens"], 2_000_000);
}

#[test]
fn a_queue_shrinks_by_command_and_grows_back() {
    let world = World::new();
    let items = world.write("items", "a\nb\nc\nd\n");
    let items = items.to_str().unwrap();
    let wait = "until [ -e go ]; do sleep 0.05; done; echo {item} >> done";
    let args = ["--agents", "1", "--items", items, "--", "sh", "-c", wait];
    let swarm = world.create(&args);
    let agent = world.only_agent(&swarm);
    world.until_state(&agent, &["working", "idle"]);
    let dropped = world.ok(&["item", "drop", "--swarm", &swarm, "--last", "2"]);
    assert_eq!(dropped.text(), format!("item 3 of {swarm} dropped\nitem 4 of {swarm} dropped\n"));
    assert!(dropped.stderr.contains("item restore --swarm sw-1 3 4"), "{dropped:?}");
    let restored = world.json(&["item", "restore", "--swarm", &swarm, "4"]);
    assert_eq!((&restored[0]["index"], &restored[0]["state"]), (&json!(4), &json!("queued")));
    let first = world.exits(&["item", "drop", "--swarm", &swarm, "1"], 1);
    assert!(first.stderr.contains("item 1 of sw-1 is at work"), "{first:?}");
    world.exits(&["item", "drop", "--swarm", &swarm], 2);
    world.write("go", "");
    assert_eq!(world.dash(&["swarm", "wait", &swarm]).code, 0, "{}", world.core_log());
    let shown = world.json(&["swarm", "show", &swarm]);
    let counts = &shown["items"];
    assert_eq!((&counts["total"], &counts["dropped"]), (&json!(3), &json!(1)), "{shown:#}");
    let audit = world.ok(&["audit", "--json"]).text();
    assert!(audit.contains("item.drop") && audit.contains("item.restore"), "{audit}");
    world.ok(&["audit", "--verify"]);
}

#[test]
fn a_top_up_of_what_is_over_says_that_nothing_goes_on_by_it() {
    let world = World::new();
    let (swarm, code) =
        world.create_and_wait(&["--agent", "mini", "--task", "say hello", "--agent-budget", "$5"]);
    assert_eq!(code, 0, "{}", world.core_log());
    let agent = &world.agents_of(&swarm)[0];
    let topped = world.ok(&["budget", "top-up", agent, "$1"]);
    assert!(topped.stderr.contains("is done: nothing goes on by this"), "{topped:?}");
    assert!(topped.text().contains("of $6.00 left"), "{topped:?}");
}

/// Its agents' own accounts are what is short, and not the swarm's.
#[test]
fn results_name_the_account_that_is_short() {
    let world = World::new();
    let task = ["--agent", "mini", "--task", "say hello", "--agent-budget", "$0.000001"];
    let (swarm, _) = world.create_and_wait(&[&task[..], &["--budget", "$5"]].concat());
    let agent = &world.agents_of(&swarm)[0];
    let way = world.agent(agent)["way_on"].as_str().unwrap().to_owned();
    assert!(way.starts_with(&format!("dash budget top-up {agent} 0.")), "{way}");
    let results = world.ok(&["swarm", "results", &swarm]).text();
    assert!(results.contains(&format!("`{way}` lets it go on")), "{results}");
}
