//! The rules on commands as the core holds them: read when the core starts, and again when
//! a file has changed. A file that is wrong is never passed over: new agents are refused
//! until it is mended, and every question is answered with what is wrong in it.

use super::{
    broker,
    handle::Handle,
    lookup::{find_agent, find_swarm},
    world::{Shared, World},
};
use crate::{
    config::{ConfigError, PolicyFiles, executable, not_held},
    core::{
        State,
        policy::{Judge, Where, enforcement},
        scope_of,
    },
    model::{
        Actor, AttemptId, Enforcement, Hidden, Holder, Judgement, Lookup, Policy, Refusal,
        RefusalCode, Scope, Verdict,
    },
    protocol::rest::{PolicyQuestion, PolicyRule, PolicyRules},
};
use std::{
    collections::BTreeMap,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

/// Projects whose rules are kept ready.
const PROJECTS: usize = 64;

/// Tells a file from an earlier state of it: device, inode, size, time of the last change.
type Mark = Option<(u64, u64, u64, i64, i64)>;

#[derive(Clone)]
struct Read {
    marks: [Mark; 2],
    judge: Result<Arc<Judge>, ConfigError>,
}

/// Judges by the files that they come from.
#[derive(Default)]
pub struct Policies {
    files: PolicyFiles,
    /// By the project's file.
    read: Mutex<BTreeMap<Option<PathBuf>, Read>>,
}

impl Policies {
    pub fn new(files: PolicyFiles) -> Self {
        Self { files, read: Mutex::default() }
    }

    /// The rules for what runs in `cwd`. Reads files: not for the actor's own task.
    ///
    /// # Errors
    /// When a file is wrong.
    pub fn judge(&self, cwd: &Path) -> Result<Arc<Judge>, ConfigError> {
        let files = self.files.at(cwd);
        // Before the reading: a change in the meantime is seen the next time.
        let marks = [mark(files.user.as_deref()), mark(files.project.as_deref())];
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = read.get(&files.project).filter(|known| known.marks == marks) {
            return known.judge.clone();
        }
        let judge = files.load().map(|policy| Arc::new(Judge::new(policy)));
        if read.len() >= PROJECTS {
            read.clear();
        }
        read.insert(files.project, Read { marks, judge: judge.clone() });
        judge
    }
}

fn mark(path: Option<&Path>) -> Mark {
    let meta = path?.metadata().ok()?;
    Some((meta.dev(), meta.ino(), meta.size(), meta.ctime(), meta.ctime_nsec()))
}

/// Refuses what would start under rules that cannot be read.
///
/// # Errors
/// When a policy file is wrong.
pub async fn whole(world: &Shared, cwd: &Path) -> Result<(), Refusal> {
    ready(world, cwd).await.map(|_| ())
}

async fn ready(world: &Shared, cwd: &Path) -> Result<Arc<Judge>, Refusal> {
    let (world, cwd) = (world.clone(), cwd.to_owned());
    let judge = tokio::task::spawn_blocking(move || world.policies.judge(&cwd)).await;
    let judge = judge.map_err(|error| Refusal::new(RefusalCode::Internal, error.to_string()))?;
    judge.map_err(|error| {
        Refusal::new(RefusalCode::Invalid, error.to_string())
            .hinted("no agent is started and no command is judged until it is mended")
    })
}

/// On whose behalf a command is judged.
#[derive(Clone)]
pub struct Asker {
    pub cwd: PathBuf,
    pub scope: Scope,
    pub path: Option<String>,
    /// An agent's: what it runs as, or ran last.
    pub attempt: Option<AttemptId>,
    /// In a sandbox, as agents are where nobody says otherwise.
    pub confined: bool,
}

/// What is judged.
#[derive(Clone)]
pub enum Words {
    /// As executed, and the canonical file of the program.
    Argv(Vec<String>, Option<PathBuf>),
    /// As a shell has it.
    Line(String),
}

/// With the tree that is the agent's own.
fn agent_in(state: &State, name: &str) -> Option<Asker> {
    let agent = state.agents.get(&find_agent(state, name)?)?;
    let spec = &state.swarms.get(&agent.swarm)?.spec;
    let tree = agent.worktree.as_ref().map(|tree| tree.workplace());
    let mut scope = scope_of(state, &agent.id);
    if scope.is_strict() {
        scope.write.extend(tree.clone());
    }
    let cwd = tree.unwrap_or_else(|| agent.cwd.clone());
    let (attempt, confined) = (agent.latest.clone(), scope.is_strict());
    Some(Asker { cwd, scope, path: spec.path.clone(), attempt, confined })
}

fn swarm_in(state: &State, name: &str) -> Option<Asker> {
    let spec = &state.swarms.get(&find_swarm(state, name)?)?.spec;
    let scope = spec.granted.clone().unwrap_or_else(Scope::none);
    let confined = scope.is_strict();
    Some(Asker { cwd: spec.cwd.clone(), scope, path: spec.path.clone(), attempt: None, confined })
}

fn invalid(why: &str) -> Refusal {
    Refusal::new(RefusalCode::Invalid, why)
}

impl Handle {
    /// What the rules say of a command. An agent may ask for itself alone.
    ///
    /// # Errors
    /// When the question makes no sense, or a policy file is wrong.
    pub async fn judge(&self, question: PolicyQuestion) -> Result<Judgement, Refusal> {
        let PolicyQuestion { argv, line, agent, swarm, cwd, path } = question;
        if line.is_some() != argv.is_empty() {
            return Err(invalid("a command is asked about by `argv` or by `line`"));
        }
        if cwd.as_ref().is_some_and(|cwd| !cwd.is_absolute()) {
            return Err(invalid("cwd is not absolute"));
        }
        let nobodys = agent.is_none() && swarm.is_none() && !matches!(self.actor, Actor::Agent(_));
        let mut asker = self.asker(agent, swarm, cwd.clone()).await?;
        // An agent's, and a swarm's, is what they were started with.
        if nobodys {
            asker.path = path;
        }
        let words = match line {
            Some(line) => Words::Line(line),
            None => {
                let path = asker.path(&self.world);
                let program = argv.first().map_or("", String::as_str);
                let file = executable(program, path, cwd.as_deref().unwrap_or(&asker.cwd));
                Words::Argv(argv, file)
            }
        };
        judged(&self.world, asker, cwd, words).await
    }

    /// On whose behalf it is asked.
    ///
    /// # Errors
    /// When the asker is unknown, or not the caller's to ask for.
    pub(super) async fn asker(
        &self,
        agent: Option<String>,
        swarm: Option<String>,
        cwd: Option<PathBuf>,
    ) -> Result<Asker, Refusal> {
        let agent = match (&self.actor, agent) {
            (Actor::Agent(own), None) if swarm.is_none() => Some(own.as_str().to_owned()),
            (Actor::Agent(own), Some(named)) if swarm.is_none() && named == own.as_str() => {
                Some(named)
            }
            (Actor::Agent(_), _) => {
                let why = "an agent asks about its own commands only";
                return Err(Refusal::new(RefusalCode::Forbidden, why));
            }
            (Actor::User(_) | Actor::Core, agent) => agent,
        };
        let (found, missing) = match (agent, swarm) {
            (Some(_), Some(_)) => return Err(invalid("an agent or a swarm, not both")),
            (Some(name), None) => {
                let missing = format!("no agent is called {name:?}");
                (self.world.read(move |state| agent_in(state, &name)).await?, missing)
            }
            (None, Some(name)) => {
                let missing = format!("no swarm is called {name:?}");
                (self.world.read(move |state| swarm_in(state, &name)).await?, missing)
            }
            (None, None) => {
                let cwd = cwd.ok_or_else(|| invalid("in which directory? Say `cwd`"))?;
                let scope = Scope::none();
                return Ok(Asker { cwd, scope, path: None, attempt: None, confined: true });
            }
        };
        found.ok_or_else(|| Refusal::new(RefusalCode::NotFound, missing))
    }

    /// The rules in force for what runs in `cwd` with `path` as its PATH, else the core's.
    ///
    /// # Errors
    /// When a policy file is wrong.
    pub async fn policy(&self, cwd: &Path, path: Option<String>) -> Result<PolicyRules, Refusal> {
        let judge = ready(&self.world, cwd).await?;
        let (world, scope, cwd) = (self.world.clone(), Scope::none(), cwd.to_owned());
        let asker = Asker { cwd, scope, path, attempt: None, confined: true };
        let held = move || {
            let hidden = hidden(&world, &asker, judge.policy());
            let policy = judge.policy();
            let rules = policy.rules.iter().map(|rule| {
                let elsewhere = not_held(rule, asker.path(&world)).is_some();
                let enforced_by =
                    if elsewhere { Enforcement::Cooperates } else { enforcement(rule, &hidden) };
                PolicyRule { enforced_by, rule: rule.clone() }
            });
            PolicyRules { default: policy.default, rules: rules.collect() }
        };
        tokio::task::spawn_blocking(held).await.map_err(internal)
    }
}

fn internal(error: impl ToString) -> Refusal {
    Refusal::new(RefusalCode::Internal, error.to_string())
}

impl Asker {
    fn path<'a>(&'a self, world: &'a World) -> &'a str {
        let own = world.environment.iter().find(|(name, _)| name == "PATH");
        let path = self.path.as_ref().or_else(|| own.map(|(_, path)| path));
        path.map_or("", String::as_str)
    }
}

/// What the rules say of `words`, about to be run in `cwd`, else in the asker's own.
///
/// # Errors
/// When a policy file is wrong.
pub async fn judged(
    world: &Shared,
    mut asker: Asker,
    cwd: Option<PathBuf>,
    words: Words,
) -> Result<Judgement, Refusal> {
    let judge = ready(world, &asker.cwd).await?;
    if asker.scope.write.is_empty() && !asker.scope.is_strict() {
        // Without a sandbox nothing is bounded: then its own directory is what is its own.
        asker.scope.write.push(asker.cwd.clone());
    }
    let world = world.clone();
    let judged = tokio::task::spawn_blocking(move || {
        let hidden = hidden(&world, &asker, judge.policy());
        let mut scope = asker.scope;
        if scope.is_strict() && matches!(world.holder(), Ok(Holder::Bubblewrap { .. })) {
            // There these are directories of the agent's own.
            scope.write.extend(["/tmp".into(), "/var/tmp".into()]);
        }
        let cwd = cwd.as_deref().unwrap_or(&asker.cwd);
        let at = |executable| Where { cwd, scope: &scope, executable, hidden: &hidden };
        match &words {
            Words::Argv(argv, file) => judge.argv(argv, &at(file.as_deref())),
            Words::Line(line) => judge.line(line, &at(None)),
        }
    });
    judged.await.map_err(internal)
}

/// Holds what somebody has approved against the rules as they are by now: an answer is given
/// to the rules that asked, and may come after they were changed. What it says, where that is
/// a denial.
///
/// # Errors
/// When a policy file has become wrong: then nothing runs.
pub async fn denied_by_now(
    world: &Shared,
    asker: Asker,
    cwd: Option<PathBuf>,
    words: Words,
) -> Result<Option<Judgement>, Refusal> {
    let mut now = judged(world, asker, cwd, words).await?;
    now.reason.push_str(" (the rules have changed since it was asked)");
    Ok(Some(now).filter(|now| now.verdict == Verdict::Deny))
}

/// What the asker cannot see: as it was launched, or as it would be.
fn hidden(world: &World, asker: &Asker, policy: &Policy) -> Hidden {
    let pins = || policy.rules.iter().filter_map(|rule| rule.executable.clone());
    // Without such a rule nothing is to be found out.
    if pins().next().is_none() {
        return Hidden::default();
    }
    let for_all = |why: &str| Hidden {
        seen: pins().map(|file| (file, why.to_owned())).collect(),
        ..Hidden::default()
    };
    if !asker.confined {
        return for_all("without a sandbox no program is hidden");
    }
    let path = asker.path(world);
    let sorted = match world.holder() {
        Ok(holder) => broker::sorted(policy, &holder, path, &asker.scope.write, &[&world.dash]),
        Err(_) => return for_all("there is no sandbox here that could hide a program"),
    };
    let (programs, mut seen) = match &asker.attempt {
        Some(attempt) => (broker::launched_with(&world.instance, attempt), sorted.seen),
        None => (sorted.hidden, sorted.seen),
    };
    for file in pins().filter(|file| !programs.iter().any(|program| program.file == *file)) {
        let late = || "the agent was started before the rule could hide it".to_owned();
        seen.entry(file).or_insert_with(late);
    }
    Hidden {
        executables: programs.into_iter().flat_map(|program| program.places).collect(),
        seen,
        lookup: Some(Lookup { path: path.to_owned(), find: executable }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_file_counts_at_once_and_a_broken_one_is_no_empty_one() {
        let dir = tempfile::tempdir().unwrap();
        let user = dir.path().join("policy.toml");
        let policies = Policies::new(PolicyFiles { user: Some(user.clone()), project: None });
        let built_in = policies.judge(dir.path()).unwrap();
        assert!(Arc::ptr_eq(&built_in, &policies.judge(dir.path()).unwrap()), "kept");
        std::fs::write(&user, "[[rule]]\ncommand = [\"x\"]\nverdict = \"deny\"\n").unwrap();
        let one = policies.judge(dir.path()).unwrap();
        assert_eq!(one.policy().rules.len(), built_in.policy().rules.len() + 1);
        std::fs::write(&user, "[[rule]]\ncommand = [\"x\"]\n").unwrap();
        assert!(policies.judge(dir.path()).is_err());
        assert!(policies.judge(dir.path()).is_err(), "still");
        std::fs::remove_file(&user).unwrap();
        assert_eq!(policies.judge(dir.path()).unwrap().policy(), built_in.policy());
        std::fs::create_dir_all(dir.path().join("p/.dash")).unwrap();
        let project = dir.path().join("p/.dash/policy.toml");
        std::fs::write(&project, "default = \"allow\"\n").unwrap();
        let error = policies.judge(&dir.path().join("p")).unwrap_err().to_string();
        assert!(error.contains("narrow only"), "{error}");
        assert!(policies.judge(dir.path()).is_ok(), "other places are not concerned");
    }
}
