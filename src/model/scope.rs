//! Scope: what an attempt may touch, resolved: absolute paths without links, hosts in lower
//! case. A child's scope is what its parent's and its own request have in common
//! ([`Scope::meet`]); [`Scope::is_within`] says whether one fits in another.

use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv6Addr},
    path::{Path, PathBuf},
};

/// What stays as it is inside every sandboxed scope, and what works instead: programs say
/// only that a file is busy or cannot be written.
pub const HELD_BACK: &str = "read-only in it: .git/config, hooks, start-up files and agents' \
     settings (git says \"Device or resource busy\"); git config --global and git -c work";

/// Everything not named here is out of reach.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scope {
    pub sandbox: Sandbox,
    /// Directories and files that may be written, and read. Sorted; none lies in another.
    pub write: Vec<PathBuf>,
    /// What may be read beside them and beside the system's own files.
    pub read: Vec<PathBuf>,
    pub net: Net,
    /// Beginnings of command lines that need no asking any more.
    pub allow: Vec<Vec<String>>,
    /// The only programs that may be executed, by name or path; none: any.
    pub only: Option<BTreeSet<String>>,
}

/// Whether the kernel holds the scope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sandbox {
    #[default]
    Strict,
    /// Asked for by name (`--no-sandbox`): the agent may do whatever its user may, and the
    /// rest of the scope says nothing.
    None,
}

/// What of the network is reached beside the gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Net {
    #[default]
    None,
    /// Through the egress proxy only.
    Hosts(BTreeSet<Host>),
    Any,
}

/// `example.com`, `example.com:443`, `*.example.com` (any name below it), `[::1]:80`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Host {
    /// Lower case; of an IPv6 address without its brackets.
    name: String,
    /// True for `*.name`.
    below: bool,
    /// None: any port.
    port: Option<u16>,
}

impl Host {
    /// # Errors
    /// A sentence that says what is wrong with `text`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bad = |why: &str| Err(format!("{text:?} is no host: {why}"));
        let (below, rest) = match text.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (name, port) = match rest.strip_prefix('[') {
            Some(inner) => match inner.split_once(']') {
                Some((name, "")) => (name, None),
                Some((name, port)) => (name, port.strip_prefix(':').or(Some(""))),
                None => return bad("a bracket is not closed"),
            },
            // More than one colon without brackets is an IPv6 address.
            None if rest.matches(':').count() > 1 => (rest, None),
            None => match rest.split_once(':') {
                Some((name, port)) => (name, Some(port)),
                None => (rest, None),
            },
        };
        let port = match port.map(str::parse::<u16>) {
            None => None,
            Some(Ok(port)) if port > 0 => Some(port),
            Some(_) => return bad("after the colon stands a port from 1 to 65535"),
        };
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        let six = name.contains(':');
        // One address, one spelling; an IPv4 address in IPv6 dress is the IPv4 address.
        let name = match name.parse::<Ipv6Addr>() {
            Ok(address) if six => IpAddr::V6(address).to_canonical().to_string(),
            Ok(_) | Err(_) => name,
        };
        let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if six && (below || name.parse::<IpAddr>().is_err()) {
            return bad("it is no IPv6 address");
        }
        if !six
            && (name.is_empty() || !name.chars().all(letter) || name.split('.').any(str::is_empty))
        {
            return bad("write a name such as example.com, without scheme and path");
        }
        Ok(Self { name, below, port })
    }

    /// True if a connection to `name` at `port` is meant by this.
    pub fn admits(&self, name: &str, port: u16) -> bool {
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        self.port.is_none_or(|own| own == port) && self.covers_name(&name, false)
    }

    /// True if all that `other` means is meant by this.
    pub fn covers(&self, other: &Self) -> bool {
        let port = self.port.is_none() || self.port == other.port;
        port && self.covers_name(&other.name, other.below)
    }

    fn covers_name(&self, name: &str, below: bool) -> bool {
        if !self.below {
            return !below && self.name == name;
        }
        let under = name.strip_suffix(&self.name).is_some_and(|head| head.ends_with('.'));
        under || (below && self.name == name)
    }

    /// What both mean; none where that is nothing.
    fn meet(&self, other: &Self) -> Option<Self> {
        if self.covers(other) {
            return Some(other.clone());
        }
        if other.covers(self) {
            return Some(self.clone());
        }
        // The narrower name with the port that one of them asks for.
        let port = match (self.port, other.port) {
            (Some(own), Some(theirs)) if own != theirs => return None,
            (own, theirs) => own.or(theirs),
        };
        let narrower = if self.covers_name(&other.name, other.below) {
            other
        } else if other.covers_name(&self.name, self.below) {
            self
        } else {
            return None;
        };
        Some(Self { port, ..narrower.clone() })
    }
}

impl TryFrom<String> for Host {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl From<Host> for String {
    fn from(host: Host) -> Self {
        host.to_string()
    }
}

impl std::fmt::Display for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let star = if self.below { "*." } else { "" };
        match self.port {
            Some(port) if self.name.contains(':') => write!(f, "[{}]:{port}", self.name),
            Some(port) => write!(f, "{star}{}:{port}", self.name),
            None => write!(f, "{star}{}", self.name),
        }
    }
}

impl Net {
    pub fn admits(&self, name: &str, port: u16) -> bool {
        match self {
            Self::None => false,
            Self::Hosts(hosts) => hosts.iter().any(|host| host.admits(name, port)),
            Self::Any => true,
        }
    }

    /// True if this very address stands there, not merely a name that leads to it.
    pub fn names(&self, address: IpAddr, port: u16) -> bool {
        match self {
            Self::None | Self::Any => false,
            Self::Hosts(hosts) => hosts.iter().any(|host| {
                !host.below && host.name.parse() == Ok(address) && host.admits(&host.name, port)
            }),
        }
    }

    /// As [`Self::names`], at whichever port.
    pub fn names_at_all(&self, address: IpAddr) -> bool {
        match self {
            Self::None | Self::Any => false,
            Self::Hosts(hosts) => {
                hosts.iter().any(|host| !host.below && host.name.parse() == Ok(address))
            }
        }
    }

    fn meet(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Any, net) | (net, Self::Any) => net.clone(),
            (Self::None, _) | (_, Self::None) => Self::None,
            (Self::Hosts(own), Self::Hosts(theirs)) => {
                let pairs = own.iter().flat_map(|a| theirs.iter().filter_map(|b| a.meet(b)));
                let both: BTreeSet<Host> = pairs.collect();
                if both.is_empty() { Self::None } else { Self::Hosts(both) }
            }
        }
    }

    fn is_within(&self, parent: &Self) -> bool {
        match (self, parent) {
            (Self::None, _) | (_, Self::Any) => true,
            (Self::Any | Self::Hosts(_), Self::None) | (Self::Any, Self::Hosts(_)) => false,
            (Self::Hosts(own), Self::Hosts(theirs)) => {
                own.iter().all(|host| theirs.iter().any(|wider| wider.covers(host)))
            }
        }
    }
}

impl Scope {
    /// No sandbox: whatever the user may.
    pub fn none() -> Self {
        Self { sandbox: Sandbox::None, net: Net::Any, ..Self::default() }
    }

    pub fn is_strict(&self) -> bool {
        match self.sandbox {
            Sandbox::Strict => true,
            Sandbox::None => false,
        }
    }

    /// True if `path` may be written.
    pub fn may_write(&self, path: &Path) -> bool {
        !self.is_strict() || self.write.iter().any(|root| path.starts_with(root))
    }

    /// What both allow: the scope of a child that asks for `other` under a parent with this.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Self {
        match (self.is_strict(), other.is_strict()) {
            (false, _) => return other.clone(),
            (true, false) => return self.clone(),
            (true, true) => {}
        }
        let write = common(&self.write, &other.write);
        let all = |scope: &Self| scope.write.iter().chain(&scope.read).cloned().collect::<Vec<_>>();
        let mut read = common(&all(self), &all(other));
        read.retain(|path| !write.iter().any(|root| path.starts_with(root)));
        let allow = self
            .allow
            .iter()
            .flat_map(|a| other.allow.iter().filter_map(|b| longer(a, b)))
            .collect::<BTreeSet<_>>();
        let only = match (&self.only, &other.only) {
            (None, only) | (only, None) => only.clone(),
            (Some(own), Some(theirs)) => Some(own.intersection(theirs).cloned().collect()),
        };
        Self {
            sandbox: Sandbox::Strict,
            write,
            read,
            net: self.net.meet(&other.net),
            allow: allow.into_iter().collect(),
            only,
        }
    }

    /// What of this wish `granted` does not hold, a sentence each; what is not wished is not
    /// missed.
    pub fn beyond(&self, granted: &Self) -> Vec<String> {
        if !granted.is_strict() {
            return Vec::new();
        }
        let readable = |path: &PathBuf| granted.read.iter().any(|root| path.starts_with(root));
        let part = |path: &PathBuf, of: &[PathBuf]| of.iter().any(|own| own.starts_with(path));
        let mut found = Vec::new();
        for path in self.write.iter().filter(|path| !granted.may_write(path)) {
            let left = match (part(path, &granted.write), readable(path)) {
                (true, _) => "a part of it only",
                (false, true) => "to be read only",
                (false, false) => "out of reach",
            };
            found.push(format!("scope {}: {left}", path.display()));
        }
        let missing = |path: &&PathBuf| !granted.may_write(path) && !readable(path);
        for path in self.read.iter().filter(missing) {
            let some = part(path, &granted.write) || part(path, &granted.read);
            let left = if some { "a part of it only" } else { "out of reach" };
            found.push(format!("read {}: {left}", path.display()));
        }
        match (&self.net, &granted.net) {
            (Net::Any, net) if *net != Net::Any => found.push(format!("net any: {net} is granted")),
            (Net::Hosts(hosts), net) => {
                let wish = |host: &Host| Net::Hosts([host.clone()].into());
                let missing = hosts.iter().filter(|host| !wish(host).is_within(net));
                found.extend(missing.map(|host| format!("net {host}: {net} is granted")));
            }
            (Net::None | Net::Any, _) => {}
        }
        let allowed = |line: &[String]| granted.allow.iter().any(|own| line.starts_with(own));
        let missing = self.allow.iter().filter(|line| !allowed(line));
        found.extend(missing.map(|line| format!("allow \"{}\": it has to ask", line.join(" "))));
        if let (Some(wish), Some(only)) = (&self.only, &granted.only) {
            let missing = wish.difference(only);
            found.extend(missing.map(|name| format!("allow-only {name}: it cannot be executed")));
        }
        found
    }

    /// True if all that this allows is allowed by `parent`.
    pub fn is_within(&self, parent: &Self) -> bool {
        if !parent.is_strict() {
            return true;
        }
        let under = |roots: &[&[PathBuf]], path: &Path| {
            roots.iter().any(|roots| roots.iter().any(|root| path.starts_with(root)))
        };
        let only = match (&self.only, &parent.only) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(own), Some(theirs)) => own.is_subset(theirs),
        };
        self.is_strict()
            && only
            && self.write.iter().all(|path| under(&[&parent.write], path))
            && self.read.iter().all(|path| under(&[&parent.write, &parent.read], path))
            && self.net.is_within(&parent.net)
            && self.allow.iter().all(|own| parent.allow.iter().any(|wider| own.starts_with(wider)))
    }
}

/// `none`, or `strict: write /w; read /r; net example.com`.
impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.is_strict() {
            return f.pad("none");
        }
        let paths = |paths: &[PathBuf]| {
            paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
        };
        let mut words = String::from("strict");
        let mut say = |word: &str, what: String| {
            words.push_str(if words.len() > "strict".len() { "; " } else { ": " });
            words.push_str(&format!("{word} {what}"));
        };
        if !self.write.is_empty() {
            say("write", paths(&self.write));
        }
        if !self.read.is_empty() {
            say("read", paths(&self.read));
        }
        say("net", self.net.to_string());
        if let Some(only) = &self.only {
            say("only", only.iter().cloned().collect::<Vec<_>>().join(", "));
        }
        f.pad(&words)
    }
}

impl std::fmt::Display for Net {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Any => f.write_str("any"),
            Self::Hosts(hosts) => {
                let hosts: Vec<String> = hosts.iter().map(Host::to_string).collect();
                f.write_str(&hosts.join(", "))
            }
        }
    }
}

/// The longer of two beginnings, if one begins with the other.
fn longer(a: &[String], b: &[String]) -> Option<Vec<String>> {
    if a.starts_with(b) {
        Some(a.to_vec())
    } else if b.starts_with(a) {
        Some(b.to_vec())
    } else {
        None
    }
}

/// What lies under a path of both lists.
fn common(own: &[PathBuf], theirs: &[PathBuf]) -> Vec<PathBuf> {
    let deeper = |a: &PathBuf, b: &PathBuf| {
        if a.starts_with(b) {
            Some(a.clone())
        } else if b.starts_with(a) {
            Some(b.clone())
        } else {
            None
        }
    };
    outermost(own.iter().flat_map(|a| theirs.iter().filter_map(|b| deeper(a, b))).collect())
}

/// Sorted, without those that lie in another.
pub fn outermost(mut paths: Vec<PathBuf>) -> Vec<PathBuf> {
    paths.sort();
    // A parent sorts before what lies in it.
    let mut kept: Vec<PathBuf> = Vec::new();
    for path in paths {
        if !kept.iter().any(|root| path.starts_with(root)) {
            kept.push(path);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> Host {
        Host::parse(text).unwrap()
    }

    #[test]
    fn hosts() {
        assert!(host("Example.com").admits("example.COM.", 443));
        assert!(!host("example.com:443").admits("example.com", 80));
        assert!(!host("example.com").admits("evil-example.com", 80));
        assert!(host("*.example.com").admits("a.b.example.com", 80));
        assert!(!host("*.example.com").admits("example.com", 80));
        assert!(!host("*.example.com").admits("xexample.com", 80));
        assert!(host("[::1]:80").admits("::1", 80) && host("::1").admits("::1", 1));
        for text in ["", "*.", "http://x", "a b", "x:0", "x:99999", "x:", "[::1", "a..b", "*.[::1]"]
        {
            assert!(Host::parse(text).is_err(), "{text}");
        }
        for text in ["a.b", "*.a.b:8", "[::1]:80", "::1"] {
            assert_eq!(host(text).to_string(), text);
        }
        assert_eq!(host("[0:0::1]:80"), host("[::1]:80"));
        assert_eq!(host("[::ffff:10.0.0.1]:80"), host("10.0.0.1:80"));
        let net = Net::Hosts([host("10.0.0.1:80"), host("a.com"), host("*.0.0.1")].into());
        assert!(net.names([10, 0, 0, 1].into(), 80) && !net.names([10, 0, 0, 1].into(), 81));
        assert!(!net.names([9, 0, 0, 1].into(), 80) && !Net::Any.names([9, 0, 0, 1].into(), 1));
    }

    #[test]
    fn what_two_scopes_have_in_common() {
        let parent = Scope {
            write: vec!["/w".into()],
            read: vec!["/r".into()],
            net: Net::Hosts([host("*.a.com")].into()),
            only: Some(["git".to_owned(), "ls".to_owned()].into()),
            ..Scope::default()
        };
        let child = Scope {
            write: vec!["/".into()],
            read: vec!["/r/x".into(), "/etc".into()],
            net: Net::Hosts([host("x.a.com:443"), host("b.com")].into()),
            ..Scope::default()
        };
        let both = parent.meet(&child);
        assert_eq!(both.write, [PathBuf::from("/w")]);
        assert_eq!(both.read, [PathBuf::from("/r")], "the whole of / was asked for writing");
        assert_eq!(both.net, Net::Hosts([host("x.a.com:443")].into()));
        assert!(both.is_within(&parent) && both.is_within(&child));
        assert_eq!(both.only, parent.only);
        assert!(!child.is_within(&parent));
        // Nobody gets out of a sandbox by asking for none.
        assert_eq!(parent.meet(&Scope::none()), parent);
        assert_eq!(Scope::none().meet(&parent), parent);
        assert!(!Scope::none().is_within(&parent) && parent.is_within(&Scope::none()));
        assert_eq!(
            child.beyond(&both),
            [
                "scope /: a part of it only",
                "read /etc: out of reach",
                "net b.com: x.a.com:443 is granted",
            ]
        );
        assert_eq!(both.beyond(&both), [""; 0]);
        let any = Scope { net: Net::Any, ..both.clone() };
        assert_eq!(any.beyond(&both), ["net any: x.a.com:443 is granted"]);
        assert_eq!(host("*.a.com:1").meet(&host("x.a.com")), Some(host("x.a.com:1")));
    }
}
