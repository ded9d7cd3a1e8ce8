//! Snappy in xerial's framing, which Kafka's clients write: a header, then length and raw Snappy block in turn.

use bytes::{BufMut, Bytes, BytesMut};
use snap::raw::{Decoder, Encoder, decompress_len, max_compress_len};

use super::{Compression, CompressionError};

const SNAPPY: Compression = Compression::Snappy;
/// What starts the framing; raw Snappy can't start so, as its length would come out as more than the block.
const MAGIC: [u8; 8] = *b"\x82SNAPPY\0";
/// Version 1, readable since version 1: big endian in xerial's own framing.
const VERSIONS: [u8; 8] = [0, 0, 0, 1, 0, 0, 0, 1];
/// The versions of a framing in little endian, whose lengths may be so too.
const VERSIONS_LITTLE_ENDIAN: [u8; 8] = [1, 0, 0, 0, 1, 0, 0, 0];
const BLOCK_LEN: usize = 32 * 1024;
/// No element of a Snappy block gives more bytes for each of its own: a copy of 64 takes 3.
const MAX_RATIO: usize = 22;

pub(super) fn compress(input: &[u8], out: &mut BytesMut) -> Result<(), CompressionError> {
    out.reserve(MAGIC.len() + VERSIONS.len() + input.len() / 2);
    out.put_slice(&MAGIC);
    out.put_slice(&VERSIONS);
    let mut encoder = Encoder::new();
    for block in input.chunks(BLOCK_LEN) {
        let length_at = out.len();
        let block_at = length_at + 4;
        out.resize(block_at + max_compress_len(block.len()), 0);
        let written = encoder
            .compress(block, &mut out[block_at..])
            .map_err(|error| CompressionError::Failed {
                compression: SNAPPY,
                reason: error.to_string(),
            })?;
        out[length_at..block_at].copy_from_slice(&(written as u32).to_be_bytes());
        out.truncate(block_at + written);
    }
    Ok(())
}

pub(super) fn decompress(input: &[u8], limit: usize) -> Result<Bytes, CompressionError> {
    let mut out = BytesMut::new();
    let Some(framed) = input.strip_prefix(&MAGIC) else {
        append_block(input, limit, &mut out)?;
        return Ok(out.freeze());
    };
    let Some((versions, blocks)) = framed.split_first_chunk::<8>() else {
        return Err(corrupt("the header ends early"));
    };
    let length_of: fn([u8; 4]) -> u32 = match *versions {
        VERSIONS => u32::from_be_bytes,
        // Some of these writers put only the header in little endian: the lengths tell, by ending where the data ends.
        VERSIONS_LITTLE_ENDIAN if Blocks::new(blocks, u32::from_be_bytes).all(|b| b.is_ok()) => {
            u32::from_be_bytes
        }
        VERSIONS_LITTLE_ENDIAN => u32::from_le_bytes,
        _ => return Err(corrupt("its framing has an unknown version")),
    };
    for block in Blocks::new(blocks, length_of) {
        append_block(block?, limit, &mut out)?;
    }
    Ok(out.freeze())
}

/// The raw blocks of a framing.
struct Blocks<'a> {
    rest: &'a [u8],
    length_of: fn([u8; 4]) -> u32,
}

impl<'a> Blocks<'a> {
    fn new(rest: &'a [u8], length_of: fn([u8; 4]) -> u32) -> Self {
        Self { rest, length_of }
    }
}

impl<'a> Iterator for Blocks<'a> {
    type Item = Result<&'a [u8], CompressionError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let split = self
            .rest
            .split_first_chunk()
            .and_then(|(length, rest)| rest.split_at_checked((self.length_of)(*length) as usize));
        let Some((block, rest)) = split else {
            self.rest = &[];
            return Some(Err(corrupt("a block ends early")));
        };
        self.rest = rest;
        Some(Ok(block))
    }
}

/// Decompresses one raw block behind what is there.
fn append_block(block: &[u8], limit: usize, out: &mut BytesMut) -> Result<(), CompressionError> {
    let len = decompress_len(block).map_err(corrupt)?;
    if len > block.len().saturating_mul(MAX_RATIO) {
        return Err(corrupt("a block says it is larger than it can be"));
    }
    if len > limit - out.len() {
        return Err(CompressionError::TooLarge {
            compression: SNAPPY,
            limit,
        });
    }
    let at = out.len();
    out.resize(at + len, 0);
    let written = Decoder::new()
        .decompress(block, &mut out[at..])
        .map_err(corrupt)?;
    out.truncate(at + written);
    Ok(())
}

fn corrupt(reason: impl std::fmt::Display) -> CompressionError {
    CompressionError::corrupt(SNAPPY, reason)
}
