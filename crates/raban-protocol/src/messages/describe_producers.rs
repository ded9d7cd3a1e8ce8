//! DescribeProducers: the idempotent producers that a partition's leader knows (KIP-664).

use super::definition::message;
use crate::error_code::ErrorCode;

message! {
    DescribeProducers: DescribeProducersRequest => DescribeProducersResponse, versions 0..=0, flexible 0..;

    /// Asks the leaders of partitions for the producers they know.
    pub struct DescribeProducersRequest {
        /// The topics.
        topics: Vec<TopicRequest>,
    }

    /// A topic to ask for.
    pub struct TopicRequest {
        /// Its name.
        name: String,
        /// Its partitions' numbers.
        partition_indexes: Vec<i32>,
    }

    /// The producers of the partitions asked for.
    pub struct DescribeProducersResponse {
        /// How long the client should pause, in milliseconds, because it exceeded a quota.
        throttle_time_ms: i32,
        /// The topics.
        topics: Vec<TopicResponse>,
    }

    /// A topic in the answer.
    pub struct TopicResponse {
        /// Its name.
        name: String,
        /// Its partitions.
        partitions: Vec<PartitionResponse>,
    }

    /// A partition's producers.
    pub struct PartitionResponse {
        /// The partition's number.
        partition_index: i32,
        /// The error, or none.
        error_code: ErrorCode,
        /// What went wrong, for people; null if there is nothing to say.
        error_message: Option<String>,
        /// The producers that wrote here and haven't expired.
        active_producers: Vec<ProducerState>,
    }

    /// What a partition's leader knows of a producer.
    pub struct ProducerState {
        /// Its id.
        producer_id: i64,
        /// Its epoch.
        producer_epoch: i32,
        /// The sequence number of its last record here; -1 if that isn't known.
        last_sequence: i32 = -1,
        /// When it last wrote here, in milliseconds since the epoch; -1 if that isn't known.
        last_timestamp: i64 = -1,
        /// The epoch of its transaction coordinator.
        coordinator_epoch: i32,
        /// The offset where its open transaction starts; -1 if there is none.
        current_txn_start_offset: i64 = -1,
    }
}
