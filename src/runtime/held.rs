//! What an attempt left in its scope that git (in a home: a shell, an editor) would run or obey, and that was not there
//! before it: hooks, and settings that name programs. No mount can hold what comes into
//! being; so it is looked for once the attempt is over, before anybody is told so, and moved
//! to the attempt's own directory, where it can be looked at and is run by nobody.
//!
//! While an attempt runs, whoever uses git in its scope is on their own: Dash does not.

use super::{launch::Plan, scope::protected_of, world::Shared};
use crate::{core::Input, sandbox::Found};
use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// Settings of git that run a program or read further settings, in lower case.
const RUN: &[&str] = &[
    "fsmonitor",
    "hookspath",
    "sshcommand",
    "gitproxy",
    "pager",
    "editor",
    "askpass",
    "external",
    "textconv",
    "clean",
    "smudge",
    "process",
    "driver",
    "helper",
    "program",
    "cmd",
    "command",
    "uploadpack",
    "receivepack",
    "packobjectshook",
    "path",
    "templatedir",
    "insteadof",
    "pushinsteadof",
    "worktree",
    "alternaterefscommand",
    "recentobjectshook",
    "savecommand",
];

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
    let place = world.instance.attempt_dir(&plan.attempt.id).join("held");
    let roots = plan.writable();
    // From before the launch; a core that came later has not seen that, and takes what is
    // there now for what was there: it was swept when it came into being.
    let Some(before) = world.looked(&plan.attempt.swarm, &roots) else {
        return Ok((Vec::new(), place));
    };
    let now = Found::look(&roots)?;
    let watched = protected_of(&now, &plan.meant());
    let home = world.environment.iter().find(|(name, _)| name == "HOME").map(|(_, home)| home);
    let home = home.and_then(|home| fs::canonicalize(home).ok());
    let mut held = Vec::new();
    for path in before.newer(&now).into_iter().filter(|path| watched.contains(path)) {
        for file in dangerous(&path, home.as_deref()) {
            let away =
                place.join(held.len().to_string()).join(file.file_name().unwrap_or_default());
            move_away(&file, &away)?;
            held.push(file);
        }
    }
    Ok((held, place))
}

/// Of a protected path what git would act on; in the user's home what shells and editors
/// would, too.
fn dangerous(path: &Path, home: Option<&Path>) -> Vec<PathBuf> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let Ok(meta) = fs::symlink_metadata(path) else { return Vec::new() };
    match name {
        // Settings and hooks would be those of another directory.
        "commondir" if is_linked(path) => Vec::new(),
        "commondir" => vec![path.to_owned()],
        "config" | "config.worktree" if meta.is_symlink() => vec![path.to_owned()],
        "config" | "config.worktree" => {
            let text = fs::read(path).unwrap_or_default();
            if names_a_program(&String::from_utf8_lossy(&text)) {
                vec![path.to_owned()]
            } else {
                Vec::new()
            }
        }
        _ if meta.is_symlink() => vec![path.to_owned()],
        // A directory of hooks, whatever it is called: those that can run.
        _ if meta.is_dir() && (name == "hooks" || !name.starts_with('.')) => {
            let entries = fs::read_dir(path).into_iter().flatten().flatten();
            entries.map(|entry| entry.path()).filter(|file| runs(file)).collect()
        }
        _ if home.is_some() && path.parent() == home => vec![path.to_owned()],
        // Elsewhere what others than git obey may be the very work that was asked for.
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

/// True if one of the settings in `text` makes git run something or read further files.
fn names_a_program(text: &str) -> bool {
    // A line that goes on in the next is read as one.
    let text = text.replace("\\\n", "");
    let mut section = String::new();
    text.lines().any(|line| {
        let mut line = line.trim_start();
        if let Some(rest) = line.strip_prefix('[') {
            let (name, after) = rest.split_once(']').unwrap_or((rest, ""));
            section = name.trim().to_ascii_lowercase();
            line = after.trim_start();
        }
        let key = line.split(['=', ' ', '\t']).next().unwrap_or_default().to_ascii_lowercase();
        let key = key.trim();
        !key.is_empty()
            && (section.starts_with("alias")
                || section.starts_with("include")
                || section.starts_with("filter")
                || RUN.contains(&key))
    })
}

/// To another file system if need be.
fn move_away(file: &Path, away: &Path) -> io::Result<()> {
    if let Some(parent) = away.parent() {
        fs::create_dir_all(parent)?;
    }
    if fs::rename(file, away).is_ok() {
        return Ok(());
    }
    match fs::read_link(file) {
        Ok(target) => std::os::unix::fs::symlink(target, away)?,
        Err(_) => fs::copy(file, away).map(|_| ())?,
    }
    fs::remove_file(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_run_something() {
        for text in [
            "[core]\n\tfsmonitor = evil",
            "[Core] HooksPath=x",
            "[alias]\n x = !evil",
            "[include]\n path = y",
            "[filter \"x\"]\n clean = evil",
            "[core]\n fsmon\\\nitor = evil",
            "[credential] helper = !evil",
        ] {
            assert!(names_a_program(text), "{text}");
        }
        for text in [
            "[core]\n\trepositoryformatversion = 0\n\tbare = false\n",
            "[remote \"origin\"]\n url = x\n fetch = y\n[branch \"main\"]\n merge = z",
            "[user]\n name = A",
        ] {
            assert!(!names_a_program(text), "{text}");
        }
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
        assert_eq!(dangerous(&hooks, None), [hooks.join("pre-commit")]);
        fs::write(dir.path().join(".bashrc"), "").unwrap();
        assert!(dangerous(&dir.path().join(".bashrc"), None).is_empty());
        assert_eq!(dangerous(&dir.path().join(".bashrc"), Some(dir.path())).len(), 1);
        let away = dir.path().join("held/0/pre-commit");
        move_away(&hooks.join("pre-commit"), &away).unwrap();
        assert!(away.exists() && dangerous(&hooks, None).is_empty());
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
            assert_eq!(!dangerous(&path, None).is_empty(), bad, "{path:?} {text}");
        }
    }
}
