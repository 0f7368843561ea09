//! What the agent's own hooks tell. It is written down before it counts, so that a later core
//! knows what the agent said; whoever tells waits until it is taken in, so that what the agent
//! does next is seen after it.

use super::Keeping;
use serde_json::{Value, json};
use std::{
    fs::File,
    io::{self, BufRead, BufReader, Write},
    path::Path,
};
use tokio::sync::oneshot;

/// Beside the recording: an object a line, `{"at": BYTES, "hook": OBJECT}`, with the bytes that
/// the agent was known to have printed by then.
const FILE: &str = "hooks.jsonl";
/// Of that file, in bytes; what comes then is not known to a later core.
const MOST: u64 = 16 << 20;

impl Keeping {
    pub(super) async fn hook(&mut self, event: &Value, done: oneshot::Sender<()>) {
        let dir = self.world.instance.attempt_dir(&self.id);
        let line = json!({"at": self.printed, "hook": event}).to_string();
        let kept = tokio::task::spawn_blocking(move || keep(&dir, &line)).await;
        if let Ok(Err(error)) = kept {
            tracing::warn!(attempt = %self.id, %error, "what its hook told is not kept");
        }
        let seen = self.watcher.hook(event);
        self.observe(seen).await;
        if self.unsaid.as_ref().is_some_and(|(status, _)| !self.awaits_hook(status)) {
            self.say_unsaid().await;
        }
        // Whoever told has gone when this fails.
        let _ = done.send(());
    }

    pub(super) async fn remember_hooks(&mut self) {
        let dir = self.world.instance.attempt_dir(&self.id);
        if let Ok(known) = tokio::task::spawn_blocking(move || kept(&dir)).await {
            self.watcher.remember_hooks(known.iter());
        }
    }
}

fn keep(dir: &Path, line: &str) -> io::Result<()> {
    let mut file = File::options().append(true).create(true).open(dir.join(FILE))?;
    if file.metadata()?.len() < MOST {
        file.write_all(format!("{line}\n").as_bytes())?;
    }
    Ok(())
}

/// As far as it reads.
fn kept(dir: &Path) -> Vec<Value> {
    let Ok(file) = File::open(dir.join(FILE)) else { return Vec::new() };
    let lines = BufReader::new(file).lines().map_while(Result::ok);
    let told = |line: String| Some(serde_json::from_str::<Value>(&line).ok()?.get("hook")?.clone());
    lines.filter_map(told).collect()
}
