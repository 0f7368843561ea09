//! What providers say of their rate limits, in headers.

use hyper::{HeaderMap, StatusCode};
use jiff::Timestamp;
use std::time::Duration;

/// Of one answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// The call was refused for its rate, or because the provider is overloaded.
    pub refused: bool,
    /// It is asked to wait so long.
    pub wait: Option<Duration>,
    /// Requests that are left until so long from now.
    pub requests: Option<(u32, Duration)>,
}

/// A provider that asks for more is asked again after this: one answer is not to keep every
/// agent from a model for days.
const LONGEST: Duration = Duration::from_secs(3600);

impl Said {
    pub fn of(status: StatusCode, headers: &HeaderMap, now: Timestamp) -> Self {
        let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
        // 529: Anthropic's word for too many calls of everybody together.
        let refused = matches!(status.as_u16(), 429 | 529);
        let asked = refused || status == StatusCode::SERVICE_UNAVAILABLE;
        let ms = text("retry-after-ms").and_then(|ms| ms.parse::<f64>().ok());
        let ms = ms.and_then(|ms| Duration::try_from_secs_f64(ms / 1000.0).ok());
        let retry = ms.or_else(|| after(text("retry-after")?, now)).filter(|_| asked);
        let mut spent = None;
        for kind in ["tokens", "input-tokens", "output-tokens"] {
            spent = spent.max(used_up(&text, kind, now));
        }
        let requests = remaining(&text, "requests", now);
        let requests = requests.map(|(left, reset)| (left, reset.min(LONGEST)));
        Self { refused, wait: retry.or(spent).map(|wait| wait.min(LONGEST)), requests }
    }
}

/// What is left of a kind, and until when.
fn remaining<'a>(
    text: &impl Fn(&str) -> Option<&'a str>,
    kind: &str,
    now: Timestamp,
) -> Option<(u32, Duration)> {
    let anthropic = |what: &str| text(&format!("anthropic-ratelimit-{kind}-{what}"));
    let others = |what: &str| text(&format!("x-ratelimit-{what}-{kind}"));
    let left = anthropic("remaining").or_else(|| others("remaining"))?.parse().ok()?;
    let reset = anthropic("reset").or_else(|| others("reset"))?;
    Some((left, span(reset).or_else(|| until(reset.parse().ok()?, now))?))
}

fn used_up<'a>(
    text: &impl Fn(&str) -> Option<&'a str>,
    kind: &str,
    now: Timestamp,
) -> Option<Duration> {
    remaining(text, kind, now).filter(|(left, _)| *left == 0).map(|(_, reset)| reset)
}

/// Seconds, or the date of RFC 9110.
fn after(text: &str, now: Timestamp) -> Option<Duration> {
    match text.parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        Err(_) => until(jiff::fmt::rfc2822::parse(text).ok()?.timestamp(), now),
    }
}

fn until(at: Timestamp, now: Timestamp) -> Option<Duration> {
    Some(Duration::try_from(at.duration_since(now)).unwrap_or_default())
}

/// `20ms`, `1s`, `6m0s`, `1h2m3.5s`.
fn span(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut sum = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        let unit = &rest[digits..];
        let units = [("ms", 0.001), ("h", 3600.0), ("m", 60.0), ("s", 1.0)];
        let (name, seconds) = units.into_iter().find(|(name, _)| unit.starts_with(name))?;
        sum = sum.saturating_add(Duration::try_from_secs_f64(number * seconds).ok()?);
        rest = &unit[name.len()..];
    }
    (sum > Duration::ZERO || text == "0s").then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: u16, headers: &[(&'static str, &str)]) -> Said {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        let now = "2026-11-29T10:00:00Z".parse().unwrap();
        Said::of(StatusCode::from_u16(status).unwrap(), &map, now)
    }

    #[test]
    fn waits_are_read_in_every_form() {
        let wait = |headers: &[(&'static str, &str)]| said(429, headers).wait;
        let seconds = |n: f64| Some(Duration::from_secs_f64(n));
        assert_eq!(wait(&[("retry-after", "7")]), seconds(7.0));
        assert_eq!(wait(&[("retry-after", "0.5")]), seconds(0.5));
        assert_eq!(wait(&[("retry-after", "99999")]), seconds(3600.0));
        assert_eq!(wait(&[("retry-after", "Sun, 29 Nov 2099 10:00:00 GMT")]), seconds(3600.0));
        assert_eq!(wait(&[("retry-after", "Sun, 29 Nov 2026 10:01:00 GMT")]), seconds(60.0));
        assert_eq!(wait(&[("retry-after", "Sun, 29 Nov 2026 09:00:00 GMT")]), seconds(0.0));
        assert_eq!(wait(&[("retry-after-ms", "250"), ("retry-after", "1")]), seconds(0.25));
        for nonsense in ["soon", "-1", "inf", ""] {
            assert_eq!(wait(&[("retry-after", nonsense)]), None, "{nonsense}");
        }
        assert_eq!(said(200, &[("retry-after", "7")]), Said::default());
        assert_eq!(said(503, &[("retry-after", "7")]).wait, seconds(7.0));
        assert!(said(529, &[]).refused && !said(500, &[]).refused);
    }

    #[test]
    fn what_is_left_is_read_of_both_houses() {
        let anthropic = [
            ("anthropic-ratelimit-requests-remaining", "3"),
            ("anthropic-ratelimit-requests-reset", "2026-11-29T10:00:20Z"),
            ("anthropic-ratelimit-input-tokens-remaining", "0"),
            ("anthropic-ratelimit-input-tokens-reset", "2026-11-29T10:00:05Z"),
        ];
        let answer = said(200, &anthropic);
        assert_eq!(answer.requests, Some((3, Duration::from_secs(20))));
        assert_eq!(answer.wait, Some(Duration::from_secs(5)), "no tokens are left");
        let openai = [
            ("x-ratelimit-remaining-requests", "0"),
            ("x-ratelimit-reset-requests", "6m0s"),
            ("x-ratelimit-remaining-tokens", "9000"),
            ("x-ratelimit-reset-tokens", "20ms"),
        ];
        let answer = said(200, &openai);
        assert_eq!((answer.requests, answer.wait), (Some((0, Duration::from_secs(360))), None));
        assert_eq!(span("1h2m3.5s"), Some(Duration::from_millis(3_723_500)));
        for nonsense in ["", "s", "1", "1x", "1s!"] {
            assert_eq!(span(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn no_word_of_a_provider_holds_calls_for_longer_than_an_hour() {
        let hour = Some((0, Duration::from_secs(3600)));
        let anthropic =
            ["anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"];
        let openai = ["x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"];
        // No sum is too large, either.
        let endless = "18000000000000000000s".repeat(2);
        for ([left, reset], value) in
            [(anthropic, "2099-11-29T10:00:00Z"), (openai, "9999h"), (openai, endless.as_str())]
        {
            assert_eq!(said(200, &[(left, "0"), (reset, value)]).requests, hour, "{value}");
        }
    }
}
