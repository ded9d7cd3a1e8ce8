use std::time::Duration;

use bytes::Bytes;
use raban_core::config::Settings;
use raban_core::{Config, Deliveries, ManyOutcome, NewRecord, Partitioner, Unpartitioned};
use raban_protocol::error_code::ErrorCode;

use crate::harness::*;

const VALUES: [&str; 5] = ["0", "1", "2", "3", "4"];

fn to<'a>(partition: i32, values: &[&'a str]) -> Vec<NewRecord<'a>> {
    let record = |value: &&'a str| NewRecord {
        partition: Some(partition),
        value: Some(value.as_bytes()),
        ..NewRecord::default()
    };
    values.iter().map(record).collect()
}

fn enqueue(harness: &Harness, records: &[NewRecord<'_>]) -> (usize, Vec<Deliveries>) {
    let mut deliveries = Vec::new();
    let topic = harness.topic();
    let accumulator = &harness.accumulator;
    let accepted = accumulator.enqueue_many(&harness.now, &topic, records, &mut deliveries);
    let counted: usize = deliveries.iter().map(Deliveries::count).sum();
    assert_eq!(accepted, counted);
    (accepted, deliveries)
}

fn assert_acknowledged(deliveries: Vec<Deliveries>) {
    for mut many in deliveries {
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        match many.poll_outcome(&mut cx) {
            std::task::Poll::Ready(ManyOutcome::Settled(Ok(()))) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn they_go_behind_the_record_that_began_the_batch() {
    let mut harness = Harness::new(&[("linger.ms", "10")]);
    assert_eq!(enqueue(&harness, &to(0, &VALUES)).0, 0, "no metadata yet");
    let first = harness.send("first");
    let (accepted, deliveries) = enqueue(&harness, &to(0, &VALUES));
    assert_eq!((accepted, deliveries.len()), (5, 1));
    assert!(!deliveries[0].is_settled());
    let last = harness.send("last");
    harness.advance(Duration::from_millis(10));
    let sent = ["first", "0", "1", "2", "3", "4", "last"];
    assert_eq!(harness.produced[0].values(), sent);
    harness.answer_all();
    assert_eq!(first.try_outcome().unwrap().unwrap().offset(), Some(0));
    assert_eq!(last.try_outcome().unwrap().unwrap().offset(), Some(6));
    assert_acknowledged(deliveries);
}

#[test]
fn each_goes_to_its_partition() {
    let mut harness = Harness::new(&[("linger.ms", "10")]);
    harness.partitions = 2;
    for partition in [0, 1] {
        let record = to(partition, &["first"])[0];
        harness.enqueue(&record).unwrap().detach();
    }
    let records: Vec<_> = [0, 0, 1, 0, 1]
        .into_iter()
        .zip(&VALUES)
        .flat_map(|(partition, value)| to(partition, &[value]))
        .collect();
    let (accepted, deliveries) = enqueue(&harness, &records);
    let counts: Vec<_> = deliveries.iter().map(Deliveries::count).collect();
    assert_eq!((accepted, counts), (5, vec![2, 1, 1, 1]));
    harness.advance(Duration::from_millis(10));
    harness.answer_all();
    assert_acknowledged(deliveries);
}

#[test]
fn a_record_that_a_batch_has_no_room_for_or_that_is_wrong_ends_it() {
    let mut harness = Harness::new(&[
        ("linger.ms", "1000"),
        ("batch.size", "200"),
        ("max.request.size", "1000"),
    ]);
    let _first = harness.send("first");
    let long = "x".repeat(120);
    let (accepted, _two) = enqueue(&harness, &to(0, &["a", "b", &long, "c"]));
    assert_eq!(accepted, 2);
    let too_long = "x".repeat(2000);
    assert_eq!(enqueue(&harness, &to(0, &[&too_long])).0, 0);
    let negative = NewRecord {
        timestamp: Some(-1),
        ..to(0, &["a"])[0]
    };
    assert_eq!(enqueue(&harness, &[negative]).0, 0);
    let anywhere = |record: &NewRecord<'static>| NewRecord {
        partition: None,
        ..*record
    };
    let records = [to(0, &["d"])[0], negative].map(|record| anywhere(&record));
    assert_eq!(enqueue(&harness, &records).0, 1);
    assert_eq!(enqueue(&harness, &to(7, &["a"])).0, 0, "no such partition");
    drop(
        harness
            .accumulator
            .close(harness.now, Duration::from_secs(1)),
    );
    assert_eq!(enqueue(&harness, &to(0, &["a"])).0, 0, "it is closed");
}

/// Each with its partition.
type Batches = Vec<(i32, Vec<Option<Bytes>>)>;

/// What is in the batches of records that come so many at a time; and what they leave of `buffer.memory`.
fn batches_of(records: &[NewRecord<'_>], at_a_time: usize, growth: &str) -> (Batches, u64) {
    let mut harness = Harness::new(&[
        ("linger.ms", "1000"),
        ("batch.size", "4000"),
        ("batch.growth.enable", growth),
        ("max.request.size", "40000"),
    ]);
    harness.partitions = 3;
    let mut deliveries = Vec::new();
    for mut records in records.chunks(at_a_time) {
        while !records.is_empty() {
            // One alone is not one of many.
            let accepted = if records.len() > 1 {
                let (accepted, many) = enqueue(&harness, records);
                deliveries.extend(many);
                accepted
            } else {
                0
            };
            records = &records[accepted..];
            if let Some((next, rest)) = records.split_first() {
                harness.enqueue(next).unwrap().detach();
                records = rest;
            }
        }
    }
    let left = harness.metrics().buffer_available_bytes;
    harness.advance(Duration::from_secs(1));
    let mut batches = Batches::new();
    while let Some(produced) = harness.produced.front() {
        for (partition, batch) in produced.batches() {
            let values = batch.records.into_iter().map(|record| record.value);
            batches.push((partition, values.collect()));
        }
        harness.answer_next(ErrorCode::NONE);
        harness.run();
    }
    assert_acknowledged(deliveries);
    (batches, left)
}

#[test]
fn they_go_where_each_would_go_by_itself() {
    let values: Vec<_> = (0..2000_usize)
        .map(|number| format!("{number}{}", "x".repeat(number * number % 170)))
        .collect();
    let records: Vec<_> = (0_usize..)
        .zip(&values)
        .map(|(number, value)| NewRecord {
            partition: (number % 29 == 7).then_some(1),
            key: (number % 31 == 11).then_some(b"key"),
            value: (number % 37 != 13).then_some(value.as_bytes()),
            ..NewRecord::default()
        })
        .collect();
    for (growth, batches) in [("false", 41..60), ("true", 20..30)] {
        let expected = batches_of(&records, 1, growth);
        assert!(batches.contains(&expected.0.len()), "{}", expected.0.len());
        for at_a_time in [2, 7, 32, 2000] {
            let sent = batches_of(&records, at_a_time, growth);
            assert_eq!(sent, expected, "{at_a_time}, growth {growth}");
        }
    }
}

#[test]
fn a_failure_is_told_once_for_all() {
    let mut harness = Harness::new(&[("linger.ms", "10")]);
    let _first = harness.send("first");
    let (_, mut deliveries) = enqueue(&harness, &to(0, &VALUES));
    harness.advance(Duration::from_millis(10));
    harness.answer_next(ErrorCode::TOPIC_AUTHORIZATION_FAILED);
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let outcome = deliveries[0].poll_outcome(&mut cx);
    assert!(
        matches!(
            outcome,
            std::task::Poll::Ready(ManyOutcome::Settled(Err(_)))
        ),
        "{outcome:?}"
    );
}

#[test]
fn an_applications_partitioner_is_not_asked_under_a_lock() {
    #[derive(Debug)]
    struct First;

    impl Partitioner for First {
        fn partition(&self, _: &Unpartitioned<'_>) -> i32 {
            0
        }
    }

    let mut settings = Settings::default();
    settings.set("bootstrap.servers", "broker:9092");
    let mut config = Config::from_settings(&settings).unwrap();
    config.partitioner = raban_core::Partitioning::Custom(std::sync::Arc::new(First));
    let mut harness = Harness::with_config(config);
    let _first = harness.send("first");
    assert_eq!(enqueue(&harness, &to(0, &VALUES)).0, 0);
}

#[test]
fn a_turn_that_is_taken_is_used() {
    let class = "org.apache.kafka.clients.producer.RoundRobinPartitioner";
    let mut harness = Harness::new(&[("partitioner.class", class), ("linger.ms", "1000")]);
    harness.partitions = 3;
    let anywhere = NewRecord {
        value: Some(b"value"),
        ..NewRecord::default()
    };
    let mut chosen = Vec::new();
    for _ in 0..6 {
        assert_eq!(enqueue(&harness, &[anywhere; 4]).0, 0);
        chosen.push(harness.enqueue(&anywhere).unwrap().partition());
    }
    let first = chosen[0];
    let in_turn: Vec<_> = (first..).map(|turn| turn % 3).take(6).collect();
    assert_eq!(chosen, in_turn);
}
