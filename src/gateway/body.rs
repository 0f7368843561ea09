//! The body of a request. What is too large is taken all the same, within bounds, and thrown away:
//! most clients send all of it before they look for an answer, and see none if they are cut off
//! meanwhile.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::{
    HeaderMap,
    body::{Body, Incoming},
    header::EXPECT,
};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// The largest that is taken, in bytes.
pub const MOST: u64 = 64 << 20;
/// Of a larger one so much is read before it is answered, and for so long.
const MOST_DRAINED: u64 = 1 << 30;
const DRAIN_LIMIT: Duration = Duration::from_secs(30);
/// Room that is made on the word of a client.
const ROOM: u64 = 1 << 20;

/// Why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    TooLarge,
    BrokeOff,
}

/// All of it.
///
/// # Errors
/// When it is too large, or does not come to its end.
pub async fn read(headers: &HeaderMap, mut body: Incoming) -> Result<Bytes, Unread> {
    let told = body.size_hint().exact().unwrap_or(0);
    // Whoever asks first sends nothing.
    if told > MOST && headers.contains_key(EXPECT) {
        return Err(Unread::TooLarge);
    }
    let mut whole = BytesMut::with_capacity(told.min(ROOM) as usize);
    let mut length = 0u64;
    let mut until = None;
    loop {
        let next = match until {
            None => body.frame().await,
            Some(at) => match timeout_at(at, body.frame()).await {
                Ok(next) => next,
                Err(_) => return Err(Unread::TooLarge),
            },
        };
        let frame = match next {
            Some(Ok(frame)) => frame,
            Some(Err(_)) => return Err(Unread::BrokeOff),
            None if length > MOST => return Err(Unread::TooLarge),
            None => return Ok(whole.freeze()),
        };
        let Some(data) = frame.data_ref() else { continue };
        length = length.saturating_add(data.len() as u64);
        if length > MOST_DRAINED {
            return Err(Unread::TooLarge);
        }
        if length > MOST {
            whole = BytesMut::new();
            until.get_or_insert_with(|| Instant::now() + DRAIN_LIMIT);
        } else {
            whole.extend_from_slice(data);
        }
    }
}
