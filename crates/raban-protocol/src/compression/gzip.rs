//! gzip by zlib-rs.

use bytes::{Bytes, BytesMut};
use flate2::bufread::MultiGzDecoder;
use flate2::{Compress, FlushCompress, Status};

use super::{Compression, CompressionError, read_limited};

const GZIP: Compression = Compression::Gzip;
/// The level where nobody asks for one. Libraries' levels aren't the same: this one of zlib-rs makes about what klauspost/compress
/// makes at its default 6, in less time. zlib's default, and with it zlib-rs's 6, is up to a tenth smaller.
const DEFAULT_LEVEL: i32 = 3;
/// The largest window, as gzip has it.
const WINDOW_BITS: u8 = 15;

pub(super) fn level(level: Option<i32>) -> Result<i32, &'static str> {
    match level.unwrap_or(-1) {
        -1 => Ok(DEFAULT_LEVEL),
        level @ 1..=9 => Ok(level),
        _ => Err("1 (fast) to 9 (small) and -1 (the default) are possible"),
    }
}

pub(super) fn compress(
    level: i32,
    input: &[u8],
    out: &mut BytesMut,
) -> Result<(), CompressionError> {
    let mut state = Compress::new_gzip(flate2::Compression::new(level as u32), WINDOW_BITS);
    let mut at = out.len();
    // Stored blocks are the worst case: a few bytes more than the input.
    out.resize(at + input.len() + input.len() / 1000 + 64, 0);
    loop {
        let read = state.total_in() as usize;
        let written = state.total_out();
        let status = state
            .compress(&input[read..], &mut out[at..], FlushCompress::Finish)
            .map_err(|error| CompressionError::Failed {
                compression: GZIP,
                reason: error.to_string(),
            })?;
        at += (state.total_out() - written) as usize;
        match status {
            Status::StreamEnd => break,
            Status::Ok | Status::BufError => out.resize(at + 4096, 0),
        }
    }
    out.truncate(at);
    Ok(())
}

pub(super) fn decompress(input: &[u8], limit: usize) -> Result<Bytes, CompressionError> {
    // Several members in a row are one gzip file; Java reads them so too.
    let expected = input.len().saturating_mul(4);
    read_limited(GZIP, MultiGzDecoder::new(input), expected, limit)
}
