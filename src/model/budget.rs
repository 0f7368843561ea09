//! Budgets: a tree of accounts, core → swarm → agent → child, in micro-dollars and in tokens.
//! What an agent spends is debited from every account above it too.

use super::{AgentId, Budget, Coin, Forecast, Micros, Purse, SwarmId};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Percent of a limit at which is warned; the last is the limit itself.
pub const WARN_AT: [u8; 3] = [75, 90, 100];

/// `core`, `sw-1`, `ag-01`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub enum AccountId {
    /// Of the whole instance.
    Core,
    Swarm(SwarmId),
    /// Of an agent and all below it.
    Agent(AgentId),
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Core => "core",
            Self::Swarm(id) => id.as_str(),
            Self::Agent(id) => id.as_str(),
        })
    }
}

/// The text is no account's id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no account: core, a swarm like sw-1, or an agent like ag-01")]
pub struct NoAccount(String);

impl FromStr for AccountId {
    type Err = NoAccount;

    fn from_str(text: &str) -> Result<Self, NoAccount> {
        match text.split_once('-') {
            None if text == "core" => Ok(Self::Core),
            Some(("sw", _)) => Ok(Self::Swarm(text.into())),
            Some(("ag", _)) => Ok(Self::Agent(text.into())),
            Some(_) | None => Err(NoAccount(text.to_owned())),
        }
    }
}

impl TryFrom<String> for AccountId {
    type Error = NoAccount;

    fn try_from(text: String) -> Result<Self, NoAccount> {
        text.parse()
    }
}

impl From<AccountId> for String {
    fn from(id: AccountId) -> Self {
        id.to_string()
    }
}

/// Invariant of one with a limit: `spent + reserved <= limit` after every reservation, in
/// either coin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// None: unlimited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Micros>,
    pub spent: Micros,
    /// The sum of the open reservations.
    pub reserved: Micros,
    /// The highest of [`WARN_AT`] that was said.
    #[serde(default)]
    pub warned: u8,
    /// As [`Purse::call`].
    #[serde(default)]
    pub call: Micros,
    /// Of what is spent, for calls whose usage never came.
    #[serde(default)]
    pub estimated: Micros,
    #[serde(default, skip_serializing_if = "Purse::is_unused")]
    pub tokens: Purse,
}

impl Account {
    pub fn limited(budget: Budget) -> Self {
        let tokens = Purse { limit: budget.get(Coin::Tokens), ..Purse::default() };
        Self { limit: budget.dollars, tokens, ..Self::default() }
    }

    pub fn purse(&self, coin: Coin) -> Purse {
        match coin {
            Coin::Dollars => Purse {
                limit: self.limit.map(|limit| limit.0),
                spent: self.spent.0,
                reserved: self.reserved.0,
                call: self.call.0,
            },
            Coin::Tokens => self.tokens,
        }
    }

    /// Changes one coin's side.
    pub fn change(&mut self, coin: Coin, change: impl FnOnce(&mut Purse)) {
        let mut purse = self.purse(coin);
        change(&mut purse);
        match coin {
            Coin::Dollars => {
                self.limit = purse.limit.map(Micros);
                self.spent = Micros(purse.spent);
                self.reserved = Micros(purse.reserved);
                self.call = Micros(purse.call);
            }
            Coin::Tokens => self.tokens = purse,
        }
    }

    /// Its limits.
    pub fn budget(&self) -> Budget {
        let mut budget = Budget { dollars: self.limit, tokens: None };
        budget.set(Coin::Tokens, self.tokens.limit);
        budget
    }

    /// What of dollars may still be reserved; none: as much as one likes.
    pub fn left(&self) -> Option<Micros> {
        self.purse(Coin::Dollars).left().map(Micros)
    }

    /// Of the limit what is spent, of that coin of which more is; none without a limit.
    pub fn percent(&self) -> Option<u32> {
        Coin::ALL.into_iter().filter_map(|coin| self.purse(coin).percent()).max()
    }

    /// The highest of [`WARN_AT`] that is reached, else 0.
    pub fn level(&self) -> u8 {
        let percent = self.percent().unwrap_or(0);
        WARN_AT.into_iter().filter(|at| percent >= u32::from(*at)).max().unwrap_or(0)
    }
}

/// What a call may cost, or how many tokens it may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound<T = Micros> {
    /// The prompt and the shortest answer that is worth asking for.
    pub least: T,
    /// With an answer of usual length.
    pub usual: T,
    /// With the longest answer that was asked for.
    pub most: T,
}

impl<T> Bound<T> {
    pub fn map<U>(self, change: impl Fn(T) -> U) -> Bound<U> {
        Bound { least: change(self.least), usual: change(self.usual), most: change(self.most) }
    }
}

/// What was set aside for a call, whether or not anything limits it yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reservation {
    pub number: u64,
    /// None where nobody can say what it costs.
    pub amount: Option<Micros>,
    pub tokens: Option<u64>,
}

/// What a call needed of an account that had less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Shortage {
    pub coin: Coin,
    pub needs: i64,
}

/// How a limit is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BudgetChange {
    /// These limits and no other: none of them takes all away.
    Only(Budget),
    /// The limits that are named; another stays.
    Limit(Budget),
    /// So much more than now.
    TopUp(Budget),
}

impl FromStr for BudgetChange {
    type Err = super::NotABudget;

    /// What limits are set to: `$50`, `2M-tokens`, `$50,2M-tokens`, `none`, and, since a limit
    /// that is not named stays, `none,$50` for that one alone.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim().strip_prefix("none") {
            Some("") => Ok(Self::Only(Budget::default())),
            Some(rest) if rest.trim_start().starts_with(',') => {
                rest.trim_start().trim_start_matches(',').parse().map(Self::Only)
            }
            Some(_) | None => text.parse().map(Self::Limit),
        }
    }
}

/// An account as clients see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct AccountInfo {
    pub id: AccountId,
    pub name: String,
    /// The account above it.
    pub parent: Option<AccountId>,
    pub limit_micros: Option<Micros>,
    pub spent_micros: Micros,
    pub reserved_micros: Micros,
    pub left_micros: Option<Micros>,
    /// Of what is spent, for calls whose usage never came: what was set aside was charged.
    #[serde(default)]
    pub estimated_micros: Micros,
    /// The same in tokens.
    #[serde(default)]
    pub limit_tokens: Option<u64>,
    #[serde(default)]
    pub spent_tokens: u64,
    #[serde(default)]
    pub reserved_tokens: u64,
    #[serde(default)]
    pub left_tokens: Option<u64>,
    /// Of the limit what is spent; with two that of which more is.
    pub percent: Option<u32>,
    /// `open`, `warning` (75 %), `critical` (90 %), `exhausted` (100 %); `short`: less is spent,
    /// and an agent waits for a call that needs more than is left; `blocked`: it waits for one
    /// of which nobody can say what it needs, such as one of a model without a price.
    pub state: String,
    /// Of an account that keeps an agent from its work: which, and what it needs.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// Of what is not over and has cost something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forecast: Option<Forecast>,
}

impl AccountInfo {
    pub fn limits(&self) -> Budget {
        Budget { dollars: self.limit_micros, tokens: self.limit_tokens }
    }
}

/// What one agent, attempt, item, swarm, model, parent or day has cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CostRow {
    /// One of these words.
    pub by: String,
    /// Of an item `sw-1#3`; of a day `2026-11-29`, in UTC.
    pub id: String,
    pub name: String,
    /// Model calls.
    pub calls: u64,
    pub tokens: super::Tokens,
    pub cost_micros: Micros,
    /// What it would come to by the token, and nobody pays so: calls under a subscription.
    #[serde(default)]
    pub notional_micros: Micros,
    /// Of both sums above, of calls whose usage never came: what was set aside was charged.
    #[serde(default)]
    pub estimated_micros: Micros,
    /// Answered by the simulated provider: nobody pays this.
    pub simulated: bool,
}

impl CostRow {
    /// What it has cost, marked where a part of that is an estimate.
    pub fn cost(&self) -> String {
        self.cost_micros.told(self.estimated_micros)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_have_names() {
        for text in ["core", "sw-1", "ag-01", "ag-01.2"] {
            assert_eq!(text.parse::<AccountId>().unwrap().to_string(), text);
        }
        for text in ["", "cores", "1", "ap-1"] {
            assert!(text.parse::<AccountId>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_account_knows_what_is_left() {
        let account = Account {
            limit: Some(Micros(1_000)),
            spent: Micros(899),
            reserved: Micros(50),
            ..Account::default()
        };
        assert_eq!(account.left(), Some(Micros(51)));
        assert_eq!((account.percent(), account.level()), (Some(89), 75));
        assert_eq!(Account::default().left(), None);
        assert_eq!(Account::limited(Budget::of_dollars(Micros(0))).level(), 100);
        let both = Budget { dollars: Some(Micros(1_000)), tokens: Some(100) };
        let mut account = Account { spent: Micros(100), ..Account::limited(both) };
        account.change(Coin::Tokens, |purse| purse.spent = 92);
        assert_eq!((account.percent(), account.level()), (Some(92), 90), "the scarcer one");
        assert_eq!((account.budget(), account.purse(Coin::Tokens).left()), (both, Some(8)));
        let text = serde_json::to_string(&account).unwrap();
        assert_eq!(serde_json::from_str::<Account>(&text).unwrap(), account);
    }

    #[test]
    fn limits_are_set_each_for_itself_or_all() {
        let dollars = Budget::of_dollars(Micros(5_000_000));
        for (text, change) in [
            ("$5", BudgetChange::Limit(dollars)),
            ("2k-tokens", BudgetChange::Limit(Budget::of_tokens(2_000))),
            ("none", BudgetChange::Only(Budget::default())),
            ("none,$5", BudgetChange::Only(dollars)),
            ("none, 2k-tokens", BudgetChange::Only(Budget::of_tokens(2_000))),
        ] {
            assert_eq!(text.parse::<BudgetChange>().unwrap(), change, "{text}");
        }
        for text in ["nonsense", "none,", "none $5", ""] {
            assert!(text.parse::<BudgetChange>().is_err(), "{text}");
        }
    }
}
