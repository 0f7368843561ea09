//! Whether the user's keymaps and themes have changed: their names, sizes and times, looked at
//! once a second. Nothing is read, and nobody is woken, unless one of them has.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

/// From one look to the next.
const PAUSE: Duration = Duration::from_secs(1);

/// Length, inode and time of the last change: an editor may keep any two of them.
type State = (u64, u64, i64, i64);

/// The files as they were at the last look.
pub(super) struct Watch {
    directories: Vec<PathBuf>,
    seen: BTreeMap<OsString, State>,
}

impl Watch {
    pub(super) fn of(config: &Path) -> Self {
        let directories = vec![config.join("keymaps"), config.join("themes")];
        let seen = look(&directories);
        Self { directories, seen }
    }

    /// True if one of them has changed since this was asked last.
    fn differs(&mut self) -> bool {
        let now = look(&self.directories);
        let differs = now != self.seen;
        self.seen = now;
        differs
    }

    /// Returns when one of them has changed.
    pub(super) async fn changed(&mut self) {
        loop {
            tokio::time::sleep(PAUSE).await;
            if self.differs() {
                return;
            }
        }
    }
}

fn look(directories: &[PathBuf]) -> BTreeMap<OsString, State> {
    let entries = directories.iter().filter_map(|directory| fs::read_dir(directory).ok());
    entries
        .flatten()
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            path.extension().filter(|ending| *ending == "toml")?;
            // Through links: where they lead to is what changes.
            let meta = fs::metadata(&path).ok()?;
            let state = (meta.len(), meta.ino(), meta.mtime(), meta.mtime_nsec());
            Some((path.into_os_string(), state))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_of_new_changed_replaced_and_removed_files() {
        let config = tempfile::tempdir().unwrap();
        let mut watch = Watch::of(config.path());
        assert!(!watch.differs());
        let themes = config.path().join("themes");
        fs::create_dir(&themes).unwrap();
        assert!(!watch.differs());
        let path = themes.join("mine.toml");
        fs::write(&path, "a").unwrap();
        assert!(watch.differs() && !watch.differs());
        fs::write(&path, "ab").unwrap();
        assert!(watch.differs() && !watch.differs());
        // As many editors write: beside it, then in its place.
        fs::write(themes.join("mine.toml~"), "ba").unwrap();
        assert!(!watch.differs());
        fs::rename(themes.join("mine.toml~"), &path).unwrap();
        assert!(watch.differs() && !watch.differs());
        fs::remove_file(&path).unwrap();
        assert!(watch.differs() && !watch.differs());
    }
}
