//! Calls through an agent's gateway from outside of it: with the address and the token that the
//! agent was given. Its listener outlives the core, so such calls go on when the core is killed.

use crate::{dialects::Wire, wait::eventually, world::World};
use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
    time::Duration,
};

#[derive(Clone, Debug)]
pub struct Door {
    /// `127.0.0.1:PORT`.
    pub address: String,
    pub token: String,
}

/// An answer as it came.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: String,
}

impl Door {
    /// The doors of `agents` new agents of one swarm that do nothing; its id.
    pub fn open(world: &World, agents: usize, args: &[&str]) -> (String, Vec<Self>) {
        let count = agents.to_string();
        let create = ["--no-sandbox", "--agents", &count];
        let swarm = world.create(&[&create[..], args, &["--", "sleep", "3600"]].concat());
        let doors = eventually("agents with their gateways", || {
            let of = world.agents_of(&swarm);
            let doors: Vec<Self> = (world.processes().iter())
                .filter(|proc| proc.command == "sleep 3600")
                .filter(|proc| proc.variable("DASH_AGENT").is_some_and(|id| of.contains(&id)))
                .filter_map(|proc| {
                    let url = proc.variable("ANTHROPIC_BASE_URL")?;
                    let address = url.strip_prefix("http://")?.to_owned();
                    Some(Self { address, token: proc.variable("ANTHROPIC_API_KEY")? })
                })
                .collect();
            (doors.len() == agents).then_some(doors)
        });
        (swarm, doors)
    }

    /// A door to somebody who wants no token.
    pub fn straight(url: &str) -> Self {
        let address = url.strip_prefix("http://").unwrap().to_owned();
        Self { address, token: "none".to_owned() }
    }

    pub fn connect(&self, patience: Duration) -> io::Result<Line> {
        let stream = TcpStream::connect(&self.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(patience))?;
        Ok(Line { from: BufReader::with_capacity(64 << 10, stream), token: self.token.clone() })
    }

    /// A call on a connection of its own.
    ///
    /// # Errors
    /// When it breaks off, or says nothing for as long as `patience`.
    pub fn ask(
        &self,
        wire: Wire,
        path: &str,
        body: &str,
        patience: Duration,
    ) -> io::Result<Answer> {
        let mut line = self.connect(patience)?;
        line.send(wire, path, body)?;
        let (mut text, status) = (Vec::new(), line.head()?);
        line.body(|chunk| text.extend_from_slice(chunk))?;
        Ok(Answer { status, body: String::from_utf8_lossy(&text).into_owned() })
    }
}

/// A connection for one call after the other.
pub struct Line {
    from: BufReader<TcpStream>,
    token: String,
}

impl Line {
    pub fn send(&mut self, wire: Wire, path: &str, body: &str) -> io::Result<()> {
        let name = match wire {
            Wire::Messages | Wire::Count => "x-api-key: ",
            Wire::Chat | Wire::Responses => "authorization: Bearer ",
            Wire::Gemini => "x-goog-api-key: ",
        };
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n{name}{}\r\n\
             content-length: {}\r\n\r\n{body}",
            self.token,
            body.len()
        );
        self.from.get_mut().write_all(request.as_bytes())
    }

    /// The status; then comes the [`body`](Self::body).
    pub fn head(&mut self) -> io::Result<u16> {
        let line = self.line()?;
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
        status.ok_or(io::ErrorKind::InvalidData.into())
    }

    /// What is left of the head and the body, piece by piece as it comes.
    pub fn body(&mut self, mut take: impl FnMut(&[u8])) -> io::Result<()> {
        let (mut length, mut chunked) = (0, false);
        loop {
            let line = self.line()?.to_ascii_lowercase();
            if let Some(n) = line.strip_prefix("content-length:") {
                length = n.trim().parse().unwrap();
            }
            chunked |= line.starts_with("transfer-encoding:") && line.contains("chunked");
            if line.is_empty() {
                break;
            }
        }
        if !chunked {
            return self.take(length, &mut take);
        }
        loop {
            let line = self.line()?;
            let length = usize::from_str_radix(line.trim(), 16);
            let length = length.map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
            self.take(length, &mut take)?;
            self.line()?;
            if length == 0 {
                return Ok(());
            }
        }
    }

    fn take(&mut self, mut length: usize, take: &mut impl FnMut(&[u8])) -> io::Result<()> {
        while length > 0 {
            let some = self.from.fill_buf()?;
            if some.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let part = some.len().min(length);
            take(&some[..part]);
            self.from.consume(part);
            length -= part;
        }
        Ok(())
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        // Heads are short; whoever sends more is cut.
        let read = (&mut self.from).take(64 << 10).read_line(&mut line)?;
        match read {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(line.trim_end().to_owned()),
        }
    }
}
