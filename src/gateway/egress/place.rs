//! Where an agent wants to go. What two programs could read as two different hosts is no
//! host here: the proxy must connect to what it has checked.

use crate::model::{Net, Scope};
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// Characters of a name (RFC 1035).
const LONGEST: usize = 253;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub host: Host,
    pub port: u16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// An IPv4 address in IPv6 dress is the IPv4 address.
    Address(IpAddr),
    /// Lower case, without the final dot.
    Name(String),
}

impl Place {
    /// Reads `host:port`; without a port the `default` counts, where there is one.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn parse(text: &str, default: Option<u16>) -> Result<Self, String> {
        let bad = |why: &str| Err(format!("{} is no host to connect to: {why}", shown(text)));
        if let Some(odd) = text.chars().find(|c| !c.is_ascii_graphic()) {
            return bad(&format!("it holds '{}'", odd.escape_default()));
        }
        if text.contains('@') {
            return bad("a user before the host is not taken");
        }
        let (name, port) = match text.strip_prefix('[') {
            Some(inner) => match inner.split_once(']') {
                Some((name, "")) => (name, None),
                Some((name, rest)) => match rest.strip_prefix(':') {
                    Some(port) => (name, Some(port)),
                    None => return bad("after the bracket stands a colon and a port"),
                },
                None => return bad("a bracket is not closed"),
            },
            None => match text.split_once(':') {
                Some((name, port)) => (name, Some(port)),
                None => (text, None),
            },
        };
        let port = match port {
            // Digits only: `parse` takes a plus sign.
            Some(port) if port.bytes().all(|b| b.is_ascii_digit()) => port.parse().ok(),
            Some(_) => None,
            None => default,
        };
        let Some(port) = port.filter(|port| *port > 0) else {
            return bad("after the host stands a colon and a port from 1 to 65535");
        };
        if text.starts_with('[') {
            let Ok(six) = name.parse::<Ipv6Addr>() else { return bad("it is no IPv6 address") };
            return Ok(Self { host: Host::Address(IpAddr::V6(six).to_canonical()), port });
        }
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        if name.len() > LONGEST {
            return bad("it is too long");
        }
        let label = |label: &str| {
            let letter = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
            (1..=63).contains(&label.len()) && label.bytes().all(letter)
        };
        if !name.split('.').all(label) {
            return bad("a name is made of letters, digits, hyphens and single dots");
        }
        // What ends in a number is an IPv4 address to whoever connects, in up to four parts,
        // decimal, octal or hexadecimal. Only the plain form means one thing to everybody.
        let last = name.rsplit('.').next().unwrap_or_default();
        let hexadecimal = last
            .strip_prefix("0x")
            .is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        if hexadecimal || last.bytes().all(|b| b.is_ascii_digit()) {
            let Ok(four) = name.parse::<Ipv4Addr>() else {
                return bad("write an address as four numbers, such as 192.0.2.1");
            };
            return Ok(Self { host: Host::Address(IpAddr::V4(four)), port });
        }
        Ok(Self { host: Host::Name(name), port })
    }

    /// The host alone, as the scope and the journal write it.
    pub fn name(&self) -> String {
        match &self.host {
            Host::Address(address) => address.to_string(),
            Host::Name(name) => name.clone(),
        }
    }

    /// Before anything is resolved: a name outside the scope is not even looked up.
    ///
    /// # Errors
    /// A sentence that says why it is refused.
    pub fn admitted(&self, scope: &Scope) -> Result<(), String> {
        if !scope.is_strict() {
            return Err("this agent runs without a sandbox: there is no proxy for it, \
                        connect directly"
                .to_owned());
        }
        let admitted = match (&self.host, &scope.net) {
            (_, Net::Any) => true,
            (Host::Address(address), net) => net.names(*address, self.port),
            (Host::Name(name), net) => net.admits(name, self.port),
        };
        if admitted { Ok(()) } else { Err(format!("{self} is outside this agent's --net")) }
    }

    /// Whether `address`, to which this leads, may be connected to.
    ///
    /// # Errors
    /// A sentence that says why it is refused.
    pub fn may_reach(&self, scope: &Scope, address: IpAddr) -> Result<(), String> {
        let Some(kind) = super::address::special(address) else { return Ok(()) };
        let address = address.to_canonical();
        let local = matches!(&self.host, Host::Name(name) if name == "localhost");
        if (local && address.is_loopback()) || scope.net.names(address, self.port) {
            return Ok(());
        }
        Err(match &self.host {
            Host::Address(_) => {
                format!("{address} is {kind} address: only --net {address} opens it")
            }
            Host::Name(name) => format!(
                "{name} leads to {kind} address, {address}, which --net {name} does not open: \
                 it would take --net {address} as well"
            ),
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Address(IpAddr::V6(six)) => write!(f, "[{six}]:{}", self.port),
            Host::Address(IpAddr::V4(four)) => write!(f, "{four}:{}", self.port),
            Host::Name(name) => write!(f, "{name}:{}", self.port),
        }
    }
}

/// What an agent wrote, short and without what a terminal would take for an order.
pub fn shown(text: &str) -> String {
    text.chars().take(80).flat_map(char::escape_default).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Host as Named;

    fn place(text: &str) -> String {
        Place::parse(text, None).unwrap().to_string()
    }

    #[test]
    fn one_reading_only() {
        for (text, expected) in [
            ("Example.COM:443", "example.com:443"),
            ("example.com.:443", "example.com:443"),
            ("127.0.0.1:8080", "127.0.0.1:8080"),
            ("[::1]:80", "[::1]:80"),
            ("[0:0::1]:80", "[::1]:80"),
            ("[::ffff:127.0.0.1]:80", "127.0.0.1:80"),
            ("[::FFFF:7f00:1]:80", "127.0.0.1:80"),
            ("_a.b-c.d9:1", "_a.b-c.d9:1"),
            ("0x.example:1", "0x.example:1"),
        ] {
            assert_eq!(place(text), expected, "{text}");
        }
    }

    #[test]
    fn tricks_are_no_hosts() {
        let long = format!("{}.com:1", "a".repeat(64));
        let longer = format!("{}com:1", "abc.".repeat(70));
        for text in [
            "",
            ":80",
            "a",
            "a:",
            "a:0",
            "a:65536",
            "a:+80",
            "a:8 0",
            "a:80:90",
            "::1:80",
            "a b:80",
            "a\0b:80",
            "a\tb:80",
            "a\r\nb:80",
            "bücher.de:80",
            "good.com@evil.com:80",
            "good.com:80@evil.com:80",
            "good.com%00.evil.com:80",
            "%31%32%37.0.0.1:80",
            "a/b:80",
            "a\\b:80",
            "a?b:80",
            "a#b:80",
            "a..b:80",
            ".a:80",
            "a..:80",
            ".:80",
            "2130706433:80",
            "0x7f000001:80",
            "0x7f.0.0.1:80",
            "127.0.0.0x1:80",
            "a.0x:80",
            "0177.0.0.1:80",
            "127.1:80",
            "127.0.1:80",
            "127.0.0.01:80",
            "127.0.0.256:80",
            "1.2.3.4.5:80",
            "a.1:80",
            "[::1:80",
            "[::1]80",
            "[::1]:",
            "[fe80::1%25eth0]:80",
            "[fe80::1%eth0]:80",
            "[127.0.0.1]:80",
            "[a.com]:80",
            "*.a.com:80",
            "a,b:80",
            &long,
            &longer,
        ] {
            let wrong = Place::parse(text, None).unwrap_err();
            assert!(wrong.contains("is no host to connect to") && wrong.is_ascii(), "{wrong}");
            assert!(!wrong.contains(['\0', '\r', '\n', '\t']), "{wrong:?}");
        }
        assert_eq!(Place::parse("a.com", Some(80)).unwrap().to_string(), "a.com:80");
    }

    fn scope(hosts: &[&str]) -> Scope {
        let hosts = hosts.iter().map(|host| Named::parse(host).unwrap());
        Scope { net: Net::Hosts(hosts.collect()), ..Scope::default() }
    }

    #[test]
    fn the_scope_decides_what_is_looked_up() {
        let some = scope(&["a.com:443", "*.b.com", "127.0.0.1:3000", "[::ffff:9.9.9.9]:53", "*.8"]);
        for (text, admitted) in [
            ("a.com:443", true),
            ("A.com.:443", true),
            ("a.com:80", false),
            ("x.a.com:443", false),
            ("x.b.com:1", true),
            ("b.com:1", false),
            ("127.0.0.1:3000", true),
            ("[::ffff:127.0.0.1]:3000", true),
            ("127.0.0.1:3001", false),
            ("localhost:3000", false),
            ("9.9.9.9:53", true),
            ("8.8.8.8:53", false),
        ] {
            let place = Place::parse(text, None).unwrap();
            assert_eq!(place.admitted(&some).is_ok(), admitted, "{text}");
            assert!(place.admitted(&Scope::default()).is_err(), "{text}");
            let any = Scope { net: Net::Any, ..Scope::default() };
            assert!(place.admitted(&any).is_ok(), "{text}");
            let bare = place.admitted(&Scope::none()).unwrap_err();
            assert!(bare.contains("without a sandbox"), "{bare}");
        }
    }

    #[test]
    fn addresses_without_a_public_meaning_are_named_or_refused() {
        let scope = scope(&["a.com", "localhost", "10.0.0.5:443", "::1"]);
        for (text, address, reached) in [
            ("a.com:443", "8.8.8.8", true),
            ("a.com:443", "127.0.0.1", false),
            ("a.com:443", "169.254.169.254", false),
            ("a.com:443", "::ffff:127.0.0.1", false),
            ("a.com:443", "fe80::1", false),
            ("a.com:443", "10.0.0.6", false),
            ("a.com:443", "10.0.0.5", true),
            ("a.com:443", "::ffff:10.0.0.5", true),
            ("a.com:80", "10.0.0.5", false),
            ("localhost:80", "127.0.0.1", true),
            ("localhost:80", "10.0.0.1", false),
            ("[::1]:80", "::1", true),
        ] {
            let place = Place::parse(text, None).unwrap();
            let said = place.may_reach(&scope, address.parse().unwrap());
            assert_eq!(said.is_ok(), reached, "{text} at {address}: {said:?}");
        }
        let any = Scope { net: Net::Any, ..Scope::default() };
        let place = Place::parse("127.0.0.1:80", None).unwrap();
        assert!(place.may_reach(&any, "127.0.0.1".parse().unwrap()).is_err());
    }
}
