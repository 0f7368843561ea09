//! A call on its way through the gates, as its attempt's traffic shows it.

use super::{Permit, TooLong};
use crate::gateway::{
    Traffic, call,
    server::{Attempt, Flight},
};
use hyper::StatusCode;
use std::sync::Arc;

/// How a call is answered that does not pass, and for how many seconds it is too early.
type Answered = (StatusCode, String, Option<u64>);

/// What a call waits for.
#[derive(Clone, Copy)]
enum Before<'a> {
    /// Until a provider takes calls of a model.
    Model(&'a str, &'a str),
    /// Until fewer calls of its swarm are in flight than this.
    Swarm(u32),
}

/// Waits for the provider to take calls of this model.
///
/// # Errors
/// With the answer, when it does not for too long.
pub async fn through_the_gate(
    attempt: &Arc<Attempt>,
    provider: &str,
    model: &str,
    flight: &Flight,
) -> Result<Permit, Answered> {
    passed(attempt, flight, Before::Model(provider, model)).await
}

/// Waits until fewer calls of its swarm are in flight than may be, where it has said so.
///
/// # Errors
/// With the answer, when others come first for too long.
pub async fn in_turn(attempt: &Arc<Attempt>, flight: &Flight) -> Result<Option<Permit>, Answered> {
    match attempt.caller.calls {
        Some(most) => passed(attempt, flight, Before::Swarm(most)).await.map(Some),
        None => Ok(None),
    }
}

async fn passed(
    attempt: &Arc<Attempt>,
    flight: &Flight,
    before: Before<'_>,
) -> Result<Permit, Answered> {
    let (limiter, caller) = (attempt.gateway.limiter(), &attempt.caller);
    let stopping = || {
        let message = "the attempt is being stopped".to_owned();
        (StatusCode::SERVICE_UNAVAILABLE, message, None)
    };
    loop {
        let mut waited = false;
        let waits = || {
            waited = true;
            flight.note(match before {
                Before::Model(..) => Traffic::Limited,
                Before::Swarm(_) => Traffic::Queued,
            });
        };
        let pass = async {
            match before {
                Before::Model(provider, model) => {
                    limiter.pass(provider, model, &caller.agent, waits).await
                }
                Before::Swarm(most) => limiter.pass_in_swarm(caller, most, waits).await,
            }
        };
        let mut stop = attempt.stop.clone();
        let passed = tokio::select! {
            passed = pass => passed,
            () = call::stopped(&mut stop) => return Err(stopping()),
        };
        if waited {
            flight.note(Traffic::Asked);
        }
        let permit = passed.map_err(|TooLong { seconds }| {
            let why = match before {
                Before::Model(provider, model) => {
                    format!(
                        "{provider} takes no calls of {model} for another {seconds} s: its rate limit"
                    )
                }
                Before::Swarm(most) => {
                    format!(
                        "{} makes {most} model calls at once, and others came first",
                        caller.swarm
                    )
                }
            };
            (StatusCode::TOO_MANY_REQUESTS, why, Some(seconds))
        })?;
        if !attempt.is_held() {
            return Ok(permit);
        }
        // Held meanwhile: others go first.
        drop(permit);
        if !attempt.may_go_on().await {
            return Err(stopping());
        }
    }
}
