//! What those above an agent must not touch though it lies in their scope: a child that
//! names it in its own would get at it. Found anew at each launch, and asked before a spawn.

use super::{
    scope::{hidden, protected_of},
    world::World,
};
use crate::model::{Scope, SwarmId};
use std::{
    io,
    path::{Path, PathBuf},
};

/// Of all strict scopes above together.
#[derive(Default)]
pub struct Above {
    /// Not to be seen.
    pub hidden: Vec<PathBuf>,
    /// Not to be written.
    pub protected: Vec<PathBuf>,
    /// Not to be moved.
    pub pinned: Vec<PathBuf>,
}

impl Above {
    /// Looks through the scopes on the disk, where that was not done for this swarm before:
    /// not for an async task.
    ///
    /// # Errors
    /// When one is too large to be looked through.
    pub fn of(world: &World, swarm: &SwarmId, scopes: &[Scope]) -> io::Result<Self> {
        let mut above = Self::default();
        for scope in scopes.iter().filter(|scope| scope.is_strict()) {
            let roots: Vec<PathBuf> = scope.write.iter().chain(&scope.read).cloned().collect();
            above.hidden.extend(hidden(world, &roots));
            above.hidden.extend(world.listening(swarm, scope, &roots)?);
            let found = world.found(swarm, &scope.write)?;
            above.protected.extend(protected_of(&found, scope));
            above.pinned.extend(found.pinned.iter().cloned());
        }
        Ok(above)
    }

    /// The first thing that `scope` would open, if there is one.
    pub fn opened_by(&self, scope: &Scope) -> Option<&Path> {
        let lies_in = |roots: &[PathBuf], path: &&PathBuf| {
            roots.iter().any(|root| root.starts_with(path.as_path()))
        };
        let seen = |path: &&PathBuf| lies_in(&scope.write, path) || lies_in(&scope.read, path);
        let written = |path: &&PathBuf| lies_in(&scope.write, path);
        let opened = self.hidden.iter().find(seen).or_else(|| self.protected.iter().find(written));
        opened.map(PathBuf::as_path)
    }

    /// What of it lies in `roots`, for a sandbox with these.
    pub fn within(mut self, roots: &[PathBuf]) -> Self {
        let inside = |path: &PathBuf| roots.iter().any(|root| path.starts_with(root));
        self.hidden.retain(inside);
        self.protected.retain(inside);
        self.pinned.retain(inside);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_childs_scope_opens_nothing_that_is_closed_above() {
        let above = Above {
            hidden: vec!["/h/.ssh".into()],
            protected: vec!["/h/w/.git/hooks".into()],
            pinned: vec!["/h/w/.git".into()],
        };
        let scope = |write: &str, read: &str| Scope {
            write: vec![write.into()],
            read: vec![read.into()],
            ..Scope::default()
        };
        for (write, read, opened) in [
            ("/h/w", "/h", None),
            ("/h/w/.git", "/h/w/.git/hooks", None),
            ("/h/w/.git/hooks", "/h", Some("/h/w/.git/hooks")),
            ("/h/w/.git/hooks/x", "/h", Some("/h/w/.git/hooks")),
            ("/h/w", "/h/.ssh", Some("/h/.ssh")),
            ("/h/.ssh/keys", "/h", Some("/h/.ssh")),
        ] {
            let found = above.opened_by(&scope(write, read));
            assert_eq!(found, opened.map(Path::new), "{write} {read}");
        }
        let inside = above.within(&["/h/w".into()]);
        assert_eq!((inside.hidden.len(), inside.protected.len(), inside.pinned.len()), (0, 1, 1));
    }
}
