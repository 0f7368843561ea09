//! The audit of the real binary: what was done is in it, what is done to it shows.

use crate::{tools::count, wait::eventually, world::World};
use rusqlite::Connection;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::{fs, path::PathBuf};

fn rows(world: &World, args: &[&str]) -> Vec<Value> {
    let text = world.ok(&[&["audit", "--json"], args].concat()).text();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// `who action about outcome` of each row.
fn words(rows: &[Value]) -> Vec<String> {
    let text = |row: &Value, key: &str| row[key].as_str().unwrap_or("-").to_owned();
    let about = |row: &Value| {
        let named = ["attempt", "agent", "swarm"].into_iter().find(|key| !row[*key].is_null());
        named.map_or("-".to_owned(), |key| text(row, key))
    };
    let line = |row: &Value| {
        let (who, action) = (text(row, "who"), text(row, "action"));
        format!("{who} {action} {} {}", about(row), text(row, "outcome"))
    };
    rows.iter().map(line).collect()
}

fn has(words: &[String], start: &str) -> bool {
    words.iter().any(|line| line.starts_with(start))
}

#[test]
fn what_is_done_is_on_record_with_who_did_it() {
    let world = World::new().with("USER", "ann");
    let swarm = world.create(&["--name", "first", "--agents", "2", "--", "sh", "-c", "read x"]);
    let agents = world.agents_of(&swarm);
    for agent in &agents {
        world.until_state(agent, &["working", "idle"]);
    }
    world.ok(&["agent", "send", &agents[0], "a secret word"]);
    world.ok(&["agent", "stop", "ag-02"]);
    world.dash(&["swarm", "wait", &swarm]);
    // Refused for the state of things, for its content, and for its name.
    assert_ne!(world.dash(&["agent", "send", "ag-02", "too late"]).code, 0);
    assert_ne!(world.dash(&["agent", "retry", "ag-01", "--model", " "]).code, 0);
    assert_ne!(world.dash(&["swarm", "create", "--agent", "nobody", "--task", "t"]).code, 0);
    assert_ne!(world.dash(&["swarm", "rm", "no-such"]).code, 0);
    world.ok(&["swarm", "rm", "first"]);

    let all = rows(&world, &[]);
    let said = words(&all);
    for start in [
        "core core.start - ok",
        "user ann swarm.create sw-1 ok",
        "user ann agent.spawn ag-01 ok",
        "user ann agent.spawn ag-02 ok",
        "core attempt.launch ag-01-1 ok",
        "user ann agent.input ag-01 ok",
        "user ann agent.stop ag-02 ok",
        "user ann attempt.stop ag-02-1 ok",
        "core attempt.end ag-01-1 ok",
        "core attempt.end ag-02-1 ok",
        "core swarm.end sw-1 ok",
        "user ann agent.input ag-02 refused: ",
        "user ann agent.retry ag-01 refused: ",
        "user ann swarm.create - refused: ",
        "user ann swarm.remove sw-1 ok",
    ] {
        assert!(has(&said, start), "{start}: {said:#?}");
    }
    let text = world.ok(&["audit", "--json"]).text();
    assert!(!text.contains("secret") && !text.contains("too late"), "what was typed is not in it");
    let numbers: Vec<u64> = all.iter().map(|row| row["n"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=all.len() as u64).collect::<Vec<_>>());

    // Filters, also by what is removed, and a table for people.
    let of_agent = rows(&world, &["--agent", "ag-02"]);
    assert!(of_agent.len() >= 5 && of_agent.iter().all(|row| row["agent"] == "ag-02"));
    assert_eq!(rows(&world, &["--since", "3"])[0]["n"], 4);
    assert_eq!(rows(&world, &["--since", "1h"]).len(), rows(&world, &[]).len());
    assert_eq!(rows(&world, &["--since", "2100-01-01T00:00:00Z"]).len(), 0);
    assert!(rows(&world, &["--swarm", &swarm]).len() > 8);
    let nobody = world.exits(&["audit", "--agent", "nobody"], 1);
    assert!(nobody.stderr.contains("\"nobody\""), "{nobody:?}");
    let shown = world.ok(&["audit"]).text();
    assert!(shown.contains("admin socket") && shown.contains("bytes=14"), "{shown}");
    let sound = world.ok(&["audit", "--verify"]).text();
    assert!(sound.contains("sound"), "{sound}");
}

#[test]
fn an_agents_request_is_on_record_as_the_agents() {
    let world = World::new();
    let dash = env!("CARGO_BIN_EXE_dash");
    let own = format!(
        "{dash} swarm create --agents 1 -- true; DASH_TOKEN=wrong {dash} agent show $DASH_AGENT; \
         {dash} audit; true"
    );
    world.create_and_wait(&["--agents", "1", "--", "sh", "-c", &own]);
    let all = rows(&world, &["--agent", "ag-01"]);
    let said = words(&all);
    assert!(has(&said, "agent ag-01 swarm.create - refused: "), "{said:#?}");
    let tokenless = all.iter().find(|row| row["detail"]["status"] == 401).unwrap();
    assert_eq!(tokenless["leave"], "none: without its token");
    let read = all.iter().find(|row| row["detail"]["path"] == "/v1/audit").unwrap();
    assert_eq!((&read["who"], &read["detail"]["status"]), (&"agent ag-01".into(), &403.into()));

    // Without a sandbox it finds the user's own socket, and is not let in there.
    let other = format!("{dash} -S {} swarm list; true", world.socket.display());
    world.create_and_wait(&["--no-sandbox", "--agents", "1", "--", "sh", "-c", &other]);
    let all = rows(&world, &[]);
    let stranger = all.iter().find(|row| row["leave"] == "none: inside an agent").unwrap();
    assert_eq!(stranger["detail"]["path"], "/v1/swarms");
    let bare =
        |row: &&Value| row["action"] == "swarm.create" && row["detail"]["no_sandbox"] == true;
    assert_eq!(all.iter().find(bare).unwrap()["swarm"], "sw-2");
    world.ok(&["audit", "--verify"]);
}

/// A world with some history whose core has left, and what it left.
struct Left {
    world: World,
    journal: PathBuf,
    head: PathBuf,
    saved: [Vec<u8>; 2],
}

fn left() -> Left {
    let world = World::new();
    world.create_and_wait(&["--agents", "3", "--", "true"]);
    world.ok(&["core", "stop"]);
    eventually("the core's end", || world.processes().is_empty().then_some(()));
    let journal = world.journal();
    let head = journal.with_file_name("audit.head");
    // Also what is in the log beside it.
    Connection::open(&journal).unwrap().pragma_update(None, "journal_mode", "DELETE").unwrap();
    let saved = [fs::read(&journal).unwrap(), fs::read(&head).unwrap()];
    Left { world, journal, head, saved }
}

impl Left {
    /// As it was, but for `edit`, while no core runs.
    fn edited(&self, edit: &str) {
        if !self.world.processes().is_empty() {
            self.world.kill_core();
        }
        for name in ["journal.db-wal", "journal.db-shm"] {
            let _ = fs::remove_file(self.journal.with_file_name(name));
        }
        fs::write(&self.journal, &self.saved[0]).unwrap();
        fs::write(&self.head, &self.saved[1]).unwrap();
        Connection::open(&self.journal).unwrap().execute_batch(edit).unwrap();
    }
}

const EDITS: [(&str, &str); 6] = [
    ("UPDATE audit SET who = 'user eve' WHERE n = 4", "row 4: changed"),
    ("DELETE FROM audit WHERE n = 4", "row 4: removed"),
    (
        "UPDATE audit SET n = -1 WHERE n = 3; UPDATE audit SET n = 3 WHERE n = 5;
         UPDATE audit SET n = 5 WHERE n = -1",
        "row 5: reordered: it was row 3",
    ),
    ("UPDATE audit SET detail = '{}{' WHERE n = 2", "row 2: changed"),
    ("DELETE FROM audit WHERE n = (SELECT max(n) FROM audit)", ": cut"),
    ("DELETE FROM audit", "cut"),
];

#[test]
fn what_is_done_to_it_while_no_core_runs_is_found() {
    let left = left();
    left.edited("");
    left.world.ok(&["audit", "--verify"]);
    for (edit, says) in EDITS {
        left.edited(edit);
        let report = left.world.exits(&["audit", "--verify"], 1).text();
        assert!(report.contains(says), "{edit}: {report}");
        // It stays on record, and the core goes on.
        left.world.create_and_wait(&["--agents", "1", "--", "true"]);
        left.world.exits(&["audit", "--verify"], 1);
        let json = left.world.exits(&["audit", "--verify", "--json"], 1).json();
        assert!(json["sound"] == false && json["broken"].as_u64() > Some(0), "{json}");
    }
    left.edited("");
    fs::remove_file(&left.head).unwrap();
    let report = left.world.exits(&["audit", "--verify"], 1).text();
    assert!(report.contains("audit.head"), "{report}");
    // Nothing left of it at all, and nothing beside it.
    left.edited("DELETE FROM audit");
    fs::remove_file(&left.head).unwrap();
    let report = left.world.exits(&["audit", "--verify"], 1).text();
    assert!(report.contains("audit.head") && report.contains("events agent_added"), "{report}");
    // A head that was written to fit what is left.
    left.edited("DELETE FROM audit WHERE n > 6");
    let mut head: Value = serde_json::from_slice(&left.saved[1]).unwrap();
    let db = Connection::open(&left.journal).unwrap();
    let hash: String =
        db.query_row("SELECT hash FROM audit WHERE n = 6", [], |row| row.get(0)).unwrap();
    drop(db);
    head["n"] = 6.into();
    head["hash"] = hash.into();
    fs::write(&left.head, head.to_string()).unwrap();
    let report = left.world.exits(&["audit", "--verify"], 1).text();
    assert!(report.contains("short"), "{report}");
}

#[test]
fn what_is_done_to_it_under_a_running_core_is_found() {
    for (edit, says) in EDITS {
        let world = World::new();
        world.create_and_wait(&["--agents", "3", "--", "true"]);
        world.ok(&["audit", "--verify"]);
        Connection::open(world.journal()).unwrap().execute_batch(edit).unwrap();
        let report = world.exits(&["audit", "--verify"], 1).text();
        assert!(report.contains(says), "{edit}: {report}");
        world.ok(&["swarm", "list"]);
    }
}

#[test]
fn another_boot_in_the_head_excuses_no_cut() {
    let left = left();
    left.edited("DELETE FROM audit WHERE n > 6");
    let mut head: Value = serde_json::from_slice(&left.saved[1]).unwrap();
    head["boot"] = "another".into();
    fs::write(&left.head, head.to_string()).unwrap();
    let report = left.world.exits(&["audit", "--verify"], 1).text();
    let lost = format!("rows 7 to {}: cut", head["n"]);
    assert!(report.contains(&lost) && report.contains("a power cut takes both"), "{report}");
    let gap = rows(&left.world, &["--since", &head["n"].to_string()]).remove(0);
    assert_eq!((&gap["action"], &gap["detail"]["from"]), (&"audit.gap".into(), &7.into()));
}

#[test]
fn a_torn_tail_is_recovered_and_not_hidden() {
    // In this boot no power was cut, whatever the head says of another.
    for (boot, code, says) in [("another", 1, "no power cut took them"), ("", 1, "cut")] {
        let world = World::new();
        world.create_and_wait(&["--agents", "3", "--", "true"]);
        let last = rows(&world, &[]).len() as u64;
        let path = world.journal().with_file_name("audit.head");
        let noted = || serde_json::from_slice::<Value>(&fs::read(&path).unwrap()).unwrap();
        let mut head = eventually("the end noted down", || {
            Some(noted()).filter(|head| head["n"].as_u64() >= Some(last))
        });
        world.kill_core();
        // As a power cut may leave it: the write-ahead log ends in the middle of a page.
        let log = world.journal().with_file_name("journal.db-wal");
        let log = fs::File::options().write(true).open(log).unwrap();
        log.set_len(log.metadata().unwrap().len() / 2 + 7).unwrap();
        if !boot.is_empty() {
            head["boot"] = boot.into();
            fs::write(&path, head.to_string()).unwrap();
        }
        let report = world.exits(&["audit", "--verify"], code).text();
        assert!(report.contains(says), "{report}");
        world.create_and_wait(&["--agents", "1", "--", "true"]);
        world.exits(&["audit", "--verify"], code);
    }
}

#[test]
fn a_core_killed_in_the_middle_leaves_a_sound_audit() {
    let world = World::new();
    let mut known: Vec<String> = Vec::new();
    for _ in 0..count("DASH_TEST_KILLS", 4) {
        world.create(&["--agents", "8", "--", "sh", "-c", "read x"]);
        world.kill_core();
        world.ok(&["audit", "--verify"]);
        let now: Vec<String> =
            world.ok(&["audit", "--json"]).text().lines().map(str::to_owned).collect();
        assert_eq!(&now[..known.len()], &known[..], "a row changed or vanished");
        known = now;
    }
    world.ok(&["swarm", "stop", "--all"]);
    world.ok(&["audit", "--verify"]);
}

/// The hash of an exported row, by nothing but the documentation of the format.
fn by_the_book(row: &Value) -> String {
    let mut hasher = Sha256::new();
    hasher.update("dash audit 1\n");
    for key in "n at who leave action swarm agent attempt outcome detail prev".split(' ') {
        let text = match &row[key] {
            Value::Null => {
                hasher.update("-");
                continue;
            }
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        hasher.update(format!("{}:{text},", text.len()));
    }
    dash::model::hex(hasher.finalize())
}

#[test]
fn an_export_is_checked_without_a_core_and_by_others() {
    let world = World::new();
    world.create_and_wait(&["--agents", "2", "--", "true"]);
    world.dash(&["swarm", "rm", "no such swarm \"ö\""]);
    let export = world.ok(&["audit", "--json"]).text();
    let mut prev = "0".repeat(64);
    for line in export.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        assert_eq!(row["prev"], prev, "{line}");
        assert_eq!(row["hash"], by_the_book(&row), "{line}");
        prev = row["hash"].as_str().unwrap().to_owned();
    }
    world.ok(&["core", "stop"]);
    eventually("the core's end", || world.processes().is_empty().then_some(()));

    world.write("all.ndjson", &export);
    let sound = world.ok(&["audit", "--verify", "all.ndjson"]).text();
    assert!(sound.contains("sound") && sound.contains(&prev), "{sound}");
    assert!(sound.contains("begins with the first row"), "{sound}");
    assert!(sound.contains("cannot be told") && sound.contains("no core runs here"), "{sound}");
    let noted = world.ok(&["audit", "--verify", "all.ndjson", "--head", &prev]).text();
    assert!(noted.contains("its last row is the one that was noted"), "{noted}");
    let lines: Vec<&str> = export.lines().collect();
    let tail = lines[3..].join("\n");
    let sound = world.dash_with_input(&["audit", "--verify", "-"], tail.as_bytes());
    assert_eq!(sound.code, 0, "{sound:?}");
    assert!(sound.text().contains("begins with row 4: what stood before"), "{sound:?}");
    let cut = lines[..lines.len() - 2].join("\n");
    let args = ["audit", "--verify", "-", "--head", &prev];
    let cut = world.dash_with_input(&args, cut.as_bytes());
    assert!(cut.code == 1 && cut.text().contains("noted hash"), "{cut:?}");

    let torn = &export[..export.len() - 20];
    let mut swapped = lines.clone();
    swapped.swap(2, 3);
    for (text, says) in [
        (export.replacen("\"ok\"", "\"no\"", 1), "row 1: changed"),
        (export.replacen(lines[2], "", 1), "row 3: removed"),
        (swapped.join("\n"), "row 3: reordered"),
        (torn.to_owned(), "unreadable"),
        ("{}\n".to_owned(), "line 1 is no row"),
    ] {
        let report = world.dash_with_input(&["audit", "--verify", "-"], text.as_bytes());
        assert!(report.code == 1 && report.text().contains(says), "{says}: {report:?}");
    }
    world.write("empty.ndjson", "");
    let none = world.exits(&["audit", "--verify", "empty.ndjson"], 1).text();
    assert!(none.contains("no rows: nothing to verify"), "{none}");
    let none = world.exits(&["audit", "--verify", "missing.ndjson"], 1);
    assert!(none.stderr.contains("missing.ndjson"), "{none:?}");
    assert!(world.processes().is_empty(), "none of this started a core");
}
