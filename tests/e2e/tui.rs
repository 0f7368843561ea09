//! A person at a terminal: the real binary in a PTY, what it draws, and what is typed.

use crate::{
    wait::{LIMIT, within},
    world::World,
};
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    cell::{Cell, RefCell},
    io::{Read, Write},
    sync::mpsc::{Receiver, RecvTimeoutError, sync_channel},
    thread,
    time::{Duration, Instant},
};

pub struct Tui {
    master: Box<dyn MasterPty + Send>,
    keys: RefCell<Box<dyn Write + Send>>,
    child: RefCell<Program>,
    /// What the program printed, in pieces; closed at its end.
    output: Receiver<Vec<u8>>,
    seen: RefCell<Seen>,
    before: String,
    /// Nothing that the program asks of its terminal is answered.
    mute: Cell<bool>,
}

struct Program(Box<dyn Child + Send + Sync>);

struct Seen {
    parser: vt100::Parser,
    raw: Vec<u8>,
    over: bool,
}

impl Tui {
    pub fn start(world: &World, args: &[&str], cols: u16, rows: u16) -> Self {
        let size = PtySize { rows, cols, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_dash"));
        command.args(args);
        command.env_clear();
        for (name, value) in world.environment() {
            command.env(name, value);
        }
        command.cwd(&world.work);
        let before = format!("{:?}", pair.master.get_termios());
        let child = Program(pair.slave.spawn_command(command).unwrap());
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().unwrap();
        let (sender, output) = sync_channel(1024);
        thread::spawn(move || {
            let mut buffer = [0; 16 << 10];
            // EIO on a PTY's master is the end of the program.
            while let Ok(n @ 1..) = reader.read(&mut buffer) {
                if sender.send(buffer[..n].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self {
            keys: RefCell::new(pair.master.take_writer().unwrap()),
            master: pair.master,
            child: RefCell::new(child),
            output,
            seen: RefCell::new(Seen {
                parser: vt100::Parser::new(
                    std::num::NonZeroU16::new(rows).unwrap(),
                    std::num::NonZeroU16::new(cols).unwrap(),
                    0,
                ),
                raw: Vec::new(),
                over: false,
            }),
            before,
            mute: Cell::new(false),
        }
    }

    /// From now on it answers no question, as a terminal at the end of a slow line.
    pub fn mute(&self) {
        self.mute.set(true);
    }

    /// Types text, control characters and escape sequences as they are.
    pub fn send(&self, keys: &str) {
        let mut writer = self.keys.borrow_mut();
        writer.write_all(keys.as_bytes()).unwrap();
        writer.flush().unwrap();
    }

    pub fn resize(&self, cols: u16, rows: u16) {
        let size = PtySize { rows, cols, pixel_width: 0, pixel_height: 0 };
        self.master.resize(size).unwrap();
        self.seen.borrow_mut().parser.screen_mut().set_size(
            std::num::NonZeroU16::new(rows).unwrap(),
            std::num::NonZeroU16::new(cols).unwrap(),
        );
    }

    pub fn screen(&self) -> String {
        self.seen.borrow().parser.screen().contents()
    }

    /// Everything printed so far.
    pub fn raw(&self) -> Vec<u8> {
        self.seen.borrow().raw.clone()
    }

    /// Takes in output until `good` holds of the screen's text; that text.
    pub fn wait_for(&self, what: &str, good: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + LIMIT;
        loop {
            let screen = self.screen();
            if good(&screen) {
                return screen;
            }
            if Instant::now() > deadline || !self.take(deadline) {
                panic!("the screen never showed {what}:\n{screen}");
            }
        }
    }

    pub fn wait_for_text(&self, text: &str) -> String {
        self.wait_for(&format!("{text:?}"), |screen| screen.contains(text))
    }

    /// The next piece of output; false at its end or when the time is over.
    fn take(&self, deadline: Instant) -> bool {
        let left = deadline.saturating_duration_since(Instant::now());
        match self.output.recv_timeout(left) {
            Ok(bytes) => {
                if !self.mute.get() {
                    self.answer(&bytes);
                }
                let mut seen = self.seen.borrow_mut();
                seen.parser.process(&bytes);
                seen.raw.extend_from_slice(&bytes);
                true
            }
            Err(RecvTimeoutError::Disconnected) => {
                self.seen.borrow_mut().over = true;
                false
            }
            Err(RecvTimeoutError::Timeout) => false,
        }
    }

    /// Answers what a terminal answers: who it is, what colour its background has.
    fn answer(&self, bytes: &[u8]) {
        let asks = |query: &[u8]| bytes.windows(query.len()).any(|window| window == query);
        if asks(b"\x1b]11;?") {
            self.send("\x1b]11;rgb:1010/1010/1010\x1b\\");
        }
        if asks(b"\x1b[c") || asks(b"\x1b[0c") {
            self.send("\x1b[?62;22c");
        }
        if asks(b"\x1b[6n") {
            let (row, col) = self.seen.borrow().parser.screen().cursor_position();
            self.send(&format!("\x1b[{};{}R", row + 1, col + 1));
        }
    }

    pub fn signal(&self, signal: Signal) {
        let pid = self.child.borrow().0.process_id().unwrap();
        kill_process(Pid::from_raw(pid as i32).unwrap(), signal).unwrap();
    }

    /// Waits for the program's end: its exit code.
    pub fn wait_exit(&self) -> i32 {
        let deadline = Instant::now() + LIMIT;
        while self.take(deadline) && Instant::now() < deadline {}
        assert!(self.seen.borrow().over, "still running:\n{}", self.screen());
        let status = within(LIMIT, || self.child.borrow_mut().0.try_wait().unwrap());
        status.expect("an exit status").exit_code() as i32
    }

    /// Closes the terminal, as a window is closed, and waits for the program's end: its exit code.
    pub fn hang_up(self) -> i32 {
        let Self { master, keys, output, child, .. } = self;
        drop((master, keys, output));
        let status = within(LIMIT, || child.borrow_mut().0.try_wait().unwrap());
        status.expect("an exit status").exit_code() as i32
    }

    /// Fails unless the terminal is as it was: modes, screen, cursor, mouse, paste.
    pub fn assert_restored(&self) {
        let after = format!("{:?}", self.master.get_termios());
        assert_eq!(self.before, after, "the terminal's modes");
        let seen = self.seen.borrow();
        let screen = seen.parser.screen();
        assert!(!screen.alternate_screen(), "still on the alternate screen");
        assert!(!screen.hide_cursor(), "the cursor is still hidden");
        assert!(!screen.bracketed_paste(), "bracketed paste is still on");
        let mouse = screen.mouse_protocol_mode();
        assert_eq!(mouse, vt100::MouseProtocolMode::None, "the mouse is still taken");
    }

    /// Takes in what comes within a short while: for checks that something does not come.
    pub fn settle(&self) {
        let deadline = Instant::now() + Duration::from_millis(300);
        while self.take(deadline) && Instant::now() < deadline {}
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}
