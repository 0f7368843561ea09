//! `swarm create` as it is typed: the flags of the command line that fit into one, then the
//! task, or `--task`.

use crate::model::{AdapterShare, SwarmSpec};

/// What may stand before the task, and what it takes.
pub const FLAGS: [(&str, &str); 10] = [
    ("--agents", "N: how many; -n for short"),
    ("--agent", "KIND[:N],…: of which kinds"),
    ("--model", "MODEL,…: dealt out in turn"),
    ("--name", "NAME: what it is called"),
    ("--budget", "$N or N-tokens: of all together"),
    ("--agent-budget", "$N or N-tokens: of each"),
    ("--max", "N: at most so many at once"),
    ("--retries", "N: further attempts after a failure"),
    ("--check", "COMMAND: must succeed after each"),
    ("--worktree", "a clone and a branch for each"),
];

/// Where it works, and the PATH, are left to whoever runs it.
pub(super) fn create(rest: &str) -> Result<SwarmSpec, String> {
    let mut spec = SwarmSpec::default();
    let mut rest = rest.trim();
    let mut agents = None;
    while rest.starts_with('-') {
        let (flag, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        rest = after.trim_start();
        if flag == "--" {
            break;
        }
        if flag == "--worktree" {
            spec.worktree = true;
            continue;
        }
        let known = flag == "-n" || flag == "--task" || FLAGS.iter().any(|(name, _)| *name == flag);
        if !known {
            let names: Vec<&str> = FLAGS.iter().map(|(name, _)| *name).chain(["--task"]).collect();
            let near = super::nearest(flag, &names).map(|near| format!("; nearest: {near}"));
            return Err(format!("no flag is called {flag}{}", near.unwrap_or_default()));
        }
        let (value, after) = if flag == "--task" { text(rest)? } else { word(rest)? };
        if value.is_empty() {
            return Err(format!("{flag} takes a value"));
        }
        rest = after.trim_start();
        let number = |least: u32| {
            value
                .parse()
                .ok()
                .filter(|n| *n >= least)
                .ok_or_else(|| format!("{flag} takes a number from {least}, not {value}"))
        };
        match flag {
            "-n" | "--agents" => agents = Some(number(1)?),
            "--agent" => spec.adapters = shares(&value)?,
            "--model" => spec.models = value.split(',').map(str::to_owned).collect(),
            "--name" => spec.name = value,
            "--budget" => spec.budget = Some(value),
            "--agent-budget" => spec.agent_budget = Some(value),
            "--max" => spec.max = Some(number(1)?),
            "--retries" => spec.retries = number(0)?,
            "--check" => spec.check = Some(value),
            _ => spec.task = value,
        }
    }
    let task = rest.trim().trim_matches('"');
    match (task.is_empty(), spec.task.is_empty()) {
        (true, true) => {
            return Err("what shall they do? :swarm create [-n N] TASK".to_owned());
        }
        (false, false) => return Err(format!("the task is there twice: {task}")),
        (false, true) => task.clone_into(&mut spec.task),
        (true, false) => {}
    }
    let counted: u32 = spec.adapters.iter().map(|share| share.count.unwrap_or(1)).sum();
    spec.agents = agents.unwrap_or(counted.max(1));
    Ok(spec)
}

/// Reads `claude:3,mini`.
pub fn shares(text: &str) -> Result<Vec<AdapterShare>, String> {
    let share = |word: &str| {
        let (adapter, count) = match word.split_once(':') {
            None => (word, None),
            Some((adapter, count)) => {
                let count = count.parse().ok().filter(|n: &u32| *n > 0);
                (adapter, Some(count.ok_or_else(|| format!("write it like claude:3, not {word}"))?))
            }
        };
        match adapter {
            "" => Err(format!("--agent {word} names no kind of agent")),
            _ => Ok(AdapterShare { adapter: adapter.to_owned(), count }),
        }
    };
    text.split(',').map(share).collect()
}

/// One word, or what stands in quotes; and what follows.
fn word(rest: &str) -> Result<(String, &str), String> {
    let Some(quote) = rest.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
        let (word, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        return Ok((word.to_owned(), after));
    };
    let (inside, after) = rest[1..].split_once(quote).ok_or(format!("a {quote} is missing"))?;
    Ok((inside.to_owned(), after))
}

/// As many words as there are before the next flag.
fn text(rest: &str) -> Result<(String, &str), String> {
    if rest.starts_with(['"', '\'']) {
        return word(rest);
    }
    let flag = [" --", " -n "].iter().filter_map(|flag| rest.find(flag)).min();
    let (text, after) = rest.split_at(flag.unwrap_or(rest.len()));
    Ok((text.trim().to_owned(), after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_flags_before_and_after_the_task() {
        let spec = create("--task fix the tests --agents 3 --model opus,haiku").unwrap();
        assert_eq!((spec.task.as_str(), spec.agents), ("fix the tests", 3));
        assert_eq!(spec.models, ["opus", "haiku"]);
        let spec = create("--agent claude:2,mini --budget $5 -- -n is a flag of it").unwrap();
        assert_eq!((spec.task.as_str(), spec.agents), ("-n is a flag of it", 3));
        assert_eq!(spec.budget.as_deref(), Some("$5"));
        let spec = create("--check \"cargo test -p auth\" --worktree do it").unwrap();
        assert_eq!(spec.check.as_deref(), Some("cargo test -p auth"));
        assert!(spec.worktree && spec.task == "do it");
        assert_eq!(create("fix it").unwrap().agents, 1);
    }

    #[test]
    fn says_what_is_wrong() {
        for (text, says) in [
            ("--modle x y", "nearest: --model"),
            ("-n none y", "a number from 1"),
            ("--task \"open", "missing"),
            ("--task a --name b c", "twice"),
            ("--agent claude:x y", "claude:3"),
            ("--name", "takes a value"),
            ("-n 3", "what shall they do"),
        ] {
            let error = create(text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
