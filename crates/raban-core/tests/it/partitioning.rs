//! Who chooses the partition of a record, and what slow leaders do to the choice.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::task::Poll;
use std::time::Duration;

use raban_core::config::Settings;
use raban_core::{
    Config, EnqueueWait, ErrorKind, NamedPartitioner, NewRecord, TryEnqueueError, Unpartitioned,
};
use raban_protocol::error_code::ErrorCode;

use crate::harness::Harness;

/// How many records of each partition went to the brokers until now, all answered.
fn sent(harness: &mut Harness) -> BTreeMap<i32, usize> {
    harness.run();
    let mut sent = BTreeMap::new();
    while let Some(produced) = harness.produced.front() {
        for (partition, batch) in produced.batches() {
            *sent.entry(partition).or_default() += batch.records.len();
        }
        harness.answer_next(ErrorCode::NONE);
    }
    sent
}

fn keyed(key: &str) -> NewRecord<'_> {
    NewRecord {
        key: Some(key.as_bytes()),
        value: Some(b"v"),
        ..NewRecord::default()
    }
}

fn keyless(value: &[u8]) -> NewRecord<'_> {
    NewRecord {
        value: Some(value),
        ..NewRecord::default()
    }
}

#[test]
fn named_partitioners_choose_by_their_hash() {
    for &named in NamedPartitioner::ALL {
        let mut harness = Harness::new(&[("partitioner.class", named.name())]);
        harness.partitions = 7;
        for key in ["", "a", "kafka", "customer-42"] {
            let expected = named.partition_for_key(Some(key.as_bytes()), 7);
            harness.enqueue(&keyed(key)).unwrap().detach();
            let (partition, _) = sent(&mut harness).pop_first().unwrap();
            assert!(
                expected.is_none_or(|expected| expected == partition),
                "{named}: {key} went to {partition}"
            );
        }
        harness.enqueue(&keyless(b"v")).unwrap().detach();
        let (partition, _) = sent(&mut harness).pop_first().unwrap();
        let expected = named.partition_for_key(None, 7);
        assert!(expected.is_none_or(|expected| expected == partition));
    }
}

#[test]
fn round_robin_takes_partitions_with_a_leader_in_turn() {
    let mut harness = Harness::new(&[(
        "partitioner.class",
        "org.apache.kafka.clients.producer.RoundRobinPartitioner",
    )]);
    harness.partitions = 4;
    harness.leaders.insert(2, -1);
    let mut turns = Vec::new();
    for key in ["a", "a", "b", "a", "b"] {
        harness.enqueue(&keyed(key)).unwrap().detach();
        turns.push(sent(&mut harness).pop_first().unwrap().0);
    }
    assert_eq!(turns, [0, 1, 3, 0, 1]);
}

fn with_partitioner(
    settings: &[(&str, &str)],
    partitioner: impl Fn(&Unpartitioned<'_>) -> i32 + Send + Sync + 'static,
) -> Harness {
    let mut all = Settings::new();
    all.set("bootstrap.servers", "broker:9092")
        .set("linger.ms", "0")
        .extend(settings.iter().copied());
    let mut config = Config::from_settings(&all).unwrap();
    config.use_partitioner(Arc::new(partitioner));
    Harness::with_config(config)
}

#[test]
fn a_partitioner_of_the_application_s_own_is_asked_once_for_each_record() {
    let calls = Arc::new(AtomicI32::new(0));
    let counted = Arc::clone(&calls);
    let mut harness = with_partitioner(&[("buffer.memory", "300"), ("batch.size", "200")], {
        move |record: &Unpartitioned<'_>| {
            assert_eq!(
                (record.topic, record.partition_count, record.available),
                ("t", 3, &[0, 1, 2][..])
            );
            assert_eq!(record.key.map(<[u8]>::len), Some(1));
            counted.fetch_add(1, Ordering::Relaxed) % record.partition_count
        }
    });
    harness.partitions = 3;
    let large = "x".repeat(100);
    let record = NewRecord {
        value: Some(large.as_bytes()),
        ..keyed("k")
    };
    harness.enqueue(&record).unwrap().detach();
    // Memory for the second is there when the first is answered.
    let mut wait = EnqueueWait::default();
    let mut polled = harness.poll_enqueue(&record, &mut wait);
    for _ in 0..3 {
        assert!(polled.is_pending());
        polled = harness.poll_enqueue(&record, &mut wait);
    }
    assert_eq!(sent(&mut harness), BTreeMap::from([(0, 1)]));
    let Poll::Ready(Ok(delivery)) = harness.poll_enqueue(&record, &mut wait) else {
        panic!("there is memory");
    };
    delivery.detach();
    assert_eq!(sent(&mut harness), BTreeMap::from([(1, 1)]));
    assert_eq!(calls.load(Ordering::Relaxed), 2);
    // A partition that the caller names is the caller's.
    let own = NewRecord {
        partition: Some(2),
        ..record
    };
    harness.enqueue(&own).unwrap().detach();
    assert_eq!(sent(&mut harness), BTreeMap::from([(2, 1)]));
    assert_eq!(calls.load(Ordering::Relaxed), 2);
}

#[test]
fn a_partition_that_isn_t_there_fails_its_record_alone() {
    for wrong in [-1, 3, i32::MAX, i32::MIN] {
        let mut harness = with_partitioner(&[], move |_: &Unpartitioned<'_>| wrong);
        harness.partitions = 3;
        let error = harness.enqueue(&keyed("k")).unwrap_err();
        let ErrorKind::InvalidPartition {
            partition, count, ..
        } = *error.kind()
        else {
            panic!("{error}");
        };
        assert_eq!((partition, count), (wrong, 3));
        let (topic, now) = (harness.topic(), harness.now);
        let tried = harness.accumulator.try_enqueue(&now, &topic, &keyed("k"));
        assert!(matches!(tried, Err(TryEnqueueError::Failed(_))));
    }
}

/// Two leaders with three partitions each, of which 1 answers nothing. The share of keyless records that are meant for
/// it, in the second half of 2000, each a batch of its own.
fn share_of_the_silent_one(settings: &[(&str, &str)]) -> f64 {
    let settings = [&[("batch.size", "1")], settings].concat();
    let mut harness = Harness::new(&settings);
    harness.partitions = 6;
    harness.leaders = (0..6).map(|partition| (partition, partition % 2)).collect();
    let record = keyless(b"v");
    let mut meant = [0, 0];
    for count in 0..2000 {
        let delivery = harness.enqueue(&record).unwrap();
        if count >= 1000 {
            meant[delivery.partition() as usize % 2] += 1;
        }
        delivery.detach();
        harness.advance(Duration::from_millis(1));
        let answered = |produced: &crate::harness::Produced| {
            produced.batches().iter().all(|(index, _)| index % 2 == 0)
        };
        while let Some(at) = harness.produced.iter().position(answered) {
            let produced = harness.produced.remove(at).unwrap();
            harness.answer(&produced, ErrorCode::NONE);
        }
    }
    f64::from(meant[1]) / 1000.0
}

#[test]
fn a_leader_that_doesn_t_answer_gets_fewer_records() {
    let uniform = share_of_the_silent_one(&[("partitioner.adaptive.partitioning.enable", "false")]);
    assert!((0.4..0.6).contains(&uniform), "{uniform}");
    let adaptive = share_of_the_silent_one(&[]);
    assert!(adaptive < 0.1, "{adaptive}");
    let available = share_of_the_silent_one(&[("partitioner.availability.timeout.ms", "100")]);
    assert_eq!(available, 0.0);
    println!("{uniform} {adaptive} {available}");
}

#[test]
fn a_leader_that_is_well_again_gets_its_share_again() {
    let mut harness = Harness::new(&[
        ("batch.size", "1"),
        ("partitioner.availability.timeout.ms", "100"),
    ]);
    harness.partitions = 2;
    harness.leaders = BTreeMap::from([(0, 0), (1, 1)]);
    let record = keyless(b"v");
    let mut late = Vec::new();
    for round in 0..3 {
        let mut meant = [0, 0];
        for _ in 0..400 {
            let delivery = harness.enqueue(&record).unwrap();
            meant[delivery.partition() as usize] += 1;
            delivery.detach();
            harness.advance(Duration::from_millis(1));
            while let Some(produced) = harness.produced.pop_front() {
                match produced.batches()[0].0 == 1 && round == 1 {
                    true => late.push(produced),
                    false => harness.answer(&produced, ErrorCode::NONE),
                }
            }
        }
        for produced in std::mem::take(&mut late) {
            harness.answer(&produced, ErrorCode::NONE);
        }
        match round {
            1 => assert!(meant[1] < 40, "{meant:?}"),
            _ => assert!((130..270).contains(&meant[1]), "{round}: {meant:?}"),
        }
    }
}

#[test]
fn leaders_in_the_client_s_rack_are_preferred_while_there_are_any() {
    for (racks, expected) in [
        ([Some("a"), Some("b")], &[1, 3][..]),
        ([Some("a"), None], &[0, 1, 2, 3]),
        ([None, None], &[0, 1, 2, 3]),
    ] {
        for adaptive in ["true", "false"] {
            let mut harness = Harness::new(&[
                ("batch.size", "1"),
                ("partitioner.rack.aware", "true"),
                ("client.rack", "b"),
                ("partitioner.adaptive.partitioning.enable", adaptive),
            ]);
            harness.partitions = 4;
            harness.leaders = (0..4).map(|partition| (partition, partition % 2)).collect();
            harness.racks = (0..).zip(racks).collect();
            let mut seen = BTreeMap::new();
            for _ in 0..200 {
                harness.enqueue(&keyless(b"v")).unwrap().detach();
                for (partition, records) in sent(&mut harness) {
                    *seen.entry(partition).or_insert(0) += records;
                }
            }
            assert_eq!(seen.keys().copied().collect::<Vec<_>>(), expected);
        }
    }
}
