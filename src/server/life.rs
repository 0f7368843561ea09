//! The core's life: locks, socket, signals, and when it leaves.
//!
//! One core for each instance: its locks are held (close-on-exec) from the first step to the
//! last, and only under them is a stale socket unlinked. A core that was started on demand
//! leaves when nothing runs and nobody is connected; one in the foreground stays until told.
//! SIGTERM or Ctrl-C leaves the agents running, a second Ctrl-C stops them too.

use super::{
    audit::{Refusals, count_skipped},
    bound::{Bound, remove_stale},
    identity::{Caller, Clients, Leave, Peer, Present, Served, TokenHash},
    logger::Logger,
    routes::router,
};
use crate::{
    config::{Config, Instance, PolicyFiles, PriceFiles},
    model::{Actor, Command},
    runtime::{self, AgentListener, Handle},
};
use anyhow::Context;
use axum::Router;
use hyper::service::{Service, service_fn};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use rustix::fs::{FlockOperation, flock};
use std::{
    ffi::OsString,
    fs::File,
    io::{Read, Seek, Write},
    os::fd::AsFd,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    net::{UnixListener, UnixStream},
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};

/// A client that asked to stop the agents waits no longer than this for them.
const STOP_WITHIN: Duration = Duration::from_secs(60);
/// Longer than this only another core holds the instance's lock.
pub(super) const LOCK_WITHIN: Duration = Duration::from_millis(300);
/// Time for a second Ctrl-C.
const AGAIN_WITHIN: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub struct Options {
    pub config: Config,
    /// The user's directory of adapters.
    pub adapters: Option<PathBuf>,
    /// Where the rules on commands come from.
    pub policy: PolicyFiles,
    /// Where prices come from, beside those that are built in.
    pub prices: PriceFiles,
    /// Stay until told to leave, and log to standard error.
    pub foreground: bool,
}

/// Runs a core until it leaves.
///
/// # Errors
/// When another core has the instance, or its files cannot be used.
pub fn run(instance: Instance, options: Options) -> anyhow::Result<ExitCode> {
    instance.prepare()?;
    let locks = take_locks(&instance)?;
    // Before anything is adopted; it is looked at again when it is bound.
    remove_stale(&instance)?;
    log_to(&instance, options.foreground)?;
    let users_limit = raise_open_files();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(16)
        .enable_all()
        .build()
        .context("starting the runtime")?;
    let code = runtime.block_on(live(instance, options, environment(users_limit)));
    // Blocking threads may still read a slow disk: nobody waits for them any more.
    runtime.shutdown_timeout(Duration::from_secs(1));
    drop(locks);
    code
}

/// The locks of an instance: closing them gives it free.
struct Locks {
    _socket: File,
    _state: File,
}

/// Beside the socket stands the lock that clients and keepers ask for. The state has one of
/// its own: a runtime directory can be swept away under a core, and a second one that found
/// none there would share the first one's journal.
fn take_locks(instance: &Instance) -> anyhow::Result<Locks> {
    let socket = instance.socket.display();
    let lock = lock_of(&instance.lock)?
        .map_err(|pid| anyhow::anyhow!("a core (pid {pid}) already runs on {socket}"))?;
    let state = lock_of(&instance.state.join("core.lock"))?.map_err(|pid| {
        anyhow::anyhow!(
            "a core (pid {pid}) still uses {}, though its socket {socket} has gone: end it with \
             `kill {pid}`, which leaves its agents running, then try again",
            instance.state.display()
        )
    })?;
    Ok(Locks { _socket: lock, _state: state })
}

/// The lock, with our pid in it; or the pid of who holds it.
fn lock_of(path: &Path) -> anyhow::Result<Result<File, String>> {
    let mut lock = File::options()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(path)
        .with_context(|| format!("opening {}", path.display()))?;
    // A keeper that looks whether a core lives holds it for a moment.
    let until = Instant::now() + LOCK_WITHIN;
    while flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
        if Instant::now() < until {
            std::thread::sleep(Duration::from_millis(10));
            continue;
        }
        let mut pid = String::new();
        // Only for the message.
        let _ = lock.read_to_string(&mut pid);
        return Ok(Err(pid.trim().to_owned()));
    }
    lock.set_len(0)?;
    lock.rewind()?;
    writeln!(lock, "{}", std::process::id())?;
    Ok(Ok(lock))
}

fn log_to(instance: &Instance, foreground: bool) -> anyhow::Result<()> {
    let level = std::env::var("DASH_LOG").ok().and_then(|level| level.parse().ok());
    let most = level.unwrap_or(tracing::level_filters::LevelFilter::INFO);
    let logger = if foreground {
        let colours =
            std::env::var_os("NO_COLOR").is_none() && rustix::termios::isatty(std::io::stderr());
        Logger { most, file: None, colours }
    } else {
        let path = instance.core_log();
        let file = File::options().create(true).append(true).open(&path);
        let file = file.with_context(|| format!("opening {}", path.display()))?;
        Logger { most, file: Some(file), colours: false }
    };
    // A second core in the same process exists only in tests: the first one's logs do.
    let _ = tracing::subscriber::set_global_default(logger);
    Ok(())
}

/// Raises the limit to what is allowed; what it was before.
fn raise_open_files() -> Option<u64> {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    let before = limit.current;
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
    before
}

/// The core's own environment, with the user's limit of open files: keepers give it back to
/// agents. A core that a keeper revived finds it there, its own having been raised.
fn environment(users_limit: Option<u64>) -> Vec<(String, String)> {
    // One that is no text is of no use to an adapter.
    let text = |(name, value): (OsString, OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    let mut variables: Vec<(String, String)> = std::env::vars_os().filter_map(text).collect();
    if let Some(limit) = users_limit
        && !variables.iter().any(|(name, _)| name == "DASH_NOFILE")
    {
        variables.push(("DASH_NOFILE".to_owned(), limit.to_string()));
    }
    variables
}

async fn live(
    instance: Instance,
    options: Options,
    environment: Vec<(String, String)>,
) -> anyhow::Result<ExitCode> {
    let Options { config, adapters, policy, prices, foreground } = options;
    let idle_exit = Duration::from_secs(config.core.idle_exit_seconds);
    let mut running = runtime::start(runtime::Options {
        config,
        adapters,
        policy,
        prices,
        environment,
        dash: std::env::current_exe().context("finding this executable")?,
        instance: instance.clone(),
    })
    .await?;
    let bound = Bound::bind(&instance)?;
    tracing::info!(socket = %bound.path.display(), pid = std::process::id(), "the core is up");
    let handle = running.handle.clone();
    let user = std::env::var("USER").unwrap_or_else(|_| "user".to_owned());
    let clients = Arc::new(Clients::default());
    let (leave, mut told) = mpsc::channel(4);
    let served = Served {
        handle: handle.acting(Actor::User(user)),
        caller: Caller::Admin,
        clients: clients.clone(),
        leave,
        refusals: Arc::new(Refusals::default()),
        started: Instant::now(),
    };
    let admin = router(served.clone());
    let stranger = router(Served { caller: Caller::Stranger, ..served.clone() });
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    // Job control is not for a core: a closed terminal leaves the agents running too.
    let mut hangup = signal(SignalKind::hangup())?;

    let accepted = |stream: UnixStream| {
        let router = if handle.is_agent(stream.as_fd()) { &stranger } else { &admin };
        serve(stream, router.clone(), clients.enter());
    };
    // Whoever asked over the API is on record already.
    let (leave, why) = loop {
        tokio::select! {
            stream = bound.listener.accept() => match stream {
                Ok((stream, _)) => accepted(stream),
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    // Out of descriptors: give those that are open time to close.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            own = running.agent_listeners.recv() => {
                if let Some(own) = own {
                    serve_agent(own, &served);
                }
            }
            wish = told.recv() => break (wish.unwrap_or(Leave::Alone), ""),
            _ = terminate.recv() => break (Leave::Alone, "SIGTERM"),
            _ = interrupt.recv() => {
                break (once_more(&handle, &mut interrupt, foreground).await, "SIGINT");
            }
            _ = hangup.recv() => break (Leave::Alone, "SIGHUP"),
            // Whoever has come meanwhile goes first.
            () = idle(&handle, &clients, idle_exit), if !foreground => match bound.next() {
                Some(stream) => accepted(stream),
                None => break (Leave::Alone, "idle"),
            },
        }
    };
    if leave == Leave::WithAgents {
        stop_agents(&handle, &mut interrupt).await;
    } else if handle.running() > 0 {
        tracing::info!(agents = handle.running(), "leaving; the agents run on");
    }
    count_skipped(&served, None).await;
    if !why.is_empty() {
        let row = handle.row("core.stop").with("why", why);
        handle.note(row.with("running", handle.running())).await;
    }
    running.leave().await;
    bound.leave().await;
    tracing::info!("the core has left");
    Ok(ExitCode::SUCCESS)
}

/// Resolves once nothing has run and nobody was connected for `after`.
async fn idle(handle: &Handle, clients: &Clients, after: Duration) {
    loop {
        // A change since the last look is remembered, so that none is missed.
        while clients.open() > 0 {
            clients.changed.notified().await;
        }
        // A core that is leaving needs no reason to.
        if handle.until_idle().await.is_err() {
            return std::future::pending().await;
        }
        tokio::select! {
            () = tokio::time::sleep(after) => {}
            () = clients.changed.notified() => continue,
        }
        if clients.open() == 0 && handle.is_idle().await.unwrap_or(false) {
            tracing::info!("nothing runs and nobody is connected");
            return;
        }
    }
}

/// After a first Ctrl-C there is time for a second, which stops the agents too.
async fn once_more(
    handle: &Handle,
    interrupt: &mut tokio::signal::unix::Signal,
    foreground: bool,
) -> Leave {
    if !foreground || handle.running() == 0 {
        return Leave::Alone;
    }
    let (agents, seconds) = (handle.running(), AGAIN_WITHIN.as_secs());
    tracing::info!(agents, "leaving; Ctrl-C again within {seconds} s stops the agents too");
    tokio::select! {
        _ = interrupt.recv() => match handle.change(Command::StopAll).await {
            Ok(()) => Leave::WithAgents,
            Err(refusal) => {
                tracing::error!(%refusal, "the agents run on");
                Leave::Alone
            }
        },
        () = tokio::time::sleep(AGAIN_WITHIN) => Leave::Alone,
    }
}

async fn stop_agents(handle: &Handle, interrupt: &mut tokio::signal::unix::Signal) {
    tokio::select! {
        _ = handle.until_idle() => {}
        () = tokio::time::sleep(STOP_WITHIN) => tracing::warn!("not every agent has stopped"),
        _ = interrupt.recv() => tracing::warn!("interrupted while stopping the agents"),
    }
}

/// `present`: counted from before the first look whether anybody is there.
pub(super) fn serve(stream: UnixStream, router: Router, present: Present) {
    tokio::spawn(async move {
        let _present = present;
        let peer = Peer(stream.peer_cred().ok().map(|peer| peer.uid()));
        let router = TowerToHyperService::new(router);
        let named = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
            request.extensions_mut().insert(peer);
            router.call(request)
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), named)
            .with_upgrades();
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection broke");
        }
    });
}

/// Serves an attempt's own socket for as long as its listener lives: until the keeper,
/// which holds the other copy, has removed it and this core has no reason to keep it.
fn serve_agent(own: AgentListener, served: &Served) {
    let AgentListener { agent, attempt, token, listener, until } = own;
    let caller = Caller::Agent { agent: agent.clone(), attempt, token: TokenHash::of(&token) };
    let handle = served.handle.acting(Actor::Agent(agent));
    let served = Served { handle, caller, ..served.clone() };
    tokio::spawn(async move {
        let router = router(served.clone());
        let listener = match listener.set_nonblocking(true).and(UnixListener::from_std(listener)) {
            Ok(listener) => listener,
            Err(error) => return tracing::warn!(%error, "an agent's socket cannot be served"),
        };
        let accept = async {
            while let Ok((stream, _)) = listener.accept().await {
                serve(stream, router.clone(), served.clients.enter());
            }
        };
        tokio::select! {
            () = accept => {}
            // Its sender goes with the attempt.
            _ = until => {}
        }
        count_skipped(&served, Some(served.handle.acting_for())).await;
    });
}
