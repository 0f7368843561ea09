//! Recorded sessions of the real agents: `tests/recordings/NAME.raw` is what the terminal
//! got (paths made neutral, prompts of the agents' own left out, nothing else), `NAME.json`
//! what must come of it. Of a session on the agent's own screen `NAME.hooks.jsonl` holds what
//! its hooks told, and after how many bytes of it; an entry without a hook says that the screen
//! stood still there, so that its bottom rows were looked at.
//!
//! To add one: put the recording there with a file that names adapter and exit; the failing
//! test prints the rest, to be checked by eye.

use super::*;
use crate::{
    agents::Catalog,
    protocol::keeper::KeeperGauge,
    term::{Scanner, Screen, Seen},
};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Expected {
    adapter: String,
    exit: Exit,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    interactive: bool,
    #[serde(default)]
    seen: Vec<String>,
    #[serde(default)]
    result: Option<AttemptResult>,
}

#[derive(Deserialize)]
struct Told {
    at: usize,
    hook: Option<Value>,
}

/// The keeper looks at so many of the bottom rows.
const BOTTOM: usize = 12;

/// As the keeper tells it: what the terminal got, seen by its scanner.
fn on_screen(watcher: &mut Watcher, bytes: &[u8], told: &[Told], chunk: usize) -> Vec<Observation> {
    let (mut scanner, mut gauge) = (Scanner::new(120, 40), KeeperGauge::default());
    let mut screen = Screen::new(120, 40, 0);
    let mut seen = Vec::new();
    let mut from = 0;
    let ends = told.iter().map(|told| (told.at, Some(told)));
    for (end, told) in ends.chain([(bytes.len(), None)]) {
        screen.process(&bytes[from..end]);
        for found in bytes[from..end].chunks(chunk).flat_map(|part| scanner.feed(part)) {
            match found {
                Seen::Status(s) => {
                    seen.extend(watcher.status(&s.state, &s.kind, &s.message, s.progress));
                }
                Seen::Progress { busy, percent } => (gauge.busy, gauge.progress) = (busy, percent),
                Seen::Title(title) => gauge.title = title,
                Seen::Reply(_)
                | Seen::CursorReport { .. }
                | Seen::Bell(_)
                | Seen::Synchronized(_) => continue,
            }
            seen.extend(watcher.gauge(&gauge));
        }
        match told {
            Some(Told { hook: Some(hook), .. }) => seen.extend(watcher.hook(hook)),
            Some(Told { hook: None, .. }) => {
                gauge.bottom = screen.bottom(BOTTOM);
                seen.extend(watcher.gauge(&gauge));
            }
            None => {}
        }
        from = end;
    }
    seen
}

fn watch(asked: &Expected, bytes: &[u8], told: &[Told], chunk: usize) -> Expected {
    let Expected { adapter, exit, interactive, .. } = asked;
    let (exit, interactive) = (*exit, *interactive);
    let mut watcher = Catalog::load(None).get(adapter).unwrap().watcher(interactive);
    let mut seen = Vec::new();
    if interactive {
        seen = on_screen(&mut watcher, bytes, told, chunk);
    } else {
        for part in bytes.chunks(chunk) {
            seen.extend(watcher.output(part));
            let words = watcher.words("");
            assert!(!words.starts_with('{'), "{adapter} says {words}");
        }
    }
    let seen = seen
        .iter()
        .map(|one| match one {
            Observation::Signal(s) if interactive => {
                format!("{:?}: {} [{}] {}", s.source, s.state, s.reason, s.detail)
            }
            Observation::Signal(s) => format!("{} [{}] {}", s.state, s.reason, s.detail),
            Observation::Session(session) => format!("session {session}"),
        })
        .collect();
    let result = Some(watcher.finish(exit, &[]));
    Expected { adapter: adapter.to_owned(), exit, interactive, seen, result }
}

#[test]
fn recorded_sessions_are_understood() {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/recordings");
    let mut names: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "raw"))
        .collect();
    names.sort();
    assert!(names.len() >= 7, "recordings are missing");
    for raw in names {
        let name = raw.file_stem().unwrap().to_str().unwrap().to_owned();
        let bytes = std::fs::read(&raw).unwrap();
        let told = std::fs::read_to_string(raw.with_extension("json")).unwrap();
        let expected: Expected = serde_json::from_str(&told).unwrap();
        let told = std::fs::read_to_string(raw.with_extension("hooks.jsonl")).unwrap_or_default();
        let hooks: Vec<Told> =
            told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        for chunk in [1, 7, 4096, bytes.len()] {
            let found = watch(&expected, &bytes, &hooks, chunk);
            let shown = serde_json::to_string_pretty(&found).unwrap();
            assert!(found == expected, "{name}, {chunk} bytes at a time, gives\n{shown}");
        }
    }
}
