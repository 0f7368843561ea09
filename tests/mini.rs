//! The embedded agent, and with `--ignored` the real ones of `$DASH_TEST_AGENTS` (a
//! directory with `node_modules/.bin`), against the simulated provider of a real gateway.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use dash::config::Config;
use dash::gateway::{Call, CallReport, Caller, Gateway, Ledger, ReserveFuture, Serving, Traffic};
use dash::model::Reservation;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};

const TOKEN: &str = "token-of-ag-01-1";

#[derive(Default)]
struct Books(Mutex<Vec<CallReport>>);

impl Ledger for Books {
    fn reserve<'a>(&'a self, _: &'a Call) -> ReserveFuture<'a> {
        Box::pin(async { Ok(Reservation { number: 1, amount: None, tokens: None }) })
    }
    fn settle(&self, _: &Caller, _: Option<Reservation>, report: CallReport) {
        self.0.lock().unwrap().push(report);
    }
    fn traffic(&self, _: &Caller, _: Traffic) {}
}

/// A gateway without any provider, and an agent's directory.
struct Stage {
    runtime: tokio::runtime::Runtime,
    books: Arc<Books>,
    _serving: Serving,
    url: String,
    dir: tempfile::TempDir,
}

impl Stage {
    fn new() -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let books = Arc::new(Books::default());
        let gateway = Gateway::new(&Config::default(), &[], books.clone()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let caller = Caller {
            swarm: "sw-1".into(),
            agent: "ag-01".into(),
            attempt: "ag-01-1".into(),
            token: TOKEN.to_owned(),
            calls: None,
        };
        let serving = runtime.block_on(async { gateway.serve(listener, caller) });
        Self { runtime, books, _serving: serving, url, dir: tempfile::tempdir().unwrap() }
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().current_dir(self.dir.path()).stdin(Stdio::null());
        command.env("PATH", std::env::var_os("PATH").unwrap());
        command
    }

    fn mini(&self, task: &str, dialect: &str) -> Output {
        let mut command = self.command(env!("CARGO_BIN_EXE_dash"));
        command.arg("__mini").env("DASH_TASK", task).env("DASH_DIALECT", dialect);
        command.env("ANTHROPIC_BASE_URL", &self.url).env("ANTHROPIC_API_KEY", TOKEN);
        command.env("OPENAI_BASE_URL", format!("{}/v1", self.url)).env("OPENAI_API_KEY", TOKEN);
        command.output().unwrap()
    }

    fn file(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.dir.path().join(name)).ok()
    }

    fn calls(&self) -> Vec<CallReport> {
        self.books.0.lock().unwrap().clone()
    }
}

fn result(output: &Output) -> serde_json::Value {
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().last().unwrap_or_default();
    serde_json::from_str(last).unwrap_or_else(|e| panic!("{e}: {text}"))
}

#[test]
fn mini_writes_a_file_in_both_dialects() {
    for dialect in ["anthropic", "openai"] {
        let stage = Stage::new();
        let output = stage.mini("please write out/a.txt: it's done", dialect);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(stage.file("out/a.txt").as_deref(), Some("it's done\n"));
        let result = result(&output);
        assert_eq!(result["outcome"], "done");
        assert_eq!(result["turns"], 2);
        let calls = stage.calls();
        assert_eq!(calls.len(), 2);
        let output: u64 = calls.iter().map(|call| call.tokens.output).sum();
        assert_eq!(result["usage"]["output"], output, "the gateway counts what mini counts");
        assert!(calls.iter().all(|c| c.provider == "simulated" && c.priced && c.cost.0 > 0));
    }
}

#[test]
fn mini_says_how_it_failed() {
    let stage = Stage::new();
    for (task, code, status) in
        [("simulate-402", 4, 402), ("simulate-403", 1, 403), ("simulate-fail", 1, 400)]
    {
        let output = stage.mini(task, "anthropic");
        assert_eq!(output.status.code(), Some(code), "{task}");
        let result = result(&output);
        assert_eq!(
            (&result["outcome"], &result["api_error_status"]),
            (&"failed".into(), &status.into())
        );
    }
}

#[test]
fn mini_tries_again_and_waits_for_a_gateway_that_is_away() {
    let stage = Stage::new();
    let output = stage.mini("simulate-529-once", "openai");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(stage.calls().len(), 2);
    drop(stage.runtime);
}

fn agents() -> std::path::PathBuf {
    let dir = std::env::var_os("DASH_TEST_AGENTS").expect("DASH_TEST_AGENTS names the agents");
    Path::new(&dir).join("node_modules/.bin")
}

fn claude(stage: &Stage, task: &str) -> Output {
    let home = stage.dir.path().join("home");
    std::fs::create_dir_all(&home).unwrap();
    let mut command = stage.command(agents().join("claude"));
    command.args(["-p", task, "--output-format", "stream-json", "--verbose"]);
    command.arg("--dangerously-skip-permissions");
    command.env("HOME", &home).env("CLAUDE_CONFIG_DIR", home.join(".claude"));
    command.env("ANTHROPIC_BASE_URL", &stage.url).env("ANTHROPIC_API_KEY", TOKEN);
    command.env("ANTHROPIC_MODEL", "claude-sonnet-5-5").env("IS_SANDBOX", "1");
    command.env("TMPDIR", &home).env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1");
    command.env("DISABLE_AUTOUPDATER", "1").env("DISABLE_TELEMETRY", "1");
    command.env("DISABLE_ERROR_REPORTING", "1").output().unwrap()
}

fn codex(stage: &Stage, task: &str) -> Output {
    let home = stage.dir.path().join("home");
    std::fs::create_dir_all(home.join(".codex")).unwrap();
    let provider = format!(
        "model_providers.dash={{name=\"dash\",base_url=\"{}/v1\",env_key=\"DASH_KEY\",\
         wire_api=\"responses\",request_max_retries=0,stream_max_retries=0}}",
        stage.url
    );
    let mut command = stage.command(agents().join("codex"));
    command.args(["exec", "--json", "--skip-git-repo-check", "-c", &provider]);
    command.args(["-c", "model_provider=\"dash\"", "-m", "gpt-5.1-codex"]);
    command.args(["--dangerously-bypass-approvals-and-sandbox", task]);
    command.env("HOME", &home).env("CODEX_HOME", home.join(".codex")).env("DASH_KEY", TOKEN);
    command.output().unwrap()
}

#[test]
#[ignore = "needs the real agents"]
fn real_agents_do_simulated_work() {
    for run in [claude, codex] {
        let stage = Stage::new();
        let output = run(&stage, "please write a.txt: hello");
        let text = String::from_utf8_lossy(&output.stdout);
        println!("{text}\n{}", String::from_utf8_lossy(&output.stderr));
        println!("{:#?}", stage.calls());
        assert_eq!(stage.file("a.txt").as_deref(), Some("hello\n"));
        assert_eq!(output.status.code(), Some(0));
        let stage = Stage::new();
        let output = run(&stage, "simulate-402");
        println!("{}", String::from_utf8_lossy(&output.stdout));
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(stage.calls().len(), 1);
    }
}
