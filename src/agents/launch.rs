//! From an adapter and a request to the exact launch.

use super::{
    adapter::{Adapter, Arg, LaunchRules},
    environment::Variables,
    format::{Environment, Run, Stdin},
    lend::{self, Loan},
    shared::{Part, Seat},
    template::{Slot, Template},
};
use crate::{
    config::Dialect,
    model::{AgentId, AttemptId, Confine, HELD_BACK, Holder, Net, SANDBOX_BIN, SwarmId},
    protocol::keeper::{GATEWAY_MARK, LaunchFile, LaunchLink},
};
use std::path::{Path, PathBuf};

/// Linux takes at most 128 KB in one argument or variable, its final NUL included.
const MAX_ARGUMENT: usize = (128 << 10) - 1;

pub struct LaunchRequest<'a> {
    pub attempt: &'a AttemptId,
    pub agent: &'a AgentId,
    pub swarm: &'a SwarmId,
    pub task: &'a str,
    pub model: Option<&'a str>,
    pub cwd: &'a Path,
    /// The attempt's own directory for home, config, tmp. It exists.
    pub private: &'a Path,
    /// `-- CMD…`, its placeholders filled in; empty for anything but `command`.
    pub command: &'a [String],
    /// What the agent shows the gateway and its own socket.
    pub token: &'a str,
    /// The agent's PATH.
    pub path: &'a str,
    /// The core's own environment. The caller takes out the variables that its providers'
    /// `key_env` name. `DASH_DIALECT` in it (`anthropic`, `openai`) says for which dialect
    /// there is a provider; without it the keys in it do.
    pub environment: &'a [(String, String)],
    pub agent_socket: &'a Path,
    /// This executable.
    pub dash: &'a Path,
    /// The sandbox that it starts in; none: none.
    pub confine: Option<&'a Confine>,
    /// Name and address for its commits, where it does not see the user's own settings.
    pub author: Option<(&'a str, &'a str)>,
    /// On its own screen; the task may be empty then.
    pub interactive: bool,
    /// Resume this session of the agent's own.
    pub session: Option<&'a str>,
    /// What its sandbox reaches of the network; none where there is no sandbox.
    pub net: Option<&'a Net>,
    pub part: Part<'a>,
    /// What of the user's own it is lent.
    pub loans: &'a [Loan],
}

/// Everything a keeper needs to start the agent; `GATEWAY_MARK` still stands in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Launch {
    pub argv: Vec<String>,
    /// The whole environment, sorted.
    pub env: Vec<(String, String)>,
    pub files: Vec<LaunchFile>,
    pub links: Vec<LaunchLink>,
    pub stdin_null: bool,
    /// One of `files`.
    pub stdin_file: Option<PathBuf>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LaunchError {
    #[error("{adapter} is not installed: no `{program}` on PATH{}", hint(.install))]
    NotInstalled { adapter: String, program: String, install: String },
    #[error("{adapter} needs a command after `--`, or a task to run in a shell")]
    NoCommand { adapter: String },
    #[error("{adapter} needs a task")]
    NoTask { adapter: String },
    #[error("{what} of {bytes} bytes does not fit in an argument ({limit} at most)")]
    TooLong { what: &'static str, bytes: usize, limit: usize },
    #[error("{what} holds a NUL byte, which no argument can")]
    Nul { what: &'static str },
    #[error("{adapter} has no screen of its own to be typed into")]
    NoScreen { adapter: String },
    #[error("{adapter} cannot resume a session")]
    CannotResume { adapter: String },
}

fn hint(install: &str) -> String {
    if install.is_empty() { String::new() } else { format!(" (install it with `{install}`)") }
}

impl Adapter {
    /// Describes a launch; starts and writes nothing.
    pub fn launch(&self, request: &LaunchRequest<'_>) -> Result<Launch, LaunchError> {
        check("the task", request.task)?;
        for argument in request.command {
            check("an argument", argument)?;
        }
        let filling = Filling::new(self, request);
        let rules = self.rules(request)?;
        let mut files = filling.files(rules);
        let links = filling.lent(self, &mut files);
        Ok(Launch {
            argv: self.argv(request, &filling)?,
            env: filling.environment(self, rules),
            files,
            links,
            stdin_null: rules.stdin == Stdin::Null,
            stdin_file: (rules.stdin == Stdin::Task).then(|| filling.task_file()),
        })
    }

    /// Of what is launched: one that does not share has one launch beside that of its screen.
    fn rules(&self, request: &LaunchRequest<'_>) -> Result<&LaunchRules, LaunchError> {
        if request.interactive {
            let own = self.interactive.as_ref().map(|own| &own.launch);
            return own.ok_or_else(|| LaunchError::NoScreen { adapter: self.name.clone() });
        }
        Ok(match (request.part, self.shared()) {
            (Part::Guest(..), Some(shared)) => &shared.guest,
            (Part::Host(..), Some(shared)) => &shared.host,
            (Part::Alone, _) | (Part::Guest(..) | Part::Host(..), None) => &self.launch,
        })
    }

    fn argv(
        &self,
        request: &LaunchRequest<'_>,
        filling: &Filling<'_>,
    ) -> Result<Vec<String>, LaunchError> {
        let adapter = self.name.clone();
        let mut argv = match self.run {
            // What comes after `--` runs as it is: no shell looks at it.
            Run::Command if !request.command.is_empty() => return Ok(request.command.to_vec()),
            Run::Command if request.task.trim().is_empty() => {
                return Err(LaunchError::NoCommand { adapter });
            }
            Run::Command => {
                return Ok(["/bin/sh", "-c", request.task].map(str::to_owned).to_vec());
            }
            Run::Program => match self.program(request.path) {
                Some(program) => vec![seen_as(program, request.confine)],
                None => {
                    return Err(LaunchError::NotInstalled {
                        adapter,
                        program: self.program.clone(),
                        install: self.install.clone(),
                    });
                }
            },
            Run::Dash => vec![request.dash.to_string_lossy().into_owned()],
        };
        let rules = self.rules(request)?;
        let has_task = !request.task.trim().is_empty();
        let needs_task = !request.interactive && !matches!(request.part, Part::Host(..));
        if !has_task && needs_task {
            return Err(LaunchError::NoTask { adapter });
        }
        let own = self.interactive.as_ref().filter(|_| request.interactive);
        let first = own.filter(|_| has_task).map_or(&[][..], |own| &own.task);
        let args = match request.session {
            Some(_) if rules.resume.is_empty() => {
                return Err(LaunchError::CannotResume { adapter });
            }
            Some(_) => &rules.resume,
            None => &rules.args,
        };
        for arg in args.iter().chain(first) {
            match arg {
                Arg::One(template) => argv.push(filling.fill(template)),
                Arg::Model if filling.model.is_empty() => {}
                Arg::Model => argv.extend(self.model.args.iter().map(|t| filling.fill(t))),
                Arg::Lend => argv.extend(filling.lend_args(self)),
            }
        }
        Ok(argv)
    }
}

fn check(what: &'static str, text: &str) -> Result<(), LaunchError> {
    // Room for `NAME=` where it goes into a variable.
    let limit = MAX_ARGUMENT - 64;
    if text.len() > limit {
        return Err(LaunchError::TooLong { what, bytes: text.len(), limit });
    }
    if text.contains('\0') {
        return Err(LaunchError::Nul { what });
    }
    Ok(())
}

/// The values of the placeholders for one request.
struct Filling<'a> {
    request: &'a LaunchRequest<'a>,
    model: String,
    dialect: &'static str,
    cwd: String,
    private: String,
    home: PathBuf,
    tmp: PathBuf,
    home_text: String,
    tmp_text: String,
    dash: String,
    meeting: String,
}

impl<'a> Filling<'a> {
    fn new(adapter: &Adapter, request: &'a LaunchRequest<'a>) -> Self {
        let mut model = adapter.model(request.model);
        let dialect = adapter.dialect().unwrap_or_else(|| guess_dialect(adapter, &model, request));
        if model.is_empty() {
            model = adapter.model.by_dialect.get(&dialect).cloned().unwrap_or_default();
        }
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let (home, tmp) = (request.private.join("home"), request.private.join("tmp"));
        Self {
            request,
            model,
            dialect: word(dialect),
            cwd: text(request.cwd),
            private: text(request.private),
            home_text: text(&home),
            tmp_text: text(&tmp),
            home,
            tmp,
            dash: text(request.dash),
            meeting: match request.part {
                Part::Alone => String::new(),
                Part::Guest(meeting, _) | Part::Host(meeting, _) => text(&meeting.dir),
            },
        }
    }

    fn fill(&self, template: &Template) -> String {
        let seat = match self.request.part {
            Part::Guest(_, seat) => Some(seat),
            Part::Alone | Part::Host(..) => None,
        };
        self.fill_for(template, seat)
    }

    fn fill_for(&self, template: &Template, seat: Option<&Seat>) -> String {
        template.fill(|slot| match slot {
            Slot::Task => self.request.task,
            Slot::Model => &self.model,
            Slot::Dialect => self.dialect,
            Slot::Cwd => &self.cwd,
            Slot::Private => &self.private,
            Slot::Home => &self.home_text,
            Slot::Tmp => &self.tmp_text,
            Slot::Token => self.request.token,
            Slot::Gateway => GATEWAY_MARK,
            Slot::Attempt => self.request.attempt.as_str(),
            Slot::Agent => self.request.agent.as_str(),
            Slot::Swarm => self.request.swarm.as_str(),
            Slot::Session => self.request.session.unwrap_or_default(),
            Slot::Dash => &self.dash,
            Slot::Meeting => &self.meeting,
            Slot::Key => match self.request.part {
                Part::Alone => "",
                Part::Guest(meeting, _) | Part::Host(meeting, _) => &meeting.key,
            },
            Slot::Seat => seat.map_or("", |seat| &seat.name),
            Slot::SeatToken => seat.map_or("", |seat| &seat.token),
        })
    }

    fn environment(&self, adapter: &Adapter, rules: &LaunchRules) -> Vec<(String, String)> {
        let request = self.request;
        let mut variables = match rules.environment {
            Environment::Inherit | Environment::Clear if request.confine.is_some() => {
                Variables::confined(request.environment, &rules.keep, &self.home, &self.tmp)
            }
            Environment::Inherit => Variables::inherited(request.environment),
            Environment::Clear => {
                Variables::cleared(request.environment, &rules.keep, &self.home, &self.tmp)
            }
        };
        match request.confine.map(|confine| &confine.holder) {
            Some(Holder::Bubblewrap { .. }) => {
                variables.set("PATH", &format!("{SANDBOX_BIN}:{}", real(request.path)));
            }
            Some(Holder::Landlock | Holder::Seatbelt) | None => variables.set("PATH", request.path),
        }
        variables.set("TERM", "xterm-256color");
        variables.set("COLORTERM", "truecolor");
        variables.set("DASH_SOCKET", &request.agent_socket.to_string_lossy());
        variables.set("DASH_AGENT", request.agent.as_str());
        variables.set("DASH_ATTEMPT", request.attempt.as_str());
        variables.set("DASH_TOKEN", request.token);
        if let Some(confine) = request.confine {
            variables.set("DASH_SCOPE", &told(confine));
        }
        variables.point_at_gateway(request.token);
        if let Some(net) = request.net {
            variables.point_at_proxy(net, request.token);
        }
        for (name, template) in &rules.env {
            variables.set(name, &self.fill(template));
        }
        for (rule, _) in lend::held(&adapter.lend, request.loans) {
            for (name, template) in &rule.env {
                variables.set(name, &self.fill(template));
            }
        }
        variables.into_list()
    }

    fn lend_args(&self, adapter: &Adapter) -> Vec<String> {
        let held = lend::held(&adapter.lend, self.request.loans);
        held.flat_map(|(rule, _)| &rule.args).map(|template| self.fill(template)).collect()
    }

    /// The links to what is lent; lent settings go to the launch's own `files`.
    fn lent(&self, adapter: &Adapter, files: &mut Vec<LaunchFile>) -> Vec<LaunchLink> {
        let mut links = Vec::new();
        for (rule, loan) in lend::held(&adapter.lend, self.request.loans) {
            let path = PathBuf::from(self.fill(&rule.to));
            if !lend::settle(loan, &path, files) {
                links.push(LaunchLink { path, to: loan.real.clone() });
            }
        }
        links
    }

    fn task_file(&self) -> PathBuf {
        self.request.private.join("task")
    }

    fn files(&self, rules: &LaunchRules) -> Vec<LaunchFile> {
        let seats = match self.request.part {
            Part::Host(_, seats) => seats,
            Part::Alone | Part::Guest(..) => &[],
        };
        let mut files: Vec<LaunchFile> = rules
            .files
            .iter()
            .map(|rule| LaunchFile {
                path: PathBuf::from(self.fill(&rule.path)),
                content: rule.content.fill(seats, |template, seat| match seat {
                    Some(_) => self.fill_for(template, seat),
                    None => self.fill(template),
                }),
                mode: rule.mode,
                protected: rule.protected,
            })
            .collect();
        if rules.stdin == Stdin::Task {
            let (path, content) = (self.task_file(), self.request.task.to_owned());
            files.push(LaunchFile { path, content, mode: 0o600, protected: false });
        }
        if rules.environment == Environment::Clear || self.request.confine.is_some() {
            // A file's missing parents are made: so these two directories are there.
            for dir in [&self.home, &self.tmp] {
                let path = dir.join(".keep");
                files.push(LaunchFile {
                    path,
                    content: String::new(),
                    mode: 0o600,
                    protected: false,
                });
            }
        }
        if let Some((name, email)) = self.request.author {
            files.push(LaunchFile {
                path: self.home.join(".gitconfig"),
                content: git_settings(name, email),
                mode: 0o600,
                protected: false,
            });
        }
        files
    }
}

/// Who commits, and nothing else of the user's settings: they may hold credentials, or name
/// programs that the agent cannot see.
fn git_settings(name: &str, email: &str) -> String {
    let quoted =
        |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace(['\n', '\r'], " ");
    let mut text = String::from("[user]\n");
    for (key, value) in [("name", name), ("email", email)] {
        if !value.is_empty() {
            text.push_str(&format!("\t{key} = \"{}\"\n", quoted(value)));
        }
    }
    // Its tree may belong to somebody whose number the sandbox does not know.
    text.push_str("[safe]\n\tdirectory = *\n[gc]\n\tauto = 0\n");
    text
}

/// The program where its sandbox shows it: the links that lead to its directory are not there.
/// Its own name stays, since some programs are told by it what they are.
fn seen_as(program: PathBuf, confine: Option<&Confine>) -> String {
    let holder = confine.map(|confine| &confine.holder);
    let real = || Some(std::fs::canonicalize(program.parent()?).ok()?.join(program.file_name()?));
    let seen = match holder {
        Some(Holder::Bubblewrap { .. }) => real(),
        Some(Holder::Landlock | Holder::Seatbelt) | None => None,
    };
    seen.as_deref().unwrap_or(&program).to_string_lossy().into_owned()
}

/// The same directories without the links that lead to them: only the directories themselves
/// are mounted.
fn real(path: &str) -> String {
    let mut dirs: Vec<PathBuf> = Vec::new();
    for dir in std::env::split_paths(path) {
        let dir = std::fs::canonicalize(&dir).unwrap_or(dir);
        if !dirs.contains(&dir) {
            dirs.push(dir);
        }
    }
    let dirs: Vec<_> = dirs.iter().map(|dir| dir.to_string_lossy()).collect();
    dirs.join(":")
}

fn word(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Anthropic => "anthropic",
        Dialect::Openai => "openai",
        Dialect::Gemini => "gemini",
    }
}

/// For an agent that speaks any: as the caller says, else as the model's name says, else
/// the one that the core has a key for.
fn guess_dialect(adapter: &Adapter, model: &str, request: &LaunchRequest<'_>) -> Dialect {
    let defaults = &adapter.model.by_dialect;
    let speaks = |dialect: &Dialect| defaults.is_empty() || defaults.contains_key(dialect);
    let value = |name: &str| {
        request.environment.iter().find(|(known, _)| known == name).map(|(_, v)| v.as_str())
    };
    let said = value("DASH_DIALECT").unwrap_or_default();
    let all = [Dialect::Anthropic, Dialect::Openai, Dialect::Gemini];
    if let Some(dialect) = all.into_iter().find(|dialect| word(*dialect) == said && speaks(dialect))
    {
        return dialect;
    }
    let named = |prefixes: &[&str]| prefixes.iter().any(|prefix| model.starts_with(prefix));
    if named(&["claude"]) {
        return Dialect::Anthropic;
    }
    if named(&["gpt", "o1", "o3", "o4", "codex"]) {
        return Dialect::Openai;
    }
    if named(&["gemini"]) && speaks(&Dialect::Gemini) {
        return Dialect::Gemini;
    }
    match (value("ANTHROPIC_API_KEY"), value("OPENAI_API_KEY")) {
        (None, Some(key)) if !key.is_empty() => Dialect::Openai,
        _ => Dialect::Anthropic,
    }
}

/// The scope in words for whoever is in it: a bare EBUSY or EROFS says nothing.
fn told(confine: &Confine) -> String {
    let write: Vec<_> = confine.writable.iter().map(|path| path.to_string_lossy()).collect();
    format!("write: {}; {HELD_BACK}", write.join(", "))
}

#[cfg(test)]
mod tests;
