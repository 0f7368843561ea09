//! Requests that come twice, and names.

use super::*;

#[test]
fn a_request_whose_answer_was_lost_makes_no_second_swarm() {
    let mut bench = Bench::default();
    let spec = SwarmSpec { idempotency_key: Some("k".to_owned()), ..spec() };
    let first = bench.create(spec.clone(), 2);
    let events = bench.journal.len();
    assert_eq!(bench.create(spec.clone(), 2), first);
    assert_eq!(bench.journal.len(), events);
    let other = SwarmSpec { idempotency_key: Some("l".to_owned()), ..spec };
    assert_ne!(bench.create(other, 2), first);
}

#[test]
fn another_request_under_a_known_key_is_refused() {
    let mut bench = Bench::default();
    let hashed = |hash: &str| SwarmSpec {
        idempotency_key: Some("k".to_owned()),
        request_hash: Some(hash.to_owned()),
        ..spec()
    };
    let first = bench.create(hashed("one"), 1);
    assert_eq!(bench.create(hashed("one"), 1), first);
    let command = Command::CreateSwarm { spec: Box::new(hashed("two")) };
    let crew = vec![("command".to_owned(), String::new())];
    let refused =
        bench.feed(Input::Request { by: Actor::Core, command, crew, once: None }).unwrap_err();
    assert_eq!(refused.code, RefusalCode::Conflict);
    assert!(refused.message.contains(first.as_str()), "{refused:?}");
}

#[test]
fn a_spawned_agent_has_the_name_it_was_given_and_nobody_else() {
    let mut bench = Bench::default();
    let spawn = || Command::SpawnAgent {
        spec: Box::new(AgentSpec { name: "scout".to_owned(), ..Default::default() }),
    };
    let crew = vec![("command".to_owned(), String::new())];
    let made = bench
        .feed(Input::Request { by: Actor::Core, command: spawn(), crew: crew.clone(), once: None })
        .unwrap();
    assert_eq!(made, Some(Reply::Agent("ag-01".into())));
    assert_eq!(bench.agent("ag-01").name, "scout");
    let again = bench.feed(Input::Request { by: Actor::Core, command: spawn(), crew, once: None });
    assert_eq!(again.unwrap_err().code, RefusalCode::Conflict);
}

#[test]
fn names_of_requests_are_each_ones_own_and_not_kept_for_ever() {
    let mut bench = Bench::default();
    let swarm = bench.create(SwarmSpec { items: Some(vec!["one".to_owned()]), ..spec() }, 1);
    let mut add = |by: Actor, key: String, text: &str| {
        let command = Command::AddItem { swarm: swarm.clone(), text: text.to_owned() };
        let once = Some(Once { key, hash: text.to_owned() });
        bench.feed(Input::Request { by, command, crew: Vec::new(), once })
    };
    let user = || Actor::User("ann".to_owned());
    let first = add(user(), "k".to_owned(), "two").unwrap();
    assert_eq!(add(Actor::User("bob".to_owned()), "k".to_owned(), "two").unwrap(), first);
    assert_eq!(add(user(), "k".to_owned(), "three").unwrap_err().code, RefusalCode::Conflict);
    for n in 0..4096 {
        add(user(), format!("other-{n}"), "more").unwrap();
    }
    assert_ne!(add(user(), "k".to_owned(), "two").unwrap(), first);
}
