//! LZ4 frames as Kafka writes them: independent blocks, no checksums besides that of the frame's header.
//!
//! The frame is a few bytes around LZ4 blocks, so it is written and read here: blocks go straight into the batch, and
//! a hostile frame can't make its reader reserve more than it may hold. The checksums that a frame may have aren't
//! looked at when reading, since the checksum of the batch has covered the same bytes.

mod block;

use bytes::{BufMut, Bytes, BytesMut};
use lz4_flex::block::{DecompressError, decompress_into_with_dict, get_maximum_output_size};

use super::{Compression, CompressionError, into_bytes};

const LZ4: Compression = Compression::Lz4;
const MAGIC: [u8; 4] = 0x184D_2204_u32.to_le_bytes();
/// Most that is in a block, and the frame's descriptor that says so: version 1 with independent blocks, their size, the
/// second byte of the two bytes' XXH32.
///
/// The format has 4 MiB, too. But readers hold a block as large as the descriptor says, and little is gained.
const SIZES: [(usize, [u8; 3]); 3] = [
    (MIN_BLOCK_LEN, [0x60, 0x40, 0x82]),
    (4 * MIN_BLOCK_LEN, [0x60, 0x50, 0xfb]),
    (16 * MIN_BLOCK_LEN, [0x60, 0x60, 0x51]),
];
const MIN_BLOCK_LEN: usize = 64 * 1024;
const END_MARK: u32 = 0;
/// The bit in a block's length that says it is stored as it is.
const STORED: u32 = 1 << 31;

const VERSION_MASK: u8 = 0xc0;
const VERSION: u8 = 0x40;
const BLOCK_CHECKSUMS: u8 = 0x10;
const CONTENT_SIZE: u8 = 0x08;
const CONTENT_CHECKSUM: u8 = 0x04;
const RESERVED: u8 = 0x02;
const DICTIONARY: u8 = 0x01;

/// How far back a match may reach, over the borders of dependent blocks too.
const MAX_DISTANCE: usize = 64 * 1024;
/// No byte of a block gives more bytes than this: it adds 255 to a match's length.
const MAX_RATIO: usize = 255;

pub(super) fn level(level: Option<i32>) -> Result<i32, &'static str> {
    match level.unwrap_or(9) {
        9 => Ok(9),
        _ => Err(
            "9 (the default) stands for LZ4's fast compressor, the only one here; Kafka's other levels need LZ4 HC",
        ),
    }
}

pub(super) fn compress(input: &[u8], out: &mut BytesMut) -> Result<(), CompressionError> {
    // What fits one block goes into one: a block doesn't know what was in those before.
    let fitting = SIZES.iter().find(|(len, _)| input.len() <= *len);
    let (block_len, descriptor) = fitting.unwrap_or(&SIZES[SIZES.len() - 1]);
    out.reserve(16 + input.len() / 2);
    out.put_slice(&MAGIC);
    out.put_slice(descriptor);
    for block in input.chunks(*block_len) {
        let length_at = out.len();
        let block_at = length_at + 4;
        out.resize(block_at + get_maximum_output_size(block.len()), 0);
        let written = block::compress(block, &mut out[block_at..]);
        let length = if written < block.len() {
            out.truncate(block_at + written);
            written as u32
        } else {
            out.truncate(block_at);
            out.put_slice(block);
            block.len() as u32 | STORED
        };
        out[length_at..block_at].copy_from_slice(&length.to_le_bytes());
    }
    out.put_u32_le(END_MARK);
    Ok(())
}

pub(super) fn decompress(input: &[u8], limit: usize) -> Result<Bytes, CompressionError> {
    let mut rest = input;
    let frame = Frame::read(&mut rest)?;
    let mut out = Vec::new();
    loop {
        let length = u32::from_le_bytes(take(&mut rest)?);
        if length == END_MARK {
            break;
        }
        let Some((block, after)) = rest.split_at_checked((length & !STORED) as usize) else {
            return Err(corrupt("a block ends early"));
        };
        rest = after;
        frame.append_block(block, length & STORED != 0, limit, &mut out)?;
        if frame.block_checksums {
            take::<4>(&mut rest)?;
        }
    }
    if frame.content_checksum {
        take::<4>(&mut rest)?;
    }
    if !rest.is_empty() {
        return Err(corrupt("there are bytes after the frame"));
    }
    Ok(into_bytes(out))
}

/// What the header of a frame says.
struct Frame {
    max_block_len: usize,
    block_checksums: bool,
    content_checksum: bool,
}

impl Frame {
    fn read(rest: &mut &[u8]) -> Result<Self, CompressionError> {
        if take(rest)? != MAGIC {
            return Err(corrupt("it isn't an LZ4 frame"));
        }
        let [flags, block_descriptor] = take(rest)?;
        if flags & VERSION_MASK != VERSION || flags & RESERVED != 0 {
            return Err(corrupt("the frame has an unknown version"));
        }
        if flags & DICTIONARY != 0 {
            return Err(corrupt("the frame needs a dictionary"));
        }
        let max_block_len = match block_descriptor >> 4 {
            size @ 4..=7 => MIN_BLOCK_LEN << (2 * (size - 4)),
            _ => return Err(corrupt("the frame has an unknown block size")),
        };
        if flags & CONTENT_SIZE != 0 {
            take::<8>(rest)?;
        }
        let [_checksum] = take(rest)?;
        Ok(Self {
            max_block_len,
            block_checksums: flags & BLOCK_CHECKSUMS != 0,
            content_checksum: flags & CONTENT_CHECKSUM != 0,
        })
    }

    fn append_block(
        &self,
        block: &[u8],
        stored: bool,
        limit: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), CompressionError> {
        let at = out.len();
        let too_large = CompressionError::TooLarge {
            compression: LZ4,
            limit,
        };
        if stored {
            if block.len() > self.max_block_len {
                return Err(corrupt("a block is larger than the frame says"));
            }
            if block.len() > limit - at {
                return Err(too_large);
            }
            out.extend_from_slice(block);
            return Ok(());
        }
        let most = self
            .max_block_len
            .min(block.len().saturating_mul(MAX_RATIO));
        let room = most.min(limit - at);
        out.resize(at + room, 0);
        let (before, place) = out.split_at_mut(at);
        // Dependent blocks refer to what came before them; independent ones don't.
        let dictionary = &before[at.saturating_sub(MAX_DISTANCE)..];
        match decompress_into_with_dict(block, place, dictionary) {
            Ok(written) => {
                out.truncate(at + written);
                Ok(())
            }
            Err(DecompressError::OutputTooSmall { .. }) if room < most => Err(too_large),
            Err(error) => Err(corrupt(error)),
        }
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], CompressionError> {
    match rest.split_first_chunk() {
        Some((taken, after)) => {
            *rest = after;
            Ok(*taken)
        }
        None => Err(corrupt("the frame ends early")),
    }
}

fn corrupt(reason: impl std::fmt::Display) -> CompressionError {
    CompressionError::corrupt(LZ4, reason)
}
