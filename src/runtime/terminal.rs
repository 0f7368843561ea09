//! The terminal of an attempt, by way of its keeper while that is there and from what it
//! recorded afterwards: looked at, read, typed into, resized, handed to a viewer.

use super::{
    handle::Handle,
    launch::new_token,
    log::{LogFormat, LogStream, Tail},
    outcome,
    world::{Order, leaving},
};
use crate::{
    core::{self, Input},
    model::{AgentId, AttemptId, Refusal, RefusalCode},
    protocol::{
        keeper::ScreenDump,
        rest::{InputBody, Size, Ticket},
    },
    term::{keys, last_screen},
};
use std::time::Duration;
use tokio::sync::{broadcast, oneshot};

/// A keeper that does not answer in this time is stuck.
const ANSWER: Duration = Duration::from_secs(5);
/// An agent takes no longer until its first screen, where others are at work too.
const FIRST_SCREEN: Duration = Duration::from_secs(20);

impl Handle {
    /// The attempt `number` of an agent, or its latest.
    ///
    /// # Errors
    /// When there is none.
    pub async fn attempt(
        &self,
        agent: &AgentId,
        number: Option<u32>,
    ) -> Result<AttemptId, Refusal> {
        let of = agent.clone();
        let found = self.world.read(move |state| {
            let agent = state.agents.get(&of)?;
            match number {
                Some(n) => Some(agent.id.attempt(n)).filter(|id| state.attempts.contains_key(id)),
                None => agent.latest.clone(),
            }
        });
        found.await?.ok_or_else(|| {
            let what = number.map_or("no attempt yet".to_owned(), |n| format!("no attempt {n}"));
            Refusal::new(RefusalCode::NotFound, format!("agent {agent} has {what}"))
        })
    }

    /// The screen of an attempt: live from its keeper, else as it was at its end, or as far
    /// as it is recorded.
    ///
    /// # Errors
    /// When there is neither.
    pub async fn screen(&self, attempt: &AttemptId) -> Result<ScreenDump, Refusal> {
        if let Some(keeper) = self.world.keeper(attempt) {
            let (done, screen) = oneshot::channel();
            if keeper.send(Order::Screen(done)).await.is_ok()
                && let Ok(Ok(screen)) = tokio::time::timeout(ANSWER, screen).await
            {
                return Ok(screen.screen);
            }
        }
        if let Some(record) = outcome::exit_record(&self.world.instance, attempt) {
            return Ok(record.screen);
        }
        // Its keeper was killed: what it recorded until then is drawn.
        let dir = self.world.instance.attempt_dir(attempt);
        let drawn = tokio::task::spawn_blocking(move || last_screen(&dir)).await;
        drawn.ok().and_then(Result::ok).ok_or_else(|| {
            Refusal::new(RefusalCode::Conflict, format!("attempt {attempt} has no screen"))
                .hinted("its keeper does not answer; the log is still there")
        })
    }

    /// The recording of an attempt (of the latest where no number is given) as a stream of
    /// bytes; with `follow` until the attempt is over, also where it has yet to begin.
    ///
    /// # Errors
    /// When there is no recording, and none to come.
    pub async fn log(
        &self,
        agent: &AgentId,
        number: Option<u32>,
        format: LogFormat,
        follow: bool,
    ) -> Result<LogStream, Refusal> {
        let bytes = self.world.gauges.watch_bytes(agent);
        let (_, commits) = self.follow().await?;
        let found = self.attempt(agent, number).await;
        if follow {
            let (of, id) = (agent.clone(), found.as_ref().ok().cloned());
            let to_come = self.world.read(move |state| match &id {
                Some(id) => state.attempts.get(id).is_some_and(|a| a.ended_at.is_none()),
                None if number.is_some() => false,
                None => state.agents.get(&of).is_some_and(|agent| !agent.state.is_final()),
            });
            if to_come.await? {
                let (world, agent) = (self.world.clone(), agent.clone());
                let tail = Tail { world, agent, attempt: found.ok(), bytes, commits };
                return Ok(super::log::follow(format, tail));
            }
        }
        super::log::stream(self.world.instance.attempt_dir(&found?), format)
    }

    async fn order(&self, agent: &AgentId, order: Order) -> Result<AttemptId, Refusal> {
        let attempt = self.attempt(agent, None).await?;
        let over = || {
            let why = format!("agent {agent} does not run");
            Refusal::new(RefusalCode::Conflict, why).hinted(format!("dash agent show {agent}"))
        };
        let keeper = self.world.keeper(&attempt).ok_or_else(over)?;
        keeper.send(order).await.map_err(|_| over())?;
        Ok(attempt)
    }

    /// Types into an agent's terminal.
    ///
    /// # Errors
    /// When it does not run, or a key has no such name.
    pub async fn input(&self, agent: &AgentId, body: InputBody) -> Result<(), Refusal> {
        let mut then = Vec::new();
        for key in &body.keys {
            let encoded = keys::encode(key, false)
                .map_err(|error| Refusal::new(RefusalCode::Invalid, error.to_string()))?;
            then.extend(encoded);
        }
        if body.enter {
            then.push(b'\r');
        }
        if body.text.is_empty() && then.is_empty() {
            let why = "nothing to type: no text, no keys, no enter";
            return Err(Refusal::new(RefusalCode::Invalid, why));
        }
        if !body.text.is_empty() {
            self.until_it_takes_text(agent).await?;
        }
        let typed = (body.text.len() + then.len()) as u64;
        self.order(agent, Order::Type { text: body.text, then }).await?;
        let (by, agent) = (self.actor.clone(), agent.clone());
        self.world.tell(Input::Typed { by, agent, bytes: typed }).await;
        Ok(())
    }

    /// One that shows nothing by which that could be told gets it all the same, later.
    async fn until_it_takes_text(&self, agent: &AgentId) -> Result<(), Refusal> {
        let (_, mut commits) = self.follow().await?;
        let shown = async {
            loop {
                let of = agent.clone();
                let seen = move |state: &core::State| {
                    (core::takes_text(state, &of), core::asks_first(state, &of))
                };
                match self.world.read(seen).await? {
                    (true, _) => return Ok(()),
                    (false, Some(asked)) => {
                        let why = format!("{agent} asks something before it takes text: {asked}");
                        let hint = format!("answer that first: dash approve {asked}, or deny");
                        return Err(Refusal::new(RefusalCode::Conflict, why).hinted(&hint));
                    }
                    (false, None) => {}
                }
                if matches!(commits.recv().await, Err(broadcast::error::RecvError::Closed)) {
                    return Err(leaving());
                }
            }
        };
        tokio::time::timeout(FIRST_SCREEN, shown).await.unwrap_or(Ok(()))
    }

    /// Takes in what a hook of an attempt's agent tells of it.
    ///
    /// # Errors
    /// When it tells nothing, or the attempt is over.
    pub async fn hook(&self, attempt: &AttemptId, event: serde_json::Value) -> Result<(), Refusal> {
        if !event.is_object() {
            let why = "a hook tells one JSON object";
            return Err(Refusal::new(RefusalCode::Invalid, why));
        }
        let over = || Refusal::new(RefusalCode::Conflict, format!("attempt {attempt} is over"));
        let keeper = self.world.keeper(attempt).ok_or_else(over)?;
        let (done, taken) = oneshot::channel();
        keeper.send(Order::Hook { event, done }).await.map_err(|_| over())?;
        taken.await.map_err(|_| over())
    }

    /// # Errors
    /// When the agent does not run.
    pub async fn resize(&self, agent: &AgentId, size: Size) -> Result<(), Refusal> {
        self.order(agent, Order::Resize { cols: size.cols, rows: size.rows }).await.map(|_| ())
    }

    /// Leave for one viewer to connect to the keeper directly.
    ///
    /// # Errors
    /// When the agent does not run.
    pub async fn ticket(&self, agent: &AgentId, read_only: bool) -> Result<Ticket, Refusal> {
        let ticket =
            new_token().map_err(|error| Refusal::new(RefusalCode::Internal, error.to_string()))?;
        let (done, told) = oneshot::channel();
        let order = Order::Ticket { ticket: ticket.clone(), read_only, done };
        let attempt = self.order(agent, order).await?;
        let stuck =
            || Refusal::new(RefusalCode::Conflict, format!("{agent}'s keeper does not answer"));
        tokio::time::timeout(ANSWER, told).await.map_err(|_| stuck())?.map_err(|_| stuck())?;
        Ok(Ticket { socket: self.world.instance.keeper_socket(&attempt), ticket })
    }
}
