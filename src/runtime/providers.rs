//! What a core leaves to the next about providers: `providers.json` beside the journal, mode
//! 0600, with names, addresses and the variables that keys came from, never a key.
//!
//! It counts only for a core that finds work of an earlier one: that work must neither go
//! to another provider nor be answered by the simulated one because a key was not passed
//! on. A file that does not read is as good as none, and said in the log.

use crate::{config::Instance, gateway::Remembered};
use std::{
    fs,
    io::{ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
};

fn path(instance: &Instance) -> PathBuf {
    instance.journal().with_file_name("providers.json")
}

pub fn read(instance: &Instance) -> Vec<Remembered> {
    let path = path(instance);
    let body = match fs::read(&path) {
        Ok(body) => body,
        Err(error) if error.kind() == ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "not read");
            return Vec::new();
        }
    };
    serde_json::from_slice(&body).unwrap_or_else(|error| {
        tracing::warn!(path = %path.display(), %error, "not understood");
        Vec::new()
    })
}

/// In one step, so that a core that dies here leaves the old file or the new one.
pub fn write(instance: &Instance, providers: &[Remembered]) -> std::io::Result<()> {
    let path = path(instance);
    let fresh = path.with_extension("new");
    let mut file =
        fs::File::options().create(true).write(true).truncate(true).mode(0o600).open(&fresh)?;
    file.write_all(&serde_json::to_vec(providers)?)?;
    file.sync_all()?;
    fs::rename(fresh, path)
}
