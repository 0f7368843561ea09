//! Calls: one request is one answer for the status line.

use super::PATIENCE;
use crate::client::{Client, ClientError};
use crate::model::{AgentId, ApprovalState};
use crate::protocol::rest::{Answer, InputBody};
use crate::store::{By, Money};
use crate::tui::link::{Message, Request};
use bytes::Bytes;
use tokio::{sync::mpsc::Sender, time::timeout};

/// Asks the ledger; its answer is always told, so that it can be asked again.
pub async fn ask_costs(client: Client, by: By, messages: Sender<Message>) {
    let asked = async {
        let accounts = client.accounts().await?;
        let rows = client.costs(by.word()).await?;
        Ok::<_, ClientError>(Box::new(Money { accounts, by, rows }))
    };
    let answer = asked.await.map_err(|error| error.to_string());
    _ = messages.send(Message::Costs(answer)).await;
}

pub async fn ask_past(
    client: Client,
    attachment: u64,
    agent: AgentId,
    bytes: u64,
    messages: Sender<Message>,
) {
    let end = client.log_end(agent.as_str(), bytes).await;
    let bytes = end.map(Bytes::from).map_err(|error| error.to_string());
    _ = messages.send(Message::Past { attachment, bytes }).await;
}

/// Carries a call out, and says so when the core is slow to answer.
pub async fn patiently(client: Client, request: Request, messages: Sender<Message>) {
    let call = carry_out(client, request, messages.clone());
    tokio::pin!(call);
    if timeout(PATIENCE, &mut call).await.is_err() {
        let seconds = PATIENCE.as_secs();
        let why = format!("the core has not answered for {seconds} s; it is still waited for");
        _ = messages.send(Message::Refused(why)).await;
        call.await;
    }
}

async fn carry_out(client: Client, request: Request, messages: Sender<Message>) {
    let done = match request {
        Request::All(requests) => all(&client, requests).await,
        request => one(&client, request).await.map_err(|error| error.to_string()),
    };
    let message = match done {
        Ok(what) => Message::Done(what),
        Err(why) => Message::Refused(why),
    };
    _ = messages.send(message).await;
}

/// In their order; what is refused holds up nothing.
async fn all(client: &Client, requests: Vec<Request>) -> Result<String, String> {
    let count = requests.len();
    let mut refused = Vec::new();
    let mut last = String::new();
    for request in requests {
        match one(client, request).await {
            Ok(what) => last = what,
            Err(error) => refused.push(error.to_string()),
        }
    }
    match refused.first() {
        None => Ok(format!("{last}, and {} more", count - 1)),
        Some(why) => Err(format!("{} of {count} refused: {why}", refused.len())),
    }
}

async fn one(client: &Client, request: Request) -> Result<String, ClientError> {
    match request {
        Request::StopAgent(agent) => {
            client.stop_agent(agent.as_str()).await.map(|agent| format!("{} stops", agent.name))
        }
        Request::RetryAgent { agent, model } => client
            .retry_agent(agent.as_str(), model)
            .await
            .map(|agent| format!("{} tries again", agent.name)),
        Request::SendText { agent, text } => {
            let input = InputBody { text, enter: true, ..InputBody::default() };
            client.send_input(agent.as_str(), &input).await.map(|()| format!("sent to {agent}"))
        }
        Request::StopSwarm(swarm) => {
            client.stop_swarm(swarm.as_str()).await.map(|swarm| format!("{} stops", swarm.name))
        }
        Request::Pause { agent, on: true } => {
            client.pause_agent(agent.as_str()).await.map(|agent| format!("{} paused", agent.name))
        }
        Request::Pause { agent, on: false } => {
            client.resume_agent(agent.as_str()).await.map(|agent| format!("{} goes on", agent.name))
        }
        Request::PauseSwarm { swarm, on: true } => {
            client.pause_swarm(swarm.as_str()).await.map(|swarm| format!("{} paused", swarm.name))
        }
        Request::PauseSwarm { swarm, on: false } => {
            client.resume_swarm(swarm.as_str()).await.map(|swarm| format!("{} goes on", swarm.name))
        }
        Request::RemoveSwarm(swarm) => {
            client.remove_swarm(swarm.as_str(), false).await.map(|removed| {
                match removed.kept.len() {
                    0 => format!("{swarm} is forgotten"),
                    n => format!("{swarm} is forgotten; {n} worktrees with work in them were kept"),
                }
            })
        }
        Request::CreateSwarm(spec) => {
            client.create_swarm(&spec).await.map(|swarm| match swarm.agents.total {
                1 => format!("{} created, 1 agent", swarm.name),
                n => format!("{} created, {n} agents", swarm.name),
            })
        }
        Request::Answer { approval, verdict, remember } => {
            let answer = Answer { verdict, remember, note: String::new() };
            client.answer(approval.as_str(), &answer).await.map(|approval| match approval.state {
                ApprovalState::Open => format!("{} needs one more user", approval.id),
                state => format!("{} {state}", approval.id),
            })
        }
        // Not calls: they never come here.
        Request::All(_)
        | Request::Costs(_)
        | Request::Past { .. }
        | Request::Attach { .. }
        | Request::Detach { .. }
        | Request::Input { .. }
        | Request::Watch { .. }
        | Request::Unwatch { .. }
        | Request::Resize { .. } => Ok(String::new()),
    }
}
