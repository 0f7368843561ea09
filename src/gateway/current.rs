//! The prices in force: those of the files, read again when a file has changed. One that is
//! wrong by then changes nothing, and is told.

use super::prices::Prices;
use crate::config::{ConfigError, PriceFiles, prices::PriceMark};
use std::sync::{Arc, Mutex, PoisonError};

pub struct Current {
    files: PriceFiles,
    held: Mutex<Held>,
}

struct Held {
    mark: PriceMark,
    prices: Arc<Prices>,
    problem: Option<String>,
}

impl Current {
    /// # Errors
    /// When a file is wrong: from the start there is nothing else to go by.
    pub fn new(files: PriceFiles) -> Result<Self, ConfigError> {
        // Before the reading: a change in the meantime is seen the next time.
        let mark = files.mark();
        let prices = Arc::new(Prices::new(&files.load()?));
        Ok(Self { files, held: Mutex::new(Held { mark, prices, problem: None }) })
    }

    /// Looks at the files, which takes some microseconds, and reads them when they are new.
    pub fn get(&self) -> Arc<Prices> {
        self.look(|held| held.prices.clone())
    }

    /// What keeps a changed file from being in force.
    pub fn problem(&self) -> Option<String> {
        self.look(|held| held.problem.clone())
    }

    fn look<T>(&self, take: impl FnOnce(&Held) -> T) -> T {
        let mark = self.files.mark();
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.mark != mark {
            held.mark = mark;
            match self.files.load() {
                Ok(data) => {
                    tracing::info!(date = data.table.date, "new prices are in force");
                    (held.prices, held.problem) = (Arc::new(Prices::new(&data)), None);
                }
                Err(error) => {
                    tracing::warn!("the prices stay as they were: {error}");
                    held.problem = Some(error.to_string());
                }
            }
        }
        take(&held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Micros, Tokens};

    #[test]
    fn a_change_is_in_force_at_once_and_a_wrong_one_never() {
        let directory = tempfile::tempdir().unwrap();
        let files = PriceFiles::at(directory.path());
        let current = Current::new(files.clone()).unwrap();
        let tokens = Tokens { input: 1_000_000, ..Tokens::default() };
        let cost = || Some(current.get().find(None, "mine")?.cost(&tokens, 0));
        assert_eq!(cost(), None);
        let set = |input| {
            let changes = [("input".to_owned(), input), ("output".to_owned(), 1.0)];
            files.set("mine", &changes, "2026-12-01").unwrap();
        };
        set(2.0);
        assert_eq!(cost(), Some(Micros(2_000_000)));
        let path = files.own().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, "[models.mine]\ninput = \"x\"\n").unwrap();
        assert_eq!(cost(), Some(Micros(2_000_000)), "as it was");
        assert!(current.problem().unwrap().contains("prices.toml:2:9"), "{:?}", current.problem());
        assert!(Current::new(files.clone()).is_err(), "no core starts with it");
        std::fs::write(&path, text).unwrap();
        set(3.0);
        assert_eq!((cost(), current.problem()), (Some(Micros(3_000_000)), None));
    }
}
