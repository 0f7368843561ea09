//! Where a command runs, and what a word means as a path there. Lexical: links are the
//! kernel's business.

use super::word::{
    HERE, Likely, MANY, ONE, QUERY, STAR, TEMP, TILDE, expands_to, has_glob, is_mark, is_open, like,
};
use std::path::{Component, Path, PathBuf};

/// Directories that a line may be in after some `cd`s; more cannot be told for sure.
const MOST: usize = 8;

/// The directories that a command may run in: the last is the likely one. Empty: unknown.
#[derive(Clone, Debug)]
pub struct Dirs(Vec<PathBuf>);

impl Dirs {
    pub fn at(cwd: &Path) -> Self {
        Self(vec![cwd.to_owned()])
    }

    /// After `cd WORD`, which may have failed.
    pub fn change(&mut self, word: &str) {
        let Some(last) = self.0.last() else { return };
        match resolve(word, last) {
            Some(dir) if self.0.len() < MOST => {
                self.0.retain(|old| *old != dir);
                self.0.push(dir);
            }
            _ => self.0.clear(),
        }
    }

    /// The same for a program that does not run at all where the directory is not there.
    pub fn inside(&self, word: &str) -> Self {
        let to = self.0.iter().map(|dir| resolve(word, dir)).collect::<Option<Vec<_>>>();
        Self(to.unwrap_or_default())
    }

    /// Whether `word` is a path outside of all `roots`.
    pub fn is_outside(&self, word: &str, roots: &[PathBuf]) -> Likely {
        if is_home(word) {
            return Likely::Yes;
        }
        if let Some(rest) = word.strip_prefix(HERE) {
            let path = rest.is_empty() || rest.starts_with('/');
            return if path { self.is_outside(&format!(".{rest}"), roots) } else { Likely::Maybe };
        }
        if let Some(rest) = word.strip_prefix(TEMP) {
            let below = (rest.is_empty() || rest.starts_with('/')) && stays_below(rest);
            return if below { Likely::No } else { Likely::Maybe };
        }
        if word.starts_with('/') {
            return outside(word, Path::new("/"), roots);
        }
        let Some((last, others)) = self.0.split_last() else { return Likely::Maybe };
        let all = outside(word, last, roots);
        let doubt = others.iter().any(|dir| outside(word, dir, roots) != Likely::No)
            // What a pattern becomes there, where it may be another directory, nobody said.
            || (has_glob(word) && !others.is_empty());
        if all == Likely::No && doubt { Likely::Maybe } else { all }
    }

    /// Whether `word`, or a path that is a part of it (`a=PATH`, `@PATH`), is or lies in
    /// what one of `patterns` names.
    pub fn touches(&self, word: &str, patterns: &[String]) -> bool {
        let parts = word.split(['=', '@', ',', ':']).filter(|part| !part.is_empty());
        parts.into_iter().any(|part| self.lies_in(part, patterns))
    }

    fn lies_in(&self, word: &str, patterns: &[String]) -> bool {
        let path = normal(word);
        let marked = word.contains(is_mark);
        let whole;
        // Where it is, as far as that is sure: from the root.
        let absolute = match self.0.last() {
            _ if word.starts_with('/') => Some(&path),
            Some(dir) if word.contains("..") => {
                let mut at = normal(&dir.to_string_lossy());
                turn(&mut at, word);
                whole = at;
                Some(&whole)
            }
            _ => None,
        };
        let fits = |pattern: &String| {
            if pattern.starts_with('/') {
                return absolute.is_some_and(|path| begins(path, pattern, marked));
            }
            let pattern = pattern.strip_prefix("~/").unwrap_or(pattern);
            // Of `*` alone every name would have to be suspected.
            let known = |at: &usize| !path[*at].chars().all(|c| c == STAR || c == QUERY);
            (0..path.len()).filter(known).any(|at| begins(&path[at..], pattern, marked))
        };
        patterns.iter().any(fits)
    }
}

/// `path` begins with the parts of `wanted`, or may when a shell expands it.
fn begins(path: &[String], wanted: &str, marked: bool) -> bool {
    let mut path = path.iter();
    let fits = |wanted: &str| {
        path.next().is_some_and(|part| {
            let expands = || part.contains(is_mark) && !is_mere(part) && expands_to(part, wanted);
            like(wanted, part) || (marked && expands())
        })
    };
    parts(wanted).all(fits)
}

/// Nothing of it is known: taking it for a path in question would suspect every variable.
fn is_mere(part: &str) -> bool {
    part.chars().all(|c| c == MANY || c == ONE)
}

fn parts(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|part| !part.is_empty() && *part != ".")
}

/// The parts of a path without `.`, and `..` taken back.
fn normal(path: &str) -> Vec<String> {
    let mut out = Vec::new();
    turn(&mut out, path);
    out
}

/// Goes from `at` to `path`.
fn turn(at: &mut Vec<String>, path: &str) {
    for part in parts(path) {
        if part == ".." {
            at.pop();
        } else {
            at.push(part.to_owned());
        }
    }
}

/// The user's home itself, or all that is in it.
fn is_home(word: &str) -> bool {
    let Some(rest) = word.strip_prefix(TILDE) else { return false };
    let rest = rest.split_once('/').map_or("", |(_, rest)| rest);
    rest.chars().all(|c| is_mark(c) || matches!(c, '/' | '.'))
}

/// None where the shell puts something in.
fn resolve(word: &str, dir: &Path) -> Option<PathBuf> {
    if word.contains(is_mark) || word.is_empty() || word == "-" {
        return None;
    }
    let mut out = PathBuf::new();
    for part in dir.join(word).components() {
        match part {
            Component::ParentDir => {
                out.pop();
            }
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) | Component::Normal(_) => out.push(part),
        }
    }
    Some(out)
}

fn outside(word: &str, dir: &Path, roots: &[PathBuf]) -> Likely {
    if word.starts_with(TILDE) || is_open(word) {
        return Likely::Maybe;
    }
    // Of a pattern, what stands before it is sure.
    let known = if has_glob(word) {
        let end = word.find(is_mark).unwrap_or(word.len());
        &word[..word[..end].rfind('/').map_or(0, |at| at + 1)]
    } else {
        word
    };
    let known = if known.is_empty() { "." } else { known };
    let Some(path) = resolve(known, dir) else { return Likely::Maybe };
    if !roots.iter().any(|root| path.starts_with(root)) {
        return Likely::Yes;
    }
    // `a/..` is not here where `a` is a link.
    let mut named = false;
    let turns = parts(known).any(|part| {
        named |= part != "..";
        named && part == ".."
    });
    let leaves = has_glob(word) && !stays_below(word);
    if leaves || turns { Likely::Maybe } else { Likely::No }
}

/// A path that names nothing above where it begins, whatever a shell makes of its patterns:
/// only one that begins with a dot may become `..`. What git keeps beside the files, and may
/// be meant by a pattern as little, counts as not below.
fn stays_below(path: &str) -> bool {
    let pattern = has_glob(path);
    parts(path).all(|part| {
        let own = |name: &str| part == name || (has_glob(part) && expands_to(part, name));
        let other = |c: char| is_mark(c) && !matches!(c, STAR | QUERY);
        let leaves = own("..") || part.contains(other) || (pattern && own(".git"));
        !leaves
    })
}
