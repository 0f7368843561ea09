//! The API over TCP: who is let in, and that what is let in is the socket's own.

use crate::{
    by_hand::Answer,
    wait::{LIMIT, exit_within},
    world::World,
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Stdio},
    time::Duration,
};

pub struct Door {
    child: Child,
    port: u16,
    pub token: String,
}

impl Door {
    pub fn open(world: &World) -> Self {
        let mut command = world.command(&["serve", "--listen", "127.0.0.1:0", "--json"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).unwrap();
        let port = said["url"].as_str().unwrap().rsplit(':').next().unwrap().parse().unwrap();
        Self { child, port, token: said["token"].as_str().unwrap().to_owned() }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream
    }

    /// What comes back for this text; the head alone where the connection stays open.
    fn says(&self, text: &str) -> Answer {
        let mut stream = self.connect();
        stream.write_all(text.as_bytes()).unwrap();
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no status in {text:?}"));
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }

    fn own_host(&self) -> String {
        format!("host: 127.0.0.1:{}\r\n", self.port)
    }

    fn bearer(&self) -> String {
        format!("authorization: Bearer {}\r\n", self.token)
    }

    fn get(&self, path: &str, headers: &str) -> Answer {
        self.says(&format!("GET {path} HTTP/1.1\r\n{headers}connection: close\r\n\r\n"))
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn whoever_has_the_token_has_the_api() {
    let world = World::new();
    let mut door = Door::open(&world);
    let known = door.own_host() + &door.bearer();
    let health = door.get("/v1/health", &known);
    assert_eq!((health.status, &health.json()["pid"]), (200, &world.core().pid.into()));
    // Asked under its other name, with a body; a refusal is the core's own.
    let local = format!("host: localhost:{}\r\n{}", door.port, door.bearer());
    let ask = |body: &str| {
        let length = format!("content-length: {}\r\nconnection: close\r\n\r\n", body.len());
        let head = "POST /v1/swarms HTTP/1.1\r\ncontent-type: application/json\r\n";
        door.says(&format!("{head}{local}{length}{body}"))
    };
    let place = world.work.display();
    let made = ask(&format!(r#"{{"task":"x","agents":1,"command":["true"],"cwd":"{place}"}}"#));
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(ask(r#"{"tusk":"x"}"#).problem(), 400);
    let id = made.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(world.dash(&["swarm", "wait", &id]).code, 0);
    // Two requests on one connection, the second the last.
    let again = format!("GET /v1/swarms/{id} HTTP/1.1\r\n{known}\r\n");
    let both =
        door.says(&format!("{again}GET /v1/health HTTP/1.1\r\n{known}connection: close\r\n\r\n"));
    assert!(both.body.contains("\"done\"") && both.body.contains("uptime_ms"), "{}", both.body);
    // Its core may go: the next request has the next one.
    world.kill_core();
    assert_eq!(door.get("/v1/health", &known).status, 200);
    let pid = Pid::from_child(&door.child);
    kill_process(pid, Signal::TERM).unwrap();
    assert_eq!(exit_within(&mut door.child, LIMIT).unwrap().code(), Some(0));
}

#[test]
fn events_are_streamed_and_upgraded() {
    let world = World::new();
    let door = Door::open(&world);
    let mut stream = door.connect();
    let head = format!(
        "GET /v1/events?snapshot=1 HTTP/1.1\r\n{}{}connection: Upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        door.own_host(),
        door.bearer()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    assert!(line.starts_with("HTTP/1.1 101 "), "{line}");
    while line != "\r\n" {
        line.clear();
        reader.read_line(&mut line).unwrap();
    }
    // A text frame, with what the core told first.
    let mut frame = [0; 2];
    reader.read_exact(&mut frame).unwrap();
    assert_eq!(frame[0], 0x81);
    let mut text = [0; 40];
    reader.read_exact(&mut text).unwrap();
    assert!(String::from_utf8_lossy(&text).contains('{'), "{text:?}");
}

#[test]
fn nobody_else_is_let_in() {
    let world = World::new();
    let door = Door::open(&world);
    let (own, bearer, port) = (door.own_host(), door.bearer(), door.port);
    let wrong = "authorization: Bearer 0000\r\n".to_owned();
    for (path, headers, status) in [
        ("/v1/health", own.clone(), 401),
        ("/v1/health", own.clone() + &wrong, 401),
        ("/v1/health", own.clone() + &bearer + &wrong, 401),
        ("/v1/health", own.clone() + &bearer.replace("Bearer", "Basic"), 401),
        // No token stands in an address.
        (&format!("/v1/health?token={}", door.token), own.clone(), 401),
        ("/v1/events", own.clone() + "connection: upgrade\r\nupgrade: websocket\r\n", 401),
        // A name of somebody else's that leads here, whatever else it brings.
        ("/v1/health", format!("host: evil.example:{port}\r\n{bearer}"), 421),
        ("/v1/health", format!("host: 127.0.0.1\r\n{bearer}"), 421),
        ("/v1/health", bearer.clone(), 421),
        ("/v1/health", format!("{own}host: evil.example\r\n{bearer}"), 421),
        (&format!("http://evil.example:{port}/v1/health"), own.clone() + &bearer, 421),
        // A page of the web.
        ("/v1/health", format!("{own}{bearer}origin: http://evil.example\r\n"), 403),
        ("/v1/health", format!("{own}{bearer}origin: null\r\n"), 403),
        ("/v1/health", format!("{own}{bearer}origin: https://127.0.0.1:{port}\r\n"), 403),
    ] {
        let answer = door.get(path, &headers);
        assert_eq!(answer.problem(), status, "{path} {headers}");
        assert!(!answer.body.contains(&door.token), "{}", answer.body);
    }
    let same = format!("{own}{bearer}origin: http://127.0.0.1:{port}\r\n");
    assert_eq!(door.get("/v1/health", &same).status, 200);
    let large = format!("{own}{bearer}x-large: {}\r\n", "x".repeat(64 << 10));
    assert_eq!(door.get("/v1/health", &large).status, 431);
}

#[test]
fn an_agent_opens_no_door() {
    let world = World::new();
    world.ok(&["swarm", "list"]);
    let mut command = world.command(&["serve", "--listen", "127.0.0.1:0"]);
    command.env("DASH_AGENT", "ag-01");
    assert_eq!(world.run(command, b"", LIMIT).code, 6);
}

#[test]
fn those_who_only_wait_keep_nobody_out_who_has_the_token() {
    let world = World::new();
    let door = Door::open(&world);
    let mut waiting: Vec<TcpStream> = Vec::new();
    // Shorter than those who wait are given: none of them has left by itself.
    let soon = Duration::from_secs(5);
    for n in 0..200 {
        let mut stream = door.connect();
        stream.write_all(b"GET /v1/health HTTP/1.1\r\nx-").unwrap();
        waiting.push(stream);
        if n % 50 == 49 {
            let mut known = door.connect();
            known.set_read_timeout(Some(soon)).unwrap();
            let (host, bearer) = (door.own_host(), door.bearer());
            let asked = format!("GET /v1/health HTTP/1.1\r\n{host}{bearer}\r\n");
            known.write_all(asked.as_bytes()).unwrap();
            let mut begin = [0; 12];
            known.read_exact(&mut begin).unwrap_or_else(|error| panic!("after {n}: {error}"));
            assert_eq!(&begin, b"HTTP/1.1 200");
        }
    }
    // The first of them were ended to make room.
    let mut first = waiting.remove(0);
    assert_eq!(first.read(&mut [0; 10]).unwrap_or(0), 0);
}
