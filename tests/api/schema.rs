//! Answers that are held to a JSON Schema.

use crate::world::World;
use serde_json::json;

const SCHEMA: &str =
    r#"{"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}"#;

#[test]
fn an_answer_that_fits_is_data_and_one_that_does_not_has_failed() {
    let world = World::new();
    world.write("answer.json", SCHEMA);
    let say = r#"echo thinking; [ {index} = 3 ] || printf '{"n": %s}\n' '{item}'"#;
    let args = ["--schema", "answer.json", "--item", "7", "--item", "\"x\"", "--item", "none"];
    let (swarm, code) = world.create_and_wait(&[&args[..], &["--", "sh", "-c", say]].concat());
    assert_eq!(code, 3, "{}", world.core_log());
    let results = world.json(&["swarm", "results", &swarm]);
    let rows = results["results"].as_array().unwrap();
    let of = |index: u64| rows.iter().find(|row| row["index"] == index).unwrap();
    assert_eq!((&of(1)["outcome"], &of(1)["data"]), (&json!("done"), &json!({"n": 7})));
    for (index, why) in [(2, "$.n: \"x\" is no integer"), (3, "it is no JSON document")] {
        let row = of(index);
        assert_eq!((&row["outcome"], &row["stop_reason"]), (&json!("failed"), &json!("schema")));
        assert!(row["error"].as_str().unwrap().contains(why), "{row:#}");
        assert_eq!(row.get("data"), None);
    }
    assert_eq!((&results["failed"], &results["done"]), (&json!(2), &json!(1)));
}

#[test]
fn agents_are_told_what_their_answer_has_to_be() {
    let world = World::new();
    let args = ["--agent", "mini", "--task", "count", "--schema", SCHEMA, "--dry-run"];
    let spec = world.json(&[&["swarm", "create"], &args[..]].concat());
    assert_eq!(spec["schema"]["required"], json!(["n"]), "{spec:#}");
    let (swarm, code) = world.create_and_wait(&args[..6]);
    assert_eq!(code, 3, "the simulated model answers in prose");
    let agent = world.only_agent(&swarm);
    let shown = world.ok(&["agent", "log", &agent]).text();
    assert!(shown.contains("\"required\":[\"n\"]"), "{shown}");
}

#[test]
fn what_is_no_schema_is_told_with_its_place() {
    let world = World::new();
    world.write("bad.json", "{\"type\": \"strin\"}");
    let file = world.write("swarm.toml", "task = \"x\"\n[schema]\npattern = \"^a\"\n");
    for (args, why) in [
        (["--schema", "bad.json"], "--schema bad.json: #/type: \"strin\" is none"),
        (["--schema", "nowhere.json"], "--schema nowhere.json: No such file"),
        (["--schema", "{\"type\":"], "--schema: EOF while parsing"),
        (["-f", file.to_str().unwrap()], "#/pattern: no answer is held to that"),
    ] {
        let said = world.exits(&[&["swarm", "create"], &args[..], &["--", "true"]].concat(), 2);
        assert!(said.all().contains(why), "{}", said.all());
    }
}
