//! Callers beside the one that a listener is for: runs whose model calls a process makes that
//! they share. Each has a key of its own, by which its calls are counted, paid and refused.

use super::{
    Caller, Gateway,
    server::{Attempt, same},
};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// The guests of one listener; a clone is a handle to the same.
#[derive(Clone, Default)]
pub struct Guests(Arc<Mutex<Vec<Known>>>);

struct Known {
    attempt: Arc<Attempt>,
    called: watch::Sender<bool>,
}

/// One of them. Dropped, its calls in flight end and its key is nobody's.
#[must_use = "dropping it takes its key away"]
pub struct Guest {
    stop: watch::Sender<bool>,
    hold: watch::Sender<bool>,
    called: watch::Receiver<bool>,
    of: Guests,
    token: String,
}

impl Guests {
    pub(super) fn admit(&self, gateway: &Gateway, caller: Caller) -> Guest {
        let (stop, stopping) = watch::channel(false);
        let token = caller.token.clone();
        // The listener is another's: it is not closed with a guest.
        let (_, closing) = watch::channel(false);
        let (hold, held) = watch::channel(false);
        let receivers = [stopping, closing, held];
        let attempt = Attempt::new(gateway, caller, None, Self::default(), receivers);
        let (called, calls) = watch::channel(false);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Known { attempt, called });
        Guest { stop, hold, called: calls, of: self.clone(), token }
    }

    pub(super) fn find(&self, token: &str) -> Option<Arc<Attempt>> {
        let guests = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let has = |known: &&Known| same(known.attempt.caller.token.as_bytes(), token.as_bytes());
        let found = guests.iter().find(has)?;
        found.called.send_replace(true);
        Some(found.attempt.clone())
    }
}

impl Guest {
    /// As [`Serving::refuse`](super::Serving::refuse), for this guest alone.
    pub fn refuse(&self) {
        self.stop.send_replace(true);
    }

    /// As [`Serving::hold`](super::Serving::hold), for this guest alone.
    pub fn hold(&self, held: bool) {
        self.hold.send_replace(held);
    }

    /// True once it has made a call; closed when the guest is gone.
    pub fn called(&self) -> watch::Receiver<bool> {
        self.called.clone()
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.refuse();
        let mut guests = self.of.0.lock().unwrap_or_else(PoisonError::into_inner);
        guests.retain(|known| known.attempt.caller.token != self.token);
    }
}
