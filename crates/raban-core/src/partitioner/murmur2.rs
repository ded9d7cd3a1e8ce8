//! The Java client's hash of keys, so that every client finds the same partition for the same key.

const SEED: u32 = 0x9747_b28c;
const M: u32 = 0x5bd1_e995;
const R: u32 = 24;

/// MurmurHash2 (32 bits, Austin Appleby) with the Java client's seed, as a Java `int`.
pub fn murmur2(data: &[u8]) -> i32 {
    // Java measures in int; a key's length never exceeds it.
    let mut hash = SEED ^ data.len() as u32;
    let (words, rest) = data.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> R;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !rest.is_empty() {
        for (index, &byte) in rest.iter().enumerate() {
            hash ^= u32::from(byte) << (8 * index);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^= hash >> 15;
    hash as i32
}

/// The partition of a record with that key among `partitions`, as Java's default partitioner chooses it. An empty key
/// is a key.
///
/// # Panics
/// If `partitions` is not positive.
pub fn partition_for_key(key: &[u8], partitions: i32) -> i32 {
    assert!(partitions > 0, "a topic has at least one partition");
    // Java's toPositive clears the sign bit, it does not negate.
    (murmur2(key) & i32::MAX) % partitions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_vectors_of_the_java_client() {
        for (key, hash) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            (
                "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8",
                -58_897_971,
            ),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(key.as_bytes()), hash, "{key}");
        }
    }

    #[test]
    fn agrees_with_the_partitions_that_the_java_client_chose() {
        // A key in hexadecimal, and its partition of 1, 3, 7 and 100.
        let golden = include_str!("../../tests/golden/murmur2.tsv");
        assert!(golden.lines().count() > 100);
        for line in golden.lines() {
            let (hex, partitions) = line.split_once('\t').unwrap();
            let key: Vec<u8> = (0..hex.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
                .collect();
            let chosen = [1, 3, 7, 100].map(|count| partition_for_key(&key, count).to_string());
            assert_eq!(chosen.join("\t"), partitions, "{hex}");
        }
    }

    #[test]
    fn a_partition_is_never_negative() {
        // "21" hashes below zero.
        assert_eq!(
            partition_for_key(b"21", 7),
            (-973_932_308i32 & i32::MAX) % 7
        );
        for partitions in [1, 2, 3, i32::MAX] {
            for key in 0..1000u32 {
                let partition = partition_for_key(&key.to_le_bytes(), partitions);
                assert!((0..partitions).contains(&partition));
            }
        }
    }

    #[test]
    #[should_panic(expected = "at least one partition")]
    fn no_partitions_are_a_bug() {
        partition_for_key(b"", 0);
    }
}
