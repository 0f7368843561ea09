//! Where the core meets the world: the actor and its journal, effects, timers, keepers,
//! adoption, git, the gateway's ledger. [`start`] brings a core up; [`Handle`] is what the
//! server may do with it.

mod above;
mod actor;
mod adapters;
mod adopt;
mod approval;
mod attempt;
mod audit;
mod broker;
mod budget;
mod calls;
mod check;
mod clock;
mod confine;
mod crowd;
mod doctor;
mod egress;
mod environment;
mod failpoint;
mod fill;
mod follow;
mod gauges;
mod handle;
mod held;
mod history;
mod host;
mod in_force;
mod journal;
mod launch;
mod ledger;
mod lend;
mod limits;
mod link;
mod log;
mod looked;
mod lookup;
mod machine;
mod notify;
mod nursery;
mod only;
mod outcome;
mod policy;
mod prompt;
mod providers;
mod pulse;
mod repriced;
mod results;
mod resume;
mod scope;
mod shims;
mod spawn;
mod stall;
mod terminal;
mod worktree;
mod world;

pub use actor::Commit;
pub use approval::{Asking, Ruling};
pub use follow::Subscription;
pub use handle::Handle;
pub use journal::AuditQuery;
pub use log::LogFormat;
pub use world::AgentListener;

use crate::{
    agents::Catalog,
    config::{Config, Instance, PolicyFiles, PriceFiles},
    core::{Effect, Input, Limits, recover},
    gateway::Gateway,
    model::{self, AttemptId},
};
use actor::{Actor, COMMITS, Message, QUEUE};
use anyhow::Context;
use journal::Anchor;
use std::{
    collections::{BTreeSet, HashMap},
    path::PathBuf,
    sync::{Arc, Mutex, OnceLock, atomic::AtomicBool},
    time::Duration,
};
use tokio::sync::{Semaphore, broadcast, mpsc, oneshot, watch};
use world::{Order, Shared, World};

/// Effects that may wait to be run.
const EFFECTS: usize = 4096;
/// Launches under way at once.
const LAUNCHES: usize = 4;
/// A journal that takes longer to write its first event is full.
const START: Duration = Duration::from_secs(1);
/// Agents' own sockets that may wait to be served.
const LISTENERS: usize = 2048;
/// A keeper that takes longer to hear goodbye is left to find out by itself.
const GOODBYE: Duration = Duration::from_secs(2);

/// What a core is started with.
pub struct Options {
    pub instance: Instance,
    pub config: Config,
    /// The core's own environment: keys are read from it, agents inherit from it.
    pub environment: Vec<(String, String)>,
    /// The user's directory of adapters.
    pub adapters: Option<PathBuf>,
    /// Where the rules on commands come from.
    pub policy: PolicyFiles,
    /// Where prices come from, beside those that are built in.
    pub prices: PriceFiles,
    pub dash: PathBuf,
}

/// A core that runs.
pub struct Runtime {
    pub handle: Handle,
    pub agent_listeners: mpsc::Receiver<AgentListener>,
    inbox: mpsc::Sender<Message>,
    actor: tokio::task::JoinHandle<Result<(), journal::JournalError>>,
    anchor: Arc<Anchor>,
}

/// Opens the journal, adopts what runs, launches what was decided and not yet done. The
/// caller holds the instance's lock.
///
/// # Errors
/// When the journal cannot be opened or written, or the configuration cannot be used.
pub async fn start(options: Options) -> anyhow::Result<Runtime> {
    let Options { instance, config, environment, adapters, policy, prices, dash } = options;
    let path = instance.journal();
    let kept = config.core.events_kept;
    let anchor = Arc::new(Anchor::beside(&instance.state));
    let beside = anchor.clone();
    let opened = tokio::task::spawn_blocking(move || {
        let (journal, state) = journal::Journal::open(&path, kept)?;
        let misfit = beside.compare(&journal)?;
        Ok::<_, journal::JournalError>((journal, state, misfit))
    });
    let (journal, state, misfit) = opened.await?.context("opening the journal")?;
    let catalog = Catalog::load(adapters.as_deref());
    for problem in catalog.problems() {
        tracing::warn!("{problem}");
    }
    let policies = policy::Policies::new(policy);
    if let Err(error) = policies.judge(std::path::Path::new("/")) {
        tracing::warn!("no agent is started until it is mended: {error}");
    }
    let epoch = state.epoch + 1;
    let limits = Limits { attempts: config.agents.max, breaker: config.delegation.breaker.limit() };
    let (inbox, messages) = mpsc::channel(QUEUE);
    let (effects, todo) = mpsc::channel(EFFECTS);
    let (commits, _) = broadcast::channel(COMMITS);
    let (listeners, agent_listeners) = mpsc::channel(LISTENERS);
    let journal_full = Arc::new(AtomicBool::new(false));
    let gauges = gauges::Gauges::new();
    let beside = adapters.as_deref().and_then(std::path::Path::parent);
    let file = beside.map(|dir| dir.join("config.toml"));
    let world: Shared = Arc::new(World {
        instance,
        lending: lend::Lending::new(file, &config),
        adapters,
        policies,
        prices: prices.clone(),
        catalog: Mutex::new(Arc::new(catalog)),
        dash,
        epoch,
        gauges: gauges.clone(),
        inbox: inbox.clone(),
        commits: commits.clone(),
        gateway: OnceLock::new(),
        agent_listeners: listeners,
        keepers: Mutex::new(HashMap::new()),
        left: watch::Sender::new(()),
        lookers: Arc::default(),
        launches: Semaphore::new(LAUNCHES),
        nursery: nursery::Nursery::default(),
        config,
        environment,
        abilities: OnceLock::new(),
        ground: OnceLock::new(),
        found: Mutex::default(),
        listening: Mutex::default(),
        author: OnceLock::new(),
        hosts: host::Hosts::default(),
        answering: Mutex::default(),
        money: Arc::default(),
        calls: calls::Calls::default(),
    });
    let ledger = ledger::CoreLedger::new(inbox.clone(), world.money.clone(), world.calls.clone());
    let ledger = Arc::new(ledger);
    let works = state.swarms.values().any(|swarm| !swarm.state.is_final());
    let before = if works { providers::read(&world.instance) } else { Vec::new() };
    let gateway = Gateway::after(&world.config, &world.environment, &before, prices, ledger)?
        .with_egress(Arc::new(egress::WayOut::new(Arc::downgrade(&world))));
    for problem in gateway.problems() {
        tracing::warn!("{problem}");
    }
    if let Err(error) = providers::write(&world.instance, &gateway.remembered()) {
        // A full disk must not keep agents from being adopted.
        tracing::warn!(%error, "a later core will not know this one's providers");
    }
    if world.gateway.set(gateway).is_err() {
        anyhow::bail!("the gateway was set twice");
    }

    let live: Vec<AttemptId> = state.live_attempts().map(|attempt| attempt.id.clone()).collect();
    let hosts = live.iter().filter_map(|attempt| host::of(&world.instance, attempt));
    let known: BTreeSet<AttemptId> = state.attempts.keys().cloned().chain(hosts).collect();
    let again = recover(&state);
    adopt::stop_strangers(&world.instance, &known);
    if state.seq == 0 {
        adopt::set_aside(&world.instance).await.context("making room for new attempts")?;
    }
    let actor = Actor::new(
        state,
        journal.clone(),
        limits,
        commits.clone(),
        effects.clone(),
        journal_full.clone(),
        gauges.clone(),
    );
    // Held, it would keep the actor's own inbox open.
    let around = Arc::downgrade(&world);
    let look = move || around.upgrade().map(|world| machine::look(&world)).unwrap_or_default();
    let actor = tokio::spawn(actor.looking(Box::new(look)).run(messages));
    if let Some(dir) = world.adapters.as_deref().and_then(|adapters| adapters.parent()) {
        // There before any agent could make it: then it is known as Dash's own. Where it cannot
        // be made no agent can make it either.
        let _ = std::fs::create_dir_all(dir);
    }
    tokio::spawn(gauges.run());
    tokio::spawn(crowd::watch(Arc::downgrade(&world)));
    tokio::spawn(stall::watch(Arc::downgrade(&world)));
    tokio::spawn(adapters::watch(Arc::downgrade(&world)));
    tokio::spawn(repriced::watch(Arc::downgrade(&world)));
    // It takes some hundredths of a second, and the first swarm would have to wait for it.
    let trying = world.clone();
    tokio::task::spawn_blocking(move || {
        trying.abilities();
        launch::author(&trying);
    });
    tokio::spawn(run_effects(world.clone(), todo));
    tokio::spawn(anchor.clone().keep(journal.heads()));
    if let Some(misfit) = misfit {
        tracing::error!(row = ?misfit.detail, "the audit does not end as it was left");
        // First of all: its place in the chain tells what is missing.
        world.tell(Input::Note(Box::new(misfit))).await;
    }
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let begun = world.feed(Input::Start { epoch, pid: std::process::id(), version });
    // With a full disk it is journaled once there is room: reads are served meanwhile.
    if let Ok(begun) = tokio::time::timeout(START, begun).await {
        begun?;
    }
    for attempt in live {
        attempt::spawn(&world, attempt);
    }
    for effect in again {
        match effect {
            Effect::SetTimer { at, timer } => {
                let set = Message::Timer { at, timer };
                if inbox.send(set).await.is_err() {
                    anyhow::bail!("the actor is gone");
                }
            }
            Effect::Launch { .. } => {}
            Effect::Stop { .. }
            | Effect::Hold { .. }
            | Effect::Forget { .. }
            | Effect::Notify { .. }
            | Effect::GoOn { .. }
            | Effect::AnswerPrompt { .. } => effects.send(effect).await?,
        }
    }
    let handle =
        Handle { world, journal, commits, journal_full, actor: model::Actor::Core, once: None };
    notify::begin(&handle);
    Ok(Runtime { handle, agent_listeners, inbox, actor, anchor })
}

async fn run_effects(world: Shared, mut todo: mpsc::Receiver<Effect>) {
    while let Some(effect) = todo.recv().await {
        match effect {
            Effect::Launch { attempt } => attempt::spawn(&world, attempt),
            Effect::Stop { attempt } => order(&world, attempt, Order::Stop),
            Effect::Hold { attempt } => order(&world, attempt, Order::Hold),
            Effect::GoOn { attempt } => order(&world, attempt, Order::GoOn),
            Effect::Forget { swarm, agents, attempts } => {
                world.gauges.forget(|agent| agents.contains(agent));
                world.calls.forget(&attempts);
                let world = world.clone();
                tokio::spawn(async move {
                    // There is one only where something was written down of it.
                    let _ = tokio::fs::remove_dir_all(world.instance.swarm_dir(&swarm)).await;
                    for attempt in attempts {
                        let dir = world.instance.attempt_dir(&attempt);
                        if let Err(error) = tokio::fs::remove_dir_all(&dir).await {
                            tracing::warn!(%error, path = %dir.display(), "not removed");
                        }
                    }
                });
            }
            Effect::Notify { approval } => {
                let world = world.clone();
                tokio::spawn(async move { approval::notify(&world, approval).await });
            }
            Effect::AnswerPrompt { attempt, approval, verdict } => {
                let world = world.clone();
                tokio::spawn(async move {
                    prompt::answer(&world, attempt, approval, verdict).await;
                });
            }
            // Timers are the actor's own.
            Effect::SetTimer { .. } => {}
        }
    }
}

fn order(world: &Shared, attempt: AttemptId, order: Order) {
    let world = world.clone();
    tokio::spawn(async move {
        if let Some(keeper) = world.keeper(&attempt) {
            // It ended in the meantime when this fails.
            let _ = keeper.send(order).await;
        }
    });
}

impl Runtime {
    /// Leaves on purpose: keepers are told, agents run on, the journal gets a snapshot.
    pub async fn leave(self) {
        let keepers: Vec<_> = self.handle.world.keepers().values().cloned().collect();
        let goodbye = async {
            let mut told = Vec::new();
            for keeper in keepers {
                let (done, wait) = oneshot::channel();
                if keeper.send(Order::Goodbye(done)).await.is_ok() {
                    told.push(wait);
                }
            }
            for wait in told {
                // A keeper that ended meanwhile needs no goodbye.
                let _ = wait.await;
            }
        };
        if tokio::time::timeout(GOODBYE, goodbye).await.is_err() {
            tracing::warn!("not every keeper heard goodbye");
        }
        let (done, closed) = oneshot::channel();
        if self.inbox.send(Message::Close(done)).await.is_ok() {
            let _ = closed.await;
        }
        if let Ok(Err(error)) = self.actor.await {
            tracing::error!(%error, "the journal");
        }
        let (anchor, head) = (self.anchor, self.handle.journal.head());
        let written = tokio::task::spawn_blocking(move || anchor.write(&head)).await;
        if let Ok(Err(error)) = written {
            tracing::warn!(%error, "the end of the audit is not noted down");
        }
    }
}
