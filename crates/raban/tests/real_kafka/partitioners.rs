//! Java's, librdkafka's and sarama's own choices of partitions for 10,000 keys: raban's are the same.
//!
//! They are kept as `crates/raban-core/tests/golden/partitions.tsv`, so that tests without Kafka can tell, too.
//! `RABAN_WRITE_GOLDEN=1` writes that file anew.

use std::collections::BTreeSet;
use std::path::Path;

use raban::{Producer, Record};
use testbed::{Kafka, kcat, sarama};

use crate::support::{PATIENCE, alone};

/// A prime, so that all bits of a hash count, with a digit for each partition.
const PARTITIONS: i32 = 61;
const DIGITS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const KEYS: u32 = 10_000;

const LIBRDKAFKA: [&str; 6] = [
    "consistent",
    "consistent_random",
    "murmur2",
    "murmur2_random",
    "fnv1a",
    "fnv1a_random",
];

/// As raban names what sarama calls `NewHashPartitioner` and `NewReferenceHashPartitioner`.
const SARAMA: [&str; 2] = ["sarama", "sarama_reference"];

/// As `crates/raban-core/src/partitioner/named.rs` makes it: 1 to 40 bytes of any kind but control characters and spaces.
fn key(index: u32) -> Vec<u8> {
    let mut state = index;
    (0..=index % 40)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            0x21 + ((state >> 24) % 0xdf) as u8
        })
        .collect()
}

fn raban_partitions(kafka: &Kafka, topic: &str, keys: &[Vec<u8>], class: &str) -> Vec<i32> {
    let producer = Producer::builder()
        .bootstrap_servers(kafka.bootstrap_servers())
        .set("partitioner.class", class)
        .build()
        .unwrap()
        .blocking();
    let enqueued = keys.iter().map(|key| {
        let record = Record::to(topic).key(key);
        producer.enqueue(record).unwrap()
    });
    let mut deliveries: Vec<_> = enqueued.collect();
    let partitions = deliveries.iter_mut().map(|delivery| {
        let at = delivery.wait_timeout(PATIENCE).unwrap().unwrap();
        at.partition()
    });
    let partitions = partitions.collect();
    producer.close(PATIENCE).unwrap();
    partitions
}

/// By the number that is each record's value.
fn librdkafka_partitions(kafka: &Kafka, topic: &str, keys: &[Vec<u8>], name: &str) -> Vec<i32> {
    let numbered = keys.iter().zip(0..);
    let records: Vec<_> = numbered
        .map(|(key, number): (_, u32)| (key.clone(), number.to_string()))
        .collect();
    let servers = kafka.bootstrap_servers();
    kcat::produce(&servers, topic, &records, &[("partitioner", name)]).unwrap();
    let mut partitions = vec![-1; keys.len()];
    for record in kcat::consume(&servers, topic, &[]).unwrap() {
        let number = String::from_utf8(record.value.unwrap()).unwrap();
        partitions[number.parse::<usize>().unwrap()] = record.partition;
    }
    partitions
}

#[test]
#[cfg_attr(not(real_kafka), ignore = "needs RABAN_REAL_KAFKA=1")]
fn are_those_of_java_librdkafka_and_sarama() {
    let _alone = alone();
    let kafka = Kafka::builder().version("4.4.0").start().unwrap();
    let keys: Vec<Vec<u8>> = (0..KEYS).map(key).collect();
    let topic = |name: &str| {
        kafka.create_topic(name, PARTITIONS, 1, &[]).unwrap();
        name.to_owned()
    };
    // Who chooses alike shares a line.
    let mut lines: Vec<(String, String)> = Vec::new();
    let mut keep = |name: &str, chosen: &[i32]| {
        let digit = |partition: &i32| char::from(DIGITS[*partition as usize]);
        let digits: String = chosen.iter().map(digit).collect();
        match lines.iter_mut().find(|(_, known)| *known == digits) {
            Some((names, _)) => names.extend([" ", name]),
            None => lines.push((name.to_owned(), digits)),
        }
    };

    let java = kafka.java_partitions(&topic("java"), &keys, &[]).unwrap();
    assert_eq!(raban_partitions(&kafka, &topic("raban"), &keys, ""), java);
    keep("java", &java);

    let class = "org.apache.kafka.clients.producer.RoundRobinPartitioner";
    let properties = [("partitioner.class", class)];
    let theirs = kafka.java_partitions(&topic("java-turns"), &keys, &properties);
    let ours = raban_partitions(&kafka, &topic("raban-turns"), &keys, class);
    // Java's order within a round is that of a hash map.
    for chosen in [theirs.unwrap(), ours] {
        for round in chosen.chunks_exact(PARTITIONS as usize) {
            let different: BTreeSet<_> = round.iter().collect();
            assert_eq!(different.len(), round.len());
            assert_eq!(round, &chosen[..round.len()]);
        }
    }

    let theirs = sarama::partitions(&keys, PARTITIONS).unwrap();
    let sarama: Vec<_> = SARAMA.into_iter().zip(theirs).collect();
    for (name, theirs) in &sarama {
        let ours = raban_partitions(&kafka, &topic(&format!("raban-{name}")), &keys, name);
        assert_eq!(ours, *theirs, "{name}");
    }

    if kcat::is_installed() {
        for name in LIBRDKAFKA {
            let theirs =
                librdkafka_partitions(&kafka, &topic(&format!("kcat-{name}")), &keys, name);
            let ours = raban_partitions(&kafka, &topic(&format!("raban-{name}")), &keys, name);
            assert_eq!(ours, theirs, "{name}");
            keep(name, &theirs);
        }
        for (name, theirs) in &sarama {
            keep(name, theirs);
        }
        let lines = lines.iter();
        let golden: String = lines
            .map(|(names, digits)| format!("{names}\t{digits}\n"))
            .collect();
        let path = Path::new(env!("CARGO_MANIFEST_DIR"));
        let path = path.join("../raban-core/tests/golden/partitions.tsv");
        if std::env::var_os("RABAN_WRITE_GOLDEN").is_some() {
            std::fs::write(&path, &golden).unwrap();
        }
        assert_eq!(std::fs::read_to_string(path).unwrap(), golden);
    }
}
