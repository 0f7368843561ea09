//! One test's world: directories, socket, environment; and the command line in it.

use crate::{
    procs::{self, Proc},
    wait::{LIMIT, eventually, exit_within, within},
};
use rustix::process::Signal;
use serde_json::Value;
use std::{
    env, fs,
    io::{Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Mutex, MutexGuard,
        mpsc::{Receiver, sync_channel},
    },
    thread,
    time::Duration,
};
use tempfile::TempDir;

pub struct World {
    dir: TempDir,
    /// The admin socket that every command of this world talks to.
    pub socket: PathBuf,
    /// Where commands run, and so where agents work.
    pub work: PathBuf,
    extra: Vec<(String, String)>,
}

/// What a command left.
pub struct Output {
    pub code: i32,
    pub stdout: Vec<u8>,
    pub stderr: String,
    /// For messages of failing tests.
    pub line: String,
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { code, stderr, line, .. } = self;
        write!(f, "exit {code}: {line}\n{}\n{stderr}", self.text())
    }
}

impl Output {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.stdout)
            .unwrap_or_else(|error| panic!("{error} in the output of {}: {self:#?}", self.line))
    }

    /// Both streams, for looking for a word wherever it was said.
    pub fn all(&self) -> String {
        format!("{}{}", self.text(), self.stderr)
    }
}

impl World {
    pub fn new() -> Self {
        // Short: the path of a socket has some hundred bytes at most.
        let dir = TempDir::with_prefix("dw").unwrap();
        let root = dir.path();
        for name in ["home", "config", "state", "data", "cache", "run", "tmp", "work"] {
            fs::create_dir(root.join(name)).unwrap();
        }
        set_mode(&root.join("run"), 0o700);
        // A core of a test leaves soon, also when the test forgot it.
        let config = root.join("config/dash");
        fs::create_dir(&config).unwrap();
        fs::write(config.join("config.toml"), "[core]\nidle_exit_seconds = 5\n").unwrap();
        Self { socket: root.join("run/d.sock"), work: root.join("work"), extra: Vec::new(), dir }
    }

    /// With a further variable in the environment of every command.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.extra.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds to the configuration of this world.
    #[allow(dead_code)]
    pub fn configure(&self, text: &str) {
        let file = self.dir.path().join("config/dash/config.toml");
        let all = fs::read_to_string(&file).unwrap() + text;
        fs::write(file, all).unwrap();
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    /// The whole environment: nothing comes from the test's own but PATH.
    pub fn environment(&self) -> Vec<(String, String)> {
        let at = |name: &str| self.dir.path().join(name).display().to_string();
        let mut all: Vec<(String, String)> = [
            ("PATH", env::var("PATH").unwrap_or_else(|_| "/usr/bin:/bin".to_owned())),
            ("HOME", at("home")),
            ("XDG_CONFIG_HOME", at("config")),
            ("XDG_STATE_HOME", at("state")),
            ("XDG_DATA_HOME", at("data")),
            ("XDG_CACHE_HOME", at("cache")),
            ("XDG_RUNTIME_DIR", at("run")),
            ("TMPDIR", at("tmp")),
            ("DASH_SOCKET", self.socket.display().to_string()),
            ("TERM", "xterm-256color".to_owned()),
            ("LANG", "C.UTF-8".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        for (name, value) in &self.extra {
            all.retain(|(known, _)| known != name);
            all.push((name.clone(), value.clone()));
        }
        all
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dash"));
        command.args(args).env_clear().envs(self.environment()).current_dir(&self.work);
        command
    }

    /// Runs `dash ARGS` to its end.
    pub fn dash(&self, args: &[&str]) -> Output {
        self.run(self.command(args), b"", LIMIT)
    }

    pub fn dash_with_input(&self, args: &[&str], input: &[u8]) -> Output {
        self.run(self.command(args), input, LIMIT)
    }

    /// Runs any command with a limit. Fails when it takes longer, or when something that it
    /// left behind still holds its output open.
    pub fn run(&self, mut command: Command, input: &[u8], limit: Duration) -> Output {
        let line = format!("{command:?}");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{line}: {error}"));
        let stdout = collect(child.stdout.take().unwrap());
        let stderr = collect(child.stderr.take().unwrap());
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        // Fails with EPIPE where the command does not read: its own affair.
        thread::spawn(move || drop(stdin.write_all(&input)));
        let status = exit_within(&mut child, limit);
        if status.is_none() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        let grace = Duration::from_secs(5);
        let (out, err) = (stdout.recv_timeout(grace), stderr.recv_timeout(grace));
        let said = |bytes: &Result<Vec<u8>, _>| match bytes {
            Ok(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Err(_) => "(still held open)".to_owned(),
        };
        let Some(status) = status else {
            panic!("not within {limit:?}: {line}\n{}\n{}", said(&out), said(&err));
        };
        assert!(out.is_ok() && err.is_ok(), "something still holds the output of {line}");
        use std::os::unix::process::ExitStatusExt;
        Output {
            code: status.code().unwrap_or_else(|| -status.signal().unwrap_or(0)),
            stdout: out.unwrap(),
            stderr: said(&err),
            line,
        }
    }

    /// Runs a command that must exit 0.
    pub fn ok(&self, args: &[&str]) -> Output {
        self.exits(args, 0)
    }

    pub fn exits(&self, args: &[&str], code: i32) -> Output {
        let output = self.dash(args);
        assert_eq!(output.code, code, "{output:#?}\ncore's log: {}", self.core_log());
        assert!(!output.stderr.contains("panicked at"), "{output:#?}");
        output
    }

    pub fn json(&self, args: &[&str]) -> Value {
        self.ok(&[args, &["--json"]].concat()).json()
    }

    /// `dash swarm create --json ARGS`: the swarm's id.
    pub fn create(&self, args: &[&str]) -> String {
        let made = self.ok(&[&["swarm", "create", "--json"], args].concat()).json();
        made["id"].as_str().unwrap_or_else(|| panic!("no id in {made}")).to_owned()
    }

    /// Creates a swarm and waits for its end: its id and the wait's exit code.
    pub fn create_and_wait(&self, args: &[&str]) -> (String, i32) {
        let id = self.create(args);
        let code = self.dash(&["swarm", "wait", &id]).code;
        (id, code)
    }

    pub fn agents(&self) -> Vec<Value> {
        self.json(&["agent", "list"]).as_array().cloned().unwrap_or_default()
    }

    pub fn agent(&self, id: &str) -> Value {
        self.json(&["agent", "show", id])
    }

    /// The id of the one agent of a swarm.
    pub fn only_agent(&self, swarm: &str) -> String {
        let mut ids = self.agents_of(swarm);
        assert_eq!(ids.len(), 1, "{ids:?}");
        ids.remove(0)
    }

    pub fn agents_of(&self, swarm: &str) -> Vec<String> {
        let all = self.agents();
        let of = all.iter().filter(|agent| agent["swarm"] == swarm);
        of.map(|agent| agent["id"].as_str().unwrap().to_owned()).collect()
    }

    /// Waits until the agent is in one of these states; its row.
    pub fn until_state(&self, agent: &str, states: &[&str]) -> Value {
        eventually(&format!("{agent} {states:?}, but {}", self.agent(agent)), || {
            let row = self.agent(agent);
            states.iter().any(|state| row["state"] == *state).then_some(row)
        })
    }

    /// Waits until the agent's screen shows `text`.
    pub fn until_shown(&self, agent: &str, text: &str) -> String {
        eventually(&format!("{text:?} on the screen of {agent}"), || {
            let shown = self.dash(&["agent", "screen", agent]).text();
            shown.contains(text).then_some(shown)
        })
    }

    /// Every byte the agent printed.
    pub fn raw_log(&self, agent: &str) -> Vec<u8> {
        self.ok(&["agent", "log", agent, "--raw"]).stdout
    }

    pub fn processes(&self) -> Vec<Proc> {
        procs::of_world(self.path())
    }

    pub fn keepers(&self) -> Vec<Proc> {
        self.processes().into_iter().filter(Proc::is_keeper).collect()
    }

    /// The running core, by its own word.
    pub fn core(&self) -> Proc {
        let pid = self.json(&["health"])["pid"].as_i64().unwrap();
        procs::process(pid as i32).expect("the core that answered")
    }

    /// Ends the core at once and waits until it is gone.
    pub fn kill_core(&self) {
        let core = self.core();
        core.signal(Signal::KILL);
        eventually("the core's end", || {
            self.processes().iter().all(|proc| proc.pid != core.pid).then_some(())
        });
    }

    /// The one journal of this world.
    pub fn journal(&self) -> PathBuf {
        find_file(&self.state(), "journal.db").expect("a journal")
    }

    pub fn core_log(&self) -> String {
        let log = find_file(&self.state(), "core.log");
        let text = log.and_then(|path| fs::read_to_string(path).ok()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    /// A core in the foreground, as `dash --socket` starts it; ready once this returns.
    pub fn headless(&self) -> Child {
        let socket = self.socket.display().to_string();
        self.headless_as(self.command(&["--socket", &socket]))
    }

    pub fn headless_as(&self, mut command: Command) -> Child {
        let log = fs::File::create(self.path().join("headless.log")).unwrap();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let pid = i64::from(child.id());
        eventually("a core that answers", || {
            let output = self.dash(&["health", "--json"]);
            (output.code == 0 && output.json()["pid"] == pid).then_some(())
        });
        child
    }

    pub fn headless_log(&self) -> String {
        fs::read_to_string(self.path().join("headless.log")).unwrap_or_default()
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.work.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// A shell script in the work directory, executable.
    pub fn script(&self, name: &str, body: &str) -> String {
        let path = self.write(name, format!("#!/bin/sh\n{body}\n"));
        set_mode(&path, 0o755);
        path.display().to_string()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // Whatever is left: keepers first would make agents `lost`, so all at once, and
        // again, since what is killed may have been about to start something.
        let gone = within(Duration::from_secs(20), || {
            let left = self.processes();
            left.iter().for_each(|proc| proc.signal(Signal::KILL));
            left.is_empty().then_some(())
        });
        if gone.is_none() && !thread::panicking() {
            panic!("processes that do not end: {:?}", self.processes());
        }
    }
}

/// Everything a stream brings, once it ends.
fn collect(mut from: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (done, result) = sync_channel(1);
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = from.read_to_end(&mut bytes);
        let _ = done.send(bytes);
    });
    result
}

pub fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

pub fn find_file(dir: &Path, name: &str) -> Option<PathBuf> {
    for entry in fs::read_dir(dir).ok()?.flatten() {
        let path = entry.path();
        if entry.file_type().ok()?.is_dir() {
            if let Some(found) = find_file(&path, name) {
                return Some(found);
            }
        } else if entry.file_name() == name {
            return Some(path);
        }
    }
    None
}

/// Held by tests that load the machine, so that they do not load it together.
pub fn heavy() -> MutexGuard<'static, ()> {
    static HEAVY: Mutex<()> = Mutex::new(());
    HEAVY.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
