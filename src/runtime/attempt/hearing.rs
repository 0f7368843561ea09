//! What a keeper tells: facts, gauges, screens, and what it was asked; its listeners, which
//! come with its first word.

use super::{
    super::{
        broker, launch,
        link::LinkReader,
        outcome,
        world::{AgentListener, Seen, Typed},
    },
    Keeping, LinkWriter, Over,
    ending::LAST_LINE,
};
use crate::{
    core::{Input, KeeperNews},
    gateway::Caller,
    protocol::keeper::{Fact, FactKind, FromKeeper, ToKeeper},
    term::lines,
};
use std::{net::TcpListener, os::unix::net::UnixListener, sync::Arc};
use tokio::sync::oneshot;

impl Keeping {
    pub(super) async fn heard(
        &mut self,
        message: FromKeeper,
        reader: &mut LinkReader,
        writer: &mut LinkWriter,
    ) -> Option<Over> {
        match message {
            FromKeeper::Welcome { looks, pauses, types, .. } => {
                self.types = types;
                self.looker = looks.then(|| self.world.lookers.clone());
                self.pauses = pauses;
                self.welcome(reader);
                if self.tell_pause(writer).await.is_err() || self.go_on(writer).await.is_err() {
                    return Some(Over::Broken);
                }
            }
            FromKeeper::Fact { fact } => return self.fact(fact, writer).await,
            FromKeeper::Gauge { mut gauge } => {
                self.caught_up().await;
                self.printed = gauge.bytes;
                self.gauge.clone_from(&gauge);
                let mut seen = match self.new_rules() {
                    true => self.watcher.go_by(&self.adapter, &gauge),
                    false => self.watcher.gauge(&gauge),
                };
                if self.reads_output {
                    seen.extend(self.read_output(gauge.bytes).await);
                    let words = self.watcher.words(&gauge.last_line);
                    gauge.last_line = lines::last_line(std::iter::once(words), LAST_LINE);
                }
                self.world.gauges.set(&self.plan.attempt.agent, &self.id, gauge);
                self.observe(seen).await;
            }
            FromKeeper::Screen { id, screen, activity } => {
                self.caught_up().await;
                if let Some(done) = self.screens.remove(&id) {
                    let _ = done.send(Seen { screen, activity });
                }
            }
            FromKeeper::Answered { id, typed } => {
                if let Some(done) = self.answers.remove(&id) {
                    let _ = done.send(if typed { Typed::Yes } else { Typed::NotYet });
                }
            }
            FromKeeper::Refused { message } => {
                tracing::warn!(attempt = %self.id, %message, "its keeper refused this core");
                return Some(Over::Left);
            }
            FromKeeper::Judge { id, program, argv, cwd, shim } => {
                let asked = broker::Asked { id, program, argv, cwd, shim };
                broker::answer(&self.world, &self.plan, asked, broker::For::Attempt);
            }
            FromKeeper::Unasked { id } => broker::unasked(&self.world, &self.id, id).await,
            // Only viewers get these.
            FromKeeper::Size { .. } | FromKeeper::Ended { .. } => {}
        }
        None
    }

    /// True if its adapter is another one by now.
    fn new_rules(&mut self) -> bool {
        let catalog = self.world.catalog();
        let Some(adapter) = catalog.get(&self.plan.adapter) else { return false };
        if Arc::ptr_eq(adapter, &self.adapter) {
            return false;
        }
        self.adapter = adapter.clone();
        self.answerable = adapter.answers_prompts();
        true
    }

    /// What is on its screen is looked at anew if its adapter's rules are others now.
    pub(super) async fn regard_rules(&mut self) {
        if self.new_rules() {
            let seen = self.watcher.go_by(&self.adapter, &self.gauge);
            self.observe(seen).await;
        }
    }

    /// The keeper's listeners came with its welcome: from now on calls are answered.
    fn welcome(&mut self, reader: &mut LinkReader) {
        let mut fds = reader.fds.drain(..);
        let (Some(gateway), Some(own)) = (fds.next(), fds.next()) else {
            tracing::error!(attempt = %self.id, "its keeper handed over no listeners");
            return;
        };
        let Some(token) = launch::token_of(&self.world.instance, &self.id) else {
            tracing::error!(attempt = %self.id, "its token is gone: its calls stay unanswered");
            return;
        };
        let caller = Caller {
            swarm: self.plan.attempt.swarm.clone(),
            agent: self.plan.attempt.agent.clone(),
            attempt: self.id.clone(),
            token: token.clone(),
            calls: self.plan.spec.calls,
        };
        if let Some(gate) = self.world.gateway.get() {
            let served = gate.serve(TcpListener::from(gateway), caller);
            if self.kill_at.is_some() {
                served.refuse();
            }
            self.served = Some(served);
            self.hold_calls();
        }
        let (serving, until) = oneshot::channel();
        self.serving = Some(serving);
        let listener = AgentListener {
            agent: self.plan.attempt.agent.clone(),
            attempt: self.id.clone(),
            token,
            listener: UnixListener::from(own),
            until,
        };
        if self.world.agent_listeners.try_send(listener).is_err() {
            tracing::warn!(attempt = %self.id, "nobody serves its own socket");
        }
    }

    async fn fact(&mut self, fact: Fact, writer: &mut LinkWriter) -> Option<Over> {
        let Fact { n, offset, kind, at } = fact;
        if n <= self.fact_n {
            return None;
        }
        self.printed = self.printed.max(offset);
        let news = match kind {
            FactKind::Started { pid } => KeeperNews::Started { pid },
            FactKind::DiskFull => KeeperNews::DiskFull,
            FactKind::DiskBack => KeeperNews::DiskBack,
            FactKind::LimitReached { limit, message } => {
                KeeperNews::LimitReached { limit, message }
            }
            FactKind::Cut { from, to } => KeeperNews::Cut { from, to },
            status @ FactKind::Status { .. } => {
                self.status(status, at).await;
                // Nothing but the signal: said again after a crash it changes nothing.
                self.fact_n = n;
                return writer.control(&ToKeeper::Ack { n }).await.is_err().then_some(Over::Broken);
            }
            FactKind::LaunchFailed { step, message } => {
                self.launch_error = Some(format!("{step}: {message}"));
                self.fact_n = n;
                return None;
            }
            FactKind::Exited { exit } => {
                let record = outcome::exit_record(&self.world.instance, &self.id);
                let record = record.unwrap_or_else(|| outcome::bare_record(exit, offset));
                self.end(Some(n), record).await;
                // The keeper leaves after this, or by itself when it cannot be told.
                let _ = writer.control(&ToKeeper::Ack { n }).await;
                return Some(Over::Ended);
            }
        };
        let input = Input::Keeper { attempt: self.id.clone(), n, offset, news };
        if self.world.feed(input).await.is_err() {
            return Some(Over::Left);
        }
        self.fact_n = n;
        writer.control(&ToKeeper::Ack { n }).await.is_err().then_some(Over::Broken)
    }
}
