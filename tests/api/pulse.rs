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
    let ahead = world.exits(&["pulse", "--since", "99999999"], 2);
    assert!(ahead.stderr.contains("no event 99999999 yet"), "{ahead:?}");
    // The same of the events: silence would look as if nothing had happened.
    let latest = world.json(&["pulse"])["cursor"].as_u64().unwrap();
    for more in [&[][..], &["--follow"]] {
        let ahead = world.exits(&[&["events", "--since", "99999999"], more].concat(), 2);
        assert!(ahead.stdout.is_empty(), "{ahead:?}");
        for part in ["no event 99999999 yet", &format!("the latest is {latest}")] {
            assert!(ahead.stderr.contains(part), "{ahead:?}");
        }
    }
    let none = world.ok(&["events", "--since", &latest.to_string(), "--json"]);
    assert!(none.stdout.is_empty(), "{none:?}");
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
