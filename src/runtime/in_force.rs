//! What an agent is held to, as whoever looks at one is told: what its latest attempt was
//! launched with, else what its next would be.

use super::{limits, worktree::git::search_path, world::World};
use crate::{
    agents::version,
    core::{self, State},
    model::{AgentId, AgentInfo, AttemptId, Lent, Limits, ProgramVersion},
    sandbox::cores,
};

/// What the state says of it.
pub struct Asked {
    limits: Limits,
    strict: bool,
    latest: Option<AttemptId>,
    adapter: String,
    /// Where its programs are; none: where the core's are.
    path: Option<String>,
}

impl Asked {
    /// Also fills in what is known without the machine: the time that it has.
    pub fn of(state: &State, id: &AgentId, info: &mut AgentInfo) -> Option<Self> {
        let agent = state.agents.get(id)?;
        info.timeout_ms = core::timeout_of(state, agent);
        let current = agent.current.as_ref().and_then(|id| state.attempts.get(id));
        // The end of one that is paused moves on.
        let timed = current.filter(|attempt| attempt.paused.is_none());
        info.ends_by =
            timed.and_then(|attempt| core::deadline_of(state, attempt, attempt.started_at?));
        Some(Self {
            limits: core::limits_of(state, agent),
            strict: core::scope_of(state, id).is_strict(),
            latest: agent.latest.clone(),
            adapter: agent.adapter.clone(),
            path: state.swarms.get(&agent.swarm).and_then(|s| core::spec_of(s, agent).path),
        })
    }

    /// Of its program; reads files. None for what needs no program.
    pub fn version(&self, world: &World) -> Option<ProgramVersion> {
        let catalog = world.catalog();
        let adapter = catalog.get(&self.adapter)?;
        adapter.version_command()?;
        let path = self.path.clone().unwrap_or_else(|| search_path(world));
        let installed = version::installed(&adapter.program(&path)?);
        let measured = adapter.measured().to_owned();
        let known = installed.as_ref().is_some_and(|seen| version::names(seen, &measured));
        Some(ProgramVersion { installed, measured, known })
    }

    /// Its limits, and what it is lent; reads a file.
    pub fn in_force(&self, world: &World) -> (Limits, Vec<Lent>) {
        let launched = self.latest.as_ref().and_then(|attempt| launched_with(world, attempt));
        let (mut limits, lent) = launched.unwrap_or_else(|| {
            let all = limits::with_defaults(self.limits, self.strict, &world.config.limits);
            let output_bytes = Some(limits::recording_cap(all, &world.config.core));
            (Limits { output_bytes, ..all }, Vec::new())
        });
        limits.cpu = limits.cpu.map(|cpu| cpu.at_most(cores::own().len()));
        (limits, lent)
    }
}

/// As its keeper has it.
fn launched_with(world: &World, attempt: &AttemptId) -> Option<(Limits, Vec<Lent>)> {
    #[derive(serde::Deserialize)]
    struct Spec {
        limits: Limits,
        recording_cap: u64,
        #[serde(default)]
        lent: Vec<Lent>,
    }
    let text = std::fs::read(world.instance.attempt_dir(attempt).join("spec.json")).ok()?;
    let spec: Spec = serde_json::from_slice(&text).ok()?;
    Some((Limits { output_bytes: Some(spec.recording_cap), ..spec.limits }, spec.lent))
}
