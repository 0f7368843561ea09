//! Device nodes of an agent's own. Those that bubblewrap mounts are the machine's, and their
//! owner, the superuser, may change their modes without any right: an agent of the superuser
//! could take /dev/null from all the others.

use super::system::DEVICES;
use rustix::fs::{CWD, FileType, Mode, OFlags, makedev, mknodat, open};
use rustix::io::Errno;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Makes them in `dir`, which no agent sees; none where that is not needed (only the
/// superuser owns the machine's) or not allowed (in a container, say).
pub fn own(dir: &Path) -> Option<PathBuf> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    fs::create_dir_all(dir).ok()?;
    for (name, major, minor) in DEVICES {
        let path = dir.join(name);
        let mode = Mode::from_raw_mode(0o666);
        match mknodat(CWD, &path, FileType::CharacterDevice, mode, makedev(*major, *minor)) {
            Ok(()) => fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).ok()?,
            Err(Errno::EXIST) => {}
            Err(_) => return None,
        }
    }
    // A file system may hold nodes and not open them.
    open(dir.join("null"), OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).ok()?;
    Some(dir.to_owned())
}
