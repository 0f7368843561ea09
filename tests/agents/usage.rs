//! Tokens and money: what the agents' rows say is what the provider billed, call by call,
//! and what the agents themselves report.

use crate::stage::{events, results, stage, turn};
use serde_json::{Value, json};

/// Two calls of the scenario: 1000 + 3000 in, 50 + 9 out, 200 + 400 from the cache.
const BILLED: [(&str, u64); 4] =
    [("input", 4000), ("output", 59), ("cache_read", 600), ("cache_write", 0)];

fn billed() -> Value {
    BILLED.iter().map(|(name, n)| ((*name).to_owned(), json!(n))).collect()
}

#[test]
fn every_call_is_counted_once() {
    let _turn = turn();
    let Some(world) = stage() else { return };
    let (id, code) = world.create_and_wait(&[
        "--agent",
        "claude:1,codex:1,mini:1,pi:1",
        "--task",
        "write {index}.txt: x",
    ]);
    assert_eq!(code, 0);
    let rows = results(&world, &id);
    let mut cost = 0;
    for row in &rows {
        let agent = world.agent(row["agent"].as_str().unwrap());
        assert_eq!(row["tokens"], billed(), "{row:#}");
        assert_eq!(agent["tokens"], billed(), "{agent:#}");
        // What the agent says itself, in its own words, is the same.
        assert_eq!(row["reported"], billed(), "{row:#}");
        let calls = events(&world, agent["id"].as_str().unwrap(), "model_called");
        assert_eq!(calls.len(), 2, "{calls:#?}");
        let sum: u64 = calls.iter().map(|call| call["cost_micros"].as_u64().unwrap()).sum();
        assert!(sum > 0, "{calls:#?}");
        assert!(calls.iter().all(|call| call["priced"] == true && call["status"] == 200));
        assert_eq!((&agent["cost_micros"], &row["cost_micros"]), (&json!(sum), &json!(sum)));
        cost += sum;
    }
    let swarm = world.json(&["swarm", "show", &id]);
    assert_eq!(swarm["cost_micros"], cost, "{swarm:#}");
    for (name, n) in BILLED {
        assert_eq!(swarm["tokens"][name], 4 * n, "{name}");
    }
}
