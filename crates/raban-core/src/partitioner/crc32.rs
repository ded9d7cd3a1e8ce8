//! The hash of keys in librdkafka's `consistent` and `consistent_random`, its default.

/// The CRC-32 of zlib and Ethernet, a byte at a time: of keys, which are short.
const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg());
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

/// CRC-32 with the polynomial of zlib.
pub fn crc32(data: &[u8]) -> u32 {
    !data.iter().fold(!0, |crc: u32, byte| {
        TABLE[usize::from(crc as u8 ^ byte)] ^ (crc >> 8)
    })
}

/// The partition of a record with that key among `partitions`, as librdkafka's `consistent` chooses it.
///
/// # Panics
/// If `partitions` is not positive.
pub fn partition_for_key(key: &[u8], partitions: i32) -> i32 {
    assert!(partitions > 0, "a topic has at least one partition");
    (crc32(key) % partitions.unsigned_abs()) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_known_values() {
        for (key, hash) in [
            // The check value of CRC-32 in catalogues.
            ("123456789", 0xCBF4_3926),
            // librdkafka's test 0048.
            ("", 0),
            ("23456", 0xB1B4_51D7),
            (
                "this is another string with more length to it perhaps",
                0xB015_0DF7,
            ),
            ("hejsan", 0xD077_037E),
        ] {
            assert_eq!(crc32(key.as_bytes()), hash, "{key}");
        }
        assert_eq!(
            partition_for_key(b"hejsan", 17),
            (0xD077_037E_u32 % 17) as i32
        );
    }
}
