//! `dash events`

use super::{
    args::Json,
    context::Context,
    failure::{Code, Done, Failure},
    format::{DIM, fg, one_line},
};
use crate::{
    client::{EventsQuery, FeedItem},
    config::nearest,
    model::{AgentId, Event, EventRecord, Level, SwarmId},
    protocol::stream::ServerMessage,
};
use anstyle::{AnsiColor, Style};
use clap::Args;

#[derive(Debug, Args)]
pub struct EventsArgs {
    /// Stay, and print what happens
    #[arg(long, short = 'f')]
    follow: bool,
    /// Only events after this number; 0 for all (the default without --follow)
    #[arg(long, value_name = "SEQ")]
    since: Option<u64>,
    /// Only those of a swarm (swarm=ID), an agent (agent=ID), a level and above (level=warn), a
    /// kind (kind=swarm_ended), or what somebody has to be told of (attention); with commas
    /// several, and all must hold, except that more than one kind may be named
    #[arg(long, value_name = "F", value_delimiter = ',')]
    filter: Vec<String>,
    #[command(flatten)]
    json: Json,
}

impl EventsArgs {
    pub async fn run(self, context: &mut Context<'_>) -> Done {
        let query = self.query()?;
        let client = context.client().await?;
        let mut feed = client.feed(query);
        while let Some(item) = feed.next().await? {
            match item {
                FeedItem::Message(ServerMessage::Event(record)) if self.json.json => {
                    context.json_line(&record)?;
                }
                FeedItem::Message(ServerMessage::Event(record)) => {
                    let line = line(&record, context);
                    context.line(line)?;
                    context.out.flush()?;
                }
                FeedItem::Lost => context.note("the core is gone; waiting for its successor"),
                FeedItem::Message(_) | FeedItem::Back => {}
            }
        }
        context.out.flush()?;
        Ok(Code::Ok)
    }

    fn query(&self) -> Result<EventsQuery, Failure> {
        let since = if self.follow { self.since } else { Some(self.since.unwrap_or(0)) };
        let mut query = EventsQuery { since, follow: self.follow, ..EventsQuery::default() };
        for filter in &self.filter {
            let bad = || {
                Failure::usage(format!("--filter {filter:?} is no filter")).hinted(
                    "swarm=sw-1, agent=ag-03, level=debug|info|warn|error, kind=swarm_ended \
                         or attention",
                )
            };
            if filter == "attention" {
                query.attention = true;
                continue;
            }
            let (key, value) = filter.split_once('=').ok_or_else(bad)?;
            match (key, value) {
                ("kind", kind) if Event::KINDS.contains(&kind) => query.kinds.push(kind.to_owned()),
                ("kind", kind) => {
                    let failure =
                        Failure::usage(format!("--filter {filter:?}: no event is {kind:?}"));
                    return Err(match nearest(kind, Event::KINDS.iter().copied()) {
                        Some(near) => failure.hinted(format!("did you mean kind={near}?")),
                        None => failure,
                    });
                }
                ("swarm", name) if !name.is_empty() => query.swarm = Some(SwarmId::new(name)),
                ("agent", name) if !name.is_empty() => query.agent = Some(AgentId::new(name)),
                ("level", "debug") => query.level = Some(Level::Debug),
                ("level", "info") => query.level = Some(Level::Info),
                ("level", "warn") => query.level = Some(Level::Warn),
                ("level", "error") => query.level = Some(Level::Error),
                _ => return Err(bad()),
            }
        }
        Ok(query)
    }
}

fn line(record: &EventRecord, context: &Context<'_>) -> String {
    let style = match record.event.level() {
        Level::Debug => DIM,
        Level::Info => Style::new(),
        Level::Warn => fg(AnsiColor::Yellow),
        Level::Error => fg(AnsiColor::Red),
    };
    let about = match (&record.agent, &record.swarm) {
        (Some(agent), _) => agent.as_str(),
        (None, Some(swarm)) => swarm.as_str(),
        (None, None) => "-",
    };
    let text = context.paint(style, one_line(&record.event.summary()));
    format!("{:>6}  {}  {about:<8}  {text}", record.seq, record.time)
}
