//! What Dash adds to the agents of others: to the time until they ask a model for the first time,
//! and in memory beside their own.
//!
//! Both ways the same program gets the same arguments, environment and files, in a home made
//! for that run. What asks is a listener on loopback that never answers; under Dash it stands
//! behind the gateway. Dash's time runs from the start of `dash agent spawn` and has all in it that
//! a user gets: the core's work, a keeper, the sandbox, the gateway. A core is up and has seen one
//! such agent.

use crate::{
    Options,
    idle::{cpu_seconds, pss},
    procs::{self, Proc},
    pty::Pty,
    table::{Sample, Table, Target},
    tools,
    wait::{eventually, within},
    world::{World, find_file},
};
use dash::{
    agents::version,
    protocol::keeper::{GATEWAY_MARK, KeeperSpec},
};
use rustix::process::Signal;
use std::{
    env, fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
    time::{Duration, Instant},
};

const KINDS: [&str; 6] = ["claude", "codex", "pi", "gemini", "qwen", "opencode"];
const TASK: &str = "say hello";
/// The slowest takes ten seconds where others are at work.
const LIMIT: Duration = Duration::from_secs(120);
/// What Dash may add, in milliseconds.
const MOST: f64 = 50.0;

pub fn measure(options: &Options, table: &mut Table) {
    let bins = tools::agent_bins().map(|bin| bin.display().to_string()).join(":");
    let path = format!("{bins}:{}", env::var("PATH").unwrap_or_default());
    for kind in KINDS {
        let Some(program) = find(&path, kind) else {
            table.alone(format!("{kind}: skipped, not installed"), "", none(), Target::None);
            continue;
        };
        let version = version::installed(&program).unwrap_or_default();
        eprintln!("  {kind}");
        one(options, table, kind, &format!("{kind} {version}"), &path);
    }
}

fn none() -> Sample {
    Sample::default()
}

fn find(path: &str, program: &str) -> Option<PathBuf> {
    env::split_paths(path).map(|dir| dir.join(program)).find(|file| file.is_file())
}

#[derive(Default)]
struct Seen {
    time: Sample,
    cpu: Sample,
    memory: Sample,
}

impl Seen {
    fn push(&mut self, once: &Once) {
        self.time.push(once.ms);
        self.cpu.push(once.cpu_seconds);
        self.memory.push(once.megabytes);
    }
}

/// Its first request, and what its own processes had taken by then.
struct Once {
    ms: f64,
    cpu_seconds: f64,
    megabytes: f64,
}

impl Once {
    fn new<'a>(ms: f64, own: impl Iterator<Item = &'a Proc> + Clone) -> Self {
        let cpu_seconds = own.clone().map(|proc| cpu_seconds(proc.pid)).sum();
        Self { ms, cpu_seconds, megabytes: own.map(|proc| pss(proc.pid)).sum() }
    }
}

fn one(options: &Options, table: &mut Table, kind: &str, name: &str, path: &str) {
    let provider = Provider::start();
    let world = world(path, &provider.url);
    // What is found out once for all is known, and how it is launched.
    under_dash(&world, kind, &provider);
    let spec = find_file(&world.state(), "spec.json").expect("the launch of an agent");
    let spec: KeeperSpec = serde_json::from_slice(&fs::read(spec).unwrap()).unwrap();
    let (mut with, mut without) = (Seen::default(), Seen::default());
    let (mut added, mut beside) = (Sample::default(), Sample::default());
    for rep in 0..options.reps {
        // In turn, so that neither is always the second.
        let first = (rep % 2 == 0).then(|| bare(&spec, &world, rep, &provider));
        let (own, dash) = under_dash(&world, kind, &provider);
        let alone = first.unwrap_or_else(|| bare(&spec, &world, rep, &provider));
        added.push(own.ms - alone.ms);
        beside.push(dash);
        with.push(&own);
        without.push(&alone);
    }
    // By pairs: what else the machine does then is the same for both, near enough.
    let row = |dash, bare| [dash, none(), none(), bare];
    let what = format!("{name}: its first request, strict sandbox");
    table.row(what, "ms", row(with.time, without.time), Target::None);
    table.alone("  of it Dash's, run by run", "ms", added, Target::Most(MOST));
    table.row("  its CPU by then", "s", row(with.cpu, without.cpu), Target::None);
    table.row("  its memory then (PSS)", "MB", row(with.memory, without.memory), Target::None);
    table.alone("  beside it Dash's keeper and init", "MB", beside, Target::None);
}

fn world(path: &str, url: &str) -> World {
    let v1 = format!("{url}/v1");
    let variables = [
        ("PATH", path),
        ("ANTHROPIC_BASE_URL", url),
        ("ANTHROPIC_API_KEY", "measured"),
        ("OPENAI_BASE_URL", &v1),
        ("OPENAI_API_KEY", "measured"),
        ("GOOGLE_GEMINI_BASE_URL", url),
        ("GEMINI_API_KEY", "measured"),
    ];
    variables.iter().fold(World::new(), |world, (name, value)| world.with(name, value))
}

/// With the megabytes of what Dash has beside it.
fn under_dash(world: &World, kind: &str, provider: &Provider) -> (Once, f64) {
    provider.forget();
    let begun = Instant::now();
    let made = world.json(&["agent", "spawn", "--agent", kind, "--task", TASK]);
    let agent = made["id"].as_str().unwrap();
    let asked = provider.first().unwrap_or_else(|| panic!("{:#}", world.agent(agent)));
    let ms = (asked - begun).as_secs_f64() * 1000.0;
    // Not the core, nor what forks its keepers.
    let of_it = |proc: &Proc| proc.is_keeper() || proc.is_of_an_attempt();
    let all: Vec<Proc> = world.processes().into_iter().filter(of_it).collect();
    let (dash, own): (Vec<_>, Vec<_>) =
        all.iter().partition(|proc| proc.is_keeper() || is_dash(proc));
    let beside = dash.iter().map(|proc| pss(proc.pid)).sum();
    let once = Once::new(ms, own.iter().copied());
    world.ok(&["agent", "stop", agent]);
    world.until_state(agent, &["stopped"]);
    (once, beside)
}

/// Its init in the sandbox, and what made that.
fn is_dash(proc: &Proc) -> bool {
    let exe = fs::read_link(format!("/proc/{}/exe", proc.pid)).unwrap_or_default();
    exe.file_name().is_some_and(|name| name == "dash" || name == "bwrap")
}

/// The same launch without Dash.
fn bare(spec: &KeeperSpec, world: &World, rep: usize, provider: &Provider) -> Once {
    let private = world.path().join(format!("bare-{rep}"));
    fs::create_dir(&private).unwrap();
    let at = private.display().to_string();
    let was = spec.confine.as_ref().expect("a sandbox").private.display().to_string();
    let own = |text: &str| text.replace(GATEWAY_MARK, &provider.url).replace(&was, &at);
    for file in &spec.files {
        let path = PathBuf::from(own(&file.path.to_string_lossy()));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, own(&file.content)).unwrap();
    }
    let environment: Vec<_> =
        spec.env.iter().map(|(name, value)| (name.clone(), own(value))).collect();
    let stdin = spec.stdin_file.as_ref().map(|file| own(&file.to_string_lossy()));
    let stdin = match (stdin, spec.stdin_null) {
        (Some(file), _) => file,
        (None, true) => "/dev/null".to_owned(),
        (None, false) => "/dev/tty".to_owned(),
    };
    // A shell sets where it is and what it reads; it costs a millisecond.
    let script = r#"cd "$1" && exec < "$2" && shift 2 && exec "$@""#;
    let mut args = ["-c", script, "sh"].map(str::to_owned).to_vec();
    args.extend([spec.cwd.display().to_string(), stdin]);
    args.extend(spec.argv.iter().map(|arg| own(arg)));
    provider.forget();
    let begun = Instant::now();
    let pty = Pty::start("/bin/sh", &args, &environment, |_| {});
    let asked = provider.first().expect("a request of one that runs alone");
    let ms = (asked - begun).as_secs_f64() * 1000.0;
    let once = Once::new(ms, procs::of_world(&private).iter());
    end(&private);
    drop(pty);
    once
}

fn end(private: &Path) {
    eventually("the end of one that ran alone", || {
        let left = procs::of_world(private);
        left.iter().for_each(|proc| proc.signal(Signal::KILL));
        left.is_empty().then_some(())
    });
}

/// Stands for all providers: tells of each question for a model, and never answers it.
struct Provider {
    url: String,
    asked: Receiver<Instant>,
}

impl Provider {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (tell, asked) = sync_channel(1000);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let tell = tell.clone();
                thread::spawn(move || serve(&stream, &tell));
            }
        });
        Self { url, asked }
    }

    fn forget(&self) {
        while self.asked.try_recv().is_ok() {}
    }

    fn first(&self) -> Option<Instant> {
        within(LIMIT, || self.asked.try_recv().ok())
    }
}

/// Until whoever asks is gone.
fn serve(stream: &TcpStream, tell: &SyncSender<Instant>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
        let arrived = Instant::now();
        let mut words = line.split_whitespace();
        let (method, path) = (words.next()?, words.next()?);
        if method == "POST" && asks_a_model(path) {
            let _ = tell.send(arrived);
            let _ = reader.read_to_end(&mut Vec::new());
            return None;
        }
        let mut length = 0;
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).ok().filter(|n| *n > 0)?;
            if header.trim().is_empty() {
                break;
            }
            let (name, value) = header.split_once(':')?;
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().ok()?;
            }
        }
        reader.read_exact(&mut vec![0; length]).ok()?;
        let mut out = stream;
        out.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").ok()?;
    }
}

fn asks_a_model(path: &str) -> bool {
    let path = path.split('?').next().unwrap_or_default();
    ["/messages", "/responses", "/chat/completions", "enerateContent"]
        .iter()
        .any(|end| path.ends_with(end))
}
