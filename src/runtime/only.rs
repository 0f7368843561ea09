//! `--allow-only`: from the names of programs to the files that the kernel lets be executed,
//! with what each needs to start (its loader, the interpreter in its first line), and to the
//! directories in which nothing else may even be read: a loader, which must be executable,
//! runs whatever it can read.
//!
//! What a listed program does by itself is not held: an interpreter runs any text, and a
//! loader maps whatever file it is given, also one that the agent wrote.

use crate::model::Confine;
use anyhow::{Context, bail};
use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs::File,
    io::{self, Read},
    os::unix::{
        ffi::OsStrExt,
        fs::{FileExt, PermissionsExt},
    },
    path::{Path, PathBuf},
};

/// Directories of programs on everybody's machine; those of the agent's PATH join them.
const PROGRAMS: &[&str] = &[
    "/usr/bin",
    "/usr/sbin",
    "/bin",
    "/sbin",
    "/usr/local/bin",
    "/usr/local/sbin",
    "/usr/games",
    "/usr/libexec",
    "/usr/local/libexec",
    "/usr/lib/git-core",
];

/// Bytes of a first line that the kernel looks at.
const LINE: u64 = 256;
/// Interpreters of interpreters, and so on; the kernel itself stops at five.
const DEPTH: usize = 8;
/// More headers than this no program has.
const HEADERS: u16 = 512;

/// Where programs are looked for.
#[derive(Clone, Copy)]
pub struct Search<'a> {
    pub path: &'a str,
    pub cwd: &'a Path,
}

/// Puts into `confine` what may be executed. `own`: the agent's own program, if it is one
/// that Dash knows; what belongs to its package goes with it.
///
/// # Errors
/// When a program is not there, needs one that is not, or could be written over.
pub fn hold(
    confine: &mut Confine,
    names: &BTreeSet<String>,
    own: Option<&Path>,
    search: Search<'_>,
) -> anyhow::Result<()> {
    let mut files = files(names, search)?;
    if let Some(own) = own {
        with_needs(&real(own)?, search, 0, &mut files)?;
    }
    writable(&files, confine.writable.iter().chain([&confine.private]))?;
    with_needs(&confine.dash, search, 0, &mut files)?;
    files.extend(own.and_then(package));
    confine.only = Some(files.into_iter().collect());
    let path = std::env::split_paths(search.path).filter(|dir| dir.is_absolute());
    let programs = PROGRAMS.iter().map(PathBuf::from).chain(path);
    let real = programs.filter_map(|dir| std::fs::canonicalize(dir).ok());
    let real: BTreeSet<PathBuf> = real.filter(|dir| dir.parent().is_some()).collect();
    confine.programs = real.into_iter().collect();
    Ok(())
}

/// Refuses names that stand for nothing that could be held under a scope that lets `roots`
/// be written.
///
/// # Errors
/// As [`hold`].
pub fn check(
    names: &BTreeSet<String>,
    roots: &[PathBuf],
    search: Search<'_>,
) -> anyhow::Result<()> {
    if names.is_empty() {
        bail!("no program is named, so nothing could run");
    }
    writable(&files(names, search)?, roots.iter())
}

/// True if `program` is one of those that `names` stand for.
pub fn names(names: &BTreeSet<String>, program: &str, search: Search<'_>) -> bool {
    let Ok(file) = find(program, search) else { return false };
    names.iter().any(|name| find(name, search).is_ok_and(|known| known == file))
}

fn writable<'a>(
    files: &BTreeSet<PathBuf>,
    roots: impl Iterator<Item = &'a PathBuf> + Clone,
) -> anyhow::Result<()> {
    match files.iter().find(|file| roots.clone().any(|root| file.starts_with(root))) {
        Some(file) => bail!(
            "{} may be written by the agent, so anything could stand in its place (a script is \
             run by its interpreter: name that one)",
            file.display()
        ),
        None => Ok(()),
    }
}

/// The files that `names` stand for, with all that they need to start.
fn files(names: &BTreeSet<String>, search: Search<'_>) -> anyhow::Result<BTreeSet<PathBuf>> {
    let mut files = BTreeSet::new();
    for name in names {
        let file = find(name, search)?;
        with_needs(&file, search, 0, &mut files).with_context(|| name.clone())?;
    }
    Ok(files)
}

/// The program without links: by its path, or the first of that name on PATH.
fn find(name: &str, search: Search<'_>) -> anyhow::Result<PathBuf> {
    let runs = |file: &PathBuf| {
        file.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    };
    let found = if name.contains('/') {
        Some(search.cwd.join(name)).filter(runs)
    } else {
        let dirs = std::env::split_paths(search.path).filter(|dir| dir.is_absolute());
        dirs.map(|dir| dir.join(name)).find(runs)
    };
    match found {
        Some(file) if !name.is_empty() => real(&file),
        Some(_) | None if name.contains('/') => bail!("{name:?} is no program"),
        Some(_) | None => bail!("no program is called {name:?} on PATH ({})", search.path),
    }
}

fn real(file: &Path) -> anyhow::Result<PathBuf> {
    std::fs::canonicalize(file).with_context(|| file.display().to_string())
}

fn with_needs(
    file: &Path,
    search: Search<'_>,
    depth: usize,
    files: &mut BTreeSet<PathBuf>,
) -> anyhow::Result<()> {
    if depth > DEPTH || !files.insert(file.to_owned()) {
        return Ok(());
    }
    let needs = needs(file).with_context(|| format!("reading {}", file.display()))?;
    for need in needs {
        let needed = find(&need, search);
        let needed = needed.with_context(|| format!("{} needs {need}", file.display()))?;
        with_needs(&needed, search, depth + 1, files)?;
    }
    Ok(())
}

/// What the kernel (and `env`, where that is the interpreter) runs to start `file`.
fn needs(file: &Path) -> io::Result<Vec<String>> {
    let file = File::open(file)?;
    let mut head = Vec::new();
    (&file).take(LINE).read_to_end(&mut head)?;
    if head.starts_with(b"\x7fELF") {
        return Ok(loader(&file, &head).into_iter().collect());
    }
    let Some(line) = head.strip_prefix(b"#!") else { return Ok(Vec::new()) };
    let line = line.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let mut words = line.split_ascii_whitespace().map(str::to_owned);
    let Some(interpreter) = words.next() else { return Ok(Vec::new()) };
    let env = Path::new(&interpreter).file_name() == Some(OsStr::new("env"));
    let meant = words.find(|word| !word.starts_with('-') && !word.contains('='));
    Ok(std::iter::once(interpreter).chain(meant.filter(|_| env)).collect())
}

/// The loader that an ELF file names; none for one that needs none, or that is broken.
fn loader(file: &File, head: &[u8]) -> Option<String> {
    let wide = *head.get(4)? == 2;
    let little = *head.get(5)? == 1;
    let number = |bytes: &[u8], at: usize, size: usize| -> Option<u64> {
        let part = bytes.get(at..at + size)?;
        let fold = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
        Some(if little { part.iter().rev().fold(0, fold) } else { part.iter().fold(0, fold) })
    };
    // By the width of its addresses: the table of program headers, and in a header the place
    // and size of what it describes.
    let (table, width) = if wide { (32, 8) } else { (28, 4) };
    let (size_at, count_at) = if wide { (54, 56) } else { (42, 44) };
    let (offset_at, bytes_at) = if wide { (8, 32) } else { (4, 16) };
    let start = number(head, table, width)?;
    let size = number(head, size_at, 2)?;
    let count = u16::try_from(number(head, count_at, 2)?).ok()?.min(HEADERS);
    for n in 0..u64::from(count) {
        let mut header = [0; 56];
        let at = start.checked_add(n * size)?;
        file.read_at(&mut header, at).ok()?;
        const INTERPRETER: u64 = 3;
        if number(&header, 0, 4)? == INTERPRETER {
            let bytes = number(&header, bytes_at, width)?.min(4096);
            let mut name = vec![0; usize::try_from(bytes).ok()?];
            file.read_exact_at(&mut name, number(&header, offset_at, width)?).ok()?;
            let name = name.split(|&byte| byte == 0).next()?;
            return Some(OsStr::from_bytes(name).to_string_lossy().into_owned());
        }
    }
    None
}

/// The package of a program that was installed with its helpers: the directory below the
/// innermost `node_modules`, of a scope (`@name`) all of it.
fn package(program: &Path) -> Option<PathBuf> {
    let program = std::fs::canonicalize(program).ok()?;
    let modules = program.ancestors().find(|dir| dir.ends_with("node_modules"))?;
    let rest = program.strip_prefix(modules).ok()?;
    let first = rest.components().next()?;
    Some(modules.join(first)).filter(|dir| dir.is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn program(path: &Path, text: &str) {
        fs::write(path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn a_program_brings_its_loader_and_a_script_its_interpreters() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().canonicalize().unwrap();
        program(&dir.join("script"), "#!/usr/bin/env -S inner -x\n");
        program(&dir.join("inner"), "#! /bin/sh\n");
        let path = format!("{}:/usr/bin:/bin", dir.display());
        let search = Search { path: &path, cwd: Path::new("/") };
        let found = files(&set(&["script"]), search).unwrap();
        for file in ["/usr/bin/env", "/bin/sh"] {
            let file = fs::canonicalize(file).unwrap();
            assert!(found.contains(&file), "{} {found:?}", file.display());
        }
        assert!(found.contains(&dir.join("inner")));
        let loaders = found.iter().filter(|file| {
            let name = file.file_name().unwrap().to_string_lossy();
            name.starts_with("ld-") || name.starts_with("ld.")
        });
        assert!(loaders.count() >= 1, "{found:?}");
        assert!(names(&set(&["sh"]), "/bin/sh", search));
        assert!(!names(&set(&["sh"]), "inner", search));
    }

    #[test]
    fn what_cannot_be_held_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().canonicalize().unwrap();
        program(&dir.join("lost"), "#!/usr/bin/env no-such-interpreter\n");
        program(&dir.join("own"), "#!/bin/sh\n");
        program(&dir.join("broken"), "\x7fELF\u{2}\u{1}");
        fs::write(dir.join("text"), "").unwrap();
        let path = format!("{}:/usr/bin:/bin", dir.display());
        let search = Search { path: &path, cwd: &dir };
        let why = |names: &[&str], roots: &[PathBuf]| {
            check(&set(names), roots, search).map_err(|error| format!("{error:#}"))
        };
        assert!(why(&[], &[]).unwrap_err().contains("no program is named"));
        assert!(why(&["gti"], &[]).unwrap_err().contains("\"gti\" on PATH"));
        assert!(why(&["./text"], &[]).unwrap_err().contains("no program"));
        assert!(why(&["lost"], &[]).unwrap_err().contains("no-such-interpreter"));
        assert!(why(&["own"], std::slice::from_ref(&dir)).unwrap_err().contains("may be written"));
        assert_eq!(why(&["own", "broken"], &[]), Ok(()));
    }

    #[test]
    fn a_package_is_what_lies_below_the_innermost_modules() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().canonicalize().unwrap();
        for (file, wanted) in [
            ("node_modules/@a/b/bin/x", Some("node_modules/@a")),
            ("node_modules/c/node_modules/d/x", Some("node_modules/c/node_modules/d")),
            ("bin/x", None),
        ] {
            let file = dir.join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            program(&file, "");
            assert_eq!(package(&file), wanted.map(|path| dir.join(path)));
        }
    }
}
