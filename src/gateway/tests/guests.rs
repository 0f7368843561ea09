//! Those whose calls come by another's listener.

use super::*;

fn a_guest() -> Caller {
    Caller {
        swarm: "sw-1".into(),
        agent: "ag-02".into(),
        attempt: "ag-02-1".into(),
        token: GUEST.to_owned(),
        calls: None,
    }
}

#[test]
fn a_guest_has_a_key_of_its_own_for_as_long_as_it_is_there() {
    let stage = Stage::new(Dialect::Anthropic, "http://127.0.0.1:PORT", false);
    let ask = || {
        let headers = format!("x-api-key: {GUEST}\r\n");
        let answer = read_all(stage.send("/v1/messages", &headers, r#"{"model":"m"}"#));
        answer.split(' ').nth(1).unwrap_or_default().to_owned()
    };
    assert_eq!(ask(), "403", "nobody's");
    let guest = stage.gateway.admit(&stage.guests, a_guest());
    // Its own provider is this gateway: it came as far as that.
    assert_eq!(ask(), "508");
    stage.no_bill();
    guest.refuse();
    assert_eq!(ask(), "402");
    assert_eq!(stage.bill().status, 402);
    drop(guest);
    assert_eq!(ask(), "403");
}

#[test]
fn a_guests_calls_are_its_own_to_pay_and_to_hold() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    let upstream = Upstream::new(answer, "");
    let stage = Stage::with(Dialect::Anthropic, &upstream.url, false, Some(Micros(700)));
    let guest = stage.gateway.admit(&stage.guests, a_guest());
    guest.hold(true);
    let headers = format!("x-api-key: {GUEST}\r\n");
    let body = r#"{"model":"claude-opus-4-5","max_tokens":9}"#;
    let open = stage.send("/v1/messages", &headers, body);
    assert_eq!(stage.traffic.recv_timeout(PATIENCE), Ok(Traffic::Asked));
    stage.no_bill();
    assert!(upstream.seen.try_recv().is_err(), "it went upstream");
    guest.hold(false);
    assert!(read_all(open).starts_with("HTTP/1.1 200 "));
    assert_eq!(stage.bill().cost, Micros(700), "what was set aside for it");
    while stage.traffic.recv_timeout(PATIENCE) != Ok(Traffic::Quiet) {}
    guest.refuse();
    let late = read_all(stage.send("/v1/messages", &headers, body));
    assert!(late.starts_with("HTTP/1.1 402 "), "{late}");
    assert_eq!(stage.bill().status, 402);
    assert_eq!(*stage.whose.lock().unwrap(), BTreeSet::from(["ag-02-1".into()]));
}
