//! Programs that run another which one of their options names.

use super::{unwrap::Inner, word::is_open};

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
        lead: &[":!", "!", ":silent !", "silent !", ":sil !"],
    },
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
