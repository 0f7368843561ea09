//! One adapter, checked and ready.

use super::{
    event::{EventRule, Wrong, compile},
    format::{Environment, File, Judge, LaunchPart, OutputFormat, Run, Stdin, Text},
    interactive::{self, InteractiveRules},
    lend::{self, LendRule, Lender, Loan},
    pattern::{Pattern, patterns},
    pointer::stop_reason,
    problem,
    prompt::PromptKeys,
    shared::{Content, SharedRules},
    template::{Slot, Template},
    watcher::Watcher,
};
use crate::{config::Dialect, model::Footprint, term::keys};
use regex_lite::Regex;
use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// Where a built-in adapter says it comes from.
pub const BUILT_IN: &str = "built in";
/// Where a file does not say.
const STALLED_AFTER_S: u64 = 300;

#[derive(Debug, Default)]
pub struct Adapter {
    pub(super) name: String,
    summary: String,
    source: String,
    /// Of its file's text.
    hash: u64,
    measured: String,
    dialect: Option<Dialect>,
    pub(super) run: Run,
    pub(super) program: String,
    version: Vec<String>,
    pub(super) install: String,
    pub(super) model: Models,
    pub(super) launch: LaunchRules,
    pub(super) interactive: Option<InteractiveRules>,
    shared: Option<SharedRules>,
    pub(super) lend: Vec<LendRule>,
    pub(super) prompt: Option<PromptKeys>,
    footprint: Footprint,
    pub(super) watch: Arc<WatchRules>,
}

#[derive(Debug, Default)]
pub(super) struct Models {
    default: String,
    pub by_dialect: BTreeMap<Dialect, String>,
    aliases: BTreeMap<String, String>,
    pub args: Vec<Template>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct LaunchRules {
    pub args: Vec<Arg>,
    pub resume: Vec<Arg>,
    pub sessions: Vec<Template>,
    pub stdin: Stdin,
    pub environment: Environment,
    pub keep: Vec<String>,
    pub hook: bool,
    pub env: Vec<(String, Template)>,
    pub files: Vec<FileRule>,
}

impl LaunchRules {
    pub fn new(part: LaunchPart) -> Result<Self, Wrong> {
        let env = part.env.into_iter();
        let env = env.map(|(key, text)| Ok((key, compile(&text, Template::parse)?)));
        let sessions = part.sessions.iter().map(|text| compile(text, check_path));
        Ok(Self {
            args: interactive::args(&part.args)?,
            resume: interactive::args(&part.resume)?,
            sessions: sessions.collect::<Result<_, Wrong>>()?,
            stdin: part.stdin,
            environment: part.environment,
            keep: part.keep,
            hook: part.hook,
            env: env.collect::<Result<_, Wrong>>()?,
            files: interactive::files(&part.files)?,
        })
    }
}

#[derive(Clone, Debug)]
pub(super) enum Arg {
    One(Template),
    /// `{model_args}`
    Model,
    /// `{lend_args}`
    Lend,
}

#[derive(Clone, Debug)]
pub(super) struct FileRule {
    pub path: Template,
    pub content: Content,
    pub mode: u32,
    pub protected: bool,
}

/// What a [`Watcher`] goes by.
#[derive(Debug, Default)]
pub(super) struct WatchRules {
    pub format: OutputFormat,
    pub judge: Judge,
    pub done_needs_exit_zero: bool,
    pub status_pattern: Option<Regex>,
    pub budget_pattern: Option<Regex>,
    pub progress_off_is_idle: bool,
    pub stalled_after_s: u64,
    pub stop_reasons: BTreeMap<String, String>,
    pub output: Vec<EventRule>,
    pub hook: Vec<EventRule>,
    pub screen: Vec<Pattern>,
    pub title: Vec<Pattern>,
}

impl Adapter {
    /// Reads a file's text. The error is ready for people, with `source` and line.
    pub fn parse(source: &str, text: &str) -> Result<Self, String> {
        let file: File =
            toml::from_str(text).map_err(|error| problem::from_toml(source, text, &error))?;
        let built = Self::build(source, file);
        let built = built.map_err(|(span, why)| problem::at(source, text, Some(span), &why))?;
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        Ok(Self { hash: hasher.finish(), ..built })
    }

    /// True if it comes from the same text at the same place.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        (self.hash, &self.source) == (other.hash, &other.source)
    }

    fn build(source: &str, file: File) -> Result<Self, Wrong> {
        let templates = |texts: &[Text]| -> Result<Vec<Template>, Wrong> {
            texts.iter().map(|text| compile(text, Template::parse)).collect()
        };
        let name = compile(&file.name, check_name)?;
        if file.program.run == Run::Program && file.program.name.is_empty() {
            let why = "`program.name` is missing: the program to look up on PATH".to_owned();
            return Err((file.name.span(), why));
        }
        let launch = LaunchRules::new(file.launch)?;
        let pattern = |text: &Option<Text>| -> Result<Option<Regex>, Wrong> {
            text.as_ref().map(|text| compile(text, regex)).transpose()
        };
        let watch = WatchRules {
            format: file.watch.output,
            judge: file.watch.judge,
            done_needs_exit_zero: file.watch.done_needs_exit_zero,
            status_pattern: pattern(&file.watch.status_pattern)?,
            budget_pattern: pattern(&file.watch.budget_pattern)?,
            progress_off_is_idle: file.watch.progress_off_is_idle,
            stalled_after_s: file.watch.stalled_after_s.unwrap_or(STALLED_AFTER_S),
            stop_reasons: file
                .stop_reasons
                .into_iter()
                .map(|(status, text)| Ok((status, compile(&text, stop_reason)?)))
                .collect::<Result<_, Wrong>>()?,
            output: file.output.iter().map(EventRule::new).collect::<Result<_, _>>()?,
            hook: file.hook.iter().map(EventRule::new).collect::<Result<_, _>>()?,
            screen: patterns(file.screen)?,
            title: patterns(file.title)?,
        };
        Ok(Self {
            name,
            summary: file.summary,
            source: source.to_owned(),
            hash: 0,
            measured: file.measured,
            dialect: file.dialect,
            run: file.program.run,
            program: file.program.name,
            version: file.program.version,
            install: file.program.install,
            model: Models {
                default: file.model.default,
                by_dialect: file.model.by_dialect,
                aliases: file.model.aliases,
                args: templates(&file.model.args)?,
            },
            interactive: match &file.interactive {
                Some(part) => Some(InteractiveRules::new(part, launch.clone())?),
                None => None,
            },
            launch,
            footprint: file.footprint,
            shared: file.shared.map(SharedRules::new).transpose()?,
            lend: file.lend.iter().map(LendRule::new).collect::<Result<_, _>>()?,
            prompt: match &file.prompt {
                Some(part) => Some(PromptKeys::new(part, file.name.span())?),
                None => None,
            },
            watch: Arc::new(watch),
        })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn summary(&self) -> &str {
        &self.summary
    }

    /// `built in`, or the path of its file.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The version its file was written for; empty where none is said.
    pub fn measured(&self) -> &str {
        &self.measured
    }

    /// The program that would run; none where it is not installed. For `command` this is
    /// the shell, since what it runs is known only with the request.
    pub fn program(&self, path: &str) -> Option<PathBuf> {
        match self.run {
            Run::Program => find(&self.program, path),
            Run::Dash => std::env::current_exe().ok(),
            Run::Command => Some(PathBuf::from("/bin/sh")),
        }
    }

    /// How to get it, for people; empty where nothing is to be installed.
    pub fn install(&self) -> &str {
        &self.install
    }

    /// Program (a name, to be found on the agent's PATH) and arguments that print its version.
    pub fn version_command(&self) -> Option<Vec<String>> {
        if self.run != Run::Program || self.version.is_empty() {
            return None;
        }
        Some(std::iter::once(self.program.clone()).chain(self.version.iter().cloned()).collect())
    }

    /// None: it speaks any, or no model at all.
    pub fn dialect(&self) -> Option<Dialect> {
        self.dialect
    }

    /// The model's full name; empty where the agent chooses by itself.
    pub fn model(&self, asked: Option<&str>) -> String {
        match asked {
            Some(name) => self.model.aliases.get(name).map_or(name, String::as_str).to_owned(),
            None => self.model.default.clone(),
        }
    }

    /// True if a hook of its own asks about every command before it runs.
    pub fn asks_itself(&self) -> bool {
        self.launch.hook
    }

    /// True if a task without a command is a shell's command line.
    pub fn runs_task_in_shell(&self) -> bool {
        self.run == Run::Command
    }

    /// What of `wanted` is there, and what is not; reads the user's files.
    pub fn loans(&self, wanted: &[String], from: &Lender<'_>) -> Vec<Loan> {
        lend::loans(&self.lend, wanted, from)
    }

    /// How several of its runs share one process; none: they do not.
    pub fn shared(&self) -> Option<&SharedRules> {
        self.shared.as_ref()
    }

    /// Without a sign of life for so long it is stalled; none: it never is.
    pub fn stalled_after(&self) -> Option<Duration> {
        let seconds = self.watch.stalled_after_s;
        (seconds > 0).then(|| Duration::from_secs(seconds))
    }

    pub fn footprint(&self) -> Footprint {
        self.footprint
    }

    /// The variables that its file sets.
    pub fn own_variables(&self) -> Vec<&str> {
        self.launch.env.iter().map(|(name, _)| name.as_str()).collect()
    }

    /// Where it keeps its sessions, with `private` for the attempt's own directory; none where
    /// it cannot resume one. `interactive`: on its own screen.
    pub fn sessions(&self, private: &Path, interactive: bool) -> Vec<PathBuf> {
        let own = self.interactive.as_ref().filter(|_| interactive).map(|own| &own.launch);
        if own.unwrap_or(&self.launch).resume.is_empty() {
            return Vec::new();
        }
        places(&self.launch.sessions, private)
    }

    pub(super) fn watch_rules(&self) -> &WatchRules {
        &self.watch
    }

    /// True if it has a screen of its own to be typed into.
    pub fn is_interactive(&self) -> bool {
        self.interactive.is_some()
    }

    /// `interactive`: of a run on the agent's own screen.
    pub fn watcher(&self, interactive: bool) -> Watcher {
        Watcher::new(Arc::clone(&self.watch), interactive)
    }

    /// False: nothing in the recording is for the watcher, it need not be fed.
    pub fn reads_output(&self, interactive: bool) -> bool {
        self.watch.format != OutputFormat::None && !interactive
    }
}

/// The first executable file of that name in the directories of `path`.
fn find(name: &str, path: &str) -> Option<PathBuf> {
    let runs = |file: &Path| {
        rustix::fs::access(file, rustix::fs::Access::EXEC_OK).is_ok() && file.is_file()
    };
    if name.contains('/') {
        return Some(PathBuf::from(name)).filter(|file| runs(file));
    }
    std::env::split_paths(path)
        .filter(|dir| dir.is_absolute())
        .map(|dir| dir.join(name))
        .find(|file| runs(file))
}

fn check_name(name: &str) -> Result<String, String> {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || !name.chars().all(good) {
        return Err(format!("a name is lower-case letters, digits and `-`: `{name}`"));
    }
    Ok(name.to_owned())
}

/// Files are written where nobody else's lie: in the attempt's own directory.
pub(super) fn check_path(path: &str) -> Result<Template, String> {
    let inside = ["{private}/", "{home}/", "{tmp}/"].iter().any(|dir| path.starts_with(dir));
    if !inside || path.split('/').any(|part| part == "..") {
        return Err(format!("a file lies in {{private}}, {{home}} or {{tmp}}: `{path}`"));
    }
    Template::parse(path)
}

/// Files and directories of an attempt, with `private` for its own directory.
pub(super) fn places(templates: &[Template], private: &Path) -> Vec<PathBuf> {
    let text = |path: PathBuf| path.to_string_lossy().into_owned();
    let (home, tmp) = (text(private.join("home")), text(private.join("tmp")));
    let private = private.to_string_lossy();
    let fill = |template: &Template| {
        template.fill(|slot| match slot {
            Slot::Private => &private,
            Slot::Home => &home,
            Slot::Tmp => &tmp,
            _ => "",
        })
    };
    templates.iter().map(|template| PathBuf::from(fill(template))).collect()
}

pub(super) fn typed(names: &[Text]) -> Result<Vec<u8>, Wrong> {
    let encoded = |name: &str| keys::encode(name, false).map_err(|error| error.to_string());
    let keys = names.iter().map(|name| compile(name, encoded));
    Ok(keys.collect::<Result<Vec<_>, Wrong>>()?.concat())
}

pub(super) fn regex(pattern: &str) -> Result<Regex, String> {
    Regex::new(pattern).map_err(|error| format!("bad pattern `{pattern}`: {error}"))
}
