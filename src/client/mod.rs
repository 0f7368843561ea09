//! A client's side of the socket: connect, start a core where that is allowed, typed calls,
//! streams, and the reconnecting that lets a client outlive a core.
//!
//! Every request opens its own connection over a [`Connector`] (a Unix socket, or an
//! in-memory duplex in tests): a connection costs some ten microseconds, and none is left
//! half broken when the core goes. A request that could not be delivered is tried again
//! after the core was started anew; one whose answer was lost is repeated only if it reads.
//!
//! A request has a limit of time ([`Client::within`]), since a core that was frozen, or a
//! program that took its place, may never answer; a stream, whose silence is normal, has one
//! only until it has begun.
//!
//! Backpressure: nothing is queued here. A stream is read when its caller asks, and the
//! core decides what a slow reader misses (see `protocol::stream`).

mod attach;
mod calls;
mod connect;
mod error;
mod events;
mod frame;
mod http;
mod launch;
mod pass;

pub use attach::{AttachEvent, AttachReader, AttachWriter, Attachment};
pub use connect::{Connector, Stream, Target, in_agent};
pub use error::{ClientError, Result};
pub use events::{Events, EventsQuery, Feed, FeedItem};
pub use http::{Body, Client};
