//! Requests to the core: HTTP/1.1, a connection each.

use super::{
    connect::{Connector, Socket, Stream, Target},
    error::{ClientError, Result, is_absent, was_unread},
    launch,
};
use crate::{
    model::{Refusal, RefusalCode},
    protocol::rest::{Health, LEAVING, Problem},
};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    client::conn::{TrySendError, http1},
    header,
};
use hyper_util::rt::TokioIo;
use serde::{Serialize, de::DeserializeOwned};
use std::{error::Error, sync::Arc, time::Duration};
use tokio::time::{sleep, timeout};

/// Between two tries of a request whose answer was lost; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(25);
const LAST_PAUSE: Duration = Duration::from_millis(800);

/// Starts of a core that one connection may ask for.
const MOST_STARTS: u32 = 3;

/// How long an answer may take: a busy core's longest, and a little.
const LIMIT: Duration = Duration::from_secs(10);
/// The same for a question that any core answers at once.
const PROBE: Duration = Duration::from_secs(3);

/// A handle to one core. Cheap to clone; holds no connection.
#[derive(Clone)]
pub struct Client {
    pub(super) connector: Arc<dyn Connector>,
    pub(super) target: Option<Arc<Target>>,
    limit: Duration,
}

/// A body that arrives piece by piece, such as a log that is followed.
pub struct Body(Incoming);

impl Body {
    /// The next piece; none at the end. Safe to cancel.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        while let Some(frame) = self.0.frame().await {
            let frame = frame.map_err(|error| ClientError::Lost(error.to_string()))?;
            if let Ok(data) = frame.into_data() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }
}

impl Client {
    /// Makes sure that a core listens, starting one where the target allows it.
    pub async fn connect(target: &Target) -> Result<Self> {
        let connector = Arc::new(Socket(target.instance.socket.clone()));
        let client = Self { connector, target: Some(Arc::new(target.clone())), limit: LIMIT };
        drop(client.stream_to_core().await?);
        Ok(client)
    }

    /// A client over any connector; it never starts a core.
    pub fn over(connector: Arc<dyn Connector>) -> Self {
        Self { connector, target: None, limit: LIMIT }
    }

    /// The same client with another limit for its answers.
    pub fn within(&self, limit: Duration) -> Self {
        Self { limit, ..self.clone() }
    }

    pub(super) async fn in_time<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let silent = || {
            let socket = self.target.as_ref().map(|target| target.instance.socket.clone());
            ClientError::Silent { socket: socket.unwrap_or_else(|| "its socket".into()) }
        };
        timeout(self.limit, work).await.unwrap_or_else(|_| Err(silent()))
    }

    /// What an attempt's own socket asks for, as a header.
    pub(super) fn authorization(&self) -> Option<String> {
        let token = self.target.as_ref()?.token.as_ref()?;
        Some(format!("Bearer {token}"))
    }

    pub async fn health(&self) -> Result<Health> {
        self.within(PROBE).get("/v1/health").await
    }

    /// Reads; asked again of the successor where a core dies in the middle of its answer.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        read(&self.got(path).await?)
    }

    async fn got(&self, path: &str) -> Result<Bytes> {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.sent(Method::GET, path, None).await {
                Err(ClientError::Lost(_)) if pause <= LAST_PAUSE => {}
                answer => return answer,
            }
            sleep(pause).await;
            pause *= 2;
        }
    }

    /// An answer's body, whatever it says: what it is read as is the caller's business, so that
    /// this is there once and not for every type.
    async fn sent(&self, method: Method, path: &str, body: Option<Bytes>) -> Result<Bytes> {
        let answer = self.request(method, path, body).await?;
        self.in_time(whole(answer)).await
    }

    pub async fn post<B: Serialize, T: DeserializeOwned>(&self, path: &str, body: &B) -> Result<T> {
        read(&self.sent(Method::POST, path, Some(encode(body)?)).await?)
    }

    /// A request that must not be carried out twice: where the answer is lost it is sent again
    /// under the same key, to the core's successor if need be.
    pub(super) async fn make<B: Serialize, T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &B,
    ) -> Result<T> {
        read(&self.made(method, path, encode(body)?).await?)
    }

    async fn made(&self, method: Method, path: &str, body: Bytes) -> Result<Bytes> {
        let mut random = [0u8; 16];
        getrandom::fill(&mut random).map_err(|error| ClientError::Protocol(error.to_string()))?;
        let key = format!("{:032x}", u128::from_le_bytes(random));
        let mut pause = FIRST_PAUSE;
        loop {
            let answer = match self.once(&method, path, Some(body.clone()), Some(&key)).await {
                Ok(answer) => self.in_time(whole(answer)).await,
                Err(error) => Err(error),
            };
            match answer {
                Err(ClientError::Lost(_)) if pause <= LAST_PAUSE => {}
                answer => return answer,
            }
            sleep(pause).await;
            pause *= 2;
        }
    }

    pub async fn patch<B: Serialize, T: DeserializeOwned>(
        &self,
        path: &str,
        body: &B,
    ) -> Result<T> {
        read(&self.sent(Method::PATCH, path, Some(encode(body)?)).await?)
    }

    pub async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        read(&self.sent(Method::DELETE, path, None).await?)
    }

    /// A request whose answer is read piece by piece, however long it takes.
    pub async fn stream(&self, path: &str) -> Result<Body> {
        Ok(Body(self.request(Method::GET, path, None).await?.into_body()))
    }

    /// A connection to the core, which is started for it where that is allowed.
    pub(super) async fn stream_to_core(&self) -> Result<Box<dyn Stream>> {
        let mut starts = 0;
        loop {
            let error = match self.connector.connect().await {
                Ok(stream) => return Ok(stream),
                Err(error) => error,
            };
            let Some(target) = &self.target else {
                return Err(ClientError::Lost(error.to_string()));
            };
            let socket = target.instance.socket.clone();
            // One that was found alive may have been the last one, on its way out.
            if !is_absent(&error) || starts == MOST_STARTS {
                return Err(ClientError::Connect { socket, source: error });
            }
            if !target.may_start {
                return Err(ClientError::NoCore { socket });
            }
            launch::start(target, self.connector.as_ref()).await?;
            starts += 1;
        }
    }

    async fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<Bytes>,
    ) -> Result<Response<Incoming>> {
        let reads = method == Method::GET;
        match self.once(&method, path, body.clone(), None).await {
            // A core that leaves takes the connections of its backlog with it.
            Err(ClientError::Lost(_)) if reads => self.once(&method, path, body, None).await,
            answer => answer,
        }
    }

    async fn once(
        &self,
        method: &Method,
        path: &str,
        body: Option<Bytes>,
        key: Option<&str>,
    ) -> Result<Response<Incoming>> {
        let mut pause = FIRST_PAUSE;
        loop {
            let stream = self.stream_to_core().await?;
            match self.in_time(self.ask(stream, method, path, body.clone(), key)).await {
                Err(ClientError::TurnedAway) if pause <= LAST_PAUSE => {}
                answer => return answer,
            }
            sleep(pause).await;
            pause *= 2;
        }
    }

    async fn ask(
        &self,
        stream: Box<dyn Stream>,
        method: &Method,
        path: &str,
        body: Option<Bytes>,
        key: Option<&str>,
    ) -> Result<Response<Incoming>> {
        let lost = |error: hyper::Error| ClientError::Lost(error.to_string());
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(lost)?;
        // Ends with the request: when sender and body are gone, so is the connection.
        tokio::spawn(connection);
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "dash")
            .header(header::ACCEPT, "application/json");
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        if let Some(name) = self.target.as_ref().and_then(|target| target.actor.as_ref()) {
            request = request.header("dash-actor", name);
        }
        if let Some(bearer) = self.authorization() {
            request = request.header(header::AUTHORIZATION, bearer);
        }
        let request = request
            .body(Full::new(body.unwrap_or_default()))
            .map_err(|error| ClientError::Protocol(format!("{path:?} is no path: {error}")))?;
        let answer = sender.try_send_request(request).await.map_err(unanswered)?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let status = answer.status();
        if status == StatusCode::SERVICE_UNAVAILABLE && answer.headers().contains_key(LEAVING) {
            return Err(ClientError::TurnedAway);
        }
        let body = answer.into_body().collect().await.map_err(lost)?.to_bytes();
        Err(refusal(status, &body).into())
    }
}

/// What was never read was not carried out, and can be asked again.
fn unanswered<B>(mut error: TrySendError<Request<B>>) -> ClientError {
    let unsent = error.take_message().is_some();
    let error = error.into_error();
    let unread = error.source().and_then(|error| error.downcast_ref()).is_some_and(was_unread);
    if unsent || unread { ClientError::TurnedAway } else { ClientError::Lost(error.to_string()) }
}

pub(super) fn refusal(status: StatusCode, body: &[u8]) -> Refusal {
    match serde_json::from_slice::<Problem>(body) {
        Ok(problem) => Refusal { code: problem.code, message: problem.detail, hint: problem.hint },
        Err(_) => {
            let code = match status {
                StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => RefusalCode::NotFound,
                StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => RefusalCode::Forbidden,
                status if status.is_client_error() => RefusalCode::Invalid,
                _ => RefusalCode::Internal,
            };
            let text = String::from_utf8_lossy(body);
            Refusal::new(code, format!("the core answered {status}: {}", text.trim()))
        }
    }
}

fn encode<B: Serialize>(body: &B) -> Result<Bytes> {
    serde_json::to_vec(body).map(Bytes::from).map_err(|e| ClientError::Protocol(e.to_string()))
}

async fn whole(answer: Response<Incoming>) -> Result<Bytes> {
    let body = answer.into_body().collect().await;
    Ok(body.map_err(|error| ClientError::Lost(error.to_string()))?.to_bytes())
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    // An empty answer (202, 204) is `null`, so that `()` can be asked for.
    let body = if body.is_empty() { b"null" } else { body };
    serde_json::from_slice(body).map_err(|error| ClientError::Protocol(error.to_string()))
}

/// Makes a name fit for a path or a query.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::connect::ConnectFuture;
    use std::{path::Path, sync::Mutex};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::UnixStream,
    };

    /// Gives out these connections, last first.
    struct Prepared(Mutex<Vec<UnixStream>>);

    impl Connector for Prepared {
        fn connect(&self) -> ConnectFuture {
            let stream = self.0.lock().unwrap().pop().expect("a connection");
            Box::pin(async move { Ok(Box::new(stream) as Box<_>) })
        }

        fn keeper(&self, _: &Path) -> ConnectFuture {
            unreachable!("no keeper is asked")
        }
    }

    fn over(connections: Vec<UnixStream>) -> Client {
        Client::over(Arc::new(Prepared(Mutex::new(connections))))
    }

    #[tokio::test]
    async fn what_no_core_read_is_asked_of_the_next_even_where_it_changes_something() {
        let (unread, dies) = UnixStream::pair().unwrap();
        let (closed, gone) = UnixStream::pair().unwrap();
        let (served, mut serves) = UnixStream::pair().unwrap();
        drop(gone);
        let client = over(vec![served, closed, unread]);
        let asked = tokio::spawn(async move { client.delete::<()>("/v1/x").await });
        dies.readable().await.unwrap();
        drop(dies);
        let mut request = [0; 16];
        serves.read_exact(&mut request).await.unwrap();
        assert!(request.starts_with(b"DELETE /v1/x "), "{request:?}");
        serves.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
        asked.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn what_a_core_read_and_never_answered_is_not_asked_twice() {
        let (read, mut dies) = UnixStream::pair().unwrap();
        let client = over(vec![read]);
        let asked = tokio::spawn(async move { client.delete::<()>("/v1/x").await });
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            dies.read_buf(&mut request).await.unwrap();
        }
        drop(dies);
        let lost = asked.await.unwrap().unwrap_err();
        assert!(matches!(lost, ClientError::Lost(_)), "{lost}");
    }
}
