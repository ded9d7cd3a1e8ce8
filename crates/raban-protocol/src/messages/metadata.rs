//! Metadata: brokers, topics, partitions and their leaders.

use super::definition::message;
use crate::error_code::ErrorCode;
use crate::primitives::Uuid;

message! {
    Metadata: MetadataRequest => MetadataResponse, versions 0..=13, flexible 9..;

    /// Asks for the cluster's brokers, and for topics.
    pub struct MetadataRequest {
        /// The topics; null asks for all of them, which version 0 says by an empty array.
        topics: Option<Vec<MetadataRequestTopic>> [0.., null 1..] = Some(Vec::new()),
        /// Whether a topic that doesn't exist may be created, if the broker does such things.
        allow_auto_topic_creation: bool [4..] = true,
        /// Whether to tell what the client may do to the cluster.
        include_cluster_authorized_operations: bool [8..=10],
        /// Whether to tell what the client may do to each topic.
        include_topic_authorized_operations: bool [8..],
    }

    /// A topic to ask for, by id or by name.
    pub struct MetadataRequestTopic {
        /// Its id; zero if the topic is named. Brokers understand ids from version 12.
        topic_id: Uuid [10.., ignorable],
        /// Its name; null if there is an id.
        name: Option<String> [0.., null 10..] = Some(String::new()),
    }

    /// The brokers, and the topics asked for.
    pub struct MetadataResponse {
        /// How long the client should pause, in milliseconds, because it exceeded a quota.
        throttle_time_ms: i32 [3.., ignorable],
        /// The brokers that are up.
        brokers: Vec<MetadataResponseBroker>,
        /// The cluster's id; null if it has none.
        cluster_id: Option<String> [2.., ignorable],
        /// The controller's broker id; -1 if it isn't known. With KRaft, some broker that is up.
        controller_id: i32 [1.., ignorable] = -1,
        /// The topics.
        topics: Vec<MetadataResponseTopic>,
        /// What the client may do to the cluster, a bit per operation; `i32::MIN` if it didn't ask.
        cluster_authorized_operations: i32 [8..=10] = i32::MIN,
        /// The error of the whole request, or none.
        error_code: ErrorCode [13.., ignorable],
    }

    /// A broker.
    pub struct MetadataResponseBroker {
        /// Its id.
        node_id: i32,
        /// Its host name.
        host: String,
        /// Its port.
        port: i32,
        /// Its rack; null if it has none.
        rack: Option<String> [1.., ignorable],
    }

    /// A topic.
    pub struct MetadataResponseTopic {
        /// The error, or none.
        error_code: ErrorCode,
        /// Its name; null if it was asked for by id and doesn't exist.
        name: Option<String> [0.., null 12..] = Some(String::new()),
        /// Its id; zero if it was asked for by name and doesn't exist.
        topic_id: Uuid [10.., ignorable],
        /// Whether it is one of Kafka's own.
        is_internal: bool [1.., ignorable],
        /// Its partitions, in any order.
        partitions: Vec<MetadataResponsePartition>,
        /// What the client may do to the topic, a bit per operation; `i32::MIN` if it didn't ask.
        topic_authorized_operations: i32 [8..] = i32::MIN,
    }

    /// A partition.
    pub struct MetadataResponsePartition {
        /// The error, or none. `REPLICA_NOT_AVAILABLE` doesn't keep the leader from serving.
        error_code: ErrorCode,
        /// Its number.
        partition_index: i32,
        /// The leader's broker id; -1 if there is none.
        leader_id: i32,
        /// The leader's epoch; -1 if it isn't known (KIP-320).
        leader_epoch: i32 [7.., ignorable] = -1,
        /// The brokers that have a replica.
        replica_nodes: Vec<i32>,
        /// Those of them that are in sync with the leader.
        isr_nodes: Vec<i32>,
        /// Those of them that are down.
        offline_replicas: Vec<i32> [5.., ignorable],
    }
}
