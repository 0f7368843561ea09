//! The proxy over real loopback sockets, with an upstream whose every byte the test writes.

mod costly;
mod guests;
mod logins;
mod paid;
mod passing;
mod refused;

use super::*;
use crate::config::Provider;
use crate::model::{AttemptId, Micros, Reservation, Tokens};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

const TOKEN: &str = "token-of-the-attempt";
const GUEST: &str = "token-of-a-guest";
const KEY: &str = "sk-the-real-key";
const PATIENCE: Duration = Duration::from_secs(20);

struct Books {
    settled: SyncSender<CallReport>,
    traffic: SyncSender<Traffic>,
    /// On whose account anything came.
    whose: Arc<Mutex<BTreeSet<AttemptId>>>,
    wished: Arc<Mutex<Option<String>>>,
    broke: bool,
    given: Reservation,
}

impl Ledger for Books {
    fn reserve<'a>(&'a self, call: &'a Call) -> ReserveFuture<'a> {
        let of_guest = call.caller.attempt == AttemptId::from("ag-02-1");
        assert_eq!(call.caller.token, if of_guest { GUEST } else { TOKEN });
        // What nothing limits is given in full, as far as it is known.
        let amount = call.bound.as_ref().ok().map(|bound| bound.most).or(call.known.dollars);
        let tokens = call.tokens.as_ref().ok().map(|bound| bound.most).or(call.known.tokens);
        let Reservation { number, amount: dollars, tokens: count } = self.given;
        let given = Reservation { number, amount: dollars.or(amount), tokens: count.or(tokens) };
        *self.wished.lock().unwrap() = call.bound.clone().err();
        let refused = self.broke.then(|| "the swarm's $5 are spent".to_owned());
        Box::pin(async move { refused.map_or(Ok(given), |why| Err(NoLeave::OverBudget(why))) })
    }
    fn settle(&self, caller: &Caller, reservation: Option<Reservation>, report: CallReport) {
        // One that came too late was never reserved for.
        assert_eq!(reservation.is_some(), !report.model.is_empty());
        self.whose.lock().unwrap().insert(caller.attempt.clone());
        self.settled.send(report).unwrap();
    }
    fn traffic(&self, caller: &Caller, traffic: Traffic) {
        self.whose.lock().unwrap().insert(caller.attempt.clone());
        // Nobody need look.
        let _ = self.traffic.try_send(traffic);
    }
}

struct Stage {
    _runtime: tokio::runtime::Runtime,
    _serving: Serving,
    gateway: Gateway,
    guests: Guests,
    port: u16,
    settled: Receiver<CallReport>,
    traffic: Receiver<Traffic>,
    whose: Arc<Mutex<BTreeSet<AttemptId>>>,
    /// Why nobody could say what the last call may cost.
    wished: Arc<Mutex<Option<String>>>,
}

impl Stage {
    /// A gateway in front of `base_url` (`PORT` in it is the gateway's own).
    fn new(dialect: Dialect, base_url: &str, broke: bool) -> Self {
        Self::with(dialect, base_url, broke, Some(Micros(1_000_000_000)))
    }

    /// One whose ledger sets `amount` aside for each call; none: nothing is limited.
    fn with(dialect: Dialect, base_url: &str, broke: bool, amount: Option<Micros>) -> Self {
        Self::given(dialect, base_url, broke, (amount, None))
    }

    /// The same in dollars and in tokens.
    fn given(
        dialect: Dialect,
        base_url: &str,
        broke: bool,
        given: (Option<Micros>, Option<u64>),
    ) -> Self {
        let provider = Provider {
            dialect,
            base_url: base_url.to_owned(),
            key_env: Some("THE_KEY".to_owned()),
            key_file: None,
            key_command: None,
            login: None,
            notional: None,
            prices: Default::default(),
        };
        Self::through(provider, broke, given)
    }

    /// In front of this provider.
    fn through(
        mut provider: Provider,
        broke: bool,
        (amount, tokens): (Option<Micros>, Option<u64>),
    ) -> Self {
        let dialect = provider.dialect;
        let given = Reservation { number: 7, amount, tokens };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        provider.base_url = provider.base_url.replace("PORT", &port.to_string());
        let config =
            Config { providers: [("up".to_owned(), provider)].into(), ..Config::default() };
        let (to, settled) = sync_channel(16);
        let (seen, traffic) = sync_channel(16);
        let whose = Arc::<Mutex<BTreeSet<AttemptId>>>::default();
        let wished = Arc::<Mutex<Option<String>>>::default();
        let env = [("THE_KEY".to_owned(), KEY.to_owned())];
        let gateway = Gateway::new(
            &config,
            &env,
            Arc::new(Books {
                settled: to,
                traffic: seen,
                whose: whose.clone(),
                wished: wished.clone(),
                broke,
                given,
            }),
        )
        .unwrap();
        assert_eq!(gateway.provider_name(dialect), "up");
        assert_eq!(gateway.problems(), [] as [String; 0]);
        let caller = Caller {
            swarm: "sw-1".into(),
            agent: "ag-01".into(),
            attempt: "ag-01-1".into(),
            token: TOKEN.to_owned(),
            calls: None,
        };
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let guests = Guests::default();
        let serving =
            runtime.block_on(async { gateway.serve_with(listener, caller, guests.clone()) });
        Self {
            _runtime: runtime,
            _serving: serving,
            gateway,
            guests,
            port,
            settled,
            traffic,
            whose,
            wished,
        }
    }

    fn send(&self, path: &str, headers: &str, body: &str) -> TcpStream {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\
             content-length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        stream
    }

    fn ask(&self, path: &str, body: &str) -> String {
        let headers = format!("x-api-key: {TOKEN}\r\naccept-encoding: gzip\r\nx-own: 1\r\n");
        read_all(self.send(path, &headers, body))
    }

    fn bill(&self) -> CallReport {
        self.settled.recv_timeout(PATIENCE).unwrap()
    }

    fn no_bill(&self) {
        assert!(self.settled.try_recv().is_err());
    }
}

/// All that comes, also if the connection breaks.
fn read_all(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Answers one request with these bytes; gives its head and body.
struct Upstream {
    url: String,
    seen: Receiver<String>,
    go_on: SyncSender<()>,
}

impl Upstream {
    /// `rest` is sent once [`go_on`](Self::go_on) is used or dropped.
    fn new(first: &'static str, rest: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (to, seen) = sync_channel(1);
        let (go_on, wait) = sync_channel::<()>(1);
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut from = BufReader::new(stream.try_clone().unwrap());
            let (mut head, mut length) = (String::new(), 0);
            loop {
                let start = head.len();
                from.read_line(&mut head).unwrap();
                if let Some(n) = head[start..].strip_prefix("content-length: ") {
                    length = n.trim().parse().unwrap();
                }
                if head[start..].trim().is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            from.read_exact(&mut body).unwrap();
            to.send(head + &String::from_utf8(body).unwrap()).unwrap();
            stream.write_all(first.as_bytes()).unwrap();
            if !rest.is_empty() {
                let _ = wait.recv();
                let _ = stream.write_all(rest.as_bytes());
            }
        });
        Self { url, seen, go_on }
    }
}

const STREAM_HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
     connection: close\r\nx-request-id: r1\r\n\r\n";
const START: &str = "event: message_start\ndata: {\"message\":{\"model\":\"claude-opus-4-5\",\
     \"usage\":{\"input_tokens\":100,\"cache_read_input_tokens\":1000,\"output_tokens\":1}}}\n\n";
const END: &str = "event: message_delta\ndata: {\"usage\":{\"output_tokens\":40}}\n\n";

fn tokens(input: u64, output: u64, cache_read: u64) -> Tokens {
    Tokens { input, output, cache_read, cache_write: 0 }
}
