//! Programs that run another: what they run. A program that is not here runs nothing as far
//! as the judge knows.

use super::{
    git, options,
    shell::{SUBSCRIPT, runs_by_subscript},
    terminals, told,
    word::{MANY, ONE, is_mark, is_open, like},
    wrappers::{FLOCK, LOADER, SSH, WATCH, WRAPPERS, wrapped},
};
use std::borrow::Cow;

/// What a command runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inner<'a> {
    pub what: What<'a>,
    /// The directory it is run in, if it is another.
    pub dir: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What<'a> {
    Command(Cow<'a, [String]>),
    /// A shell line.
    Line(String),
    /// A shell that reads its lines from its standard input.
    Input,
    /// Something, and this is why it cannot be told what.
    Unread(&'static str),
}

impl<'a> Inner<'a> {
    pub fn command(words: &'a [String]) -> Self {
        Self { what: What::Command(Cow::Borrowed(words)), dir: None }
    }

    pub fn line(text: impl Into<String>) -> Self {
        Self { what: What::Line(text.into()), dir: None }
    }

    pub fn unread(why: &'static str) -> Self {
        Self { what: What::Unread(why), dir: None }
    }
}

pub const OPTION: &str = "an option of a program that runs others is not known";
pub const LATE: &str = "what it runs is put together only when it runs";

#[rustfmt::skip]
pub const SHELLS: &[&str] = &[
    "sh", "bash", "dash", "zsh", "ksh", "ksh93", "mksh", "ash", "hush", "rbash", "fish", "yash",
    // Others whose simple commands are written alike.
    "csh", "tcsh", "lksh", "oksh", "posh", "sash", "rc", "es", "nu", "elvish", "xonsh",
];

/// What `words` runs beside itself; `name` is its program.
pub fn inner<'a>(name: &str, words: &'a [String]) -> Vec<Inner<'a>> {
    let args = words.get(1..).unwrap_or_default();
    if SHELLS.contains(&name) {
        return shell(name, args).into_iter().collect();
    }
    if let Some(subcommand) = name.strip_prefix("git-").filter(|name| git::is_own(name)) {
        let mut words = vec!["git".to_owned(), subcommand.to_owned()];
        words.extend_from_slice(args);
        return vec![Inner { what: What::Command(Cow::Owned(words)), dir: None }];
    }
    match name {
        "git" => return git::inner(args),
        "find" => return find(args),
        "eval" => {
            return vec![Inner::unread("eval runs what it is given"), Inner::line(args.join(" "))];
        }
        "source" | "." => return sourced(args).into_iter().collect(),
        "watch" => return watch(args),
        "bundle" | "uv" | "poetry" | "pipenv" | "pdm" | "hatch" | "mise" | "direnv" | "rustup" => {
            return runner(args);
        }
        "trap" => {
            return args
                .iter()
                .find(|a| !a.starts_with('-'))
                .map(Inner::line)
                .into_iter()
                .collect();
        }
        "alias" => {
            let values = args.iter().filter_map(|arg| Some(Inner::line(arg.split_once('=')?.1)));
            return values.collect();
        }
        "export" | "declare" | "typeset" | "local" | "readonly" => return declared(args),
        "test" | "[" | "let" | "unset" | "read" => return subscripts(args),
        "printf" if args.first().is_some_and(|arg| arg.starts_with("-v")) => {
            return subscripts(args);
        }
        "su" | "runuser" | "script" => return by_option(args),
        "flock" => return flock(args),
        "tmux" => return terminals::tmux(args),
        "screen" => return terminals::screen(args),
        "gdb" | "lldb" => return debugger(name, args),
        "sed" | "gsed" => return options::sed(args),
        "fzf" | "sk" => return options::fzf(name, args),
        "start-stop-daemon" => return options::daemon(args),
        "pee" => return args.iter().map(Inner::line).collect(),
        "nc" | "ncat" | "netcat" => {
            let mut found = options::named(name, args);
            if !found.is_empty() {
                found.push(Inner::unread("another machine says what a program is given"));
            }
            return found;
        }
        "scp" | "sftp" => {
            let mut found = options::named(name, args);
            let at = args.iter().position(|arg| arg == "-S").and_then(|at| args.get(at + 1));
            found.extend(at.into_iter().flat_map(|program| told::line(program)));
            return found;
        }
        "at" | "batch" => return vec![Inner { what: What::Input, dir: None }],
        "make" | "gmake" => {
            let shells = args.iter().filter_map(|arg| arg.strip_prefix("SHELL="));
            return shells.map(Inner::line).collect();
        }
        "gh" if args.first().is_some_and(|arg| arg == "alias") => {
            let lines = args.iter().filter_map(|arg| arg.strip_prefix('!'));
            return lines.map(Inner::line).collect();
        }
        "fc" if !args.iter().any(|arg| arg.starts_with("-l")) => {
            return vec![Inner::unread("fc runs an earlier line")];
        }
        "bind" if args.iter().any(|arg| arg.starts_with("-x")) => {
            return vec![Inner::unread("a key is made to run a line")];
        }
        "fd" | "fdfind" => return after(args, &["-x", "-X", "--exec", "--exec-batch"]),
        "ssh" => return ssh(args),
        "npx" | "bunx" | "pnpx" => return launched(args),
        "npm" | "pnpm" | "yarn" | "bun" => {
            let at = args.iter().position(|a| matches!(a.as_str(), "exec" | "x" | "dlx"));
            let mut found = options::named(name, args);
            found.extend(at.map_or_else(Vec::new, |at| launched(&args[at + 1..])));
            return found;
        }
        "enable" if args.iter().any(|arg| arg.starts_with("-f")) => {
            return vec![Inner::unread("a shell loads commands from a file")];
        }
        "hash" if args.iter().any(|arg| arg.starts_with("-p")) => {
            return vec![Inner::unread("a name is made to stand for another program")];
        }
        "parallel" => return vec![Inner::unread("what parallel runs comes from its input")],
        "setpriv" | "nsenter" | "systemd-run" | "capsh" | "bwrap" | "firejail" | "proot" => {
            return vec![Inner::unread("it runs another program with other rights")];
        }
        // Only asks what a name stands for.
        "command" if args.first().is_some_and(|arg| arg == "-v" || arg == "-V") => {
            return Vec::new();
        }
        _ => {}
    }
    if is_loader(name) {
        return wrapped(&LOADER, name, args);
    }
    match WRAPPERS.iter().find(|wrapper| wrapper.names.contains(&name)) {
        Some(wrapper) => wrapped(wrapper, name, args),
        None => options::named(name, args),
    }
}

/// The dynamic loader, which runs the program that it is given.
fn is_loader(name: &str) -> bool {
    name == "ld.so"
        || ((name.starts_with("ld-") || name.starts_with("ld64")) && name.contains(".so"))
}

/// Its words are a shell line on another machine: no path there is within the scope.
fn ssh<'a>(args: &'a [String]) -> Vec<Inner<'a>> {
    let mut found = options::named("ssh", args);
    found.extend(wrapped(&SSH, "ssh", args).into_iter().map(|inner| match inner.what {
        What::Command(words) => {
            let elsewhere = Some(ONE.to_string());
            Inner { what: What::Line(words.join(" ")), dir: elsewhere }
        }
        What::Line(_) | What::Input | What::Unread(_) => inner,
    }));
    found
}

/// `npx [OPTION…] CMD…`: what is named is fetched where it is not there, and run.
fn launched<'a>(args: &'a [String]) -> Vec<Inner<'a>> {
    let call = args.iter().position(|arg| matches!(arg.as_str(), "-c" | "--call"));
    let call = match args.iter().find_map(|arg| arg.strip_prefix("--call=")) {
        Some(line) => Some(line),
        None => call.and_then(|at| args.get(at + 1)).map(String::as_str),
    };
    if let Some(line) = call {
        return vec![Inner::line(line)];
    }
    let start = args.iter().position(|arg| !arg.starts_with('-')).unwrap_or(args.len());
    let rest = &args[start..];
    if rest.is_empty() { Vec::new() } else { vec![Inner::command(rest)] }
}

/// `sh -c LINE`, `sh FILE`, `sh`.
fn shell<'a>(name: &str, args: &[String]) -> Option<Inner<'a>> {
    let mut line = false;
    let mut input = false;
    let mut at = 0;
    while let Some(arg) = args.get(at) {
        let Some(letters) = arg.strip_prefix(['-', '+']).filter(|_| arg != "-") else { break };
        at += 1;
        if arg == "--" {
            break;
        }
        if is_open(arg) {
            return Some(Inner::unread(LATE));
        }
        if let Some(long) = letters.strip_prefix('-') {
            let next = args.get(at);
            match long {
                "rcfile" | "init-file" if next.is_some_and(|file| is_open(file)) => {
                    return Some(Inner::unread(LATE));
                }
                "rcfile" | "init-file" => at += 1,
                "command" => line = true,
                "init-command" => return next.map(Inner::line),
                _ => {}
            }
            let text = ["command=", "init-command="].iter().find_map(|at| long.strip_prefix(at));
            if let Some(text) = text {
                return Some(Inner::line(text));
            }
            continue;
        }
        if name == "fish" && letters.starts_with('C') {
            let next = args.get(at).map_or("", String::as_str);
            return Some(Inner::line(if letters == "C" { next } else { &letters[1..] }));
        }
        line |= letters.contains('c') && arg.starts_with('-');
        input |= letters.contains('s') && arg.starts_with('-');
        if letters.ends_with(['o', 'O']) {
            at += 1;
        }
    }
    match args.get(at) {
        Some(text) if line => Some(Inner::line(text)),
        None if line => Some(Inner::unread("a shell is given no line")),
        Some(text) if !input && text != "-" && !is_device(text) => {
            // A file: the judge cannot see into it, as with any other program.
            (is_open(text) && text.chars().all(is_mark)).then(|| Inner::unread(LATE))
        }
        _ => Some(Inner { what: What::Input, dir: None }),
    }
}

/// What a shell is given there is no file.
fn is_device(path: &str) -> bool {
    path.starts_with("/dev/") || path.starts_with("/proc/")
}

fn sourced<'a>(args: &[String]) -> Option<Inner<'a>> {
    let file = args.iter().find(|arg| *arg != "--")?;
    if is_device(file) {
        return Some(Inner { what: What::Input, dir: None });
    }
    (is_open(file) && file.chars().all(is_mark)).then(|| Inner::unread(LATE))
}

/// `export A=b`.
fn declared<'a>(args: &[String]) -> Vec<Inner<'a>> {
    let mut found = subscripts(args);
    for (name, value) in args.iter().filter_map(|arg| arg.split_once('=')) {
        found.extend(told::assigned(name, value));
    }
    found
}

/// Builtins that take a word for a variable's name.
fn subscripts<'a>(args: &[String]) -> Vec<Inner<'a>> {
    let some = args.iter().any(|arg| runs_by_subscript(arg));
    if some { vec![Inner::unread(SUBSCRIPT)] } else { Vec::new() }
}

/// `flock [OPTION…] FILE CMD…`, `flock FILE -c LINE`.
fn flock<'a>(args: &'a [String]) -> Vec<Inner<'a>> {
    let lines = by_option(args);
    if lines.iter().any(|inner| matches!(inner.what, What::Line(_))) {
        return lines;
    }
    wrapped(&FLOCK, "flock", args)
}

/// `gdb --args CMD…`, `lldb -- CMD…`, and commands of theirs that run a line.
fn debugger<'a>(name: &str, args: &'a [String]) -> Vec<Inner<'a>> {
    let mut found = options::named(name, args);
    let before = args.iter().position(|arg| matches!(arg.as_str(), "--args" | "-args" | "--"));
    let rest = before.map_or(&[][..], |at| &args[at + 1..]);
    if !rest.is_empty() {
        found.push(Inner::command(rest));
    }
    found
}

/// Its words are a shell line.
fn watch<'a>(args: &'a [String]) -> Vec<Inner<'a>> {
    let found = wrapped(&WATCH, "watch", args);
    let line = |what| match what {
        What::Command(words) => What::Line(words.join(" ")),
        What::Line(_) | What::Input | What::Unread(_) => what,
    };
    found.into_iter().map(|inner| Inner { what: line(inner.what), ..inner }).collect()
}

/// `uv run [OPTION…] CMD…`: where options stand before it, any of the words after them may
/// be where the command begins.
fn runner<'a>(args: &'a [String]) -> Vec<Inner<'a>> {
    const STARTS: usize = 4;
    let Some(at) = args.iter().position(|arg| matches!(arg.as_str(), "run" | "exec" | "x")) else {
        return Vec::new();
    };
    let rest = &args[at + 1..];
    if let Some(at) = rest.iter().position(|arg| arg == "--") {
        return vec![Inner::command(&rest[at + 1..])];
    }
    let words = rest.iter().enumerate().filter(|(_, arg)| !arg.starts_with('-'));
    words.take(STARTS).map(|(at, _)| Inner::command(&rest[at..])).collect()
}

/// `su -c LINE`, `script -c LINE`, `flock FILE -c LINE`.
fn by_option<'a>(args: &'a [String]) -> Vec<Inner<'a>> {
    let mut found = Vec::new();
    for (i, arg) in args.iter().enumerate() {
        let attached = arg.strip_prefix("--command=").or_else(|| arg.strip_prefix("-c"));
        match attached {
            Some("") => found.extend(args.get(i + 1).map(Inner::line)),
            Some(text) => found.push(Inner::line(text)),
            None if arg == "--command" => found.extend(args.get(i + 1).map(Inner::line)),
            None if arg.starts_with('-') && arg.ends_with('c') && !arg.starts_with("--") => {
                found.extend(args.get(i + 1).map(Inner::line));
            }
            None => {}
        }
    }
    if found.is_empty() && args.iter().filter(|arg| !arg.starts_with('-')).count() > 1 {
        // The file or the user, then perhaps a command.
        let first = args.iter().position(|arg| !arg.starts_with('-')).unwrap_or(0);
        found.push(Inner::command(&args[first + 1..]));
        found.push(Inner::unread(OPTION));
    }
    found
}

fn after<'a>(args: &'a [String], options: &[&str]) -> Vec<Inner<'a>> {
    let at = args.iter().position(|arg| options.contains(&arg.as_str()));
    let rest = at.and_then(|at| args.get(at + 1..)).filter(|rest| !rest.is_empty());
    rest.map(|rest| {
        let mut words = rest.to_vec();
        words.push(ONE.to_string());
        Inner { what: What::Command(Cow::Owned(words)), dir: None }
    })
    .into_iter()
    .collect()
}

/// Where `find` begins its search.
pub fn find_roots(args: &[String]) -> &[String] {
    let lead = args.iter().take_while(|arg| {
        matches!(arg.as_str(), "-H" | "-L" | "-P" | "--") || arg.starts_with("-O")
    });
    let start = lead.count();
    let rest = &args[start..];
    let end = rest.iter().position(|arg| arg.starts_with(['-', '(', '!'])).unwrap_or(rest.len());
    &rest[..end]
}

/// `-exec CMD… ;` and its like: `{}` lies where the search began.
fn find<'a>(args: &'a [String]) -> Vec<Inner<'a>> {
    let roots = match find_roots(args) {
        [] => &[".".to_owned()][..],
        roots => roots,
    };
    let part = if let [one] = roots { one.clone() } else { ONE.to_string() };
    // What is one word for each file found stands here for the roots, once.
    let found_files = |word: &String| match word.as_str() {
        "{}" => roots.to_vec(),
        word => vec![word.replace("{}", &part)],
    };
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(arg) = args.get(at) {
        at += 1;
        if !matches!(arg.as_str(), "-exec" | "-execdir" | "-ok" | "-okdir") {
            continue;
        }
        let start = at;
        while args.get(at).is_some_and(|arg| arg != ";" && !(arg == "+" && args[at - 1] == "{}")) {
            at += 1;
        }
        let mut words: Vec<String> = args[start..at].iter().flat_map(found_files).collect();
        // Given one by one, it is the whole tree all the same.
        if words.first().and_then(|word| program(word)) == Some("rm") {
            words.insert(1, "-r".to_owned());
        }
        if !words.is_empty() {
            found.push(Inner { what: What::Command(Cow::Owned(words)), dir: None });
        }
    }
    if args.iter().any(|arg| arg.starts_with(MANY)) {
        found.push(Inner::unread(LATE));
    }
    found
}

/// Programs that a shell has in itself: they harm nothing, whatever the rules leave open.
pub fn is_builtin(name: &str) -> bool {
    const NAMES: &[&str] = &[
        "", ":", "[", "cd", "pushd", "popd", "dirs", "echo", "printf", "test", "true", "false",
        "export", "set", "unset", "local", "declare", "typeset", "readonly", "read", "shift",
        "return", "exit", "wait", "umask", "pwd", "type", "hash", "break", "continue", "let",
    ];
    NAMES.contains(&name)
}

/// The last part of a program's path, where that is known.
pub fn program(word: &str) -> Option<&str> {
    // Without quotes an expansion may be several words: what follows it is no name.
    if word.contains(MANY) {
        return None;
    }
    let name = word.rsplit('/').next().unwrap_or(word);
    let name = name.strip_suffix(".exe").unwrap_or(name);
    (!name.contains(is_mark)).then_some(name)
}

/// True if one of the programs that `words` runs, itself or through others, is like one of
/// `names`.
pub fn runs_one_of(words: &[String], names: &[String]) -> bool {
    let mut words = Cow::Borrowed(words);
    for _ in 0..16 {
        let Some(name) = words.first().and_then(|word| program(word)) else { return false };
        if names.iter().any(|wanted| like(wanted, name)) {
            return true;
        }
        let name = name.to_owned();
        let next = inner(&name, &words).into_iter().find_map(|inner| match inner.what {
            What::Command(words) if !words.is_empty() => Some(words.into_owned()),
            What::Command(_) | What::Line(_) | What::Input | What::Unread(_) => None,
        });
        match next {
            Some(next) => words = Cow::Owned(next),
            None => return false,
        }
    }
    false
}
