//! Scope: what an attempt may touch, resolved: absolute paths without links, and what is
//! reached ([`Net`]). A child's scope is what its parent's and its own request have in common
//! ([`Scope::meet`]); [`Scope::is_within`] says whether one fits in another.

use super::{Host, Net};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

/// What stays as it is inside every sandboxed scope, and what works instead: programs say
/// only that a file is busy or cannot be written.
pub const HELD_BACK: &str = "read-only in it: .git/config, hooks, start-up files and settings of \
     agents, editors and package managers (git says \"Device or resource busy\"); git config \
     --global and git -c work";

/// Everything not named here is out of reach.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Scope {
    pub sandbox: Sandbox,
    /// Directories and files that may be written, and read. Sorted; none lies in another, unless
    /// it would stay held back there without being named.
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
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Sandbox {
    #[default]
    Strict,
    /// Asked for by name (`--no-sandbox`): the agent may do whatever its user may, and the
    /// rest of the scope says nothing.
    None,
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
    }
}
