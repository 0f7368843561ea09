//! Programs of others that some tests need.

use std::{
    env,
    path::{Path, PathBuf},
};

/// True when the program is there. Otherwise the test is skipped, aloud; where all tools
/// are promised (`DASH_TEST_REQUIRE`) it fails.
pub fn have(program: &str) -> bool {
    let found = find(program).is_some();
    if !found {
        missing(&format!("{program} is not installed"));
    }
    found
}

/// Says why a test does not run here.
pub fn missing(why: &str) {
    assert!(env::var_os("DASH_TEST_REQUIRE").is_none(), "needed here: {why}");
    eprintln!("SKIPPED: {why}");
}

pub fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|dir| dir.join(program)).find(|file| file.is_file())
}

/// A number from the environment, for tests that can run longer than they must.
pub fn count(variable: &str, default: usize) -> usize {
    env::var(variable).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// Where the agent CLIs of `tests/agents` lie: OpenClaw's are apart, and `node` where its link in
/// `.bin` leads, since of another tree a sandbox shows only what is on PATH.
#[allow(dead_code)]
pub fn agent_bins() -> [PathBuf; 3] {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/agents");
    ["node_modules/.bin", "node_modules/node/bin", "openclaw/node_modules/.bin"]
        .map(|dir| here.join(dir))
}
