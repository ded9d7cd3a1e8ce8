//! Decompressing what anybody may have written: bounded, and as C has it where C is there to compare with.

use raban_protocol::compression::{Codec, Compression, CompressionError, decompress};

use crate::entropy::Entropy;

/// The most that comes out.
const LIMIT: usize = 1 << 18;

/// First byte: the codec; the rest is its input.
pub fn run(data: &[u8]) {
    let mut entropy = Entropy::new(data);
    let compression = Compression::ALL[1 + entropy.below(4)];
    let input = entropy.rest();
    let told = decompress(compression, input, LIMIT);
    match &told {
        Ok(out) => assert!(out.len() <= LIMIT),
        Err(CompressionError::Failed { reason, .. }) => panic!("{compression}: {reason}"),
        Err(_) => {}
    }
    if compression == Compression::Zstd {
        compare(input, told);
    }
}

/// What C's library reads, raban reads, too, and as the same.
fn compare(input: &[u8], told: Result<bytes::Bytes, CompressionError>) {
    // It refuses what doesn't fit.
    let read = zstd::bulk::decompress(input, LIMIT);
    match (read, told) {
        (Ok(expected), Ok(out)) => assert_eq!(out, expected),
        // No input is no batch.
        (Ok(_), Err(_)) if input.is_empty() => {}
        (Ok(_), Err(error)) if is_of_sizes(&error) => {}
        (Ok(expected), Err(error)) => panic!("C reads {} bytes: {error}", expected.len()),
        (Err(_), _) => {}
    }
}

/// What C lets pass: a block larger than 128 KiB, or than the window, which is none (RFC 8878, 3.1.1.2.4), and a window of
/// more than 2 GiB, which decoders may refuse (3.1.1.1.2).
fn is_of_sizes(error: &CompressionError) -> bool {
    let words = error.to_string();
    let sizes = [
        "larger than blocks may be",
        "ExpandsPastBlockMaximum",
        "window_size is too big",
    ];
    sizes.iter().any(|size| words.contains(size))
}

pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (index, compression) in (0..).zip(&Compression::ALL[1..]) {
        for input in samples() {
            let codec = Codec::new(*compression, None).expect("each has a default");
            let mut out = bytes::BytesMut::from(&[index][..]);
            codec.compress(&input, &mut out).expect("it compresses");
            seeds.push(out.to_vec());
        }
    }
    for input in samples() {
        for level in [-5, 1, 3, 19] {
            let out = zstd::stream::encode_all(&input[..], level).expect("it compresses");
            seeds.push([&[3], &out[..]].concat());
        }
    }
    seeds
}

/// Nothing, a run, text, and what doesn't shrink.
pub(crate) fn samples() -> Vec<Vec<u8>> {
    let mut state = 1_u32;
    let noise = (0..2000).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    });
    let text = (0..100).flat_map(|n| format!("record {n} of many; ").into_bytes());
    vec![vec![], vec![7; 3000], text.collect(), noise.collect()]
}
