//! CreateTopics: creates topics.

use super::definition::message;
use crate::error_code::ErrorCode;
use crate::primitives::Uuid;

message! {
    CreateTopics: CreateTopicsRequest => CreateTopicsResponse, versions 2..=7, flexible 5..;

    /// Creates topics.
    pub struct CreateTopicsRequest {
        /// The topics.
        topics: Vec<CreatableTopic>,
        /// How long to wait for the creation, in milliseconds.
        timeout_ms: i32 = 60_000,
        /// Whether only to check that the topics could be created.
        validate_only: bool,
    }

    /// A topic to create.
    pub struct CreatableTopic {
        /// Its name.
        name: String,
        /// How many partitions; -1 for the broker's default (from version 4), or with `assignments`.
        num_partitions: i32,
        /// How many replicas of each; -1 for the broker's default (from version 4), or with `assignments`.
        replication_factor: i16,
        /// Which brokers have which partition; empty to let the broker choose.
        assignments: Vec<CreatableReplicaAssignment>,
        /// The topic's own settings.
        configs: Vec<CreatableTopicConfig>,
    }

    /// The brokers that have a partition.
    pub struct CreatableReplicaAssignment {
        /// The partition's number.
        partition_index: i32,
        /// The brokers' ids, the preferred leader first.
        broker_ids: Vec<i32>,
    }

    /// A setting of a topic.
    pub struct CreatableTopicConfig {
        /// Its name.
        name: String,
        /// Its value; null for the default.
        value: Option<String>,
    }

    /// What became of the topics.
    pub struct CreateTopicsResponse {
        /// How long the client should pause, in milliseconds, because it exceeded a quota.
        throttle_time_ms: i32,
        /// The topics of the request.
        topics: Vec<CreatableTopicResult>,
    }

    /// What became of a topic.
    pub struct CreatableTopicResult {
        /// Its name.
        name: String,
        /// Its id; zero if it wasn't created.
        topic_id: Uuid [7.., ignorable],
        /// The error, or none.
        error_code: ErrorCode,
        /// What went wrong, for people; null if nothing did.
        error_message: Option<String>,
        /// Why `configs` is missing; none if it isn't.
        topic_config_error_code: ErrorCode [5.., tag 0, ignorable],
        /// How many partitions it has; -1 if that isn't known.
        num_partitions: i32 [5.., ignorable] = -1,
        /// How many replicas each of them has; -1 if that isn't known.
        replication_factor: i16 [5.., ignorable] = -1,
        /// The settings in force for it; null if the client may not see them (KIP-525).
        configs: Option<Vec<CreatableTopicConfigs>> [5.., ignorable] = Some(Vec::new()),
    }

    /// A setting in force for a topic.
    pub struct CreatableTopicConfigs {
        /// Its name.
        name: String,
        /// Its value; null if it is sensitive or has none.
        value: Option<String>,
        /// Whether it can't be changed.
        read_only: bool,
        /// Where it comes from: 1 the topic, 2 the broker as changed at run time, 3 all brokers likewise,
        /// 4 the broker's file, 5 the default; -1 if that isn't known.
        config_source: i8 = -1,
        /// Whether its value is secret.
        is_sensitive: bool,
    }
}
