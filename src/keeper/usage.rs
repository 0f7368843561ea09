//! What an attempt's processes use together, as /proc tells it.
//!
//! All of it is a lower bound. Of memory these escape: a memfd while it is on its way through
//! a socket, with no process having it open or mapped; System V segments that no process has
//! attached; buffers of pipes and sockets; and what is mapped from one file of memory while
//! another is only open, up to as much again. Of what is written to disks: what a process
//! wrote after the last look, if its parent ignores its end (the kernel adds it to a parent
//! that waits). Of both: a process that hides its figures from its own user
//! (PR_SET_DUMPABLE), where neither a namespace nor the superuser's rights show them.

use rustix::process::Pid;
use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;

/// Bytes of a block, as stat(2) counts them.
const BLOCK: u64 = 512;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Threads are counted: each takes a place in the kernel's table.
    pub processes: u64,
    /// Bytes of memory that are each process's own, swapped out or not.
    pub own: u64,
    /// Bytes of shared memory in the maps of its processes.
    pub mapped: u64,
    /// Bytes in its own /dev/shm and in files without a name (memfd), mapped or not.
    pub files: u64,
    /// Bytes given to disks by those that live and by those that they waited for.
    pub written: Written,
}

impl Usage {
    /// Bytes of memory. What is in files is mapped, too, or it is not: it is not told which.
    pub fn memory(&self) -> u64 {
        self.own + self.mapped.max(self.files)
    }
}

/// Of /proc/PID/io; both only grow as long as nobody is forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    pub bytes: u64,
    /// Of those what was removed before it reached the disk.
    pub cancelled: u64,
}

impl Written {
    pub fn and(self, other: Self) -> Self {
        Self { bytes: self.bytes + other.bytes, cancelled: self.cancelled + other.cancelled }
    }
}

/// By a process and those that it waited for; it may have ended, as long as it is not reaped.
pub fn written_by(pid: Pid) -> Written {
    let mut written = Written::default();
    let io = fs::read_to_string(format!("/proc/{}/io", pid.as_raw_nonzero()));
    add_written(&mut written, &io.unwrap_or_default());
    written
}

/// What is to be measured beside processes; each costs more reading.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    pub memory: bool,
    pub disk: bool,
    /// Processes and threads at which the look ends: nothing else matters then.
    pub most: u64,
}

/// Looks at all that descends from this process. `agent`: whose /dev/shm is looked at.
pub fn measure(agent: Option<i32>, wanted: Wanted) -> Usage {
    let me = std::process::id() as i32;
    let mut usage = Usage::default();
    let mut open = children(me);
    let mut files = HashMap::new();
    while let Some(pid) = open.pop() {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        add(&mut usage, &status);
        if usage.processes > wanted.most {
            break;
        }
        if wanted.memory {
            nameless_files(pid, &mut files);
        }
        if wanted.disk {
            let io = fs::read_to_string(format!("/proc/{pid}/io")).unwrap_or_default();
            add_written(&mut usage.written, &io);
        }
        open.extend(children(pid));
    }
    if wanted.memory {
        usage.files = files.into_values().sum::<u64>() + agent.and_then(shared_files).unwrap_or(0);
    }
    usage
}

/// Processes in the namespace whose init is `pid`, threads not counted; none where that does
/// not show. In a flood it is told at once, where to look at each would take seconds.
pub fn in_namespace(pid: i32) -> Option<u64> {
    let listed = fs::read_dir(format!("/proc/{pid}/root/proc")).ok()?.flatten();
    let is_process = |entry: &fs::DirEntry| {
        entry.file_name().as_encoded_bytes().first().is_some_and(u8::is_ascii_digit)
    };
    Some(listed.filter(is_process).count() as u64)
}

/// One process, as its /proc/PID/status has it; one that has just ended has none.
fn add(usage: &mut Usage, status: &str) {
    for (name, number) in numbers(status) {
        match name {
            "Threads" => usage.processes += number,
            "RssAnon" | "VmSwap" => usage.own += number << 10,
            "RssShmem" => usage.mapped += number << 10,
            _ => {}
        }
    }
}

fn add_written(written: &mut Written, io: &str) {
    for (name, number) in numbers(io) {
        match name {
            "write_bytes" => written.bytes += number,
            "cancelled_write_bytes" => written.cancelled += number,
            _ => {}
        }
    }
}

fn numbers(text: &str) -> impl Iterator<Item = (&str, u64)> {
    text.lines().filter_map(|line| {
        let (name, rest) = line.split_once(':')?;
        Some((name, rest.split_ascii_whitespace().next()?.parse().ok()?))
    })
}

/// Files in memory that the process has open, by device and number, with their bytes.
fn nameless_files(pid: i32, files: &mut HashMap<(u64, u64), u64>) {
    let Ok(open) = fs::read_dir(format!("/proc/{pid}/fd")) else { return };
    for path in open.flatten().map(|entry| entry.path()) {
        let is_nameless = |target: &std::path::PathBuf| {
            target.as_os_str().as_encoded_bytes().starts_with(b"/memfd:")
        };
        if fs::read_link(&path).is_ok_and(|target| is_nameless(&target))
            && let Ok(meta) = fs::metadata(&path)
        {
            files.insert((meta.dev(), meta.ino()), meta.blocks() * BLOCK);
        }
    }
}

/// All below a process, parents before their children.
pub fn descendants(top: i32) -> Vec<i32> {
    let mut found = children(top);
    let mut at = 0;
    while let Some(pid) = found.get(at) {
        let below = children(*pid);
        found.extend(below);
        at += 1;
    }
    found
}

/// A thread's children are its own in the kernel's list, so each thread is asked.
fn children(pid: i32) -> Vec<i32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let lists = threads
        .flatten()
        .filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    let numbers = |list: String| -> Vec<i32> {
        list.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect()
    };
    lists.flat_map(numbers).collect()
}

/// Bytes in the /dev/shm of a process; none where that is everybody's.
fn shared_files(pid: i32) -> Option<u64> {
    let path = format!("/proc/{pid}/root/dev/shm");
    let own = fs::metadata(&path).ok()?.dev();
    if fs::metadata("/dev/shm").is_ok_and(|shared| shared.dev() == own) {
        return None;
    }
    let stat = rustix::fs::statvfs(&*path).ok()?;
    Some(stat.f_blocks.saturating_sub(stat.f_bfree).saturating_mul(stat.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Wanted = Wanted { memory: true, disk: true, most: u64::MAX };

    #[test]
    fn a_status_is_added_up() {
        let status = "Name:\tx\nVmSwap:\t       2 kB\nRssAnon:\t    8 kB\nRssFile:\t 99 kB\n\
                      RssShmem:\t  4 kB\nThreads:\t3\n";
        let mut usage = Usage::default();
        add(&mut usage, status);
        add(&mut usage, status);
        let expected = Usage { processes: 6, own: 20 << 10, mapped: 8 << 10, ..Usage::default() };
        assert_eq!(usage, expected);
        assert_eq!(Usage { files: 6 << 10, ..usage }.memory(), 28 << 10);
        assert_eq!(Usage { files: 9 << 10, ..usage }.memory(), 29 << 10);
        add(&mut usage, "");
        assert_eq!(usage.processes, 6);
        let io = "rchar: 9\nwchar: 8\nwrite_bytes: 4096\ncancelled_write_bytes: 1024\n";
        add_written(&mut usage.written, io);
        assert_eq!(usage.written, Written { bytes: 4096, cancelled: 1024 });
    }

    #[test]
    fn this_process_has_a_family() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let usage = measure(None, ALL);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(usage.processes >= 1 && usage.own > 0, "{usage:?}");
    }

    #[test]
    fn files_without_a_name_are_memory_and_counted_once() {
        use std::io::Write;
        let flags = rustix::fs::MemfdFlags::CLOEXEC;
        let mut file = fs::File::from(rustix::fs::memfd_create("x", flags).unwrap());
        file.write_all(&[1; 3 << 20]).unwrap();
        let again = file.try_clone().unwrap();
        let key = |file: &fs::File| file.metadata().map(|meta| (meta.dev(), meta.ino())).unwrap();
        let mut files = HashMap::new();
        nameless_files(std::process::id() as i32, &mut files);
        assert_eq!(files.get(&key(&again)), Some(&(3 << 20)));
    }
}
