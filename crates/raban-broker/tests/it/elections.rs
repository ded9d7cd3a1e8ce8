//! Leaders that come and go: who may lead, what is cut, and what each node knows of producers then.
use raban_broker::{BrokerConfig, Cluster, MemoryLogDir, Outcome, Server, StartError, TopicConfig};
use raban_protocol::error_code::ErrorCode;
use raban_protocol::messages::OffsetForLeaderEpochRequest;
use raban_protocol::messages::offset_for_leader_epoch::{
    OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use raban_protocol::primitives::Uuid;

use crate::replicas::{NOW, Nodes, reply, sequenced, told};
use crate::support::{batch, produce_request};

const OUT_OF_ORDER: (ErrorCode, i64) = (ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1);

fn appended(offset: i64) -> (ErrorCode, i64) {
    (ErrorCode::NONE, offset)
}

impl Nodes {
    /// The epoch that is found, and its end.
    fn epoch_end(&mut self, node: i32, leader_epoch: i32) -> (i32, i64) {
        let partition = OffsetForLeaderPartition {
            partition: 0,
            leader_epoch,
            ..Default::default()
        };
        let topic = OffsetForLeaderTopic {
            topic: "t".to_owned(),
            partitions: vec![partition],
        };
        let request = OffsetForLeaderEpochRequest {
            topics: vec![topic],
            ..Default::default()
        };
        let response = reply::<OffsetForLeaderEpochRequest>(self.ask(node, 4, &request), 4);
        let end = &response.topics[0].partitions[0];
        (end.leader_epoch, end.end_offset)
    }
}

#[test]
fn a_partition_made_while_a_node_is_down_is_led_by_another_one() {
    let mut nodes = Nodes::start();
    nodes.cluster.stop_node(NOW, 1);
    nodes.cluster.delete_topic("t").unwrap();
    nodes.cluster.create_topic(NOW, "t", 1).unwrap();
    let state = nodes.state();
    assert_eq!((state.leader, state.in_sync), (Some(2), vec![2, 3]));
    assert_eq!(nodes.produce(2, batch(&["a"])), appended(0));
    nodes.cluster.create_partitions(NOW, "t", 4).unwrap();
    let added = nodes.cluster.partition_state("t", 3).unwrap();
    assert_eq!(added.leader, Some(2));
    nodes.cluster.start_node(NOW, 1, 1);
    let state = nodes.state();
    assert_eq!((state.leader, state.in_sync), (Some(2), vec![1, 2, 3]));
}

#[test]
fn a_leader_that_lags_copies_nothing_once_it_follows() {
    let mut nodes = Nodes::start();
    nodes.cluster.lag(1, true);
    assert_eq!(nodes.produce(1, batch(&["a"])), appended(0));
    assert!(nodes.cluster.elect(NOW, "t", 0, 2, false));
    assert!(matches!(nodes.send(2, batch(&["b"])), Outcome::Wait { .. }));
    assert_eq!(nodes.state().high_watermark, 1);
    nodes.cluster.lag(1, false);
    assert_eq!(told(nodes.cluster.poll_reply(NOW).unwrap().1), appended(1));
}

#[test]
fn each_node_knows_of_producers_what_it_copied_since_its_start() {
    let mut nodes = Nodes::start();
    for sequence in 0..3 {
        nodes.produce(1, sequenced("v", sequence));
    }
    nodes.cluster.stop_node(NOW, 2);
    nodes.cluster.start_node(NOW, 2, 1);
    for sequence in 3..5 {
        nodes.produce(1, sequenced("v", sequence));
    }
    nodes.cluster.shrink_producer_window("t", 0, 1, false);
    assert_eq!(nodes.produce(1, sequenced("v", 3)), OUT_OF_ORDER);
    assert!(nodes.cluster.elect(NOW, "t", 0, 2, false));
    assert_eq!(nodes.produce(2, sequenced("v", 1)), OUT_OF_ORDER);
    assert_eq!(nodes.produce(2, sequenced("v", 2)), appended(2));
    assert!(nodes.cluster.elect(NOW, "t", 0, 3, false));
    assert_eq!(nodes.produce(3, sequenced("v", 0)), appended(0));
    assert!(nodes.cluster.elect(NOW, "t", 0, 1, false));
    assert_eq!(nodes.produce(1, sequenced("v", 3)), OUT_OF_ORDER);
    assert_eq!(nodes.produce(1, sequenced("v", 4)), appended(4));
}

#[test]
fn what_expired_stays_forgotten_when_another_node_leads() {
    let mut nodes = Nodes::start();
    nodes.produce(1, sequenced("a", 0));
    nodes.cluster.forget_producers("t", 0);
    assert!(nodes.cluster.elect(NOW, "t", 0, 2, false));
    assert_eq!(nodes.produce(2, sequenced("a", 0)), appended(1), "doubled");
}

#[test]
fn what_is_cut_off_is_no_duplicate_later() {
    let mut nodes = Nodes::start();
    nodes.produce(1, sequenced("a", 0));
    nodes.cluster.lag(2, true);
    nodes.cluster.lag(3, true);
    assert!(matches!(
        nodes.send(1, sequenced("b", 1)),
        Outcome::Wait { .. }
    ));
    assert!(nodes.cluster.elect(NOW, "t", 0, 2, false));
    assert_eq!(nodes.state().end_offset, 1);
    assert!(nodes.cluster.elect(NOW, "t", 0, 1, false));
    nodes.cluster.lag(2, false);
    nodes.cluster.lag(3, false);
    assert_eq!(nodes.produce(1, sequenced("b", 1)), appended(1));
    assert_eq!(nodes.state().leader_epoch, 2);
}

#[test]
fn a_stopped_node_answers_nothing() {
    let mut nodes = Nodes::start();
    nodes.cluster.lag(2, true);
    assert!(matches!(nodes.send(1, batch(&["a"])), Outcome::Wait { .. }));
    nodes.cluster.stop_node(NOW, 1);
    assert!(nodes.cluster.poll_reply(NOW).is_none());
    assert_eq!(nodes.cluster.next_deadline(), None);
    assert!(matches!(nodes.send(1, batch(&["b"])), Outcome::Close(_)));
}

#[test]
fn the_last_one_in_sync_alone_may_lead_again() {
    let mut nodes = Nodes::start();
    nodes.cluster.lag(2, true);
    nodes.cluster.lag(3, true);
    nodes.cluster.drop_from_isr("t", 0, 2);
    nodes.cluster.drop_from_isr("t", 0, 3);
    let mut request = produce_request("t", Uuid::ZERO, 0, batch(&["a"]));
    request.acks = 1;
    assert_eq!(told(nodes.ask(1, 12, &request)), appended(0));
    nodes.cluster.stop_node(NOW, 1);
    assert_eq!(nodes.state().leader, None);
    assert!(!nodes.cluster.elect(NOW, "t", 0, 2, false));
    assert!(nodes.cluster.elect(NOW, "t", 0, 2, true));
    let state = nodes.state();
    assert_eq!((state.end_offset, state.in_sync), (0, vec![2]));
    nodes.cluster.start_node(NOW, 1, 1);
    nodes.cluster.lag(3, false);
    let state = nodes.state();
    assert_eq!((state.leader, state.in_sync), (Some(2), vec![1, 2, 3]));
    nodes.cluster.lag(2, false);
    assert_eq!(nodes.produce(2, sequenced("b", 0)), appended(0));
}

#[test]
fn leader_epochs_never_go_back() {
    let logs = MemoryLogDir::new();
    let mut nodes = Nodes::open(&logs);
    nodes.cluster.create_topic(NOW, "t", 1).unwrap();
    for node in [2, 3, 1, 2] {
        assert!(nodes.cluster.elect(NOW, "t", 0, node, false));
        nodes.produce(node, batch(&["v"]));
    }
    assert_eq!(nodes.state().leader_epoch, 4);
    drop(nodes);
    assert_eq!(Nodes::open(&logs).state().leader_epoch, 5);
}

#[test]
fn no_more_replicas_are_asked_for_than_there_are() {
    let config = BrokerConfig {
        min_insync_replicas: 2,
        ..BrokerConfig::default()
    };
    let logs = Box::new(MemoryLogDir::new());
    let mut cluster = Cluster::open(config, 7, logs, NOW).unwrap();
    cluster.create_topic(NOW, "t", 1).unwrap();
    let mut nodes = Nodes { cluster };
    assert_eq!(nodes.produce(1, batch(&["a"])), appended(0));
}

#[test]
fn impossible_clusters_are_refused() {
    let several = BrokerConfig {
        nodes: 2,
        ..BrokerConfig::default()
    };
    let refused = Server::start(several.clone()).unwrap_err();
    assert!(matches!(
        refused,
        StartError::Setting {
            setting: "nodes",
            ..
        }
    ));
    for config in [
        BrokerConfig {
            nodes: 0,
            ..BrokerConfig::default()
        },
        BrokerConfig {
            default_replication: 3,
            ..several
        },
    ] {
        let opened = Cluster::open(config, 7, Box::new(MemoryLogDir::new()), NOW);
        assert!(matches!(opened, Err(StartError::Setting { .. })));
    }
}

#[test]
fn an_unclean_leader_takes_back_what_readers_saw() {
    let mut nodes = Nodes::start();
    let config = TopicConfig {
        min_insync_replicas: Some(1),
        ..TopicConfig::default()
    };
    nodes.cluster.set_topic_config("t", config);
    nodes.produce(1, batch(&["a"]));
    nodes.cluster.lag(2, true);
    nodes.cluster.drop_from_isr("t", 0, 2);
    assert_eq!(nodes.produce(1, batch(&["b"])), appended(1));
    assert_eq!(nodes.state().high_watermark, 2);
    nodes.cluster.stop_node(NOW, 3);
    nodes.cluster.stop_node(NOW, 1);
    assert!(nodes.cluster.elect(NOW, "t", 0, 2, true));
    assert_eq!(nodes.state().high_watermark, 1);
    assert_eq!(nodes.read(2, 0), ["a"]);
}

#[test]
fn epochs_that_were_cut_off_are_answered_with_the_one_before() {
    let mut nodes = Nodes::start();
    nodes.produce(1, batch(&["a"]));
    assert!(nodes.cluster.elect(NOW, "t", 0, 2, false));
    nodes.cluster.lag(3, true);
    assert!(matches!(nodes.send(2, batch(&["b"])), Outcome::Wait { .. }));
    assert!(nodes.cluster.elect(NOW, "t", 0, 3, false));
    assert_eq!(nodes.produce(3, batch(&["c"])), appended(1));
    let ends = [0, 1, 2].map(|epoch| nodes.epoch_end(3, epoch));
    assert_eq!(ends, [(0, 1), (0, 1), (2, 2)]);
}

#[test]
fn an_offset_that_another_batch_has_now_is_no_acknowledgement() {
    let mut nodes = Nodes::start();
    nodes.cluster.lag(2, true);
    assert!(matches!(nodes.send(1, batch(&["a"])), Outcome::Wait { .. }));
    assert!(nodes.cluster.elect(NOW, "t", 0, 2, false));
    nodes.cluster.lag(2, false);
    assert!(nodes.cluster.elect(NOW, "t", 0, 1, false));
    let mut request = produce_request("t", Uuid::ZERO, 0, batch(&["other"]));
    request.acks = 1;
    let outcome = nodes.ask_from(99, NOW, 1, 12, &request);
    assert_eq!(told(outcome), appended(0));
    let (connection, outcome) = nodes.cluster.poll_reply(NOW).unwrap();
    assert_eq!(connection, 11);
    assert_eq!(told(outcome), (ErrorCode::NOT_LEADER_OR_FOLLOWER, 0));
}
