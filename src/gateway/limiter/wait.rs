//! A call on its way through the gate, as its attempt's traffic shows it.

use super::{Permit, TooLong};
use crate::gateway::{
    Traffic, call,
    server::{Attempt, Flight},
};
use hyper::StatusCode;
use std::sync::Arc;

/// Waits for the provider to take calls of this model; else how the call is answered, and for
/// how many seconds it is too early.
pub async fn through_the_gate(
    attempt: &Arc<Attempt>,
    provider: &str,
    model: &str,
    flight: &Flight,
) -> Result<Permit, (StatusCode, String, Option<u64>)> {
    let limiter = attempt.gateway.limiter();
    let stopping = || {
        let message = "the attempt is being stopped".to_owned();
        (StatusCode::SERVICE_UNAVAILABLE, message, None)
    };
    loop {
        let mut waited = false;
        let waits = || {
            waited = true;
            flight.note(Traffic::Limited);
        };
        let mut stop = attempt.stop.clone();
        let passed = tokio::select! {
            passed = limiter.pass(provider, model, &attempt.caller.agent, waits) => passed,
            () = call::stopped(&mut stop) => return Err(stopping()),
        };
        if waited {
            flight.note(Traffic::Asked);
        }
        let permit = passed.map_err(|TooLong { seconds }| {
            let why = format!("{provider} takes no calls of {model}: its rate limit");
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
