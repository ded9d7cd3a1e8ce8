//! What a codec writes, at any level, is read back as it was: by raban, and where there is one by C.

use bytes::BytesMut;
use raban_protocol::compression::{Codec, Compression, decompress};

use crate::entropy::Entropy;

/// First byte: the codec; second: the level; the rest is compressed, once or several times in a row.
pub fn run(data: &[u8]) {
    let mut entropy = Entropy::new(data);
    let compression = Compression::ALL[entropy.below(5)];
    let level = level(compression, entropy.byte());
    let times = 1 + entropy.below(40);
    let input = entropy.rest().repeat(times);
    let codec = Codec::new(compression, level).expect("the level is one of its levels");
    let mut out = BytesMut::from(&b"before"[..]);
    codec.compress(&input, &mut out).expect("it compresses");
    assert_eq!(&out[..6], b"before");
    let compressed = &out[6..];
    let read = decompress(compression, compressed, input.len()).expect("raban reads it");
    assert!(read == input);
    if compression == Compression::Zstd {
        let read = zstd::stream::decode_all(compressed).expect("C reads it");
        assert!(read == input);
        let level = level.unwrap_or(3).clamp(-7, 19);
        let by_c = zstd::stream::encode_all(&input[..], level).expect("C compresses");
        let read = decompress(compression, &by_c, input.len()).expect("raban reads C's");
        assert!(read == input);
    }
}

fn level(compression: Compression, byte: u8) -> Option<i32> {
    match compression {
        Compression::Gzip => Some([-1, 1, 2, 3, 4, 5, 6, 7, 8, 9][usize::from(byte) % 10]),
        Compression::Zstd => Some(i32::from(byte) % 30 - 7),
        _ => None,
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for codec in 0..5 {
        for (level, sample) in [0, 5, 10, 20].into_iter().zip(crate::decompress::samples()) {
            seeds.push([&[codec, level, 0], &sample[..]].concat());
        }
    }
    seeds
}
