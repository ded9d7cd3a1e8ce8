//! What the producer tells of itself.

use std::time::Duration;

use raban_core::{Distribution, EnqueueWait, Metrics, NewRecord};
use raban_protocol::error_code::ErrorCode;

use crate::harness::{Harness, poll};

const MS: Duration = Duration::from_millis(1);

/// Within the 1 % to which percentiles are true.
fn is_about(told: Distribution, expected: f64) -> bool {
    let all = [told.avg, told.max, told.p50, told.p90, told.p99, told.p999];
    all.iter()
        .all(|value| (value - expected).abs() <= expected / 100.0)
}

#[test]
fn times_and_sizes_of_batches_and_requests() {
    let mut harness = Harness::new(&[("linger.ms", "20")]);
    let deliveries = ["a", "b", "c"].map(|value| harness.send(value));
    harness.advance(20 * MS);
    harness.advance(70 * MS);
    let bytes = harness.produced[0].batch_bytes().len();
    harness.throttle_time_ms = 30;
    assert_eq!(harness.metrics().requests_in_flight, 1);
    harness.answer_next(ErrorCode::NONE);
    assert!(deliveries.iter().all(|delivery| delivery.is_settled()));
    let metrics = harness.metrics();
    assert!(is_about(metrics.record_queue_time, 20.0), "{metrics:?}");
    assert!(is_about(metrics.request_latency, 70.0), "{metrics:?}");
    assert!(is_about(metrics.produce_throttle_time, 30.0));
    assert!(is_about(metrics.batch_size, bytes as f64));
    assert_eq!(metrics.record_send.total, 3);
    assert_eq!(metrics.record_send.rate, 3.0 / 30.07);
    assert_eq!(metrics.byte.total, bytes as u64);
    assert_eq!(metrics.records_per_request_avg, 3.0);
    assert_eq!(metrics.compression_rate_avg, 1.0);
    assert_eq!(metrics.requests_in_flight, 0);
    let topic = &metrics.topics["t"];
    assert_eq!(topic.record_send, metrics.record_send);
    assert_eq!(topic.byte, metrics.byte);
    let node = &metrics.nodes[&0];
    assert_eq!(node.request_latency, metrics.request_latency);
    // ApiVersions, ListOffsets for the floor, Produce.
    assert_eq!((node.request.total, node.response.total), (3, 3));
    assert!(node.outgoing_byte.total > bytes as u64 && node.incoming_byte.total > 0);
    assert_eq!(
        metrics.network_io.total,
        metrics.request.total + metrics.response.total
    );
}

#[test]
fn windows_pass_and_totals_stay() {
    let mut harness = Harness::new(&[
        ("metrics.sample.window.ms", "1000"),
        ("metrics.num.samples", "3"),
    ]);
    harness.confirm();
    harness.advance(2900 * MS);
    let metrics = harness.metrics();
    assert!(metrics.record_send.rate > 0.0 && !metrics.batch_size.max.is_nan());
    harness.advance(200 * MS);
    let metrics = harness.metrics();
    assert_eq!(
        (metrics.record_send.rate, metrics.record_send.total),
        (0.0, 1)
    );
    assert!(metrics.batch_size.max.is_nan());
}

#[test]
fn retries_and_failures_of_a_topic() {
    let mut harness = Harness::new(&[]);
    harness.confirm();
    let deliveries = ["a", "b"].map(|value| harness.send(value));
    harness.run();
    harness.answer_next(ErrorCode::NOT_ENOUGH_REPLICAS);
    harness.advance(Duration::from_secs(1));
    harness.answer_next(ErrorCode::INVALID_TIMESTAMP);
    harness.answer_all();
    let failed = deliveries
        .iter()
        .filter(|delivery| delivery.try_outcome().unwrap().is_err());
    let failed = failed.count() as u64;
    let metrics = harness.metrics();
    let topic = &metrics.topics["t"];
    assert!(failed > 0 && metrics.record_retry.total > 0);
    assert_eq!(metrics.record_error.total, failed);
    assert_eq!(
        (topic.record_error, topic.record_retry),
        (metrics.record_error, metrics.record_retry)
    );
}

#[test]
fn connections_and_the_age_of_metadata() {
    let mut harness = Harness::new(&[]);
    assert!(harness.metrics().metadata_age.is_nan());
    harness.confirm();
    harness.advance(Duration::from_secs(7));
    let metrics = harness.metrics();
    assert_eq!(metrics.metadata_age, 7.0);
    let standing =
        |metrics: &Metrics| metrics.connection_creation.total - metrics.connection_close.total;
    assert_eq!(metrics.connection_count, standing(&metrics));
    harness.reachable = false;
    for conn in harness.connections.clone() {
        harness.cut(conn);
    }
    harness.advance(Duration::from_secs(5));
    // What never stood ends nothing.
    let gone = harness.metrics();
    assert_eq!((gone.connection_count, standing(&gone)), (0, 0));
    assert_eq!(
        gone.connection_creation.total,
        metrics.connection_creation.total
    );
}

#[test]
fn waits_for_metadata_and_for_memory() {
    let mut harness = Harness::new(&[
        ("buffer.memory", "2000"),
        ("batch.size", "1000"),
        ("max.block.ms", "2000"),
    ]);
    harness.topic_error = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    let value = [7; 900];
    let record = NewRecord {
        partition: Some(0),
        value: Some(&value),
        ..NewRecord::default()
    };
    let mut wait = EnqueueWait::default();
    assert!(harness.poll_enqueue(&record, &mut wait).is_pending());
    harness.run();
    harness.advance(200 * MS);
    harness.topic_error = ErrorCode::NONE;
    harness.advance(800 * MS);
    assert!(harness.poll_enqueue(&record, &mut wait).is_ready());
    assert_eq!(harness.metrics().metadata_wait_time_ns_total, 1_000_000_000);
    let mut second = EnqueueWait::default();
    assert!(harness.poll_enqueue(&record, &mut second).is_ready());
    let mut third = EnqueueWait::default();
    assert!(harness.poll_enqueue(&record, &mut third).is_pending());
    assert_eq!(harness.metrics().waiting_threads, 1);
    harness.advance(2000 * MS);
    assert!(harness.poll_enqueue(&record, &mut third).is_ready());
    let metrics = harness.metrics();
    assert_eq!(metrics.waiting_threads, 0);
    assert_eq!(metrics.buffer_exhausted.total, 1);
    assert_eq!(metrics.bufferpool_wait_time_ns_total, 2_000_000_000);
    assert_eq!(metrics.bufferpool_wait_ratio, 2.0 / 30.0);
    assert_eq!(metrics.metadata_wait_time_ns_total, 1_000_000_000);
}

#[test]
fn flushes_are_timed() {
    let mut harness = Harness::new(&[("linger.ms", "1000")]);
    let _delivery = harness.send("v");
    let mut flush = harness.accumulator.flush(harness.now);
    harness.run();
    assert!(poll(&mut flush).is_pending());
    harness.advance(40 * MS);
    harness.answer_next(ErrorCode::NONE);
    assert_eq!(harness.metrics().flush_time_ns_total, 40_000_000);
}

#[test]
fn every_value_has_kafkas_name() {
    let mut harness = Harness::new(&[]);
    harness.confirm();
    let metrics: Metrics = harness.metrics();
    assert_eq!(metrics.get("record-send-total"), Some(1.0));
    assert_eq!(
        metrics.get("request-latency-p99"),
        Some(metrics.request_latency.p99)
    );
    assert_eq!(metrics.get("no-such-metric"), None);
    let mut names = Vec::new();
    metrics.for_each(|metric| names.push((metric.group, metric.name)));
    for (group, expected) in JAVA {
        for name in expected.split_whitespace() {
            assert!(names.contains(&(group, name.to_owned())), "{group} {name}");
        }
    }
}

/// The Java producer's metrics (Kafka 4.4).
const JAVA: [(&str, &str); 3] = [
    (
        "producer-metrics",
        "batch-size-avg batch-size-max compression-rate-avg record-queue-time-avg record-queue-time-max \
         request-latency-avg request-latency-max produce-throttle-time-avg produce-throttle-time-max record-send-rate \
         record-send-total records-per-request-avg record-retry-rate record-retry-total record-error-rate \
         record-error-total record-size-avg record-size-max requests-in-flight metadata-age batch-split-rate \
         batch-split-total waiting-threads buffer-total-bytes buffer-available-bytes bufferpool-wait-ratio \
         bufferpool-wait-time-ns-total buffer-exhausted-rate buffer-exhausted-total flush-time-ns-total \
         txn-init-time-ns-total txn-begin-time-ns-total txn-send-offsets-time-ns-total txn-commit-time-ns-total \
         txn-abort-time-ns-total metadata-wait-time-ns-total connection-close-rate connection-close-total \
         connection-creation-rate connection-creation-total successful-authentication-rate \
         successful-authentication-total failed-authentication-rate failed-authentication-total outgoing-byte-rate \
         outgoing-byte-total incoming-byte-rate incoming-byte-total request-rate request-total response-rate \
         response-total network-io-rate network-io-total connection-count request-size-avg request-size-max",
    ),
    (
        "producer-node-metrics",
        "request-rate request-total request-size-avg request-size-max outgoing-byte-rate outgoing-byte-total \
         incoming-byte-rate incoming-byte-total response-rate response-total request-latency-avg request-latency-max",
    ),
    (
        "producer-topic-metrics",
        "record-send-rate record-send-total byte-rate byte-total compression-rate record-retry-rate \
         record-retry-total record-error-rate record-error-total",
    ),
];
