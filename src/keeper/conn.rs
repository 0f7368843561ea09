//! One connection: a core, a viewer, or one that has not said yet. It never blocks; what
//! cannot be sent now waits, and who fills it decides how much may wait.

use crate::protocol::frame::{
    Decoder, Frame, FrameError, HEADER, encode_bytes, encode_control, send_with_fds,
};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use serde::Serialize;
use std::os::unix::net::UnixStream;
use std::time::Instant;

/// Longest frame that a keeper accepts, in bytes: a pasted prompt fits.
const LONGEST: usize = 1 << 20;

/// Who is at the other end.
pub enum Role {
    /// Has not said; let go at the time given.
    New {
        until: Option<Instant>,
    },
    /// Facts are sent from this position of the log on.
    Core {
        facts_at: u64,
        /// It answers questions about commands.
        judges: bool,
        /// It says when to look at the attempt's processes.
        looks: bool,
    },
    Viewer(Viewer),
}

pub struct Viewer {
    pub read_only: bool,
    /// Size of its window; 0 leaves the size alone.
    pub cols: u16,
    pub rows: u16,
    /// Grows with each sign of life of any client: the highest is the latest active.
    pub active: u64,
    /// Its queue was dropped: it needs the whole screen as soon as it reads again.
    pub stale: bool,
}

pub struct Conn {
    stream: UnixStream,
    decoder: Decoder,
    out: Vec<u8>,
    /// `out[at..]` is not sent yet.
    at: usize,
    /// Where the frame that holds `at` begins.
    head: usize,
    pub role: Role,
    pub dead: bool,
}

impl Conn {
    pub fn new(stream: UnixStream, role: Role) -> Self {
        let decoder = Decoder::new(LONGEST);
        Self { stream, decoder, out: Vec::new(), at: 0, head: 0, role, dead: false }
    }

    pub fn is_core(&self) -> bool {
        matches!(self.role, Role::Core { .. })
    }

    pub fn looks(&self) -> bool {
        matches!(self.role, Role::Core { looks: true, .. }) && !self.dead
    }

    pub fn judges(&self) -> bool {
        matches!(self.role, Role::Core { judges: true, .. })
    }

    /// Bytes not sent yet.
    pub fn backlog(&self) -> usize {
        self.out.len() - self.at
    }

    pub fn control<T: Serialize>(&mut self, message: &T) {
        if encode_control(message, &mut self.out).is_err() {
            self.dead = true;
        }
        self.flush();
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        encode_bytes(bytes, &mut self.out);
        self.flush();
    }

    /// A first frame with descriptors. It is sent whole or the connection is of no use.
    pub fn control_with_fds<T: Serialize>(&mut self, message: &T, fds: &[BorrowedFd<'_>]) {
        let mut frame = Vec::new();
        let sent = self.backlog() == 0
            && encode_control(message, &mut frame).is_ok()
            && send_with_fds(&self.stream, &frame, fds).is_ok_and(|n| n == frame.len());
        self.dead |= !sent;
    }

    /// Sends as much as the other end takes now.
    pub fn flush(&mut self) {
        while self.at < self.out.len() && !self.dead {
            let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
            match send(&self.stream, &self.out[self.at..], flags) {
                Ok(n) => self.at += n,
                Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => {}
                Err(_) => self.dead = true,
            }
        }
        while self.head + self.frame_len(self.head) <= self.at && self.head < self.at {
            self.head += self.frame_len(self.head);
        }
        if self.at == self.out.len() {
            self.out.clear();
            self.out.shrink_to(4096);
            (self.at, self.head) = (0, 0);
        } else if self.head > 64 << 10 {
            self.out.drain(..self.head);
            self.at -= self.head;
            self.head = 0;
        }
    }

    /// Drops what waits, but for the rest of a frame that is half sent.
    pub fn drop_backlog(&mut self) {
        let keep = if self.at > self.head { self.frame_len(self.head) } else { 0 };
        self.out.truncate(self.head + keep);
    }

    fn frame_len(&self, head: usize) -> usize {
        self.out
            .get(head..head + 4)
            .and_then(|len| <[u8; 4]>::try_from(len).ok())
            .map_or(HEADER, |len| 4 + u32::from_le_bytes(len) as usize)
    }

    /// Takes what has come; false when the other end is gone.
    pub fn receive(&mut self, buf: &mut [u8]) -> bool {
        match recv(&self.stream, &mut *buf, RecvFlags::DONTWAIT) {
            Ok((0, _)) => false,
            Ok((n, _)) => {
                self.decoder.push(&buf[..n]);
                true
            }
            Err(Errno::AGAIN | Errno::INTR) => true,
            Err(_) => false,
        }
    }

    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        self.decoder.next_frame()
    }
}

impl AsFd for Conn {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
