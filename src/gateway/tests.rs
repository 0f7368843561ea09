//! The proxy over real loopback sockets, with an upstream whose every byte the test writes.

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
    broke: bool,
    amount: Micros,
}

impl Ledger for Books {
    fn reserve<'a>(&'a self, call: &'a Call) -> ReserveFuture<'a> {
        let of_guest = call.caller.attempt == AttemptId::from("ag-02-1");
        assert_eq!(call.caller.token, if of_guest { GUEST } else { TOKEN });
        Box::pin(async {
            match self.broke {
                true => Err(NoLeave::OverBudget("the swarm's $5 are spent".to_owned())),
                false => Ok(Some(Reservation { number: 7, amount: self.amount })),
            }
        })
    }
    fn settle(&self, caller: &Caller, reservation: Option<Reservation>, report: CallReport) {
        // One that came too late was never reserved for.
        assert_eq!(reservation.is_none(), report.model.is_empty());
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
}

impl Stage {
    /// A gateway in front of `base_url` (`PORT` in it is the gateway's own).
    fn new(dialect: Dialect, base_url: &str, broke: bool) -> Self {
        Self::with(dialect, base_url, broke, Micros(1_000_000_000))
    }

    /// One whose ledger sets `amount` aside for each call.
    fn with(dialect: Dialect, base_url: &str, broke: bool, amount: Micros) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let base_url = base_url.replace("PORT", &port.to_string());
        let provider = Provider {
            dialect,
            base_url,
            key_env: Some("THE_KEY".to_owned()),
            key_file: None,
            key_command: None,
            prices: Default::default(),
        };
        let config =
            Config { providers: [("up".to_owned(), provider)].into(), ..Config::default() };
        let (to, settled) = sync_channel(16);
        let (seen, traffic) = sync_channel(16);
        let whose = Arc::<Mutex<BTreeSet<AttemptId>>>::default();
        let env = [("THE_KEY".to_owned(), KEY.to_owned())];
        let gateway = Gateway::new(
            &config,
            &env,
            Arc::new(Books { settled: to, traffic: seen, whose: whose.clone(), broke, amount }),
        )
        .unwrap();
        assert_eq!(gateway.provider_name(dialect), "up");
        assert_eq!(gateway.problems(), [] as [String; 0]);
        let caller = Caller {
            swarm: "sw-1".into(),
            agent: "ag-01".into(),
            attempt: "ag-01-1".into(),
            token: TOKEN.to_owned(),
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

#[test]
fn passes_bytes_through_and_puts_the_key_in() {
    let plain = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 76\r\n\r\n\
         {\"model\":\"claude-opus-4-5\",\"usage\":{\"input_tokens\":1000,\"output_tokens\":10}}";
    let upstream = Upstream::new(plain, "");
    let stage = Stage::new(Dialect::Anthropic, &format!("{}/base/", upstream.url), false);
    let body = "{ \"model\": \"claude-opus-4-5\" ,\"é\":1}";
    let answer = stage.ask("/run/1/v1/messages?beta=true", body);
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with("\"output_tokens\":10}}"), "{answer}");
    let seen = upstream.seen.recv_timeout(PATIENCE).unwrap();
    assert!(seen.starts_with("POST /base/v1/messages?beta=true HTTP/1.1\r\n"), "{seen}");
    assert!(seen.contains(&format!("x-api-key: {KEY}\r\n")) && seen.contains("x-own: 1"), "{seen}");
    assert!(seen.ends_with(&format!("\r\n\r\n{body}")), "{seen}");
    assert!(!seen.contains(TOKEN) && !seen.contains("gzip") && !answer.contains(KEY), "{seen}");
    let bill = stage.bill();
    assert_eq!((bill.tokens, bill.status, bill.priced), (tokens(1000, 10, 0), 200, true));
    assert_eq!((bill.cost, bill.provider.as_str()), (Micros(5250), "up"));
    stage.no_bill();
}

#[test]
fn chat_streams_are_asked_for_usage() {
    let stream = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n\
         data: {\"usage\":{\"prompt_tokens\":50,\"completion_tokens\":5,\
         \"prompt_tokens_details\":{\"cached_tokens\":20}}}\n\ndata: [DONE]\n\n";
    let upstream = Upstream::new(stream, "");
    let stage = Stage::new(Dialect::Openai, &format!("{}/v1", upstream.url), false);
    let answer = read_all(stage.send(
        "/v1/chat/completions",
        &format!("authorization: Bearer {TOKEN}\r\n"),
        "{\"model\":\"nobody-knows\",\"stream\":true}",
    ));
    assert!(answer.contains("data: [DONE]"), "{answer}");
    let seen = upstream.seen.recv_timeout(PATIENCE).unwrap();
    assert!(seen.starts_with("POST /v1/chat/completions "), "{seen}");
    assert!(seen.contains(&format!("authorization: Bearer {KEY}\r\n")), "{seen}");
    assert!(seen.contains("{\"stream_options\":{\"include_usage\":true},\"model\""), "{seen}");
    let bill = stage.bill();
    assert_eq!((bill.tokens, bill.priced, bill.cost), (tokens(30, 5, 20), false, Micros(0)));
}

#[test]
fn the_simulated_provider_is_asked_for_usage_too() {
    // Nobody is there for OpenAI's dialect.
    let stage = Stage::new(Dialect::Anthropic, "http://127.0.0.1:9", false);
    let body =
        "{\"model\":\"m\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}";
    let headers = format!("authorization: Bearer {TOKEN}\r\n");
    let answer = read_all(stage.send("/v1/chat/completions", &headers, body));
    assert!(answer.contains("\"usage\":{"), "{answer}");
    let tokens = stage.bill().tokens;
    assert!(tokens.input > 0 && tokens.output > 0, "{tokens:?}");
}

#[test]
fn gemini_is_called_by_its_path_metered_and_priced() {
    let stream = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n\
         data: {\"modelVersion\":\"gemini-2.5-pro\",\"usageMetadata\":{\"promptTokenCount\":1000,\
         \"cachedContentTokenCount\":400,\"candidatesTokenCount\":6,\"thoughtsTokenCount\":4}}\r\n\r\n";
    let upstream = Upstream::new(stream, "");
    let stage = Stage::new(Dialect::Gemini, &upstream.url, false);
    let path = "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse";
    let body = "{\"contents\":[]}";
    let answer = read_all(stage.send(path, &format!("x-goog-api-key: {TOKEN}\r\n"), body));
    assert!(answer.contains("usageMetadata"), "{answer}");
    let seen = upstream.seen.recv_timeout(PATIENCE).unwrap();
    assert!(seen.starts_with(&format!("POST {path} HTTP/1.1\r\n")), "{seen}");
    assert!(seen.contains(&format!("x-goog-api-key: {KEY}\r\n")), "{seen}");
    assert!(seen.ends_with(body) && !seen.contains(TOKEN), "{seen}");
    let bill = stage.bill();
    assert_eq!((bill.tokens, bill.model.as_str()), (tokens(600, 10, 400), "gemini-2.5-pro"));
    // $1.25 in, $10 out, $0.125 from the cache, per million.
    assert_eq!((bill.priced, bill.cost), (true, Micros(900)));
    stage.no_bill();
}

#[test]
fn an_agent_that_hangs_up_is_billed_in_full() {
    let first: &'static str = format!("{STREAM_HEAD}{START}").leak();
    let upstream = Upstream::new(first, END);
    let stage = Stage::new(Dialect::Anthropic, &upstream.url, false);
    let headers = format!("x-api-key: {TOKEN}\r\n");
    let stream = stage.send("/v1/messages", &headers, "{\"model\":\"claude-opus-4-5\"}");
    let mut line = String::new();
    BufReader::new(&stream).read_line(&mut line).unwrap();
    assert_eq!(line, "HTTP/1.1 200 OK\r\n");
    drop(stream);
    upstream.go_on.send(()).unwrap();
    assert_eq!(stage.bill().tokens, tokens(100, 40, 1000));
    stage.no_bill();
}

#[test]
fn a_stopped_attempt_makes_no_further_call() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{";
    let upstream = Upstream::new(head, "\"late\": true}");
    let stage = Stage::new(Dialect::Anthropic, &upstream.url, false);
    let headers = format!("x-api-key: {TOKEN}\r\n");
    let mut open = stage.send("/v1/messages", &headers, r#"{"model":"m","max_tokens":1}"#);
    let mut first = [0; 12];
    open.read_exact(&mut first).unwrap();
    stage._serving.refuse();
    // What was in flight is cut, and settled; what comes now is refused for good, and told.
    assert!(!read_all(open).contains("late"));
    assert_eq!(stage.bill().model, "m");
    let answer = stage.ask("/v1/messages", r#"{"model":"m","max_tokens":1}"#);
    assert!(answer.starts_with("HTTP/1.1 402 ") && answer.contains("stopped"), "{answer}");
    let late = stage.bill();
    assert_eq!((late.status, late.tokens), (402, Tokens::default()));
}

#[test]
fn what_is_asked_while_calls_are_held_waits_and_is_not_refused() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    let upstream = Upstream::new(answer, "");
    let stage = Stage::new(Dialect::Anthropic, &upstream.url, false);
    let headers = format!("x-api-key: {TOKEN}\r\n");
    stage._serving.hold(true);
    let open = stage.send("/v1/messages", &headers, r#"{"model":"m","max_tokens":1}"#);
    assert_eq!(stage.traffic.recv_timeout(PATIENCE), Ok(Traffic::Asked));
    assert!(upstream.seen.try_recv().is_err(), "it went upstream");
    stage.no_bill();
    stage._serving.hold(false);
    assert!(read_all(open).starts_with("HTTP/1.1 200 "));
    assert_eq!(stage.bill().status, 200);
    // A stop does not wait.
    stage._serving.hold(true);
    let open = stage.send("/v1/messages", &headers, r#"{"model":"m","max_tokens":1}"#);
    while stage.traffic.recv_timeout(PATIENCE) != Ok(Traffic::Asked) {}
    stage._serving.refuse();
    assert!(read_all(open).starts_with("HTTP/1.1 503 "));
}

#[test]
fn a_cut_reaches_the_agent_and_is_settled_once() {
    let first: &'static str =
        format!("{}{START}", STREAM_HEAD.replace("connection: close", "content-length: 9999"))
            .leak();
    let upstream = Upstream::new(first, "");
    let stage = Stage::new(Dialect::Anthropic, &upstream.url, false);
    let answer = stage.ask("/v1/messages", "{\"model\":\"claude-opus-4-5\"}");
    assert!(answer.contains("x-request-id: r1") && answer.contains("message_start"), "{answer}");
    assert_eq!(stage.bill().tokens, tokens(100, 1, 1000));
    stage.no_bill();
}

#[test]
fn errors_of_the_provider_pass_as_they_are() {
    let upstream =
        Upstream::new("HTTP/1.1 529 \r\nretry-after: 3\r\ncontent-length: 4\r\n\r\nbusy", "");
    let stage = Stage::new(Dialect::Anthropic, &upstream.url, false);
    let answer = stage.ask("/v1/messages", "{\"model\":\"m\"}");
    assert!(answer.starts_with("HTTP/1.1 529") && answer.contains("retry-after: 3"), "{answer}");
    let bill = stage.bill();
    assert_eq!((bill.status, bill.tokens), (529, Tokens::default()));
}

/// Codex's own provider tries this before plain HTTP, and goes on with that at a 426.
#[test]
fn a_websocket_is_sent_back_to_plain_http() {
    let stage = Stage::new(Dialect::Openai, "http://127.0.0.1:9/v1", false);
    let mut stream = TcpStream::connect(("127.0.0.1", stage.port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(
        stream,
        "GET /v1/responses HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\n\
         connection: Upgrade, close\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
         sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    .unwrap();
    let answer = read_all(stream);
    assert!(answer.starts_with("HTTP/1.1 426 "), "{answer}");
    assert!(answer.contains("invalid_request_error"), "{answer}");
    stage.no_bill();
}

#[test]
fn refusals_have_the_dialects_shape() {
    let stage = Stage::new(Dialect::Anthropic, "http://127.0.0.1:PORT", false);
    let with = |headers: &str| read_all(stage.send("/v1/messages", headers, "{\"model\":\"m\"}"));
    for (headers, status, word) in [
        ("", "401", "authentication_error"),
        ("x-api-key: wrong\r\n", "403", "permission_error"),
        ("upgrade: websocket\r\nconnection: upgrade\r\n", "426", "WebSocket"),
        (&format!("x-api-key: {TOKEN}\r\n"), "508", "is this gateway itself"),
    ] {
        let answer = with(headers);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
        assert!(answer.contains(word) && !answer.contains(KEY), "{answer}");
    }
    assert!(stage.ask("/v1/files", "").starts_with("HTTP/1.1 404"));
    assert!(stage.ask("/v1beta/cachedContents", "").starts_with("HTTP/1.1 404"));
    assert!(stage.ask("/v1/messages", "no json").starts_with("HTTP/1.1 400"));
    stage.no_bill();

    let broke = Stage::new(Dialect::Anthropic, "http://127.0.0.1:9", true);
    let answer = broke.ask("/v1/messages", "{\"model\":\"m\"}");
    assert!(answer.starts_with("HTTP/1.1 402") && answer.contains("$5 are spent"), "{answer}");
    assert!(answer.contains("x-should-retry: false"), "{answer}");
    broke.no_bill();

    let broke = Stage::new(Dialect::Gemini, "http://127.0.0.1:9", true);
    let answer = broke.ask("/v1beta/models/m:generateContent", "{}");
    assert!(answer.starts_with("HTTP/1.1 402"), "{answer}");
    assert!(answer.contains("\"status\":\"FAILED_PRECONDITION\""), "{answer}");
    broke.no_bill();

    // A port that nobody listens on any more.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let away = Stage::new(Dialect::Openai, &format!("http://{free}/v1"), false);
    let answer = away.ask("/v1/responses", "{\"model\":\"m\"}");
    assert!(answer.starts_with("HTTP/1.1 502") && answer.contains("cannot reach up"), "{answer}");
    assert!(answer.contains("server_error") && !answer.contains(KEY), "{answer}");
    assert_eq!(away.bill().status, 502);
}

/// A stage in front of an upstream that answers with these bytes; what it was billed.
fn billed(first: &'static str, amount: i64) -> (CallReport, String) {
    let upstream = Upstream::new(first, "");
    let stage = Stage::with(Dialect::Anthropic, &upstream.url, false, Micros(amount));
    let body = "{\"model\":\"claude-opus-4-5\",\"max_tokens\":64000,\"stream\":true}";
    stage.ask("/v1/messages", body);
    (stage.bill(), upstream.seen.recv_timeout(PATIENCE).unwrap())
}

#[test]
fn what_was_set_aside_is_charged_where_the_usage_is_not_known() {
    const AMOUNT: i64 = 2_000_000;
    let cost = |first| {
        let (bill, _) = billed(first, AMOUNT);
        (bill.cost, bill.estimated)
    };
    // Cut off behind the prompt's tokens: nobody knows how long the answer became.
    let cut = concat!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 9999\r\n\r\n",
        "event: message_start\ndata: {\"message\":{\"model\":\"claude-opus-4-5\",",
        "\"usage\":{\"input_tokens\":100,\"output_tokens\":1}}}\n\n",
    );
    assert_eq!(cost(cut), (Micros(AMOUNT), true));
    let none = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    assert_eq!(cost(none), (Micros(AMOUNT), true));
    // It hung up without a word: it may have begun all the same.
    assert_eq!(cost(""), (Micros(AMOUNT), true));
    let refused = "HTTP/1.1 529 Overloaded\r\ncontent-length: 2\r\n\r\n{}";
    assert_eq!(cost(refused), (Micros(0), false));
    let whole = concat!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n",
        "{\"usage\":{\"input_tokens\":1000,\"output_tokens\":10}}",
    );
    assert_eq!(cost(whole), (Micros(5_250), false));
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let away = Stage::new(Dialect::Anthropic, &format!("http://{free}"), false);
    away.ask("/v1/messages", "{\"model\":\"claude-opus-4-5\",\"max_tokens\":9}");
    let bill = away.bill();
    assert_eq!((bill.cost, bill.estimated), (Micros(0), false), "it never left");
}

#[test]
fn an_answer_is_no_longer_than_what_was_set_aside() {
    let none = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    // $25 per million: 2,000 tokens and the prompt.
    let (_, seen) = billed(none, 50_400);
    let limit = seen.split("\"max_tokens\":").nth(1).unwrap();
    let limit: u64 = limit.split(',').next().unwrap().parse().unwrap();
    assert!((1_990..=2_016).contains(&limit), "{seen}");
    let (_, seen) = billed(none, 5_000_000);
    assert!(seen.contains("\"max_tokens\":64000"), "{seen}");
}

#[test]
fn a_guest_has_a_key_of_its_own_for_as_long_as_it_is_there() {
    let stage = Stage::new(Dialect::Anthropic, "http://127.0.0.1:PORT", false);
    let ask = || {
        let headers = format!("x-api-key: {GUEST}\r\n");
        let answer = read_all(stage.send("/v1/messages", &headers, r#"{"model":"m"}"#));
        answer.split(' ').nth(1).unwrap_or_default().to_owned()
    };
    assert_eq!(ask(), "403", "nobody's");
    let guest = stage.gateway.admit(&stage.guests, a_guest());
    // Its own provider is this gateway: it came as far as that.
    assert_eq!(ask(), "508");
    stage.no_bill();
    guest.refuse();
    assert_eq!(ask(), "402");
    assert_eq!(stage.bill().status, 402);
    drop(guest);
    assert_eq!(ask(), "403");
}

fn a_guest() -> Caller {
    Caller {
        swarm: "sw-1".into(),
        agent: "ag-02".into(),
        attempt: "ag-02-1".into(),
        token: GUEST.to_owned(),
    }
}

#[test]
fn an_answer_after_which_agents_ask_again_is_told() {
    let whole = "content-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    let cut = "content-type: application/json\r\ncontent-length: 20\r\n\r\n{}";
    for (head, rest, told) in [
        ("200 OK", whole, Traffic::Quiet),
        ("402 Payment Required", whole, Traffic::Quiet),
        ("429 Too Many Requests", whole, Traffic::Troubled { status: 429 }),
        ("529 Overloaded", whole, Traffic::Troubled { status: 529 }),
        ("200 OK", cut, Traffic::Troubled { status: 200 }),
    ] {
        let answer = Box::leak(format!("HTTP/1.1 {head}\r\n{rest}").into_boxed_str());
        let upstream = Upstream::new(answer, "");
        let stage = Stage::new(Dialect::Anthropic, &upstream.url, false);
        stage.ask("/v1/messages", r#"{"model":"claude-opus-4-5","max_tokens":9}"#);
        let mut last = Traffic::Asked;
        while [Traffic::Asked, Traffic::Answering].contains(&last) {
            last = stage.traffic.recv_timeout(PATIENCE).unwrap();
        }
        assert_eq!(last, told, "{head}");
    }
}

#[test]
fn a_guests_calls_are_its_own_to_pay_and_to_hold() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    let upstream = Upstream::new(answer, "");
    let stage = Stage::with(Dialect::Anthropic, &upstream.url, false, Micros(700));
    let guest = stage.gateway.admit(&stage.guests, a_guest());
    guest.hold(true);
    let headers = format!("x-api-key: {GUEST}\r\n");
    let body = r#"{"model":"claude-opus-4-5","max_tokens":9}"#;
    let open = stage.send("/v1/messages", &headers, body);
    assert_eq!(stage.traffic.recv_timeout(PATIENCE), Ok(Traffic::Asked));
    stage.no_bill();
    assert!(upstream.seen.try_recv().is_err(), "it went upstream");
    guest.hold(false);
    assert!(read_all(open).starts_with("HTTP/1.1 200 "));
    assert_eq!(stage.bill().cost, Micros(700), "what was set aside for it");
    while stage.traffic.recv_timeout(PATIENCE) != Ok(Traffic::Quiet) {}
    guest.refuse();
    let late = read_all(stage.send("/v1/messages", &headers, body));
    assert!(late.starts_with("HTTP/1.1 402 "), "{late}");
    assert_eq!(stage.bill().status, 402);
    assert_eq!(*stage.whose.lock().unwrap(), BTreeSet::from(["ag-02-1".into()]));
}
