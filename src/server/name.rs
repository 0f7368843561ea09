//! `Idempotency-Key`: the name of a request, so that it can be asked again when its answer was
//! lost and nothing is made twice.

use super::problem::Refused;
use crate::{
    model::{Once, Refusal, RefusalCode, hex},
    runtime::Handle,
};
use axum::{extract::FromRequestParts, http::request::Parts};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// Longest name.
const MAX: usize = 200;

/// The header, where there is one.
pub struct Name(pub Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for Name {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        let Some(key) = parts.headers.get("idempotency-key") else { return Ok(Self(None)) };
        let key =
            key.to_str().ok().filter(|key| (1..=MAX).contains(&key.len()) && !key.contains('\t'));
        let why = || format!("Idempotency-Key is 1 to {MAX} visible ASCII characters");
        let key = key.ok_or_else(|| Refusal::new(RefusalCode::Invalid, why()))?;
        Ok(Self(Some(key.to_owned())))
    }
}

impl Name {
    /// What carries out `asked`, once.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn carries(self, handle: &Handle, asked: &impl Serialize) -> Result<Handle, Refusal> {
        let Some(key) = self.0 else { return Ok(handle.clone()) };
        Ok(handle.named(Some(Once { key, hash: hash(asked)? })))
    }
}

/// By which something else under the same name is told from a repetition.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn hash(asked: &impl Serialize) -> Result<String, Refusal> {
    let bad = |error: serde_json::Error| Refusal::new(RefusalCode::Invalid, error.to_string());
    Ok(hex(Sha256::digest(serde_json::to_vec(asked).map_err(bad)?)))
}
