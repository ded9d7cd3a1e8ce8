//! structured-zstd.

use bytes::BytesMut;
use structured_zstd::decoding::FrameDecoder;
use structured_zstd::decoding::errors::FrameDecoderError;
use structured_zstd::encoding::{CompressionLevel, compress_slice_to_vec};

use super::{CompressionError, DecodeFailure};

pub(super) fn compress(
    level: i32,
    input: &[u8],
    out: &mut BytesMut,
) -> Result<(), CompressionError> {
    out.extend_from_slice(&compress_slice_to_vec(
        input,
        CompressionLevel::from_level(level),
    ));
    Ok(())
}

pub(super) fn decode(input: &[u8], room: &mut [u8]) -> Result<usize, DecodeFailure> {
    FrameDecoder::new()
        .decode_all(input, room)
        .map_err(|error| match error {
            FrameDecoderError::TargetTooSmall => DecodeFailure::RoomTooSmall,
            error => DecodeFailure::Corrupt(error.to_string()),
        })
}
