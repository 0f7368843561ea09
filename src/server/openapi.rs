//! `/v1/openapi.json`: what all this is, for clients that were never here.
//!
//! The document is made by a test, from the types themselves and a table of operations, and is
//! checked in as `assets/openapi.json`; this program only hands out the file.

use super::problem::Plain;
use crate::config::unpacked;
use axum::{
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
};

#[cfg(test)]
mod describe;
#[cfg(test)]
mod examples;
#[cfg(test)]
mod operations;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod tidy;

/// Without its white space, and packed (build.rs).
const PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/openapi.json.lz4"));

fn document() -> String {
    unpacked(PACKED)
}

pub async fn read(_: Plain) -> Response {
    ([(CONTENT_TYPE, "application/json")], document()).into_response()
}
