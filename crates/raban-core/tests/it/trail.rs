//! What deliveries tell of their way.

use std::time::Duration;

use raban_core::AttemptOutcome;
use raban_protocol::error_code::ErrorCode;

use crate::harness::Harness;

const MILLI: Duration = Duration::from_millis(1);

#[test]
fn a_delivery_at_the_first_attempt_has_no_trail() {
    let mut harness = Harness::new(&[]);
    let delivery = harness.send("v");
    assert!(delivery.trail().is_none(), "before the outcome");
    harness.answer_all();
    assert!(delivery.try_outcome().unwrap().is_ok());
    assert!(delivery.trail().is_none());
}

#[test]
fn a_retried_delivery_tells_each_attempt_and_where_the_time_went() {
    let settings = [
        ("linger.ms", "20"),
        ("retry.backoff.ms", "100"),
        ("retry.backoff.max.ms", "100"),
    ];
    let mut harness = Harness::new(&settings);
    let delivery = harness.send("v");
    harness.advance(20 * MILLI);
    harness.advance(30 * MILLI);
    harness.answer_next(ErrorCode::NOT_ENOUGH_REPLICAS);
    harness.advance(200 * MILLI);
    let before = harness.now.instant;
    harness.answer_all();

    let trail = delivery.trail().unwrap();
    assert_eq!(trail.linger(), 20 * MILLI);
    assert_eq!(trail.buffer(), Duration::ZERO);
    assert_eq!(trail.wire(), 230 * MILLI);
    assert_eq!(before, harness.now.instant);
    let attempts: Vec<_> = trail
        .attempts()
        .iter()
        .map(|attempt| (attempt.number, attempt.broker, attempt.outcome.clone()))
        .collect();
    let refused = AttemptOutcome::Answered(ErrorCode::NOT_ENOUGH_REPLICAS);
    assert_eq!(
        attempts,
        [(1, 0, refused), (2, 0, AttemptOutcome::Acknowledged)]
    );
    assert_eq!(trail.attempts()[0].duration, 30 * MILLI);
}

#[test]
fn a_record_that_never_left_says_how_long_it_waited() {
    let mut harness = Harness::new(&[
        ("request.timeout.ms", "10"),
        ("delivery.timeout.ms", "1000"),
    ]);
    harness.confirm();
    harness.reachable = false;
    let conns = harness.connections.clone();
    conns.into_iter().for_each(|conn| harness.cut(conn));
    let delivery = harness.send("v");
    harness.advance(2000 * MILLI);
    let trail = delivery.trail().unwrap();
    assert_eq!(trail.attempts(), []);
    assert_eq!(trail.wire(), Duration::ZERO);
    assert_eq!(trail.linger() + trail.buffer(), 1000 * MILLI);
    let error = delivery.try_outcome().unwrap().unwrap_err();
    assert_eq!(error.trail(), &*trail);
}

#[test]
fn an_attempt_that_was_still_awaited_is_told() {
    let settings = [
        ("request.timeout.ms", "1000"),
        ("delivery.timeout.ms", "1000"),
    ];
    let mut harness = Harness::new(&settings);
    let delivery = harness.send("v");
    harness.advance(1 * MILLI);
    drop(harness.accumulator.close(harness.now, Duration::ZERO));
    harness.run();
    let error = delivery.try_outcome().unwrap().unwrap_err();
    assert!(error.may_have_been_written());
    assert_eq!(error.attempts()[0].outcome, AttemptOutcome::Awaited);
    assert_eq!(error.attempts()[0].duration, MILLI);
}
