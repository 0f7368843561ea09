//! Programs that run another which one of their options names.

use super::{
    unwrap::{Inner, What},
    word::{is_mark, is_open},
};

/// A program, and its options whose value is a shell line or the beginning of a command.
struct Named {
    programs: &'static [&'static str],
    options: &'static [&'static str],
    /// What stands before the line in the value, where something does.
    lead: &'static [&'static str],
}

const NAMED: &[Named] = &[
    Named {
        programs: &["tar", "bsdtar", "gtar"],
        options: &[
            "-I",
            "-F",
            "--use-compress-program",
            "--to-command",
            "--rsh-command",
            "--rmt-command",
            "--info-script",
            "--new-volume-script",
        ],
        lead: &[],
    },
    Named { programs: &["tar", "gtar"], options: &["--checkpoint-action"], lead: &["exec="] },
    Named { programs: &["rsync"], options: &["-e", "--rsh", "--rsync-path"], lead: &[] },
    Named {
        programs: &["ssh", "scp", "sftp"],
        options: &["-o", "-S"],
        lead: &[
            "proxycommand=",
            "localcommand=",
            "knownhostscommand=",
            "proxycommand ",
            "localcommand ",
        ],
    },
    Named { programs: &["man"], options: &["-P", "--pager", "-H", "--html"], lead: &[] },
    Named {
        programs: &["vi", "vim", "nvim", "view", "ex", "gvim", "vimdiff"],
        options: &["-c", "--cmd", "+"],
        lead: &[
            ":!",
            "!",
            ":silent !",
            "silent !",
            ":sil !",
            "sil !",
            ":silent! !",
            "silent! !",
            ":sil! !",
            "sil! !",
            ":r!",
            "r!",
            ":r !",
            "r !",
            ":read !",
            "read !",
            ":w !",
            "w !",
            ":%!",
            "%!",
            ":.!",
            ".!",
            ":term ",
            "term ",
            ":terminal ",
            "terminal ",
        ],
    },
    Named {
        programs: &["gdb"],
        options: &["-ex", "--ex", "-iex", "--iex", "-eval-command", "--eval-command"],
        lead: &["!", "shell ", "sh "],
    },
    Named {
        programs: &["lldb"],
        options: &["-o", "--one-line", "-O", "--one-line-before-file"],
        lead: &["platform shell ", "plat sh ", "shell ", "!"],
    },
    Named { programs: &["fzf", "sk"], options: &["--preview"], lead: &[] },
    Named { programs: &["rg"], options: &["--pre", "--hostname-bin"], lead: &[] },
    Named { programs: &["bat", "batcat", "ack", "delta"], options: &["--pager"], lead: &[] },
    Named { programs: &["cpio"], options: &["--rsh-command"], lead: &[] },
    Named { programs: &["zip"], options: &["-TT", "--unzip-command"], lead: &[] },
    Named {
        programs: &["go"],
        options: &["-exec", "--exec", "-toolexec", "--toolexec", "-vettool", "--vettool"],
        lead: &[],
    },
    Named {
        programs: &["npm", "pnpm", "yarn"],
        options: &["--script-shell", "--scriptShell"],
        lead: &[],
    },
    Named {
        programs: &["nc", "ncat", "netcat"],
        options: &["-e", "-c", "--exec", "--sh-exec"],
        lead: &[],
    },
    Named { programs: &["nix-shell"], options: &["--run", "--command"], lead: &[] },
    Named { programs: &["mapfile", "readarray"], options: &["-C"], lead: &[] },
    Named { programs: &["complete", "compgen"], options: &["-C"], lead: &[] },
    Named { programs: &["split"], options: &["--filter"], lead: &[] },
    Named { programs: &["sort"], options: &["--compress-program"], lead: &[] },
];

/// What the options of `name` run. A value that a shell puts together is a doubt.
pub fn named<'a>(name: &str, args: &[String]) -> Vec<Inner<'a>> {
    let mut found = Vec::new();
    for known in NAMED.iter().filter(|known| known.programs.contains(&name)) {
        for (at, arg) in args.iter().enumerate() {
            let Some(value) = value(known, arg, args.get(at + 1)) else { continue };
            let lower = value.to_ascii_lowercase();
            let lead = known.lead.iter().find(|lead| lower.starts_with(*lead));
            match lead.and_then(|lead| value.get(lead.len()..)) {
                Some(line) => found.push(Inner::line(line)),
                // Of these only some values are a line; `-S none` and `-c 'set nu'` are not.
                None if !known.lead.is_empty() => {}
                None if is_open(value) => found.push(Inner::unread(super::unwrap::LATE)),
                None => found.push(Inner::line(value)),
            }
        }
    }
    found
}

fn value<'a>(known: &Named, arg: &'a str, next: Option<&'a String>) -> Option<&'a str> {
    for option in known.options {
        if arg == *option {
            return next.map(String::as_str);
        }
        let Some(rest) = arg.strip_prefix(option) else { continue };
        match rest.strip_prefix('=') {
            Some(value) => return Some(value),
            None if !option.starts_with("--") => return Some(rest),
            None => {}
        }
    }
    None
}

/// `fzf --bind KEY:execute(LINE)`, and other actions that run one.
pub fn fzf<'a>(name: &str, args: &[String]) -> Vec<Inner<'a>> {
    const ACTIONS: &[&str] = &["execute", "execute-silent", "become", "reload", "transform"];
    let mut found = named(name, args);
    for arg in args {
        let mut rest = arg.as_str();
        while let Some((before, after)) = rest.split_once(['(', '[', '{', '<', '~', ':', '!']) {
            rest = after;
            let action = before.rsplit(|c: char| c != '-' && !c.is_ascii_alphabetic()).next();
            if action.is_some_and(|action| ACTIONS.contains(&action)) {
                // What follows the line, a bracket and other actions, is no part of it.
                let end = after.find([')', ']', '>']).unwrap_or(after.len());
                found.push(Inner::line(&after[..end]));
            }
        }
    }
    found
}

/// `start-stop-daemon --exec PROGRAM -- ARG…`.
pub fn daemon<'a>(args: &[String]) -> Vec<Inner<'a>> {
    const KNOWN: Named =
        Named { programs: &[], options: &["-x", "--exec", "-a", "--startas"], lead: &[] };
    let own = args.iter().position(|arg| arg == "--").unwrap_or(args.len());
    let programs = args[..own].iter().enumerate();
    let programs = programs.filter_map(|(at, arg)| value(&KNOWN, arg, args.get(at + 1)));
    let run = |program: &str| {
        let mut words = vec![program.to_owned()];
        words.extend(args.iter().skip(own + 1).cloned());
        Inner { what: What::Command(words.into()), dir: None }
    };
    programs.map(run).collect()
}

/// Commands of sed's own language that run a line: `1e LINE`, and `s/a/b/e`, which runs what
/// it makes.
pub fn sed<'a>(args: &[String]) -> Vec<Inner<'a>> {
    let mut found = Vec::new();
    for statement in args.iter().flat_map(|arg| arg.split([';', '\n', '}'])) {
        let address = |c: char| c.is_ascii_digit() || is_mark(c) || "$,!~+{ \t".contains(c);
        let command = statement.trim_start_matches(address);
        let command = match command.strip_prefix('/').and_then(|rest| rest.split_once('/')) {
            Some((_, rest)) => rest.trim_start_matches(address),
            None => command,
        };
        if let Some(line) = command.strip_prefix("e ") {
            found.push(Inner::line(line));
        }
        let mut letters = command.chars();
        let substitutes = letters.next() == Some('s');
        let Some(mark) = letters.next().filter(|c| substitutes && c.is_ascii_punctuation()) else {
            continue;
        };
        let flags = command.rsplit(mark).next().unwrap_or_default();
        let all = flags.chars().all(|c| c.is_ascii_digit() || "gpiIemM".contains(c));
        if flags.contains('e') && all && command.matches(mark).count() >= 3 {
            found.push(Inner::unread("sed runs what it makes of its input"));
        }
    }
    found
}
