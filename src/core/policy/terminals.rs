//! Programs that hold terminals of their own, and run or type into them what they are given.

use super::{
    shell,
    unwrap::{Inner, What},
    wrappers::{SCREEN, TMUX, wrapped},
};

/// How a command of tmux's takes its words.
enum Takes {
    /// One is a shell line, several are a command.
    Command,
    /// The first is a shell line.
    Line,
    /// They are typed into whatever runs there.
    Keys,
    /// They are commands of tmux's, for later.
    Unread,
}

struct Verb {
    name: &'static str,
    short: &'static str,
    /// Options with a value.
    valued: &'static str,
    takes: Takes,
}

const VERBS: &[Verb] = &[
    Verb { name: "new-session", short: "new", valued: "cefFnstxy", takes: Takes::Command },
    Verb { name: "new-window", short: "neww", valued: "ceFnt", takes: Takes::Command },
    Verb { name: "split-window", short: "splitw", valued: "ceFlpt", takes: Takes::Command },
    Verb { name: "respawn-pane", short: "respawnp", valued: "cet", takes: Takes::Command },
    Verb { name: "respawn-window", short: "respawnw", valued: "cet", takes: Takes::Command },
    Verb { name: "display-popup", short: "popup", valued: "bcdehsStTwxy", takes: Takes::Command },
    Verb { name: "run-shell", short: "run", valued: "cdt", takes: Takes::Line },
    Verb { name: "if-shell", short: "if", valued: "t", takes: Takes::Line },
    Verb { name: "pipe-pane", short: "pipep", valued: "t", takes: Takes::Line },
    Verb { name: "copy-pipe", short: "copy-pipe", valued: "", takes: Takes::Line },
    Verb { name: "send-keys", short: "send", valued: "cNt", takes: Takes::Keys },
    Verb { name: "set-buffer", short: "setb", valued: "bnt", takes: Takes::Keys },
    Verb { name: "bind-key", short: "bind", valued: "NT", takes: Takes::Unread },
    Verb { name: "set-hook", short: "set-hook", valued: "t", takes: Takes::Unread },
    Verb { name: "source-file", short: "source", valued: "t", takes: Takes::Unread },
    Verb { name: "command-prompt", short: "command-prompt", valued: "Ipt", takes: Takes::Unread },
    Verb { name: "confirm-before", short: "confirm", valued: "pt", takes: Takes::Unread },
];

const LATER: &str = "what the terminal is told to do later cannot be seen";

/// `tmux [OPTION…] VERB [OPTION…] WORD… [; VERB …]`.
pub fn tmux<'a>(args: &'a [String]) -> Vec<Inner<'a>> {
    let mut found = Vec::new();
    for inner in wrapped(&TMUX, "tmux", args) {
        let What::Command(words) = inner.what else {
            found.push(inner);
            continue;
        };
        let runs = |word: &String| {
            word.contains("#(") || matches!(word.as_str(), "default-command" | "default-shell")
        };
        if words.iter().any(runs) {
            found.push(Inner::unread("a format or an option of tmux's runs a line"));
        }
        let mut verb: Vec<String> = Vec::new();
        for word in words.iter() {
            let ends = word.strip_suffix(';');
            verb.extend(ends.or(Some(word)).filter(|word| !word.is_empty()).map(str::to_owned));
            if ends.is_some() {
                found.extend(of_verb(&verb));
                verb.clear();
            }
        }
        found.extend(of_verb(&verb));
    }
    found
}

fn of_verb<'a>(words: &[String]) -> Vec<Inner<'a>> {
    let Some((name, args)) = words.split_first() else { return Vec::new() };
    let short = VERBS.iter().find(|verb| verb.short == name);
    // What a verb begins with will do.
    let Some(verb) = short.or_else(|| VERBS.iter().find(|verb| verb.name.starts_with(&**name)))
    else {
        return Vec::new();
    };
    let mut at = 0;
    while let Some(letters) = args.get(at).and_then(|arg| arg.strip_prefix('-')) {
        at += 1;
        let valued = letters.find(|c| verb.valued.contains(c));
        if letters == "-" {
            break;
        }
        // The value follows, where it is not attached.
        at += usize::from(valued.is_some_and(|value| value + 1 == letters.len()));
    }
    let rest = args.get(at..).unwrap_or_default();
    match (&verb.takes, rest) {
        (_, []) => Vec::new(),
        (Takes::Command, [line]) => vec![Inner::line(line)],
        (Takes::Command, words) => {
            vec![Inner { what: What::Command(words.to_vec().into()), dir: None }]
        }
        (Takes::Line, [line]) => vec![Inner::line(line)],
        (Takes::Line, [line, ..]) => vec![Inner::line(line), Inner::unread(LATER)],
        (Takes::Keys, keys) => typed(keys),
        (Takes::Unread, _) => vec![Inner::unread(LATER)],
    }
}

/// What is typed may be a shell line, or an answer to anything: so only what reads as a line.
fn typed<'a>(keys: &[String]) -> Vec<Inner<'a>> {
    let is_text = |key: &&String| {
        !matches!(key.as_str(), "Enter" | "Space" | "Tab" | "Escape" | "BSpace" | "KPEnter")
            && !key.starts_with("C-")
            && !key.starts_with("M-")
    };
    let text = |between: &str| {
        keys.iter().filter(is_text).map(String::as_str).collect::<Vec<_>>().join(between)
    };
    // The keys `Space` and blanks in the words lead to the same line.
    let spaced = text(" ").replace(['\r', '^'], "\n");
    let line = spaced.trim_end_matches("\\n");
    if shell::parse(line).unread.is_empty() { vec![Inner::line(line)] } else { Vec::new() }
}

/// `screen [OPTION…] CMD…`, `screen -X stuff TEXT`.
pub fn screen<'a>(args: &'a [String]) -> Vec<Inner<'a>> {
    let sends = args.iter().any(|arg| arg == "-X");
    let found = wrapped(&SCREEN, "screen", args);
    let of_its_own = |inner: Inner<'a>| match inner.what {
        What::Command(words) if sends => match words.split_first() {
            Some((verb, text)) if verb == "stuff" => typed(text),
            Some((verb, words)) if matches!(verb.as_str(), "exec" | "screen") => {
                vec![Inner { what: What::Command(words.to_vec().into()), dir: None }]
            }
            Some((verb, _)) if matches!(verb.as_str(), "source" | "eval" | "bind" | "at") => {
                vec![Inner::unread(LATER)]
            }
            _ => Vec::new(),
        },
        what => vec![Inner { what, dir: inner.dir }],
    };
    found.into_iter().flat_map(of_its_own).collect()
}
