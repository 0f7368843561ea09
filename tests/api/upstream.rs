//! A provider of the tests' own, in four dialects. Each answer is played from a script, down to
//! where it breaks off and what it says of its usage; what was billed stands in a log of its
//! own, at prices of its own, whatever it told. Who hangs up is billed for the whole answer.

use crate::dialects::{Frames, Wire};
use std::{
    fmt,
    io::{self, BufRead, BufReader, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

/// Tokens as a provider counts them, each kind apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub input: u64,
    pub cache_read: u64,
    pub write_5m: u64,
    pub write_1h: u64,
    pub output: u64,
}

/// What an answer says of its usage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Told {
    Right,
    Nothing,
    Wrong(Usage),
}

/// How an answer ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum End {
    Well,
    /// Instead of an answer, with these further header lines.
    Refused(u16, &'static str),
    /// After so many pieces the connection breaks.
    Cut(usize),
    /// After so many pieces nothing comes any more, until the other side hangs up.
    Hang(usize),
    /// After so many pieces an event says that something went wrong, and the stream ends.
    Error(usize),
}

/// One answer.
#[derive(Clone, Copy, Debug)]
pub struct Play {
    /// What it takes. An answer is never longer than the request's own limit.
    pub usage: Usage,
    pub told: Told,
    /// Pieces of the stream, each sent by itself after `pause`.
    pub pieces: usize,
    pub pause: Duration,
    /// Copies of a piece that are sent at once, for streams that are to be fast.
    pub copies: usize,
    pub end: End,
}

impl Default for Play {
    fn default() -> Self {
        let usage = Usage { input: 20, output: 10, ..Usage::default() };
        let (told, end) = (Told::Right, End::Well);
        Self { usage, told, pieces: 2, pause: Duration::ZERO, copies: 1, end }
    }
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    /// From 1.
    pub number: usize,
    pub wire: Wire,
    pub path: String,
    /// Header lines as they came, without the first line.
    pub headers: String,
    pub body: String,
}

/// What stands in the log of one request.
#[derive(Clone, Debug)]
pub struct Billed {
    pub asked: Asked,
    pub usage: Usage,
}

/// Dollars per million tokens, as in [`Usage`]; of the models that the tests ask for.
const PRICES: [(&str, [f64; 5]); 3] = [
    ("claude-opus-4-5", [5.0, 0.5, 6.25, 10.0, 25.0]),
    ("gpt-5", [1.25, 0.125, 1.25, 1.25, 10.0]),
    ("gemini-2.5-pro", [1.25, 0.125, 1.25, 1.25, 10.0]),
];

impl Billed {
    /// In millionths of a micro-dollar.
    pub fn pico(&self) -> u128 {
        let model = self.asked.wire.model(&self.asked.path, &self.asked.body);
        let found = PRICES.iter().find(|(name, _)| *name == model);
        let (_, rates) = found.unwrap_or_else(|| panic!("no price of {model:?}"));
        let Usage { input, cache_read, write_5m, write_1h, output } = self.usage;
        let counts = [input, cache_read, write_5m, write_1h, output];
        counts.iter().zip(rates).map(|(n, rate)| u128::from(*n) * (rate * 1e6) as u128).sum()
    }
}

#[derive(Default)]
struct Log {
    billed: Vec<Billed>,
    /// Requests that came and pieces that went.
    steps: usize,
}

type Script = dyn Fn(&Asked) -> Play + Send + Sync;

pub struct Upstream {
    /// Without a path.
    pub url: String,
    shared: Arc<Shared>,
}

struct Shared {
    script: Box<Script>,
    log: Mutex<Log>,
    changed: Condvar,
    /// Of long runs only sums are of interest.
    keeps: bool,
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

impl Upstream {
    pub fn new(script: impl Fn(&Asked) -> Play + Send + Sync + 'static) -> Self {
        Self::start(script, true)
    }

    /// One that keeps no log.
    pub fn forgetful(script: impl Fn(&Asked) -> Play + Send + Sync + 'static) -> Self {
        Self::start(script, false)
    }

    fn start(script: impl Fn(&Asked) -> Play + Send + Sync + 'static, keeps: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        rustix::net::listen(&listener, 1024).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (log, changed) = (Mutex::default(), Condvar::new());
        let shared = Arc::new(Shared { script: Box::new(script), log, changed, keeps });
        let served = shared.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = served.clone();
                let small = thread::Builder::new().stack_size(128 << 10);
                small.spawn(move || shared.serve(&stream)).unwrap();
            }
        });
        Self { url, shared }
    }

    /// Providers of a configuration, each dialect at this upstream.
    pub fn configuration(&self) -> String {
        let url = &self.url;
        [("anthropic", ""), ("openai", "/v1"), ("gemini", "")]
            .map(|(dialect, path)| {
                format!("[providers.up-{dialect}]\ndialect = \"{dialect}\"\nbase_url = \"{url}{path}\"\n")
            })
            .concat()
    }

    pub fn log(&self) -> Vec<Billed> {
        self.shared.log().billed.clone()
    }

    /// All that was billed, in micro-dollars, rounded up.
    pub fn billed_micros(&self) -> i64 {
        let pico: u128 = self.shared.log().billed.iter().map(Billed::pico).sum();
        pico.div_ceil(1_000_000) as i64
    }

    /// Waits until so many requests and pieces more have come and gone; false where they do not
    /// within `limit`.
    pub fn after_steps(&self, more: usize, limit: Duration) -> bool {
        let log = self.shared.log();
        let until = log.steps + more;
        let waits = |log: &mut Log| log.steps < until;
        let waited = self.shared.changed.wait_timeout_while(log, limit, waits);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}

impl Shared {
    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A step; what was billed of this request by then.
    fn step(&self, number: usize, usage: Usage) {
        let mut log = self.log();
        log.steps += 1;
        if self.keeps {
            log.billed[number - 1].usage = usage;
        }
        drop(log);
        self.changed.notify_all();
    }

    /// One request after the other, until an answer leaves the connection unusable.
    fn serve(&self, stream: &TcpStream) {
        let _ = stream.set_nodelay(true);
        let mut from = BufReader::new(stream);
        while let Some((path, headers, body)) = read(&mut from) {
            let wire = Wire::of(&path);
            let mut log = self.log();
            log.steps += 1;
            let asked = Asked { number: log.steps, wire, path, headers, body };
            let asked = match self.keeps {
                true => {
                    let asked = Asked { number: log.billed.len() + 1, ..asked };
                    log.billed.push(Billed { asked: asked.clone(), usage: Usage::default() });
                    asked
                }
                false => asked,
            };
            drop(log);
            let mut play = (self.script)(&asked);
            let limit = wire.limit(&asked.body).unwrap_or(u64::MAX);
            play.usage.output = play.usage.output.min(limit);
            let kept = self.answer(stream, &asked, &play);
            if !matches!(kept, Ok(true)) {
                let _ = stream.shutdown(Shutdown::Both);
                return;
            }
        }
    }

    /// True where the connection can be used again.
    fn answer(&self, mut to: &TcpStream, asked: &Asked, play: &Play) -> io::Result<bool> {
        let whole = |status: &str, more: &str, body: &str| {
            format!(
                "HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{more}content-length: \
                 {}\r\n\r\n{body}",
                body.len()
            )
        };
        if let End::Refused(status, more) = play.end {
            let body = asked.wire.error(status);
            to.write_all(whole(&format!("{status} Refused"), more, &body).as_bytes())?;
            return Ok(true);
        }
        let told = match play.told {
            Told::Right => Some(play.usage),
            Told::Nothing => None,
            Told::Wrong(usage) => Some(usage),
        };
        if asked.wire.counts() || !asked.wire.streams(&asked.path, &asked.body) {
            if !asked.wire.counts() {
                self.step(asked.number, play.usage);
            }
            let body = asked.wire.whole(asked, told);
            let answer = whole("200 OK", "", &body);
            return match play.end {
                End::Cut(_) | End::Error(_) => {
                    to.write_all(&answer.as_bytes()[..answer.len() - body.len() / 2])?;
                    Ok(false)
                }
                End::Hang(_) => until_gone(to),
                End::Well | End::Refused(..) => to.write_all(answer.as_bytes()).map(|()| true),
            };
        }
        let Frames { before, piece, after } = asked.wire.frames(asked, told);
        let sent = self.stream(to, asked, play, &before, &piece);
        if sent.is_err() {
            // It goes on to the end all the same.
            self.step(asked.number, play.usage);
        }
        sent?;
        match play.end {
            End::Cut(_) => Ok(false),
            End::Hang(_) => until_gone(to),
            End::Error(_) => {
                chunk(to, &asked.wire.failure())?;
                to.write_all(b"0\r\n\r\n").map(|()| true)
            }
            End::Well | End::Refused(..) => {
                self.step(asked.number, play.usage);
                chunk(to, &after)?;
                to.write_all(b"0\r\n\r\n").map(|()| true)
            }
        }
    }

    /// The head and all pieces that are to come.
    fn stream(
        &self,
        mut to: &TcpStream,
        asked: &Asked,
        play: &Play,
        before: &str,
        piece: &str,
    ) -> io::Result<()> {
        to.write_all(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: \
              chunked\r\n\r\n",
        )?;
        let mut usage = Usage { output: 0, ..play.usage };
        self.step(asked.number, usage);
        chunk(to, before)?;
        let last = match play.end {
            End::Cut(n) | End::Hang(n) | End::Error(n) => n.min(play.pieces),
            End::Well | End::Refused(..) => play.pieces,
        };
        let piece = piece.repeat(play.copies);
        let piece = format!("{:x}\r\n{piece}\r\n", piece.len());
        for n in 1..=last {
            if !play.pause.is_zero() {
                thread::park_timeout(play.pause);
            }
            usage.output = play.usage.output * n as u64 / play.pieces as u64;
            self.step(asked.number, usage);
            to.write_all(piece.as_bytes())?;
        }
        Ok(())
    }
}

fn chunk(mut to: &TcpStream, text: &str) -> io::Result<()> {
    to.write_all(format!("{:x}\r\n{text}\r\n", text.len()).as_bytes())
}

fn until_gone(mut stream: &TcpStream) -> io::Result<bool> {
    stream.read(&mut [0; 64]).map(|_| false)
}

/// Path, header lines and body of the next request; none where the connection ends.
fn read(from: &mut BufReader<&TcpStream>) -> Option<(String, String, String)> {
    let mut line = String::new();
    from.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let path = line.split(' ').nth(1)?.to_owned();
    let (mut headers, mut length) = (String::new(), 0);
    loop {
        line.clear();
        from.read_line(&mut line).ok().filter(|read| *read > 0)?;
        if line.trim().is_empty() {
            break;
        }
        if let Some(n) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = n.trim().parse().ok()?;
        }
        headers += &line;
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body).ok()?;
    Some((path, headers, String::from_utf8(body).ok()?))
}
