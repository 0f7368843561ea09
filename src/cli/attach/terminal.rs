//! The user's terminal, taken and given back.

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr},
};
use std::io::{self, Stdin, Write};
use tokio::io::{Interest, unix::AsyncFd};

/// Undoes what an agent's program may have asked of the terminal: mouse, paste, focus and
/// keyboard modes, margins, colours, the cursor; then leaves the alternate screen.
const GIVE_BACK: &[u8] = b"\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1004l\x1b[?1005l\x1b[?1006l\
    \x1b[?1015l\x1b[?2004l\x1b[?2026l\x1b[?1l\x1b>\x1b[<u\x1b[>4;0m\x1b[?6l\x1b[?7h\x1b[4l\x1b[r\
    \x1b(B\x0f\x1b[m\x1b[0 q\x1b]104\x1b\\\x1b]110\x1b\\\x1b]111\x1b\\\x1b[?25h\x1b[2J\x1b[?1049l";
const TAKE: &[u8] = b"\x1b[?1049h\x1b[H\x1b[2J";

/// Columns and rows; 80x24 where the terminal does not say.
pub fn size() -> (u16, u16) {
    match tcgetwinsize(io::stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col, size.ws_row),
        _ => (80, 24),
    }
}

/// Raw and on its alternate screen until it is dropped.
pub struct Terminal {
    before: Termios,
}

impl Terminal {
    pub fn take() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(io::stdin(), OptionalActions::Now, &raw)?;
        let mut terminal = Self { before };
        terminal.write_all(TAKE)?;
        Ok(terminal)
    }

    pub fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(bytes)?;
        out.flush()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.write_all(GIVE_BACK);
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.before);
    }
}

/// Keys, as bytes. Waits for readiness and reads then; the descriptor is shared with the
/// shell and is never made non-blocking.
pub struct Input {
    fd: AsyncFd<Stdin>,
}

impl Input {
    pub fn new() -> io::Result<Self> {
        // SAFETY: descriptor 0 outlives the registration: nothing here closes standard input,
        // and `Stdin` gives the same descriptor every time it is asked.
        #[allow(unsafe_code)]
        let fd = unsafe { AsyncFd::register_with_interest(io::stdin(), Interest::READABLE) }?;
        Ok(Self { fd })
    }

    /// What was typed; empty at the end. Safe to cancel.
    pub async fn read(&self) -> io::Result<Vec<u8>> {
        loop {
            let mut ready = self.fd.readable().await?;
            let mut fds = [PollFd::new(self.fd.get_ref(), PollFlags::IN)];
            let now = Timespec { tv_sec: 0, tv_nsec: 0 };
            if poll(&mut fds, Some(&now))? == 0 {
                ready.clear_ready();
                continue;
            }
            let mut buffer = vec![0; 4096];
            let n = rustix::io::read(self.fd.get_ref(), &mut buffer)?;
            buffer.truncate(n);
            return Ok(buffer);
        }
    }
}
