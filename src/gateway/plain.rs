//! A request as it is judged: what JSON lets be written in several ways is written in one.

use std::borrow::Cow;

/// The same JSON with its letters, digits and signs as themselves, where they are escaped: what is
/// looked for in a request is found however its author wrote it. Of quotes and backslashes the
/// escapes stay, so that no text ends elsewhere.
pub fn plain(body: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memmem::find(body, br"\u00").is_none()
        && memchr::memmem::find(body, br"\/").is_none()
    {
        return Cow::Borrowed(body);
    }
    let mut out = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at..];
        let (byte, len) = match rest.get(1) {
            Some(b'/') => (Some(b'/'), 2),
            Some(b'u') => (sign(rest.get(2..6)), 6),
            _ => (None, 2),
        };
        // Whatever is escaped goes with its backslash: it begins no escape of its own.
        let len = if byte.is_some() { len } else { 2.min(rest.len()) };
        match byte {
            Some(byte) => out.push(byte),
            None => out.extend_from_slice(&rest[..len]),
        }
        rest = &rest[len..];
    }
    out.extend_from_slice(rest);
    Cow::Owned(out)
}

/// The printable sign of ASCII with this number, four hexadecimal digits.
fn sign(digits: Option<&[u8]>) -> Option<u8> {
    let digits = std::str::from_utf8(digits?).ok()?.strip_prefix("00")?;
    let byte = u8::from_str_radix(digits, 16).ok()?;
    (byte.is_ascii_graphic() && byte != b'"' && byte != b'\\').then_some(byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, prop_assert_eq, proptest};

    fn shown(body: &str) -> String {
        String::from_utf8(plain(body.as_bytes()).into_owned()).unwrap()
    }

    #[test]
    fn what_is_escaped_for_no_need_is_written_plainly() {
        assert_eq!(shown(r#"{"inlineDat\u0061":"audio\/mp3"}"#), r#"{"inlineData":"audio/mp3"}"#);
        assert_eq!(shown(r#""\u003cb\u003E""#), r#""<b>""#);
        for same in [
            r#""\u0022 \u005c \u005C \u000a \u00e4 \u2019 \n \\ \"""#,
            r#""\\u0061 \\\\u0061""#,
            r#""\u006""#,
            r#""\u00+1""#,
            r"\",
            r"\u",
        ] {
            assert_eq!(shown(same), same);
        }
        assert_eq!(shown(r#""\\\u0061""#), r#""\\a""#);
        assert!(matches!(plain(b"{}"), Cow::Borrowed(_)));
    }

    proptest! {
        #[test]
        fn it_means_the_same(text in any::<String>(), marks in "[\\\\/\"ab<]{0,8}") {
            let escaped: String = (text + &marks).encode_utf16().map(|n| format!("\\u{n:04x}")).collect();
            let body = format!("{{\"a\":\"{escaped}\"}}");
            let before: serde_json::Value = serde_json::from_str(&body).unwrap();
            let after: serde_json::Value = serde_json::from_str(&shown(&body)).unwrap();
            prop_assert_eq!(before, after);
        }
    }
}
