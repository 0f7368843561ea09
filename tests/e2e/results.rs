//! What comes back from a swarm.

use crate::world::World;

#[test]
fn failures_come_first_and_every_agent_tells_how_it_ended() {
    let world = World::new();
    world.write("list", "0\n7\n0\n");
    let (id, code) = world.create_and_wait(&[
        "--agents",
        "3",
        "--items",
        "list",
        "--",
        "sh",
        "-c",
        "echo the end of {index}; exit {item}",
    ]);
    assert_eq!(code, 3);
    let results = world.exits(&["swarm", "results", &id, "--json"], 0).json();
    assert_eq!((&results["failed"], &results["done"]), (&1.into(), &2.into()), "{results:#}");
    let rows = results["results"].as_array().unwrap();
    assert_eq!(rows.len(), 3);
    let failed = &rows[0];
    assert_eq!(failed["outcome"], "failed", "{failed:#}");
    assert_eq!((&failed["exit"], &failed["stop_reason"]), (&7.into(), &"exit".into()));
    assert_eq!((&failed["index"], &failed["item"]), (&2.into(), &"7".into()));
    for row in &rows[1..] {
        assert_eq!((&row["outcome"], &row["exit"]), (&"done".into(), &0.into()), "{row:#}");
        assert_eq!(row["stop_reason"], "finished");
        let expected = format!("the end of {}", row["index"]);
        assert_eq!(row["text"].as_str().map(str::trim), Some(expected.as_str()));
        assert!(row["duration_ms"].is_u64() && row["tokens"].is_object(), "{row:#}");
    }
    let shown = world.ok(&["swarm", "results", &id]).text();
    let (failed, done) = (shown.find("failed"), shown.find("done"));
    assert!(failed.is_some() && failed < done, "failures are not first in:\n{shown}");
}

#[test]
fn an_embedded_agent_does_a_task_without_a_key() {
    let world = World::new();
    let (id, code) =
        world.create_and_wait(&["--agent", "mini", "--agents", "1", "--task", "say hello"]);
    assert_eq!(code, 0, "{:#}", world.json(&["swarm", "results", &id]));
    let row = world.agent(&world.only_agent(&id));
    assert_eq!((&row["adapter"], &row["provider"]), (&"mini".into(), &"simulated".into()));
    assert!(row["tokens"]["output"].as_u64() > Some(0), "{row:#}");
}

#[test]
fn an_answer_is_as_it_was_printed() {
    let world = World::new();
    let long = "word ".repeat(100);
    let script = format!("echo first; printf '10 %%\\r90 %%\\r\\033[K'; echo '{long}end'");
    let (id, _) = world.create_and_wait(&["--", "sh", "-c", &script]);
    let row = &world.json(&["swarm", "results", &id])["results"][0];
    assert_eq!(row["text"], format!("first\n{long}end"));
    let (id, _) = world.create_and_wait(&["--", "sh", "-c", "printf '\\033[?1049h\\033[Hscreen'"]);
    assert_eq!(world.json(&["swarm", "results", &id])["results"][0]["text"], "screen");
}
