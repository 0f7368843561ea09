//! Recorded sessions of the real agents: `tests/recordings/NAME.raw` is what the terminal
//! got (paths made neutral, prompts of the agents' own left out, nothing else), `NAME.json`
//! what must come of it.
//!
//! To add one: put the recording there with a file that names adapter and exit; the failing
//! test prints the rest, to be checked by eye.

use super::*;
use crate::agents::Catalog;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Expected {
    adapter: String,
    exit: Exit,
    #[serde(default)]
    seen: Vec<String>,
    #[serde(default)]
    result: Option<AttemptResult>,
}

fn watch(adapter: &str, exit: Exit, bytes: &[u8], chunk: usize) -> Expected {
    let mut watcher = Catalog::load(None).get(adapter).unwrap().watcher(false);
    let mut seen = Vec::new();
    for part in bytes.chunks(chunk) {
        seen.extend(watcher.output(part));
    }
    let seen = seen
        .iter()
        .map(|one| match one {
            Observation::Signal(s) => format!("{} [{}] {}", s.state, s.reason, s.detail),
            Observation::Session(session) => format!("session {session}"),
        })
        .collect();
    let result = Some(watcher.finish(exit, &[]));
    Expected { adapter: adapter.to_owned(), exit, seen, result }
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
        for chunk in [1, 7, 4096, bytes.len()] {
            let found = watch(&expected.adapter, expected.exit, &bytes, chunk);
            let shown = serde_json::to_string_pretty(&found).unwrap();
            assert!(found == expected, "{name}, {chunk} bytes at a time, gives\n{shown}");
        }
    }
}
