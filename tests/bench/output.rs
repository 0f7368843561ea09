//! Much output: how soon the writer is done, and whether the screen is right at the end.

use crate::{
    Options,
    pty::Pty,
    table::{Sample, Table, Target},
    tmux::{self, Tmux},
    wait::within,
    world::World,
};
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

const PATIENCE: Duration = Duration::from_secs(600);

fn me() -> String {
    std::env::current_exe().unwrap().display().to_string()
}

fn writer(kind: &str, megabytes: usize, report: &Path) -> Vec<String> {
    let words =
        [&me(), "--child", "write", kind, &megabytes.to_string(), &report.display().to_string()];
    words.map(str::to_owned).to_vec()
}

/// When the writer began and ended, in seconds of the steady clock.
fn report(path: &Path) -> (f64, f64) {
    let text = within(PATIENCE, || fs::read_to_string(path).ok()).expect("the writer's end");
    let mut numbers = text.split_whitespace().map(|word| word.parse::<f64>().unwrap() / 1e9);
    (numbers.next().unwrap(), numbers.next().unwrap())
}

pub fn measure(options: &Options, table: &mut Table) {
    for kind in ["plain", "coloured", "full-screen"] {
        one(kind, options, table);
    }
    fifty(options, table);
}

/// A configuration of the size that the tmux sessions have is the default: 120x40.
fn dash_writes(kind: &str, megabytes: usize) -> (f64, Vec<String>, f64) {
    let world = World::new();
    let file = world.work.join("report");
    let command = writer(kind, megabytes, &file);
    let args: Vec<&str> = command.iter().map(String::as_str).collect();
    let id = world.create(&[&["--agents", "1", "--"], &args[..]].concat());
    let (begun, ended) = report(&file);
    let agent = world.only_agent(&id);
    // "Exact within a second of the end."
    let late = crate::child::now();
    let screen = within(Duration::from_secs(5), || {
        let text = world.ok(&["agent", "screen", &agent]).text();
        text.contains("line 59").then_some(text)
    });
    let late = (crate::child::now() - late) as f64 / 1e6;
    let pss = world.keepers().first().map_or(f64::NAN, |keeper| crate::idle::pss(keeper.pid));
    let lines = trimmed(&screen.unwrap_or_default());
    eprintln!(
        "  dash {kind}: screen exact {late:.0} ms after the writer's end, keeper {pss:.2} MB"
    );
    (ended - begun, lines, pss)
}

fn tmux_writes(kind: &str, megabytes: usize, attached: bool) -> (f64, Vec<String>) {
    let world = World::new();
    let tmux = Tmux::start(&world);
    let file: PathBuf = world.work.join("report");
    let client = attached.then(|| {
        let args = [tmux.prefix(), vec!["attach".to_owned(), "-t".to_owned(), "base".to_owned()]];
        Pty::start("tmux", &args.concat(), &world.environment(), |_| {})
    });
    let command = writer(kind, megabytes, &file);
    if attached {
        // In front of the client, of its size.
        tmux.run(
            &[vec!["new-window".to_owned(), "-t".to_owned(), "base".to_owned()], command].concat(),
        );
    } else {
        tmux.run(&tmux.session("writer", &command));
    }
    let (begun, ended) = report(&file);
    let target = if attached { "base" } else { "writer" };
    let screen = within(Duration::from_secs(5), || {
        let text = tmux.say(&["capture-pane", "-p", "-t", target]);
        text.contains("line 59").then_some(text)
    });
    drop(client);
    (ended - begun, trimmed(&screen.unwrap_or_default()))
}

fn bare_writes(kind: &str, megabytes: usize) -> f64 {
    let world = World::new();
    let file = world.work.join("report");
    let command = writer(kind, megabytes, &file);
    let _pty = Pty::start(&command[0], &command[1..], &world.environment(), |_| {});
    let (begun, ended) = report(&file);
    ended - begun
}

fn trimmed(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = text.lines().map(|line| line.trim_end().to_owned()).collect();
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
}

fn one(kind: &str, options: &Options, table: &mut Table) {
    let mut cells: [Sample; 4] = Default::default();
    let mut memory = Sample::default();
    let mut equal = true;
    for _ in 0..options.reps {
        let (time, ours, pss) = dash_writes(kind, options.mb);
        cells[0].push(time);
        memory.push(pss);
        if tmux::available() {
            let (time, theirs) = tmux_writes(kind, options.mb, false);
            cells[1].push(time);
            equal &= !ours.is_empty() && ours == theirs;
            cells[2].push(tmux_writes(kind, options.mb, true).0);
        }
        cells[3].push(bare_writes(kind, options.mb));
    }
    let (ours, theirs, bare) = (cells[0].median(), cells[1].median(), cells[3].median());
    let words = format!("≤ tmux; {:.2} of bare (goal 0.9)", bare / ours);
    let met = theirs.is_nan() || ours <= theirs;
    let what = format!("one agent printing {} MB, {kind}", options.mb);
    table.row(what, "s", cells, Target::Words(words, met));
    let screen = Sample::one(f64::from(u8::from(equal)));
    table.alone(
        "  the screen at the end is tmux's",
        "1 = yes",
        screen,
        Target::Words("1".to_owned(), equal),
    );
    table.alone("  its keeper afterwards (PSS)", "MB", memory, Target::None);
}

/// Fifty at once, the same in sum: from the first byte to the last of the last.
fn fifty(options: &Options, table: &mut Table) {
    const N: usize = 50;
    let each = (options.mb / N).max(1);
    let span = |files: &[PathBuf]| {
        let times: Vec<(f64, f64)> = files.iter().map(|file| report(file)).collect();
        let begun = times.iter().map(|time| time.0).fold(f64::INFINITY, f64::min);
        times.iter().map(|time| time.1).fold(0.0, f64::max) - begun
    };
    let mut cells: [Sample; 4] = Default::default();
    for _ in 0..options.reps {
        let world = World::new();
        let files: Vec<PathBuf> = (1..=N).map(|i| world.work.join(format!("r{i}"))).collect();
        let command = writer("coloured", each, &world.work.join("r{index}"));
        let args: Vec<&str> = command.iter().map(String::as_str).collect();
        world.create(&[&["--agents", "50", "--"], &args[..]].concat());
        cells[0].push(span(&files));
        drop(world);

        if tmux::available() {
            let world = World::new();
            let tmux = Tmux::start(&world);
            let files: Vec<PathBuf> = (0..N).map(|i| world.work.join(format!("r{i}"))).collect();
            let mut args = Vec::new();
            for file in &files {
                args.extend(["new-window", "-d", "-t", "base"].map(str::to_owned));
                args.extend(writer("coloured", each, file));
                args.push(";".to_owned());
            }
            args.pop();
            tmux.run(&args);
            cells[1].push(span(&files));
        }

        let world = World::new();
        let files: Vec<PathBuf> = (0..N).map(|i| world.work.join(format!("r{i}"))).collect();
        let _ptys: Vec<Pty> = files
            .iter()
            .map(|file| {
                let command = writer("coloured", each, file);
                Pty::start(&command[0], &command[1..], &world.environment(), |_| {})
            })
            .collect();
        cells[3].push(span(&files));
    }
    let (ours, theirs) = (cells[0].median(), cells[1].median());
    let met = theirs.is_nan() || ours <= theirs;
    let what = format!("{N} agents printing {} MB in sum, coloured", each * N);
    table.row(what, "s", cells, Target::Words("≤ tmux".to_owned(), met));
}
