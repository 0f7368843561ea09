//! `dash swarm wait`, and the waiting of `swarm create --wait` and `dash demo`: progress
//! while it lasts, the results at the end, the exit code from them. It outlives the core.

use super::{
    super::{
        args::Json,
        context::Context,
        duration,
        failure::{Code, Done, Failure},
        format,
        progress::Progress,
    },
    results,
};
use crate::{
    client::{Client, ClientError, EventsQuery, FeedItem},
    model::{RefusalCode, SwarmId, SwarmInfo, SwarmResults, SwarmState},
    protocol::stream::{ServerMessage, Snapshot, Update},
};
use clap::Args;
use std::time::Duration;
use tokio::time::{sleep, timeout};

#[derive(Debug, Args)]
pub struct Wait {
    /// Id or name
    swarm: String,
    /// Give up after so long: 90s, 10m, 1h30m (exit code 5; the swarm goes on)
    #[arg(long, value_name = "T", value_parser = duration::parse)]
    timeout: Option<u64>,
    #[command(flatten)]
    json: Json,
}

impl Wait {
    pub async fn run(self, context: &mut Context<'_>) -> Done {
        let client = context.client().await?;
        wait_for(context, &client, &self.swarm, self.timeout, Report::of(self.json)).await
    }
}

/// What the end of a wait prints on standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    Table,
    Json,
}

impl Report {
    pub fn of(json: Json) -> Self {
        if json.json { Self::Json } else { Self::Table }
    }
}

pub async fn wait_for(
    context: &mut Context<'_>,
    client: &Client,
    swarm: &str,
    limit_ms: Option<u64>,
    report: Report,
) -> Done {
    let mut progress = Progress::new(context.term.stderr);
    let waited = {
        let over = until_over(client, swarm, &mut progress, &mut *context.err);
        match limit_ms {
            None => over.await,
            Some(ms) => match timeout(Duration::from_millis(ms), over).await {
                Ok(result) => result,
                Err(_) => Err(Failure::new(
                    Code::TimedOut,
                    format!("{swarm} is not over after {}", format::duration(ms)),
                )
                .hinted("it goes on; `dash swarm stop` ends it")),
            },
        }
    };
    progress.end(&mut *context.err);
    finish(context, &waited?, report)
}

/// Prints the results and draws the exit code from them.
pub fn finish(context: &mut Context<'_>, results: &SwarmResults, report: Report) -> Done {
    match report {
        Report::Json => context.json(results)?,
        Report::Table => {
            let text = results::table(results, context.term.color, context.term.width);
            context.out.write_all(text.as_bytes())?;
        }
    }
    context.out.flush()?;
    Ok(results::code(results))
}

/// Follows a swarm until it is over, through the deaths of any number of cores.
pub async fn until_over(
    client: &Client,
    swarm: &str,
    progress: &mut Progress,
    out: &mut dyn std::io::Write,
) -> Result<SwarmResults, Failure> {
    let id = client.swarm(swarm).await?.id;
    let query = EventsQuery { snapshot: true, swarm: Some(id.clone()), ..EventsQuery::default() };
    let mut feed = client.feed(query);
    loop {
        // Never dropped half way: it may be starting a core.
        let mut next = std::pin::pin!(feed.next());
        let item = loop {
            let Some(tick) = progress.tick() else { break next.await };
            match timeout(tick, &mut next).await {
                Ok(item) => break item,
                Err(_) => progress.redraw(out),
            }
        };
        let over = match item? {
            Some(FeedItem::Message(message)) => step(message, &id, progress, out)?,
            Some(FeedItem::Lost) => {
                progress.say("the core is gone; waiting for its successor", out);
                false
            }
            Some(FeedItem::Back) | None => false,
        };
        if over {
            return fetch(client, &id).await;
        }
    }
}

fn step(
    message: ServerMessage,
    id: &SwarmId,
    progress: &mut Progress,
    out: &mut dyn std::io::Write,
) -> Result<bool, Failure> {
    let mut over = |swarms: &[SwarmInfo], progress: &mut Progress| {
        let swarm = swarms.iter().find(|swarm| swarm.id == *id);
        if let Some(swarm) = swarm {
            progress.swarm(swarm, out);
        }
        // What waits for money waits for somebody; what somebody paused he will resume.
        let over = |swarm: &SwarmInfo| {
            let lacks = swarm.state == SwarmState::Paused && !swarm.is_paused();
            swarm.state.is_final() || lacks
        };
        swarm.is_some_and(over)
    };
    let removed = || Failure::error(format!("{id} was removed while it was waited for"));
    match message {
        ServerMessage::Snapshot(snapshot) => {
            let Snapshot { swarms, agents, .. } = *snapshot;
            if !swarms.iter().any(|swarm| swarm.id == *id) {
                return Err(removed());
            }
            let over = over(&swarms, progress);
            progress.agents(&agents, id, out);
            Ok(over)
        }
        ServerMessage::Update(update) => {
            let Update { swarms, agents, removed_swarms, .. } = *update;
            if removed_swarms.contains(id) {
                return Err(removed());
            }
            let over = over(&swarms, progress);
            progress.agents(&agents, id, out);
            Ok(over)
        }
        // A gap is followed by a new snapshot.
        ServerMessage::Event(_) | ServerMessage::Gauges { .. } | ServerMessage::Gap { .. } => {
            Ok(false)
        }
    }
}

/// The results, also from a core that died after it said that the swarm was over.
async fn fetch(client: &Client, id: &SwarmId) -> Result<SwarmResults, Failure> {
    let mut tries = 0;
    loop {
        match client.results(id.as_str()).await {
            Ok(found) => return Ok(results::sorted(found)),
            Err(error) if tries < 50 && may_pass(&error) => {}
            Err(error) => return Err(error.into()),
        }
        tries += 1;
        sleep(Duration::from_millis(200)).await;
    }
}

fn may_pass(error: &ClientError) -> bool {
    match error {
        ClientError::Refused(refusal) => refusal.code == RefusalCode::JournalFull,
        other => other.is_gone(),
    }
}
