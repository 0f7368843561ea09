//! The adapters in force: read anew where somebody needs them, and when a file of the user's
//! changes. Agents that run go by the new rules from then on.

use super::world::{Order, World};
use crate::agents::Catalog;
use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, Weak},
    time::{Duration, SystemTime},
};

/// Between two looks at the user's files.
const TICK: Duration = Duration::from_secs(2);

impl World {
    /// All adapters, as last read.
    pub fn catalog(&self) -> Arc<Catalog> {
        self.catalog.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the adapters anew, so that a file that is new or mended counts at once.
    pub async fn read_adapters(&self) -> Arc<Catalog> {
        let (dir, before) = (self.adapters.clone(), self.catalog());
        let known = before.clone();
        let read = move || Catalog::load_after(&known, dir.as_deref());
        let Ok(catalog) = tokio::task::spawn_blocking(read).await else { return before };
        let catalog = Arc::new(catalog);
        *self.catalog.lock().unwrap_or_else(PoisonError::into_inner) = catalog.clone();
        if catalog.differs(&before) {
            for keeper in self.keepers().values() {
                // One with that many orders before it looks at its rules when it hears next.
                let _ = keeper.try_send(Order::Rules);
            }
        }
        catalog
    }
}

/// Looks while agents run, until the core has left.
pub async fn watch(world: Weak<World>) {
    let look = |dir: Option<PathBuf>| async move {
        let look = move || dir.map(|dir| stamps(&dir));
        tokio::task::spawn_blocking(look).await.ok().flatten()
    };
    // As it was when this core read it first.
    let Some(dir) = world.upgrade().map(|world| world.adapters.clone()) else { return };
    let mut seen = look(dir.clone()).await;
    loop {
        tokio::time::sleep(TICK).await;
        let Some(world) = world.upgrade() else { return };
        if world.keepers().is_empty() {
            continue;
        }
        let now = look(dir.clone()).await;
        if now != seen {
            seen = now;
            world.read_adapters().await;
        }
    }
}

/// Of each file: its name, its length and when it was written.
fn stamps(dir: &Path) -> Vec<(std::ffi::OsString, u64, Option<SystemTime>)> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let stamp = |entry: fs::DirEntry| {
        let known = fs::metadata(entry.path()).ok()?;
        Some((entry.file_name(), known.len(), known.modified().ok()))
    };
    let mut all: Vec<_> = entries.filter_map(stamp).collect();
    all.sort();
    all
}
