//! Zstandard: by structured-zstd in pure Rust, or by the C library with the feature `zstd-c`.

#[cfg(feature = "zstd-c")]
mod c;
mod frame;
#[cfg(not(feature = "zstd-c"))]
mod pure;

#[cfg(feature = "zstd-c")]
use c as library;
#[cfg(not(feature = "zstd-c"))]
use pure as library;

use bytes::{Bytes, BytesMut};

use super::{Compression, CompressionError, into_bytes};

const ZSTD: Compression = Compression::Zstd;

pub(super) fn level(level: Option<i32>) -> Result<i32, &'static str> {
    match level.unwrap_or(3) {
        level @ -131_072..=22 => Ok(level),
        _ => Err("-131072 (fast) to 22 (small) are possible, 3 is the default"),
    }
}

pub(super) fn compress(
    level: i32,
    input: &[u8],
    out: &mut BytesMut,
) -> Result<(), CompressionError> {
    library::compress(level, input, out)
}

pub(super) fn decompress(input: &[u8], limit: usize) -> Result<Bytes, CompressionError> {
    if input.is_empty() {
        return Err(corrupt("there is no frame"));
    }
    // Decoding into a slice needs no window besides it, whatever size of window the frame asks for: Java's streams
    // ask for 2 MiB at the default level and 128 MiB at the highest, for batches of a few KiB.
    let most = frame::max_content_len(input).map_err(corrupt)?;
    let room = most.min(limit);
    // Zeroed by the system page by page as it is written: a frame that promises much and holds little costs little.
    let mut out = vec![0; room];
    match library::decode(input, &mut out) {
        Ok(len) => {
            out.truncate(len);
            Ok(into_bytes(out))
        }
        Err(DecodeFailure::RoomTooSmall) if room < most => Err(CompressionError::TooLarge {
            compression: ZSTD,
            limit,
        }),
        Err(DecodeFailure::RoomTooSmall) => Err(corrupt("there is more than it says")),
        Err(DecodeFailure::Corrupt(reason)) => Err(corrupt(reason)),
    }
}

/// Why a library couldn't decode into the room it was given.
enum DecodeFailure {
    RoomTooSmall,
    Corrupt(String),
}

fn corrupt(reason: impl std::fmt::Display) -> CompressionError {
    CompressionError::corrupt(ZSTD, reason)
}
