//! The partitioners of other clients, by their names there.

use std::fmt;
use std::str::FromStr;

use super::{crc32, fnv1a, murmur2};

/// A partitioner of Java, librdkafka or sarama. The first seven have librdkafka's names.
///
/// | name | hash of the key | null key | empty key |
/// |---|---|---|---|
/// | `random` | none | spread | spread |
/// | `consistent` | CRC-32 | partition 0 | partition 0 |
/// | `consistent_random`, librdkafka's default | CRC-32 | spread | spread |
/// | `murmur2` | murmur2 | as the empty key | hashed |
/// | `murmur2_random`, as Java's default | murmur2 | spread | hashed |
/// | `fnv1a` | FNV-1a, absolute value | as the empty key | hashed |
/// | `fnv1a_random` | FNV-1a, absolute value | spread | hashed |
/// | `sarama`: its `NewHashPartitioner` | FNV-1a, absolute value | spread | hashed |
/// | `sarama_reference`: its `NewReferenceHashPartitioner` | FNV-1a without its sign bit | spread | hashed |
/// | `round_robin`: Java's `RoundRobinPartitioner` | none | in turn | in turn |
///
/// "Spread": a batch's worth to one partition, then to another, each equally likely.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the table above tells of all")]
pub enum NamedPartitioner {
    Random,
    Consistent,
    ConsistentRandom,
    Murmur2,
    Murmur2Random,
    Fnv1a,
    Fnv1aRandom,
    Sarama,
    SaramaReference,
    RoundRobin,
}

impl NamedPartitioner {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Random,
        Self::Consistent,
        Self::ConsistentRandom,
        Self::Murmur2,
        Self::Murmur2Random,
        Self::Fnv1a,
        Self::Fnv1aRandom,
        Self::Sarama,
        Self::SaramaReference,
        Self::RoundRobin,
    ];

    /// The partition that the key decides among `partitions`; `None` where the key decides nothing.
    ///
    /// # Panics
    /// If `partitions` is not positive.
    pub fn partition_for_key(self, key: Option<&[u8]>, partitions: i32) -> Option<i32> {
        let by_hash = match self {
            Self::Random | Self::RoundRobin => return None,
            Self::Consistent | Self::ConsistentRandom => crc32::partition_for_key,
            Self::Murmur2 | Self::Murmur2Random => murmur2::partition_for_key,
            Self::Fnv1a | Self::Fnv1aRandom | Self::Sarama => fnv1a::partition_for_key,
            Self::SaramaReference => fnv1a::reference_partition_for_key,
        };
        let hashed = match (self, key) {
            (Self::ConsistentRandom, Some([])) => None,
            (Self::Consistent | Self::Murmur2 | Self::Fnv1a, None) => Some(&[][..]),
            _ => key,
        };
        hashed.map(|key| by_hash(key, partitions))
    }

    /// Its name in `partitioner.class`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Random => "random",
            Self::Consistent => "consistent",
            Self::ConsistentRandom => "consistent_random",
            Self::Murmur2 => "murmur2",
            Self::Murmur2Random => "murmur2_random",
            Self::Fnv1a => "fnv1a",
            Self::Fnv1aRandom => "fnv1a_random",
            Self::Sarama => "sarama",
            Self::SaramaReference => "sarama_reference",
            Self::RoundRobin => "round_robin",
        }
    }
}

impl fmt::Display for NamedPartitioner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that no partitioner has.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnknownPartitioner {
    /// The name.
    pub name: String,
}

impl fmt::Display for UnknownPartitioner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = NamedPartitioner::ALL.iter().map(|known| known.name());
        let names: Vec<_> = names.collect();
        let listed = names.join(", ");
        write!(
            f,
            "no partitioner has the name {:?}; there are {listed}",
            self.name
        )
    }
}

impl std::error::Error for UnknownPartitioner {}

impl FromStr for NamedPartitioner {
    type Err = UnknownPartitioner;

    fn from_str(name: &str) -> Result<Self, UnknownPartitioner> {
        let mut all = Self::ALL.iter().copied();
        all.find(|known| known.name() == name)
            .ok_or_else(|| UnknownPartitioner { name: name.into() })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Each name's treatment of a null, an empty and another key, as librdkafka's test 0048 has them: 17 partitions.
    #[test]
    fn null_and_empty_keys_are_treated_as_in_librdkafka() {
        let some = |hash: u32| Some((hash % 17) as i32);
        for (name, expected) in [
            ("random", [None; 3]),
            ("round_robin", [None; 3]),
            ("consistent", [Some(0), Some(0), some(0xd077_037e)]),
            ("consistent_random", [None, None, some(0xd077_037e)]),
            (
                "murmur2",
                [some(0x106e_08d9), some(0x106e_08d9), some(0x5ec1_9395)],
            ),
            (
                "murmur2_random",
                [None, some(0x106e_08d9), some(0x5ec1_9395)],
            ),
            (
                "fnv1a",
                [some(0x7ee3_623b), some(0x7ee3_623b), some(0x17b1_e27a)],
            ),
            ("fnv1a_random", [None, some(0x7ee3_623b), some(0x17b1_e27a)]),
            ("sarama", [None, some(0x7ee3_623b), some(0x17b1_e27a)]),
            (
                "sarama_reference",
                [
                    None,
                    some(0x811c_9dc5 & 0x7fff_ffff),
                    some(fnv1a::fnv1a(b"hejsan") & 0x7fff_ffff),
                ],
            ),
        ] {
            let named: NamedPartitioner = name.parse().unwrap();
            assert_eq!(named.to_string(), name);
            let keys = [None, Some(&b""[..]), Some(b"hejsan")];
            let chosen = keys.map(|key| named.partition_for_key(key, 17));
            assert_eq!(chosen, expected, "{name}");
        }
        assert_eq!(
            "Murmur2".parse::<NamedPartitioner>(),
            Err(UnknownPartitioner {
                name: "Murmur2".into()
            })
        );
    }

    /// Keys by a rule that `crates/raban/tests/real_kafka/partitioners.rs` has, too: it had the clients themselves choose
    /// among 61 partitions, and keeps each choice as a digit.
    fn key(index: u32) -> Vec<u8> {
        let mut state = index;
        (0..=index % 40)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                0x21 + ((state >> 24) % 0xdf) as u8
            })
            .collect()
    }

    #[test]
    fn agrees_with_what_java_librdkafka_and_sarama_chose_for_10_000_keys() {
        const DIGITS: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let golden = include_str!("../../tests/golden/partitions.tsv");
        let mut names = Vec::new();
        for line in golden.lines() {
            let (clients, choices) = line.split_once('\t').unwrap();
            assert_eq!(choices.len(), 10_000);
            for client in clients.split(' ') {
                let named: NamedPartitioner = match client {
                    "java" => NamedPartitioner::Murmur2Random,
                    name => name.parse().unwrap(),
                };
                for (index, digit) in (0..).zip(choices.chars()) {
                    let chosen = named.partition_for_key(Some(&key(index)), 61).unwrap();
                    let theirs = DIGITS.find(digit).unwrap();
                    assert_eq!(chosen as usize, theirs, "{client}, key {index}");
                }
                names.push(client);
            }
        }
        assert_eq!(names.len(), 9, "{names:?}");
    }

    #[test]
    fn the_error_names_all() {
        let error = "crc".parse::<NamedPartitioner>().unwrap_err();
        assert!(error.to_string().contains("\"crc\""), "{error}");
        for named in NamedPartitioner::ALL {
            assert!(error.to_string().contains(named.name()), "{error}");
        }
    }

    proptest! {
        #[test]
        fn a_choice_is_one_of_the_partitions(
            key in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..40)),
            partitions in prop_oneof![1..10i32, 1..=i32::MAX],
        ) {
            for named in NamedPartitioner::ALL {
                let chosen = named.partition_for_key(key.as_deref(), partitions);
                prop_assert!(chosen.is_none_or(|chosen| (0..partitions).contains(&chosen)), "{named}: {chosen:?}");
            }
        }
    }
}
