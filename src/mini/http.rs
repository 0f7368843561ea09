//! Just enough HTTP for one POST at a time to the gateway: plain TCP to a loopback address,
//! one connection a call, the body as a stream of lines.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// A gateway that says nothing for so long is given up, and the call tried again.
const SILENCE_LIMIT: Duration = Duration::from_secs(1200);
const CONNECT_LIMIT: Duration = Duration::from_secs(30);
/// Longest line of a head or of a stream, in bytes.
const MAX_LINE: u64 = 16 << 20;

/// `http://host:port/prefix`, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    host: String,
    path: String,
}

impl Base {
    pub fn parse(url: &str) -> Result<Self, String> {
        let rest = url.strip_prefix("http://").ok_or_else(|| {
            format!("{url:?} is no plain http:// address: mini talks to Dash's gateway only")
        })?;
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let host = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
        Ok(Self { host, path: path.trim_end_matches('/').to_owned() })
    }
}

pub struct Response {
    pub status: u16,
    /// Seconds that the other side wants us to wait before another try.
    pub retry_after: Option<u64>,
    body: Body,
}

enum Body {
    Length(io::Take<BufReader<TcpStream>>),
    Chunked {
        from: BufReader<TcpStream>,
        left: u64,
        over: bool,
    },
    /// Until the connection ends.
    Rest(BufReader<TcpStream>),
}

pub fn post(
    base: &Base,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Response> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the address has no host");
    let mut stream = None;
    for address in base.host.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECT_LIMIT) {
            Ok(connected) => {
                stream = Some(connected);
                break;
            }
            Err(e) => last = e,
        }
    }
    let mut stream = stream.ok_or(last)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(SILENCE_LIMIT))?;
    let mut head = format!(
        "POST {}{path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n",
        base.path,
        base.host,
        body.len()
    );
    for (name, value) in headers {
        if value.contains(['\r', '\n']) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a line break in a header"));
        }
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    read_head(BufReader::new(stream))
}

fn read_head(mut from: BufReader<TcpStream>) -> io::Result<Response> {
    let first = line(&mut from)?.ok_or(io::ErrorKind::UnexpectedEof)?;
    let status = first.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = status.ok_or_else(|| bad(&format!("no HTTP: {first:?}")))?;
    let (mut length, mut chunked, mut retry_after) = (None, false, None);
    loop {
        let line = line(&mut from)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let Some((name, value)) = line.split_once(':') else {
            if line.is_empty() {
                break;
            }
            return Err(bad("a header without a colon"));
        };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().ok(),
            "transfer-encoding" => chunked = value.to_ascii_lowercase().contains("chunked"),
            "retry-after" => retry_after = value.parse().ok(),
            _ => {}
        }
    }
    let body = match (chunked, length) {
        (true, _) => Body::Chunked { from, left: 0, over: false },
        (false, Some(length)) => Body::Length(from.take(length)),
        (false, None) => Body::Rest(from),
    };
    Ok(Response { status, retry_after, body })
}

fn bad(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

/// A line without its end; none at the end of the stream.
fn line(from: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    if from.take(MAX_LINE).read_until(b'\n', &mut bytes)? == 0 {
        return Ok(None);
    }
    if bytes.pop_if(|b| *b == b'\n').is_none() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    bytes.pop_if(|b| *b == b'\r');
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

impl Read for Response {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match &mut self.body {
            Body::Rest(from) => from.read(out),
            Body::Length(from) => {
                let n = from.read(out)?;
                if n == 0 && from.limit() > 0 && !out.is_empty() {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                Ok(n)
            }
            Body::Chunked { from, left, over } => {
                if *over {
                    return Ok(0);
                }
                if *left == 0 {
                    let size = line(from)?.ok_or(io::ErrorKind::UnexpectedEof)?;
                    let digits = size.split(';').next().unwrap_or_default().trim();
                    *left = u64::from_str_radix(digits, 16).map_err(|_| bad("no chunk size"))?;
                    if *left == 0 {
                        *over = true;
                        return Ok(0);
                    }
                }
                let want = out.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                let n = from.read(&mut out[..want])?;
                if n == 0 && want > 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                *left -= n as u64;
                if *left == 0 && line(from)?.is_none_or(|rest| !rest.is_empty()) {
                    return Err(bad("a chunk without its end"));
                }
                Ok(n)
            }
        }
    }
}

/// The data of each event of a stream, until it ends.
pub fn events(response: Response) -> impl Iterator<Item = io::Result<String>> {
    let mut from = BufReader::new(response);
    std::iter::from_fn(move || {
        loop {
            match line(&mut from) {
                Ok(Some(line)) => {
                    if let Some(data) = line.strip_prefix("data:") {
                        return Some(Ok(data.trim_start().to_owned()));
                    }
                }
                Ok(None) => return None,
                Err(e) => return Some(Err(e)),
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// What comes of an answer with these bytes: status and body, or the error's kind.
    fn answered(bytes: &'static [u8]) -> Result<(u16, String), io::ErrorKind> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/p/", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = BufReader::new(stream.try_clone().unwrap());
            assert_eq!(line(&mut head).unwrap().unwrap(), "POST /p/v1/x HTTP/1.1");
            while !line(&mut head).unwrap().unwrap().is_empty() {}
            let mut body = [0; 2];
            head.read_exact(&mut body).unwrap();
            stream.write_all(bytes).unwrap();
        });
        let base = Base::parse(&url).unwrap();
        let result = post(&base, "/v1/x", &[("a", "b")], b"{}").and_then(|mut response| {
            let mut text = String::new();
            response.read_to_string(&mut text)?;
            Ok((response.status, text))
        });
        server.join().unwrap();
        result.map_err(|e| e.kind())
    }

    #[test]
    fn reads_bodies_of_every_kind_and_notices_cuts() {
        let ok = |text: &str| Ok((200, text.to_owned()));
        assert_eq!(answered(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"), ok("hi"));
        assert_eq!(answered(b"HTTP/1.1 200 OK\r\n\r\nto the end"), ok("to the end"));
        assert_eq!(
            answered(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n1;x\r\n!\r\n0\r\n\r\n"),
            ok("hi!")
        );
        let cut = Err(io::ErrorKind::UnexpectedEof);
        assert_eq!(answered(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nhi"), cut);
        assert_eq!(
            answered(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n"),
            cut
        );
        assert_eq!(answered(b""), cut);
        assert_eq!(answered(b"SSH-2.0\r\n"), Err(io::ErrorKind::InvalidData));
    }

    #[test]
    fn only_plain_addresses() {
        assert!(Base::parse("https://example.org").is_err());
        assert_eq!(
            Base::parse("http://h/a/").unwrap(),
            Base { host: "h:80".into(), path: "/a".into() }
        );
    }
}
