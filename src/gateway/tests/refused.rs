//! What goes no further, or not yet.

use super::*;

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

#[test]
fn whoever_sends_too_much_is_told_so() {
    for (dialect, path, word) in [
        (Dialect::Anthropic, "/v1/messages", "request_too_large"),
        (Dialect::Openai, "/v1/responses", "invalid_request_error"),
        (Dialect::Gemini, "/v1beta/models/m:generateContent", "INVALID_ARGUMENT"),
    ] {
        let stage = Stage::new(dialect, "http://127.0.0.1:9", false);
        let mut stream = TcpStream::connect(("127.0.0.1", stage.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let length = 80 << 20;
        let head = format!("host: x\r\nx-api-key: {TOKEN}\r\ncontent-length: {length}\r\n\r\n");
        write!(stream, "POST {path} HTTP/1.1\r\nconnection: close\r\n{head}").unwrap();
        // All of it is sent before anything is read, as clients do.
        let part = vec![b'x'; 1 << 20];
        for _ in 0..80 {
            stream.write_all(&part).unwrap();
        }
        let answer = read_all(stream);
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
        assert!(answer.contains(word) && answer.contains("larger than 64 MB"), "{answer}");
        stage.no_bill();

        // One that asks first need not send it.
        let mut stream = TcpStream::connect(("127.0.0.1", stage.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "POST {path} HTTP/1.1\r\nexpect: 100-continue\r\n{head}").unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        assert!(line.starts_with("HTTP/1.1 413 "), "{line}");
    }
}

/// Most agents ask again for minutes after a 503, and none after a 403.
#[test]
fn a_key_that_is_missing_is_told_at_once_and_for_good() {
    let upstream = Upstream::new("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", "");
    let provider = Provider {
        dialect: Dialect::Anthropic,
        base_url: upstream.url.clone(),
        key_env: None,
        key_file: None,
        key_command: Some(vec!["false".to_owned()]),
        login: None,
        notional: None,
        prices: Default::default(),
    };
    let stage = Stage::through(provider, false, (None, None));
    let answer = stage.ask("/v1/messages", r#"{"model":"m","max_tokens":1}"#);
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    assert!(answer.contains("key missing for provider up: false failed"), "{answer}");
    assert!(answer.contains("permission_error"), "{answer}");
    assert!(upstream.seen.try_recv().is_err(), "it went upstream");
}

/// Some providers repeat the request's headers in a refusal.
#[test]
fn a_refusal_that_repeats_the_real_key_has_stars_for_it() {
    const FIRST: &str = concat!(
        "HTTP/1.1 401 Unauthorized\r\ncontent-type: application/json\r\n",
        "connection: close\r\n\r\n{\"error\":\"no such key: sk-the-r",
    );
    let upstream = Upstream::new(FIRST, "eal-key, sk-the-real-key\"}");
    upstream.go_on.send(()).unwrap();
    let stage = Stage::new(Dialect::Anthropic, &upstream.url, false);
    let answer = read_all(stage.send(
        "/v1/messages",
        &format!("x-api-key: {TOKEN}\r\n"),
        r#"{"model":"m","max_tokens":1}"#,
    ));
    assert!(answer.starts_with("HTTP/1.1 401 ") && !answer.contains(KEY), "{answer}");
    assert!(answer.contains("no such key: ****"), "{answer}");
    assert_eq!(stage.bill().status, 401);
}
