//! ListOffsets: a partition's first and next offset, or the offset at a time.

use super::definition::message;
use crate::error_code::ErrorCode;

message! {
    ListOffsets: ListOffsetsRequest => ListOffsetsResponse, versions 1..=11, flexible 6..;

    /// Asks for one offset per partition.
    pub struct ListOffsetsRequest {
        /// The follower's broker id; -1 for a consumer.
        replica_id: i32,
        /// 0: the next offset is the high watermark; 1: it is the last stable offset.
        isolation_level: i8 [2..],
        /// The topics.
        topics: Vec<ListOffsetsTopic>,
        /// How long to wait for remote storage, in milliseconds (KIP-1075).
        timeout_ms: i32 [10.., ignorable],
    }

    /// A topic to ask for.
    pub struct ListOffsetsTopic {
        /// Its name.
        name: String,
        /// Its partitions.
        partitions: Vec<ListOffsetsPartition>,
    }

    /// A partition to ask for.
    pub struct ListOffsetsPartition {
        /// Its number.
        partition_index: i32,
        /// The leader's epoch as the client knows it; -1 to have it unchecked (KIP-320).
        current_leader_epoch: i32 [4.., ignorable] = -1,
        /// Milliseconds since the epoch: asks for the first record that isn't older. -1 asks for the next
        /// offset, -2 for the first one, -3 for the record with the highest timestamp (from version 7),
        /// -4 for the first offset in local storage (8), -5 for the last one in remote storage (9), -6 for the
        /// first one that waits for upload (11).
        timestamp: i64,
    }

    /// The offsets asked for.
    pub struct ListOffsetsResponse {
        /// How long the client should pause, in milliseconds, because it exceeded a quota.
        throttle_time_ms: i32 [2.., ignorable],
        /// The topics.
        topics: Vec<ListOffsetsTopicResponse>,
    }

    /// A topic in the answer.
    pub struct ListOffsetsTopicResponse {
        /// Its name.
        name: String,
        /// Its partitions.
        partitions: Vec<ListOffsetsPartitionResponse>,
    }

    /// A partition's offset.
    pub struct ListOffsetsPartitionResponse {
        /// The partition's number.
        partition_index: i32,
        /// The error, or none.
        error_code: ErrorCode,
        /// The record's timestamp, in milliseconds since the epoch; -1 for none.
        timestamp: i64 = -1,
        /// The offset; -1 if there is no such record.
        offset: i64 = -1,
        /// The epoch of the leader that wrote the record; -1 if it isn't known.
        leader_epoch: i32 [4..] = -1,
    }
}
