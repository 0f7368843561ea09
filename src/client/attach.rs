//! Attaching to an agent's terminal: a one-time ticket from the core, then straight to the
//! keeper, so that a key's way to its echo is as short as it can be, and the core's death is
//! not even noticed.

use super::{
    connect::Stream,
    error::{ClientError, Result},
    frame::{self, Frame},
    http::{Client, escape},
};
use crate::{
    model::Exit,
    protocol::{
        keeper::{FromKeeper, KIND_BYTES, ToKeeper, VERSION},
        rest::{Ticket, TicketBody},
    },
};
use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};

/// What comes from an attached terminal.
#[derive(Clone, Debug, PartialEq)]
pub enum AttachEvent {
    /// Output of the agent; the first bytes draw the screen as it is.
    Bytes(Bytes),
    /// The terminal has this size now (the latest active viewer decides it).
    Size { cols: u16, rows: u16 },
    /// The agent is over; nothing follows.
    Ended(Exit),
}

/// A connection to an agent's keeper, as a viewer.
pub struct Attachment {
    reader: AttachReader,
    writer: AttachWriter,
}

pub struct AttachReader {
    stream: ReadHalf<Box<dyn Stream>>,
    buffer: BytesMut,
}

pub struct AttachWriter {
    stream: WriteHalf<Box<dyn Stream>>,
}

impl Client {
    /// Attaches to the current attempt of `agent` (its id or name). `cols` 0 leaves the
    /// terminal's size alone.
    pub async fn attach(
        &self,
        agent: &str,
        cols: u16,
        rows: u16,
        read_only: bool,
    ) -> Result<Attachment> {
        let path = format!("/v1/agents/{}/ticket", escape(agent));
        let ticket: Ticket = self.post(&path, &TicketBody { read_only }).await?;
        let stream = self.connector.keeper(&ticket.socket).await.map_err(|error| {
            ClientError::Keeper(format!("the keeper of {agent} cannot be reached: {error}"))
        })?;
        let (reader, writer) = tokio::io::split(stream);
        let mut attachment = Attachment {
            reader: AttachReader { stream: reader, buffer: BytesMut::with_capacity(64 << 10) },
            writer: AttachWriter { stream: writer },
        };
        let hello = ToKeeper::View { version: VERSION, ticket: ticket.ticket, cols, rows };
        attachment.writer.send(&frame::control(&hello)?).await?;
        Ok(attachment)
    }
}

impl Attachment {
    pub fn split(self) -> (AttachReader, AttachWriter) {
        (self.reader, self.writer)
    }

    pub async fn next(&mut self) -> Result<Option<AttachEvent>> {
        self.reader.next().await
    }

    pub async fn input(&mut self, bytes: &[u8]) -> Result<()> {
        self.writer.input(bytes).await
    }

    pub async fn resize(&mut self, cols: u16, rows: u16) -> Result<()> {
        self.writer.resize(cols, rows).await
    }
}

impl AttachReader {
    /// The next event; none when the keeper hung up (it was killed, or has left). Safe to
    /// cancel.
    pub async fn next(&mut self) -> Result<Option<AttachEvent>> {
        loop {
            while let Some(frame) = frame::decode(&mut self.buffer)? {
                if let Some(event) = event(frame)? {
                    return Ok(Some(event));
                }
            }
            match self.stream.read_buf(&mut self.buffer).await {
                Ok(0) => return Ok(None),
                Ok(_) => {}
                Err(error) => return Err(ClientError::Keeper(error.to_string())),
            }
        }
    }
}

fn event(frame: Frame) -> Result<Option<AttachEvent>> {
    let message = match frame {
        Frame::Bytes(bytes) => return Ok(Some(AttachEvent::Bytes(bytes))),
        Frame::Control(message) => *message,
    };
    match message {
        FromKeeper::Welcome { cols, rows, .. } | FromKeeper::Size { cols, rows } => {
            Ok(Some(AttachEvent::Size { cols, rows }))
        }
        FromKeeper::Ended { exit } => Ok(Some(AttachEvent::Ended(exit))),
        FromKeeper::Refused { message } => Err(ClientError::Keeper(message)),
        // For cores only; a viewer that gets one ignores it.
        FromKeeper::Fact { .. }
        | FromKeeper::Gauge { .. }
        | FromKeeper::Screen { .. }
        | FromKeeper::Answered { .. }
        | FromKeeper::Judge { .. }
        | FromKeeper::Unasked { .. } => Ok(None),
    }
}

impl AttachWriter {
    /// Types `bytes` into the terminal. Waits while the keeper takes none.
    pub async fn input(&mut self, bytes: &[u8]) -> Result<()> {
        self.send(&frame::encode(KIND_BYTES, bytes)).await
    }

    pub async fn resize(&mut self, cols: u16, rows: u16) -> Result<()> {
        self.send(&frame::control(&ToKeeper::Resize { cols, rows })?).await
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        let gone = |error: std::io::Error| ClientError::Keeper(error.to_string());
        self.stream.write_all(bytes).await.map_err(gone)?;
        self.stream.flush().await.map_err(gone)
    }
}
