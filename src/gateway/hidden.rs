//! Takes out of a chat stream what only the gateway asked for: the chunk with the usage, which
//! has no choices in it and comes where `include_usage` is set. An agent that did not set it
//! may stumble over it. All other bytes pass as they are.

use bytes::Bytes;
use serde::{Deserialize, de::IgnoredAny};

/// Of an event that does not end; then the stream passes as it is.
const MOST: usize = 1 << 20;

/// Holds back the beginning of an event until its end is there.
#[derive(Debug, Default)]
pub struct Hidden {
    held: Vec<u8>,
    off: bool,
}

#[derive(Deserialize)]
struct Chunk {
    choices: Vec<IgnoredAny>,
    usage: Option<IgnoredAny>,
}

impl Hidden {
    /// What of the stream may go on.
    pub fn pass(&mut self, bytes: Bytes) -> Bytes {
        if self.off {
            return bytes;
        }
        let usual = self.held.is_empty() && end_of_event(&bytes) == Some(bytes.len());
        if usual && memchr::memmem::find(&bytes, b"\"usage\"").is_none() {
            return bytes;
        }
        self.held.extend_from_slice(&bytes);
        let mut out = Vec::with_capacity(self.held.len());
        let mut from = 0;
        while let Some(length) = first_event(&self.held[from..]) {
            let event = &self.held[from..from + length];
            if !is_usage(event) {
                out.extend_from_slice(event);
            }
            from += length;
        }
        self.held.drain(..from);
        if self.held.len() > MOST {
            self.off = true;
            out.append(&mut self.held);
        }
        out.into()
    }

    /// What is left when the stream has ended.
    pub fn rest(&mut self) -> Bytes {
        let held = std::mem::take(&mut self.held);
        if is_usage(&held) { Bytes::new() } else { held.into() }
    }
}

/// The length of the first event with the blank line that ends it.
fn first_event(bytes: &[u8]) -> Option<usize> {
    let mut ends = memchr::memchr_iter(b'\n', bytes);
    ends.find_map(|at| match &bytes[at + 1..] {
        [b'\n', ..] => Some(at + 2),
        [b'\r', b'\n', ..] => Some(at + 3),
        _ => None,
    })
}

/// Where the last whole event ends, if that is at the end.
fn end_of_event(bytes: &[u8]) -> Option<usize> {
    (bytes.ends_with(b"\n\n") || bytes.ends_with(b"\n\r\n")).then_some(bytes.len())
}

fn is_usage(event: &[u8]) -> bool {
    if memchr::memmem::find(event, b"\"usage\"").is_none() {
        return false;
    }
    let mut data = Vec::new();
    for line in event.split(|byte| *byte == b'\n') {
        if let Some(text) = line.strip_prefix(b"data:") {
            data.extend_from_slice(text);
        }
    }
    serde_json::from_slice::<Chunk>(&data)
        .is_ok_and(|chunk| chunk.choices.is_empty() && chunk.usage.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str =
        "data: {\"choices\":[{\"delta\":{\"content\":\"\\\"usage\\\" []\"}}],\"usage\":null}\n\n";
    const FILTER: &str =
        ": a remark\r\ndata: {\"choices\":[],\"prompt_filter_results\":[],\"usage\":null}\r\n\r\n";
    const USAGE: &str = "data: {\"id\":\"c\",\"choices\": [],\"usage\":{\"prompt_tokens\":1}}\n\n";
    const DONE: &str = "data: [DONE]\n\n";

    #[test]
    fn the_usage_alone_is_left_out_however_the_stream_is_cut() {
        let all = [FIRST, FILTER, USAGE, DONE, "data: {\"half"].concat();
        for size in [1, 2, 3, 7, 50, 1000] {
            let mut hidden = Hidden::default();
            let mut out = Vec::new();
            for part in all.as_bytes().chunks(size) {
                out.extend(hidden.pass(Bytes::copy_from_slice(part)));
            }
            out.extend(hidden.rest());
            let kept = [FIRST, FILTER, DONE, "data: {\"half"].concat();
            assert_eq!(String::from_utf8(out).unwrap(), kept, "{size}");
        }
        let mut last = Hidden::default();
        assert!(last.pass(Bytes::from_static(USAGE.trim_end().as_bytes())).is_empty());
        assert!(last.rest().is_empty(), "also without the last blank line");
    }

    #[test]
    fn what_is_something_else_passes() {
        let with = USAGE.replace("[]", "[{}]");
        let none = USAGE.replace("\"choices\": [],", "");
        for text in [with.as_str(), &none, "event: x\ndata: \"usage\"\n\n", "\n\n"] {
            let mut hidden = Hidden::default();
            assert_eq!(hidden.pass(Bytes::copy_from_slice(text.as_bytes())), text);
        }
        let endless = vec![b'x'; MOST + 1];
        let mut hidden = Hidden::default();
        assert_eq!(hidden.pass(endless.clone().into()).len(), endless.len(), "it is not held");
        assert_eq!(hidden.pass(Bytes::from_static(USAGE.as_bytes())), USAGE);
    }
}
