//! The start of a core with a long past.

use crate::{
    Options,
    table::{Sample, Table, Target},
    world::World,
};
use dash::{
    core::{State, apply},
    model::EventRecord,
};
use rusqlite::{Connection, params};
use std::time::Instant;

/// One short of a snapshot: the most that a start ever has to replay.
const EVENTS: u64 = 999_999;
const SNAPSHOT_EVERY: u64 = 10_000;
/// Swarms that nobody has removed yet.
const KEPT: usize = 20;
/// Agents of the swarm whose events are repeated.
const AGENTS: usize = 20;

pub fn measure(options: &Options, table: &mut Table) {
    let world = World::new();
    // A past that the program itself made, repeated under other names.
    let count = AGENTS.to_string();
    let (_, code) = world.create_and_wait(&["--agents", &count, "--", "true"]);
    assert_eq!(code, 0);
    leave(&world);
    let rows = lengthen(&Connection::open(world.journal()).unwrap());
    let bytes = std::fs::metadata(world.journal()).unwrap().len();
    eprintln!("  a journal of {rows} events, {} MB", bytes >> 20);
    let mut sample = Sample::default();
    for _ in 0..options.reps {
        let begun = Instant::now();
        // `health` starts none; this does.
        let swarms = world.json(&["swarm", "list"]);
        sample.push_ms(begun.elapsed());
        assert_eq!(swarms.as_array().map(Vec::len), Some(KEPT));
        leave(&world);
    }
    let what = format!("first command, core started with {rows} past events");
    table.alone(what, "ms", sample, Target::Most(200.0));
}

fn leave(world: &World) {
    world.ok(&["core", "stop"]);
    crate::wait::eventually("the core's end", || world.processes().is_empty().then_some(()));
}

/// Fills the journal up to [`EVENTS`] with the life of its one swarm, over and over; all but
/// the last [`KEPT`] are removed in the end, as their users do. Rows in all.
fn lengthen(db: &Connection) -> u64 {
    let mut query = db.prepare("SELECT body FROM events ORDER BY seq").unwrap();
    let bodies: Vec<String> =
        query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let first: EventRecord = serde_json::from_str(&bodies[0]).unwrap();
    let life: Vec<&String> = bodies.iter().filter(|body| body.contains("\"sw-1\"")).collect();
    assert!(life.len() > AGENTS * 3, "too little of a life: {bodies:#?}");
    db.execute("DELETE FROM events", []).unwrap();
    db.execute("DELETE FROM snapshots", []).unwrap();

    let mut state = State::default();
    let mut seq = 0;
    let mut snapshot = None;
    let lives = (EVENTS as usize - 1) / (life.len() + 1);
    db.execute_batch("BEGIN").unwrap();
    let mut insert = db.prepare("INSERT INTO events VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)").unwrap();
    let mut write = |body: &str| {
        seq += 1;
        let mut value: serde_json::Value = serde_json::from_str(body).unwrap();
        value["seq"] = seq.into();
        let body = value.to_string();
        let record: EventRecord = serde_json::from_value(value.clone()).unwrap();
        apply(&mut state, &record);
        let text = |name: &str| value[name].as_str().map(str::to_owned);
        insert
            .execute(params![
                seq as i64,
                text("time"),
                text("kind"),
                text("swarm"),
                text("agent"),
                text("attempt"),
                body
            ])
            .unwrap();
        if seq % SNAPSHOT_EVERY == 0 {
            snapshot = Some((seq, serde_json::to_string(&state).unwrap()));
        }
        seq
    };
    write(&serde_json::to_string(&first).unwrap());
    let mut rows = 1;
    for n in 1..=lives {
        for body in &life {
            rows = write(&renamed(body, n));
        }
        if let Some(old) = n.checked_sub(KEPT).filter(|old| *old > 0) {
            let time = first.time;
            rows = write(&format!(
                r#"{{"seq":0,"time":"{time}","swarm":"sw-{old}","agent":null,"attempt":null,"kind":"swarm_removed"}}"#
            ));
        }
    }
    let (at, body) = snapshot.unwrap();
    db.execute("INSERT INTO snapshots (seq, body) VALUES (?1, ?2)", params![at as i64, body])
        .unwrap();
    db.execute_batch("COMMIT; PRAGMA wal_checkpoint(TRUNCATE);").unwrap();
    rows
}

/// The life of swarm 1 as that of swarm `n`, with agents of its own.
fn renamed(body: &str, n: usize) -> String {
    let mut out = body.replace("\"sw-1\"", &format!("\"sw-{n}\""));
    // From the last, so that no name is replaced twice.
    for agent in (1..=AGENTS).rev() {
        let (old, new) = (format!("ag-{agent:02}"), format!("ag-{:02}", (n - 1) * AGENTS + agent));
        if old != new {
            for end in ["\"", "-"] {
                out = out.replace(&format!("\"{old}{end}"), &format!("\"{new}{end}"));
            }
        }
    }
    out
}
