//! What every part of the runtime shares: paths, configuration, the way to the actor.

use super::{
    actor::{Commit, Message},
    calls::Calls,
    gauges::Gauges,
    host::Hosts,
    lend::Lending,
    nursery::Nursery,
    policy::Policies,
};
use crate::{
    agents::Catalog,
    config::{Config, Instance, PriceFiles},
    core::{Input, Reply, State},
    gateway::Gateway,
    model::{AgentId, ApprovalId, AttemptId, Ground, Refusal, RefusalCode, SwarmId},
    protocol::keeper::ScreenDump,
    sandbox::{Abilities, Found},
};
use std::{
    collections::{HashMap, HashSet},
    os::unix::net::UnixListener,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};
use tokio::sync::{Notify, Semaphore, broadcast, mpsc, oneshot, watch};

/// An order to a keeper, by way of the task that holds its connection.
pub enum Order {
    Stop,
    /// Text as if it were pasted, then keys.
    Type {
        text: String,
        then: Vec<u8>,
    },
    /// Keys that answer a permission prompt, while it is shown.
    Answer {
        approval: ApprovalId,
        seen: Seen,
        /// Of that screen: what the prompt shows.
        rows: Vec<String>,
        keys: Vec<u8>,
        done: oneshot::Sender<Typed>,
    },
    /// What makes it go on with a turn that was refused, if that is still to be typed.
    GoOn,
    /// That prompt was answered, and still one is shown: asks anew.
    AskAgain {
        approval: ApprovalId,
    },
    /// What a hook of the agent's own told; `done` once it is taken in.
    Hook {
        event: serde_json::Value,
        done: oneshot::Sender<()>,
    },
    Resize {
        cols: u16,
        rows: u16,
    },
    Ticket {
        ticket: String,
        read_only: bool,
        done: oneshot::Sender<()>,
    },
    Screen(oneshot::Sender<Seen>),
    /// On what its broker holds.
    Verdict {
        id: u64,
        allow: bool,
        why: String,
    },
    /// To hold its processes or to let them go on, whichever the state says by now.
    Hold,
    /// The machine has gained processes, perhaps by this attempt.
    Look,
    /// Adapters were read anew, and some are others now.
    Rules,
    /// The core leaves on purpose.
    Goodbye(oneshot::Sender<()>),
}

/// What an order says to whoever has no agent's terminal at hand: before a launch, after the
/// end, in a process that is nobody's.
pub enum Heard {
    Stop,
    Hold,
    Verdict {
        id: u64,
        allow: bool,
        why: String,
    },
    Goodbye(oneshot::Sender<()>),
    /// It is about a terminal. Who waits for an answer hears by its end that there is none.
    Nothing,
}

impl Order {
    pub fn heard(self) -> Heard {
        match self {
            Self::Stop => Heard::Stop,
            Self::Hold => Heard::Hold,
            Self::Verdict { id, allow, why } => Heard::Verdict { id, allow, why },
            Self::Goodbye(done) => Heard::Goodbye(done),
            Self::Type { .. }
            | Self::Answer { .. }
            | Self::AskAgain { .. }
            | Self::GoOn
            | Self::Hook { .. }
            | Self::Resize { .. }
            | Self::Ticket { .. }
            | Self::Screen(_)
            | Self::Rules
            | Self::Look => Heard::Nothing,
        }
    }
}

/// A screen, and how much was typed when it was so.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub screen: ScreenDump,
    pub activity: u64,
}

/// What came of an answer to a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typed {
    Yes,
    /// Something happened meanwhile: look again.
    NotYet,
    /// That prompt is not shown any more.
    Gone,
}

/// Orders that may wait for one keeper.
pub const ORDERS: usize = 64;

/// An attempt's own socket, as the keeper handed it over.
pub struct AgentListener {
    pub agent: AgentId,
    pub attempt: AttemptId,
    /// The attempt's own, asked of whoever comes.
    pub token: String,
    pub listener: UnixListener,
    /// Resolves when the attempt is over.
    pub until: oneshot::Receiver<()>,
}

/// In which directories, for which swarm.
pub type Looked = (SwarmId, Vec<PathBuf>);

pub struct World {
    pub instance: Instance,
    pub config: Config,
    /// The user's directory of adapters.
    pub adapters: Option<PathBuf>,
    pub policies: Policies,
    pub lending: Lending,
    pub prices: PriceFiles,
    /// As it was last read.
    pub catalog: Mutex<Arc<Catalog>>,
    /// The core's own environment.
    pub environment: Vec<(String, String)>,
    pub dash: PathBuf,
    pub epoch: u64,
    pub gauges: Gauges,
    pub inbox: mpsc::Sender<Message>,
    pub commits: broadcast::Sender<Arc<Commit>>,
    /// Set once, before the first launch: the gateway's ledger needs the inbox first.
    pub gateway: OnceLock<Gateway>,
    pub agent_listeners: mpsc::Sender<AgentListener>,
    pub keepers: Mutex<HashMap<AttemptId, mpsc::Sender<Order>>>,
    /// Told whenever an attempt has left `keepers`.
    pub left: watch::Sender<()>,
    /// Held once more by each connection to a keeper that wants to be told to look.
    pub lookers: Arc<()>,
    /// Launches under way at once: more would only contend for the same cores.
    pub launches: Semaphore,
    pub nursery: Nursery,
    /// What this machine can hold an agent with; tried out when it is first asked.
    pub abilities: OnceLock<Abilities>,
    /// Where control groups are made; looked for when it is first asked.
    pub ground: OnceLock<Option<Ground>>,
    /// What is protected in a scope, by the swarm and the scope's directories.
    pub found: Mutex<HashMap<Looked, Arc<Found>>>,
    /// Sockets that others had when a swarm's first agent in these directories started.
    pub listening: Mutex<HashMap<Looked, Arc<Vec<PathBuf>>>>,
    /// The user's name and address for commits; asked of git once.
    pub author: OnceLock<(String, String)>,
    /// Processes that runs share.
    pub hosts: Hosts,
    /// Answers to prompts that are being typed.
    pub answering: Mutex<HashSet<ApprovalId>>,
    /// Told whenever calls that wait for money may fit.
    pub money: Arc<Notify>,
    /// Model calls in flight.
    pub calls: Calls,
}

impl World {
    pub fn keepers(&self) -> MutexGuard<'_, HashMap<AttemptId, mpsc::Sender<Order>>> {
        // The table is whole between any two operations on it.
        self.keepers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn answering(&self) -> MutexGuard<'_, HashSet<ApprovalId>> {
        self.answering.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn keeper(&self, attempt: &AttemptId) -> Option<mpsc::Sender<Order>> {
        self.keepers().get(attempt).cloned()
    }

    /// Feeds the actor and waits until the consequences are committed.
    ///
    /// # Errors
    /// When a request is refused, or the core is leaving.
    pub async fn feed(&self, input: Input) -> Result<Option<Reply>, Refusal> {
        let (done, answer) = oneshot::channel();
        let message = Message::Input { input, done: Some(done) };
        self.inbox.send(message).await.map_err(|_| leaving())?;
        answer.await.map_err(|_| leaving())?
    }

    /// Feeds the actor without waiting for the commit.
    pub async fn tell(&self, input: Input) {
        // A core that is leaving takes nothing in; the next one learns it from the keeper.
        let _ = self.inbox.send(Message::Input { input, done: None }).await;
    }

    /// Asks the state.
    ///
    /// # Errors
    /// When the core is leaving.
    pub async fn read<T: Send + 'static>(
        &self,
        question: impl FnOnce(&State) -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let (done, answer) = oneshot::channel();
        let ask = Message::Read(Box::new(move |state| {
            // Whoever asked may have gone.
            let _ = done.send(question(state));
        }));
        self.inbox.send(ask).await.map_err(|_| leaving())?;
        answer.await.map_err(|_| leaving())
    }
}

pub fn leaving() -> Refusal {
    Refusal::new(RefusalCode::Internal, "the core is leaving").hinted("try again")
}

pub type Shared = Arc<World>;
