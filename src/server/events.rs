//! `/v1/events`: a WebSocket where the client upgrades, else server-sent events.
//!
//! Backpressure: each stream has a queue of its own, and while it is full nothing is taken
//! from the broadcast for it. A reader that falls behind the broadcast is told so (`gap`)
//! and gets what it missed from the journal, or a new snapshot; it never slows another.

use super::{
    identity::Served,
    problem::{Answer, Query, Refused},
};
use crate::{
    config::nearest,
    model::{AgentId, Event, EventRecord, Level, Refusal, RefusalCode, SwarmId},
    protocol::stream::{ServerMessage, Snapshot, Update},
    runtime::{Commit, Handle, Subscription},
};
use axum::{
    body::{Body, Bytes},
    extract::{
        State,
        ws::{Message, WebSocket, WebSocketUpgrade, rejection::WebSocketUpgradeRejection},
    },
    http::{
        HeaderMap,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use futures_util::SinkExt;
use serde::Deserialize;
use std::{convert::Infallible, time::Duration};
use tokio::{
    sync::{broadcast::error::RecvError, mpsc},
    time::{Instant, interval_at},
};
use tokio_stream::{StreamExt, wrappers::ReceiverStream};

/// Messages that may wait for one reader.
const QUEUE: usize = 256;
/// A stream that has nothing to tell says so this often: who hears nothing for longer knows that
/// the connection is dead, and what stands between does not take it for that.
const BEAT: Duration = Duration::from_secs(10);
/// Events read from the journal at once.
const PAGE: usize = 1000;

#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Wish {
    /// All events after this one; only those to come where it is not said.
    since: Option<u64>,
    /// 0: end after what the journal holds.
    follow: Option<u8>,
    /// 1: begin with a snapshot, and send updates and gauges between the events.
    snapshot: u8,
    /// Id or name.
    swarm: Option<String>,
    /// Id or name.
    agent: Option<String>,
    /// This and above; `info` where nothing is said.
    #[cfg_attr(test, schemars(extend("enum" = ["debug", "info", "warn", "error"])))]
    level: Option<String>,
    /// Only those of these kinds, with commas between them, of any level if none is said.
    kind: Option<String>,
    /// 1: only what somebody has to be told of: failures that are not tried again, questions,
    /// what waits for money or input, ends of swarms.
    attention: u8,
}

struct Filter {
    /// An agent sees its own branch, whatever it asks for.
    branch: Option<AgentId>,
    swarm: Option<SwarmId>,
    agent: Option<AgentId>,
    level: Level,
    kinds: Vec<&'static str>,
    attention: bool,
}

impl Filter {
    fn lets(&self, record: &EventRecord) -> bool {
        record.event.level() >= self.level
            && record.agent.as_ref().map_or(self.branch.is_none(), |agent| self.sees(agent))
            && (self.swarm.is_none() || self.swarm == record.swarm)
            && (self.agent.is_none() || self.agent == record.agent)
            && (self.kinds.is_empty() || self.kinds.contains(&record.event.kind()))
            && (!self.attention || record.event.needs_attention())
    }

    fn sees(&self, agent: &AgentId) -> bool {
        self.branch.as_ref().is_none_or(|top| agent == top || agent.is_below(top))
    }

    fn snapshot(&self, snapshot: &mut Snapshot) {
        snapshot.recent.retain(|record| self.lets(record));
        if self.branch.is_some() {
            // What others of the swarm do and cost stands in its row.
            snapshot.swarms.clear();
            snapshot.agents.retain(|info| self.sees(&info.id));
        }
        if let Some(swarm) = &self.swarm {
            snapshot.swarms.retain(|info| &info.id == swarm);
            snapshot.agents.retain(|info| &info.swarm == swarm);
        }
    }

    fn update(&self, update: &Update) -> Update {
        let mut update = update.clone();
        if self.branch.is_some() {
            update.swarms.clear();
            update.agents.retain(|info| self.sees(&info.id));
        }
        if let Some(swarm) = &self.swarm {
            update.swarms.retain(|info| &info.id == swarm);
            update.agents.retain(|info| &info.swarm == swarm);
            update.approvals.retain(|approval| &approval.swarm == swarm);
        }
        if let Some(agent) = &self.agent {
            update.agents.retain(|info| &info.id == agent);
            update.approvals.retain(|approval| &approval.agent == agent);
        }
        update
    }
}

pub async fn open(
    State(served): State<Served>,
    Query(mut wish): Query<Wish>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Answer<Response> {
    let handle = served.handle.clone();
    let filter = Filter {
        branch: served.caller.branch().cloned(),
        swarm: match &wish.swarm {
            Some(name) => Some(handle.swarm_id(name).await?),
            None => None,
        },
        agent: match &wish.agent {
            Some(name) => Some(handle.agent_id(name).await?),
            None => None,
        },
        level: level(wish.level.as_deref(), wish.kind.is_some())?,
        kinds: kinds(wish.kind.as_deref())?,
        attention: wish.attention != 0,
    };
    if let Some(last) = headers.get("last-event-id") {
        // It comes back to the same address: what it has seen since counts.
        let last = last.to_str().ok().and_then(|id| id.trim().parse().ok());
        let bad = || Refusal::new(RefusalCode::Invalid, "Last-Event-ID is no event's number");
        wish.since = Some(last.ok_or_else(bad)?);
    }
    if let Some(since) = wish.since {
        handle.still_has(since).await?;
    }
    let (queue, messages) = mpsc::channel(QUEUE);
    let present = served.clients.enter();
    let producer = async move {
        let done = if wish.snapshot != 0 {
            mirror(&handle, &filter, &queue).await
        } else {
            let follow = wish.follow != Some(0);
            stream(&handle, &filter, wish.since, follow, &queue).await
        };
        if let Err(Stop::Core(refusal)) = done {
            tracing::debug!(%refusal, "an event stream ended");
        }
    };
    Ok(match upgrade {
        Ok(upgrade) => upgrade.on_upgrade(async move |socket| {
            let _present = present;
            let (mut producer, mut sending) =
                (std::pin::pin!(producer), std::pin::pin!(send(socket, messages)));
            tokio::select! {
                // What it left in the queue still goes out, and then the close.
                () = &mut producer => sending.await,
                () = &mut sending => {}
            }
        }),
        Err(_) => {
            tokio::spawn(async move {
                let _present = present;
                producer.await;
            });
            let beats = interval_at(Instant::now() + BEAT, BEAT);
            let lines = ReceiverStream::new(messages).timeout_repeating(beats).map(|message| {
                let Ok(message) = message else {
                    return Ok::<_, Infallible>(Bytes::from_static(b": beat\n\n"));
                };
                let json = serde_json::to_string(&message).unwrap_or_default();
                // A reader that comes back names the last one it saw.
                let id = match &message {
                    ServerMessage::Event(record) => format!("id: {}\n", record.seq),
                    ServerMessage::Snapshot(_)
                    | ServerMessage::Update(_)
                    | ServerMessage::Gauges { .. }
                    | ServerMessage::Gap { .. } => String::new(),
                };
                Ok(Bytes::from(format!("{id}data: {json}\n\n")))
            });
            let kind = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store")];
            (kind, Body::from_stream(lines)).into_response()
        }
    })
}

fn kinds(words: Option<&str>) -> Result<Vec<&'static str>, Refused> {
    let known = |word: &str| {
        let found = Event::KINDS.iter().find(|kind| **kind == word);
        found.copied().ok_or_else(|| {
            let refusal = Refusal::new(RefusalCode::Invalid, format!("kind: no event is {word:?}"));
            match nearest(word, Event::KINDS.iter().copied()) {
                Some(near) => refusal.hinted(format!("did you mean {near}?")),
                None => refusal,
            }
        })
    };
    Ok(words.into_iter().flat_map(|words| words.split(',')).map(known).collect::<Result<_, _>>()?)
}

fn level(word: Option<&str>, of_kinds: bool) -> Result<Level, Refused> {
    Ok(match word {
        None if of_kinds => Level::Debug,
        None | Some("info") => Level::Info,
        Some("debug") => Level::Debug,
        Some("warn") => Level::Warn,
        Some("error") => Level::Error,
        Some(other) => {
            let why = format!("no level is called {other:?}");
            let refusal = Refusal::new(RefusalCode::Invalid, why);
            return Err(refusal.hinted("debug, info, warn or error").into());
        }
    })
}

/// Sends until either side is done. A client's close or its silence after a broken
/// connection both end it.
async fn send(socket: WebSocket, mut messages: mpsc::Receiver<ServerMessage>) {
    let (mut sink, mut source) = futures_util::StreamExt::split(socket);
    let mut beats = interval_at(Instant::now() + BEAT, BEAT);
    loop {
        tokio::select! {
            _ = beats.tick() => {
                if sink.send(Message::Ping(Bytes::new())).await.is_err() {
                    return;
                }
            }
            message = messages.recv() => {
                let Some(message) = message else { break };
                let Ok(json) = serde_json::to_string(&message) else { continue };
                if sink.send(Message::text(json)).await.is_err() {
                    return;
                }
            }
            heard = source.next() => match heard {
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => {}
            }
        }
    }
    // Nothing more follows; the client may be gone already.
    let _ = sink.send(Message::Close(None)).await;
}

enum Stop {
    /// The reader went away.
    Reader,
    Core(Refusal),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Core(refusal)
    }
}

impl<T> From<mpsc::error::SendError<T>> for Stop {
    fn from(_: mpsc::error::SendError<T>) -> Self {
        Self::Reader
    }
}

type Queue = mpsc::Sender<ServerMessage>;

/// A snapshot, then everything that changes it.
async fn mirror(handle: &Handle, filter: &Filter, queue: &Queue) -> Result<(), Stop> {
    loop {
        let Subscription { mut snapshot, mut commits, mut gauges } = handle.subscribe().await?;
        filter.snapshot(&mut snapshot);
        let mut last = snapshot.seq;
        queue.send(ServerMessage::Snapshot(Box::new(snapshot))).await?;
        loop {
            tokio::select! {
                commit = commits.recv() => match commit {
                    Ok(commit) => {
                        pass_on(&commit, None, filter, &mut last, queue).await?;
                        let update = Box::new(filter.update(&commit.update));
                        queue.send(ServerMessage::Update(update)).await?;
                    }
                    // Too far behind: a new snapshot stands for all of it.
                    Err(RecvError::Lagged(_)) => break,
                    Err(RecvError::Closed) => return Ok(()),
                },
                latest = gauges.recv() => match latest {
                    Ok(latest) => {
                        let mut gauges = latest.to_vec();
                        gauges.retain(|gauge| filter.sees(&gauge.agent));
                        queue.send(ServerMessage::Gauges { gauges }).await?;
                    }
                    // Only the latest values count, and more will come.
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return Ok(()),
                },
                () = queue.closed() => return Err(Stop::Reader),
            }
        }
    }
}

/// Events alone, from any point of the past.
async fn stream(
    handle: &Handle,
    filter: &Filter,
    since: Option<u64>,
    follow: bool,
    queue: &Queue,
) -> Result<(), Stop> {
    let (now, mut commits) = handle.follow().await?;
    let mut last = since.unwrap_or(if follow { now } else { 0 });
    replay(handle, filter, &mut last, now, queue).await?;
    if !follow {
        return Ok(());
    }
    loop {
        tokio::select! {
            commit = commits.recv() => match commit {
                Ok(commit) => pass_on(&commit, Some(handle), filter, &mut last, queue).await?,
                Err(RecvError::Lagged(_)) => {
                    let (until, fresh) = handle.follow().await?;
                    commits = fresh;
                    queue.send(ServerMessage::Gap { after: last, until }).await?;
                    replay(handle, filter, &mut last, until, queue).await?;
                }
                Err(RecvError::Closed) => return Ok(()),
            },
            () = queue.closed() => return Err(Stop::Reader),
        }
    }
}

async fn replay(
    handle: &Handle,
    filter: &Filter,
    last: &mut u64,
    until: u64,
    queue: &Queue,
) -> Result<(), Stop> {
    while *last < until {
        let page = handle.events(*last, PAGE).await?;
        if page.is_empty() {
            break;
        }
        for record in page {
            *last = record.seq;
            if filter.lets(&record) {
                let record = handle.with_results(record).await;
                queue.send(ServerMessage::Event(Box::new(record))).await?;
            }
        }
    }
    Ok(())
}

/// `ends`: those of swarms with what came of them.
async fn pass_on(
    commit: &Commit,
    ends: Option<&Handle>,
    filter: &Filter,
    last: &mut u64,
    queue: &Queue,
) -> Result<(), Stop> {
    for record in commit.events.iter().filter(|record| record.seq > *last) {
        if filter.lets(record) {
            let record = match ends {
                Some(handle) => handle.with_results(record.clone()).await,
                None => record.clone(),
            };
            queue.send(ServerMessage::Event(Box::new(record))).await?;
        }
    }
    *last = commit.events.last().map_or(*last, |record| record.seq.max(*last));
    Ok(())
}
