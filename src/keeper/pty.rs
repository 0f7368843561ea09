//! The PTY. The keeper holds the slave end too until all of the agent is gone: a program
//! that closes its terminal and opens it again is no end of file, and output that is still
//! on its way is not lost.

use portable_pty::{MasterPty, PtySize, native_pty_system};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::pty::OpenptFlags;
use std::io;

pub struct Pty {
    pair: Box<dyn MasterPty + Send>,
    master: OwnedFd,
    slave: Option<OwnedFd>,
    cols: u16,
    rows: u16,
}

/// What one read of the master gave.
pub enum Got {
    Bytes(usize),
    /// Nothing now.
    Nothing,
    /// Nothing ever again.
    End,
}

impl Pty {
    #[allow(unsafe_code)]
    pub fn open(cols: u16, rows: u16) -> anyhow::Result<Self> {
        let (cols, rows) = (cols.max(1), rows.max(1));
        let size = PtySize { rows, cols, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size)?.master;
        let raw = pair.as_raw_fd().ok_or_else(|| anyhow::anyhow!("the PTY has no descriptor"))?;
        // SAFETY: `pair` lives to the end of this function and owns the descriptor.
        let master = unsafe { BorrowedFd::borrow_raw(raw) }.try_clone_to_owned()?;
        rustix::io::ioctl_fionbio(&master, true)?;
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let slave = Some(rustix::pty::ioctl_tiocgptpeer(&master, flags)?);
        Ok(Self { pair, master, slave, cols, rows })
    }

    /// Columns, rows.
    pub fn size(&self) -> (u16, u16) {
        (self.cols, self.rows)
    }

    pub fn resize(&mut self, cols: u16, rows: u16) {
        let (cols, rows) = (cols.max(1), rows.max(1));
        let size = PtySize { rows, cols, pixel_width: 0, pixel_height: 0 };
        if self.pair.resize(size).is_ok() {
            (self.cols, self.rows) = (cols, rows);
        }
    }

    /// The agent's end; none once it was let go.
    pub fn slave(&self) -> Option<BorrowedFd<'_>> {
        self.slave.as_ref().map(AsFd::as_fd)
    }

    /// From now on the master ends when the last other holder of the slave does.
    pub fn let_go(&mut self) {
        self.slave = None;
    }

    pub fn read(&self, buf: &mut [u8]) -> Got {
        loop {
            return match rustix::io::read(&self.master, &mut *buf) {
                Ok(0) | Err(Errno::IO) => Got::End,
                Ok(n) => Got::Bytes(n),
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => Got::Nothing,
                Err(_) => Got::End,
            };
        }
    }

    /// Writes what fits now.
    pub fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        match rustix::io::retry_on_intr(|| rustix::io::write(&self.master, bytes)) {
            Ok(n) => Ok(n),
            Err(Errno::AGAIN) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    /// The process group that the terminal's keys reach.
    pub fn foreground(&self) -> Option<rustix::process::Pid> {
        rustix::termios::tcgetpgrp(&self.master).ok()
    }
}

impl AsFd for Pty {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.master.as_fd()
    }
}
