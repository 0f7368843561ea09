//! Which settings of a repository are harmless. Git has many that run programs or read
//! further settings, and gains more: so those that do neither are named, and all others count
//! as dangerous.

/// Section, and its keys (`*`: all of them), in lower case.
const HARMLESS: &[(&str, &[&str])] = &[
    ("advice", &["*"]),
    ("author", &["name", "email"]),
    ("branch", &["remote", "merge", "rebase", "description", "pushremote"]),
    ("color", &["*"]),
    ("column", &["*"]),
    ("commit", &["gpgsign", "verbose", "cleanup"]),
    ("committer", &["name", "email"]),
    (
        "core",
        &[
            "repositoryformatversion",
            "filemode",
            "bare",
            "logallrefupdates",
            "ignorecase",
            "precomposeunicode",
            "symlinks",
            "autocrlf",
            "eol",
            "safecrlf",
            "quotepath",
            "compression",
            "abbrev",
        ],
    ),
    ("diff", &["algorithm", "renames", "colormoved", "mnemonicprefix"]),
    (
        "extensions",
        &["objectformat", "compatobjectformat", "refstorage", "worktreeconfig", "partialclone"],
    ),
    ("fetch", &["prune", "prunetags"]),
    ("gc", &["auto", "autopacklimit", "autodetach"]),
    ("init", &["defaultbranch"]),
    ("log", &["date", "decorate"]),
    ("merge", &["ff", "conflictstyle"]),
    ("pull", &["rebase", "ff"]),
    ("push", &["default", "autosetupremote", "followtags"]),
    ("rebase", &["autosquash", "autostash", "updaterefs"]),
    ("remote", &["url", "pushurl", "fetch", "push", "tagopt", "prune", "mirror"]),
    ("rerere", &["enabled", "autoupdate"]),
    ("status", &["*"]),
    ("submodule", &["url", "active", "branch", "ignore", "update", "recurse"]),
    ("tag", &["sort", "gpgsign"]),
    ("user", &["name", "email"]),
];

/// `text` without what is not harmless; none if all of it is.
pub fn harmless(text: &str) -> Option<String> {
    // A line that goes on in the next is read as one.
    let joined = text.replace("\\\r\n", "").replace("\\\n", "");
    let (mut kept, mut dropped) = (String::new(), false);
    let mut section: Option<String> = None;
    for line in joined.lines() {
        let mut rest = line.trim();
        if rest.is_empty() || rest.starts_with(['#', ';']) {
            continue;
        }
        if rest.starts_with('[') {
            match header(rest) {
                Some((name, after)) => {
                    kept.push_str(&rest[..rest.len() - after.len()]);
                    kept.push('\n');
                    (section, rest) = (Some(name), after.trim());
                }
                None => {
                    (section, dropped) = (None, true);
                    continue;
                }
            }
        }
        if rest.is_empty() {
            continue;
        }
        match &section {
            Some(section) if is_harmless(section, rest) => {
                kept.push('\t');
                kept.push_str(rest);
                kept.push('\n');
            }
            Some(_) | None => dropped = true,
        }
    }
    dropped.then_some(kept)
}

/// The section's name in lower case, and what follows its bracket. One that is written in an
/// odd way is none.
fn header(line: &str) -> Option<(String, &str)> {
    let (inside, after) = line.strip_prefix('[')?.split_once(']')?;
    let (name, part) = inside.split_once(char::is_whitespace).unwrap_or((inside, ""));
    let part = part.trim();
    let plain = |text: &str| !text.contains(['"', '\\', '[', '\0']);
    let quoted = part.strip_prefix('"').and_then(|part| part.strip_suffix('"'));
    let good = part.is_empty() || quoted.is_some_and(plain);
    let letters = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    let named = !name.is_empty() && name.chars().all(letters);
    // `[remote.origin]` is an older way for `[remote "origin"]`.
    let name = name.split('.').next().unwrap_or(name).to_ascii_lowercase();
    (good && named).then_some((name, after))
}

fn is_harmless(section: &str, line: &str) -> bool {
    let end = line.find(['=', ' ', '\t', '#', ';']).unwrap_or(line.len());
    let (key, rest) = line.split_at(end);
    let key = key.to_ascii_lowercase();
    let value = rest.trim_start().strip_prefix('=').unwrap_or_default().trim();
    let listed = HARMLESS.iter().any(|(name, keys)| {
        *name == section && (keys.contains(&"*") || keys.contains(&key.as_str()))
    });
    let value = value.replace('"', "");
    listed
        && match key.as_str() {
            // Another transport is a program.
            "url" | "pushurl" => !value.contains("::") && !value.starts_with('-'),
            "update" => ["checkout", "merge", "rebase", "none"].contains(&value.trim()),
            _ => true,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_something_goes_and_the_rest_stays() {
        for text in [
            "[core]\n\tfsmonitor = evil",
            "[Core] HooksPath=x",
            "[alias]\n x = !evil",
            "[include]\n path = y",
            "[includeIf \"gitdir:x\"]\n path = y",
            "[filter \"x\"]\n clean = evil",
            "[core]\n fsmon\\\nitor = evil",
            "[credential] helper = !evil",
            "[pager]\n status = evil",
            "[remote \"o\"]\n url = ext::sh -c evil",
            "[remote \"o\"]\n url = \"ext:\":sh",
            "[remote \"o\"]\n uploadpack = evil",
            "[submodule \"x\"]\n update = !evil",
            "[gpg \"ssh\"]\n defaultKeyCommand = evil",
            "[sendemail]\n sendmailCmd = evil",
            "[protocol \"ext\"]\n allow = always",
            "[user \"]\"]\n[core]\n name = x",
            "key = outside",
        ] {
            let kept = harmless(text).unwrap_or_else(|| panic!("{text}"));
            assert!(!kept.contains("evil") && !kept.contains("always"), "{text}: {kept}");
            assert_eq!(harmless(&kept), None, "{kept}");
        }
        for text in [
            "[core]\n\trepositoryformatversion = 0\n\tbare = false\n",
            "[remote \"origin\"]\n url = x\n fetch = y\n[branch \"main\"]\n merge = z",
            "[user]\n name = A # a comment\n",
            "# nothing\n\n",
        ] {
            assert_eq!(harmless(text), None, "{text}");
        }
        let mixed = "[core]\n\tbare = false\n\tfsmonitor = evil\n[user]\n\tname = A\n";
        assert_eq!(harmless(mixed).unwrap(), "[core]\n\tbare = false\n[user]\n\tname = A\n");
    }
}
