//! An answer on its way to an agent, from wherever it comes.

use super::{upstream::Upstream, wire};
use crate::config::Dialect;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use hyper::header::{CONTENT_TYPE, HeaderName};
use hyper::{HeaderMap, Method, StatusCode, header};
use std::{pin::Pin, sync::OnceLock, time::Duration};

/// A real provider's silence in the middle of an answer, at most.
const READ_LIMIT: Duration = Duration::from_secs(900);
const CONNECT_LIMIT: Duration = Duration::from_secs(20);
/// Bytes of a refusal; what is longer is none that tells somebody something.
const LONGEST_REFUSAL: usize = 4 << 20;

pub type Chunks = Pin<Box<dyn Stream<Item = Result<Bytes, Cut>> + Send>>;

/// The answer ended before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the provider's answer was cut off")]
pub struct Cut;

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Chunks,
    /// Made here: the provider never got the call.
    pub unsent: bool,
    /// Made here: the provider may have got the call, and did not answer.
    pub lost: bool,
}

impl Answer {
    pub fn whole(status: StatusCode, body: Vec<u8>) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
        headers.insert(header::CONTENT_LENGTH, body.len().into());
        let body = futures_util::stream::iter([Ok(Bytes::from(body))]);
        Self { status, headers, body: Box::pin(body), unsent: false, lost: false }
    }

    pub fn error(dialect: Dialect, status: StatusCode, message: &str) -> Self {
        Self::whole(status, wire::error_body(dialect, status, message))
    }

    /// True if the body is a stream of events.
    pub fn streaming(&self) -> bool {
        self.headers
            .get(CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"))
    }
}

/// A request on its way to a provider.
pub struct Outgoing {
    pub method: Method,
    /// From `/v1` on.
    pub path: String,
    pub query: Option<String>,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// The HTTP client, made when the first real provider is called: until then no TLS is set
/// up and no certificate read.
#[derive(Default)]
pub struct Client {
    remote: OnceLock<Result<reqwest::Client, String>>,
    local: OnceLock<Result<reqwest::Client, String>>,
}

/// A client that follows no redirect; `local`: what it asks is on this machine.
///
/// # Errors
/// When TLS cannot be set up.
pub fn http_client(local: bool) -> Result<reqwest::Client, String> {
    // An error means that one is installed already.
    drop(rustls::crypto::ring::default_provider().install_default());
    let builder = reqwest::Client::builder()
        .connect_timeout(CONNECT_LIMIT)
        .read_timeout(READ_LIMIT)
        .tcp_nodelay(true)
        .redirect(reqwest::redirect::Policy::none());
    // A proxy of the environment is for the way out, not for this machine.
    let builder = if local { builder.no_proxy() } else { builder };
    builder.build().map_err(|e| format!("cannot set up TLS: {}", chain(&e)))
}

impl Client {
    fn get(&self, local: bool) -> Result<&reqwest::Client, String> {
        let cell = if local { &self.local } else { &self.remote };
        cell.get_or_init(|| http_client(local)).as_ref().map_err(Clone::clone)
    }

    /// Sends a request with the real key put in. Problems of our own come back as answers
    /// in the dialect's shape; the provider's answers pass as they are.
    pub async fn send(&self, upstream: &Upstream, out: Outgoing) -> Answer {
        let failed = |status, message: String| Answer {
            unsent: true,
            ..Answer::error(upstream.dialect, status, &message)
        };
        let credential = match upstream.credential().await {
            Ok(credential) => credential,
            // For good: what is called unavailable most agents ask for again and again, and say
            // nothing for minutes.
            Err(missing) => return failed(StatusCode::FORBIDDEN, missing.to_string()),
        };
        let client = match self.get(upstream.local_port().is_some()) {
            Ok(client) => client,
            Err(reason) => return failed(StatusCode::BAD_GATEWAY, reason),
        };
        let mut headers = out.headers;
        strip(&mut headers);
        for own in REPLACED {
            headers.remove(own);
        }
        headers.remove(TOKEN);
        if !upstream.passes_logins() {
            for login in LOGINS {
                headers.remove(login);
            }
        }
        let mut secret = None;
        if let Some((name, value)) = credential {
            secret = value.as_bytes().rsplit(|byte| *byte == b' ').next().map(<[u8]>::to_vec);
            headers.insert(name, value);
        }
        // It would count before the header's, and stand in somebody's log.
        let keyless = |query: &str| {
            let parts = query.split('&').filter(|part| !part.starts_with(QUERY_KEY));
            Some(parts.collect::<Vec<_>>().join("&")).filter(|query| !query.is_empty())
        };
        let query = match upstream.passes_logins() {
            true => out.query,
            false => out.query.as_deref().and_then(keyless),
        };
        let url = upstream.url(&out.path, query.as_deref());
        let sent = client.request(out.method, url).headers(headers).body(out.body).send().await;
        match sent {
            Ok(response) => {
                let status = response.status();
                let mut headers = response.headers().clone();
                // Beside chunks a length says nothing (RFC 9112, 6.3), and they are taken apart.
                if headers.contains_key(header::TRANSFER_ENCODING) {
                    headers.remove(header::CONTENT_LENGTH);
                }
                strip(&mut headers);
                let body = response.bytes_stream().map(|chunk| chunk.map_err(|_| Cut));
                let body: Chunks = match secret {
                    Some(secret) if !status.is_success() => {
                        Box::pin(futures_util::stream::once(masked(Box::pin(body), secret)))
                    }
                    _ => Box::pin(body),
                };
                Answer { status, headers, body, unsent: false, lost: false }
            }
            Err(e) => {
                let unsent = e.is_connect();
                let reason = chain(&e.without_url());
                let answer = failed(
                    StatusCode::BAD_GATEWAY,
                    format!("cannot reach {} at {}: {reason}", upstream.name, upstream.place()),
                );
                Answer { unsent, lost: !unsent, ..answer }
            }
        }
    }
}

/// A refusal with stars for the real key, which some providers repeat in it; one that is longer
/// than any counts as broken off.
async fn masked(mut body: Chunks, secret: Vec<u8>) -> Result<Bytes, Cut> {
    let mut all = Vec::new();
    while let Some(chunk) = body.next().await {
        all.extend_from_slice(&chunk?);
        if all.len() > LONGEST_REFUSAL {
            return Err(Cut);
        }
    }
    if secret.is_empty() {
        return Ok(all.into());
    }
    let found: Vec<usize> = memchr::memmem::find_iter(&all, &secret).collect();
    for at in found {
        all[at..at + secret.len()].fill(b'*');
    }
    Ok(all.into())
}

/// Headers of the agent's request that the gateway sets itself. Compressed answers could
/// not be metered, so none is asked for.
const REPLACED: [HeaderName; 3] = [header::HOST, header::CONTENT_LENGTH, header::ACCEPT_ENCODING];

/// Headers that carry a key: the attempt's token to here, the real one from here. Where the
/// agent's own login passes through, they carry that, and the token has a header of its own.
pub const LOGINS: [HeaderName; 3] = [
    header::AUTHORIZATION,
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("x-goog-api-key"),
];

/// Where a key stands in an address.
pub const QUERY_KEY: &str = "key=";

/// The attempt's token, beside a login of the agent's own.
pub const TOKEN: HeaderName = HeaderName::from_static("x-dash-token");

/// Takes out what concerns one hop only (RFC 9110, 7.6.1).
pub fn strip(headers: &mut HeaderMap) {
    let listed: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in listed {
        headers.remove(name);
    }
    for name in [
        header::CONNECTION,
        header::PROXY_AUTHENTICATE,
        header::PROXY_AUTHORIZATION,
        header::TE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
        HeaderName::from_static("keep-alive"),
        HeaderName::from_static("proxy-connection"),
    ] {
        headers.remove(name);
    }
}

/// An error with its causes, in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
