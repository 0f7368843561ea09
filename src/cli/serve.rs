//! `dash serve --listen 127.0.0.1:PORT`: the core's API over TCP, for programs that do not speak to
//! Unix sockets. A door and no second server: what comes with the token, from this machine and
//! from no web page, is passed on to the socket.

use super::{
    args::Json,
    context::Context,
    failure::{Code, Done, Failure},
};
use crate::{
    client::{Client, in_agent},
    model::{Refusal, RefusalCode, hex},
    protocol::rest::Problem,
};
use bytes::Bytes;
use clap::Args;
use http_body_util::{Either, Full};
use hyper::{
    Request, Response, StatusCode,
    body::Incoming,
    header::{self, HeaderName, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::{
    collections::VecDeque,
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    signal::unix::{SignalKind, signal},
    task::AbortHandle,
};

/// Connections that have not shown the token yet.
const STRANGERS: usize = 32;
/// For a request's head, from the connection's beginning or the last answer.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// Bytes of a request's head.
const LARGEST_HEAD: usize = 32 << 10;

#[derive(Debug, Args)]
pub struct Serve {
    /// An address of this machine alone, such as 127.0.0.1:4620; port 0 takes a free one
    #[arg(long, value_name = "ADDR", value_parser = loopback)]
    listen: SocketAddr,
    #[command(flatten)]
    json: Json,
}

fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text
        .replacen("localhost:", "127.0.0.1:", 1)
        .parse()
        .map_err(|_| format!("{text:?} is no address with a port, such as 127.0.0.1:4620"))?;
    match address.ip().is_loopback() {
        true => Ok(address),
        false => Err(format!("{} can be reached from elsewhere: 127.0.0.1 cannot", address.ip())),
    }
}

type Body = Either<Incoming, Full<Bytes>>;

/// Who is let in, and where to.
struct Door {
    client: Client,
    token: [u8; 32],
    /// Names that a request may call this door by.
    hosts: Vec<String>,
    strangers: Mutex<Strangers>,
}

impl Serve {
    pub async fn run(self, context: &mut Context<'_>) -> Done {
        if in_agent() {
            return Err(Failure::new(Code::Denied, "an agent opens no door to the core")
                .hinted("its own API is at $DASH_SOCKET"));
        }
        let client = context.client().await?;
        let cannot = |error: std::io::Error| {
            Failure::error(format!("cannot listen on {}: {error}", self.listen))
        };
        let listener = TcpListener::bind(self.listen).await.map_err(cannot)?;
        let address = listener.local_addr().map_err(cannot)?;
        let mut random = [0u8; 32];
        getrandom::fill(&mut random).map_err(|error| Failure::error(error.to_string()))?;
        let token = hex(random);
        let url = format!("http://{address}");
        if self.json.json {
            context.json_line(&json!({ "url": url, "token": token }))?;
        } else {
            context.line(format!("url    {url}\ntoken  {token}"))?;
            context.out.flush()?;
            context.note("every request needs `Authorization: Bearer TOKEN`; Ctrl-C ends it");
        }
        let hosts = vec![address.to_string(), format!("localhost:{}", address.port())];
        let strangers = Mutex::default();
        let door = Arc::new(Door { client, token: digest(&token), hosts, strangers });
        let mut ends = Vec::new();
        for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
            ends.push(signal(kind)?);
        }
        let [interrupt, terminate, hangup] = &mut ends[..] else { return Ok(Code::Error) };
        tokio::select! {
            () = accept(listener, door) => {}
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
        Ok(Code::Ok)
    }
}

async fn accept(listener: TcpListener, door: Arc<Door>) {
    let mut made = 0;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                made += 1;
                let talking = tokio::spawn(talk(stream, door.clone(), made));
                door.strangers().add(made, talking.abort_handle());
            }
            // Of one connection, or for want of descriptors: others may come.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn talk(stream: TcpStream, door: Arc<Door>, number: u64) {
    _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let door = door.clone();
        async move { Ok::<_, Infallible>(door.answer(request, number).await) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN).max_buf_size(LARGEST_HEAD);
    // Whoever hangs up in between concerns nobody else.
    _ = http.serve_connection(TokioIo::new(stream), service).with_upgrades().await;
}

/// Connections that have not shown the token yet, the oldest first. Where there are too many the
/// oldest goes: whoever has the token shows it at once, and is kept out by none who only wait.
#[derive(Default)]
struct Strangers(VecDeque<(u64, AbortHandle)>);

impl Strangers {
    fn add(&mut self, number: u64, talking: AbortHandle) {
        self.0.retain(|(_, talking)| !talking.is_finished());
        if self.0.len() >= STRANGERS
            && let Some((_, oldest)) = self.0.pop_front()
        {
            oldest.abort();
        }
        self.0.push_back((number, talking));
    }

    fn know(&mut self, number: u64) {
        self.0.retain(|(other, _)| *other != number);
    }
}

impl Door {
    fn strangers(&self) -> MutexGuard<'_, Strangers> {
        self.strangers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answer(&self, mut request: Request<Incoming>, number: u64) -> Response<Body> {
        if let Err(refused) = self.admit(&request) {
            return *refused;
        }
        self.strangers().know(number);
        let headers = request.headers_mut();
        // They are this door's; the core has its own.
        for name in [header::AUTHORIZATION, header::COOKIE, header::ORIGIN] {
            headers.remove(name);
        }
        headers.insert(header::HOST, HeaderValue::from_static("dash"));
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
        if let Ok(uri) = path.parse() {
            *request.uri_mut() = uri;
        }
        let changes = request.headers().contains_key(header::UPGRADE);
        let from = changes.then(|| hyper::upgrade::on(&mut request));
        match self.client.pass(request).await {
            Ok(mut response) => {
                if let Some(from) = from
                    && response.status() == StatusCode::SWITCHING_PROTOCOLS
                {
                    let to = hyper::upgrade::on(&mut response);
                    tokio::spawn(async move {
                        let (Ok(from), Ok(to)) = (from.await, to.await) else { return };
                        let (mut from, mut to) = (TokioIo::new(from), TokioIo::new(to));
                        _ = tokio::io::copy_bidirectional(&mut from, &mut to).await;
                    });
                }
                response.map(Either::Left)
            }
            Err(error) => {
                let refusal = Refusal::new(RefusalCode::Internal, error.to_string());
                problem(refusal, StatusCode::BAD_GATEWAY)
            }
        }
    }

    /// # Errors
    /// The answer to whoever is not let in.
    fn admit(&self, request: &Request<Incoming>) -> Result<(), Box<Response<Body>>> {
        let forbidden = |why: &str, status| {
            Err(Box::new(problem(Refusal::new(RefusalCode::Forbidden, why), status)))
        };
        let headers = request.headers();
        let mut hosts = headers.get_all(header::HOST).iter();
        let host = hosts.next().and_then(|host| host.to_str().ok());
        let known = |host: &str| self.hosts.iter().any(|known| known.eq_ignore_ascii_case(host));
        let named = request.uri().authority().is_none_or(|name| known(name.as_str()));
        if !(host.is_some_and(known) && hosts.next().is_none() && named) {
            // A page of the web that lets its own name lead here sends that name.
            return forbidden("this Host is none of this door's", StatusCode::MISDIRECTED_REQUEST);
        }
        let own = |origin: &HeaderValue| {
            let origin = origin.to_str().ok().and_then(|origin| origin.strip_prefix("http://"));
            origin.is_some_and(known)
        };
        if !headers.get_all(header::ORIGIN).iter().all(own) {
            return forbidden("no web page is served from here", StatusCode::FORBIDDEN);
        }
        let mut bearers = headers.get_all(header::AUTHORIZATION).iter();
        let shown = bearers.next().and_then(|value| value.to_str().ok()?.split_once(' '));
        let borne = shown.is_some_and(|(scheme, token)| {
            // Digests are compared: how long that takes says nothing about the token.
            scheme.eq_ignore_ascii_case("bearer") && digest(token.trim()) == self.token
        });
        if borne && bearers.next().is_none() {
            return Ok(());
        }
        let refusal = Refusal::new(RefusalCode::Forbidden, "the token is missing, or another")
            .hinted("Authorization: Bearer TOKEN, as `dash serve` printed it");
        let mut response = problem(refusal, StatusCode::UNAUTHORIZED);
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        Err(Box::new(response))
    }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

fn problem(refusal: Refusal, status: StatusCode) -> Response<Body> {
    let problem = Problem { status: status.as_u16(), ..Problem::from(refusal) };
    let body = serde_json::to_vec(&problem).unwrap_or_default();
    let mut response = Response::new(Either::Right(Full::from(body)));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(HeaderName::from_static("connection"), close);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_this_machine_are_listened_on() {
        for good in ["127.0.0.1:0", "localhost:80", "[::1]:4620", "127.1.2.3:9"] {
            assert!(loopback(good).is_ok(), "{good}");
        }
        for (bad, why) in [
            ("0.0.0.0:80", "elsewhere"),
            ("[::]:80", "elsewhere"),
            ("192.168.0.1:80", "elsewhere"),
            ("127.0.0.1", "port"),
            ("4620", "port"),
            ("example.org:80", "port"),
        ] {
            assert!(loopback(bad).unwrap_err().contains(why), "{bad}");
        }
    }
}
