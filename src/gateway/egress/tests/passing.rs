//! What may pass, passes as it comes.

use super::*;

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
