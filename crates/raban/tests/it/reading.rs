//! The reader.

use std::time::Duration;

use raban::{Admin, NewTopic, ReadError, Reader, ReaderBuilder, Record};

use crate::support::{LONG, broker, builder, producer, read_all};

fn reader(servers: &str, topic: &str) -> ReaderBuilder {
    Reader::builder(topic).bootstrap_servers(servers)
}

fn values(mut reader: Reader) -> Vec<String> {
    let mut values = Vec::new();
    while let Some(record) = reader.blocking_next().unwrap() {
        values.push(String::from_utf8(record.value.unwrap().to_vec()).unwrap());
    }
    assert!(reader.is_done());
    assert_eq!(reader.blocking_next(), Ok(None));
    values
}

fn partitions(servers: &str, topic: &str, partitions: i32) {
    let topic_of = NewTopic {
        partitions: Some(partitions),
        ..NewTopic::default()
    };
    Admin::new(servers)
        .unwrap()
        .blocking()
        .create_topic(topic, topic_of)
        .unwrap();
}

#[test]
fn all_partitions_or_one_from_the_beginning_or_an_offset() {
    let broker = broker();
    let servers = broker.bootstrap_servers();
    partitions(&servers, "t", 3);
    let producer = producer(&broker).blocking();
    let records = (0..300).map(|i| Record::to("t").partition(i % 3).value(format!("{i}")));
    assert!(producer.send_many(records).is_ok());
    let mut all = values(
        reader(&servers, "t")
            .from_beginning()
            .exit_at_end()
            .open()
            .unwrap(),
    );
    all.sort_by_key(|value| value.parse::<i32>().unwrap());
    assert!(all.into_iter().eq((0..300).map(|i| i.to_string())));
    let one = values(
        reader(&servers, "t")
            .partition(1)
            .from_offset(90)
            .exit_at_end()
            .open()
            .unwrap(),
    );
    assert!(
        one.into_iter()
            .eq((90..100).map(|i| (i * 3 + 1).to_string()))
    );
    let none = values(reader(&servers, "t").exit_at_end().open().unwrap());
    assert!(none.is_empty());
}

#[test]
fn it_stops_at_the_ends_seen_at_the_start_and_an_empty_topic_has_none() {
    let broker = broker();
    let servers = broker.bootstrap_servers();
    partitions(&servers, "t", 2);
    assert!(read_all(&servers, "t").is_empty());
}

#[test]
fn it_follows_what_is_written_later() {
    let broker = broker();
    let servers = broker.bootstrap_servers();
    let producer = producer(&broker).blocking();
    producer.send(Record::to("t").value("old")).unwrap();
    let mut reader = reader(&servers, "t").from_beginning().open().unwrap();
    assert_eq!(
        reader.blocking_next().unwrap().unwrap().value.as_deref(),
        Some(&b"old"[..])
    );
    assert_eq!(reader.blocking_next_timeout(Duration::ZERO), Ok(None));
    assert!(!reader.is_done());
    producer.send(Record::to("t").value("new")).unwrap();
    let record = reader.blocking_next_timeout(LONG).unwrap().unwrap();
    assert_eq!(
        (record.offset, record.value.as_deref()),
        (1, Some(&b"new"[..]))
    );
}

#[tokio::test]
async fn it_can_be_awaited() {
    let broker = broker();
    producer(&broker)
        .send(Record::to("t").value("v"))
        .await
        .unwrap();
    let servers = broker.bootstrap_servers();
    let mut reader = reader(&servers, "t")
        .from_beginning()
        .exit_at_end()
        .open()
        .unwrap();
    assert_eq!(reader.next().await.unwrap().unwrap().offset, 0);
    assert_eq!(reader.next().await, Ok(None));
}

#[test]
fn a_topic_or_partition_that_does_not_exist_is_said() {
    let broker = broker();
    let servers = broker.bootstrap_servers();
    let mut unknown = reader(&servers, "nothing").from_beginning().open().unwrap();
    let error = unknown.blocking_next().unwrap_err();
    assert!(matches!(error, ReadError::UnknownTopic { .. }), "{error}");
    partitions(&servers, "t", 2);
    let mut unknown = reader(&servers, "t").partition(2).open().unwrap();
    let error = unknown.blocking_next().unwrap_err();
    assert!(
        matches!(
            error,
            ReadError::UnknownPartition {
                partition: 2,
                count: 2,
                ..
            }
        ),
        "{error}"
    );
    // Reading creates no topics.
    assert!(
        Admin::new(&servers)
            .unwrap()
            .blocking()
            .describe("nothing")
            .is_err()
    );
}

#[test]
fn an_offset_beyond_the_log_is_read_from_its_start() {
    let broker = broker();
    let servers = broker.bootstrap_servers();
    producer(&broker)
        .blocking()
        .send(Record::to("t").value("v"))
        .unwrap();
    let mut reader = reader(&servers, "t").from_offset(1000).open().unwrap();
    assert_eq!(reader.blocking_next().unwrap().unwrap().offset, 0);
}

#[test]
fn more_than_fits_one_answer() {
    let broker = broker();
    let servers = broker.bootstrap_servers();
    partitions(&servers, "t", 4);
    let producer = builder(&broker)
        .batch_size(500_000)
        .build()
        .unwrap()
        .blocking();
    let value = vec![b'x'; 100_000];
    let records = (0..200).map(|i| Record::to("t").partition(i % 4).value(&value));
    assert!(producer.send_many(records).is_ok());
    let read = read_all(&servers, "t");
    assert_eq!(read.len(), 200);
    for partition in 0..4 {
        let offsets = read
            .iter()
            .filter(|r| r.partition == partition)
            .map(|r| r.offset);
        assert!(offsets.eq(0..50));
    }
}
