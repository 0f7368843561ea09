//! Programs whose arguments end in a command: which options they have, and so where the
//! command begins. Of one that is not known the judge says so, since its value might be
//! taken for the command.

use super::{
    told::assigned,
    unwrap::{Inner, LATE, OPTION, What},
    word::{MANY, ONE, is_open},
};
use std::borrow::Cow;

/// A program whose arguments end in a command.
pub struct Wrapper {
    pub names: &'static [&'static str],
    /// Short options without a value.
    flags: &'static str,
    /// Short options with one.
    valued: &'static str,
    long: &'static [&'static str],
    long_valued: &'static [&'static str],
    /// Arguments before the command.
    before: usize,
    /// `A=b` may stand before the command.
    assigns: bool,
}

const PLAIN: Wrapper = Wrapper {
    names: &[],
    flags: "",
    valued: "",
    long: &["help", "version"],
    long_valued: &[],
    before: 0,
    assigns: false,
};

pub const WRAPPERS: &[Wrapper] = &[
    Wrapper { names: &["nohup", "builtin", "busybox", "toybox", "setarch", "chronic"], ..PLAIN },
    Wrapper {
        names: &["env"],
        flags: "iv0",
        valued: "uCS",
        long: &["ignore-environment", "null", "debug", "list-signal-handling"],
        long_valued: &["unset", "chdir", "split-string"],
        assigns: true,
        ..PLAIN
    },
    Wrapper { names: &["setsid"], flags: "cfw", long: &["ctty", "fork", "wait"], ..PLAIN },
    Wrapper {
        names: &["nice"],
        flags: "0123456789",
        valued: "n",
        long_valued: &["adjustment"],
        ..PLAIN
    },
    Wrapper {
        names: &["ionice"],
        flags: "t",
        valued: "cnpPu",
        long: &["ignore"],
        long_valued: &["class", "classdata"],
        ..PLAIN
    },
    Wrapper {
        names: &["timeout"],
        flags: "vfp",
        valued: "ks",
        long: &["verbose", "foreground", "preserve-status"],
        long_valued: &["kill-after", "signal"],
        before: 1,
        ..PLAIN
    },
    Wrapper {
        names: &["time"],
        flags: "apvqlhV",
        valued: "fo",
        long: &["append", "portability", "verbose", "quiet"],
        long_valued: &["format", "output"],
        ..PLAIN
    },
    Wrapper {
        names: &["stdbuf"],
        valued: "ioe",
        long_valued: &["input", "output", "error"],
        ..PLAIN
    },
    Wrapper { names: &["ssh-agent"], flags: "cDdks", valued: "aEPt", ..PLAIN },
    Wrapper { names: &["command"], flags: "p", ..PLAIN },
    Wrapper { names: &["exec"], flags: "cl", valued: "a", ..PLAIN },
    Wrapper {
        names: &["sudo"],
        flags: "AbBEeHiKklNnPSsv",
        valued: "CDghpRrTtUu",
        long: &[
            "askpass",
            "background",
            "preserve-env",
            "login",
            "non-interactive",
            "stdin",
            "shell",
        ],
        long_valued: &["user", "group", "host", "prompt", "chdir", "chroot"],
        assigns: true,
        ..PLAIN
    },
    Wrapper { names: &["doas"], flags: "Lns", valued: "Cu", ..PLAIN },
    Wrapper {
        names: &["pkexec"],
        long: &["disable-internal-agent"],
        long_valued: &["user"],
        ..PLAIN
    },
    Wrapper {
        names: &["xargs"],
        flags: "0rtxpo",
        valued: "aEdIiLlnPs",
        long: &["null", "no-run-if-empty", "verbose", "interactive", "exit", "open-tty"],
        long_valued: &[
            "arg-file",
            "delimiter",
            "max-args",
            "max-procs",
            "max-lines",
            "max-chars",
            "replace",
            "eof",
            "process-slot-var",
        ],
        ..PLAIN
    },
    Wrapper { names: &["strace"], flags: "fFcCdhiknqrtTvVxyz", valued: "abeEIoOpPsSuUX", ..PLAIN },
    Wrapper { names: &["ltrace"], flags: "bcCfhiLrStTV", valued: "aADeFlnopsuwxX", ..PLAIN },
    Wrapper { names: &["taskset"], flags: "ac", before: 1, ..PLAIN },
    Wrapper { names: &["chrt"], flags: "abdfiorRmv", valued: "TPD", before: 1, ..PLAIN },
    Wrapper { names: &["chroot"], long_valued: &["userspec", "groups"], before: 1, ..PLAIN },
    Wrapper {
        names: &["unshare"],
        flags: "imnpuUCTfrc",
        valued: "RwSGl",
        long: &[
            "fork",
            "map-root-user",
            "map-current-user",
            "mount-proc",
            "mount",
            "pid",
            "net",
            "user",
        ],
        long_valued: &["root", "wd", "setuid", "setgid"],
        ..PLAIN
    },
    Wrapper { names: &["gtimeout"], valued: "ks", before: 1, ..PLAIN },
    Wrapper {
        names: &["unbuffer", "xvfb-run", "dbus-run-session", "catchsegv"],
        flags: "pa",
        ..PLAIN
    },
];

pub const WATCH: Wrapper = Wrapper {
    flags: "bcdegtwxrC",
    valued: "nqs",
    long: &["beep", "color", "no-color", "differences", "errexit", "chgexit", "no-title", "exec"],
    long_valued: &["interval", "equexit"],
    ..PLAIN
};

pub const FLOCK: Wrapper = Wrapper {
    flags: "sxenuoF",
    valued: "wEc",
    long: &["shared", "exclusive", "unlock", "nonblock", "nb", "close", "no-fork", "verbose"],
    long_valued: &["wait", "timeout", "conflict-exit-code", "command"],
    before: 1,
    ..PLAIN
};

pub const SCREEN: Wrapper = Wrapper { flags: "aAdDfilLmOqRrUvwxX", valued: "cehpsStT", ..PLAIN };

pub const TMUX: Wrapper = Wrapper { flags: "2CDhlNquUvV", valued: "cfLST", ..PLAIN };

/// The dynamic loader, by its own name.
pub const LOADER: Wrapper = Wrapper {
    long: &["list", "verify", "inhibit-cache", "list-tunables", "list-diagnostics"],
    long_valued: &[
        "library-path",
        "inhibit-rpath",
        "audit",
        "preload",
        "argv0",
        "glibc-hwcaps-mask",
    ],
    ..PLAIN
};

pub const SSH: Wrapper = Wrapper {
    flags: "46AaCfGgKkMNnqsTtVvXxYy",
    valued: "BbcDEeFIiJLlmOoPpQRSWw",
    before: 1,
    ..PLAIN
};

/// What a wrapper runs.
pub fn wrapped<'a>(wrapper: &Wrapper, name: &str, args: &'a [String]) -> Vec<Inner<'a>> {
    let mut found = Vec::new();
    let mut dir = None;
    let mut replaces = None;
    let mut at = 0;
    while let Some(arg) = args.get(at) {
        if arg == "--" {
            at += 1;
            break;
        }
        if !arg.starts_with('-') || arg == "-" {
            // `env -` is `env -i`.
            if arg == "-" && name == "env" {
                at += 1;
                continue;
            }
            break;
        }
        if is_open(arg) {
            found.push(Inner::unread(LATE));
        }
        at += 1;
        let (option, value) = match option(wrapper, arg) {
            Read::Flag => continue,
            Read::Valued(option, Some(value)) => (option, Some(value)),
            // Of these GNU has the value attached or not at all.
            Read::Valued(option @ ("i" | "l" | "replace" | "eof"), None) if name == "xargs" => {
                (option, None)
            }
            Read::Valued(option, None) => {
                at += 1;
                (option, args.get(at - 1).map(String::as_str))
            }
            Read::Unknown => {
                found.push(Inner::unread(OPTION));
                continue;
            }
        };
        match (name, option) {
            ("env", "S" | "split-string") => {
                found.push(Inner::line(value.unwrap_or_default()));
                found.push(Inner::unread("env -S splits a word into a command"));
            }
            ("env", "C" | "chdir") | ("sudo", "D" | "chdir") => dir = value.map(str::to_owned),
            ("tmux", "c") | ("screen", "s") => found.push(Inner::line(value.unwrap_or_default())),
            ("xargs", "I" | "i" | "replace") => replaces = Some(value.unwrap_or("{}")),
            _ => {}
        }
    }
    let mut rest = args.get(at..).unwrap_or_default();
    while wrapper.assigns
        && let Some((key, value)) = rest.first().and_then(|word| word.split_once('='))
    {
        found.extend(assigned(key, value));
        rest = &rest[1..];
    }
    rest = rest.get(wrapper.before.min(rest.len())..).unwrap_or_default();
    if rest.is_empty() {
        return found;
    }
    let mut command = Inner::command(rest);
    command.dir = dir;
    if name == "xargs" {
        // Its input becomes arguments.
        let mut words = rest.to_vec();
        if let Some(place) = replaces.filter(|place| !place.is_empty()) {
            words.iter_mut().skip(1).for_each(|word| *word = word.replace(place, &ONE.to_string()));
        }
        words.push(MANY.to_string());
        command.what = What::Command(Cow::Owned(words));
    }
    found.push(command);
    found
}

enum Read<'a> {
    Flag,
    Valued(&'a str, Option<&'a str>),
    Unknown,
}

fn option<'a>(wrapper: &Wrapper, arg: &'a str) -> Read<'a> {
    if let Some(long) = arg.strip_prefix("--") {
        let (name, value) = match long.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (long, None),
        };
        // Abbreviations are understood; what fits both ways has a value.
        if let Some(&full) = wrapper.long_valued.iter().find(|full| full.starts_with(name)) {
            let full: &'static str = full;
            return Read::Valued(full, value);
        }
        let known = wrapper.long.iter().chain(PLAIN.long).any(|full| full.starts_with(name));
        return if known { Read::Flag } else { Read::Unknown };
    }
    for (i, c) in arg.char_indices().skip(1) {
        let after = &arg[i + c.len_utf8()..];
        if wrapper.valued.contains(c) {
            let value = (!after.is_empty()).then_some(after);
            return Read::Valued(&arg[i..i + c.len_utf8()], value);
        }
        if !wrapper.flags.contains(c) {
            return Read::Unknown;
        }
    }
    Read::Flag
}
