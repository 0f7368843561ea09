//! The clipboard, by OSC 52: the one that the terminal has, also over ssh.

/// More than this no terminal is sent.
pub const MOST: usize = 1 << 20;

/// What puts a text into the clipboard; what is over [`MOST`] is cut.
pub fn sequence(text: &str) -> String {
    let end = text.floor_char_boundary(MOST);
    format!("\x1b]52;c;{}\x07", base64(&text.as_bytes()[..end]))
}

fn base64(bytes: &[u8]) -> String {
    const SET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            let six = (bits >> (18 - 6 * at) & 63) as usize;
            out.push(if at > chunk.len() { '=' } else { char::from(SET[six]) });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_encoded() {
        for (text, code) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("漢字?>", "5ryi5a2XPz4=")]
        {
            assert_eq!(base64(text.as_bytes()), code, "{text}");
        }
        assert_eq!(sequence("foo"), "\x1b]52;c;Zm9v\x07");
        assert!(sequence(&"漢".repeat(MOST)).len() < MOST * 3 / 2);
    }
}
