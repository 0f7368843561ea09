//! From the flags of `swarm create` (and `swarm.toml`) to a [`SwarmSpec`].

use super::{
    super::failure::{Code, Failure},
    create::{Create, StrategyArg, budget},
};
use crate::{
    config,
    model::{AdapterShare, Schema, Strategy, SwarmSpec},
};
use serde_json::Value;
use std::{
    io::Read,
    path::{Path, PathBuf},
};

impl Create {
    /// The whole request. Reads `swarm.toml` and the items; asks no core.
    pub fn spec(&self) -> Result<SwarmSpec, Failure> {
        let mut spec = match &self.file {
            Some(file) => read_file(file)?,
            None => SwarmSpec::default(),
        };
        if let Some(task) = &self.task {
            if task.trim().is_empty() {
                return Err(Failure::usage("the task is empty").hinted(
                    "say what is to be done, or leave --task out: a command needs none, and \
                     `dash agent spawn --agent KIND` without one starts an interactive agent",
                ));
            }
            spec.task.clone_from(task);
        }
        if let Some(name) = &self.name {
            spec.name.clone_from(name);
        }
        if !self.model.is_empty() {
            spec.models.clone_from(&self.model);
        }
        if let Some(strategy) = self.strategy {
            spec.strategy = strategy.into();
        }
        if spec.strategy != Strategy::Parallel {
            return Err(Failure::usage("this build has only the strategy `parallel`"));
        }
        spec.budget = self.budget.clone().or(spec.budget);
        spec.agent_budget = self.agent_budget.clone().or(spec.agent_budget);
        spec.max = self.max.or(spec.max);
        spec.calls = self.calls.or(spec.calls);
        spec.worktree |= self.worktree;
        spec.check = self.check.clone().or(spec.check);
        if let Some(given) = &self.schema {
            spec.schema = Some(read_schema(given)?);
        }
        spec.timeout_ms = self.timeout.or(spec.timeout_ms);
        spec.retries = self.retries.unwrap_or(spec.retries);
        if !self.command.is_empty() {
            spec.command.clone_from(&self.command);
        }
        if !self.agent.is_empty() {
            spec.adapters = shares(&self.agent)?;
        }
        if let Some(agents) = self.agents {
            spec.agents = agents;
        }
        self.scope.apply(&mut spec)?;
        self.limits.apply(&mut spec.limits);
        settle_counts(&mut spec)?;
        settle_command(&mut spec)?;
        if let Some(pattern) = &self.each {
            spec.items = Some(each(pattern)?);
        } else if let Some(path) = &self.items {
            spec.items = Some(items(path)?);
        } else if !self.item.is_empty() {
            spec.items = Some(self.item.clone());
        }
        let here = here()?;
        spec.cwd = if spec.cwd.as_os_str().is_empty() { here } else { here.join(&spec.cwd) };
        spec.path = std::env::var("PATH").ok().or(spec.path);
        Ok(spec)
    }
}

impl From<StrategyArg> for Strategy {
    fn from(arg: StrategyArg) -> Self {
        match arg {
            StrategyArg::Parallel => Self::Parallel,
            StrategyArg::MapReduce => Self::MapReduce,
            StrategyArg::Pipeline => Self::Pipeline,
            StrategyArg::Tree => Self::Tree,
        }
    }
}

pub fn here() -> Result<PathBuf, Failure> {
    std::env::current_dir()
        .map_err(|error| Failure::error(format!("the current directory is gone: {error}")))
}

fn read_file(path: &Path) -> Result<SwarmSpec, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::error(format!("{}: {error}", path.display())))?;
    let spec: SwarmSpec = config::from_toml(path, &text)
        .map_err(|error| Failure::new(Code::Usage, error.to_string()))?;
    for (key, sum) in [("budget", &spec.budget), ("agent_budget", &spec.agent_budget)] {
        if let Some(Err(error)) = sum.as_deref().map(budget) {
            return Err(Failure::usage(format!("{}: {key}: {error}", path.display())));
        }
    }
    Ok(spec)
}

/// A file's, or one that stands there itself.
fn read_schema(given: &str) -> Result<Schema, Failure> {
    let inline = given.trim_start().starts_with('{');
    let name = if inline { "--schema".to_owned() } else { format!("--schema {given}") };
    let wrong = |why: String| Failure::usage(format!("{name}: {why}"));
    let text = match inline {
        true => given.to_owned(),
        false => std::fs::read_to_string(given).map_err(|error| wrong(error.to_string()))?,
    };
    let value: Value = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    Schema::try_from(value).map_err(|why| wrong(why.trim_start_matches("schema ").to_owned()))
}

/// Reads `claude:3`, `mini`.
fn shares(words: &[String]) -> Result<Vec<AdapterShare>, Failure> {
    words
        .iter()
        .map(|word| {
            let (adapter, count) = match word.split_once(':') {
                None => (word.as_str(), None),
                Some((adapter, count)) => {
                    let count: u32 = count.parse().ok().filter(|&n| n > 0).ok_or_else(|| {
                        Failure::usage(format!("--agent {word}: {count:?} is no count"))
                            .hinted("write it like claude:3,mini:2")
                    })?;
                    (adapter, Some(count))
                }
            };
            if adapter.is_empty() {
                return Err(Failure::usage(format!("--agent {word:?} names no kind of agent")));
            }
            Ok(AdapterShare { adapter: adapter.to_owned(), count })
        })
        .collect()
}

/// Counts must sum to the number of agents where both are given.
fn settle_counts(spec: &mut SwarmSpec) -> Result<(), Failure> {
    let counted: u32 = spec.adapters.iter().filter_map(|share| share.count).sum();
    let open = spec.adapters.iter().filter(|share| share.count.is_none()).count() as u32;
    if spec.agents == 0 {
        spec.agents = counted + open;
        return Ok(());
    }
    let least = counted + open;
    if least > spec.agents || (open == 0 && counted != 0 && counted != spec.agents) {
        return Err(Failure::usage(format!(
            "--agent asks for {least} agents and --agents for {}",
            spec.agents
        ))
        .hinted("let the counts sum to --agents, or leave --agents out"));
    }
    Ok(())
}

fn settle_command(spec: &mut SwarmSpec) -> Result<(), Failure> {
    let other = spec.adapters.iter().find(|share| share.adapter != "command");
    if spec.command.is_empty() {
        if spec.task.trim().is_empty() {
            return Err(Failure::usage("there is nothing to do: no --task and no command")
                .hinted("dash swarm create --task \"…\" --agents 20, or … -- CMD"));
        }
        return Ok(());
    }
    match other {
        Some(share) => Err(Failure::usage(format!(
            "a command runs as the agent `command`, not as `{}`",
            share.adapter
        ))
        .hinted("leave out --agent, or the command")),
        None => {
            if spec.adapters.is_empty() {
                spec.adapters = vec![AdapterShare { adapter: "command".to_owned(), count: None }];
            }
            Ok(())
        }
    }
}

/// The files that fit a pattern, sorted, relative to here as the pattern is.
fn each(pattern: &str) -> Result<Vec<String>, Failure> {
    let paths = glob::glob(pattern)
        .map_err(|error| Failure::usage(format!("--each {pattern:?} is no pattern: {error}")))?;
    let mut items = Vec::new();
    for path in paths {
        let path = path.map_err(|error| Failure::error(format!("--each: {error}")))?;
        items.push(path.to_string_lossy().into_owned());
    }
    if items.is_empty() {
        return Err(Failure::error(format!("--each {pattern:?} fits no file here"))
            .hinted("quote the pattern, so that the shell leaves it alone"));
    }
    Ok(items)
}

/// One item a line; blank lines do not count.
fn items(path: &Path) -> Result<Vec<String>, Failure> {
    let (name, text) = if path == Path::new("-") {
        let mut text = String::new();
        let read = std::io::stdin().lock().read_to_string(&mut text);
        ("standard input".to_owned(), read.map(|_| text))
    } else {
        (path.display().to_string(), std::fs::read_to_string(path))
    };
    let text = text
        .map_err(|error| Failure::error(format!("the items of {name} cannot be read: {error}")))?;
    let items: Vec<String> = text
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.trim().is_empty())
        .map(str::to_owned)
        .collect();
    if items.is_empty() {
        return Err(Failure::error(format!("there is no item in {name}")));
    }
    Ok(items)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|&word| word.to_owned()).collect()
    }

    fn task(agent: &[&str], agents: Option<u32>) -> Result<SwarmSpec, Failure> {
        Create { task: Some("t".into()), agent: words(agent), agents, ..Create::default() }.spec()
    }

    #[test]
    fn counts_must_sum_where_both_are_given() {
        assert_eq!(task(&["claude:3", "mini:2"], Some(5)).unwrap().agents, 5);
        assert_eq!(task(&["claude:3", "mini:2"], None).unwrap().agents, 5);
        assert_eq!(task(&["claude:3", "mini"], Some(9)).unwrap().agents, 9);
        assert_eq!(task(&["claude"], None).unwrap().agents, 1);
        for (agent, agents) in
            [(&["claude:3", "mini:2"][..], 6), (&["claude:3"], 2), (&["a:2", "b"], 2)]
        {
            let failure = task(agent, Some(agents)).unwrap_err();
            assert_eq!(failure.code, Code::Usage, "{agent:?}");
            assert!(failure.hint.unwrap().contains("sum"));
        }
        for bad in ["claude:0", "claude:x", ":3", "claude:"] {
            assert_eq!(task(&[bad], None).unwrap_err().code, Code::Usage, "{bad}");
        }
    }

    #[test]
    fn a_command_is_an_agent_of_its_own_kind() {
        let create =
            Create { command: words(&["sleep", "60"]), agents: Some(3), ..Create::default() };
        let spec = create.spec().unwrap();
        assert_eq!((spec.adapters[0].adapter.as_str(), spec.agents), ("command", 3));
        let create = Create { agent: words(&["mini"]), ..create };
        assert_eq!(create.spec().unwrap_err().code, Code::Usage);
        assert_eq!(Create::default().spec().unwrap_err().code, Code::Usage);
    }

    #[test]
    fn a_strategy_that_is_not_built_is_refused() {
        let task = Some("t".into());
        let tree = Create { task, strategy: Some(StrategyArg::Tree), ..Create::default() };
        assert_eq!(tree.spec().unwrap_err().code, Code::Usage);
    }

    #[test]
    fn items_come_from_lines_and_globs() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("items");
        std::fs::write(&file, "one\n\n  \ntwo words \r\n").unwrap();
        assert_eq!(items(&file).unwrap(), ["one", "two words"]);
        let missing = items(&dir.path().join("none")).unwrap_err();
        assert!(missing.message.contains("none") && missing.code == Code::Error);
        std::fs::write(&file, "\n").unwrap();
        assert!(items(&file).is_err());
        std::fs::write(dir.path().join("b.rs"), "").unwrap();
        std::fs::write(dir.path().join("a.rs"), "").unwrap();
        let found = each(&format!("{}/*.rs", dir.path().display())).unwrap();
        assert_eq!(found.len(), 2);
        assert!(found[0].ends_with("a.rs"));
        assert!(each(&format!("{}/*.c", dir.path().display())).is_err());
        assert_eq!(each("a/***").unwrap_err().code, Code::Usage);
    }

    #[test]
    fn a_file_gives_what_flags_do_not() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("swarm.toml");
        std::fs::write(&file, "task = \"from file\"\nagents = 4\nretries = 2\n").unwrap();
        let create = Create { file: Some(file.clone()), agents: Some(2), ..Create::default() };
        let spec = create.spec().unwrap();
        assert_eq!((spec.task.as_str(), spec.agents, spec.retries), ("from file", 2, 2));
        assert!(spec.cwd.is_absolute());
        std::fs::write(&file, "task = \"t\"\nagens = 4\n").unwrap();
        let failure = create.spec().unwrap_err();
        assert_eq!(failure.code, Code::Usage);
        assert!(failure.message.contains(":2:1") && failure.message.contains("`agents`"));
        std::fs::write(&file, "task = \"t\"\nbudget = \"$5\"\n").unwrap();
        assert_eq!(create.spec().unwrap().budget.as_deref(), Some("$5"));
        std::fs::write(&file, "task = \"t\"\nbudget = \"$5,2M-tokens\"\n").unwrap();
        assert_eq!(create.spec().unwrap().budget.as_deref(), Some("$5,2M-tokens"));
        std::fs::write(&file, "task = \"t\"\nbudget = \"5 euros\"\n").unwrap();
        assert!(create.spec().unwrap_err().message.contains("not a sum of money"));
    }
}
