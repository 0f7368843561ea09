//! The provider that answers from a scenario file instead of a model. It speaks Anthropic
//! Messages, OpenAI Chat Completions and Responses, and Gemini, streaming or whole, through the
//! same gateway, meter and ledger as a real one; its name, `simulated`, marks what it says.
//!
//! The scenario is the file of `[simulated] scenario` in the configuration, else of
//! `DASH_SCENARIO` in the core's environment, else the built-in `default`; `demo` names the
//! other built-in one. It is read once, at the start. Format (TOML, unknown keys refused):
//!
//! ```toml
//! name = "default"
//!
//! [[rule]]                       # the first rule that matches answers
//! [rule.when]                    # all conditions that are given must hold
//! task = ["write {file}: {content}"]  # any pattern found in the last user prompt
//! dialect = "anthropic"          # anthropic | chat | responses | gemini
//! model = "opus"                 # part of the model's name
//! turn = 1                       # model answers since the last user prompt, plus one
//! call = [2, 3]                  # calls of this attempt so far, this one included
//! agent = "0/5"                  # number of the agent (12 of ag-12): remainder 0 of 5
//! attempt = 1                    # of the agent, from 1
//! tools = true                   # whether the request offers any tool
//! said = "violet"                # stands somewhere in the request, as in an earlier answer
//!
//! [rule.reply]
//! say = "text"                   # and at most one of these two:
//! shell = "printf '%s\n' {file}" # a command, through whichever shell tool is offered
//! write = { path = "{file}", content = "{content}" }
//! usage = { output = 900 }       # else bytes / 4
//! delay_ms = 300                 # before the first byte
//! chunk_ms = 20                  # between the pieces of a stream
//! error = 529                    # instead of an answer, with `message`, `retry_after`
//! cut_after = 3                  # the stream breaks off after so many pieces
//! hang = true                    # after those pieces, or at once, nothing comes any more
//! ```
//!
//! Numbers match as `3`, `[1, 4]`, `"3+"` or `"2/5"`. A pattern is text, whatever its case;
//! `{name}` in it captures up to the next piece of text or the end of the line; `{file}` and
//! `{path}` capture one word with a dot or slash in it. Captures, and `{task}` (its first
//! line), `{turn}`, `{call}`, `{agent}`, `{model}`, are filled into a reply; in `shell` they
//! are quoted, and `{=name}` is not. Without a rule, or without a tool that fits, the answer
//! is text. Nothing is random: the same calls get the same answers.

mod ask;
mod chat;
mod generate;
mod messages;
mod pattern;
mod reply;
mod responses;
mod scenario;
mod tools;

pub use scenario::{BadScenario, Scenario};

use super::answer::{Answer, Chunks, Cut};
use super::wire::{Wire, error_body};
use crate::config::{self, Dialect};
use crate::model::{AgentId, AttemptId};
use ask::Ask;
use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{HeaderMap, StatusCode};
use reply::{End, Reply};
use serde_json::json;
use std::time::Duration;

/// Names a scenario file, where the configuration does not.
pub const SCENARIO_VARIABLE: &str = "DASH_SCENARIO";
const DEFAULT: &str = include_str!("../../../assets/scenarios/default.toml");
/// The rehearsal of `dash demo`, by the name [`DEMO_NAME`].
const DEMO: &str = include_str!("../../../assets/scenarios/demo.toml");

/// Stands for the built-in rehearsal wherever a scenario's path may stand.
pub const DEMO_NAME: &str = "demo";

pub struct Simulated {
    scenario: Scenario,
}

impl Simulated {
    pub fn load(
        config: &config::Simulated,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, BadScenario> {
        let path = config
            .scenario
            .clone()
            .or_else(|| env(SCENARIO_VARIABLE).filter(|path| !path.is_empty()).map(Into::into));
        let scenario = match path {
            _ if config.rehearsal => Scenario::parse(DEMO, DEMO_NAME)?,
            Some(path) if path.as_os_str() == DEMO_NAME => Scenario::parse(DEMO, DEMO_NAME)?,
            Some(path) => Scenario::read(&path)?,
            None => Scenario::parse(DEFAULT, "the built-in scenario")?,
        };
        Ok(Self { scenario })
    }

    /// Answers one call. `path` is from `/v1` on, with its query; `number` counts the attempt's model calls from 1.
    pub(super) async fn answer(
        &self,
        wire: Wire,
        path: &str,
        attempt: &AttemptId,
        agent: &AgentId,
        number: u32,
        body: &[u8],
    ) -> Answer {
        let ok = |value: serde_json::Value| {
            Answer::whole(StatusCode::OK, value.to_string().into_bytes())
        };
        match wire {
            Wire::CountTokens => ok(json!({"input_tokens": body.len().div_ceil(4)})),
            Wire::CountGenerate => ok(json!({"totalTokens": body.len().div_ceil(4)})),
            Wire::Models(Dialect::Gemini) => ok(generate::models(path)),
            Wire::Models(_) => ok(models(path)),
            Wire::Messages
            | Wire::Chat
            | Wire::Responses
            | Wire::Generate
            | Wire::StreamGenerate => {
                let ask = match Ask::read(wire, attempt, agent, number, body) {
                    Ok(ask) => ask.on(path),
                    Err(e) => {
                        let message = format!("the request does not fit its dialect: {e}");
                        return Answer::error(wire.dialect(), StatusCode::BAD_REQUEST, &message);
                    }
                };
                play(self.scenario.reply(&ask), &ask).await
            }
        }
    }
}

fn models(path: &str) -> serde_json::Value {
    let model = json!({
        "id": "simulated", "object": "model", "type": "model", "display_name": "Simulated",
        "created": 0, "created_at": "1970-01-01T00:00:00Z", "owned_by": "dash",
    });
    let path = path.split('?').next().unwrap_or_default();
    match path.strip_prefix("/v1/models/") {
        Some(_) => model,
        None => json!({"object": "list", "data": [model], "has_more": false}),
    }
}

async fn play(reply: Reply, ask: &Ask) -> Answer {
    tokio::time::sleep(reply.delay).await;
    if let End::Error { status, message, retry_after } = &reply.end {
        let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = error_body(ask.wire.dialect(), status, message);
        let mut answer = Answer::whole(status, body);
        if let Some(seconds) = retry_after {
            answer.headers.insert(RETRY_AFTER, HeaderValue::from(*seconds));
        }
        return answer;
    }
    let (kind, pieces) = if ask.stream {
        let pieces = match ask.wire {
            Wire::Messages | Wire::CountTokens | Wire::Models(_) => messages::stream(ask, &reply),
            Wire::Chat => chat::stream(ask, &reply),
            Wire::Responses => responses::stream(ask, &reply),
            Wire::Generate | Wire::StreamGenerate | Wire::CountGenerate => {
                generate::stream(ask, &reply)
            }
        };
        ("text/event-stream; charset=utf-8", pieces)
    } else {
        let whole = match ask.wire {
            Wire::Messages | Wire::CountTokens | Wire::Models(_) => messages::whole(ask, &reply),
            Wire::Chat => chat::whole(ask, &reply),
            Wire::Responses => responses::whole(ask, &reply),
            Wire::Generate | Wire::CountGenerate => generate::whole(ask, &reply),
            // A stream that is not asked for as events is a list of its chunks.
            Wire::StreamGenerate => json!([generate::whole(ask, &reply)]),
        };
        ("application/json", vec![whole.to_string()])
    };
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    let body = chunks(pieces, reply.chunk, reply.end);
    Answer { status: StatusCode::OK, headers, body, unsent: false, lost: false }
}

/// The pieces in their time, and then the end that the scenario wants.
fn chunks(pieces: Vec<String>, pause: Duration, end: End) -> Chunks {
    let last = match end {
        End::Well | End::Error { .. } => pieces.len(),
        End::Cut(after) | End::Hang(after) => after.min(pieces.len()),
    };
    let mut pieces = pieces.into_iter().take(last);
    let mut first = true;
    let mut over = false;
    let mut step = move || -> Option<Option<Result<Bytes, Cut>>> {
        match pieces.next() {
            Some(piece) => Some(Some(Ok(Bytes::from(piece)))),
            None if over => None,
            None => {
                over = true;
                match end {
                    End::Well | End::Error { .. } => None,
                    End::Cut(_) => Some(Some(Err(Cut))),
                    End::Hang(_) => Some(None),
                }
            }
        }
    };
    let stream = futures_util::stream::poll_fn(move |_| std::task::Poll::Ready(step()));
    Box::pin(futures_util::StreamExt::then(stream, move |piece| {
        let wait = if std::mem::take(&mut first) { Duration::ZERO } else { pause };
        async move {
            if !wait.is_zero() {
                tokio::time::sleep(wait).await;
            }
            match piece {
                Some(piece) => piece,
                None => std::future::pending().await,
            }
        }
    }))
}
