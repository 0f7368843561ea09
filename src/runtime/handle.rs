//! The runtime's handle: what the server may ask and do. Every client, person or model,
//! comes through here.

use super::{
    actor::Commit,
    approval::approvals,
    check,
    journal::Journal,
    launch::new_token,
    log::{LogFormat, LogStream, Tail},
    lookup::{all_agents, all_swarms, find_agent, find_swarm},
    outcome, worktree,
    world::{Order, Shared, leaving},
};
use crate::{
    config::Instance,
    core::{self, Draft, Input, Reply, State},
    model::{
        Actor, AgentId, AgentInfo, Approval, AttemptId, Command, EventRecord, Explanation, Item,
        Refusal, RefusalCode, SwarmId, SwarmInfo, SwarmResults, SwarmSpec,
    },
    protocol::{
        keeper::ScreenDump,
        rest::{DoctorReport, InputBody, Removed, Size, Ticket},
        stream::{Gauge, Snapshot},
    },
    sandbox,
    term::{keys, last_screen},
};
use std::{
    os::fd::BorrowedFd,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::sync::{broadcast, oneshot};

/// A keeper that does not answer in this time is stuck.
const ANSWER: Duration = Duration::from_secs(5);
/// Events that a new screen begins with.
const RECENT: usize = 200;

#[derive(Clone)]
pub struct Handle {
    pub(super) world: Shared,
    pub(super) journal: Journal,
    pub(super) commits: broadcast::Sender<Arc<Commit>>,
    pub(super) journal_full: Arc<AtomicBool>,
    /// On whose behalf.
    pub(super) actor: Actor,
}

/// A snapshot and everything after it.
pub struct Subscription {
    pub snapshot: Snapshot,
    pub commits: broadcast::Receiver<Arc<Commit>>,
    pub gauges: broadcast::Receiver<Arc<Vec<Gauge>>>,
}

fn not_found(what: &str, name: &str) -> Refusal {
    Refusal::new(RefusalCode::NotFound, format!("no {what} is called {name:?}"))
}

impl Handle {
    /// The same, for somebody else.
    #[must_use]
    pub fn acting(&self, actor: Actor) -> Self {
        Self { actor, ..self.clone() }
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

    /// # Errors
    /// When the core is leaving.
    pub async fn doctor(&self) -> Result<DoctorReport, Refusal> {
        Ok(super::doctor::report(&self.world).await)
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

    /// # Errors
    /// When there is no such swarm.
    pub async fn results(&self, id: &SwarmId) -> Result<SwarmResults, Refusal> {
        let (of, now) = (id.clone(), super::clock::now());
        let results = self.world.read(move |state| core::swarm_results(state, &of, now)).await?;
        results.ok_or_else(|| not_found("swarm", id.as_str()))
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
        let info = self.world.read(move |state| {
            let mut info = core::agent_info(state, &of)?;
            gauges.fill(&mut info);
            Some(info)
        });
        info.await?.ok_or_else(|| not_found("agent", id.as_str()))
    }

    /// # Errors
    /// When there is no such agent.
    pub async fn explain(&self, id: &AgentId) -> Result<Explanation, Refusal> {
        let (of, now) = (id.clone(), super::clock::now());
        let found = self.world.read(move |state| core::explanation(state, &of, now)).await?;
        found.map(|it| self.world.hosts.add_to(it)).ok_or_else(|| not_found("agent", id.as_str()))
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
        let reply =
            self.world.feed(Input::Request { by: self.actor.clone(), command, crew }).await?;
        Ok(reply.unwrap_or(Reply::Done))
    }

    /// # Errors
    /// When the request is refused.
    pub async fn create_swarm(&self, mut spec: SwarmSpec) -> Result<SwarmInfo, Refusal> {
        let crew = check::swarm(&self.world, &mut spec).await?;
        match self.request(Command::CreateSwarm { spec: Box::new(spec) }, crew).await? {
            Reply::Swarm(id) => self.swarm(&id).await,
            Reply::Agent(_) | Reply::Item(_) | Reply::Approval(_) | Reply::Done => Err(leaving()),
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
        Ok(spec)
    }

    /// The events that a request would have, none of which comes to pass.
    pub(super) async fn rehearse(
        &self,
        command: Command,
        crew: check::Crew,
    ) -> Result<Vec<Draft>, Refusal> {
        let (input, now) =
            (Input::Request { by: self.actor.clone(), command, crew }, super::clock::now());
        let decided = self.world.read(move |state| core::decide(state, now, input)).await?;
        decided.map(|decision| decision.events)
    }

    /// # Errors
    /// When the request is refused.
    pub async fn add_item(&self, swarm: SwarmId, text: String) -> Result<Item, Refusal> {
        match self.request(Command::AddItem { swarm, text }, Vec::new()).await? {
            Reply::Item(item) => Ok(*item),
            Reply::Swarm(_) | Reply::Agent(_) | Reply::Approval(_) | Reply::Done => Err(leaving()),
        }
    }

    /// # Errors
    /// When the request is refused.
    pub async fn change(&self, command: Command) -> Result<(), Refusal> {
        self.request(command, Vec::new()).await.map(|_| ())
    }

    /// Forgets a swarm that is over. Worktrees that hold work stay, and are named.
    ///
    /// # Errors
    /// When the request is refused.
    pub async fn remove_swarm(&self, swarm: SwarmId) -> Result<Removed, Refusal> {
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

    /// The attempt `number` of an agent, or its latest.
    ///
    /// # Errors
    /// When there is none.
    pub async fn attempt(
        &self,
        agent: &AgentId,
        number: Option<u32>,
    ) -> Result<AttemptId, Refusal> {
        let of = agent.clone();
        let found = self.world.read(move |state| {
            let agent = state.agents.get(&of)?;
            match number {
                Some(n) => Some(agent.id.attempt(n)).filter(|id| state.attempts.contains_key(id)),
                None => agent.latest.clone(),
            }
        });
        found.await?.ok_or_else(|| {
            let what = number.map_or("no attempt yet".to_owned(), |n| format!("no attempt {n}"));
            Refusal::new(RefusalCode::NotFound, format!("agent {agent} has {what}"))
        })
    }

    /// The screen of an attempt: live from its keeper, else as it was at its end, or as far
    /// as it is recorded.
    ///
    /// # Errors
    /// When there is neither.
    pub async fn screen(&self, attempt: &AttemptId) -> Result<ScreenDump, Refusal> {
        if let Some(keeper) = self.world.keeper(attempt) {
            let (done, screen) = oneshot::channel();
            if keeper.send(Order::Screen(done)).await.is_ok()
                && let Ok(Ok(screen)) = tokio::time::timeout(ANSWER, screen).await
            {
                return Ok(screen);
            }
        }
        if let Some(record) = outcome::exit_record(&self.world.instance, attempt) {
            return Ok(record.screen);
        }
        // Its keeper was killed: what it recorded until then is drawn.
        let dir = self.world.instance.attempt_dir(attempt);
        let drawn = tokio::task::spawn_blocking(move || last_screen(&dir)).await;
        drawn.ok().and_then(Result::ok).ok_or_else(|| {
            Refusal::new(RefusalCode::Conflict, format!("attempt {attempt} has no screen"))
                .hinted("its keeper does not answer; the log is still there")
        })
    }

    /// The recording of an attempt (of the latest where no number is given) as a stream of
    /// bytes; with `follow` until the attempt is over, also where it has yet to begin.
    ///
    /// # Errors
    /// When there is no recording, and none to come.
    pub async fn log(
        &self,
        agent: &AgentId,
        number: Option<u32>,
        format: LogFormat,
        follow: bool,
    ) -> Result<LogStream, Refusal> {
        let bytes = self.world.gauges.watch_bytes(agent);
        let (_, commits) = self.follow().await?;
        let found = self.attempt(agent, number).await;
        if follow {
            let (of, id) = (agent.clone(), found.as_ref().ok().cloned());
            let to_come = self.world.read(move |state| match &id {
                Some(id) => state.attempts.get(id).is_some_and(|a| a.ended_at.is_none()),
                None if number.is_some() => false,
                None => state.agents.get(&of).is_some_and(|agent| !agent.state.is_final()),
            });
            if to_come.await? {
                let (world, agent) = (self.world.clone(), agent.clone());
                let tail = Tail { world, agent, attempt: found.ok(), bytes, commits };
                return Ok(super::log::follow(format, tail));
            }
        }
        super::log::stream(self.world.instance.attempt_dir(&found?), format)
    }

    async fn order(&self, agent: &AgentId, order: Order) -> Result<AttemptId, Refusal> {
        let attempt = self.attempt(agent, None).await?;
        let over = || {
            let why = format!("agent {agent} does not run");
            Refusal::new(RefusalCode::Conflict, why).hinted(format!("dash agent show {agent}"))
        };
        let keeper = self.world.keeper(&attempt).ok_or_else(over)?;
        keeper.send(order).await.map_err(|_| over())?;
        Ok(attempt)
    }

    /// Types into an agent's terminal.
    ///
    /// # Errors
    /// When it does not run, or a key has no such name.
    pub async fn input(&self, agent: &AgentId, body: InputBody) -> Result<(), Refusal> {
        let mut bytes = body.text.into_bytes();
        for key in &body.keys {
            let encoded = keys::encode(key, false)
                .map_err(|error| Refusal::new(RefusalCode::Invalid, error.to_string()))?;
            bytes.extend(encoded);
        }
        if body.enter {
            bytes.push(b'\r');
        }
        if bytes.is_empty() {
            let why = "nothing to type: no text, no keys, no enter";
            return Err(Refusal::new(RefusalCode::Invalid, why));
        }
        let typed = bytes.len() as u64;
        self.order(agent, Order::Input(bytes)).await?;
        let (by, agent) = (self.actor.clone(), agent.clone());
        self.world.tell(Input::Typed { by, agent, bytes: typed }).await;
        Ok(())
    }

    /// # Errors
    /// When the agent does not run.
    pub async fn resize(&self, agent: &AgentId, size: Size) -> Result<(), Refusal> {
        self.order(agent, Order::Resize { cols: size.cols, rows: size.rows }).await.map(|_| ())
    }

    /// Leave for one viewer to connect to the keeper directly.
    ///
    /// # Errors
    /// When the agent does not run.
    pub async fn ticket(&self, agent: &AgentId, read_only: bool) -> Result<Ticket, Refusal> {
        let ticket =
            new_token().map_err(|error| Refusal::new(RefusalCode::Internal, error.to_string()))?;
        let (done, told) = oneshot::channel();
        let order = Order::Ticket { ticket: ticket.clone(), read_only, done };
        let attempt = self.order(agent, order).await?;
        let stuck =
            || Refusal::new(RefusalCode::Conflict, format!("{agent}'s keeper does not answer"));
        tokio::time::timeout(ANSWER, told).await.map_err(|_| stuck())?.map_err(|_| stuck())?;
        Ok(Ticket { socket: self.world.instance.keeper_socket(&attempt), ticket })
    }

    /// A snapshot and all that is committed after it, taken atomically.
    ///
    /// # Errors
    /// When the core is leaving.
    pub async fn subscribe(&self) -> Result<Subscription, Refusal> {
        let (commits, gauges) = (self.commits.clone(), self.world.gauges.clone());
        let (mut snapshot, commits) = self
            .world
            .read(move |state| {
                let snapshot = Snapshot {
                    seq: state.seq,
                    version: env!("CARGO_PKG_VERSION").to_owned(),
                    swarms: all_swarms(state),
                    agents: all_agents(state, None, &gauges),
                    approvals: approvals(state, Approval::is_open),
                    recent: Vec::new(),
                };
                (snapshot, commits.subscribe())
            })
            .await?;
        let mut recent = self.events(snapshot.seq.saturating_sub(RECENT as u64), RECENT).await?;
        recent.retain(|record| record.seq <= snapshot.seq);
        snapshot.recent = recent;
        Ok(Subscription { snapshot, commits, gauges: self.world.gauges.subscribe() })
    }

    /// Commits from now on, with the number of the last event before them.
    ///
    /// # Errors
    /// When the core is leaving.
    pub async fn follow(&self) -> Result<(u64, broadcast::Receiver<Arc<Commit>>), Refusal> {
        let commits = self.commits.clone();
        self.world.read(move |state| (state.seq, commits.subscribe())).await
    }

    /// Fails where events after `since` are no longer kept.
    ///
    /// # Errors
    /// When they are gone, or the journal cannot be read.
    pub async fn still_has(&self, since: u64) -> Result<(), Refusal> {
        let journal = self.journal.clone();
        let oldest = tokio::task::spawn_blocking(move || journal.oldest()).await;
        match oldest {
            Ok(Ok(Some(oldest))) if since + 1 < oldest => {
                let why = format!("events up to {} are no longer kept", oldest - 1);
                Err(Refusal::new(RefusalCode::Gone, why)
                    .hinted(format!("the oldest that can be had: --since {}", oldest - 1)))
            }
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(Refusal::new(RefusalCode::Internal, error.to_string())),
            Err(error) => Err(Refusal::new(RefusalCode::Internal, error.to_string())),
        }
    }

    /// At most `limit` events after `since`, from the journal.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn events(&self, since: u64, limit: usize) -> Result<Vec<EventRecord>, Refusal> {
        let journal = self.journal.clone();
        let read = tokio::task::spawn_blocking(move || journal.read(since, limit)).await;
        match read {
            Ok(Ok(events)) => Ok(events),
            Ok(Err(error)) => Err(Refusal::new(RefusalCode::Internal, error.to_string())),
            Err(error) => Err(Refusal::new(RefusalCode::Internal, error.to_string())),
        }
    }
}
