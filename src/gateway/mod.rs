//! The metering proxy: every model call of every agent goes through it. It knows nothing
//! of the core; it reserves and settles through [`Ledger`], which `runtime` implements.
//!
//! Each attempt has a listener of its own on loopback and a token that it presents as its
//! API key. The path says the dialect, the dialect the provider; the real key is put in
//! here and nowhere else; where a provider is to see each agent's own login, that passes and
//! the token comes beside it as `x-dash-token`. Bodies pass byte for byte in both directions, but for
//! `stream_options.include_usage`, which a chat stream needs to bring its usage, and the chunk
//! that it brings where the agent did not want it. All agents together keep to what a provider
//! says of its rate limits ([`limiter`]).
//!
//! What fails: a wrong token is 401 or 403; over budget 402; a provider that cannot be
//! reached 502; a provider without its key 503; this gateway as its own provider 508; each
//! in the shape of the dialect. A provider's own errors pass as they are, and an answer
//! that is cut off is cut off for the agent too. A provider that falls silent is waited for:
//! agents give up on that late or never, so only an attempt's `--timeout` ends it. Where an
//! earlier core had a key that this one lacks, calls wait for a core that has it.
//!
//! Without a provider for a dialect the [`simulated`] one answers. What is no model call at
//! all goes, or does not go, the way out of [`egress`].

mod answer;
mod body;
mod call;
mod clamp;
mod current;
mod dear;
mod egress;
mod guests;
mod handling;
mod hidden;
mod known;
mod ledger;
mod limiter;
mod media;
pub mod plain;
mod prices;
mod server;
pub mod simulated;
mod terms;
mod upstream;
mod usage;
mod wire;

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;

pub use answer::http_client;
pub use egress::{Connection, Egress, EgressFuture};
pub use guests::{Guest, Guests};
pub use ledger::{Call, CallReport, Caller, Ledger, NoLeave, ReserveFuture, Traffic};
pub use server::Serving;
pub use upstream::{BadProvider, Remembered, is_local};

use crate::config::{Config, ConfigError, Dialect, PriceFiles};
use crate::model::Micros;
use answer::Client;
use current::Current;
use hyper::http::request::Parts;
use limiter::Limiter;
use prices::Price;
use simulated::{BadScenario, Simulated};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use upstream::Upstream;

/// The name of the provider that answers from a scenario.
pub const SIMULATED: &str = "simulated";

/// Why there is no gateway.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    #[error(transparent)]
    Provider(#[from] BadProvider),
    #[error(transparent)]
    Scenario(#[from] BadScenario),
    #[error(transparent)]
    Prices(#[from] ConfigError),
}

/// The gateway of one core; a clone is a handle to the same.
#[derive(Clone)]
pub struct Gateway(Arc<Inner>);

struct Inner {
    ledger: Arc<dyn Ledger>,
    prices: Current,
    upstreams: Vec<Arc<Upstream>>,
    always_simulated: bool,
    simulated: Arc<Simulated>,
    client: Client,
    limiter: Limiter,
    /// Ports that this gateway listens on: never a provider.
    ports: Mutex<Vec<u16>>,
    /// None: agents get no further than the providers.
    egress: OnceLock<Arc<dyn Egress>>,
}

/// Who answers a call.
enum Target {
    Simulated,
    Real(Arc<Upstream>),
}

impl Target {
    /// What is asked here so nobody pays by the token.
    fn is_notional(&self, head: &Parts) -> bool {
        match self {
            Self::Simulated => false,
            Self::Real(upstream) => upstream.is_notional(&head.headers, head.uri.query()),
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Simulated => SIMULATED,
            Self::Real(upstream) => &upstream.name,
        }
    }
}

/// A port of ours for as long as it is held.
struct OwnPort(Gateway, u16);

impl Drop for OwnPort {
    fn drop(&mut self) {
        let mut ports = self.0.0.ports.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = ports.iter().position(|port| *port == self.1) {
            ports.swap_remove(at);
        }
    }
}

impl Gateway {
    /// Reads keys and the scenario, but opens no connection. `environment` is the core's
    /// own; a missing key is no error but a [problem](Self::problems).
    pub fn new(
        config: &Config,
        environment: &[(String, String)],
        ledger: Arc<dyn Ledger>,
    ) -> Result<Self, GatewayError> {
        Self::after(config, environment, &[], PriceFiles::default(), ledger)
    }

    /// As [`new`](Self::new), with the prices of `prices`, for a core whose agents were started by one that had the
    /// providers `before`: where a key of theirs is gone, calls are held, neither refused
    /// nor answered by anybody else.
    pub fn after(
        config: &Config,
        environment: &[(String, String)],
        before: &[Remembered],
        prices: PriceFiles,
        ledger: Arc<dyn Ledger>,
    ) -> Result<Self, GatewayError> {
        let env = &|name: &str| {
            environment.iter().rev().find(|(known, _)| known == name).map(|(_, v)| v.clone())
        };
        Ok(Self(Arc::new(Inner {
            ledger,
            prices: Current::new(prices)?,
            upstreams: upstream::all(config, env, before)?.into_iter().map(Arc::new).collect(),
            always_simulated: config.simulated.always,
            simulated: Arc::new(Simulated::load(&config.simulated, env)?),
            client: Client::default(),
            limiter: Limiter::default(),
            ports: Mutex::new(Vec::new()),
            egress: OnceLock::new(),
        })))
    }

    /// Opens the way out that `egress` guards; the first one stays.
    #[must_use]
    pub fn with_egress(self, egress: Arc<dyn Egress>) -> Self {
        // A second one is no wider than the first.
        let _ = self.0.egress.set(egress);
        self
    }

    /// Answers on `listener` on behalf of `caller`, until the result is stopped or dropped.
    /// To be called within a tokio runtime.
    pub fn serve(&self, listener: std::net::TcpListener, caller: Caller) -> Serving {
        server::serve(self, listener, caller, Guests::default())
    }

    /// The same for a process that makes calls for others, too: each with a key of its own.
    pub fn serve_with(
        &self,
        listener: std::net::TcpListener,
        caller: Caller,
        guests: Guests,
    ) -> Serving {
        server::serve(self, listener, caller, guests)
    }

    /// Takes calls with `caller`'s key wherever `guests` are served, until the result is
    /// dropped.
    pub fn admit(&self, guests: &Guests, caller: Caller) -> Guest {
        guests.admit(self, caller)
    }

    /// Who answers calls of this dialect: a provider's name, or `simulated`.
    pub fn provider_name(&self, dialect: Dialect) -> String {
        self.target(dialect).name().to_owned()
    }

    /// What is unusual about calls of this dialect: with whose login they are made, and whether
    /// anybody pays them by the token.
    pub fn provider_terms(&self, dialect: Dialect) -> Vec<&'static str> {
        let target = self.target(dialect);
        let own = matches!(&target, Target::Real(upstream) if upstream.passes_logins());
        let own = own.then_some("with each agent's own login");
        let terms = match &target {
            Target::Simulated => None,
            Target::Real(upstream) => upstream.terms(),
        };
        own.into_iter().chain(terms).collect()
    }

    /// The provider of this dialect, where its calls may be such as nobody pays by the token.
    pub fn notional_provider(&self, dialect: Dialect) -> Option<String> {
        match self.target(dialect) {
            Target::Simulated => None,
            Target::Real(upstream) => upstream.terms().map(|_| upstream.name.clone()),
        }
    }

    /// What keeps providers from being used, for the inbox and for `dash doctor`.
    pub fn problems(&self) -> Vec<String> {
        let missing = self.0.upstreams.iter().filter_map(|u| u.problem()).map(|p| p.to_string());
        let dialects = [Dialect::Anthropic, Dialect::Openai, Dialect::Gemini];
        let shadowed = dialects.into_iter().flat_map(|dialect| {
            self.0.upstreams.iter().filter(move |u| u.dialect == dialect).skip(1)
        });
        let shadowed = shadowed.map(|second| {
            let first = self.provider_name(second.dialect);
            format!("provider {} is not used: {first} answers its dialect", second.name)
        });
        missing.chain(shadowed).collect()
    }

    /// Which providers ask to wait, and for long: all agents' calls are refused meanwhile.
    pub fn waits(&self) -> Vec<String> {
        let closed = self.limiter().closed().into_iter().map(|((provider, model), rest)| {
            let minutes = rest.as_secs().div_ceil(60);
            format!(
                "{provider} asks to wait: it takes no calls of {model} for another {minutes} min"
            )
        });
        closed.collect()
    }

    /// What a later core of the same agents must know; never a key.
    pub fn remembered(&self) -> Vec<Remembered> {
        self.0.upstreams.iter().filter_map(|upstream| upstream.remembered()).collect()
    }

    /// Why a price file that was changed is not in force, if it is not.
    pub fn price_problem(&self) -> Option<String> {
        self.0.prices.problem()
    }

    fn target(&self, dialect: Dialect) -> Target {
        let found = self.0.upstreams.iter().find(|upstream| upstream.dialect == dialect);
        match found {
            Some(upstream) if !self.0.always_simulated => Target::Real(upstream.clone()),
            Some(_) | None => Target::Simulated,
        }
    }

    /// A provider's own price for a model, else the user's own, else that of the vendor of its
    /// name or dialect.
    fn price(&self, provider: &str, model: &str) -> Option<Price> {
        let prices = self.0.prices.get();
        let Some(upstream) = self.0.upstreams.iter().find(|u| u.name == provider) else {
            let price = prices.find(None, model)?.clone();
            return Some(price.or_context_of(prices.listed(None, model)));
        };
        let vendor = match upstream.dialect {
            _ if prices.knows_vendor(provider) => provider,
            Dialect::Anthropic => "anthropic",
            Dialect::Openai => "openai",
            Dialect::Gemini => "google",
        };
        let own = upstream.overrides.find(model);
        let price = own.or_else(|| prices.find(Some(vendor), model))?;
        Some(price.clone().or_context_of(prices.listed(Some(vendor), model)))
    }

    /// What something adds to a request beside tokens, as the user says.
    fn feature(&self, name: &str) -> Option<Micros> {
        self.0.prices.get().feature(name)
    }

    fn ledger(&self) -> Arc<dyn Ledger> {
        self.0.ledger.clone()
    }

    fn egress(&self) -> Option<Arc<dyn Egress>> {
        self.0.egress.get().cloned()
    }

    fn simulated(&self) -> Arc<Simulated> {
        self.0.simulated.clone()
    }

    fn client(&self) -> &Client {
        &self.0.client
    }

    fn limiter(&self) -> &Limiter {
        &self.0.limiter
    }

    fn own_port(&self, port: u16) -> OwnPort {
        self.0.ports.lock().unwrap_or_else(PoisonError::into_inner).push(port);
        OwnPort(self.clone(), port)
    }

    fn is_own_port(&self, port: u16) -> bool {
        self.0.ports.lock().unwrap_or_else(PoisonError::into_inner).contains(&port)
    }
}
