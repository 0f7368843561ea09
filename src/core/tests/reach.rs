//! What an agent may touch, and what is told of what it reached.

use super::*;

#[test]
fn connections_are_told_and_change_nothing() {
    let mut bench = Bench::default();
    bench.create(spec(), 1);
    bench.started("ag-01-1", 1);
    let before = State { seq: 0, ..bench.state.clone() };
    let what = Event::NetConnected {
        host: "a.com".to_owned(),
        port: 443,
        allowed: false,
        reason: Some("outside".to_owned()),
        sent: 0,
        received: 0,
        duration_ms: 0,
        count: 3,
    };
    assert_eq!(what.summary(), "connection to a.com:443 refused (3 times): outside");
    for attempt in ["ag-01-1", "ag-77-1"] {
        let connected = Input::Connected { attempt: attempt.into(), what: what.clone() };
        bench.feed(connected).unwrap();
    }
    let last = bench.journal.last().unwrap();
    assert_eq!((&last.event, last.attempt.as_ref().unwrap().as_str()), (&what, "ag-01-1"));
    assert_eq!(last.seq, bench.state.seq);
    assert_eq!(State { seq: 0, ..bench.state }, before);
}

#[test]
fn an_agents_scope_is_its_swarms() {
    let mut bench = Bench::default();
    bench.create(spec(), 1);
    let granted = Scope { write: vec!["/w".into()], ..Scope::default() };
    bench.create(SwarmSpec { granted: Some(granted.clone()), ..spec() }, 1);
    assert_eq!(scope_of(&bench.state, &"ag-01".into()), Scope::none());
    assert_eq!(scope_of(&bench.state, &"ag-02".into()), granted);
    assert_eq!(scope_of(&bench.state, &"ag-03".into()), Scope::default(), "nobody");
}

/// A journal of a build that linked worktrees to their repository.
#[test]
fn a_linked_worktree_of_an_older_build_is_known_as_one() {
    let old = r#"{"path":"/w/ag-01","branch":"dash/s/ag-01","base":"c"}"#;
    let tree: Worktree = serde_json::from_str(old).unwrap();
    assert_eq!((tree.repository, tree.dir), (None, PathBuf::new()));
}

#[test]
fn a_scope_in_the_repository_is_meant_in_the_clone() {
    let old = r#"{"path":"/state/ag-01","branch":"b","base":"c","dir":"part"}"#;
    let linked: Worktree = serde_json::from_str(old).unwrap();
    let tree = Worktree { top: Some("/repo".into()), ..linked.clone() };
    let paths = |paths: &[&str]| paths.iter().map(PathBuf::from).collect::<Vec<_>>();
    for (write, expected) in [
        (&[][..], &["/state/ag-01"][..]),
        (&["/repo"], &["/state/ag-01"]),
        (&["/data", "/repo/part"], &["/data", "/state/ag-01/.git", "/state/ag-01/part"]),
        (&["/data", "/repository"], &["/data", "/repository", "/state/ag-01"]),
    ] {
        assert_eq!(tree.meant(&paths(write)), paths(expected));
    }
    assert_eq!(linked.meant(&[]), paths(&["/state/ag-01"]));
}
