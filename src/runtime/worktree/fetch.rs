//! What an agent committed in its clone comes back into the user's repository: first as
//! `refs/dash/BRANCH`, then as the branch, unless the user has a hand on that.

use super::git::{Tree, ask, run};
use crate::agents::worktree as git;
use std::path::Path;

/// # Errors
/// When nothing could be fetched. Else what there is to say, if the branch could not follow.
pub async fn fetch_back(
    tree: &Tree,
    repository: &Path,
    branch: &str,
) -> anyhow::Result<Option<String>> {
    let (held, head) = (git::fetched(branch), git::head(branch));
    let before = ask(&git::tip(repository, &held)).await.ok();
    tree.fetch(repository, branch).await?;
    let new = ask(&git::tip(repository, &held)).await?;
    let tip = ask(&git::tip(repository, &head)).await.ok();
    if tip.as_ref() == Some(&new) {
        return Ok(None);
    }
    let stays = |why: &str| Ok(Some(format!("{why}: what the agent committed is at {held}")));
    let Some(tip) = tip else {
        // Nothing has come that was not there when it was deleted.
        let old = before.as_ref() == Some(&new);
        return if old { Ok(None) } else { stays(&format!("the branch {branch} is gone")) };
    };
    if git::is_checked_out(&ask(&git::worktrees(repository)).await?, branch) {
        return stays(&format!("the branch {branch} is checked out and was not moved"));
    }
    let forward = run(&git::is_ancestor(repository, &tip, &new)).await?.status.success();
    // As we left it, and the agent has rewritten what we saw.
    let ours = before.as_ref() == Some(&tip);
    if (forward || ours)
        && run(&git::advance(repository, &head, &new, &tip)).await?.status.success()
    {
        return Ok(None);
    }
    stays(&format!("the branch {branch} was moved by somebody else"))
}
