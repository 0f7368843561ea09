//! What earlier calls of an attempt tell of the length of the next prompt, in tokens.
//!
//! No tokenizer makes more tokens than there are bytes, but most make four times fewer: a
//! bound by bytes alone would keep a small budget from being spent. What a request has in
//! common with an earlier one, whose tokens the provider has counted, has at most that many;
//! only the rest counts by its bytes. Requests are compared in pieces that their content
//! cuts, so that a piece which moved is found again.

use super::media::Media;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

/// Conversations that are remembered of an attempt: it may have agents of its own.
const CONVERSATIONS: usize = 4;
/// Bytes of a piece.
const SHORTEST: usize = 256;
const LONGEST: usize = 8 << 10;
/// A piece ends where the rolling sum has these bits clear: every 1 KB or so.
const CUT: u32 = 0x3ff << 22;
/// No tokenizer makes of text, whatever is in it, one token of so many bytes: of prose it is four,
/// of code and JSON less. What is said to be fewer was not counted, or not all of it: once
/// believed, it would have next to nothing set aside for whatever begins alike. An honest count
/// below, of a request of blanks, say, is merely not learned from: its bytes hold as before.
const SPARSEST: u64 = 16;
/// Tokens that may come of a piece's having a new neighbour.
const SEAM: u64 = 4;
/// Characters of base64 in a row, line breaks and all, of which a document may be a part: more
/// than names and hashes have, and less than the shortest document.
const PACKED: usize = 128;
/// What an image is, or where it lies, stands within so many bytes of that there is one.
const NEAR: usize = 256;
/// Assumed of a document where nobody can say it, and nothing depends on it.
const DOCUMENT: u64 = 100_000;

/// A request's body, cut.
#[derive(Clone, Debug, Default)]
pub struct Pieces {
    pieces: Vec<Piece>,
    /// So many images, each of so many tokens at most.
    images: u64,
    image: u64,
    documents: u64,
    /// Tokens that come to it unseen, at most.
    hidden: u64,
    /// Bytes of what is text: no image, document or sealed thought, which are packed.
    text: u64,
}

#[derive(Clone, Copy, Debug)]
struct Piece {
    hash: u64,
    bytes: u64,
    /// It may be of a document: its bytes say nothing of its tokens.
    packed: bool,
    /// Images that begin in it, or shortly before.
    images: u64,
}

/// How long a prompt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// So many tokens, at most.
    AtMost(u64),
    /// It has a document that nobody has counted: so many, or any number more.
    Open(u64),
}

/// What the provider counted of a request.
#[derive(Debug)]
struct Counted {
    model: String,
    /// How often each piece was there.
    pieces: HashMap<u64, u32>,
    images: u64,
    documents: u64,
    hidden: u64,
    tokens: u64,
}

#[derive(Debug, Default)]
pub struct Known {
    hashes: RandomState,
    /// The latest last.
    counted: Vec<Counted>,
}

impl Known {
    pub fn cut(&self, body: &[u8], media: &Media) -> Pieces {
        let mut pieces = Vec::new();
        let (mut from, mut sum) = (0, 0u32);
        let mut runs = Runs::default();
        let (mut packed, mut text) = (false, 0);
        let mut piece = |from: usize, to: usize, packed: bool| {
            let bytes = &body[from..to];
            let before = |at: usize| media.images.partition_point(|image| *image < at);
            let images = (before(to) - before(from.saturating_sub(NEAR))) as u64;
            let (hash, bytes) = (self.hashes.hash_one(bytes), bytes.len() as u64);
            pieces.push(Piece { hash, bytes, packed, images });
        };
        for (at, byte) in body.iter().enumerate() {
            sum = (sum << 1).wrapping_add(u32::from(*byte).wrapping_mul(0x9e37_79b1));
            let run = runs.at(body, at);
            packed |= media.documents > 0 && run == Run::Document;
            text += u64::from(run == Run::None);
            let len = at + 1 - from;
            if len >= LONGEST || (len >= SHORTEST && sum & CUT == 0) {
                piece(from, at + 1, packed);
                (from, sum, packed) = (at + 1, 0, false);
            }
        }
        piece(from, body.len(), packed);
        let (images, image) = (media.images.len() as u64, media.image);
        let Media { documents, hidden, .. } = *media;
        Pieces { pieces, images, image, documents, hidden, text }
    }

    /// The most tokens that a prompt of these pieces has.
    pub fn tokens(&self, model: &str, body: &Pieces) -> Length {
        let documents = body.documents;
        let images = body.images.saturating_mul(body.image);
        let open = body.pieces.iter().filter(|piece| !piece.packed);
        let bytes = images + body.hidden + open.map(|piece| piece.bytes).sum::<u64>();
        let known = self.counted.iter().filter(|known| known.model == model);
        let known = known.filter_map(|known| known.bound(body));
        let least = known.chain((documents == 0).then_some(bytes)).min();
        match least {
            Some(tokens) => Length::AtMost(tokens),
            None => Length::Open(bytes.saturating_add(documents.saturating_mul(DOCUMENT))),
        }
    }

    /// The provider has counted `tokens` in this prompt.
    pub fn learn(&mut self, model: &str, body: &Pieces, tokens: u64) {
        if tokens.saturating_mul(SPARSEST) < body.text {
            return;
        }
        let mut pieces = HashMap::new();
        body.pieces.iter().for_each(|piece| *pieces.entry(piece.hash).or_insert(0) += 1);
        // The same conversation, one turn further.
        let shared = |known: &Counted| {
            let found = body.pieces.iter().filter(|piece| known.pieces.contains_key(&piece.hash));
            known.model == model && found.count() * 2 > known.pieces.len()
        };
        self.counted.retain(|known| !shared(known));
        if self.counted.len() == CONVERSATIONS {
            self.counted.remove(0);
        }
        let Pieces { images, documents, hidden, .. } = *body;
        let model = model.to_owned();
        self.counted.push(Counted { model, pieces, images, documents, hidden, tokens });
    }
}

impl Counted {
    /// None where a document is, or may be, another one than was counted.
    fn bound(&self, body: &Pieces) -> Option<u64> {
        let mut left = self.pieces.clone();
        let (mut more, mut images) = (0, 0);
        let mut seam = true;
        for piece in &body.pieces {
            match left.get_mut(&piece.hash).filter(|count| **count > 0) {
                Some(count) => {
                    *count -= 1;
                    more += if seam { SEAM } else { 0 };
                    seam = false;
                }
                None if piece.packed => return None,
                None => {
                    more += piece.bytes;
                    images += piece.images;
                    seam = true;
                }
            }
        }
        // One in the place of another says so again where it begins.
        let images = images.min(body.images).max(body.images.saturating_sub(self.images));
        let images = images.saturating_mul(body.image);
        let hidden = body.hidden.saturating_sub(self.hidden);
        (body.documents <= self.documents).then_some(self.tokens + more + images + hidden)
    }
}

/// Finds long runs of base64, in either alphabet and with line breaks.
#[derive(Default)]
struct Runs {
    from: usize,
    /// It is what a provider gave to be sent back, and no document.
    signed: bool,
}

/// Where a byte stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Run {
    None,
    Document,
    /// Of what a provider gave to be sent back.
    Signed,
}

impl Runs {
    /// To be asked of each byte in its turn.
    fn at(&mut self, body: &[u8], at: usize) -> Run {
        let byte = body[at];
        let of_one = byte.is_ascii_alphanumeric()
            || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=' | b'\\');
        if !of_one {
            self.from = at + 1;
            return Run::None;
        }
        let length = at + 1 - self.from;
        if length == PACKED {
            self.signed = is_signature(&body[..self.from]);
        }
        match length {
            PACKED.. if self.signed => Run::Signed,
            PACKED.. => Run::Document,
            _ => Run::None,
        }
    }
}

/// The text that begins behind this is one of a model's own: thoughts, signed or sealed.
fn is_signature(before: &[u8]) -> bool {
    const NAMES: [&[u8]; 4] = [
        b"\"signature\"",
        b"\"encrypted_content\"",
        b"\"thoughtSignature\"",
        b"\"thought_signature\"",
    ];
    let name = before.strip_suffix(b"\"").map(<[u8]>::trim_ascii_end);
    let name = name.and_then(|name| name.strip_suffix(b":")).map(<[u8]>::trim_ascii_end);
    name.is_some_and(|name| NAMES.iter().any(|known| name.ends_with(known)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(from: u32, words: u32) -> String {
        (from..from + words).map(|n| format!("word-{} ", n.wrapping_mul(2_654_435_761))).collect()
    }

    const NONE: &Media = &Media { images: Vec::new(), image: 0, documents: 0, hidden: 0 };

    /// Where it is known.
    fn most(known: &Known, model: &str, pieces: &Pieces) -> u64 {
        match known.tokens(model, pieces) {
            Length::AtMost(tokens) => tokens,
            Length::Open(_) => panic!("nobody has counted it"),
        }
    }

    #[test]
    fn what_was_counted_is_not_counted_by_its_bytes() {
        let mut known = Known::default();
        let (first, more, tools) = (text(0, 4_000), text(90_000, 50), text(7_000, 2_000));
        let body = format!("{{{first}}}{{{tools}}}");
        let pieces = known.cut(body.as_bytes(), NONE);
        assert_eq!(most(&known, "m", &pieces), body.len() as u64, "nothing is known yet");
        let counted = body.len() as u64 / 4;
        known.learn("m", &pieces, counted);
        assert!(most(&known, "m", &pieces) <= counted + SEAM);
        // One turn more, before the tools: what follows has only moved.
        let next = known.cut(format!("{{{first}{more}}}{{{tools}}}").as_bytes(), NONE);
        let bound = most(&known, "m", &next);
        assert!(bound >= counted + more.len() as u64, "{bound}");
        assert!(bound <= counted + more.len() as u64 + 4 * LONGEST as u64, "{bound}");
        assert_eq!(most(&known, "other", &pieces), body.len() as u64);
        // Said twice it is read twice.
        let twice = known.cut(format!("{body}{body}").as_bytes(), NONE);
        assert!(most(&known, "m", &twice) > counted + body.len() as u64 / 2);
    }

    #[test]
    fn an_image_is_more_than_its_bytes() {
        let known = Known::default();
        let pieces = known.cut(b"{}", &Media { images: vec![1], image: 5_000, ..NONE.clone() });
        assert_eq!(known.tokens("m", &pieces), Length::AtMost(5_002));
    }

    #[test]
    fn an_image_in_the_place_of_another_counts_anew() {
        let mut known = Known::default();
        let (before, after) = (text(0, 400), text(9_000, 400));
        let asked = |url: &str| format!("{before}{{\"type\":\"image\",\"url\":\"{url}\"}}{after}");
        let media = Media { images: vec![before.len() + 1], image: 5_000, ..NONE.clone() };
        let first = known.cut(asked("a").as_bytes(), &media);
        known.learn("m", &first, 3_000);
        assert!(most(&known, "m", &first) <= 3_000 + SEAM);
        let other = known.cut(asked("b").as_bytes(), &media);
        assert!(most(&known, "m", &other) > 8_000);
    }

    /// Base64 of a document, so many characters of it.
    fn packed(seed: u32, length: usize) -> String {
        let words = (0..).map(|n: u32| format!("{:08x}", (n ^ seed).wrapping_mul(2_654_435_761)));
        words.take(length / 8).collect()
    }

    #[test]
    fn of_a_document_only_what_was_counted_is_known() {
        let one = &Media { documents: 1, ..NONE.clone() };
        let asked =
            |data: &str, more: &str| format!("{{\"data\":\"{data}\"}} {} {more}", text(0, 90));
        for length in [600, 5_000, 50_000] {
            let mut known = Known::default();
            let (first, other) = (packed(1, length), packed(7, length));
            let body = known.cut(asked(&first, "").as_bytes(), one);
            assert!(matches!(known.tokens("m", &body), Length::Open(_)), "{length}");
            known.learn("m", &body, 180_000);
            let next = known.cut(asked(&first, &text(500, 20)).as_bytes(), one);
            let tokens = most(&known, "m", &next);
            assert!((180_000..185_000 + 2 * LONGEST as u64).contains(&tokens), "{tokens}");
            // What a model thought, and has signed, is none.
            let signed = format!("{{\"signature\": \"{}\"}}", packed(3, 400));
            let thought = known.cut(asked(&first, &signed).as_bytes(), one);
            assert!(most(&known, "m", &thought) > 180_400);
            // Another one in its place, one that ends otherwise, and one more.
            let mut end = first.clone();
            end.replace_range(first.len() - 4.., "AAAA");
            let end = known.cut(asked(&end, "").as_bytes(), one);
            assert!(matches!(known.tokens("m", &end), Length::Open(_)), "{length}");
            let another = known.cut(asked(&other, "").as_bytes(), one);
            assert!(matches!(known.tokens("m", &another), Length::Open(_)), "{length}");
            let two = &Media { documents: 2, ..NONE.clone() };
            let both = asked(&first, &format!("{{\"data\":\"{other}\"}}"));
            let both = known.cut(both.as_bytes(), two);
            assert!(matches!(known.tokens("m", &both), Length::Open(_)), "{length}");
        }
    }

    #[test]
    fn what_a_provider_adds_unseen_is_counted_once() {
        let mut known = Known::default();
        let (bare, tooled) = (NONE, &Media { hidden: 1_000, ..NONE.clone() });
        let body = text(0, 400);
        let without = known.cut(body.as_bytes(), bare);
        let with = known.cut(body.as_bytes(), tooled);
        assert_eq!(most(&known, "m", &with), body.len() as u64 + 1_000);
        known.learn("m", &without, 1_200);
        assert_eq!(most(&known, "m", &with), 1_200 + SEAM + 1_000, "that call had none");
        known.learn("m", &with, 1_500);
        assert_eq!(most(&known, "m", &with), 1_500 + SEAM, "it is in the count");
    }

    #[test]
    fn a_count_that_no_tokenizer_makes_is_not_learned() {
        let mut known = Known::default();
        let body = text(0, 1_000);
        let (pieces, bytes) = (known.cut(body.as_bytes(), NONE), body.len() as u64);
        for tokens in [0, 1, bytes / 17] {
            known.learn("m", &pieces, tokens);
            assert_eq!(most(&known, "m", &pieces), bytes, "{tokens}");
        }
        known.learn("m", &pieces, bytes / 15);
        known.learn("m", &pieces, 3);
        assert_eq!(most(&known, "m", &pieces), bytes / 15 + SEAM, "what was known stays");
        // An image has few tokens for its bytes, and so have sealed thoughts.
        let sealed = format!("{{\"encrypted_content\":\"{}\"}}", packed(9, 90_000));
        let body = format!("{{\"data\":\"{}\"}} {sealed}", packed(3, 900_000));
        let one = &Media { images: vec![1], image: 5_000, ..NONE.clone() };
        let pieces = known.cut(body.as_bytes(), one);
        known.learn("m", &pieces, 1_600);
        assert_eq!(most(&known, "m", &pieces), 1_600 + SEAM);
    }

    #[test]
    fn few_conversations_are_kept() {
        let mut known = Known::default();
        for n in 0..10 {
            let pieces = known.cut(text(n * 10_000, 500).as_bytes(), NONE);
            known.learn("m", &pieces, 1_000);
            known.learn("m", &pieces, 2_000);
        }
        assert_eq!(known.counted.len(), CONVERSATIONS);
        assert!(known.counted.iter().all(|counted| counted.tokens == 2_000));
    }
}
