//! The ledger behind the gateway: it asks the core, which writes down what is set aside before
//! it answers, and tells it what calls came to.

use super::{actor::Message, calls::Calls, world::leaving};
use crate::{
    core::{self, Input, Leave, Reply, Wish},
    gateway::{Call, CallReport, Caller, Ledger, NoLeave, ReserveFuture, Traffic},
    model::{AgentState, AttemptId, Refusal, Reservation, Signal, Source},
};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{
        Notify,
        mpsc::{self, error::TrySendError},
        oneshot,
    },
    time::{Instant, timeout_at},
};

/// A call that does not fit waits so long for others to settle.
const PATIENCE: Duration = Duration::from_secs(60);
/// It looks so often all the same, lest one that was not told waits in vain.
const LOOK: Duration = Duration::from_secs(10);
/// What is written down of a call that its agent gave up before it left, as proxies do.
const GIVEN_UP: u16 = 499;

#[derive(Clone)]
pub struct CoreLedger {
    inbox: mpsc::Sender<Message>,
    /// Something was settled, or a limit changed.
    money: Arc<Notify>,
    calls: Calls,
}

/// Money that was set aside, and goes back if nobody takes it.
struct Given {
    ledger: CoreLedger,
    attempt: AttemptId,
    wish: Box<Wish>,
    /// None once it was taken.
    reservation: Option<Reservation>,
}

impl Given {
    /// # Errors
    /// Where whoever asked has gone before there was an answer.
    fn take(mut self) -> Result<Reservation, NoLeave> {
        let gone = || NoLeave::Unavailable("whoever asked has gone".to_owned());
        self.reservation.take().ok_or_else(gone)
    }
}

impl Drop for Given {
    fn drop(&mut self) {
        let Some(reservation) = self.reservation else { return };
        self.ledger.send(Input::ModelCall {
            attempt: self.attempt.clone(),
            provider: self.wish.provider.clone(),
            model: self.wish.model.clone(),
            status: GIVEN_UP,
            tokens: Default::default(),
            cost: Default::default(),
            priced: true,
            duration_ms: 0,
            reservation: Some(reservation.number),
            estimated: false,
            notional: self.wish.notional,
        });
    }
}

impl CoreLedger {
    pub fn new(inbox: mpsc::Sender<Message>, money: Arc<Notify>, calls: Calls) -> Self {
        Self { inbox, money, calls }
    }

    /// In the order of calls. Where there is no room in the actor's queue it is waited for
    /// outside the caller, so that nothing counted is dropped and no answer to an agent is
    /// held up.
    fn send(&self, input: Input) {
        let (done, wait) = oneshot::channel();
        let message = Message::Input { input, done: Some(done) };
        // The core is leaving where it takes nothing any more.
        let full = match self.inbox.try_send(message) {
            Err(TrySendError::Full(message)) => Some(message),
            Ok(()) | Err(TrySendError::Closed(_)) => None,
        };
        let (inbox, money) = (self.inbox.clone(), self.money.clone());
        tokio::spawn(async move {
            if let Some(message) = full {
                let _ = inbox.send(message).await;
            }
            let _ = wait.await;
            money.notify_waiters();
        });
    }

    fn say(&self, attempt: &AttemptId, state: AgentState, reason: &str, detail: &str) {
        let signal = Signal {
            source: Source::Gateway,
            state,
            reason: reason.to_owned(),
            detail: detail.to_owned(),
            progress: None,
        };
        self.send(Input::Signal { attempt: attempt.clone(), signal });
    }

    async fn ask(&self, input: Input) -> Result<Option<Reply>, Refusal> {
        let (done, wait) = oneshot::channel();
        let sent = self.inbox.send(Message::Input { input, done: Some(done) }).await;
        sent.map_err(|_| leaving())?;
        wait.await.map_err(|_| leaving())?
    }

    /// Until there is leave, or none will come; given up between two questions where `gone`
    /// is, never in one, whose answer would be lost.
    async fn leave(
        &self,
        attempt: &AttemptId,
        wish: &Wish,
        gone: &mut oneshot::Sender<Result<Given, NoLeave>>,
    ) -> Result<Option<Reservation>, NoLeave> {
        let until = Instant::now() + PATIENCE;
        loop {
            let told = self.money.notified();
            tokio::pin!(told);
            told.as_mut().enable();
            let now = Instant::now();
            let (attempt, wish) = (attempt.clone(), Box::new(wish.clone()));
            let asked = self.ask(Input::Reserve { attempt, wish, last: now >= until }).await;
            match asked.map_err(|refusal| NoLeave::Unavailable(refusal.message))? {
                Some(Reply::Leave(Leave::Reserved(reservation))) => return Ok(Some(reservation)),
                Some(Reply::Leave(Leave::Refused { message })) => {
                    return Err(NoLeave::OverBudget(message));
                }
                Some(Reply::Leave(Leave::Later)) => {
                    tokio::select! {
                        // Late or not: the state is asked again.
                        _ = timeout_at(until.min(now + LOOK), told) => {}
                        () = gone.closed() => return Ok(None),
                    }
                }
                _ => return Err(NoLeave::Unavailable("the core did not say".to_owned())),
            }
        }
    }
}

impl Ledger for CoreLedger {
    fn reserve<'a>(&'a self, call: &'a Call) -> ReserveFuture<'a> {
        let wish = Box::new(Wish {
            provider: call.provider.clone(),
            model: call.model.clone(),
            bound: call.bound.clone(),
            tokens: call.tokens.clone(),
            known: call.known,
            notional: call.notional,
        });
        let (ledger, attempt) = (self.clone(), call.caller.attempt.clone());
        let (mut to, from) = oneshot::channel();
        // An agent may hang up at any moment: what is set aside by then is not lost.
        tokio::spawn(async move {
            let given = ledger.leave(&attempt, &wish, &mut to).await;
            let given = given.map(|reservation| Given { ledger, attempt, wish, reservation });
            drop(to.send(given));
        });
        Box::pin(async move {
            let leaving = |_| NoLeave::Unavailable("the core is leaving".to_owned());
            from.await.map_err(leaving)??.take()
        })
    }

    fn settle(&self, caller: &Caller, reservation: Option<Reservation>, report: CallReport) {
        self.send(Input::ModelCall {
            attempt: caller.attempt.clone(),
            provider: report.provider,
            model: report.model,
            status: report.status,
            tokens: report.tokens,
            cost: report.cost,
            priced: report.priced,
            duration_ms: report.duration_ms,
            reservation: reservation.map(|reservation| reservation.number),
            estimated: report.estimated,
            notional: report.notional,
        });
    }

    fn traffic(&self, caller: &Caller, traffic: Traffic) {
        let attempt = &caller.attempt;
        self.calls.note(attempt, &traffic);
        let (state, reason, detail) = match traffic {
            Traffic::Asked => (AgentState::Working, "", "a model call is in flight"),
            Traffic::Held { why } => {
                return self.say(attempt, AgentState::Waiting, core::KEY_MISSING, &why);
            }
            Traffic::Limited => {
                (AgentState::Waiting, "rate limit", "the provider takes no calls for now")
            }
            Traffic::Queued => {
                (AgentState::Waiting, "calls", "its swarm makes as many calls at once as it may")
            }
            Traffic::Answering => return,
            // Between calls the agent runs a tool, thinks for itself, or has done its turn:
            // whoever sees more of it says so.
            Traffic::Quiet => (AgentState::Idle, "", "no model call is in flight"),
            Traffic::Troubled { status } => {
                let how = match status {
                    ..400 => "the last model call broke off".to_owned(),
                    400.. => format!("the last model call failed: {status}"),
                };
                return self.say(attempt, AgentState::Idle, core::API_RETRY, &how);
            }
        };
        self.say(attempt, state, reason, detail);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Bound, Budget, Micros};

    #[tokio::test]
    async fn who_waits_asks_again_when_there_is_more() {
        let (inbox, mut messages) = mpsc::channel(4);
        let money = Arc::new(Notify::new());
        let ledger = CoreLedger::new(inbox, money.clone(), Calls::default());
        let caller = Caller {
            swarm: "sw-1".into(),
            agent: "ag-01".into(),
            attempt: "ag-01-1".into(),
            token: String::new(),
            calls: None,
        };
        let bound = Bound { least: Micros(1), usual: Micros(1), most: Micros(1) };
        let tokens = Err(String::new());
        let (provider, model) = ("p".into(), "m".into());
        let (notional, known) = (false, Budget::default());
        let call = Call { caller, provider, model, bound: Ok(bound), tokens, known, notional };
        let asked = tokio::spawn(async move { ledger.reserve(&call).await });
        let given = Reservation { number: 1, amount: Some(Micros(1)), tokens: None };
        let started = Instant::now();
        for leave in [Leave::Later, Leave::Reserved(given)] {
            let Some(Message::Input { done: Some(done), .. }) = messages.recv().await else {
                panic!("nobody asks")
            };
            done.send(Ok(Some(Reply::Leave(leave)))).unwrap();
            money.notify_waiters();
        }
        assert_eq!(asked.await.unwrap(), Ok(given));
        assert!(started.elapsed() < LOOK, "it was not told");
    }
}
