//! The proxy over real sockets: a listener of its own, hosts on loopback, plain clients.

mod bounds;
mod passing;
mod refused;

use super::*;
use crate::config::Config;
use crate::gateway::{Call, CallReport, Gateway, Ledger, ReserveFuture, Serving, Traffic};
use crate::model::{Host, Net, Reservation};
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
        Box::pin(async { Ok(Reservation { number: 1, amount: None, tokens: None }) })
    }
    fn settle(&self, _: &Caller, _: Option<Reservation>, _: CallReport) {}
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
            calls: None,
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
