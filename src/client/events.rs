//! The event stream, over a WebSocket: [`Events`] is one connection, [`Feed`] one that
//! comes back after the core died.

use super::{
    connect::Stream,
    error::{ClientError, Result},
    http::{Client, escape, refusal},
};
use crate::{
    model::{AgentId, Level, SwarmId},
    protocol::stream::ServerMessage,
};
use futures_util::{SinkExt, StreamExt};
use std::time::Duration;
use tokio::time::{Instant, sleep};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{
        Error as WsError, Message, client::IntoClientRequest, http::header::AUTHORIZATION,
    },
};

/// What to subscribe to; see `protocol::stream` for the meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventsQuery {
    pub since: Option<u64>,
    pub follow: bool,
    pub snapshot: bool,
    pub swarm: Option<SwarmId>,
    pub agent: Option<AgentId>,
    pub level: Option<Level>,
    /// None: of any.
    pub kinds: Vec<String>,
    /// Only what somebody has to be told of.
    pub attention: bool,
}

impl Default for EventsQuery {
    /// All live events, from now on.
    fn default() -> Self {
        Self {
            since: None,
            follow: true,
            snapshot: false,
            swarm: None,
            agent: None,
            level: None,
            kinds: Vec::new(),
            attention: false,
        }
    }
}

impl EventsQuery {
    fn path(&self) -> String {
        let mut path = format!("/v1/events?follow={}", u8::from(self.follow));
        let mut add = |name: &str, value: &str| {
            path.push_str(&format!("&{name}={}", escape(value)));
        };
        if let Some(since) = self.since {
            add("since", &since.to_string());
        }
        if self.snapshot {
            add("snapshot", "1");
        }
        if let Some(swarm) = &self.swarm {
            add("swarm", swarm.as_str());
        }
        if let Some(agent) = &self.agent {
            add("agent", agent.as_str());
        }
        if !self.kinds.is_empty() {
            add("kind", &self.kinds.join(","));
        }
        if self.attention {
            add("attention", "1");
        }
        if let Some(level) = self.level {
            let word = match level {
                Level::Debug => "debug",
                Level::Info => "info",
                Level::Warn => "warn",
                Level::Error => "error",
            };
            add("level", word);
        }
        path
    }
}

/// One subscription over one connection.
pub struct Events {
    socket: WebSocketStream<Box<dyn Stream>>,
}

impl Client {
    pub async fn subscribe(&self, query: &EventsQuery) -> Result<Events> {
        let stream = self.stream_to_core().await?;
        let bad = |error: String| ClientError::Protocol(error);
        let mut request = format!("ws://dash{}", query.path())
            .into_client_request()
            .map_err(|error| bad(error.to_string()))?;
        if let Some(bearer) = self.authorization() {
            let bearer = bearer.parse().map_err(|_| bad("the token is no header".to_owned()))?;
            request.headers_mut().insert(AUTHORIZATION, bearer);
        }
        let opened = async {
            match client_async(request, stream).await {
                Ok((socket, _)) => Ok(Events { socket }),
                Err(WsError::Http(answer)) => {
                    let body = answer.body().as_deref().unwrap_or_default();
                    Err(refusal(answer.status(), body).into())
                }
                Err(error) => Err(ClientError::Lost(error.to_string())),
            }
        };
        self.in_time(opened).await
    }

    /// A subscription that outlives the core, see [`Feed`].
    pub fn feed(&self, query: EventsQuery) -> Feed {
        Feed { client: self.clone(), query, events: None, lost: None, barren: 0 }
    }
}

impl Events {
    /// The next message; none after the core closed the stream in good order. Safe to cancel.
    pub async fn next(&mut self) -> Result<Option<ServerMessage>> {
        loop {
            let message = match self.socket.next().await {
                Some(Ok(message)) => message,
                Some(Err(error)) => return Err(ClientError::Lost(error.to_string())),
                None => return Ok(None),
            };
            let text = match &message {
                Message::Text(text) => text.as_str().as_bytes(),
                Message::Binary(bytes) => bytes.as_ref(),
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => continue,
                Message::Close(_) => {
                    let _ = self.socket.flush().await;
                    return Ok(None);
                }
            };
            return ServerMessage::read(text)
                .map(Some)
                .map_err(|error| ClientError::Protocol(error.to_string()));
        }
    }
}

/// What a [`Feed`] gives.
#[derive(Clone, Debug, PartialEq)]
pub enum FeedItem {
    Message(ServerMessage),
    /// The core is gone; the feed looks for it, or for its successor.
    Lost,
    /// Connected again. With `snapshot` a new snapshot follows; otherwise all events after
    /// the last one given, none missing and none twice.
    Back,
}

/// A subscription that reconnects, for as long as `PATIENCE` a time.
pub struct Feed {
    client: Client,
    query: EventsQuery,
    events: Option<Events>,
    lost: Option<Instant>,
    /// Connections in a row that broke before a message came.
    barren: u32,
}

/// So many of them, and the feed gives up: whoever answers there has nothing to say.
const MOST_BARREN: u32 = 20;
/// How long a feed looks for a core before it gives up.
const PATIENCE: Duration = Duration::from_secs(30);

impl Feed {
    /// The next item; none when the stream ended as asked (`follow` off). An error that a
    /// new connection cannot mend ends the feed. Safe to cancel.
    pub async fn next(&mut self) -> Result<Option<FeedItem>> {
        let Some(events) = &mut self.events else {
            return self.reconnect().await.map(Some);
        };
        match events.next().await {
            Ok(Some(message)) => {
                self.note(&message);
                Ok(Some(FeedItem::Message(message)))
            }
            Ok(None) if !self.query.follow => Ok(None),
            // A core that leaves in good order closes its streams, too.
            end @ (Ok(None) | Err(ClientError::Lost(_))) => {
                self.events = None;
                self.lost = Some(Instant::now());
                self.barren += 1;
                if self.barren <= MOST_BARREN {
                    return Ok(Some(FeedItem::Lost));
                }
                end.and(Err(ClientError::Lost("it ends every stream at once".to_owned())))
            }
            Err(error) => Err(error),
        }
    }

    fn note(&mut self, message: &ServerMessage) {
        self.barren = 0;
        if let ServerMessage::Event(record) = message {
            self.query.since = Some(record.seq);
        }
    }

    async fn reconnect(&mut self) -> Result<FeedItem> {
        let mut pause = Duration::from_millis(20) * 2u32.pow(self.barren.min(5));
        if self.barren > 1 {
            sleep(pause).await;
        }
        loop {
            match self.client.subscribe(&self.subscription()).await {
                Ok(events) => {
                    self.events = Some(events);
                    self.lost = None;
                    return Ok(FeedItem::Back);
                }
                // A core that was there and broke off in the middle is a loss, too.
                Err(ClientError::Lost(_)) if self.lost.is_none() => {
                    self.lost = Some(Instant::now());
                }
                // A first connection that nobody takes is none: say at once why it fails.
                Err(error) => match self.lost {
                    Some(since) if error.is_gone() && since.elapsed() < PATIENCE => {}
                    _ => return Err(error),
                },
            }
            sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(500));
        }
    }

    fn subscription(&self) -> EventsQuery {
        let mut query = self.query.clone();
        if query.snapshot {
            query.since = None;
        }
        query
    }
}
