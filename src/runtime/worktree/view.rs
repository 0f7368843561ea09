//! A tree seen as it is.

use super::git::{Tree, printed};
use crate::agents::worktree as git;
use std::{ffi::OsStr, fs, os::unix::ffi::OsStrExt};

/// Whatever the tree's index and settings say: through an index of our own.
pub struct View<'a> {
    tree: &'a Tree,
    variables: [(String, String); 2],
}

impl<'a> View<'a> {
    /// # Errors
    /// When git cannot make sense of the tree.
    pub async fn open(tree: &'a Tree) -> anyhow::Result<Self> {
        let variables = git::fresh(&tree.path, &tree.index());
        let view = Self { tree, variables };
        view.ask(&git::read_head(&tree.path)).await?;
        view.leave_out().await?;
        Ok(view)
    }

    pub async fn ask(&self, argv: &[String]) -> anyhow::Result<Vec<u8>> {
        printed(self.tree.run_with(argv, &self.variables, &[]).await?)
    }

    /// What a sparse checkout left out was not deleted. Only what is really absent counts.
    async fn leave_out(&self) -> anyhow::Result<()> {
        let path = &self.tree.path;
        let own = self.tree.run(&git::standing(path)).await?;
        let absent =
            |name: &&[u8]| fs::symlink_metadata(path.join(OsStr::from_bytes(name))).is_err();
        let left_out: Vec<&[u8]> = git::left_out(&own.stdout).filter(absent).collect();
        if !left_out.is_empty() {
            let input = left_out.join(&0);
            self.tree.run_with(&git::leave_out(path), &self.variables, &input).await?;
        }
        Ok(())
    }

    /// Why what is in the tree has to be kept, if it has.
    pub async fn holds(&self) -> anyhow::Result<Option<&'static str>> {
        let path = &self.tree.path;
        if git::has_submodule(&self.ask(&git::staged(path)).await?) {
            return Ok(Some("it holds a submodule"));
        }
        if !self.ask(&git::status(path)).await?.is_empty() {
            return Ok(Some("it holds uncommitted work"));
        }
        if !self.ask(&git::others(path)).await?.is_empty() {
            return Ok(Some("it holds ignored files"));
        }
        Ok(None)
    }
}
