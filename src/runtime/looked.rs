//! What lies in a scope and is no work: what others obey and who listens there, looked for
//! before a swarm's first agent in it starts. Once, since twenty agents on one tree would look
//! at the same, and since what an agent made itself must be told from what was there.

use super::{
    scope::own,
    world::{Looked, World},
};
use crate::{
    model::{Holder, Scope, SwarmId, hex},
    sandbox::{Found, obeyed_names, sockets},
};
use sha2::{Digest, Sha256};
use std::{
    io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError},
};

impl World {
    /// What is protected below `roots`: written down, since a later core must be able to tell
    /// what the agents made.
    ///
    /// # Errors
    /// When there is too much.
    pub(super) fn found(&self, swarm: &SwarmId, roots: &[PathBuf]) -> io::Result<Arc<Found>> {
        let known = self.looked(swarm, roots);
        let mut found = match &known {
            Some(known) => Found::clone(known),
            None => Found::look(roots)?,
        };
        match known {
            Some(known) if !found.follow(roots)? => return Ok(known),
            None if matches!(self.holder(), Ok(Holder::Bubblewrap { .. })) => found.make_hooks(),
            Some(_) | None => {}
        }
        let found = Arc::new(found);
        let file = self.found_file(swarm, roots);
        if let Some(dir) = file.parent() {
            std::fs::create_dir_all(dir)?;
        }
        std::fs::write(file, serde_json::to_vec(&*found)?)?;
        self.remember((swarm.clone(), roots.to_vec()), found.clone());
        Ok(found)
    }

    /// What was found below `roots` before the first launch, also by an earlier core.
    pub fn looked(&self, swarm: &SwarmId, roots: &[PathBuf]) -> Option<Arc<Found>> {
        let key = (swarm.clone(), roots.to_vec());
        let known = self.found.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        known.or_else(|| {
            let text = std::fs::read(self.found_file(swarm, roots)).ok()?;
            let found: Arc<Found> = Arc::new(serde_json::from_slice(&text).ok()?);
            self.remember(key, found.clone());
            Some(found)
        })
    }

    fn remember(&self, key: Looked, found: Arc<Found>) {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).insert(key, found);
    }

    fn found_file(&self, swarm: &SwarmId, roots: &[PathBuf]) -> PathBuf {
        let mut digest = Sha256::new();
        // What a core with other names wrote down says nothing about what is new.
        obeyed_names().for_each(|name| digest.update(name));
        for root in roots {
            digest.update(root.as_os_str().as_bytes());
            digest.update([0]);
        }
        let digest = hex(digest.finalize());
        self.instance.swarm_dir(swarm).join(format!("found-{}.json", &digest[..16]))
    }

    /// Who listens in what `scope` and `roots` let an agent see, unless the scope names it.
    ///
    /// # Errors
    /// As [`Self::found`].
    pub(super) fn listening(
        &self,
        swarm: &SwarmId,
        scope: &Scope,
        roots: &[PathBuf],
    ) -> io::Result<Vec<PathBuf>> {
        let found = self.found(swarm, &scope.write)?;
        let others = self.others(swarm, scope);
        let dashs = own(self);
        let seen = |path: &&PathBuf| {
            let within = |roots: &[PathBuf]| roots.iter().any(|root| path.starts_with(root));
            within(roots) && !within(&dashs) && !scope.write.contains(path)
        };
        let all = found.sockets.iter().chain(others.iter());
        Ok(all.filter(seen).filter(|path| sockets::is_live(path)).cloned().collect())
    }

    /// Sockets in what is only read, and those that the kernel lists.
    fn others(&self, swarm: &SwarmId, scope: &Scope) -> Arc<Vec<PathBuf>> {
        // A path that cannot be: what is written and what is read are two lists.
        let border = [PathBuf::new()];
        let roots = [&scope.write[..], &border, &scope.read].concat();
        let key = (swarm.clone(), roots);
        let known =
            |key| self.listening.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned();
        if let Some(known) = known(&key) {
            return known;
        }
        let mut all = sockets::below(&scope.read);
        all.extend(sockets::bound());
        // The many of Dash's own are hidden as one.
        let dashs = own(self);
        let is_own = |path: &Path| dashs.iter().any(|own| path.starts_with(own));
        all.retain(|path| path.to_str().is_some() && !is_own(path));
        let all = Arc::new(all);
        self.listening.lock().unwrap_or_else(PoisonError::into_inner).insert(key, all.clone());
        all
    }
}
