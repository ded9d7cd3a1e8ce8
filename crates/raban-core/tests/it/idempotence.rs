//! Producer ids and epochs.

use std::time::Duration;

use raban_core::ErrorKind;
use raban_protocol::error_code::ErrorCode;

use crate::harness::Harness;

#[test]
fn a_coordinator_that_loads_is_asked_again() {
    let mut harness = Harness::new(&[]);
    harness
        .producer_id_errors
        .push_back(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
    let delivery = harness.send("v");
    harness.advance(Duration::from_secs(1));
    harness.answer_all();
    assert!(delivery.try_outcome().unwrap().is_ok());
}

#[test]
fn a_refused_producer_id_fails_the_records_and_not_the_producer() {
    let mut harness = Harness::new(&[]);
    harness
        .producer_id_errors
        .extend([ErrorCode::CLUSTER_AUTHORIZATION_FAILED; 2]);
    let refused = harness.send("refused");
    harness.advance(Duration::from_millis(150));
    let error = refused.try_outcome().unwrap().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Rejected { code, .. }
        if *code == ErrorCode::CLUSTER_AUTHORIZATION_FAILED));
    let later = harness.send("later");
    harness.advance(Duration::from_secs(1));
    harness.answer_all();
    assert!(later.try_outcome().unwrap().is_ok());
}

#[test]
fn a_gap_behind_a_failed_predecessor_rewinds_without_a_new_epoch() {
    let mut harness = Harness::new(&[]);
    harness.confirm();
    for value in ["a", "b"] {
        harness.send(value).detach();
        harness.run();
    }
    harness.answer_next(ErrorCode::NOT_ENOUGH_REPLICAS);
    harness.answer_next(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    harness.advance(Duration::from_secs(2));
    assert_eq!(harness.produced[0].values(), ["a"]);
    let header = harness.produced[0].batch().header;
    assert_eq!((header.producer_epoch, header.base_sequence), (0, 1));
    harness.answer_next(ErrorCode::NONE);
    assert_eq!(harness.produced[0].values(), ["b"]);
    assert_eq!(harness.produced[0].batch().header.base_sequence, 2);
    harness.answer_all();
}

#[test]
fn a_forgotten_producer_goes_on_under_a_new_epoch() {
    let mut harness = Harness::new(&[]);
    harness.confirm();
    let delivery = harness.send("v");
    harness.run();
    harness.answer_next(ErrorCode::UNKNOWN_PRODUCER_ID);
    harness.advance(Duration::from_secs(1));
    let header = harness.produced[0].batch().header;
    assert_eq!((header.producer_epoch, header.base_sequence), (1, 0));
    harness.answer_all();
    assert!(delivery.try_outcome().unwrap().is_ok());
}
