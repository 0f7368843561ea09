//! One task for each live attempt: it holds the connection to the keeper, carries orders
//! to it, turns what it tells into inputs, and judges the end.
//!
//! When the connection breaks the keeper is looked for again: it may have left after its
//! agent ended (then `exit.json` says how), it may be alive (then it is asked again), or
//! it is gone: then the attempt is lost.

mod ending;
mod going_on;
mod hearing;
mod hooks;
mod joining;
mod pausing;
mod typing;

use super::{
    adopt, host,
    launch::Plan,
    link::{self, LinkWriter},
    outcome,
    world::{ORDERS, Order, Seen, Shared, Typed},
};
use crate::{
    agents::{Adapter, Watcher},
    core::Input,
    gateway::Serving,
    model::{ApprovalId, AttemptId, Signal},
    protocol::keeper::{FactKind, KeeperGauge, ToKeeper, VERSION},
};
use std::{collections::HashMap, sync::Arc};
use tokio::{
    net::UnixStream,
    sync::{mpsc, oneshot},
    time::Instant,
};

/// Takes care of `id` until it has ended: launches it, or adopts its keeper.
pub fn spawn(world: &Shared, id: AttemptId) {
    let (orders, inbox) = mpsc::channel(ORDERS);
    {
        let mut keepers = world.keepers();
        if keepers.contains_key(&id) {
            return;
        }
        keepers.insert(id.clone(), orders);
    }
    let world = world.clone();
    tokio::spawn(async move {
        run(&world, &id, inbox).await;
        world.keepers().remove(&id);
        world.left.send_replace(());
    });
}

async fn run(world: &Shared, id: &AttemptId, orders: mpsc::Receiver<Order>) {
    let of = id.clone();
    let Ok(Some(mut plan)) = world.read(move |state| Plan::of(state, &of)).await else { return };
    let Some(adapter) = world.catalog().get(&plan.adapter).cloned() else {
        let why = format!("no adapter is called {:?} any more", plan.adapter);
        return give_up(world, id, why).await;
    };
    let mut keeping = Keeping {
        world: world.clone(),
        id: id.clone(),
        watcher: adapter.watcher(plan.interactive),
        gauge: KeeperGauge::default(),
        reads_output: adapter.reads_output(plan.interactive),
        answerable: adapter.answers_prompts(),
        read_to: 0,
        printed: 0,
        rereads: false,
        orders,
        served: None,
        serving: None,
        launch_error: None,
        screens: HashMap::new(),
        screens_asked: 0,
        answers: HashMap::new(),
        prompt: None,
        told_again: None,
        unsaid: None,
        types: false,
        fact_n: plan.attempt.fact_n,
        plan: plan.clone(),
        adapter,
        place: None,
        looker: None,
        paused: plan.attempt.paused.is_some(),
        told: false,
        pauses: false,
        quiet: false,
        kill_at: None,
    };
    let first = match keeping.find().await {
        None => return,
        Some(adopt::Found::Alive(stream)) => {
            let standing = keeping.take_over().await;
            keeping.mind_prompt(standing).await;
            keeping.rereads = true;
            keeping.place = host::join_again(world, &plan);
            keeping.hold_calls();
            Some(stream)
        }
        Some(adopt::Found::Ended(record, error)) => {
            keeping.take_over().await;
            keeping.rereads = true;
            keeping.launch_error = error;
            keeping.place = host::join_again(world, &plan);
            keeping.catch_up().await;
            return keeping.end(None, *record).await;
        }
        Some(adopt::Found::Gone) => {
            keeping.place = host::join_again(world, &plan);
            return keeping.lost().await;
        }
        Some(adopt::Found::Never) if !keeping.may_launch().await => return,
        Some(adopt::Found::Never) => match keeping.launch(&mut plan).await {
            Ok(Some(stream)) => to_tokio(stream),
            Ok(None) => return,
            Err(error) => return give_up(world, id, format!("{error:#}")).await,
        },
    };
    keeping.plan = plan;
    keeping.keep(first).await;
}

fn to_tokio(stream: std::os::unix::net::UnixStream) -> Option<UnixStream> {
    stream.set_nonblocking(true).ok()?;
    UnixStream::from_std(stream).ok()
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Ends an attempt that could not be launched.
async fn give_up(world: &Shared, id: &AttemptId, error: String) {
    let result = outcome::failed_launch(error);
    let ended =
        Input::Ended { attempt: id.clone(), n: 0, bytes: 0, exit: None, result: Box::new(result) };
    if let Err(refusal) = world.feed(ended).await {
        tracing::error!(attempt = %id, %refusal, "its end could not be journaled");
    }
}

struct Keeping {
    world: Shared,
    id: AttemptId,
    plan: Plan,
    /// At the process that it shares with others.
    place: Option<host::Place>,
    watcher: Watcher,
    /// By whose rules the watcher goes.
    adapter: Arc<Adapter>,
    /// As last heard.
    gauge: KeeperGauge,
    reads_output: bool,
    /// Its adapter says how its prompts are answered.
    answerable: bool,
    /// Bytes of the recording the watcher has seen.
    read_to: u64,
    /// Bytes that it has printed, as last heard.
    printed: u64,
    /// An earlier core has seen part of the recording: of what is read first only where it
    /// ends is told, since what lies before was told then.
    rereads: bool,
    orders: mpsc::Receiver<Order>,
    /// The attempt's gateway port; closed when this is dropped.
    served: Option<Serving>,
    /// Its own socket is served until this is dropped.
    serving: Option<oneshot::Sender<()>>,
    launch_error: Option<String>,
    screens: HashMap<u64, oneshot::Sender<Seen>>,
    screens_asked: u64,
    /// Of answers to prompts, by the same count.
    answers: HashMap<u64, oneshot::Sender<Typed>>,
    /// The permission prompt that it shows.
    prompt: Option<(ApprovalId, Signal)>,
    /// Of the states that are told again after an earlier core, the latest; none once all is
    /// told.
    told_again: Option<typing::ToldAgain>,
    /// That a prompt is shown of which a hook is about to say more, and until when that is
    /// waited for.
    unsaid: Option<(FactKind, Instant)>,
    /// Its keeper types text and answers.
    types: bool,
    /// The last fact taken over.
    fact_n: u64,
    /// Its keeper wants to be told to look.
    looker: Option<Arc<()>>,
    /// All of its processes are to be held.
    paused: bool,
    /// What its keeper was told of that last.
    told: bool,
    /// Its keeper is connected and can hold them.
    pauses: bool,
    /// Goodbye was said: nothing more is told.
    quiet: bool,
    /// A stop was asked for: a keeper that has not carried it out by then is stuck.
    kill_at: Option<Instant>,
}

/// Why a connection is over.
enum Over {
    /// The keeper told the end; it was journaled.
    Ended,
    Broken,
    Left,
}

impl Keeping {
    async fn keep(&mut self, first: Option<UnixStream>) {
        let mut next = first;
        loop {
            let over = match next.take() {
                Some(stream) => self.talk(stream).await,
                None => Over::Broken,
            };
            match over {
                Over::Ended | Over::Left => return,
                Over::Broken => match self.find().await {
                    None => return,
                    Some(adopt::Found::Alive(stream)) => next = Some(stream),
                    Some(adopt::Found::Ended(record, error)) => {
                        self.launch_error = error;
                        self.catch_up().await;
                        return self.end(None, *record).await;
                    }
                    Some(adopt::Found::Gone | adopt::Found::Never) => return self.lost().await,
                },
            }
        }
    }

    /// Looks for the keeper for as long as one lives; none when the core leaves meanwhile.
    async fn find(&mut self) -> Option<adopt::Found> {
        let (world, id) = (self.world.clone(), self.id.clone());
        let search = adopt::find_keeper(&world, &id);
        tokio::pin!(search);
        loop {
            tokio::select! {
                found = &mut search => return Some(found),
                order = self.orders.recv() => match order? {
                    Order::Stop => self.expect_end(),
                    Order::Hold => self.regard_pause().await,
                    Order::Goodbye(done) => {
                        self.quiet = true;
                        let _ = done.send(());
                        return None;
                    }
                    // Whoever asks learns by the silence that it cannot be had now.
                    Order::Resize { .. }
                    | Order::Ticket { .. }
                    | Order::Screen(_)
                    | Order::Type { .. }
                    | Order::Answer { .. }
                    | Order::AskAgain { .. } => {}
                    Order::Hook { event, done } => self.hook(&event, done).await,
                    // Its keeper asks again.
                    Order::Verdict { .. }
                    // Once its keeper is there it is asked whether that is to be done.
                    | Order::GoOn
                    // It goes by them when it hears of its terminal next.
                    | Order::Rules
                    // Without a core it looks by itself.
                    | Order::Look => {}
                },
                () = until(self.kill_at) => self.kill_keeper(),
            }
        }
    }

    async fn talk(&mut self, stream: UnixStream) -> Over {
        let (mut reader, mut writer) = link::split(stream);
        let hello = ToKeeper::Core {
            version: VERSION,
            epoch: self.world.epoch,
            facts_after: self.fact_n,
            judges: true,
            looks: true,
            paused: self.paused,
        };
        (self.told, self.pauses) = (self.paused, false);
        if writer.control(&hello).await.is_err() {
            return Over::Broken;
        }
        loop {
            tokio::select! {
                message = reader.next() => match message {
                    Ok(Some(message)) => {
                        if let Some(over) = self.heard(message, &mut reader, &mut writer).await {
                            return over;
                        }
                    }
                    Ok(None) => return Over::Broken,
                    Err(error) => {
                        tracing::warn!(attempt = %self.id, %error, "lost its keeper's connection");
                        return Over::Broken;
                    }
                },
                order = self.orders.recv() => {
                    let Some(order) = order else { return Over::Left };
                    if let Some(over) = self.carry(order, &mut writer).await {
                        return over;
                    }
                }
                () = until(self.unsaid.as_ref().map(|(_, at)| *at)) => self.say_unsaid().await,
                () = until(self.kill_at) => self.kill_keeper(),
            }
        }
    }

    async fn carry(&mut self, order: Order, writer: &mut LinkWriter) -> Option<Over> {
        let sent = match order {
            Order::Stop => {
                self.expect_end();
                // First of all: what it asks for while it dies is not paid for.
                if let Some(served) = &self.served {
                    served.refuse();
                }
                if let Some(place) = &self.place {
                    place.refuse();
                }
                let grace_ms = self.world.config.core.stop_grace_ms;
                writer.control(&ToKeeper::Stop { grace_ms }).await
            }
            Order::Hold => {
                self.regard_pause().await;
                match self.tell_pause(writer).await {
                    Ok(()) => self.go_on(writer).await,
                    Err(error) => Err(error),
                }
            }
            Order::GoOn => self.go_on(writer).await,
            Order::Rules => {
                self.regard_rules().await;
                Ok(())
            }
            Order::Look if self.looker.is_none() => Ok(()),
            Order::Look => writer.control(&ToKeeper::Look).await,
            Order::Type { text, then } => self.type_text(text, then, writer).await,
            Order::Answer { approval, seen, rows, keys, done } => {
                let answer = typing::Answer { approval, seen, rows, keys };
                self.answer_prompt(answer, done, writer).await
            }
            Order::AskAgain { approval } => {
                self.ask_again(&approval).await;
                Ok(())
            }
            Order::Hook { event, done } => {
                self.hook(&event, done).await;
                Ok(())
            }
            Order::Resize { cols, rows } => writer.control(&ToKeeper::Resize { cols, rows }).await,
            Order::Ticket { ticket, read_only, done } => {
                let sent = writer.control(&ToKeeper::Ticket { ticket, read_only }).await;
                // The asker may have hung up.
                let _ = done.send(());
                sent
            }
            Order::Screen(done) => {
                self.screens_asked += 1;
                let id = self.screens_asked;
                self.screens.retain(|_, asker| !asker.is_closed());
                self.screens.insert(id, done);
                writer.control(&ToKeeper::Screen { id }).await
            }
            Order::Verdict { id, allow, why } => {
                writer.control(&ToKeeper::Verdict { id, allow, why }).await
            }
            Order::Goodbye(done) => {
                let sent = writer.control(&ToKeeper::Goodbye).await;
                self.quiet = true;
                let _ = done.send(());
                return Some(if sent.is_ok() { Over::Left } else { Over::Broken });
            }
        };
        sent.is_err().then_some(Over::Broken)
    }
}
