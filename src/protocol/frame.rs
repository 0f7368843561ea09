//! The bytes of a frame (`keeper` says what is in one): encoding, incremental decoding,
//! and descriptors that travel with a frame (SCM_RIGHTS).
//!
//! A frame is `u32` little endian (the length of what follows), one byte of kind, payload.
//! A decoder never holds more than its limit plus one read; a frame that says it is longer
//! is an error, and the connection it came from is of no further use.

use super::keeper::{KIND_BYTES, KIND_CONTROL};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::{Serialize, de::DeserializeOwned};
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

/// Length and kind, in bytes.
pub const HEADER: usize = 5;
/// Most descriptors one message carries.
const MAX_FDS: usize = 8;

#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    #[error("a frame of {len} bytes, where at most {max} are accepted")]
    TooLong { len: usize, max: usize },
    #[error("an empty frame, without a kind")]
    Empty,
    #[error("a frame of unknown kind {0}")]
    Kind(u8),
    #[error("a control frame that does not parse: {0}")]
    Control(#[from] serde_json::Error),
}

impl From<FrameError> for io::Error {
    fn from(error: FrameError) -> Self {
        Self::new(io::ErrorKind::InvalidData, error)
    }
}

/// One whole frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// JSON, not parsed yet.
    Control(Vec<u8>),
    /// Terminal bytes.
    Bytes(Vec<u8>),
}

impl Frame {
    /// The message of a control frame.
    pub fn parse<T: DeserializeOwned>(payload: &[u8]) -> Result<T, FrameError> {
        Ok(serde_json::from_slice(payload)?)
    }
}

/// Appends a frame to `out`.
pub fn encode(kind: u8, payload: &[u8], out: &mut Vec<u8>) {
    let len = u32::try_from(payload.len() + 1).unwrap_or(u32::MAX);
    out.reserve(HEADER + payload.len());
    out.extend_from_slice(&len.to_le_bytes());
    out.push(kind);
    out.extend_from_slice(payload);
}

/// Appends terminal bytes as one frame.
pub fn encode_bytes(payload: &[u8], out: &mut Vec<u8>) {
    encode(KIND_BYTES, payload, out);
}

/// Appends a control message as one frame.
pub fn encode_control<T: Serialize>(message: &T, out: &mut Vec<u8>) -> Result<(), FrameError> {
    let start = out.len();
    out.extend_from_slice(&[0, 0, 0, 0, KIND_CONTROL]);
    if let Err(error) = serde_json::to_writer(&mut *out, message) {
        out.truncate(start);
        return Err(error.into());
    }
    let len = u32::try_from(out.len() - start - HEADER + 1).unwrap_or(u32::MAX);
    out[start..start + 4].copy_from_slice(&len.to_le_bytes());
    Ok(())
}

/// Bytes in, frames out. After an error it stays in error.
pub struct Decoder {
    buf: Vec<u8>,
    at: usize,
    max: usize,
}

impl Decoder {
    /// `max`: the longest frame accepted, in bytes.
    pub fn new(max: usize) -> Self {
        Self { buf: Vec::new(), at: 0, max }
    }

    pub fn push(&mut self, bytes: &[u8]) {
        if self.at > 0 && self.at >= self.buf.len() / 2 {
            self.buf.drain(..self.at);
            self.at = 0;
        }
        self.buf.extend_from_slice(bytes);
    }

    /// The next whole frame, or none until more bytes come.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        let rest = &self.buf[self.at..];
        let Some((head, rest)) = rest.split_first_chunk::<4>() else {
            self.settle();
            return Ok(None);
        };
        let len = u32::from_le_bytes(*head) as usize;
        if len == 0 {
            return Err(FrameError::Empty);
        }
        if len > self.max {
            return Err(FrameError::TooLong { len, max: self.max });
        }
        let Some(body) = rest.get(..len) else { return Ok(None) };
        let payload = body[1..].to_vec();
        let frame = match body[0] {
            KIND_CONTROL => Frame::Control(payload),
            KIND_BYTES => Frame::Bytes(payload),
            kind => return Err(FrameError::Kind(kind)),
        };
        self.at += 4 + len;
        Ok(Some(frame))
    }

    /// Gives memory back once nothing is held.
    fn settle(&mut self) {
        if self.at == self.buf.len() {
            self.at = 0;
            self.buf.clear();
            self.buf.shrink_to(4096);
        }
    }
}

/// Sends bytes with descriptors; returns how many of the bytes went out. The descriptors
/// travel with the first of them.
pub fn send_with_fds(
    stream: &UnixStream,
    bytes: &[u8],
    fds: &[BorrowedFd<'_>],
) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(fds)) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "too many descriptors"));
    }
    Ok(sendmsg(stream, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL)?)
}

/// Receives bytes, and the descriptors that came with them (close-on-exec). 0 is the end.
pub fn recv_with_fds(
    stream: &UnixStream,
    buf: &mut [u8],
    fds: &mut Vec<OwnedFd>,
) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let got = recvmsg(stream, &mut [IoSliceMut::new(buf)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            fds.extend(rights);
        }
    }
    Ok(got.bytes)
}

/// The next frame of a blocking stream; descriptors that came on the way are added to
/// `fds`. None at a clean end, an error when the stream ends inside a frame.
pub fn recv_frame(
    stream: &UnixStream,
    decoder: &mut Decoder,
    fds: &mut Vec<OwnedFd>,
) -> io::Result<Option<Frame>> {
    let mut buf = [0; 16 << 10];
    loop {
        if let Some(frame) = decoder.next_frame()? {
            return Ok(Some(frame));
        }
        match recv_with_fds(stream, &mut buf, fds) {
            Ok(0) if decoder.at == decoder.buf.len() => return Ok(None),
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => decoder.push(&buf[..n]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::keeper::{MAX_FRAME, ToKeeper};
    use std::io::{Read, Write};
    use std::os::fd::AsFd;

    #[test]
    fn frames_survive_any_cut() {
        let mut wire = Vec::new();
        encode_bytes(b"hello", &mut wire);
        encode_control(&ToKeeper::Ack { n: 7 }, &mut wire).unwrap();
        encode_bytes(b"", &mut wire);
        for step in 1..wire.len() {
            let mut decoder = Decoder::new(MAX_FRAME);
            let mut seen = Vec::new();
            for piece in wire.chunks(step) {
                decoder.push(piece);
                while let Some(frame) = decoder.next_frame().unwrap() {
                    seen.push(frame);
                }
            }
            assert_eq!(seen.len(), 3, "cut every {step}");
            assert_eq!(seen[0], Frame::Bytes(b"hello".to_vec()));
            let Frame::Control(json) = &seen[1] else { panic!("not control") };
            assert_eq!(Frame::parse::<ToKeeper>(json).unwrap(), ToKeeper::Ack { n: 7 });
            assert_eq!(seen[2], Frame::Bytes(Vec::new()));
        }
    }

    #[test]
    fn refuses_what_is_too_long_empty_or_unknown() {
        for (wire, what) in [
            (vec![0xff, 0xff, 0xff, 0xff, 1], "at most"),
            (vec![0, 0, 0, 0, 0], "empty"),
            (vec![1, 0, 0, 0, 9], "kind 9"),
        ] {
            let mut decoder = Decoder::new(1024);
            decoder.push(&wire);
            let error = decoder.next_frame().unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
    }

    #[test]
    fn a_long_stream_of_small_frames_stays_small() {
        let mut decoder = Decoder::new(1024);
        let mut wire = Vec::new();
        encode_bytes(&[7; 100], &mut wire);
        for _ in 0..10_000 {
            decoder.push(&wire);
            assert!(decoder.next_frame().unwrap().is_some());
        }
        assert!(decoder.buf.capacity() < 4096);
    }

    #[test]
    fn descriptors_travel_with_a_frame() {
        let (near, far) = UnixStream::pair().unwrap();
        let (mut read, mut write) = UnixStream::pair().unwrap();
        let mut wire = Vec::new();
        encode_bytes(b"with a descriptor", &mut wire);
        assert_eq!(send_with_fds(&near, &wire, &[write.as_fd()]).unwrap(), wire.len());
        drop(near);
        let mut fds = Vec::new();
        let mut decoder = Decoder::new(MAX_FRAME);
        let frame = recv_frame(&far, &mut decoder, &mut fds).unwrap();
        assert_eq!(frame, Some(Frame::Bytes(b"with a descriptor".to_vec())));
        assert_eq!(recv_frame(&far, &mut decoder, &mut fds).unwrap(), None);
        write.write_all(b"x").unwrap();
        drop(write);
        let mut got = UnixStream::from(fds.remove(0));
        got.write_all(b"y").unwrap();
        drop(got);
        let mut text = String::new();
        read.read_to_string(&mut text).unwrap();
        assert_eq!(text, "xy");
    }
}
