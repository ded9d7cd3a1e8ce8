//! Metrics pushed to real brokers that subscribed to them (KIP-714), beside the Java producer's.

use std::collections::BTreeSet;
use std::time::Duration;

use raban::{ClientInstanceIdError, Producer, Record};
use testbed::{Kafka, Push};

use crate::support::{PATIENCE, alone};

const RECORDS: usize = 500;
const INTERVAL: (&str, Option<&str>) = ("interval.ms", Some("1000"));
const DOMAIN: &str = "org.apache.kafka.";
const SENT: &str = "org.apache.kafka.producer.record.send.total";

/// What only a Java producer has: its virtual machine's start, its count of metrics, its selector's I/O, authentication
/// again within a connection, and a total of 3.9 that was deprecated for the one in nanoseconds.
const JAVAS_OWN: [&str; 10] = [
    "app.info.start.time.ms",
    "kafka.count.count",
    "producer.io.",
    "producer.iotime.",
    "producer.select.",
    "producer.reauthentication.",
    "producer.failed.reauthentication.",
    "producer.successful.reauthentication.",
    "producer.successful.authentication.no.reauth.",
    "producer.bufferpool.wait.time.total",
];

fn producer(kafka: &Kafka, settings: &[(&str, &str)]) -> Producer {
    let servers = kafka.bootstrap_servers();
    let all = settings.iter().copied();
    Producer::from_properties(all.chain([("bootstrap.servers", servers.as_str())])).unwrap()
}

fn send(producer: &Producer, topic: &str, records: usize) {
    let record = |number: usize| Record::to(topic).partition(0).value(format!("v{number}"));
    let sent = producer.blocking().send_many((0..records).map(record));
    assert!(sent.is_ok(), "{sent:?}");
}

/// Names and attributes in Kafka's domain.
fn series(push: &Push) -> BTreeSet<(String, String)> {
    let names = push.metrics.keys();
    names
        .filter(|(name, _)| name.starts_with(DOMAIN))
        .cloned()
        .collect()
}

/// What a client told of a total: Kafka's brokers want deltas.
fn sum(pushes: &[Push], client: &str, name: &str, attributes: &str) -> f64 {
    let key = (name.to_owned(), attributes.to_owned());
    let told = of(pushes, client).filter_map(|push| push.metrics.get(&key));
    told.map(|told| told.value).sum()
}

fn of<'a>(pushes: &'a [Push], client: &'a str) -> impl DoubleEndedIterator<Item = &'a Push> {
    pushes.iter().filter(move |push| push.client_id == client)
}

fn has_told_all(pushes: &[Push], client: &str) -> bool {
    sum(pushes, client, SENT, "-") == RECORDS as f64
}

#[test]
#[cfg_attr(not(real_kafka), ignore = "needs RABAN_REAL_KAFKA=1")]
fn brokers_get_what_the_java_producer_pushes() {
    let _alone = alone();
    for version in ["3.9.1", "4.4.0"] {
        let kafka = Kafka::builder().version(version).collecting().start();
        let kafka = kafka.unwrap();
        kafka.create_topic("t", 1, 1, &[]).unwrap();
        kafka
            .subscribe("all", &[("metrics", Some("*")), INTERVAL])
            .unwrap();
        let ours = producer(&kafka, &[("client.id", "ours"), ("client.rack", "r1")]);
        let id = ours.blocking().client_instance_id(PATIENCE).unwrap();
        let settings = [("client.id", "theirs"), ("client.rack", "r1")];
        let mut theirs = kafka.java_producer(&settings).unwrap();
        send(&ours, "t", RECORDS);
        for number in 0..RECORDS {
            theirs.send("t", 0, None, &format!("v{number}")).unwrap();
        }
        for _ in 0..RECORDS {
            theirs.next_outcome(PATIENCE).unwrap().1.unwrap();
        }
        let their_id = theirs.client_instance_id(PATIENCE).unwrap();
        // Java's last push may stay away: its thread ends when no request is under way.
        let told = kafka.wait_pushes(PATIENCE, |pushes| has_told_all(pushes, "theirs"));
        theirs.close().unwrap();
        ours.blocking().close(PATIENCE).unwrap();
        // A close ends with the answer to the last push.
        let pushes = kafka.pushes();
        assert!(told.is_some() && has_told_all(&pushes, "ours"));
        let mut of_ours = of(&pushes, "ours");
        let ours = of_ours.next_back().expect("there is a last push");
        let id = id.to_string();
        assert!(ours.terminating && ours.client_instance_id == id);
        assert!(of_ours.all(|push| !push.terminating && push.client_instance_id == id));
        let theirs = of(&pushes, "theirs").next_back().expect("Java pushes");
        assert_eq!(theirs.client_instance_id, their_id);
        compare(version, ours, theirs);
        for client in ["ours", "theirs"] {
            let of_topic = "org.apache.kafka.producer.topic.record.send.total";
            assert_eq!(sum(&pushes, client, of_topic, "topic=t"), RECORDS as f64);
        }
    }
}

fn compare(version: &str, ours: &Push, theirs: &Push) {
    let is_javas_own = |name: &str| {
        let name = name.strip_prefix(DOMAIN).unwrap_or(name);
        JAVAS_OWN.iter().any(|prefix| name.starts_with(prefix))
    };
    let (our_series, mut their_series) = (series(ours), series(theirs));
    // Java counts what goes to bootstrap servers as nodes below zero, and the cluster's coordinator beyond all others.
    their_series.retain(|(name, attributes)| {
        !is_javas_own(name) && !attributes.starts_with("node_id=node--")
    });
    let missing: Vec<_> = their_series.difference(&our_series).collect();
    assert_eq!(missing, Vec::<&(String, String)>::new());
    let more: Vec<_> = our_series.difference(&their_series).collect();
    let prepare = "org.apache.kafka.producer.txn.prepare.time.ns.total";
    assert!(
        more.iter()
            .all(|(name, _)| version == "3.9.1" && name == prepare),
        "{more:?}"
    );
    for key in &their_series {
        let (our, their) = (&ours.metrics[key], &theirs.metrics[key]);
        assert_eq!(
            (&our.kind, &our.resource),
            (&their.kind, &their.resource),
            "{key:?}"
        );
        assert_eq!(our.start == 0, their.start == 0, "{key:?}");
        assert!(our.time >= our.start);
    }
}

#[test]
#[cfg_attr(not(real_kafka), ignore = "needs RABAN_REAL_KAFKA=1")]
fn changes_of_the_subscription_are_followed() {
    let _alone = alone();
    let kafka = Kafka::builder().collecting().start().unwrap();
    kafka.create_topic("t", 1, 1, &[]).unwrap();
    let metrics = |value| [("metrics", value), INTERVAL];
    kafka.subscribe("s", &metrics(Some(SENT))).unwrap();
    let producer = producer(&kafka, &[("client.id", "ours")]);
    send(&producer, "t", RECORDS);
    let id = producer.blocking().client_instance_id(PATIENCE).unwrap();
    let are_only = |push: &Push, name: &str| push.metrics.keys().all(|(held, _)| held == name);
    let pushes = kafka.wait_pushes(PATIENCE, |pushes| has_told_all(pushes, "ours"));
    let pushes = pushes.expect("the first subscription is followed");
    assert!(of(&pushes, "ours").all(|push| are_only(push, SENT)));
    let errors = "org.apache.kafka.producer.record.error.total";
    kafka.subscribe("s", &metrics(Some(errors))).unwrap();
    let is_followed = |pushes: &[Push]| {
        let mut of_ours = of(pushes, "ours");
        of_ours.any(|push| !push.metrics.is_empty() && are_only(push, errors))
    };
    let pushes = kafka.wait_pushes(PATIENCE, is_followed);
    let pushes = pushes.expect("the second subscription is followed");
    let id = id.to_string();
    assert!(of(&pushes, "ours").all(|push| push.client_instance_id == id));
    // Then nothing is wanted of this one; the other one's pushes tell the time.
    let other = [
        ("match", Some("client_id=other")),
        ("metrics", Some("*")),
        INTERVAL,
    ];
    kafka.subscribe("other", &other).unwrap();
    kafka
        .subscribe("s", &[("metrics", None), ("interval.ms", None)])
        .unwrap();
    let other = self::producer(&kafka, &[("client.id", "other")]);
    other.blocking().client_instance_id(PATIENCE).unwrap();
    let count = |client: &str| of(&kafka.pushes(), client).count();
    let wait_others = |count: usize| {
        let are_there = |pushes: &[Push]| of(pushes, "other").count() >= count;
        assert!(kafka.wait_pushes(PATIENCE, are_there).is_some());
    };
    // More than one interval of the old subscription has passed with the third push of the new one.
    wait_others(3);
    let pushed = count("ours");
    wait_others(5);
    producer.blocking().close(PATIENCE).unwrap();
    assert_eq!(count("ours"), pushed, "neither a push nor a last one");
    other.blocking().close(PATIENCE).unwrap();
}

#[test]
#[cfg_attr(not(real_kafka), ignore = "needs RABAN_REAL_KAFKA=1")]
fn brokers_without_a_plugin_collect_nothing() {
    let _alone = alone();
    let kafka = Kafka::builder().start().unwrap();
    let producer = producer(&kafka, &[]);
    let told = producer.blocking().client_instance_id(PATIENCE);
    let expected = matches!(told, Err(ClientInstanceIdError::NotCollected));
    assert!(expected, "{told:?}");
    producer.blocking().close(Duration::from_secs(10)).unwrap();
}
