//! The format carries the agents that have no file yet: drafts after the facts known about
//! them, to show that each will be a file and nothing else. Not shipped, since not measured.

use super::{Adapter, LaunchRequest, Watcher};
use crate::model::{AgentId, AttemptId, AttemptResult, Exit, Outcome, SwarmId, Tokens};
use std::path::Path;

const OPENCODE: &str = r#"
name = "opencode"
summary = ""
dialect = "openai"
[program]
name = "sh"
[model]
default = "dash/x"
args = ["-m", "{model}"]
[launch]
args = ["run", "--format", "json", "--title", "{attempt}", "{model_args}", "{task}"]
resume = ["run", "--format", "json", "-s", "{session}", "{model_args}", "{task}"]
[launch.env]
OPENCODE_CONFIG_CONTENT = '{"provider":{"dash":{"options":{"baseURL":"{gateway}/v1","apiKey":{token|json}}}}}'
[watch]
output = "json-lines"
judge = "output"
[[output]]
when = { type = "step_finish" }
state = "working"
session = "/sessionID"
outcome = "done"
[output.usage]
input = "/part/tokens/input"
output = "/part/tokens/output"
cache_read = "/part/tokens/cache/read"
cache_write = "/part/tokens/cache/write"
add = true
[[output]]
when = { type = "text" }
text = ["/part/text"]
[[output]]
when = { type = "error" }
error = ["/error/data/message", "/error/name"]
status = "/error/data/statusCode"
outcome = "failed"
"#;

const OPENCLAW: &str = r#"
name = "openclaw"
summary = ""
[program]
name = "sh"
[launch]
args = ["agent", "exec", "--json", "--cwd", "{cwd}", "--config", "{private}/openclaw.json", "--message", "{task}"]
stdin = "null"
[launch.env]
OPENCLAW_STATE_DIR = "{private}/state"
[[launch.files]]
path = "{private}/openclaw.json"
content = '{"models":{"mode":"replace","providers":{"dash":{"baseUrl":"{gateway}"}}}}'
[watch]
output = "json"
judge = "output"
[[output]]
when = { ok = "*" }
session = "/sessionId"
text = ["/final", "/payloads/*/text"]
usage = { input = "/usage/input", output = "/usage/output", cache_read = "/usage/cacheRead", cache_write = "/usage/cacheWrite" }
[[output]]
when = { ok = true }
outcome = "done"
[[output]]
when = { ok = false }
error = ["/error/message"]
outcome = "failed"
[[output]]
when = { ok = false, error = { kind = ["billing", "payment"] } }
outcome = "failed"
stop_reason = "budget"
"#;

fn adapter(text: &str) -> Adapter {
    Adapter::parse("draft", text).unwrap()
}

fn judged(text: &str, output: &str, code: i32) -> AttemptResult {
    let mut watcher: Watcher = adapter(text).watcher();
    watcher.output(output.replace('\n', "\r\n").as_bytes());
    watcher.finish(Exit { code: Some(code), signal: None }, &[])
}

#[test]
fn launches() {
    for text in [OPENCODE, OPENCLAW] {
        let launch = adapter(text)
            .launch(&LaunchRequest {
                attempt: &AttemptId::new("ag-01-1"),
                agent: &AgentId::new("ag-01"),
                swarm: &SwarmId::new("sw-1"),
                task: "do it",
                model: None,
                cwd: Path::new("/w"),
                private: Path::new("/p"),
                command: &[],
                token: "t",
                path: "/bin:/usr/bin",
                environment: &[],
                agent_socket: Path::new("/s"),
                dash: Path::new("/d"),
                confine: None,
                author: None,
                session: None,
                net: None,
            })
            .unwrap();
        assert_eq!(launch.argv.last().map(String::as_str), Some("do it"));
        let env = launch.env.iter().map(|(name, value)| format!("{name}={value}"));
        let files = launch.files.iter().map(|file| file.content.clone());
        let configuration = env.chain(files).filter(|text| text.contains("rovider"));
        for text in configuration {
            assert!(text.contains("@DASH_GATEWAY@"), "{text}");
            let json = &text[text.find('{').unwrap()..];
            assert!(serde_json::from_str::<serde_json::Value>(json).is_ok(), "{json}");
        }
    }
}

#[test]
fn verdicts() {
    let step = r#"{"type":"step_finish","sessionID":"ses_1","part":{"tokens":{"input":5,"output":1,"cache":{"read":2,"write":0}}}}"#;
    let refused = r#"{"type":"error","error":{"name":"APIError","data":{"message":"spent","statusCode":402,"isRetryable":false}}}"#;
    let result = judged(OPENCODE, &format!("{step}\n{step}\n"), 0);
    assert_eq!(result.outcome, Outcome::Done);
    assert_eq!(
        result.reported,
        Some(Tokens { input: 10, output: 2, cache_read: 4, cache_write: 0 })
    );
    assert_eq!(result.session.as_deref(), Some("ses_1"));
    let result = judged(OPENCODE, &format!("{step}\n{refused}\n"), 1);
    assert_eq!((result.stop_reason.as_str(), result.error.as_str()), ("budget", "spent"));

    let envelope = "{\n  \"ok\": false,\n  \"error\": {\n    \"kind\": \"billing\",\n    \"message\": \"no\"\n  }\n}\n";
    let result = judged(OPENCLAW, &format!("starting\n{envelope}"), 1);
    assert_eq!((result.stop_reason.as_str(), result.error.as_str()), ("budget", "no"));
}
