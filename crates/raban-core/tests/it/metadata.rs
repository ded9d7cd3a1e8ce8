//! Topics: waited for, refused, grown, made anew.

use std::task::Poll;
use std::time::Duration;

use raban_core::{Cause, EnqueueWait, ErrorKind, NewRecord};
use raban_protocol::error_code::ErrorCode;
use raban_protocol::primitives::Uuid;

use crate::harness::Harness;

fn to_partition(partition: i32) -> NewRecord<'static> {
    NewRecord {
        partition: Some(partition),
        value: Some(b"v"),
        ..NewRecord::default()
    }
}

fn after_max_block(harness: &mut Harness) -> ErrorKind {
    let record = to_partition(0);
    let mut wait = EnqueueWait::default();
    assert!(harness.poll_enqueue(&record, &mut wait).is_pending());
    harness.advance(Duration::from_secs(60));
    match harness.poll_enqueue(&record, &mut wait) {
        Poll::Ready(Err(error)) => error.kind().clone(),
        other => panic!("time is over: {other:?}"),
    }
}

#[test]
fn nobody_there_is_said_with_the_address_and_the_systems_words() {
    let mut harness = Harness::new(&[]);
    harness.reachable = false;
    let ErrorKind::MetadataTimeout { cause, .. } = after_max_block(&mut harness) else {
        panic!("no metadata");
    };
    let Some(Cause::Connect { address, error }) = cause else {
        panic!("{cause:?}");
    };
    assert_eq!((&*address, &*error), ("broker:9092", "connection refused"));
}

#[test]
fn a_missing_topic_is_waited_for_and_then_named() {
    let mut harness = Harness::new(&[]);
    harness.topic_error = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    let ErrorKind::MetadataTimeout { cause, .. } = after_max_block(&mut harness) else {
        panic!("no metadata");
    };
    assert!(matches!(cause, Some(Cause::Broker { code, .. })
        if code == ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
    assert!(
        harness.metadata_requests < 100,
        "with backoff: {}",
        harness.metadata_requests
    );
}

#[test]
fn a_topic_that_comes_late_is_used() {
    let mut harness = Harness::new(&[]);
    harness.topic_error = ErrorCode::LEADER_NOT_AVAILABLE;
    let record = to_partition(0);
    let mut wait = EnqueueWait::default();
    assert!(harness.poll_enqueue(&record, &mut wait).is_pending());
    harness.advance(Duration::from_millis(50));
    harness.topic_error = ErrorCode::NONE;
    harness.advance(Duration::from_secs(1));
    assert!(harness.poll_enqueue(&record, &mut wait).is_ready());
}

#[test]
fn a_topic_one_may_not_write_is_refused_at_once() {
    let mut harness = Harness::new(&[]);
    harness.topic_error = ErrorCode::TOPIC_AUTHORIZATION_FAILED;
    let error = harness.enqueue(&to_partition(0)).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::TopicRefused { code, .. }
        if *code == ErrorCode::TOPIC_AUTHORIZATION_FAILED));
    harness.topic_error = ErrorCode::NONE;
    harness.advance(Duration::from_secs(2));
    harness.enqueue(&to_partition(0)).unwrap().detach();
}

#[test]
fn a_partition_beyond_the_topic_is_refused_after_one_look_and_found_after_growth() {
    let mut harness = Harness::new(&[]);
    harness.enqueue(&to_partition(0)).unwrap().detach();
    let mut wait = EnqueueWait::default();
    assert!(
        harness
            .poll_enqueue(&to_partition(3), &mut wait)
            .is_pending()
    );
    harness.advance(Duration::from_secs(1));
    let Poll::Ready(Err(error)) = harness.poll_enqueue(&to_partition(3), &mut wait) else {
        panic!("there is one partition");
    };
    assert!(matches!(
        error.kind(),
        ErrorKind::InvalidPartition { count: 1, .. }
    ));
    harness.partitions = 4;
    let mut wait = EnqueueWait::default();
    assert!(
        harness
            .poll_enqueue(&to_partition(3), &mut wait)
            .is_pending()
    );
    harness.advance(Duration::from_secs(1));
    assert!(harness.poll_enqueue(&to_partition(3), &mut wait).is_ready());
}

#[test]
fn an_older_leader_epoch_doesn_t_move_a_partition_back() {
    let mut harness = Harness::new(&[]);
    harness.leader_epoch = 5;
    harness.leaders.insert(0, 1);
    harness.confirm();
    harness.leader_epoch = 4;
    harness.leaders.insert(0, 0);
    harness.advance(Duration::from_secs(301));
    harness.send("v").detach();
    harness.run();
    let to_first = harness.produced[0].conn;
    harness.answer_all();
    harness.leader_epoch = 6;
    harness.advance(Duration::from_secs(301));
    harness.send("v").detach();
    harness.run();
    assert_ne!(harness.produced[0].conn, to_first);
}

#[test]
fn a_topic_made_anew_begins_a_new_sequence() {
    let mut harness = Harness::new(&[]);
    harness.confirm();
    harness.topic_id = Uuid([9; 16]);
    harness.advance(Duration::from_secs(301));
    harness.send("v").detach();
    harness.run();
    let header = harness.produced[0].batch().header;
    assert_eq!((header.producer_epoch, header.base_sequence), (1, 0));
}

#[test]
fn an_illegal_name_is_refused_without_asking() {
    let harness = Harness::new(&[]);
    let error = harness.accumulator.topic("no/slash").unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::InvalidTopic { .. }));
}

#[test]
fn a_broker_that_names_the_new_leader_is_followed_at_once() {
    let mut harness = Harness::new(&[]);
    harness.confirm();
    let delivery = harness.send("v");
    harness.run();
    harness.hint = Some((7, 4));
    harness.answer_next(ErrorCode::NOT_LEADER_OR_FOLLOWER);
    // No time has passed, and Metadata knows nothing of the broker.
    assert_eq!(harness.connected_to.last().unwrap(), "broker7");
    assert_eq!(harness.produced[0].values(), ["v"]);
    harness.answer_next(ErrorCode::NONE);
    assert!(delivery.try_outcome().unwrap().is_ok());
}

#[test]
fn a_hint_older_than_what_is_known_is_not_followed() {
    let mut harness = Harness::new(&[]);
    harness.leader_epoch = 5;
    harness.confirm();
    harness.send("v").detach();
    harness.run();
    harness.hint = Some((7, 5));
    harness.answer_next(ErrorCode::NOT_LEADER_OR_FOLLOWER);
    harness.advance(Duration::from_secs(1));
    assert!(!harness.connected_to.contains(&"broker7".to_owned()));
    assert_eq!(harness.produced[0].values(), ["v"]);
    harness.answer_all();
}

#[test]
fn stale_metadata_leads_back_to_the_bootstrap_servers() {
    for (strategy, host) in [("rebootstrap", "broker"), ("none", "broker0")] {
        let settings = [
            ("metadata.recovery.strategy", strategy),
            ("metadata.max.age.ms", "1000"),
        ];
        let mut harness = Harness::new(&settings);
        harness.confirm();
        harness.connected_to.clear();
        harness.metadata_error = ErrorCode::REBOOTSTRAP_REQUIRED;
        harness.send("v").detach();
        harness.advance(Duration::from_secs(3));
        let asked = harness.connected_to.iter().all(|asked| asked == host);
        assert!(asked, "{strategy}: {:?}", harness.connected_to);
        assert_eq!(harness.connected_to.is_empty(), strategy == "none");
        harness.metadata_error = ErrorCode::NONE;
        harness.advance(Duration::from_secs(3));
        harness.answer_all();
    }
}

#[test]
fn metadata_that_cannot_be_had_for_long_is_asked_of_the_bootstrap_servers_alone() {
    let settings = [
        ("metadata.recovery.rebootstrap.trigger.ms", "10000"),
        ("delivery.timeout.ms", "300000"),
        ("request.timeout.ms", "1000"),
    ];
    let mut harness = Harness::new(&settings);
    harness.confirm();
    harness.silent = true;
    for conn in harness.connections.clone() {
        harness.cut(conn);
    }
    harness.send("v").detach();
    harness.advance(Duration::from_secs(30));
    let control = |from: usize, harness: &Harness| harness.connected_to[from..].to_vec();
    assert!(control(0, &harness).contains(&"broker1".to_owned()));
    let before = harness.connected_to.len();
    harness.advance(Duration::from_secs(30));
    // Broker 1 leads nothing: it would only be asked for metadata.
    assert!(!control(before, &harness).contains(&"broker1".to_owned()));
    assert!(control(before, &harness).contains(&"broker".to_owned()));
}

#[test]
fn a_broker_without_topic_ids_does_not_make_the_topic_another_one() {
    let mut harness = Harness::new(&[("metadata.max.age.ms", "1000")]);
    harness.begin_log();
    let id = harness.topic_id;
    harness.topic_id = Uuid::ZERO;
    harness.advance(Duration::from_secs(2));
    harness.send("v").detach();
    harness.run();
    let sent = &harness.produced[0];
    assert_eq!(sent.request.topic_data[0].topic_id, id);
    assert_eq!(sent.batch().header.producer_epoch, 0);
    harness.append_next();
}

#[test]
fn without_topic_ids_an_older_epoch_counts_once_the_leader_denies() {
    let mut harness = Harness::new(&[]);
    harness.topic_id = Uuid::ZERO;
    harness.leader_epoch = 5;
    harness.begin_log();
    harness.send("v").detach();
    harness.run();
    harness.leader_epoch = 0;
    harness.leaders.insert(0, 1);
    harness.connected_to.clear();
    // The old leader may be asked once more before the metadata is there.
    for _ in 0..2 {
        harness.answer_next(ErrorCode::NOT_LEADER_OR_FOLLOWER);
        harness.advance(Duration::from_secs(1));
    }
    let connected_to = &harness.connected_to;
    assert!(
        connected_to.contains(&"broker1".to_owned()),
        "{connected_to:?}"
    );
    assert_eq!(harness.produced[0].values(), ["v"]);
    harness.append_next();
}

#[test]
fn a_leader_whose_address_is_no_longer_told_is_asked_for() {
    let mut harness = Harness::new(&[]);
    harness.confirm();
    (harness.brokers, harness.topic_error) = (vec![1], ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    for conn in harness.connections.clone() {
        harness.cut(conn);
    }
    harness.advance(Duration::from_secs(10));
    (harness.brokers, harness.topic_error) = (vec![0, 1], ErrorCode::NONE);
    let delivery = harness.send("v");
    harness.advance(Duration::from_secs(10));
    harness.answer_all();
    assert!(delivery.try_outcome().unwrap().is_ok());
}

#[test]
fn a_hint_about_a_topic_that_was_made_anew_is_not_followed() {
    let mut harness = Harness::new(&[("metadata.max.age.ms", "2000")]);
    harness.begin_log();
    let delivery = harness.send("v");
    harness.run();
    harness.topic_id = Uuid([9; 16]);
    harness.advance(Duration::from_secs(3));
    // A late answer: the old topic's epochs were further on.
    harness.hint = Some((1, 5));
    harness.answer_next(ErrorCode::NOT_LEADER_OR_FOLLOWER);
    harness.advance(Duration::from_secs(1));
    assert_eq!(harness.connected_to.last().unwrap(), "broker0");
    harness.answer_next(ErrorCode::NONE);
    assert!(delivery.try_outcome().unwrap().is_ok());
}
