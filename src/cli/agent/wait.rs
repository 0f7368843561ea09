//! `dash agent wait`

use super::super::{
    args::Json,
    context::Context,
    duration,
    failure::{Code, Done, Failure},
    format::{self, one_line, state_and_reason},
};
use crate::{
    client::{Client, EventsQuery, FeedItem},
    model::{AgentInfo, AgentState, BUDGET, is_unpaid},
    protocol::stream::ServerMessage,
};
use clap::Args;
use std::time::Duration;
use tokio::time::timeout;

#[derive(Debug, Args)]
pub struct Wait {
    /// Id or name
    agent: String,
    /// Give up after so long (exit code 5; the agent goes on)
    #[arg(long, value_name = "T", value_parser = duration::parse)]
    timeout: Option<u64>,
    #[command(flatten)]
    json: Json,
}

impl Wait {
    pub async fn run(self, context: &mut Context<'_>) -> Done {
        let client = context.client().await?;
        let over = until_over(&client, &self.agent);
        let agent = match self.timeout {
            None => over.await?,
            Some(ms) => match timeout(Duration::from_millis(ms), over).await {
                Ok(agent) => agent?,
                Err(_) => {
                    let took = format::duration(ms);
                    let message = format!("{} is not over after {took}", self.agent);
                    return Err(Failure::new(Code::TimedOut, message));
                }
            },
        };
        if self.json.json {
            context.json(&agent)?;
        } else {
            let state = state_and_reason(agent.state, &agent.reason);
            context.line(format!("{}  {state}  {}", agent.id, agent.cost()))?;
            if let Some(command) = agent.way_on.as_ref().filter(|_| waits(&agent)) {
                let why = why(&client, &agent).await;
                context.note(format!("{why}; it goes on with `{command}`"));
            }
        }
        Ok(code(&agent))
    }
}

/// What it lacks. One that is over leaves that as its last words; on its own screen stand others.
async fn why(client: &Client, agent: &AgentInfo) -> String {
    // It may have been removed meanwhile.
    let explained = match agent.interactive {
        true => client.explain(agent.id.as_str()).await.ok(),
        false => None,
    };
    let decided =
        explained.and_then(|explained| explained.signals.into_iter().find(|signal| signal.decided));
    one_line(&decided.map_or_else(|| agent.last_line.clone(), |decided| decided.signal.detail))
}

/// What waits for money or a price waits for somebody. Its attempt is over by then, but for one
/// on its own screen, which stands there until it is told to go on.
fn waits(agent: &AgentInfo) -> bool {
    let stands = agent.interactive || agent.pid.is_none();
    agent.state == AgentState::Paused && is_unpaid(&agent.reason) && stands
}

fn code(agent: &AgentInfo) -> Code {
    match agent.state {
        AgentState::Done => Code::Ok,
        _ if agent.reason.starts_with(BUDGET) => Code::Budget,
        _ if agent.reason.starts_with("timeout") => Code::TimedOut,
        _ => Code::SomeFailed,
    }
}

async fn until_over(client: &Client, name: &str) -> Result<AgentInfo, Failure> {
    let agent = client.agent(name).await?;
    let id = agent.id;
    let query = EventsQuery { snapshot: true, agent: Some(id.clone()), ..EventsQuery::default() };
    let mut feed = client.feed(query);
    loop {
        let agents = match feed.next().await? {
            Some(FeedItem::Message(ServerMessage::Snapshot(snapshot))) => snapshot.agents,
            Some(FeedItem::Message(ServerMessage::Update(update))) => {
                if update.removed_agents.contains(&id) {
                    let message = format!("{id} was removed while it was waited for");
                    return Err(Failure::error(message));
                }
                update.agents
            }
            Some(FeedItem::Message(_) | FeedItem::Lost | FeedItem::Back) | None => continue,
        };
        let over = |agent: &AgentInfo| agent.state.is_final() || waits(agent);
        if let Some(agent) = agents.into_iter().find(|agent| agent.id == id && over(agent)) {
            return Ok(agent);
        }
    }
}
