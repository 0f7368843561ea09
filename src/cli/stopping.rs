//! What `swarm stop` and `agent stop` have in common: they wait for the end, and say what
//! came of it.

use super::{
    context::Context,
    failure::{Code, Failure},
};
use crate::client::Result;
use std::{
    fmt::Display,
    time::{Duration, Instant},
};

/// A keeper that hangs is killed long before.
const WITHIN: Duration = Duration::from_secs(60);

/// Something that was asked to stop, as it is now.
pub struct Stopping<T> {
    pub what: T,
    /// It was over before it was asked.
    pub already: bool,
}

impl<T> Stopping<T> {
    /// Looks until it is over.
    pub async fn until_over(
        &mut self,
        name: impl Display,
        is_over: impl Fn(&T) -> bool,
        look: impl AsyncFn() -> Result<T>,
    ) -> std::result::Result<(), Failure> {
        let until = Instant::now() + WITHIN;
        while !is_over(&self.what) {
            if Instant::now() >= until {
                return Err(Failure::new(Code::TimedOut, format!("{name} is still not over")));
            }
            self.what = look().await?;
        }
        Ok(())
    }

    pub fn say(
        &self,
        context: &mut Context<'_>,
        name: impl Display,
        is_over: bool,
        state: impl Display,
    ) -> std::result::Result<(), Failure> {
        context.line(match (self.already, is_over) {
            (true, _) => format!("{name} is over already: {state}"),
            (false, true) => format!("{name} stopped"),
            (false, false) => format!("{name} stops"),
        })?;
        Ok(())
    }
}
