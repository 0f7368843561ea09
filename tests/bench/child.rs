//! What runs inside the terminals: `peer --child KIND …`.

use crate::broker;
use rustix::time::{ClockId, clock_gettime};
use std::{
    fs,
    io::{Read, Write},
    path::Path,
    time::Duration,
};

/// Nanoseconds of the machine's own steady clock: the same in every process.
pub fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

pub fn run(args: &[String]) {
    let number = |i: usize| args[i].parse::<usize>().unwrap();
    match args[0].as_str() {
        "write" => write(&args[1], number(2), Path::new(&args[3])),
        "tick" => tick(number(1)),
        "mark" => mark(number(1), number(2), Path::new(&args[3])),
        "echo" => echo(),
        "verdicts" => broker::verdicts(Path::new(&args[1]), number(2), Path::new(&args[3])),
        "runs" => broker::runs(Path::new(&args[1]), number(2), Path::new(&args[3])),
        other => panic!("no child is called {other}"),
    }
}

/// One block of what an agent may print; blocks follow each other seamlessly.
pub fn block(kind: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut i = 0usize;
    while out.len() < 256 << 10 {
        i += 1;
        match kind {
            "plain" => {
                let line =
                    format!("{i:06} the quick brown fox jumps over the lazy dog, and so on\r\n");
                out.extend_from_slice(line.as_bytes());
            }
            "coloured" => {
                let line = format!(
                    "\x1b[3{}m{i:06}\x1b[0m \x1b[1;38;5;{}mCompiling\x1b[0m crate-{} v0.\x1b[2m{}\x1b[m\r\n",
                    i % 8,
                    i % 256,
                    i % 97,
                    i % 10
                );
                out.extend_from_slice(line.as_bytes());
            }
            "full-screen" => {
                // A redraw of 38 rows, as a full-screen program does it.
                out.extend_from_slice(b"\x1b[H");
                for row in 0..38 {
                    let line = format!(
                        "\x1b[{};1H\x1b[4{}m {:>4} \x1b[0m row {row} of frame {i}\x1b[K",
                        row + 1,
                        row % 8,
                        i * row % 9999
                    );
                    out.extend_from_slice(line.as_bytes());
                }
            }
            other => panic!("no output is called {other}"),
        }
    }
    out
}

/// Prints `megabytes`, then a last screen; writes when it began and ended into `report`.
fn write(kind: &str, megabytes: usize, report: &Path) {
    raw();
    let block = block(kind);
    let mut out = std::io::stdout().lock();
    let begun = now();
    let mut left = megabytes * 1_000_000;
    while left > 0 {
        let part = left.min(block.len());
        out.write_all(&block[..part]).unwrap();
        left -= part;
    }
    out.flush().unwrap();
    let ended = now();
    // Whatever was cut above is ended, and the screen is one that can be told apart.
    out.write_all(b"\x18\x1b[0m\x1b[r\r\n").unwrap();
    for i in 0..60 {
        write!(out, "\x1b[3{}mthe end\x1b[0m, line {i}\r\n", i % 8).unwrap();
    }
    out.flush().unwrap();
    drop(out);
    save(report, &format!("{begun} {ended}"));
    // The screen stays to be looked at.
    wait_for_the_end();
}

/// A line as often as `per_second` says, until it is ended.
fn tick(per_second: usize) {
    let mut out = std::io::stdout().lock();
    for i in 0u64.. {
        if writeln!(out, "line {i} of a working agent, at {}", now()).is_err() {
            return;
        }
        out.flush().unwrap();
        std::thread::park_timeout(Duration::from_secs(1) / per_second as u32);
    }
}

/// Prints `count` numbered marks, `per_second`, and reports when each was written.
fn mark(count: usize, per_second: usize, report: &Path) {
    raw();
    let mut out = std::io::stdout().lock();
    let mut times = String::new();
    for i in 0..count {
        std::thread::park_timeout(Duration::from_secs(1) / per_second as u32);
        let text = mark_text(i);
        let at = now();
        // Over the same place each time: nothing scrolls, every mark is one small change.
        write!(out, "\x1b[3;5H{text}").unwrap();
        out.flush().unwrap();
        times += &format!("{at}\n");
    }
    drop(out);
    save(report, &times);
    wait_for_the_end();
}

pub fn mark_text(i: usize) -> String {
    format!("<mark-{i}>")
}

/// Gives every letter back as a capital, so that no terminal's own echo is taken for it.
fn echo() {
    raw();
    let mut buffer = [0; 256];
    let (mut stdin, mut stdout) = (std::io::stdin().lock(), std::io::stdout().lock());
    stdout.write_all(b"ready\r\n").unwrap();
    stdout.flush().unwrap();
    while let Ok(n @ 1..) = stdin.read(&mut buffer) {
        buffer[..n].make_ascii_uppercase();
        stdout.write_all(&buffer[..n]).unwrap();
        stdout.flush().unwrap();
    }
}

/// No translation of newlines, no echo: what is written is what arrives.
fn raw() {
    let stdin = std::io::stdin();
    if let Ok(mut modes) = rustix::termios::tcgetattr(&stdin) {
        modes.make_raw();
        rustix::termios::tcsetattr(&stdin, rustix::termios::OptionalActions::Now, &modes).unwrap();
    }
}

/// Under its final name only once it is whole.
pub fn save(path: &Path, text: &str) {
    let part = path.with_extension("part");
    fs::write(&part, text).unwrap();
    fs::rename(&part, path).unwrap();
}

fn wait_for_the_end() {
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}
