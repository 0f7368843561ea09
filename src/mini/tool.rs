//! The one tool: a shell command in the agent's directory, in a process group of its own.

use super::show::{Filter, Show};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{self, Read, Write, pipe};
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::{Duration, Instant};

/// What the model gets of a command's output: so much of its head and of its tail.
const HALF: usize = 15 << 10;

/// The process group of the running tool, 0 if none runs; read by the signal handler.
static GROUP: AtomicI32 = AtomicI32::new(0);

/// Ends the running tool, if any. Safe to call from a signal handler.
pub fn kill_group() {
    let group = GROUP.load(Ordering::SeqCst);
    if group > 0 {
        // SAFETY: plain system call with integers; async-signal-safe by POSIX.
        #[allow(unsafe_code)]
        unsafe {
            libc::kill(-group, libc::SIGKILL);
        }
    }
}

/// The head and the tail of a long output.
#[derive(Default)]
struct Capture {
    head: Vec<u8>,
    tail: Vec<u8>,
    dropped: usize,
}

impl Capture {
    fn push(&mut self, bytes: &[u8]) {
        let (head, rest) = bytes.split_at(bytes.len().min(HALF - self.head.len()));
        self.head.extend_from_slice(head);
        self.tail.extend_from_slice(rest);
        // Trimmed at twice the size, so that each byte is moved once at most.
        if self.tail.len() > 2 * HALF {
            let excess = self.tail.len() - HALF;
            self.tail.drain(..excess);
            self.dropped += excess;
        }
    }

    fn text(mut self) -> String {
        let excess = self.tail.len().saturating_sub(HALF);
        self.tail.drain(..excess);
        self.dropped += excess;
        let head = String::from_utf8_lossy(&self.head);
        let tail = String::from_utf8_lossy(&self.tail);
        match self.dropped {
            0 => format!("{head}{tail}"),
            n => format!("{head}\n[… {n} bytes left out …]\n{tail}"),
        }
    }
}

/// Runs `command`, shows what it prints, and tells the model how it went.
pub fn run(command: &str, limit: Duration, show: &Show) -> String {
    match attempt(command, limit, show) {
        Ok(text) => text,
        Err(e) => format!("cannot run the command: {e}"),
    }
}

fn attempt(command: &str, limit: Duration, show: &Show) -> io::Result<String> {
    let (mut output, writer) = pipe()?;
    let (done, done_writer) = pipe()?;
    let mut child = {
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(command).process_group(0).stdin(Stdio::null());
        shell.stdout(writer.try_clone()?).stderr(writer);
        shell.spawn()?
        // The command is dropped here, and with it our ends of its pipe.
    };
    GROUP.store(i32::try_from(child.id()).unwrap_or(0), Ordering::SeqCst);
    let waiter = std::thread::spawn(move || {
        let status = child.wait();
        drop(done_writer);
        status
    });
    let mut capture = Capture::default();
    let mut filter = Filter::default();
    let deadline = Instant::now() + limit;
    let (mut timed_out, mut exited, mut open) = (false, false, true);
    let mut buffer = vec![0; 16 << 10];
    while open || !exited {
        let left = deadline.saturating_duration_since(Instant::now());
        // After the end only what is already there: a child in the background may hold the
        // pipe open for ever.
        let wait = match (exited, timed_out) {
            (true, _) => Some(Duration::ZERO),
            (false, true) => None,
            (false, false) => Some(left),
        };
        let (ready_out, ready_done);
        {
            let mut fds = vec![PollFd::new(&done, PollFlags::IN)];
            if open {
                fds.push(PollFd::from_borrowed_fd(output.as_fd(), PollFlags::IN));
            }
            let wait = wait.and_then(|wait| Timespec::try_from(wait).ok());
            match poll(&mut fds, wait.as_ref()) {
                Ok(_) => {
                    ready_done = !fds[0].revents().is_empty();
                    ready_out = fds.get(1).is_some_and(|fd| !fd.revents().is_empty());
                }
                Err(rustix::io::Errno::INTR) => continue,
                Err(e) => return Err(e.into()),
            }
        }
        if ready_out {
            let n = output.read(&mut buffer)?;
            open = n > 0;
            capture.push(&buffer[..n]);
            let mut out = io::stdout().lock();
            let _ = out.write_all(&filter.pass(&buffer[..n]));
            let _ = out.flush();
        } else if exited {
            break;
        }
        exited |= ready_done;
        if !exited && !timed_out && Instant::now() >= deadline {
            timed_out = true;
            kill_group();
        }
    }
    let status = waiter.join().map_err(|_| io::Error::other("waiting for it failed"))??;
    GROUP.store(0, Ordering::SeqCst);
    if filter.in_line() {
        show.print("", "\n");
    }
    Ok(report(&capture.text(), status, timed_out.then_some(limit)))
}

fn report(output: &str, status: ExitStatus, limit: Option<Duration>) -> String {
    let end = match (limit, status.code(), status.signal()) {
        (Some(limit), _, _) => format!("[ended by mini after {} s]", limit.as_secs()),
        (None, Some(code), _) => format!("[exit {code}]"),
        (None, None, signal) => format!("[signal {}]", signal.unwrap_or(0)),
    };
    match output.trim_end() {
        "" => end,
        output => format!("{output}\n{end}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(command: &str) -> String {
        run(command, Duration::from_secs(60), &Show::new())
    }

    // One test, since the group is a static.
    #[test]
    fn commands_end_as_they_should() {
        assert_eq!(ran("echo hi; echo ho >&2; exit 3"), "hi\nho\n[exit 3]");
        assert_eq!(ran("kill -9 $$"), "[signal 9]");
        assert_eq!(ran("sleep 20 & echo left"), "left\n[exit 0]");
        let long = ran("head -c 200000 /dev/zero | tr '\\0' x; echo end");
        assert!(long.len() < 2 * HALF + 100 && long.ends_with("end\n[exit 0]"), "{}", long.len());
        assert!(long.contains("[… 169284 bytes left out …]"), "{}", &long[HALF..HALF + 60]);
        let late = run("echo a; sleep 1000", Duration::from_millis(50), &Show::new());
        assert!(late.contains("[ended by mini after 0 s]"), "{late}");
    }
}
