//! What of the network an attempt may reach: hosts in lower case, with or without a port, and
//! what two such lists have in common.

use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv6Addr},
};

/// What of the network is reached beside the gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
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
#[cfg_attr(test, derive(schemars::JsonSchema))]
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

    /// What both reach.
    pub(super) fn meet(&self, other: &Self) -> Self {
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

    pub(super) fn is_within(&self, parent: &Self) -> bool {
        match (self, parent) {
            (Self::None, _) | (_, Self::Any) => true,
            (Self::Any | Self::Hosts(_), Self::None) | (Self::Any, Self::Hosts(_)) => false,
            (Self::Hosts(own), Self::Hosts(theirs)) => {
                own.iter().all(|host| theirs.iter().any(|wider| wider.covers(host)))
            }
        }
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
        assert_eq!(host("*.a.com:1").meet(&host("x.a.com")), Some(host("x.a.com:1")));
    }
}
