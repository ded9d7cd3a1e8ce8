//! Produce: appends records to partitions.

use super::definition::message;
use crate::error_code::ErrorCode;
use crate::primitives::{Records, Uuid};

message! {
    Produce: ProduceRequest => ProduceResponse, versions 3..=13, flexible 9..;

    /// Appends records. With `acks` 0 there is no response at all. Versions 3 to 6 don't allow zstd
    /// (KIP-110); version 13 names topics by their ids (KIP-516).
    pub struct ProduceRequest {
        /// The transactional id; null for a producer without transactions.
        transactional_id: Option<String>,
        /// Whose acknowledgement is awaited: 0 nobody's, 1 the leader's, -1 that of all in-sync replicas.
        acks: i16,
        /// How long the leader waits for the in-sync replicas, in milliseconds.
        timeout_ms: i32,
        /// The topics; each may stand there once.
        topic_data: Vec<TopicProduceData>,
    }

    /// A topic to append to.
    pub struct TopicProduceData {
        /// Its name.
        name: String [..=12, ignorable],
        /// Its id.
        topic_id: Uuid [13.., ignorable],
        /// Its partitions; each may stand there once.
        partition_data: Vec<PartitionProduceData>,
    }

    /// A partition to append to.
    pub struct PartitionProduceData {
        /// Its number.
        index: i32,
        /// Exactly one record batch.
        records: Option<Records>,
    }

    /// What became of the records.
    pub struct ProduceResponse {
        /// The topics of the request.
        responses: Vec<TopicProduceResponse>,
        /// How long the client should pause, in milliseconds, because it exceeded a quota.
        throttle_time_ms: i32,
        /// Where the leaders in `current_leader` can be reached (KIP-951).
        node_endpoints: Vec<NodeEndpoint> [10.., tag 0],
    }

    /// A topic in the answer.
    pub struct TopicProduceResponse {
        /// Its name.
        name: String [..=12, ignorable],
        /// Its id.
        topic_id: Uuid [13.., ignorable],
        /// Its partitions.
        partition_responses: Vec<PartitionProduceResponse>,
    }

    /// What became of a partition's records.
    pub struct PartitionProduceResponse {
        /// The partition's number.
        index: i32,
        /// The error, or none.
        error_code: ErrorCode,
        /// The offset of the first record; -1 if there was an error.
        base_offset: i64,
        /// The broker's time of the append, in milliseconds since the epoch; -1 if the topic keeps the
        /// records' own timestamps.
        log_append_time_ms: i64 = -1,
        /// The first offset that the log still has; -1 if it isn't known.
        log_start_offset: i64 [5.., ignorable] = -1,
        /// The records that caused the batch to be refused (KIP-467).
        record_errors: Vec<BatchIndexAndErrorMessage> [8.., ignorable],
        /// Why the batch was refused, for people; null if there is nothing to say.
        error_message: Option<String> [8.., ignorable],
        /// Whom to send to from now on, if this broker isn't the leader (KIP-951).
        current_leader: LeaderIdAndEpoch [10.., tag 0],
    }

    /// A record that caused its batch to be refused.
    pub struct BatchIndexAndErrorMessage {
        /// The record's place in the batch, counted from 0.
        batch_index: i32,
        /// What is wrong with it, for people.
        batch_index_error_message: Option<String>,
    }

    /// The leader of a partition.
    pub struct LeaderIdAndEpoch {
        /// The leader's broker id; -1 if it isn't known.
        leader_id: i32 = -1,
        /// The leader's epoch; -1 if it isn't known.
        leader_epoch: i32 = -1,
    }

    /// Where a broker can be reached.
    pub struct NodeEndpoint {
        /// The broker's id.
        node_id: i32,
        /// Its host name.
        host: String,
        /// Its port.
        port: i32,
        /// Its rack; null if it has none.
        rack: Option<String>,
    }
}
