//! Names in `bootstrap.servers` that don't resolve, and `bootstrap.resolve.timeout.ms`.

use std::task::Poll;
use std::time::Duration;

use raban_core::{Cause, Delivery, EnqueueError, EnqueueWait, ErrorKind, NewRecord};

use crate::harness::Harness;

const SERVERS: (&str, &str) = ("bootstrap.servers", "one:1,two:2");

fn unresolvable(settings: &[(&str, &str)], hosts: &[&str]) -> Harness {
    let mut harness = Harness::new(settings);
    harness.unresolved = hosts.iter().map(|host| (*host).to_owned()).collect();
    harness
}

/// A call that waits to have a record accepted.
#[derive(Default)]
struct Call(EnqueueWait);

impl Call {
    fn poll(&mut self, harness: &mut Harness) -> Poll<Result<Delivery, EnqueueError>> {
        let record = NewRecord {
            value: Some(b"v"),
            ..NewRecord::default()
        };
        let polled = harness.poll_enqueue(&record, &mut self.0);
        harness.run();
        polled
    }
}

fn failed(polled: Poll<Result<Delivery, EnqueueError>>) -> String {
    match polled {
        Poll::Ready(Err(error)) => {
            let kind = error.kind();
            assert!(
                matches!(kind, ErrorKind::BootstrapUnresolved { .. }),
                "{error}"
            );
            error.to_string()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn records_fail_once_each_name_was_tried_in_vain() {
    let mut harness = unresolvable(&[SERVERS], &["one", "two"]);
    let mut call = Call::default();
    assert!(call.poll(&mut harness).is_pending());
    assert_eq!(harness.connected_to, ["one"]);
    assert!(call.poll(&mut harness).is_pending(), "two may resolve");
    harness.advance(Duration::from_millis(100));
    assert_eq!(harness.connected_to, ["one", "two"]);
    assert_eq!(
        failed(call.poll(&mut harness)),
        "no name in bootstrap.servers can be resolved: one:1 (no such name), two:2 (no such name); correct \
         bootstrap.servers or the DNS; if names come up later than the producer, set bootstrap.resolve.timeout.ms (now \
         0 ms) to how long that may take"
    );
    failed(Call::default().poll(&mut harness));
}

#[test]
fn a_topic_that_is_used_only_then_fails_at_once_too() {
    let mut harness = unresolvable(&[], &["broker"]);
    let mut call = Call::default();
    assert!(call.poll(&mut harness).is_pending());
    failed(call.poll(&mut harness));
    let other = harness.accumulator.topic("other").unwrap();
    let record = NewRecord::default();
    let mut wait = EnqueueWait::default();
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let mut poll = |harness: &Harness| {
        let accumulator = &harness.accumulator;
        accumulator.poll_enqueue(&mut cx, &harness.now, &other, &record, &mut wait)
    };
    assert!(poll(&harness).is_pending());
    harness.run();
    failed(poll(&harness));
}

#[test]
fn names_are_tried_on_and_records_are_accepted_when_one_resolves() {
    let mut harness = unresolvable(&[SERVERS], &["one", "two"]);
    let mut call = Call::default();
    assert!(call.poll(&mut harness).is_pending());
    harness.advance(Duration::from_secs(30));
    failed(call.poll(&mut harness));
    harness.unresolved = vec!["one".to_owned()];
    harness.advance(Duration::from_secs(3));
    assert!(matches!(
        Call::default().poll(&mut harness),
        Poll::Ready(Ok(_))
    ));
}

#[test]
fn names_may_take_as_long_as_the_setting_says() {
    let timeout = ("bootstrap.resolve.timeout.ms", "10000");
    let mut harness = unresolvable(&[timeout], &["broker"]);
    let mut call = Call::default();
    assert!(call.poll(&mut harness).is_pending());
    harness.advance(Duration::from_millis(9999));
    assert!(call.poll(&mut harness).is_pending());
    assert!(harness.connected_to.len() > 5, "{:?}", harness.connected_to);
    harness.advance(Duration::from_millis(1));
    let text = failed(call.poll(&mut harness));
    assert!(text.contains("broker:9092 (no such name)"), "{text}");
    assert!(text.contains("(now 10000 ms)"), "{text}");
}

#[test]
fn a_name_that_resolves_in_time_costs_nothing_but_time() {
    let timeout = ("bootstrap.resolve.timeout.ms", "10000");
    let mut harness = unresolvable(&[timeout], &["broker"]);
    let mut call = Call::default();
    assert!(call.poll(&mut harness).is_pending());
    harness.advance(Duration::from_secs(5));
    harness.unresolved.clear();
    harness.advance(Duration::from_secs(3));
    assert!(matches!(call.poll(&mut harness), Poll::Ready(Ok(_))));
    harness.answer_all();
}

#[test]
fn one_name_that_resolves_is_enough_to_wait_for_max_block_ms() {
    let mut harness = unresolvable(&[SERVERS], &["one"]);
    harness.reachable = false;
    let mut call = Call::default();
    assert!(call.poll(&mut harness).is_pending());
    harness.advance(Duration::from_secs(59));
    assert!(call.poll(&mut harness).is_pending());
    harness.advance(Duration::from_secs(1));
    let Poll::Ready(Err(error)) = call.poll(&mut harness) else {
        panic!("time is over");
    };
    assert!(
        matches!(error.kind(), ErrorKind::MetadataTimeout { .. }),
        "{error}"
    );
}

#[test]
fn a_name_that_resolves_to_nobody_there_lets_records_wait_again() {
    let mut harness = unresolvable(&[], &["broker"]);
    harness.reachable = false;
    let mut call = Call::default();
    assert!(call.poll(&mut harness).is_pending());
    failed(call.poll(&mut harness));
    harness.unresolved.clear();
    harness.advance(Duration::from_secs(3));
    let mut call = Call::default();
    assert!(call.poll(&mut harness).is_pending());
    harness.advance(Duration::from_secs(1));
    assert!(call.poll(&mut harness).is_pending());
}

#[test]
fn once_the_cluster_is_known_names_are_a_matter_of_connecting() {
    let mut harness = unresolvable(&[("delivery.timeout.ms", "31000")], &[]);
    harness.confirm();
    harness.unresolved = vec![
        "broker".to_owned(),
        "broker0".to_owned(),
        "broker1".to_owned(),
    ];
    for conn in harness.connections.clone() {
        harness.cut(conn);
    }
    let delivery = harness.send("v");
    harness.advance(Duration::from_secs(31));
    let error = delivery.try_outcome().unwrap().unwrap_err();
    let ErrorKind::DeliveryTimeout {
        cause: Some(Cause::Unresolved { address, .. }),
        ..
    } = error.kind()
    else {
        panic!("{error}");
    };
    assert_eq!(address, "broker0:9092");
}

#[test]
fn canonical_names_are_for_bootstrap_servers_alone_and_where_they_are_asked_for() {
    for (lookup, expected) in [
        ("use_all_dns_ips", &[][..]),
        ("resolve_canonical_bootstrap_servers_only", &["broker"][..]),
    ] {
        let mut harness = Harness::new(&[("client.dns.lookup", lookup)]);
        harness.confirm();
        assert!(harness.connected_to.len() > 1);
        assert_eq!(harness.canonical, expected);
    }
}
