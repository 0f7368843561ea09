//! Programs of others that some tests need.

use std::{env, path::PathBuf};

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
