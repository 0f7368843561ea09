//! What clients read and change of the ledger.

use super::{
    check::Crew,
    clock,
    handle::Handle,
    lookup::{find_agent, find_swarm},
    world::Shared,
};
use crate::{
    config::Dialect,
    core,
    model::{
        AccountId, AccountInfo, Budget, BudgetChange, Command, CostRow, PriceRow, Refusal,
        RefusalCode, SwarmSpec,
    },
};
use std::collections::BTreeSet;

/// What the creator of a swarm should know of its budget: a limit in dollars holds nothing where
/// nobody pays by the token.
pub async fn warnings(world: &Shared, spec: &SwarmSpec, crew: &Crew) -> Vec<String> {
    let limits = [&spec.budget, &spec.agent_budget].into_iter().flatten();
    let limits: Vec<Budget> = limits.filter_map(|text| text.parse().ok()).collect();
    let dollars = limits.iter().find_map(|limit| limit.dollars);
    let (Some(dollars), Some(gateway)) = (dollars, world.gateway.get()) else { return Vec::new() };
    if limits.iter().any(|limit| limit.tokens.is_some()) {
        return Vec::new();
    }
    let catalog = world.read_adapters().await;
    let names: BTreeSet<&str> = crew.iter().map(|(adapter, _)| adapter.as_str()).collect();
    let dialects: BTreeSet<Dialect> = (names.into_iter())
        .filter_map(|name| catalog.get(name))
        .flat_map(|adapter| match adapter.dialect() {
            Some(dialect) => vec![dialect],
            None => vec![Dialect::Anthropic, Dialect::Openai, Dialect::Gemini],
        })
        .collect();
    let notional: BTreeSet<String> =
        dialects.into_iter().filter_map(|dialect| gateway.notional_provider(dialect)).collect();
    if notional.is_empty() {
        return Vec::new();
    }
    let names: Vec<String> = notional.into_iter().collect();
    vec![format!(
        "the budget of {dollars} limits no call through {} whose cost is notional, as under a \
         subscription: a budget in tokens does, such as --budget {},2M-tokens",
        names.join(" and "),
        dollars.plain()
    )]
}

impl Handle {
    /// All accounts; the core's first, then each swarm's with its agents'.
    ///
    /// # Errors
    /// When the core is leaving.
    pub async fn accounts(&self) -> Result<Vec<AccountInfo>, Refusal> {
        let now = clock::now();
        self.world
            .read(move |state| {
                let mut forecasts = core::forecasts(state, now);
                let mut accounts = core::accounts(state);
                for account in &mut accounts {
                    account.forecast = forecasts.remove(&account.id);
                }
                accounts
            })
            .await
    }

    /// The account of `core`, or of a swarm or agent by id or name.
    ///
    /// # Errors
    /// When there is none.
    pub async fn account(&self, name: &str) -> Result<AccountInfo, Refusal> {
        let id = self.account_id(name).await?;
        let found = self.accounts().await?.into_iter().find(|account| account.id == id);
        found.ok_or_else(|| unknown(name))
    }

    /// Changes what may be spent.
    ///
    /// # Errors
    /// When there is no such account, it has spent more already, or its limits are not those that
    /// were `seen`.
    pub async fn set_budget(
        &self,
        name: &str,
        change: BudgetChange,
        seen: Option<String>,
    ) -> Result<AccountInfo, Refusal> {
        let account = self.account_id(name).await?;
        self.change(Command::SetBudget { account, change, seen }).await?;
        self.world.money.notify_waiters();
        self.account(name).await
    }

    /// What was spent, by one of [`core::BY`].
    ///
    /// # Errors
    /// For any other word.
    pub async fn costs(&self, by: &str) -> Result<Vec<CostRow>, Refusal> {
        let word = by.to_owned();
        let rows = self.world.read(move |state| core::costs(state, &word)).await?;
        rows.ok_or_else(|| {
            let why = format!("costs are kept by {}, not by {by:?}", core::BY.join(", "));
            Refusal::new(RefusalCode::Invalid, why)
        })
    }

    /// The prices in force, the overriding ones first.
    ///
    /// # Errors
    /// When a price file is wrong.
    pub async fn prices(&self) -> Result<Vec<PriceRow>, Refusal> {
        let world = self.world.clone();
        let read = tokio::task::spawn_blocking(move || {
            world.prices.load().map(|data| data.rows(&world.config))
        });
        let internal = |why: String| Refusal::new(RefusalCode::Internal, why);
        let rows = read.await.map_err(|error| internal(error.to_string()))?;
        rows.map_err(|error| internal(error.to_string()))
    }

    async fn account_id(&self, name: &str) -> Result<AccountId, Refusal> {
        let wanted = name.to_owned();
        let found = self.world.read(move |state| {
            let core = (wanted == "core").then_some(AccountId::Core);
            core.or_else(|| find_swarm(state, &wanted).map(AccountId::Swarm))
                .or_else(|| find_agent(state, &wanted).map(AccountId::Agent))
        });
        found.await?.ok_or_else(|| unknown(name))
    }
}

fn unknown(name: &str) -> Refusal {
    Refusal::new(RefusalCode::NotFound, format!("there is no account {name:?}"))
        .hinted("core, or a swarm or agent by id or name: dash budget show")
}
