//! What must not be written though it lies in a scope: files that others than the agent will
//! run or obey later. Git's settings and hooks (of nested repositories and submodules, too), and
//! what has one of the [`names`] of other programs' settings. On the way sockets are noted that
//! somebody listens on ([`sockets`](super::sockets)).
//!
//! Only what is there can be held by a mount; what comes into being later is looked for
//! when an attempt has ended ([`Found::newer`]). A mount needs something to stand on, and what
//! would be made for it in a repository stays there when it ends: so a place is held open for
//! hooks alone ([`Found::make_hooks`]), since git makes that directory itself. Until its end an
//! attempt can make what the user's git would obey at once: a `commondir` (an empty one, or one
//! that says what is so anyway, git does not take well), a `config.worktree` where worktrees have
//! settings of their own, and with a new repository in any directory, which `git status` enters
//! if the index calls it a submodule, settings that name programs. Whoever needs git meanwhile
//! gives the agent a clone.
//!
//! Not held at all, for what they name is data and not run: `objects/info/alternates` (moved
//! away, it would take objects from a clone that the agent made), `info/attributes`, `index`.

mod git;
mod led;
mod names;

use super::sockets;
use led::{Led, Link};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, mkdirat, openat2};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

pub use names::{all as obeyed_names, is_obeyed};

/// In a git directory. `commondir` says that settings and hooks are those of another one; the
/// last are what goes on at the next `--continue`, commands to run in it.
const GIT: &[&str] = &[
    "config",
    "config.worktree",
    "hooks",
    "commondir",
    "rebase-merge",
    "rebase-apply",
    "sequencer",
];

/// Entries looked at before a tree counts as too large, in all.
pub const MOST: usize = 400_000;

/// What was found, and by what it can be told from something else of the same name later.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    pub protected: BTreeMap<PathBuf, Mark>,
    /// Git directories, which must stay where they are.
    pub pinned: Vec<PathBuf>,
    /// Sockets, whoever listens on them.
    #[serde(default)]
    pub sockets: Vec<PathBuf>,
    /// What would be protected if its path were UTF-8.
    #[serde(default)]
    unnamed: Vec<(Vec<u8>, Mark)>,
    /// Those of what is protected that are links: what they lead to is protected instead.
    #[serde(default)]
    links: BTreeMap<PathBuf, Link>,
    /// Those that something leads to.
    #[serde(default)]
    led: BTreeMap<PathBuf, Led>,
    /// When the looking began, in nanoseconds.
    #[serde(default)]
    at: i64,
}

/// Identity of a file or directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    device: u64,
    inode: u64,
    /// Of a file: its last change, in nanoseconds.
    changed: i64,
}

impl Mark {
    /// Of what is not where it was found: nothing that stands anywhere is that.
    const GONE: Self = Self { device: 0, inode: 0, changed: 0 };

    fn of(path: &Path) -> Option<Self> {
        let meta = fs::symlink_metadata(path).ok()?;
        let changed = if meta.is_dir() { 0 } else { last_change(&meta) };
        Some(Self { device: meta.dev(), inode: meta.ino(), changed })
    }

    fn is_same_thing(self, other: Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }
}

impl Found {
    /// Looks through `roots`.
    ///
    /// # Errors
    /// When there are more than [`MOST`] entries.
    pub fn look(roots: &[PathBuf]) -> io::Result<Self> {
        let mut found = Self { at: now(), ..Self::default() };
        let mut seen = 0;
        // Whether it lies in the objects of a repository: there only directories are of interest.
        let mut todo: Vec<(PathBuf, bool)> = Vec::new();
        for root in roots {
            found.take(root);
            todo.push((root.clone(), false));
            if fs::symlink_metadata(root).is_ok_and(|meta| meta.file_type().is_socket()) {
                found.sockets.push(root.clone());
            }
        }
        let mut repositories = Vec::new();
        // What others obey is passed by, but for what listens in it.
        let mut passed = Vec::new();
        while let Some((dir, objects)) = todo.pop() {
            if found.protected.contains_key(&dir) {
                passed.push(dir);
                continue;
            }
            let Ok(entries) = fs::read_dir(&dir) else { continue };
            let mut names = Vec::new();
            for entry in entries.flatten() {
                let kind = entry.file_type();
                let is_dir = kind.as_ref().is_ok_and(fs::FileType::is_dir);
                if kind.is_ok_and(|kind| kind.is_socket()) {
                    found.sockets.push(entry.path());
                }
                // Objects are many, and no file among them is obeyed.
                seen += usize::from(is_dir || !objects);
                if seen > MOST {
                    let why = format!("more than {MOST} files lie below {}", dir.display());
                    return Err(io::Error::other(why));
                }
                names.push((entry.file_name(), is_dir));
            }
            let is = |name: &str, dir: bool| names.iter().any(|(n, d)| n == name && *d == dir);
            // Git follows links in their place.
            let has = |name: &str| is(name, true) || is(name, false);
            let git = is("HEAD", false) && (has("objects") || is("commondir", false));
            if git {
                found.take_git(&dir);
                repositories.push(dir.clone());
            }
            for (name, is_dir) in names {
                let path = dir.join(&name);
                found.take(&path);
                // One that says where the repository is.
                if name == ".git" && !is_dir {
                    found.mark(&path);
                }
                if is_dir {
                    let objects = objects || (git && name == "objects");
                    todo.push((path, objects));
                }
            }
        }
        // Not on the way: what is passed by must not hang on what was looked at first.
        found.lead(&repositories, roots);
        found.sockets.extend(sockets::below(&passed));
        // A plan is text.
        found.sockets.retain(|path| path.to_str().is_some());
        Ok(found)
    }

    fn take(&mut self, path: &Path) {
        let link = || fs::symlink_metadata(path).is_ok_and(|meta| meta.is_symlink());
        if is_obeyed(path) || !names::rests(path).is_empty() && link() {
            self.mark(path);
        }
    }

    /// Makes the directory of hooks in each repository that has none, so that there is
    /// something to hold. It stays: to remove it would lay it open to the agents of others.
    pub fn make_hooks(&mut self) {
        let own = |dir: &Path| {
            dir.ends_with(".git") || dir.ancestors().any(|above| above.ends_with(".git/modules"))
        };
        let whole = |dir: &&PathBuf| {
            // Those of a linked worktree are its repository's, and a fixture of tests is work.
            let is_new = |name: &str| fs::symlink_metadata(dir.join(name)).is_err();
            own(dir) && is_new("commondir") && is_new("hooks")
        };
        let without: Vec<PathBuf> = self.pinned.iter().filter(whole).cloned().collect();
        for dir in without {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let real = openat2(CWD, &dir, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS);
            if real.is_ok_and(|real| mkdirat(real, "hooks", Mode::from_raw_mode(0o777)).is_ok()) {
                self.mark(&dir.join("hooks"));
            }
        }
    }

    fn take_git(&mut self, dir: &Path) {
        if dir.to_str().is_some() {
            self.pinned.push(dir.to_owned());
        }
        for name in GIT {
            self.mark(&dir.join(name));
        }
    }

    fn mark(&mut self, path: &Path) {
        let Some(mark) = Mark::of(path) else { return };
        // A plan is text: what cannot be named in it is looked at after the end only.
        match path.to_str() {
            Some(_) => {
                self.protected.insert(path.to_owned(), mark);
                if let Some(link) = Link::at(path) {
                    self.links.insert(path.to_owned(), link);
                }
            }
            None => self.unnamed.push((path.as_os_str().as_bytes().to_vec(), mark)),
        }
    }

    /// What a mount is to hold: all that is protected, but for links and what is known to be gone.
    pub fn held(&self) -> impl Iterator<Item = &PathBuf> {
        let stands = |path: &PathBuf| fs::symlink_metadata(path).is_ok();
        let kept = self.protected.iter().filter(move |(path, mark)| {
            !self.links.contains_key(*path) && (**mark != Mark::GONE || stands(path))
        });
        kept.map(|(path, _)| path)
    }

    /// Follows what an agent moved with a directory around it, so that the next one is kept from
    /// it where it lies now. True if anything was not in its place.
    ///
    /// # Errors
    /// As [`Self::look`].
    pub fn follow(&mut self, roots: &[PathBuf]) -> io::Result<bool> {
        let moved = |(path, mark): &(&PathBuf, &Mark)| {
            **mark != Mark::GONE && !Mark::of(path).is_some_and(|now| now.is_same_thing(**mark))
        };
        let lost: Vec<(PathBuf, Mark)> =
            self.protected.iter().filter(moved).map(|(path, mark)| (path.clone(), *mark)).collect();
        let is_there = |path: &PathBuf| fs::symlink_metadata(path).is_ok();
        if lost.is_empty() && self.pinned.iter().all(is_there) {
            return Ok(false);
        }
        let now = Self::look(roots)?;
        self.pinned.retain(is_there);
        for (path, mark) in lost {
            let link = self.links.get(&path).cloned();
            self.protected.insert(path, Mark::GONE);
            let again = now.protected.iter().find(|(_, other)| **other == mark);
            let Some((place, _)) = again else { continue };
            self.protected.insert(place.clone(), mark);
            if let (Some(link), true) = (link, now.links.contains_key(place)) {
                self.links.insert(place.clone(), link);
            }
            let around = now.pinned.iter().filter(|dir| place.starts_with(dir));
            let around: Vec<_> = around.filter(|dir| !self.pinned.contains(dir)).cloned().collect();
            self.pinned.extend(around);
        }
        Ok(true)
    }

    /// What stands there now and did not then, or is something else by now. What was moved there
    /// with a directory around it, and was not written to since, is what it was.
    pub fn newer(&self, now: &Self) -> Vec<PathBuf> {
        let known: Vec<(&PathBuf, &Mark)> = self.protected.iter().collect();
        let moved = |path: &PathBuf, mark: &Mark| {
            let original = known.iter().find(|(_, known)| *known == mark);
            original.is_some_and(|(from, _)| from.file_name() == path.file_name())
                && is_older(path, self.at, &mut 0)
        };
        let differs = |(path, mark): &(&PathBuf, &Mark)| {
            let same = || match now.links.contains_key(*path) {
                true => self.knows_link(now, path),
                false => self.protected.get(*path) == Some(mark) || moved(path, mark),
            };
            self.leads_to(now, path) && !same()
        };
        let named = now.protected.iter().filter(differs).map(|(path, _)| path.clone());
        let unnamed = now.unnamed.iter().filter(|found| !self.unnamed.contains(found));
        let unnamed = unnamed.map(|(path, _)| PathBuf::from(OsStr::from_bytes(path)));
        named.chain(unnamed).collect()
    }
}

fn now() -> i64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    now.tv_sec.wrapping_mul(1_000_000_000).wrapping_add(now.tv_nsec)
}

/// Nobody can set it.
fn last_change(meta: &fs::Metadata) -> i64 {
    meta.ctime().wrapping_mul(1_000_000_000).wrapping_add(meta.ctime_nsec())
}

/// True if neither this nor anything in it changed since `at`. `seen`: entries looked at.
fn is_older(path: &Path, at: i64, seen: &mut usize) -> bool {
    *seen += 1;
    let Ok(meta) = fs::symlink_metadata(path) else { return false };
    let older = *seen < MOST && last_change(&meta) < at;
    if !older || !meta.is_dir() {
        return older;
    }
    fs::read_dir(path).is_ok_and(|mut entries| {
        entries.all(|entry| entry.is_ok_and(|entry| is_older(&entry.path(), at, seen)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::os::unix::net::UnixListener;

    fn write(root: &Path, path: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "x").unwrap();
    }

    #[test]
    fn finds_what_others_would_obey() {
        let dir = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(dir.path()).unwrap();
        for repository in [".git", "deep/er/.git", ".git/modules/sub"] {
            write(&root, &format!("{repository}/HEAD"));
            write(&root, &format!("{repository}/config"));
            write(&root, &format!("{repository}/objects/pack/p"));
            write(&root, &format!("{repository}/hooks/pre-commit"));
        }
        write(&root, "src/main.rs");
        write(&root, "a/.bashrc");
        write(&root, ".vscode/tasks.json");
        fs::write(root.join("deep/er/.git/config"), "[core]\n\thooksPath = my/hooks\n").unwrap();
        write(&root, "deep/er/my/hooks/post-checkout");
        let found = Found::look(std::slice::from_ref(&root)).unwrap();
        let names: Vec<_> = found
            .protected
            .keys()
            .map(|path| path.strip_prefix(&root).unwrap().to_str().unwrap())
            .collect();
        let expected = [
            ".git/config",
            ".git/hooks",
            ".git/modules/sub/config",
            ".git/modules/sub/hooks",
            ".vscode",
            "a/.bashrc",
            "deep/er/.git/config",
            "deep/er/.git/hooks",
            "deep/er/my/hooks",
        ];
        assert_eq!(names, expected);
        assert_eq!(found.pinned.len(), 3);
        // What settings name outside of the roots is not held, nor moved away later.
        let outside = tempfile::tempdir().unwrap();
        let hooks = format!("[core]\n\thooksPath = {}\n", outside.path().display());
        fs::write(root.join(".git/config"), &hooks).unwrap();
        let again = Found::look(std::slice::from_ref(&root)).unwrap();
        assert!(again.protected.keys().all(|path| path.starts_with(&root)), "{again:?}");
        // Repositories hide in objects, and behind links.
        for hidden in [".git/objects/ev", ".git/objects/pack/z"] {
            write(&root, &format!("{hidden}/HEAD"));
            write(&root, &format!("{hidden}/objects/x"));
            write(&root, &format!("{hidden}/config"));
        }
        write(&root, "linked/HEAD");
        write(&root, "linked/config");
        std::os::unix::fs::symlink(root.join(".git/objects"), root.join("linked/objects")).unwrap();
        let hidden = Found::look(std::slice::from_ref(&root)).unwrap();
        let newer = again.newer(&hidden);
        let expected = [".git/objects/ev/config", ".git/objects/pack/z/config", "linked/config"];
        assert_eq!(newer, expected.map(|path| root.join(path)));
        for path in ["linked", ".git/objects/ev", ".git/objects/pack/z"] {
            fs::remove_dir_all(root.join(path)).unwrap();
        }
        // Sockets, also in what is passed by.
        let sockets = ["s", "deep/s", ".vscode/s"].map(|name| root.join(name));
        let _open = sockets.each_ref().map(|path| UnixListener::bind(path).unwrap());
        let with = Found::look(std::slice::from_ref(&root)).unwrap();
        assert_eq!(with.sockets.iter().collect::<BTreeSet<_>>(), sockets.iter().collect());
        assert_eq!(
            with.protected.keys().collect::<Vec<_>>(),
            again.protected.keys().collect::<Vec<_>>()
        );
        // Later: a repository that was not there, and one that was moved and made anew.
        write(&root, "new/.git/HEAD");
        write(&root, "new/.git/objects/x");
        write(&root, "new/.git/hooks/pre-commit");
        fs::rename(root.join("a/.bashrc"), root.join("a/old")).unwrap();
        write(&root, "a/.bashrc");
        let now = Found::look(std::slice::from_ref(&root)).unwrap();
        assert_eq!(again.newer(&now), [root.join("a/.bashrc"), root.join("new/.git/hooks")]);
    }

    #[test]
    fn what_moved_with_its_directory_is_what_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(dir.path()).unwrap();
        let roots = std::slice::from_ref(&root);
        for file in [".npmrc", ".vscode/settings.json", ".envrc", "sub/.git/HEAD"] {
            write(&root, &format!("web/{file}"));
        }
        write(&root, "web/sub/.git/objects/x");
        write(&root, "web/sub/.git/hooks/pre-commit");
        let mut before = Found::look(roots).unwrap();
        assert!(!before.follow(roots).unwrap());
        fs::rename(root.join("web"), root.join("app")).unwrap();
        // A copy is no original, and neither is one that was written to.
        write(&root, "web/.npmrc");
        fs::write(root.join("app/.envrc"), "evil").unwrap();
        let now = Found::look(roots).unwrap();
        let new = ["app/.envrc", "web/.npmrc"].map(|path| root.join(path));
        assert_eq!(before.newer(&now), new);
        // The next agent is kept from what was moved.
        assert!(before.follow(roots).unwrap());
        assert!(!before.follow(roots).unwrap());
        for held in ["app/.npmrc", "app/.vscode", "app/sub/.git/hooks", "web/.npmrc"] {
            assert!(before.protected.contains_key(&root.join(held)), "{held}");
        }
        assert_eq!(before.pinned, [root.join("app/sub/.git")]);
        assert_eq!(before.newer(&now), new);
        // What an agent was not kept from in between is something new in its new place.
        write(&root, "app/.vscode/settings.json");
        fs::rename(root.join("app"), root.join("again")).unwrap();
        let now = Found::look(roots).unwrap();
        assert!(before.newer(&now).contains(&root.join("again/.vscode")));
        assert!(!before.newer(&now).contains(&root.join("again/.npmrc")));
        // What is gone for good holds nobody up.
        fs::remove_dir_all(root.join("again")).unwrap();
        assert!(before.follow(roots).unwrap());
        assert_eq!(before.held().collect::<Vec<_>>(), [&root.join("web/.npmrc")]);
        assert!(before.pinned.is_empty());
    }

    #[test]
    fn what_goes_on_later_is_held() {
        let dir = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(dir.path()).unwrap();
        write(&root, ".git/HEAD");
        write(&root, ".git/objects/x");
        write(&root, ".git/rebase-merge/git-rebase-todo");
        let before = Found::look(std::slice::from_ref(&root)).unwrap();
        assert!(before.protected.contains_key(&root.join(".git/rebase-merge")));
        write(&root, ".git/sequencer/todo");
        let now = Found::look(std::slice::from_ref(&root)).unwrap();
        assert_eq!(before.newer(&now), [root.join(".git/sequencer")]);
    }

    #[test]
    fn a_repository_without_hooks_gets_a_place_for_them() {
        let dir = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(dir.path()).unwrap();
        for repository in [".git", ".git/modules/sub", "tests/fixture"] {
            write(&root, &format!("{repository}/HEAD"));
            write(&root, &format!("{repository}/objects/x"));
        }
        write(&root, ".git/worktrees/w/HEAD");
        write(&root, ".git/worktrees/w/commondir");
        let mut found = Found::look(std::slice::from_ref(&root)).unwrap();
        found.make_hooks();
        let held = |path: &str| found.protected.contains_key(&root.join(path));
        assert!(held(".git/hooks") && held(".git/modules/sub/hooks"));
        for none in ["tests/fixture/hooks", ".git/worktrees/w/hooks"] {
            assert!(!held(none) && !root.join(none).exists(), "{none}");
        }
        // As it would be found the next time.
        let again = Found::look(std::slice::from_ref(&root)).unwrap();
        assert_eq!(Found { at: found.at, ..again }, found);
    }
}
