//! One model call from reservation to settlement. It runs in a task of its own, so that an
//! agent that hangs up neither loses the count nor leaves the provider working unseen: the
//! rest of the answer is still read, within bounds, for the usage at its end.
//!
//! Settling happens in `Drop`, so once and only once, however the task ends.

use super::answer::{Answer, Chunks, Cut};
use super::hidden::Hidden;
use super::usage::{Meter, Usage};
use super::{
    Call, CallReport, Caller, Gateway, Ledger, NoLeave, Traffic,
    known::Pieces,
    server::{Attempt, Flight},
};
use crate::model::{Micros, Reservation, Tokens};
use bytes::Bytes;
use futures_util::StreamExt;
use hyper::{HeaderMap, StatusCode, header};
use std::{
    future::Future,
    sync::{Arc, Weak},
    time::Duration,
};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

/// How long an answer is still read after the agent has hung up.
const DRAIN_LIMIT: Duration = Duration::from_secs(60);
/// Chunks between provider and agent; when full, the provider is read no further.
const QUEUE: usize = 32;

/// Time for the server to flush what it took, before it hears of a cut.
const FLUSH: Duration = Duration::from_millis(20);

/// The beginning of an answer, and where the rest comes from.
pub struct Begun {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: mpsc::Receiver<Result<Bytes, Cut>>,
}

/// Resolves when the listener is stopped, or gone.
pub async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the other side is gone, which is as good as stopped.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// An account to be settled, exactly once.
pub struct Bill {
    pub gateway: Gateway,
    pub caller: Caller,
    pub reservation: Reservation,
    /// Of what was set aside, for what no usage shows.
    pub extra: Micros,
    /// It asked for a cache that lives for an hour.
    pub hour: bool,
    pub call: Call,
    pub status: StatusCode,
    pub meter: Option<Meter>,
    pub started: Instant,
    /// Its answer began; `false` of one that may have been asked, and nobody knows.
    pub answered: bool,
    /// It never left.
    pub unsent: bool,
    /// Its answer came to an end.
    pub ended: bool,
    /// What of a stream the agent did not ask for.
    pub hidden: Option<Hidden>,
    /// The prompt, to learn its length from; none where nobody asks for that.
    pub prompt: Option<Pieces>,
    pub attempt: Weak<Attempt>,
}

impl Bill {
    pub fn new(
        attempt: &Arc<Attempt>,
        call: Call,
        reservation: Reservation,
        prompt: Pieces,
    ) -> Self {
        Self {
            gateway: attempt.gateway.clone(),
            caller: call.caller.clone(),
            reservation,
            extra: Micros::ZERO,
            hour: false,
            call,
            status: StatusCode::BAD_GATEWAY,
            meter: None,
            started: Instant::now(),
            answered: false,
            unsent: false,
            ended: false,
            hidden: None,
            prompt: Some(prompt),
            attempt: Arc::downgrade(attempt),
        }
    }
}

impl Drop for Bill {
    fn drop(&mut self) {
        let ended = self.ended;
        let usage = self.meter.take().map(|meter| meter.finish(ended)).unwrap_or_default();
        let Usage { tokens, cache_write_1h, split, model: answered, whole, .. } = usage;
        // Where nobody says what lives for how long it is all at the dearer rate.
        let all = self.hour && !split;
        let cache_write_1h = if all { tokens.cache_write } else { cache_write_1h };
        let price = self.gateway.price(&self.call.provider, &self.call.model).or_else(|| {
            answered.as_deref().and_then(|name| self.gateway.price(&self.call.provider, name))
        });
        let model = match self.call.model.is_empty() {
            true => answered.clone().unwrap_or_default(),
            false => self.call.model.clone(),
        };
        let cost = price.as_ref().map_or(Micros::ZERO, |price| price.cost(&tokens, cache_write_1h));
        // Refused by the provider, it costs nothing; cut off, it may have cost all.
        let failed = self.answered && self.status.as_u16() >= 400;
        let uncertain = !(whole || failed || self.unsent);
        // Tokens that it brought in are in the usage: all together is what was set aside at most.
        let extra = self.reservation.amount;
        let extra = extra.filter(|_| whole && !failed && self.extra > Micros::ZERO);
        let cost = extra.map_or(cost, |amount| {
            cost.max(Micros(cost.0.saturating_add(self.extra.0)).min(amount))
        });
        let kept = self.reservation.amount.filter(|_| uncertain).unwrap_or_default();
        let attempt = self.attempt.upgrade().filter(|_| whole);
        if let (Some(attempt), Some(prompt)) = (attempt, &self.prompt) {
            let tokens = tokens.input + tokens.cache_read + tokens.cache_write;
            attempt.learn(&self.call.model, prompt, tokens);
        }
        let report = CallReport {
            provider: self.call.provider.clone(),
            model,
            status: self.status.as_u16(),
            tokens,
            cost: cost.max(kept),
            estimated: uncertain,
            notional: self.call.notional,
            priced: price.is_some() || (tokens == Tokens::default() && !uncertain),
            duration_ms: self.started.elapsed().as_millis().try_into().unwrap_or(u64::MAX),
        };
        self.gateway.ledger().settle(&self.caller, Some(self.reservation), report);
    }
}

/// Begins a call in a task of its own. None: the listener was stopped meanwhile.
pub async fn begin<F>(
    mut flight: Flight,
    bill: Option<Bill>,
    stop: watch::Receiver<bool>,
    meter: impl FnOnce(&Answer) -> Option<Meter> + Send + 'static,
    open: F,
) -> Option<Begun>
where
    F: Future<Output = Answer> + Send + 'static,
{
    let (head_to, head_from) = oneshot::channel();
    tokio::spawn(async move {
        let mut stop = stop;
        let mut stop_pump = stop.clone();
        let mut bill = bill;
        let mut head_to = head_to;
        let opened = async {
            tokio::select! {
                answer = open => Some(answer),
                () = stopped(&mut stop) => None,
            }
        };
        tokio::pin!(opened);
        let mut gone = false;
        let answer = tokio::select! {
            answer = &mut opened => answer,
            () = head_to.closed() => {
                gone = true;
                tokio::time::timeout(DRAIN_LIMIT, opened).await.unwrap_or(None)
            }
        };
        let Some(mut answer) = answer else { return };
        if let Some(bill) = &mut bill {
            bill.status = answer.status;
            bill.meter = meter(&answer);
            // An error is no stream, and as it is.
            bill.hidden = bill.hidden.take().filter(|_| answer.streaming());
            if bill.hidden.is_some() {
                answer.headers.remove(header::CONTENT_LENGTH);
            }
            (bill.answered, bill.unsent) = (!answer.lost, answer.unsent);
        }
        let Answer { status, headers, body, .. } = answer;
        let (to, from) = mpsc::channel(QUEUE);
        gone |= head_to.send(Begun { status, headers, body: from }).is_err();
        tokio::select! {
            cut = pump(body, &to, &mut bill, &flight, gone) => flight.answered(status, cut),
            () = stopped(&mut stop_pump) => {
                // Best effort: a full queue means that the agent is not reading anyway.
                let _ = to.try_send(Err(Cut));
            }
        }
        // Settled before the agent sees the end: its next call finds the books in order.
        drop(bill);
        drop(to);
        drop(flight);
    });
    head_from.await.ok()
}

/// Passes chunks on untouched, and a copy to the meter. True if the answer broke off.
async fn pump(
    mut body: Chunks,
    to: &mpsc::Sender<Result<Bytes, Cut>>,
    bill: &mut Option<Bill>,
    flight: &Flight,
    mut gone: bool,
) -> bool {
    let mut deadline = gone.then(|| Instant::now() + DRAIN_LIMIT);
    let mut first = true;
    loop {
        let next = match deadline {
            None => tokio::select! {
                next = body.next() => next,
                () = to.closed() => {
                    deadline = Some(Instant::now() + DRAIN_LIMIT);
                    gone = true;
                    continue;
                }
            },
            Some(at) => match tokio::time::timeout_at(at, body.next()).await {
                Ok(next) => next,
                Err(_) => return false,
            },
        };
        let mut hidden = bill.as_mut().and_then(|bill| bill.hidden.as_mut());
        let rest = match &next {
            None | Some(Err(Cut)) => hidden.as_mut().map(|hidden| hidden.rest()),
            Some(Ok(_)) => None,
        };
        if let Some(rest) = rest.filter(|rest| !rest.is_empty() && !gone) {
            // Whoever is gone misses nothing.
            let _ = to.send(Ok(rest)).await;
        }
        let Some(chunk) = next else {
            bill.iter_mut().for_each(|bill| bill.ended = true);
            return false;
        };
        if first {
            first = false;
            flight.note(Traffic::Answering);
        }
        if let (Ok(bytes), Some(meter)) = (&chunk, bill.as_mut().and_then(|b| b.meter.as_mut())) {
            meter.feed(bytes);
        }
        let hidden = bill.as_mut().and_then(|bill| bill.hidden.as_mut());
        let chunk = match (chunk, hidden) {
            (Ok(bytes), Some(hidden)) => Ok(hidden.pass(bytes)),
            (chunk, _) => chunk,
        };
        // All of it was held back.
        if chunk.as_ref().is_ok_and(Bytes::is_empty) {
            continue;
        }
        let cut = chunk.is_err();
        if cut && !gone {
            // The server drops what it has not flushed when a body fails: let it take all
            // that came before, and flush it.
            drop(to.reserve_many(QUEUE).await);
            tokio::time::sleep(FLUSH).await;
        }
        if !gone && to.send(chunk).await.is_err() {
            gone = true;
            deadline = Some(Instant::now() + DRAIN_LIMIT);
        }
        if cut {
            return true;
        }
    }
}

/// Asks the ledger, and makes the bill that settles what it gave.
pub async fn reserve(attempt: &Arc<Attempt>, call: Call, prompt: Pieces) -> Result<Bill, NoLeave> {
    let gateway = &attempt.gateway;
    let ledger: Arc<dyn Ledger> = gateway.ledger();
    let reservation = ledger.reserve(&call).await?;
    Ok(Bill::new(attempt, call, reservation, prompt))
}
