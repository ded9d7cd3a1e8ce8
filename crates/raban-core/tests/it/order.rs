//! Batches, their order, and how many are on their way.

use std::task::Poll;
use std::time::Duration;

use raban_core::NewRecord;
use raban_protocol::error_code::ErrorCode;

use crate::harness::{Harness, poll};

#[test]
fn a_record_goes_out_and_comes_back_with_its_offset() {
    let mut harness = Harness::new(&[]);
    let key = b"k";
    let record = NewRecord {
        key: Some(key),
        value: Some(b"hello"),
        ..NewRecord::default()
    };
    let mut delivery = harness.enqueue(&record).unwrap();
    harness.run();
    assert!(poll(&mut delivery).is_pending());
    let batch = harness.produced[0].batch();
    assert_eq!(batch.records[0].key.as_deref(), Some(&key[..]));
    assert_eq!(batch.header.producer_id, 1001);
    assert_eq!(batch.header.base_sequence, 0);
    assert_eq!(harness.produced[0].version, 13);
    harness.answer_next(ErrorCode::NONE);
    let Poll::Ready(Ok(metadata)) = poll(&mut delivery) else {
        panic!("acknowledged");
    };
    assert_eq!(metadata.offset(), Some(0));
    assert_eq!(metadata.timestamp(), 1_700_000_000_000);
    assert_eq!(metadata.serialized_key_size(), Some(1));
    assert_eq!(metadata.serialized_value_size(), Some(5));
}

#[test]
fn records_linger_and_share_a_batch() {
    let mut harness = Harness::new(&[("linger.ms", "10")]);
    let deliveries: Vec<_> = (0..5).map(|i| harness.send(&i.to_string())).collect();
    harness.advance(Duration::from_millis(9));
    assert!(harness.produced.is_empty());
    harness.advance(Duration::from_millis(1));
    assert_eq!(harness.produced[0].values(), ["0", "1", "2", "3", "4"]);
    harness.answer_all();
    for (offset, delivery) in deliveries.iter().enumerate() {
        let metadata = delivery.try_outcome().unwrap().unwrap();
        assert_eq!(metadata.offset(), Some(offset as i64));
    }
}

#[test]
fn without_linger_a_batch_leaves_though_it_is_younger_than_the_senders_look_at_the_clock() {
    let mut harness = Harness::new(&[("linger.ms", "0")]);
    harness.confirm();
    harness.produced.clear();
    let looked = harness.now.instant;
    harness.now.instant = looked + Duration::from_micros(3);
    let _delivery = harness.send("value");
    harness.now.instant = looked;
    harness.run();
    assert_eq!(harness.produced.len(), 1);
}

#[test]
fn a_full_batch_doesn_t_linger() {
    let mut harness = Harness::new(&[("linger.ms", "1000"), ("batch.size", "200")]);
    let value = "x".repeat(60);
    let _first: Vec<_> = (0..3).map(|_| harness.send(&value)).collect();
    harness.run();
    assert_eq!(harness.produced.len(), 1);
    assert_eq!(harness.produced[0].values().len(), 2);
}

#[test]
fn one_batch_until_the_first_is_acknowledged_then_up_to_five_in_order() {
    let mut harness = Harness::new(&[]);
    let _deliveries: Vec<_> = (0..9)
        .map(|i| {
            let delivery = harness.send(&i.to_string());
            harness.run();
            delivery
        })
        .collect();
    assert_eq!(harness.produced.len(), 1, "the first goes alone");
    harness.answer_next(ErrorCode::NONE);
    for i in 0..9 {
        let delivery = harness.send(&format!("later {i}"));
        harness.run();
        delivery.detach();
    }
    assert_eq!(harness.produced.len(), 5);
    let sequences: Vec<i32> = harness
        .produced
        .iter()
        .map(|produced| produced.batch().header.base_sequence)
        .collect();
    assert!(sequences.is_sorted());
    harness.answer_all();
    assert_eq!(harness.metrics().requests_in_flight_max, 5);
}

#[test]
fn partitions_of_one_leader_share_a_request() {
    let mut harness = Harness::new(&[("linger.ms", "5")]);
    harness.partitions = 4;
    harness.leaders.insert(3, 1);
    for partition in 0..4 {
        let record = NewRecord {
            partition: Some(partition),
            value: Some(b"v"),
            ..NewRecord::default()
        };
        harness.enqueue(&record).unwrap().detach();
    }
    harness.advance(Duration::from_millis(5));
    let mut asked: Vec<Vec<i32>> = harness
        .produced
        .iter()
        .map(|produced| produced.batches().iter().map(|(index, _)| *index).collect())
        .collect();
    asked.sort();
    assert_eq!(asked, [vec![0, 1, 2], vec![3]]);
    harness.answer_all();
}

#[test]
fn a_request_stays_within_max_request_size() {
    let mut harness = Harness::new(&[("linger.ms", "5"), ("max.request.size", "500")]);
    harness.partitions = 4;
    let value = [b'x'; 200];
    for partition in 0..4 {
        let record = NewRecord {
            partition: Some(partition),
            value: Some(&value),
            ..NewRecord::default()
        };
        harness.enqueue(&record).unwrap().detach();
    }
    harness.advance(Duration::from_millis(5));
    assert_eq!(harness.produced.len(), 4, "two of them don't fit into one");
    harness.answer_all();
}

#[test]
fn an_older_broker_is_spoken_to_by_topic_name() {
    let mut harness = Harness::new(&[]);
    harness.newest_produce = 9;
    let delivery = harness.send("v");
    harness.run();
    assert_eq!(harness.produced[0].version, 9);
    assert_eq!(harness.produced[0].request.topic_data[0].name, "t");
    harness.answer_all();
    assert!(delivery.try_outcome().unwrap().is_ok());
}

#[test]
fn the_driver_is_woken_per_batch_not_per_record() {
    let mut harness = Harness::new(&[("linger.ms", "1000")]);
    harness.send("metadata").detach();
    harness.run();
    let before = harness.driver_wakes();
    for _ in 0..100 {
        harness.send("x").detach();
    }
    assert!(harness.driver_wakes() - before <= 1);
    harness
        .accumulator
        .flush(harness.now)
        .run_down(&mut harness);
}

/// Runs the producer until the flush is done.
trait RunDown {
    fn run_down(self, harness: &mut Harness);
}

impl RunDown for raban_core::Flush {
    fn run_down(mut self, harness: &mut Harness) {
        harness.answer_all();
        assert!(poll(&mut self).is_ready());
    }
}

#[test]
fn with_acks_0_the_write_is_the_outcome() {
    let mut harness = Harness::new(&[("acks", "0"), ("enable.idempotence", "false")]);
    let delivery = harness.send("v");
    harness.run();
    let metadata = delivery.try_outcome().unwrap().unwrap();
    assert_eq!(metadata.offset(), None);
    assert_eq!(harness.produced[0].request.acks, 0);
    assert_eq!(harness.produced[0].batch().header.producer_id, -1);
}

#[test]
fn without_idempotence_the_first_goes_alone_too() {
    let mut harness = Harness::new(&[("acks", "1"), ("enable.idempotence", "false")]);
    for value in ["a", "b"] {
        harness.send(value).detach();
        harness.run();
    }
    assert_eq!(harness.produced.len(), 1);
    harness.answer_next(ErrorCode::NOT_LEADER_OR_FOLLOWER);
    harness.advance(Duration::from_secs(1));
    assert_eq!(harness.produced.len(), 1);
    assert_eq!(harness.produced[0].values(), ["a"]);
    harness.answer_next(ErrorCode::NONE);
    assert_eq!(harness.produced[0].values(), ["b"]);
    harness.answer_all();
}
