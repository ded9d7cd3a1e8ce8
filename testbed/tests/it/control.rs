//! Changes to a running cluster, and the Java producer that feels them.

use std::time::Duration;

use testbed::{Kafka, Record, SmallDisk};

const SOON: Duration = Duration::from_secs(60);

#[test]
#[cfg_attr(not(real_kafka), ignore = "needs RABAN_REAL_KAFKA=1")]
fn leaders_and_settings_change_and_a_full_disk_ends_a_node() {
    // Who may not mount has no disk to fill.
    let disk = SmallDisk::mount(64 << 20).ok();
    let mut builder = Kafka::builder().nodes(3);
    if let Some(disk) = &disk {
        builder = builder.log_dir(3, &disk.path().join("data"));
    }
    let kafka = builder.start().unwrap();
    assert!((1..=3).contains(&kafka.controller().unwrap()));
    kafka.create_topic("t", 3, 3, &[]).unwrap();
    let before = kafka.leaders("t").unwrap();
    kafka.move_leaders(&["t"], 2).unwrap();
    let after = kafka.leaders("t").unwrap();
    assert!(
        before
            .keys()
            .all(|partition| before[partition] != after[partition])
    );

    let properties = [("max.request.size", "5000000")];
    let mut producer = kafka.java_producer(&properties).unwrap();
    let mut send = |size: usize| {
        producer.send("t", 0, Some(42), &"x".repeat(size)).unwrap();
        producer.next_outcome(SOON).unwrap().1
    };
    assert_eq!(send(1_000), Ok(0));
    let lowered = [("max.message.bytes", Some("500"))];
    kafka.configure_topic("t", &lowered).unwrap();
    assert!(send(1_000).unwrap_err().contains("RecordTooLarge"));
    kafka
        .configure_topic("t", &[("max.message.bytes", None)])
        .unwrap();
    assert!(send(2_000_000).unwrap_err().contains("RecordTooLarge"));
    kafka
        .configure_brokers(&[("message.max.bytes", Some("3000000"))])
        .unwrap();
    assert_eq!(send(2_000_000), Ok(1));

    if let Some(disk) = &disk {
        assert!(disk.path().join("data/t-0").is_dir());
        disk.fill().unwrap();
        assert_eq!(send(1_000_000), Ok(2));
        kafka.node(3).wait_end(SOON).unwrap();
        disk.free().unwrap();
        kafka.node(3).start().unwrap();
        kafka.wait_in_sync(&["t"]).unwrap();
    }
    producer.close().unwrap();
}

#[test]
#[cfg_attr(not(real_kafka), ignore = "needs RABAN_REAL_KAFKA=1")]
fn clients_may_do_what_they_are_allowed_to() {
    let kafka = Kafka::builder().authorized().start().unwrap();
    for topic in ["open", "closed"] {
        kafka.create_topic(topic, 1, 1, &[]).unwrap();
    }
    kafka.allow("closed", &["READ", "DESCRIBE"]).unwrap();
    let mut producer = kafka.java_producer(&[]).unwrap();
    producer.send("open", 0, Some(42), "v").unwrap();
    assert_eq!(
        producer.next_outcome(SOON).unwrap(),
        ("v".to_owned(), Ok(0))
    );
    producer.send("closed", 0, None, "v").unwrap();
    let refused = producer.next_outcome(SOON).unwrap().1.unwrap_err();
    assert!(refused.contains("TopicAuthorization"), "{refused}");
    producer.close().unwrap();
    let expected = Record {
        partition: 0,
        offset: 0,
        timestamp: 42,
        key: None,
        value: Some(b"v".to_vec()),
        headers: Vec::new(),
    };
    assert_eq!(kafka.consume("open").unwrap(), [expected]);
}
