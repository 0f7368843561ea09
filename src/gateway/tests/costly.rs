//! Calls made or answered so that what they cost is not seen.

use super::*;

#[test]
fn an_answer_that_used_nothing_at_all_says_nothing() {
    const AMOUNT: Micros = Micros(2_000_000);
    for answer in [
        concat!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 97\r\n\r\n",
            "{\"content\":[{\"type\":\"text\",\"text\":\"a long answer\"}],",
            "\"usage\":{\"input_tokens\":0,\"output_tokens\":0}}",
        ),
        concat!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n",
            "data: {\"message\":{\"usage\":{\"input_tokens\":0,\"output_tokens\":0}}}\n\n",
            "data: {\"delta\":{\"text\":\"a long answer\"}}\n\n",
            "data: {\"delta\":{\"stop_reason\":\"x\"},\"usage\":{\"output_tokens\":0}}\n\n",
        ),
    ] {
        let upstream = Upstream::new(answer, "");
        let stage = Stage::with(Dialect::Anthropic, &upstream.url, false, Some(AMOUNT));
        let came = stage.ask("/v1/messages", r#"{"model":"claude-opus-4-5","max_tokens":9}"#);
        assert!(came.contains("a long answer"), "{came}");
        let bill = stage.bill();
        assert_eq!((bill.cost, bill.estimated), (AMOUNT, true), "{answer}");
    }
}
