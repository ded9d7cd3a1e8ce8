//! Real Apache Kafka: each version, alone and in threes.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use testbed::{Accepting, ApiKey, Header, Kafka, Read, Record, Rule, VERSIONS, kcat};

const SOON: Duration = Duration::from_secs(60);

fn values(kafka: &Kafka, topic: &str) -> Vec<String> {
    let records = kafka.consume(topic).unwrap();
    records
        .into_iter()
        .map(|record| String::from_utf8(record.value.unwrap()).unwrap())
        .collect()
}

#[test]
#[cfg_attr(not(real_kafka), ignore = "needs RABAN_REAL_KAFKA=1")]
fn each_version_starts_stores_and_survives_a_kill() {
    for version in VERSIONS {
        let began = Instant::now();
        let kafka = Kafka::builder().version(version).proxied().start().unwrap();
        eprintln!(
            "Apache Kafka {version} answered after {:?}",
            began.elapsed()
        );
        let node = kafka.node(1);
        let (address, pid) = (node.address(), node.pid());

        kafka
            .create_topic("t", 1, 1, &[("max.message.bytes", "2000000")])
            .unwrap();
        kafka
            .console_produce("t", "one\ntwo\nthree\n", &[("acks", "all")])
            .unwrap();
        let observed = kafka.proxy(1).observed();
        assert!(observed.requests(ApiKey::PRODUCE) >= 1);
        assert_eq!(
            observed.requests(ApiKey::PRODUCE),
            observed.responses(ApiKey::PRODUCE)
        );
        assert_eq!(values(&kafka, "t"), ["one", "two", "three"]);

        node.kill().unwrap();
        assert_eq!(node.pid(), None);
        assert!(matches!(node.stop(), Err(testbed::Error::NotRunning(1))));
        let began = Instant::now();
        node.start().unwrap();
        eprintln!(
            "Apache Kafka {version} answered again after {:?}",
            began.elapsed()
        );
        assert_eq!(node.address(), address);
        assert_ne!(node.pid(), pid);
        kafka.console_produce("t", "four\n", &[]).unwrap();
        assert_eq!(values(&kafka, "t"), ["one", "two", "three", "four"]);
        assert_eq!(kafka.end_offsets("t").unwrap(), BTreeMap::from([(0, 4)]));
        node.restart().unwrap();
        assert_eq!(kafka.end_offsets("t").unwrap(), BTreeMap::from([(0, 4)]));

        kafka.delete_topic("t").unwrap();
        let error = kafka.consume("t").unwrap_err();
        assert!(error.to_string().contains("no partition"), "{error}");
    }
}

#[test]
#[cfg_attr(not(real_kafka), ignore = "needs RABAN_REAL_KAFKA=1")]
fn keys_headers_and_nulls_come_back_as_they_were() {
    let kafka = Kafka::builder().start().unwrap();
    kafka.create_topic("t", 1, 1, &[]).unwrap();
    let bootstrap = kafka.bootstrap_servers();
    let mut args = vec!["--bootstrap-server", &bootstrap, "--topic", "t"];
    for property in ["parse.key=true", "parse.headers=true", "null.marker=NULL"] {
        args.extend(["--property", property]);
    }
    let lines = "h:1,h:2\tkey\tvalue\nNULL\tNULL\tNULL\nNULL\t\t\n";
    kafka
        .run_tool(
            "org.apache.kafka.tools.ConsoleProducer",
            args,
            lines.as_bytes(),
        )
        .unwrap();

    let records = kafka.consume("t").unwrap();
    let header = |value: &str| Header {
        key: "h".to_owned(),
        value: Some(value.as_bytes().to_vec()),
    };
    assert_eq!(records[0].headers, [header("1"), header("2")]);
    assert!(records[1].headers.is_empty());
    let pairs: Vec<_> = records
        .iter()
        .map(|record| (record.key.as_deref(), record.value.as_deref()))
        .collect();
    assert_eq!(
        pairs,
        [
            (Some(&b"key"[..]), Some(&b"value"[..])),
            (None, None),
            (Some(b""), Some(b""))
        ]
    );
    if kcat::is_installed() {
        let without_headers: Vec<_> = records
            .into_iter()
            .map(|record| Record {
                headers: Vec::new(),
                ..record
            })
            .collect();
        assert_eq!(
            kcat::consume(&bootstrap, "t", &[]).unwrap(),
            without_headers
        );
    }
}

#[test]
#[cfg_attr(not(real_kafka), ignore = "needs RABAN_REAL_KAFKA=1")]
fn two_readers_agree_on_many_records() {
    const COUNT: u64 = 200_000;
    let kafka = Kafka::builder().start().unwrap();
    kafka.create_topic("many", 3, 1, &[]).unwrap();
    let bootstrap = format!("bootstrap.servers={}", kafka.bootstrap_servers());
    let count = COUNT.to_string();
    let args = [
        "--topic",
        "many",
        "--num-records",
        &count,
        "--record-size",
        "100",
        "--throughput",
        "-1",
    ];
    let args = args
        .into_iter()
        .chain(["--producer-props", &bootstrap, "compression.type=lz4"]);
    kafka
        .run_tool("org.apache.kafka.tools.ProducerPerformance", args, b"")
        .unwrap();

    let began = Instant::now();
    let mut next = BTreeMap::new();
    let read = kafka.consume_each(&Read::topic("many"), |record| {
        let expected: &mut i64 = next.entry(record.partition).or_default();
        assert_eq!(record.offset, *expected);
        assert_eq!(record.value.unwrap().len(), 100);
        *expected += 1;
    });
    assert_eq!(read.unwrap(), COUNT);
    eprintln!(
        "the Java consumer read {COUNT} records in {:?}",
        began.elapsed()
    );
    assert_eq!(next, kafka.end_offsets("many").unwrap());

    let last = Read::topic("many")
        .partition(2)
        .from_offset(next[&2] - 10)
        .property("isolation.level", "read_committed");
    let mut offsets = Vec::new();
    assert_eq!(
        kafka
            .consume_each(&last, |record| offsets.push(record.offset))
            .unwrap(),
        10
    );
    assert_eq!(offsets, (next[&2] - 10..next[&2]).collect::<Vec<_>>());

    if kcat::is_installed() {
        let began = Instant::now();
        let read = kcat::consume_each(&kafka.bootstrap_servers(), "many", &[], drop);
        assert_eq!(read.unwrap(), COUNT);
        eprintln!("kcat read {COUNT} records in {:?}", began.elapsed());
    }
}

#[test]
#[cfg_attr(not(real_kafka), ignore = "needs RABAN_REAL_KAFKA=1")]
fn three_nodes_go_on_without_a_leader_that_stops() {
    let began = Instant::now();
    let kafka = Kafka::builder().nodes(3).proxied().start().unwrap();
    eprintln!("three nodes answered after {:?}", began.elapsed());
    kafka.create_topic("t", 1, 3, &[]).unwrap();
    kafka
        .console_produce("t", "one\n", &[("acks", "all")])
        .unwrap();
    let leader = kafka.leaders("t").unwrap()[&0];

    kafka.node(leader).stop().unwrap();
    kafka
        .proxy(leader)
        .set_accepting(Accepting::Refuse)
        .unwrap();
    kafka
        .console_produce("t", "two\n", &[("acks", "all")])
        .unwrap();
    let next = kafka.leaders("t").unwrap()[&0];
    assert_ne!(next, leader);
    kafka.node(leader).start().unwrap();
    kafka
        .proxy(leader)
        .set_accepting(Accepting::Forward)
        .unwrap();
    assert_eq!(values(&kafka, "t"), ["one", "two"]);

    // One of three may also hang: the producer's request waits until it answers again or another leads.
    kafka.node(next).pause().unwrap();
    kafka.node(next).resume().unwrap();
    kafka
        .console_produce("t", "three\n", &[("acks", "all")])
        .unwrap();
    assert_eq!(values(&kafka, "t"), ["one", "two", "three"]);
}

#[test]
#[cfg_attr(not(real_kafka), ignore = "needs RABAN_REAL_KAFKA=1")]
fn a_lost_response_doubles_records_of_a_producer_without_idempotence() {
    let kafka = Kafka::builder()
        .proxied()
        .config("auto.create.topics.enable", "false")
        .start()
        .unwrap();
    kafka.create_topic("t", 1, 1, &[]).unwrap();
    let lost = kafka
        .proxy(1)
        .add(Rule::responses(ApiKey::PRODUCE).times(1).swallow());
    let properties = [
        ("enable.idempotence", "false"),
        ("request.timeout.ms", "1000"),
        ("acks", "1"),
    ];
    kafka.console_produce("t", "one\n", &properties).unwrap();
    kafka.proxy(1).wait_hits(lost, 1, SOON).unwrap();
    assert_eq!(values(&kafka, "t"), ["one", "one"]);
}

#[test]
#[cfg_attr(not(real_kafka), ignore = "needs RABAN_REAL_KAFKA=1")]
fn a_node_that_cannot_start_shows_its_log() {
    let error = Kafka::builder()
        .config("num.partitions", "none")
        .start()
        .unwrap_err();
    assert!(
        matches!(error, testbed::Error::NodeExited { node: 1, .. }),
        "{error}"
    );
    assert!(error.to_string().contains("num.partitions"), "{error}");
}

#[test]
fn an_unknown_version_names_the_known_ones() {
    let error = Kafka::builder().version("2.8.0").start().unwrap_err();
    assert!(error.to_string().contains("3.9.1, 4.3.1, 4.4.0"), "{error}");
}
