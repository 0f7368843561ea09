//! What a Python environment needs to be seen of: a program in its `bin` finds its modules by
//! `pyvenv.cfg` one directory above, and its interpreter in yet another place.

use super::tools::PROGRAMS;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The environment that `bin` belongs to, and its interpreter's directory of programs; none
/// where it belongs to none.
///
/// The file may be an agent's to write, and must not open anything: what it names counts only
/// if it is a directory of programs with a Python in it.
pub fn environment(bin: &Path) -> Option<(PathBuf, Option<PathBuf>)> {
    let root = bin.parent()?;
    let text = fs::read_to_string(root.join("pyvenv.cfg")).ok()?;
    let mut lines = text.lines().filter_map(|line| line.split_once('='));
    let home = lines.find(|(key, _)| key.trim() == "home").map(|(_, path)| path.trim());
    let interpreter = home.and_then(|path| fs::canonicalize(path).ok()).filter(|dir| {
        let name = dir.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| PROGRAMS.contains(&name))
            && ["python3", "python"].iter().any(|name| dir.join(name).is_file())
    });
    Some((root.to_owned(), interpreter))
}

#[cfg(test)]
mod tests {
    use super::super::tools::around;
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn an_environment_is_seen_with_its_interpreter_and_no_link() {
        let dir = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(dir.path()).unwrap();
        let at = |path: &str| root.join(path);
        for path in ["venv/bin", "venv/lib", "py/bin", "py/lib", ".ssh", "secret/bin", "secret/lib"]
        {
            fs::create_dir_all(at(path)).unwrap();
        }
        fs::write(at("py/bin/python3"), "").unwrap();
        symlink("lib", at("venv/lib64")).unwrap();
        symlink(at(".ssh"), at("venv/libexec")).unwrap();
        let config = |home: &Path| {
            let text = format!("version = 3\nhome = {}\n", home.display());
            fs::write(at("venv/pyvenv.cfg"), text).unwrap();
        };
        config(&at("py/bin"));
        let seen = around(&at("venv/bin"), None);
        for path in ["venv", "venv/bin", "venv/lib", "py/bin", "py/lib"] {
            assert!(seen.contains(&at(path)), "{path} is not in {seen:?}");
        }
        for path in ["venv/lib64", "venv/libexec"] {
            assert!(!seen.contains(&at(path)), "{path} is a link");
        }
        // Whatever it names, nothing is opened that is no Python.
        for named in [".ssh", "secret/bin"] {
            config(&at(named));
            let seen = around(&at("venv/bin"), None);
            assert!(!seen.iter().any(|path| path.starts_with(at(named))), "{named}: {seen:?}");
            assert!(!seen.contains(&at("secret/lib")));
        }
    }
}
