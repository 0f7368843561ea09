//! Requests over a socket by hand, as a program without the client sends them.

use serde_json::Value;
use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    path::Path,
};

pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }

    /// Its status, if it is a problem document of that status.
    pub fn problem(&self) -> u16 {
        let problem = self.json();
        assert!(self.head.contains("application/problem+json"), "{}\n{}", self.head, self.body);
        assert_eq!(problem["status"], self.status, "{problem:#}");
        self.status
    }
}

pub fn get(socket: &Path, path: &str, headers: &str) -> Answer {
    ask(socket, "GET", path, headers, b"")
}

/// `headers` are whole lines, each with its end.
pub fn ask(socket: &Path, method: &str, path: &str, headers: &str, body: &[u8]) -> Answer {
    let mut stream = UnixStream::connect(socket).unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: dash\r\nconnection: close\r\n{headers}\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    // A body that is refused is not read to its end.
    let _ = stream.write_all(body);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
    let status = status.unwrap_or_else(|| panic!("no status in {answer:?}"));
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}
