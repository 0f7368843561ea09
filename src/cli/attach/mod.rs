//! `dash attach`: this terminal becomes a viewer of an agent's terminal.
//!
//! Keys go to the keeper as they are, output comes back through a [`sieve::Sieve`]; the
//! prefix key is ours. The terminal is given back on every way out: detaching, the agent's
//! end, a signal, an error, a panic.

mod keys;
mod sieve;
mod terminal;

use super::{
    context::Context,
    failure::{Code, Done, Failure},
};
use crate::client::{AttachEvent, AttachReader, AttachWriter};
use clap::Args;
use keys::{Keys, Prefix, Press};
use sieve::Sieve;
use terminal::{Input, Terminal};
use tokio::signal::unix::{SignalKind, signal};

#[derive(Debug, Args)]
pub struct Attach {
    /// Id or name
    agent: String,
    /// The key that comes before d (detach); pressed twice it goes to the agent
    #[arg(long, value_name = "KEY", default_value = "C-b")]
    prefix: Prefix,
    /// Look, and type nothing
    #[arg(long)]
    read_only: bool,
}

/// Why the viewer left.
enum End {
    Detached,
    Ended(String),
    HungUp,
    Signalled,
}

impl Attach {
    pub async fn run(self, context: &mut Context<'_>) -> Done {
        if !context.term.stdin || !context.term.stdout {
            return Err(Failure::error("attach needs a terminal, and this is none").hinted(
                format!("`dash agent screen {0}` and `dash agent log {0}` need none", self.agent),
            ));
        }
        let client = context.client().await?;
        let (cols, rows) = terminal::size();
        let attachment = client.attach(&self.agent, cols, rows, self.read_only).await?;
        let (reader, writer) = attachment.split();
        let end = {
            let terminal = Terminal::take().map_err(|error| {
                Failure::error(format!("the terminal cannot be made raw: {error}"))
            })?;
            let keys = Keys::new(self.prefix);
            View { terminal, keys, writer, read_only: self.read_only }.run(reader).await
        };
        match end? {
            End::Detached => context.note(format!("detached from {}; it goes on", self.agent)),
            End::Ended(how) => context.note(format!("{} is over ({how})", self.agent)),
            End::HungUp => {
                return Err(Failure::error(format!("the keeper of {} hung up", self.agent)));
            }
            End::Signalled => return Ok(Code::Error),
        }
        Ok(Code::Ok)
    }
}

struct View {
    terminal: Terminal,
    keys: Keys,
    writer: AttachWriter,
    read_only: bool,
}

impl View {
    async fn run(mut self, mut reader: AttachReader) -> Result<End, Failure> {
        let cannot = |error: std::io::Error| Failure::error(format!("cannot watch: {error}"));
        let input = Input::new().map_err(cannot)?;
        let mut resized = signal(SignalKind::window_change()).map_err(cannot)?;
        let mut terminated = signal(SignalKind::terminate()).map_err(cannot)?;
        let mut hung_up = signal(SignalKind::hangup()).map_err(cannot)?;
        let mut interrupted = signal(SignalKind::interrupt()).map_err(cannot)?;
        let mut quit = signal(SignalKind::quit()).map_err(cannot)?;
        let mut sieve = Sieve::default();
        let mut out = Vec::new();
        loop {
            tokio::select! {
                // A key goes before output: a flood must not keep anybody from detaching.
                biased;
                _ = terminated.recv() => return Ok(End::Signalled),
                _ = hung_up.recv() => return Ok(End::Signalled),
                _ = interrupted.recv() => return Ok(End::Signalled),
                _ = quit.recv() => return Ok(End::Signalled),
                bytes = input.read() => {
                    let bytes = bytes.map_err(cannot)?;
                    if bytes.is_empty() || !self.typed(&bytes).await? {
                        return Ok(End::Detached);
                    }
                }
                _ = resized.recv() => {
                    let (cols, rows) = terminal::size();
                    self.writer.resize(cols, rows).await?;
                }
                event = reader.next() => match event? {
                    None => return Ok(End::HungUp),
                    Some(AttachEvent::Bytes(bytes)) => {
                        out.clear();
                        sieve.feed(&bytes, &mut out);
                        self.terminal.write_all(&out)?;
                    }
                    Some(AttachEvent::Size { .. }) => {}
                    Some(AttachEvent::Ended(exit)) => return Ok(End::Ended(exit.to_string())),
                },
            }
        }
    }

    /// False once the user wants out.
    async fn typed(&mut self, bytes: &[u8]) -> Result<bool, Failure> {
        for press in self.keys.feed(bytes) {
            match press {
                Press::Type(bytes) if !self.read_only => self.writer.input(&bytes).await?,
                Press::Type(_) => {}
                Press::Detach => return Ok(false),
            }
        }
        Ok(true)
    }
}
