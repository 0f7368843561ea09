//! Where things lie. An instance is one state directory, named by its socket's path.
//!
//! The socket names the instance: the canonical path of its directory and its name are
//! hashed, and the first eight hex digits name the state directory. So the same socket
//! always finds the same journal, by whatever link it was reached. Nothing here is made
//! except by [`Instance::default_socket`] (its directory) and [`Instance::prepare`].
//!
//! Socket paths are bounded by the kernel: `sun_path` has 108 bytes on Linux (104 on macOS)
//! with the final NUL. The longest name that a socket of ours may get is reserved for, so
//! that an instance which opens at all can also run agents.

use crate::model::{AttemptId, SwarmId, hex};
use rustix::fs::{AtFlags, CWD, FileType, Mode, statat};
use sha2::{Digest, Sha256};
use std::{
    env,
    ffi::{OsStr, OsString},
    io,
    os::unix::{ffi::OsStrExt, fs::DirBuilderExt},
    path::{Path, PathBuf},
};

/// Bytes of a socket's path that the kernel takes, without the final NUL.
pub const MAX_SOCKET_PATH: usize = if cfg!(target_os = "macos") { 103 } else { 107 };
const MAX_ATTEMPT_NAME: usize = AttemptId::LONGEST;

/// All paths of one instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// The admin socket, canonical.
    pub socket: PathBuf,
    /// `<socket>.lock`: held by the core for its life.
    pub lock: PathBuf,
    /// `<socket>.start`: held by whoever is starting a core.
    pub start_lock: PathBuf,
    /// Journal, attempts, logs: `journal.db`, `attempts/`, `core.log`.
    pub state: PathBuf,
    /// Short-named sockets: `<run>/k/ATTEMPT` (keepers), `<run>/a/ATTEMPT/s` (agents' own: the
    /// directory can be shown to a sandbox, which a socket that comes and goes cannot).
    pub run: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum PathError {
    #[error("no home directory is known: set HOME, or {variable} to an absolute path")]
    NoHome { variable: &'static str },
    #[error("the directory of socket {socket} cannot be used: {source}")]
    NoParent { socket: PathBuf, source: io::Error },
    #[error("{0} names no socket: it ends in no file name")]
    NoName(PathBuf),
    #[error("{path} exists and is no socket")]
    NotASocket { path: PathBuf },
    #[error("the path of socket {socket} is {over} bytes too long for the system: {reason}")]
    TooLong { socket: PathBuf, over: usize, reason: &'static str },
    #[error("{path} is not safe for a socket: {why}")]
    Unsafe { path: PathBuf, why: String },
    #[error("{path} cannot be made: {source}")]
    Make { path: PathBuf, source: io::Error },
}

/// The user's directories, as the environment or the platform says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dirs {
    /// `config.toml`, `keymaps/`, `themes/`, `agents/`, `policy.toml`.
    pub config: PathBuf,
    /// One directory per instance.
    pub state: PathBuf,
}

impl Dirs {
    /// `$XDG_CONFIG_HOME/dash` and `$XDG_STATE_HOME/dash`, else the platform's own.
    pub fn from_env() -> Result<Self, PathError> {
        Self::resolve(|name| env::var_os(name), platform_dirs)
    }

    /// `var` reads the environment; `platform` gives configuration and state where it says
    /// nothing. A relative path in an XDG variable counts as unset, as its specification has it.
    fn resolve(
        var: impl Fn(&str) -> Option<OsString>,
        platform: impl FnOnce() -> Option<(PathBuf, PathBuf)>,
    ) -> Result<Self, PathError> {
        let xdg = |name: &str| absolute(var(name)).map(|dir| dir.join("dash"));
        let (config, state) = (xdg("XDG_CONFIG_HOME"), xdg("XDG_STATE_HOME"));
        match (config, state) {
            (Some(config), Some(state)) => Ok(Self { config, state }),
            (config, state) => {
                let variable = if state.is_none() { "XDG_STATE_HOME" } else { "XDG_CONFIG_HOME" };
                let (config_default, state_default) =
                    platform().ok_or(PathError::NoHome { variable })?;
                Ok(Self {
                    config: config.unwrap_or(config_default),
                    state: state.unwrap_or(state_default),
                })
            }
        }
    }
}

fn absolute(value: Option<OsString>) -> Option<PathBuf> {
    value.map(PathBuf::from).filter(|path| path.is_absolute())
}

fn platform_dirs() -> Option<(PathBuf, PathBuf)> {
    let dirs = directories::ProjectDirs::from("", "", "dash")?;
    let state = dirs.state_dir().unwrap_or_else(|| dirs.data_local_dir());
    Some((dirs.config_dir().to_owned(), state.to_owned()))
}

impl Instance {
    /// The instance of a socket, which need not exist; its directory must.
    pub fn at(socket: &Path) -> Result<Self, PathError> {
        Self::with_state(socket, &Dirs::from_env()?.state)
    }

    /// As [`Instance::at`], with `state_home` (of all instances) in place of the user's.
    pub fn with_state(socket: &Path, state_home: &Path) -> Result<Self, PathError> {
        let target = behind_links(socket);
        let socket = target.as_path();
        let name = socket.file_name().ok_or_else(|| PathError::NoName(socket.to_owned()))?;
        let parent = match socket.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let no_parent = |source| PathError::NoParent { socket: socket.to_owned(), source };
        let parent = parent.canonicalize().map_err(no_parent)?;
        if !parent.is_dir() {
            return Err(no_parent(io::Error::from(io::ErrorKind::NotADirectory)));
        }
        let instance = Self::from_canonical(&parent, name, state_home)?;
        // No link any more: what matters is what would be unlinked.
        match statat(CWD, &instance.socket, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if FileType::from_raw_mode(stat.st_mode) != FileType::Socket => {
                Err(PathError::NotASocket { path: instance.socket })
            }
            _ => Ok(instance),
        }
    }

    fn from_canonical(parent: &Path, name: &OsStr, state_home: &Path) -> Result<Self, PathError> {
        let socket = parent.join(name);
        let hash = short_hash(&socket);
        let run = parent.join(&hash);
        let instance = Self {
            lock: with_suffix(&socket, ".lock"),
            start_lock: with_suffix(&socket, ".start"),
            state: state_home.join(&hash),
            run,
            socket,
        };
        let own = instance.socket.as_os_str().len();
        let agents = instance.run.as_os_str().len() + "/a/".len() + MAX_ATTEMPT_NAME + "/s".len();
        let too_long =
            |over, reason| PathError::TooLong { socket: instance.socket.clone(), over, reason };
        if own > MAX_SOCKET_PATH {
            return Err(too_long(own - MAX_SOCKET_PATH, "choose a shorter one"));
        }
        if agents > MAX_SOCKET_PATH {
            let reason = "the agents' sockets stand in a directory beside it; choose a shorter one";
            return Err(too_long(agents - MAX_SOCKET_PATH, reason));
        }
        Ok(instance)
    }

    /// `$XDG_RUNTIME_DIR/dash/dash.sock`, else `dash-UID/dash.sock` in the temporary directory
    /// (`$TMPDIR`, else `/tmp`). The directory is made if it is missing, 0700, and refused if it is a link, another user's, or open to
    /// others.
    pub fn default_socket() -> Result<PathBuf, PathError> {
        let uid = rustix::process::getuid().as_raw();
        let runtime = absolute(env::var_os("XDG_RUNTIME_DIR")).filter(|dir| owned_by(dir, uid));
        let dir = match runtime {
            Some(runtime) => runtime.join("dash"),
            None => env::temp_dir().join(format!("dash-{uid}")),
        };
        private_dir(&dir, uid)?;
        Ok(dir.join("dash.sock"))
    }

    /// Makes the state and run directories, 0700. Idempotent.
    ///
    /// # Errors
    /// Also when others can write to the socket's directory: they could put a socket of
    /// their own in the place of ours.
    pub fn prepare(&self) -> Result<(), PathError> {
        if let Some(parent) = self.socket.parent() {
            ours_to_write(parent)?;
        }
        for dir in [&self.state, &self.run, &self.run.join("k"), &self.run.join("a")] {
            std::fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(dir)
                .map_err(|source| PathError::Make { path: dir.clone(), source })?;
        }
        Ok(())
    }

    pub fn journal(&self) -> PathBuf {
        self.state.join("journal.db")
    }

    pub fn core_log(&self) -> PathBuf {
        self.state.join("core.log")
    }

    /// A short name that no other instance has.
    pub fn tag(&self) -> String {
        short_hash(&self.socket)
    }

    pub fn attempt_dir(&self, attempt: &AttemptId) -> PathBuf {
        self.state.join("attempts").join(attempt.as_str())
    }

    /// What is kept of a swarm beside its attempts and its events.
    pub fn swarm_dir(&self, swarm: &SwarmId) -> PathBuf {
        self.state.join("swarms").join(swarm.as_str())
    }

    pub fn keeper_socket(&self, attempt: &AttemptId) -> PathBuf {
        self.run.join("k").join(attempt.as_str())
    }

    /// What a process that runs share and those runs see of each other.
    pub fn meeting_dir(&self, host: &AttemptId) -> PathBuf {
        self.run.join("m").join(host.as_str())
    }

    pub fn agent_socket(&self, attempt: &AttemptId) -> PathBuf {
        self.run.join("a").join(attempt.as_str()).join("s")
    }
}

/// The path that a chain of links leads to, which need not exist; a loop is left as it is.
fn behind_links(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..40 {
        let Ok(target) = path.read_link() else { break };
        path = path.parent().map_or_else(|| target.clone(), |parent| parent.join(&target));
    }
    path
}

fn ours_to_write(dir: &Path) -> Result<(), PathError> {
    let refuse = |why: String| PathError::Unsafe { path: dir.to_owned(), why };
    let stat = statat(CWD, dir, AtFlags::empty()).map_err(|error| refuse(error.to_string()))?;
    let mode = Mode::from_raw_mode(stat.st_mode);
    // With the sticky bit, as on /tmp, nobody takes another's file away.
    if mode.intersects(Mode::WGRP | Mode::WOTH) && !mode.contains(Mode::SVTX) {
        let mode = stat.st_mode & 0o7777;
        return Err(refuse(format!("others can write to it (mode {mode:o}); chmod 700 it")));
    }
    let uid = rustix::process::getuid().as_raw();
    if stat.st_uid != uid && stat.st_uid != 0 {
        return Err(refuse(format!("it belongs to user {}, not to {uid}", stat.st_uid)));
    }
    Ok(())
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut text = path.as_os_str().to_owned();
    text.push(suffix);
    text.into()
}

fn short_hash(path: &Path) -> String {
    let digest = Sha256::digest(path.as_os_str().as_bytes());
    hex(&digest[..4])
}

fn owned_by(dir: &Path, uid: u32) -> bool {
    statat(CWD, dir, AtFlags::empty()).is_ok_and(|stat| {
        stat.st_uid == uid && FileType::from_raw_mode(stat.st_mode) == FileType::Directory
    })
}

/// Makes `dir` unless it is there, then checks what is there without following a link.
fn private_dir(dir: &Path, uid: u32) -> Result<(), PathError> {
    match std::fs::DirBuilder::new().mode(0o700).create(dir) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(source) => return Err(PathError::Make { path: dir.to_owned(), source }),
    }
    let refuse = |why: String| PathError::Unsafe { path: dir.to_owned(), why };
    let stat =
        statat(CWD, dir, AtFlags::SYMLINK_NOFOLLOW).map_err(|error| refuse(error.to_string()))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
        return Err(refuse("it is no directory (a link is not followed)".to_owned()));
    }
    if stat.st_uid != uid {
        return Err(refuse(format!("it belongs to user {}, not to {uid}", stat.st_uid)));
    }
    let open = Mode::from_raw_mode(stat.st_mode) & (Mode::RWXG | Mode::RWXO);
    if !open.is_empty() {
        return Err(refuse(format!(
            "others can reach it (mode {:o}); chmod 700 it",
            stat.st_mode & 0o777
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn vars(list: &'static [(&str, &str)]) -> impl Fn(&str) -> Option<OsString> {
        move |name| list.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into())
    }

    #[test]
    fn directories_follow_the_environment_then_the_platform() {
        let none = || None;
        let some = || Some((PathBuf::from("/h/.config/dash"), PathBuf::from("/h/.local/dash")));
        let both = vars(&[("XDG_CONFIG_HOME", "/c"), ("XDG_STATE_HOME", "/s")]);
        let dirs = Dirs::resolve(&both, none).unwrap();
        assert_eq!((dirs.config, dirs.state), ("/c/dash".into(), "/s/dash".into()));
        let relative = vars(&[("XDG_CONFIG_HOME", "c"), ("XDG_STATE_HOME", "/s")]);
        let dirs = Dirs::resolve(&relative, some).unwrap();
        assert_eq!((dirs.config, dirs.state), ("/h/.config/dash".into(), "/s/dash".into()));
        let error = Dirs::resolve(&relative, none).unwrap_err().to_string();
        assert!(error.contains("HOME") && error.contains("XDG_CONFIG_HOME"), "{error}");
    }

    #[test]
    fn the_same_socket_by_another_way_is_the_same_instance() {
        let dir = tempfile::tempdir().unwrap();
        let real = dir.path().join("real");
        std::fs::create_dir(&real).unwrap();
        symlink(&real, dir.path().join("link")).unwrap();
        let state = Path::new("/state/dash");
        let one = Instance::with_state(&real.join("d.sock"), state).unwrap();
        let two = Instance::with_state(&dir.path().join("link/d.sock"), state).unwrap();
        assert_eq!(one, two);
        let other = Instance::with_state(&real.join("e.sock"), state).unwrap();
        assert_ne!(one.state, other.state);
        assert_eq!(one.state.parent(), Some(state));
        assert_eq!(one.run.parent(), one.socket.parent());
        assert_eq!(one.lock, one.socket.with_extension("sock.lock"));
        assert_eq!(one.state.file_name().unwrap().len(), 8);
    }

    #[test]
    fn a_missing_directory_and_a_wrong_file_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let error = Instance::with_state(&dir.path().join("no/d.sock"), Path::new("/s"));
        assert!(error.unwrap_err().to_string().contains("no/d.sock"));
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = Instance::with_state(&file, Path::new("/s")).unwrap_err();
        assert!(matches!(error, PathError::NotASocket { .. }), "{error}");
        let error = Instance::with_state(&file.join("d.sock"), Path::new("/s")).unwrap_err();
        assert!(matches!(error, PathError::NoParent { .. }), "{error}");
        assert!(Instance::with_state(Path::new("/"), Path::new("/s")).is_err());
    }

    #[test]
    fn paths_too_long_for_a_socket_are_refused_with_the_excess() {
        let state = Path::new("/s");
        let fits = |len: usize| {
            let parent = PathBuf::from(format!("/{}", "d".repeat(len - 1)));
            Instance::from_canonical(&parent, OsStr::new("s"), state)
        };
        let most = MAX_SOCKET_PATH - MAX_ATTEMPT_NAME - "/a//s".len() - "/12345678".len();
        assert!(fits(most).is_ok());
        assert!(matches!(fits(most + 3), Err(PathError::TooLong { over: 3, .. })));
        let name = "n".repeat(MAX_SOCKET_PATH);
        let error = Instance::from_canonical(Path::new("/d"), OsStr::new(&name), state);
        assert!(matches!(error, Err(PathError::TooLong { over: 3, .. })));
    }

    #[test]
    fn the_shared_temporary_directory_is_checked() {
        let uid = rustix::process::getuid().as_raw();
        let dir = tempfile::tempdir().unwrap();
        let fresh = dir.path().join("fresh");
        private_dir(&fresh, uid).unwrap();
        private_dir(&fresh, uid).unwrap();
        assert_eq!(fresh.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        assert!(private_dir(&fresh, uid + 1).unwrap_err().to_string().contains("belongs"));
        std::fs::set_permissions(&fresh, PermissionsExt::from_mode(0o750)).unwrap();
        assert!(private_dir(&fresh, uid).unwrap_err().to_string().contains("750"));
        let link = dir.path().join("link");
        symlink(dir.path(), &link).unwrap();
        assert!(private_dir(&link, uid).unwrap_err().to_string().contains("no directory"));
    }

    #[test]
    fn a_link_to_a_socket_is_the_sockets_own_instance() {
        let dir = tempfile::tempdir().unwrap();
        let state = Path::new("/s");
        let real = Instance::with_state(&dir.path().join("d.sock"), state).unwrap();
        symlink("d.sock", dir.path().join("near")).unwrap();
        symlink(dir.path().join("near"), dir.path().join("far.sock")).unwrap();
        // Whether or not a core listens.
        for _ in 0..2 {
            for link in ["near", "far.sock"] {
                assert_eq!(Instance::with_state(&dir.path().join(link), state).unwrap(), real);
            }
            let bound = std::os::unix::net::UnixListener::bind(&real.socket);
            drop(bound);
        }
        symlink("loop", dir.path().join("loop")).unwrap();
        assert!(Instance::with_state(&dir.path().join("loop"), state).is_err());
    }

    #[test]
    fn a_socket_where_others_can_write_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (open, state) = (dir.path().join("open"), dir.path().join("state"));
        std::fs::create_dir(&open).unwrap();
        let instance = Instance::with_state(&open.join("d.sock"), &state).unwrap();
        for mode in [0o777, 0o770] {
            std::fs::set_permissions(&open, PermissionsExt::from_mode(mode)).unwrap();
            let error = instance.prepare().unwrap_err().to_string();
            assert!(error.contains("chmod 700") && error.contains("open"), "{error}");
            assert!(!state.exists(), "nothing is made");
        }
        for mode in [0o755, 0o1777] {
            std::fs::set_permissions(&open, PermissionsExt::from_mode(mode)).unwrap();
            instance.prepare().unwrap();
        }
    }

    #[test]
    fn prepare_makes_private_directories_twice() {
        let dir = tempfile::tempdir().unwrap();
        let instance =
            Instance::with_state(&dir.path().join("d.sock"), &dir.path().join("state")).unwrap();
        instance.prepare().unwrap();
        instance.prepare().unwrap();
        let mode = instance.run.join("k").metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}
