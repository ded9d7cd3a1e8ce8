//! The admin client, and the embedded brokers that settings name.

use std::time::Duration;

use raban::embedded::Broker;
use raban::{Admin, AdminError, ErrorCode, NewTopic, Producer, Record};

use crate::support::{broker, builder, producer, read_all};

#[test]
fn a_topic_is_created_described_listed_and_deleted() {
    let broker = broker();
    let admin = Admin::new(broker.bootstrap_servers()).unwrap().blocking();
    admin.ping().unwrap();
    assert_eq!(admin.list_topics().unwrap(), []);
    let topic = NewTopic {
        partitions: Some(3),
        replication_factor: Some(1),
        configs: Vec::new(),
    };
    admin.create_topic("b", topic).unwrap();
    admin.create_topic("a", NewTopic::default()).unwrap();
    producer(&broker)
        .blocking()
        .send(Record::to("b").partition(1).value("v"))
        .unwrap();
    let topics = admin.list_topics().unwrap();
    let found: Vec<_> = topics
        .iter()
        .map(|t| (&*t.name, t.internal, t.partitions))
        .collect();
    assert_eq!(found, [("a", false, 1), ("b", false, 3)]);
    let described = admin.describe("b").unwrap();
    assert!(!described.topic_id.is_empty() && !described.internal);
    let partitions: Vec<_> = described
        .partitions
        .iter()
        .map(|p| (p.partition, p.leader, p.start_offset, p.end_offset))
        .collect();
    assert_eq!(
        partitions,
        [
            (0, Some(1), Some(0), Some(0)),
            (1, Some(1), Some(0), Some(1)),
            (2, Some(1), Some(0), Some(0))
        ]
    );
    admin.delete_topic("b").unwrap();
    assert_eq!(admin.list_topics().unwrap().len(), 1);
}

#[test]
fn a_missing_topic_is_created_unless_that_is_not_allowed() {
    let broker = broker();
    let careful = builder(&broker)
        .set("allow.auto.create.topics", "false")
        .max_block(Duration::from_millis(300))
        .build()
        .unwrap()
        .blocking();
    let error = careful.enqueue(Record::to("ordres")).unwrap_err();
    assert!(error.to_string().contains("correct the name"), "{error}");
    let admin = Admin::new(broker.bootstrap_servers()).unwrap().blocking();
    assert_eq!(admin.list_topics().unwrap(), []);
    producer(&broker)
        .blocking()
        .send(Record::to("orders"))
        .unwrap();
    careful.send(Record::to("orders")).unwrap();
    assert_eq!(admin.list_topics().unwrap().len(), 1);
}

#[test]
fn refusals_name_topic_and_error() {
    let broker = broker();
    let admin = Admin::new(broker.bootstrap_servers()).unwrap().blocking();
    admin.create_topic("t", NewTopic::default()).unwrap();
    let refusals = [
        (
            admin.create_topic("t", NewTopic::default()),
            ErrorCode::TOPIC_ALREADY_EXISTS,
        ),
        (
            admin.create_topic("no topic", NewTopic::default()),
            ErrorCode::INVALID_TOPIC_EXCEPTION,
        ),
        (
            admin.create_topic(
                "u",
                NewTopic {
                    partitions: Some(0),
                    ..NewTopic::default()
                },
            ),
            ErrorCode::INVALID_PARTITIONS,
        ),
        (
            admin.delete_topic("nothing"),
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        ),
        (
            admin.describe("nothing").map(|_| ()),
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        ),
    ];
    for (refused, expected) in refusals {
        let error = refused.unwrap_err();
        assert!(
            matches!(&error, AdminError::Refused { code, .. } if *code == expected),
            "{error}"
        );
        assert!(error.to_string().contains(expected.name()), "{error}");
    }
}

#[tokio::test]
async fn admins_can_be_awaited() {
    let broker = broker();
    let admin =
        Admin::from_properties([("bootstrap.servers", broker.bootstrap_servers())]).unwrap();
    admin.create_topic("t", NewTopic::default()).await.unwrap();
    assert_eq!(admin.describe("t").await.unwrap().partitions.len(), 1);
    admin.delete_topic("t").await.unwrap();
}

#[test]
fn clients_of_one_process_share_the_broker_in_memory() {
    let producer = Producer::new("embedded:").unwrap().blocking();
    producer
        .send(Record::to("shared-in-memory").value("v"))
        .unwrap();
    drop(producer);
    assert_eq!(read_all("embedded:", "shared-in-memory").len(), 1);
}

#[test]
fn a_directory_keeps_its_records() {
    let dir = tempfile::tempdir().unwrap();
    let servers = format!("embedded:{}/data", dir.path().display());
    for expected in 1..=3 {
        let producer = Producer::new(&servers).unwrap().blocking();
        producer.send(Record::to("t").value("v")).unwrap();
        // Found while the producer runs it, by another name of the directory too.
        assert_eq!(
            read_all(&format!("embedded:{}/./data", dir.path().display()), "t").len(),
            expected
        );
        producer.close(crate::support::LONG).unwrap();
        drop(producer);
    }
    assert_eq!(read_all(&servers, "t").len(), 3);
}

#[test]
fn a_directory_that_a_running_broker_uses_is_served_by_that_one() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Broker::at(dir.path()).unwrap();
    let error = Broker::at(dir.path()).unwrap_err().to_string();
    assert!(error.contains(&broker.bootstrap_servers()), "{error}");
    let servers = format!("embedded:{}", dir.path().display());
    Producer::new(servers)
        .unwrap()
        .blocking()
        .send(Record::to("t").value("v"))
        .unwrap();
    assert_eq!(broker.records("t").unwrap().len(), 1);
}

#[test]
fn a_directory_that_cannot_be_one_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = Producer::new(format!("embedded:{}", file.display()))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("file") && error.contains("data directory"),
        "{error}"
    );
}

#[test]
fn records_of_an_unknown_topic() {
    assert!(
        broker()
            .records("nothing")
            .unwrap_err()
            .to_string()
            .contains("nothing")
    );
}
