//! What an attempt left behind: its exit record, the files it changed, and whether the
//! swarm's check holds.

use super::{
    adopt, confine, environment,
    launch::Plan,
    worktree::{self, git::search_path},
    world::Shared,
};
use crate::{
    agents::MAX_TEXT,
    config::Instance,
    model::{AttemptId, AttemptResult, Confine, Exit, Outcome},
    protocol::keeper::{ExitRecord, ScreenDump},
    sandbox,
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
        data: None,
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

/// Fills in the changed files, holds the answer of an attempt that says it is done against the
/// swarm's schema, and runs its check.
pub async fn inspect(world: &Shared, plan: &Plan, result: &mut AttemptResult) {
    let seen = worktree::inspect(world, plan).await;
    result.files = seen.files;
    if let Some(word) = seen.word {
        let gap = if result.error.is_empty() { "" } else { "; " };
        result.error.push_str(&format!("{gap}{word}"));
    }
    if let Some(schema) = plan.spec.schema.as_ref().filter(|_| result.outcome == Outcome::Done) {
        match schema.answer(&result.text) {
            Ok(data) => result.data = Some(data),
            Err(_) if result.text.ends_with('…') && result.text.len() + 4 > MAX_TEXT => {
                let why =
                    format!("its answer is longer than the {} KB that are kept", MAX_TEXT >> 10);
                return fail(result, "schema", why);
            }
            Err(why) => return fail(result, "schema", format!("its answer does not fit: {why}")),
        }
    }
    let Some(check) = plan.spec.check.as_ref().filter(|_| result.outcome == Outcome::Done) else {
        return;
    };
    let mut command = match check_command(world, plan, check).await {
        Ok(command) => command,
        Err(error) => return fail(result, "check", format!("{check} could not be run: {error:#}")),
    };
    command.stdin(Stdio::null()).kill_on_drop(true);
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
    fail(result, "check", failed);
}

fn fail(result: &mut AttemptResult, reason: &str, why: String) {
    result.outcome = Outcome::Failed;
    result.stop_reason = reason.to_owned();
    let also = if result.error.is_empty() { String::new() } else { format!("; {}", result.error) };
    result.error = why + &also;
}

/// The check, held as the agent was: what it runs, the agent may have written.
async fn check_command(world: &Shared, plan: &Plan, check: &str) -> anyhow::Result<Command> {
    let path = plan.spec.path.clone().unwrap_or_else(|| search_path(world));
    let private = world.instance.attempt_dir(&plan.attempt.id).join("private");
    let confined = {
        let (world, plan, path) = (world.clone(), plan.clone(), path.clone());
        let private = private.clone();
        let look = move || confine::confine(&world, &plan, &private, None, &path, false);
        tokio::task::spawn_blocking(look).await??
    };
    let argv = ["sh", "-c", check].map(str::to_owned);
    let mut command = match confined {
        Some(confine) => {
            // The agent's own socket may be gone by now: something stands for it that is seen
            // anyway.
            let confine = Confine { socket_dir: confine.dash.clone(), ..confine };
            let mut command = Command::from(sandbox::command(&confine, &plan.workplace(), &argv)?);
            command.envs(environment::for_confined_checks(world, &private));
            command
        }
        None => {
            let mut command = Command::new(&argv[0]);
            command.args(&argv[1..]).current_dir(plan.workplace()).env_clear();
            command.envs(environment::for_checks(world).map(|(name, value)| (name, value)));
            command
        }
    };
    command.env("PATH", path);
    Ok(command)
}
