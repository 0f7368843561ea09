//! The wire formats: which path is which call, what the request says that matters here,
//! and how each dialect shows an error so that its agents understand it.

use crate::config::Dialect;
use hyper::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{json, value::RawValue};

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// Anthropic `/v1/messages`.
    Messages,
    /// Anthropic `/v1/messages/count_tokens`: free, passed through.
    CountTokens,
    /// OpenAI `/v1/chat/completions`.
    Chat,
    /// OpenAI `/v1/responses`.
    Responses,
    /// `/v1/models` and below, of the dialect that the headers show.
    Models(Dialect),
}

impl Wire {
    /// The call behind a path, and the path from `/v1` on; whatever stands before that is
    /// the agent's own business.
    pub fn route<'a>(path: &'a str, headers: &HeaderMap) -> Option<(Self, &'a str)> {
        let at = path.find("/v1/")?;
        let rest = &path[at..];
        let wire = match rest.trim_end_matches('/') {
            "/v1/messages" => Self::Messages,
            "/v1/messages/count_tokens" => Self::CountTokens,
            "/v1/chat/completions" => Self::Chat,
            "/v1/responses" => Self::Responses,
            "/v1/models" => Self::Models(dialect_of(headers)),
            other if other.starts_with("/v1/models/") => Self::Models(dialect_of(headers)),
            _ => return None,
        };
        Some((wire, rest))
    }

    pub fn dialect(self) -> Dialect {
        match self {
            Self::Messages | Self::CountTokens => Dialect::Anthropic,
            Self::Chat | Self::Responses => Dialect::Openai,
            Self::Models(dialect) => dialect,
        }
    }

    /// True for calls that cost something: reserved, metered and settled.
    pub fn metered(self) -> bool {
        match self {
            Self::Messages | Self::Chat | Self::Responses => true,
            Self::CountTokens | Self::Models(_) => false,
        }
    }
}

/// The dialect that a request's headers betray where its path does not.
pub fn dialect_of(headers: &HeaderMap) -> Dialect {
    if headers.contains_key("anthropic-version") || headers.contains_key("x-api-key") {
        Dialect::Anthropic
    } else if headers.contains_key("x-goog-api-key") {
        Dialect::Gemini
    } else {
        Dialect::Openai
    }
}

/// The fields of a request that the gateway reads; all others it does not even look at.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked<'a> {
    pub model: String,
    pub stream: bool,
    max_tokens: Option<u64>,
    max_completion_tokens: Option<u64>,
    max_output_tokens: Option<u64>,
    #[serde(borrow, deserialize_with = "given")]
    stream_options: Option<&'a RawValue>,
}

/// Assumed where a request names no limit for its answer.
const DEFAULT_MAX_OUTPUT: u64 = 32_000;

impl Asked<'_> {
    pub fn max_output(&self) -> u64 {
        self.max_tokens
            .or(self.max_completion_tokens)
            .or(self.max_output_tokens)
            .unwrap_or(DEFAULT_MAX_OUTPUT)
    }

    /// The body with `include_usage` set, for a chat stream that would bring no usage; none
    /// where nothing is to be changed. All other bytes stay as they are.
    pub fn with_usage(&self, body: &[u8]) -> Option<Vec<u8>> {
        const WANTED: &str = r#"{"include_usage":true}"#;
        let solid =
            |at: usize| Some(at + body.get(at..)?.iter().position(|b| !b.is_ascii_whitespace())?);
        // A list would be read too.
        let open = solid(0).filter(|at| body[*at] == b'{')? + 1;
        let (at, end, text) = match self.stream_options.map(RawValue::get) {
            None => {
                let more = if body.get(solid(open)?) == Some(&b'}') { "" } else { "," };
                (open, open, format!("\"stream_options\":{WANTED}{more}"))
            }
            Some(options) => {
                let at = (options.as_ptr() as usize).checked_sub(body.as_ptr() as usize)?;
                let end = at.checked_add(options.len()).filter(|end| *end <= body.len())?;
                (at, end, wished(options, WANTED)?)
            }
        };
        Some([&body[..at], text.as_bytes(), &body[end..]].concat())
    }
}

/// `options` with the wish for usage in it; none where it is there, or nothing to put it into.
fn wished(options: &str, wanted: &str) -> Option<String> {
    // To a service as good as left out.
    if options == "null" {
        return Some(wanted.to_owned());
    }
    // Of a name that stands there twice the last one counts, here as there.
    let mut map: serde_json::Map<String, serde_json::Value> = serde_json::from_str(options).ok()?;
    match map.insert("include_usage".to_owned(), true.into()) {
        Some(serde_json::Value::Bool(true)) => None,
        Some(_) | None => serde_json::to_string(&map).ok(),
    }
}

/// Keeps `null` apart from what is not there.
fn given<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<&'de RawValue>, D::Error> {
    Deserialize::deserialize(from).map(Some)
}

/// An error body in the shape that the dialect's own service uses.
pub fn error_body(dialect: Dialect, status: StatusCode, message: &str) -> Vec<u8> {
    let code = status.as_u16();
    let body = match dialect {
        Dialect::Anthropic => {
            let kind = match code {
                400 => "invalid_request_error",
                401 => "authentication_error",
                402 => "billing_error",
                403 => "permission_error",
                404 => "not_found_error",
                413 => "request_too_large",
                429 => "rate_limit_error",
                529 => "overloaded_error",
                _ => "api_error",
            };
            json!({"type": "error", "error": {"type": kind, "message": message}})
        }
        Dialect::Openai => {
            let (kind, word) = match code {
                401 => ("invalid_request_error", Some("invalid_api_key")),
                402 => ("insufficient_quota", Some("insufficient_quota")),
                429 => ("rate_limit_error", Some("rate_limit_exceeded")),
                400..=499 => ("invalid_request_error", None),
                _ => ("server_error", None),
            };
            json!({"error": {"message": message, "type": kind, "param": null, "code": word}})
        }
        Dialect::Gemini => {
            let word = match code {
                400 | 413 => "INVALID_ARGUMENT",
                401 => "UNAUTHENTICATED",
                402 | 429 => "RESOURCE_EXHAUSTED",
                403 => "PERMISSION_DENIED",
                404 => "NOT_FOUND",
                _ => "UNAVAILABLE",
            };
            json!({"error": {"code": code, "message": message, "status": word}})
        }
    };
    body.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_with_a_prefix_find_their_call() {
        let none = HeaderMap::new();
        let wire = |path: &str| Wire::route(path, &none).map(|(wire, _)| wire);
        assert_eq!(wire("/v1/messages"), Some(Wire::Messages));
        assert_eq!(wire("/run/7/v1/responses"), Some(Wire::Responses));
        assert_eq!(wire("/v1/messages/count_tokens"), Some(Wire::CountTokens));
        assert_eq!(wire("/v1/models/gpt-5"), Some(Wire::Models(Dialect::Openai)));
        assert_eq!(wire("/v1/files"), None);
        assert_eq!(wire("/"), None);
    }

    fn added(body: &str) -> Option<String> {
        let asked: Asked<'_> = serde_json::from_str(body).unwrap();
        asked.with_usage(body.as_bytes()).map(|out| String::from_utf8(out).unwrap())
    }

    #[test]
    fn include_usage_is_added_once_and_nothing_else_changes() {
        assert_eq!(
            added(r#"{ "z": 1,  "stream":true}"#).as_deref(),
            Some(r#"{"stream_options":{"include_usage":true}, "z": 1,  "stream":true}"#)
        );
        assert_eq!(
            added(r#"{"stream_options": {"a":1}, "z":  2}"#).as_deref(),
            Some(r#"{"stream_options": {"a":1,"include_usage":true}, "z":  2}"#)
        );
        assert_eq!(added(r#"{"stream_options":{"include_usage":true}}"#), None);
        assert_eq!(
            added("{ }").as_deref(),
            Some(r#"{"stream_options":{"include_usage":true} }"#),
            "no comma before the end"
        );
        assert_eq!(
            added(r#"{"stream_options":null,"z":2}"#).as_deref(),
            Some(r#"{"stream_options":{"include_usage":true},"z":2}"#),
            "not twice, the second undoing the first"
        );
        assert_eq!(
            added(r#"{"stream_options":{"include_usage":true,"include_usage":false}}"#).as_deref(),
            Some(r#"{"stream_options":{"include_usage":true}}"#)
        );
        assert_eq!(added(r#"["m", true]"#), None);
    }

    #[test]
    fn errors_have_the_dialects_shape() {
        let text = |d| String::from_utf8(error_body(d, StatusCode::PAYMENT_REQUIRED, "m")).unwrap();
        assert!(text(Dialect::Anthropic).contains("billing_error"));
        assert!(text(Dialect::Openai).contains("insufficient_quota"));
        assert!(text(Dialect::Gemini).contains("RESOURCE_EXHAUSTED"));
    }
}
