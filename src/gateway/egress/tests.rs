//! The proxy over real sockets: a listener of its own, hosts on loopback, plain clients.

use super::*;
use crate::config::Config;
use crate::gateway::{
    Call, CallReport, Gateway, Ledger, Reservation, ReserveFuture, Serving, Traffic,
};
use crate::model::{Host, Net};
use base64::Engine as _;
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const TOKEN: &str = "token-of-the-attempt";
const PATIENCE: Duration = Duration::from_secs(20);

struct NoLedger;

impl Ledger for NoLedger {
    fn reserve<'a>(&'a self, _: &'a Call) -> ReserveFuture<'a> {
        Box::pin(std::future::ready(Ok(Reservation(0))))
    }
    fn settle(&self, _: &Caller, _: Reservation, _: CallReport) {}
    fn traffic(&self, _: &Caller, _: Traffic) {}
}

struct Outside {
    scope: Mutex<Scope>,
    names: HashMap<&'static str, Vec<IpAddr>>,
    looked_up: Mutex<Vec<String>>,
    told: SyncSender<Connection>,
}

impl Egress for Outside {
    fn scope<'a>(&'a self, caller: &'a Caller) -> EgressFuture<'a, Option<Scope>> {
        assert_eq!(caller.token, TOKEN);
        let scope = self.scope.lock().unwrap().clone();
        Box::pin(std::future::ready(Some(scope)))
    }
    fn resolve<'a>(&'a self, name: &'a str) -> EgressFuture<'a, io::Result<Vec<IpAddr>>> {
        self.looked_up.lock().unwrap().push(name.to_owned());
        let unknown = || io::Error::other("no such name");
        Box::pin(std::future::ready(self.names.get(name).cloned().ok_or_else(unknown)))
    }
    fn connected(&self, _: &Caller, connection: Connection) {
        self.told.send(connection).unwrap();
    }
}

struct Stage {
    _runtime: tokio::runtime::Runtime,
    serving: Option<Serving>,
    outside: Arc<Outside>,
    port: u16,
    told: Receiver<Connection>,
}

impl Stage {
    fn new(hosts: &[&str]) -> Self {
        let (to, told) = sync_channel(1024);
        let loopback = IpAddr::from([127, 0, 0, 1]);
        let outside = Arc::new(Outside {
            scope: Mutex::default(),
            names: HashMap::from([
                ("here.example", vec![loopback]),
                ("meta.example", vec!["169.254.169.254".parse().unwrap()]),
                ("mapped.example", vec!["::ffff:127.0.0.1".parse().unwrap()]),
                ("mixed.example", vec!["fe80::1".parse().unwrap(), loopback]),
                ("none.example", vec![]),
                ("localhost", vec![loopback]),
            ]),
            looked_up: Mutex::default(),
            told: to,
        });
        let gateway = Gateway::new(&Config::default(), &[], Arc::new(NoLedger)).unwrap();
        let gateway = gateway.with_egress(outside.clone());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let caller = Caller {
            swarm: "sw-1".into(),
            agent: "ag-01".into(),
            attempt: "ag-01-1".into(),
            token: TOKEN.to_owned(),
        };
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let serving = runtime.block_on(async { gateway.serve(listener, caller) });
        let stage = Self { _runtime: runtime, serving: Some(serving), outside, port, told };
        stage.allow(hosts);
        stage
    }

    fn allow(&self, hosts: &[&str]) {
        let hosts = hosts.iter().map(|host| Host::parse(host).unwrap()).collect();
        *self.outside.scope.lock().unwrap() = Scope { net: Net::Hosts(hosts), ..Scope::default() };
    }

    fn write(&self, bytes: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(bytes).unwrap();
        stream
    }

    /// Opens a tunnel, or gives back why not.
    fn tunnel(&self, place: &str) -> Result<TcpStream, String> {
        let mut stream = self.write(
            format!("CONNECT {place} HTTP/1.1\r\nhost: {place}\r\n{}\r\n", key(TOKEN)).as_bytes(),
        );
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        if head.starts_with("HTTP/1.1 200") {
            assert!(!head.contains("content-length") && !head.contains("transfer"), "{head}");
            return Ok(stream);
        }
        stream.shutdown(Shutdown::Write).unwrap();
        Err(head + &read_all(stream))
    }

    fn get(&self, url: &str) -> String {
        let head =
            format!("GET {url} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{}\r\n", key(TOKEN));
        read_all(self.write(head.as_bytes()))
    }

    fn told(&self) -> Connection {
        self.told.recv_timeout(PATIENCE).unwrap()
    }

    fn nothing_told(&self) {
        assert_eq!(self.told.try_recv().ok(), None);
    }
}

fn key(token: &str) -> String {
    let code = base64::engine::general_purpose::STANDARD.encode(format!("dash:{token}"));
    format!("proxy-authorization: Basic {code}\r\n")
}

fn read_all(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Takes one connection and hands it to `serve` in a thread of its own.
fn host<T: Send + 'static>(
    serve: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> (String, Receiver<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = listener.local_addr().unwrap().to_string();
    let (to, from) = sync_channel(1);
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let _ = to.send(serve(stream));
    });
    (place, from)
}

/// The head of a request, to its empty line.
fn head(stream: &TcpStream) -> String {
    let mut from = BufReader::with_capacity(1, stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(from.read_line(&mut head).unwrap() > 0, "{head}");
    }
    head
}

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nkeep-alive: x\r\n\
    connection: x-hop, close\r\nx-hop: 1\r\nx-own: 2\r\n\r\nhello";

#[test]
fn plain_requests_pass_without_what_is_for_the_proxy() {
    let (place, seen) = host(|mut stream| {
        let head = head(&stream);
        stream.write_all(ANSWER).unwrap();
        head
    });
    let stage = Stage::new(&[&place]);
    let request = format!(
        "GET http://{place}/a/b?c=d HTTP/1.1\r\nhost: other.example\r\nconnection: close, X-Secret\r\n\
         x-secret: 1\r\nproxy-connection: keep-alive\r\nte: trailers\r\nupgrade: h2c\r\n\
         cookie: kept\r\n{}\r\n",
        key(TOKEN)
    );
    let answer = read_all(stage.write(request.as_bytes()));
    assert!(
        answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nhello"),
        "{answer}"
    );
    assert!(answer.contains("x-own: 2") && !answer.contains("x-hop: 1"), "{answer}");
    let seen = seen.recv_timeout(PATIENCE).unwrap();
    assert!(seen.starts_with("GET /a/b?c=d HTTP/1.1\r\n"), "{seen}");
    assert!(
        seen.contains(&format!("host: {place}\r\n")) && seen.contains("cookie: kept"),
        "{seen}"
    );
    for gone in ["other.example", "x-secret", "proxy-", "te:", "upgrade", "connection"] {
        assert!(!seen.to_lowercase().contains(gone), "{gone} in {seen}");
    }
    let told = stage.told();
    let (name, port) = place.split_once(':').unwrap();
    assert_eq!((told.host.as_str(), told.port.to_string().as_str()), (name, port));
    assert_eq!((told.allowed, told.reason, told.count), (true, None, 1));
    assert_eq!((told.sent, told.received), (seen.len() as u64, ANSWER.len() as u64));
    stage.nothing_told();
}

#[test]
fn bodies_pass_as_they_come() {
    // The host answers before it has the whole request, and the agent reads before the
    // answer ends: had either been gathered first, both would wait for ever.
    let (go, wait) = sync_channel::<()>(1);
    let (place, seen) = host(move |mut stream| {
        let head = head(&stream);
        let mut first = [0; 10];
        stream.read_exact(&mut first).unwrap();
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nearly\r\n")
            .unwrap();
        wait.recv().unwrap();
        // A socket closed with something unread would take the answer's end with it.
        let mut rest = Vec::new();
        while !rest.ends_with(b"0\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            rest.push(byte[0]);
        }
        stream.write_all(b"4\r\nlate\r\n0\r\n\r\n").unwrap();
        (head, String::from_utf8_lossy(&first).into_owned())
    });
    let stage = Stage::new(&[&place]);
    let request = format!(
        "POST http://{place}/ HTTP/1.1\r\nhost: {place}\r\nexpect: 100-continue\r\n\
         connection: close\r\ntransfer-encoding: chunked\r\n{}\r\n5\r\nfirst\r\n",
        key(TOKEN)
    );
    let mut stream = stage.write(request.as_bytes());
    let mut got = String::new();
    while !got.contains("early") {
        let mut bytes = [0; 100];
        let n = stream.read(&mut bytes).unwrap();
        assert!(n > 0, "{got}");
        got.push_str(&String::from_utf8_lossy(&bytes[..n]));
    }
    stream.write_all(b"4\r\nlast\r\n0\r\n\r\n").unwrap();
    go.send(()).unwrap();
    assert!(read_all(stream).contains("late"));
    let (head, first) = seen.recv_timeout(PATIENCE).unwrap();
    assert!(head.contains("transfer-encoding: chunked") && !head.contains("expect"), "{head}");
    assert_eq!(first, "5\r\nfirst\r\n");
}

#[test]
fn a_tunnel_carries_much_both_ways_and_either_end_may_stop_first() {
    const MUCH: usize = 12 << 20;
    let (place, seen) = host(|mut stream| {
        // Both ways at once: each side writes all before it reads anything.
        let mut out = stream.try_clone().unwrap();
        let writer = std::thread::spawn(move || out.write_all(&vec![7; MUCH]).unwrap());
        let mut got = Vec::new();
        stream.read_to_end(&mut got).unwrap();
        writer.join().unwrap();
        // The agent has ended its half: it still hears the answer.
        stream.write_all(b"goodbye").unwrap();
        (got.len(), got.iter().all(|b| *b == 9))
    });
    let stage = Stage::new(&[&place]);
    let mut stream = stage.tunnel(&place).unwrap();
    let mut reader = stream.try_clone().unwrap();
    let reading = std::thread::spawn(move || {
        let mut got = Vec::new();
        reader.read_to_end(&mut got).unwrap();
        got
    });
    stream.write_all(&vec![9; MUCH]).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(seen.recv_timeout(PATIENCE).unwrap(), (MUCH, true));
    let got = reading.join().unwrap();
    assert_eq!(got.len(), MUCH + 7);
    assert!(got.ends_with(b"goodbye"));
    let told = stage.told();
    assert_eq!((told.sent, told.received), (MUCH as u64, MUCH as u64 + 7));
    assert_eq!((told.allowed, told.reason), (true, None));
}

#[test]
fn the_host_may_end_its_half_first() {
    let (place, seen) = host(|mut stream| {
        stream.write_all(b"hello").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut rest = String::new();
        stream.read_to_string(&mut rest).unwrap();
        rest
    });
    let stage = Stage::new(&[&place]);
    let mut stream = stage.tunnel(&place).unwrap();
    let mut got = String::new();
    stream.read_to_string(&mut got).unwrap();
    stream.write_all(b"still there").unwrap();
    drop(stream);
    assert_eq!(
        (got.as_str(), seen.recv_timeout(PATIENCE).unwrap().as_str()),
        ("hello", "still there")
    );
}

#[test]
fn what_the_scope_does_not_name_is_refused_and_not_looked_up() {
    let stage = Stage::new(&["here.example:443"]);
    let refused = |what: &str, stage: &Stage| {
        let answer = stage.tunnel(what).unwrap_err();
        let told = stage.told();
        assert!(answer.starts_with("HTTP/1.1 403") && !told.allowed, "{answer}");
        assert!(answer.contains(told.reason.as_deref().unwrap()), "{answer} {told:?}");
        answer
    };
    let answer = refused("other.example:443", &stage);
    assert!(answer.ends_with("other.example:443 is outside this agent's --net\n"), "{answer}");
    refused("here.example:80", &stage);
    refused("8.8.8.8:443", &stage);
    let plain = stage.get("http://other.example/");
    assert!(plain.contains("other.example:80 is outside"), "{plain}");
    assert_eq!(stage.told().port, 80);
    *stage.outside.scope.lock().unwrap() = Scope::default();
    refused("here.example:443", &stage);
    *stage.outside.scope.lock().unwrap() = Scope::none();
    assert!(stage.tunnel("here.example:443").unwrap_err().contains("without a sandbox"));
    assert_eq!(*stage.outside.looked_up.lock().unwrap(), [] as [&str; 0]);
    let https = stage.get("https://here.example/");
    assert!(https.starts_with("HTTP/1.1 400") && https.contains("CONNECT"), "{https}");
}

#[test]
fn a_name_cannot_lead_inside() {
    let (place, _seen) = host(drop);
    let port = place.rsplit(':').next().unwrap();
    let names = ["here", "meta", "mapped", "none"].map(|name| format!("{name}.example"));
    let stage = Stage::new(&names.each_ref().map(String::as_str));
    for (name, word) in names.iter().zip(["a loopback", "a link-local", "a loopback", "no address"])
    {
        let answer = stage.tunnel(&format!("{name}:{port}")).unwrap_err();
        assert!(answer.starts_with("HTTP/1.1 403") && answer.contains(word), "{answer}");
        assert!(!stage.told().allowed);
    }
    let gone = stage.get("http://none.example/");
    assert!(gone.starts_with("HTTP/1.1 403"), "{gone}");
    stage.allow(&["unknown.example"]);
    let unknown = stage.get("http://unknown.example/");
    assert!(unknown.starts_with("HTTP/1.1 502") && unknown.contains("no such name"), "{unknown}");
}

#[test]
fn one_look_at_a_name_serves_for_check_and_connection() {
    let (place, seen) = host(|mut stream| stream.write_all(b"x").unwrap());
    let port = place.rsplit(':').next().unwrap();
    // Of its two addresses only the named one is tried.
    let stage = Stage::new(&["mixed.example", &format!("127.0.0.1:{port}")]);
    let stream = stage.tunnel(&format!("mixed.example:{port}")).unwrap();
    seen.recv_timeout(PATIENCE).unwrap();
    assert_eq!(read_all(stream), "x");
    assert_eq!(stage.told().host, "mixed.example");
    assert_eq!(*stage.outside.looked_up.lock().unwrap(), ["mixed.example"]);
}

#[test]
fn localhost_is_named_by_its_name() {
    let (place, _seen) = host(|mut stream| stream.write_all(b"x").unwrap());
    let port = place.rsplit(':').next().unwrap();
    let stage = Stage::new(&[&format!("localhost:{port}")]);
    assert_eq!(read_all(stage.tunnel(&format!("LocalHost.:{port}")).unwrap()), "x");
}

#[test]
fn odd_spellings_are_refused() {
    let stage = Stage::new(&["127.0.0.1", "good.example", "localhost"]);
    for target in [
        "2130706433:80",
        "0x7f.1:80",
        "0177.0.0.1:80",
        "127.1:80",
        "good.example@127.0.0.1:80",
        "good.example%00:80",
        "good.example:99999",
        "good.example",
        "localhost..:80",
        "[::1%lo]:80",
        "good.example\x01:80",
        "good.example\0:80",
        "g\u{f6}\u{f6}d.example:80",
    ] {
        let request = format!("CONNECT {target} HTTP/1.1\r\nhost: x\r\n{}\r\n", key(TOKEN));
        let mut stream = stage.write(request.as_bytes());
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        // One that hyper itself refuses may end in a reset.
        let _ = stream.read_to_string(&mut answer);
        assert!(answer.starts_with("HTTP/1.1 400") || answer.is_empty(), "{target}: {answer}");
    }
    let answer = stage.get("http://user:pw@good.example/");
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("a user before"), "{answer}");
    assert_eq!(*stage.outside.looked_up.lock().unwrap(), [] as [&str; 0]);
}

#[test]
fn without_the_token_there_is_no_way_out() {
    let stage = Stage::new(&["here.example"]);
    let basic = |text: &str| {
        let code = base64::engine::general_purpose::STANDARD.encode(text);
        format!("proxy-authorization: Basic {code}\r\n")
    };
    for (header, told) in [
        (String::new(), false),
        (format!("authorization: Bearer {TOKEN}\r\nx-api-key: {TOKEN}\r\n"), false),
        (key("another"), true),
        (basic(TOKEN), true),
        (basic(&format!("root:{TOKEN}")), true),
        (basic("dash:"), true),
        ("proxy-authorization: Basic !\r\n".to_owned(), true),
        (format!("proxy-authorization: Bearer {TOKEN}\r\n"), true),
    ] {
        for line in ["CONNECT here.example:443", "GET http://here.example/"] {
            let request =
                format!("{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{header}\r\n");
            let answer = read_all(stage.write(request.as_bytes()));
            assert!(answer.starts_with("HTTP/1.1 407"), "{header}: {answer}");
            assert!(answer.contains("proxy-authenticate: Basic realm=\"dash\""), "{answer}");
            assert!(!answer.contains(TOKEN), "{answer}");
        }
        if !told {
            stage.nothing_told();
        }
    }
    assert_eq!(*stage.outside.looked_up.lock().unwrap(), [] as [&str; 0]);
}

#[test]
fn no_second_request_hides_in_a_first() {
    let hidden = "GET /hidden HTTP/1.1\r\nhost: x\r\n\r\n";
    let chunked = format!("0\r\n\r\n{hidden}");
    let length = chunked.len();
    let both = format!("transfer-encoding: chunked\r\ncontent-length: {length}\r\n");
    let turned = format!("content-length: {length}\r\ntransfer-encoding: chunked\r\n");
    for (headers, body) in [
        (both.as_str(), chunked.as_str()),
        (turned.as_str(), &chunked),
        ("content-length: 3\r\ncontent-length: 4\r\n", "abc"),
        ("content-length: +3\r\n", "abc"),
        ("transfer-encoding: gzip, chunked\r\n", &chunked),
        ("transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n", &chunked),
        ("transfer-encoding: xchunked\r\n", &chunked),
        ("transfer-encoding: chunked, identity\r\n", &chunked),
        ("transfer-encoding : chunked\r\n", &chunked),
        ("content-length: 0\r\n", hidden),
        ("x: a\r\n b: c\r\n", ""),
    ] {
        let (place, seen) = host(|mut stream| {
            let mut seen = head(&stream);
            // All that comes after the head, to the end.
            stream.write_all(ANSWER).unwrap();
            stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest);
            seen.push_str(&String::from_utf8_lossy(&rest));
            seen
        });
        let stage = Stage::new(&[&place]);
        let request = format!(
            "POST http://{place}/ HTTP/1.1\r\nhost: x\r\n{headers}{}\r\n{body}",
            key(TOKEN)
        );
        let stream = stage.write(request.as_bytes());
        stream.shutdown(Shutdown::Write).unwrap();
        let answer = read_all(stream);
        if answer.starts_with("HTTP/1.1 200") {
            let seen = seen.recv_timeout(PATIENCE).unwrap();
            assert!(!seen.contains("hidden"), "{headers}: {seen}");
            let lengths = seen.matches("content-length").count() + seen.matches("chunked").count();
            assert!(lengths <= 1, "{headers}: {seen}");
            assert_eq!(seen.matches("HTTP/1.1").count(), 1, "{headers}: {seen}");
        } else {
            assert!(answer.starts_with("HTTP/1.1 400"), "{headers}: {answer}");
        }
    }
}

#[test]
fn an_answer_has_one_length() {
    let (place, _seen) = host(|mut stream| {
        head(&stream);
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n\
            8\r\nabcdefgh\r\n0\r\n\r\n";
        stream.write_all(answer).unwrap();
    });
    let stage = Stage::new(&[&place]);
    let answer = stage.get(&format!("http://{place}/"));
    assert!(answer.contains("abcdefgh") && !answer.contains("content-length"), "{answer}");
}

#[test]
fn a_host_that_is_away_is_said_to_be() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let stage = Stage::new(&[&free]);
    for answer in [stage.tunnel(&free).unwrap_err(), stage.get(&format!("http://{free}/"))] {
        assert!(answer.starts_with("HTTP/1.1 502") && answer.contains("refused"), "{answer}");
        let told = stage.told();
        assert!(told.allowed && told.reason.unwrap().contains("refused"));
    }
    // One that takes the connection and hangs up.
    let (place, _seen) = host(drop);
    stage.allow(&[&place]);
    let answer = stage.get(&format!("http://{place}/"));
    assert!(answer.starts_with("HTTP/1.1 502") && answer.contains("did not answer"), "{answer}");
}

#[test]
fn the_gateway_is_not_behind_itself() {
    let stage = Stage::new(&["127.0.0.1", "localhost"]);
    for name in ["127.0.0.1", "localhost"] {
        let answer = stage.tunnel(&format!("{name}:{}", stage.port)).unwrap_err();
        assert!(
            answer.starts_with("HTTP/1.1 403") && answer.contains("gateway itself"),
            "{answer}"
        );
        // A model call that took the proxy although it was told not to is a model call.
        let url = format!("http://{name}:{}/v1/models", stage.port);
        let call = format!("GET {url} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n");
        let answer = read_all(stage.write(format!("{call}\r\n").as_bytes()));
        assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
        let answer = read_all(stage.write(format!("{call}x-api-key: {TOKEN}\r\n\r\n").as_bytes()));
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

#[test]
fn who_does_not_read_holds_up_only_himself() {
    let (place, written) = host(|mut stream| {
        stream.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
        let (block, mut written) = (vec![1; 1 << 20], 0usize);
        while let Ok(n) = stream.write(&block) {
            written += n;
            assert!(written < 1 << 30, "nobody holds it back");
        }
        written
    });
    let stage = Stage::new(&[&place]);
    let stream = stage.tunnel(&place).unwrap();
    // What fits into the sockets on the way, and 64 KB between them.
    assert!(written.recv_timeout(PATIENCE).unwrap() < 64 << 20);
    let (other, _seen) = host(|mut stream| stream.write_all(b"x").unwrap());
    stage.allow(&[&other]);
    assert_eq!(read_all(stage.tunnel(&other).unwrap()), "x");
    drop(stream);
}

#[test]
fn connections_are_bounded_and_end_with_the_attempt() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = listener.local_addr().unwrap().to_string();
    let mut stage = Stage::new(&[&place]);
    let mut open: Vec<_> = (0..96).map(|_| stage.tunnel(&place).unwrap()).collect();
    let answer = stage.tunnel(&place).unwrap_err();
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("96 connections"), "{answer}");
    assert!(!stage.told().allowed);
    // Model calls have room of their own.
    let call = "GET /v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    assert!(read_all(stage.write(call.as_bytes())).starts_with("HTTP/1.1 401"));
    let accepted: Vec<_> = (0..96).map(|_| listener.accept().unwrap().0).collect();
    drop((open.pop(), accepted));
    let over = stage.told();
    assert!(over.allowed);
    open.clear();
    let mut ended = over.count;
    while ended < 96 {
        ended += stage.told().count;
    }
    let mut stream = stage.tunnel(&place).unwrap();
    drop(stage.serving.take());
    assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0);
    assert_eq!(stage.told().reason.as_deref(), Some("the attempt ended"));
}

#[test]
fn a_flood_of_refusals_is_told_in_few_words() {
    let stage = Stage::new(&[]);
    for _ in 0..60 {
        assert!(stage.tunnel("a.example:1").is_err());
    }
    let (mut events, mut count) = (0, 0);
    while count < 60 {
        let told = stage.told();
        assert_eq!((told.host.as_str(), told.port, told.allowed), ("a.example", 1, false));
        (events, count) = (events + 1, count + told.count);
    }
    assert_eq!(count, 60);
    assert!(events < 40, "{events}");
}

#[test]
fn silence_ends_a_connection() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let flow = flow::Flow::new();
        let (mut near, far) = tokio::io::duplex(10);
        let mut far = flow::Counted { stream: far, flow: flow.clone() };
        let limit = Duration::from_millis(200);
        let talk = async {
            use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
            for _ in 0..8 {
                tokio::time::sleep(limit / 4).await;
                near.write_all(b"x").await.unwrap();
                far.read_exact(&mut [0]).await.unwrap();
            }
            flow.age_ms()
        };
        let (said, ()) = tokio::join!(talk, flow.idle(limit));
        assert!(flow.age_ms() >= said + 190, "{} after {said}", flow.age_ms());
    });
}
