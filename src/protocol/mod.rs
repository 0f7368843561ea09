//! What crosses a socket: the REST and WebSocket bodies between clients and the core, the
//! frames between the core (or a viewer) and a keeper, versions and limits. Bare data;
//! behaviour lives beside the code that needs it.

pub mod broker;
pub mod frame;
pub mod keeper;
pub mod rest;
pub mod stream;

/// Largest body the core accepts, in bytes.
pub const MAX_BODY: usize = 4 << 20;
