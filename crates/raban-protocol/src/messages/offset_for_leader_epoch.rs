//! OffsetForLeaderEpoch: where the records of a leader's epoch end, to find out where logs part (KIP-320).

use super::definition::message;
use crate::error_code::ErrorCode;

message! {
    OffsetForLeaderEpoch: OffsetForLeaderEpochRequest => OffsetForLeaderEpochResponse, versions 2..=4, flexible 4..;

    /// Asks for the end of an epoch in each partition.
    pub struct OffsetForLeaderEpochRequest {
        /// The follower's broker id; -1 for a consumer, -2 for one that may see beyond the high watermark.
        replica_id: i32 [3.., ignorable] = -2,
        /// The topics.
        topics: Vec<OffsetForLeaderTopic>,
    }

    /// A topic to ask for.
    pub struct OffsetForLeaderTopic {
        /// Its name.
        topic: String,
        /// Its partitions.
        partitions: Vec<OffsetForLeaderPartition>,
    }

    /// A partition to ask for.
    pub struct OffsetForLeaderPartition {
        /// Its number.
        partition: i32,
        /// The leader's epoch as the client knows it; -1 to have it unchecked.
        current_leader_epoch: i32 = -1,
        /// The epoch whose end is asked for.
        leader_epoch: i32,
    }

    /// The ends asked for.
    pub struct OffsetForLeaderEpochResponse {
        /// How long the client should pause, in milliseconds, because it exceeded a quota.
        throttle_time_ms: i32,
        /// The topics.
        topics: Vec<OffsetForLeaderTopicResult>,
    }

    /// A topic in the answer.
    pub struct OffsetForLeaderTopicResult {
        /// Its name.
        topic: String,
        /// Its partitions.
        partitions: Vec<EpochEndOffset>,
    }

    /// Where an epoch ends in a partition.
    pub struct EpochEndOffset {
        /// The error, or none.
        error_code: ErrorCode,
        /// The partition's number.
        partition: i32,
        /// The largest epoch in the log that isn't above the one asked for; -1 if there is none.
        leader_epoch: i32 = -1,
        /// The offset after that epoch's last record; -1 if there is none.
        end_offset: i64 = -1,
    }
}
