//! Fuzzers of what reads the words of others: rules, command lines, the output of programs,
//! frames. (Those of the gateway stand beside its parsers, which nobody else can reach:
//! `src/gateway/fuzz.rs`, `src/gateway/egress/fuzz.rs`.)
//!
//! Each runs its kept corpus (`__fuzz__/NAME/corpus` beside the target's file) and then random
//! inputs, a few seconds in all, on the stable toolchain:
//!
//! ```text
//! cargo test --test fuzz                  # these
//! cargo test --lib fuzz                   # the gateway's
//! BOLERO_RANDOM_ITERATIONS=10000000 BOLERO_RANDOM_TEST_TIME_MS=3600000 \
//!     cargo test --test fuzz terminal     # one of them for an hour
//! BOLERO_RANDOM_SEED=… cargo test --test fuzz terminal
//! ```
//!
//! The last repeats what a failure printed. With `cargo-bolero` installed,
//! `cargo bolero test --engine libfuzzer TARGET` lets coverage guide them (on nightly). An
//! input that broke something is kept: put it into the corpus under a name that says what.

#![allow(clippy::unwrap_used, clippy::panic)]

mod frames;
mod policy;
mod terminal;

use std::{path::Path, time::Duration};

/// Most that one target takes where the environment does not say otherwise.
const TIME: Duration = Duration::from_secs(3);
/// Bytes of a random input.
const LONGEST: usize = 600;

/// A corpus that got lost would be missed by nobody.
fn has_corpus(name: &str) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/__fuzz__").join(name);
    let files = std::fs::read_dir(dir.join("corpus")).map(Iterator::count).unwrap_or_default();
    assert!(files >= 3, "{files} files in the corpus of {name}");
}

/// Runs `$check` on each input.
macro_rules! fuzz {
    ($name:literal, $times:expr, $check:expr) => {
        $crate::has_corpus($name);
        bolero::check!(name = $name)
            .with_iterations($times)
            .with_test_time($crate::TIME)
            .with_max_len($crate::LONGEST)
            .with_shrink_time(std::time::Duration::from_secs(5))
            .for_each($check)
    };
}
use fuzz;

/// Random bytes as a text of words that mean something, so that few of them are wasted.
fn spoken(bytes: &[u8], words: &[&str]) -> String {
    let word = |byte: &u8| match usize::from(*byte) {
        // Now and then any character at all.
        byte if byte >= 250 => char::from_u32(byte as u32 * 37).unwrap_or(' ').to_string(),
        byte => words[byte % words.len()].to_owned(),
    };
    bytes.iter().map(word).collect()
}

/// The bytes in pieces, whose lengths they say themselves.
fn pieces(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let length = usize::from(*bytes.get(at)? % 11) + 1;
        let piece = &bytes[at..bytes.len().min(at + length)];
        at += piece.len();
        Some(piece)
    })
}
