//! A model call, step by step: who asks, what for, whether it may leave, whether it is paid, and
//! the beginning of its answer.

use super::{
    Call, Gateway, NoLeave, Target, Traffic,
    answer::{Answer, LOGINS, Outgoing, QUERY_KEY, TOKEN},
    body::{self, Unread},
    call::{self, Begun, Bill},
    clamp,
    hidden::Hidden,
    known::{Length, Pieces},
    limiter::{Permit, in_turn, through_the_gate},
    plain::plain,
    server::{Attempt, Flight},
    terms::Terms,
    upstream::Upstream,
    usage::Meter,
    wire::{Asked, MOST_ANSWERS, Wire, dialect_of, generated},
};
use crate::config::Dialect;
use bytes::Bytes;
use hyper::{
    HeaderMap, Method, Request, StatusCode,
    body::Incoming,
    header::{self, HeaderValue},
    http::request::Parts,
};
use std::sync::{Arc, atomic::Ordering};

/// Longest name of a model, in bytes.
const MAX_MODEL: usize = 256;

const STOPPED: &str = "the attempt is being stopped";

/// A request that goes no further.
pub struct Refused {
    pub dialect: Dialect,
    pub status: StatusCode,
    pub message: String,
    /// Seconds, where asking again later helps.
    pub retry_after: Option<u64>,
}

/// The same, before anybody asks for its dialect.
struct No {
    status: StatusCode,
    message: String,
    retry_after: Option<u64>,
}

fn no(status: StatusCode, message: impl Into<String>) -> No {
    No { status, message: message.into(), retry_after: None }
}

/// What is asked of whom.
struct Wanted<'a> {
    attempt: Arc<Attempt>,
    wire: Wire,
    path: String,
    target: Target,
    asked: Asked<'a>,
    /// Nobody pays it by the token.
    notional: bool,
    /// It asks for a longer window than its model has by itself.
    wide: bool,
}

/// Answers a request to the listener of `attempt`.
pub async fn handle(attempt: &Arc<Attempt>, request: Request<Incoming>) -> Result<Begun, Refused> {
    let (head, body) = request.into_parts();
    let dialect = Wire::route(head.uri.path(), &head.headers)
        .map_or_else(|| dialect_of(&head.headers), |(wire, _)| wire.dialect());
    let begun = begin(attempt, dialect, head, body).await;
    begun.map_err(|No { status, message, retry_after }| Refused {
        dialect,
        status,
        message,
        retry_after,
    })
}

async fn begin(
    listener: &Arc<Attempt>,
    dialect: Dialect,
    mut head: Parts,
    body: Incoming,
) -> Result<Begun, No> {
    let (attempt, wire, path) = admitted(listener, &head)?;
    let target = attempt.gateway.target(dialect);
    if let Target::Real(upstream) = &target
        && upstream.passes_logins()
    {
        own_login(&attempt, upstream, &mut head.headers)?;
    }
    if *attempt.stop.borrow() {
        attempt.came_too_late(target.name());
        let message = "this attempt is being stopped: no further call is made";
        return Err(no(StatusCode::PAYMENT_REQUIRED, message));
    }
    let mut flight = Flight::new(&attempt);
    let body = read(&head.headers, body).await?;
    let asked = asked(wire, &path, &body)?;
    not_to_itself(&attempt.gateway, &target)?;
    if let Target::Real(upstream) = &target
        && upstream.is_held()
    {
        return held(&attempt, flight, upstream).await;
    }
    // Before it costs anything.
    if !attempt.may_go_on().await {
        return Err(no(StatusCode::SERVICE_UNAVAILABLE, STOPPED));
    }
    let late = |(status, message, retry_after)| No { status, message, retry_after };
    if wire.metered() {
        let turn = in_turn(&attempt, &flight).await.map_err(late)?;
        flight.takes(turn);
    }
    let permit = match &target {
        Target::Real(upstream) if wire.metered() => {
            let passed = through_the_gate(&attempt, &upstream.name, &asked.model, &flight).await;
            Some(passed.map_err(late)?)
        }
        Target::Real(_) | Target::Simulated => None,
    };
    let wished = (wire == Wire::Chat && asked.stream).then(|| asked.with_usage(&body)).flatten();
    let hidden = wished.as_ref().map(|_| Hidden::default());
    let mut out = wished.map_or_else(|| body.clone(), Bytes::from);
    let (notional, wide) = (target.is_notional(&head), asks_for_more(&head.headers));
    let wanted = Wanted { attempt, wire, path, target, asked, notional, wide };
    let bill = match wire.metered() {
        true => {
            let mut bill = paid(&wanted, &body, &mut out).await?;
            bill.hidden = hidden;
            Some(bill)
        }
        false => None,
    };
    let begun = send(wanted, head, out, flight, (bill, permit)).await;
    begun.ok_or_else(|| no(StatusCode::SERVICE_UNAVAILABLE, STOPPED))
}

/// On whose behalf this is, and what it asks for.
fn admitted(listener: &Arc<Attempt>, head: &Parts) -> Result<(Arc<Attempt>, Wire, String), No> {
    if head.headers.contains_key(header::UPGRADE) {
        return Err(no(StatusCode::UPGRADE_REQUIRED, "no WebSocket here: use plain HTTP"));
    }
    let Some(token) = presented(head) else {
        let message = "no key: send the attempt's token as the API key";
        return Err(no(StatusCode::UNAUTHORIZED, message));
    };
    let Some(attempt) = listener.called_by(token) else {
        return Err(no(StatusCode::FORBIDDEN, "this key does not belong to this attempt"));
    };
    let Some((wire, path)) = Wire::route(head.uri.path(), &head.headers) else {
        let message = format!("the gateway does not serve {}", head.uri.path());
        return Err(no(StatusCode::NOT_FOUND, message));
    };
    // Models are looked at; a tuned one could be deleted.
    let (right, wants) = match wire {
        Wire::Models(_) => (matches!(head.method, Method::GET | Method::HEAD), "GET"),
        _ => (head.method == Method::POST, "POST"),
    };
    if !right {
        return Err(no(StatusCode::METHOD_NOT_ALLOWED, format!("{path} wants a {wants}")));
    }
    Ok((attempt, wire, path.to_owned()))
}

/// The key that a request brings, in whichever header its dialect uses, or in its address as
/// Gemini's takes it, too.
fn presented(head: &Parts) -> Option<&str> {
    let text = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    // Beside it the others are the agent's own login.
    if let Some(token) = text(TOKEN.as_str()) {
        return Some(token);
    }
    let bearer = || {
        let (scheme, token) = text("authorization")?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    };
    let of_address = || head.uri.query()?.split('&').find_map(|part| part.strip_prefix(QUERY_KEY));
    let of_header = text("x-api-key").or_else(|| text("x-goog-api-key"));
    of_header.or_else(bearer).or_else(of_address)
}

/// Leaves the agent's own login in the headers, and nothing that is Dash's.
fn own_login(attempt: &Attempt, upstream: &Upstream, headers: &mut HeaderMap) -> Result<(), No> {
    let token = attempt.caller.token.as_bytes();
    for name in LOGINS {
        let is_ours = |value: &HeaderValue| memchr::memmem::find(value.as_bytes(), token).is_some();
        if headers.get_all(&name).iter().any(is_ours) {
            headers.remove(&name);
        }
    }
    if LOGINS.iter().any(|name| headers.contains_key(name)) {
        return Ok(());
    }
    let message = format!(
        "provider {} passes each agent's own login on, and this one sends none: it is to send \
         its login as it would there, and $DASH_TOKEN as `{TOKEN}`",
        upstream.name
    );
    // Not 401, after which Claude Code (2.1.330) asks again in hope of another key.
    Err(no(StatusCode::FORBIDDEN, message))
}

/// Whether Anthropic is asked for a prompt of more tokens than a model takes by itself.
fn asks_for_more(headers: &HeaderMap) -> bool {
    let mut asked = headers.get_all("anthropic-beta").iter();
    asked.any(|value| memchr::memmem::find(value.as_bytes(), b"context-1m").is_some())
}

async fn read(headers: &HeaderMap, body: Incoming) -> Result<Bytes, No> {
    body::read(headers, body).await.map_err(|unread| match unread {
        Unread::TooLarge => {
            let message = format!("the request is larger than {} MB", body::MOST >> 20);
            no(StatusCode::PAYLOAD_TOO_LARGE, message)
        }
        Unread::BrokeOff => no(StatusCode::BAD_REQUEST, "the request broke off"),
    })
}

fn asked<'a>(wire: Wire, path: &str, body: &'a [u8]) -> Result<Asked<'a>, No> {
    let mut asked: Asked<'_> = if wire.metered() {
        serde_json::from_slice(body).map_err(|e| {
            let packed = body.starts_with(&[0x1f, 0x8b]);
            let why = if packed { "it is compressed".to_owned() } else { e.to_string() };
            no(StatusCode::BAD_REQUEST, format!("the request is no JSON of this dialect: {why}"))
        })?
    } else {
        Asked::default()
    };
    if let Some((model, _)) = generated(path).filter(|_| wire.dialect() == Dialect::Gemini) {
        asked.model = model.to_owned();
    }
    // No provider takes so many; one that did could not be told from what is counted.
    if asked.answers(wire) > MOST_ANSWERS {
        let message = format!("more than {MOST_ANSWERS} answers at once are asked for");
        return Err(no(StatusCode::BAD_REQUEST, message));
    }
    // It is shown to people, and written down.
    if asked.model.len() > MAX_MODEL || asked.model.chars().any(char::is_control) {
        let message = "the model's name has control characters, or is too long to be one";
        return Err(no(StatusCode::BAD_REQUEST, message));
    }
    Ok(asked)
}

fn not_to_itself(gateway: &Gateway, target: &Target) -> Result<(), No> {
    if let Target::Real(upstream) = target
        && upstream.local_port().is_some_and(|port| gateway.is_own_port(port))
    {
        let message = format!(
            "provider {} at {} is this gateway itself: its base_url must name the real service",
            upstream.name,
            upstream.place()
        );
        return Err(no(StatusCode::LOOP_DETECTED, message));
    }
    Ok(())
}

/// Waits until the agent hangs up or this core leaves; then it asks the next one.
async fn held(attempt: &Attempt, flight: Flight, upstream: &Upstream) -> Result<Begun, No> {
    let why = upstream.problem().map(|problem| problem.to_string()).unwrap_or_default();
    tracing::warn!(attempt = %attempt.caller.attempt, "a model call is held: {why}");
    flight.note(Traffic::Held { why });
    let (stop, open) = (attempt.stop.clone(), std::future::pending());
    let held = call::begin(flight, None, stop, |_| None, open).await;
    let message = "no key for this provider, and the core is leaving";
    held.ok_or_else(|| no(StatusCode::SERVICE_UNAVAILABLE, message))
}

/// The provider may leave out some of the prompt, tool results above all: what it counted then
/// says nothing of another call that begins like it. Clearing thinking alone is left out: the
/// promise counts on it that prompts of agents which do so are known.
fn is_shortened(body: &[u8]) -> bool {
    let after = |key: &str| {
        let at = memchr::memmem::find(body, key.as_bytes())? + key.len();
        Some(body[at..].iter().copied().filter(|byte| !byte.is_ascii_whitespace()))
    };
    after("\"clear_tool_uses_").is_some()
        || after("\"compact_").is_some()
        || after("\"truncation\"").is_some_and(|rest| rest.take(7).eq(*b":\"auto\""))
}

/// Has money and tokens set aside for the call, and `out` ask for no longer an answer than that
/// pays for where a limit is above it.
async fn paid(wanted: &Wanted<'_>, body: &[u8], out: &mut Bytes) -> Result<Bill, No> {
    let Wanted { attempt, wire, target, asked, notional, wide, .. } = wanted;
    let body = &plain(body);
    let (prompt, length): (Pieces, Length) = attempt.measure(*wire, &asked.model, body);
    let price = attempt.gateway.price(target.name(), &asked.model);
    let feature = |name: &str| attempt.gateway.feature(name);
    let of = (asked.model.as_str(), target.name());
    let terms = Terms::of(price.as_ref(), feature, of, (*wire, asked, body), (length, *wide));
    let call = Call {
        caller: attempt.caller.clone(),
        provider: target.name().to_owned(),
        model: asked.model.clone(),
        bound: terms.bound(),
        tokens: terms.tokens(),
        known: terms.known(),
        notional: *notional,
    };
    let bill = call::reserve(attempt, call, prompt).await;
    let mut bill = bill.map_err(|left| match left {
        NoLeave::OverBudget(message) => no(StatusCode::PAYMENT_REQUIRED, message),
        NoLeave::Unavailable(message) => no(StatusCode::SERVICE_UNAVAILABLE, message),
    })?;
    if is_shortened(body) {
        bill.prompt = None;
    }
    (bill.extra, bill.hour) = (terms.extra(), terms.hour());
    if let Some(limit) = terms.clamped(&bill.reservation) {
        let text = std::str::from_utf8(out).ok();
        let Some(text) = text.and_then(|text| clamp::clamped(*wire, text, limit)) else {
            bill.unsent = true;
            let message = "the budget pays for a shorter answer only, and this request has no \
                           place for a limit";
            return Err(no(StatusCode::PAYMENT_REQUIRED, message));
        };
        *out = text.into();
    }
    Ok(bill)
}

/// None: the listener was stopped meanwhile.
async fn send(
    wanted: Wanted<'_>,
    head: Parts,
    out: Bytes,
    flight: Flight,
    (bill, permit): (Option<Bill>, Option<Permit>),
) -> Option<Begun> {
    let Wanted { attempt, wire, path, target, .. } = wanted;
    let gateway = attempt.gateway.clone();
    let meter = move |answer: &Answer| wire.metered().then(|| Meter::new(wire, answer.streaming()));
    let stop = attempt.stop.clone();
    match target {
        Target::Simulated => {
            let number = match wire.metered() {
                true => attempt.calls.fetch_add(1, Ordering::Relaxed) + 1,
                false => attempt.calls.load(Ordering::Relaxed),
            };
            let simulated = gateway.simulated();
            let caller = attempt.caller.clone();
            let path = match head.uri.query() {
                Some(query) => format!("{path}?{query}"),
                None => path,
            };
            let open = async move {
                simulated.answer(wire, &path, &caller.attempt, &caller.agent, number, &out).await
            };
            call::begin(flight, bill, stop, meter, open).await
        }
        Target::Real(upstream) => {
            let out = Outgoing {
                method: head.method,
                path,
                query: head.uri.query().map(str::to_owned),
                headers: head.headers,
                body: out,
            };
            let open = async move {
                let answer = gateway.client().send(&upstream, out).await;
                // What was made here says nothing of the provider's limits.
                if let Some(permit) = permit.filter(|_| !(answer.unsent || answer.lost))
                    && permit.answered(answer.status, &answer.headers)
                {
                    gateway.waits().iter().for_each(|why| tracing::warn!("{why}"));
                }
                answer
            };
            call::begin(flight, bill, stop, meter, open).await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_that_the_provider_shortens_is_known_by_its_words() {
        for body in [
            r#"{"context_management":{"edits":[{"type":"clear_tool_uses_20250919"}]}}"#,
            r#"{"truncation": "auto"}"#,
            r#"{"truncation":"auto"}"#,
        ] {
            assert!(is_shortened(body.as_bytes()), "{body}");
        }
        for body in [
            r#"{"context_management":{"edits":[{"type":"clear_thinking_20251015"}]}}"#,
            r#"{"truncation":"disabled"}"#,
            r#"{"truncation":null}"#,
            "{}",
        ] {
            assert!(!is_shortened(body.as_bytes()), "{body}");
        }
    }
}
