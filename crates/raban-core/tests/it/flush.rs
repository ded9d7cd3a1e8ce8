//! `flush` covers what was accepted before it, and nothing later.

use std::time::Duration;

use raban_protocol::error_code::ErrorCode;

use crate::harness::{Harness, poll};

#[test]
fn flush_ends_lingering_and_waits_for_the_outcome() {
    let mut harness = Harness::new(&[("linger.ms", "1000")]);
    let delivery = harness.send("v");
    let mut flush = harness.accumulator.flush(harness.now);
    harness.run();
    assert!(poll(&mut flush).is_pending());
    harness.answer_next(ErrorCode::NONE);
    assert!(poll(&mut flush).is_ready());
    assert!(delivery.is_settled());
}

#[test]
fn later_records_don_t_prolong_it() {
    let mut harness = Harness::new(&[("linger.ms", "1000")]);
    let before = harness.send("before");
    let mut flush = harness.accumulator.flush(harness.now);
    let after = harness.send("after");
    harness.run();
    assert_eq!(harness.produced[0].values(), ["before"]);
    harness.answer_next(ErrorCode::NONE);
    assert!(poll(&mut flush).is_ready());
    assert!(before.is_settled() && !after.is_settled());
    harness.advance(Duration::from_secs(1));
    harness.answer_all();
    assert!(after.is_settled());
}

#[test]
fn with_acks_0_flush_and_close_wait_until_the_broker_has_read() {
    let mut harness = Harness::new(&[("acks", "0"), ("enable.idempotence", "false")]);
    let first = harness.send("first");
    let mut flush = harness.accumulator.flush(harness.now);
    harness.run();
    assert!(first.is_settled());
    assert!(poll(&mut flush).is_ready(), "the barrier was answered");
    harness.silent = true;
    harness.send("second").detach();
    let mut flush = harness.accumulator.flush(harness.now);
    harness.run();
    assert!(poll(&mut flush).is_pending());
    let mut close = harness
        .accumulator
        .close(harness.now, Duration::from_secs(1));
    harness.advance(Duration::from_millis(999));
    assert!(poll(&mut close).is_pending());
    harness.advance(Duration::from_millis(1));
    assert!(poll(&mut close).is_ready());
    assert!(poll(&mut flush).is_ready());
}

#[test]
fn nothing_to_flush_is_done_at_once() {
    let harness = Harness::new(&[]);
    assert!(poll(&mut harness.accumulator.flush(harness.now)).is_ready());
}
