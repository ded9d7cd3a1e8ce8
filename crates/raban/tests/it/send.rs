//! The calls of `Producer`.

use raban::partitioner::{Partitioner, Unpartitioned};
use raban::{ErrorKind, Payload, Record, TryEnqueueError};

use crate::support::{LONG, broker, builder, producer};

#[test]
fn a_sent_record_is_acknowledged_with_its_place() {
    let broker = broker();
    let producer = producer(&broker).blocking();
    let record = Record::to("t").key("key").value("value").timestamp(1234);
    let first = producer.send(record.clone()).unwrap();
    assert_eq!(
        (first.topic(), first.partition(), first.offset()),
        ("t", 0, Some(0))
    );
    assert_eq!(first.timestamp(), 1234);
    assert_eq!(
        (first.serialized_key_size(), first.serialized_value_size()),
        (Some(3), Some(5))
    );
    assert_eq!(producer.send(record).unwrap().offset(), Some(1));
}

#[test]
fn an_enqueued_record_tells_its_outcome_in_every_way() {
    let broker = broker();
    let producer = producer(&broker).blocking();
    let mut delivery = producer.enqueue(Record::to("t").value("a")).unwrap();
    assert_eq!((delivery.topic(), delivery.partition()), ("t", 0));
    let outcome = delivery.wait_timeout(LONG).unwrap().unwrap();
    assert!(delivery.is_settled());
    assert_eq!(delivery.try_outcome().unwrap().unwrap(), outcome);
    assert_eq!(delivery.wait().unwrap(), outcome);
    producer
        .enqueue(Record::to("t").value("b"))
        .unwrap()
        .detach();
    producer.flush().unwrap();
    assert_eq!(broker.records("t").unwrap().len(), 2);
}

#[test]
fn try_enqueue_gives_the_record_back_until_the_topic_is_known() {
    let broker = broker();
    let producer = producer(&broker);
    let record = || Record::to("t").key("k").value("v").header("h", "1");
    let refused = producer.try_enqueue(record()).unwrap_err();
    let TryEnqueueError::MetadataPending(back) = refused else {
        panic!("{refused}")
    };
    assert_eq!(back, record());
    assert_eq!(producer.blocking().partitions_for("t").unwrap().len(), 1);
    producer.try_enqueue(back).unwrap().wait().unwrap();
}

#[test]
fn try_enqueue_gives_the_record_back_when_memory_is_full() {
    let broker = broker();
    let producer = builder(&broker)
        .buffer_memory(4096)
        .batch_size(1 << 20)
        .linger(LONG)
        .delivery_timeout(LONG * 3)
        .build()
        .unwrap();
    producer.blocking().partitions_for("t").unwrap();
    let value: &[u8] = &[7; 3000];
    let first = producer.try_enqueue(Record::to("t").value(value)).unwrap();
    let refused = producer
        .try_enqueue(Record::to("t").value(value))
        .unwrap_err();
    let TryEnqueueError::Full(back) = refused else {
        panic!("{refused}")
    };
    assert_eq!(back, Record::to("t").value(value));
    // Waiting for memory sends the batch that holds it, whatever the linger says.
    producer.blocking().enqueue(back).unwrap().detach();
    first.wait().unwrap();
}

#[test]
fn try_enqueue_says_what_will_never_be_accepted() {
    let broker = broker();
    let refused = producer(&broker)
        .try_enqueue(Record::to("no/topic"))
        .unwrap_err();
    let TryEnqueueError::Failed(error) = refused else {
        panic!("{refused}")
    };
    assert!(matches!(error.kind(), ErrorKind::InvalidTopic { .. }));
}

#[test]
fn send_many_lists_the_failures_by_index() {
    let broker = broker();
    let producer = producer(&broker).blocking();
    let large = vec![0; 2 << 20];
    let records = (0..1000).map(|index| match index {
        10 => Record::to("t").value(&large),
        20 => Record::to("t").partition(99),
        30 => Record::to("t").timestamp(-1),
        40 => Record::to("no topic"),
        _ => Record::to("t").value(format!("{index}")),
    });
    let report = producer.send_many(records);
    assert_eq!(report.delivered, 996);
    assert!(!report.is_ok());
    let failed: Vec<usize> = report.failures.iter().map(|(index, _)| *index).collect();
    assert_eq!(failed, [10, 20, 30, 40]);
    let kinds: Vec<&ErrorKind> = report
        .failures
        .iter()
        .map(|(_, error)| error.kind())
        .collect();
    assert!(
        matches!(
            kinds[..],
            [
                ErrorKind::RecordTooLarge { .. },
                ErrorKind::InvalidPartition { partition: 99, .. },
                ErrorKind::InvalidTimestamp(-1),
                ErrorKind::InvalidTopic { .. }
            ]
        ),
        "{kinds:?}"
    );
    assert!(
        report
            .failures
            .iter()
            .all(|(_, error)| !error.may_have_been_written())
    );
    let values: Vec<_> = broker
        .records("t")
        .unwrap()
        .into_iter()
        .map(|r| r.value.unwrap())
        .collect();
    let expected = (0..1000).filter(|index| ![10, 20, 30, 40].contains(index));
    assert!(
        values.iter().map(|value| &value[..]).eq(expected
            .map(|i| i.to_string().into_bytes())
            .collect::<Vec<_>>()
            .iter()
            .map(|v| &v[..]))
    );
}

#[test]
fn send_many_is_bounded_by_memory_not_by_the_iterator() {
    let broker = broker();
    let producer = builder(&broker)
        .buffer_memory(64 << 10)
        .build()
        .unwrap()
        .blocking();
    let value: &[u8] = &[1; 1000];
    let report = producer.send_many((0..2000).map(|_| Record::to("t").value(value)));
    assert_eq!((report.delivered, report.failures.len()), (2000, 0));
}

#[test]
fn an_oversized_record_fails_alone() {
    let broker = broker();
    let producer = producer(&broker).blocking();
    let before = producer.enqueue(Record::to("t").value("before")).unwrap();
    let error = producer
        .send(Record::to("t").value(vec![0; 1 << 20]))
        .unwrap_err();
    let ErrorKind::RecordTooLarge {
        size,
        limit,
        setting,
    } = error.kind()
    else {
        panic!("{error}")
    };
    assert!((*size, *limit, *setting) > (1 << 20, 1 << 20, "max.request.size"));
    assert!(
        error.to_string().contains("raise max.request.size"),
        "{error}"
    );
    assert!(!error.is_retriable() && !error.may_have_been_written());
    before.wait().unwrap();
    producer.send(Record::to("t").value("after")).unwrap();
}

#[test]
fn partitions_for_tells_leaders_and_replicas() {
    let broker = broker();
    let producer = producer(&broker).blocking();
    let partitions = producer.partitions_for("t").unwrap();
    assert_eq!(partitions.len(), 1);
    assert_eq!(
        (partitions[0].partition, partitions[0].leader),
        (0, Some(1))
    );
    assert_eq!(
        (&partitions[0].replicas[..], &partitions[0].in_sync[..]),
        (&[1][..], &[1][..])
    );
    assert!(matches!(
        producer.partitions_for("no topic").unwrap_err().kind(),
        ErrorKind::InvalidTopic { .. }
    ));
}

#[test]
fn metrics_count_what_was_sent() {
    let broker = broker();
    let producer = producer(&broker);
    let report = producer
        .blocking()
        .send_many((0..100).map(|_| Record::to("t").value("v")));
    assert!(report.is_ok());
    let metrics = producer.metrics();
    assert_eq!(metrics.record_send.total, 100);
    assert_eq!(
        (metrics.record_error.total, metrics.record_retry.total),
        (0, 0)
    );
    assert!(metrics.request.total > 0 && metrics.byte.total > 0);
}

#[test]
fn without_acknowledgements_offsets_are_unknown() {
    let broker = broker();
    let producer = builder(&broker)
        .set("acks", "0")
        .build()
        .unwrap()
        .blocking();
    let sent = producer.send(Record::to("t").value("v")).unwrap();
    assert_eq!(sent.offset(), None);
    producer.close(LONG).unwrap();
    // Closing waits until the broker has looked at what was written.
    assert_eq!(broker.records("t").unwrap().len(), 1);
}

#[test]
fn one_acknowledgement_is_the_leaders() {
    let broker = broker();
    let producer = builder(&broker)
        .set("acks", "1")
        .build()
        .unwrap()
        .blocking();
    assert_eq!(
        producer.send(Record::to("t").value("v")).unwrap().offset(),
        Some(0)
    );
}

#[test]
fn clones_share_one_producer_across_threads() {
    let broker = broker();
    let producer = producer(&broker);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let producer = producer.clone().blocking();
            scope.spawn(move || {
                for index in 0..500 {
                    let record = Record::to("t")
                        .key(format!("{thread}"))
                        .value(format!("{index}"));
                    producer.enqueue(record).unwrap().detach();
                }
            });
        }
    });
    producer.blocking().flush().unwrap();
    let records = broker.records("t").unwrap();
    for thread in 0..4 {
        let key = thread.to_string();
        let of_thread = records
            .iter()
            .filter(|r| r.key.as_deref() == Some(key.as_bytes()));
        let values: Vec<String> = of_thread
            .map(|r| String::from_utf8(r.value.clone().unwrap().to_vec()).unwrap())
            .collect();
        assert!(
            values
                .iter()
                .eq((0..500).map(|i| i.to_string()).collect::<Vec<_>>().iter())
        );
    }
}

#[test]
fn payloads_come_from_what_people_have() {
    let broker = broker();
    let producer = producer(&broker).blocking();
    let (text, bytes) = (String::from("a"), vec![b'b']);
    let values: Vec<Payload<'_>> = vec![
        (&text).into(),
        text.clone().into(),
        (&bytes).into(),
        bytes.clone().into(),
        b"c".into(),
        bytes::Bytes::from_static(b"d").into(),
        Some("e").into(),
        None::<&str>.into(),
    ];
    let report = producer.send_many(values.into_iter().map(|value| Record::to("t").value(value)));
    assert!(report.is_ok());
    let read: Vec<Option<Vec<u8>>> = broker
        .records("t")
        .unwrap()
        .into_iter()
        .map(|r| r.value.map(|v| v.to_vec()))
        .collect();
    let expected = ["a", "a", "b", "b", "c", "d", "e"].map(|text| Some(text.as_bytes().to_vec()));
    assert_eq!(read[..7], expected);
    assert_eq!(read[7], None);
}

/// As many bytes as a value has.
struct ByLength;

impl Partitioner for ByLength {
    fn partition(&self, record: &Unpartitioned<'_>) -> i32 {
        record.value.map_or(-1, |value| value.len() as i32)
    }
}

#[test]
fn a_partitioner_of_one_s_own_chooses() {
    let broker = broker();
    let admin = raban::Admin::new(broker.bootstrap_servers()).unwrap();
    let partitions = raban::NewTopic {
        partitions: Some(4),
        ..Default::default()
    };
    admin.blocking().create_topic("t", partitions).unwrap();
    // Even a setting that names another doesn't matter.
    let producer = builder(&broker)
        .set("partitioner.class", "round_robin")
        .partitioner(ByLength)
        .build()
        .unwrap()
        .blocking();
    for length in [3, 0, 2] {
        let at = producer.send(Record::to("t").value(vec![0; length as usize]));
        assert_eq!(at.unwrap().partition(), length);
    }
    for record in [Record::to("t"), Record::to("t").value([0; 4])] {
        let error = producer.send(record).unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::InvalidPartition { count: 4, .. }),
            "{error}"
        );
    }
    let named = producer.send(Record::to("t").partition(1)).unwrap();
    assert_eq!(named.partition(), 1);
}
