//! `request.timeout.ms` and `delivery.timeout.ms`.

use std::time::Duration;

use raban_core::{AttemptOutcome, Cause, ErrorKind};
use raban_protocol::error_code::ErrorCode;

use crate::harness::Harness;

#[test]
fn a_silent_broker_costs_its_connection_and_the_batch_is_sent_again() {
    let mut harness = Harness::new(&[]);
    let delivery = harness.send("v");
    harness.run();
    let first = harness.produced.pop_front().unwrap();
    harness.advance(Duration::from_millis(29_999));
    assert!(harness.connections.contains(&first.conn));
    harness.advance(Duration::from_millis(500));
    assert!(!harness.connections.contains(&first.conn));
    harness.answer_all();
    assert!(delivery.try_outcome().unwrap().is_ok());
}

#[test]
fn a_broker_that_falls_silent_after_it_asked_for_a_pause_costs_its_connection_too() {
    let mut harness = Harness::new(&[]);
    harness.begin_log();
    let deliveries = harness.send_each(&["a", "b"]);
    harness.throttle_time_ms = 100;
    harness.answer_next(ErrorCode::NONE);
    harness.throttle_time_ms = 0;
    let silent = harness.produced.pop_front().unwrap();
    harness.advance(Duration::from_secs(29));
    assert!(harness.connections.contains(&silent.conn));
    harness.advance(Duration::from_secs(2));
    assert!(!harness.connections.contains(&silent.conn));
    harness.answer_all();
    assert!(deliveries.iter().all(raban_core::Delivery::is_settled));
}

#[test]
fn a_batch_that_waits_too_long_fails_with_its_story() {
    let mut harness = Harness::new(&[]);
    let sent = harness.send("sent");
    harness.run();
    let waiting = harness.send("waiting");
    for _ in 0..4 {
        harness.produced.clear();
        harness.advance(Duration::from_secs(30));
    }
    harness.advance(Duration::from_secs(1));
    let error = sent.try_outcome().unwrap().unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::DeliveryTimeout { waited, .. }
        if *waited == Duration::from_secs(120))
    );
    assert!(error.may_have_been_written());
    assert!(matches!(
        &error.attempts()[0].outcome,
        AttemptOutcome::Unanswered(Cause::RequestTimeout { .. })
    ));
    let error = waiting.try_outcome().unwrap().unwrap_err();
    assert!(!error.may_have_been_written(), "it was never sent");
}

#[test]
fn an_answer_after_the_timeout_still_frees_the_memory() {
    let mut harness = Harness::new(&[
        ("request.timeout.ms", "200000"),
        ("delivery.timeout.ms", "210000"),
    ]);
    let delivery = harness.send("v");
    harness.advance(Duration::from_secs(120));
    assert!(!delivery.is_settled());
    harness.advance(Duration::from_secs(79));
    harness.answer_next(ErrorCode::NONE);
    assert!(delivery.try_outcome().unwrap().is_ok());
    let metrics = harness.metrics();
    assert_eq!(metrics.buffer_available_bytes, metrics.buffer_total_bytes);
}
