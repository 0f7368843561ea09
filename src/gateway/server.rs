//! The agents' side: one listener per attempt, answered on behalf of that attempt only.
//!
//! A listener costs one task and its connections; stopping it ends them all. The number of
//! connections per listener is bounded: further ones wait in the backlog.

use super::answer::{Answer, Cut, Outgoing};
use super::call::{self, Begun};
use super::egress::{self, Outlet};
use super::guests::Guests;
use super::known::{Known, Pieces};
use super::terms::Terms;
use super::usage::Meter;
use super::wire::{Asked, Wire, dialect_of, generated};
use super::{Call, CallReport, Caller, Gateway, NoLeave, Target, Traffic, clamp};
use crate::config::Dialect;
use crate::model::{Micros, Tokens};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use http_body_util::{BodyExt, LengthLimitError, Limited, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::{convert::Infallible, time::Duration};
use tokio::sync::{Semaphore, watch};
use tokio_stream::wrappers::ReceiverStream;

/// Largest request body, in bytes.
const MAX_BODY: usize = 64 << 20;
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
    calls: AtomicU32,
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
    async fn may_go_on(&self) -> bool {
        let (mut hold, mut stop) = (self.hold.clone(), self.stop.clone());
        tokio::select! {
            go_on = hold.wait_for(|held| !*held) => go_on.is_ok(),
            () = call::stopped(&mut stop) => false,
        }
    }

    /// Whose key this is.
    fn called_by(self: &Arc<Self>, token: &str) -> Option<Arc<Self>> {
        match same(token.as_bytes(), self.caller.token.as_bytes()) {
            true => Some(self.clone()),
            false => self.guests.find(token),
        }
    }

    /// A call after the stop is no call, but it is said.
    fn came_too_late(&self, provider: &str) {
        let report = CallReport {
            provider: provider.to_owned(),
            model: String::new(),
            status: StatusCode::PAYMENT_REQUIRED.as_u16(),
            tokens: Tokens::default(),
            cost: Micros::default(),
            priced: false,
            duration_ms: 0,
            estimated: false,
        };
        self.gateway.ledger().settle(&self.caller, None, report);
    }

    /// The provider has counted the tokens of a prompt.
    pub fn learn(&self, model: &str, prompt: &Pieces, tokens: u64) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.learn(model, prompt, tokens);
    }

    /// A prompt in pieces, and the most tokens that it has.
    fn measure(&self, model: &str, body: &[u8]) -> (Pieces, u64) {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let pieces = known.cut(body);
        let tokens = known.tokens(model, &pieces);
        (pieces, tokens)
    }
}

const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// A request in flight; tells the ledger when it comes and when it was the last.
pub struct Flight {
    attempt: Arc<Attempt>,
    troubled: Option<u16>,
}

impl Flight {
    fn new(attempt: &Arc<Attempt>) -> Self {
        // Told under the lock, so that the order told is the order of events.
        let mut count = attempt.in_flight.lock().unwrap_or_else(PoisonError::into_inner);
        *count += 1;
        attempt.gateway.ledger().traffic(&attempt.caller, Traffic::Asked);
        drop(count);
        Self { attempt: attempt.clone(), troubled: None }
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
    Serving { stop, close, hold }
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
        Err(Refused { dialect, status, message }) => {
            let Answer { status, mut headers, body, .. } = Answer::error(dialect, status, &message);
            if status == StatusCode::PAYMENT_REQUIRED {
                // Clients of Anthropic's and OpenAI's own kind go by it, whatever the status.
                headers.insert(SHOULD_RETRY, HeaderValue::from_static("false"));
            }
            (status, headers, body)
        }
    };
    let mut response =
        Response::new(BodyExt::boxed_unsync(StreamBody::new(frames.map_ok(Frame::data))));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// A request that goes no further.
struct Refused {
    dialect: Dialect,
    status: StatusCode,
    message: String,
}

async fn handle(attempt: &Arc<Attempt>, request: Request<Incoming>) -> Result<Begun, Refused> {
    let gateway = &attempt.gateway;
    let (head, body) = request.into_parts();
    let dialect = Wire::route(head.uri.path(), &head.headers)
        .map_or_else(|| dialect_of(&head.headers), |(wire, _)| wire.dialect());
    let refused = |status, message: String| Refused { dialect, status, message };

    if head.headers.contains_key(header::UPGRADE) {
        let message = "no WebSocket here: use plain HTTP".to_owned();
        return Err(refused(StatusCode::UPGRADE_REQUIRED, message));
    }
    let Some(token) = presented(&head.headers) else {
        let message = "no key: send the attempt's token as the API key".to_owned();
        return Err(refused(StatusCode::UNAUTHORIZED, message));
    };
    let Some(attempt) = &attempt.called_by(token) else {
        let message = "this key does not belong to this attempt".to_owned();
        return Err(refused(StatusCode::FORBIDDEN, message));
    };
    let Some((wire, path)) = Wire::route(head.uri.path(), &head.headers) else {
        let message = format!("the gateway does not serve {}", head.uri.path());
        return Err(refused(StatusCode::NOT_FOUND, message));
    };
    if wire.metered() && head.method != Method::POST {
        return Err(refused(StatusCode::METHOD_NOT_ALLOWED, format!("{path} wants a POST")));
    }

    if *attempt.stop.borrow() {
        attempt.came_too_late(gateway.target(dialect).name());
        let message = "this attempt is being stopped: no further call is made".to_owned();
        return Err(refused(StatusCode::PAYMENT_REQUIRED, message));
    }
    let flight = Flight::new(attempt);
    let body = match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(e) if e.is::<LengthLimitError>() => {
            let message = format!("the request is larger than {} MB", MAX_BODY >> 20);
            return Err(refused(StatusCode::PAYLOAD_TOO_LARGE, message));
        }
        Err(_) => return Err(refused(StatusCode::BAD_REQUEST, "the request broke off".to_owned())),
    };
    let mut asked: Asked<'_> = if wire.metered() {
        serde_json::from_slice(&body).map_err(|e| {
            refused(StatusCode::BAD_REQUEST, format!("the request is no JSON of this dialect: {e}"))
        })?
    } else {
        Asked::default()
    };
    if let Some((model, _)) = generated(path).filter(|_| dialect == Dialect::Gemini) {
        asked.model = model.to_owned();
    }

    let target = gateway.target(dialect);
    if let Target::Real(upstream) = &target
        && upstream.local_port().is_some_and(|port| gateway.is_own_port(port))
    {
        let message = format!(
            "provider {} at {} is this gateway itself: its base_url must name the real service",
            upstream.name,
            upstream.place()
        );
        return Err(refused(StatusCode::LOOP_DETECTED, message));
    }
    if let Target::Real(upstream) = &target
        && upstream.is_held()
    {
        flight.note(Traffic::Held);
        if let Some(problem) = upstream.problem() {
            tracing::warn!(attempt = %attempt.caller.attempt, "a model call is held: {problem}");
        }
        // Until the agent hangs up or this core leaves; then it asks the next one.
        let (stop, open) = (attempt.stop.clone(), std::future::pending());
        let held = call::begin(flight, None, stop, |_| None, open).await;
        let message = "no key for this provider, and the core is leaving".to_owned();
        return held.ok_or_else(|| refused(StatusCode::SERVICE_UNAVAILABLE, message));
    }
    // Before it costs anything.
    if !attempt.may_go_on().await {
        let message = "the attempt is being stopped".to_owned();
        return Err(refused(StatusCode::SERVICE_UNAVAILABLE, message));
    }
    let mut out = (wire == Wire::Chat && asked.stream)
        .then(|| asked.with_usage(&body))
        .flatten()
        .map_or_else(|| body.clone(), Bytes::from);
    let bill = if wire.metered() {
        let (pieces, tokens) = attempt.measure(&asked.model, &body);
        let price = gateway.price(target.name(), &asked.model);
        let terms = Terms::of(price, &asked.model, target.name(), (wire, &asked, &body), tokens);
        let call = Call {
            caller: attempt.caller.clone(),
            provider: target.name().to_owned(),
            model: asked.model.clone(),
            bound: terms.as_ref().map(Terms::bound).map_err(Clone::clone),
        };
        let mut bill = call::reserve(attempt, call, pieces).await.map_err(|no| match no {
            NoLeave::OverBudget(message) => refused(StatusCode::PAYMENT_REQUIRED, message),
            NoLeave::Unavailable(message) => refused(StatusCode::SERVICE_UNAVAILABLE, message),
        })?;
        let limit = bill.reservation.zip(terms.ok());
        if let Some(limit) = limit.and_then(|(given, terms)| terms.clamped(given.amount)) {
            let text = std::str::from_utf8(&out).ok();
            let Some(text) = text.and_then(|text| clamp::clamped(wire, text, limit)) else {
                bill.unsent = true;
                let message = "the budget pays for a shorter answer only, and this request has no \
                               place for a limit";
                return Err(refused(StatusCode::PAYMENT_REQUIRED, message.to_owned()));
            };
            out = text.into();
        }
        Some(bill)
    } else {
        None
    };
    let meter = move |answer: &Answer| wire.metered().then(|| Meter::new(wire, answer.streaming()));
    let stop = attempt.stop.clone();
    let begun = match target {
        Target::Simulated => {
            let number = match wire.metered() {
                true => attempt.calls.fetch_add(1, Ordering::Relaxed) + 1,
                false => attempt.calls.load(Ordering::Relaxed),
            };
            let simulated = gateway.simulated();
            let caller = attempt.caller.clone();
            let path = match head.uri.query() {
                Some(query) => format!("{path}?{query}"),
                None => path.to_owned(),
            };
            let open = async move {
                simulated.answer(wire, &path, &caller.attempt, &caller.agent, number, &out).await
            };
            call::begin(flight, bill, stop, meter, open).await
        }
        Target::Real(upstream) => {
            let out = Outgoing {
                method: head.method,
                path: path.to_owned(),
                query: head.uri.query().map(str::to_owned),
                headers: head.headers,
                body: out,
            };
            let gateway = gateway.clone();
            let open = async move { gateway.client().send(&upstream, out).await };
            call::begin(flight, bill, stop, meter, open).await
        }
    };
    begun.ok_or_else(|| {
        refused(StatusCode::SERVICE_UNAVAILABLE, "the attempt is being stopped".to_owned())
    })
}

/// The key that a request brings, in whichever header its dialect uses.
fn presented(headers: &hyper::HeaderMap) -> Option<&str> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    text("x-api-key").or_else(|| text("x-goog-api-key")).or_else(|| {
        let value = text("authorization")?;
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    })
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
