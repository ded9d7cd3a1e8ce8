//! Metrics go to brokers that subscribed to them (KIP-714), and records never notice.

#[path = "../../src/telemetry/otlp.rs"]
mod otlp;

use std::collections::BTreeMap;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use prost::Message as _;
use raban_core::{ClientInstanceIdError, CloseReason, InstanceIdWait};
use raban_protocol::compression::{Compression, decompress};
use raban_protocol::error_code::ErrorCode;
use raban_protocol::primitives::Uuid;

use self::otlp::{AggregationTemporality, Data, MetricsData, NumberDataPoint};
use crate::collector::{INSTANCE_ID, Pushed};
use crate::harness::{Harness, poll};

const INTERVAL: Duration = Duration::from_secs(10);
const DEFAULT_INTERVAL: Duration = Duration::from_secs(5 * 60);
const SENT: &str = "org.apache.kafka.producer.record.send.total";
const SENT_TO_TOPIC: &str = "org.apache.kafka.producer.topic.record.send.total";

fn collecting(settings: &[(&str, &str)]) -> Harness {
    let mut harness = Harness::new(settings);
    harness.collector.collects = true;
    harness
}

/// One with a delivered record and its first push.
fn pushing(settings: &[(&str, &str)]) -> Harness {
    let mut harness = collecting(settings);
    harness.confirm();
    harness.advance(INTERVAL * 3 / 2);
    assert_eq!(harness.collector.pushed.len(), 1);
    harness
}

#[derive(Debug)]
struct Told {
    /// `None` for a gauge.
    temporality: Option<AggregationTemporality>,
    points: Vec<NumberDataPoint>,
}

impl Told {
    fn value(&self) -> f64 {
        assert_eq!(self.points.len(), 1);
        self.points[0].as_double.unwrap()
    }
}

fn read(pushed: &Pushed) -> BTreeMap<String, Told> {
    let request = &pushed.request;
    let compression = Compression::from_id(request.compression_type as u8).unwrap();
    let bytes = decompress(compression, &request.metrics, 1 << 24).unwrap();
    let data = MetricsData::decode(&bytes[..]).unwrap();
    let metrics = data
        .resource_metrics
        .into_iter()
        .flat_map(|resource| resource.scope_metrics)
        .flat_map(|scope| scope.metrics);
    let told = metrics.map(|metric| {
        let told = match metric.data.unwrap() {
            Data::Gauge(gauge) => Told {
                temporality: None,
                points: gauge.data_points,
            },
            Data::Sum(sum) => {
                assert!(sum.is_monotonic);
                Told {
                    temporality: Some(sum.aggregation_temporality()),
                    points: sum.data_points,
                }
            }
        };
        (metric.name, told)
    });
    told.collect()
}

#[test]
fn a_subscription_is_followed() {
    let mut harness = collecting(&[]);
    harness.confirm();
    let began = harness.now.instant;
    assert_eq!(harness.collector.asked.len(), 1);
    assert_eq!(harness.collector.asked[0].client_instance_id, Uuid::ZERO);
    harness.advance(INTERVAL / 2 - Duration::from_millis(1));
    assert!(harness.collector.pushed.is_empty());
    harness.advance(INTERVAL);
    let first = harness.collector.pushed[0].at.instant;
    assert!((INTERVAL / 2..=INTERVAL * 3 / 2).contains(&(first - began)));
    harness.advance(INTERVAL * 4);
    let pushed = &harness.collector.pushed;
    assert!((4..=6).contains(&pushed.len()));
    for (number, pushed) in pushed.iter().enumerate() {
        let request = &pushed.request;
        assert_eq!(pushed.at.instant - first, INTERVAL * number as u32);
        assert_eq!(request.client_instance_id, INSTANCE_ID);
        assert_eq!((request.subscription_id, request.terminating), (77, false));
        assert_eq!(request.compression_type, 0);
    }
    assert_eq!(harness.collector.asked.len(), 1);
}

#[test]
fn metrics_have_javas_names_kinds_and_attributes() {
    let harness = pushing(&[("client.rack", "r1")]);
    let pushed = &harness.collector.pushed[0];
    let told = read(pushed);
    assert_eq!(told[SENT].value(), 1.0);
    let cumulative = Some(AggregationTemporality::Cumulative);
    assert_eq!(told[SENT].temporality, cumulative);
    let point = &told[SENT_TO_TOPIC].points[0];
    let now = pushed.at.wall_ms as u64 * 1_000_000;
    assert_eq!(point.time_unix_nano, now);
    assert!(point.start_time_unix_nano < now - 5_000_000_000);
    let attribute = &point.attributes[0];
    let value = attribute.value.as_ref().unwrap().string_value.as_deref();
    assert_eq!((attribute.key.as_str(), value), ("topic", Some("t")));
    let latency = &told["org.apache.kafka.producer.node.request.latency.avg"];
    assert_eq!(latency.temporality, None);
    let attribute = &latency.points[0].attributes[0];
    let value = attribute.value.as_ref().unwrap().string_value.as_deref();
    assert_eq!((attribute.key.as_str(), value), ("node_id", Some("node-0")));
    // What Kafka doesn't have isn't in its domain.
    assert!(told.contains_key("raban.producer.request.latency.p99"));
    assert!(told.contains_key("raban.producer.record.resolve.total"));
    assert!(!told.contains_key("org.apache.kafka.producer.request.latency.p99"));
    let data = MetricsData::decode(&pushed.request.metrics[..]).unwrap();
    let resource = data.resource_metrics[0].resource.as_ref().unwrap();
    assert_eq!(resource.attributes[0].key, "client_rack");
}

#[test]
fn only_what_is_requested_is_pushed() {
    let mut harness = collecting(&[]);
    let prefixes = ["org.apache.kafka.producer.record.send.", "x"];
    harness.collector.subscription.requested_metrics = prefixes.map(str::to_owned).to_vec();
    harness.confirm();
    harness.advance(INTERVAL * 2);
    let told = read(&harness.collector.pushed[0]);
    let names: Vec<&str> = told.keys().map(String::as_str).collect();
    assert_eq!(names, ["org.apache.kafka.producer.record.send.rate", SENT]);
}

#[test]
fn without_requested_metrics_only_the_subscription_is_asked_for() {
    let mut harness = collecting(&[]);
    harness.collector.subscription.requested_metrics.clear();
    harness.confirm();
    harness.advance(INTERVAL * 3);
    let asked = &harness.collector.asked;
    assert_eq!(asked.len(), 4);
    assert_eq!(asked[3].client_instance_id, INSTANCE_ID);
    assert_eq!(asked[3].at.instant - asked[2].at.instant, INTERVAL);
    let mut close = harness.accumulator.close(harness.now, INTERVAL);
    harness.run();
    assert!(poll(&mut close).is_ready());
    assert!(harness.collector.pushed.is_empty());
}

#[test]
fn deltas_tell_what_came_since_the_last_push() {
    let mut harness = collecting(&[]);
    harness.collector.subscription.delta_temporality = true;
    harness.confirm();
    harness.advance(INTERVAL * 3 / 2);
    harness.send("second").detach();
    harness.send("third").detach();
    harness.answer_all();
    harness.advance(INTERVAL);
    // Refused, and so told again with the next one.
    harness.send("fourth").detach();
    harness.answer_all();
    harness.collector.errors = [ErrorCode::UNKNOWN_SUBSCRIPTION_ID].into();
    harness.advance(INTERVAL);
    harness.advance(INTERVAL * 3 / 2);
    let pushed = &harness.collector.pushed;
    let sums: Vec<f64> = pushed
        .iter()
        .map(|pushed| read(pushed)[SENT].value())
        .collect();
    assert_eq!(sums[..4], [1.0, 2.0, 1.0, 1.0]);
    let told = read(&pushed[1]);
    assert_eq!(told[SENT].temporality, Some(AggregationTemporality::Delta));
    let began = told[SENT].points[0].start_time_unix_nano;
    assert_eq!(began, pushed[0].at.wall_ms as u64 * 1_000_000);
    let began = read(&pushed[3])[SENT].points[0].start_time_unix_nano;
    assert_eq!(began, pushed[1].at.wall_ms as u64 * 1_000_000);
}

#[test]
fn each_error_has_its_consequence() {
    let soon = Some(Duration::ZERO);
    for (code, asked_after) in [
        (ErrorCode::UNKNOWN_SUBSCRIPTION_ID, soon),
        (ErrorCode::UNSUPPORTED_COMPRESSION_TYPE, soon),
        (ErrorCode::TELEMETRY_TOO_LARGE, Some(INTERVAL)),
        (ErrorCode::THROTTLING_QUOTA_EXCEEDED, Some(INTERVAL)),
        (ErrorCode::INVALID_REQUEST, None),
        (ErrorCode::INVALID_RECORD, None),
        (ErrorCode::UNSUPPORTED_VERSION, None),
        (ErrorCode::UNKNOWN_SERVER_ERROR, None),
    ] {
        let mut harness = collecting(&[]);
        harness.collector.errors = [ErrorCode::NONE, code].into();
        harness.confirm();
        harness.advance(INTERVAL * 3 / 2);
        let refused = harness.collector.pushed[0].at.instant;
        harness.advance(DEFAULT_INTERVAL * 2);
        let asked = harness.collector.asked.get(1);
        assert_eq!(asked.map(|asked| asked.at.instant - refused), asked_after);
        let goes_on = harness.collector.pushed.len() > 1;
        assert_eq!(goes_on, asked_after.is_some(), "{code}");
        if let Some(asked) = asked {
            assert_eq!(asked.client_instance_id, INSTANCE_ID);
        }
        // Records don't notice, nor does a close.
        harness.confirm();
        let mut close = harness.accumulator.close(harness.now, INTERVAL);
        harness.run();
        assert!(poll(&mut close).is_ready(), "{code}");
    }
}

#[test]
fn a_refused_question_is_asked_again_with_a_pause_or_not_at_all() {
    let retry = Duration::from_millis(100);
    for (code, asked_after) in [
        (ErrorCode::UNKNOWN_SUBSCRIPTION_ID, Some(retry)),
        (ErrorCode::THROTTLING_QUOTA_EXCEEDED, Some(DEFAULT_INTERVAL)),
        (ErrorCode::INVALID_REQUEST, None),
    ] {
        let mut harness = collecting(&[]);
        harness.collector.errors = [code].into();
        harness.confirm();
        harness.advance(DEFAULT_INTERVAL);
        let asked = &harness.collector.asked;
        let again = asked
            .get(1)
            .map(|again| again.at.instant - asked[0].at.instant);
        assert_eq!(again, asked_after, "{code}");
    }
}

#[test]
fn a_push_that_would_be_too_large_leaves_out_topics_then_nodes_then_all() {
    let full = pushing(&[]).collector.pushed[0].request.metrics.len();
    let told = |max_bytes: usize| {
        let mut harness = collecting(&[]);
        harness.collector.subscription.telemetry_max_bytes = max_bytes as i32;
        harness.confirm();
        harness.advance(INTERVAL * 3);
        let pushed = harness.collector.pushed.first()?;
        assert!(pushed.request.metrics.len() <= max_bytes);
        Some(read(pushed))
    };
    let of = |told: &BTreeMap<String, Told>, group: &str| {
        told.keys().filter(|name| name.contains(group)).count()
    };
    let all = told(full).unwrap();
    assert!(of(&all, ".topic.") > 0 && of(&all, ".node.") > 0);
    let without_topics = told(full - 1).unwrap();
    assert!(of(&without_topics, ".topic.") == 0 && of(&without_topics, ".node.") > 0);
    let own = told(full * 3 / 4).unwrap();
    assert!(own.contains_key(SENT));
    assert_eq!(of(&own, ".topic.") + of(&own, ".node."), 0);
    assert!(told(100).is_none());

    // What is subscribed to may be less the next time.
    let mut harness = collecting(&[]);
    harness.collector.subscription.telemetry_max_bytes = 100;
    harness.confirm();
    harness.collector.subscription.requested_metrics = vec![SENT.to_owned()];
    harness.advance(INTERVAL * 4);
    assert_eq!(read(&harness.collector.pushed[0]).len(), 1);
}

#[test]
#[cfg(feature = "lz4")]
fn a_push_is_compressed_as_the_broker_likes_it_best() {
    let mut harness = collecting(&[]);
    harness.collector.subscription.accepted_compression_types = vec![99, 3, 1];
    harness.confirm();
    harness.advance(INTERVAL * 3 / 2);
    let pushed = &harness.collector.pushed[0];
    assert_eq!(pushed.request.compression_type, Compression::Lz4 as i8);
    assert_eq!(read(pushed)[SENT].value(), 1.0);
}

#[test]
fn a_close_pushes_a_last_time_behind_all_records() {
    let mut harness = collecting(&[]);
    harness.confirm();
    harness.send("last").detach();
    let mut close = harness.accumulator.close(harness.now, INTERVAL);
    harness.run();
    assert!(harness.collector.pushed.is_empty());
    harness.answer_next(ErrorCode::NONE);
    assert!(poll(&mut close).is_ready());
    let [pushed] = &harness.collector.pushed[..] else {
        panic!("{:?}", harness.collector.pushed);
    };
    assert!(pushed.request.terminating);
    assert_eq!(read(pushed)[SENT].value(), 2.0);
    assert!(harness.connections.is_empty());
}

#[test]
fn a_close_waits_hardly_for_a_silent_collector() {
    let mut harness = pushing(&[]);
    harness.collector.silent = true;
    let mut close = harness.accumulator.close(harness.now, INTERVAL);
    harness.run();
    assert!(harness.collector.pushed.last().unwrap().request.terminating);
    assert!(poll(&mut close).is_pending());
    harness.advance(Duration::from_millis(500));
    assert!(poll(&mut close).is_ready() && harness.connections.is_empty());
}

#[test]
fn a_last_push_does_not_tell_again_what_is_under_way() {
    let mut harness = collecting(&[]);
    harness.collector.subscription.delta_temporality = true;
    harness.confirm();
    harness.collector.silent = true;
    harness.advance(INTERVAL * 3 / 2);
    harness.confirm();
    drop(harness.accumulator.close(harness.now, INTERVAL));
    harness.run();
    let told = harness.collector.pushed.iter().map(read);
    let sums: Vec<f64> = told.map(|told| told[SENT].value()).collect();
    assert_eq!(sums, [1.0, 1.0]);
}

#[test]
fn a_close_without_time_does_not_wait_for_a_last_push() {
    let mut harness = pushing(&[]);
    harness.collector.silent = true;
    let mut close = harness.accumulator.close(harness.now, Duration::ZERO);
    harness.run();
    assert!(poll(&mut close).is_ready());
}

#[test]
fn a_close_ends_when_the_collector_is_gone() {
    let mut harness = pushing(&[]);
    let conn = harness.collector.pushed[0].conn;
    harness.cut(conn);
    harness.reachable = false;
    let mut close = harness.accumulator.close(harness.now, INTERVAL);
    harness.run();
    assert!(poll(&mut close).is_ready());
}

#[test]
fn a_silent_collector_delays_no_record() {
    let mut harness = collecting(&[("request.timeout.ms", "5000")]);
    harness.confirm();
    harness.collector.silent = true;
    let metadata_requests = harness.metadata_requests;
    harness.advance(INTERVAL * 3 / 2);
    let delivery = harness.send("meanwhile");
    harness.answer_all();
    assert!(delivery.try_outcome().unwrap().is_ok());
    harness.advance(Duration::from_secs(5));
    // Its end is no reason to doubt the cluster.
    assert_eq!(harness.metadata_requests, metadata_requests);
    assert_eq!(harness.metrics().requests_in_flight, 0);
    let pushed = harness.collector.pushed[0].at.instant;
    harness.collector.silent = false;
    harness.advance(DEFAULT_INTERVAL);
    let waited = harness.collector.asked[1].at.instant - pushed;
    assert_eq!(waited, Duration::from_secs(5) + DEFAULT_INTERVAL);
}

#[test]
fn the_next_broker_hears_the_same_client_instance_id() {
    let mut harness = pushing(&[]);
    let conn = harness.collector.pushed[0].conn;
    harness
        .sender
        .handle_closed(harness.now, conn, CloseReason::Eof);
    harness.advance(INTERVAL);
    let [first, second] = &harness.collector.pushed[..] else {
        panic!("{:?}", harness.collector.pushed);
    };
    assert_ne!(first.conn, second.conn);
    assert_eq!(second.request.client_instance_id, INSTANCE_ID);
    assert_eq!(second.at.instant - first.at.instant, INTERVAL);
}

#[test]
fn a_brokers_wish_for_a_pause_is_heard() {
    let mut harness = collecting(&[]);
    harness.collector.throttle_time_ms = 15_000;
    harness.confirm();
    harness.advance(INTERVAL * 4);
    let pushed = &harness.collector.pushed;
    let apart = pushed[1].at.instant - pushed[0].at.instant;
    assert_eq!(apart, Duration::from_secs(15));
}

#[test]
fn nothing_is_said_without_a_collector_or_with_the_setting_off() {
    for (collects, setting) in [(false, "true"), (true, "false")] {
        let mut harness = Harness::new(&[("enable.metrics.push", setting)]);
        harness.collector.collects = collects;
        harness.confirm();
        let connections = harness.connections.len();
        harness.advance(DEFAULT_INTERVAL);
        assert!(harness.connected_to.len() <= connections + 1);
        assert!(harness.collector.asked.is_empty());
        harness.confirm();
        let mut close = harness.accumulator.close(harness.now, INTERVAL);
        harness.run();
        assert!(poll(&mut close).is_ready());
    }
}

fn instance_id(
    harness: &Harness,
    wait: &mut InstanceIdWait,
) -> Poll<Result<Uuid, ClientInstanceIdError>> {
    let mut cx = Context::from_waker(Waker::noop());
    harness
        .accumulator
        .poll_client_instance_id(&mut cx, harness.now, wait)
}

#[test]
fn the_client_instance_id_needs_no_record() {
    let mut harness = collecting(&[]);
    let mut wait = InstanceIdWait::new(harness.now, INTERVAL);
    assert!(instance_id(&harness, &mut wait).is_pending());
    harness.run();
    let told = instance_id(&harness, &mut wait);
    assert!(matches!(told, Poll::Ready(Ok(INSTANCE_ID))), "{told:?}");
}

#[test]
fn there_may_be_no_client_instance_id() {
    let mut harness = Harness::new(&[]);
    let mut wait = InstanceIdWait::new(harness.now, INTERVAL);
    assert!(instance_id(&harness, &mut wait).is_pending());
    harness.run();
    let told = instance_id(&harness, &mut wait);
    let expected = matches!(told, Poll::Ready(Err(ClientInstanceIdError::NotCollected)));
    assert!(expected, "{told:?}");

    let off = Harness::new(&[("enable.metrics.push", "false")]);
    let told = instance_id(&off, &mut wait);
    let expected = matches!(told, Poll::Ready(Err(ClientInstanceIdError::Disabled)));
    assert!(expected, "{told:?}");

    let mut refused = collecting(&[]);
    refused.collector.errors = [ErrorCode::INVALID_REQUEST].into();
    let mut wait = InstanceIdWait::new(refused.now, INTERVAL);
    assert!(instance_id(&refused, &mut wait).is_pending());
    refused.run();
    let told = instance_id(&refused, &mut wait);
    let code = match told {
        Poll::Ready(Err(ClientInstanceIdError::Refused(code))) => code,
        other => panic!("{other:?}"),
    };
    assert_eq!(code, ErrorCode::INVALID_REQUEST);
}

#[test]
fn a_wait_for_the_client_instance_id_has_an_end() {
    let mut harness = Harness::new(&[]);
    harness.reachable = false;
    let mut wait = InstanceIdWait::new(harness.now, INTERVAL);
    assert!(instance_id(&harness, &mut wait).is_pending());
    harness.advance(INTERVAL);
    let told = instance_id(&harness, &mut wait);
    let Poll::Ready(Err(ClientInstanceIdError::Timeout { waited, cause })) = told else {
        panic!("{told:?}");
    };
    assert_eq!((waited, cause.is_some()), (INTERVAL, true));
    let mut wait = InstanceIdWait::new(harness.now, INTERVAL);
    assert!(instance_id(&harness, &mut wait).is_pending());
    let close = harness.accumulator.close(harness.now, INTERVAL);
    let told = instance_id(&harness, &mut wait);
    let expected = matches!(told, Poll::Ready(Err(ClientInstanceIdError::Closed)));
    assert!(expected, "{told:?}");
    drop(close);
}
