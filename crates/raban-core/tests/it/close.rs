//! `close` sends what was accepted, within its time, and leaves nothing without an outcome.

use std::task::Poll;
use std::time::Duration;

use raban_core::{EnqueueWait, ErrorKind, Event, NewRecord};
use raban_protocol::error_code::ErrorCode;

use crate::harness::{Harness, poll};

#[test]
fn close_delivers_first() {
    let mut harness = Harness::new(&[("linger.ms", "1000")]);
    let delivery = harness.send("v");
    let mut close = harness
        .accumulator
        .close(harness.now, Duration::from_secs(5));
    harness.run();
    assert!(poll(&mut close).is_pending());
    harness.answer_next(ErrorCode::NONE);
    let Poll::Ready(report) = poll(&mut close) else {
        panic!("all is delivered");
    };
    assert_eq!((report.unsent, report.in_doubt), (0, 0));
    assert!(delivery.try_outcome().unwrap().is_ok());
    assert!(harness.sender.is_closed());
    assert!(harness.connections.is_empty());
}

#[test]
fn what_isn_t_done_in_time_fails_and_says_whether_it_may_be_written() {
    let mut harness = Harness::new(&[]);
    let sent = harness.send("sent");
    harness.run();
    let waiting = harness.send("waiting");
    let mut close = harness
        .accumulator
        .close(harness.now, Duration::from_secs(1));
    harness.advance(Duration::from_secs(1));
    let Poll::Ready(report) = poll(&mut close) else {
        panic!("its time is over");
    };
    assert_eq!((report.unsent, report.in_doubt), (1, 1));
    let error = sent.try_outcome().unwrap().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Aborted) && error.may_have_been_written());
    let error = waiting.try_outcome().unwrap().unwrap_err();
    assert!(!error.may_have_been_written());
    let metrics = harness.metrics();
    assert_eq!(metrics.buffer_available_bytes, metrics.buffer_total_bytes);
}

#[test]
fn failures_that_nobody_awaits_are_one_event() {
    let mut harness = Harness::new(&[
        ("batch.size", "0"),
        ("max.in.flight.requests.per.connection", "1"),
    ]);
    drop(harness.send("sent"));
    harness.run();
    for value in ["a", "b", "c"] {
        drop(harness.send(value));
    }
    let mut close = harness.accumulator.close(harness.now, Duration::ZERO);
    harness.advance(Duration::from_millis(1));
    assert!(poll(&mut close).is_ready());
    let told: Vec<_> = harness
        .events
        .iter()
        .filter(|event| matches!(event, Event::UnobservedFailure { .. }))
        .map(ToString::to_string)
        .collect();
    let [in_doubt, unsent] = &told[..] else {
        panic!("{told:#?}")
    };
    assert!(in_doubt.starts_with("1 records failed whose outcome nobody awaits: "));
    let unsent_are =
        "3 records failed whose outcome nobody awaits, in 3 batches; the first of them: ";
    assert!(unsent.starts_with(unsent_are), "{unsent}");
}

#[test]
fn calls_that_wait_fail_at_once() {
    let mut harness = Harness::new(&[]);
    harness.reachable = false;
    let record = NewRecord {
        value: Some(b"v"),
        ..NewRecord::default()
    };
    let mut wait = EnqueueWait::default();
    assert!(harness.poll_enqueue(&record, &mut wait).is_pending());
    let mut close = harness
        .accumulator
        .close(harness.now, Duration::from_secs(60));
    let Poll::Ready(Err(error)) = harness.poll_enqueue(&record, &mut wait) else {
        panic!("the producer closes");
    };
    assert!(matches!(error.kind(), ErrorKind::Closed));
    harness.run();
    assert!(poll(&mut close).is_ready());
}

#[test]
fn a_sender_that_goes_away_leaves_nothing_without_an_outcome() {
    let mut harness = Harness::new(&[]);
    harness.confirm();
    let sent = harness.send("sent");
    harness.run();
    let waiting = harness.send("waiting");
    let Harness {
        accumulator,
        sender,
        ..
    } = harness;
    drop(sender);
    let error = sent.try_outcome().unwrap().unwrap_err();
    assert!(error.may_have_been_written());
    let error = waiting.try_outcome().unwrap().unwrap_err();
    assert!(!error.may_have_been_written());
    assert!(accumulator.is_closed());
}

#[test]
fn what_was_decided_behind_a_batch_in_flight_is_told_when_close_gives_up() {
    let mut harness = Harness::new(&[]);
    harness.begin_log();
    let deliveries = harness.send_each(&["a", "b"]);
    harness.append_quietly();
    harness.answer_next(ErrorCode::REQUEST_TIMED_OUT);
    harness.append_next();
    assert!(!deliveries[1].is_settled(), "in order");
    harness.advance(Duration::from_millis(200));
    assert_eq!(harness.produced[0].values(), ["a"]);
    let mut close = harness.accumulator.close(harness.now, Duration::ZERO);
    harness.advance(Duration::from_millis(1));
    assert!(poll(&mut close).is_ready());
    let error = deliveries[0].try_outcome().unwrap().unwrap_err();
    assert!(error.may_have_been_written());
    assert!(deliveries[1].try_outcome().unwrap().is_ok());
}
