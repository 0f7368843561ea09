//! The task of one host: it holds the connection to its keeper, waits until it is ready, and
//! stops it when its last guest has gone.

use super::{Host, Share, Stage, kept};
use crate::{
    agents::Readiness,
    gateway::{Caller, Serving},
    protocol::keeper::{FactKind, FromKeeper, ToKeeper, VERSION},
    runtime::{
        adopt, broker,
        launch::{self, Plan},
        link::{self, LinkWriter},
        world::{Heard, ORDERS, Order, Shared},
    },
    term::recording::Recording,
};
use std::{
    net::TcpListener,
    os::{fd::OwnedFd, unix::net::UnixListener},
    sync::Arc,
    time::Duration,
};
use tokio::{net::UnixStream, sync::mpsc, time::Instant};

/// One that is not ready by then is stopped: on a machine with much to do it may take minutes.
const START: Duration = Duration::from_secs(300);
/// Without a guest it is kept so long: the next item may follow.
const LINGER: Duration = Duration::from_secs(3);
/// A keeper that has not ended it so long after the grace hangs.
const STUCK: Duration = Duration::from_secs(5);
/// Of its recording that is read at once.
const PIECE: usize = 64 << 10;

/// Takes care of `host` until it has ended: starts it, or adopts its keeper.
pub fn spawn(world: &Shared, host: Arc<Host>) {
    let (orders, inbox) = mpsc::channel(ORDERS);
    // Among the attempts', so that a core which leaves says goodbye and one that is idle waits.
    world.keepers().insert(host.record.id.clone(), orders);
    let world = world.clone();
    tokio::spawn(async move {
        let why = run(&world, &host, inbox).await;
        host.seats().closed = true;
        if why.is_some() {
            kept::keep(&world, &host).await;
            let (own, meeting) = (&host.record.id, host.record.meeting.dir.clone());
            for dir in [world.instance.attempt_dir(own), meeting] {
                let _ = tokio::fs::remove_dir_all(dir).await;
            }
        }
        world.keepers().remove(&host.record.id);
        // Last: whoever looks for a host meanwhile finds this one closed, and neither takes what
        // is left of it for a host to be adopted nor gives its name to the next.
        world.hosts.forget(&host);
        // Who waits for it tries another, which may have its name.
        if let Some(why) = why {
            host.stage.send_replace(Stage::Over(why));
        }
        world.left.send_replace(());
    });
}

/// Why it is over; none: it is not, but this core leaves.
async fn run(world: &Shared, host: &Arc<Host>, orders: mpsc::Receiver<Order>) -> Option<String> {
    let id = &host.record.id;
    let Some(ready) = readiness(world, &host.plan) else {
        return Some("its adapter is gone".to_owned());
    };
    let stream = match adopt::find_keeper(world, id).await {
        adopt::Found::Alive(stream) => stream,
        adopt::Found::Ended(..) | adopt::Found::Gone => {
            return Some("it ended while no core was there".to_owned());
        }
        adopt::Found::Never => {
            if let Err(error) = kept::restore(world, host).await {
                tracing::warn!(host = %id, "what it left before is not there: {error:#}");
            }
            let mut plan = host.plan.clone();
            let launched = launch::launch(world, &mut plan, Share::Host(host.clone())).await;
            let stream = launched.and_then(|stream| {
                stream.set_nonblocking(true)?;
                Ok(UnixStream::from_std(stream)?)
            });
            match stream {
                Ok(stream) => stream,
                Err(error) => return Some(format!("it could not be started: {error:#}")),
            }
        }
    };
    let keep = Keep {
        world,
        host,
        orders,
        ready,
        read_to: 0,
        served: None,
        ready_by: Some(Instant::now() + START),
        stop_at: None,
        kill_at: None,
        said: None,
    };
    keep.talk(stream).await
}

fn readiness(world: &Shared, plan: &Plan) -> Option<Readiness> {
    Some(world.catalog().get(&plan.adapter)?.shared()?.readiness())
}

struct Keep<'a> {
    world: &'a Shared,
    host: &'a Arc<Host>,
    orders: mpsc::Receiver<Order>,
    ready: Readiness,
    read_to: u64,
    served: Option<(Serving, tokio::task::JoinHandle<()>)>,
    /// It must be ready by then.
    ready_by: Option<Instant>,
    /// Nobody is there: it is stopped then.
    stop_at: Option<Instant>,
    kill_at: Option<Instant>,
    /// Why it was stopped, or ended.
    said: Option<String>,
}

impl Keep<'_> {
    async fn talk(mut self, stream: UnixStream) -> Option<String> {
        let (mut reader, mut writer) = link::split(stream);
        let hello = ToKeeper::Core {
            version: VERSION,
            epoch: self.world.epoch,
            facts_after: 0,
            judges: true,
            looks: false,
            paused: false,
        };
        let mut taken = self.host.taken.subscribe();
        let mut alive = writer.control(&hello).await.is_ok();
        while alive {
            tokio::select! {
                message = reader.next() => match message {
                    Ok(Some(FromKeeper::Welcome { .. })) => self.welcome(reader.fds.drain(..)),
                    Ok(Some(message)) => alive = self.heard(message, &mut writer).await,
                    Ok(None) | Err(_) => alive = false,
                },
                order = self.orders.recv() => match order.map(Order::heard) {
                    None => return None,
                    Some(Heard::Goodbye(done)) => {
                        let empty = self.host.close_if_empty();
                        let grace_ms = self.world.config.core.stop_grace_ms;
                        let word =
                            if empty { ToKeeper::Stop { grace_ms } } else { ToKeeper::Goodbye };
                        // Without the word it finds out by itself.
                        let _ = writer.control(&word).await;
                        if empty {
                            let _ = writer.control(&ToKeeper::Goodbye).await;
                        }
                        let _ = done.send(());
                        return None;
                    }
                    Some(Heard::Stop) => alive = self.stop("stopped", &mut writer).await,
                    Some(Heard::Verdict { id, allow, why }) => {
                        let verdict = ToKeeper::Verdict { id, allow, why };
                        alive = writer.control(&verdict).await.is_ok();
                    }
                    // It is nobody's to look at.
                    Some(Heard::Hold | Heard::Nothing) => {}
                },
                changed = taken.changed() => {
                    // The sender is the host's, which lives.
                    let _ = changed;
                    let empty = *taken.borrow_and_update() == 0;
                    self.stop_at = empty.then(|| Instant::now() + LINGER);
                }
                () = until(self.stop_at) => {
                    self.stop_at = None;
                    if self.host.close_if_empty() {
                        alive = self.stop("its last guest is gone", &mut writer).await;
                    }
                }
                () = until(self.ready_by) => {
                    self.ready_by = None;
                    let why = format!("not ready after {} s", START.as_secs());
                    alive = self.stop(&why, &mut writer).await;
                }
                () = until(self.kill_at) => {
                    self.kill_at = None;
                    adopt::kill_keeper(self.world, &self.host.record.id);
                }
            }
        }
        adopt::kill_leftovers(self.world, &self.host.record.id);
        Some(self.said.take().unwrap_or_else(|| "its keeper vanished".to_owned()))
    }

    /// The word is lost with the connection only.
    async fn stop(&mut self, why: &str, writer: &mut LinkWriter) -> bool {
        self.host.seats().closed = true;
        self.said.get_or_insert_with(|| why.to_owned());
        let grace_ms = self.world.config.core.stop_grace_ms;
        self.kill_at = Some(Instant::now() + Duration::from_millis(grace_ms) + STUCK);
        writer.control(&ToKeeper::Stop { grace_ms }).await.is_ok()
    }

    /// Its guests' calls are answered from now on. Its own socket leads nowhere: whose word
    /// came by it could not be told.
    fn welcome(&mut self, mut fds: impl Iterator<Item = OwnedFd>) {
        let (Some(gateway), Some(own)) = (fds.next(), fds.next()) else { return };
        let id = &self.host.record.id;
        let Some(token) = launch::token_of(&self.world.instance, id) else { return };
        let attempt = &self.host.plan.attempt;
        let caller = Caller {
            swarm: attempt.swarm.clone(),
            agent: attempt.agent.clone(),
            attempt: id.clone(),
            token,
            calls: self.host.plan.spec.calls,
        };
        let Some(gate) = self.world.gateway.get() else { return };
        let serving = gate.serve_with(TcpListener::from(gateway), caller, self.host.guests.clone());
        // No call is made for the host itself.
        let turned_away = tokio::spawn(turn_away(UnixListener::from(own)));
        self.served = Some((serving, turned_away));
    }

    async fn heard(&mut self, message: FromKeeper, writer: &mut LinkWriter) -> bool {
        match message {
            FromKeeper::Gauge { gauge } => {
                let waits = *self.host.stage.borrow() == Stage::Starting;
                if waits && self.is_ready(gauge.bytes).await {
                    self.ready_by = None;
                    self.host.stage.send_replace(Stage::Ready);
                }
            }
            FromKeeper::Fact { fact } => {
                match fact.kind {
                    FactKind::Exited { exit } => {
                        self.is_ready(fact.offset).await;
                        let last = self.ready.last_line();
                        let gap = if last.is_empty() { "" } else { ": " };
                        self.said.get_or_insert_with(|| format!("it ended, {exit}{gap}{last}"));
                        let _ = writer.control(&ToKeeper::Ack { n: fact.n }).await;
                        return false;
                    }
                    FactKind::LaunchFailed { step, message } => {
                        self.said.get_or_insert(format!("{step}: {message}"));
                    }
                    FactKind::LimitReached { message, .. } => {
                        self.said.get_or_insert(message);
                    }
                    FactKind::Started { .. }
                    | FactKind::Status { .. }
                    | FactKind::DiskFull
                    | FactKind::DiskBack
                    | FactKind::Cut { .. } => {}
                }
                return writer.control(&ToKeeper::Ack { n: fact.n }).await.is_ok();
            }
            FromKeeper::Judge { id, shim: false, .. } => {
                let why = "a program that the broker runs is not to be had in a shared process";
                let verdict = ToKeeper::Verdict { id, allow: false, why: why.to_owned() };
                return writer.control(&verdict).await.is_ok();
            }
            FromKeeper::Judge { id, program, argv, cwd, shim: true } => {
                let asked = broker::Asked { id, program, argv, cwd, shim: true };
                broker::answer(self.world, &self.host.plan, asked, broker::For::Host);
            }
            FromKeeper::Refused { message } => {
                self.said.get_or_insert(message);
                return false;
            }
            FromKeeper::Welcome { .. }
            | FromKeeper::Screen { .. }
            | FromKeeper::Answered { .. }
            | FromKeeper::Unasked { .. }
            | FromKeeper::Size { .. }
            | FromKeeper::Ended { .. } => {}
        }
        true
    }

    /// Reads its recording on, up to `end`.
    async fn is_ready(&mut self, end: u64) -> bool {
        let mut ready = false;
        while self.read_to < end {
            let (dir, from) = (self.world.instance.attempt_dir(&self.host.record.id), self.read_to);
            let read = tokio::task::spawn_blocking(move || -> std::io::Result<Vec<u8>> {
                let mut bytes = vec![0; PIECE];
                let n = Recording::open(&dir)?.read_at(from, &mut bytes)?;
                bytes.truncate(n);
                Ok(bytes)
            });
            match read.await {
                Ok(Ok(bytes)) if !bytes.is_empty() => {
                    self.read_to += bytes.len() as u64;
                    ready |= self.ready.output(&bytes);
                }
                Ok(Ok(_) | Err(_)) | Err(_) => break,
            }
        }
        ready
    }
}

impl Drop for Keep<'_> {
    fn drop(&mut self) {
        if let Some((_, turned_away)) = &self.served {
            turned_away.abort();
        }
    }
}

/// Whoever comes hears at once that nobody answers.
async fn turn_away(own: UnixListener) {
    let listener = own.set_nonblocking(true).and_then(|()| tokio::net::UnixListener::from_std(own));
    let Ok(listener) = listener else { return };
    while listener.accept().await.is_ok() {}
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
