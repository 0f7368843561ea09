//! Plain data that every layer shares: ids, money, tokens, agents, swarms, commands,
//! events. Nothing here does anything; nothing here imports anything of ours.

mod actor;
mod agent;
mod approval;
mod audit;
mod budget;
mod coin;
mod command;
mod confine;
mod delegation;
mod event;
mod footprint;
mod forecast;
mod hex;
mod ids;
mod limits;
mod masked;
mod money;
mod net;
mod policy;
mod price;
mod pulse;
mod schema;
mod scope;
mod signal;
mod swarm;
mod time;
mod tokens;
mod tree;
mod unpaid;

pub use actor::Actor;
pub use agent::{
    AgentInfo, AgentState, AttemptResult, Exit, FileChange, HeldBranch, Lent, NO_SCOPE, Outcome,
    ProgramVersion,
};
pub use approval::{
    Approval, ApprovalAnswer, ApprovalState, Question, Reach, Remember, Remembered, Resolution,
    Subject, quoted,
};
pub use audit::{AuditDraft, AuditReport, AuditRow, Break, BreakKind, Chain, ChainEnd, Gap, Head};
pub use budget::{
    Account, AccountId, AccountInfo, Bound, BudgetChange, CostRow, NoAccount, Reservation,
    Shortage, WARN_AT,
};
pub use coin::{Budget, Coin, NotABudget, Purse};
pub use command::{Command, Dropped, Made, Named, Once, Refusal, RefusalCode};
pub use confine::{BROKER_LINK, Brokered, Confine, GATEWAY_PORT, Holder, SANDBOX_BIN};
pub use delegation::{Breaker, Caps, Grant};
pub use event::{Event, EventRecord, Follows, Level};
pub use footprint::Footprint;
pub use forecast::{Choice, Forecast};
pub use hex::hex;
pub use ids::{AgentId, ApprovalId, AttemptId, SwarmId};
pub use limits::{Cores, Ground, Limits};
pub use masked::{argv_digest, line_digest, masked, masked_line};
pub use money::{Micros, NotMoney};
pub use net::{Host, Net};
pub use policy::{Enforcement, Finding, Hidden, Judgement, Lookup, Policy, Rule, Verdict};
pub use price::{LongRow, PriceRow};
pub use pulse::{Pulse, PulseAsk, PulseGroup, PulseMoney};
pub use schema::Schema;
pub use scope::{HELD_BACK, Sandbox, Scope, outermost};
pub use signal::{ExplainedSignal, Explanation, Signal, Source};
pub use swarm::{
    AdapterShare, AgentCounts, AgentResult, AgentSpec, FirstCalls, HeldFiles, Item, ItemCounts,
    ItemState, Strategy, SwarmInfo, SwarmResults, SwarmSpec, SwarmState,
};
pub use time::Stamp;
pub use tokens::{OwnUsage, TokenGap, Tokens};
pub use tree::{Branch, RollUp, forest};
pub use unpaid::{BUDGET, UNKNOWN_COST, USER, is_unpaid, no_price, set_price, unpriced, way_on};
