//! The pulse over the socket, from a user's hand and from an agent's.

use crate::{by_hand::get, inside, world::World};

#[test]
fn it_tells_what_is_new_and_the_cursor_goes_on_under_the_next_core() {
    let world = World::new();
    let (swarm, code) = world.create_and_wait(&["--agents", "2", "--", "sh", "-c", "exit 9"]);
    assert_eq!(code, 3);
    let text = world.ok(&["pulse"]).text();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("failed ag-01..ag-02: exit"), "attention first: {text}");
    assert!(text.contains(&format!("{swarm} failed 0/2 done 2 failed $0")), "{text}");
    let cursor = lines.last().unwrap().strip_prefix("cursor ").expect("the cursor last");
    let quiet = world.ok(&["pulse", "--since", cursor]).text();
    assert_eq!(quiet.trim(), format!("nothing new\ncursor {cursor}"));
    world.kill_core();
    let (next, _) = world.create_and_wait(&["--agents", "1", "--", "true"]);
    let new = world.json(&["pulse", "--since", cursor]);
    assert_eq!(new["since"].to_string(), cursor);
    assert_eq!(new["changed"][0]["agents"], serde_json::json!([world.only_agent(&next)]));
    assert_eq!(new["attention"], serde_json::json!([]));
    let ahead = world.exits(&["pulse", "--since", "99999999"], 1);
    assert!(ahead.stderr.contains("no event 99999999 yet"), "{ahead:?}");
}

#[test]
fn a_model_gets_it_as_text_and_an_agent_its_own() {
    let world = World::new();
    world.create(&["--name", "others", "--agents", "2", "--", "sleep", "608"]);
    let (agent, socket, token) = inside::agent(&world);
    let text = get(&world.socket, "/v1/pulse", "accept: text/plain\r\n");
    assert!(text.head.to_lowercase().contains("content-type: text/plain"), "{}", text.head);
    assert!(text.body.contains("3 agents: "), "{}", text.body);
    let own = get(&socket, "/v1/pulse", &format!("authorization: Bearer {token}\r\n")).json();
    assert_eq!(own["agents"]["total"], 1, "{own:#}");
    assert_eq!((own["money"][0]["id"].as_str(), own["money"][1].is_null()), (Some(&*agent), true));
}
