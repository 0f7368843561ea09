//! `dash __hook claude|codex`: an agent's own hook before it uses a tool. It reads the hook's
//! JSON, asks the core what the rules say of the command, and answers in the agent's terms.
//!
//! Any other hook of the agent's tells the core what the agent does, for its state, and asks
//! nothing. That is all that hooks of other agents do (`dash __hook NAME`).
//!
//! It always ends with status 0, since 2 would refuse the agent's prompt; what it could not
//! ask about it denies. A tool that is no shell is no business of these rules: nothing is
//! said. Of a command that no rule allows by name it says nothing either, since `allow` would
//! pass over the agent's own permission prompts.
//!
//! Where the rules ask, it raises an approval and holds the command until that is answered;
//! the approval's own time limit denies. Where the sandbox opens no socket (Landlock alone)
//! nobody can be asked, and nothing is held: that is said, as a message of the hook's.

use super::{context::Context, failure::Failure};
use crate::{
    client::{Client, ClientError, Target},
    model::{Approval, Judgement, RefusalCode, Resolution, Verdict, hex},
    protocol::rest::{NewApproval, PolicyQuestion},
};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::{
    ffi::OsString,
    io::{self, Read},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};
use tokio::time::{Instant, sleep};

/// Bytes of a hook's input: a command of the judge's own limit, escaped.
const LONGEST: u64 = 1 << 20;
/// Bytes of a reason that are passed on to whoever approves.
const REASON: usize = 1000;
/// Bytes of one text that is told.
const TOLD: usize = 64 << 10;
/// To tell it.
const TELLING: Duration = Duration::from_secs(10);
/// A core that has died is given so long to be followed by another.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(500);

/// Tools that run commands, by the names that Claude Code and Codex have for them.
const SHELLS: &[&str] =
    &["Bash", "shell", "local_shell", "shell_command", "exec_command", "unified_exec"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Claude,
    Codex,
    /// Of any other agent: its commands are judged elsewhere.
    Teller,
}

#[derive(Deserialize)]
struct Input {
    tool_name: String,
    #[serde(default)]
    tool_input: Value,
    cwd: Option<PathBuf>,
    #[serde(default)]
    session_id: String,
    #[serde(default)]
    tool_use_id: String,
}

/// What is asked about, and the name of this call.
#[derive(Debug, PartialEq, Eq)]
struct Call {
    question: PolicyQuestion,
    key: String,
}

/// What the hook comes to.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// The agent goes on as if there were no hook.
    Silent,
    Decided(Verdict, String),
    /// The sandbox lets no socket be opened.
    Mute,
}

pub fn main(args: &[OsString], context: &mut Context<'_>) -> ExitCode {
    let kind = match args {
        [agent] if agent == "claude" => Some(Kind::Claude),
        [agent] if agent == "codex" => Some(Kind::Codex),
        [_] => Some(Kind::Teller),
        _ => None,
    };
    let mut text = String::new();
    let read = io::stdin().lock().take(LONGEST + 1).read_to_string(&mut text);
    let answer = match (kind, read) {
        (None, _) => Some(deny("the hook is set up wrongly: `dash __hook NAME`, of its agent")),
        (Some(Kind::Teller), _) => match told(&text) {
            Some(event) => {
                tell(&event, context);
                None
            }
            None => Some(deny("the hook is set up wrongly: of this agent it judges no tool")),
        },
        (Some(kind @ (Kind::Claude | Kind::Codex)), Ok(_)) => say(kind, &outcome(&text, context)),
        (Some(Kind::Claude | Kind::Codex), Err(error)) => {
            Some(deny(&format!("the hook's input cannot be read: {error}")))
        }
    };
    if let Some(answer) = answer {
        // An agent that does not listen any more is not to be told.
        let _ = writeln!(context.out, "{answer}").and_then(|()| context.out.flush());
    }
    ExitCode::SUCCESS
}

fn outcome(text: &str, context: &Context<'_>) -> Outcome {
    let denied = |why: &str| Outcome::Decided(Verdict::Deny, why.to_owned());
    if text.len() as u64 > LONGEST {
        return denied("the command is too long to be judged");
    }
    if let Some(event) = told(text) {
        tell(&event, context);
        return Outcome::Silent;
    }
    let call = match call(text) {
        Ok(Some(call)) => call,
        Ok(None) => return Outcome::Silent,
        Err(why) => return denied(&why),
    };
    match ask(&call, context) {
        Ok(outcome) => outcome,
        Err(failure) => denied(&format!("Dash could not be asked about this: {}", failure.message)),
    }
}

/// The hook's input, where it asks nothing: what the agent does, told for the sake of its
/// state. Long texts are cut.
fn told(text: &str) -> Option<Value> {
    let mut event: Value = serde_json::from_str(text).ok()?;
    let name = event.get("hook_event_name")?.as_str()?;
    if name == "PreToolUse" {
        return None;
    }
    cut(&mut event);
    Some(event)
}

fn cut(value: &mut Value) {
    match value {
        Value::String(text) => text.truncate(text.floor_char_boundary(TOLD)),
        Value::Array(parts) => parts.iter_mut().for_each(cut),
        Value::Object(parts) => parts.values_mut().for_each(cut),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A hook that cannot tell must not hold the agent: its other signals still speak.
fn tell(event: &Value, context: &Context<'_>) {
    let Ok(target) = context.target().map(Target::never_start) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let Ok(runtime) = runtime else { return };
    let telling = patiently(async || Client::connect(&target).await?.tell_hook(event).await);
    let _ = runtime.block_on(async { tokio::time::timeout(TELLING, telling).await });
    runtime.shutdown_background();
}

/// None where the tool runs no command.
fn call(text: &str) -> Result<Option<Call>, String> {
    let input: Input =
        serde_json::from_str(text).map_err(|error| format!("the hook's input: {error}"))?;
    if !SHELLS.contains(&input.tool_name.as_str()) {
        return Ok(None);
    }
    let cwd = input.cwd.filter(|cwd| cwd.is_absolute());
    let mut question = PolicyQuestion { cwd, ..PolicyQuestion::default() };
    let given = ["command", "cmd"].iter().find_map(|key| input.tool_input.get(*key));
    match given {
        Some(Value::String(line)) => question.line = Some(line.clone()),
        Some(Value::Array(words)) => {
            let words = words.iter().map(|word| word.as_str().map(str::to_owned));
            question.argv = words.collect::<Option<_>>().unwrap_or_default();
        }
        _ => {}
    }
    if question.line.is_none() && question.argv.is_empty() {
        return Err(format!("the tool {} names no command", input.tool_name));
    }
    // The command too: an agent that gives no names to its calls asks anew for another one.
    let mut digest = Sha256::new();
    let words = question.line.iter().chain(&question.argv).map(String::as_str);
    for part in [input.session_id.as_str(), &input.tool_use_id].into_iter().chain(words) {
        digest.update(part);
        digest.update([0]);
    }
    let key = format!("hook-{:.32}", hex(digest.finalize()));
    Ok(Some(Call { question, key }))
}

fn ask(call: &Call, context: &Context<'_>) -> Result<Outcome, Failure> {
    let target = context.target()?.never_start();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::error(format!("cannot start: {error}")))?;
    let asked = runtime.block_on(settle(call, &target));
    runtime.shutdown_background();
    match asked {
        // A socket that another guards answers EACCES; this one was never made.
        Err(ClientError::Connect { source, .. })
            if source.raw_os_error() == Some(rustix::io::Errno::PERM.raw_os_error()) =>
        {
            Ok(Outcome::Mute)
        }
        // Approved, and denied by the rules of now.
        Err(ClientError::Refused(refusal)) if refusal.code == RefusalCode::Forbidden => {
            Ok(Outcome::Decided(Verdict::Deny, refusal.message))
        }
        asked => Ok(asked?),
    }
}

/// The verdict, and of one that asks the answer.
async fn settle(call: &Call, target: &Target) -> Result<Outcome, ClientError> {
    let question = &call.question;
    let judged = patiently(async || Client::connect(target).await?.judge(question).await).await?;
    match judged.verdict {
        Verdict::Allow if judged.findings.is_empty() => return Ok(Outcome::Silent),
        Verdict::Allow | Verdict::Deny => {
            return Ok(Outcome::Decided(judged.verdict, judged.reason));
        }
        Verdict::Ask => {}
    }
    let new = approval(call, &judged);
    loop {
        let asked = patiently(async || Client::connect(target).await?.raise(&new).await).await?;
        if !asked.is_open() {
            return Ok(answered(&asked, &judged));
        }
    }
}

/// Tries again for as long as a core that died may take to be followed by another.
async fn patiently<T>(
    mut work: impl AsyncFnMut() -> Result<T, ClientError>,
) -> Result<T, ClientError> {
    let mut until = Instant::now() + PATIENCE;
    loop {
        let begun = Instant::now();
        match work().await {
            Err(error) if passes(&error) => {
                // One that was held for long had its core until now.
                if begun.elapsed() > PATIENCE {
                    until = Instant::now() + PATIENCE;
                } else if Instant::now() >= until {
                    return Err(error);
                }
                sleep(PAUSE).await;
            }
            done => return done,
        }
    }
}

fn passes(error: &ClientError) -> bool {
    error.is_gone() || matches!(error, ClientError::Silent { .. })
}

/// A line is asked about as what it is, a shell's.
fn approval(call: &Call, judged: &Judgement) -> NewApproval {
    let argv = match &call.question.line {
        Some(line) => vec!["sh".to_owned(), "-c".to_owned(), line.clone()],
        None => call.question.argv.clone(),
    };
    let mut why = judged.reason.clone();
    why.truncate(why.floor_char_boundary(REASON));
    NewApproval::Command { key: call.key.clone(), argv, cwd: call.question.cwd.clone(), why }
}

fn answered(asked: &Approval, judged: &Judgement) -> Outcome {
    let verdict = match asked.state.verdict() {
        Some(Resolution::Approve) => Verdict::Allow,
        Some(Resolution::Deny) | None => Verdict::Deny,
    };
    let mut reason = format!("{}: {} is {}", judged.reason, asked.id, asked.state);
    if !asked.note.is_empty() {
        reason.push_str(&format!(", {}", asked.note));
    }
    Outcome::Decided(verdict, reason)
}

/// Codex knows no `allow` (0.169.0 reports it as a failed hook): silence lets its command run.
fn say(kind: Kind, outcome: &Outcome) -> Option<Value> {
    match (outcome, kind) {
        (Outcome::Silent, _) | (_, Kind::Teller) => None,
        (Outcome::Decided(Verdict::Allow, _), Kind::Codex) => None,
        (Outcome::Decided(Verdict::Allow, reason), Kind::Claude) => {
            Some(decision(Verdict::Allow, reason))
        }
        (Outcome::Decided(Verdict::Ask | Verdict::Deny, reason), _) => Some(deny(reason)),
        (Outcome::Mute, _) => Some(json!({"systemMessage":
            "dash: this sandbox opens no socket, so commands are not held against the rules"})),
    }
}

fn deny(why: &str) -> Value {
    decision(Verdict::Deny, why)
}

fn decision(verdict: Verdict, reason: &str) -> Value {
    json!({"hookSpecificOutput": {
        "hookEventName": "PreToolUse",
        "permissionDecision": verdict.word(),
        "permissionDecisionReason": reason,
    }})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_found_in_the_forms_that_agents_have() {
        let of = |text: &str| call(text).map(|call| call.map(|call| call.question));
        let claude = r#"{"tool_name":"Bash","tool_input":{"command":"git push -f"},"cwd":"/w"}"#;
        let found = of(claude).unwrap().unwrap();
        assert_eq!((found.line.as_deref(), found.cwd), (Some("git push -f"), Some("/w".into())));
        let codex = r#"{"tool_name":"shell","tool_input":{"command":["bash","-lc","ls"]}}"#;
        assert_eq!(of(codex).unwrap().unwrap().argv, ["bash", "-lc", "ls"]);
        let other = r#"{"tool_name":"Read","tool_input":{"file_path":"/x"},"cwd":"/w"}"#;
        assert_eq!(of(other), Ok(None));
        for wrong in [
            "",
            "{",
            "[]",
            r#"{"tool_input":{"command":"ls"}}"#,
            r#"{"tool_name":"Bash"}"#,
            r#"{"tool_name":"Bash","tool_input":{"command":7}}"#,
            r#"{"tool_name":"Bash","tool_input":{"command":["ls",7]}}"#,
        ] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_call_has_a_name_of_its_own() {
        let key = |id: &str, line: &str| {
            let tool = json!({"command": line});
            let text = json!({"tool_name": "Bash", "tool_input": tool, "tool_use_id": id});
            call(&text.to_string()).unwrap().unwrap().key
        };
        assert_eq!(key("a", "ls"), key("a", "ls"));
        assert_ne!(key("a", "ls"), key("b", "ls"));
        assert_ne!(key("a", "ls"), key("a", "ls -l"));
    }

    #[test]
    fn each_agent_is_answered_in_its_terms() {
        let decided = |verdict| Outcome::Decided(verdict, "r".to_owned());
        let part = |said: Option<Value>| {
            let said = &said.unwrap()["hookSpecificOutput"];
            (said["permissionDecision"].clone(), said["permissionDecisionReason"].clone())
        };
        for kind in [Kind::Claude, Kind::Codex] {
            assert_eq!(say(kind, &Outcome::Silent), None);
            assert_eq!(part(say(kind, &decided(Verdict::Deny))), (json!("deny"), json!("r")));
            assert!(say(kind, &Outcome::Mute).unwrap()["systemMessage"].is_string());
        }
        assert_eq!(part(say(Kind::Claude, &decided(Verdict::Allow))).0, "allow");
        assert_eq!(say(Kind::Codex, &decided(Verdict::Allow)), None);
    }
}
