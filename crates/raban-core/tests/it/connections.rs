//! What ends an idle connection, how soon the next one is tried, and how long each may take.

use std::task::Poll;
use std::time::Duration;

use raban_core::{EnqueueWait, NewRecord};
use raban_protocol::error_code::ErrorCode;

use crate::harness::Harness;

const MS: Duration = Duration::from_millis(1);

fn idle_after_10_s() -> Harness {
    let mut harness = Harness::new(&[("connections.max.idle.ms", "10000")]);
    harness.confirm();
    harness
}

#[test]
fn connections_without_use_are_closed_and_made_anew() {
    let mut harness = idle_after_10_s();
    harness.advance(Duration::from_secs(10) - MS);
    assert_eq!(harness.connections.len(), 2, "leader and control");
    harness.advance(MS);
    assert!(harness.connections.is_empty());
    let delivery = harness.send("v");
    harness.answer_all();
    assert!(delivery.try_outcome().unwrap().is_ok());
}

#[test]
fn each_use_begins_the_time_anew_and_who_waits_for_an_answer_is_not_idle() {
    let mut harness = idle_after_10_s();
    harness.advance(Duration::from_secs(9));
    harness.send("v").detach();
    harness.run();
    let conn = harness.produced[0].conn;
    harness.advance(Duration::from_secs(20));
    assert_eq!(
        harness.connections,
        [conn],
        "the control connection was idle"
    );
    harness.answer_next(ErrorCode::NONE);
    harness.advance(Duration::from_secs(10) - MS);
    assert_eq!(harness.connections, [conn]);
    harness.advance(MS);
    assert!(harness.connections.is_empty());
}

#[test]
fn a_negative_time_keeps_connections_for_good() {
    let settings = [
        ("connections.max.idle.ms", "-1"),
        ("metadata.max.age.ms", "1000000000"),
    ];
    let mut harness = Harness::new(&settings);
    harness.confirm();
    harness.advance(Duration::from_secs(100_000));
    assert_eq!(harness.connections.len(), 2);
}

/// Tries in vain to have a record accepted, for that long.
fn in_vain(harness: &mut Harness, duration: Duration) {
    harness.reachable = false;
    let record = NewRecord::default();
    let mut wait = EnqueueWait::default();
    assert!(harness.poll_enqueue(&record, &mut wait).is_pending());
    harness.advance(duration);
    assert!(matches!(
        harness.poll_enqueue(&record, &mut wait),
        Poll::Pending
    ));
}

/// Each is the expected one give or take a fifth; behind the last one all are like it.
fn assert_about(actual: &[Duration], expected_ms: &[u64]) {
    assert!(actual.len() > expected_ms.len(), "{actual:?}");
    let last = expected_ms.last().unwrap();
    let expected = expected_ms.iter().chain(std::iter::repeat(last));
    for (index, (actual, expected)) in actual.iter().zip(expected).enumerate() {
        let expected = Duration::from_millis(*expected);
        let about = expected.mul_f64(0.8)..=expected.mul_f64(1.2);
        assert!(about.contains(actual), "{index}: {actual:?}");
    }
}

fn waits(harness: &Harness) -> Vec<Duration> {
    let pairs = harness.attempts.windows(2);
    pairs.map(|pair| pair[1].0 - pair[0].0).collect()
}

#[test]
fn the_wait_for_the_next_attempt_doubles_up_to_its_maximum() {
    let mut harness = Harness::new(&[]);
    in_vain(&mut harness, Duration::from_secs(20));
    assert_about(&waits(&harness), &[50, 100, 200, 400, 800, 1000]);
    let settings = [
        ("reconnect.backoff.ms", "300"),
        ("reconnect.backoff.max.ms", "700"),
    ];
    let mut harness = Harness::new(&settings);
    in_vain(&mut harness, Duration::from_secs(20));
    assert_about(&waits(&harness), &[300, 600, 700]);
}

#[test]
fn a_wait_that_is_set_without_its_maximum_stays_the_same() {
    let mut harness = Harness::new(&[("reconnect.backoff.ms", "300")]);
    in_vain(&mut harness, Duration::from_secs(20));
    assert_about(&waits(&harness), &[300]);
}

#[test]
fn the_wait_for_a_leader_doubles_and_begins_anew_once_it_is_back() {
    let mut harness = Harness::new(&[("metadata.recovery.strategy", "none")]);
    harness.confirm();
    for _ in 0..2 {
        harness.reachable = false;
        let leader = *harness.connections.last().unwrap();
        harness.cut(leader);
        harness.attempts.clear();
        let delivery = harness.send("v");
        let lost = harness.now.instant;
        harness.advance(Duration::from_secs(10));
        let first = harness.attempts[0].0 - lost;
        assert!(first <= 60 * MS, "{first:?}");
        assert!(harness.attempts.len() < 40, "{}", harness.attempts.len());
        harness.reachable = true;
        harness.advance(Duration::from_secs(3));
        harness.answer_all();
        assert!(delivery.try_outcome().unwrap().is_ok());
    }
}

#[test]
fn the_time_for_an_attempt_doubles_with_each_failure_and_is_the_first_again_after_a_success() {
    for (settings, expected) in [
        (&[][..], &[10_000, 20_000, 30_000][..]),
        (
            &[
                ("socket.connection.setup.timeout.ms", "100"),
                ("socket.connection.setup.timeout.max.ms", "500"),
            ][..],
            &[100, 200, 400, 500][..],
        ),
    ] {
        let mut harness = Harness::new(settings);
        in_vain(&mut harness, Duration::from_secs(20));
        let times = |harness: &Harness| -> Vec<Duration> {
            harness.attempts.iter().map(|(_, time)| *time).collect()
        };
        assert_about(&times(&harness), expected);
        harness.reachable = true;
        harness.advance(Duration::from_secs(2));
        harness.attempts.clear();
        harness.reachable = false;
        for conn in harness.connections.clone() {
            harness.cut(conn);
        }
        harness.advance(Duration::from_secs(20));
        assert_about(&times(&harness), expected);
    }
}

#[test]
fn a_topic_without_records_is_no_longer_asked_about_until_the_next_one() {
    let settings = [
        ("metadata.max.idle.ms", "5000"),
        ("metadata.max.age.ms", "1000"),
    ];
    let mut harness = Harness::new(&settings);
    harness.confirm();
    harness.advance(Duration::from_secs(4));
    assert_eq!(harness.asked_topics.last().unwrap(), &["t"]);
    harness.advance(Duration::from_secs(4));
    assert_eq!(harness.asked_topics.last().unwrap(), &[""; 0]);
    let delivery = harness.send("v");
    harness.advance(Duration::from_secs(1));
    assert_eq!(harness.asked_topics.last().unwrap(), &["t"]);
    harness.answer_all();
    assert!(delivery.try_outcome().unwrap().is_ok());
}
