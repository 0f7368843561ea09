//! The view of the file system that an agent gets, as arguments of bubblewrap: an empty
//! root, the system read-only, then one mount for each path of the scope, outermost first,
//! so that what lies deeper decides.

use super::system::{DEVICES, KERNEL, SECRET, SYSTEM};
use crate::model::{BROKER_LINK, Confine, SANDBOX_BIN};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

/// One mount.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Mount {
    Read,
    Write,
    /// Another directory in its place.
    From(PathBuf),
    /// Another file in its place, read-only.
    Other(PathBuf),
    /// An open file in its place, read-only.
    Held(i32),
    /// Nothing in its place.
    Empty,
    EmptyFile,
    Link(PathBuf),
    Dir,
}

/// All arguments up to the program. `open`: gives a descriptor for a path that is to be
/// mounted, where bubblewrap takes them; a path could be swapped for a link in between.
///
/// # Errors
/// When `open` fails.
pub fn arguments<E>(
    confine: &Confine,
    open: impl FnMut(&Path) -> Result<Option<i32>, E>,
) -> Result<Vec<OsString>, E> {
    arguments_with(confine, &[], open)
}

/// The same; `held`: open files, and where each is to be found whatever stands there.
///
/// # Errors
/// When `open` fails.
pub fn arguments_with<E>(
    confine: &Confine,
    held: &[(PathBuf, i32)],
    mut open: impl FnMut(&Path) -> Result<Option<i32>, E>,
) -> Result<Vec<OsString>, E> {
    let mut args: Vec<OsString> = Vec::with_capacity(160);
    let mut put = |words: &[&OsStr]| args.extend(words.iter().map(|word| (*word).to_owned()));
    let flags = [
        "--unshare-user",
        "--unshare-pid",
        "--unshare-ipc",
        "--unshare-uts",
        "--unshare-cgroup-try",
        "--die-with-parent",
        "--cap-drop",
        "ALL",
    ];
    flags.iter().for_each(|flag| put(&[flag.as_ref()]));
    if confine.isolated {
        put(&["--unshare-net".as_ref()]);
    }
    let mut mounts = mounts(confine);
    mounts.extend(held.iter().map(|(path, fd)| (path.clone(), Mount::Held(*fd))));
    let mut empty: Vec<&Path> = vec![Path::new("/")];
    for (path, mount) in &mounts {
        let (flag, source) = match mount {
            Mount::Read => ("--ro-bind", path.as_path()),
            Mount::Write => ("--bind", path.as_path()),
            Mount::From(source) => ("--bind", source.as_path()),
            Mount::Other(source) => ("--ro-bind", source.as_path()),
            Mount::EmptyFile => ("--ro-bind", Path::new("/dev/null")),
            Mount::Held(fd) => {
                let fd = fd.to_string();
                put(&["--ro-bind-fd".as_ref(), fd.as_ref(), path.as_ref()]);
                continue;
            }
            Mount::Link(target) => {
                put(&["--symlink".as_ref(), target.as_ref(), path.as_ref()]);
                continue;
            }
            Mount::Dir => {
                put(&["--dir".as_ref(), path.as_ref()]);
                continue;
            }
            Mount::Empty => {
                put(&["--tmpfs".as_ref(), path.as_ref()]);
                empty.push(path);
                continue;
            }
        };
        let system = SYSTEM.iter().chain(&["/dev"]).any(|root| source.starts_with(root));
        match if system { None } else { open(source)? } {
            Some(fd) => {
                let (flag, fd) = (format!("{flag}-fd"), fd.to_string());
                put(&[flag.as_ref(), fd.as_ref(), path.as_ref()]);
            }
            None => put(&[flag.as_ref(), source.as_ref(), path.as_ref()]),
        }
    }
    put(&["--proc".as_ref(), "/proc".as_ref(), "--dev".as_ref(), "/dev".as_ref()]);
    if rustix::process::geteuid().is_root() {
        put(&["--ro-bind".as_ref(), KERNEL.as_ref(), KERNEL.as_ref()]);
    }
    if let Some(own) = &confine.devices {
        for (name, ..) in DEVICES {
            let (own, path) = (own.join(name), Path::new("/dev").join(name));
            put(&["--dev-bind".as_ref(), own.as_ref(), path.as_ref()]);
        }
    }
    for path in empty.iter().rev() {
        put(&["--remount-ro".as_ref(), path.as_ref()]);
    }
    Ok(args)
}

/// What stands where, in the order of mounting.
fn mounts(confine: &Confine) -> BTreeMap<PathBuf, Mount> {
    let mut mounts = BTreeMap::new();
    for path in SYSTEM.iter().map(Path::new) {
        match fs::read_link(path) {
            Ok(target) => mounts.insert(path.to_owned(), Mount::Link(target)),
            Err(_) if path.exists() => mounts.insert(path.to_owned(), Mount::Read),
            Err(_) => None,
        };
    }
    for path in SECRET.iter().map(Path::new).filter(|path| is_readable(path)) {
        cover(&mut mounts, path);
    }
    mounts.insert("/tmp".into(), Mount::From(confine.tmp.clone()));
    mounts.insert("/var/tmp".into(), Mount::Link("/tmp".into()));
    for path in &confine.readable {
        mounts.insert(path.clone(), Mount::Read);
    }
    // Its own directory lies among what is Dash's, and is seen all the same.
    let is_hidden = |path: &&PathBuf| {
        !path.starts_with(&confine.private)
            && confine.hidden.iter().any(|hidden| path.starts_with(hidden))
    };
    let is_written = |path: &&PathBuf| {
        confine.writable.iter().chain([&confine.private]).any(|root| path.starts_with(root))
    };
    let pinned = confine.pinned.iter().filter(is_written).filter(|path| !is_hidden(path));
    // What is hidden must not be moved away with a directory around it.
    let around = confine.hidden.iter().flat_map(|hidden| hidden.ancestors().skip(1));
    for path in around.map(Path::to_owned).filter(|path| is_written(&path)) {
        mounts.insert(path, Mount::Write);
    }
    for path in confine.writable.iter().chain(pinned).chain([&confine.private]) {
        mounts.insert(path.clone(), Mount::Write);
    }
    let protected = confine.protected.iter().filter(|path| !is_hidden(path));
    for path in protected.chain([&confine.socket_dir, &confine.dash]) {
        mounts.insert(path.clone(), Mount::Read);
    }
    for path in confine.hidden.iter().filter(|path| !confine.writable.contains(path)) {
        cover(&mut mounts, path);
    }
    mounts.insert(PathBuf::from(SANDBOX_BIN), Mount::Dir);
    mounts.insert(Path::new(SANDBOX_BIN).join("dash"), Mount::Link(confine.dash.clone()));
    for name in &confine.shims {
        mounts.insert(Path::new(SANDBOX_BIN).join(name), Mount::Link(confine.dash.clone()));
    }
    if confine.has_broker() {
        mounts.insert(PathBuf::from(BROKER_LINK), Mount::Link(confine.broker_socket()));
    }
    // Last, so that nothing lays it open again.
    for place in confine.brokered.iter().flat_map(|brokered| &brokered.places) {
        mounts.insert(place.clone(), Mount::Other(confine.dash.clone()));
    }
    without_repeats(mounts)
}

/// A part of what is only read anyway needs no mount of its own: each costs time.
fn without_repeats(mut mounts: BTreeMap<PathBuf, Mount>) -> BTreeMap<PathBuf, Mount> {
    let is_read = |path: &Path| mounts.get(path).map(|mount| *mount == Mount::Read);
    let around = |path: &Path| path.ancestors().skip(1).find_map(is_read) == Some(true);
    let repeated = mounts.keys().filter(|path| is_read(path) == Some(true) && around(path));
    let repeated: Vec<PathBuf> = repeated.cloned().collect();
    repeated.iter().for_each(|path| drop(mounts.remove(path)));
    mounts
}

/// By this user, whose number the agent keeps: what is kept from it needs no hiding.
fn is_readable(path: &Path) -> bool {
    rustix::fs::access(path, rustix::fs::Access::READ_OK).is_ok()
}

/// Hides what is there.
fn cover(mounts: &mut BTreeMap<PathBuf, Mount>, path: &Path) {
    let Ok(meta) = fs::symlink_metadata(path) else { return };
    if meta.is_dir() {
        mounts.insert(path.to_owned(), Mount::Empty);
    } else if !meta.is_symlink() {
        mounts.insert(path.to_owned(), Mount::EmptyFile);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Holder;
    use std::convert::Infallible;

    fn confine(root: &Path) -> Confine {
        Confine {
            holder: Holder::Bubblewrap { program: "bwrap".into(), by_fd: false },
            writable: vec![root.join("w")],
            readable: vec![root.into()],
            hidden: vec![root.join("w/secret")],
            protected: vec![root.join("w/.git/hooks")],
            pinned: vec![root.join("w/.git")],
            private: root.join("p"),
            tmp: root.join("p/tmp"),
            socket_dir: root.join("s"),
            isolated: true,
            only: None,
            programs: Vec::new(),
            dash: "/opt/dash".into(),
            devices: None,
            brokered: Vec::new(),
            shims: Vec::new(),
        }
    }

    #[test]
    fn what_lies_deeper_is_mounted_later() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("w/secret")).unwrap();
        let args = arguments(&confine(root.path()), |_| Ok::<_, Infallible>(None)).unwrap();
        let at = |words: &[&str]| {
            let place = |word: &&str| match word.strip_prefix("R/") {
                Some(rest) => root.path().join(rest).into_os_string(),
                None => word.into(),
            };
            let words: Vec<OsString> = words.iter().map(place).collect();
            let found = args.windows(words.len()).position(|part| part == words);
            found.unwrap_or_else(|| panic!("{words:?} is not in {args:?}"))
        };
        let order = [
            at(&["--unshare-net"]),
            at(&["--bind", "R/w", "R/w"]),
            at(&["--bind", "R/w/.git", "R/w/.git"]),
            at(&["--ro-bind", "R/w/.git/hooks", "R/w/.git/hooks"]),
            at(&["--tmpfs", "R/w/secret"]),
            at(&["--remount-ro", "R/w/secret"]),
            at(&["--remount-ro", "/"]),
        ];
        assert!(order.is_sorted(), "{order:?} {args:?}");
        assert!(at(&["--ro-bind", "/usr", "/usr"]) < at(&["--proc", "/proc"]));
        // The private directory stands in for /tmp, and is there by its own name too.
        at(&["--bind", "R/p/tmp", "/tmp"]);
        at(&["--bind", "R/p", "R/p"]);
        let shared = Confine { isolated: false, ..confine(root.path()) };
        let args = arguments(&shared, |_| Ok::<_, Infallible>(None)).unwrap();
        assert!(!args.iter().any(|arg| arg == "--unshare-net"));
    }

    /// Its parent may write there, and pinned it for itself.
    #[test]
    fn what_is_pinned_in_what_is_only_read_stays_only_read() {
        let root = tempfile::tempdir().unwrap();
        let git = root.path().join("read/.git");
        let pinned = vec![git.clone()];
        let child = Confine { pinned, protected: Vec::new(), ..confine(root.path()) };
        let args = arguments(&child, |_| Ok::<_, Infallible>(None)).unwrap();
        assert!(!args.windows(2).any(|part| part == ["--bind".as_ref(), git.as_os_str()]));
    }

    #[test]
    fn what_is_only_read_is_mounted_once() {
        let paths = [("/r", Mount::Read), ("/r/a", Mount::Read), ("/r/a/w", Mount::Write)];
        let more = [("/r/a/w/r", Mount::Read), ("/r/a/w/r/deep/er", Mount::Read)];
        let last = [("/r/b", Mount::Empty), ("/r/b/c", Mount::Read), ("/rr", Mount::Read)];
        let all = paths.into_iter().chain(more).chain(last);
        let kept = without_repeats(all.map(|(path, mount)| (path.into(), mount)).collect());
        let kept: Vec<&str> = kept.keys().filter_map(|path| path.to_str()).collect();
        assert_eq!(kept, ["/r", "/r/a/w", "/r/a/w/r", "/r/b", "/r/b/c", "/rr"]);
    }

    #[test]
    fn descriptors_stand_in_for_paths_that_could_be_swapped() {
        let root = tempfile::tempdir().unwrap();
        let mut fd = 10;
        let mut opened = Vec::new();
        let args = arguments(&confine(root.path()), |path| {
            opened.push(path.to_owned());
            fd += 1;
            Ok::<_, Infallible>(Some(fd))
        });
        let args = args.unwrap();
        assert!(opened.contains(&root.path().join("w")));
        assert!(!opened.iter().any(|path| path.starts_with("/usr")));
        assert!(args.iter().any(|arg| arg == "--bind-fd"));
        assert!(!args.iter().any(|arg| arg == "--bind"), "{args:?}");
    }
}
