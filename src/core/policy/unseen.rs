//! Programs that run code which no rule reads.

use super::{unwrap::SHELLS, word::like};

/// They run what they are given, or what stands in a file.
const INTERPRETERS: &[&str] = &[
    "python*",
    "pypy*",
    "perl",
    "ruby",
    "node",
    "deno",
    "bun",
    "php",
    "lua*",
    "tclsh",
    "Rscript",
    "osascript",
    "pwsh",
    "awk",
    "gawk",
    "mawk",
    "gdb",
    "emacs",
    "sqlite3",
    "make",
    "gmake",
    "cmake",
    "ninja",
    "just",
    "task",
    "npm",
    "pnpm",
    "yarn",
    "cargo",
    "go",
    "mvn",
    "gradle",
    "rake",
    "source",
    ".",
];
/// True if the rules see no more of a command than that it is run. `leaf`: it runs nothing
/// else that they do see.
pub fn is_unseen(name: &str, words: &[String], leaf: bool) -> bool {
    let args = words.get(1..).unwrap_or_default();
    let asks = |arg: &String| matches!(arg.as_str(), "--version" | "-V" | "--help" | "-h");
    // What runs beside their own code is another matter.
    let leaf = leaf || matches!(name, "gdb" | "make" | "gmake");
    if !leaf || (!args.is_empty() && args.iter().all(asks)) {
        return false;
    }
    let file = args.iter().any(|arg| !arg.starts_with('-'));
    let here = words.first().is_some_and(|word| word.contains('/') && !word.starts_with('/'));
    here || INTERPRETERS.iter().any(|known| like(known, name)) || (SHELLS.contains(&name) && file)
}

/// Programs that start others by themselves, as a repository's settings name them. An agent's
/// own are judged with it; those of a program that the broker runs are judged by nobody.
pub fn starts_others(name: &str) -> bool {
    const NAMES: &[&str] = &["git", "jj", "hg", "svn", "gh", "glab"];
    NAMES.contains(&name)
}
