//! One of three nodes is slow: adaptive partitioning (KIP-794) sends it less. With `--nocapture` in figures.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use raban::{Producer, Record};
use testbed::{ApiKey, Kafka, Rule};

use crate::support::{PATIENCE, alone};

const PARTITIONS: i32 = 12;
const RECORDS: usize = 60_000;
const VALUE: [u8; 1000] = [b'x'; 1000];
const SLOW: i32 = 1;
/// Some 25 answers a second, with five requests in flight: batches that grow meanwhile don't make up for it.
const DELAY: Duration = Duration::from_millis(200);

/// The share of the records that each node takes.
fn shares(kafka: &Kafka, topic: &str, settings: &[(&str, &str)]) -> BTreeMap<i32, f64> {
    kafka.create_topic(topic, PARTITIONS, 1, &[]).unwrap();
    let leaders = kafka.leaders(topic).unwrap();
    let builder = Producer::builder().bootstrap_servers(kafka.bootstrap_servers());
    let set = |builder: raban::Builder, (key, value): &(&str, &str)| builder.set(*key, *value);
    let producer = settings.iter().fold(builder, set).build().unwrap();
    let producer = producer.blocking();
    let began = Instant::now();
    let mut records = BTreeMap::new();
    for _ in 0..RECORDS {
        let delivery = producer.enqueue(Record::to(topic).value(VALUE)).unwrap();
        *records.entry(leaders[&delivery.partition()]).or_insert(0) += 1;
        delivery.detach();
    }
    producer.close(PATIENCE).unwrap();
    let took = began.elapsed();
    let ends = kafka.end_offsets(topic).unwrap();
    assert_eq!(ends.values().sum::<i64>(), RECORDS as i64);
    let share = |records: i32| f64::from(records) / RECORDS as f64;
    let shares: BTreeMap<i32, f64> = records
        .into_iter()
        .map(|(node, records)| (node, share(records)))
        .collect();
    eprintln!("{topic}: shares by node {shares:.3?}, {took:.1?} for all, {settings:?}");
    shares
}

#[test]
#[cfg_attr(not(real_kafka), ignore = "needs RABAN_REAL_KAFKA=1")]
fn a_slow_broker_gets_less() {
    let _alone = alone();
    let kafka = Kafka::builder().nodes(3).proxied().start().unwrap();
    let slow = Rule::responses(ApiKey::PRODUCE).delay(DELAY);
    kafka.proxy(SLOW).add(slow);
    let off = [("partitioner.adaptive.partitioning.enable", "false")];
    let uniform = shares(&kafka, "uniform", &off)[&SLOW];
    let adaptive = shares(&kafka, "adaptive", &[])[&SLOW];
    let timeout = [("partitioner.availability.timeout.ms", "20")];
    let available = shares(&kafka, "available", &timeout)[&SLOW];
    assert!((0.2..0.45).contains(&uniform), "{uniform}");
    assert!(adaptive < uniform * 0.85, "{adaptive} of {uniform}");
    assert!(available < uniform * 0.85, "{available} of {uniform}");
}
