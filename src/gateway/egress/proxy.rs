//! One request to somewhere else, from its first look to its end.

use super::flow::{Counted, Flow};
use super::place::{Host, Place, shown};
use super::tally::{SPAN, Tally};
use super::{Connection, Egress};
use crate::gateway::answer::{Cut, chain, strip};
use crate::gateway::call::stopped;
use crate::gateway::server::{Attempt, Body, MAX_HEAD, same};
use crate::model::Scope;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Request, Response, StatusCode, client, upgrade};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Connections to other hosts at once, of one attempt.
const MAX_OUT: usize = 96;
/// To find a name's addresses, and to connect to any of them.
const RESOLVE_LIMIT: Duration = Duration::from_secs(15);
const CONNECT_LIMIT: Duration = Duration::from_secs(20);
/// A connection through which nothing passes, either way, is closed.
const IDLE_LIMIT: Duration = Duration::from_secs(900);
/// For connections to end that are told to.
const TELL_LIMIT: Duration = Duration::from_secs(2);
/// Bytes held for each direction of a tunnel.
const BUFFER: usize = 64 << 10;

/// One attempt's way out.
pub struct Outlet {
    free: Arc<Semaphore>,
    tally: Mutex<Tally>,
}

impl Outlet {
    pub fn new() -> Self {
        Self { free: Arc::new(Semaphore::new(MAX_OUT)), tally: Mutex::default() }
    }
}

/// True for what a client sends to a proxy, but for a model call that it sends that way
/// although it was told not to.
pub fn is_for_others(request: &Request<Incoming>, own_port: Option<u16>) -> bool {
    if request.method() == Method::CONNECT {
        return true;
    }
    let Some(authority) = request.uri().authority() else { return false };
    let own = Place::parse(authority.as_str(), Some(80)).is_ok_and(|place| {
        let here = match &place.host {
            Host::Address(address) => address.is_loopback(),
            Host::Name(name) => name == "localhost",
        };
        here && Some(place.port) == own_port
    });
    !own
}

/// Why a request goes no further.
struct No {
    status: StatusCode,
    message: String,
    /// A client that has not said who it is yet is asked to: nothing to tell anybody.
    told: bool,
}

fn no(status: StatusCode, message: impl Into<String>) -> No {
    No { status, message: message.into(), told: true }
}

/// Answers a request that [is for others](is_for_others).
pub async fn respond(attempt: &Arc<Attempt>, request: Request<Incoming>) -> Response<Body> {
    let place = place_of(&request);
    let named = match &place {
        Ok(place) => (place.name(), place.port),
        Err(_) => (shown(request.uri().authority().map_or("", |a| a.as_str())), 0),
    };
    match open(attempt, place, request).await {
        Ok(response) => response,
        Err(No { status, message, told }) => {
            if told {
                let (host, port) = named;
                let reason = Some(message.clone());
                tell(attempt, Connection { host, port, reason, count: 1, ..Connection::default() });
            }
            refusal(status, message)
        }
    }
}

fn refusal(status: StatusCode, message: String) -> Response<Body> {
    let body = Full::new(Bytes::from(message + "\n")).map_err(|never| match never {});
    let mut response = Response::new(body.boxed_unsync());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    if status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
        let basic = HeaderValue::from_static("Basic realm=\"dash\"");
        headers.insert(header::PROXY_AUTHENTICATE, basic);
    }
    response
}

fn place_of(request: &Request<Incoming>) -> Result<Place, String> {
    let uri = request.uri();
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    if request.method() == Method::CONNECT {
        return Place::parse(authority, None);
    }
    match uri.scheme_str() {
        Some("http") => Place::parse(authority, Some(80)),
        _ => Err("only http:// URLs are passed on: for all else ask for a tunnel (CONNECT)".into()),
    }
}

async fn open(
    attempt: &Arc<Attempt>,
    place: Result<Place, String>,
    request: Request<Incoming>,
) -> Result<Response<Body>, No> {
    let Some(egress) = attempt.gateway.egress() else {
        return Err(no(StatusCode::FORBIDDEN, "there is no way out through this gateway"));
    };
    authorized(request.headers(), &attempt.caller.token)?;
    let place = place.map_err(|why| no(StatusCode::BAD_REQUEST, why))?;
    plain(request.headers())?;
    let Some(scope) = egress.scope(&attempt.caller).await else {
        return Err(no(StatusCode::FORBIDDEN, "this agent is gone"));
    };
    place.admitted(&scope).map_err(|why| no(StatusCode::FORBIDDEN, why))?;
    let Ok(permit) = attempt.out.free.clone().try_acquire_owned() else {
        let why = format!("this agent has {MAX_OUT} connections to other hosts open already");
        return Err(no(StatusCode::SERVICE_UNAVAILABLE, why));
    };
    let found = addresses(attempt, &*egress, &place, &scope).await?;
    let record = Record {
        attempt: attempt.clone(),
        host: place.name(),
        port: place.port,
        reason: None,
        flow: Flow::new(),
        _permit: permit,
    };
    let stream = match connect(&found).await {
        Ok(stream) => stream,
        Err((status, why)) => {
            let message = format!("{place} cannot be reached: {why}");
            // The record tells it: it was allowed.
            record.over(Some(why));
            return Err(No { told: false, ..no(status, message) });
        }
    };
    // Nagle only ever costs here; without it the stream is merely slower.
    let _ = stream.set_nodelay(true);
    let stream = Counted { stream, flow: record.flow.clone() };
    if request.method() == Method::CONNECT {
        tokio::spawn(tunnel(record, stream, request));
        let empty = Full::new(Bytes::new()).map_err(|never| match never {});
        return Ok(Response::new(empty.boxed_unsync()));
    }
    forward(record, stream, &place, request).await
}

/// The attempt's token as the password of a proxy's user.
fn authorized(headers: &HeaderMap, token: &str) -> Result<(), No> {
    let status = StatusCode::PROXY_AUTHENTICATION_REQUIRED;
    let Some(given) = headers.get(header::PROXY_AUTHORIZATION) else {
        let message = "the proxy wants the attempt's token: use the URL in $HTTPS_PROXY";
        return Err(No { told: false, ..no(status, message) });
    };
    let decoded = given.to_str().ok().and_then(|text| {
        let (scheme, code) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("basic").then(|| STANDARD.decode(code.trim()).ok())?
    });
    let password = decoded.as_deref().and_then(|pair| pair.strip_prefix(b"dash:"));
    if password.is_some_and(|password| same(password, token.as_bytes())) {
        return Ok(());
    }
    Err(no(status, "this proxy password does not belong to this attempt"))
}

/// A body whose length could be read in two ways is no body. Of a request with both lengths
/// hyper takes the chunks, drops the other and closes the connection after it.
fn plain(headers: &HeaderMap) -> Result<(), No> {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let chunked =
        codings.next().is_none_or(|value| value.as_bytes().eq_ignore_ascii_case(b"chunked"));
    let both = headers.contains_key(header::TRANSFER_ENCODING)
        && headers.contains_key(header::CONTENT_LENGTH);
    if !chunked || codings.next().is_some() || both {
        let message = "of transfer codings only `chunked`, once and without a length, is passed on";
        return Err(no(StatusCode::BAD_REQUEST, message));
    }
    Ok(())
}

/// The addresses of `place` that may be connected to; at least one.
async fn addresses(
    attempt: &Attempt,
    egress: &dyn Egress,
    place: &Place,
    scope: &Scope,
) -> Result<Vec<SocketAddr>, No> {
    let found = match &place.host {
        Host::Address(address) => vec![*address],
        Host::Name(name) => match tokio::time::timeout(RESOLVE_LIMIT, egress.resolve(name)).await {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => {
                let why = format!("{name} cannot be found: {error}");
                return Err(no(StatusCode::BAD_GATEWAY, why));
            }
            Err(_) => {
                let why = format!("{name} cannot be found: no answer in time");
                return Err(no(StatusCode::GATEWAY_TIMEOUT, why));
            }
        },
    };
    let mut refused = format!("{place} has no address");
    let mut allowed = Vec::new();
    for address in found.into_iter().map(|address| address.to_canonical()) {
        if let Err(why) = place.may_reach(scope, address) {
            refused = why;
        } else if address.is_loopback() && attempt.gateway.is_own_port(place.port) {
            refused = format!("{place} is the gateway itself");
        } else {
            allowed.push(SocketAddr::new(address, place.port));
        }
    }
    if allowed.is_empty() { Err(no(StatusCode::FORBIDDEN, refused)) } else { Ok(allowed) }
}

/// The first of `found` that takes the connection.
async fn connect(found: &[SocketAddr]) -> Result<TcpStream, (StatusCode, String)> {
    let attempts = async {
        let mut last = "no address".to_owned();
        for address in found {
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error.to_string(),
            }
        }
        Err((StatusCode::BAD_GATEWAY, last))
    };
    let late = || Err((StatusCode::GATEWAY_TIMEOUT, "no answer in time".to_owned()));
    tokio::time::timeout(CONNECT_LIMIT, attempts).await.unwrap_or_else(|_| late())
}

/// Bytes both ways, unseen; either side may end its half first.
async fn tunnel(record: Record, mut host: Counted<TcpStream>, request: Request<Incoming>) {
    let flow = record.flow.clone();
    let mut stop = record.attempt.stop.clone();
    let pass = async {
        let agent = upgrade::on(request).await.map_err(std::io::Error::other)?;
        let mut agent = TokioIo::new(agent);
        tokio::io::copy_bidirectional_with_sizes(&mut agent, &mut host, BUFFER, BUFFER).await
    };
    let reason = tokio::select! {
        passed = pass => passed.err().map(|error| error.to_string()),
        () = flow.idle(IDLE_LIMIT) => Some("nothing passed for too long".to_owned()),
        () = stopped(&mut stop) => Some("the attempt ended".to_owned()),
    };
    record.over(reason);
}

/// Passes a plain request on, and its answer back, both as they come.
async fn forward(
    record: Record,
    host: Counted<TcpStream>,
    place: &Place,
    request: Request<Incoming>,
) -> Result<Response<Body>, No> {
    let failed = |error: &hyper::Error| {
        let message = format!("{place} did not answer: {}", chain(error));
        No { told: false, ..no(StatusCode::BAD_GATEWAY, message) }
    };
    let mut builder = client::conn::http1::Builder::new();
    builder.max_buf_size(MAX_HEAD);
    let (mut sender, connection) =
        builder.handshake(TokioIo::new(host)).await.map_err(|error| failed(&error))?;
    // It ends once the answer has gone through, or nobody wants it any more.
    tokio::spawn(async move {
        let flow = record.flow.clone();
        let mut stop = record.attempt.stop.clone();
        let reason = tokio::select! {
            ended = connection => ended.err().map(|error| chain(&error)),
            () = flow.idle(IDLE_LIMIT) => Some("nothing passed for too long".to_owned()),
            () = stopped(&mut stop) => Some("the attempt ended".to_owned()),
        };
        record.over(reason);
    });
    let (head, body) = request.into_parts();
    let answer = sender.send_request(Request::from_parts(outgoing(head, place), body)).await;
    let (mut head, body) = answer.map_err(|error| failed(&error))?.into_parts();
    if head.status == StatusCode::SWITCHING_PROTOCOLS {
        let message = format!("{place} changed the protocol without being asked to");
        return Err(No { told: false, ..no(StatusCode::BAD_GATEWAY, message) });
    }
    if head.headers.contains_key(header::TRANSFER_ENCODING) {
        // Said beside chunks it counts for nothing, and would be believed on the next hop.
        head.headers.remove(header::CONTENT_LENGTH);
    }
    strip(&mut head.headers);
    Ok(Response::from_parts(head, body.map_err(|_| Cut).boxed_unsync()))
}

/// The request as the host is to see it: its own path, and the host that was checked.
pub(super) fn outgoing(mut head: Parts, place: &Place) -> Parts {
    strip(&mut head.headers);
    // The body says its length itself; a client that waits for leave has had it from us.
    head.headers.remove(header::CONTENT_LENGTH);
    head.headers.remove(header::EXPECT);
    let host = match place.port {
        80 => place.to_string().strip_suffix(":80").map(str::to_owned),
        _ => None,
    };
    if let Ok(host) = HeaderValue::try_from(host.unwrap_or_else(|| place.to_string())) {
        head.headers.insert(header::HOST, host);
    }
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    head.uri = if path.starts_with('/') || path == "*" {
        path.parse().unwrap_or_default()
    } else {
        // `http://host?query` has no path of its own.
        format!("/{path}").parse().unwrap_or_default()
    };
    head.version = hyper::Version::HTTP_11;
    head
}

/// A connection under way; told when it is over, however that comes about.
struct Record {
    attempt: Arc<Attempt>,
    host: String,
    port: u16,
    reason: Option<String>,
    flow: Arc<Flow>,
    _permit: OwnedSemaphorePermit,
}

impl Record {
    fn over(mut self, reason: Option<String>) {
        self.reason = reason;
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let connection = Connection {
            host: std::mem::take(&mut self.host),
            port: self.port,
            allowed: true,
            reason: self.reason.take(),
            sent: self.flow.sent.load(Relaxed),
            received: self.flow.received.load(Relaxed),
            duration_ms: self.flow.age_ms(),
            count: 1,
        };
        tell(&self.attempt, connection);
    }
}

/// Tells a connection now, or with others alike a little later.
fn tell(attempt: &Arc<Attempt>, connection: Connection) {
    let Some(egress) = attempt.gateway.egress() else { return };
    let mut tally = attempt.out.tally.lock().unwrap_or_else(PoisonError::into_inner);
    let waits = !tally.is_empty();
    if let Some(connection) = tally.take(Instant::now(), connection) {
        drop(tally);
        return egress.connected(&attempt.caller, connection);
    }
    drop(tally);
    if waits {
        return;
    }
    // Nobody waits where the core is going down.
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn(tell_later(attempt.clone(), egress));
    }
}

/// Returns once every connection of an attempt that is stopped is over and told.
pub async fn all_told(attempt: &Attempt) {
    // A record gives its place back when it has told.
    let all = attempt.out.free.acquire_many(MAX_OUT as u32);
    if tokio::time::timeout(TELL_LIMIT, all).await.is_err() {
        tracing::warn!(attempt = %attempt.caller.attempt, "a connection of it does not end");
    }
    let Some(egress) = attempt.gateway.egress() else { return };
    let rest = attempt.out.tally.lock().unwrap_or_else(PoisonError::into_inner).rest();
    rest.into_iter().for_each(|connection| egress.connected(&attempt.caller, connection));
}

async fn tell_later(attempt: Arc<Attempt>, egress: Arc<dyn Egress>) {
    let mut stop = attempt.stop.clone();
    loop {
        let over = tokio::select! {
            () = tokio::time::sleep(SPAN) => false,
            () = stopped(&mut stop) => true,
        };
        let (few, empty) = {
            let mut tally = attempt.out.tally.lock().unwrap_or_else(PoisonError::into_inner);
            let few = if over { tally.rest().into() } else { tally.next(Instant::now()) };
            (few, tally.is_empty())
        };
        for connection in few {
            egress.connected(&attempt.caller, connection);
        }
        if empty {
            return;
        }
    }
}
