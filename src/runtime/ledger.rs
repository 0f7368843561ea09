//! This build's ledger: it lets every call through and counts what comes back. The one
//! that reserves and refuses takes its place behind the same trait.

use super::actor::Message;
use crate::{
    core::Input,
    gateway::{Call, CallReport, Caller, Ledger, Reservation, ReserveFuture, Traffic},
    model::{AgentState, Signal, Source},
};
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::mpsc::{self, error::TrySendError};

pub struct CountingLedger {
    inbox: mpsc::Sender<Message>,
    given: AtomicU64,
}

impl CountingLedger {
    pub fn new(inbox: mpsc::Sender<Message>) -> Self {
        Self { inbox, given: AtomicU64::new(0) }
    }

    /// In the order of calls. Where there is no room in the actor's queue it is waited for
    /// outside the caller, so that nothing counted is dropped and no answer to an agent is
    /// held up.
    fn send(&self, input: Input) {
        let message = Message::Input { input, done: None };
        if let Err(TrySendError::Full(message)) = self.inbox.try_send(message) {
            let inbox = self.inbox.clone();
            tokio::spawn(async move {
                // The core is leaving when this fails.
                let _ = inbox.send(message).await;
            });
        }
    }
}

impl Ledger for CountingLedger {
    fn reserve<'a>(&'a self, _call: &'a Call) -> ReserveFuture<'a> {
        let number = self.given.fetch_add(1, Ordering::Relaxed);
        Box::pin(std::future::ready(Ok(Reservation(number))))
    }

    fn settle(&self, caller: &Caller, _reservation: Reservation, report: CallReport) {
        self.send(Input::ModelCall {
            attempt: caller.attempt.clone(),
            provider: report.provider,
            model: report.model,
            status: report.status,
            tokens: report.tokens,
            cost: report.cost,
            priced: report.priced,
            duration_ms: report.duration_ms,
        });
    }

    fn traffic(&self, caller: &Caller, traffic: Traffic) {
        let (state, reason, detail) = match traffic {
            Traffic::Asked => (AgentState::Working, "", "a model call is in flight"),
            Traffic::Held => (AgentState::Waiting, "key missing", "a model call is held"),
            Traffic::Answering => return,
            // Between calls the agent runs a tool, thinks for itself, or has done its turn:
            // whoever sees more of it says so.
            Traffic::Quiet => (AgentState::Idle, "", "no model call is in flight"),
        };
        let signal = Signal {
            source: Source::Gateway,
            state,
            reason: reason.to_owned(),
            detail: detail.to_owned(),
            progress: None,
        };
        self.send(Input::Signal { attempt: caller.attempt.clone(), signal });
    }
}
