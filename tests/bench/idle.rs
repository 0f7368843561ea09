//! What a swarm costs while nothing happens: CPU, wake-ups, memory.

use crate::{
    Options,
    procs::Proc,
    table::{Sample, Table, Target},
    tmux::{self, Tmux},
    wait::within,
    world::World,
};
use std::{collections::BTreeMap, fs, time::Duration};

/// Ticks a second in /proc (USER_HZ: the same on every Linux there is).
const TICKS: f64 = 100.0;
const WATCHED: Duration = Duration::from_secs(10);

/// Proportional set size in MB.
pub fn pss(pid: i32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    field(&text, "Pss:") / 1000.0 * 1.024
}

/// A number in kB after `name`.
fn field(text: &str, name: &str) -> f64 {
    let line = text.lines().find(|line| line.starts_with(name));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(f64::NAN)
}

/// MB of proportional memory by kind of mapping.
fn parts(pid: i32) -> BTreeMap<&'static str, f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps")).unwrap_or_default();
    let mut sums = BTreeMap::new();
    let mut kind = "other";
    let mut own_binary_ended = false;
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if words.len() >= 5 && words[0].contains('-') && words[1].len() == 4 {
            let (rights, name) = (words[1], words.get(5).copied().unwrap_or(""));
            let dash = name.ends_with("/dash") || name.contains("/dash ");
            kind = match name {
                "[heap]" => "heap",
                "[stack]" => "stack",
                _ if dash && rights.contains('w') => "data and relocations",
                _ if dash && rights.starts_with("r--") => "read-only and relocated",
                _ if dash => "code",
                // Right behind the binary's data: its zeroed data.
                "" if own_binary_ended => "zeroed data",
                "" => "anonymous (allocator, threads)",
                _ => "libraries",
            };
            own_binary_ended = dash && rights.contains('w');
        } else if line.starts_with("Pss:") {
            *sums.entry(kind).or_insert(0.0) += field(line, "Pss:") * 1.024 / 1000.0;
        }
    }
    sums
}

/// Clock ticks of CPU of a process.
fn ticks(pid: i32) -> f64 {
    let [user, system, ..] = times(pid);
    user + system
}

/// Seconds of CPU of a process, and of those that it waited for.
pub fn cpu_seconds(pid: i32) -> f64 {
    times(pid).iter().sum::<f64>() / TICKS
}

/// Of itself, of those that it waited for: user and system, in ticks.
fn times(pid: i32) -> [f64; 4] {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<&str> =
        stat[stat.rfind(')').map_or(0, |at| at + 1)..].split_whitespace().collect();
    let tick = |i: usize| fields.get(i).and_then(|f| f.parse::<f64>().ok()).unwrap_or(0.0);
    [11, 12, 13, 14].map(tick)
}

/// Voluntary context switches so far of each thread. One that ends takes its count along.
fn switches(pid: i32) -> BTreeMap<String, f64> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let counts = tasks.filter_map(|task| {
        let text = fs::read_to_string(task.path().join("status")).ok()?;
        let count = field(&text, "voluntary_ctxt_switches:");
        Some((task.path().display().to_string(), count)).filter(|_| count.is_finite())
    });
    counts.collect()
}

struct Cost {
    /// Percent of one CPU.
    cpu: f64,
    wakeups_per_second: f64,
}

fn cost_of(pids: &[i32]) -> Cost {
    let look = || -> (f64, BTreeMap<String, f64>) {
        let ticks = pids.iter().map(|pid| ticks(*pid)).sum();
        (ticks, pids.iter().flat_map(|pid| switches(*pid)).collect())
    };
    let before = look();
    // The one place that lets time pass: idleness has no event.
    within(WATCHED, || None::<()>);
    let after = look();
    let woken = |(task, count): (&String, &f64)| count - before.1.get(task).unwrap_or(&0.0);
    let seconds = WATCHED.as_secs_f64();
    Cost {
        cpu: (after.0 - before.0) / TICKS / seconds * 100.0,
        wakeups_per_second: after.1.iter().map(woken).sum::<f64>() / seconds,
    }
}

pub fn measure(options: &Options, table: &mut Table) {
    let world = World::new();
    let count = options.agents.to_string();
    let core_config = world.path().join("config/dash/config.toml");
    fs::write(core_config, "[core]\nidle_exit_seconds = 5\ncols = 200\nrows = 50\n").unwrap();
    let id = world.create(&["--agents", &count, "--", "sleep", "100000"]);
    let all_up = within(Duration::from_secs(120), || {
        let swarm = world.json(&["swarm", "show", &id]);
        let by_state = swarm["agents"]["by_state"].clone();
        let up =
            ["working", "idle"].iter().filter_map(|state| by_state[state].as_u64()).sum::<u64>();
        (up == options.agents as u64).then_some(())
    });
    assert!(all_up.is_some(), "{}", world.json(&["swarm", "show", &id]));
    // What starting them has left to do.
    within(Duration::from_secs(5), || None::<()>);

    let core = world.core();
    let all = world.processes();
    let keepers: Vec<i32> = all.iter().filter(|p| p.is_keeper()).map(|p| p.pid).collect();
    // The pid-namespace inits and whatever else of ours stands beside a keeper.
    let helpers: Vec<i32> = all
        .iter()
        .filter(|p| !p.is_keeper() && p.pid != core.pid && !p.command.starts_with("sleep"))
        .map(|p| p.pid)
        .collect();
    let ours: Vec<i32> = [vec![core.pid], keepers.clone(), helpers.clone()].concat();
    let dash = cost_of(&ours);
    let mut cells: [Sample; 4] = Default::default();
    let mut wakeups = cells.clone();
    cells[0] = Sample::one(dash.cpu);
    wakeups[0] = Sample::one(dash.wakeups_per_second);

    let per_keeper = |pids: &[i32]| {
        let mut sample = Sample::default();
        pids.iter().for_each(|pid| sample.push(pss(*pid)));
        sample
    };
    let memory = per_keeper(&keepers);
    let beside = per_keeper(&helpers);
    let middle = keepers.get(keepers.len() / 2).copied().unwrap_or(core.pid);
    let split = parts(middle);
    let core_memory = pss(core.pid);
    let shown: Vec<String> = all
        .iter()
        .filter(|p| helpers.contains(&p.pid))
        .take(1)
        .map(|p: &Proc| p.command.clone())
        .collect();
    eprintln!("  {} keepers, {} helpers {shown:?}", keepers.len(), helpers.len());
    drop(world);

    if tmux::available() {
        let world = World::new();
        let tmux = Tmux::start(&world);
        // A command line of its protocol holds 16 KB at most.
        let mut left = options.agents;
        while left > 0 {
            let now = left.min(50);
            let window = ["new-window", "-d", "-t", "base", "sleep", "100000", ";"];
            let mut args: Vec<String> =
                std::iter::repeat_n(window, now).flatten().map(str::to_owned).collect();
            args.pop();
            tmux.run(&args);
            left -= now;
        }
        within(Duration::from_secs(3), || None::<()>);
        let cost = cost_of(&[tmux.server_pid()]);
        cells[1] = Sample::one(cost.cpu);
        wakeups[1] = Sample::one(cost.wakeups_per_second);
        let server = Sample::one(pss(tmux.server_pid()));
        let row = [Sample::one(core_memory), server, Sample::default(), Sample::default()];
        table.row(format!("core with {count} agents (PSS)"), "MB", row, Target::None);
    } else {
        table.alone(
            format!("core with {count} agents (PSS)"),
            "MB",
            Sample::one(core_memory),
            Target::None,
        );
    }
    table.row(
        format!("{count} idle agents, core and keepers"),
        "% of a CPU",
        cells,
        Target::Most(1.0),
    );
    let met = dash.wakeups_per_second < 1.0;
    let words = "none periodic".to_owned();
    table.row("  voluntary context switches", "per s", wakeups, Target::Words(words, met));
    table.alone("a keeper with a 200x50 screen (PSS)", "MB", memory, Target::Most(2.0));
    for (part, megabytes) in split {
        table.alone(format!("  of it {part}"), "MB", Sample::one(megabytes), Target::None);
    }
    if !helpers.is_empty() {
        table.alone("beside it, the namespace's init (PSS)", "MB", beside, Target::None);
    }
}
