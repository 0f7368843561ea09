//! Figures, not checks: `cargo nextest run --test keeper --run-ignored only --no-capture`.

use crate::harness::{World, until};
use std::fs;
use std::io::Read;
use std::os::fd::AsFd;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[test]
#[ignore = "a measurement"]
fn spawning_a_hundred() {
    let worlds: Vec<_> = (0..100).map(|_| World::new(&["sleep", "600"])).collect();
    let start = Instant::now();
    let mut running: Vec<_> = worlds.iter().map(World::keep).collect();
    let forked = start.elapsed();
    for (_, core) in &mut running {
        core.hello(1, 0);
    }
    for (_, core) in &mut running {
        core.started();
    }
    println!(
        "100 attempts: keepers forked {forked:.0?}, all agents running {:.0?}",
        start.elapsed()
    );
    let idle = cpu(&running.iter().map(|(keeper, _)| keeper.pid()).collect::<Vec<_>>());
    println!("cpu of 100 idle keepers in 5 s: {idle} ticks");
}

fn cpu(pids: &[u32]) -> u64 {
    let ticks = || -> u64 {
        pids.iter()
            .map(|pid| {
                let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
                let fields: Vec<_> = stat.rsplit(')').next().unwrap().split(' ').collect();
                fields[12].parse::<u64>().unwrap() + fields[13].parse::<u64>().unwrap()
            })
            .sum()
    };
    let (before, start) = (ticks(), Instant::now());
    until("five seconds", || start.elapsed() > Duration::from_secs(5));
    ticks() - before
}

#[test]
#[ignore = "a measurement"]
fn memory_with_a_full_screen() {
    let mut world = World::sh("seq -f '%0200g' 1 100; sleep 600");
    (world.spec.cols, world.spec.rows) = (200, 50);
    let (keeper, mut core) = world.start();
    core.started();
    until("printed", || world.read("out.raw").ends_with(b"100\r\n"));
    core.screen();
    show("keeper, 200x50 full", keeper.pid());
    let children =
        fs::read_to_string(format!("/proc/{0}/task/{0}/children", keeper.pid())).unwrap();
    for child in children.split_whitespace() {
        show("init", child.parse().unwrap());
    }
    let maps = fs::read_to_string(format!("/proc/{}/smaps", keeper.pid())).unwrap();
    let mut name = String::new();
    for line in maps.lines() {
        let fields: Vec<_> = line.split_whitespace().collect();
        if fields[0].contains('-') {
            name = format!("{} {}", fields[1], fields.get(5).unwrap_or(&"anonymous"));
        } else if fields[0] == "Private_Dirty:" && fields[1] != "0" {
            println!("    {:>6} kB dirty  {name}", fields[1]);
        }
    }
}

fn show(what: &str, pid: u32) {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
    let wanted = ["Pss:", "Private_Clean:", "Private_Dirty:", "Rss:"];
    let fields: Vec<_> = rollup
        .lines()
        .filter(|line| wanted.iter().any(|name| line.starts_with(name)))
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    println!("{what}: {}", fields.join(", "));
}

#[test]
#[ignore = "a measurement"]
fn drain_speed() {
    const SIZE: u64 = 300_000_000;
    let plain = "a line of plain text such as a compiler or an agent prints all day long";
    let colour = "\\033[32mok\\033[0m a line of \\033[1;34mcoloured\\033[0m text, \\033[38;5;208mas agents print\\033[0m";
    for (name, line) in [("plain", plain), ("coloured", colour)] {
        let script = format!("yes \"$(printf '{line}')\" | head -c {SIZE}");
        let bare = bare(&script);
        let world = World::sh(&script);
        let start = Instant::now();
        let (keeper, mut core) = world.start();
        let pid = keeper.pid();
        core.exited();
        let took = start.elapsed().as_secs_f64();
        let bytes = world.exit_record().bytes;
        let speed = |seconds: f64| bytes as f64 / seconds / 1e6;
        println!(
            "{name}: bare PTY {:.1} MB/s, keeper {:.1} MB/s ({:.2}), {bytes} bytes, pid {pid}",
            speed(bare),
            speed(took),
            bare / took
        );
    }
}

/// Seconds until the same program has ended on a PTY that is read and thrown away.
fn bare(script: &str) -> f64 {
    let start = Instant::now();
    let master = rustix::pty::openpt(rustix::pty::OpenptFlags::RDWR).unwrap();
    rustix::pty::unlockpt(&master).unwrap();
    let slave =
        rustix::pty::ioctl_tiocgptpeer(master.as_fd(), rustix::pty::OpenptFlags::RDWR).unwrap();
    let mut child = Command::new("sh")
        .args(["-c", script])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .stdout(Stdio::from(slave))
        .spawn()
        .unwrap();
    let mut file = fs::File::from(master);
    let mut buf = vec![0; 64 << 10];
    while file.read(&mut buf).is_ok_and(|n| n > 0) {}
    child.wait().unwrap();
    start.elapsed().as_secs_f64()
}
