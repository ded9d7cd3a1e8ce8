//! The C library.

use bytes::BytesMut;

use super::{Compression, CompressionError, DecodeFailure};

pub(super) fn compress(
    level: i32,
    input: &[u8],
    out: &mut BytesMut,
) -> Result<(), CompressionError> {
    let at = out.len();
    out.resize(at + zstd::zstd_safe::compress_bound(input.len()), 0);
    let written =
        zstd::bulk::compress_to_buffer(input, &mut out[at..], level).map_err(|error| {
            CompressionError::Failed {
                compression: Compression::Zstd,
                reason: error.to_string(),
            }
        })?;
    out.truncate(at + written);
    Ok(())
}

pub(super) fn decode(input: &[u8], room: &mut [u8]) -> Result<usize, DecodeFailure> {
    zstd::bulk::decompress_to_buffer(input, room).map_err(|error| {
        let reason = error.to_string();
        // The library's error codes arrive as their texts only.
        if reason.contains("Destination buffer is too small") {
            DecodeFailure::RoomTooSmall
        } else {
            DecodeFailure::Corrupt(reason)
        }
    })
}
