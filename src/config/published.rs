//! Schemas that are published as files, for the editors of those who write such files.

use serde_json::Value;
use std::{env, fs, path::Path};

/// Fails where the file, named from the project's root, holds another schema than this; with
/// `DASH_WRITE` set it is written.
#[track_caller]
pub fn is_published(file: &str, schema: &Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let now = format!("{schema}\n");
    if env::var_os("DASH_WRITE").is_some() {
        fs::write(&path, &now).unwrap();
    }
    assert!(fs::read_to_string(&path).unwrap() == now, "{file} is old: set DASH_WRITE once");
}
