//! From a byte printed to the frame that shows it, and from a key to its echo.

use crate::{
    Options,
    child::{mark_text, now},
    pty::{COLS, Pty, ROWS},
    table::{Sample, Table, Target},
    tmux::{self, Tmux},
    wait::within,
    world::World,
};
use std::{
    fs,
    num::NonZeroU16,
    path::Path,
    sync::mpsc::Receiver,
    time::{Duration, Instant},
};

type Output = Receiver<(u64, Vec<u8>)>;

const BUSY: usize = 99;
const MARKS: usize = 300;
const KEYS: usize = 1000;

fn me() -> String {
    std::env::current_exe().unwrap().display().to_string()
}

/// A client's screen, fed as its output arrives.
struct Watched {
    output: Output,
    parser: vt100::Parser,
    /// That showed a mark.
    frames: usize,
}

impl Watched {
    fn new(output: Output) -> Self {
        let size = |n| NonZeroU16::new(n).unwrap();
        Self { output, parser: vt100::Parser::new(size(ROWS), size(COLS), 0), frames: 0 }
    }

    /// Waits until the screen shows `text`; says what it shows instead.
    fn until(&mut self, text: &str) {
        let deadline = Instant::now() + Duration::from_secs(15);
        while !self.parser.screen().contents().contains(text) {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok((_, bytes)) = self.output.recv_timeout(left) else {
                panic!("no {text:?} in\n{}", self.parser.screen().contents());
            };
            self.parser.process(&bytes);
        }
    }

    /// When each mark was shown; of one that no frame showed, when a later one was.
    fn marks(&mut self) -> Vec<(usize, u64)> {
        let mut seen = Vec::new();
        let mut next = 0;
        let deadline = Instant::now() + Duration::from_secs(120);
        while next < MARKS && Instant::now() < deadline {
            let Ok((at, bytes)) = self.output.recv_timeout(Duration::from_secs(20)) else { break };
            self.parser.process(&bytes);
            let screen = self.parser.screen().contents();
            // A frame may skip marks, never go back.
            if let Some(i) = (next..MARKS).find(|i| screen.contains(&mark_text(*i))) {
                seen.extend((next..=i).map(|mark| (mark, at)));
                self.frames += 1;
                next = i + 1;
            }
        }
        seen
    }
}

fn lags(watched: &mut Watched, report: &Path) -> Sample {
    let shown = watched.marks();
    let text =
        within(Duration::from_secs(60), || fs::read_to_string(report).ok()).expect("a report");
    let written: Vec<u64> = text.lines().map(|line| line.parse().unwrap()).collect();
    let mut sample = Sample::default();
    for (i, at) in &shown {
        sample.push(at.saturating_sub(written[*i]) as f64 / 1e6);
    }
    eprintln!("  {} of {MARKS} marks shown, in {} frames", shown.len(), watched.frames);
    sample
}

pub fn measure(options: &Options, table: &mut Table) {
    frames(table);
    keys(options, table);
}

fn frames(table: &mut Table) {
    let tick = [me(), "--child".to_owned(), "tick".to_owned(), "10".to_owned()];
    let mark = |report: &Path| {
        let words =
            [&me(), "--child", "mark", &MARKS.to_string(), "20", &report.display().to_string()];
        words.map(str::to_owned).to_vec()
    };

    let world = World::new();
    let report = world.work.join("marks");
    let busy = BUSY.to_string();
    let tick_args: Vec<&str> = tick.iter().map(String::as_str).collect();
    world.create(&[&["--name", "busy", "--agents", &busy, "--"], &tick_args[..]].concat());
    // Starts once the client is in front of it: it waits for a line first.
    let start = "read x; exec \"$@\"".to_owned();
    let words = mark(&report);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    // The shell is to find this very program in its sandbox.
    let home = std::env::current_exe().unwrap().parent().unwrap().display().to_string();
    let head = ["--name", "marks", "--agents", "1", "--read", &home, "--"];
    let id = world.create(&[&head[..], &["sh", "-c", &start, "-"], &words[..]].concat());
    let agent = world.only_agent(&id);
    let (mut client, output) = Pty::queued(env!("CARGO_BIN_EXE_dash"), &[], &world.environment());
    let mut watched = Watched::new(output);
    watched.until("working");
    // Filter down to the one agent, then Enter: its terminal in focus.
    client.send(format!("/{agent}\r").as_bytes());
    watched.until(&agent);
    client.send(b"\r");
    watched.until("attempt 1");
    client.send(b"go\r");
    let ours = lags(&mut watched, &report);
    drop(client);
    drop(world);

    let mut theirs = Sample::default();
    if tmux::available() {
        let world = World::new();
        let tmux = Tmux::start(&world);
        let report = world.work.join("marks");
        let mut args = Vec::new();
        for _ in 0..BUSY {
            args.extend(["new-window", "-d", "-t", "base"].map(str::to_owned));
            args.extend(tick.clone());
            args.push(";".to_owned());
        }
        args.extend(["new-window", "-t", "base"].map(str::to_owned));
        args.extend(["sh", "-c", &start, "-"].map(str::to_owned));
        args.extend(mark(&report));
        tmux.run(&args);
        let attach = [tmux.prefix(), ["attach", "-t", "base"].map(str::to_owned).to_vec()].concat();
        let (mut client, output) = Pty::queued("tmux", &attach, &world.environment());
        let mut watched = Watched::new(output);
        client.send(b"go\r");
        theirs = lags(&mut watched, &report);
    }
    let quantile = |sample: &Sample, q| Sample::one(sample.quantile(q));
    let cells =
        |q| [quantile(&ours, q), Sample::default(), quantile(&theirs, q), Sample::default()];
    table.row("byte to frame among 100 busy agents, p50", "ms", cells(0.5), Target::None);
    table.row("byte to frame among 100 busy agents, p99", "ms", cells(0.99), Target::Most(33.0));
}

/// Milliseconds from each key to the first output that holds it.
fn press(client: &mut Pty, output: &Output, sample: &mut Sample) {
    // Letters whose capitals end no control sequence that a redraw might send.
    for key in b"vwyn".iter().cycle().take(KEYS) {
        while output.try_recv().is_ok() {}
        let begun = now();
        client.send(&[*key]);
        loop {
            let (at, bytes) = output.recv_timeout(Duration::from_secs(10)).expect("an echo");
            if bytes.contains(&key.to_ascii_uppercase()) {
                sample.push((at - begun) as f64 / 1e6);
                break;
            }
        }
    }
}

fn keys(options: &Options, table: &mut Table) {
    let echo = [me(), "--child".to_owned(), "echo".to_owned()];
    let (mut ours, mut theirs, mut bare) = <(Sample, Sample, Sample)>::default();
    for _ in 0..options.reps.div_ceil(2) {
        let world = World::new();
        let args: Vec<&str> = echo.iter().map(String::as_str).collect();
        let id = world.create(&[&["--agents", "1", "--"], &args[..]].concat());
        let agent = world.only_agent(&id);
        world.until_shown(&agent, "ready");
        let attach = ["attach".to_owned(), agent];
        let (mut client, output) =
            Pty::queued(env!("CARGO_BIN_EXE_dash"), &attach, &world.environment());
        Watched::new_ready(&output);
        press(&mut client, &output, &mut ours);
        drop(client);
        drop(world);

        let world = World::new();
        if tmux::available() {
            let tmux = Tmux::start(&world);
            tmux.run(
                &[["new-window", "-t", "base"].map(str::to_owned).to_vec(), echo.to_vec()].concat(),
            );
            let attach =
                [tmux.prefix(), ["attach", "-t", "base"].map(str::to_owned).to_vec()].concat();
            let (mut client, output) = Pty::queued("tmux", &attach, &world.environment());
            Watched::new_ready(&output);
            press(&mut client, &output, &mut theirs);
        }
        let (mut client, output) = Pty::queued(&echo[0], &echo[1..], &world.environment());
        Watched::new_ready(&output);
        press(&mut client, &output, &mut bare);
    }
    for (name, q) in [("p50", 0.5), ("p99", 0.99)] {
        let cell = |sample: &Sample| Sample::one(sample.quantile(q));
        let peer = theirs.quantile(q);
        let cells = [cell(&ours), Sample::default(), cell(&theirs), cell(&bare)];
        let target =
            if q > 0.9 && !peer.is_nan() { Target::Most(peer * 2.0) } else { Target::None };
        table.row(format!("key to echo under `dash attach`, {name}"), "ms", cells, target);
    }
}

impl Watched {
    /// Waits until a client shows the echo's greeting.
    fn new_ready(output: &Output) {
        let size = |n| NonZeroU16::new(n).unwrap();
        let mut parser = vt100::Parser::new(size(ROWS), size(COLS), 0);
        while !parser.screen().contents().contains("ready") {
            let (_, bytes) = output.recv_timeout(Duration::from_secs(20)).expect("a greeting");
            parser.process(&bytes);
        }
    }
}
