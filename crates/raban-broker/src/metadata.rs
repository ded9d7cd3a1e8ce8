//! What a cluster knows beside its records: its id, its topics, and how many ids it has given out.
use std::collections::BTreeMap;
use std::fmt::Write;

use raban_protocol::primitives::Uuid;

/// The first line of the text form.
const FORMAT: &str = "raban-broker metadata 1";

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TopicMetadata {
    pub(crate) id: Uuid,
    pub(crate) partitions: i32,
    /// The [generation](ClusterMetadata::generation) that created it, which counts as its leader epoch 0.
    pub(crate) created_in: i32,
}

/// Everything about a cluster that must outlive it, but its records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClusterMetadata {
    pub(crate) cluster_id: String,
    /// Counts the starts of the cluster, from 0. Each is a new leader epoch for all partitions, as in Apache Kafka, so that
    /// clients see that the broker was away.
    pub(crate) generation: i32,
    /// Producer ids below this one may have been given out.
    pub(crate) next_producer_id: i64,
    /// How many topic ids were given out.
    pub(crate) topic_ids: u64,
    pub(crate) topics: BTreeMap<String, TopicMetadata>,
}

impl ClusterMetadata {
    /// That of a new cluster.
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            cluster_id: derive_id(seed, 0).to_string(),
            generation: 0,
            next_producer_id: 0,
            topic_ids: 0,
            topics: BTreeMap::new(),
        }
    }

    /// A topic id that was never given out before.
    pub(crate) fn next_topic_id(&mut self, seed: u64) -> Uuid {
        loop {
            self.topic_ids += 1;
            let id = derive_id(seed, self.topic_ids);
            if self.topics.values().all(|t| t.id != id) {
                return id;
            }
        }
    }

    /// The text form: one fact per line.
    pub(crate) fn encode(&self) -> String {
        let mut out = format!(
            "{FORMAT}\ncluster-id {}\ngeneration {}\nnext-producer-id {}\ntopic-ids {}\n",
            self.cluster_id, self.generation, self.next_producer_id, self.topic_ids
        );
        for (name, topic) in &self.topics {
            out.push_str("topic ");
            for byte in topic.id.0 {
                // Writing to a string can't fail.
                let _ = write!(out, "{byte:02x}");
            }
            let _ = writeln!(out, " {} {} {name}", topic.partitions, topic.created_in);
        }
        out.push_str("end\n");
        out
    }

    /// Reads the text form; an error says what is wrong with which line.
    pub(crate) fn decode(text: &str) -> Result<Self, String> {
        let mut metadata = Self::new(0);
        let mut lines = text.lines().enumerate();
        if lines.next().map(|(_, line)| line) != Some(FORMAT) {
            return Err(format!("the first line is not \"{FORMAT}\""));
        }
        for (at, line) in lines {
            if line == "end" {
                return Ok(metadata);
            }
            metadata
                .decode_line(line)
                .ok_or_else(|| format!("line {} is not valid: {line:?}", at + 1))?;
        }
        Err("the last line is not \"end\"".to_owned())
    }

    fn decode_line(&mut self, line: &str) -> Option<()> {
        let (key, value) = line.split_once(' ')?;
        match key {
            "cluster-id" => self.cluster_id = value.to_owned(),
            "generation" => self.generation = value.parse().ok().filter(|n| *n >= 0)?,
            "next-producer-id" => self.next_producer_id = value.parse().ok().filter(|n| *n >= 0)?,
            "topic-ids" => self.topic_ids = value.parse().ok()?,
            "topic" => {
                let mut words = value.splitn(4, ' ');
                let topic = TopicMetadata {
                    id: parse_id(words.next()?)?,
                    partitions: words.next()?.parse().ok().filter(|n| *n > 0)?,
                    created_in: words.next()?.parse().ok().filter(|n| *n >= 0)?,
                };
                self.topics.insert(words.next()?.to_owned(), topic);
            }
            _ => return None,
        }
        Some(())
    }
}

fn parse_id(hex: &str) -> Option<Uuid> {
    let number = u128::from_str_radix(hex, 16).ok()?;
    (hex.len() == 32).then(|| Uuid(number.to_be_bytes()))
}

/// The `count`th id of a seed. Like Kafka's, its text never starts with `-`, which command lines would take for an option.
fn derive_id(seed: u64, count: u64) -> Uuid {
    let mut state = mix(seed ^ mix(count));
    loop {
        let (high, low) = (mix(state), mix(state ^ 0x5555_5555_5555_5555));
        let mut bytes = ((u128::from(high) << 64) | u128::from(low)).to_be_bytes();
        // Version 4, variant 2 (RFC 9562).
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        let id = Uuid(bytes);
        if !id.to_string().starts_with('-') {
            return id;
        }
        state = state.wrapping_add(1);
    }
}

/// SplitMix64's step.
fn mix(n: u64) -> u64 {
    let mut z = n.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> ClusterMetadata {
        let mut metadata = ClusterMetadata::new(42);
        metadata.generation = 3;
        metadata.next_producer_id = 2000;
        for name in ["a", "b.c_d-e"] {
            let id = metadata.next_topic_id(42);
            let topic = TopicMetadata {
                id,
                partitions: 5,
                created_in: 2,
            };
            metadata.topics.insert(name.to_owned(), topic);
        }
        metadata
    }

    #[test]
    fn the_text_form_reads_back() {
        let metadata = sample();
        assert_eq!(ClusterMetadata::decode(&metadata.encode()), Ok(metadata));
    }

    #[test]
    fn damaged_text_is_refused_with_the_line() {
        let text = sample().encode();
        assert!(ClusterMetadata::decode("").is_err());
        assert!(
            ClusterMetadata::decode(text.trim_end_matches("end\n"))
                .unwrap_err()
                .contains("end")
        );
        let error =
            ClusterMetadata::decode(&text.replace("generation 3", "generation x")).unwrap_err();
        assert!(error.contains("line 3"), "{error}");
        assert!(ClusterMetadata::decode(&text.replace(" 5 2 a", " 0 2 a")).is_err());
    }

    #[test]
    fn ids_follow_from_the_seed_and_differ() {
        let mut seen = std::collections::BTreeSet::new();
        let mut metadata = ClusterMetadata::new(7);
        for _ in 0..1000 {
            let id = metadata.next_topic_id(7);
            assert!(!id.to_string().starts_with('-'));
            assert!(seen.insert(id.0));
        }
        assert_eq!(ClusterMetadata::new(7).next_topic_id(7), derive_id(7, 1));
        assert_ne!(
            ClusterMetadata::new(7).cluster_id,
            ClusterMetadata::new(8).cluster_id
        );
    }
}
