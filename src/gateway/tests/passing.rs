//! What goes through: bytes, streams, usage, hang-ups.

use super::*;

#[test]
fn passes_bytes_through_and_puts_the_key_in() {
    let plain = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 76\r\n\r\n\
         {\"model\":\"claude-opus-4-5\",\"usage\":{\"input_tokens\":1000,\"output_tokens\":10}}";
    let upstream = Upstream::new(plain, "");
    let stage = Stage::new(Dialect::Anthropic, &format!("{}/base/", upstream.url), false);
    let body = "{ \"model\": \"claude-opus-4-5\" ,\"é\":1}";
    let answer = stage.ask("/run/1/v1/messages?beta=true", body);
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with("\"output_tokens\":10}}"), "{answer}");
    let seen = upstream.seen.recv_timeout(PATIENCE).unwrap();
    assert!(seen.starts_with("POST /base/v1/messages?beta=true HTTP/1.1\r\n"), "{seen}");
    assert!(seen.contains(&format!("x-api-key: {KEY}\r\n")) && seen.contains("x-own: 1"), "{seen}");
    assert!(seen.ends_with(&format!("\r\n\r\n{body}")), "{seen}");
    assert!(!seen.contains(TOKEN) && !seen.contains("gzip") && !answer.contains(KEY), "{seen}");
    let bill = stage.bill();
    assert_eq!((bill.tokens, bill.status, bill.priced), (tokens(1000, 10, 0), 200, true));
    assert_eq!((bill.cost, bill.provider.as_str()), (Micros(5250), "up"));
    stage.no_bill();
}

#[test]
fn chat_streams_are_asked_for_usage() {
    let stream = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n\
         data: {\"usage\":{\"prompt_tokens\":50,\"completion_tokens\":5,\
         \"prompt_tokens_details\":{\"cached_tokens\":20}}}\n\ndata: [DONE]\n\n";
    let upstream = Upstream::new(stream, "");
    let stage = Stage::new(Dialect::Openai, &format!("{}/v1", upstream.url), false);
    let answer = read_all(stage.send(
        "/v1/chat/completions",
        &format!("authorization: Bearer {TOKEN}\r\n"),
        "{\"model\":\"nobody-knows\",\"stream\":true}",
    ));
    assert!(answer.contains("data: [DONE]"), "{answer}");
    let seen = upstream.seen.recv_timeout(PATIENCE).unwrap();
    assert!(seen.starts_with("POST /v1/chat/completions "), "{seen}");
    assert!(seen.contains(&format!("authorization: Bearer {KEY}\r\n")), "{seen}");
    assert!(seen.contains("{\"stream_options\":{\"include_usage\":true},\"model\""), "{seen}");
    let bill = stage.bill();
    assert_eq!((bill.tokens, bill.priced, bill.cost), (tokens(30, 5, 20), false, Micros(0)));
}

#[test]
fn the_simulated_provider_is_asked_for_usage_too() {
    // Nobody is there for OpenAI's dialect.
    let stage = Stage::new(Dialect::Anthropic, "http://127.0.0.1:9", false);
    let body =
        "{\"model\":\"m\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}";
    let headers = format!("authorization: Bearer {TOKEN}\r\n");
    let answer = read_all(stage.send("/v1/chat/completions", &headers, body));
    assert!(answer.contains("[DONE]") && !answer.contains("\"usage\":{"), "{answer}");
    let tokens = stage.bill().tokens;
    assert!(tokens.input > 0 && tokens.output > 0, "{tokens:?}");
}

#[test]
fn gemini_is_called_by_its_path_metered_and_priced() {
    let stream = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n\
         data: {\"modelVersion\":\"gemini-2.5-pro\",\"usageMetadata\":{\"promptTokenCount\":1000,\
         \"cachedContentTokenCount\":400,\"candidatesTokenCount\":6,\"thoughtsTokenCount\":4}}\r\n\r\n";
    let upstream = Upstream::new(stream, "");
    let stage = Stage::new(Dialect::Gemini, &upstream.url, false);
    let path = "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse";
    let body = "{\"contents\":[]}";
    let answer = read_all(stage.send(path, &format!("x-goog-api-key: {TOKEN}\r\n"), body));
    assert!(answer.contains("usageMetadata"), "{answer}");
    let seen = upstream.seen.recv_timeout(PATIENCE).unwrap();
    assert!(seen.starts_with(&format!("POST {path} HTTP/1.1\r\n")), "{seen}");
    assert!(seen.contains(&format!("x-goog-api-key: {KEY}\r\n")), "{seen}");
    assert!(seen.ends_with(body) && !seen.contains(TOKEN), "{seen}");
    let bill = stage.bill();
    assert_eq!((bill.tokens, bill.model.as_str()), (tokens(600, 10, 400), "gemini-2.5-pro"));
    // $1.25 in, $10 out, $0.125 from the cache, per million.
    assert_eq!((bill.priced, bill.cost), (true, Micros(900)));
    stage.no_bill();
}

#[test]
fn an_agent_that_hangs_up_is_billed_in_full() {
    let first: &'static str = format!("{STREAM_HEAD}{START}").leak();
    let upstream = Upstream::new(first, END);
    let stage = Stage::new(Dialect::Anthropic, &upstream.url, false);
    let headers = format!("x-api-key: {TOKEN}\r\n");
    let stream = stage.send("/v1/messages", &headers, "{\"model\":\"claude-opus-4-5\"}");
    let mut line = String::new();
    BufReader::new(&stream).read_line(&mut line).unwrap();
    assert_eq!(line, "HTTP/1.1 200 OK\r\n");
    drop(stream);
    upstream.go_on.send(()).unwrap();
    assert_eq!(stage.bill().tokens, tokens(100, 40, 1000));
    stage.no_bill();
}

#[test]
fn a_cut_reaches_the_agent_and_is_settled_once() {
    let first: &'static str =
        format!("{}{START}", STREAM_HEAD.replace("connection: close", "content-length: 9999"))
            .leak();
    let upstream = Upstream::new(first, "");
    let stage = Stage::new(Dialect::Anthropic, &upstream.url, false);
    let answer = stage.ask("/v1/messages", "{\"model\":\"claude-opus-4-5\"}");
    assert!(answer.contains("x-request-id: r1") && answer.contains("message_start"), "{answer}");
    assert_eq!(stage.bill().tokens, tokens(100, 1, 1000));
    stage.no_bill();
}

#[test]
fn errors_of_the_provider_pass_as_they_are() {
    let upstream =
        Upstream::new("HTTP/1.1 529 \r\nretry-after: 3\r\ncontent-length: 4\r\n\r\nbusy", "");
    let stage = Stage::new(Dialect::Anthropic, &upstream.url, false);
    let answer = stage.ask("/v1/messages", "{\"model\":\"m\"}");
    assert!(answer.starts_with("HTTP/1.1 529") && answer.contains("retry-after: 3"), "{answer}");
    let bill = stage.bill();
    assert_eq!((bill.status, bill.tokens), (529, Tokens::default()));
}

#[test]
fn an_answer_after_which_agents_ask_again_is_told() {
    let whole = "content-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    let cut = "content-type: application/json\r\ncontent-length: 20\r\n\r\n{}";
    for (head, rest, told) in [
        ("200 OK", whole, Traffic::Quiet),
        ("402 Payment Required", whole, Traffic::Quiet),
        ("429 Too Many Requests", whole, Traffic::Troubled { status: 429 }),
        ("529 Overloaded", whole, Traffic::Troubled { status: 529 }),
        ("200 OK", cut, Traffic::Troubled { status: 200 }),
    ] {
        let answer = Box::leak(format!("HTTP/1.1 {head}\r\n{rest}").into_boxed_str());
        let upstream = Upstream::new(answer, "");
        let stage = Stage::new(Dialect::Anthropic, &upstream.url, false);
        stage.ask("/v1/messages", r#"{"model":"claude-opus-4-5","max_tokens":9}"#);
        let mut last = Traffic::Asked;
        while [Traffic::Asked, Traffic::Answering].contains(&last) {
            last = stage.traffic.recv_timeout(PATIENCE).unwrap();
        }
        assert_eq!(last, told, "{head}");
    }
}

/// With both a length and chunks the chunks count (RFC 9112, 6.3).
#[test]
fn a_length_beside_chunks_cuts_nothing_off() {
    let both = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 5\r\n\
         transfer-encoding: chunked\r\n\r\n31\r\n\
         {\"usage\":{\"input_tokens\":100,\"output_tokens\":10}}\r\n0\r\n\r\n";
    let upstream = Upstream::new(both, "");
    let stage = Stage::new(Dialect::Anthropic, &upstream.url, false);
    let answer = stage.ask("/v1/messages", "{\"model\":\"claude-opus-4-5\",\"max_tokens\":9}");
    assert!(answer.contains("\"output_tokens\":10}}"), "{answer}");
    assert!(!answer.contains("content-length: 5"), "{answer}");
}

#[test]
fn a_provider_that_asks_to_wait_for_long_is_told_of() {
    let busy =
        "HTTP/1.1 429 Too Many Requests\r\nretry-after: 86400\r\ncontent-length: 2\r\n\r\n{}";
    let upstream = Upstream::new(busy, "");
    let stage = Stage::new(Dialect::Anthropic, &upstream.url, false);
    assert_eq!(stage.gateway.waits(), [""; 0]);
    let body = "{\"model\":\"claude-opus-4-5\",\"max_tokens\":9}";
    stage.ask("/v1/messages", body);
    let waits = stage.gateway.waits();
    assert!(waits.len() == 1 && waits[0].contains("up asks to wait"), "{waits:?}");
    assert!(waits[0].contains("claude-opus-4-5 for another 6"), "an hour at most: {waits:?}");
    let refused = stage.ask("/v1/messages", body);
    assert!(refused.starts_with("HTTP/1.1 429 "), "{refused}");
    assert!(refused.contains("for another 3"), "{refused}");
}
