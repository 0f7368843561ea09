//! Files that rules pin: under which names one is found, what a word stands for, and why a
//! rule is not held here.

use crate::model::{Rule, Verdict};
use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// All names of a program's file, so that none is left open when it is hidden.
///
/// # Errors
/// Why it cannot be hidden: it is no program, or some of its names are not found.
pub fn names_of(file: &Path, path: &str) -> Result<Vec<PathBuf>, String> {
    let shown = file.display();
    let meta = fs::symlink_metadata(file)
        .map_err(|error| format!("{shown} cannot be looked at: {}", error.kind()))?;
    if meta.is_dir() {
        return Err(format!("{shown} is a directory"));
    }
    if !meta.is_file() {
        return Err(format!("{shown} is no file"));
    }
    if meta.permissions().mode() & 0o111 == 0 {
        return Err(format!("{shown} is not executable"));
    }
    let mut names = vec![file.to_owned()];
    if meta.nlink() > 1 {
        let beside = file.parent().map(Path::to_owned);
        let dirs = std::env::split_paths(path).chain(beside);
        for dir in dirs.filter_map(|dir| fs::canonicalize(dir).ok()) {
            for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
                let place = entry.path();
                let same = fs::symlink_metadata(&place)
                    .is_ok_and(|other| (other.dev(), other.ino()) == (meta.dev(), meta.ino()));
                if same && !names.contains(&place) {
                    names.push(place);
                }
            }
        }
    }
    let (found, all) = (names.len() as u64, meta.nlink());
    if found == all {
        Ok(names)
    } else {
        Err(format!("{shown} has {all} names (hard links), of which {found} were found"))
    }
}

/// The canonical file that the word `program` stands for.
pub fn executable(program: &str, path: &str, cwd: &Path) -> Option<PathBuf> {
    let is_program = |file: &PathBuf| {
        file.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    };
    let found = if program.contains('/') {
        Some(cwd.join(program)).filter(is_program)
    } else {
        path.split(':').map(|dir| cwd.join(dir).join(program)).find(is_program)
    };
    found?.canonicalize().ok()
}

/// Why nobody but the agent itself holds a rule that pins a file, as far as the disk tells;
/// none where it is held, pins nothing, or allows a file that is there.
pub fn not_held(rule: &Rule, path: &str) -> Option<String> {
    let pin = rule.executable.as_ref()?;
    let names = match names_of(pin, path) {
        Ok(names) => names,
        Err(why)
            if rule.verdict > Verdict::Allow
                || executable(&pin.to_string_lossy(), "", pin).is_none() =>
        {
            return Some(why);
        }
        Err(_) => return None,
    };
    let mut called = rule.command.first().into_iter().flatten();
    called.find_map(|name| {
        let first = executable(name, path, Path::new("/"))?;
        let other = rule.verdict > Verdict::Allow && !names.contains(&first);
        other.then(|| elsewhere(name, &first))
    })
}

/// That a word stands for another file than the pinned one.
fn elsewhere(name: &str, file: &Path) -> String {
    format!("`{name}` is {} here, which this rule does not pin", file.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_why_a_rule_is_not_held() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let program = |at: &str, mode: u32| {
            let file = root.join(at);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, "").unwrap();
            fs::set_permissions(&file, PermissionsExt::from_mode(mode)).unwrap();
            file
        };
        let (first, second) = (root.join("first"), root.join("second"));
        let path = format!("{}:{}", first.display(), second.display());
        let pinned = program("second/tool", 0o755);
        let rule = |file: &Path, verdict| Rule {
            verdict,
            command: vec![vec!["tool".to_owned()]],
            executable: Some(file.to_owned()),
            ..Rule::default()
        };
        let why = |file: &Path| not_held(&rule(file, Verdict::Deny), &path);
        assert_eq!(why(&pinned), None);
        let before = program("first/tool", 0o755);
        let says = |file: &Path, part: &str| {
            let why = why(file).unwrap_or_default();
            assert!(why.contains(part), "{why:?}, wanted {part:?}");
        };
        says(
            &pinned,
            &format!("`tool` is {} here, which this rule does not pin", before.display()),
        );
        assert_eq!(not_held(&rule(&pinned, Verdict::Allow), &path), None);
        fs::remove_file(&before).unwrap();
        fs::create_dir(root.join("elsewhere")).unwrap();
        fs::hard_link(&pinned, root.join("elsewhere/x")).unwrap();
        says(&pinned, "has 2 names (hard links), of which 1 were found");
        says(&second, "is a directory");
        says(&root.join("none"), "cannot be looked at");
        says(&program("plain", 0o644), "is not executable");
        assert!(not_held(&rule(&root.join("none"), Verdict::Allow), &path).is_some());
    }
}
