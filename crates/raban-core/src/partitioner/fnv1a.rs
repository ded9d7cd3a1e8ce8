//! The hash of keys in sarama, and in librdkafka's `fnv1a` and `fnv1a_random`, which follow it.

/// FNV-1a with 32 bits (Fowler, Noll, Vo).
pub fn fnv1a(data: &[u8]) -> u32 {
    data.iter().fold(0x811C_9DC5, |hash: u32, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    })
}

/// The partition of a record with that key among `partitions`, as sarama's `NewHashPartitioner` and librdkafka's `fnv1a`
/// choose it: by the absolute value of the signed hash.
///
/// # Panics
/// If `partitions` is not positive.
pub fn partition_for_key(key: &[u8], partitions: i32) -> i32 {
    assert!(partitions > 0, "a topic has at least one partition");
    ((fnv1a(key) as i32).unsigned_abs() % partitions.unsigned_abs()) as i32
}

/// The same as sarama's `NewReferenceHashPartitioner` chooses it: by the hash without its sign bit.
///
/// # Panics
/// If `partitions` is not positive.
pub fn reference_partition_for_key(key: &[u8], partitions: i32) -> i32 {
    assert!(partitions > 0, "a topic has at least one partition");
    (fnv1a(key) as i32 & i32::MAX) % partitions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absolute_values_agree_with_librdkafka_s_own_tests() {
        for (key, hash) in [
            ("kafka", 0x0d33_c4e1),
            ("giberish123456789", 0x77a5_8295),
            ("1234", 0x023b_dd03),
            ("234", 0x2dea_3cd2),
            ("34", 0x740f_a83e),
            ("4", 0x310c_a263),
            ("PreAmbleWillBeRemoved,ThePrePartThatIs", 0x65cb_d69c),
            ("reAmbleWillBeRemoved,ThePrePartThatIs", 0x6e49_c79a),
            ("", 0x7ee3_623b),
            ("23456", 0x27e6_f469),
            ("hejsan", 0x17b1_e27a),
        ] {
            let signed = fnv1a(key.as_bytes()) as i32;
            assert_eq!(signed.unsigned_abs(), hash, "{key}");
            assert_eq!(
                partition_for_key(key.as_bytes(), 17),
                (hash % 17) as i32,
                "{key}"
            );
        }
    }

    #[test]
    fn the_reference_differs_where_the_hash_is_negative() {
        // "" hashes to 0x811c9dc5.
        assert_eq!(reference_partition_for_key(b"", 1000), 0x011c_9dc5 % 1000);
        assert_eq!(partition_for_key(b"", 1000), 0x7ee3_623b % 1000);
        assert_eq!(
            reference_partition_for_key(b"kafka", 1000),
            partition_for_key(b"kafka", 1000)
        );
    }
}
