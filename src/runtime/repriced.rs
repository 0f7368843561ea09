//! Price files that change while somebody waits for a price: a model's own, or what a feature of
//! its requests costs. Whoever writes them, `dash prices set` or an editor, asks no core; so the
//! core looks, and those who wait ask again.

use super::world::World;
use crate::core::{self, Input};
use std::{sync::Weak, time::Duration};

const TICK: Duration = Duration::from_secs(1);

/// Looks until the core has left.
pub async fn watch(world: Weak<World>) {
    let mut seen = None;
    loop {
        let Some(world) = world.upgrade() else { return };
        // Two looks at the disk, of some microseconds.
        let now = world.prices.mark();
        let changed = match seen {
            Some(before) => before != now,
            None => set_meanwhile(&world).await,
        };
        seen = Some(now);
        if changed {
            world.tell(Input::PricesChanged).await;
        }
        drop(world);
        tokio::time::sleep(TICK).await;
    }
}

/// Whether a price that somebody waits for was set while no core ran.
async fn set_meanwhile(world: &World) -> bool {
    let Ok(models) = world.read(core::unpriced_models).await else { return false };
    if models.is_empty() {
        return false;
    }
    let files = world.prices.clone();
    let loaded = tokio::task::spawn_blocking(move || files.load()).await;
    // A file that is wrong is told by whoever needs it.
    let Ok(Ok(data)) = loaded else { return false };
    models.iter().any(|model| data.own.contains_key(model))
}
