//! Batches in doubt: asked about, looked for in the log, and sent again only where that is safe.

use std::time::Duration;

use raban_core::{Delivery, ErrorKind, Found, NewRecord, ProduceError, ResolvedBy, Unresolved};
use raban_protocol::api::ApiKey;
use raban_protocol::error_code::ErrorCode;

use crate::harness::Harness;

const SECOND: Duration = Duration::from_secs(1);

fn offsets(deliveries: &[Delivery]) -> Vec<i64> {
    let offset = |delivery: &Delivery| {
        let outcome = delivery.try_outcome().expect("it is settled");
        outcome.expect("it is in the log").offset().unwrap()
    };
    deliveries.iter().map(offset).collect()
}

fn failure(delivery: &Delivery) -> ProduceError {
    delivery.try_outcome().expect("it is settled").unwrap_err()
}

fn reason(delivery: &Delivery) -> Unresolved {
    match failure(delivery).kind() {
        ErrorKind::Unresolved { reason } => *reason,
        other => panic!("{other}"),
    }
}

fn found(delivery: &Delivery) -> Vec<(ResolvedBy, Found)> {
    let trail = delivery.trail().expect("it is settled");
    let resolutions = trail.resolutions().iter();
    resolutions.map(|look| (look.by, look.found)).collect()
}

#[test]
fn five_appended_batches_are_found_by_a_broker_that_remembers_one() {
    let mut harness = Harness::new(&[]);
    harness.begin_log();
    let deliveries = harness.send_each(&["a", "b", "c", "d", "e"]);
    harness.lose_answers(5);
    harness.advance(SECOND);
    // It asks, sends the oldest again, and hears that it is out of order.
    assert_eq!(harness.produced.len(), 1);
    assert_eq!(harness.produced[0].values(), ["a"]);
    harness.answer_next(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    harness.advance(SECOND);
    assert_eq!(offsets(&deliveries), [1, 2, 3, 4, 5]);
    assert!(harness.produced.is_empty());
    assert!(harness.questions.contains(&ApiKey::Fetch));
    assert_eq!(harness.metrics().record_resolve.total, 5 + 5);
    assert_eq!(
        found(&deliveries[1]),
        [
            (ResolvedBy::Asking, Found::Remembered),
            (ResolvedBy::Reading, Found::Present { offset: Some(2) })
        ]
    );
    let later = harness.send_each(&["f"]);
    let header = harness.produced[0].batch().header;
    assert_eq!((header.producer_epoch, header.base_sequence), (0, 6));
    harness.append_next();
    assert_eq!(offsets(&later), [6]);
}

#[test]
fn a_broker_that_remembers_is_asked_and_then_sent_the_same_again() {
    let mut harness = Harness::new(&[]);
    harness.begin_log();
    let deliveries = harness.send_each(&["a", "b", "c"]);
    harness.lose_answers(2);
    harness.questions.clear();
    harness.advance(SECOND);
    assert_eq!(harness.questions, [ApiKey::DescribeProducers]);
    for (sequence, value) in [(1, "a"), (2, "b"), (3, "c")] {
        assert_eq!(harness.produced.len(), 1, "one at a time");
        assert_eq!(harness.produced[0].values(), [value]);
        assert_eq!(harness.produced[0].batch().header.base_sequence, sequence);
        harness.answer_next(ErrorCode::NONE);
    }
    assert!(deliveries.iter().all(Delivery::is_settled));
    assert_eq!(harness.questions, [ApiKey::DescribeProducers]);
}

#[test]
fn a_forgotten_producer_reads_and_sends_only_what_is_absent() {
    let mut harness = Harness::new(&[]);
    harness.begin_log();
    let deliveries = harness.send_each(&["a", "b", "c"]);
    harness.lose_answers(2);
    harness.log.producer = None;
    harness.advance(SECOND);
    assert_eq!(offsets(&deliveries[..2]), [1, 2]);
    assert_eq!(harness.produced[0].values(), ["c"]);
    let header = harness.produced[0].batch().header;
    assert_eq!((header.producer_epoch, header.base_sequence), (0, 3));
    harness.append_next();
    assert_eq!(offsets(&deliveries), [1, 2, 3]);
}

/// A record of two days ago.
fn send_old(harness: &mut Harness) -> Delivery {
    let old = NewRecord {
        partition: Some(0),
        value: Some(b"old"),
        timestamp: Some(harness.now.wall_ms - 2 * 24 * 3600 * 1000),
        ..NewRecord::default()
    };
    let delivery = harness.enqueue(&old).unwrap();
    harness.run();
    delivery
}

#[test]
fn old_records_are_looked_for_and_not_sent_again() {
    for appended in [1, 0] {
        let mut harness = Harness::new(&[]);
        harness.begin_log();
        let delivery = send_old(&mut harness);
        harness.lose_answers(appended);
        harness.advance(SECOND);
        assert!(harness.produced.is_empty());
        if appended == 1 {
            assert_eq!(offsets(&[delivery]), [1]);
        } else {
            // Its first copy may still come, and the broker wouldn't recognise the second one.
            assert_eq!(reason(&delivery), Unresolved::LateCopy);
            assert!(failure(&delivery).may_have_been_written());
        }
    }
}

#[test]
fn without_the_right_to_read_fresh_records_are_sent_again() {
    let mut harness = Harness::new(&[]);
    harness.begin_log();
    let deliveries = harness.send_each(&["a"]);
    harness.log.denied = true;
    harness.lose_answers(1);
    harness.advance(SECOND);
    assert_eq!(harness.metrics().record_resolve.total, 0);
    assert_eq!(harness.produced[0].values(), ["a"]);
    harness.answer_next(ErrorCode::NONE);
    assert!(deliveries[0].try_outcome().unwrap().is_ok());
}

#[test]
fn without_the_right_to_read_a_gap_stays_in_doubt() {
    let mut harness = Harness::new(&[]);
    harness.begin_log();
    let deliveries = harness.send_each(&["a", "b"]);
    harness.log.denied = true;
    harness.lose_answers(2);
    harness.advance(SECOND);
    let after = harness.send("after");
    harness.answer_next(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    harness.advance(SECOND);
    for delivery in &deliveries {
        assert_eq!(reason(delivery), Unresolved::ReadDenied);
        assert!(failure(delivery).may_have_been_written());
    }
    // What was never sent goes on, and fences late copies.
    assert_eq!(harness.produced[0].values(), ["after"]);
    let header = harness.produced[0].batch().header;
    assert_eq!((header.producer_epoch, header.base_sequence), (1, 0));
    harness.append_next();
    assert_eq!(offsets(&[after]), [3]);
}

#[test]
fn the_policy_resend_prefers_duplicates_to_failures() {
    let mut harness = Harness::new(&[("in.doubt.policy", "resend")]);
    harness.begin_log();
    let deliveries = harness.send_each(&["a", "b"]);
    harness.log.denied = true;
    harness.lose_answers(2);
    harness.advance(SECOND);
    harness.answer_next(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    harness.advance(SECOND);
    for value in ["a", "b"] {
        assert_eq!(harness.produced[0].values(), [value]);
        assert_eq!(harness.produced[0].batch().header.producer_epoch, 1);
        harness.append_next();
    }
    assert_eq!(offsets(&deliveries), [3, 4]);
}

#[test]
fn a_later_refusal_does_not_clear_the_doubt() {
    for (appended, code) in [
        (1, ErrorCode::MESSAGE_TOO_LARGE),
        (0, ErrorCode::INVALID_RECORD),
    ] {
        let mut harness = Harness::new(&[]);
        harness.begin_log();
        let deliveries = harness.send_each(&["a"]);
        harness.lose_answers(appended);
        harness.advance(SECOND);
        harness.answer_next(code);
        harness.advance(SECOND);
        if appended == 1 {
            assert_eq!(offsets(&deliveries), [1]);
        } else {
            // Its first copy may still come.
            let error = failure(&deliveries[0]);
            assert!(matches!(error.kind(), ErrorKind::Rejected { .. }));
            assert!(error.may_have_been_written());
        }
        let next = harness.send_each(&["next"]);
        let epoch = harness.produced[0].batch().header.producer_epoch;
        assert_eq!(epoch, 1 - appended as i16);
        harness.append_next();
        assert!(next[0].try_outcome().unwrap().is_ok());
    }
}

#[test]
fn an_error_after_the_append_leaves_a_doubt_too() {
    for code in [
        ErrorCode::REQUEST_TIMED_OUT,
        ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND,
    ] {
        let mut harness = Harness::new(&[]);
        harness.begin_log();
        let deliveries = harness.send_each(&["a"]);
        let batch = harness.produced[0].request.topic_data[0].partition_data[0].clone();
        harness.log.append(batch.records.unwrap().into_bytes());
        harness.log.producer = None;
        harness.answer_next(code);
        harness.advance(SECOND);
        assert_eq!(offsets(&deliveries), [1], "{code}");
        assert!(harness.produced.is_empty());
    }
}

#[test]
fn a_gap_in_the_log_proves_no_absence() {
    let mut harness = Harness::new(&[]);
    harness.begin_log();
    let deliveries = harness.send_each(&["a", "b"]);
    let foreign = harness.produced[0].request.topic_data[0].partition_data[0].clone();
    let foreign = foreign.records.unwrap().into_bytes();
    harness.lose_answers(1);
    harness.log.append_foreign(foreign, 99);
    harness.log.producer = None;
    harness.log.remove(1);
    harness.advance(SECOND);
    for delivery in &deliveries {
        assert_eq!(reason(delivery), Unresolved::Compacted);
    }
}

#[test]
fn a_log_that_begins_later_proves_no_absence() {
    let mut harness = Harness::new(&[]);
    harness.begin_log();
    let deliveries = harness.send_each(&["a"]);
    harness.lose_answers(1);
    harness.log.producer = None;
    harness.log.start = 2;
    harness.advance(SECOND);
    assert_eq!(reason(&deliveries[0]), Unresolved::LogStartMoved);
}

#[test]
fn the_first_batch_of_all_is_looked_for_from_where_the_log_ended_before_it() {
    let mut harness = Harness::new(&[]);
    harness.log.start = 40;
    harness.log.end = 50;
    let deliveries = harness.send_each(&["a"]);
    assert_eq!(harness.questions, [ApiKey::ListOffsets]);
    harness.lose_answers(1);
    harness.log.producer = None;
    harness.advance(SECOND);
    assert_eq!(offsets(&deliveries), [50]);
}

#[test]
fn a_broker_that_says_nothing_ends_with_the_delivery_timeout() {
    let settings = [
        ("delivery.timeout.ms", "3000"),
        ("request.timeout.ms", "1000"),
    ];
    let mut harness = Harness::new(&settings);
    harness.begin_log();
    let deliveries = harness.send_each(&["a", "b"]);
    harness.lose_answers(2);
    harness.log.silent = true;
    harness.advance(Duration::from_secs(5));
    for delivery in &deliveries {
        let error = failure(delivery);
        assert!(matches!(error.kind(), ErrorKind::DeliveryTimeout { .. }));
        assert!(error.may_have_been_written());
    }
    harness.log.silent = false;
    let later = harness.send_each(&["later"]);
    harness.advance(Duration::from_millis(100));
    assert_eq!(harness.produced[0].batch().header.producer_epoch, 1);
    harness.append_next();
    assert!(later[0].try_outcome().unwrap().is_ok());
    let available = harness.metrics().buffer_available_bytes;
    assert_eq!(available, harness.metrics().buffer_total_bytes);
}

#[test]
fn a_topic_made_anew_leaves_the_doubt_to_the_policy() {
    let mut harness = Harness::new(&[]);
    harness.begin_log();
    let deliveries = harness.send_each(&["a"]);
    harness.topic_id = raban_protocol::primitives::Uuid([9; 16]);
    harness.log.silent = true;
    harness.lose_answers(1);
    harness.advance(SECOND);
    assert_eq!(reason(&deliveries[0]), Unresolved::TopicRecreated);
    assert!(failure(&deliveries[0]).may_have_been_written());
}

#[test]
fn the_empty_log_of_a_topic_made_anew_proves_no_absence() {
    let mut harness = Harness::new(&[]);
    let deliveries = harness.send_each(&["a"]);
    let anew = raban_protocol::primitives::Uuid([9; 16]);
    harness.topic_id = anew;
    harness.log.topic_id = Some(anew);
    harness.answer_next(ErrorCode::UNKNOWN_SERVER_ERROR);
    harness.advance(SECOND);
    assert!(failure(&deliveries[0]).may_have_been_written());
    assert!(harness.produced.is_empty());
}

#[test]
fn a_topic_made_anew_while_a_doubtful_batch_is_on_its_way_leaves_it_to_the_policy_too() {
    let mut harness = Harness::new(&[("metadata.max.age.ms", "2000")]);
    harness.begin_log();
    let deliveries = harness.send_each(&["a"]);
    harness.lose_answers(1);
    harness.advance(SECOND);
    assert_eq!(harness.produced[0].values(), ["a"]);
    harness.topic_id = raban_protocol::primitives::Uuid([9; 16]);
    harness.advance(SECOND * 3);
    harness.answer_next(ErrorCode::UNKNOWN_TOPIC_ID);
    assert_eq!(reason(&deliveries[0]), Unresolved::TopicRecreated);
    harness.advance(SECOND);
    assert!(harness.produced.is_empty());
}

#[test]
fn a_batch_refused_by_a_leader_that_took_the_next_one_is_not_sent_behind_it() {
    for code in [
        ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER,
        ErrorCode::NOT_ENOUGH_REPLICAS,
    ] {
        let mut harness = Harness::new(&[]);
        harness.begin_log();
        let deliveries = harness.send_each(&["a", "b"]);
        harness.log.producer = None;
        harness.answer_next(code);
        harness.append_next();
        assert_eq!(reason(&deliveries[0]), Unresolved::Overtaken);
        assert!(!failure(&deliveries[0]).may_have_been_written());
        assert_eq!(offsets(&deliveries[1..]), [1]);
        harness.advance(SECOND);
        assert!(harness.produced.is_empty());
    }
}

#[test]
fn the_policy_resend_sends_an_overtaken_batch_behind_the_other() {
    let mut harness = Harness::new(&[("in.doubt.policy", "resend")]);
    harness.begin_log();
    let deliveries = harness.send_each(&["a", "b"]);
    harness.log.producer = None;
    harness.answer_next(ErrorCode::NOT_ENOUGH_REPLICAS);
    harness.append_next();
    harness.advance(SECOND);
    assert_eq!(harness.produced[0].batch().header.producer_epoch, 1);
    harness.append_next();
    assert_eq!(offsets(&deliveries), [2, 1]);
}

#[test]
fn where_nobody_told_the_floor_a_log_that_begins_later_proves_nothing() {
    let mut harness = Harness::new(&[]);
    harness.log.silent = true;
    let deliveries = harness.send_each(&["a"]);
    harness.lose_answers(1);
    harness.log.silent = false;
    harness.log.producer = None;
    harness.log.start = 1;
    harness.advance(SECOND);
    assert_eq!(reason(&deliveries[0]), Unresolved::LogStartMoved);
    // With the next batch it is asked for once more.
    harness.questions.clear();
    let next = harness.send_each(&["b"]);
    assert_eq!(harness.questions, [ApiKey::ListOffsets]);
    harness.lose_answers(1);
    harness.log.producer = None;
    harness.advance(SECOND);
    assert_eq!(offsets(&next), [1]);
}

#[test]
fn a_log_cut_down_to_the_last_confirmed_batch_proves_no_absence() {
    let mut harness = Harness::new(&[]);
    harness.begin_log();
    let deliveries = harness.send_each(&["a"]);
    harness.lose_answers(0);
    harness.log.remove(0);
    harness.log.end = 0;
    harness.log.producer = None;
    harness.advance(SECOND);
    assert_eq!(reason(&deliveries[0]), Unresolved::LogTruncated);
}

#[test]
fn a_leader_that_knows_less_than_it_did_is_not_trusted() {
    let mut harness = Harness::new(&[]);
    harness.begin_log();
    let deliveries = harness.send_each(&["a", "b", "c"]);
    harness.lose_answers(3);
    harness.advance(SECOND);
    assert_eq!(harness.produced[0].values(), ["a"]);
    // It has forgotten all three, and takes the first one anew.
    harness.lose_answers(1);
    harness.advance(SECOND);
    assert_eq!(offsets(&deliveries), [1, 2, 3]);
    assert!(harness.produced.is_empty());
}

#[test]
fn a_copy_that_a_forgetful_leader_took_does_not_hide_what_lies_before_it() {
    let mut harness = Harness::new(&[]);
    harness.begin_log();
    let deliveries = harness.send_each(&["a", "b"]);
    harness.lose_answers(2);
    harness.advance(SECOND);
    harness.append_next();
    assert_eq!(harness.produced[0].values(), ["b"]);
    harness.lose_answers(0);
    harness.advance(SECOND);
    assert_eq!(offsets(&deliveries), [3, 2]);
}

#[test]
fn what_was_sent_again_unread_is_no_proof_that_the_leader_knows_the_rest() {
    let mut harness = Harness::new(&[]);
    harness.begin_log();
    let deliveries = harness.send_each(&["a", "b"]);
    harness.lose_answers(2);
    harness.log.denied = true;
    harness.advance(SECOND);
    assert_eq!(harness.produced[0].values(), ["a"]);
    harness.lose_answers(1);
    harness.log.denied = false;
    harness.advance(SECOND);
    assert_eq!(offsets(&deliveries), [1, 2]);
    assert!(harness.produced.is_empty());
}

#[test]
fn a_leader_that_says_it_forgot_is_sent_nothing_unread() {
    let mut harness = Harness::new(&[]);
    harness.begin_log();
    let deliveries = harness.send_each(&["a"]);
    harness.lose_answers(1);
    harness.log.producer = None;
    harness.log.unreadable = true;
    harness.advance(SECOND);
    assert_eq!(reason(&deliveries[0]), Unresolved::ReadDenied);
    assert!(harness.produced.is_empty());
}

#[test]
fn the_answer_to_a_duplicate_that_was_given_up_tells_nothing_of_timestamps() {
    let settings = [
        ("delivery.timeout.ms", "2200"),
        ("request.timeout.ms", "1000"),
    ];
    let mut harness = Harness::new(&settings);
    harness.begin_log();
    let mut deliveries = harness.send_each(&["a"]);
    harness.advance(SECOND / 2);
    deliveries.extend(harness.send_each(&["b"]));
    let timestamp = harness.now.wall_ms;
    harness.lose_answers(2);
    harness.log.silent = true;
    harness.advance(SECOND);
    harness.log.silent = false;
    harness.advance(SECOND * 3 / 10);
    assert_eq!(harness.produced[0].values(), ["a"]);
    harness.advance(SECOND / 2);
    assert!(matches!(
        failure(&deliveries[0]).kind(),
        ErrorKind::DeliveryTimeout { .. }
    ));
    harness.log_append_time = timestamp + 7;
    harness.answer_next(ErrorCode::NONE);
    assert_eq!(harness.produced[0].values(), ["b"]);
    harness.answer_next(ErrorCode::NONE);
    let metadata = deliveries[1].try_outcome().unwrap().unwrap();
    assert_eq!(metadata.timestamp(), timestamp);
}

#[test]
fn an_offset_that_no_log_can_have_is_a_wrong_answer() {
    let mut harness = Harness::new(&[]);
    harness.begin_log();
    let deliveries = harness.send_each(&["a"]);
    let conn = harness.produced[0].conn;
    harness.append_quietly();
    harness.tell_offset(i64::MAX);
    harness.answer_next(ErrorCode::NONE);
    assert!(!harness.connections.contains(&conn));
    harness.advance(SECOND);
    harness.tell_offset(1);
    harness.answer_next(ErrorCode::NONE);
    assert_eq!(offsets(&deliveries), [1]);
}

#[test]
fn a_batch_refused_before_one_that_may_be_in_the_log_is_not_sent_behind_it() {
    let mut harness = Harness::new(&[]);
    harness.begin_log();
    let deliveries = harness.send_each(&["a", "b"]);
    harness.answer_next(ErrorCode::NOT_ENOUGH_REPLICAS);
    harness.lose_answers(1);
    harness.log.producer = None;
    harness.log.start = 1;
    harness.log.unreadable = true;
    harness.advance(SECOND);
    assert_eq!(reason(&deliveries[0]), Unresolved::Overtaken);
    assert!(!failure(&deliveries[0]).may_have_been_written());
    assert_eq!(reason(&deliveries[1]), Unresolved::ReadDenied);
    assert!(harness.produced.is_empty());
}

#[test]
fn a_batch_refused_before_one_that_a_topic_made_anew_may_have_is_not_sent_behind_it() {
    let mut harness = Harness::new(&[("metadata.max.age.ms", "2000")]);
    harness.begin_log();
    let deliveries = harness.send_each(&["a", "b"]);
    harness.topic_id = raban_protocol::primitives::Uuid([9; 16]);
    harness.advance(SECOND * 3);
    harness.answer_next(ErrorCode::NOT_ENOUGH_REPLICAS);
    harness.answer_next(ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND);
    harness.advance(SECOND);
    assert_eq!(reason(&deliveries[0]), Unresolved::Overtaken);
    assert!(!failure(&deliveries[0]).may_have_been_written());
    assert_eq!(reason(&deliveries[1]), Unresolved::TopicRecreated);
    assert!(harness.produced.is_empty());
}

#[test]
fn an_older_broker_that_tells_no_topic_id_tells_of_no_topic_made_anew() {
    let mut harness = Harness::new(&[]);
    harness.partitions = 2;
    harness.leaders.insert(1, 1);
    harness.begin_log();
    let delivery = harness.send("a");
    let other = NewRecord {
        partition: Some(1),
        value: Some(b"other"),
        ..NewRecord::default()
    };
    let _other = harness.enqueue(&other).unwrap();
    harness.run();
    let other = harness.produced.pop_back().unwrap();
    harness.topic_id = raban_protocol::primitives::Uuid::ZERO;
    harness.answer(&other, ErrorCode::NOT_LEADER_OR_FOLLOWER);
    harness.advance(SECOND);
    harness.lose_answers(1);
    harness.log.producer = None;
    harness.advance(SECOND);
    assert_eq!(offsets(&[delivery]), [1]);
}

#[test]
fn a_leader_of_before_may_lead_again_and_take_a_copy_of_old_records() {
    let mut harness = Harness::new(&[("metadata.max.age.ms", "2000")]);
    harness.begin_log();
    let delivery = send_old(&mut harness);
    harness.leaders.insert(0, 1);
    harness.leader_epoch = 1;
    harness.advance(SECOND * 3);
    harness.lose_answers(0);
    harness.advance(SECOND);
    assert_eq!(reason(&delivery), Unresolved::LateCopy);
    assert!(harness.produced.is_empty());
}
