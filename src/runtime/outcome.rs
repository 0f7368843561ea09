//! What an attempt left behind: its exit record, the files it changed, and whether the
//! swarm's check holds.

use super::{adopt, environment, launch::Plan, worktree, world::Shared};
use crate::{
    config::Instance,
    model::{AttemptId, AttemptResult, Exit, Outcome},
    protocol::keeper::{ExitRecord, ScreenDump},
};
use std::{fs, process::Stdio, time::Duration};
use tokio::process::Command;

/// A check that takes longer has failed.
const CHECK_TIMEOUT: Duration = Duration::from_secs(600);
/// Output of a failed check that is kept, in bytes, from its end.
const CHECK_TAIL: usize = 2_000;

pub fn failed_launch(error: String) -> AttemptResult {
    AttemptResult {
        outcome: Outcome::Failed,
        stop_reason: "launch".to_owned(),
        text: String::new(),
        error,
        files: None,
        reported: None,
        session: None,
    }
}

/// `exit.json`, if the keeper wrote it.
pub fn exit_record(instance: &Instance, attempt: &AttemptId) -> Option<ExitRecord> {
    let body = fs::read(instance.attempt_dir(attempt).join("exit.json")).ok()?;
    serde_json::from_slice(&body).ok()
}

/// What is known when `exit.json` does not read.
pub fn bare_record(exit: Exit, bytes: u64) -> ExitRecord {
    ExitRecord { exit, at: super::clock::now(), bytes, screen: ScreenDump::default() }
}

/// Fills in the changed files, and runs the check of an attempt that says it is done.
pub async fn inspect(world: &Shared, plan: &Plan, result: &mut AttemptResult) {
    result.files = worktree::changes(plan).await;
    let Some(check) = plan.spec.check.as_ref().filter(|_| result.outcome == Outcome::Done) else {
        return;
    };
    let mut command = Command::new("sh");
    command.arg("-c").arg(check).current_dir(plan.workplace());
    command.env_clear().stdin(Stdio::null()).kill_on_drop(true);
    command.envs(environment::for_checks(world).map(|(name, value)| (name, value)));
    if let Some(path) = &plan.spec.path {
        command.env("PATH", path);
    }
    // By these it is found with all that it started, like the agent itself.
    command.env("DASH_ATTEMPT", plan.attempt.id.as_str());
    command.env("DASH_SOCKET", world.instance.agent_socket(&plan.attempt.id));
    let limit = plan.spec.timeout_ms.map_or(CHECK_TIMEOUT, Duration::from_millis);
    let limit = limit.min(CHECK_TIMEOUT);
    let failed = match tokio::time::timeout(limit, command.output()).await {
        Ok(Ok(output)) if output.status.success() => {
            return adopt::kill_leftovers(world, &plan.attempt.id);
        }
        Ok(Ok(output)) => {
            let text = [output.stdout, output.stderr].concat();
            let tail = text.get(text.len().saturating_sub(CHECK_TAIL)..).unwrap_or_default();
            format!("{check}: {}: {}", output.status, String::from_utf8_lossy(tail).trim())
        }
        Ok(Err(error)) => format!("{check} could not be run: {error}"),
        Err(_) => format!("{check} took longer than {} s", limit.as_secs()),
    };
    adopt::kill_leftovers(world, &plan.attempt.id);
    result.outcome = Outcome::Failed;
    result.stop_reason = "check".to_owned();
    result.error = failed;
}
