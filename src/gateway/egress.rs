//! The way out: the proxy through which a sandboxed agent reaches the hosts of its scope.
//!
//! It shares the attempt's listener with the model calls. A request with the method CONNECT
//! opens a blind tunnel; one that names a whole URL (`GET http://host/…`) is passed on as
//! plain HTTP, bodies streamed. The attempt's token is the proxy password (user `dash`).
//!
//! What fails: no or a wrong password 407; a host that is written in a way two programs
//! could read differently 400; a host outside the scope, a name that leads to an address
//! that is not public, and this gateway itself 403; too many connections 503; a host that
//! cannot be found or reached 502, one that does not answer in time 504.
//!
//! Names are resolved here, once: what was checked is the address that is then connected
//! to, so a name that changes its mind between the two gains nothing. Loopback, private,
//! link-local and other addresses without a public meaning are reached only where the scope
//! names that very address (or `localhost`).
//!
//! Every connection is told at its end, a refused one at once, through [`Egress`]; a flood of
//! the same is told as one with a count.

mod address;
mod flow;
mod place;
mod proxy;
mod tally;

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;

use super::Caller;
use crate::model::Scope;
use std::{future::Future, io, net::IpAddr, pin::Pin};

pub use proxy::{Outlet, all_told, is_for_others, respond};

pub type EgressFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where the proxy asks what is allowed and where names lead, and whom it tells.
pub trait Egress: Send + Sync + 'static {
    /// The caller's scope as it stands now; none where the caller is gone.
    fn scope<'a>(&'a self, caller: &'a Caller) -> EgressFuture<'a, Option<Scope>>;
    /// All addresses of a name that the scope admits.
    fn resolve<'a>(&'a self, name: &'a str) -> EgressFuture<'a, io::Result<Vec<IpAddr>>>;
    fn connected(&self, caller: &Caller, connection: Connection);
}

/// A connection that is over, or was never made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Connection {
    /// As the agent wrote it, where it is no host.
    pub host: String,
    /// 0 where none was to be read.
    pub port: u16,
    pub allowed: bool,
    /// Why it was refused, or why it failed.
    pub reason: Option<String>,
    /// Bytes to the host, and from it.
    pub sent: u64,
    pub received: u64,
    pub duration_ms: u64,
    /// How many alike this stands for; the numbers above are their sums.
    pub count: u64,
}
