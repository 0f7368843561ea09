//! An attempt that is paused: its processes are held by its keeper, its model calls by the
//! gateway. Whether it is, the state says each time; no order carries it, so none can come too
//! late.

use super::{
    super::{
        link::LinkWriter,
        world::{Heard, Order},
    },
    Keeping, give_up,
};
use crate::protocol::keeper::ToKeeper;
use std::io;

impl Keeping {
    /// Asks the state. Calls are held from here on; the processes once their keeper is told.
    pub(super) async fn regard_pause(&mut self) {
        let id = self.id.clone();
        let paused = self.world.read(move |state| {
            state.attempts.get(&id).is_some_and(|attempt| attempt.paused.is_some())
        });
        // A core that is leaving leaves everything as it is.
        let Ok(paused) = paused.await else { return };
        self.paused = paused;
        self.hold_calls();
    }

    /// Also those that the process makes for it which it shares.
    pub(super) fn hold_calls(&self) {
        if let Some(served) = &self.served {
            served.hold(self.paused);
        }
        if let Some(place) = &self.place {
            place.hold(self.paused);
        }
    }

    /// Tells its keeper what it does not know yet.
    pub(super) async fn tell_pause(&mut self, writer: &mut LinkWriter) -> io::Result<()> {
        if self.paused && !self.pauses && self.served.is_some() {
            tracing::warn!(attempt = %self.id, "only its calls are held: its keeper is too old");
        }
        if self.told == self.paused || !self.pauses {
            return Ok(());
        }
        self.told = self.paused;
        writer.control(&ToKeeper::Pause { paused: self.paused }).await
    }

    /// Waits with a launch while the attempt is paused; false if nothing comes of it.
    pub(super) async fn may_launch(&mut self) -> bool {
        while self.paused {
            match self.orders.recv().await.map(Order::heard) {
                Some(Heard::Hold) => self.regard_pause().await,
                Some(Heard::Stop) => {
                    let why = "stopped before it was launched".to_owned();
                    give_up(&self.world, &self.id, why).await;
                    return false;
                }
                Some(Heard::Goodbye(done)) => {
                    let _ = done.send(());
                    return false;
                }
                None => return false,
                // There is nobody to hear it.
                Some(Heard::Verdict { .. } | Heard::Nothing) => {}
            }
        }
        true
    }
}
