//! Fuzzers of what the egress proxy reads: see `tests/fuzz/main.rs`.

use super::{
    address::special,
    place::{Host, Place, shown},
    proxy::outgoing,
};
use crate::model::{self, Net, Scope};
use hyper::{Request, header};
use std::{
    net::{IpAddr, SocketAddr},
    path::Path,
    time::Duration,
};

/// Most that one target takes where the environment does not say otherwise.
const TIME: Duration = Duration::from_secs(2);

const WORDS: &[&str] = &[
    "a",
    "b.",
    ".",
    "-",
    "_",
    ":",
    "::",
    "[",
    "]",
    "@",
    "/",
    "?",
    "#",
    "%",
    "0",
    "1",
    "127",
    "0x",
    "0x7f",
    "017",
    "255",
    "256",
    "ffff",
    "fe80",
    ".com",
    "example",
    "localhost",
    ":80",
    ":443",
    ":0",
    ":65535",
    ":65536",
    "+",
    " ",
    "\t",
    "\\",
    "é",
    "。",
    "xn--",
    "http://",
    "::ffff:1.2.3.4",
    "2130706433",
    "A",
    "*",
];

/// What is taken for a host is written in one way, read again as the same, and no resolver
/// would take it for something else.
fn place(text: &str) {
    assert!(shown(text).is_ascii());
    for default in [None, Some(80)] {
        let Ok(place) = Place::parse(text, default) else { continue };
        let again = Place::parse(&place.to_string(), None);
        assert_eq!(again.as_ref(), Ok(&place), "{text:?}");
        match &place.host {
            Host::Address(address) => {
                assert_eq!(*address, address.to_canonical(), "{text:?}");
                let socket: SocketAddr = place.to_string().parse().unwrap();
                assert_eq!((socket.ip(), socket.port()), (*address, place.port));
                let _ = special(*address);
            }
            Host::Name(name) => {
                assert!(name.parse::<IpAddr>().is_err(), "{text:?}");
                assert_eq!(*name, name.to_ascii_lowercase());
                assert!(!name.is_empty() && !name.ends_with('.') && name.is_ascii());
            }
        }
        // Only what is named is admitted, by its own name.
        let nothing = Scope { net: Net::Hosts(Default::default()), ..Scope::default() };
        assert!(place.admitted(&nothing).is_err());
        if let Ok(host) = model::Host::parse(&place.to_string()) {
            let named = Scope { net: Net::Hosts([host].into()), ..Scope::default() };
            assert_eq!(place.admitted(&named), Ok(()), "{text:?}");
        }
    }
}

/// The request that goes out names the host that was checked, and nobody else.
fn request(text: &str) {
    let Ok(request) = Request::builder().uri(text).header(header::HOST, "other").body(()) else {
        return;
    };
    let (head, ()) = request.into_parts();
    let authority = head.uri.authority().map_or("", |authority| authority.as_str());
    let Ok(place) = Place::parse(authority, Some(80)) else { return };
    let head = outgoing(head, &place);
    let hosts: Vec<_> = head.headers.get_all(header::HOST).iter().collect();
    let [host] = hosts.as_slice() else { panic!("{hosts:?} for {text:?}") };
    assert_eq!(Place::parse(host.to_str().unwrap(), Some(80)), Ok(place), "{text:?}");
    assert!(head.uri.authority().is_none() && head.uri.scheme().is_none(), "{text:?}");
    let path = head.uri.to_string();
    assert!(path.starts_with('/') || path == "*", "{text:?} becomes {path:?}");
}

#[test]
fn places() {
    let corpus =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("src/gateway/egress/__fuzz__/places/corpus");
    assert!(std::fs::read_dir(corpus).unwrap().count() >= 3);
    bolero::check!(name = "places")
        .with_iterations(30_000)
        .with_max_len(40)
        .with_test_time(TIME)
        .for_each(|input: &[u8]| {
            let made: String =
                input.iter().take(12).map(|byte| WORDS[usize::from(*byte) % WORDS.len()]).collect();
            for text in [&String::from_utf8_lossy(input), made.as_str()] {
                place(text);
                request(text);
                request(&format!("http://{text}"));
            }
        });
}
