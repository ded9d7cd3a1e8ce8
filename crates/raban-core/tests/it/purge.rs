//! Records that the application gives up, and topics that it prepares.

use raban_core::{Delivery, EnqueueWait, ErrorKind, Purge};
use raban_protocol::error_code::ErrorCode;

use crate::harness::{Harness, poll};

/// Whether it was purged, and if so whether it may be in the log.
fn purged(delivery: &Delivery) -> Option<bool> {
    let error = delivery.try_outcome()?.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Purged), "{error}");
    Some(error.may_have_been_written())
}

#[test]
fn what_no_request_carries_is_purged_and_the_rest_goes_on() {
    let mut harness = Harness::new(&[("max.in.flight.requests.per.connection", "1")]);
    harness.confirm();
    let sent = harness.send("sent");
    harness.run();
    let queued = harness.send("queued");
    harness.run();
    harness.accumulator.purge(Purge::Queued);
    let mut flush = harness.accumulator.flush(harness.now);
    harness.run();
    // Outcomes are told in order.
    assert!(!queued.is_settled() && poll(&mut flush).is_pending());
    harness.answer_next(ErrorCode::NONE);
    assert!(sent.try_outcome().unwrap().is_ok() && poll(&mut flush).is_ready());
    assert_eq!(purged(&queued), Some(false));
    let next = harness.send("next");
    harness.run();
    harness.answer_next(ErrorCode::NONE);
    assert_eq!(next.try_outcome().unwrap().unwrap().offset(), Some(2));
    let metrics = harness.metrics();
    assert_eq!(metrics.buffer_available_bytes, metrics.buffer_total_bytes);
}

#[test]
fn what_is_in_flight_is_purged_in_doubt() {
    let mut harness = Harness::new(&[]);
    harness.begin_log();
    let sent = harness.send("sent");
    harness.run();
    harness.accumulator.purge(Purge::QueuedAndInFlight);
    harness.accumulator.purge(Purge::Queued);
    harness.run();
    assert_eq!(purged(&sent), Some(true));
    // Its answer still comes, and nothing is left of it.
    harness.append_next();
    let next = harness.send("next");
    harness.run();
    harness.append_next();
    assert_eq!(next.try_outcome().unwrap().unwrap().offset(), Some(2));
    let metrics = harness.metrics();
    assert_eq!(metrics.buffer_available_bytes, metrics.buffer_total_bytes);
}

#[test]
fn a_warmed_topic_has_connections_to_its_leaders() {
    let mut harness = Harness::new(&[]);
    harness.partitions = 2;
    harness.leaders.insert(1, 1);
    let topic = harness.topic();
    let mut wait = EnqueueWait::default();
    let mut known = false;
    while !known {
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        let polled = harness
            .accumulator
            .poll_partitions(&mut cx, harness.now, &topic, &mut wait);
        known = polled.is_ready();
        harness.run();
    }
    let before = harness.connected_to.len();
    harness.accumulator.warm(&topic);
    harness.run();
    assert_eq!(harness.connected_to[before..], ["broker0", "broker1"]);
    let _delivery = harness.send("v");
    harness.run();
    assert_eq!(
        (harness.produced.len(), harness.connected_to.len()),
        (1, before + 2)
    );
}
