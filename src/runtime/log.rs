//! A recording as a stream: read on a blocking thread, a bounded number of pieces ahead of
//! a reader that is slow.

use crate::{
    model::{Refusal, RefusalCode},
    term::recording::{Recording, write_cast, write_raw, write_text},
};
use bytes::Bytes;
use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;

/// Pieces that may wait for the reader.
const QUEUE: usize = 8;
/// Bytes of a piece.
const PIECE: usize = 64 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Byte for byte.
    Raw,
    /// Without escape sequences.
    Text,
    /// asciicast v3.
    Cast,
}

pub type LogStream = ReceiverStream<io::Result<Bytes>>;

/// Streams what is recorded in `dir`; with `grows`, also what follows, until the keeper
/// leaves.
pub async fn stream(
    dir: PathBuf,
    format: LogFormat,
    grows: Option<watch::Receiver<u64>>,
) -> Result<LogStream, Refusal> {
    let (queue, pieces) = mpsc::channel(QUEUE);
    if !dir.join("out.raw").exists() {
        let why = "nothing was recorded: it never came to run";
        return Err(Refusal::new(RefusalCode::NotFound, why).hinted("dash agent show says why"));
    }
    tokio::spawn(async move {
        let mut grows = grows.filter(|_| format != LogFormat::Cast);
        let mut from = 0;
        loop {
            if let Some(bytes) = &mut grows {
                bytes.mark_unchanged();
            }
            let (dir, sink) = (dir.clone(), Sink { queue: queue.clone(), piece: Vec::new() });
            let pass = tokio::task::spawn_blocking(move || write(&dir, format, from, sink)).await;
            match pass {
                Ok(Ok(end)) => from = end,
                Ok(Err(error)) => {
                    // The reader may have hung up, which is the usual error here.
                    let _ = queue.send(Err(error)).await;
                    return;
                }
                Err(_) => return,
            }
            let Some(bytes) = &mut grows else { return };
            tokio::select! {
                changed = bytes.changed() => if changed.is_err() { grows = None },
                () = queue.closed() => return,
            }
        }
    });
    Ok(ReceiverStream::new(pieces))
}

fn write(dir: &Path, format: LogFormat, from: u64, mut sink: Sink) -> io::Result<u64> {
    let recording = Recording::open(dir)?;
    match format {
        LogFormat::Raw => write_raw(&recording, from, &mut sink)?,
        LogFormat::Text => write_text(&recording, from, &mut sink)?,
        LogFormat::Cast => write_cast(&recording, &mut sink)?,
    }
    sink.flush()?;
    Ok(recording.len())
}

struct Sink {
    queue: mpsc::Sender<io::Result<Bytes>>,
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
