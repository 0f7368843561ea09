//! Characters from bytes that come one by one.

/// Puts the bytes of a character together; what is none becomes U+FFFD.
#[derive(Default)]
pub struct Letters {
    /// The beginning of a character whose end is not there yet; at most 3 bytes. It is held
    /// back because bytes let through one by one could join to a control character.
    partial: Vec<u8>,
}

impl Letters {
    /// A byte of a character beyond ASCII; the characters that it completes.
    pub fn take(&mut self, byte: u8) -> impl Iterator<Item = char> + use<> {
        self.partial.push(byte);
        let mut whole = Vec::new();
        while !self.partial.is_empty() {
            match std::str::from_utf8(&self.partial) {
                Ok(text) => {
                    whole.extend(text.chars());
                    self.partial.clear();
                }
                Err(error) => {
                    let Some(wrong) = error.error_len() else { break };
                    self.partial.drain(..wrong);
                    whole.push(char::REPLACEMENT_CHARACTER);
                }
            }
        }
        whole.into_iter()
    }

    /// An unfinished character ends here.
    pub fn settle(&mut self) -> Option<char> {
        let open = !self.partial.is_empty();
        self.partial.clear();
        open.then_some(char::REPLACEMENT_CHARACTER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_come_whole_and_wrong_bytes_by_name() {
        let mut letters = Letters::default();
        let mut read = |bytes: &[u8]| -> String {
            let text: String = bytes.iter().flat_map(|byte| letters.take(*byte)).collect();
            text + &letters.settle().map_or(String::new(), String::from)
        };
        assert_eq!(read("é日👍".as_bytes()), "é日👍");
        assert_eq!(read(b"\xff\xc3\xc3\xa9"), "\u{fffd}\u{fffd}é");
        assert_eq!(read(b"\xe6\x97"), "\u{fffd}");
        assert_eq!(read(b""), "");
    }
}
