//! What git runs beside itself: aliases and programs named by its settings, and the commands
//! of `rebase --exec` and its like.

pub use super::git_own::is_own;
use super::{
    unwrap::{Inner, What},
    word::is_open,
};
use std::borrow::Cow;

/// Global options with a value.
const VALUED: &[&str] = &[
    "-C",
    "-c",
    "--git-dir",
    "--work-tree",
    "--namespace",
    "--exec-path",
    "--super-prefix",
    "--config-env",
    "--attr-source",
    "--list-cmds",
];

/// Git's command line from the subcommand on, and where it runs.
pub struct Call<'a> {
    pub rest: &'a [String],
    pub dir: Option<String>,
    settings: Vec<&'a str>,
    /// Settings come from where they cannot be seen.
    hidden: bool,
}

pub fn call(args: &[String]) -> Call<'_> {
    let mut call = Call { rest: &[], dir: None, settings: Vec::new(), hidden: false };
    let mut at = 0;
    while let Some(arg) = args.get(at) {
        if !arg.starts_with('-') {
            call.rest = &args[at..];
            break;
        }
        at += 1;
        let (name, attached) = match arg.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, Some(value)),
            _ => (arg.as_str(), None),
        };
        if !VALUED.contains(&name) {
            continue;
        }
        let value = match attached {
            Some(value) => value,
            // `--exec-path` alone only prints.
            None if name == "--exec-path" => continue,
            None => {
                at += 1;
                args.get(at - 1).map_or("", String::as_str)
            }
        };
        match name {
            "-C" => {
                call.dir = Some(match &call.dir {
                    Some(dir) if !value.starts_with('/') => format!("{dir}/{value}"),
                    _ => value.to_owned(),
                });
            }
            "--work-tree" => call.dir = Some(value.to_owned()),
            "-c" => call.settings.push(value),
            "--config-env" | "--exec-path" => call.hidden = true,
            _ => {}
        }
    }
    call
}

/// The word after git that is no command of its own, and that the command line itself does not
/// explain with `-c alias.…`. Git takes its own commands before any alias.
pub fn stranger(args: &[String]) -> Option<&str> {
    let call = call(args);
    let word = call.rest.first().map(String::as_str)?;
    let explained = |setting: &&str| {
        let (key, _) = setting.split_once('=').unwrap_or((setting, ""));
        key.to_ascii_lowercase().strip_prefix("alias.") == Some(&*word.to_ascii_lowercase())
    };
    (!is_own(word) && !call.settings.iter().any(explained)).then_some(word)
}

pub fn inner<'a>(args: &'a [String]) -> Vec<Inner<'a>> {
    let call = call(args);
    let mut found = Vec::new();
    if call.hidden {
        found.push(Inner::unread("git's settings come from where they cannot be seen"));
    }
    let subcommand = call.rest.first().map_or("", String::as_str);
    for setting in &call.settings {
        let (key, value) = setting.split_once('=').unwrap_or((setting, ""));
        let key = key.to_ascii_lowercase();
        if is_open(&key) || (is_open(value) && runs_program(&key)) {
            found.push(Inner::unread("a setting of git's is not known before it runs"));
        }
        if let Some(alias) = key.strip_prefix("alias.") {
            if alias == subcommand.to_ascii_lowercase() {
                found.push(alias_of(value, &call));
            }
        } else if key.starts_with("include")
            || matches!(&*key, "core.hookspath" | "protocol.ext.allow")
        {
            found.push(Inner::unread("git's settings come from where they cannot be seen"));
        } else if key.starts_with("remote.") && (key.ends_with(".push") || key.ends_with(".mirror"))
        {
            found.push(Inner::unread("a setting of git's says what is pushed"));
        } else if runs_program(&key) {
            found.push(Inner::line(value.strip_prefix('!').unwrap_or(value)));
        }
    }
    found.extend(of_subcommand(subcommand, call.rest.get(1..).unwrap_or_default()));
    for inner in &mut found {
        if inner.dir.is_none() {
            inner.dir.clone_from(&call.dir);
        }
    }
    found
}

/// Settings whose value is a command line.
fn runs_program(key: &str) -> bool {
    const KEYS: &[&str] = &[
        "core.sshcommand",
        "core.pager",
        "core.editor",
        "core.fsmonitor",
        "core.askpass",
        "core.gitproxy",
        "sequence.editor",
        "diff.external",
        "credential.helper",
        "gpg.program",
        "uploadpack.packobjectshook",
    ];
    const ENDS: &[&str] = &[
        ".helper",
        ".command",
        ".textconv",
        ".driver",
        ".clean",
        ".smudge",
        ".process",
        ".cmd",
        ".uploadpack",
        ".receivepack",
        ".program",
        ".proxy",
    ];
    KEYS.contains(&key) || key.starts_with("pager.") || ENDS.iter().any(|end| key.ends_with(end))
}

fn alias_of<'a>(value: &str, call: &Call<'a>) -> Inner<'a> {
    let further = call.rest.get(1..).unwrap_or_default();
    if let Some(line) = value.strip_prefix('!') {
        return Inner::line(line);
    }
    // The globals without the alias, lest it explains itself for ever; git splits the value
    // at blanks, with quotes.
    let mut words = vec!["git".to_owned()];
    words.extend(value.split_whitespace().map(|word| word.trim_matches(['\'', '"']).to_owned()));
    words.extend_from_slice(further);
    Inner { what: What::Command(Cow::Owned(words)), dir: None }
}

fn of_subcommand<'a>(subcommand: &str, args: &'a [String]) -> Vec<Inner<'a>> {
    match subcommand {
        "bisect" if args.first().is_some_and(|arg| arg == "run") => {
            vec![Inner::command(&args[1..])]
        }
        "submodule" => match args.iter().position(|arg| arg == "foreach") {
            Some(at) => {
                let rest = args[at + 1..].iter().filter(|arg| !arg.starts_with("--"));
                vec![Inner::line(rest.cloned().collect::<Vec<_>>().join(" "))]
            }
            None => Vec::new(),
        },
        "rebase" | "filter-branch" | "difftool" | "mergetool" | "grep" | "fetch" | "pull"
        | "push" | "clone" | "ls-remote" | "archive" | "fetch-pack" | "send-pack" | "remote" => {
            const OPTIONS: &[&str] = &[
                "-x",
                "--exec",
                "--extcmd",
                "--tree-filter",
                "--index-filter",
                "--msg-filter",
                "--env-filter",
                "--commit-filter",
                "--parent-filter",
                "--tag-name-filter",
                "-O",
                "--open-files-in-pager",
                "--upload-pack",
                "--receive-pack",
            ];
            let mut lines = Vec::new();
            for (i, arg) in args.iter().enumerate() {
                let (name, attached) = match arg.split_once('=') {
                    Some((name, value)) => (name, Some(value)),
                    None => (arg.as_str(), None),
                };
                let attached_line = arg.strip_prefix("-x").filter(|line| !line.is_empty());
                if let Some(line) = attached_line.filter(|_| subcommand == "rebase") {
                    lines.push(Inner::line(line));
                } else if OPTIONS.contains(&name) {
                    let value = attached.or_else(|| args.get(i + 1).map(String::as_str));
                    lines.extend(value.map(Inner::line));
                }
            }
            lines
        }
        _ => Vec::new(),
    }
}
