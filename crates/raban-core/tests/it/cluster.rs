//! Which cluster and broker a connection is meant for (KIP-1242), and what follows where it leads to another.

use std::time::Duration;

use raban_core::{Cause, ErrorKind, Unresolved};
use raban_protocol::error_code::ErrorCode;
use raban_protocol::primitives::Uuid;

use crate::harness::Harness;

const SOON: Duration = Duration::from_secs(3);

/// Brokers of Kafka 4.4, and a record that was delivered.
fn begun(settings: &[(&str, &str)]) -> Harness {
    let mut harness = Harness::new(settings);
    harness.newest_api_versions = 5;
    harness.cluster_id = Some("a");
    harness.begin_log();
    harness
}

fn cut_all(harness: &mut Harness) {
    for conn in harness.connections.clone() {
        harness.cut(conn);
    }
}

#[test]
fn a_known_broker_is_told_whom_it_is_taken_for_and_a_bootstrap_server_is_not() {
    let mut harness = begun(&[]);
    let meant = |node: i32| (5, Some("a".to_owned()), node);
    assert_eq!(harness.introductions.remove(0), (3, None, -1));
    // The control connection is one to any broker, the other one the leader's.
    assert!(harness.introductions.contains(&meant(0)));
    let known = [meant(0), meant(1)];
    assert_eq!(harness.introductions.len(), 2);
    assert!(
        harness
            .introductions
            .iter()
            .all(|told| known.contains(told))
    );
}

#[test]
fn without_the_check_nobody_is_told_anything() {
    for setting in [
        ("metadata.cluster.check.enable", "false"),
        ("metadata.recovery.strategy", "none"),
    ] {
        let harness = begun(&[setting]);
        let told = &harness.introductions;
        assert!(told.iter().all(|told| *told == (3, None, -1)), "{told:?}");
    }
}

#[test]
fn brokers_older_than_the_check_are_asked_once_and_not_twice() {
    let mut harness = Harness::new(&[]);
    harness.cluster_id = Some("a");
    harness.begin_log();
    let told = &harness.introductions;
    assert!(told.iter().all(|told| *told == (3, None, -1)), "{told:?}");
}

#[test]
fn a_broker_that_was_replaced_by_an_older_one_is_asked_in_a_version_that_it_knows() {
    let mut harness = begun(&[]);
    harness.newest_api_versions = 4;
    harness.introductions.clear();
    cut_all(&mut harness);
    let delivery = harness.send("v");
    harness.advance(SOON);
    assert_eq!(harness.introductions[..2], [(5, None, -1), (3, None, -1)]);
    harness.serve_log();
    assert!(delivery.try_outcome().unwrap().is_ok());
}

#[test]
fn a_connection_that_leads_to_another_broker_is_closed_and_metadata_is_asked_of_the_bootstrap_servers()
 {
    // Whichever of the addresses would have its turn.
    for turns in 0..3 {
        let mut harness = begun(&[]);
        for _ in 0..turns {
            harness.misrouted = vec![];
            cut_all(&mut harness);
            harness.advance(SOON);
        }
        harness.misrouted = vec![0];
        cut_all(&mut harness);
        harness.connected_to.clear();
        let delivery = harness.send("v");
        harness.advance(Duration::from_secs(30));
        assert!(harness.produced.is_empty(), "no record leaves");
        let mut misled = harness.connected_to.iter();
        let misled = misled.position(|host| host == "broker0").unwrap();
        let behind = &harness.connected_to[misled..];
        assert!(behind.contains(&"broker".to_owned()), "{behind:?}");
        assert!(!behind.contains(&"broker1".to_owned()), "{behind:?}");
        harness.leaders.insert(0, 1);
        harness.leader_epoch += 1;
        harness.advance(SOON);
        assert_eq!(harness.connected_to.last().unwrap(), "broker1");
        assert_eq!(harness.produced[0].values(), ["v"]);
        harness.append_next();
        assert!(delivery.try_outcome().unwrap().is_ok());
    }
}

#[test]
fn a_record_that_waits_for_a_misrouted_connection_tells_of_it() {
    let mut harness = begun(&[("delivery.timeout.ms", "31000")]);
    harness.misrouted = vec![0, 1];
    cut_all(&mut harness);
    let delivery = harness.send("v");
    harness.advance(Duration::from_secs(31));
    let error = delivery.try_outcome().unwrap().unwrap_err();
    assert!(!error.may_have_been_written());
    assert_eq!(
        error.to_string(),
        "not delivered within delivery.timeout.ms (31s); the latest trouble: broker0:9092 isn't broker 0 of cluster a, \
         as metadata says; metadata is asked for anew; if brokers are meant to be reached so, set \
         metadata.cluster.check.enable=false (topic t, partition 0)"
    );
}

/// The brokers' addresses now lead to another cluster, and so do the bootstrap servers.
fn move_to_another_cluster(harness: &mut Harness) {
    harness.cluster_id = Some("b");
    harness.topic_id = Uuid([9; 16]);
    // A younger cluster has seen fewer elections.
    harness.leader_epoch = 0;
    harness.leaders.insert(0, 1);
}

#[test]
fn another_cluster_in_the_place_of_the_first_gets_a_new_producer_id() {
    let (id, other) = (Uuid([7; 16]), Uuid([9; 16]));
    for (before, then) in [(id, other), (Uuid::ZERO, Uuid::ZERO), (id, Uuid::ZERO)] {
        let mut harness = Harness::new(&[]);
        harness.newest_api_versions = 5;
        harness.cluster_id = Some("a");
        harness.leader_epoch = 7;
        harness.topic_id = before;
        harness.send("first").detach();
        harness.run();
        let first = harness.produced[0].batch().header;
        harness.append_next();
        move_to_another_cluster(&mut harness);
        harness.topic_id = then;
        cut_all(&mut harness);
        let delivery = harness.send("v");
        harness.advance(SOON);
        assert_eq!(harness.connected_to.last().unwrap(), "broker1");
        let sent = &harness.produced[0];
        assert_eq!(sent.request.topic_data[0].topic_id, then);
        let header = sent.batch().header;
        assert_ne!(
            header.producer_id, first.producer_id,
            "it is the first cluster's"
        );
        assert_eq!((header.producer_epoch, header.base_sequence), (0, 0));
        harness.answer_next(ErrorCode::NONE);
        assert!(delivery.try_outcome().unwrap().is_ok());
    }
}

#[test]
fn a_producer_id_that_the_first_cluster_gave_in_vain_is_not_used_in_the_other() {
    let mut harness = Harness::new(&[]);
    harness.newest_api_versions = 5;
    harness.cluster_id = Some("a");
    // Its leader is never reached.
    harness.unresolved = vec!["broker0".to_owned()];
    let delivery = harness.send("v");
    harness.advance(SOON);
    assert_eq!(harness.producer_ids, [1001]);
    harness.unresolved.clear();
    move_to_another_cluster(&mut harness);
    cut_all(&mut harness);
    harness.advance(SOON);
    assert_eq!(harness.producer_ids, [1001, 1002]);
    assert_eq!(harness.produced[0].batch().header.producer_id, 1002);
    harness.answer_next(ErrorCode::NONE);
    assert!(delivery.try_outcome().unwrap().is_ok());
}

#[test]
fn a_record_that_may_be_in_the_first_cluster_stays_in_doubt() {
    let mut harness = begun(&[]);
    let in_doubt = harness.send("v");
    harness.run();
    move_to_another_cluster(&mut harness);
    cut_all(&mut harness);
    harness.advance(SOON);
    let error = in_doubt.try_outcome().unwrap().unwrap_err();
    assert!(error.may_have_been_written());
    assert!(matches!(
        error.kind(),
        ErrorKind::Unresolved {
            reason: Unresolved::ClusterChanged
        }
    ));
    let next = harness.send("w");
    harness.advance(SOON);
    assert_eq!(harness.produced[0].values(), ["w"]);
    harness.answer_next(ErrorCode::NONE);
    assert!(next.try_outcome().unwrap().is_ok());
}

#[test]
fn metadata_of_another_cluster_is_believed_of_a_bootstrap_server_alone() {
    // Older brokers don't compare, but their metadata names the cluster.
    let mut harness = Harness::new(&[("metadata.max.age.ms", "1000")]);
    harness.cluster_id = Some("a");
    harness.begin_log();
    harness.connected_to.clear();
    harness.cluster_id = Some("b");
    harness.topic_id = Uuid([9; 16]);
    harness.advance(SOON);
    assert_eq!(harness.connected_to, ["broker"]);
    harness.send("v").detach();
    harness.advance(SOON);
    let topics = &harness.produced[0].request.topic_data;
    assert_eq!(topics[0].topic_id, harness.topic_id);
    harness.answer_all();
}

#[test]
fn a_bootstrap_server_of_another_cluster_is_not_believed_while_known_brokers_answer() {
    let settings = [
        ("metadata.max.age.ms", "2000"),
        ("connections.max.idle.ms", "1000"),
    ];
    let mut harness = Harness::new(&settings);
    harness.newest_api_versions = 5;
    harness.cluster_id = Some("a");
    harness.send("first").detach();
    harness.run();
    let first = harness.produced[0].batch().header;
    harness.append_next();
    harness.bootstrap_cluster_id = Some("b");
    harness.connected_to.clear();
    harness.advance(Duration::from_secs(20));
    assert!(harness.connected_to.contains(&"broker".to_owned()));
    let delivery = harness.send("v");
    harness.advance(SOON);
    let header = harness.produced[0].batch().header;
    assert_eq!(header.producer_id, first.producer_id);
    harness.append_next();
    assert!(delivery.try_outcome().unwrap().is_ok());
}

#[test]
fn a_bootstrap_server_of_another_cluster_is_believed_once_no_known_broker_answers() {
    let mut harness = begun(&[]);
    harness.unresolved = vec!["broker0".to_owned(), "broker1".to_owned()];
    harness.bootstrap_cluster_id = Some("b");
    cut_all(&mut harness);
    harness.advance(SOON);
    harness.cluster_id = Some("b");
    harness.unresolved.clear();
    let delivery = harness.send("v");
    harness.advance(SOON);
    harness.answer_next(ErrorCode::NONE);
    assert!(delivery.try_outcome().unwrap().is_ok());
}

#[test]
fn the_cause_names_address_broker_and_cluster() {
    let cause = Cause::Misrouted {
        address: "h:1".to_owned(),
        node: 3,
        cluster_id: "a".to_owned(),
    };
    assert!(
        cause
            .to_string()
            .starts_with("h:1 isn't broker 3 of cluster a")
    );
}
