//! Outcomes that are told by a call: once each, in order, before flush ends.

use std::sync::{Arc, Mutex};

use raban_core::{
    Callback, CallbackSlot, Delivery, Listener, NewRecord, ProduceError, RecordMetadata,
};
use raban_protocol::error_code::ErrorCode;
use raban_protocol::messages::produce::BatchIndexAndErrorMessage;

use crate::harness::{Harness, poll};

/// Tags with offsets; none: it failed.
#[derive(Default)]
struct Ear(Mutex<Vec<(u64, Option<i64>)>>);

impl Listener for Ear {
    fn told(
        &self,
        tag: u64,
        outcome: Result<RecordMetadata, ProduceError>,
        callback: Option<Callback>,
    ) {
        let offset = outcome.as_ref().ok().and_then(|metadata| metadata.offset());
        self.0.lock().unwrap().push((tag, offset));
        if let Some(callback) = callback {
            callback(outcome);
        }
    }
}

impl Ear {
    fn heard(&self) -> Vec<(u64, Option<i64>)> {
        self.0.lock().unwrap().clone()
    }
}

fn listening(settings: &[(&str, &str)], to_all: bool) -> (Harness, Arc<Ear>) {
    let harness = Harness::new(settings);
    let ear = Arc::new(Ear::default());
    harness
        .accumulator
        .listen(Arc::clone(&ear) as Arc<dyn Listener>, to_all);
    (harness, ear)
}

fn tagged(tag: u64) -> NewRecord<'static> {
    NewRecord {
        partition: Some(0),
        value: Some(b"v"),
        tag,
        ..NewRecord::default()
    }
}

fn send(harness: &mut Harness, tags: std::ops::Range<u64>) -> Vec<Delivery> {
    tags.map(|tag| harness.enqueue(&tagged(tag)).unwrap())
        .collect()
}

#[test]
fn each_record_is_told_once_in_order() {
    let (mut harness, ear) = listening(&[], true);
    harness.confirm();
    let _first = send(&mut harness, 1..3);
    harness.run();
    let _second = send(&mut harness, 3..4);
    harness.run();
    // The later batch is decided first, and told behind the other.
    let later = harness.produced.pop_back().unwrap();
    let earlier = harness.produced.pop_back().unwrap();
    harness.answer(&earlier, ErrorCode::NOT_ENOUGH_REPLICAS);
    harness.answer(&later, ErrorCode::MESSAGE_TOO_LARGE);
    assert_eq!(ear.heard(), [(0, Some(0))]);
    harness.advance(std::time::Duration::from_secs(1));
    harness.answer_all();
    let heard = ear.heard();
    assert_eq!(heard[1..], [(1, Some(1)), (2, Some(2)), (3, None)]);
}

#[test]
fn each_of_many_is_told() {
    for to_all in [true, false] {
        let (mut harness, ear) = listening(&[("linger.ms", "1000")], to_all);
        let called = CallbackSlot::new(Box::new(|_| {}));
        let mut records = [1, 2, 3, 4].map(|tag| NewRecord {
            partition: None,
            ..tagged(tag)
        });
        records[2].callback = Some(&called);
        harness.enqueue(&records[0]).unwrap().detach();
        let mut many = Vec::new();
        let topic = harness.topic();
        let accumulator = &harness.accumulator;
        let accepted = accumulator.enqueue_many(&harness.now, &topic, &records[1..], &mut many);
        assert_eq!(accepted, 3);
        harness.advance(std::time::Duration::from_secs(1));
        harness.answer_all();
        let told: Vec<_> = ear.heard().into_iter().map(|(tag, _)| tag).collect();
        let expected: &[u64] = if to_all { &[1, 2, 3, 4] } else { &[3] };
        assert_eq!(told, expected);
    }
}

#[test]
fn flush_ends_behind_what_is_told() {
    let (mut harness, ear) = listening(&[("linger.ms", "1000")], true);
    let delivery = send(&mut harness, 1..2);
    let mut flush = harness.accumulator.flush(harness.now);
    harness.run();
    assert!(poll(&mut flush).is_pending() && ear.heard().is_empty());
    harness.answer_next(ErrorCode::NONE);
    assert!(poll(&mut flush).is_ready());
    assert_eq!(ear.heard(), [(1, Some(0))]);
    drop(delivery);
}

#[test]
fn parts_of_a_batch_keep_their_records_tags() {
    let (mut harness, ear) = listening(&[], true);
    harness.confirm();
    let _deliveries = send(&mut harness, 1..6);
    harness.run();
    harness.answer_next(ErrorCode::MESSAGE_TOO_LARGE);
    harness.record_errors = vec![BatchIndexAndErrorMessage {
        batch_index: 1,
        batch_index_error_message: None,
    }];
    harness.answer_next(ErrorCode::INVALID_RECORD);
    harness.advance(std::time::Duration::from_secs(1));
    harness.answer_all();
    let mut heard = ear.heard().split_off(1);
    let failed = heard.extract_if(.., |(_, offset)| offset.is_none());
    assert_eq!(failed.map(|(tag, _)| tag).collect::<Vec<_>>(), [2]);
    assert_eq!(
        heard,
        [(1, Some(1)), (3, Some(2)), (4, Some(3)), (5, Some(4))]
    );
}

#[test]
fn a_callback_is_taken_on_acceptance_and_called_though_nobody_listens_to_all() {
    let (mut harness, ear) = listening(&[("buffer.memory", "200"), ("batch.size", "150")], false);
    harness.confirm();
    let told = Arc::new(Mutex::new(Vec::new()));
    let slot = {
        let told = Arc::clone(&told);
        CallbackSlot::new(Box::new(move |outcome| {
            told.lock().unwrap().push(outcome.unwrap().offset());
        }))
    };
    let large = [7; 300];
    let too_large = NewRecord {
        value: Some(&large),
        callback: Some(&slot),
        ..tagged(1)
    };
    assert!(harness.enqueue(&too_large).is_err());
    let _without = harness.enqueue(&tagged(2)).unwrap();
    let with = NewRecord {
        callback: Some(&slot),
        ..tagged(3)
    };
    let _with = harness.enqueue(&with).unwrap();
    assert!(slot.take().is_none());
    harness.answer_all();
    assert_eq!(ear.heard(), [(3, Some(2))]);
    assert_eq!(*told.lock().unwrap(), [Some(2)]);
}

#[test]
fn what_close_gives_up_is_told_too() {
    let (mut harness, ear) = listening(&[], true);
    harness.confirm();
    let _deliveries = send(&mut harness, 1..3);
    drop(
        harness
            .accumulator
            .close(harness.now, std::time::Duration::ZERO),
    );
    harness.run();
    assert_eq!(ear.heard()[1..], [(1, None), (2, None)]);
}
