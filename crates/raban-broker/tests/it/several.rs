//! What clients of several nodes are told: who leads, how far they may read, what a node knows, how long to pause.
use raban_broker::{Operation, Outcome, TopicConfig};
use raban_protocol::api::ApiKey;
use raban_protocol::error_code::ErrorCode;
use raban_protocol::messages::describe_producers::{PartitionResponse, TopicRequest};
use raban_protocol::messages::list_offsets::{ListOffsetsPartition, ListOffsetsTopic};
use raban_protocol::messages::metadata::MetadataRequestTopic;
use raban_protocol::messages::{
    ApiVersionsRequest, DescribeProducersRequest, FetchRequest, InitProducerIdRequest,
    ListOffsetsRequest, MetadataRequest, ProduceRequest,
};
use raban_protocol::primitives::Uuid;

use crate::replicas::{LATER, NOW, Nodes, answer, reply, sequenced, told};
use crate::support::{batch, fetch_request};

impl Nodes {
    fn offset(&mut self, version: i16, timestamp: i64) -> (ErrorCode, i64) {
        let partition = ListOffsetsPartition {
            timestamp,
            ..Default::default()
        };
        let topic = ListOffsetsTopic {
            name: "t".to_owned(),
            partitions: vec![partition],
        };
        let request = ListOffsetsRequest {
            topics: vec![topic],
            ..Default::default()
        };
        let leader = self.state().leader.unwrap();
        let response = reply::<ListOffsetsRequest>(self.ask(leader, version, &request), version);
        let partition = &response.topics[0].partitions[0];
        (partition.error_code, partition.offset)
    }

    fn producers(&mut self, node: i32) -> PartitionResponse {
        let topic = TopicRequest {
            name: "t".to_owned(),
            partition_indexes: vec![0],
        };
        let request = DescribeProducersRequest {
            topics: vec![topic],
        };
        let mut response = reply::<DescribeProducersRequest>(self.ask(node, 0, &request), 0);
        response.topics.remove(0).partitions.remove(0)
    }

    fn last_sequence(&mut self, node: i32) -> Option<i32> {
        let known = self.producers(node).active_producers;
        known.first().map(|producer| producer.last_sequence)
    }
}

#[test]
fn a_fetch_elsewhere_is_told_the_leader() {
    let mut nodes = Nodes::start();
    nodes.cluster.advertise(1, "first.example", 1234);
    let id = nodes.state().topic_id;
    for (version, leader) in [(15, -1), (16, 1)] {
        let request = fetch_request("t", id, 0, 0);
        let response = reply::<FetchRequest>(nodes.ask(3, version, &request), version);
        let data = &response.responses[0].partitions[0];
        assert_eq!(data.error_code, ErrorCode::NOT_LEADER_OR_FOLLOWER);
        assert_eq!(data.current_leader.leader_id, leader);
        let endpoints = response.node_endpoints.iter();
        let endpoints: Vec<_> = endpoints.map(|e| (e.host.as_str(), e.port)).collect();
        let expected = [("first.example", 1234)];
        assert_eq!(endpoints, expected[..usize::from(leader == 1)]);
    }
    assert!(nodes.cluster.elect(NOW, "t", 0, 2, false));
    assert!(nodes.cluster.elect(NOW, "t", 0, 1, false));
    let mut request = fetch_request("t", id, 0, 0);
    request.topics[0].partitions[0].current_leader_epoch = 0;
    let response = reply::<FetchRequest>(nodes.ask(1, 16, &request), 16);
    let data = &response.responses[0].partitions[0];
    assert_eq!(data.error_code, ErrorCode::FENCED_LEADER_EPOCH);
    let leader = (
        data.current_leader.leader_id,
        data.current_leader.leader_epoch,
    );
    assert_eq!(leader, (1, 2));
}

#[test]
fn a_produce_that_waits_is_told_the_new_leader() {
    let mut nodes = Nodes::start();
    nodes.cluster.lag(3, true);
    assert!(matches!(nodes.send(1, batch(&["a"])), Outcome::Wait { .. }));
    assert!(nodes.cluster.elect(NOW, "t", 0, 2, false));
    let answer = answer(nodes.cluster.poll_reply(NOW).unwrap().1);
    let leader = answer.current_leader;
    assert_eq!((leader.leader_id, leader.leader_epoch), (2, 1));
    assert_eq!(
        (answer.error_code, answer.base_offset),
        (ErrorCode::NOT_LEADER_OR_FOLLOWER, 0),
        "Kafka leaves the offset in the answer"
    );
}

#[test]
fn a_duplicate_waits_for_the_replicas_too() {
    let mut nodes = Nodes::start();
    nodes.cluster.lag(2, true);
    for _ in 0..2 {
        let outcome = nodes.send(1, sequenced("a", 0));
        assert!(matches!(outcome, Outcome::Wait { .. }));
        let outcome = nodes.cluster.handle_timeout(LATER, 11).unwrap();
        assert_eq!(told(outcome), (ErrorCode::REQUEST_TIMED_OUT, 0));
    }
    nodes.cluster.lag(2, false);
    assert_eq!(nodes.produce(1, sequenced("a", 0)), (ErrorCode::NONE, 0));
}

#[test]
fn offsets_that_readers_do_not_see_are_not_told() {
    const LATEST: i64 = -1;
    const EARLIEST: i64 = -2;
    let mut nodes = Nodes::start();
    nodes.produce(1, batch(&["a"]));
    nodes.cluster.lag(3, true);
    assert!(matches!(nodes.send(1, batch(&["b"])), Outcome::Wait { .. }));
    assert_eq!(nodes.offset(7, LATEST), (ErrorCode::NONE, 1));
    assert_eq!(nodes.offset(7, 1_000), (ErrorCode::NONE, 0));
    assert_eq!(nodes.offset(7, -3), (ErrorCode::NONE, 0));
    nodes.cluster.delete_records("t", 0, 1);
    assert_eq!(nodes.offset(7, 1_000), (ErrorCode::NONE, -1));
    // The new leader doesn't know yet that all have what it began with.
    assert!(nodes.cluster.elect(NOW, "t", 0, 2, false));
    let unknown = ErrorCode::OFFSET_NOT_AVAILABLE;
    assert_eq!(nodes.offset(5, LATEST), (unknown, -1));
    assert_eq!(nodes.offset(4, LATEST).0, ErrorCode::LEADER_NOT_AVAILABLE);
    assert_eq!(nodes.offset(7, 1_000), (unknown, -1));
    assert_eq!(nodes.offset(5, EARLIEST), (ErrorCode::NONE, 1));
    nodes.cluster.lag(3, false);
    assert_eq!(nodes.offset(5, LATEST), (ErrorCode::NONE, 2));
}

#[test]
fn each_replica_describes_the_producers_that_it_knows() {
    let mut nodes = Nodes::start();
    nodes.produce(1, sequenced("a", 0));
    nodes.cluster.lag(3, true);
    let outcome = nodes.send(1, sequenced("b", 1));
    assert!(matches!(outcome, Outcome::Wait { .. }));
    let told = [1, 2, 3].map(|node| nodes.last_sequence(node));
    assert_eq!(told, [Some(1), Some(1), Some(0)], "before all have it");
    nodes.cluster.shrink_producer_window("t", 0, 0, false);
    assert_eq!(
        [1, 2].map(|node| nodes.last_sequence(node)),
        [None, Some(1)]
    );
    nodes.cluster.deny(Operation::Read, Some("t"), true);
    let denied = nodes.producers(2).error_code;
    assert_eq!(denied, ErrorCode::TOPIC_AUTHORIZATION_FAILED);
}

#[test]
fn metadata_tells_who_is_down_and_hides_what_is_denied() {
    let mut nodes = Nodes::start();
    nodes.cluster.stop_node(NOW, 3);
    let all = MetadataRequest {
        topics: None,
        ..Default::default()
    };
    let response = reply::<MetadataRequest>(nodes.ask(1, 12, &all), 12);
    let partition = &response.topics[0].partitions[0];
    assert_eq!(partition.replica_nodes, [1, 2, 3]);
    assert_eq!(
        (&partition.isr_nodes[..], &partition.offline_replicas[..]),
        (&[1, 2][..], &[3][..])
    );
    nodes.cluster.deny(Operation::Describe, None, true);
    let response = reply::<MetadataRequest>(nodes.ask(1, 12, &all), 12);
    assert!(response.topics.is_empty());
    let denied = ErrorCode::TOPIC_AUTHORIZATION_FAILED;
    let id = nodes.state().topic_id;
    for (topic_id, name) in [
        (id, None),
        (Uuid::ZERO, Some("t")),
        (Uuid::ZERO, Some("new")),
    ] {
        let name = name.map(str::to_owned);
        let request = MetadataRequest {
            topics: Some(vec![MetadataRequestTopic { topic_id, name }]),
            ..Default::default()
        };
        let response = reply::<MetadataRequest>(nodes.ask(1, 12, &request), 12);
        assert_eq!(response.topics[0].error_code, denied);
        assert!(response.topics[0].partitions.is_empty());
    }
    assert_eq!(
        nodes.cluster.topics().len(),
        1,
        "what is denied isn't created"
    );
}

#[test]
fn a_throttled_node_says_so_in_each_answer() {
    let mut nodes = Nodes::start();
    nodes.cluster.throttle(1, 50);
    let request = fetch_request("t", Uuid::ZERO, 0, 0);
    let fetch = reply::<FetchRequest>(nodes.ask(1, 11, &request), 11);
    let init = nodes.ask(1, 4, &InitProducerIdRequest::default());
    let init = reply::<InitProducerIdRequest>(init, 4);
    let metadata = reply::<MetadataRequest>(nodes.ask(1, 12, &MetadataRequest::default()), 12);
    let produce = reply::<ProduceRequest>(nodes.send(1, batch(&["a"])), 12);
    let told = [
        fetch.throttle_time_ms,
        init.throttle_time_ms,
        metadata.throttle_time_ms,
        produce.throttle_time_ms,
    ];
    assert_eq!(told, [50; 4]);
    let other = reply::<MetadataRequest>(nodes.ask(2, 12, &MetadataRequest::default()), 12);
    assert_eq!(other.throttle_time_ms, 0);
    nodes.cluster.throttle(1, 0);
    let produce = reply::<ProduceRequest>(nodes.send(1, batch(&["a"])), 12);
    assert_eq!(produce.throttle_time_ms, 0);
}

#[test]
fn an_old_node_refuses_new_version_requests_with_what_it_speaks() {
    let mut nodes = Nodes::start();
    nodes.cluster.limit_version(1, ApiKey::ApiVersions, 2);
    nodes
        .cluster
        .limit_version(1, ApiKey::DescribeProducers, -1);
    // A refusal is of version 0, whatever was asked for.
    let refused = nodes.ask(1, 3, &ApiVersionsRequest::default());
    let refused = reply::<ApiVersionsRequest>(refused, 0);
    assert_eq!(refused.error_code, ErrorCode::UNSUPPORTED_VERSION);
    assert_eq!(refused.api_keys[0].max_version, 2);
    let spoken = reply::<ApiVersionsRequest>(nodes.ask(1, 2, &ApiVersionsRequest::default()), 2);
    let describe = ApiKey::DescribeProducers as i16;
    assert!(spoken.api_keys.iter().all(|api| api.api_key != describe));
    let request = DescribeProducersRequest::default();
    assert!(matches!(nodes.ask(1, 0, &request), Outcome::Close(_)));
}

#[test]
fn a_duplicate_has_the_time_of_its_append() {
    let mut nodes = Nodes::start();
    let config = TopicConfig {
        log_append_time: true,
        ..TopicConfig::default()
    };
    nodes.cluster.set_topic_config("t", config);
    let first = answer(nodes.send(1, sequenced("a", 0)));
    let again = answer(nodes.send_at(LATER, 1, sequenced("a", 0)));
    let times = [first.log_append_time_ms, again.log_append_time_ms];
    assert_eq!(times, [NOW.unix_ms; 2]);
}
