//! `dash __hook claude|codex`: an agent's own hook before it uses a tool. It reads the hook's
//! JSON, asks the core what the rules say of the command, and answers in the agent's terms.
//!
//! It always ends with status 0, since 2 would refuse the agent's prompt; what it could not
//! ask about it denies. A tool that is no shell is no business of these rules: nothing is
//! said. Of a command that no rule allows by name it says nothing either, since `allow` would
//! pass over the agent's own permission prompts.

use super::{context::Context, failure::Failure};
use crate::{
    client::Client,
    model::{Judgement, Verdict},
    protocol::rest::PolicyQuestion,
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    ffi::OsString,
    io::{self, Read},
    path::PathBuf,
    process::ExitCode,
};

/// Bytes of a hook's input: a command of the judge's own limit, escaped.
const LONGEST: u64 = 1 << 20;

/// Tools that run commands, by the names that Claude Code and Codex have for them.
const SHELLS: &[&str] =
    &["Bash", "shell", "local_shell", "shell_command", "exec_command", "unified_exec"];

#[derive(Deserialize)]
struct Input {
    tool_name: String,
    #[serde(default)]
    tool_input: Value,
    cwd: Option<PathBuf>,
}

pub fn main(args: &[OsString], context: &mut Context<'_>) -> ExitCode {
    let known = matches!(args, [agent] if agent == "claude" || agent == "codex");
    let answer = if known {
        let mut text = String::new();
        match io::stdin().lock().take(LONGEST + 1).read_to_string(&mut text) {
            Ok(_) => answer(&text, context),
            Err(error) => Some(deny(&format!("the hook's input cannot be read: {error}"))),
        }
    } else {
        Some(deny("the hook is set up wrongly: `dash __hook claude` or `dash __hook codex`"))
    };
    if let Some(answer) = answer {
        // An agent that does not listen any more is not to be told.
        let _ = writeln!(context.out, "{answer}").and_then(|()| context.out.flush());
    }
    ExitCode::SUCCESS
}

fn answer(text: &str, context: &Context<'_>) -> Option<Value> {
    if text.len() as u64 > LONGEST {
        return Some(deny("the command is too long to be judged"));
    }
    let question = match question(text) {
        Ok(question) => question?,
        Err(why) => return Some(deny(&why)),
    };
    match ask(&question, context) {
        Ok(judgement) => say(&judgement),
        Err(failure) => {
            Some(deny(&format!("Dash could not be asked about this: {}", failure.message)))
        }
    }
}

/// None where the tool runs no command.
fn question(text: &str) -> Result<Option<PolicyQuestion>, String> {
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
    Ok(Some(question))
}

fn ask(question: &PolicyQuestion, context: &Context<'_>) -> Result<Judgement, Failure> {
    let target = context.target()?.never_start();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::error(format!("cannot start: {error}")))?;
    let judged = runtime.block_on(async { Client::connect(&target).await?.judge(question).await });
    runtime.shutdown_background();
    Ok(judged?)
}

fn say(judgement: &Judgement) -> Option<Value> {
    match judgement.verdict {
        Verdict::Allow if judgement.findings.is_empty() => None,
        verdict => Some(decision(verdict, &judgement.reason)),
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
        let of = |text: &str| question(text);
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
    fn allow_is_said_only_where_a_rule_allows() {
        let mut judgement = Judgement {
            verdict: Verdict::Allow,
            reason: "r".to_owned(),
            findings: Vec::new(),
            enforced_by: None,
        };
        assert_eq!(say(&judgement), None);
        judgement.verdict = Verdict::Ask;
        let said = say(&judgement).unwrap();
        assert_eq!(said["hookSpecificOutput"]["permissionDecision"], "ask");
        assert_eq!(said["hookSpecificOutput"]["permissionDecisionReason"], "r");
    }
}
