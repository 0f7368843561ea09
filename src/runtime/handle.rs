//! The runtime's handle: what the server may ask and do. Every client, person or model,
//! comes through here.

use super::{
    actor::Commit,
    budget, check, held,
    in_force::Asked,
    journal::Journal,
    limits,
    lookup::{all_agents, all_swarms, find_agent, find_swarm},
    worktree,
    world::{Shared, leaving},
};
use crate::{
    config::Instance,
    core::{self, Draft, Input, Reply, State},
    model::{
        Actor, AgentId, AgentInfo, Command, Explanation, HeldFiles, Item, Limits, Once, Refusal,
        RefusalCode, Scope, SwarmId, SwarmInfo, SwarmSpec,
    },
    protocol::rest::{DoctorReport, Removed},
    sandbox,
};
use std::{
    os::fd::BorrowedFd,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::sync::broadcast;

#[derive(Clone)]
pub struct Handle {
    pub(super) world: Shared,
    pub(super) journal: Journal,
    pub(super) commits: broadcast::Sender<Arc<Commit>>,
    pub(super) journal_full: Arc<AtomicBool>,
    /// On whose behalf.
    pub(super) actor: Actor,
    /// The name of the request that it carries out.
    pub(super) once: Option<Once>,
}

pub(super) fn not_found(what: &str, name: &str) -> Refusal {
    Refusal::new(RefusalCode::NotFound, format!("no {what} is called {name:?}"))
}

impl Handle {
    /// The same, for somebody else.
    #[must_use]
    pub fn acting(&self, actor: Actor) -> Self {
        Self { actor, ..self.clone() }
    }

    /// The same, for a request that has a name: what was made under it is not made again.
    #[must_use]
    pub fn named(&self, once: Option<Once>) -> Self {
        Self { once, ..self.clone() }
    }

    /// Whom it speaks for.
    pub fn acting_for(&self) -> &Actor {
        &self.actor
    }

    pub fn epoch(&self) -> u64 {
        self.world.epoch
    }

    pub fn journal_full(&self) -> bool {
        self.journal_full.load(Ordering::Relaxed)
    }

    pub fn instance(&self) -> &Instance {
        &self.world.instance
    }

    /// True if who connected `stream` belongs to an agent of any core, or cannot be resolved.
    pub fn is_agent(&self, stream: BorrowedFd<'_>) -> bool {
        sandbox::peer_is_agent(stream)
    }

    /// Attempts with a keeper, or about to have one.
    pub fn running(&self) -> u32 {
        u32::try_from(self.world.keepers().len()).unwrap_or(u32::MAX)
    }

    /// True when nothing runs and nothing is due to run.
    ///
    /// # Errors
    /// When the core is leaving.
    pub async fn is_idle(&self) -> Result<bool, Refusal> {
        let busy = |state: &State| state.swarms.values().any(|swarm| !swarm.state.is_final());
        Ok(!self.world.read(busy).await? && self.running() == 0)
    }

    /// Resolves once nothing runs and nothing is due to run; at once where that is so.
    ///
    /// # Errors
    /// When the core is leaving.
    pub async fn until_idle(&self) -> Result<(), Refusal> {
        // Both from before the first look. An attempt's task ends after its last commit, so
        // that commits alone would not tell.
        let mut left = self.world.left.subscribe();
        let (_, mut commits) = self.follow().await?;
        while !self.is_idle().await? {
            tokio::select! {
                // A lag is as good as a commit: something happened.
                commit = commits.recv() => {
                    if matches!(commit, Err(broadcast::error::RecvError::Closed)) {
                        return Err(leaving());
                    }
                }
                _ = left.changed() => {}
            }
        }
        Ok(())
    }

    /// `path`: the PATH of whoever asks; the core's own where it is not said.
    pub async fn doctor(&self, path: Option<String>) -> DoctorReport {
        super::doctor::report(&self.world, path).await
    }

    /// The id of a swarm by id or name.
    ///
    /// # Errors
    /// When there is none.
    pub async fn swarm_id(&self, name: &str) -> Result<SwarmId, Refusal> {
        let wanted = name.to_owned();
        let found = self.world.read(move |state| find_swarm(state, &wanted)).await?;
        found.ok_or_else(|| not_found("swarm", name).hinted("dash swarm list"))
    }

    /// The id of an agent by id or name.
    ///
    /// # Errors
    /// When there is none.
    pub async fn agent_id(&self, name: &str) -> Result<AgentId, Refusal> {
        let wanted = name.to_owned();
        let found = self.world.read(move |state| find_agent(state, &wanted)).await?;
        found.ok_or_else(|| not_found("agent", name).hinted("dash agent list"))
    }

    /// # Errors
    /// When the core is leaving.
    pub async fn swarms(&self) -> Result<Vec<SwarmInfo>, Refusal> {
        self.world.read(all_swarms).await
    }

    /// # Errors
    /// When there is no such swarm.
    pub async fn swarm(&self, id: &SwarmId) -> Result<SwarmInfo, Refusal> {
        let of = id.clone();
        let info = self.world.read(move |state| core::swarm_info(state, &of)).await?;
        info.ok_or_else(|| not_found("swarm", id.as_str()))
    }

    /// Agents of one swarm or of all, in the order of their making.
    ///
    /// # Errors
    /// When the core is leaving.
    pub async fn agents(&self, swarm: Option<SwarmId>) -> Result<Vec<AgentInfo>, Refusal> {
        let gauges = self.world.gauges.clone();
        self.world.read(move |state| all_agents(state, swarm.as_ref(), &gauges)).await
    }

    /// # Errors
    /// When there is no such agent.
    pub async fn agent(&self, id: &AgentId) -> Result<AgentInfo, Refusal> {
        let (of, gauges) = (id.clone(), self.world.gauges.clone());
        let found = self.world.read(move |state| {
            let mut info = core::agent_info(state, &of)?;
            gauges.fill(&mut info);
            let asked = Asked::of(state, &of, &mut info);
            Some((info, asked))
        });
        let (mut info, asked) = found.await?.ok_or_else(|| not_found("agent", id.as_str()))?;
        if let Some(asked) = asked {
            let world = self.world.clone();
            let look = move || (asked.in_force(&world), asked.version(&world));
            if let Ok(((limits, lent), version)) = tokio::task::spawn_blocking(look).await {
                (info.limits, info.lent, info.version) = (Some(limits), lent, version);
            }
        }
        Ok(info)
    }

    /// # Errors
    /// When there is no such agent.
    pub async fn explain(&self, id: &AgentId) -> Result<Explanation, Refusal> {
        let (of, now) = (id.clone(), super::clock::now());
        let found = self.world.read(move |state| {
            let agent = state.agents.get(&of)?;
            let attempt = (agent.latest.clone(), agent.current.is_none());
            Some((core::explanation(state, &of, now)?, attempt))
        });
        let (told, (attempt, over)) =
            found.await?.ok_or_else(|| not_found("agent", id.as_str()))?;
        let told = self.world.calls.add_to(told, attempt.as_ref(), over);
        Ok(self.world.hosts.add_to(told))
    }

    /// # Errors
    /// When there is no such swarm.
    pub async fn items(&self, swarm: &SwarmId) -> Result<Vec<Item>, Refusal> {
        let of = swarm.clone();
        let items = self.world.read(move |state| Some(state.swarms.get(&of)?.items.clone()));
        items.await?.ok_or_else(|| not_found("swarm", swarm.as_str()))
    }

    pub(super) async fn request(
        &self,
        command: Command,
        crew: check::Crew,
    ) -> Result<Reply, Refusal> {
        let (by, once) = (self.actor.clone(), self.once.clone());
        let reply = self.world.feed(Input::Request { by, command, crew, once }).await?;
        Ok(reply.unwrap_or(Reply::Done))
    }

    /// # Errors
    /// When the request is refused.
    pub async fn create_swarm(&self, mut spec: SwarmSpec) -> Result<SwarmInfo, Refusal> {
        let crew = check::swarm(&self.world, &mut spec).await?;
        let warnings = budget::warnings(&self.world, &spec, &crew).await;
        match self.request(Command::CreateSwarm { spec: Box::new(spec) }, crew).await? {
            Reply::Swarm(id) => Ok(SwarmInfo { warnings, ..self.swarm(&id).await? }),
            _ => Err(leaving()),
        }
    }

    /// What [`Self::create_swarm`] would make of this, with the scope that its agents would
    /// have; nothing is made.
    ///
    /// # Errors
    /// As there.
    pub async fn rehearse_swarm(&self, mut spec: SwarmSpec) -> Result<SwarmSpec, Refusal> {
        let crew = check::swarm(&self.world, &mut spec).await?;
        self.rehearse(Command::CreateSwarm { spec: Box::new(spec.clone()) }, crew).await?;
        let strict = spec.granted.as_ref().is_some_and(Scope::is_strict);
        spec.limits = Some(self.limits_for(spec.limits, strict));
        Ok(spec)
    }

    /// What an agent that asks for so much is held to.
    pub(super) fn limits_for(&self, asked: Option<Limits>, strict: bool) -> Limits {
        limits::with_defaults(asked.unwrap_or_default(), strict, &self.world.config.limits)
    }

    /// The events that a request would have, none of which comes to pass.
    pub(super) async fn rehearse(
        &self,
        command: Command,
        crew: check::Crew,
    ) -> Result<Vec<Draft>, Refusal> {
        let (by, now) = (self.actor.clone(), super::clock::now());
        let input = Input::Request { by, command, crew, once: None };
        let decided = self.world.read(move |state| core::decide(state, now, input)).await?;
        decided.map(|decision| decision.events)
    }

    /// # Errors
    /// When the request is refused.
    pub async fn add_item(&self, swarm: SwarmId, text: String) -> Result<Item, Refusal> {
        match self.request(Command::AddItem { swarm, text }, Vec::new()).await? {
            Reply::Item(item) => Ok(*item),
            _ => Err(leaving()),
        }
    }

    /// Takes items out of a queue, or puts them back: those that were changed.
    ///
    /// # Errors
    /// When the request is refused.
    pub async fn change_items(&self, command: Command) -> Result<Vec<u32>, Refusal> {
        match self.request(command, Vec::new()).await? {
            Reply::Items(items) => Ok(items),
            _ => Err(leaving()),
        }
    }

    /// # Errors
    /// When the request is refused.
    pub async fn change(&self, command: Command) -> Result<(), Refusal> {
        self.request(command, Vec::new()).await.map(|_| ())
    }

    /// Forgets a swarm that is over. Worktrees that hold work stay, and are named. Files of its
    /// scope that are held are deleted only by `force`: some may be all that there is of them.
    ///
    /// # Errors
    /// When the request is refused.
    pub async fn remove_swarm(&self, swarm: SwarmId, force: bool) -> Result<Removed, Refusal> {
        if !force {
            self.holds_nothing(&swarm).await?;
        }
        let of = swarm.clone();
        let trees = self.world.read(move |state| {
            let agents = state.swarms.get(&of).into_iter().flat_map(|swarm| &swarm.agents);
            let trees = agents.filter_map(|id| state.agents.get(id)?.worktree.clone());
            trees.collect::<Vec<_>>()
        });
        let trees = trees.await?;
        self.change(Command::RemoveSwarm { swarm }).await?;
        let mut removed = Removed::default();
        for tree in &trees {
            removed.kept.extend(worktree::forget(&self.world, tree).await);
        }
        Ok(removed)
    }

    /// What the attempts of a swarm left that is held.
    pub(super) async fn held(&self, swarm: &SwarmId) -> Result<Vec<HeldFiles>, Refusal> {
        let of = swarm.clone();
        let attempts = self.world.read(move |state| {
            let attempts = state.attempts.values().filter(|attempt| attempt.swarm == of);
            attempts.map(|attempt| attempt.id.clone()).collect::<Vec<_>>()
        });
        let places = attempts.await?.into_iter().map(|attempt| held::place(&self.world, &attempt));
        let counted = places.map(|place| {
            let count = std::fs::read_dir(&place).map_or(0, Iterator::count);
            HeldFiles { place, count }
        });
        Ok(counted.filter(|held| held.count > 0).collect())
    }

    async fn holds_nothing(&self, swarm: &SwarmId) -> Result<(), Refusal> {
        let held = self.held(swarm).await?;
        if held.is_empty() {
            return Ok(());
        }
        let name = self.swarm(swarm).await?.name;
        let each = held.iter().map(|held| format!("{} in {}", held.count, held.place.display()));
        let each = each.collect::<Vec<_>>().join(", ");
        let why = format!("swarm {name} holds files that were moved out of its scope: {each}");
        let hint = "move back what you need";
        Err(Refusal::new(RefusalCode::Conflict, why)
            .hinted(format!("{hint}; `dash swarm rm --force {name}` deletes them")))
    }
}
