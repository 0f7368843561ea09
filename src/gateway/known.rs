//! What earlier calls of an attempt tell of the length of the next prompt, in tokens.
//!
//! No tokenizer makes more tokens than there are bytes, but most make four times fewer: a
//! bound by bytes alone would keep a small budget from being spent. What a request has in
//! common with an earlier one, whose tokens the provider has counted, has at most that many;
//! only the rest counts by its bytes. Requests are compared in pieces that their content
//! cuts, so that a piece which moved is found again.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

/// Conversations that are remembered of an attempt: it may have agents of its own.
const CONVERSATIONS: usize = 4;
/// Bytes of a piece.
const SHORTEST: usize = 256;
const LONGEST: usize = 8 << 10;
/// A piece ends where the rolling sum has these bits clear: every 1 KB or so.
const CUT: u32 = 0x3ff << 22;
/// Tokens that may come of a piece's having a new neighbour.
const SEAM: u64 = 4;
/// Assumed tokens of an image, whatever its bytes: more than those that were looked at count,
/// which nothing promises.
const IMAGE: u64 = 5_000;
/// The same of a document, whose text may be packed: a long one can have more.
const DOCUMENT: u64 = 100_000;

/// A request's body, cut.
#[derive(Clone, Debug, Default)]
pub struct Pieces {
    /// Hash and bytes of each.
    pieces: Vec<(u64, u64)>,
    /// Tokens for images and documents in it.
    media: u64,
}

/// What the provider counted of a request.
#[derive(Debug)]
struct Counted {
    model: String,
    /// How often each piece was there.
    pieces: HashMap<u64, u32>,
    media: u64,
    tokens: u64,
}

#[derive(Debug, Default)]
pub struct Known {
    hashes: RandomState,
    /// The latest last.
    counted: Vec<Counted>,
}

impl Known {
    pub fn cut(&self, body: &[u8]) -> Pieces {
        let mut pieces = Vec::new();
        let (mut from, mut sum) = (0, 0u32);
        for (at, byte) in body.iter().enumerate() {
            sum = (sum << 1).wrapping_add(u32::from(*byte).wrapping_mul(0x9e37_79b1));
            let len = at + 1 - from;
            if len >= LONGEST || (len >= SHORTEST && sum & CUT == 0) {
                pieces.push((self.hashes.hash_one(&body[from..=at]), len as u64));
                (from, sum) = (at + 1, 0);
            }
        }
        let rest = &body[from..];
        pieces.push((self.hashes.hash_one(rest), rest.len() as u64));
        let count = |what: &[u8]| memchr::memmem::find_iter(body, what).count() as u64;
        let images = count(b"\"image") + count(b"\"input_image") + count(b"image/");
        let documents = count(b"application/pdf") + count(b"\"input_file");
        Pieces { pieces, media: images * IMAGE + documents * DOCUMENT }
    }

    /// The most tokens that a prompt of these pieces has.
    pub fn tokens(&self, model: &str, body: &Pieces) -> u64 {
        let bytes = body.media + body.pieces.iter().map(|(_, len)| len).sum::<u64>();
        let known = self.counted.iter().filter(|known| known.model == model);
        known.map(|known| known.bound(body)).fold(bytes, u64::min)
    }

    /// The provider has counted `tokens` in this prompt.
    pub fn learn(&mut self, model: &str, body: &Pieces, tokens: u64) {
        let mut pieces = HashMap::new();
        body.pieces.iter().for_each(|(hash, _)| *pieces.entry(*hash).or_insert(0) += 1);
        // The same conversation, one turn further.
        let shared = |known: &Counted| {
            let found = body.pieces.iter().filter(|(hash, _)| known.pieces.contains_key(hash));
            known.model == model && found.count() * 2 > known.pieces.len()
        };
        self.counted.retain(|known| !shared(known));
        if self.counted.len() == CONVERSATIONS {
            self.counted.remove(0);
        }
        self.counted.push(Counted { model: model.to_owned(), pieces, media: body.media, tokens });
    }
}

impl Counted {
    fn bound(&self, body: &Pieces) -> u64 {
        let mut left = self.pieces.clone();
        let mut more = 0;
        let mut seam = true;
        for (hash, len) in &body.pieces {
            match left.get_mut(hash).filter(|count| **count > 0) {
                Some(count) => {
                    *count -= 1;
                    more += if seam { SEAM } else { 0 };
                    seam = false;
                }
                None => {
                    more += len;
                    seam = true;
                }
            }
        }
        self.tokens + more + body.media.saturating_sub(self.media)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(from: u32, words: u32) -> String {
        (from..from + words).map(|n| format!("word-{} ", n.wrapping_mul(2_654_435_761))).collect()
    }

    #[test]
    fn what_was_counted_is_not_counted_by_its_bytes() {
        let mut known = Known::default();
        let (first, more, tools) = (text(0, 4_000), text(90_000, 50), text(7_000, 2_000));
        let body = format!("{{{first}}}{{{tools}}}");
        let pieces = known.cut(body.as_bytes());
        assert_eq!(known.tokens("m", &pieces), body.len() as u64, "nothing is known yet");
        let counted = body.len() as u64 / 4;
        known.learn("m", &pieces, counted);
        assert!(known.tokens("m", &pieces) <= counted + SEAM);
        // One turn more, before the tools: what follows has only moved.
        let next = known.cut(format!("{{{first}{more}}}{{{tools}}}").as_bytes());
        let bound = known.tokens("m", &next);
        assert!(bound >= counted + more.len() as u64, "{bound}");
        assert!(bound <= counted + more.len() as u64 + 4 * LONGEST as u64, "{bound}");
        assert_eq!(known.tokens("other", &pieces), body.len() as u64);
        // Said twice it is read twice.
        let twice = known.cut(format!("{body}{body}").as_bytes());
        assert!(known.tokens("m", &twice) > counted + body.len() as u64 / 2);
    }

    #[test]
    fn an_image_is_more_than_its_bytes() {
        let known = Known::default();
        let small = r#"{"type":"image","source":{"media_type":"image/png","data":"iVBORw0"}}"#;
        assert!(known.tokens("m", &known.cut(small.as_bytes())) >= IMAGE);
    }

    #[test]
    fn few_conversations_are_kept() {
        let mut known = Known::default();
        for n in 0..10 {
            let pieces = known.cut(text(n * 10_000, 500).as_bytes());
            known.learn("m", &pieces, 100);
            known.learn("m", &pieces, 200);
        }
        assert_eq!(known.counted.len(), CONVERSATIONS);
        assert!(known.counted.iter().all(|counted| counted.tokens == 200));
    }
}
