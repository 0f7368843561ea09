//! Which addresses mean the same to everybody: only those are reached without being named.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What keeps an address from being public (RFC 6890 and its registries); none if it is.
pub fn special(address: IpAddr) -> Option<&'static str> {
    match address.to_canonical() {
        IpAddr::V4(four) => special_four(four),
        IpAddr::V6(six) => special_six(six),
    }
}

fn special_four(four: Ipv4Addr) -> Option<&'static str> {
    let [a, b, c, _] = four.octets();
    Some(match (a, b, c) {
        (0, ..) => "an unspecified",
        (127, ..) => "a loopback",
        (169, 254, _) => "a link-local",
        // Azure's wire server hands out credentials, from an address that looks public.
        _ if four == Ipv4Addr::new(168, 63, 129, 16) => "a metadata",
        (10, ..) | (172, 16..=31, _) | (192, 168, _) | (100, 64..=127, _) => "a private",
        (224..=239, ..) => "a multicast",
        (240.., ..) | (192, 0, 0 | 2) | (192, 88, 99) | (198, 18..=19, _) => "a reserved",
        (198, 51, 100) | (203, 0, 113) => "a reserved",
        _ => return None,
    })
}

fn special_six(six: Ipv6Addr) -> Option<&'static str> {
    let segments = six.segments();
    if let [0x64, 0xff9b, 0, 0, 0, 0, high, low] = segments {
        // NAT64: it leads to the IPv4 address in its tail.
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        return special_four(Ipv4Addr::new(a, b, c, d));
    }
    Some(match segments {
        [0, 0, 0, 0, 0, 0, 0, 0] => "an unspecified",
        [0, 0, 0, 0, 0, 0, 0, 1] => "a loopback",
        [0xfe80..=0xfebf, ..] => "a link-local",
        [0xfc00..=0xfdff, ..] | [0xfec0..=0xfeff, ..] => "a private",
        [0xff00..=0xffff, ..] => "a multicast",
        // Teredo and its like, documentation, 6to4: tunnels to IPv4 addresses, or nothing.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x2002, ..] => "a reserved",
        [0x3fff, 0..=0xfff, ..] => "a reserved",
        [0x2000..=0x3fff, ..] => return None,
        _ => "a reserved",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_public() {
        for (text, expected) in [
            ("8.8.8.8", None),
            ("1.1.1.1", None),
            ("172.32.0.1", None),
            ("100.128.0.1", None),
            ("169.253.0.1", None),
            ("2606:4700::1111", None),
            ("64:ff9b::8.8.8.8", None),
            ("::ffff:8.8.8.8", None),
            ("0.0.0.0", Some("an unspecified")),
            ("0.1.2.3", Some("an unspecified")),
            ("127.0.0.1", Some("a loopback")),
            ("127.255.0.9", Some("a loopback")),
            ("169.254.169.254", Some("a link-local")),
            ("168.63.129.16", Some("a metadata")),
            ("10.1.2.3", Some("a private")),
            ("172.16.0.1", Some("a private")),
            ("192.168.1.1", Some("a private")),
            ("100.100.100.200", Some("a private")),
            ("224.0.0.1", Some("a multicast")),
            ("255.255.255.255", Some("a reserved")),
            ("198.19.0.1", Some("a reserved")),
            ("203.0.113.7", Some("a reserved")),
            ("::", Some("an unspecified")),
            ("::1", Some("a loopback")),
            ("::ffff:127.0.0.1", Some("a loopback")),
            ("::ffff:169.254.169.254", Some("a link-local")),
            ("::127.0.0.1", Some("a reserved")),
            ("64:ff9b::10.0.0.1", Some("a private")),
            ("64:ff9b:1::1", Some("a reserved")),
            ("fe80::1", Some("a link-local")),
            ("febf::1", Some("a link-local")),
            ("fec0::1", Some("a private")),
            ("fd00:ec2::254", Some("a private")),
            ("ff02::1", Some("a multicast")),
            ("2002:7f00:1::", Some("a reserved")),
            ("2001:0:53aa:64c::1", Some("a reserved")),
            ("2001:db8::1", Some("a reserved")),
            ("4000::1", Some("a reserved")),
        ] {
            assert_eq!(special(text.parse().unwrap()), expected, "{text}");
        }
    }
}
