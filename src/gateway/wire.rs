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
    /// Gemini `/v1beta/models/MODEL:generateContent`.
    Generate,
    /// Gemini `/v1beta/models/MODEL:streamGenerateContent`: a stream of events with
    /// `alt=sse`, else one long list.
    StreamGenerate,
    /// Gemini `/v1beta/models/MODEL:countTokens`: free, passed through.
    CountGenerate,
    /// `/v1/models` and below, of the dialect that path and headers show.
    Models(Dialect),
}

impl Wire {
    /// The call behind a path, and the path from `/v1` or `/v1beta` on; whatever stands
    /// before that is the agent's own business.
    pub fn route<'a>(path: &'a str, headers: &HeaderMap) -> Option<(Self, &'a str)> {
        let at = ["/v1/", "/v1beta/"].iter().filter_map(|version| path.find(version)).min()?;
        let rest = &path[at..];
        if let Some((_, method)) = generated(rest) {
            let wire = match method {
                "generateContent" => Self::Generate,
                "streamGenerateContent" => Self::StreamGenerate,
                "countTokens" => Self::CountGenerate,
                _ => return None,
            };
            return Some((wire, rest));
        }
        if let Some(below) = rest.strip_prefix("/v1beta/") {
            let below = below.trim_end_matches('/');
            let listed = below == "models" || below.strip_prefix("models/").is_some_and(is_name);
            return listed.then_some((Self::Models(Dialect::Gemini), rest));
        }
        let wire = match rest.trim_end_matches('/') {
            "/v1/messages" => Self::Messages,
            "/v1/messages/count_tokens" => Self::CountTokens,
            "/v1/chat/completions" => Self::Chat,
            "/v1/responses" => Self::Responses,
            "/v1/models" => Self::Models(dialect_of(headers)),
            // Some have a `/` in their names, and tuned ones a `:`.
            other => {
                let name = other.strip_prefix("/v1/models/")?;
                let mut parts = name.split(['/', ':']).filter(|part| !part.is_empty());
                if !parts.all(is_name) {
                    return None;
                }
                Self::Models(dialect_of(headers))
            }
        };
        Some((wire, rest))
    }

    pub fn dialect(self) -> Dialect {
        match self {
            Self::Messages | Self::CountTokens => Dialect::Anthropic,
            Self::Chat | Self::Responses => Dialect::Openai,
            Self::Generate | Self::StreamGenerate | Self::CountGenerate => Dialect::Gemini,
            Self::Models(dialect) => dialect,
        }
    }

    /// True for calls that cost something: reserved, metered and settled.
    pub fn metered(self) -> bool {
        match self {
            Self::Messages
            | Self::Chat
            | Self::Responses
            | Self::Generate
            | Self::StreamGenerate => true,
            Self::CountTokens | Self::CountGenerate | Self::Models(_) => false,
        }
    }
}

/// Model and method of a Gemini path, `/v1beta/models/MODEL:METHOD`.
pub fn generated(path: &str) -> Option<(&str, &str)> {
    let name = path.strip_prefix("/v1/models/").or(path.strip_prefix("/v1beta/models/"))?;
    let (model, method) = name.trim_end_matches('/').split_once(':')?;
    (is_name(model) && is_name(method)).then_some((model, method))
}

/// A part of a path that stands for itself, whoever reads it: a provider, or what builds its
/// URL, must not see another path than the one that was judged.
fn is_name(part: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.@".contains(c);
    !part.is_empty() && part.chars().all(plain) && part.chars().any(|c| c != '.')
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
    /// Of Gemini, whose model stands in the path.
    #[serde(rename = "generationConfig", alias = "generation_config")]
    generation: Option<Generation>,
    #[serde(borrow, deserialize_with = "given")]
    stream_options: Option<&'a RawValue>,
    /// Of Anthropic's messages; others may mean something else by it.
    #[serde(borrow, deserialize_with = "given")]
    thinking: Option<&'a RawValue>,
    /// Answers that a chat completion asks for at once.
    n: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Thinking {
    budget_tokens: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Generation {
    #[serde(rename = "maxOutputTokens", alias = "max_output_tokens")]
    max_output_tokens: Option<u64>,
    /// Answers asked for at once, each of that length.
    #[serde(rename = "candidateCount", alias = "candidate_count")]
    candidate_count: Option<u64>,
    #[serde(rename = "thinkingConfig", alias = "thinking_config")]
    thinking: Option<serde_json::Value>,
}

/// Assumed where a request names no limit for its answer.
const DEFAULT_MAX_OUTPUT: u64 = 32_000;
/// The same for Gemini: the most that its models give.
const DEFAULT_GENERATED: u64 = 65_536;
/// No model's answer is longer, and none gives more of them at once.
const LONGEST_ANSWER: u64 = 1_000_000;
pub const MOST_ANSWERS: u64 = 1_000;

impl Asked<'_> {
    /// The most tokens that the answer to a request of this kind may have.
    pub fn max_output(&self, wire: Wire) -> u64 {
        if wire.dialect() == Dialect::Gemini {
            let asked = self.generation.as_ref();
            let length = asked.and_then(|asked| asked.max_output_tokens);
            let length = length.unwrap_or(DEFAULT_GENERATED).min(LONGEST_ANSWER);
            return length.saturating_mul(self.answers(wire));
        }
        // Of several a service may read any.
        [self.max_tokens, self.max_completion_tokens, self.max_output_tokens]
            .into_iter()
            .flatten()
            .max()
            .unwrap_or(DEFAULT_MAX_OUTPUT)
            .min(LONGEST_ANSWER)
            .saturating_mul(self.answers(wire))
    }

    /// Answers asked for at once, each up to its limit.
    pub fn answers(&self, wire: Wire) -> u64 {
        let asked = match wire.dialect() {
            Dialect::Gemini => self.generation.as_ref().and_then(|asked| asked.candidate_count),
            Dialect::Anthropic | Dialect::Openai => self.n,
        };
        asked.unwrap_or(1).max(1)
    }

    /// Tokens of an answer that it wants to think with; its limit must be above them.
    pub fn thinking(&self) -> Option<u64> {
        let of_gemini = || {
            let config = self.generation.as_ref()?.thinking.as_ref()?;
            // Below zero it is as the model likes.
            config.get("thinkingBudget").or_else(|| config.get("thinking_budget"))?.as_u64()
        };
        let raw = self.thinking.map(RawValue::get);
        let thinking = raw.and_then(|raw| serde_json::from_str::<Thinking>(raw).ok());
        thinking.and_then(|thinking| thinking.budget_tokens).or_else(of_gemini)
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
                // Not what Google says of a quota: agents take that for a limit of the moment
                // and ask again, whatever the number.
                402 => "FAILED_PRECONDITION",
                429 => "RESOURCE_EXHAUSTED",
                403 => "PERMISSION_DENIED",
                404 => "NOT_FOUND",
                500 => "INTERNAL",
                504 => "DEADLINE_EXCEEDED",
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
        assert_eq!(wire("/v1beta/models/m-1:generateContent"), Some(Wire::Generate));
        assert_eq!(wire("/r/v1/models/m-1:streamGenerateContent"), Some(Wire::StreamGenerate));
        assert_eq!(wire("/v1beta/models/m-1:countTokens"), Some(Wire::CountGenerate));
        assert_eq!(wire("/v1beta/models"), Some(Wire::Models(Dialect::Gemini)));
        assert_eq!(wire("/v1beta/models/m-1"), Some(Wire::Models(Dialect::Gemini)));
        assert_eq!(wire("/v1/models/ft:gpt-5:org::x1"), Some(Wire::Models(Dialect::Openai)));
        assert_eq!(wire("/v1/models/meta/llama-4"), Some(Wire::Models(Dialect::Openai)));
        for elsewhere in [
            "/v1/models/../messages",
            "/v1/models/%2e%2e/messages",
            "/v1/models/a/../../messages",
            "/v1/models/./x",
            "/v1/models/x%2f..%2fmessages",
            "/v1beta/models/a/../m-1:generateContent",
            "/v1beta/models/m-1%3AgenerateContent",
            "/v1beta/models/../cachedContents",
            "/v1beta/models/a/b",
            "/v1beta/../x/models/m-1:generateContent",
        ] {
            assert_eq!(wire(elsewhere), None, "{elsewhere}");
        }
        assert_eq!(wire("/v1beta/models/m-1:predict"), None);
        assert_eq!(wire("/v1beta/cachedContents"), None);
        assert_eq!(wire("/v1/files"), None);
        assert_eq!(wire("/"), None);
    }

    #[test]
    fn gemini_names_model_and_method_in_the_path_and_limits_in_a_part_of_their_own() {
        assert_eq!(generated("/v1beta/models/m-1:countTokens"), Some(("m-1", "countTokens")));
        for none in ["/v1beta/models/m-1", "/v1beta/models/:x", "/v1beta/models/a/b:x", "/v1/m:x"] {
            assert_eq!(generated(none), None, "{none}");
        }
        let most = |body: &str| {
            serde_json::from_str::<Asked<'_>>(body).unwrap().max_output(Wire::Generate)
        };
        assert_eq!(most("{}"), 65_536);
        assert_eq!(most(r#"{"generationConfig":{"maxOutputTokens":10}}"#), 10);
        let two = r#"{"generation_config":{"max_output_tokens":10,"candidate_count":2}}"#;
        assert_eq!(most(two), 20);
        let endless =
            r#"{"generationConfig":{"maxOutputTokens":18446744073709551615,"candidateCount":2}}"#;
        assert_eq!(most(endless), 2 * LONGEST_ANSWER);
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
        assert!(text(Dialect::Gemini).contains("FAILED_PRECONDITION"));
    }
}
