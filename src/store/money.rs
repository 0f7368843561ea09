//! What the ledger said last: it is asked, never told of, so it is as old as the last answer.

use super::{Burn, Series};
use crate::model::{AccountInfo, CostRow, Micros};

/// The dimensions that costs are shown by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum By {
    #[default]
    Swarm,
    Model,
    Agent,
}

impl By {
    pub const ALL: [Self; 3] = [Self::Swarm, Self::Model, Self::Agent];

    /// As the ledger has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Swarm => "swarm",
            Self::Model => "model",
            Self::Agent => "agent",
        }
    }

    pub fn next(self) -> Self {
        match self {
            Self::Swarm => Self::Model,
            Self::Model => Self::Agent,
            Self::Agent => Self::Swarm,
        }
    }
}

/// One answer of the ledger.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Money {
    /// Budgets with their forecasts.
    pub accounts: Vec<AccountInfo>,
    /// What was asked by.
    pub by: By,
    /// The dearest first.
    pub rows: Vec<CostRow>,
}

impl Money {
    /// Of all rows together.
    pub fn total(&self) -> Micros {
        let mut sum = Micros::ZERO;
        self.rows.iter().for_each(|row| sum += row.cost_micros);
        sum
    }

    /// The rows, those in `hold` in that order before the others.
    pub fn ordered(&self, hold: &[String]) -> Vec<&CostRow> {
        let mut rows: Vec<&CostRow> = self.rows.iter().collect();
        if !hold.is_empty() {
            let places: std::collections::HashMap<&str, usize> =
                hold.iter().zip(0..).map(|(id, at)| (id.as_str(), at)).collect();
            rows.sort_by_key(|row| places.get(row.id.as_str()).copied().unwrap_or(usize::MAX));
        }
        rows
    }
}

impl Burn {
    /// Of a row of the ledger.
    pub fn of(&self, by: By, id: &str) -> Option<&Series> {
        match by {
            By::Swarm => self.swarm(id),
            By::Model => self.model(id),
            By::Agent => self.agent(id),
        }
    }
}
