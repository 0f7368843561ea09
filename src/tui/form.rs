//! A new swarm, while it is filled in: what each field takes, whether all is right, and what
//! agents like these have cost here so far.

use crate::model::{AgentState, Budget, Micros, SwarmSpec};
use crate::store::Store;

/// A field: its label, and what it takes.
pub const FIELDS: [(&str, &str); 8] = [
    ("task", "what each of them is to do"),
    ("agents", "how many; 1 where nothing is said"),
    ("kind", "claude, codex:2, mini …; as the configuration has it where nothing is said"),
    ("model", "one, or several with commas, dealt out in turn; each kind's own"),
    ("budget", "$5, 2M-tokens or both, of all together; no limit"),
    ("check", "a command that must succeed after each; none"),
    ("worktree", "Space: a clone and a branch for each; no"),
    ("name", "made from the task"),
];
pub const TASK: usize = 0;
const AGENTS: usize = 1;
const KIND: usize = 2;
const MODEL: usize = 3;
const BUDGET: usize = 4;
const CHECK: usize = 5;
pub const WORKTREE: usize = 6;
const NAME: usize = 7;
/// More agents are a slip of a finger.
const MOST: u32 = 1_000;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Form {
    pub fields: [String; FIELDS.len()],
    pub at: usize,
}

impl Form {
    /// As one was left, without its task where that was given out.
    pub fn of(fields: &[String]) -> Self {
        let mut form = Self::default();
        for (slot, text) in form.fields.iter_mut().zip(fields) {
            text.clone_into(slot);
        }
        form
    }

    fn text(&self, field: usize) -> &str {
        self.fields[field].trim()
    }

    /// The request, but for where it works; or which field is wrong, and why.
    pub fn spec(&self) -> Result<SwarmSpec, (usize, String)> {
        let given = |field| Some(self.text(field)).filter(|text| !text.is_empty());
        let task = given(TASK).ok_or((TASK, "what shall they do?".to_owned()))?;
        let agents = given(AGENTS).map(|text| match text.parse() {
            Ok(n) if (1..=MOST).contains(&n) => Ok(n),
            _ => Err((AGENTS, format!("a number from 1 to {MOST}, not {text}"))),
        });
        let agents = agents.transpose()?;
        let adapters = given(KIND).map(super::command::shares).transpose();
        let adapters = adapters.map_err(|why| (KIND, why))?.unwrap_or_default();
        let counted: u32 = adapters.iter().map(|share| share.count.unwrap_or(1)).sum();
        if let Some(n) = agents.filter(|n| *n < counted) {
            return Err((AGENTS, format!("the kinds are {counted} agents, not {n}")));
        }
        let budget = given(BUDGET).map(|text| match text.parse::<Budget>() {
            Ok(_) => Ok(text.to_owned()),
            Err(error) => Err((BUDGET, error.to_string())),
        });
        let models = given(MODEL).unwrap_or_default().split(',').map(str::trim);
        Ok(SwarmSpec {
            task: task.to_owned(),
            agents: agents.unwrap_or(counted.max(1)),
            adapters,
            models: models.filter(|model| !model.is_empty()).map(str::to_owned).collect(),
            budget: budget.transpose()?,
            check: given(CHECK).map(str::to_owned),
            worktree: given(WORKTREE).is_some(),
            name: given(NAME).unwrap_or_default().to_owned(),
            ..SwarmSpec::default()
        })
    }

    /// What agents of these kinds and models have cost here, and so what these may.
    pub fn estimate(&self, store: &Store, spec: &SwarmSpec) -> String {
        let like = |one: &str, all: &[&str]| all.is_empty() || all.iter().any(|w| one.contains(w));
        let kinds: Vec<&str> = spec.adapters.iter().map(|share| share.adapter.as_str()).collect();
        let models: Vec<&str> = spec.models.iter().map(String::as_str).collect();
        let done: Vec<Micros> = store
            .agents()
            .filter(|agent| agent.state == AgentState::Done)
            .filter(|agent| like(&agent.adapter, &kinds) && like(&agent.model, &models))
            .map(|agent| agent.cost_micros)
            .collect();
        let n = done.len() as i64;
        if n == 0 {
            return "no estimate: no agent like these has done anything here yet".to_owned();
        }
        let mean = Micros(done.iter().map(|cost| cost.0).sum::<i64>() / n);
        let all = Micros(mean.0 * i64::from(spec.agents));
        let were = if n == 1 {
            "one like these that is done".to_owned()
        } else {
            format!("mean of {n} like these that are done")
        };
        format!("about {all}: {} × {mean}, {were}", spec.agents)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(fields: &[&str]) -> Form {
        Form::of(&fields.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn what_is_filled_in_is_the_request() {
        let spec =
            form(&["fix it", "", "claude:2,mini", "opus, haiku", "$5", "true", "yes", "fix"]);
        let spec = spec.spec().unwrap();
        assert_eq!((spec.task.as_str(), spec.agents, spec.worktree), ("fix it", 3, true));
        assert_eq!(spec.models, ["opus", "haiku"]);
        assert_eq!((spec.budget.as_deref(), spec.name.as_str()), (Some("$5"), "fix"));
        assert_eq!(form(&["fix it"]).spec().unwrap().agents, 1);
    }

    #[test]
    fn the_wrong_field_is_named() {
        for (fields, wrong, says) in [
            (&[""][..], TASK, "what shall they do"),
            (&["x", "none"], AGENTS, "a number"),
            (&["x", "0"], AGENTS, "from 1"),
            (&["x", "1", "claude:3"], AGENTS, "3 agents"),
            (&["x", "", "claude:x"], KIND, "claude:3"),
            (&["x", "", "", "", "lots"], BUDGET, "lots"),
        ] {
            let (field, why) = form(fields).spec().unwrap_err();
            assert!(field == wrong && why.contains(says), "{fields:?}: {field} {why}");
        }
    }
}
