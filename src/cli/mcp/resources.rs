//! What a client may read and be told of: the pulse, screens, results.

use crate::{
    client::{Client, ClientError, EventsQuery, FeedItem},
    protocol::stream::ServerMessage,
};
use rmcp::{
    model::{ErrorData, Resource, ResourceTemplate, ResourceUpdatedNotificationParam},
    service::{Peer, RoleServer},
};
use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::mpsc,
    task::AbortHandle,
    time::{Instant, sleep_until},
};

/// A screen may change ten times a second; nobody reads it so often.
const PACE: Duration = Duration::from_secs(1);

/// What one of our addresses stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    Pulse,
    Screen(String),
    Results(String),
}

impl Place {
    /// # Errors
    /// For an address that is none of ours.
    pub fn parse(uri: &str) -> Result<Self, ErrorData> {
        let parts: Vec<&str> = uri.strip_prefix("dash://").unwrap_or_default().split('/').collect();
        match parts[..] {
            ["pulse"] => Ok(Self::Pulse),
            ["agents", id, "screen"] if is_name(id) => Ok(Self::Screen(id.to_owned())),
            ["swarms", id, "results"] if is_name(id) => Ok(Self::Results(id.to_owned())),
            _ => {
                let why = format!(
                    "{uri:?} is none of dash://pulse, dash://agents/AGENT/screen, \
                     dash://swarms/SWARM/results"
                );
                Err(ErrorData::resource_not_found(why, None))
            }
        }
    }

    fn uri(&self) -> String {
        match self {
            Self::Pulse => "dash://pulse".to_owned(),
            Self::Screen(agent) => format!("dash://agents/{agent}/screen"),
            Self::Results(swarm) => format!("dash://swarms/{swarm}/results"),
        }
    }

    pub fn mime(&self) -> &'static str {
        match self {
            Self::Pulse | Self::Screen(_) => "text/plain",
            Self::Results(_) => "text/markdown",
        }
    }

    /// The command that prints it.
    pub fn line(&self) -> Vec<String> {
        let words = match self {
            Self::Pulse => vec!["pulse"],
            Self::Screen(agent) => vec!["agent", "screen", "--", agent],
            Self::Results(swarm) => vec!["swarm", "results", "--markdown", "--", swarm],
        };
        words.into_iter().map(str::to_owned).collect()
    }

    fn is_touched(&self, message: &ServerMessage) -> bool {
        match message {
            ServerMessage::Snapshot(_) | ServerMessage::Gap { .. } => true,
            ServerMessage::Event(_) => *self == Self::Pulse,
            ServerMessage::Update(update) => match self {
                Self::Pulse => !update.agents.is_empty() || !update.approvals.is_empty(),
                Self::Screen(agent) => {
                    update.agents.iter().any(|row| row.id.as_str() == agent || row.name == *agent)
                }
                Self::Results(swarm) => {
                    update.swarms.iter().any(|row| row.id.as_str() == swarm || row.name == *swarm)
                }
            },
            ServerMessage::Gauges { gauges } => match self {
                Self::Screen(agent) => gauges.iter().any(|gauge| gauge.agent.as_str() == agent),
                Self::Pulse | Self::Results(_) => false,
            },
        }
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control())
}

/// The pulse, the results of each swarm, the screens of what is not over.
///
/// # Errors
/// When the core cannot be asked.
pub async fn list(client: &Client) -> Result<Vec<Resource>, ErrorData> {
    let failed = |error: ClientError| ErrorData::internal_error(error.to_string(), None);
    let resource = |place: Place, name: String, what: &str| {
        Resource::new(place.uri(), name).with_description(what).with_mime_type(place.mime())
    };
    let mut all = vec![resource(Place::Pulse, "pulse".to_owned(), "All swarms in a few tokens")];
    for swarm in client.swarms().await.map_err(failed)? {
        let place = Place::Results(swarm.id.to_string());
        all.push(resource(place, format!("results of {}", swarm.name), "Failures first"));
    }
    for agent in client.agents(None).await.map_err(failed)? {
        if !agent.state.is_final() {
            let place = Place::Screen(agent.id.to_string());
            all.push(resource(place, format!("screen of {}", agent.id), "Its terminal, as text"));
        }
    }
    Ok(all)
}

pub fn templates() -> Vec<ResourceTemplate> {
    [
        ("dash://agents/{agent}/screen", "screen", "An agent's terminal, as text", "text/plain"),
        ("dash://swarms/{swarm}/results", "results", "How a swarm came out", "text/markdown"),
    ]
    .into_iter()
    .map(|(uri, name, what, mime)| {
        ResourceTemplate::new(uri, name).with_description(what).with_mime_type(mime)
    })
    .collect()
}

/// Tells of each change of these, at most once in [`PACE`], until nobody listens or the core
/// is gone for good.
pub async fn watch(client: Client, places: Vec<Place>, tell: mpsc::Sender<String>) {
    let mut feed = client.feed(EventsQuery { snapshot: true, ..EventsQuery::default() });
    let mut touched: BTreeSet<String> = BTreeSet::new();
    let (mut due, mut first) = (Instant::now(), true);
    loop {
        tokio::select! {
            item = feed.next() => match item {
                Ok(Some(FeedItem::Message(message))) => {
                    // What stood there when it began is nothing new.
                    let new = !std::mem::take(&mut first);
                    let hit = places.iter().filter(|place| new && place.is_touched(&message));
                    touched.extend(hit.map(Place::uri));
                }
                Ok(Some(FeedItem::Lost | FeedItem::Back)) => {}
                Ok(None) | Err(_) => return,
            },
            () = sleep_until(due), if !touched.is_empty() => {
                for uri in std::mem::take(&mut touched) {
                    if tell.send(uri).await.is_err() {
                        return;
                    }
                }
                due = Instant::now() + PACE;
            }
        }
    }
}

/// What a client of the older protocol subscribed to, by address.
#[derive(Clone, Default)]
pub struct Watches(Arc<Mutex<HashMap<String, AbortHandle>>>);

impl Watches {
    pub fn start(&self, client: Client, place: Place, peer: Peer<RoleServer>) {
        let uri = place.uri();
        let (tell, mut told) = mpsc::channel(1);
        let task = tokio::spawn(async move {
            let telling = async {
                while let Some(uri) = told.recv().await {
                    let uri = ResourceUpdatedNotificationParam::new(uri);
                    if peer.notify_resource_updated(uri).await.is_err() {
                        return;
                    }
                }
            };
            tokio::select! {
                () = watch(client, vec![place], tell) => {}
                () = telling => {}
            }
        });
        self.put(uri, Some(task.abort_handle()));
    }

    pub fn stop(&self, uri: &str) {
        self.put(uri.to_owned(), None);
    }

    fn put(&self, uri: String, task: Option<AbortHandle>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = match task {
            Some(task) => all.insert(uri, task),
            None => all.remove(&uri),
        };
        before.iter().for_each(AbortHandle::abort);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_place_and_back() {
        for uri in
            ["dash://pulse", "dash://agents/ag-01.2/screen", "dash://swarms/my-swarm/results"]
        {
            assert_eq!(Place::parse(uri).unwrap().uri(), uri);
        }
        for uri in ["", "dash://", "dash://agents//screen", "dash://agents/a b/screen", "file:///x"]
        {
            let refused = Place::parse(uri).unwrap_err();
            assert!(refused.message.contains("dash://pulse"), "{uri}: {refused:?}");
        }
        let line = Place::Screen("--help".to_owned()).line();
        assert_eq!(line, ["agent", "screen", "--", "--help"], "a name is no flag");
    }
}
