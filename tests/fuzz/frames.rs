//! What crosses a keeper's socket.

use crate::{fuzz, pieces};
use dash::protocol::{
    frame::{Decoder, Frame, FrameError, HEADER, encode, encode_control},
    keeper::{FromKeeper, KIND_BYTES, KIND_CONTROL, ToKeeper},
};

/// Small, so that inputs are found on both sides of it.
const MOST: usize = 300;

/// All frames up to the end or the first error.
fn decoded<'a>(parts: impl Iterator<Item = &'a [u8]>) -> (Vec<Frame>, Option<String>) {
    let mut decoder = Decoder::new(MOST);
    let mut frames = Vec::new();
    for part in parts {
        decoder.push(part);
        loop {
            match decoder.next_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => {
                    let stays = decoder.next_frame();
                    assert!(stays.is_err_and(|again| again.to_string() == error.to_string()));
                    return (frames, Some(error.to_string()));
                }
            }
        }
    }
    (frames, None)
}

fn payload(frame: &Frame) -> (u8, &[u8]) {
    match frame {
        Frame::Control(payload) => (KIND_CONTROL, payload),
        Frame::Bytes(payload) => (KIND_BYTES, payload),
    }
}

/// Arbitrary bytes as a stream: the same frames however they come, none longer than allowed,
/// and written again they are the bytes that they were read from.
fn stream(bytes: &[u8]) {
    let (frames, error) = decoded(std::iter::once(bytes));
    assert_eq!(decoded(pieces(bytes)), (frames.clone(), error.clone()));
    assert_eq!(decoded(bytes.chunks(1)), (frames.clone(), error));
    let mut again = Vec::new();
    for frame in &frames {
        let (kind, payload) = payload(frame);
        assert!(payload.len() < MOST);
        encode(kind, payload, &mut again);
        if let Frame::Control(json) = frame {
            message(json);
        }
    }
    assert!(bytes.starts_with(&again));
}

/// A message that is read is written to the same message.
fn message(json: &[u8]) {
    if let Ok(said) = Frame::parse::<ToKeeper>(json) {
        let mut out = Vec::new();
        encode_control(&said, &mut out).unwrap();
        assert_eq!(Frame::parse::<ToKeeper>(&out[HEADER..]).unwrap(), said);
    }
    if let Ok(said) = Frame::parse::<FromKeeper>(json) {
        let mut out = Vec::new();
        encode_control(&said, &mut out).unwrap();
        assert_eq!(Frame::parse::<FromKeeper>(&out[HEADER..]).unwrap(), said);
    }
}

/// Payloads cut from the input, encoded and decoded.
fn round(bytes: &[u8]) {
    let mut out = Vec::new();
    let mut sent = Vec::new();
    for piece in pieces(bytes) {
        let kind = if piece[0] & 1 == 0 { KIND_CONTROL } else { KIND_BYTES };
        encode(kind, piece, &mut out);
        sent.push((kind, piece));
    }
    let (frames, error) = decoded(pieces(&out));
    assert_eq!(error, None);
    assert_eq!(frames.iter().map(payload).collect::<Vec<_>>(), sent);
    // The whole of it in one frame: up to the bound, and one beyond.
    out.clear();
    encode(KIND_BYTES, bytes, &mut out);
    let mut decoder = Decoder::new(bytes.len() + 1);
    decoder.push(&out);
    assert_eq!(decoder.next_frame().unwrap(), Some(Frame::Bytes(bytes.to_vec())));
    assert_eq!(decoder.next_frame().unwrap(), None);
    let mut decoder = Decoder::new(bytes.len());
    decoder.push(&out);
    assert!(matches!(decoder.next_frame(), Err(FrameError::TooLong { .. })));
}

#[test]
fn frames() {
    fuzz!("frames", 4000, |input: &[u8]| {
        stream(input);
        round(input);
        message(input);
        // Random lengths are all too long: most that follow each other, some others.
        let mut small = input.to_vec();
        for part in small.chunks_mut(24).filter(|part| part.len() > 4) {
            let length = if part[0] < 224 { 20 } else { part[0] % 32 };
            let kind = if part[4] < 250 { part[4] % 2 } else { part[4] };
            part[..5].copy_from_slice(&[length, 0, 0, 0, kind]);
        }
        stream(&small);
    });
}
