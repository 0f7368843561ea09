//! A model call through the gateway beside a direct one, and beside nginx as a reverse proxy:
//! what it adds, how fast an answer streams, how many calls go at once. All agents have a
//! budget, so each call is set aside on the disk before it leaves.

use crate::{
    Options,
    caller::Door,
    dialects::Wire,
    table::{Sample, Table, Target},
    tools,
    upstream::{Asked, Play, Upstream, Usage},
    wait::{LIMIT, eventually},
    world::World,
};
use std::{
    fs::{self, File},
    io::Write,
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{
        Barrier,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// Calls one after the other: enough that the slowest hundredth is more than a few.
const CALLS: usize = 1500;
const STREAMS: usize = 500;
/// Of the flood: pieces of the size that models send, many at once.
const PIECES: usize = 2000;
const COPIES: usize = 512;
const AT_ONCE: usize = 500;
const CALLERS: usize = 64;
const BUSY: Duration = Duration::from_secs(4);

/// As the prompt says.
fn script(asked: &Asked) -> Play {
    let play = Play { usage: Usage { input: 9, output: 5, ..Usage::default() }, ..Play::default() };
    match () {
        () if asked.body.contains("flood") => Play { pieces: PIECES, copies: COPIES, ..play },
        () if asked.body.contains("drip") => {
            Play { pieces: 40, pause: Duration::from_millis(50), ..play }
        }
        () => play,
    }
}

pub fn measure(options: &Options, table: &mut Table) {
    let upstream = Upstream::forgetful(script);
    let world = World::new();
    world.configure(&upstream.configuration());
    let (_, doors) = Door::open(&world, 5, &["--budget", "$1000000"]);
    let straight = Door::straight(&upstream.url);
    added(&world, &doors[0], &straight, table);
    throughput(options, &world, &upstream.url, &doors[0], table);
    many_streams(&world, &doors, table);
    reservations(&doors, table);
}

/// Milliseconds to the first byte of an answer's body and to its end.
fn call(line: &mut crate::caller::Line, path: &str, body: &str) -> [f64; 2] {
    let begun = Instant::now();
    let ms = || begun.elapsed().as_secs_f64() * 1000.0;
    line.send(Wire::Messages, path, body).unwrap();
    assert_eq!(line.head().unwrap(), 200);
    let mut first = None;
    line.body(|_| first = first.or_else(|| Some(ms()))).unwrap();
    [first.unwrap(), ms()]
}

/// What a call takes beyond a direct one and one `fdatasync` of as much as it writes down.
fn added(world: &World, door: &Door, straight: &Door, table: &mut Table) {
    let mut disk = File::create(world.state().join("synced")).unwrap();
    let mut lines = [straight, door].map(|door| door.connect(LIMIT).unwrap());
    for (stream, count) in [(false, CALLS), (true, STREAMS)] {
        let (path, body) = Wire::Messages.request(stream, 100, "say little");
        let (mut direct, mut ours, mut sync) = <(Sample, Sample, Sample)>::default();
        let which = if stream { 0 } else { 1 };
        for n in 0..count + 50 {
            let straight = call(&mut lines[0], &path, &body)[which];
            let through = call(&mut lines[1], &path, &body)[which];
            let begun = Instant::now();
            disk.write_all(&[0; 8 << 10]).unwrap();
            disk.sync_data().unwrap();
            let synced = begun.elapsed();
            // The first ones open connections.
            if n >= 50 {
                direct.push(straight);
                ours.push(through);
                sync.push_ms(synced);
            }
        }
        for (name, q) in [("p50", 0.5), ("p99", 0.99)] {
            let [ours, direct] = [&ours, &direct].map(|sample| sample.quantile(q));
            // Also beside the slowest calls: what the disk does at its worst is no excuse.
            let sync = sync.median();
            let beyond = ours - direct - sync;
            let (what, most) = match (stream, name) {
                (false, "p50") => ("model call", 0.4),
                (false, _) => ("model call", 3.0),
                (true, _) => ("first streamed byte", 1.0),
            };
            let words = format!(
                "≤ {most:.1} beyond a direct one ({direct:.2}) and an fdatasync ({sync:.2}); \
                 {ours:.2} in all"
            );
            let target = match (stream, name) {
                (true, "p99") => Target::None,
                _ => Target::Words(words, beyond <= most),
            };
            table.alone(format!("{what}, added, {name}"), "ms", Sample::one(beyond), target);
        }
    }
}

/// nginx before the upstream, with and without a buffer of its own.
struct Nginx(Child, Vec<Door>);

impl Nginx {
    fn start(world: &World, url: &str) -> Option<Self> {
        // A service, whose directory is not on everybody's PATH.
        let usual = || Some(PathBuf::from("/usr/sbin/nginx")).filter(|file| file.is_file());
        let Some(program) = tools::find("nginx").or_else(usual) else {
            eprintln!("  SKIPPED: nginx is not installed");
            return None;
        };
        let doors: Vec<Door> = (0..2)
            .map(|_| {
                let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
                Door::straight(&format!("http://{free}"))
            })
            .collect();
        let dir = world.path().join("nginx");
        fs::create_dir(&dir).unwrap();
        let server = |door: &Door, buffering: &str| {
            format!(
                "server {{ listen {}; location / {{ proxy_pass {url}; proxy_http_version 1.1; \
                 proxy_buffering {buffering}; proxy_max_temp_file_size 0; }} }}\n",
                door.address
            )
        };
        let text = format!(
            "daemon off; master_process off; worker_processes 1; pid {dir}/pid; error_log stderr;\n\
             events {{}}\nhttp {{ access_log off; client_body_temp_path {dir}/b; \
             proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u; \
             scgi_temp_path {dir}/s;\n{}{}}}\n",
            server(&doors[0], "off"),
            server(&doors[1], "on"),
            dir = dir.display()
        );
        let file = dir.join("nginx.conf");
        fs::write(&file, text).unwrap();
        let mut command = Command::new(program);
        command.arg("-c").arg(&file).arg("-p").arg(&dir).env("TMPDIR", world.path());
        let child = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        eventually("nginx", || TcpStream::connect(&doors[0].address).ok().map(drop));
        Some(Self(child, doors))
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// MB a second of a long stream.
fn flood(door: &Door) -> f64 {
    let (path, body) = Wire::Messages.request(true, 100, "flood");
    let mut line = door.connect(LIMIT).unwrap();
    let begun = Instant::now();
    line.send(Wire::Messages, &path, &body).unwrap();
    assert_eq!(line.head().unwrap(), 200);
    let mut bytes = 0;
    line.body(|chunk| bytes += chunk.len()).unwrap();
    bytes as f64 / 1e6 / begun.elapsed().as_secs_f64()
}

fn throughput(options: &Options, world: &World, url: &str, door: &Door, table: &mut Table) {
    let nginx = Nginx::start(world, url);
    let (mut ours, mut direct, mut theirs) = <(Sample, Sample, [Sample; 2])>::default();
    for _ in 0..options.reps {
        direct.push(flood(&Door::straight(url)));
        ours.push(flood(door));
        for (sample, door) in theirs.iter_mut().zip(nginx.iter().flat_map(|nginx| &nginx.1)) {
            sample.push(flood(door));
        }
    }
    let [plain, buffered] = theirs.map(|sample| sample.median());
    let best = plain.max(buffered);
    let target = match nginx {
        None => Target::None,
        Some(_) => Target::Words(
            format!(
                "≥ half of nginx: {plain:.0}, buffering {buffered:.0}; direct {:.0}",
                direct.median()
            ),
            ours.median() * 2.0 >= best,
        ),
    };
    table.alone("streaming throughput, one stream", "MB/s", ours, target);
}

/// A figure of the core's, in MB.
fn memory(pid: i32, name: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(name));
    let kb = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    kb.unwrap_or(f64::NAN) * 1.024 / 1000.0
}

fn many_streams(world: &World, doors: &[Door], table: &mut Table) {
    let core = world.core().pid;
    let before = memory(core, "VmRSS:");
    let (path, body) = Wire::Messages.request(true, 100, "drip");
    let (whole, all) = (AtomicUsize::new(0), Barrier::new(AT_ONCE + 1));
    let (mut most, begun) = (before, Instant::now());
    thread::scope(|scope| {
        for n in 0..AT_ONCE {
            let (door, whole, all, path, body) =
                (&doors[n % doors.len()], &whole, &all, &path, &body);
            let stream = move || {
                let mut line = door.connect(LIMIT).unwrap();
                line.send(Wire::Messages, path, body).unwrap();
                assert_eq!(line.head().unwrap(), 200);
                // All have begun, and none has ended.
                let mut text = Vec::new();
                let mut met = false;
                let read = line.body(|chunk| {
                    text.extend_from_slice(chunk);
                    if !std::mem::replace(&mut met, true) {
                        all.wait();
                    }
                });
                let end = text.windows(12).any(|part| part == b"message_stop");
                whole.fetch_add(usize::from(read.is_ok() && end), Ordering::SeqCst);
            };
            thread::Builder::new().stack_size(256 << 10).spawn_scoped(scope, stream).unwrap();
        }
        all.wait();
        most = most.max(memory(core, "VmRSS:"));
    });
    let whole = whole.into_inner();
    let words = format!("all of {AT_ONCE}, in {:.1} s", begun.elapsed().as_secs_f64());
    let met = Target::Words(words, whole == AT_ONCE);
    table.alone("streams at once that came whole", "", Sample::one(whole as f64), met);
    let words = format!("{before:.0} before");
    let what = format!("memory of the core with {AT_ONCE} streams");
    table.alone(what, "MB", Sample::one(most), Target::Words(words, true));
}

fn reservations(doors: &[Door], table: &mut Table) {
    let (path, body) = Wire::Messages.request(false, 100, "say little");
    let (over, calls) = (AtomicBool::new(false), AtomicUsize::new(0));
    let begun = Instant::now();
    thread::scope(|scope| {
        for n in 0..CALLERS {
            let (door, over, calls, path, body) =
                (&doors[n % doors.len()], &over, &calls, &path, &body);
            scope.spawn(move || {
                let mut line = door.connect(LIMIT).unwrap();
                while !over.load(Ordering::SeqCst) {
                    call(&mut line, path, body);
                    calls.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        thread::park_timeout(BUSY);
        over.store(true, Ordering::SeqCst);
    });
    let rate = calls.into_inner() as f64 / begun.elapsed().as_secs_f64();
    let words = format!("≥ 2000, each a whole call of one of {CALLERS} callers");
    let target = Target::Words(words, rate >= 2000.0);
    table.alone("durable reservations", "/s", Sample::one(rate), target);
}
