//! `dash __mini`: the embedded agent. It asks a model, runs the shell commands that the
//! model wants, and goes on until the model has nothing more to run.
//!
//! It talks plain HTTP to Dash's gateway and holds nothing but the conversation. From the
//! environment: `DASH_TASK` (else the arguments), `DASH_MODEL`, `DASH_DIALECT` (`anthropic`,
//! the default, or `openai`), and `ANTHROPIC_BASE_URL` and `ANTHROPIC_API_KEY`, or
//! `OPENAI_BASE_URL` and `OPENAI_API_KEY`.
//!
//! A gateway that cannot be reached (its core is being replaced) is waited for, minutes
//! long; 408, 429 and 5xx are tried again a few times; other refusals are final. Its state
//! goes to the terminal as OSC 7501; its last line is one JSON object, dim on a terminal:
//!
//! `{"type":"result","outcome":"done"|"failed","text":…,"error":…,"api_error_status":…,
//! "usage":{input,output,cache_read,cache_write},"turns":n}`
//!
//! Exit code 0: done; 1: failed; 4: out of budget (402); 130 and 143 by signal.

mod http;
mod show;
mod talk;
mod tool;

use crate::model::Tokens;
use http::{Base, post};
use serde_json::{Value, json};
use show::{BOLD, CYAN, DIM, RED, Show, YELLOW};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use std::{env, io, thread};
use talk::{Broken, Conversation, Dialect, Said};

const MAX_TURNS: u32 = 50;
/// Calls for one answer, where the gateway is there but the answer is not to be had.
const MAX_TRIES: u32 = 6;
/// How long a gateway that is away is waited for.
const AWAY_LIMIT: Duration = Duration::from_secs(600);
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);
const LONGEST_RETRY_AFTER: u64 = 60;
const COMMAND_LIMIT_S: u64 = 120;
const LONGEST_COMMAND_S: u64 = 3600;
const OUT_OF_BUDGET: u8 = 4;

/// Why there is no result.
struct Failure {
    message: String,
    status: Option<u16>,
}

impl From<String> for Failure {
    fn from(message: String) -> Self {
        Self { message, status: None }
    }
}

struct Mini {
    show: Show,
    base: Base,
    key: String,
    talk: Conversation,
    usage: Tokens,
    turns: u32,
}

/// The whole program; everything it needs to know stands in the environment.
pub fn main() -> ExitCode {
    catch_signals();
    let show = Show::new();
    let mut mini = match Mini::from_env(show) {
        Ok(mini) => mini,
        Err(message) => {
            let show = Show::new();
            return finish(&show, Err(message.into()), Tokens::default(), 0);
        }
    };
    let result = mini.work();
    finish(&mini.show, result, mini.usage, mini.turns)
}

fn finish(show: &Show, result: Result<String, Failure>, usage: Tokens, turns: u32) -> ExitCode {
    let mut last = json!({"type": "result", "usage": usage, "turns": turns});
    let code = match result {
        Ok(text) => {
            last["outcome"] = json!("done");
            last["text"] = json!(text);
            last["error"] = Value::Null;
            last["api_error_status"] = Value::Null;
            show.report("done", "");
            ExitCode::SUCCESS
        }
        Err(Failure { message, status }) => {
            show.line(RED, &format!("failed: {message}"));
            last["outcome"] = json!("failed");
            last["text"] = json!("");
            last["error"] = json!(message);
            last["api_error_status"] = json!(status);
            show.report("done", "failed");
            ExitCode::from(if status == Some(402) { OUT_OF_BUDGET } else { 1 })
        }
    };
    show.line(DIM, &last.to_string());
    code
}

impl Mini {
    fn from_env(show: Show) -> Result<Self, String> {
        let set = |name: &str| env::var(name).ok().filter(|value| !value.trim().is_empty());
        let task = set("DASH_TASK").unwrap_or_else(|| {
            let words: Vec<String> = env::args().skip(1).skip_while(|a| a == "__mini").collect();
            words.join(" ")
        });
        if task.trim().is_empty() {
            return Err("no task: set DASH_TASK, or give it as arguments".to_owned());
        }
        let (dialect, prefix, model) = match set("DASH_DIALECT").as_deref() {
            None | Some("anthropic") => (Dialect::Anthropic, "ANTHROPIC", "claude-sonnet-5"),
            Some("openai") => (Dialect::Openai, "OPENAI", "gpt-5.1"),
            Some(other) => {
                return Err(format!("DASH_DIALECT is {other:?}: write `anthropic` or `openai`"));
            }
        };
        let want = |what: &str| {
            let name = format!("{prefix}_{what}");
            set(&name).ok_or(format!("{name} is not set: mini runs under Dash, which sets it"))
        };
        let base = Base::parse(&want("BASE_URL")?)?;
        let key = want("API_KEY")?;
        let model = set("DASH_MODEL").unwrap_or_else(|| model.to_owned());
        let cwd = env::current_dir().map_err(|e| format!("no working directory: {e}"))?;
        let system = format!(
            "You are mini, a coding agent without a person at hand. Do the task by running \
             shell commands with the bash tool; each runs by itself with `sh -c` in the working \
             directory and without input. Look before you change, keep changes small, check \
             them, and never ask back. When the task is done, or cannot be done, say in a few \
             sentences what you did and what is left, without a further command.\n\
             Working directory: {}\nSystem: {} {}",
            cwd.display(),
            env::consts::OS,
            env::consts::ARCH,
        );
        show.line(BOLD, &format!("mini · {model}"));
        show.line(DIM, &format!("› {}", task.trim()));
        let talk = Conversation::new(dialect, &model, &system, &task);
        Ok(Self { show, base, key, talk, usage: Tokens::default(), turns: 0 })
    }

    fn work(&mut self) -> Result<String, Failure> {
        while self.turns < MAX_TURNS {
            self.turns += 1;
            self.show.report("working", "thinking");
            let said = self.ask()?;
            self.usage += said.usage;
            if said.tools.is_empty() {
                return match said.cut_short {
                    true => Err("the model's answer ran into its length limit".to_owned().into()),
                    false => Ok(said.text),
                };
            }
            let results: Vec<String> = said.tools.iter().map(|tool| self.run(tool)).collect();
            self.talk.add(&said, &results);
        }
        Err(format!("not done after {MAX_TURNS} turns").into())
    }

    fn run(&self, tool: &talk::ToolUse) -> String {
        if tool.name != "bash" {
            return format!("there is no tool called {:?}, only bash", tool.name);
        }
        let arguments: Value = match serde_json::from_str(&tool.arguments) {
            Ok(arguments) => arguments,
            Err(e) => return format!("the arguments are no JSON: {e}"),
        };
        let Some(command) = arguments["command"].as_str().filter(|text| !text.trim().is_empty())
        else {
            return "the argument `command` is missing".to_owned();
        };
        let seconds = arguments["timeout_s"].as_u64().unwrap_or(COMMAND_LIMIT_S);
        let limit = Duration::from_secs(seconds.clamp(1, LONGEST_COMMAND_S));
        let first = command.lines().next().unwrap_or_default();
        self.show.report("working", &format!("bash: {first}"));
        self.show.line(CYAN, &format!("$ {command}"));
        tool::run(command, limit, &self.show)
    }

    /// One answer of the model, over as many calls as it takes.
    fn ask(&self) -> Result<Said, Failure> {
        let body = self.talk.body();
        let bearer = format!("Bearer {}", self.key);
        let headers = self.talk.headers(&self.key, &bearer);
        let mut tries = 0;
        let mut pause = FIRST_PAUSE;
        let mut away: Option<Instant> = None;
        loop {
            let (message, status, wait) = match post(&self.base, self.talk.path(), &headers, &body)
            {
                Ok(response) if response.status == 200 => {
                    away = None;
                    let mut begun = false;
                    let mut show = |text: &str| {
                        begun = true;
                        self.show.print("", text);
                    };
                    let result = self.talk.read(response, &mut show);
                    if begun {
                        self.show.print("", "\n");
                    }
                    match result {
                        Ok(said) => return Ok(said),
                        Err(Broken::Io(e)) => (format!("the answer broke off: {e}"), None, None),
                        Err(Broken::Provider(message)) => (message, None, None),
                    }
                }
                Ok(response) => {
                    away = None;
                    let (status, wait) = (response.status, response.retry_after);
                    let message = talk::error_message(response);
                    let message = format!("{message} (HTTP {status})");
                    if !matches!(status, 408 | 429 | 500..) {
                        return Err(Failure { message, status: Some(status) });
                    }
                    (message, Some(status), wait)
                }
                Err(e) if is_away(&e) => {
                    let since = *away.get_or_insert_with(Instant::now);
                    if since.elapsed() > AWAY_LIMIT {
                        return Err(format!("the gateway does not come back: {e}").into());
                    }
                    // Waiting for a core is not a try.
                    self.pause(&format!("the gateway is away ({e})"), pause);
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    continue;
                }
                Err(e) => (format!("cannot ask the model: {e}"), None, None),
            };
            tries += 1;
            if tries >= MAX_TRIES {
                return Err(Failure { message: format!("{message}, {tries} times"), status });
            }
            let wait = wait.map(|s| Duration::from_secs(s.min(LONGEST_RETRY_AFTER)));
            self.pause(&message, wait.unwrap_or(pause));
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn pause(&self, message: &str, pause: Duration) {
        let text = format!("{message}; again in {:.1} s", pause.as_secs_f32());
        self.show.report("working", &text);
        self.show.line(YELLOW, &text);
        thread::sleep(pause);
    }
}

/// The errors of a gateway whose core is gone or being replaced, before any answer.
fn is_away(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::ConnectionRefused
            | Kind::ConnectionReset
            | Kind::ConnectionAborted
            | Kind::BrokenPipe
            | Kind::UnexpectedEof
            | Kind::TimedOut
            | Kind::WouldBlock
    )
}

extern "C" fn on_signal(signal: libc::c_int) {
    tool::kill_group();
    // SAFETY: `_exit` is async-signal-safe and does not return.
    #[allow(unsafe_code)]
    unsafe {
        libc::_exit(128 + signal);
    }
}

fn catch_signals() {
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        let handler = on_signal as extern "C" fn(libc::c_int);
        // SAFETY: the handler only makes async-signal-safe calls.
        #[allow(unsafe_code)]
        unsafe {
            libc::signal(signal, handler as libc::sighandler_t);
        }
    }
}
