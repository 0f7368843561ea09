//! Bounds: hosts that are away, peers that do not read, floods, silence.

use super::*;

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

/// What an attempt had open at its end stands on record before that end.
#[test]
fn all_is_told_when_a_listener_is_over() {
    let (place, _seen) = host(|mut stream| {
        let mut byte = [0];
        stream.write_all(b"x").unwrap();
        let _ = stream.read(&mut byte);
    });
    let mut stage = Stage::new(&[&place]);
    // More than are told at once: the rest is summed up.
    let refused: Vec<_> = (0..9).map(|_| stage.tunnel("elsewhere.example:1")).collect();
    assert!(refused.iter().all(Result::is_err));
    let mut tunnel = stage.tunnel(&place).unwrap();
    tunnel.read_exact(&mut [0]).unwrap();
    let serving = stage.serving.take().unwrap();
    stage._runtime.block_on(serving.over());
    let told: Vec<Connection> = std::iter::from_fn(|| stage.told.try_recv().ok()).collect();
    let of = |host: &str| {
        let some = told.iter().filter(|told| told.host == host);
        some.map(|told| told.count).sum::<u64>()
    };
    assert_eq!((of("elsewhere.example"), of("127.0.0.1")), (9, 1), "{told:?}");
    let open = told.iter().find(|told| told.host == "127.0.0.1").unwrap();
    assert_eq!((open.reason.as_deref(), open.received), (Some("the attempt ended"), 1));
}
