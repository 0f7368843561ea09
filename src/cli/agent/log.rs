//! `dash agent log`. The raw log is written byte for byte, whatever is behind the output.

use super::super::{
    context::Context,
    failure::{Code, Done, Failure},
};
use crate::client::{Body, Client, ClientError};
use clap::Args;
use std::time::Duration;
use tokio::time::sleep;

#[derive(Debug, Args)]
pub struct Log {
    /// Id or name
    agent: String,
    /// Every byte as it was printed
    #[arg(long, conflicts_with_all = ["text", "cast"])]
    raw: bool,
    /// Without control sequences (the default)
    #[arg(long, conflicts_with = "cast")]
    text: bool,
    /// As an asciicast, to be played in asciinema
    #[arg(long)]
    cast: bool,
    /// Stay, and print what comes, until the attempt is over
    #[arg(long, short = 'f')]
    follow: bool,
    /// Of an older attempt
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    attempt: Option<u32>,
}

impl Log {
    pub async fn run(self, context: &mut Context<'_>) -> Done {
        let client = context.client().await?;
        // Bytes already written: a log that broke off is asked for anew, and continued.
        let mut written: u64 = 0;
        let mut failures = 0;
        loop {
            let before = written;
            match self.copy(&client, context, &mut written).await? {
                None => return Ok(Code::Ok),
                Some(error) => {
                    failures = if written > before { 1 } else { failures + 1 };
                    if failures > 50 {
                        return Err(error.into());
                    }
                }
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    async fn open(&self, client: &Client) -> Result<Body, ClientError> {
        let format = match (self.raw, self.cast) {
            (true, _) => "raw",
            (_, true) => "cast",
            _ => "text",
        };
        client.log(&self.agent, self.attempt, format, self.follow).await
    }

    /// Copies all that lies behind `written`; gives the error where another try may help.
    async fn copy(
        &self,
        client: &Client,
        context: &mut Context<'_>,
        written: &mut u64,
    ) -> Result<Option<ClientError>, Failure> {
        let mut body = match self.open(client).await {
            Ok(body) => body,
            Err(error) if (*written > 0 || self.follow) && error.is_gone() => {
                return Ok(Some(error));
            }
            Err(error) => return Err(error.into()),
        };
        let mut at: u64 = 0;
        loop {
            let piece = match body.next().await {
                Ok(Some(piece)) => piece,
                Ok(None) => break,
                Err(error) => return Ok(Some(error)),
            };
            let skip = written.saturating_sub(at).min(piece.len() as u64) as usize;
            at += piece.len() as u64;
            if skip < piece.len() {
                context.out.write_all(&piece[skip..])?;
                *written = at;
            }
            if self.follow {
                context.out.flush()?;
            }
        }
        context.out.flush()?;
        Ok(None)
    }
}
