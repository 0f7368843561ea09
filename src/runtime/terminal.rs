//! An agent's terminal from outside: what is typed into it, its size, a way in; and what its
//! own hooks tell of it.

use super::{
    handle::{ANSWER, Handle},
    launch::new_token,
    world::Order,
};
use crate::{
    core::Input,
    model::{AgentId, AttemptId, Refusal, RefusalCode},
    protocol::rest::{InputBody, Size, Ticket},
    term::keys,
};
use tokio::sync::oneshot;

impl Handle {
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
        let typed = (body.text.len() + then.len()) as u64;
        self.order(agent, Order::Type { text: body.text, then }).await?;
        let (by, agent) = (self.actor.clone(), agent.clone());
        self.world.tell(Input::Typed { by, agent, bytes: typed }).await;
        Ok(())
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
