//! From Enter to all agents running.

use crate::{
    Options,
    table::{Sample, Table, Target},
    tmux::{self, Tmux},
    tools,
    world::World,
};
use std::{
    collections::HashSet,
    ffi::OsString,
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

/// Watches for processes that are `sleep SECONDS`. It runs while the clock does and takes
/// CPU from what it measures, so it looks only at processes that are new and not yet
/// counted, and rests three times as long as it looked.
struct Sleepers {
    wanted: String,
    /// Running before the clock did.
    old: HashSet<OsString>,
    found: HashSet<OsString>,
}

impl Sleepers {
    fn new(seconds: &str) -> Self {
        let old = processes().collect();
        Self { wanted: format!("sleep\0{seconds}\0"), old, found: HashSet::new() }
    }

    fn look(&mut self) {
        for pid in processes() {
            if self.old.contains(&pid) || self.found.contains(&pid) {
                continue;
            }
            let of = |name: &str| fs::read(Path::new("/proc").join(&pid).join(name));
            if of("comm").is_ok_and(|comm| comm == b"sleep\n")
                && of("cmdline").is_ok_and(|line| line == self.wanted.as_bytes())
            {
                self.found.insert(pid);
            }
        }
    }

    fn until(&mut self, count: usize) {
        let begun = Instant::now();
        loop {
            let look = Instant::now();
            self.look();
            if self.found.len() >= count {
                return;
            }
            let many = self.found.len();
            assert!(begun.elapsed() < Duration::from_secs(60), "{many} of {count}");
            std::thread::park_timeout((look.elapsed() * 3).max(Duration::from_millis(1)));
        }
    }
}

fn processes() -> impl Iterator<Item = OsString> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name());
    names.filter(|name| name.as_encoded_bytes()[0].is_ascii_digit())
}

pub fn measure(options: &Options, table: &mut Table) {
    for (count, warm, target) in
        [(20, true, 300.0), (20, false, 300.0), (options.agents, true, 3000.0)]
    {
        let (mut dash, mut peer) = (Sample::default(), Sample::default());
        for rep in 0..options.reps {
            // Told from every other sleeper by its number.
            let seconds = format!("{}", 60_000 + rep);
            dash.push_ms(dash_once(count, warm, &seconds, &["--no-sandbox"]));
            if tmux::available() {
                peer.push_ms(tmux_once(count, warm, &seconds));
            }
        }
        let what =
            format!("{count} agents running{}", if warm { "" } else { ", with the core's start" });
        table.row(
            what,
            "ms",
            [dash, peer, Sample::default(), Sample::default()],
            Target::Most(target),
        );
    }
}

/// The same in the strict sandbox, beside as many bare ones.
pub fn sandboxed(options: &Options, table: &mut Table) {
    let Some(bwrap) = tools::find("bwrap") else { return };
    let (mut added, mut bare, mut many, mut bares) = Default::default();
    // What varies from run to run is more than what is asked for here.
    for rep in 0..options.reps * 5 {
        let seconds = format!("{}", 61_000 + rep);
        let with = dash_once(1, true, &seconds, &[]);
        let without = dash_once(1, true, &format!("{}", 62_000 + rep), &["--no-sandbox"]);
        let (with, without) = (with.as_secs_f64(), without.as_secs_f64());
        Sample::push(&mut added, (with - without) * 1000.0);
        Sample::push_ms(&mut bare, bare_once(&bwrap, 1, &format!("{}", 63_000 + rep)));
    }
    for rep in 0..options.reps {
        let seconds = format!("{}", 64_000 + rep);
        Sample::push_ms(&mut many, dash_once(20, true, &seconds, &[]));
        Sample::push_ms(&mut bares, bare_once(&bwrap, 20, &format!("{}", 65_000 + rep)));
    }
    let none = Sample::default;
    let what = "sandbox adds to a spawn (beside: one bare bubblewrap)".to_owned();
    table.row(what, "ms", [added, bare, none(), none()], Target::Most(15.0));
    let what = "20 sandboxed agents running (beside: 20 bare ones)".to_owned();
    table.row(what, "ms", [many, bares, none(), none()], Target::Most(1000.0));
}

/// Bare sandboxes with the same namespaces and a view of the whole system.
fn bare_once(bwrap: &Path, count: usize, seconds: &str) -> Duration {
    let mut sleepers = Sleepers::new(seconds);
    let begun = Instant::now();
    let mut children: Vec<_> = (0..count)
        .map(|_| {
            let mut command = Command::new(bwrap);
            command.args(["--unshare-all", "--unshare-user", "--die-with-parent", "--ro-bind"]);
            command.args(["/", "/", "--proc", "/proc", "--dev", "/dev", "sleep", seconds]);
            command.spawn().unwrap()
        })
        .collect();
    sleepers.until(count);
    let taken = begun.elapsed();
    for child in &mut children {
        let _ = child.kill();
        let _ = child.wait();
    }
    taken
}

fn dash_once(count: usize, warm: bool, seconds: &str, flags: &[&str]) -> Duration {
    let world = World::new();
    if warm {
        // With an agent that has been: what is found out once for all is known.
        world.create_and_wait(&[&["--agents", "1"], flags, &["--", "true"]].concat());
    }
    let number = count.to_string();
    let mut sleepers = Sleepers::new(seconds);
    let begun = Instant::now();
    let mut args = vec!["swarm", "create", "--agents", &number];
    args.extend(flags);
    args.extend(["--", "sleep", seconds]);
    let mut command = world.command(&args);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    sleepers.until(count);
    let taken = begun.elapsed();
    drop(world);
    taken
}

fn tmux_once(count: usize, warm: bool, seconds: &str) -> Duration {
    let world = World::new();
    let tmux = if warm { Tmux::start(&world) } else { Tmux::cold(&world) };
    let sleep = ["sleep".to_owned(), seconds.to_owned()];
    // One client, all windows: the fastest that tmux offers.
    let mut args = tmux.session("many", &sleep);
    for _ in 1..count {
        args.extend([";", "new-window", "-d"].map(str::to_owned));
        args.extend(sleep.clone());
    }
    let mut sleepers = Sleepers::new(seconds);
    let begun = Instant::now();
    tmux.run(&args);
    sleepers.until(count);
    begun.elapsed()
}
