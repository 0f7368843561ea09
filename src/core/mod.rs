//! The swarm core, pure: [`decide`] turns an input into events and effects, [`apply`] is the
//! only thing that changes [`State`]. No clock, no I/O, no randomness: time comes in, and
//! what is to be done in the world goes out as [`Effect`] values.
//!
//! Two steps for each input: `decide` states what the input itself means; `settle` then
//! draws the consequences (the next item, the end of a swarm) from the state alone, until
//! nothing follows any more. Replaying the journal through `apply` gives the live state.

mod admission;
mod again;
mod apply;
mod approval;
mod audit;
mod breaker;
mod charges;
mod costs;
mod decide;
mod delegate;
mod explain;
pub mod forecast;
mod ledger;
mod made;
mod once;
mod pause;
pub mod policy;
mod pulse;
mod queue;
mod requests;
mod resume;
mod schedule;
mod state;
mod step;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod trees;
mod unpaid;
mod views;
mod written;

pub use admission::{Machine, waiting_for_room};
pub use apply::apply;
pub use approval::{
    Ask, KEY_MISSING, Standing, asks_first, is_prompt, shows_prompt, standing_prompt, takes_text,
};
pub use costs::{BY, costs};
pub use decide::decide;
pub use delegate::{deadline_of, limits_of, reach_of, scope_of, scopes_above, spec_of, timeout_of};
pub use explain::{API_RETRY, STALLED};
pub use forecast::forecasts;
pub use ledger::accounts;
pub use pulse::{News, pulse};
pub use resume::{Left, left_by};
pub use schedule::{recover, settle};
pub use state::{Agent, Attempt, Pause, Phase, State, Swarm, Worktree};
pub use step::{Decision, Draft, Effect, Input, KeeperNews, Leave, Limits, Reply, Timer, Wish};
pub use unpaid::unpriced_models;
pub use views::{agent_info, agent_results, explanation, swarm_info, swarm_results};
pub use written::written;
