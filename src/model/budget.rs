//! Budgets: a tree of accounts, core → swarm → agent → child, in micro-dollars. What an agent
//! spends is debited from every account above it too.

use super::{AgentId, Forecast, Micros, SwarmId};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Percent of a limit at which is warned; the last is the limit itself.
pub const WARN_AT: [u8; 3] = [75, 90, 100];

/// `core`, `sw-1`, `ag-01`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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

/// Invariant of one with a limit: `spent + reserved <= limit` after every reservation.
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
}

impl Account {
    pub fn limited(limit: Option<Micros>) -> Self {
        Self { limit, ..Self::default() }
    }

    /// What may still be reserved; none: as much as one likes.
    pub fn left(&self) -> Option<Micros> {
        Some(Micros(self.limit?.0 - self.spent.0 - self.reserved.0))
    }

    /// Of the limit what is spent, in percent, rounded down; none without a limit.
    pub fn percent(&self) -> Option<u32> {
        let limit = i128::from(self.limit?.0);
        if limit <= 0 {
            return Some(100);
        }
        Some(u32::try_from(i128::from(self.spent.0) * 100 / limit).unwrap_or(u32::MAX))
    }

    /// The highest of [`WARN_AT`] that is reached, else 0.
    pub fn level(&self) -> u8 {
        let percent = self.percent().unwrap_or(0);
        WARN_AT.into_iter().filter(|at| percent >= u32::from(*at)).max().unwrap_or(0)
    }
}

/// What a call may cost, in micro-dollars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// The prompt and the shortest answer that is worth asking for.
    pub least: Micros,
    /// With an answer of usual length.
    pub usual: Micros,
    /// With the longest answer that was asked for.
    pub most: Micros,
}

/// What was set aside for a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reservation {
    pub number: u64,
    pub amount: Micros,
}

/// How a limit is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BudgetChange {
    /// None takes the limit away.
    Limit(Option<Micros>),
    /// So much more than now.
    TopUp(Micros),
}

/// An account as clients see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountInfo {
    pub id: AccountId,
    pub name: String,
    /// The account above it.
    pub parent: Option<AccountId>,
    pub limit_micros: Option<Micros>,
    pub spent_micros: Micros,
    pub reserved_micros: Micros,
    pub left_micros: Option<Micros>,
    /// Of the limit what is spent.
    pub percent: Option<u32>,
    /// `open`, `warning` (75 %), `critical` (90 %), `exhausted`.
    pub state: String,
    /// Of what is not over and has cost something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forecast: Option<Forecast>,
}

/// What one agent, attempt, item, swarm, model, parent or day has cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Answered by the simulated provider: nobody pays this.
    pub simulated: bool,
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
            warned: 0,
        };
        assert_eq!(account.left(), Some(Micros(51)));
        assert_eq!((account.percent(), account.level()), (Some(89), 75));
        assert_eq!(Account::default().left(), None);
        assert_eq!(Account::limited(Some(Micros(0))).level(), 100);
    }
}
