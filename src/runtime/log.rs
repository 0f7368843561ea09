//! A recording as a stream: read on a blocking thread, a bounded number of pieces ahead of
//! a reader that is slow.

use super::{actor::Commit, clock, world::Shared};
use crate::{
    model::{AgentId, AttemptId, Event, EventRecord, Refusal, RefusalCode},
    term::recording::{CastExport, RAW, Recording, TextExport, write_raw},
};
use bytes::Bytes;
use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::sync::{broadcast, broadcast::error::RecvError, mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;

/// Pieces that may wait for the reader.
const QUEUE: usize = 8;
/// Bytes of a piece.
const PIECE: usize = 64 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Byte for byte.
    Raw,
    /// So many bytes of its end.
    End(u64),
    /// Without escape sequences.
    Text,
    /// asciicast v3.
    Cast,
}

pub type LogStream = ReceiverStream<io::Result<Bytes>>;

/// Output that came at the same moment is written into a recording in this time.
const SETTLE: Duration = Duration::from_millis(50);

/// What is followed: an agent's attempt, which may not have been planned yet.
pub struct Tail {
    pub world: Shared,
    pub agent: AgentId,
    pub attempt: Option<AttemptId>,
    /// Both from before the first look at the attempt, so that no change is missed.
    pub bytes: watch::Receiver<u64>,
    pub commits: broadcast::Receiver<Arc<Commit>>,
}

/// Streams what is recorded of a finished attempt, or until now.
pub fn stream(dir: PathBuf, format: LogFormat) -> Result<LogStream, Refusal> {
    if !dir.join(RAW).exists() {
        let why = "nothing was recorded: it never came to run";
        return Err(Refusal::new(RefusalCode::NotFound, why).hinted("dash agent show says why"));
    }
    let (queue, pieces) = mpsc::channel(QUEUE);
    tokio::spawn(async move {
        let _ = Export::new(format).pass(dir, true, &queue).await;
    });
    Ok(ReceiverStream::new(pieces))
}

/// Streams what is recorded and what follows, until the attempt is over.
pub fn follow(format: LogFormat, tail: Tail) -> LogStream {
    let (queue, pieces) = mpsc::channel(QUEUE);
    tokio::spawn(async move {
        if let Err(error) = copy(format, tail, &queue).await {
            // The reader may have hung up, which is the usual error here; else it sees the
            // stream break, and asks the next core.
            let _ = queue.send(Err(error)).await;
        }
    });
    ReceiverStream::new(pieces)
}

async fn copy(format: LogFormat, mut tail: Tail, queue: &Queue) -> io::Result<()> {
    let mut export = Export::new(format);
    loop {
        tail.bytes.mark_unchanged();
        // Before the pass: what the attempt printed until its end is in what is read then.
        let over = tail.is_over().await?;
        let mut whole = true;
        if let Some(attempt) = &tail.attempt {
            let dir = tail.world.instance.attempt_dir(attempt);
            (export, whole) = export.pass(dir, over, queue).await?;
        }
        if over {
            return Ok(());
        }
        tokio::select! {
            changed = tail.changed() => changed?,
            () = tokio::time::sleep(SETTLE), if !whole => {}
            () = queue.closed() => return Ok(()),
        }
    }
}

impl Tail {
    /// Looks for the attempt, too, until there is one.
    async fn is_over(&mut self) -> io::Result<bool> {
        let (agent, attempt) = (self.agent.clone(), self.attempt.clone());
        let look = self.world.read(move |state| {
            let Some(agent) = state.agents.get(&agent) else { return (attempt, true) };
            match attempt.or_else(|| agent.latest.clone()) {
                Some(id) => {
                    let runs = state.attempts.get(&id).is_some_and(|a| a.ended_at.is_none());
                    (Some(id), !runs)
                }
                None => (None, agent.state.is_final()),
            }
        });
        let (attempt, over) = look.await.map_err(io::Error::other)?;
        self.attempt = attempt;
        Ok(over)
    }

    /// Resolves when there may be more to read, or the attempt may be over.
    async fn changed(&mut self) -> io::Result<()> {
        loop {
            tokio::select! {
                changed = self.bytes.changed() => {
                    // An agent that was removed is looked for once more, and not found.
                    return changed.or(Ok(()));
                }
                commit = self.commits.recv() => match commit {
                    Ok(commit) => {
                        let ours = |record: &EventRecord| {
                            record.agent.as_ref() == Some(&self.agent)
                                || matches!(record.event, Event::SwarmRemoved)
                        };
                        if commit.events.iter().any(ours) {
                            return Ok(());
                        }
                    }
                    Err(RecvError::Lagged(_)) => return Ok(()),
                    Err(RecvError::Closed) => return Err(io::Error::other("the core leaves")),
                },
            }
        }
    }
}

type Queue = mpsc::Sender<io::Result<Bytes>>;

/// How far a recording was written, in its format.
enum Export {
    Raw(u64),
    End(u64),
    Text(Box<TextExport>),
    Cast(CastExport),
}

impl Export {
    fn new(format: LogFormat) -> Self {
        match format {
            LogFormat::Raw => Self::Raw(0),
            LogFormat::End(bytes) => Self::End(bytes),
            LogFormat::Text => Self::Text(Box::default()),
            LogFormat::Cast => Self::Cast(CastExport::default()),
        }
    }

    /// Writes what was recorded since the last pass; with `last` all of it. False where some
    /// is held back until it has settled.
    async fn pass(mut self, dir: PathBuf, last: bool, queue: &Queue) -> io::Result<(Self, bool)> {
        let mut sink = Sink { queue: queue.clone(), piece: Vec::new() };
        let pass = tokio::task::spawn_blocking(move || {
            let whole = self.write(&dir, last, &mut sink)?;
            sink.flush()?;
            Ok((self, whole))
        });
        pass.await.map_err(io::Error::other)?
    }

    fn write(&mut self, dir: &Path, last: bool, sink: &mut Sink) -> io::Result<bool> {
        let recording = match Recording::open(dir) {
            Ok(recording) => recording,
            // Its keeper is not up yet, or never came up.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
            Err(error) => return Err(error),
        };
        if let Self::End(bytes) = self {
            *self = Self::Raw(recording.len().saturating_sub(*bytes));
        }
        match self {
            // It has become the first of these.
            Self::End(_) => {}
            Self::Raw(offset) => {
                write_raw(&recording, *offset, sink)?;
                *offset = recording.len();
            }
            Self::Text(text) => {
                text.advance(&recording, sink)?;
                if last {
                    text.finish(sink)?;
                }
            }
            Self::Cast(cast) => {
                let newest = recording.entries().last().map_or(0, |entry| entry.at.0);
                let age = clock::now().0.saturating_sub(newest);
                let settled = last || age >= SETTLE.as_micros() as i64;
                cast.advance(&recording, settled, sink)?;
                if last {
                    cast.finish(&recording, sink)?;
                }
                return Ok(settled);
            }
        }
        Ok(true)
    }
}

struct Sink {
    queue: Queue,
    piece: Vec<u8>,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = Bytes::from(std::mem::take(&mut self.piece));
        self.queue.blocking_send(Ok(piece)).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}
