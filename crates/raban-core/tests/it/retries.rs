//! Errors that are tried again, and those that aren't.

use std::time::Duration;

use raban_core::ErrorKind;
use raban_core::NewRecord;
use raban_protocol::error_code::ErrorCode;

use crate::harness::Harness;

#[test]
fn a_lost_leader_is_looked_for_and_the_row_sent_again_in_order() {
    let mut harness = Harness::new(&[]);
    harness.confirm();
    let deliveries: Vec<_> = (0..3)
        .map(|i| {
            let delivery = harness.send(&i.to_string());
            harness.run();
            delivery
        })
        .collect();
    assert_eq!(harness.produced.len(), 3);
    harness.leaders.insert(0, 1);
    harness.leader_epoch = 1;
    for _ in 0..3 {
        harness.answer_next(ErrorCode::NOT_LEADER_OR_FOLLOWER);
    }
    harness.advance(Duration::from_secs(2));
    assert_eq!(
        harness.produced.len(),
        1,
        "the first goes alone to the new leader"
    );
    assert_eq!(harness.produced[0].values(), ["0"]);
    assert_eq!(harness.produced[0].batch().header.base_sequence, 1);
    harness.answer_next(ErrorCode::NONE);
    harness.answer_all();
    let offsets: Vec<_> = deliveries
        .iter()
        .map(|delivery| delivery.try_outcome().unwrap().unwrap().offset().unwrap())
        .collect();
    assert_eq!(offsets, [1, 2, 3]);
    assert_eq!(harness.metrics().record_retry.total, 3);
}

#[test]
fn nothing_goes_to_the_new_leader_while_the_old_one_owes_an_answer() {
    let mut harness = Harness::new(&[]);
    harness.confirm();
    for i in 0..2 {
        harness.send(&i.to_string()).detach();
        harness.run();
    }
    harness.leaders.insert(0, 1);
    harness.leader_epoch = 1;
    let second = harness.produced.pop_back().unwrap();
    harness.answer_next(ErrorCode::NOT_LEADER_OR_FOLLOWER);
    harness.advance(Duration::from_secs(2));
    assert!(harness.produced.is_empty());
    harness.answer(&second, ErrorCode::NOT_LEADER_OR_FOLLOWER);
    harness.advance(Duration::from_secs(2));
    assert_eq!(harness.produced[0].values(), ["0"]);
    harness.answer_all();
}

#[test]
fn a_lost_connection_is_made_anew_and_the_same_bytes_are_sent() {
    let mut harness = Harness::new(&[]);
    let delivery = harness.send("v");
    harness.run();
    let first = harness.produced[0].clone();
    harness.cut(first.conn);
    harness.advance(Duration::from_secs(1));
    let again = harness.produced[0].clone();
    assert_ne!(first.conn, again.conn);
    assert_eq!(first.request, again.request);
    harness.answer_all();
    assert!(delivery.try_outcome().unwrap().is_ok());
}

#[test]
fn a_definite_error_fails_that_batch_alone_and_the_rest_goes_on_under_a_new_epoch() {
    let mut harness = Harness::new(&[]);
    harness.confirm();
    let bad = harness.send("bad");
    harness.run();
    let good = harness.send("good");
    harness.run();
    harness.answer_next(ErrorCode::MESSAGE_TOO_LARGE);
    harness.answer_next(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    harness.advance(Duration::from_secs(2));
    let error = bad.try_outcome().unwrap().unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::Rejected { code, .. } if *code == ErrorCode::MESSAGE_TOO_LARGE)
    );
    assert!(!error.may_have_been_written());
    assert_eq!(error.attempts().len(), 1);
    let header = harness.produced[0].batch().header;
    assert_eq!((header.producer_epoch, header.base_sequence), (1, 0));
    harness.answer_all();
    assert!(good.try_outcome().unwrap().is_ok());
}

#[test]
fn retries_0_gives_up_at_once_and_says_what_is_known() {
    let mut harness = Harness::new(&[("retries", "0")]);
    let refused = harness.send("refused");
    harness.run();
    harness.answer_next(ErrorCode::NOT_ENOUGH_REPLICAS);
    let error = refused.try_outcome().unwrap().unwrap_err();
    assert!(matches!(
        error.kind(),
        ErrorKind::RetriesExhausted { retries: 0, .. }
    ));
    assert!(!error.may_have_been_written());

    let lost = harness.send("lost");
    harness.advance(Duration::from_secs(1));
    let conn = harness.produced[0].conn;
    harness.cut(conn);
    let error = lost.try_outcome().unwrap().unwrap_err();
    assert!(error.may_have_been_written());
}

#[test]
fn an_answer_that_lacks_the_partition_closes_the_connection() {
    let mut harness = Harness::new(&[]);
    let delivery = harness.send("v");
    harness.run();
    let mut wrong = harness.produced.pop_front().unwrap();
    wrong.request.topic_data.clear();
    harness.answer(&wrong, ErrorCode::NONE);
    assert!(!harness.connections.contains(&wrong.conn));
    harness.advance(Duration::from_secs(1));
    harness.answer_all();
    assert!(delivery.try_outcome().unwrap().is_ok());
}

#[test]
fn a_duplicates_append_time_is_not_the_records_timestamp() {
    // A duplicate's answer tells the batch's newest timestamp; a topic that stamps records, another one. What it does is
    // known from an answer before.
    for (first, told, expected) in [
        (-1, 1_700_000_000_009, 1_700_000_000_003),
        (-1, 1_700_000_000_005, 1_700_000_000_003),
        (4, 5, 5),
    ] {
        let mut harness = Harness::new(&[("linger.ms", "5")]);
        let at = |timestamp| NewRecord {
            partition: Some(0),
            timestamp: Some(timestamp),
            value: Some(b"v"),
            ..NewRecord::default()
        };
        harness.log_append_time = first;
        harness.enqueue(&at(1_700_000_000_000)).unwrap().detach();
        harness.advance(Duration::from_millis(5));
        harness.answer_all();
        let delivery = harness.enqueue(&at(1_700_000_000_003)).unwrap();
        harness.enqueue(&at(1_700_000_000_009)).unwrap().detach();
        harness.advance(Duration::from_millis(5));
        let conn = harness.produced[0].conn;
        harness.log.append(harness.produced[0].batch_bytes());
        harness.cut(conn);
        harness.advance(Duration::from_secs(1));
        harness.log_append_time = told;
        harness.answer_all();
        let metadata = delivery.try_outcome().unwrap().unwrap();
        assert_eq!(metadata.timestamp(), expected);
        assert_eq!(metadata.is_log_append_time(), first == 4);
    }
}
