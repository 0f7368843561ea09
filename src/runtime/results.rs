//! What an agent made of its items, for whoever spawned it.

use super::{clock, handle::Handle};
use crate::{
    core,
    model::{AgentId, AgentResult, Refusal, RefusalCode},
};

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
}
