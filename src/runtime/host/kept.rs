//! What a host leaves: the sessions of its guests, as its adapter says where they lie, and its
//! own record, in the swarm's directory. For a guest that is tried again a host of the same name
//! is started on that, with the same seats and keys, in the same place. It goes with the swarm.

use super::{Host, Record, join::LeftAt, read};
use crate::{
    model::{AttemptId, SwarmId},
    runtime::{
        launch::{self, Plan},
        resume,
        world::{Shared, World},
    },
};
use anyhow::Context;
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

fn dir(world: &World, swarm: &SwarmId, id: &AttemptId) -> PathBuf {
    world.instance.swarm_dir(swarm).join("hosts").join(id.as_str())
}

pub fn is_there(world: &World, swarm: &SwarmId, id: &AttemptId) -> bool {
    dir(world, swarm, id).exists()
}

/// The record of the host that has ended, where it left that session.
pub fn record(world: &World, plan: &Plan, left: &LeftAt) -> Option<Record> {
    let dir = dir(world, &plan.attempt.swarm, &left.host);
    let record: Record = read(&dir.join("host.json"))?;
    (record.id == left.host && has(&dir.join("private"), left.session.as_bytes())).then_some(record)
}

/// In a file of its own or below it.
fn has(at: &Path, session: &[u8]) -> bool {
    if at.is_dir() {
        let Ok(entries) = fs::read_dir(at) else { return false };
        return entries.flatten().any(|entry| has(&entry.path(), session));
    }
    fs::read(at).is_ok_and(|content| memchr::memmem::find(&content, session).is_some())
}

/// It has ended: copies what is worth keeping, in place of what was kept before.
pub async fn keep(world: &Shared, host: &Arc<Host>) {
    let swarm = host.plan.attempt.swarm.clone();
    let of = swarm.clone();
    // What a swarm leaves that was removed nobody would clear away.
    if !world.read(move |state| state.swarms.contains_key(&of)).await.unwrap_or(false) {
        return;
    }
    let (world, host) = (world.clone(), host.clone());
    let kept = tokio::task::spawn_blocking(move || -> anyhow::Result<()> {
        let id = &host.record.id;
        let private = world.instance.attempt_dir(id).join("private");
        let from = sessions(&world, &host, &private);
        if !from.iter().any(|path| path.exists()) {
            return Ok(());
        }
        let dir = dir(&world, &swarm, id);
        let new = dir.with_extension("new");
        let _ = fs::remove_dir_all(&new);
        let to = sessions(&world, &host, &new.join("private"));
        launch::make_private(&new)?;
        resume::copy(&from, &to, &private, id.as_str())?;
        launch::write_private(&new.join("host.json"), &serde_json::to_vec(&host.record)?)?;
        let _ = fs::remove_dir_all(&dir);
        fs::rename(&new, &dir).context("naming it")
    });
    if let Ok(Err(error)) = kept.await {
        tracing::warn!("what a shared process leaves is not kept: {error:#}");
    }
}

/// Before it is started: puts there what one of its name has left.
pub async fn restore(world: &Shared, host: &Arc<Host>) -> anyhow::Result<()> {
    let (world, host) = (world.clone(), host.clone());
    let restored = tokio::task::spawn_blocking(move || -> anyhow::Result<()> {
        let id = &host.record.id;
        let kept = dir(&world, &host.plan.attempt.swarm, id).join("private");
        if !kept.exists() {
            return Ok(());
        }
        let private = world.instance.attempt_dir(id).join("private");
        let (from, to) = (sessions(&world, &host, &kept), sessions(&world, &host, &private));
        resume::copy(&from, &to, &kept, id.as_str()).map(|_| ())
    });
    restored.await?
}

fn sessions(world: &World, host: &Host, private: &Path) -> Vec<PathBuf> {
    let catalog = world.catalog();
    let shared = catalog.get(&host.plan.adapter).and_then(|adapter| adapter.shared());
    shared.map_or_else(Vec::new, |shared| shared.sessions(private))
}
