//! The codec of keeper frames, for a viewer: `u32` length (little endian, of what follows),
//! one byte of kind, payload. See `protocol::keeper`.

use super::error::{ClientError, Result};
use crate::protocol::keeper::{FromKeeper, KIND_BYTES, KIND_CONTROL, MAX_FRAME, ToKeeper};
use bytes::{Buf, BufMut, Bytes, BytesMut};

/// A frame from a keeper.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Frame {
    Control(Box<FromKeeper>),
    Bytes(Bytes),
}

/// Takes the first frame off `buffer`, if it is there in full.
pub(super) fn decode(buffer: &mut BytesMut) -> Result<Option<Frame>> {
    let Some(head) = buffer.first_chunk::<4>() else { return Ok(None) };
    let length = u32::from_le_bytes(*head) as usize;
    if length == 0 || length > MAX_FRAME {
        return Err(ClientError::Keeper(format!("the keeper sent a frame of {length} bytes")));
    }
    if buffer.len() < 4 + length {
        buffer.reserve(4 + length - buffer.len());
        return Ok(None);
    }
    buffer.advance(4);
    let mut frame = buffer.split_to(length).freeze();
    match frame.get_u8() {
        KIND_BYTES => Ok(Some(Frame::Bytes(frame))),
        KIND_CONTROL => serde_json::from_slice(&frame)
            .map(|message| Some(Frame::Control(message)))
            .map_err(|error| ClientError::Keeper(format!("the keeper said nonsense: {error}"))),
        kind => Err(ClientError::Keeper(format!("the keeper sent a frame of kind {kind}"))),
    }
}

pub(super) fn control(message: &ToKeeper) -> Result<Vec<u8>> {
    let json = serde_json::to_vec(message).map_err(|e| ClientError::Keeper(e.to_string()))?;
    Ok(encode(KIND_CONTROL, &json))
}

pub(super) fn encode(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(5 + payload.len());
    frame.put_u32_le((payload.len() + 1) as u32);
    frame.put_u8(kind);
    frame.put_slice(payload);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn frames_survive_any_cut(chunks: Vec<Vec<u8>>, step in 1usize..40) {
            let wire: Vec<u8> = chunks.iter().flat_map(|c| encode(KIND_BYTES, c)).collect();
            let (mut buffer, mut got) = (BytesMut::new(), Vec::new());
            for piece in wire.chunks(step) {
                buffer.extend_from_slice(piece);
                while let Some(Frame::Bytes(bytes)) = decode(&mut buffer).unwrap() {
                    got.push(bytes.to_vec());
                }
            }
            prop_assert_eq!(got, chunks);
        }
    }

    #[test]
    fn nonsense_is_an_error() {
        for wire in [&[0, 0, 0, 0][..], &[255, 255, 255, 255], &[1, 0, 0, 0, 9]] {
            assert!(decode(&mut BytesMut::from(wire)).is_err(), "{wire:?}");
        }
        assert_eq!(decode(&mut BytesMut::from(&[2, 0, 0][..])).unwrap(), None);
    }
}
