//! The pulse: what it tells at first, and what it tells again.

use super::*;

fn whole(bench: &Bench) -> Pulse {
    pulse(&bench.state, None, None, Stamp(bench.now))
}

/// What is new since `cursor`, as the journal has it.
fn since(bench: &Bench, cursor: u64, top: Option<&str>) -> Pulse {
    let mut news = News::after(cursor);
    bench.journal.iter().filter(|record| record.seq > cursor).for_each(|record| news.take(record));
    let top = top.map(AgentId::from);
    pulse(&bench.state, top.as_ref(), Some(&news), Stamp(bench.now))
}

fn told(groups: &[PulseGroup]) -> Vec<String> {
    groups.iter().map(ToString::to_string).collect()
}

#[test]
fn everything_then_only_what_is_new() {
    let mut bench = Bench::default();
    bench.create(SwarmSpec { budget: Some("$50".to_owned()), ..spec() }, 4);
    for attempt in ["ag-01-1", "ag-02-1", "ag-03-1"] {
        bench.started(attempt, 1);
    }
    bench.ended("ag-02-1", Outcome::Failed);
    let first = whole(&bench);
    assert_eq!(first.cursor, bench.state.seq);
    assert_eq!((first.agents.total, first.money.len()), (4, 1));
    assert_eq!(first.money[0].limit_micros, Some(Micros(50_000_000)));
    assert_eq!(told(&first.attention), ["failed ag-02: exit"]);
    assert!(first.changed.is_empty() && !first.is_quiet());

    let quiet = since(&bench, first.cursor, None);
    assert!(quiet.is_quiet(), "{quiet:?}");
    assert_eq!((quiet.cursor, quiet.money.len()), (first.cursor, 1));

    bench.ended("ag-01-1", Outcome::Done);
    let next = since(&bench, first.cursor, None);
    assert_eq!(told(&next.changed), ["done ag-01"]);
    assert!(next.attention.is_empty(), "told before: {next:?}");
    // As often as it is asked for.
    assert_eq!(since(&bench, first.cursor, None), next);
    assert_eq!(told(&since(&bench, 0, None).attention), ["failed ag-02: exit"]);
}

#[test]
fn the_end_of_a_swarm_is_told_once_and_stays_the_last_word() {
    let mut bench = Bench::default();
    bench.create(spec(), 1);
    bench.started("ag-01-1", 1);
    let before = bench.state.seq;
    bench.ended("ag-01-1", Outcome::Done);
    let end = since(&bench, before, None);
    assert_eq!(end.money[0].ended.as_deref(), Some("done"));
    assert_eq!(told(&end.changed), ["done ag-01"]);
    let after = since(&bench, end.cursor, None);
    assert!(after.is_quiet() && after.money.is_empty(), "{after:?}");
    assert_eq!(whole(&bench).money[0].ended.as_deref(), Some("done"));
    bench.create(spec(), 1);
    let ids: Vec<String> = whole(&bench).money.iter().map(|row| row.id.to_string()).collect();
    assert_eq!(ids, ["sw-2"], "another one goes on");
}

#[test]
fn what_an_agent_asks_is_told_as_its_question() {
    let mut bench = Bench::default();
    bench.create(spec(), 2);
    bench.started("ag-01-1", 1);
    let before = bench.state.seq;
    let ask = Ask {
        key: "k".to_owned(),
        question: Question::Escalation { text: "which of the two?".to_owned() },
        why: "recovery ran out".to_owned(),
        needs: 1,
        timeout_ms: None,
    };
    bench.feed(Input::Asked { attempt: "ag-01-1".into(), ask: Box::new(ask) }).unwrap();
    let pulse = since(&bench, before, None);
    assert_eq!(pulse.asks.len(), 1);
    assert_eq!(pulse.asks[0].text, "which of the two?");
    assert!(pulse.attention.is_empty(), "said once: {pulse:?}");
    assert!(since(&bench, pulse.cursor, None).is_quiet());
    assert_eq!(whole(&bench).asks.len(), 1);
    // Another agent sees nothing of it, and only its own money.
    let other = since(&bench, before, Some("ag-02"));
    assert!(other.asks.is_empty() && other.is_quiet(), "{other:?}");
    assert_eq!(other.money[0].id.to_string(), "ag-02");
}
