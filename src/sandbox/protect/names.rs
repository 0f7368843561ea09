//! Names of files and directories that others than the agent obey: what runs code at the next
//! ordinary thing that the user does in that place (opening a shell or an editor, a commit, an
//! install, starting another agent), though nobody asked for this file. Other programs' own
//! settings and start-up files, that is.
//!
//! What a project is made of is not among them, also where it runs code by the nature of it
//! (`package.json`, `Makefile`, `build.rs`, `.github`, lint and test settings), and neither are
//! documents that agents read (`CLAUDE.md`, `AGENTS.md`, rules and skills in words): agents are
//! there to write those, and whoever builds, tests or instructs looks at what changed.
//!
//! A name with a slash stands for a file in a directory of that name.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::path::Path;
use std::sync::LazyLock;

/// Wherever they stand.
const ANYWHERE: &[&str] = &[
    ".gitmodules",
    ".gitconfig",
    ".config/git",
    ".dash",
    // Shells, and what a session starts.
    ".bashrc",
    ".bash_profile",
    ".bash_login",
    ".bash_logout",
    ".bash_aliases",
    ".profile",
    ".zshrc",
    ".zshenv",
    ".zprofile",
    ".zlogin",
    ".zlogout",
    ".login",
    ".logout",
    ".cshrc",
    ".tcshrc",
    ".kshrc",
    ".mkshrc",
    ".inputrc",
    ".envrc",
    ".direnvrc",
    ".config/fish",
    ".config/direnv",
    ".config/systemd",
    ".config/autostart",
    ".config/environment.d",
    ".local/bin",
    ".pam_environment",
    ".xprofile",
    ".xinitrc",
    ".xsession",
    ".xsessionrc",
    // Editors, and what they start.
    ".vimrc",
    ".gvimrc",
    ".exrc",
    ".nvimrc",
    ".nvim.lua",
    ".config/nvim",
    ".emacs",
    ".emacs.d",
    ".dir-locals.el",
    ".dir-locals-2.el",
    ".vscode",
    ".idea",
    ".fleet",
    ".lvimrc",
    ".trae",
    ".theia",
    ".vs",
    ".run",
    ".zed",
    ".helix",
    ".devcontainer",
    ".devcontainer.json",
    ".tmux.conf",
    ".screenrc",
    // Debuggers and interpreters that look where they are started.
    ".gdbinit",
    ".lldbinit",
    ".pdbrc",
    ".irbrc",
    ".pryrc",
    ".ghci",
    ".Rprofile",
    // Agents.
    ".claude",
    ".claude.json",
    ".mcp.json",
    ".codex",
    ".gemini",
    ".qwen",
    ".opencode",
    "opencode.json",
    "opencode.jsonc",
    ".openclaw",
    ".pi",
    ".cursor",
    ".windsurf",
    ".kiro",
    ".amazonq",
    ".roo",
    ".kilocode",
    ".continue",
    ".amp/settings.json",
    ".crush.json",
    "crush.json",
    ".aider.conf.yml",
];

/// What tools obey in the project that they are used in. Packages bring such files too, by the
/// hundred: below `node_modules` they are nobody's settings, and an install must be able to
/// remove them.
const IN_PROJECTS: &[&str] = &[
    // Other programs' repositories, which git's users have, too.
    ".hg/hgrc",
    ".jj/repo/config.toml",
    ".sl/config",
    // What builds start with.
    ".mvn/jvm.config",
    ".mvn/maven.config",
    ".mvn/extensions.xml",
    ".bazelrc",
    ".bundle/config",
    // Package managers: other programs to run, other places to fetch code from.
    ".npmrc",
    ".yarnrc",
    ".yarnrc.yml",
    ".yarn/releases",
    ".yarn/plugins",
    ".pnpmfile.cjs",
    ".cargo/config",
    ".cargo/config.toml",
    // Hooks of git by other means.
    ".husky",
    ".pre-commit-config.yaml",
    "lefthook.yml",
    "lefthook-local.yml",
    ".lefthook.yml",
    ".overcommit.yml",
    // What a prompt loads when a directory is entered.
    "mise.toml",
    "mise.local.toml",
    ".mise.toml",
    ".config/mise.toml",
];

/// Where what others brought lies.
const BROUGHT: &str = "node_modules";

/// All of them by their last part.
static BY_LAST: LazyLock<HashMap<&str, Vec<(&Path, bool)>>> = LazyLock::new(|| {
    let mut names: HashMap<&str, Vec<(&Path, bool)>> = HashMap::new();
    let all = [(ANYWHERE, true), (IN_PROJECTS, false)];
    for (name, anywhere) in all.iter().flat_map(|(list, is)| list.iter().map(move |n| (*n, *is))) {
        let last = name.rsplit('/').next().unwrap_or(name);
        names.entry(last).or_default().push((Path::new(name), anywhere));
    }
    names
});

/// What stands before the last part of one.
static WAYS: LazyLock<HashSet<&OsStr>> = LazyLock::new(|| {
    let above = all().flat_map(|name| Path::new(name).ancestors().skip(1));
    above.filter_map(Path::file_name).collect()
});

/// All of them.
pub fn all() -> impl Iterator<Item = &'static str> {
    ANYWHERE.iter().chain(IN_PROJECTS).copied()
}

/// True if others obey what stands there.
pub fn is_obeyed(path: &Path) -> bool {
    let last = path.file_name().and_then(OsStr::to_str);
    let Some(names) = last.and_then(|last| BY_LAST.get(last)) else { return false };
    let brought = || path.components().any(|part| part.as_os_str() == BROUGHT);
    names.iter().any(|(name, anywhere)| path.ends_with(name) && (*anywhere || !brought()))
}

/// What would be obeyed in a directory of this name: `config.toml` in `.cargo`.
pub fn rests(path: &Path) -> Vec<&'static Path> {
    let Some(first) = path.file_name().filter(|name| WAYS.contains(name)) else {
        return Vec::new();
    };
    let brought = path.components().any(|part| part.as_os_str() == BROUGHT);
    let lists = [ANYWHERE, if brought { &[] } else { IN_PROJECTS }];
    let names = lists.into_iter().flatten().map(Path::new);
    let rest = |name: &'static Path| {
        let mut ways = name.ancestors().skip(1).filter(|way| way.file_name() == Some(first));
        name.strip_prefix(ways.find(|way| path.ends_with(way))?).ok()
    };
    names.filter_map(rest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_told_from_work() {
        for obeyed in [
            ".npmrc",
            "packages/a/.yarnrc.yml",
            ".yarn/releases",
            ".pnpmfile.cjs",
            ".cargo/config.toml",
            ".husky",
            ".pre-commit-config.yaml",
            ".envrc",
            ".vscode",
            ".idea",
            ".devcontainer",
            ".config/fish",
            ".config/git",
            ".zshenv",
            ".hg/hgrc",
            ".jj/repo/config.toml",
            ".bash_profile",
            "node_modules/a/.vscode",
        ] {
            assert!(is_obeyed(&Path::new("/w").join(obeyed)), "{obeyed}");
        }
        for work in [
            "package.json",
            "Makefile",
            "build.rs",
            "config.toml",
            "cargo/config.toml",
            "fish",
            "git",
            ".github/workflows/ci.yml",
            ".gitignore",
            ".gitattributes",
            ".editorconfig",
            "CLAUDE.md",
            "AGENTS.md",
            "GEMINI.md",
            ".env",
            "node_modules/a/.npmrc",
            "node_modules/a/.husky",
        ] {
            assert!(!is_obeyed(&Path::new("/w").join(work)), "{work}");
        }
    }
}
