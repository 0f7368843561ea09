//! The pulse as clients ask for it.

use super::{clock, handle::Handle, world::leaving};
use crate::{
    core::{self, News, State},
    model::{AgentId, Pulse, Refusal, RefusalCode},
};
use tokio::{
    sync::broadcast::error::RecvError,
    time::{Instant, sleep_until},
};

/// Events read at once.
const PAGE: usize = 1000;
/// Since a cursor that is older than so many events, everything is told.
const MOST: usize = 20_000;

impl Handle {
    /// What is new after the event `since`, for all or for one agent's branch; everything where
    /// none is named or it is too old.
    ///
    /// # Errors
    /// When there is no such event yet, or the journal cannot be read.
    pub async fn pulse(&self, top: Option<AgentId>, since: Option<u64>) -> Result<Pulse, Refusal> {
        let news = match since {
            Some(since) => self.news(since).await?,
            None => None,
        };
        let now = clock::now();
        let read = move |state: &State| core::pulse(state, top.as_ref(), news.as_ref(), now);
        self.world.read(read).await
    }

    /// As [`Self::pulse`], but not before it [calls](Pulse::calls) or `until` has come.
    ///
    /// # Errors
    /// As there.
    pub async fn pulse_that_calls(
        &self,
        top: Option<AgentId>,
        since: u64,
        until: Instant,
    ) -> Result<Pulse, Refusal> {
        // From before the first look, so that nothing is missed.
        let (_, mut commits) = self.follow().await?;
        loop {
            let pulse = self.pulse(top.clone(), Some(since)).await?;
            if pulse.calls() || Instant::now() >= until {
                return Ok(pulse);
            }
            loop {
                tokio::select! {
                    commit = commits.recv() => match commit {
                        Ok(commit) if !commit.events.iter().any(News::calls) => {}
                        // A lag is as good as a call: something happened.
                        Ok(_) | Err(RecvError::Lagged(_)) => break,
                        Err(RecvError::Closed) => return Err(leaving()),
                    },
                    () = sleep_until(until) => break,
                }
            }
        }
    }

    /// What happened after the event `since`; none where that is no longer known.
    async fn news(&self, since: u64) -> Result<Option<News>, Refusal> {
        match self.still_has(since).await {
            Err(refusal) if refusal.code == RefusalCode::Gone => return Ok(None),
            told => told?,
        }
        let latest = self.world.read(|state| state.seq).await?;
        if latest - since > MOST as u64 {
            return Ok(None);
        }
        let mut news = News::after(since);
        while news.until < latest {
            let page = self.events(news.until, PAGE).await?;
            if page.is_empty() {
                break;
            }
            page.iter().for_each(|record| news.take(record));
        }
        Ok(Some(news))
    }
}
