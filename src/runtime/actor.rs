//! The actor: the one task that owns the state. It takes inputs in batches, decides,
//! applies, commits the events in one transaction, and only then tells (subscribers, then
//! whoever asked) and hands the effects on.
//!
//! Backpressure: inputs wait in a bounded queue, so a slow disk slows those who feed the
//! core. Subscribers read a broadcast; one that lags sees that it does and goes on from the
//! journal. When the disk under the journal is all but full, requests that begin something
//! are refused (503). When the journal cannot be written the state falls back to what the journal
//! holds, requests are refused (503), and what keepers told is kept and tried again each
//! second: nothing is lost, reads still work.

use super::{
    clock, failpoint,
    gauges::Gauges,
    history::history_rows,
    journal::{Entry, Journal, JournalError, SNAPSHOT_EVERY},
};
use crate::{
    core::{
        Draft, Effect, Input, Limits, Machine, Reply, State, Timer, agent_info, apply, decide,
        settle, swarm_info, waiting_for_room,
    },
    model::{
        AgentId, ApprovalId, AuditDraft, AuditRow, Command, Event, EventRecord, Refusal,
        RefusalCode, Source, Stamp, SwarmId,
    },
    protocol::stream::Update,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::sync::{broadcast, mpsc, oneshot};

/// Inputs that may wait for the actor.
pub const QUEUE: usize = 1024;
/// Inputs that share one transaction at most.
const BATCH: usize = 256;
/// Commits a subscriber may be behind before it has to go on from the journal.
pub const COMMITS: usize = 1024;
/// Time between two tries to write what a full journal refused.
const RETRY: Duration = Duration::from_secs(1);

/// What only tells of model calls waits so long for what it can be written down with: mostly the
/// next call, whose reservation the disk has to take anyway.
const LINGER: Duration = Duration::from_millis(2);

/// Time between two looks at the machine while agents wait for room on it.
const LOOK: Duration = Duration::from_millis(250);
/// Figures of the machine are good for so long, in milliseconds.
const FRESH_MS: u64 = 50;

/// Tells how the machine is now.
pub type Look = Box<dyn Fn() -> Machine + Send>;

/// What was committed together, as subscribers get it.
#[derive(Debug)]
pub struct Commit {
    pub events: Vec<EventRecord>,
    pub update: Update,
}

pub type Answer = oneshot::Sender<Result<Option<Reply>, Refusal>>;

/// An answer that is given once its events are committed.
type Pending = (Option<Answer>, Result<Option<Reply>, Refusal>);

pub enum Message {
    /// `done` resolves once the consequences are committed.
    Input { input: Input, done: Option<Answer> },
    /// Runs with the state between two batches; must not block.
    Read(Box<dyn FnOnce(&State) + Send>),
    /// Sets a timer that an earlier core had set.
    Timer { at: Stamp, timer: Timer },
    /// Drains, writes a snapshot and ends the actor.
    Close(oneshot::Sender<()>),
}

pub struct Actor {
    pub state: State,
    pub journal: Journal,
    pub limits: Limits,
    pub commits: broadcast::Sender<Arc<Commit>>,
    pub effects: mpsc::Sender<Effect>,
    pub journal_full: Arc<AtomicBool>,
    pub gauges: Gauges,
    look: Look,
    machine: Machine,
    looked: Stamp,
    /// Agents wait for room on the machine.
    crowded: bool,
    timers: BTreeMap<(Stamp, u64), Timer>,
    timers_made: u64,
    snapshot_at: u64,
    /// What a full journal refused and must not be lost.
    held: Vec<(Input, Option<Answer>)>,
}

impl Actor {
    pub fn new(
        state: State,
        journal: Journal,
        limits: Limits,
        commits: broadcast::Sender<Arc<Commit>>,
        effects: mpsc::Sender<Effect>,
        journal_full: Arc<AtomicBool>,
        gauges: Gauges,
    ) -> Self {
        Self {
            snapshot_at: state.seq,
            state,
            journal,
            limits,
            commits,
            effects,
            journal_full,
            gauges,
            look: Box::new(Machine::default),
            machine: Machine::default(),
            looked: Stamp::default(),
            crowded: false,
            timers: BTreeMap::new(),
            timers_made: 0,
            held: Vec::new(),
        }
    }

    /// Agents are admitted by what `look` tells; without it nobody waits for the machine.
    #[must_use]
    pub fn looking(self, look: Look) -> Self {
        Self { look, ..self }
    }

    /// Runs until `Close` or until every sender is gone.
    ///
    /// # Errors
    /// When the journal can neither be written nor read any more.
    pub async fn run(mut self, mut inbox: mpsc::Receiver<Message>) -> Result<(), JournalError> {
        loop {
            let next_timer = self.timers.keys().next().map(|(at, _)| *at);
            let mut batch = Vec::new();
            tokio::select! {
                message = inbox.recv() => match message {
                    None => return Ok(()),
                    Some(message) => if self.take(message, &mut batch).await { return Ok(()) },
                },
                () = clock::sleep_until(next_timer) => self.take_due(&mut batch),
                () = tokio::time::sleep(RETRY), if !self.held.is_empty() => {
                    batch.append(&mut self.held);
                }
                () = tokio::time::sleep(LOOK), if self.crowded && self.held.is_empty() => {
                    self.run_batch(Vec::new()).await?;
                }
            }
            while batch.len() < BATCH {
                match inbox.try_recv() {
                    Ok(message) => {
                        if self.take(message, &mut batch).await {
                            return Ok(());
                        }
                    }
                    Err(_) => break,
                }
            }
            if self.linger(&mut inbox, &mut batch).await {
                return Ok(());
            }
            if !batch.is_empty() {
                self.run_batch(batch).await?;
            }
        }
    }

    /// Lets what has time wait for what has none. True when the actor is to end.
    async fn linger(
        &mut self,
        inbox: &mut mpsc::Receiver<Message>,
        batch: &mut Vec<(Input, Option<Answer>)>,
    ) -> bool {
        let until = tokio::time::Instant::now() + LINGER;
        while (1..BATCH).contains(&batch.len()) && batch.iter().all(|(input, _)| has_time(input)) {
            match tokio::time::timeout_at(until, inbox.recv()).await {
                Ok(Some(message)) => {
                    if self.take(message, batch).await {
                        return true;
                    }
                }
                // Whoever is gone is seen by the next to receive.
                Ok(None) | Err(_) => return false,
            }
        }
        false
    }

    /// True when the actor is to end.
    async fn take(&mut self, message: Message, batch: &mut Vec<(Input, Option<Answer>)>) -> bool {
        match message {
            Message::Input { input, done } => batch.push((input, done)),
            Message::Timer { at, timer } => self.set_timer(at, timer),
            Message::Read(read) => {
                // In order: a read sees what was fed before it.
                let so_far = std::mem::take(batch);
                if !so_far.is_empty() && self.run_batch(so_far).await.is_err() {
                    return true;
                }
                read(&self.state);
            }
            Message::Close(done) => {
                let so_far = std::mem::take(batch);
                let _ = self.run_batch(so_far).await;
                let snapshot = Some(Box::new(self.state.clone()));
                let _ = self.journal.commit(Entry { snapshot, ..Entry::default() }).await;
                let _ = done.send(());
                return true;
            }
        }
        false
    }

    fn set_timer(&mut self, at: Stamp, timer: Timer) {
        self.timers_made += 1;
        self.timers.insert((at, self.timers_made), timer);
    }

    fn take_due(&mut self, batch: &mut Vec<(Input, Option<Answer>)>) {
        let now = clock::now();
        while let Some(entry) = self.timers.first_entry() {
            if entry.key().0 > now {
                break;
            }
            batch.push((Input::Due(entry.remove()), None));
        }
    }

    async fn run_batch(&mut self, batch: Vec<(Input, Option<Answer>)>) -> Result<(), JournalError> {
        let before = self.state.seq;
        let mut events = Vec::new();
        let mut audit = Vec::new();
        let mut effects = Vec::new();
        let mut answers = Vec::new();
        // Only what a failed commit must not lose is kept for another try.
        let mut again = Vec::new();
        for (input, done) in batch {
            // Whoever asks for money asks again by itself.
            let is_request = matches!(input, Input::Request { .. } | Input::Reserve { .. });
            if begins_something(&input) && self.is_full() {
                refuse_full(done);
                continue;
            }
            let now = clock::now();
            let kept = if is_request { None } else { Some(input.clone()) };
            match decide(&self.state, now, input) {
                Ok(decision) => {
                    self.enact(decision.events, now, &mut events);
                    audit.push((now, decision.audit));
                    effects.extend(decision.effects);
                    again.push((kept, answers.len()));
                    answers.push((done, Ok(decision.reply)));
                }
                Err(refusal) => answers.push((done, Err(refusal))),
            }
        }
        self.look_around();
        loop {
            let decision = settle(&self.state, self.limits, &self.machine);
            if decision.events.is_empty() {
                break;
            }
            let now = clock::now();
            self.enact(decision.events, now, &mut events);
            audit.push((now, decision.audit));
            effects.extend(decision.effects);
        }
        self.crowded = waiting_for_room(&self.state).next().is_some();
        let audit = self.seal(audit);
        if !(events.is_empty() && audit.is_empty()) {
            let due = self.state.seq - self.snapshot_at >= SNAPSHOT_EVERY;
            let snapshot = due.then(|| Box::new(self.state.clone()));
            let history = history_rows(&self.state, &events);
            let entry = Entry { records: events.clone(), audit, history, snapshot };
            if let Err(error) = self.journal.commit(entry).await {
                tracing::error!(%error, "the journal cannot be written: holding on");
                return self.fall_back(answers, again);
            }
            if due {
                self.snapshot_at = self.state.seq;
            }
            if !events.is_empty() {
                self.tell(before, events);
            }
        }
        if self.journal_full.load(Ordering::Relaxed) {
            self.is_full();
        }
        if effects.iter().any(|effect| matches!(effect, Effect::Launch { .. })) {
            failpoint::reached("after-commit-before-effects");
        }
        for (done, answer) in answers {
            if let Some(done) = done {
                let _ = done.send(answer);
            }
        }
        for effect in effects {
            if let Effect::SetTimer { at, timer } = effect {
                self.set_timer(at, timer);
            } else if self.effects.send(effect).await.is_err() {
                tracing::error!("nobody runs effects any more");
            }
        }
        Ok(())
    }

    fn look_around(&mut self) {
        let now = clock::now();
        if now.ms_since(self.looked) >= FRESH_MS {
            self.machine = (self.look)();
            self.looked = now;
        }
        self.machine.now = now;
    }

    fn is_full(&self) -> bool {
        let full = !self.held.is_empty() || self.journal.is_low();
        self.journal_full.store(full, Ordering::Relaxed);
        full
    }

    fn enact(&mut self, drafts: Vec<Draft>, now: Stamp, events: &mut Vec<EventRecord>) {
        for draft in drafts {
            let record = EventRecord {
                seq: self.state.seq + 1,
                time: now,
                swarm: draft.swarm,
                agent: draft.agent,
                attempt: draft.attempt,
                event: draft.event,
            };
            apply(&mut self.state, &record);
            events.push(record);
        }
    }

    /// The rows that follow on what is committed; a batch that fails takes its rows along.
    fn seal(&self, drafts: Vec<(Stamp, Vec<AuditDraft>)>) -> Vec<AuditRow> {
        let mut head = self.journal.head();
        let each =
            drafts.into_iter().flat_map(|(at, rows)| rows.into_iter().map(move |row| (at, row)));
        each.map(|(at, row)| head.seal(row, at)).collect()
    }

    fn fall_back(
        &mut self,
        mut answers: Vec<Pending>,
        again: Vec<(Option<Input>, usize)>,
    ) -> Result<(), JournalError> {
        self.journal_full.store(true, Ordering::Relaxed);
        self.state = self.journal.reload()?;
        for (input, at) in again {
            let done = answers.get_mut(at).and_then(|(done, _)| done.take());
            match input {
                Some(input) => self.held.push((input, done)),
                None => refuse_full(done),
            }
        }
        for (done, answer) in answers {
            if let Some(done) = done {
                let _ = done.send(answer);
            }
        }
        Ok(())
    }

    fn tell(&self, before: u64, events: Vec<EventRecord>) {
        if self.commits.receiver_count() == 0 {
            return;
        }
        let mut swarms: BTreeSet<&SwarmId> = BTreeSet::new();
        let mut agents: BTreeSet<&AgentId> = BTreeSet::new();
        let mut approvals: BTreeSet<&ApprovalId> = BTreeSet::new();
        let mut update = Update { seq: before + events.len() as u64, ..Update::default() };
        for record in &events {
            agents.extend(&record.agent);
            swarms.extend(&record.swarm);
            approvals.extend(record.event.approval());
            if let (Event::SwarmRemoved, Some(swarm)) = (&record.event, &record.swarm) {
                update.removed_swarms.push(swarm.clone());
            }
        }
        let known = |id: &&ApprovalId| self.state.approvals.get(*id).cloned();
        update.approvals = approvals.iter().filter_map(known).collect();
        update.swarms = swarms.iter().filter_map(|id| swarm_info(&self.state, id)).collect();
        update.agents = agents.iter().filter_map(|id| agent_info(&self.state, id)).collect();
        update.agents.iter_mut().for_each(|info| self.gauges.fill(info));
        // Without a subscriber there is nobody to tell.
        let _ = self.commits.send(Arc::new(Commit { events, update }));
    }
}

/// What tells of model calls: nobody waits for it, and what is lost of it with the core is made
/// good by the next one.
fn has_time(input: &Input) -> bool {
    matches!(input, Input::ModelCall { .. })
        || matches!(input, Input::Signal { signal, .. } if signal.source == Source::Gateway)
}

/// Beside what only ends or clears away, which a full disk must not keep anybody from.
fn begins_something(input: &Input) -> bool {
    let Input::Request { command, .. } = input else { return false };
    match command {
        Command::CreateSwarm { .. }
        | Command::SpawnAgent { .. }
        | Command::AddItem { .. }
        | Command::RestoreItems { .. }
        | Command::RetryAgent { .. }
        | Command::ResumeAgent { .. }
        | Command::ResumeSwarm { .. } => true,
        Command::StopSwarm { .. }
        | Command::PauseAgent { .. }
        | Command::PauseSwarm { .. }
        | Command::DropItems { .. }
        | Command::StopAgent { .. }
        | Command::RemoveSwarm { .. }
        | Command::Decide { .. }
        | Command::SetBudget { .. }
        | Command::Forget { .. }
        | Command::StopAll => false,
    }
}

fn refuse_full(done: Option<Answer>) {
    if let Some(done) = done {
        let why = "the journal cannot be written (disk full?): nothing was changed";
        let _ = done.send(Err(Refusal::new(RefusalCode::JournalFull, why)
            .hinted("free some space; the core goes on by itself")));
    }
}
