//! `dash pulse`

use super::{
    args::Json,
    context::Context,
    duration,
    failure::{Code, Done},
};
use crate::{
    client::{Client, ClientError},
    model::Pulse,
};
use clap::Args;
use std::time::{Duration, Instant};

/// Seconds that one look may wait.
const LOOK: u64 = 300;

/// What needs somebody comes first, then the states, then what it costs; the last line is the
/// cursor to give as --since next time, which tells only what is new since then.
#[derive(Debug, Args)]
pub struct PulseArgs {
    /// Only what is new since an earlier pulse, by its cursor
    #[arg(long, value_name = "CURSOR")]
    since: Option<u64>,
    /// Not before something asks, fails or ends, at most so long: 90s, 10m (5m where no time
    /// is named)
    #[arg(
        long,
        value_name = "T",
        requires = "since",
        num_args = 0..=1,
        default_missing_value = "5m",
        value_parser = duration::parse
    )]
    wait: Option<u64>,
    #[command(flatten)]
    json: Json,
}

/// The core waits a few minutes at a time.
async fn waited(client: &Client, since: u64, limit: Duration) -> Result<Pulse, ClientError> {
    let until = Instant::now() + limit;
    loop {
        let left = until.saturating_duration_since(Instant::now()).as_secs_f64().ceil() as u64;
        let pulse = client.pulse_that_calls(since, left.min(LOOK)).await?;
        if pulse.calls() || left <= LOOK {
            return Ok(pulse);
        }
    }
}

impl PulseArgs {
    pub async fn run(self, context: &mut Context<'_>) -> Done {
        let client = context.client().await?;
        let pulse = match (self.since, self.wait) {
            (Some(since), Some(ms)) => waited(&client, since, Duration::from_millis(ms)).await?,
            (since, _) => client.pulse(since).await?,
        };
        if self.json.json {
            context.json(&pulse)?;
        } else {
            context.line(pulse.to_string())?;
        }
        Ok(Code::Ok)
    }
}
