//! A bare PTY whose output is drained by a thread: the best that anything can do.

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::{
    io::{Read, Write},
    sync::mpsc::{Receiver, sync_channel},
    thread,
};

pub const COLS: u16 = 120;
pub const ROWS: u16 = 40;

pub struct Pty {
    child: Box<dyn Child + Send + Sync>,
    keys: Box<dyn Write + Send>,
    _master: Box<dyn MasterPty + Send>,
}

impl Pty {
    /// Starts a program and gives every piece of its output to `each`, on a thread.
    pub fn start(
        program: &str,
        args: &[String],
        environment: &[(String, String)],
        mut each: impl FnMut(&[u8]) + Send + 'static,
    ) -> Self {
        let size = PtySize { rows: ROWS, cols: COLS, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(program);
        command.args(args);
        command.env_clear();
        for (name, value) in environment {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).unwrap();
        let mut reader = pair.master.try_clone_reader().unwrap();
        thread::spawn(move || {
            let mut buffer = vec![0; 64 << 10];
            while let Ok(n @ 1..) = reader.read(&mut buffer) {
                each(&buffer[..n]);
            }
        });
        Self { child, keys: pair.master.take_writer().unwrap(), _master: pair.master }
    }

    /// As [`Pty::start`], with the output in a queue.
    pub fn queued(
        program: &str,
        args: &[String],
        environment: &[(String, String)],
    ) -> (Self, Receiver<(u64, Vec<u8>)>) {
        let (sender, receiver) = sync_channel(4096);
        let pty = Self::start(program, args, environment, move |bytes| {
            let _ = sender.send((crate::child::now(), bytes.to_vec()));
        });
        (pty, receiver)
    }

    pub fn send(&mut self, keys: &[u8]) {
        self.keys.write_all(keys).unwrap();
        self.keys.flush().unwrap();
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
