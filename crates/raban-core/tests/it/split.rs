//! Batches that are refused for their size, or for some of their records.

use std::task::Poll;
use std::time::Duration;

use raban_core::{AttemptOutcome, Delivery, ErrorKind, ProduceError};
use raban_protocol::error_code::ErrorCode;
use raban_protocol::messages::produce::BatchIndexAndErrorMessage;

use crate::harness::{Harness, poll};

const SECOND: Duration = Duration::from_secs(1);
const TOO_LARGE: ErrorCode = ErrorCode::MESSAGE_TOO_LARGE;

/// Records of one batch.
fn send_together(harness: &mut Harness, values: &[&str]) -> Vec<Delivery> {
    let deliveries = values.iter().map(|value| harness.send(value)).collect();
    harness.run();
    deliveries
}

fn offsets(deliveries: &[Delivery]) -> Vec<i64> {
    let offset = |delivery: &Delivery| delivery.try_outcome().unwrap().unwrap().offset().unwrap();
    deliveries.iter().map(offset).collect()
}

fn failure(delivery: &Delivery) -> ProduceError {
    delivery.try_outcome().expect("it is settled").unwrap_err()
}

fn words(delivery: &Delivery) -> String {
    match failure(delivery).kind() {
        ErrorKind::Rejected { code, message } => format!("{}: {message:?}", code.0),
        other => panic!("{other}"),
    }
}

fn blame(index: i32, words: &str) -> BatchIndexAndErrorMessage {
    BatchIndexAndErrorMessage {
        batch_index: index,
        batch_index_error_message: Some(words.to_owned()),
    }
}

/// Epoch, base sequence and values of the only request that waits.
fn waiting(harness: &Harness) -> (i16, i32, Vec<String>) {
    assert_eq!(harness.produced.len(), 1, "one waits for its answer");
    let header = harness.produced[0].batch().header;
    let values = harness.produced[0].values();
    (header.producer_epoch, header.base_sequence, values)
}

fn strings(values: &[&str]) -> Vec<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}

#[test]
fn a_batch_is_split_until_it_fits_and_all_keep_their_sequences() {
    let mut harness = Harness::new(&[]);
    harness.confirm();
    let first = send_together(&mut harness, &["a", "b", "c", "d"]);
    let second = send_together(&mut harness, &["e", "f"]);
    harness.answer_next(TOO_LARGE);
    harness.answer_next(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_eq!(waiting(&harness), (0, 1, strings(&["a", "b"])));
    harness.answer_next(TOO_LARGE);
    for (sequence, values) in [
        (1, &["a"][..]),
        (2, &["b"]),
        (3, &["c", "d"]),
        (5, &["e", "f"]),
    ] {
        let next = harness.produced[0].clone();
        assert_eq!(next.values(), strings(values));
        let header = next.batch().header;
        assert_eq!((header.producer_epoch, header.base_sequence), (0, sequence));
        harness.answer_next(ErrorCode::NONE);
    }
    assert_eq!(offsets(&first), [1, 2, 3, 4]);
    assert_eq!(offsets(&second), [5, 6]);
    let metrics = harness.metrics();
    assert_eq!(metrics.batch_split.total, 2);
    assert_eq!(metrics.record_send.total, 7);
    assert_eq!(metrics.record_error.total, 0);
    assert_eq!(metrics.buffer_available_bytes, metrics.buffer_total_bytes);
    let trail = first[0].trail().unwrap();
    let attempts = trail.attempts().iter();
    let outcomes: Vec<_> = attempts.map(|attempt| attempt.outcome.clone()).collect();
    let refused = AttemptOutcome::Answered(TOO_LARGE);
    assert_eq!(
        outcomes,
        [refused.clone(), refused, AttemptOutcome::Acknowledged]
    );
}

#[test]
fn a_flush_waits_for_all_parts_and_their_memory_comes_back() {
    let mut harness = Harness::new(&[("compression.type", "lz4")]);
    harness.confirm();
    let deliveries = send_together(&mut harness, &["a", "b", "c", "d"]);
    let mut flush = harness.accumulator.flush(harness.now);
    harness.answer_next(TOO_LARGE);
    assert!(deliveries.iter().all(|delivery| !delivery.is_settled()));
    harness.answer_next(ErrorCode::NONE);
    assert_eq!(poll(&mut flush), Poll::Pending);
    harness.answer_all();
    assert_eq!(poll(&mut flush), Poll::Ready(()));
    let metrics = harness.metrics();
    assert_eq!(metrics.buffer_available_bytes, metrics.buffer_total_bytes);
}

#[test]
fn a_single_record_that_is_too_large_fails_alone() {
    let mut harness = Harness::new(&[("retries", "0")]);
    harness.confirm();
    let large = "x".repeat(1000);
    let deliveries = send_together(&mut harness, &["a", "b", &large, "c"]);
    harness.answer_next(TOO_LARGE);
    while !harness.produced.is_empty() {
        let is_large = harness.produced[0].values().contains(&large);
        harness.answer_next(if is_large { TOO_LARGE } else { ErrorCode::NONE });
        harness.advance(SECOND);
    }
    assert_eq!(offsets(&deliveries[..2]), [1, 2]);
    assert_eq!(offsets(&deliveries[3..]), [3]);
    let error = failure(&deliveries[2]);
    assert!(!error.may_have_been_written());
    assert!(
        error
            .to_string()
            .contains("raise the topic's max.message.bytes")
    );
}

#[test]
fn after_a_refusal_batches_are_smaller_until_the_limit_is_forgiven() {
    let settings = [("batch.size", "1000"), ("metadata.max.age.ms", "60000")];
    let mut harness = Harness::new(&settings);
    harness.confirm();
    let value = "x".repeat(100);
    let values = [&*value; 8];
    let largest = |harness: &mut Harness| {
        let deliveries = send_together(harness, &values);
        let mut largest = 0;
        while let Some(next) = harness.produced.front() {
            largest = largest.max(next.values().len());
            harness.answer_next(ErrorCode::NONE);
        }
        assert!(deliveries.iter().all(Delivery::is_settled));
        largest
    };
    assert_eq!(largest(&mut harness), 8);
    let deliveries = send_together(&mut harness, &values);
    harness.answer_next(TOO_LARGE);
    harness.answer_all();
    assert!(deliveries.iter().all(Delivery::is_settled));
    assert_eq!(largest(&mut harness), 3, "half of what was refused");
    harness.advance(61 * SECOND);
    assert_eq!(largest(&mut harness), 8);
}

#[test]
fn a_batch_in_doubt_is_not_split_before_the_log_was_read() {
    let mut harness = Harness::new(&[]);
    harness.begin_log();
    let deliveries = send_together(&mut harness, &["a", "b"]);
    harness.answer_next(ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND);
    harness.advance(SECOND);
    assert_eq!(waiting(&harness), (0, 1, strings(&["a", "b"])));
    harness.answer_next(TOO_LARGE);
    harness.advance(SECOND);
    // The log doesn't have it, and each attempt was answered: none can append it any more.
    assert_eq!(waiting(&harness), (1, 0, strings(&["a", "b"])));
    harness.answer_next(TOO_LARGE);
    assert_eq!(waiting(&harness), (1, 0, strings(&["a"])));
    harness.append_next();
    harness.append_next();
    assert_eq!(offsets(&deliveries), [1, 2]);
}

#[test]
fn a_batch_in_doubt_that_is_in_the_log_is_acknowledged_though_refused() {
    let mut harness = Harness::new(&[]);
    harness.begin_log();
    let deliveries = send_together(&mut harness, &["a", "b"]);
    harness.lose_answers(1);
    harness.advance(SECOND);
    harness.answer_next(TOO_LARGE);
    harness.advance(SECOND);
    assert_eq!(offsets(&deliveries), [1, 2]);
    assert!(harness.produced.is_empty());
}

#[test]
fn refused_records_fail_with_their_own_words_and_the_others_go_on() {
    let mut harness = Harness::new(&[]);
    harness.confirm();
    let first = send_together(&mut harness, &["a", "b", "c", "d", "e"]);
    let second = send_together(&mut harness, &["f"]);
    harness.record_errors = vec![blame(3, "no key"), blame(1, "too old"), blame(1, "twice")];
    harness.answer_next(ErrorCode::INVALID_RECORD);
    assert_eq!(words(&first[1]), r#"87: Some("too old")"#);
    assert_eq!(words(&first[3]), r#"87: Some("no key")"#);
    assert!(!failure(&first[1]).may_have_been_written());
    harness.answer_next(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_eq!(waiting(&harness), (1, 0, strings(&["a", "c", "e"])));
    harness.answer_next(ErrorCode::NONE);
    assert_eq!(waiting(&harness), (1, 3, strings(&["f"])));
    harness.answer_next(ErrorCode::NONE);
    let good = [&first[0], &first[2], &first[4], &second[0]];
    let good = good.map(|delivery| delivery.try_outcome().unwrap().unwrap().offset());
    assert_eq!(good, [1, 2, 3, 4].map(Some));
    let metrics = harness.metrics();
    assert_eq!(metrics.record_error.total, 2);
    assert_eq!(metrics.buffer_available_bytes, metrics.buffer_total_bytes);
}

#[test]
fn a_refusal_that_blames_no_record_of_the_batch_fails_it_whole() {
    for blamed in [&[][..], &[-1, 2, i32::MAX]] {
        let mut harness = Harness::new(&[]);
        harness.confirm();
        let deliveries = send_together(&mut harness, &["a", "b"]);
        harness.record_errors = blamed.iter().map(|index| blame(*index, "?")).collect();
        harness.answer_next(ErrorCode::INVALID_RECORD);
        assert!(
            deliveries
                .iter()
                .all(|delivery| words(delivery) == "87: None")
        );
    }
}

#[test]
fn a_refusal_of_all_records_tells_each_why() {
    let mut harness = Harness::new(&[]);
    harness.confirm();
    let deliveries = send_together(&mut harness, &["a", "b"]);
    harness.record_errors = vec![blame(0, "x"), blame(1, "y")];
    harness.answer_next(ErrorCode::INVALID_TIMESTAMP);
    assert_eq!(words(&deliveries[0]), r#"32: Some("x")"#);
    assert_eq!(words(&deliveries[1]), r#"32: Some("y")"#);
    let later = send_together(&mut harness, &["c"]);
    assert_eq!(waiting(&harness), (1, 0, strings(&["c"])));
    harness.answer_all();
    assert_eq!(offsets(&later), [1]);
}

#[test]
fn without_idempotence_batches_are_split_too() {
    let mut harness = Harness::new(&[("enable.idempotence", "false"), ("acks", "1")]);
    harness.confirm();
    let deliveries = send_together(&mut harness, &["a", "b", "c", "d"]);
    harness.answer_next(TOO_LARGE);
    assert_eq!(waiting(&harness), (-1, -1, strings(&["a", "b"])));
    harness.answer_all();
    assert_eq!(offsets(&deliveries), [1, 2, 3, 4]);
}

#[test]
fn parts_run_out_of_time_when_their_batch_would_have() {
    let settings = [
        ("request.timeout.ms", "1000"),
        ("delivery.timeout.ms", "5000"),
    ];
    let mut harness = Harness::new(&settings);
    harness.confirm();
    harness.log.silent = true;
    let deliveries = send_together(&mut harness, &["a", "b"]);
    harness.advance(SECOND / 2);
    harness.answer_next(TOO_LARGE);
    harness.answer_next(ErrorCode::NONE);
    harness.advance(5 * SECOND);
    assert_eq!(offsets(&deliveries[..1]), [1]);
    let error = failure(&deliveries[1]);
    assert!(matches!(error.kind(), ErrorKind::DeliveryTimeout { .. }));
    assert!(error.may_have_been_written());
    assert!(error.trail().wire() <= 5 * SECOND);
    assert_eq!(
        error.attempts()[0].outcome,
        AttemptOutcome::Answered(TOO_LARGE)
    );
}
