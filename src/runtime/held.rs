//! What an attempt left in its scope that others would run or obey, and that was not there
//! before it: git's hooks and settings that name programs, start-up files of shells and
//! editors, settings of agents and of Dash. No mount can hold what comes into being; so it is
//! looked for once the attempt is over, before anybody is told so, and moved to the attempt's
//! own directory, where it can be looked at and is run by nobody. Of git's settings what is
//! harmless stays. Repositories in the attempt's own home are looked at too: others can be
//! led there.
//!
//! While an attempt runs, whoever uses git in its scope is on their own: Dash does not.

mod settings;

use super::{
    launch::Plan,
    scope::not_granted,
    world::{Shared, World},
};
use crate::{
    config::read_small,
    core::Input,
    model::AttemptId,
    sandbox::{Found, is_obeyed},
};
use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// Where what an attempt left is held.
pub fn place(world: &World, attempt: &AttemptId) -> PathBuf {
    world.instance.attempt_dir(attempt).join("held")
}

/// Looks, moves, and tells.
pub async fn sweep(world: &Shared, plan: &Plan) {
    if !plan.scope.is_strict() {
        return;
    }
    let (looking, of) = (world.clone(), plan.clone());
    let swept = tokio::task::spawn_blocking(move || hold(&looking, &of)).await;
    let (paths, place) = match swept {
        Ok(Ok(held)) => held,
        Ok(Err(error)) => {
            let attempt = &plan.attempt.id;
            return tracing::warn!(%attempt, %error, "what it left was not looked through");
        }
        Err(_) => return,
    };
    if !paths.is_empty() {
        world.tell(Input::Held { attempt: plan.attempt.id.clone(), paths, place }).await;
    }
}

fn hold(world: &Shared, plan: &Plan) -> io::Result<(Vec<PathBuf>, PathBuf)> {
    let place = place(world, &plan.attempt.id);
    let roots = plan.writable();
    // From before the launch; a core that came later has not seen that, and takes what is
    // there now for what was there: it was swept when it came into being.
    let Some(before) = world.looked(&plan.attempt.swarm, &roots) else {
        return Ok((Vec::new(), place));
    };
    let private = world.instance.attempt_dir(&plan.attempt.id).join("private");
    let now_in = [roots, vec![private.clone()]].concat();
    let now = Found::look(&now_in)?;
    let watched = not_granted(now.protected.keys(), &plan.meant());
    let mut held = Vec::new();
    // What no plan can name was protected by nothing while the attempt ran.
    let counts = |path: &PathBuf| watched.contains(path) || path.to_str().is_none();
    for path in before.newer(&now).into_iter().filter(counts) {
        // In a tree of its own it is work like any other, and its home is nobody else's.
        let all = plan.worktree.is_none() && !path.starts_with(&private);
        for file in dangerous(&path, all, now.is_obeyed(&path))
            .into_iter()
            .filter(|file| lies_in(file, &now_in))
        {
            let away =
                place.join(held.len().to_string()).join(file.file_name().unwrap_or_default());
            if let Err(error) = move_away(&file, &away).and_then(|()| keep_harmless(&file, &away)) {
                tracing::warn!(path = %file.display(), %error, "could not be moved away");
                continue;
            }
            // On record they are text.
            held.push(PathBuf::from(file.to_string_lossy().into_owned()));
        }
    }
    Ok((held, place))
}

/// Wherever links lead on the way to it: what lies outside is not the agent's.
fn lies_in(file: &Path, roots: &[PathBuf]) -> bool {
    let real = file.parent().and_then(|dir| fs::canonicalize(dir).ok());
    real.is_some_and(|dir| roots.iter().any(|root| dir.starts_with(root)))
}

/// In the place of git's settings that were moved away, those that are harmless.
fn keep_harmless(file: &Path, away: &Path) -> io::Result<()> {
    let is_settings =
        file.file_name().is_some_and(|name| name == "config" || name == "config.worktree")
            && !is_obeyed(file);
    let plain = fs::symlink_metadata(away).is_ok_and(|meta| meta.is_file());
    if !is_settings || !plain {
        return Ok(());
    }
    // One that is too large to be looked at has nothing that is kept.
    let Ok(text) = read_small(away, false) else { return Ok(()) };
    match settings::harmless(&String::from_utf8_lossy(&text)) {
        // Nothing is left of it.
        Some(kept) if kept.lines().all(|line| line.starts_with('[')) => Ok(()),
        Some(kept) => fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(file)
            .and_then(|mut out| io::Write::write_all(&mut out, kept.as_bytes())),
        None => Ok(()),
    }
}

/// Of a protected path what git would act on; with `all` what shells, editors and agents
/// would, too. `obeyed`: it is what they would.
fn dangerous(path: &Path, all: bool, obeyed: bool) -> Vec<PathBuf> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let Ok(meta) = fs::symlink_metadata(path) else { return Vec::new() };
    if obeyed {
        return if all || meta.is_symlink() { vec![path.to_owned()] } else { Vec::new() };
    }
    match name {
        // Settings and hooks would be those of another directory.
        "commondir" if is_linked(path) => Vec::new(),
        "commondir" | "rebase-merge" | "rebase-apply" | "sequencer" => vec![path.to_owned()],
        // What cannot be read as settings may be anything to others.
        "config" | "config.worktree" => match read_small(path, false) {
            Ok(text) => match settings::harmless(&String::from_utf8_lossy(&text)) {
                Some(_) => vec![path.to_owned()],
                None => Vec::new(),
            },
            Err(_) => vec![path.to_owned()],
        },
        // No agent that comes later could be kept from it.
        ".git" if !meta.is_file() => vec![path.to_owned()],
        // Where it leads to is looked at by itself, if an agent can write there.
        ".git" => Vec::new(),
        _ if meta.is_symlink() => vec![path.to_owned()],
        // A directory of hooks, whatever it is called: those that can run.
        _ if meta.is_dir() && (name == "hooks" || !name.starts_with('.')) => {
            let entries = fs::read_dir(path).into_iter().flatten().flatten();
            entries.map(|entry| entry.path()).filter(|file| runs(file)).collect()
        }
        _ if all => vec![path.to_owned()],
        _ => Vec::new(),
    }
}

/// True where `git worktree add` would have written the same.
fn is_linked(path: &Path) -> bool {
    let above = path.ancestors().nth(2).and_then(Path::file_name);
    let plain = fs::symlink_metadata(path).is_ok_and(|meta| meta.is_file() && meta.len() < 10);
    plain
        && above.is_some_and(|name| name == "worktrees")
        && fs::read_to_string(path).is_ok_and(|text| text.trim() == "../..")
}

fn runs(file: &Path) -> bool {
    let sample = file.extension().is_some_and(|extension| extension == "sample");
    let Ok(meta) = fs::symlink_metadata(file) else { return false };
    !sample && (meta.is_symlink() || meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// To another file system if need be.
fn move_away(file: &Path, away: &Path) -> io::Result<()> {
    if let Some(parent) = away.parent() {
        fs::create_dir_all(parent)?;
    }
    if fs::rename(file, away).is_ok() {
        return Ok(());
    }
    copy(file, away)?;
    match fs::symlink_metadata(file)?.is_dir() {
        true => fs::remove_dir_all(file),
        false => fs::remove_file(file),
    }
}

/// Files, links and directories; what else there may be (a pipe, say) is not worth keeping.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let kind = fs::symlink_metadata(from)?.file_type();
    if kind.is_symlink() {
        std::os::unix::fs::symlink(fs::read_link(from)?, to)
    } else if kind.is_dir() {
        fs::create_dir(to)?;
        fs::read_dir(from)?.try_for_each(|entry| {
            let entry = entry?;
            copy(&entry.path(), &to.join(entry.file_name()))
        })
    } else if kind.is_file() {
        fs::copy(from, to).map(|_| ())
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_dangerous(path: &Path, all: bool) -> Vec<PathBuf> {
        dangerous(path, all, is_obeyed(path))
    }

    #[test]
    fn hooks_that_can_run_are_moved() {
        let dir = tempfile::tempdir().unwrap();
        let hooks = dir.path().join("hooks");
        fs::create_dir(&hooks).unwrap();
        for (name, mode) in [("pre-commit", 0o755), ("post-merge", 0o644), ("a.sample", 0o755)] {
            fs::write(hooks.join(name), "").unwrap();
            fs::set_permissions(hooks.join(name), fs::Permissions::from_mode(mode)).unwrap();
        }
        assert_eq!(is_dangerous(&hooks, true), [hooks.join("pre-commit")]);
        // A rebase that somebody else would go on with, as a whole.
        fs::create_dir(dir.path().join("rebase-merge")).unwrap();
        let rebase = dir.path().join("rebase-merge");
        assert_eq!(is_dangerous(&rebase, false), std::slice::from_ref(&rebase));
        // Settings that are not git's, though they are called so.
        fs::create_dir(dir.path().join(".cargo")).unwrap();
        fs::write(dir.path().join(".cargo/config"), "[core]\nbare = false\n").unwrap();
        assert!(is_dangerous(&dir.path().join(".cargo/config"), false).is_empty());
        assert_eq!(is_dangerous(&dir.path().join(".cargo/config"), true).len(), 1);
        fs::write(dir.path().join(".bashrc"), "").unwrap();
        assert!(is_dangerous(&dir.path().join(".bashrc"), false).is_empty());
        assert_eq!(is_dangerous(&dir.path().join(".bashrc"), true).len(), 1);
        let away = dir.path().join("held/0/pre-commit");
        move_away(&hooks.join("pre-commit"), &away).unwrap();
        assert!(away.exists() && is_dangerous(&hooks, true).is_empty());
    }

    #[test]
    fn a_repository_stays_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let linked = dir.path().join("worktrees/x");
        fs::create_dir_all(&linked).unwrap();
        for (dir, text, bad) in [
            (dir.path(), "../..\n", true),
            (dir.path(), ".", true),
            (&linked, "../..\n", false),
            (&linked, "../../evil", true),
        ] {
            let path = dir.join("commondir");
            fs::write(&path, text).unwrap();
            assert_eq!(!is_dangerous(&path, true).is_empty(), bad, "{path:?} {text}");
        }
    }
}
