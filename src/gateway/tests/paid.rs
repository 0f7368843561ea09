//! What is set aside, charged, and cut short.

use super::*;

/// A stage in front of an upstream that answers with these bytes; what it was billed.
fn billed(first: &'static str, amount: i64) -> (CallReport, String) {
    let upstream = Upstream::new(first, "");
    let stage = Stage::with(Dialect::Anthropic, &upstream.url, false, Some(Micros(amount)));
    let body = "{\"model\":\"claude-opus-4-5\",\"max_tokens\":64000,\"stream\":true}";
    stage.ask("/v1/messages", body);
    (stage.bill(), upstream.seen.recv_timeout(PATIENCE).unwrap())
}

#[test]
fn what_was_set_aside_is_charged_where_the_usage_is_not_known() {
    const AMOUNT: i64 = 2_000_000;
    let cost = |first| {
        let (bill, _) = billed(first, AMOUNT);
        (bill.cost, bill.estimated)
    };
    // Cut off behind the prompt's tokens: nobody knows how long the answer became.
    let cut = concat!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 9999\r\n\r\n",
        "event: message_start\ndata: {\"message\":{\"model\":\"claude-opus-4-5\",",
        "\"usage\":{\"input_tokens\":100,\"output_tokens\":1}}}\n\n",
    );
    assert_eq!(cost(cut), (Micros(AMOUNT), true));
    let none = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    assert_eq!(cost(none), (Micros(AMOUNT), true));
    // It hung up without a word: it may have begun all the same.
    assert_eq!(cost(""), (Micros(AMOUNT), true));
    let refused = "HTTP/1.1 529 Overloaded\r\ncontent-length: 2\r\n\r\n{}";
    assert_eq!(cost(refused), (Micros(0), false));
    let whole = concat!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n",
        "{\"usage\":{\"input_tokens\":1000,\"output_tokens\":10}}",
    );
    assert_eq!(cost(whole), (Micros(5_250), false));
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let away = Stage::new(Dialect::Anthropic, &format!("http://{free}"), false);
    away.ask("/v1/messages", "{\"model\":\"claude-opus-4-5\",\"max_tokens\":9}");
    let bill = away.bill();
    assert_eq!((bill.cost, bill.estimated), (Micros(0), false), "it never left");
}

#[test]
fn an_answer_is_no_longer_than_what_was_set_aside() {
    let none = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    // $25 per million: 2,000 tokens and the prompt.
    let (_, seen) = billed(none, 50_400);
    let limit = seen.split("\"max_tokens\":").nth(1).unwrap();
    let limit: u64 = limit.split(',').next().unwrap().parse().unwrap();
    assert!((1_990..=2_016).contains(&limit), "{seen}");
    let (_, seen) = billed(none, 5_000_000);
    assert!(seen.contains("\"max_tokens\":64000"), "{seen}");
}

#[test]
fn tokens_cut_an_answer_short_as_dollars_do_and_need_no_price() {
    let none = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    let seen = |model: &str, given| {
        let upstream = Upstream::new(none, "");
        let stage = Stage::given(Dialect::Anthropic, &upstream.url, false, given);
        let body = format!("{{\"model\":\"{model}\",\"max_tokens\":64000}}");
        stage.ask("/v1/messages", &body);
        let bill = stage.bill();
        let seen = upstream.seen.recv_timeout(PATIENCE).unwrap();
        let limit = seen.split("\"max_tokens\":").nth(1).unwrap();
        (limit.trim_end_matches('}').parse::<u64>().unwrap(), bill)
    };
    // Less the prompt, which counts by its bytes.
    let (limit, bill) = seen("claude-opus-4-5", (None, Some(2_000)));
    assert!((1_900..2_000).contains(&limit), "{limit}");
    // What was set aside is charged, in tokens by the core.
    assert!(bill.cost >= Micros(2_000 * 25) && bill.estimated, "{bill:?}");
    let (limit, bill) = seen("nobody-knows-its-price", (None, Some(2_000)));
    assert!((1_900..2_000).contains(&limit), "{limit}");
    assert_eq!((bill.cost, bill.estimated, bill.priced), (Micros(0), true, false));
    // Of two the tighter one: $0.0504 pay for some 2,000 tokens of answer.
    let both = |tokens| seen("claude-opus-4-5", (Some(Micros(50_400)), Some(tokens))).0;
    assert!((900..1_000).contains(&both(1_000)));
    assert!((1_900..2_017).contains(&both(1_000_000)));
}

#[test]
fn what_nothing_limits_passes_as_it_is_and_is_charged_as_under_a_limit() {
    let whole = concat!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n",
        "{\"usage\":{\"input_tokens\":1000,\"output_tokens\":10}}",
    );
    let none = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    let cut = concat!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 9999\r\n\r\n",
        "event: message_start\ndata: {\"message\":{\"model\":\"claude-opus-4-5\",",
        "\"usage\":{\"input_tokens\":100,\"output_tokens\":1}}}\n\n",
    );
    // Under a limit this would be refused: nobody knows what it costs.
    let dear = r#"{"model":"claude-opus-4-5","max_tokens":64000,"mcp_servers":[{}]}"#;
    let plain = r#"{"model":"claude-opus-4-5","max_tokens":64000}"#;
    // $25 per million: as long an answer as was asked for.
    let most = Micros(64_000 * 25);
    for (answer, body, least, estimated) in [
        (whole, dear, Micros(5_250), false),
        (none, dear, most, true),
        (none, plain, most, true),
        (cut, plain, most, true),
        // It hung up without a word.
        ("", plain, most, true),
    ] {
        let upstream = Upstream::new(answer, "");
        let stage = Stage::with(Dialect::Anthropic, &upstream.url, false, None);
        stage.ask("/v1/messages", body);
        let bill = stage.bill();
        assert!(bill.cost >= least && bill.estimated == estimated, "{answer}: {bill:?}");
        assert!(upstream.seen.recv_timeout(PATIENCE).unwrap().ends_with(body), "as it was sent");
    }
}

#[test]
fn what_counts_no_prompt_is_charged_what_was_set_aside_and_teaches_nothing() {
    let lie = concat!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 46\r\n\r\n",
        "{\"usage\":{\"input_tokens\":0,\"output_tokens\":1}}",
    );
    let (bill, _) = billed(lie, 2_000_000);
    assert_eq!((bill.cost, bill.estimated), (Micros(2_000_000), true));
}

#[test]
fn writes_to_a_cache_are_at_the_dearer_rate_where_nobody_says_which_they_are() {
    let cost = |answer: &'static str, ttl: &str| {
        let upstream = Upstream::new(answer, "");
        let stage = Stage::new(Dialect::Anthropic, &upstream.url, false);
        let control = format!("{{\"type\":\"ephemeral\"{ttl}}}");
        let model = "\"model\":\"claude-opus-4-5\",\"max_tokens\":9";
        stage.ask("/v1/messages", &format!("{{{model},\"cache_control\":{control}}}"));
        stage.bill().cost
    };
    const BARE: &str = concat!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n",
        "{\"usage\":{\"input_tokens\":0,\"output_tokens\":0,\"cache_creation_input_tokens\":1000}}",
    );
    const SPLIT: &str = concat!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n",
        "{\"usage\":{\"input_tokens\":0,\"output_tokens\":0,\"cache_creation_input_tokens\":1000,",
        "\"cache_creation\":{\"ephemeral_5m_input_tokens\":1000,\"ephemeral_1h_input_tokens\":0}}}",
    );
    assert_eq!(cost(BARE, ""), Micros(6_250));
    assert_eq!(cost(BARE, ",\"ttl\":\"1h\""), Micros(10_000));
    assert_eq!(cost(SPLIT, ",\"ttl\":\"1h\""), Micros(6_250));
}
