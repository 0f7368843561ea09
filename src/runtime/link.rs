//! The core's end of a keeper connection: frames over a Unix stream, and the descriptors
//! that come with the welcome.

use crate::protocol::{
    frame::{Decoder, Frame, encode_bytes, encode_control},
    keeper::{FromKeeper, MAX_FRAME, ToKeeper},
};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use std::{
    io::{self, IoSliceMut},
    mem::MaybeUninit,
    os::fd::OwnedFd,
};
use tokio::{
    io::{AsyncWriteExt, Interest},
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
};

pub struct LinkReader {
    half: OwnedReadHalf,
    decoder: Decoder,
    /// Descriptors received and not yet claimed.
    pub fds: Vec<OwnedFd>,
}

pub struct LinkWriter {
    half: OwnedWriteHalf,
}

/// Splits a connected stream into its two directions.
pub fn split(stream: UnixStream) -> (LinkReader, LinkWriter) {
    let (read, write) = stream.into_split();
    (
        LinkReader { half: read, decoder: Decoder::new(MAX_FRAME), fds: Vec::new() },
        LinkWriter { half: write },
    )
}

impl LinkReader {
    /// The next message; none at the end of the connection. Terminal bytes, which a core
    /// does not ask for, are passed over. Cancel-safe.
    ///
    /// # Errors
    /// When the connection breaks or a frame does not read.
    pub async fn next(&mut self) -> io::Result<Option<FromKeeper>> {
        loop {
            match self.decoder.next_frame() {
                Ok(Some(Frame::Control(body))) => return Ok(Some(Frame::parse(&body)?)),
                Ok(Some(Frame::Bytes(_))) => {}
                Ok(None) => {
                    if self.fill().await? == 0 {
                        return Ok(None);
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn fill(&mut self) -> io::Result<usize> {
        let mut chunk = [0u8; 16 << 10];
        let stream: &UnixStream = self.half.as_ref();
        let fds = &mut self.fds;
        let n = loop {
            stream.readable().await?;
            let read = stream.try_io(Interest::READABLE, || {
                let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
                let mut ancillary = RecvAncillaryBuffer::new(&mut space);
                let mut iov = [IoSliceMut::new(&mut chunk)];
                let got = recvmsg(stream, &mut iov, &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
                for message in ancillary.drain() {
                    if let RecvAncillaryMessage::ScmRights(rights) = message {
                        fds.extend(rights);
                    }
                }
                Ok(got.bytes)
            });
            match read {
                Ok(n) => break n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        };
        self.decoder.push(chunk.get(..n).unwrap_or_default());
        Ok(n)
    }
}

impl LinkWriter {
    /// # Errors
    /// When the connection breaks.
    pub async fn control(&mut self, message: &ToKeeper) -> io::Result<()> {
        let mut frame = Vec::new();
        encode_control(message, &mut frame)?;
        self.half.write_all(&frame).await
    }

    /// Types into the agent.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut frame = Vec::new();
        encode_bytes(bytes, &mut frame);
        self.half.write_all(&frame).await
    }
}
