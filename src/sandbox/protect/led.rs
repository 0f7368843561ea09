//! What others obey though its own name does not say so: what a link of such a name leads to,
//! and what a repository's settings name. It counts where it lies in the scope.

use super::{Found, git, names};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// A link with a name that others obey. No mount can hold it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    says: Vec<u8>,
    /// Where that is; none: nowhere.
    leads: Option<Vec<u8>>,
}

impl Link {
    pub fn at(path: &Path) -> Option<Self> {
        let says = fs::read_link(path).ok()?.into_os_string().into_vec();
        let leads = fs::canonicalize(path).ok().map(|real| real.into_os_string().into_vec());
        Some(Self { says, leads })
    }

    /// True if `now` makes nobody obey anything else.
    pub fn is_still(&self, now: &Self) -> bool {
        self.says == now.says && (now.leads.is_none() || now.leads == self.leads)
    }
}

/// What is obeyed because something leads there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Led {
    /// The links or settings that do.
    pub by: BTreeSet<PathBuf>,
    /// As if it had the name of one of them.
    pub obeyed: bool,
}

impl Found {
    /// Adds what the links and repositories that were found lead to.
    pub(super) fn lead(&mut self, repositories: &[PathBuf], roots: &[PathBuf]) {
        let links: Vec<(PathBuf, Link)> =
            self.links.iter().map(|(path, link)| (path.clone(), link.clone())).collect();
        for (path, link) in links {
            let Some(real) = link.leads.as_ref().map(|real| Path::new(OsStr::from_bytes(real)))
            else {
                continue;
            };
            for rest in names::rests(&path) {
                let inside = real.join(rest);
                if let Ok(deeper) = fs::canonicalize(&inside) {
                    self.led(&deeper, &path, true, roots);
                }
                self.led(&inside, &path, true, roots);
            }
            let repository = path.ends_with(".git") && real.is_dir();
            // One that leads to what is around it would take all of that.
            if (names::is_obeyed(&path) || names::rests(&path).is_empty())
                && !repository
                && !path.starts_with(real)
            {
                self.led(real, &path, names::is_obeyed(&path), roots);
            }
        }
        for (named, by) in repositories.iter().flat_map(|dir| git::named(dir)) {
            self.led(&named, &by, false, roots);
        }
    }

    /// What lies outside is not the agent's to write, nor ours to hold.
    fn led(&mut self, path: &Path, by: &Path, obeyed: bool, roots: &[PathBuf]) {
        let within = roots.iter().any(|root| path.starts_with(root) && path != root);
        let known = self.protected.contains_key(path) && !self.led.contains_key(path);
        if !within || known || path.to_str().is_none() || by.to_str().is_none() {
            return;
        }
        // Also where nothing stands yet.
        let led = self.led.entry(path.to_owned()).or_default();
        led.by.insert(by.to_owned());
        led.obeyed |= obeyed;
        self.mark(path);
    }

    /// True if what stands at `path` now is obeyed by what was there then, not because something
    /// new leads there: then that goes, and what it leads to may be anybody's work.
    pub(super) fn leads_to(&self, now: &Self, path: &Path) -> bool {
        let Some(led) = now.led.get(path) else { return true };
        self.led.contains_key(path) || led.by.iter().any(|by| self.knows(now, by))
    }

    /// True if it was there then, maybe elsewhere, and says the same.
    fn knows(&self, now: &Self, path: &Path) -> bool {
        let mark = now.protected.get(path);
        match now.links.get(path) {
            Some(_) => self.knows_link(now, path),
            None => mark.is_some() && self.protected.values().any(|known| Some(known) == mark),
        }
    }

    pub(super) fn knows_link(&self, now: &Self, path: &Path) -> bool {
        let Some(link) = now.links.get(path) else { return false };
        let still = |path: &Path| self.links.get(path).is_some_and(|known| known.is_still(link));
        let mark = now.protected.get(path);
        let moved = |(from, known): (&PathBuf, _)| {
            Some(known) == mark && from.file_name() == path.file_name() && still(from)
        };
        still(path) || self.protected.iter().any(moved)
    }

    /// True if it is obeyed as what has such a name is.
    pub fn is_obeyed(&self, path: &Path) -> bool {
        names::is_obeyed(path) || self.led.get(path).is_some_and(|led| led.obeyed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn write(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn look(root: &Path) -> Found {
        Found::look(&[root.to_owned()]).unwrap()
    }

    fn held(found: &Found, root: &Path) -> Vec<String> {
        let short = |path: &PathBuf| path.strip_prefix(root).unwrap().display().to_string();
        found.held().map(short).collect()
    }

    #[test]
    fn what_a_link_leads_to_is_held_and_the_link_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(dir.path()).unwrap();
        write(&root.join("real/tasks.json"), "x");
        write(&root.join("conf/config.toml"), "x");
        write(&root.join("src/main.rs"), "x");
        fs::create_dir(root.join("z")).unwrap();
        symlink("../real", root.join("z/.vscode")).unwrap();
        symlink("nowhere", root.join(".envrc")).unwrap();
        symlink("conf", root.join(".cargo")).unwrap();
        symlink("..", root.join("z/.claude")).unwrap();
        symlink("/usr", root.join(".idea")).unwrap();
        let before = look(&root);
        assert_eq!(held(&before, &root), ["conf/config.toml", "real"]);
        let text = serde_json::to_vec(&before).unwrap();
        assert_eq!(serde_json::from_slice::<Found>(&text).unwrap(), before);
        assert!(before.newer(&look(&root)).is_empty());
        // New in what a link of before leads to: that goes, and is obeyed by no name of its own.
        write(&root.join("conf/config"), "evil");
        let now = look(&root);
        assert_eq!(before.newer(&now), [root.join("conf/config")]);
        assert!(now.is_obeyed(&root.join("conf/config")));
        fs::remove_file(root.join("conf/config")).unwrap();
        // The same link anew is the same; another, or one that is new, goes, and not what it
        // leads to.
        fs::remove_file(root.join(".cargo")).unwrap();
        symlink("conf", root.join(".cargo")).unwrap();
        assert!(before.newer(&look(&root)).is_empty());
        fs::remove_file(root.join("z/.vscode")).unwrap();
        symlink("../src", root.join("z/.vscode")).unwrap();
        symlink("src", root.join(".husky")).unwrap();
        symlink("src", root.join("src/.config")).unwrap();
        write(&root.join("nowhere"), "evil");
        let new = [".envrc", ".husky", "src/.config", "z/.vscode"].map(|path| root.join(path));
        assert_eq!(before.newer(&look(&root)), new);
    }

    #[test]
    fn a_link_that_moved_leads_where_it_did_or_goes() {
        let dir = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(dir.path()).unwrap();
        write(&root.join("real/x"), "x");
        fs::create_dir(root.join("z")).unwrap();
        symlink("../real", root.join("z/.cargo")).unwrap();
        let mut before = look(&root);
        fs::rename(root.join("z"), root.join("y")).unwrap();
        assert!(before.newer(&look(&root)).is_empty());
        assert!(before.follow(std::slice::from_ref(&root)).unwrap());
        write(&root.join("real/config.toml"), "evil");
        assert_eq!(before.newer(&look(&root)), [root.join("real/config.toml")]);
        write(&root.join("q/real/x"), "x");
        fs::rename(root.join("y"), root.join("q/y")).unwrap();
        assert_eq!(before.newer(&look(&root)), [root.join("q/y/.cargo")]);
    }

    #[test]
    fn what_settings_of_git_name_is_held() {
        let dir = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(dir.path()).unwrap();
        write(&root.join(".git/HEAD"), "x");
        write(&root.join(".git/objects/x"), "x");
        let text = "[include]\n\tpath = ../conf/inc\n[core]\n\thooksPath = .githooks\n\
                    [includeIf \"gitdir:x\"]\n\tpath = \"../conf/later\" ; why\n";
        write(&root.join(".git/config"), text);
        write(&root.join("conf/inc"), "[Include] Path = deeper\n");
        write(&root.join("conf/deeper"), "x");
        write(&root.join("src/main.rs"), "x");
        let before = look(&root);
        assert_eq!(held(&before, &root), [".git/config", "conf/deeper", "conf/inc"]);
        write(&root.join("conf/later"), "evil");
        write(&root.join(".githooks/pre-commit"), "evil");
        // What new settings name is not touched: they go.
        write(&root.join("new/.git/HEAD"), "x");
        write(&root.join("new/.git/objects/x"), "x");
        write(&root.join("new/.git/config"), "[include]\n\tpath = ../../src/main.rs\n");
        let new = [".githooks", "conf/later", "new/.git/config"].map(|path| root.join(path));
        assert_eq!(before.newer(&look(&root)), new);
    }
}
