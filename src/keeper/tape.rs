//! The recording and the screen of the attempt, as the loop uses them.

use crate::model::Stamp;
use crate::protocol::keeper::ScreenDump;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

pub struct Tape {
    raw: File,
    bytes: u64,
    screen: vt100::Parser,
}

impl Tape {
    pub fn open(dir: &Path, cols: u16, rows: u16, _cap: u64) -> io::Result<Self> {
        let raw =
            OpenOptions::new().append(true).create(true).mode(0o600).open(dir.join("out.raw"))?;
        let bytes = raw.metadata()?.len();
        Ok(Self { raw, bytes, screen: vt100::Parser::new(size(rows), size(cols), 0) })
    }

    /// Records; returns how many bytes are on the disk and why not all.
    pub fn write(&mut self, bytes: &[u8], _at: Stamp) -> (usize, Option<io::Error>) {
        let mut done = 0;
        let mut error = None;
        while done < bytes.len() {
            match self.raw.write(&bytes[done..]) {
                Ok(0) => error = Some(io::ErrorKind::WriteZero.into()),
                Ok(n) => done += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => error = Some(e),
            }
            if error.is_some() {
                break;
            }
        }
        self.bytes += done as u64;
        self.screen.process(&bytes[..done]);
        (done, error)
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub fn resize(&mut self, cols: u16, rows: u16, _at: Stamp) {
        self.screen.screen_mut().set_size(size(rows), size(cols));
    }

    pub fn dump(&self) -> ScreenDump {
        let screen = self.screen.screen();
        let (rows, cols) = screen.size();
        let (rows, cols) = (rows.get(), cols.get());
        let (cursor_row, cursor_col) = screen.cursor_position();
        let lines: Vec<_> = screen.rows(0, cols).map(|row| row.trim_end().to_owned()).collect();
        ScreenDump {
            cols,
            rows,
            cursor_row,
            cursor_col,
            cursor_visible: !screen.hide_cursor(),
            alternate: screen.alternate_screen(),
            title: String::new(),
            ansi: lines.clone(),
            lines,
        }
    }

    pub fn restore(&self) -> Vec<u8> {
        self.screen.screen().state_formatted().into()
    }
}

fn size(n: u16) -> std::num::NonZero<u16> {
    std::num::NonZero::new(n).unwrap_or(std::num::NonZero::<u16>::MIN)
}
