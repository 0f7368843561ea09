//! The screen at the end of a recording that no keeper shows any more.

use super::recording::{EntryKind, RAW, Recording};
use super::{CaughtUp, Follower};
use crate::protocol::keeper::ScreenDump;
use std::fs::File;
use std::io;
use std::path::Path;
use std::time::Duration;

const PIECE: usize = 256 << 10;

/// Draws the recording in `dir` to its end. Takes as long as a look at all of it: about a
/// second for 200 MB.
///
/// # Errors
/// When there is no recording, or it does not read.
pub fn last_screen(dir: &Path) -> io::Result<ScreenDump> {
    let recording = Recording::open(dir)?;
    let raw = File::open(dir.join(RAW))?;
    let (cols, rows) = recording.first_size().unwrap_or((80, 24));
    let mut follower = Follower::new(cols, rows, 0);
    let (mut at, mut buf) = (0, vec![0; PIECE]);
    let mut up_to = |end: u64, follower: &mut Follower| -> io::Result<()> {
        while at < end {
            let len = (end - at).min(PIECE as u64) as usize;
            match recording.read_at(at, &mut buf[..len])? {
                0 => break,
                read => follower.wrote(at, &buf[..read]),
            }
            at += len as u64;
        }
        Ok(())
    };
    for entry in recording.entries() {
        if let EntryKind::Resize { cols, rows } = entry.kind {
            up_to(entry.offset, &mut follower)?;
            follower.resize(cols, rows);
        }
    }
    up_to(recording.len(), &mut follower)?;
    while follower.catch_up(&raw, Duration::from_millis(100))? == CaughtUp::More {}
    Ok(follower.screen().dump())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Stamp;
    use crate::term::{Screen, recording::Recorder};

    #[test]
    fn a_recording_is_drawn_to_its_end_through_its_sizes() {
        let dir = tempfile::tempdir().unwrap();
        let mut recorder = Recorder::open(dir.path(), 1 << 30).unwrap();
        let mut screen = Screen::new(30, 6, 0);
        recorder.resize(30, 6, Stamp(0));
        for n in 0..60_000 {
            let line = format!("\x1b[3{}mline {n}\x1b[0m\r\n", n % 8);
            recorder.write(line.as_bytes(), Stamp(n)).unwrap();
            screen.process(line.as_bytes());
            if n == 59_000 {
                recorder.resize(40, 9, Stamp(n));
                screen.resize(40, 9);
            }
        }
        assert_eq!(last_screen(dir.path()).unwrap(), screen.dump());
        assert!(last_screen(&dir.path().join("none")).is_err());
    }
}
