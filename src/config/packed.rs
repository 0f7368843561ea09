//! Files that are embedded small: one block of LZ4 each, made by `build.rs`.

/// The text as it was; of a block that is none, what could be read.
pub fn unpacked(block: &[u8]) -> String {
    let mut out = Vec::with_capacity(block.len() * 5);
    let mut rest = block.iter().copied();
    while let Some(token) = rest.next() {
        let plain = count(token >> 4, &mut rest);
        out.extend(rest.by_ref().take(plain));
        let (Some(low), Some(high)) = (rest.next(), rest.next()) else { break };
        let distance = usize::from(u16::from_le_bytes([low, high]));
        for _ in 0..count(token & 15, &mut rest) + 4 {
            let Some(&byte) = out.len().checked_sub(distance).and_then(|at| out.get(at)) else {
                break;
            };
            out.push(byte);
        }
    }
    String::from_utf8(out).unwrap_or_default()
}

/// Four bits; all set: more follow, until one byte is less than 255.
fn count(four: u8, rest: &mut impl Iterator<Item = u8>) -> usize {
    let mut count = usize::from(four);
    let mut more = four == 15;
    while more {
        let byte = rest.next().unwrap_or(0);
        count += usize::from(byte);
        more = byte == 255;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_read() {
        // Four bytes as they are, twenty that stood four before, and an end.
        let block = *b"\x4fabcd\x04\x00\x01\x30xyz";
        assert_eq!(unpacked(&block), "abcd".repeat(6) + "xyz");
        assert_eq!(unpacked(b""), "");
        assert_eq!(unpacked(b"\x40ab"), "ab");
        assert_eq!(unpacked(b"\x14a\x09\x00"), "a", "further back than there is anything");
    }
}
