//! Frames out of a stream: the same ones however it is cut into pieces.

use bytes::{Bytes, BytesMut};
use raban_protocol::frame::{FrameDecoder, FrameError};

use crate::entropy::Entropy;

/// First two bytes: the largest frame; then the pieces, each behind its length.
pub fn run(data: &[u8]) {
    let mut entropy = Entropy::new(data);
    let max = usize::from(entropy.u16());
    let mut pieces = Vec::new();
    while !entropy.is_empty() {
        let len = usize::from(entropy.byte());
        pieces.push(entropy.bytes(len));
    }
    let (in_pieces, error) = decode(max, &pieces);
    let (at_once, same) = decode(max, &[&pieces.concat()]);
    assert_eq!((&in_pieces, &error), (&at_once, &same));
    assert!(in_pieces.iter().all(|frame| frame.len() <= max));
}

fn decode(max: usize, pieces: &[&[u8]]) -> (Vec<Bytes>, Option<FrameError>) {
    let mut decoder = FrameDecoder::new(max);
    let mut buffer = BytesMut::new();
    let mut frames = Vec::new();
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            match decoder.next(&mut buffer) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
    }
    (frames, None)
}

pub fn seeds() -> Vec<Vec<u8>> {
    vec![
        b"\x01\x00\x0b\x00\x00\x00\x03abc\x00\x00\x00\x00\x05\x00\x00\x00\x02xy".to_vec(),
        b"\x01\x00\x02\x00\x00\x02\x00\x01\x02a\x00".to_vec(),
        b"\x01\x00\x08HTTP/1.1".to_vec(),
        b"\x01\x00\x07\x15\x03\x03\x00\x02\x02\x0a".to_vec(),
    ]
}
