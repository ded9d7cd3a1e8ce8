//! raban's metrics beside those of the Java client, under the same load.

use std::collections::BTreeMap;

use raban::{Metrics, Producer, Record};
use testbed::Kafka;

use crate::support::{PATIENCE, alone};

const RECORDS: usize = 6_000;
const PARTITIONS: i32 = 3;
/// Batches are full before they have lingered, so that both sides make the same ones.
const SETTINGS: [(&str, &str); 3] = [
    ("linger.ms", "2000"),
    ("batch.size", "4000"),
    ("client.id", "metered"),
];

/// By group, name, and topic, node or `-`.
type Values = BTreeMap<(String, String, String), f64>;

#[test]
#[cfg_attr(not(real_kafka), ignore = "needs RABAN_REAL_KAFKA=1")]
fn metrics_agree_with_the_java_clients() {
    let _alone = alone();
    let kafka = Kafka::builder().version("4.4.0").start().unwrap();
    // When a compressed batch is full each side estimates in a way of its own.
    for (compression, apart) in [("none", 0.1), ("lz4", 1.0)] {
        let topic = format!("metered-{compression}");
        kafka.create_topic(&topic, PARTITIONS, 1, &[]).unwrap();
        let codec = [("compression.type", compression)];
        let settings: Vec<_> = SETTINGS.into_iter().chain(codec).collect();
        let servers = kafka.bootstrap_servers();
        // The Java client's batches don't grow.
        let servers = [
            ("bootstrap.servers", servers.as_str()),
            ("batch.growth.enable", "false"),
        ];
        let all = settings.iter().copied().chain(servers);
        let producer = Producer::from_properties(all).unwrap();
        let mut java = kafka.java_producer(&settings).unwrap();
        let mut deliveries = Vec::new();
        for number in 0..RECORDS {
            let partition = number as i32 % PARTITIONS;
            let value = format!("{number:0100}");
            java.send(&topic, partition, None, &value).unwrap();
            let record = Record::to(topic.as_str()).partition(partition).value(value);
            deliveries.push(producer.blocking().enqueue(record).unwrap());
        }
        for delivery in deliveries {
            delivery.wait().unwrap();
            let (_, offset) = java.next_outcome(PATIENCE).expect("each record has one");
            offset.unwrap();
        }
        let theirs = java.metrics(PATIENCE).unwrap();
        let ours = by_name(&producer.metrics());
        compare(&ours, &theirs, &topic, apart);
        java.close().unwrap();
    }
}

fn by_name(metrics: &Metrics) -> Values {
    let mut values = Values::new();
    metrics.for_each(|metric| {
        let tag = metric.tag.map_or("-", |(_, value)| value);
        let key = [metric.group, &metric.name, tag].map(str::to_owned);
        values.insert(key.into(), metric.value);
    });
    values
}

fn compare(ours: &Values, theirs: &Values, topic: &str, apart: f64) {
    let both = |group: &str, name: &str, tag: &str| {
        let key = [group, name, tag].map(str::to_owned).into();
        let get = |values: &Values| *values.get(&key).unwrap_or_else(|| panic!("{key:?}"));
        (get(ours), get(theirs))
    };
    let about = |group: &str, name: &str, tag: &str, share: f64| {
        let (ours, theirs) = both(group, name, tag);
        println!("{name:32} {tag:14} {ours:14.3} {theirs:14.3}");
        let difference = (ours - theirs).abs();
        assert!(
            difference <= theirs.abs() * share + 1e-9,
            "{group} {name} {tag}: {ours}, Java {theirs}"
        );
    };
    // What was sent is the same.
    for name in [
        "record-send-total",
        "record-error-total",
        "record-retry-total",
    ] {
        about("producer-metrics", name, "-", 0.0);
        about("producer-topic-metrics", name, topic, 0.0);
    }
    for name in [
        "record-error-rate",
        "record-retry-rate",
        "batch-split-total",
        "batch-split-rate",
        "buffer-total-bytes",
        "buffer-exhausted-total",
        "waiting-threads",
        "requests-in-flight",
        "failed-authentication-total",
        "flush-time-ns-total",
        "txn-commit-time-ns-total",
        "produce-throttle-time-max",
    ] {
        about("producer-metrics", name, "-", 0.0);
    }
    for name in ["record-size-avg", "record-size-max"] {
        about("producer-metrics", name, "-", 0.0);
    }
    for name in ["batch-size-avg", "batch-size-max", "compression-rate-avg"] {
        about("producer-metrics", name, "-", apart);
    }
    about("producer-topic-metrics", "byte-total", topic, apart);
    about("producer-topic-metrics", "compression-rate", topic, apart);
    // The windows began within the time that a JVM needs to start.
    about("producer-metrics", "record-send-rate", "-", 0.15);
    about("producer-topic-metrics", "record-send-rate", topic, 0.15);
    about("producer-topic-metrics", "byte-rate", topic, apart + 0.1);
    // How batches share requests depends on the moment; what goes over the wire hardly does.
    about("producer-metrics", "outgoing-byte-total", "-", apart + 0.2);
    about(
        "producer-node-metrics",
        "outgoing-byte-total",
        "node-1",
        0.25,
    );
    for name in [
        "request-latency-avg",
        "request-latency-max",
        "record-queue-time-avg",
        "record-queue-time-max",
        "records-per-request-avg",
        "request-size-avg",
    ] {
        let (ours, theirs) = both("producer-metrics", name, "-");
        println!("{name:32} {:14} {ours:14.3} {theirs:14.3}", "-");
        assert!(ours > 0.0 && theirs > 0.0, "{name}: {ours}, Java {theirs}");
    }
    for name in [
        "request-total",
        "response-total",
        "connection-count",
        "connection-creation-total",
        "incoming-byte-total",
        "network-io-total",
        "metadata-age",
        "buffer-available-bytes",
    ] {
        let (ours, theirs) = both("producer-metrics", name, "-");
        println!("{name:32} {:14} {ours:14.3} {theirs:14.3}", "-");
        assert!(ours > 0.0 && theirs > 0.0, "{name}: {ours}, Java {theirs}");
    }
    // Each metric of the Java producer's three groups is there, but for those of its own threads and sockets.
    let io = [
        "io-",
        "iotime-",
        "select-",
        "reauthentication-",
        "successful-",
        "failed-",
        "version",
        "commit-id",
        "start-time-ms",
        "count",
        "txn-",
        "expired-",
    ];
    for (group, name, tag) in theirs.keys() {
        let is_ours = [
            "producer-metrics",
            "producer-node-metrics",
            "producer-topic-metrics",
        ]
        .contains(&group.as_str());
        if !is_ours
            || io.iter().any(|prefix| name.starts_with(prefix))
            || tag.starts_with("node--")
            || tag.starts_with("node-2147")
        {
            continue;
        }
        let key = (group.clone(), name.clone(), tag.clone());
        assert!(ours.contains_key(&key), "the Java client has {key:?}");
    }
}
