//! The official SDKs of Anthropic and OpenAI, as `sdks/` beside this file pins them: what they
//! send arrives as it was sent, what they are told is what the provider says, and a budget that
//! is spent is a clear message in the error that they throw.

use crate::{
    caller::Door,
    tools::missing,
    upstream::{Billed, Play, Upstream},
    wait::LIMIT,
    world::World,
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    env,
    path::{Path, PathBuf},
    process::Command,
};

/// Of the calls of a script, and of its first ones alone.
const CALLS: usize = 8;
const FIRST: usize = 3;
/// What Dash adds to the one call that would bring no usage.
const ADDED: &str = "\"stream_options\":{\"include_usage\":true},";
/// Header lines that are the gateway's own, or different from one run to the next.
const OWN: [&str; 7] = [
    "host",
    "connection",
    "content-length",
    "accept-encoding",
    "authorization",
    "x-api-key",
    "accept",
];

#[derive(Clone, Copy, Debug)]
enum Language {
    Python,
    TypeScript,
}

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/agents")
}

impl Language {
    fn is_there(self) -> bool {
        let needed: &[&str] = match self {
            Self::Python => &["sdks/python/anthropic", "sdks/python/openai"],
            Self::TypeScript => &[
                "node_modules/node/bin/node",
                "sdks/node_modules/@anthropic-ai/sdk",
                "sdks/node_modules/openai",
            ],
        };
        let lacks = needed.iter().find(|path| !here().join(path).exists());
        if let Some(path) = lacks {
            missing(&format!("tests/agents/{path} is not there: see `agents` in .ci/run"));
        }
        lacks.is_none()
    }

    /// Runs the calls of `which` through a door; what each of them was told.
    fn run(self, world: &World, door: &Door, which: &str) -> Vec<Value> {
        let sdks = here().join("sdks");
        let mut command = match self {
            Self::Python => {
                let mut command = Command::new("python3");
                command.arg(sdks.join("calls.py")).env("PYTHONPATH", sdks.join("python"));
                command.env("PYTHONDONTWRITEBYTECODE", "1");
                command
            }
            Self::TypeScript => {
                let mut command = Command::new(here().join("node_modules/node/bin/node"));
                command.arg(sdks.join("calls.mjs"));
                command
            }
        };
        command.arg(which).env("ANTHROPIC_BASE_URL", format!("http://{}", door.address));
        command.env("OPENAI_BASE_URL", format!("http://{}/v1", door.address));
        command.env("ANTHROPIC_API_KEY", &door.token).env("OPENAI_API_KEY", &door.token);
        // A proxy of the machine's is none of this.
        command.env("NO_PROXY", "*").env("no_proxy", "*");
        let output = world.run(command, b"", LIMIT);
        assert_eq!(output.code, 0, "{output:#?}");
        output.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// By their names in small letters.
fn headers(of: &Billed) -> BTreeMap<String, String> {
    let lines = of.asked.headers.lines().filter_map(|line| line.split_once(": "));
    let named = lines.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
    named.filter(|(name, _)| !OWN.contains(&name.as_str())).collect()
}

/// The body with another limit for its answer; whether that was done.
fn limited(body: &str, limit: u64) -> Option<String> {
    ["max_tokens", "max_completion_tokens", "max_output_tokens"].iter().find_map(|name| {
        let (before, after) = body.split_once(&format!("\"{name}\":"))?;
        let digits = after.find(|c: char| !c.is_ascii_digit())?;
        Some(format!("{before}\"{name}\":{limit}{}", &after[digits..]))
    })
}

fn passes(language: Language) {
    if !language.is_there() {
        return;
    }
    let upstream = Upstream::new(|_| Play::default());
    let world = World::new();
    world.configure(&upstream.configuration());
    let told = language.run(&world, &Door::straight(&upstream.url), "all");
    let sent = upstream.log();
    assert_eq!((told.len(), sent.len()), (CALLS, CALLS), "{told:#?}");
    let failed = told.iter().find(|call| call["said"]["class"].is_string());
    assert!(failed.is_none(), "{failed:#?}");

    let (_, doors) = Door::open(&world, 1, &["--budget", "$1000"]);
    let same = language.run(&world, &doors[0], "all");
    assert_eq!(same, told, "{language:?}: the answers");
    let came = upstream.log().split_off(CALLS);
    let mut added = 0;
    for (sent, came) in sent.iter().zip(&came) {
        let (sent_as, came_as) = (&sent.asked, &came.asked);
        assert_eq!(came_as.path, sent_as.path);
        assert_eq!(headers(came), headers(sent), "{language:?}: {}", sent_as.path);
        added += usize::from(came_as.body != sent_as.body);
        let body = match came_as.body == sent_as.body {
            true => came_as.body.clone(),
            false => came_as.body.replacen(ADDED, "", 1),
        };
        assert_eq!(body, sent_as.body, "{language:?}: {}", sent_as.path);
    }
    assert_eq!(added, 1, "usage is asked for where it was not");

    // Money for a shorter answer: the limit alone is another.
    let (_, doors) = Door::open(&world, 1, &["--budget", "$0.12"]);
    language.run(&world, &doors[0], "one");
    let came = upstream.log().split_off(2 * CALLS);
    assert_eq!(came.len(), FIRST);
    let mut lowered = 0;
    for (sent, came) in sent.iter().zip(&came) {
        let limit = came.asked.wire.limit(&came.asked.body).unwrap();
        lowered += usize::from(Some(limit) < sent.asked.wire.limit(&sent.asked.body));
        assert_eq!(limited(&sent.asked.body, limit).as_ref(), Some(&came.asked.body));
    }
    assert!(lowered > 0, "{came:#?}");

    // No money at all.
    let (swarm, doors) = Door::open(&world, 1, &["--budget", "$0.000001"]);
    let refused = language.run(&world, &doors[0], "one");
    let words = format!("the budget of {swarm} is too small for this call: ");
    assert_eq!(refused.len(), FIRST);
    for error in refused {
        let said = &error["said"];
        assert_eq!(said["status"], json!(402), "{error:#}");
        assert!(said["message"].as_str().unwrap().contains(&words), "{error:#}");
    }
    assert_eq!(upstream.log().len(), 2 * CALLS + FIRST, "and nothing was tried again");
}

#[test]
fn the_sdks_for_python_pass_unchanged() {
    passes(Language::Python);
}

#[test]
fn the_sdks_for_typescript_pass_unchanged() {
    passes(Language::TypeScript);
}
