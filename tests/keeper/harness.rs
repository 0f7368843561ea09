//! A keeper in a directory of its own, spoken to as a core or viewer would.

use dash::model::{AttemptId, Exit};
use dash::protocol::frame::{Decoder, Frame, encode_bytes, encode_control, recv_frame};
use dash::protocol::keeper::{
    ExitRecord, Fact, FactKind, FromKeeper, KeeperSpec, MAX_FRAME, ScreenDump, ToKeeper, VERSION,
};
use std::fs;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub const DASH: &str = env!("CARGO_BIN_EXE_dash");
/// Longest that anything awaited may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `what` holds, looking often, for a bounded time.
#[track_caller]
pub fn until(message: &str, mut what: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !what() {
        assert!(Instant::now() < end, "never happened: {message}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

pub struct World {
    pub dir: tempfile::TempDir,
    pub spec: KeeperSpec,
    pub plain: bool,
    /// Longest file that the keeper may write: a disk that can be full.
    pub file_limit: Option<u64>,
}

impl World {
    pub fn new(argv: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let name = dir.path().file_name().unwrap().to_string_lossy().into_owned();
        let env = [("PATH", std::env::var("PATH").unwrap()), ("TERM", "xterm-256color".into())];
        let spec = KeeperSpec {
            version: VERSION,
            attempt: AttemptId::new(format!("ag-01-{name}")),
            token: String::new(),
            argv: argv.iter().map(|arg| (*arg).to_owned()).collect(),
            env: env.map(|(key, value)| (key.to_owned(), value)).to_vec(),
            cwd: dir.path().to_owned(),
            cols: 80,
            rows: 24,
            files: Vec::new(),
            stdin_null: false,
            links: Vec::new(),
            lent: Vec::new(),
            stdin_file: None,
            keeper_socket: at("k.sock"),
            agent_socket: at("a.sock"),
            core_socket: at("core.sock"),
            recording_cap: 1 << 30,
            limits: Default::default(),
            ground: None,
            confine: None,
        };
        Self { dir, spec, plain: false, file_limit: None }
    }

    pub fn sh(script: &str) -> Self {
        Self::new(&["sh", "-c", script])
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_default()
    }

    pub fn exit_record(&self) -> ExitRecord {
        serde_json::from_slice(&self.read("exit.json")).unwrap()
    }

    /// Starts the keeper and takes its first connection.
    pub fn keep(&self) -> (Keeper, Peer) {
        fs::write(self.path("spec.json"), serde_json::to_vec(&self.spec).unwrap()).unwrap();
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut command = Command::new(DASH);
        command.arg("__keeper").arg(self.dir.path()).stdin(Stdio::from(OwnedFd::from(theirs)));
        if self.plain {
            command.env("DASH_NO_PIDNS", "1");
        }
        let child = command.spawn().unwrap();
        if let Some(limit) = self.file_limit {
            use rustix::process::{Pid, Resource, Rlimit, prlimit};
            // Before the agent runs: the keeper cannot have printed so much yet.
            let pid = Pid::from_raw(child.id() as i32);
            let limit = Rlimit { current: Some(limit), maximum: None };
            prlimit(pid, Resource::Fsize, limit).unwrap();
        }
        (Keeper(child), Peer::new(ours))
    }

    /// As a core of the first epoch.
    pub fn start(&self) -> (Keeper, Peer) {
        let (keeper, mut core) = self.keep();
        core.hello(1, 0);
        (keeper, core)
    }

    pub fn connect(&self) -> Peer {
        let mut stream = None;
        until("connecting to the keeper", || {
            stream = UnixStream::connect(&self.spec.keeper_socket).ok();
            stream.is_some()
        });
        Peer::new(stream.unwrap())
    }

    pub fn view(&self, core: &mut Peer, ticket: &str, read_only: bool, size: (u16, u16)) -> Peer {
        core.say(&ToKeeper::Ticket { ticket: ticket.into(), read_only });
        // The ticket is known once a later question is answered.
        core.screen();
        let mut viewer = self.connect();
        let (cols, rows) = size;
        viewer.say(&ToKeeper::View { version: VERSION, ticket: ticket.into(), cols, rows });
        viewer
    }
}

/// Killed with the test, so that nothing is left of a failed one.
pub struct Keeper(pub Child);

impl Keeper {
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    #[track_caller]
    pub fn wait(&mut self) {
        let mut status = None;
        until("the keeper leaves", || {
            status = self.0.try_wait().unwrap();
            status.is_some()
        });
        assert!(status.unwrap().success());
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One connection to a keeper.
pub struct Peer {
    pub stream: UnixStream,
    decoder: Decoder,
    pub fds: Vec<OwnedFd>,
    pub facts: Vec<Fact>,
    pub bytes: Vec<u8>,
}

impl Peer {
    pub fn new(stream: UnixStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let decoder = Decoder::new(MAX_FRAME);
        Self { stream, decoder, fds: Vec::new(), facts: Vec::new(), bytes: Vec::new() }
    }

    pub fn say(&mut self, message: &ToKeeper) {
        let mut frame = Vec::new();
        encode_control(message, &mut frame).unwrap();
        self.stream.write_all(&frame).unwrap();
    }

    pub fn input(&mut self, bytes: &[u8]) {
        let mut frame = Vec::new();
        encode_bytes(bytes, &mut frame);
        self.stream.write_all(&frame).unwrap();
    }

    /// The next control message; none at the end. Bytes and facts are kept on the way.
    pub fn next(&mut self) -> Option<FromKeeper> {
        loop {
            match recv_frame(&self.stream, &mut self.decoder, &mut self.fds) {
                Ok(Some(Frame::Bytes(bytes))) => self.bytes.extend(bytes),
                Ok(Some(Frame::Control(json))) => {
                    let message: FromKeeper = Frame::parse(&json).unwrap();
                    if let FromKeeper::Fact { fact } = &message {
                        self.facts.push(fact.clone());
                    }
                    return Some(message);
                }
                Ok(None) => return None,
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("reading from the keeper: {error}"),
            }
        }
    }

    #[track_caller]
    pub fn find<T>(&mut self, mut pick: impl FnMut(&FromKeeper) -> Option<T>) -> T {
        loop {
            let Some(message) = self.next() else { panic!("the keeper hung up") };
            if let Some(found) = pick(&message) {
                return found;
            }
        }
    }

    #[track_caller]
    pub fn hello(&mut self, epoch: u64, facts_after: u64) -> u64 {
        self.say(&ToKeeper::Core {
            version: VERSION,
            epoch,
            facts_after,
            judges: false,
            looks: false,
            paused: false,
        });
        self.find(|message| match message {
            FromKeeper::Welcome { bytes, .. } => Some(*bytes),
            _ => None,
        })
    }

    #[track_caller]
    pub fn fact<T>(&mut self, mut pick: impl FnMut(&FactKind) -> Option<T>) -> T {
        if let Some(found) = self.facts.iter().find_map(|fact| pick(&fact.kind)) {
            return found;
        }
        self.find(|message| match message {
            FromKeeper::Fact { fact } => pick(&fact.kind),
            _ => None,
        })
    }

    #[track_caller]
    pub fn started(&mut self) -> u32 {
        self.fact(|kind| match kind {
            FactKind::Started { pid } => Some(*pid),
            _ => None,
        })
    }

    /// Waits for the end and acknowledges it.
    #[track_caller]
    pub fn exited(&mut self) -> Exit {
        let exit = self.fact(|kind| match kind {
            FactKind::Exited { exit } => Some(*exit),
            _ => None,
        });
        let n = self.facts.last().unwrap().n;
        self.say(&ToKeeper::Ack { n });
        exit
    }

    #[track_caller]
    pub fn screen(&mut self) -> ScreenDump {
        self.say(&ToKeeper::Screen { id: 9 });
        self.find(|message| match message {
            FromKeeper::Screen { screen, .. } => Some(screen.clone()),
            _ => None,
        })
    }

    /// Reads until the bytes so far hold a text.
    #[track_caller]
    pub fn sees(&mut self, text: &str) {
        let has = |bytes: &[u8]| bytes.windows(text.len()).any(|part| part == text.as_bytes());
        while !has(&self.bytes) {
            match recv_frame(&self.stream, &mut self.decoder, &mut self.fds) {
                Ok(Some(Frame::Bytes(bytes))) => self.bytes.extend(bytes),
                Ok(Some(Frame::Control(_))) => {}
                other => panic!("{text:?} never came: {other:?}"),
            }
        }
    }
}

/// Processes that carry the attempt in their environment: the agent and all it started.
pub fn family(attempt: &AttemptId) -> Vec<u32> {
    let mark = format!("DASH_ATTEMPT={attempt}");
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let environ = fs::read(entry.path().join("environ")).unwrap_or_default();
        if environ.split(|&byte| byte == 0).any(|part| part == mark.as_bytes()) {
            found.push(pid);
        }
    }
    found
}

pub fn lines(path: &Path) -> usize {
    fs::read_to_string(path).unwrap_or_default().lines().count()
}
