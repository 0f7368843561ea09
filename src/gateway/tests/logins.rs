//! An agent's own login: it goes upstream as it is, and nothing of Dash's with it.

use super::*;
use crate::config::Login;

const LOGIN: &str = "oauth-login-of-the-agent";
const WHOLE: &str = concat!(
    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n",
    "{\"usage\":{\"input_tokens\":1000,\"output_tokens\":10}}",
);
const BODY: &str = r#"{"model":"claude-opus-4-5","max_tokens":64000}"#;

fn plan(url: &str, notional: Option<bool>) -> Stage {
    plan_of(Dialect::Anthropic, url, notional)
}

fn plan_of(dialect: Dialect, url: &str, notional: Option<bool>) -> Stage {
    let provider = Provider {
        dialect,
        base_url: url.to_owned(),
        key_env: None,
        key_file: None,
        key_command: None,
        login: Some(Login::Passthrough),
        notional,
        prices: Default::default(),
    };
    Stage::through(provider, false, (None, None))
}

#[test]
fn a_login_of_the_agents_own_passes_and_its_cost_is_notional() {
    for (notional, is) in [(None, true), (Some(false), false)] {
        let upstream = Upstream::new(WHOLE, "");
        let stage = plan(&upstream.url, notional);
        let headers = format!(
            "authorization: Bearer {LOGIN}\r\nx-dash-token: {TOKEN}\r\nanthropic-beta: oauth\r\n"
        );
        let answer = read_all(stage.send("/v1/messages", &headers, BODY));
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        let seen = upstream.seen.recv_timeout(PATIENCE).unwrap();
        assert!(seen.contains(&format!("authorization: Bearer {LOGIN}\r\n")), "{seen}");
        assert!(seen.contains("anthropic-beta: oauth\r\n") && seen.ends_with(BODY), "{seen}");
        assert!(!seen.contains(TOKEN) && !seen.contains("x-dash-token"), "{seen}");
        let bill = stage.bill();
        assert_eq!(
            (bill.tokens, bill.cost, bill.notional),
            (tokens(1000, 10, 0), Micros(5250), is)
        );
    }
}

#[test]
fn an_api_key_that_passes_is_billed_by_the_token() {
    let bearer = |key: &str| format!("authorization: Bearer {key}\r\n");
    for (dialect, login, notional) in [
        (Dialect::Anthropic, "x-api-key: sk-ant-api03-abc\r\n".to_owned(), false),
        (Dialect::Anthropic, "x-api-key: of-a-form-yet-to-come\r\n".to_owned(), false),
        (Dialect::Anthropic, bearer("sk-ant-api03-abc"), false),
        (Dialect::Anthropic, bearer("sk-ant-oat01-abc"), true),
        (Dialect::Anthropic, "x-api-key: sk-ant-oat01-abc\r\n".to_owned(), true),
        // With two nobody knows which one counts.
        (Dialect::Anthropic, bearer("sk-ant-oat01-a") + "x-api-key: sk-ant-api03-b\r\n", false),
        // Written as no login is.
        (Dialect::Anthropic, "authorization: sk-ant-api03-abc\r\n".to_owned(), false),
        (Dialect::Anthropic, "authorization: Bearer\tsk-ant-api03-abc\r\n".to_owned(), false),
        (Dialect::Anthropic, "authorization: Basic abc\r\n".to_owned(), false),
        (Dialect::Openai, bearer("sk-proj-abc"), false),
        (Dialect::Openai, bearer("eyJhbGciOiJSUzI1NiJ9.e30.abc"), true),
        (Dialect::Gemini, "x-goog-api-key: AIzaSyAbc\r\n".to_owned(), false),
        (Dialect::Gemini, bearer("ya29.abc"), true),
        (Dialect::Gemini, bearer("AIzaSyAbc"), false),
    ] {
        let upstream = Upstream::new(WHOLE, "");
        let stage = plan_of(dialect, &upstream.url, None);
        let path = match dialect {
            Dialect::Anthropic => "/v1/messages",
            Dialect::Openai => "/v1/chat/completions",
            Dialect::Gemini => "/v1beta/models/gemini-2.5-pro:generateContent",
        };
        let headers = format!("{login}x-dash-token: {TOKEN}\r\n");
        let answer = read_all(stage.send(path, &headers, BODY));
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert_eq!(stage.bill().notional, notional, "{login}");
    }
    // Whoever says so of the provider knows better.
    let upstream = Upstream::new(WHOLE, "");
    let stage = plan(&upstream.url, Some(true));
    let headers = format!("x-api-key: sk-ant-api03-abc\r\nx-dash-token: {TOKEN}\r\n");
    read_all(stage.send("/v1/messages", &headers, BODY));
    assert!(stage.bill().notional);
}

#[test]
fn without_a_login_of_its_own_nothing_leaves() {
    let upstream = Upstream::new(WHOLE, "");
    let stage = plan(&upstream.url, None);
    for headers in [
        format!("x-api-key: {TOKEN}\r\n"),
        format!("x-dash-token: {TOKEN}\r\n"),
        // Its token is no login, wherever it stands.
        format!("x-dash-token: {TOKEN}\r\nauthorization: Bearer {TOKEN}\r\n"),
    ] {
        let answer = read_all(stage.send("/v1/messages", &headers, BODY));
        assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
        assert!(answer.contains("x-dash-token") && !answer.contains(TOKEN), "{answer}");
    }
    // A login is no token.
    let answer = read_all(stage.send("/v1/messages", &format!("x-api-key: {LOGIN}\r\n"), BODY));
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    assert!(upstream.seen.try_recv().is_err());
    stage.no_bill();
}

#[test]
fn no_other_provider_sees_a_login() {
    let upstream = Upstream::new(WHOLE, "");
    let stage = Stage::new(Dialect::Anthropic, &upstream.url, false);
    let headers = format!("authorization: Bearer {LOGIN}\r\nx-dash-token: {TOKEN}\r\n");
    let answer = read_all(stage.send("/v1/messages", &headers, BODY));
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let seen = upstream.seen.recv_timeout(PATIENCE).unwrap();
    assert!(seen.contains(&format!("x-api-key: {KEY}\r\n")), "{seen}");
    assert!(!seen.contains(LOGIN) && !seen.contains(TOKEN), "{seen}");
    assert!(!stage.bill().notional);
}

#[test]
fn a_key_in_the_address_is_the_token_and_stays_here() {
    let upstream = Upstream::new(WHOLE, "");
    let stage = Stage::new(Dialect::Gemini, &upstream.url, false);
    let path = "/v1beta/models/gemini-2.5-pro:generateContent";
    let answer = read_all(stage.send(&format!("{path}?key=another&alt=json"), "", BODY));
    assert!(answer.starts_with("HTTP/1.1 403 ") && !answer.contains("another"), "{answer}");
    let answer = read_all(stage.send(&format!("{path}?key={TOKEN}&alt=json"), "", BODY));
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let seen = upstream.seen.recv_timeout(PATIENCE).unwrap();
    assert!(seen.starts_with(&format!("POST {path}?alt=json HTTP/1.1\r\n")), "{seen}");
    assert!(seen.contains(&format!("x-goog-api-key: {KEY}\r\n")), "{seen}");
    stage.bill();
}
