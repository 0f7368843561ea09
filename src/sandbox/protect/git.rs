//! What a repository's own settings name: hooks elsewhere, and further settings. They are read
//! as text, and nothing is run for it.

use crate::config::read_small;
use std::fs;
use std::path::{Path, PathBuf};

/// Files of settings that are read for one repository; git itself goes ten deep.
const MOST: usize = 100;

/// Hooks and included settings, each with the file that names it.
pub fn named(dir: &Path) -> Vec<(PathBuf, PathBuf)> {
    let tree = dir.parent().unwrap_or(dir);
    let mut named = Vec::new();
    let mut files = vec![dir.join("config"), dir.join("config.worktree")];
    let mut at = 0;
    while let Some(file) = files.get(at).cloned().filter(|_| at < MOST) {
        at += 1;
        let Ok(text) = read_small(&file, false) else { continue };
        let beside = file.parent().unwrap_or(dir).to_owned();
        for (what, value) in values(&String::from_utf8_lossy(&text)) {
            let from = if what == Names::Hooks { tree } else { &beside };
            let Ok(real) = fs::canonicalize(from.join(in_home(&value))).or_else(|_| {
                // Nothing stands there yet.
                fs::canonicalize(from).map(|from| plain(&from.join(in_home(&value))))
            }) else {
                continue;
            };
            if what == Names::Settings && !files.contains(&real) {
                files.push(real.clone());
            }
            named.push((real, file.clone()));
        }
    }
    named
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Names {
    Hooks,
    Settings,
}

fn values(text: &str) -> Vec<(Names, String)> {
    let joined = text.replace("\\\r\n", "").replace("\\\n", "");
    let (mut found, mut section) = (Vec::new(), String::new());
    for line in joined.lines() {
        let mut rest = line.trim();
        if let Some((name, after)) = rest.strip_prefix('[').and_then(|rest| rest.rsplit_once(']')) {
            let end = name.find([' ', '\t', '"', '.']).unwrap_or(name.len());
            section = name[..end].to_ascii_lowercase();
            rest = after.trim();
        }
        let Some((key, value)) = rest.split_once('=') else { continue };
        let what = match (section.as_str(), key.trim().to_ascii_lowercase().as_str()) {
            (_, "hookspath") => Names::Hooks,
            ("include" | "includeif", "path") => Names::Settings,
            _ => continue,
        };
        found.push((what, unquoted(value)));
    }
    found
}

/// A value without its quotes and the comment behind it.
fn unquoted(value: &str) -> String {
    let (mut out, mut quoted, mut escaped) = (String::new(), false, false);
    for c in value.trim().chars() {
        match c {
            _ if escaped => {
                out.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            '#' | ';' if !quoted => break,
            _ => out.push(c),
        }
    }
    out.trim_end().to_owned()
}

fn in_home(value: &str) -> PathBuf {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    match (value.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(value),
    }
}

/// Without `..`, as a path without links is meant.
fn plain(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => drop(out.pop()),
            std::path::Component::CurDir => {}
            part => out.push(part),
        }
    }
    out
}
