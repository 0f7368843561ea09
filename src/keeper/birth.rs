//! From `DIR` to a running keeper: who we are, the sockets, the terminal, the agent.

use super::broker::Broker;
use super::child::Child;
use super::conn::{Conn, Role};
use super::facts::FactLog;
use super::gauge::Gauge;
use super::held::Held;
use super::output::Output;
use super::pty::Pty;
use super::revive::Revive;
use super::run::{Keeper, Phase};
use super::signals::Signals;
use super::status::States;
use super::tape::Tape;
use super::watch::Watch;
use super::{launch, sockets};
use crate::model::{Exit, GATEWAY_PORT, Limits};
use crate::protocol::keeper::{FactKind, KeeperId, KeeperSpec, VERSION};
use anyhow::{Context, bail};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::fs;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Instant;

/// An error here means that nothing was started and nothing can be told but by exit code.
/// None: the attempt has, or had, another keeper.
pub fn birth(dir: &Path) -> anyhow::Result<Option<Keeper>> {
    let dir = fs::canonicalize(dir).context("finding the attempt's directory")?;
    let Some(place) = claim(&dir)? else { return Ok(None) };
    let text = fs::read(dir.join("spec.json")).context("reading spec.json")?;
    let mut spec: KeeperSpec = serde_json::from_slice(&text).context("parsing spec.json")?;
    drop(text);
    if spec.version != VERSION {
        bail!("spec.json is of version {}, this keeper speaks {VERSION}", spec.version);
    }
    let signals = Signals::take().context("taking signals")?;
    // Refused to the leader of a group, who then leads a session already or never had one
    // of its own to leave.
    let _ = rustix::process::setsid();
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    let core = first_connection()?;
    rustix::process::chdir("/")?;
    let _ = rustix::thread::set_name(c"dash-keeper");
    place.write_all_at(&serde_json::to_vec(&identity()?)?, 0).context("writing keeper.json")?;

    let facts = FactLog::open(&dir).context("opening the facts")?;
    let tape = Tape::open(&dir, spec.cols.max(1), spec.rows.max(1), spec.recording_cap)
        .context("opening the recording")?;
    let listener = sockets::listen(&spec.keeper_socket)
        .with_context(|| format!("listening on {}", spec.keeper_socket.display()))?;
    listener.set_nonblocking(true)?;
    let agent_listener = sockets::listen(&spec.agent_socket)
        .with_context(|| format!("listening on {}", spec.agent_socket.display()))?;
    let (gateway, mut url) = sockets::gateway().context("opening the gateway's port")?;
    if spec.confine.as_ref().is_some_and(|confine| confine.has_own_network()) {
        url = format!("http://127.0.0.1:{GATEWAY_PORT}");
    }
    launch::fill(&mut spec, &url);

    let broker = Broker::new(&spec, launch::nofile()).context("making the broker")?;
    let mut revive = Revive::new(spec.core_socket.clone());
    revive.disarm();
    let shell = is_shell(&spec.argv);
    let attempt = spec.attempt.clone();
    let own = format!("DASH_SOCKET={}", spec.agent_socket.display());
    let marks = [format!("DASH_ATTEMPT={attempt}"), own];
    let mut paths = vec![spec.keeper_socket.clone()];
    paths.extend(spec.confine.as_ref().filter(|_| broker.is_some()).map(|it| it.broker_socket()));
    paths.push(spec.agent_socket.clone());
    let mut keeper = Keeper {
        dir,
        _lock: place,
        attempt,
        marks,
        shell,
        paths,
        size: (spec.cols.max(1), spec.rows.max(1)),
        pty: None,
        child: None,
        output: Output::new(tape),
        facts,
        gauge: Gauge::default(),
        states: States::new(Instant::now()),
        signals,
        listener,
        agent_listener,
        gateway,
        conns: Vec::new(),
        broker,
        cores: 0,
        epoch: 0,
        acked: 0,
        tickets: Vec::new(),
        activity: 0,
        revive,
        stopping: None,
        watch: None,
        held: Held::default(),
        pause: None,
        phase: Phase::Living,
    };
    if let Some(stream) = core {
        keeper.conns.push(Conn::new(stream, Role::New { until: None }));
    }
    keeper.start_agent(&spec);
    Ok(Some(keeper))
}

/// `keeper.json`, locked and empty. The attempt is launched once, however many keepers were
/// started for it by cores that died before they saw one: who finds an identity there
/// leaves. The lock is the process's: no descendant inherits it, and it ends with us. Cores
/// look who holds it and never take it.
fn claim(dir: &Path) -> anyhow::Result<Option<fs::File>> {
    let path = dir.join("keeper.json");
    let mut open = fs::OpenOptions::new();
    let place = open.write(true).create(true).truncate(false).mode(0o600).open(&path);
    let place = place.with_context(|| format!("opening {}", path.display()))?;
    match rustix::fs::fcntl_lock(&place, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok((place.metadata()?.len() == 0).then_some(place)),
        Err(Errno::AGAIN | Errno::ACCESS) => Ok(None),
        Err(error) => Err(error).context("locking keeper.json"),
    }
}

impl Keeper {
    fn start_agent(&mut self, spec: &KeeperSpec) {
        let (cols, rows) = self.size;
        let launched =
            Pty::open(cols, rows).map_err(|error| ("pty", format!("{error:#}"))).and_then(|pty| {
                launch::write_files(&spec.files).map_err(|error| ("files", error))?;
                launch::make_links(&spec.links).map_err(|error| ("links", error))?;
                let slave = pty.slave().ok_or(("pty", "no terminal".to_owned()))?;
                let port = self.gateway.local_addr().map_or(0, |address| address.port());
                self.held = Held::new(spec).map_err(|error| ("limits", error))?;
                if let Some(broker) = &mut self.broker {
                    broker.hold(&self.held);
                }
                let (child, gateway) = launch::spawn(spec, &self.held, slave, port)?;
                Ok((pty, child, gateway))
            });
        match launched {
            Ok((pty, child, gateway)) => {
                // Of root's processes the kernel keeps no count.
                let root = rustix::process::getuid().is_root();
                let counted = !root && child.has_own_users();
                let group = self.held.group.as_ref().map(|group| group.held).unwrap_or_default();
                let processes = spec.limits.processes.filter(|_| counted).or(group.processes);
                let by_kernel = Limits { processes, ..group };
                self.watch = Watch::new(spec.limits, by_kernel, Instant::now());
                (self.pty, self.child) = (Some(pty), Some(child));
                // The one in the agent's own network takes the place of ours.
                if let Some(gateway) = gateway {
                    self.gateway = gateway;
                }
            }
            Err((step, message)) => {
                self.fact(FactKind::LaunchFailed { step: step.to_owned(), message });
                self.child = Some(Child::never(Exit { code: Some(126), signal: None }));
            }
        }
    }
}

/// Standard input, if it is a connection to the core; afterwards it is /dev/null.
fn first_connection() -> anyhow::Result<Option<UnixStream>> {
    let stdin = rustix::stdio::stdin();
    let is_socket = rustix::net::sockopt::socket_type(stdin).is_ok();
    let core: Option<OwnedFd> =
        if is_socket { Some(rustix::io::fcntl_dupfd_cloexec(stdin, 3)?) } else { None };
    let null = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    rustix::stdio::dup2_stdin(null.as_fd())?;
    rustix::stdio::dup2_stdout(null.as_fd())?;
    Ok(core.map(UnixStream::from))
}

fn identity() -> anyhow::Result<KeeperId> {
    let stat = fs::read_to_string("/proc/self/stat").context("reading /proc/self/stat")?;
    let start_ticks = stat
        .rfind(')')
        .and_then(|end| stat[end + 1..].split_ascii_whitespace().nth(19))
        .and_then(|field| field.parse().ok())
        .context("reading our start time")?;
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").context("reading boot_id")?;
    Ok(KeeperId { pid: std::process::id(), start_ticks, boot: boot.trim().to_owned() })
}

/// An interactive shell ignores SIGTERM and leaves on SIGHUP.
fn is_shell(argv: &[String]) -> bool {
    let Some((program, rest)) = argv.split_first() else { return false };
    let name = program.rsplit('/').next().unwrap_or_default().trim_start_matches('-');
    let shell = ["sh", "bash", "zsh", "fish", "dash", "ksh", "mksh", "tcsh", "csh", "nu", "ash"];
    // A script or a -c command makes it a program like any other.
    shell.contains(&name)
        && rest.iter().all(|arg| arg.starts_with('-') && !arg.starts_with("-c") && arg != "-")
}
