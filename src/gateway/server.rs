//! The agents' side: one listener per attempt, answered on behalf of that attempt only.
//!
//! A listener costs one task and its connections; stopping it ends them all. The number of
//! connections per listener is bounded: further ones wait in the backlog.

use super::answer::{Answer, Cut};
use super::call::{self, Begun};
use super::egress::{self, Outlet};
use super::guests::Guests;
use super::handling::{Refused, handle};
use super::known::{Known, Length, Pieces};
use super::limiter::Permit;
use super::media::Media;
use super::wire::Wire;
use super::{CallReport, Caller, Gateway, Traffic};
use crate::model::{Micros, Tokens};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use http_body_util::{BodyExt, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::{convert::Infallible, time::Duration};
use tokio::sync::{Semaphore, watch};
use tokio_stream::wrappers::ReceiverStream;

/// Largest request head, in bytes; also the connection's read buffer at most.
pub const MAX_HEAD: usize = 128 << 10;
const HEAD_LIMIT: Duration = Duration::from_secs(60);
/// Connections at once on one listener; an agent with its side requests needs a handful.
const MAX_CONNECTIONS: usize = 128;

pub type Body = UnsyncBoxBody<Bytes, Cut>;

/// A listener in service. Dropped or stopped, it ends with all its open streams.
#[must_use = "dropping it stops the listener"]
pub struct Serving {
    stop: watch::Sender<bool>,
    close: watch::Sender<bool>,
    hold: watch::Sender<bool>,
    attempt: Arc<Attempt>,
}

impl Serving {
    /// Whatever is asked from now on waits until it is let go on; calls in flight go on.
    pub fn hold(&self, held: bool) {
        self.hold.send_replace(held);
    }

    /// Calls in flight are settled with what is known of them.
    pub fn stop(&self) {
        self.refuse();
        self.close.send_replace(true);
    }

    /// Stops, and returns once all of its connections to other hosts are told.
    pub async fn over(self) {
        self.stop();
        egress::all_told(&self.attempt).await;
    }

    /// Ends the calls in flight; whatever is asked from now on is answered with 402, which
    /// agents do not ask again after, and put on record. The listener stays, so that nobody
    /// else takes its port while the agent is still there.
    pub fn refuse(&self) {
        self.stop.send_replace(true);
    }
}

/// What the connections of one listener share.
pub struct Attempt {
    pub gateway: Gateway,
    pub caller: Caller,
    /// Of the listener, where it could be asked.
    port: Option<u16>,
    pub out: Outlet,
    in_flight: Mutex<u32>,
    /// Others whose calls come by this listener.
    guests: Guests,
    /// Model calls so far, for scenarios that count them.
    pub calls: AtomicU32,
    known: Mutex<Known>,
    /// Calls are to end.
    pub stop: watch::Receiver<bool>,
    /// So is the listener.
    close: watch::Receiver<bool>,
    /// Calls are to wait.
    hold: watch::Receiver<bool>,
}

impl Attempt {
    pub fn new(
        gateway: &Gateway,
        caller: Caller,
        port: Option<u16>,
        guests: Guests,
        [stop, close, hold]: [watch::Receiver<bool>; 3],
    ) -> Arc<Self> {
        Arc::new(Self {
            gateway: gateway.clone(),
            caller,
            port,
            out: Outlet::new(),
            in_flight: Mutex::new(0),
            guests,
            calls: AtomicU32::new(0),
            known: Mutex::default(),
            stop,
            close,
            hold,
        })
    }

    /// Waits as long as calls are held; false if they are to end.
    pub async fn may_go_on(&self) -> bool {
        let (mut hold, mut stop) = (self.hold.clone(), self.stop.clone());
        tokio::select! {
            go_on = hold.wait_for(|held| !*held) => go_on.is_ok(),
            () = call::stopped(&mut stop) => false,
        }
    }

    pub fn is_held(&self) -> bool {
        *self.hold.borrow()
    }

    /// Whose key this is.
    pub fn called_by(self: &Arc<Self>, token: &str) -> Option<Arc<Self>> {
        match same(token.as_bytes(), self.caller.token.as_bytes()) {
            true => Some(self.clone()),
            false => self.guests.find(token),
        }
    }

    /// A call after the stop is no call, but it is said.
    pub fn came_too_late(&self, provider: &str) {
        let report = CallReport {
            provider: provider.to_owned(),
            model: String::new(),
            status: StatusCode::PAYMENT_REQUIRED.as_u16(),
            tokens: Tokens::default(),
            cost: Micros::default(),
            priced: false,
            duration_ms: 0,
            estimated: false,
            notional: false,
        };
        self.gateway.ledger().settle(&self.caller, None, report);
    }

    /// The provider has counted the tokens of a prompt.
    pub fn learn(&self, model: &str, prompt: &Pieces, tokens: u64) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.learn(model, prompt, tokens);
    }

    /// A prompt in pieces, and how long it is.
    pub fn measure(&self, wire: Wire, model: &str, body: &[u8]) -> (Pieces, Length) {
        let media = Media::of(wire, model, body);
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let pieces = known.cut(body, &media);
        let length = known.tokens(model, &pieces);
        (pieces, length)
    }
}

const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// A request in flight; tells the ledger when it comes and when it was the last.
pub struct Flight {
    attempt: Arc<Attempt>,
    /// Its turn among the calls of its swarm, which is over with it.
    turn: Option<Permit>,
    troubled: Option<u16>,
}

impl Flight {
    pub fn new(attempt: &Arc<Attempt>) -> Self {
        // Told under the lock, so that the order told is the order of events.
        let mut count = attempt.in_flight.lock().unwrap_or_else(PoisonError::into_inner);
        *count += 1;
        attempt.gateway.ledger().traffic(&attempt.caller, Traffic::Asked);
        drop(count);
        Self { attempt: attempt.clone(), turn: None, troubled: None }
    }

    /// Others of its swarm wait until this is over.
    pub fn takes(&mut self, turn: Option<Permit>) {
        self.turn = turn;
    }

    pub fn note(&self, traffic: Traffic) {
        self.attempt.gateway.ledger().traffic(&self.attempt.caller, traffic);
    }

    /// How it was answered; `cut`: not to its end.
    pub fn answered(&mut self, status: StatusCode, cut: bool) {
        // 401: Claude Code (2.1.330) hopes for another key.
        let passes = status.is_server_error()
            || [StatusCode::TOO_MANY_REQUESTS, StatusCode::REQUEST_TIMEOUT].contains(&status)
            || status == StatusCode::UNAUTHORIZED;
        self.troubled = (cut || passes).then_some(status.as_u16());
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let mut count = self.attempt.in_flight.lock().unwrap_or_else(PoisonError::into_inner);
        *count = count.saturating_sub(1);
        if *count == 0 {
            self.note(match self.troubled {
                Some(status) => Traffic::Troubled { status },
                None => Traffic::Quiet,
            });
        }
    }
}

/// Serves `listener` for `caller`; needs a tokio runtime around it.
/// `guests`: whose calls it takes beside those of `caller`.
pub(super) fn serve(
    gateway: &Gateway,
    listener: std::net::TcpListener,
    caller: Caller,
    guests: Guests,
) -> Serving {
    let (stop, stopping) = watch::channel(false);
    let (close, closing) = watch::channel(false);
    let (hold, held) = watch::channel(false);
    let port = listener.local_addr().map(|addr| addr.port()).ok();
    let attempt = Attempt::new(gateway, caller, port, guests, [stopping, closing, held]);
    let listener =
        listener.set_nonblocking(true).and_then(|()| tokio::net::TcpListener::from_std(listener));
    let serving = Serving { stop, close, hold, attempt: attempt.clone() };
    match listener {
        Ok(listener) => {
            let own = port.map(|port| gateway.own_port(port));
            tokio::spawn(async move {
                let mut stop = attempt.close.clone();
                tokio::select! {
                    () = accept(&listener, attempt) => {}
                    () = call::stopped(&mut stop) => {}
                }
                drop(own);
            });
        }
        Err(error) => {
            tracing::error!(attempt = %attempt.caller.attempt, %error, "serving the listener");
        }
    }
    serving
}

async fn accept(listener: &tokio::net::TcpListener, attempt: Arc<Attempt>) {
    let free = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(permit) = free.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                // Nagle only ever costs here; without it the stream is merely slower.
                let _ = stream.set_nodelay(true);
                let attempt = attempt.clone();
                tokio::spawn(async move {
                    let mut stop = attempt.close.clone();
                    tokio::select! {
                        () = connection(stream, attempt) => {}
                        () = call::stopped(&mut stop) => {}
                    }
                    drop(permit);
                });
            }
            Err(error) => {
                // Out of descriptors, most likely: some will come back.
                tracing::warn!(attempt = %attempt.caller.attempt, %error, "accepting a call");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

async fn connection(stream: tokio::net::TcpStream, attempt: Arc<Attempt>) {
    let service = hyper::service::service_fn(move |request| {
        let attempt = attempt.clone();
        async move { Ok::<_, Infallible>(respond(attempt, request).await) }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_LIMIT)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection ended early");
    }
}

async fn respond(attempt: Arc<Attempt>, request: Request<Incoming>) -> Response<Body> {
    if egress::is_for_others(&request, attempt.port) {
        return egress::respond(&attempt, request).await;
    }
    let (status, headers, frames) = match handle(&attempt, request).await {
        Ok(Begun { status, headers, body }) => (status, headers, ReceiverStream::new(body).boxed()),
        Err(Refused { dialect, status, message, retry_after }) => {
            let mut answer = Answer::error(dialect, status, &message);
            if let Some(seconds) = retry_after {
                answer.headers.insert(RETRY_AFTER, seconds.into());
            }
            if status == StatusCode::PAYMENT_REQUIRED {
                // Clients of Anthropic's and OpenAI's own kind go by it, whatever the status.
                answer.headers.insert(SHOULD_RETRY, HeaderValue::from_static("false"));
            }
            (answer.status, answer.headers, answer.body)
        }
    };
    let mut response =
        Response::new(BodyExt::boxed_unsync(StreamBody::new(frames.map_ok(Frame::data))));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// Compares in a time that depends on the lengths only.
pub fn same(a: &[u8], b: &[u8]) -> bool {
    let differing = a.iter().zip(b).fold(0, |bits, (x, y)| bits | (x ^ y));
    a.len() == b.len() && std::hint::black_box(differing) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_compared_whole() {
        assert!(same(b"abc", b"abc"));
        for other in ["", "ab", "abd", "abcd"] {
            assert!(!same(b"abc", other.as_bytes()), "{other}");
        }
    }
}
