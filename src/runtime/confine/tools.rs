//! Where the programs on PATH lie, and what belongs to them.

use super::{python, variable};
use crate::runtime::world::World;
use std::{
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf},
};

/// Directories on everybody's machine, visible in every sandbox.
pub const SYSTEM: &[&str] =
    &["/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc", "/opt", "/nix/store"];

/// As many as Linux follows.
const MOST_LINKS: usize = 40;

fn lies_in(path: &Path, roots: &[PathBuf]) -> bool {
    roots.iter().any(|root| path.starts_with(root))
}

/// A link where agents write: it leads wherever one of them likes.
pub fn is_led_away(path: &Path, writable: &[PathBuf]) -> bool {
    lies_in(path, writable) && std::fs::canonicalize(path).is_ok_and(|real| real != path)
}

/// Where `path` leads; none where nothing is, or where an agent that may write in `writable`
/// has a say in it: a link there may lead to what lies there as well, and nowhere else.
pub fn follow(path: &Path, writable: &[PathBuf]) -> Option<PathBuf> {
    let parts = |path: &Path| -> Vec<OsString> {
        path.components().rev().map(|part| part.as_os_str().to_owned()).collect()
    };
    let (mut real, mut rest) = (PathBuf::from("/"), parts(path));
    let (mut planted, mut links) = (false, 0);
    while let Some(part) = rest.pop() {
        let next = real.join(&part);
        if part == ".." {
            real.pop();
        } else if fs::symlink_metadata(&next).ok()?.is_symlink() {
            links += 1;
            if links > MOST_LINKS {
                return None;
            }
            planted |= lies_in(&next, writable);
            // An absolute one begins with `/`, which takes all before it away.
            rest.extend(parts(&fs::read_link(&next).ok()?));
        } else {
            real = next;
        }
    }
    (!planted || lies_in(&real, writable)).then_some(real)
}

/// Where the programs on PATH, and what belongs to them, lie outside of the system's own
/// directories. Never a home as a whole.
pub fn tools(
    world: &World,
    path: &str,
    program: Option<&Path>,
    writable: &[PathBuf],
) -> Vec<PathBuf> {
    let home = variable(world, "HOME").and_then(|home| std::fs::canonicalize(home).ok());
    let home = home.as_deref();
    let mut tools = Vec::new();
    let real = |path: &Path| follow(path, writable);
    let dirs = std::env::split_paths(path).filter(|dir| dir.is_absolute());
    for dir in dirs.filter_map(|dir| real(&dir)) {
        tools.extend(around(&dir, home));
    }
    if let Some(real) = program.and_then(real) {
        tools.extend(package(&real));
        tools.extend(real.parent().into_iter().flat_map(|dir| of_python(dir, home)));
    }
    let named = ["RUSTUP_HOME", "JAVA_HOME", "GOROOT", "VIRTUAL_ENV"];
    tools.extend(named.iter().filter_map(|name| variable(world, name)).map(PathBuf::from));
    if let Some(home) = home {
        let cargo =
            variable(world, "CARGO_HOME").map_or_else(|| home.join(".cargo"), PathBuf::from);
        // Not the whole: beside them lie the user's tokens.
        tools.extend(["bin", "registry", "git"].map(|part| cargo.join(part)));
        tools.push(home.join(".rustup"));
    }
    tools
        .retain(|path| !is_system(path) && path.parent().is_some() && Some(path.as_path()) != home);
    tools.sort();
    tools.dedup();
    tools
}

/// A directory of programs, and what belongs to it: the tool's own directory where it has
/// one (`~/.pyenv` of `~/.pyenv/shims`), else the usual ones beside it.
pub fn around(dir: &Path, home: Option<&Path>) -> Vec<PathBuf> {
    let mut found = vec![dir.to_owned()];
    found.extend(of_python(dir, home));
    let name = |path: &Path| path.file_name().and_then(OsStr::to_str).map(str::to_owned);
    let programs = name(dir).is_some_and(|name| PROGRAMS.contains(&name.as_str()));
    let Some(parent) = dir.parent().filter(|parent| programs && Some(*parent) != home) else {
        return found;
    };
    let own = name(parent).unwrap_or_default();
    if own.starts_with('.') && !WIDE.contains(&own.as_str()) {
        found.push(parent.to_owned());
    } else {
        found.extend(BESIDE.iter().map(|part| parent.join(part)));
        let share = parent.join("share");
        found.extend(["claude", "pipx", "uv", "pnpm"].map(|tool| share.join(tool)));
    }
    // Where one leads nobody knows; `lib64` usually to the `lib` beside it.
    found.retain(|path| !path.is_symlink());
    found
}

/// The Python environment of these programs, with its interpreter.
fn of_python(dir: &Path, home: Option<&Path>) -> Vec<PathBuf> {
    let Some((root, interpreter)) = python::environment(dir) else { return Vec::new() };
    // One that is an environment itself names a third: nobody makes such.
    let interpreter = interpreter.filter(|dir| python::environment(dir).is_none());
    let mut found: Vec<PathBuf> =
        interpreter.into_iter().flat_map(|dir| around(&dir, home)).collect();
    found.push(root);
    found
}

/// What directories of programs are called.
pub const PROGRAMS: &[&str] = &["bin", "shims", ".bin", "sbin"];
/// What stands beside them.
const BESIDE: &[&str] = &["lib", "lib64", "libexec", "include", "plugins", "versions", "jre"];
/// Directories that many programs share, secrets among them.
const WIDE: &[&str] = &[".local", ".cargo", ".config", ".cache"];

/// The directory that a program was installed with.
fn package(program: &Path) -> Option<PathBuf> {
    let modules = program.ancestors().filter(|dir| dir.ends_with("node_modules")).last();
    modules.or(program.parent()).map(Path::to_owned)
}

fn is_system(path: &Path) -> bool {
    SYSTEM.iter().any(|root| path.starts_with(root))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_link_where_agents_write_is_led_away() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        for made in ["node/bin", "scope/own"] {
            fs::create_dir_all(root.join(made)).unwrap();
        }
        symlink(root.join("node"), root.join("current")).unwrap();
        symlink(root.join("node"), root.join("scope/node")).unwrap();
        let led = |path: &str| is_led_away(&root.join(path), &[root.join("scope")]);
        assert!(led("scope/node/bin") && led("scope/node"));
        assert!(!led("current/bin") && !led("node/bin"), "nobody writes there");
        assert!(!led("scope") && !led("scope/own"));
    }

    #[test]
    fn no_link_of_an_agents_is_followed_out_of_its_scope() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        for made in ["secret", "scope/bin", "tools/v2/bin"] {
            fs::create_dir_all(root.join(made)).unwrap();
        }
        let link = |to: &str, at: &str| symlink(to, root.join(at)).unwrap();
        link("v2", "tools/now");
        link("../tools/./now/../now/bin", "scope/tools");
        link("bin", "scope/own");
        // The user's own, into a scope; what lies there an agent has made a link.
        link("scope", "mine");
        link("../secret", "scope/planted");
        link("scope/planted", "hidden");
        link("loop", "loop");
        let follow = |path: &str| follow(&root.join(path), &[root.join("scope")]);
        assert_eq!(follow("tools/now/bin"), Some(root.join("tools/v2/bin")));
        assert_eq!(follow("mine/bin"), Some(root.join("scope/bin")));
        assert_eq!(follow("mine/own"), Some(root.join("scope/bin")));
        for led in ["scope/planted", "mine/planted", "hidden", "scope/tools", "loop", "none"] {
            assert_eq!(follow(led), None, "{led}");
        }
    }
}
