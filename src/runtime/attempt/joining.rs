//! The launch of an attempt, which may have to wait for the process that it shares.

use super::{
    super::{
        host,
        launch::{self, Plan},
        world::{Heard, Order},
    },
    Keeping,
};
use std::os::unix::net::UnixStream;

impl Keeping {
    /// First of all a place at the process that it shares, which may have to be started. None:
    /// nothing comes of it.
    pub(super) async fn launch(&mut self, plan: &mut Plan) -> anyhow::Result<Option<UnixStream>> {
        let world = self.world.clone();
        self.place = {
            let joined = host::join(&world, plan);
            tokio::pin!(joined);
            loop {
                tokio::select! {
                    place = &mut joined => break place?,
                    order = self.orders.recv() => match order.map(Order::heard) {
                        None | Some(Heard::Stop) => anyhow::bail!("stopped before it was started"),
                        Some(Heard::Goodbye(done)) => {
                            let _ = done.send(());
                            // The next core launches it: it has no keeper yet.
                            std::future::pending::<()>().await;
                        }
                        Some(Heard::Hold) => self.regard_pause().await,
                        // There is nobody to carry it out yet.
                        Some(Heard::Verdict { .. } | Heard::Nothing) => {}
                    },
                }
            }
        };
        self.hold_calls();
        // It may have been paused while it waited for that place.
        if !self.may_launch().await {
            return Ok(None);
        }
        let share = self.place.as_ref().map_or(host::Share::Alone, host::Place::share);
        launch::launch(&world, plan, share).await.map(Some)
    }
}
