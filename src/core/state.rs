//! All that the core knows. Changed by `apply` alone; serialised whole as a snapshot.

use crate::model::{
    Account, AccountId, AgentId, AgentState, Approval, ApprovalId, AttemptId, AttemptResult,
    Breaker, Coin, Exit, Follows, Grant, Item, Micros, Named, Remembered, Shortage, Signal, Stamp,
    SwarmId, SwarmSpec, SwarmState, Tokens, outermost,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, VecDeque},
    path::PathBuf,
};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The last event applied.
    pub seq: u64,
    /// Counts core starts.
    pub epoch: u64,
    /// Numbers given out so far; never reused, also after a removal.
    pub swarms_made: u64,
    pub agents_made: u64,
    pub swarms: BTreeMap<SwarmId, Swarm>,
    pub agents: BTreeMap<AgentId, Agent>,
    /// Every attempt of every agent that is not removed.
    pub attempts: BTreeMap<AttemptId, Attempt>,
    #[serde(default)]
    pub approvals_made: u64,
    /// All that are open, and the latest that are not.
    #[serde(default)]
    pub approvals: BTreeMap<ApprovalId, Approval>,
    #[serde(default)]
    pub remembered_made: u64,
    /// Answers that later questions get at once, oldest first.
    #[serde(default)]
    pub remembered: Vec<Remembered>,
    /// Where agents of removed swarms could write.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub written: Vec<PathBuf>,
    /// Requests that have a name, the newest last.
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    pub named: VecDeque<Named>,
    /// Of the whole instance.
    #[serde(default)]
    pub account: Account,
    #[serde(default)]
    pub reservations_made: u64,
    /// Those that are open, by number.
    #[serde(default)]
    pub reservations: BTreeMap<u64, Reserved>,
    /// The latest of each account, the newest last.
    #[serde(default)]
    pub charges: BTreeMap<AccountId, Vec<Charge>>,
    /// By day (`2026-11-29`, in UTC), then by provider and model.
    #[serde(default)]
    pub days: BTreeMap<String, BTreeMap<String, Spending>>,
}

/// What a call came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    pub at: Stamp,
    pub cost: Micros,
}

/// Money that was set aside for a call that has not come back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reserved {
    pub attempt: AttemptId,
    pub provider: String,
    pub model: String,
    pub amount: Micros,
    #[serde(default)]
    pub tokens: u64,
    /// Nobody pays it by the token: its dollars are set aside of no account.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub notional: bool,
    /// Of what it may take more than that; only while nothing limits it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unbounded: Vec<Coin>,
}

impl Reserved {
    /// What of a coin is set aside of the accounts above it.
    pub fn of(&self, coin: Coin) -> i64 {
        match coin {
            Coin::Dollars if self.notional => 0,
            Coin::Dollars => self.amount.0,
            Coin::Tokens => Tokens::signed(self.tokens),
        }
    }
}

/// What calls to one model came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spending {
    pub calls: u64,
    pub tokens: Tokens,
    pub cost: Micros,
    /// What nobody pays by the token.
    #[serde(default)]
    pub notional: Micros,
    /// Of both, of calls whose usage never came.
    #[serde(default)]
    pub estimated: Micros,
}

/// An item that waits for money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unpaid {
    pub index: u32,
    /// A limit above it was changed: it is tried again.
    pub again: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Swarm {
    pub id: SwarmId,
    pub name: String,
    /// As asked for, without the items, which live in `items`.
    pub spec: SwarmSpec,
    /// False where every agent does the task once: then items have no text.
    pub queue: bool,
    pub state: SwarmState,
    pub stopping: bool,
    /// By a person, with all its agents.
    #[serde(default)]
    pub paused: bool,
    pub created_at: Stamp,
    pub started_at: Option<Stamp>,
    pub ended_at: Option<Stamp>,
    pub items: Vec<Item>,
    pub agents: Vec<AgentId>,
    pub tokens: Tokens,
    pub cost: Micros,
    #[serde(default)]
    pub notional: Micros,
    /// As in [`Spending`].
    #[serde(default)]
    pub estimated: Micros,
    #[serde(default)]
    pub account: Account,
    /// By provider and model, `anthropic/claude-…`.
    #[serde(default)]
    pub models: BTreeMap<String, Spending>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Agent {
    pub id: AgentId,
    pub name: String,
    pub swarm: SwarmId,
    pub parent: Option<AgentId>,
    pub adapter: String,
    /// Asked for; empty means the adapter's default.
    pub model: String,
    pub cwd: PathBuf,
    pub worktree: Option<Worktree>,
    pub state: AgentState,
    pub reason: String,
    pub since: Stamp,
    pub ended_at: Option<Stamp>,
    /// Attempts so far.
    pub attempts: u32,
    /// The attempt that is planned or runs.
    pub current: Option<AttemptId>,
    /// The latest attempt, over or not.
    pub latest: Option<AttemptId>,
    /// A retry that waits for its time.
    pub retry: Option<Retry>,
    /// By a person.
    #[serde(default)]
    pub paused: bool,
    pub items_done: u32,
    pub items_failed: u32,
    pub tokens: Tokens,
    pub cost: Micros,
    #[serde(default)]
    pub notional: Micros,
    #[serde(default)]
    pub estimated: Micros,
    pub provider: String,
    pub seen_model: String,
    /// What it got beside what its swarm has.
    #[serde(default)]
    pub grant: Grant,
    /// Children that it ever had.
    #[serde(default)]
    pub children_made: u32,
    /// When its children failed, the newest last.
    #[serde(default)]
    pub failures: Vec<Stamp>,
    /// Its children failed too often: it spawns no more, and all below it is held. Itself it
    /// goes on: somebody has to see what became of them, and could not while it stands still.
    #[serde(default)]
    pub held: bool,
    /// What tripped the breaker; none where an older build wrote it down.
    #[serde(default)]
    pub held_for: Option<Breaker>,
    /// Its own and of all below it.
    #[serde(default)]
    pub account: Account,
    #[serde(default)]
    pub calls: u64,
    /// When its first call of a model arrived.
    #[serde(default)]
    pub first_call_at: Option<Stamp>,
    /// Its budget, or one above, ended its attempt.
    #[serde(default)]
    pub unpaid: Option<Unpaid>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Worktree {
    pub path: PathBuf,
    pub branch: String,
    pub base: String,
    /// Where in it the agent works, as its request's directory lay in the repository.
    #[serde(default)]
    pub dir: PathBuf,
    /// The git directory that it is a clone of, absolute and without links; none where it is
    /// a linked worktree, as older builds made them.
    #[serde(default)]
    pub repository: Option<PathBuf>,
    /// The work tree that it is a clone of, without links.
    #[serde(default)]
    pub top: Option<PathBuf>,
}

impl Worktree {
    /// What may be written of a scope, as it is meant here: what lies in the repository means
    /// the same place in the clone, which is the agent's as a whole where nothing of it is
    /// named. The clone's own git directory is always part of it: a commit writes there.
    pub fn meant(&self, write: &[PathBuf]) -> Vec<PathBuf> {
        let mut meant = write.to_vec();
        let mut named = false;
        for root in &mut meant {
            let below = self.top.as_ref().and_then(|top| root.strip_prefix(top).ok());
            if let Some(below) = below {
                // Joined with nothing a path would end in a slash.
                let whole = below.as_os_str().is_empty();
                *root = if whole { self.path.clone() } else { self.path.join(below) };
                named = true;
            }
        }
        meant.push(if named { self.path.join(".git") } else { self.path.clone() });
        outermost(meant)
    }

    pub fn workplace(&self) -> PathBuf {
        // An empty part would leave a slash at the end.
        if self.dir.as_os_str().is_empty() { self.path.clone() } else { self.path.join(&self.dir) }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Retry {
    pub at: Stamp,
    pub number: u32,
    pub index: u32,
    /// Its time has come: it waits for room.
    #[serde(default)]
    pub due: Option<Due>,
}

/// What the launch of a retry will say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Due {
    pub model: Option<String>,
    pub follows: Option<Follows>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Journaled intent; nothing is known to run.
    Planned,
    Running,
    Ended,
}

/// The processes of an attempt are held.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pause {
    pub why: String,
    pub since: Stamp,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    pub id: AttemptId,
    pub agent: AgentId,
    pub swarm: SwarmId,
    /// From 1, per agent.
    pub number: u32,
    /// The item, from 1.
    pub index: u32,
    pub phase: Phase,
    pub pid: Option<u32>,
    /// The last keeper fact taken over, and the bytes recorded by then.
    pub fact_n: u64,
    pub fact_offset: u64,
    pub planned_at: Stamp,
    pub started_at: Option<Stamp>,
    pub ended_at: Option<Stamp>,
    pub exit: Option<Exit>,
    pub result: Option<AttemptResult>,
    pub session: Option<String>,
    /// The earlier attempt that it is to go on after.
    #[serde(default)]
    pub follows: Option<Follows>,
    /// What that one left was taken up, in one way or the other.
    #[serde(default)]
    pub took_up: bool,
    /// Why a stop was asked for, if it was.
    pub stop: Option<String>,
    pub disk_full: bool,
    /// None: its processes go on as they like.
    #[serde(default)]
    pub paused: Option<Pause>,
    /// How long it was paused, up to when it last went on: that is no time of its timeout.
    #[serde(default)]
    pub paused_ms: u64,
    /// What was said of the limit that it went beyond.
    #[serde(default)]
    pub limit: Option<String>,
    /// A call of it was refused for want of money, and none was let through since.
    #[serde(default)]
    pub unpaid: bool,
    /// Some call of it was refused so, whatever was let through since.
    #[serde(default)]
    pub refused: bool,
    /// It stands refused on its own screen, and a limit above it was changed since.
    #[serde(default)]
    pub raised: bool,
    /// There is money again: it is to be told to go on with the turn that was refused.
    #[serde(default)]
    pub again: bool,
    /// Whose limit that was, and what the call needed of it; none: nobody can say.
    #[serde(default)]
    pub short: Option<(AccountId, Option<Shortage>)>,
    /// Each source's last word.
    pub signals: Vec<(Signal, Stamp)>,
    pub tokens: Tokens,
    pub cost: Micros,
    #[serde(default)]
    pub notional: Micros,
    #[serde(default)]
    pub estimated: Micros,
    #[serde(default)]
    pub calls: u64,
}

impl Attempt {
    /// What holds all of its processes, if anything does.
    pub fn held_for(&self) -> Option<&str> {
        let full = self.disk_full.then_some("disk full");
        self.paused.as_ref().map(|pause| pause.why.as_str()).or(full)
    }
}

impl Spending {
    pub fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.tokens += other.tokens;
        self.cost += other.cost;
        self.notional += other.notional;
        self.estimated += other.estimated;
    }
}

impl State {
    /// An item of a swarm by its number from 1.
    pub fn item(&self, swarm: &SwarmId, index: u32) -> Option<&Item> {
        let at = usize::try_from(index).ok()?.checked_sub(1)?;
        self.swarms.get(swarm)?.items.get(at)
    }

    /// All below an agent.
    pub fn branch<'a>(&'a self, top: &'a AgentId) -> impl Iterator<Item = &'a Agent> {
        // Theirs are the ids that begin with its own.
        self.agents
            .range::<AgentId, _>(top..)
            .map(|(_, agent)| agent)
            .take_while(move |agent| agent.id.as_str().starts_with(top.as_str()))
            .filter(move |agent| agent.id.is_below(top))
    }

    /// What waits for an answer, in no order.
    pub fn open_approvals(&self) -> impl Iterator<Item = &Approval> {
        self.approvals.values().filter(|approval| approval.is_open())
    }

    pub fn live_attempts(&self) -> impl Iterator<Item = &Attempt> {
        self.agents.values().filter_map(|agent| self.attempts.get(agent.current.as_ref()?))
    }
}
