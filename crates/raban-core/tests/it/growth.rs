//! Batches that grow past `batch.size` while they can't leave.

use std::time::Duration;

use raban_core::{Delivery, NewRecord};
use raban_protocol::error_code::ErrorCode;

use crate::harness::Harness;

const SECOND: Duration = Duration::from_secs(1);
const BATCH: usize = 1000;
/// Fills a tenth of a batch of `batch.size`, which holds nine with its header.
const VALUE: [u8; 90] = [b'x'; 90];

/// The cap is 4,000 bytes: a quarter of `max.request.size`.
const SETTINGS: [(&str, &str); 2] = [("batch.size", "1000"), ("max.request.size", "16000")];

/// A producer whose partition 0 waits for the first answer, so that nothing can leave.
fn held_up(more: &[(&str, &str)]) -> Harness {
    let mut harness = Harness::new(&[&SETTINGS, more].concat());
    harness.send("first").detach();
    harness.run();
    harness
}

fn record() -> NewRecord<'static> {
    NewRecord {
        partition: Some(0),
        value: Some(&VALUE),
        ..NewRecord::default()
    }
}

fn send(harness: &mut Harness, count: usize) -> Vec<Delivery> {
    (0..count)
        .map(|_| harness.enqueue(&record()).unwrap())
        .collect()
}

/// Answers the first request, and takes down the batches of all that follow: bytes and records.
fn sizes(harness: &mut Harness) -> Vec<(usize, usize)> {
    let mut sizes = Vec::new();
    harness.answer_next(ErrorCode::NONE);
    while let Some(next) = harness.produced.front() {
        sizes.push((next.batch_bytes().len(), next.values().len()));
        harness.answer_next(ErrorCode::NONE);
    }
    sizes
}

fn records(sizes: &[(usize, usize)]) -> Vec<usize> {
    sizes.iter().map(|(_, records)| *records).collect()
}

#[track_caller]
fn assert_delivered(deliveries: &[Delivery]) {
    assert!(
        deliveries
            .iter()
            .all(|sent| sent.try_outcome().unwrap().is_ok())
    );
}

#[track_caller]
fn assert_memory_is_back(harness: &Harness) {
    let metrics = harness.metrics();
    assert_eq!(metrics.buffer_available_bytes, metrics.buffer_total_bytes);
}

#[test]
fn a_batch_grows_behind_one_that_waits() {
    let mut harness = held_up(&[]);
    let deliveries = send(&mut harness, 9 + 30);
    assert_eq!(records(&sizes(&mut harness)), [9, 30]);
    assert_delivered(&deliveries);
    assert_memory_is_back(&harness);
}

#[test]
fn what_grew_leaves_without_lingering() {
    let mut harness = held_up(&[("linger.ms", "60000")]);
    harness.advance(60 * SECOND);
    let deliveries = send(&mut harness, 9 + 12);
    assert_eq!(records(&sizes(&mut harness)), [9, 12]);
    assert_delivered(&deliveries);
}

#[test]
fn nothing_grows_that_can_leave() {
    let mut harness = held_up(&[("linger.ms", "1000")]);
    harness.advance(SECOND);
    harness.answer_next(ErrorCode::NONE);
    for _ in 0..2 * 9 + 1 {
        send(&mut harness, 1);
        harness.run();
    }
    let sent = harness.produced.iter().map(|next| next.values().len());
    assert_eq!(sent.collect::<Vec<_>>(), [9; 2]);
    // The broker has two requests to answer: what comes now is looked at with the answer.
    for _ in 0..4 * 9 {
        send(&mut harness, 1);
        harness.run();
    }
    assert_eq!(records(&sizes(&mut harness)), [9, 9, 28]);
}

#[test]
fn nothing_grows_above_the_cap() {
    let mut harness = held_up(&[]);
    send(&mut harness, 9 + 38 + 38 + 12);
    let sizes = sizes(&mut harness);
    assert_eq!(records(&sizes), [9, 39, 39, 10]);
    assert!(
        sizes.iter().all(|(bytes, _)| *bytes <= 4 * BATCH),
        "{sizes:?}"
    );
}

#[test]
fn nothing_grows_where_that_is_off_or_batches_are_compressed_or_single_records_wanted() {
    for setting in [
        ("batch.growth.enable", "false"),
        ("compression.type", "lz4"),
    ] {
        let mut harness = held_up(&[setting]);
        send(&mut harness, 4 * 9);
        let sizes = sizes(&mut harness);
        assert!(sizes.iter().all(|(bytes, _)| *bytes <= BATCH), "{sizes:?}");
    }
    let mut harness = held_up(&[("batch.size", "0")]);
    send(&mut harness, 5);
    assert_eq!(records(&sizes(&mut harness)), [1; 5]);
}

#[test]
fn nothing_grows_that_is_old() {
    let mut harness = held_up(&[("delivery.timeout.ms", "160000")]);
    send(&mut harness, 9 + 12);
    harness.advance(9 * SECOND);
    send(&mut harness, 1);
    harness.advance(2 * SECOND);
    send(&mut harness, 3);
    assert_eq!(records(&sizes(&mut harness)), [9, 13, 3]);
}

#[test]
fn a_flush_ends_a_batch_that_grew() {
    let mut harness = held_up(&[]);
    send(&mut harness, 9 + 15);
    drop(harness.accumulator.flush(harness.now));
    send(&mut harness, 3);
    assert_eq!(records(&sizes(&mut harness)), [9, 15, 3]);
}

#[test]
fn close_sends_what_grew() {
    let mut harness = held_up(&[]);
    let deliveries = send(&mut harness, 9 + 15);
    let _close = harness.accumulator.close(harness.now, SECOND);
    assert_eq!(records(&sizes(&mut harness)), [9, 15]);
    assert_delivered(&deliveries);
    assert_memory_is_back(&harness);
}

#[test]
fn where_memory_is_short_a_full_batch_is_sealed_as_it_is() {
    // A sixteenth of it: a batch may grow to 2,000 bytes.
    let mut harness = held_up(&[("buffer.memory", "32000")]);
    let (topic, now) = (harness.topic(), harness.now);
    let enqueue = || harness.accumulator.try_enqueue(&now, &topic, &record());
    let deliveries: Vec<_> = std::iter::from_fn(|| enqueue().ok()).collect();
    // What is left holds no further buffer; nothing is held that isn't used.
    assert!(deliveries.len() > 290, "{}", deliveries.len());
    let sizes = sizes(&mut harness);
    assert!(
        sizes.iter().all(|(bytes, _)| *bytes <= 2 * BATCH),
        "{sizes:?}"
    );
    assert_eq!(records(&sizes).iter().sum::<usize>(), deliveries.len());
    assert_delivered(&deliveries);
    assert_memory_is_back(&harness);
}

#[test]
fn a_topic_that_refused_a_grown_batch_gets_smaller_ones() {
    let mut harness = held_up(&[("max.request.size", "32000")]);
    let deliveries = send(&mut harness, 9 + 78);
    harness.answer_next(ErrorCode::NONE);
    harness.answer_next(ErrorCode::NONE);
    let refused = harness.produced[0].batch_bytes().len();
    assert!(refused > 7 * BATCH, "{refused}");
    harness.answer_next(ErrorCode::MESSAGE_TOO_LARGE);
    // Behind its halves, which wait, nothing grows to more than half of it, and so it remains.
    let halves = refused / 2 - 100..=refused / 2 + 100;
    for _ in 0..2 {
        send(&mut harness, 9 + 100);
        let sizes = sizes(&mut harness);
        let largest = sizes.iter().map(|(bytes, _)| *bytes).max().unwrap();
        assert!(halves.contains(&largest), "{sizes:?}");
        harness.send("first").detach();
        harness.run();
    }
    assert_delivered(&deliveries);
}

#[test]
fn a_refused_batch_that_grew_says_nothing_of_one_that_did_not() {
    let mut harness = held_up(&[]);
    send(&mut harness, 9 + 11);
    harness.answer_next(ErrorCode::NONE);
    harness.answer_next(ErrorCode::NONE);
    assert!(harness.produced[0].batch_bytes().len() < 2 * BATCH);
    harness.answer_next(ErrorCode::MESSAGE_TOO_LARGE);
    send(&mut harness, 4 * 9 + 1);
    assert_eq!(records(&sizes(&mut harness)), [5, 1, 9, 9, 9, 9, 1]);
}

#[test]
fn the_sticky_partition_changes_no_earlier_and_before_twice_the_bytes() {
    let spread = |growth| {
        let own = [
            ("batch.growth.enable", growth),
            ("partitioner.adaptive.partitioning.enable", "false"),
        ];
        let mut harness = Harness::new(&[&SETTINGS[..], &own].concat());
        harness.partitions = 3;
        let record = NewRecord {
            partition: None,
            ..record()
        };
        let sent: Vec<_> = (0..200)
            .map(|_| harness.enqueue(&record).unwrap())
            .collect();
        harness.answer_all();
        assert_delivered(&sent);
        let stays = sent.chunk_by(|a, b| a.partition() == b.partition());
        stays
            .map(|stay| (stay[0].partition(), stay.len()))
            .collect::<Vec<_>>()
    };
    let (grown, plain) = (spread("true"), spread("false"));
    assert_ne!(grown, plain, "something grew");
    // At the end of each batch of nine records; where one has grown, after `batch.size` bytes, or with the next one.
    for ((partition, stay), (same, least)) in grown[..grown.len() - 1].iter().zip(&plain) {
        assert_eq!(partition, same);
        assert!((*least..2 * least).contains(stay), "{grown:?} {plain:?}");
    }
    assert!(
        plain[..plain.len() - 1]
            .iter()
            .all(|(_, stay)| stay % 9 == 0),
        "{plain:?}"
    );
    assert!(plain.iter().any(|(_, stay)| *stay == 9), "{plain:?}");
}

#[test]
fn a_batch_that_the_sticky_choice_left_full_does_not_linger() {
    let mut harness = Harness::new(&[("linger.ms", "1000"), ("batch.size", "1000")]);
    harness.partitions = 2;
    let record = NewRecord {
        partition: None,
        ..record()
    };
    let mut sent = vec![harness.enqueue(&record).unwrap()];
    while sent.last().unwrap().partition() == sent[0].partition() {
        sent.push(harness.enqueue(&record).unwrap());
    }
    let next = sent.pop().unwrap();
    harness.answer_all();
    assert_delivered(&sent);
    assert!(next.try_outcome().is_none());
}
