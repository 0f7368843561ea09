//! What git runs beside itself: aliases and programs named by its settings, and the commands
//! of `rebase --exec` and its like.

pub use super::git_own::is_own;
use super::{
    told,
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

const HIDDEN: &str = "git's settings come from where they cannot be seen";

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
        found.push(Inner::unread(HIDDEN));
    }
    let subcommand = call.rest.first().map_or("", String::as_str);
    for setting in &call.settings {
        let (key, value) = setting.split_once('=').unwrap_or((setting, ""));
        let alias = key.to_ascii_lowercase();
        match alias.strip_prefix("alias.") {
            Some(alias) if alias == subcommand.to_ascii_lowercase() => {
                found.push(alias_of(value, &call));
            }
            Some(alias) if !is_open(alias) => {}
            _ => found.extend(set(key, value)),
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

/// What a setting makes git run.
fn set<'a>(key: &str, value: &str) -> Vec<Inner<'a>> {
    let key = key.to_ascii_lowercase();
    let mut found = Vec::new();
    if is_open(&key) || (is_open(value) && runs_program(&key)) {
        found.push(Inner::unread("a setting of git's is not known before it runs"));
    }
    if key.starts_with("include") || matches!(&*key, "core.hookspath" | "protocol.ext.allow") {
        found.push(Inner::unread(HIDDEN));
    } else if key.starts_with("remote.") && (key.ends_with(".push") || key.ends_with(".mirror")) {
        found.push(Inner::unread("a setting of git's says what is pushed"));
    } else if runs_program(&key) {
        found.extend(told::line(value.strip_prefix('!').unwrap_or(value)));
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
        "interactive.difffilter",
        "init.templatedir",
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
            found_in(subcommand, args)
        }
        // Its hooks run from now on.
        "init" if args.iter().any(|arg| is_template(arg)) => vec![Inner::unread(HIDDEN)],
        _ => Vec::new(),
    }
}

fn is_template(arg: &str) -> bool {
    arg.strip_prefix("--template").is_some_and(|value| value != "=")
}

/// In the options of a subcommand that has some.
fn found_in<'a>(subcommand: &str, args: &[String]) -> Vec<Inner<'a>> {
    const OPTIONS: &[&str] = &[
        "--exec",
        "--extcmd",
        "--tree-filter",
        "--index-filter",
        "--msg-filter",
        "--env-filter",
        "--commit-filter",
        "--parent-filter",
        "--tag-name-filter",
        "--open-files-in-pager",
        "--upload-pack",
        "--receive-pack",
    ];
    // Of these the value may be attached.
    let short = match subcommand {
        "rebase" | "difftool" => Some("-x"),
        "grep" => Some("-O"),
        "clone" => Some("-u"),
        _ => None,
    };
    // The agent's own commands, which git runs for it, or the other end of a connection.
    let own = matches!(subcommand, "rebase" | "filter-branch" | "difftool" | "mergetool");
    let run = |line: &str| if own { vec![Inner::line(line)] } else { told::line(line) };
    let mut found = Vec::new();
    for (i, arg) in args.iter().enumerate() {
        let next = args.get(i + 1).map(String::as_str);
        let (name, attached) = match arg.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (arg.as_str(), None),
        };
        // Git understands what a long option begins with.
        let begins = name.len() > 3 && name.starts_with("--");
        let is_known = |full: &&str| *full == name || (begins && full.starts_with(name));
        if let Some(line) = short.and_then(|short| arg.strip_prefix(short)) {
            // `grep -O` without one takes the usual pager.
            let none = (line.is_empty() && subcommand == "grep").then_some("");
            let line = if line.is_empty() { none.or(next) } else { Some(line) };
            found.extend(line.into_iter().flat_map(run));
        } else if OPTIONS.iter().any(is_known) {
            found.extend(attached.or(next).into_iter().flat_map(run));
        } else if subcommand == "clone" && matches!(name, "-c" | "--config") {
            let setting = if name == "-c" { next } else { attached.or(next) };
            let (key, value) = setting.and_then(|s| s.split_once('=')).unwrap_or_default();
            found.extend(set(key, value));
        } else if subcommand == "clone" && is_template(arg) {
            found.push(Inner::unread(HIDDEN));
        } else if let Some(line) = arg.strip_prefix("ext::") {
            found.push(Inner::line(line));
            // A blank after `%` ends no word.
            let marked = line.replace("% ", "\n");
            let words = marked.split(' ').filter(|word| !word.is_empty());
            let words: Vec<String> = words.map(|word| word.replace('\n', " ")).collect();
            found.push(Inner { what: What::Command(words.into()), dir: None });
        }
    }
    found
}
