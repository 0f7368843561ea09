//! What may not pass: hosts out of scope, odd spellings, requests inside of requests.

use super::*;

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
