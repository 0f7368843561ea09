//! From Enter to all agents running.

use crate::{
    Options,
    table::{Sample, Table, Target},
    tmux::{self, Tmux},
    world::World,
};
use std::{
    fs,
    time::{Duration, Instant},
};

/// How many processes are `sleep SECONDS` right now. Only names are looked at until one
/// fits: this runs while the clock does.
fn sleepers(seconds: &str) -> usize {
    let wanted = format!("sleep\0{seconds}\0");
    let Ok(entries) = fs::read_dir("/proc") else { return 0 };
    let is_one = |entry: &fs::DirEntry| {
        let comm = fs::read(entry.path().join("comm")).unwrap_or_default();
        comm == b"sleep\n"
            && fs::read(entry.path().join("cmdline")).unwrap_or_default() == wanted.as_bytes()
    };
    let of_process =
        |entry: &fs::DirEntry| entry.file_name().as_encoded_bytes()[0].is_ascii_digit();
    entries.flatten().filter(of_process).filter(|entry| is_one(entry)).count()
}

fn until_sleeping(seconds: &str, count: usize) {
    let begun = Instant::now();
    while sleepers(seconds) < count {
        assert!(begun.elapsed() < Duration::from_secs(60), "{} of {count}", sleepers(seconds));
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

pub fn measure(options: &Options, table: &mut Table) {
    for (count, warm, target) in
        [(20, true, 300.0), (20, false, 300.0), (options.agents, true, 3000.0)]
    {
        let (mut dash, mut peer) = (Sample::default(), Sample::default());
        for rep in 0..options.reps {
            // Told from every other sleeper by its number.
            let seconds = format!("{}", 60_000 + rep);
            dash.push_ms(dash_once(count, warm, &seconds));
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

fn dash_once(count: usize, warm: bool, seconds: &str) -> Duration {
    let world = World::new();
    if warm {
        world.ok(&["swarm", "list"]);
    }
    let number = count.to_string();
    let begun = Instant::now();
    let mut command =
        world.command(&["swarm", "create", "--agents", &number, "--", "sleep", seconds]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    until_sleeping(seconds, count);
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
    let begun = Instant::now();
    tmux.run(&args);
    until_sleeping(seconds, count);
    begun.elapsed()
}
