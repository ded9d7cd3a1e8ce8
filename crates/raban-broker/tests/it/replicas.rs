//! Several nodes: leaders that move, high watermarks, and what tests make brokers do wrong.
use std::time::Duration;

use bytes::Bytes;
use raban_broker::{
    BrokerConfig, Cluster, MemoryLogDir, Now, Operation, Outcome, PartitionState, TopicConfig,
};
use raban_protocol::api::{ApiKey, Request};
use raban_protocol::compression::Compression;
use raban_protocol::error_code::ErrorCode;
use raban_protocol::frame::{Frame, decode_response, encode_request};
use raban_protocol::messages::produce::PartitionProduceResponse;
use raban_protocol::messages::{
    ApiVersionsRequest, FetchRequest, InitProducerIdRequest, MetadataRequest, ProduceRequest,
};
use raban_protocol::primitives::Uuid;

use crate::support::{batch, fetch_request, produce_request, stamped, values};

pub(crate) const NOW: Now = Now {
    elapsed: Duration::from_secs(10),
    unix_ms: 1_000_000_000,
};
pub(crate) const LATER: Now = Now {
    elapsed: Duration::from_secs(100),
    unix_ms: 1_000_090_000,
};
/// The newest version of Produce that names topics.
const V12: i16 = 12;

pub(crate) struct Nodes {
    pub(crate) cluster: Cluster,
}

impl Nodes {
    /// Three nodes, one partition led by node 1.
    pub(crate) fn start() -> Self {
        let mut nodes = Self::open(&MemoryLogDir::new());
        nodes.cluster.create_topic(NOW, "t", 1).unwrap();
        nodes
    }

    /// Three nodes with what is in these logs.
    pub(crate) fn open(logs: &MemoryLogDir) -> Self {
        let config = BrokerConfig {
            nodes: 3,
            default_replication: 3,
            min_insync_replicas: 2,
            ..BrokerConfig::default()
        };
        let cluster = Cluster::open(config, 7, Box::new(logs.clone()), NOW).unwrap();
        Self { cluster }
    }

    pub(crate) fn ask<R: Request>(&mut self, node: i32, version: i16, request: &R) -> Outcome {
        self.ask_from(10 + node as u64, NOW, node, version, request)
    }

    pub(crate) fn ask_from<R: Request>(
        &mut self,
        connection: u64,
        now: Now,
        node: i32,
        version: i16,
        request: &R,
    ) -> Outcome {
        let frame = encode_request(version, 1, None, request).unwrap();
        self.cluster
            .handle_request(now, node, connection, content(&frame))
    }

    pub(crate) fn send(&mut self, node: i32, records: Bytes) -> Outcome {
        self.send_at(NOW, node, records)
    }

    pub(crate) fn send_at(&mut self, now: Now, node: i32, records: Bytes) -> Outcome {
        let mut request = produce_request("t", Uuid::ZERO, 0, records);
        request.acks = -1;
        request.timeout_ms = 30_000;
        self.ask_from(10 + node as u64, now, node, V12, &request)
    }

    pub(crate) fn produce(&mut self, node: i32, records: Bytes) -> (ErrorCode, i64) {
        told(self.send(node, records))
    }

    pub(crate) fn state(&mut self) -> PartitionState {
        self.cluster.partition_state("t", 0).unwrap()
    }

    pub(crate) fn read(&mut self, node: i32, offset: i64) -> Vec<String> {
        let request = fetch_request("t", Uuid::ZERO, 0, offset);
        let response = reply::<FetchRequest>(self.ask(node, 11, &request), 11);
        values(&response.responses[0].partitions[0])
            .into_iter()
            .map(|(_, value)| value)
            .collect()
    }
}

pub(crate) fn content(frame: &Frame) -> Bytes {
    frame.to_bytes().slice(4..)
}

pub(crate) fn reply<R: Request>(outcome: Outcome, version: i16) -> R::Response {
    match outcome {
        Outcome::Reply(frame) => decode_response::<R>(version, content(&frame)).unwrap().1,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn answer(outcome: Outcome) -> PartitionProduceResponse {
    let mut response = reply::<ProduceRequest>(outcome, V12);
    response.responses.remove(0).partition_responses.remove(0)
}

pub(crate) fn told(outcome: Outcome) -> (ErrorCode, i64) {
    let answer = answer(outcome);
    (answer.error_code, answer.base_offset)
}

pub(crate) fn sequenced(value: &str, sequence: i32) -> Bytes {
    stamped(&[value], Compression::None, (5, 0, sequence))
}

#[test]
fn all_in_sync_replicas_have_what_is_acknowledged() {
    let mut nodes = Nodes::start();
    assert_eq!(nodes.produce(1, batch(&["a"])), (ErrorCode::NONE, 0));
    nodes.cluster.lag(2, true);
    let outcome = nodes.send(1, batch(&["b"]));
    assert!(matches!(outcome, Outcome::Wait { deadline } if deadline == Duration::from_secs(40)));
    assert_eq!(nodes.read(1, 0), ["a"], "readers see no further");
    nodes.cluster.lag(2, false);
    let (connection, outcome) = nodes.cluster.poll_reply(NOW).unwrap();
    assert_eq!((connection, told(outcome)), (11, (ErrorCode::NONE, 1)));
    assert_eq!(nodes.read(1, 0), ["a", "b"]);
}

#[test]
fn a_wait_ends_with_its_time_and_the_batch_stays() {
    let mut nodes = Nodes::start();
    nodes.cluster.lag(2, true);
    assert!(matches!(nodes.send(1, batch(&["a"])), Outcome::Wait { .. }));
    let outcome = nodes.cluster.handle_timeout(LATER, 11).unwrap();
    assert_eq!(told(outcome), (ErrorCode::REQUEST_TIMED_OUT, 0));
    nodes.cluster.drop_from_isr("t", 0, 2);
    assert_eq!(nodes.read(1, 0), ["a"]);
}

#[test]
fn too_few_in_sync_replicas_refuse_before_and_tell_after_the_append() {
    let mut nodes = Nodes::start();
    nodes.cluster.lag(2, true);
    nodes.cluster.lag(3, true);
    assert!(matches!(nodes.send(1, batch(&["a"])), Outcome::Wait { .. }));
    nodes.cluster.drop_from_isr("t", 0, 2);
    nodes.cluster.drop_from_isr("t", 0, 3);
    assert!(nodes.cluster.poll_reply(NOW).is_none());
    assert_eq!(nodes.state().high_watermark, 0, "it stands still (KIP-966)");
    for node in [2, 3] {
        nodes.cluster.lag(node, false);
    }
    for node in [2, 3] {
        nodes.cluster.drop_from_isr("t", 0, node);
    }
    let (_, outcome) = nodes.cluster.poll_reply(NOW).unwrap();
    let after = ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND;
    assert_eq!(told(outcome), (after, 0));
    let refused = (ErrorCode::NOT_ENOUGH_REPLICAS, -1);
    assert_eq!(nodes.produce(1, batch(&["b"])), refused);
}

#[test]
fn an_in_sync_follower_takes_over_and_tells_clients_so() {
    let mut nodes = Nodes::start();
    nodes.produce(1, sequenced("a", 0));
    nodes.cluster.stop_node(NOW, 1);
    let state = nodes.state();
    assert_eq!((state.leader, state.leader_epoch), (Some(2), 1));
    let answer = answer(nodes.send(3, sequenced("b", 1)));
    assert_eq!(answer.error_code, ErrorCode::NOT_LEADER_OR_FOLLOWER);
    assert_eq!(
        (
            answer.current_leader.leader_id,
            answer.current_leader.leader_epoch
        ),
        (2, 1)
    );
    assert_eq!(
        nodes.produce(2, sequenced("a", 0)),
        (ErrorCode::NONE, 0),
        "known there, too"
    );
    assert_eq!(nodes.produce(2, sequenced("b", 1)), (ErrorCode::NONE, 1));
    let metadata = reply::<MetadataRequest>(nodes.ask(2, 12, &MetadataRequest::default()), 12);
    let ids: Vec<i32> = metadata
        .brokers
        .iter()
        .map(|broker| broker.node_id)
        .collect();
    assert_eq!(ids, [2, 3]);
    nodes.cluster.start_node(NOW, 1, 1);
    assert_eq!(nodes.state().in_sync, [1, 2, 3]);
}

#[test]
fn a_new_leader_lacks_what_it_had_not_copied() {
    for unclean in [false, true] {
        let mut nodes = Nodes::start();
        nodes.produce(1, sequenced("a", 0));
        nodes.cluster.lag(2, true);
        let outcome = nodes.send(1, sequenced("b", 1));
        assert!(matches!(outcome, Outcome::Wait { .. }));
        if unclean {
            nodes.cluster.drop_from_isr("t", 0, 2);
            assert!(!nodes.cluster.elect(NOW, "t", 0, 2, false));
        }
        assert!(nodes.cluster.elect(NOW, "t", 0, 2, unclean));
        let (_, outcome) = nodes.cluster.poll_reply(NOW).unwrap();
        assert_eq!(told(outcome).0, ErrorCode::NOT_LEADER_OR_FOLLOWER);
        assert_eq!(nodes.read(2, 0), ["a"]);
        assert_eq!(nodes.produce(2, sequenced("b", 1)), (ErrorCode::NONE, 1));
    }
}

#[test]
fn a_restart_remembers_the_last_batch_only() {
    let mut nodes = Nodes::start();
    for sequence in 0..5 {
        nodes.produce(1, sequenced("v", sequence));
    }
    for node in [2, 3] {
        nodes.cluster.stop_node(NOW, node);
    }
    nodes.cluster.stop_node(NOW, 1);
    assert_eq!(nodes.state().leader, None);
    nodes.cluster.start_node(NOW, 2, 1);
    assert_eq!(nodes.state().leader, None, "it isn't in sync");
    nodes.cluster.start_node(NOW, 1, 1);
    assert_eq!(nodes.state().leader, Some(1));
    let out_of_order = (ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1);
    assert_eq!(nodes.produce(1, sequenced("v", 3)), out_of_order);
    assert_eq!(nodes.produce(1, sequenced("v", 4)), (ErrorCode::NONE, 4));
}

#[test]
fn producers_are_forgotten_as_kafka_forgets_them() {
    let mut nodes = Nodes::start();
    for sequence in 0..3 {
        nodes.produce(1, sequenced("v", sequence));
    }
    nodes.cluster.shrink_producer_window("t", 0, 2, true);
    assert_eq!(nodes.state().leader_epoch, 1);
    let out_of_order = (ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1);
    assert_eq!(nodes.produce(1, sequenced("v", 0)), out_of_order);
    assert_eq!(nodes.produce(1, sequenced("v", 1)), (ErrorCode::NONE, 1));
    nodes.cluster.forget_producers("t", 0);
    assert_eq!(
        nodes.produce(1, sequenced("v", 0)),
        (ErrorCode::NONE, 3),
        "doubled"
    );
    let day = Now {
        unix_ms: NOW.unix_ms + 86_400_000,
        ..LATER
    };
    nodes.cluster.expire_producers_by_timestamps(day);
    assert_eq!(nodes.produce(1, sequenced("v", 9)), (ErrorCode::NONE, 4));
}

#[test]
fn records_go_by_deletion_and_compaction() {
    let mut nodes = Nodes::start();
    for sequence in 0..5 {
        nodes.produce(1, sequenced(&sequence.to_string(), sequence));
    }
    let mut keep =
        |record: &raban_protocol::record_batch::Record| record.value.as_deref() == Some(b"3");
    nodes.cluster.compact("t", 0, &mut keep).unwrap();
    assert_eq!(nodes.read(1, 0), ["3"]);
    let dump = nodes.cluster.log_from("t", 0, 0).unwrap();
    let batches = dump.batches.iter();
    let batches: Vec<_> = batches
        .map(|(header, records)| (header.base_offset, header.base_sequence, records.len()))
        .collect();
    let left = [(3, 3, 1), (4, 4, 0)];
    assert_eq!(batches, left, "the producer's last batch stays, empty");
    nodes.cluster.delete_records("t", 0, 4);
    assert_eq!(
        (nodes.state().start_offset, nodes.read(1, 4)),
        (4, Vec::new())
    );
    nodes.cluster.create_partitions(NOW, "t", 3).unwrap();
    assert_eq!(
        nodes.cluster.partition_state("t", 2).unwrap().leader,
        Some(3)
    );
    nodes.cluster.delete_topic("t").unwrap();
    assert!(nodes.cluster.partition_state("t", 0).is_none());
}

#[test]
fn topics_have_settings() {
    let mut nodes = Nodes::start();
    let config = TopicConfig {
        compacted: true,
        log_append_time: true,
        ..TopicConfig::default()
    };
    nodes.cluster.set_topic_config("t", config);
    let refused = answer(nodes.send(1, batch(&["a", "b"])));
    assert_eq!(refused.error_code, ErrorCode::INVALID_RECORD);
    let culprits: Vec<i32> = refused
        .record_errors
        .iter()
        .map(|e| e.batch_index)
        .collect();
    assert_eq!(culprits, [0, 1]);
    let config = TopicConfig {
        log_append_time: true,
        ..TopicConfig::default()
    };
    nodes.cluster.set_topic_config("t", config);
    let stamped = answer(nodes.send(1, batch(&["a"])));
    assert_eq!(stamped.log_append_time_ms, NOW.unix_ms);
    let dump = nodes.cluster.log_from("t", 0, 0).unwrap();
    assert_eq!(dump.batches[0].1[0].timestamp, NOW.unix_ms);
    let config = TopicConfig {
        max_message_bytes: Some(70),
        ..TopicConfig::default()
    };
    nodes.cluster.set_topic_config("t", config);
    let large = nodes.produce(1, batch(&["a long value"]));
    assert_eq!(large, (ErrorCode::MESSAGE_TOO_LARGE, -1));
}

#[test]
fn false_answers_come_as_often_as_asked_for() {
    let mut nodes = Nodes::start();
    let storage = ErrorCode::KAFKA_STORAGE_ERROR;
    nodes.cluster.answer_after_append(1, storage, true, 1);
    assert_eq!(nodes.produce(1, batch(&["a"])), (storage, 0));
    nodes.cluster.answer_after_append(1, storage, false, 1);
    assert_eq!(nodes.produce(1, batch(&["b"])), (storage, -1));
    nodes.cluster.reject_before_append(1, storage, 1);
    assert_eq!(nodes.produce(1, batch(&["c"])), (storage, -1));
    assert_eq!(nodes.produce(1, batch(&["d"])), (ErrorCode::NONE, 2));
    nodes.cluster.throttle(1, 70);
    let response = nodes.send(1, batch(&["e"]));
    assert_eq!(reply::<ProduceRequest>(response, V12).throttle_time_ms, 70);
}

#[test]
fn rights_and_versions_can_be_taken_away() {
    let mut nodes = Nodes::start();
    nodes.produce(1, batch(&["a"]));
    let denied = ErrorCode::TOPIC_AUTHORIZATION_FAILED;
    nodes.cluster.deny(Operation::Write, Some("t"), true);
    assert_eq!(nodes.produce(1, batch(&["b"])), (denied, -1));
    nodes.cluster.deny(Operation::Write, Some("t"), false);
    nodes.cluster.deny(Operation::Read, None, true);
    let request = fetch_request("t", Uuid::ZERO, 0, 0);
    let response = reply::<FetchRequest>(nodes.ask(1, 11, &request), 11);
    assert_eq!(response.responses[0].partitions[0].error_code, denied);
    nodes.cluster.deny(Operation::IdempotentWrite, None, true);
    let response = nodes.ask(1, 4, &InitProducerIdRequest::default());
    let code = reply::<InitProducerIdRequest>(response, 4).error_code;
    assert_eq!(code, ErrorCode::CLUSTER_AUTHORIZATION_FAILED);
    nodes.cluster.limit_version(1, ApiKey::Produce, 9);
    assert!(matches!(nodes.send(1, batch(&["c"])), Outcome::Close(_)));
    let request = ApiVersionsRequest {
        client_software_name: "test".to_owned(),
        client_software_version: "1".to_owned(),
        ..ApiVersionsRequest::default()
    };
    let response = reply::<ApiVersionsRequest>(nodes.ask(1, 3, &request), 3);
    let produce = response
        .api_keys
        .iter()
        .find(|api| api.api_key == 0)
        .unwrap();
    assert_eq!(produce.max_version, 9);
}
