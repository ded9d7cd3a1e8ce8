//! A broker's address that leads into another cluster (KIP-1242): no record goes there.

use std::time::{Duration, Instant};

use raban::{Cause, ErrorKind, Producer, Record};
use testbed::{Kafka, Proxy};

use crate::support::{PATIENCE, alone};

const TOPIC: &str = "t";

#[test]
#[cfg_attr(not(real_kafka), ignore = "needs RABAN_REAL_KAFKA=1")]
fn a_record_for_a_misrouted_broker_waits_and_tells_why() {
    let _alone = alone();
    let start = || Kafka::builder().version("4.4.0").proxied().start().unwrap();
    let (meant, other) = (start(), start());
    for kafka in [&meant, &other] {
        kafka.create_topic(TOPIC, 1, 1, &[]).unwrap();
    }
    let producer = Producer::builder()
        // Only the address that metadata names is going to lead astray.
        .bootstrap_servers(meant.node(1).address().to_string())
        .linger(Duration::ZERO)
        .request_timeout(Duration::from_secs(5))
        .delivery_timeout(Duration::from_secs(5))
        .build()
        .unwrap();
    let send = |value: &'static str| producer.blocking().send(Record::to(TOPIC).value(value));
    assert_eq!(send("before").unwrap().offset(), Some(0));

    let proxy = meant.proxy(1);
    proxy.set_target(other.node(1).address());
    cut_all(proxy, &producer);
    let error = send("astray").unwrap_err();
    assert!(!error.may_have_been_written(), "{error}");
    let ErrorKind::DeliveryTimeout { cause, .. } = error.kind() else {
        panic!("{error}");
    };
    assert!(
        matches!(cause, Some(Cause::Misrouted { node: 1, .. })),
        "{error}"
    );

    proxy.set_target(meant.node(1).address());
    cut_all(proxy, &producer);
    assert_eq!(send("after").unwrap().offset(), Some(1));
    let values = |kafka: &Kafka| -> Vec<String> {
        let records = kafka.consume(TOPIC).unwrap().into_iter();
        let values = records.map(|record| record.value.unwrap());
        values
            .map(|value| String::from_utf8(value).unwrap())
            .collect()
    };
    assert_eq!(values(&meant), ["before", "after"]);
    assert!(values(&other).is_empty());
}

/// Ends the connections through the proxy, and returns when the producer has seen it.
fn cut_all(proxy: &Proxy, producer: &Producer) {
    let closed = || producer.metrics().connection_close.total;
    let expected = closed() + proxy.cut_all() as u64;
    let deadline = Instant::now() + PATIENCE;
    while closed() < expected {
        assert!(Instant::now() < deadline, "the connections stand");
        std::thread::yield_now();
    }
}
