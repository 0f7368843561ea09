//! The commands that git has in itself, or always beside it.

/// As of git 2.50. A git that is asked for one of these runs it, whatever an alias says. Left
/// out, and so taken for strangers: those younger than git 2.29, which an older git does not
/// have (`hook`, `replay`, `refs`, `backfill` …), and those that are often not installed
/// (`svn`, `p4`, `send-email`, `subtree`, `gui` …): there an alias can have their names.
#[rustfmt::skip]
const OWN: &[&str] = &[
    "add", "am", "annotate", "apply", "archive", "bisect", "blame", "branch", "bundle",
    "cat-file", "check-attr", "check-ignore", "check-mailmap", "check-ref-format", "checkout",
    "checkout-index", "cherry", "cherry-pick", "clean", "clone", "column", "commit",
    "commit-graph", "commit-tree", "config", "count-objects", "credential", "credential-cache",
    "credential-cache--daemon", "credential-store", "describe", "diff", "diff-files",
    "diff-index", "diff-tree", "difftool", "difftool--helper", "fast-export", "fast-import",
    "fetch", "fetch-pack", "filter-branch", "fmt-merge-msg", "for-each-ref", "format-patch",
    "fsck", "fsck-objects", "gc", "get-tar-commit-id", "grep", "hash-object", "help",
    "http-backend", "http-fetch", "http-push", "index-pack", "init", "init-db",
    "interpret-trailers", "log", "ls-files", "ls-remote", "ls-tree", "mailinfo", "mailsplit",
    "maintenance", "merge", "merge-base", "merge-file", "merge-index", "merge-octopus",
    "merge-one-file", "merge-ours", "merge-recursive", "merge-recursive-ours",
    "merge-recursive-theirs", "merge-resolve", "merge-subtree", "merge-tree", "mergetool",
    "mktag", "mktree", "multi-pack-index", "mv", "name-rev", "notes", "pack-objects",
    "pack-redundant", "pack-refs", "patch-id", "pickaxe", "prune", "prune-packed", "pull",
    "push", "range-diff", "read-tree", "rebase", "receive-pack", "reflog", "remote",
    "remote-ext", "remote-fd", "repack", "replace", "request-pull", "rerere", "reset",
    "restore", "rev-list", "rev-parse", "revert", "rm", "send-pack", "sh-i18n--envsubst",
    "shell", "shortlog", "show", "show-branch", "show-index", "show-ref", "sparse-checkout",
    "stage", "stash", "status", "stripspace", "submodule", "submodule--helper", "switch",
    "symbolic-ref", "tag", "unpack-file", "unpack-objects", "update-index", "update-ref",
    "update-server-info", "upload-archive", "upload-archive--writer", "upload-pack", "var",
    "verify-commit", "verify-pack", "verify-tag", "version", "whatchanged", "worktree",
    "write-tree",
];

pub fn is_own(name: &str) -> bool {
    OWN.binary_search(&name).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_holds_what_rules_speak_of() {
        assert!(OWN.is_sorted());
        for own in ["push", "send-pack", "http-push", "config", "clean", "credential-store"] {
            assert!(is_own(own), "{own}");
        }
        for other in ["p", "lfs", "Push", "pus", "push ", "svn", ""] {
            assert!(!is_own(other), "{other}");
        }
    }
}
