//! macOS: a scope as a profile of the system's own sandbox, for `sandbox-exec -p`. All is
//! denied that is not allowed, and of the rules that speak of a path the last one counts: so
//! they stand outermost first, and what lies deeper decides, as it does among mounts.
//!
//! The text is made and tested everywhere; **it was never run on macOS**. What is known to be
//! short of what Linux holds: signals and descriptors are the system's to judge, there is no
//! namespace of processes, the names in `hidden` can be told from those that are not there,
//! and which of the system's services a program needs is a guess on the narrow side.

use super::system::SECRET;
use crate::model::Confine;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::io;
use std::path::{Path, PathBuf};

/// What carries a profile out.
pub const PROGRAM: &str = "/usr/bin/sandbox-exec";

/// The system's own files.
const SYSTEM: &[&str] = &[
    "/bin",
    "/sbin",
    "/usr",
    "/System",
    "/Library",
    "/opt",
    "/private/etc",
    "/private/var/db/timezone",
    "/private/var/select",
];
/// Beside those that Linux has, too.
const SECRETS: &[&str] = &["/etc/master.passwd", "/Library/Keychains"];
/// Links to what lies below /private.
const LINKS: &[&str] = &["/etc", "/tmp", "/var"];
const DEVICES: &[&str] = &["/dev/null", "/dev/zero", "/dev/tty", "/dev/ptmx", "/dev/dtracehelper"];
const READ_DEVICES: &[&str] = &["/dev", "/dev/random", "/dev/urandom"];
/// Who somebody is, and where the user's temporary files are.
const SERVICES: &[&str] = &[
    "com.apple.bsd.dirhelper",
    "com.apple.system.opendirectoryd.libinfo",
    "com.apple.system.opendirectoryd.membership",
];
/// Names of hosts, and whose certificates to believe.
const NETWORK_SERVICES: &[&str] =
    &["com.apple.SystemConfiguration.configd", "com.apple.dnssd.service", "com.apple.trustd.agent"];

/// What is said of a path and all below it. At one path the later one counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Said {
    Read,
    Write,
    Protect,
    Hide,
}

impl Said {
    fn lines(self) -> &'static [&'static str] {
        match self {
            Self::Read => &["allow file-read* file-map-executable", "deny file-write*"],
            Self::Write => &["allow file-read* file-map-executable file-write*"],
            Self::Protect => &["deny file-write*"],
            Self::Hide => &["deny file-read* file-map-executable file-write*"],
        }
    }
}

/// The profile. `gateway`: the port on localhost that is open where the network is not; none
/// for what needs no model.
///
/// # Errors
/// When a path cannot be written in a profile.
pub fn profile(confine: &Confine, gateway: Option<u16>) -> io::Result<String> {
    let mut text = String::from("(version 1)\n(deny default)\n");
    processes(&mut text, confine)?;
    files(&mut text, confine)?;
    network(&mut text, confine, gateway)?;
    Ok(text)
}

/// One rule; without filters there is none, since it would hold for everything.
fn rule(text: &mut String, what: &str, filters: &[String]) {
    if !filters.is_empty() {
        // Into a string: nothing that fails.
        let _ = writeln!(text, "({what} {})", filters.join(" "));
    }
}

fn filters<'a>(
    kind: &str,
    names: impl IntoIterator<Item = &'a (impl AsRef<Path> + ?Sized + 'a)>,
) -> io::Result<Vec<String>> {
    names.into_iter().map(|name| Ok(format!("({kind} {})", quoted(name.as_ref())?))).collect()
}

/// A string of the profile's language. Control characters are left to nobody's reading.
fn quoted(path: &Path) -> io::Result<String> {
    let plain = path.to_str().filter(|path| !path.chars().any(char::is_control));
    let Some(plain) = plain else {
        let why = format!("{path:?} cannot be written in a seatbelt profile");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    };
    Ok(format!("\"{}\"", plain.replace('\\', "\\\\").replace('"', "\\\"")))
}

fn processes(text: &mut String, confine: &Confine) -> io::Result<()> {
    text.push_str("(allow process-fork)\n");
    match &confine.only {
        Some(only) => rule(text, "allow process-exec*", &filters("literal", only)?),
        None => text.push_str("(allow process-exec*)\n"),
    }
    text.push_str("(allow signal (target same-sandbox))\n");
    text.push_str("(allow process-info* (target same-sandbox))\n");
    text.push_str("(allow sysctl-read)\n");
    rule(text, "allow mach-lookup", &filters("global-name", SERVICES.iter().copied())?);
    Ok(())
}

fn files(text: &mut String, confine: &Confine) -> io::Result<()> {
    let paths = |list: &[PathBuf], said| list.iter().map(|path| (path.clone(), said)).collect();
    let named = |list: &[&str], said| list.iter().map(|path| (PathBuf::from(path), said)).collect();
    let private = |path: &str| match path.strip_prefix("/etc") {
        Some(rest) => (PathBuf::from(format!("/private/etc{rest}")), Said::Hide),
        None => (PathBuf::from(path), Said::Hide),
    };
    let own = [
        (confine.private.clone(), Said::Write),
        (confine.tmp.clone(), Said::Write),
        (confine.socket_dir.clone(), Said::Read),
        (confine.dash.clone(), Said::Read),
    ];
    let all: [Vec<(PathBuf, Said)>; 7] = [
        named(SYSTEM, Said::Read),
        SECRET.iter().chain(SECRETS).map(|path| private(path)).collect(),
        paths(&confine.readable, Said::Read),
        paths(&confine.writable, Said::Write),
        own.into(),
        paths(&confine.protected, Said::Protect),
        paths(&confine.hidden, Said::Hide),
    ];
    // By its components, so that nothing stands before what it lies in.
    let all: BTreeSet<(PathBuf, Said)> = all.into_iter().flatten().collect();
    let opened = all.iter().filter(|(_, said)| matches!(said, Said::Read | Said::Write));
    let above: BTreeSet<&Path> = opened
        .flat_map(|(path, _)| path.ancestors().skip(1))
        .filter(|path| !path.as_os_str().is_empty())
        .collect();

    rule(text, "allow file-read-metadata", &filters("literal", LINKS.iter().copied())?);
    // The way to a path is asked for step by step.
    rule(text, "allow file-read-metadata", &filters("literal", above)?);
    text.push_str("(allow file-read* (literal \"/\"))\n");
    rule(text, "allow file-read*", &filters("literal", READ_DEVICES.iter().copied())?);
    let devices = filters("literal", DEVICES.iter().copied())?;
    rule(text, "allow file-read* file-write* file-ioctl", &devices);
    text.push_str("(allow pseudo-tty)\n");
    // Those that were opened in here; its own terminal it has open already.
    text.push_str(
        "(allow file-read* file-write* file-ioctl (require-all (regex #\"^/dev/ttys[0-9]+\") \
         (extension \"com.apple.sandbox.pty\")))\n",
    );
    for (path, said) in &all {
        for what in said.lines() {
            rule(text, what, &filters("subpath", [path])?);
        }
    }
    // Whatever lies around them may be written: they themselves stay where they are.
    rule(text, "deny file-write-unlink", &filters("literal", &confine.pinned)?);
    Ok(())
}

fn network(text: &mut String, confine: &Confine, gateway: Option<u16>) -> io::Result<()> {
    rule(text, "allow network-outbound", &filters("subpath", [&confine.socket_dir])?);
    if confine.isolated {
        let port = gateway.map(|port| format!("(remote ip \"localhost:{port}\")"));
        rule(text, "allow network-outbound", port.as_slice());
        return Ok(());
    }
    // Of IP alone: a socket with a path is somebody's.
    text.push_str("(allow network-outbound (remote ip))\n");
    text.push_str("(allow network-inbound (local ip))\n");
    text.push_str("(allow network-bind (local ip))\n");
    text.push_str("(allow network-outbound (literal \"/private/var/run/mDNSResponder\"))\n");
    text.push_str("(allow system-socket)\n");
    rule(text, "allow mach-lookup", &filters("global-name", NETWORK_SERVICES.iter().copied())?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Holder;
    use proptest::prelude::*;

    fn confine() -> Confine {
        Confine {
            holder: Holder::Seatbelt,
            writable: vec!["/Users/u/w".into()],
            readable: vec!["/Users/u/lib".into()],
            hidden: vec!["/Users/u/w/secret".into()],
            protected: vec!["/Users/u/w/.git/hooks".into()],
            pinned: vec!["/Users/u/w/.git".into()],
            private: "/Users/u/dash/p".into(),
            tmp: "/Users/u/dash/p/tmp".into(),
            socket_dir: "/Users/u/dash/s".into(),
            isolated: true,
            only: None,
            programs: Vec::new(),
            devices: None,
            brokered: Vec::new(),
            shims: Vec::new(),
            dash: "/opt/dash".into(),
        }
    }

    /// A profile as its reader sees it.
    #[derive(Clone, Debug, PartialEq)]
    enum Form {
        List(Vec<Form>),
        Word(String),
        Text(String),
    }

    fn read(text: &str) -> Vec<Form> {
        let mut open: Vec<Vec<Form>> = vec![Vec::new()];
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '(' => open.push(Vec::new()),
                ')' => {
                    let list = open.pop().unwrap();
                    open.last_mut().expect("balanced").push(Form::List(list));
                }
                '"' => {
                    let mut string = String::new();
                    loop {
                        match chars.next().expect("a string that ends") {
                            '"' => break,
                            '\\' => string.push(chars.next().unwrap()),
                            c => string.push(c),
                        }
                    }
                    open.last_mut().unwrap().push(Form::Text(string));
                }
                c if c.is_whitespace() => {}
                c => {
                    let mut word = String::from(c);
                    while let Some(c) = chars.next_if(|c| !"()\" \n".contains(*c)) {
                        word.push(c);
                    }
                    open.last_mut().unwrap().push(Form::Word(word));
                }
            }
        }
        assert_eq!(open.len(), 1, "balanced");
        open.remove(0)
    }

    /// Whether the last rule that speaks of it allows `operation` on `path`.
    fn allowed(rules: &[Form], operation: &str, path: &str) -> bool {
        let mut answer = false;
        for rule in rules {
            let Form::List(parts) = rule else { panic!("{rule:?}") };
            let operations = parts.iter().filter_map(|part| match part {
                Form::Word(word) => Some(word.as_str()),
                _ => None,
            });
            let mut operations = operations.skip(1);
            let spoken = operations.any(|word| match word.strip_suffix('*') {
                Some(start) => operation.starts_with(start),
                None => word == operation,
            });
            let fits = parts.iter().any(|part| match part {
                Form::List(filter) => match filter.as_slice() {
                    [Form::Word(kind), Form::Text(said)] if kind == "subpath" => {
                        Path::new(path).starts_with(said)
                    }
                    [Form::Word(kind), Form::Text(said)] if kind == "literal" => path == said,
                    _ => false,
                },
                _ => false,
            });
            if spoken && fits {
                answer = parts[0] == Form::Word("allow".to_owned());
            }
        }
        answer
    }

    #[test]
    fn a_profile() {
        insta::assert_snapshot!(profile(&confine(), Some(4100)).unwrap());
    }

    #[test]
    fn what_lies_deeper_decides() {
        let deeper = Confine {
            writable: vec!["/Users/u/w".into(), "/Users/u/lib/mine".into()],
            readable: vec!["/Users/u/lib".into(), "/Users/u/w/.git/hooks/shown".into()],
            ..confine()
        };
        let rules = read(&profile(&deeper, None).unwrap());
        for (path, seen, written) in [
            ("/Users/u/w/a", true, true),
            ("/Users/u/w/.git/hooks/pre-commit", true, false),
            ("/Users/u/w/.git/hooks", true, false),
            ("/Users/u/w/.git/index", true, true),
            ("/Users/u/w/secret/key", false, false),
            ("/Users/u/lib/a", true, false),
            ("/Users/u/lib/mine/a", true, true),
            ("/Users/u/dash/p/home/x", true, true),
            ("/Users/u/dash/s/a.sock", true, false),
            ("/Users/u/.ssh/id", false, false),
            ("/Users/u/wider", false, false),
            ("/private/etc/passwd", true, false),
            ("/private/etc/sudoers", false, false),
            ("/private/tmp/x", false, false),
        ] {
            assert_eq!(allowed(&rules, "file-read-data", path), seen, "{path} is seen");
            assert_eq!(allowed(&rules, "file-write-data", path), written, "{path} is written");
        }
        assert!(!allowed(&rules, "file-write-unlink", "/Users/u/w/.git"));
        assert!(allowed(&rules, "file-write-unlink", "/Users/u/w/.git/index"));
        assert!(allowed(&rules, "file-read-metadata", "/Users"));
    }

    #[test]
    fn the_network_is_the_gateway_or_everybodys() {
        let none = profile(&confine(), None).unwrap();
        assert!(!none.contains("remote ip"), "{none}");
        let one = profile(&confine(), Some(4100)).unwrap();
        assert_eq!(one.matches("remote ip").count(), 1, "{one}");
        assert!(one.contains("(allow network-outbound (remote ip \"localhost:4100\"))"), "{one}");
        let shared = profile(&Confine { isolated: false, ..confine() }, Some(4100)).unwrap();
        assert!(shared.contains("(allow network-outbound (remote ip))"), "{shared}");
    }

    #[test]
    fn only_what_is_named_is_executed() {
        let only = Confine { only: Some(vec!["/bin/ls".into()]), ..confine() };
        let text = profile(&only, None).unwrap();
        assert!(text.contains("(allow process-exec* (literal \"/bin/ls\"))"), "{text}");
        assert!(!text.contains("(allow process-exec*)"), "{text}");
        let nothing = Confine { only: Some(Vec::new()), ..confine() };
        assert!(!profile(&nothing, None).unwrap().contains("process-exec"));
    }

    #[test]
    fn what_cannot_be_written_is_refused() {
        use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
        for name in [&b"/a\nb"[..], b"/a\x1bb", b"/a\xffb", b"/a\0b"] {
            let path = PathBuf::from(OsStr::from_bytes(name));
            let odd = Confine { hidden: vec![path], ..confine() };
            assert!(profile(&odd, None).is_err(), "{name:?}");
        }
    }

    fn path() -> impl Strategy<Value = PathBuf> {
        let part = prop_oneof![
            "[a-c .]{1,3}",
            "[\"\\\\()#; ']{1,4}",
            "\\PC{1,6}".prop_map(|part| part.replace('/', "-")),
        ];
        prop::collection::vec(part, 1..4).prop_map(|mut parts: Vec<String>| {
            // Paths of a scope are canonical.
            parts
                .iter_mut()
                .filter(|part| matches!(part.as_str(), "." | ".."))
                .for_each(|part| part.push('x'));
            PathBuf::from(format!("/{}", parts.join("/")))
        })
    }

    proptest! {
        #[test]
        fn every_path_survives_and_no_denial_is_undone(
            writable in prop::collection::vec(path(), 1..4),
            readable in prop::collection::vec(path(), 0..3),
            below in prop::collection::vec((any::<prop::sample::Index>(), path(), any::<bool>()), 0..4),
        ) {
            let mut case = Confine { writable, readable, hidden: Vec::new(), protected: Vec::new(), pinned: Vec::new(), ..confine() };
            for (root, path, hidden) in below {
                let root = root.get(&case.writable);
                let path = root.join(path.strip_prefix("/").unwrap());
                if hidden { case.hidden.push(path) } else { case.protected.push(path) }
            }
            let rules = read(&profile(&case, Some(1)).unwrap());
            let said = |path: &PathBuf| {
                let text = Form::Text(path.to_str().unwrap().to_owned());
                rules.iter().any(|rule| match rule {
                    Form::List(parts) => parts.iter().any(|part| matches!(part, Form::List(filter) if filter.contains(&text))),
                    _ => false,
                })
            };
            let all = case.writable.iter().chain(&case.readable).chain(&case.hidden).chain(&case.protected);
            prop_assert!(all.into_iter().all(said));
            let deeper = |path: &PathBuf| case.writable.iter().any(|root| root != path && root.starts_with(path));
            for path in case.hidden.iter().chain(&case.protected) {
                let inside = path.join("x");
                prop_assert!(!allowed(&rules, "file-write-data", path.to_str().unwrap()));
                let again = case.writable.iter().any(|root| inside.starts_with(root) && root.starts_with(path) && root != path);
                prop_assert!(again || deeper(path) || !allowed(&rules, "file-write-data", inside.to_str().unwrap()));
            }
        }
    }
}
