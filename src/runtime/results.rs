//! What an agent made of its items, for whoever spawned it, and a swarm, for those who follow.

use super::{
    clock,
    handle::{Handle, not_found},
    worktree,
};
use crate::{
    core,
    model::{
        AgentId, AgentResult, Event, EventRecord, Refusal, RefusalCode, SwarmId, SwarmResults,
    },
};

/// Longest text of an agent in the event of a swarm's end, in bytes: 500 of them still pass.
const MAX_TEXT: usize = 2000;

impl Handle {
    /// One result for each item that the agent tried, by its latest attempt at it.
    ///
    /// # Errors
    /// When there is no such agent.
    pub async fn agent_results(&self, id: &AgentId) -> Result<Vec<AgentResult>, Refusal> {
        let (of, now) = (id.clone(), clock::now());
        let found = self.world.read(move |state| core::agent_results(state, &of, now)).await?;
        found.ok_or_else(|| Refusal::new(RefusalCode::NotFound, format!("no agent {id}")))
    }

    /// # Errors
    /// When there is no such swarm.
    pub async fn results(&self, id: &SwarmId) -> Result<SwarmResults, Refusal> {
        let (of, now) = (id.clone(), clock::now());
        let results = self.world.read(move |state| core::swarm_results(state, &of, now)).await?;
        let results = results.ok_or_else(|| not_found("swarm", id.as_str()))?;
        Ok(SwarmResults { held: self.held(id).await?, ..results })
    }

    /// The same with what is in its agents' worktrees. One that cannot be looked at says why in
    /// place of its patch.
    ///
    /// # Errors
    /// When there is no such swarm.
    pub async fn results_with_diffs(&self, id: &SwarmId) -> Result<SwarmResults, Refusal> {
        let mut results = self.results(id).await?;
        let of = id.clone();
        let trees = self.world.read(move |state| {
            let agents = state.swarms.get(&of).into_iter().flat_map(|swarm| &swarm.agents);
            let trees =
                agents.filter_map(|id| Some((id.clone(), state.agents.get(id)?.worktree.clone()?)));
            trees.collect::<Vec<_>>()
        });
        for (agent, tree) in trees.await? {
            let patch = match tree.path.exists() {
                true => worktree::patch(&self.world, &tree).await,
                false => Err(anyhow::anyhow!("its worktree is gone")),
            };
            let patch = patch.unwrap_or_else(|error| format!("no diff: {error:#}\n"));
            results.diffs.insert(agent, patch);
        }
        Ok(results)
    }

    /// The same event; that of a swarm's end with what its agents made, as far as it is kept.
    pub async fn with_results(&self, mut record: EventRecord) -> EventRecord {
        if let (Event::SwarmEnded { results, .. }, Some(swarm)) = (&mut record.event, &record.swarm)
            && let Ok(mut made) = self.results(swarm).await
        {
            for result in made.results.iter_mut().filter_map(|row| row.result.as_mut()) {
                cut(&mut result.text);
                cut(&mut result.error);
            }
            *results = serde_json::to_value(made).ok().map(Box::new);
        }
        record
    }
}

fn cut(text: &mut String) {
    if text.len() > MAX_TEXT {
        text.truncate(text.floor_char_boundary(MAX_TEXT));
        text.push('…');
    }
}
