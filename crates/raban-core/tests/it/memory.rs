//! `buffer.memory`: a hard bound, waiters in order, nothing kept.

use std::task::Poll;
use std::time::Duration;

use raban_core::{EnqueueWait, ErrorKind, NewRecord, TryEnqueueError};
use raban_protocol::error_code::ErrorCode;

use crate::harness::Harness;

fn small() -> Harness {
    Harness::new(&[
        ("buffer.memory", "4000"),
        ("batch.size", "1000"),
        ("linger.ms", "1000"),
        ("max.block.ms", "5000"),
    ])
}

fn record(value: &[u8]) -> NewRecord<'_> {
    NewRecord {
        partition: Some(0),
        value: Some(value),
        ..NewRecord::default()
    }
}

#[test]
fn a_full_buffer_makes_calls_wait_and_goes_on_in_their_order() {
    let mut harness = small();
    let value = [b'x'; 900];
    let accepted: Vec<_> = (0..4)
        .map(|_| harness.enqueue(&record(&value)).unwrap())
        .collect();
    let topic = harness.topic();
    assert!(matches!(
        harness
            .accumulator
            .try_enqueue(&harness.now, &topic, &record(&value)),
        Err(TryEnqueueError::Full)
    ));
    let mut waits = [EnqueueWait::default(), EnqueueWait::default()];
    assert!(
        harness
            .poll_enqueue(&record(&value), &mut waits[0])
            .is_pending()
    );
    assert!(
        harness
            .poll_enqueue(&record(&value), &mut waits[1])
            .is_pending()
    );
    harness.run();
    harness.answer_next(ErrorCode::NONE);
    let second = harness.poll_enqueue(&record(&value), &mut waits[1]);
    assert!(second.is_pending(), "the first in line comes first");
    let Poll::Ready(Ok(first)) = harness.poll_enqueue(&record(&value), &mut waits[0]) else {
        panic!("there is room for one");
    };
    harness.answer_all();
    let Poll::Ready(Ok(second)) = harness.poll_enqueue(&record(&value), &mut waits[1]) else {
        panic!("there is room again");
    };
    drop(harness.accumulator.flush(harness.now));
    harness.answer_all();
    for delivery in accepted.iter().chain([&first, &second]) {
        assert!(delivery.try_outcome().unwrap().is_ok());
    }
    let metrics = harness.metrics();
    assert_eq!(metrics.buffer_available_bytes, metrics.buffer_total_bytes);
}

#[test]
fn a_dropped_wait_lets_the_next_one_go() {
    let mut harness = small();
    let value = [b'x'; 900];
    for _ in 0..4 {
        harness.enqueue(&record(&value)).unwrap().detach();
    }
    let mut waits = [EnqueueWait::default(), EnqueueWait::default()];
    assert!(
        harness
            .poll_enqueue(&record(&value), &mut waits[0])
            .is_pending()
    );
    assert!(
        harness
            .poll_enqueue(&record(&value), &mut waits[1])
            .is_pending()
    );
    let [first, mut second] = waits;
    drop(first);
    harness.answer_all();
    assert!(
        harness
            .poll_enqueue(&record(&value), &mut second)
            .is_ready()
    );
}

#[test]
fn a_buffer_that_stays_full_is_an_error_after_max_block_ms() {
    let mut harness = small();
    let value = [b'x'; 900];
    for _ in 0..4 {
        harness.enqueue(&record(&value)).unwrap().detach();
    }
    let mut wait = EnqueueWait::default();
    assert!(
        harness
            .poll_enqueue(&record(&value), &mut wait)
            .is_pending()
    );
    harness.advance(Duration::from_millis(4999));
    assert!(
        harness
            .poll_enqueue(&record(&value), &mut wait)
            .is_pending()
    );
    harness.advance(Duration::from_millis(1));
    let Poll::Ready(Err(error)) = harness.poll_enqueue(&record(&value), &mut wait) else {
        panic!("time is over");
    };
    assert!(matches!(
        error.kind(),
        ErrorKind::MemoryTimeout { capacity: 4000, .. }
    ));
}

#[test]
fn a_record_that_can_never_fit_is_refused_alone() {
    let mut harness = small();
    let huge = vec![b'x'; 4000];
    let error = harness.enqueue(&record(&huge)).unwrap_err();
    assert!(matches!(
        error.kind(),
        ErrorKind::RecordTooLarge {
            setting: "buffer.memory",
            limit: 4000,
            ..
        }
    ));
    harness.enqueue(&record(b"small")).unwrap().detach();
}

#[test]
fn a_record_too_large_for_a_request_is_refused_where_its_batch_would_have_room() {
    let mut harness = Harness::new(&[("max.request.size", "1000"), ("batch.size", "16384")]);
    for _ in 0..60 {
        harness.enqueue(&record(&[b'x'; 90])).unwrap().detach();
    }
    let error = harness.enqueue(&record(&[b'x'; 950])).unwrap_err();
    assert!(matches!(
        error.kind(),
        ErrorKind::RecordTooLarge {
            setting: "max.request.size",
            ..
        }
    ));
}

#[test]
fn small_batches_of_many_partitions_take_little() {
    let mut harness = Harness::new(&[("linger.ms", "1000"), ("buffer.memory", "33554432")]);
    harness.partitions = 10_000;
    for partition in 0..10_000 {
        let record = NewRecord {
            partition: Some(partition),
            value: Some(b"v"),
            ..NewRecord::default()
        };
        harness.enqueue(&record).unwrap().detach();
    }
    let metrics = harness.metrics();
    let held = metrics.buffer_total_bytes - metrics.buffer_available_bytes;
    assert!(held <= 10_000 * 1024, "{held}");
}
