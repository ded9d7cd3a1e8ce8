//! `send_many` of a topic's handle.

use std::time::{Duration, Instant};

use raban::embedded::Broker;
use raban::{
    Admin, ErrorKind, NewTopic, ProduceError, ProducerInterceptor, Record, SendManyReport, Utf8,
};

use crate::support::{LONG, broker, builder, producer, read_all};

fn values(broker: &Broker, topic: &str) -> Vec<String> {
    let records = read_all(&broker.bootstrap_servers(), topic);
    let value = |value: &[u8]| String::from_utf8(value.to_vec()).unwrap();
    let values = records
        .iter()
        .map(|read| value(read.value.as_deref().unwrap()));
    values.collect()
}

fn failed(report: &SendManyReport) -> Vec<usize> {
    report.failures.iter().map(|(place, _)| *place).collect()
}

#[test]
fn all_are_delivered_in_order() {
    let broker = broker();
    let producer = producer(&broker);
    let topic = producer.topic("t").with_value(Utf8);
    let sent: Vec<_> = (0..10_000).map(|i| format!("value {i}")).collect();
    let records = sent.iter().map(|value| topic.record(None, value));
    let report = topic.blocking().send_many(records);
    assert_eq!((report.delivered, report.failures.len()), (10_000, 0));
    assert_eq!(values(&broker, "t"), sent);
    let metrics = producer.metrics();
    assert_eq!(metrics.record_send.total, 10_000);
}

#[test]
fn those_accepted_are_delivered_whether_awaited_or_not() {
    let broker = broker();
    let producer = producer(&broker);
    let topic = producer.topic("t").with_value(Utf8);
    let too_large = "x".repeat(2_000_000);
    let records = ["a", &too_large, "b"].map(|value| topic.record(None, value));
    let accepted = raban::block_on(topic.enqueue_many(records));
    assert_eq!(accepted.count(), 3);
    let report = raban::block_on(async { accepted.await });
    assert_eq!((report.delivered, failed(&report)), (2, vec![1]));
    drop(raban::block_on(
        topic.enqueue_many([topic.record(None, "c")]),
    ));
    let last = raban::block_on(topic.enqueue_many([topic.record(None, "d")]));
    assert!(last.wait().is_ok());
    assert_eq!(values(&broker, "t"), ["a", "b", "c", "d"]);
}

#[test]
fn keys_headers_times_and_tombstones_come_along() {
    let broker = broker();
    let producer = producer(&broker);
    let topic = producer.topic("t").with_key(Utf8);
    let keys: Vec<_> = (0..200).map(|i| format!("key {i}")).collect();
    let records = keys.iter().zip(0..).map(|(key, i)| {
        let value = (i % 2 == 0).then_some(&b"value"[..]);
        let record = topic.record(key, value).header("i", key.as_bytes());
        record.timestamp(1_700_000_000_000 + i)
    });
    assert!(topic.blocking().send_many(records).is_ok());
    let read = read_all(&broker.bootstrap_servers(), "t");
    assert_eq!(read.len(), 200);
    for ((read, key), i) in read.iter().zip(&keys).zip(0..) {
        assert_eq!(read.key.as_deref(), Some(key.as_bytes()));
        let value = (i % 2 == 0).then_some(&b"value"[..]);
        assert_eq!(read.value.as_deref(), value);
        assert_eq!(read.timestamp, 1_700_000_000_000 + i);
        assert_eq!(read.headers[0].value.as_deref(), Some(key.as_bytes()));
    }
}

#[test]
fn failures_are_listed_by_place() {
    let broker = broker();
    let producer = producer(&broker);
    let topic = producer.topic("t");
    let large = vec![0; 2 << 20];
    let records = (0..1000).map(|place| match place {
        10 => topic.record(None, &large[..]),
        20 => topic.record(None, &b"v"[..]).partition(99),
        30 => topic.record(None, &b"v"[..]).timestamp(-1),
        _ => topic.record(None, &b"v"[..]),
    });
    let report = topic.blocking().send_many(records);
    assert_eq!(report.delivered, 997);
    assert_eq!(failed(&report), [10, 20, 30]);
    let illegal = producer.topic("no topic");
    let records = (0..3).map(|_| illegal.record(None, &b"v"[..]));
    let report = illegal.blocking().send_many(records);
    assert_eq!(failed(&report), [0, 1, 2]);
    let kind = report.failures[0].1.kind();
    assert!(matches!(kind, ErrorKind::InvalidTopic { .. }), "{kind}");
}

#[test]
fn a_record_of_another_topic_goes_there() {
    let broker = broker();
    let producer = producer(&broker);
    let (one, other) = (producer.topic("one"), producer.topic("other"));
    let records = (0..100).map(|i| match i % 10 {
        0 => other.record(None, &b"other"[..]),
        _ => one.record(None, &b"one"[..]),
    });
    assert!(one.blocking().send_many(records).is_ok());
    assert_eq!(values(&broker, "one"), vec!["one"; 90]);
    assert_eq!(values(&broker, "other"), vec!["other"; 10]);
}

#[cfg(feature = "json")]
#[test]
fn what_has_to_be_serialized_is() {
    let broker = broker();
    let producer = producer(&broker);
    let topic: raban::Topic<[u8], u32> = producer.topic("t").with_value(raban::Json);
    let numbers: Vec<u32> = (0..300).collect();
    let records = numbers.iter().map(|number| topic.record(None, number));
    assert!(topic.blocking().send_many(records).is_ok());
    let expected: Vec<_> = numbers.iter().map(u32::to_string).collect();
    assert_eq!(values(&broker, "t"), expected);
}

#[test]
fn interceptors_see_each_record() {
    struct Mark;

    impl ProducerInterceptor for Mark {
        fn on_send(&self, record: &mut Record<'_>) {
            *record = record.clone().header("mark", "m");
        }
    }

    let broker = broker();
    let producer = builder(&broker).interceptor(Mark).build().unwrap();
    let topic = producer.topic("t");
    let records = (0..100).map(|_| topic.record(None, &b"v"[..]));
    assert!(topic.blocking().send_many(records).is_ok());
    let read = read_all(&broker.bootstrap_servers(), "t");
    assert_eq!(read.len(), 100);
    assert!(read.iter().all(|read| read.headers[0].key == "mark"));
}

#[test]
fn it_is_bounded_by_memory_not_by_the_iterator() {
    let broker = broker();
    let producer = builder(&broker).buffer_memory(64 << 10).build().unwrap();
    let topic = producer.topic("t");
    let value = [1; 1000];
    let records = (0..2000).map(|_| topic.record(None, &value));
    let report = topic.blocking().send_many(records);
    assert_eq!((report.delivered, report.failures.len()), (2000, 0));
}

#[test]
fn a_record_is_sent_while_the_next_one_is_long_in_coming() {
    let broker = broker();
    let producer = producer(&broker);
    let topic = producer.topic("t");
    let since = Instant::now();
    let mut count = 0;
    let records = std::iter::from_fn(|| {
        while count > 0 && broker.records("t").unwrap().len() < count {
            assert!(since.elapsed() < LONG, "it is held back");
            std::thread::yield_now();
        }
        count += 1;
        (count <= 3).then(|| topic.record(None, b"v"))
    });
    assert_eq!(topic.blocking().send_many(records).delivered, 3);
}

#[test]
fn what_would_wait_in_vain_fails_at_once() {
    let producer = raban::Producer::builder()
        .bootstrap_servers(crate::support::nobody().to_string())
        .set("max.block.ms", "50")
        .build()
        .unwrap();
    let topic = producer.topic("t");
    let records = (0..200).map(|_| topic.record(None, &b"v"[..]));
    let report = topic.blocking().send_many(records);
    assert_eq!(failed(&report), (0..200).collect::<Vec<_>>());
    let _ = producer.blocking().close(Duration::ZERO);
}

#[test]
fn where_memory_is_short_it_waits_for_its_own_records() {
    let broker = broker();
    let producer = builder(&broker).buffer_memory(256 << 10).build().unwrap();
    let topic = producer.topic("t");
    producer.blocking().partitions_for("t").unwrap();
    let value = [b'v'; 100];
    let records = (0..50_000).map(|_| topic.record(None, &value[..]));
    assert_eq!(topic.blocking().send_many(records).delivered, 50_000);
    let waited = producer.metrics().bufferpool_wait_time_ns_total;
    assert_eq!(waited, 0, "in the line for memory");
}

#[test]
fn its_own_records_are_waited_for_no_longer_than_max_block_ms() {
    let broker = broker();
    let producer = builder(&broker)
        .buffer_memory(256 << 10)
        .max_block(Duration::from_millis(50))
        .linger(Duration::ZERO)
        .request_timeout(Duration::from_secs(2))
        .delivery_timeout(Duration::from_secs(2))
        .build()
        .unwrap();
    let topic = producer.topic("t");
    producer.blocking().partitions_for("t").unwrap();
    drop(broker);
    let value = [b'v'; 100];
    let records = (0..50_000).map(|_| topic.record(None, &value[..]));
    let report = topic.blocking().send_many(records);
    assert_eq!(failed(&report), (0..50_000).collect::<Vec<_>>());
    let timed_out = |(_, error): &&(usize, ProduceError)| {
        matches!(error.kind(), ErrorKind::DeliveryTimeout { .. })
    };
    let accepted = report.failures.iter().filter(timed_out).count();
    assert!(accepted * 100 < 256 << 10, "{accepted} at a time");
    let in_vain = report.failures.last().unwrap();
    assert!(
        matches!(in_vain.1.kind(), ErrorKind::MemoryTimeout { .. }),
        "{in_vain:?}"
    );
}

#[test]
fn what_lingers_leaves_where_memory_is_short() {
    let broker = broker();
    let partitions = NewTopic {
        partitions: Some(6),
        ..NewTopic::default()
    };
    let admin = Admin::new(broker.bootstrap_servers()).unwrap().blocking();
    admin.create_topic("t", partitions).unwrap();
    let producer = builder(&broker)
        .buffer_memory(256 << 10)
        .batch_size(64 << 10)
        .max_block(Duration::from_secs(5))
        .linger(LONG * 10)
        .delivery_timeout(LONG * 30)
        .build()
        .unwrap();
    let topic = producer.topic("t");
    // No batch is ever full.
    let value = [b'v'; 100];
    let records = (0..3000).map(|i| topic.record(None, &value[..]).partition(i % 6));
    let since = Instant::now();
    let accepted = raban::block_on(topic.enqueue_many(records));
    assert!(since.elapsed() < LONG, "it lingers");
    producer.blocking().flush().unwrap();
    let report = accepted.wait();
    assert_eq!((report.delivered, failed(&report)), (3000, vec![]));
}
