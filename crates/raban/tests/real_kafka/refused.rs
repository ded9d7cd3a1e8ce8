//! Batches that are too large, and records that a broker refuses: what can be delivered is, in order.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use raban::{
    AttemptOutcome, Builder, Compression, Delivery, ErrorCode, ErrorKind, Producer, Record,
    RecordMetadata,
};
use testbed::Kafka;

use crate::support::{PATIENCE, alone};

/// Well above what the first batches come to, uncompressed.
const BATCH_SIZE: usize = 200_000;
/// What the topic takes at first, and then.
const LIMIT: &str = "400000";
const LOWERED: &str = "10000";
const RECORDS: usize = 6_000;
/// One of so many is too large for the lowered limit.
const GIANTS: usize = 1_000;

#[test]
#[cfg_attr(not(real_kafka), ignore = "needs RABAN_REAL_KAFKA=1")]
fn batches_too_large_for_a_lowered_limit_are_split() {
    let _alone = alone();
    for version in ["4.3.1", "4.4.0"] {
        let kafka = Kafka::builder().version(version).start().unwrap();
        for compression in [Compression::None, Compression::Lz4] {
            let topic = format!("lowered-{}", compression.name());
            let limit = [("max.message.bytes", LIMIT)];
            kafka.create_topic(&topic, 1, 1, &limit).unwrap();
            split(&kafka, &topic, compression);
        }
    }
}

fn split(kafka: &Kafka, topic: &str, compression: Compression) {
    let producer = builder(kafka)
        .batch_size(BATCH_SIZE)
        .compression(compression)
        .build()
        .unwrap();
    let values: Vec<String> = (0..RECORDS).map(value).collect();
    let (before, after) = values.split_at(RECORDS / 3);
    let mut deliveries = enqueue(&producer, topic, before);
    wait(&mut deliveries);
    let lowered = [("max.message.bytes", Some(LOWERED))];
    kafka.configure_topic(topic, &lowered).unwrap();
    deliveries.extend(enqueue(&producer, topic, after));
    wait(&mut deliveries);

    let log = kafka.consume(topic).unwrap();
    let mut next = 0;
    let mut split = 0;
    for (number, (delivery, value)) in deliveries.iter().zip(&values).enumerate() {
        let is_giant = number >= before.len() && number.is_multiple_of(GIANTS);
        match delivery.try_outcome().unwrap() {
            Ok(at) => {
                assert!(!is_giant, "record {number} is too large");
                assert_eq!(at.offset(), Some(next), "record {number} of {topic}");
                let at = usize::try_from(next).unwrap();
                assert_eq!(log[at].value.as_deref(), Some(value.as_bytes()));
                next += 1;
            }
            Err(error) => {
                assert!(is_giant, "record {number}: {error}");
                assert_eq!(code(error.kind()), ErrorCode::MESSAGE_TOO_LARGE);
                assert!(!error.may_have_been_written());
            }
        }
        let trail = delivery.trail();
        let refused = AttemptOutcome::Answered(ErrorCode::MESSAGE_TOO_LARGE);
        let was_split = trail.is_some_and(|trail| trail.attempts()[0].outcome == refused);
        split += usize::from(was_split && !is_giant);
    }
    assert_eq!(usize::try_from(next).unwrap(), log.len());
    let metrics = producer.metrics();
    eprintln!(
        "{topic}: {} batches split, {split} records delivered after it, {} in the log",
        metrics.batch_split.total,
        log.len()
    );
    assert!(metrics.batch_split.total > 0 && split > 0);
    producer.blocking().close(PATIENCE).unwrap();
    let metrics = producer.metrics();
    assert_eq!(metrics.buffer_available_bytes, metrics.buffer_total_bytes);
}

/// Random enough that a compressed batch is too large as well.
fn value(number: usize) -> String {
    let len = if number.is_multiple_of(GIANTS) {
        30_000
    } else {
        300
    };
    let mut state = number as u64;
    let letter = |_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        char::from(b'!' + (state >> 57) as u8 % 90)
    };
    (0..len).map(letter).collect()
}

#[test]
#[cfg_attr(not(real_kafka), ignore = "needs RABAN_REAL_KAFKA=1")]
fn records_that_a_broker_refuses_fail_alone() {
    let _alone = alone();
    for version in ["4.3.1", "4.4.0"] {
        let kafka = Kafka::builder().version(version).start().unwrap();
        let compacted = [("cleanup.policy", "compact")];
        kafka.create_topic("compacted", 1, 1, &compacted).unwrap();
        let recent = [("message.timestamp.before.max.ms", "3600000")];
        kafka.create_topic("recent", 1, 1, &recent).unwrap();
        without_keys(&kafka);
        with_old_timestamps(&kafka);
    }
}

/// A compacted topic takes no record without a key.
fn without_keys(kafka: &Kafka) {
    let numbers: Vec<String> = (0..100).map(|number| number.to_string()).collect();
    let record = |number: usize| {
        let key = (!number.is_multiple_of(3)).then_some(numbers[number].as_bytes());
        Record::to("compacted").key(key).value(&*numbers[number])
    };
    let refused = refused(kafka, "compacted", record, |number| {
        number.is_multiple_of(3)
    });
    assert_eq!(refused, (ErrorCode::INVALID_RECORD, true));
}

/// A topic may refuse records that are too old.
fn with_old_timestamps(kafka: &Kafka) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = i64::try_from(now.as_millis()).unwrap();
    let old = now - 2 * 3_600_000;
    let numbers: Vec<String> = (0..100).map(|number| number.to_string()).collect();
    let record = |number: usize| {
        let timestamp = if number < 10 { old } else { now };
        Record::to("recent")
            .value(&*numbers[number])
            .timestamp(timestamp)
    };
    let refused = refused(kafka, "recent", record, |number| number < 10);
    assert_eq!(refused, (ErrorCode::INVALID_TIMESTAMP, true));
}

/// Sends 100 records in one batch: the culprits fail, the others lie in the log in order. Returns the
/// broker's answer, and whether it came with words for each.
fn refused<'a>(
    kafka: &Kafka,
    topic: &str,
    record: impl Fn(usize) -> Record<'a>,
    is_culprit: impl Fn(usize) -> bool,
) -> (ErrorCode, bool) {
    let producer = builder(kafka).build().unwrap();
    let enqueue = |number| producer.blocking().enqueue(record(number)).unwrap();
    let mut deliveries: Vec<Delivery> = (0..100).map(enqueue).collect();
    wait(&mut deliveries);
    let mut answers = Vec::new();
    let mut delivered: Vec<(usize, RecordMetadata)> = Vec::new();
    for (number, delivery) in deliveries.iter().enumerate() {
        match delivery.try_outcome().unwrap() {
            Ok(at) => delivered.push((number, at)),
            Err(error) => {
                assert!(is_culprit(number), "record {number}: {error}");
                assert!(!error.may_have_been_written());
                let ErrorKind::Rejected { code, message } = error.kind() else {
                    panic!("{error}");
                };
                answers.push((*code, message.is_some()));
            }
        }
    }
    let good: Vec<usize> = (0..100).filter(|number| !is_culprit(*number)).collect();
    let numbers: Vec<usize> = delivered.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, good);
    let log = kafka.consume(topic).unwrap();
    assert_eq!(log.len(), good.len());
    for (read, (number, at)) in log.iter().zip(&delivered) {
        assert_eq!(at.offset(), Some(read.offset));
        assert_eq!(read.value.as_deref(), Some(number.to_string().as_bytes()));
    }
    let first = &deliveries[good[0]];
    let attempts = first.trail().map(|trail| trail.attempts().len());
    assert_eq!(attempts, Some(2), "refused with the others, then delivered");
    producer.blocking().close(PATIENCE).unwrap();
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    answers[0]
}

fn builder(kafka: &Kafka) -> Builder {
    Producer::builder()
        .bootstrap_servers(kafka.bootstrap_servers())
        .linger(Duration::from_millis(100))
}

fn enqueue(producer: &Producer, topic: &str, values: &[String]) -> Vec<Delivery> {
    let enqueue = |value: &String| {
        let record = Record::to(topic).value(value.as_str());
        producer.blocking().enqueue(record).unwrap()
    };
    values.iter().map(enqueue).collect()
}

/// Waits until all are settled.
fn wait(deliveries: &mut [Delivery]) {
    for delivery in deliveries {
        let settled = delivery.is_settled() || delivery.wait_timeout(PATIENCE).is_some();
        assert!(settled, "a delivery stays open");
    }
}

fn code(kind: &ErrorKind) -> ErrorCode {
    match kind {
        ErrorKind::Rejected { code, .. } => *code,
        other => panic!("{other}"),
    }
}
