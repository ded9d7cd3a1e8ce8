use super::*;
use proptest::prelude::*;

const LIMIT: usize = 1 << 20;

/// Every compression that this build has, at some of its levels.
fn codecs() -> Vec<Codec> {
    let mut codecs = Vec::new();
    for compression in Compression::ALL {
        let levels: &[Option<i32>] = match compression {
            Compression::None | Compression::Snappy => &[None],
            Compression::Gzip => &[None, Some(-1), Some(1), Some(9)],
            Compression::Lz4 => &[None, Some(9)],
            Compression::Zstd => &[None, Some(-131_072), Some(-5), Some(1), Some(9), Some(19)],
        };
        for &level in levels {
            match Codec::new(compression, level) {
                Ok(codec) => codecs.push(codec),
                Err(error) => assert_eq!(error, CompressionError::Unavailable { compression }),
            }
        }
    }
    codecs
}

fn compressed(codec: &Codec, input: &[u8]) -> Vec<u8> {
    let mut out = BytesMut::new();
    codec.compress(input, &mut out).unwrap();
    out.to_vec()
}

/// Decompressing bytes from anywhere ends in bytes within the limit, or in an error that isn't a panic of a codec.
fn check_hostile(
    compression: Compression,
    input: &[u8],
    limit: usize,
) -> Result<(), TestCaseError> {
    match decompress(compression, input, limit) {
        Ok(out) => prop_assert!(out.len() <= limit),
        Err(CompressionError::Failed { reason, .. }) => prop_assert!(false, "{reason}"),
        Err(_) => {}
    }
    Ok(())
}

/// Bytes as batches have them: runs, repetitions and noise.
fn inputs() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..200),
        (any::<u8>(), 0_usize..70_000).prop_map(|(byte, len)| vec![byte; len]),
        (
            proptest::collection::vec(any::<u8>(), 1..40),
            1_usize..2_000
        )
            .prop_map(|(word, times)| word.repeat(times)),
    ];
    proptest::collection::vec(part, 0..5).prop_map(|parts| parts.concat())
}

#[test]
fn ids_and_names_are_those_of_kafka() {
    let names: Vec<_> = Compression::ALL.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["none", "gzip", "snappy", "lz4", "zstd"]);
    for (id, compression) in Compression::ALL.into_iter().enumerate() {
        assert_eq!(usize::from(compression.id()), id);
        assert_eq!(Compression::from_id(id as u8), Some(compression));
        assert_eq!(compression.name().parse(), Ok(compression));
    }
    assert_eq!(Compression::from_id(5), None);
    let error = "brotli".parse::<Compression>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "unknown compression \"brotli\": one of none, gzip, snappy, lz4, zstd is expected"
    );
}

#[test]
fn levels_that_a_codec_has_not_are_refused_with_a_reason() {
    for (compression, level) in [
        (Compression::None, 1),
        (Compression::Gzip, 0),
        (Compression::Gzip, 10),
        (Compression::Snappy, 1),
        (Compression::Lz4, 1),
        (Compression::Lz4, 17),
        (Compression::Zstd, 23),
        (Compression::Zstd, -131_073),
    ] {
        match Codec::new(compression, Some(level)) {
            Err(CompressionError::Level { reason, .. }) => assert!(!reason.is_empty()),
            Err(CompressionError::Unavailable { .. }) => {}
            other => panic!("{compression} {level}: {other:?}"),
        }
    }
}

#[test]
fn output_is_appended() {
    for codec in codecs() {
        let mut out = BytesMut::from(&b"before"[..]);
        codec.compress(b"input", &mut out).unwrap();
        let after = out.split_off(6);
        assert_eq!(&out[..], b"before");
        assert_eq!(decompress(codec.compression(), &after, 5).unwrap(), "input");
    }
}

#[test]
fn nothing_beyond_the_limit() {
    let zeros = vec![0; 3 * LIMIT];
    for codec in codecs() {
        let compression = codec.compression();
        let bomb = compressed(&codec, &zeros);
        for limit in [0, 1, 65_536, LIMIT, 3 * LIMIT - 1] {
            assert_eq!(
                decompress(compression, &bomb, limit),
                Err(CompressionError::TooLarge { compression, limit })
            );
        }
        assert_eq!(
            decompress(compression, &bomb, 3 * LIMIT).unwrap(),
            zeros,
            "exactly the limit is allowed"
        );
    }
}

#[test]
fn an_empty_input_round_trips() {
    for codec in codecs() {
        let out = compressed(&codec, b"");
        assert_eq!(decompress(codec.compression(), &out, 0).unwrap(), "");
    }
}

#[test]
fn every_cut_of_a_stream_is_an_error() {
    let input: Vec<u8> = (0..5_000_u32).flat_map(|n| (n / 7).to_be_bytes()).collect();
    for codec in codecs() {
        if codec.compression() == Compression::None {
            continue;
        }
        let whole = compressed(&codec, &input);
        for cut in 0..whole.len() {
            let result = decompress(codec.compression(), &whole[..cut], LIMIT);
            // Snappy's framing has no end: cut between blocks it is whole.
            if let Ok(out) = result {
                assert!(
                    codec.compression() == Compression::Snappy && input.starts_with(&out),
                    "{codec:?} cut at {cut}"
                );
            }
        }
    }
}

#[cfg(feature = "snappy")]
mod snappy_framings {
    use super::*;

    fn raw(input: &[u8]) -> Vec<u8> {
        snap::raw::Encoder::new().compress_vec(input).unwrap()
    }

    fn decompress_snappy(input: &[u8]) -> Result<Bytes, CompressionError> {
        decompress(Compression::Snappy, input, LIMIT)
    }

    #[test]
    fn raw_blocks_are_read() {
        let input = b"raw snappy, raw snappy, raw snappy".repeat(3_000);
        assert_eq!(decompress_snappy(&raw(&input)).unwrap(), input);
    }

    #[test]
    fn little_endian_framings_are_read() {
        let blocks = [b"one ".repeat(100), b"two ".repeat(300)];
        for length_of in [u32::to_le_bytes, u32::to_be_bytes] {
            let mut framed = b"\x82SNAPPY\0\x01\0\0\0\x01\0\0\0".to_vec();
            for block in &blocks {
                let block = raw(block);
                framed.extend_from_slice(&length_of(block.len() as u32));
                framed.extend_from_slice(&block);
            }
            assert_eq!(decompress_snappy(&framed).unwrap(), blocks.concat());
        }
    }

    #[test]
    fn the_framing_is_that_of_xerial() {
        let codec = Codec::new(Compression::Snappy, None).unwrap();
        let out = compressed(&codec, &vec![7; 40_000]);
        assert_eq!(out[..16], *b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01");
        let first = u32::from_be_bytes(out[16..20].try_into().unwrap()) as usize;
        assert_eq!(snap::raw::decompress_len(&out[20..]).unwrap(), 32 * 1024);
        let second = snap::raw::decompress_len(&out[20 + first + 4..]).unwrap();
        assert_eq!(second, 40_000 - 32 * 1024);
    }

    #[test]
    fn lengths_that_cannot_be_are_refused() {
        // A raw block of two bytes that says it holds 512 MiB.
        let lying = [0x80, 0x80, 0x80, 0x80, 0x02, 0x00];
        assert!(matches!(
            decompress(Compression::Snappy, &lying, usize::MAX),
            Err(CompressionError::Corrupt { .. })
        ));
    }
}

#[cfg(feature = "lz4")]
mod lz4_frames {
    use super::*;

    fn decompress_lz4(input: &[u8]) -> Result<Bytes, CompressionError> {
        decompress(Compression::Lz4, input, LIMIT)
    }

    /// A frame with this descriptor (its checksum isn't looked at) around these blocks, each length as given.
    fn frame(descriptor: &[u8], parts: &[&[u8]]) -> Vec<u8> {
        let mut frame = 0x184D_2204_u32.to_le_bytes().to_vec();
        frame.extend_from_slice(descriptor);
        frame.push(0);
        for part in parts {
            frame.extend_from_slice(part);
        }
        frame
    }

    #[test]
    fn frames_with_content_size_and_checksums_are_read() {
        let stored = [&(3_u32 | 1 << 31).to_le_bytes()[..], b"abc"].concat();
        let mut descriptor = vec![0x7c, 0x70];
        descriptor.extend_from_slice(&3_u64.to_le_bytes());
        let whole = frame(&descriptor, &[&stored, &[9; 4], &[0; 4], &[9; 4]]);
        assert_eq!(decompress_lz4(&whole).unwrap(), "abc");
    }

    /// The sequences of a block: literals before each match, the match's distance and length; the last one has none.
    fn sequences(mut block: &[u8]) -> Vec<(usize, Option<(usize, usize)>)> {
        fn length(half: u8, block: &mut &[u8]) -> usize {
            let mut length = usize::from(half);
            let mut more = half == 15;
            while more {
                let (byte, rest) = block.split_first().unwrap();
                length += usize::from(*byte);
                more = *byte == 255;
                *block = rest;
            }
            length
        }
        let mut sequences = Vec::new();
        loop {
            let (token, rest) = block.split_first().unwrap();
            block = rest;
            let literals = length(token >> 4, &mut block);
            block = &block[literals..];
            let Some((distance, rest)) = block.split_first_chunk() else {
                sequences.push((literals, None));
                return sequences;
            };
            block = rest;
            let length = 4 + length(token & 15, &mut block);
            let distance = usize::from(u16::from_le_bytes(*distance));
            sequences.push((literals, Some((distance, length))));
        }
    }

    /// The blocks of a frame as raban writes it: each as it is, and whether it is stored.
    fn blocks(frame: &[u8]) -> Vec<(&[u8], bool)> {
        let mut rest = &frame[7..];
        let mut blocks = Vec::new();
        loop {
            let (length, after) = rest.split_first_chunk().unwrap();
            let length = u32::from_le_bytes(*length);
            if length == 0 {
                assert!(after.is_empty());
                return blocks;
            }
            let (block, after) = after.split_at((length & !(1 << 31)) as usize);
            blocks.push((block, length >> 31 == 1));
            rest = after;
        }
    }

    /// Bytes that have no matches, as long as nobody looks for them.
    fn noise(len: usize) -> Vec<u8> {
        let mut state = 1_u64;
        let next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 56) as u8
        };
        std::iter::repeat_with(next).take(len).collect()
    }

    fn compressed_lz4(input: &[u8]) -> Vec<u8> {
        compressed(&Codec::new(Compression::Lz4, None).unwrap(), input)
    }

    #[test]
    fn the_smallest_block_that_holds_all_is_chosen() {
        const KIB: usize = 1024;
        for (len, size, expected) in [
            (0, 4, 0),
            (1, 4, 1),
            (64 * KIB, 4, 1),
            (64 * KIB + 1, 5, 1),
            (256 * KIB, 5, 1),
            (256 * KIB + 1, 6, 1),
            (1024 * KIB, 6, 1),
            (1024 * KIB + 1, 6, 2),
        ] {
            for input in [vec![7; len], noise(len)] {
                let frame = compressed_lz4(&input);
                assert_eq!(frame[5] >> 4, size, "{len}");
                assert_eq!(blocks(&frame).len(), expected, "{len}");
                assert!(decompress(Compression::Lz4, &frame, len).unwrap() == input);
            }
        }
    }

    #[test]
    fn headers_have_the_checksum_that_lz4_computes() {
        // Of the command lz4 with -B4, -B5, -B6, each with --no-frame-crc.
        for (len, checksum) in [(1, 0x82), (70_000, 0xfb), (300_000, 0x51)] {
            assert_eq!(compressed_lz4(&vec![0; len])[6], checksum);
        }
    }

    #[test]
    fn what_has_no_matches_is_stored() {
        let input = noise(100_000);
        assert_eq!(blocks(&compressed_lz4(&input)), [(&input[..], true)]);
    }

    #[test]
    fn blocks_end_as_the_format_demands() {
        for len in 13..600 {
            let word = 1 + len % 40;
            let input: Vec<u8> = noise(word).into_iter().cycle().take(len).collect();
            let frame = compressed_lz4(&input);
            let (block, stored) = blocks(&frame)[0];
            if stored {
                continue;
            }
            let sequences = sequences(block);
            let (last, before) = sequences.split_last().unwrap();
            assert!(last.0 >= 5, "{len}: {sequences:?}");
            let mut at = 0;
            for (literals, found) in before {
                let (_, length) = found.unwrap();
                assert!(at + literals + 12 <= len, "{len}: {sequences:?}");
                at += literals + length;
            }
            assert_eq!(at + last.0, len);
        }
    }

    #[test]
    fn matches_are_found_as_far_back_as_the_format_goes() {
        for (distance, found) in [(65_535, true), (65_536, false)] {
            let word = b"seen at the start";
            let mut input = word.to_vec();
            input.extend(noise(distance - word.len() - 500));
            // Behind a match each place is looked at, and the block compresses.
            input.extend([0; 500]);
            input.extend(word);
            input.extend([1; 40]);
            let frame = compressed_lz4(&input);
            let matches = sequences(blocks(&frame)[0].0);
            let far = |(_, found): &(usize, Option<(usize, usize)>)| {
                found.is_some_and(|(back, _)| back == distance)
            };
            assert_eq!(matches.iter().any(far), found, "{distance}: {matches:?}");
            assert!(decompress_lz4(&frame).unwrap() == input);
        }
    }

    #[test]
    fn dependent_blocks_are_read() {
        let first = [&(8_u32 | 1 << 31).to_le_bytes()[..], b"abcdefgh"].concat();
        // No literals and a match of 4 + 4 bytes, 8 back into the block before; then the five literals of an end.
        let second = [&[9, 0, 0, 0][..], &[0x04, 8, 0, 0x50], b"12345"].concat();
        let whole = frame(&[0x40, 0x40], &[&first, &second, &[0; 4]]);
        assert_eq!(decompress_lz4(&whole).unwrap(), "abcdefghabcdefgh12345");
    }

    #[test]
    fn what_kafka_does_not_write_is_refused() {
        for (descriptor, reason) in [
            (&[0xa0, 0x40][..], "unknown version"),
            (&[0x62, 0x40], "unknown version"),
            (&[0x61, 0x40, 0, 0, 0, 0], "dictionary"),
            (&[0x60, 0x30], "block size"),
        ] {
            let error = decompress_lz4(&frame(descriptor, &[&[0; 4]])).unwrap_err();
            assert!(error.to_string().contains(reason), "{error}");
        }
        let mut trailing = frame(&[0x60, 0x40], &[&[0; 4]]);
        assert_eq!(decompress_lz4(&trailing).unwrap(), "");
        trailing.push(0);
        assert!(decompress_lz4(&trailing).is_err());
    }
}

#[cfg(any(feature = "zstd", feature = "zstd-c"))]
mod zstd_frames {
    use super::*;

    fn decompress_zstd(input: &[u8], limit: usize) -> Result<Bytes, CompressionError> {
        decompress(Compression::Zstd, input, limit)
    }

    #[test]
    fn a_wide_window_costs_nothing() {
        // A window of 2 GiB, no content size, one raw block.
        let frame = b"\x28\xb5\x2f\xfd\x00\xa8\x19\0\0abc";
        assert!(
            decompress_zstd(frame, LIMIT).is_ok_and(|out| out == "abc") || cfg!(feature = "zstd-c")
        );
    }

    #[test]
    fn many_frames_in_a_row_and_skippable_ones_are_read() {
        let codec = Codec::new(Compression::Zstd, None).unwrap();
        let mut frames = compressed(&codec, b"one ");
        frames.extend_from_slice(b"\x50\x2a\x4d\x18\x02\0\0\0xx");
        frames.extend_from_slice(&compressed(&codec, b"two"));
        assert_eq!(decompress_zstd(&frames, 7).unwrap(), "one two");
        assert!(decompress_zstd(&frames, 6).is_err());
    }

    #[test]
    fn a_frame_of_many_runs_stops_at_the_limit() {
        // 100,000 blocks of 128 KiB of zeros each: 12 GiB in 400 KB.
        let mut bomb = b"\x28\xb5\x2f\xfd\x00\x58".to_vec();
        for _ in 0..100_000 {
            bomb.extend_from_slice(&((128_u32 * 1024) << 3 | 1 << 1_u32).to_le_bytes()[..3]);
            bomb.push(0);
        }
        bomb.extend_from_slice(&[1, 0, 0]);
        assert_eq!(
            decompress_zstd(&bomb, LIMIT),
            Err(CompressionError::TooLarge {
                compression: Compression::Zstd,
                limit: LIMIT
            })
        );
    }

    #[test]
    fn a_content_size_that_lies_is_an_error() {
        // A single segment that says 2^40 bytes and has three.
        let mut frame = b"\x28\xb5\x2f\xfd\xe0".to_vec();
        frame.extend_from_slice(&(1_u64 << 40).to_le_bytes());
        frame.extend_from_slice(b"\x19\0\0abc");
        assert!(matches!(
            decompress_zstd(&frame, usize::MAX),
            Err(CompressionError::Corrupt { .. })
        ));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_codec_round_trips(input in inputs()) {
        for codec in codecs() {
            let out = compressed(&codec, &input);
            prop_assert_eq!(decompress(codec.compression(), &out, input.len()).unwrap(), &input);
        }
    }

    #[test]
    fn random_bytes_are_refused_calmly(input in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        for compression in Compression::ALL {
            check_hostile(compression, &input, 100_000)?;
            for start in [&b"\x28\xb5\x2f\xfd"[..], b"\x04\x22\x4d\x18\x60\x40\x82", b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01", b"\x1f\x8b\x08\0"] {
                check_hostile(compression, &[start, &input].concat(), 100_000)?;
            }
        }
    }

    #[test]
    fn mutated_streams_are_refused_calmly(
        input in inputs(),
        mutations in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
    ) {
        for codec in codecs() {
            let mut stream = compressed(&codec, &input);
            for (at, byte) in &mutations {
                if !stream.is_empty() {
                    let at = at.index(stream.len());
                    stream[at] ^= byte;
                }
            }
            check_hostile(codec.compression(), &stream, LIMIT)?;
            stream.truncate(cut.index(stream.len() + 1));
            check_hostile(codec.compression(), &stream, LIMIT)?;
        }
    }
}
