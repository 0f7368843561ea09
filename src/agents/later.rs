//! The format carries the agent that has no file yet: a draft after the facts known about it,
//! to show that it will be a file and nothing else. Not shipped, since not measured.

use super::{Adapter, LaunchRequest};
use crate::model::{AgentId, AttemptId, Exit, SwarmId};
use std::path::Path;

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

fn adapter() -> Adapter {
    Adapter::parse("draft", OPENCLAW).unwrap()
}

#[test]
fn launches() {
    let launch = adapter()
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
            interactive: false,
            session: None,
            net: None,
        })
        .unwrap();
    assert_eq!(launch.argv.last().map(String::as_str), Some("do it"));
    let text = &launch.files[0].content;
    assert!(text.contains("@DASH_GATEWAY@"), "{text}");
    assert!(serde_json::from_str::<serde_json::Value>(text).is_ok(), "{text}");
}

#[test]
fn verdicts() {
    let envelope = "{\n  \"ok\": false,\n  \"error\": {\n    \"kind\": \"billing\",\n    \"message\": \"no\"\n  }\n}\n";
    let mut watcher = adapter().watcher(false);
    watcher.output(format!("starting\n{envelope}").replace('\n', "\r\n").as_bytes());
    let result = watcher.finish(Exit { code: Some(1), signal: None }, &[]);
    assert_eq!((result.stop_reason.as_str(), result.error.as_str()), ("budget", "no"));
}
