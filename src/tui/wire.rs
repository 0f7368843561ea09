//! The real other side of a [`Link`]: requests become calls, the subscription and the
//! attachment become messages. A call that waits holds up nobody else.

mod calls;

use super::link::{Link, LinkEnd, Message, Request, TerminalEvent, link};
use crate::client::{
    AttachEvent, AttachReader, AttachWriter, Attachment, Client, ClientError, EventsQuery, FeedItem,
};
use crate::model::{AgentId, AgentState};
use bytes::Bytes;
use calls::{ask_costs, ask_past, patiently};
use std::{collections::HashMap, time::Duration};
use tokio::{
    sync::mpsc::{self, Sender},
    task::JoinHandle,
    time::{Instant, timeout},
};

/// Keys that may wait for a keeper that takes none.
const KEYS: usize = 256;
/// How long an attempt that has begun may take until its keeper answers.
const BIRTH: Duration = Duration::from_secs(30);
/// Pauses between two tries to reach a keeper.
const SHORTEST: Duration = Duration::from_millis(30);
const LONGEST: Duration = Duration::from_millis(500);
/// A core that takes longer to carry something out is told of.
const PATIENCE: Duration = Duration::from_secs(4);
/// Pauses between two tries to find a core.
const PAUSES: [Duration; 3] =
    [Duration::from_millis(250), Duration::from_secs(1), Duration::from_secs(5)];

/// Begins to subscribe and to take requests; ends by itself when the link is dropped.
pub fn connect(client: Client) -> Link {
    let (link, end) = link();
    tokio::spawn(subscribe(client.clone(), end.messages.clone()));
    tokio::spawn(serve(client, end));
    link
}

async fn subscribe(client: Client, messages: Sender<Message>) {
    tokio::select! {
        () = messages.closed() => {}
        () = follow(&client, &messages) => {}
    }
}

async fn follow(client: &Client, messages: &Sender<Message>) {
    let mut tries = 0;
    loop {
        let mut feed = client.feed(EventsQuery { snapshot: true, ..EventsQuery::default() });
        let mut heard = false;
        let why = loop {
            // Only the beginning has to come soon; after that, silence means that all is well.
            let item = if heard {
                feed.next().await
            } else if let Ok(item) = timeout(PATIENCE, feed.next()).await {
                item
            } else {
                let why = "it does not answer".to_owned();
                if messages.send(Message::Lost(why)).await.is_err() {
                    return;
                }
                feed.next().await
            };
            heard = true;
            let message = match item {
                Ok(Some(FeedItem::Message(message))) => {
                    tries = 0;
                    Message::Server(message)
                }
                Ok(Some(FeedItem::Lost)) => Message::Lost("it went away".to_owned()),
                Ok(Some(FeedItem::Back)) => Message::Back,
                Ok(None) => break "it closed the stream".to_owned(),
                Err(error) => break error.to_string(),
            };
            if messages.send(message).await.is_err() {
                return;
            }
        };
        if messages.send(Message::Lost(why)).await.is_err() {
            return;
        }
        tokio::time::sleep(PAUSES[tries.min(PAUSES.len() - 1)]).await;
        tries += 1;
    }
}

enum Key {
    Input(Vec<u8>),
    Resize(u16, u16),
}

/// The attachment there is, if there is one.
struct Attached {
    attachment: u64,
    keys: Sender<Key>,
    task: JoinHandle<()>,
}

impl Drop for Attached {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A terminal that is only looked at.
struct Watched {
    /// Kept, or the writing half would be over, and with it the watching.
    _keys: Sender<Key>,
    task: JoinHandle<()>,
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What is attached to, and how.
struct View {
    agent: AgentId,
    size: (u16, u16),
    read_only: bool,
}

async fn serve(client: Client, end: LinkEnd) {
    let LinkEnd { mut requests, messages } = end;
    let mut attached: Option<Attached> = None;
    let mut watched: HashMap<u64, Watched> = HashMap::new();
    while let Some(request) = requests.recv().await {
        match request {
            Request::Attach { attachment, agent, columns, rows } => {
                let (keys, queue) = mpsc::channel(KEYS);
                let teller = Teller { attachment, messages: messages.clone() };
                let view = View { agent, size: (columns, rows), read_only: false };
                let run = attach(client.clone(), view, queue, teller);
                attached = Some(Attached { attachment, keys, task: tokio::spawn(run) });
            }
            Request::Detach { attachment } => {
                attached = attached.filter(|now| now.attachment != attachment);
            }
            Request::Watch { attachment, agent } => {
                let (keys, queue) = mpsc::channel(1);
                let teller = Teller { attachment, messages: messages.clone() };
                // No size: whoever types into it says how large it is.
                let view = View { agent, size: (0, 0), read_only: true };
                let task = tokio::spawn(attach(client.clone(), view, queue, teller));
                watched.insert(attachment, Watched { _keys: keys, task });
            }
            Request::Unwatch { attachment } => _ = watched.remove(&attachment),
            Request::Input { attachment, bytes } => {
                type_into(attached.as_ref(), attachment, Key::Input(bytes), &messages).await;
            }
            Request::Resize { attachment, columns, rows } => {
                let key = Key::Resize(columns, rows);
                type_into(attached.as_ref(), attachment, key, &messages).await;
            }
            Request::Past { attachment, agent, bytes } => {
                tokio::spawn(ask_past(client.clone(), attachment, agent, bytes, messages.clone()));
            }
            Request::Costs(by) => {
                tokio::spawn(ask_costs(client.clone(), by, messages.clone()));
            }
            call @ (Request::StopAgent(_)
            | Request::RetryAgent { .. }
            | Request::StopSwarm(_)
            | Request::Pause { .. }
            | Request::PauseSwarm { .. }
            | Request::RemoveSwarm(_)
            | Request::CreateSwarm(_)
            | Request::SendText { .. }
            | Request::All(_)
            | Request::Answer { .. }) => {
                tokio::spawn(patiently(client.clone(), call, messages.clone()));
            }
        }
    }
}

async fn type_into(to: Option<&Attached>, attachment: u64, key: Key, messages: &Sender<Message>) {
    if let Some(attached) = to.filter(|attached| attached.attachment == attachment)
        && let Err(mpsc::error::TrySendError::Full(_)) = attached.keys.try_send(key)
    {
        let why = "the agent reads no input: keys are lost".to_owned();
        _ = messages.send(Message::Refused(why)).await;
    }
}

/// Tells what comes from one attachment.
struct Teller {
    attachment: u64,
    messages: Sender<Message>,
}

impl Teller {
    /// False when nobody listens any more.
    async fn tell(&self, event: TerminalEvent) -> bool {
        let message = Message::Terminal { attachment: self.attachment, event };
        self.messages.send(message).await.is_ok()
    }
}

async fn attach(client: Client, view: View, mut keys: mpsc::Receiver<Key>, teller: Teller) {
    let agent = view.agent.clone();
    let attachment = match reach(&client, view, &mut keys).await {
        Ok(attachment) => attachment,
        Err(error) => {
            // It may be over: then its last screen is kept.
            let event = match client.screen(agent.as_str(), None).await {
                Ok(dump) => {
                    // Blank rows at the end would leave the cursor below all that was written,
                    // and a lower window with nothing but them.
                    let mut lines = dump.ansi;
                    while lines.last().is_some_and(String::is_empty) {
                        lines.pop();
                    }
                    TerminalEvent::Last {
                        columns: dump.cols,
                        rows: dump.rows,
                        bytes: Bytes::from(lines.join("\r\n")),
                    }
                }
                Err(_) => TerminalEvent::Failed(error.to_string()),
            };
            teller.tell(event).await;
            return;
        }
    };
    let (reader, writer) = attachment.split();
    tokio::select! {
        () = read(reader, &teller) => {}
        why = write(writer, keys) => {
            if let Some(why) = why {
                teller.tell(TerminalEvent::Failed(why)).await;
            }
        }
    }
}

/// Attaches. An attempt is told of before its keeper answers: until then it is tried again,
/// and what is typed meanwhile is typed to nobody.
async fn reach(
    client: &Client,
    view: View,
    keys: &mut mpsc::Receiver<Key>,
) -> Result<Attachment, ClientError> {
    let View { agent, mut size, read_only } = view;
    let begun = Instant::now();
    let mut pause = SHORTEST;
    loop {
        let error = match client.attach(agent.as_str(), size.0, size.1, read_only).await {
            Ok(attachment) => return Ok(attachment),
            Err(error) => error,
        };
        let comes = client.agent(agent.as_str()).await.is_ok_and(|now| {
            !now.state.is_final() && (now.pid.is_some() || now.state == AgentState::Starting)
        });
        if !comes || begun.elapsed() > BIRTH {
            return Err(error);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST);
        while let Ok(key) = keys.try_recv() {
            if let Key::Resize(columns, rows) = key {
                size = (columns, rows);
            }
        }
    }
}

async fn read(mut reader: AttachReader, teller: &Teller) {
    loop {
        let (event, over) = match reader.next().await {
            Ok(Some(AttachEvent::Bytes(bytes))) => (TerminalEvent::Bytes(bytes), false),
            Ok(Some(AttachEvent::Size { cols, rows })) => {
                (TerminalEvent::Size { columns: cols, rows }, false)
            }
            Ok(Some(AttachEvent::Ended(exit))) => (TerminalEvent::Ended(Some(exit)), true),
            Ok(None) => (TerminalEvent::Failed("its keeper hung up".to_owned()), true),
            Err(error) => (TerminalEvent::Failed(error.to_string()), true),
        };
        if !teller.tell(event).await || over {
            return;
        }
    }
}

/// Ends with a reason when the keeper takes no more.
async fn write(mut writer: AttachWriter, mut keys: mpsc::Receiver<Key>) -> Option<String> {
    while let Some(key) = keys.recv().await {
        let sent = match key {
            Key::Input(bytes) => writer.input(&bytes).await,
            Key::Resize(columns, rows) => writer.resize(columns, rows).await,
        };
        if sent.is_err() {
            // The reader knows why, and says so; it may still have bytes to give.
            std::future::pending::<()>().await;
        }
    }
    None
}
