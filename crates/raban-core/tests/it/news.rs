//! News of batches, which wakes the driver, or waits for the next answer.

use std::time::Duration;

use raban_core::NewRecord;
use raban_protocol::error_code::ErrorCode;

use crate::harness::Harness;

const MILLISECOND: Duration = Duration::from_millis(1);
/// Fills a batch by itself.
const VALUE: [u8; 1000] = [b'x'; 1000];

/// A producer whose broker has so many requests to answer, with a batch of each partition.
fn busy(requests: i32, more: &[(&str, &str)]) -> Harness {
    let settings = [("batch.size", "1000"), ("linger.ms", "100")];
    let mut harness = Harness::new(&[&settings, more].concat());
    harness.partitions = 8;
    for partition in 0..8 {
        fill(&mut harness, partition);
    }
    harness.answer_all();
    for partition in 0..requests {
        fill(&mut harness, partition);
        harness.run();
    }
    assert_eq!(harness.produced.len(), requests as usize);
    harness
}

/// A full batch.
fn fill(harness: &mut Harness, partition: i32) {
    let record = NewRecord {
        partition: Some(partition),
        value: Some(&VALUE),
        ..NewRecord::default()
    };
    harness.enqueue(&record).unwrap().detach();
}

/// Of this batch; returns whether the driver was woken.
fn wakes(harness: &mut Harness, partition: i32) -> bool {
    let before = harness.driver_wakes();
    fill(harness, partition);
    harness.driver_wakes() > before
}

#[test]
fn while_a_broker_has_requests_batches_leave_with_the_next_answer() {
    let mut harness = busy(2, &[]);
    assert!(!wakes(&mut harness, 2));
    assert!(!wakes(&mut harness, 3));
    harness.run();
    assert_eq!(harness.produced.len(), 2);
    harness.answer_next(ErrorCode::NONE);
    let last = harness.produced.back().unwrap();
    assert_eq!((harness.produced.len(), last.batches().len()), (2, 2));
}

#[test]
fn a_broker_with_one_request_gets_the_next_batch_at_once() {
    let mut harness = busy(1, &[]);
    assert!(wakes(&mut harness, 1));
    harness.run();
    assert_eq!(harness.produced.len(), 2);
}

#[test]
fn no_batch_waits_longer_than_a_millisecond_for_an_answer() {
    let mut harness = busy(2, &[]);
    assert!(!wakes(&mut harness, 2));
    assert!(harness.sleeps().is_some_and(|sleeps| sleeps <= MILLISECOND));
    harness.advance(MILLISECOND);
    assert_eq!(harness.produced.len(), 3);
}

#[test]
fn who_has_no_news_to_wait_for_sleeps() {
    let mut harness = busy(2, &[]);
    harness.advance(MILLISECOND);
    assert!(harness.sleeps().is_none_or(|sleeps| sleeps > MILLISECOND));
    assert!(wakes(&mut harness, 2), "it looks by itself no more");
}

#[test]
fn without_linger_only_what_cannot_leave_waits_for_an_answer() {
    let no_linger = [
        ("linger.ms", "0"),
        ("max.in.flight.requests.per.connection", "3"),
    ];
    let mut harness = busy(2, &no_linger);
    assert!(wakes(&mut harness, 2));
    harness.run();
    assert_eq!(harness.produced.len(), 3);
    assert!(!wakes(&mut harness, 3));
}

#[test]
fn one_broker_with_requests_does_not_keep_another_waiting() {
    let mut harness = Harness::new(&[("batch.size", "1000"), ("linger.ms", "100")]);
    harness.partitions = 8;
    harness.leaders = [(7, 1)].into();
    for partition in 0..8 {
        fill(&mut harness, partition);
    }
    harness.answer_all();
    for partition in 0..2 {
        fill(&mut harness, partition);
        harness.run();
    }
    assert!(wakes(&mut harness, 7));
}

#[test]
fn a_flush_and_close_wake_all_the_same() {
    let mut harness = busy(2, &[]);
    assert!(!wakes(&mut harness, 2));
    let before = harness.driver_wakes();
    drop(harness.accumulator.flush(harness.now));
    assert!(harness.driver_wakes() > before);
    harness.run();
    assert_eq!(harness.produced.len(), 3);
    let before = harness.driver_wakes();
    drop(
        harness
            .accumulator
            .close(harness.now, Duration::from_secs(1)),
    );
    assert!(harness.driver_wakes() > before);
}
