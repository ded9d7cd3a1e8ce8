//! Fetch: reads records from partitions.

use super::definition::message;
use crate::error_code::ErrorCode;
use crate::primitives::{Records, Uuid};

message! {
    Fetch: FetchRequest => FetchResponse, versions 4..=18, flexible 12..;

    /// Reads records, waiting for them for a while. Versions before 10 don't allow zstd (KIP-110);
    /// version 13 names topics by their ids (KIP-516).
    pub struct FetchRequest {
        /// The cluster that the reader means to reach; null if it doesn't know.
        cluster_id: Option<String> [12.., tag 0, ignorable],
        /// The follower's broker id; -1 for a consumer.
        replica_id: i32 [..=14] = -1,
        /// The follower; the default for a consumer (KIP-903).
        replica_state: ReplicaState [15.., tag 1],
        /// How long to wait for `min_bytes`, in milliseconds.
        max_wait_ms: i32,
        /// How many bytes to wait for.
        min_bytes: i32,
        /// How many bytes to answer with at most; a first batch larger than that comes nonetheless (KIP-74).
        max_bytes: i32 = i32::MAX,
        /// 0: all records; 1: only those outside of transactions or in committed ones.
        isolation_level: i8,
        /// The fetch session (KIP-227); 0 for none.
        session_id: i32 [7.., ignorable],
        /// The request's place in its session; -1 for no session.
        session_epoch: i32 [7.., ignorable] = -1,
        /// The topics.
        topics: Vec<FetchTopic>,
        /// The partitions that the session shall forget.
        forgotten_topics_data: Vec<ForgottenTopic> [7..],
        /// The reader's rack, empty for none: a replica there may be read instead of the leader (KIP-392).
        rack_id: String [11.., ignorable],
    }

    /// A follower that fetches.
    pub struct ReplicaState {
        /// Its broker id; -1 for a consumer.
        replica_id: i32 = -1,
        /// Its broker epoch; -1 if it isn't known.
        replica_epoch: i64 = -1,
    }

    /// A topic to read.
    pub struct FetchTopic {
        /// Its name.
        topic: String [..=12, ignorable],
        /// Its id.
        topic_id: Uuid [13.., ignorable],
        /// Its partitions.
        partitions: Vec<FetchPartition>,
    }

    /// A partition to read.
    pub struct FetchPartition {
        /// Its number.
        partition: i32,
        /// The leader's epoch as the reader knows it; -1 to have it unchecked (KIP-320).
        current_leader_epoch: i32 [9.., ignorable] = -1,
        /// The offset to read from.
        fetch_offset: i64,
        /// The epoch of the last record that the reader has; -1 to have it unchecked.
        last_fetched_epoch: i32 [12..] = -1,
        /// The first offset that a follower still has; -1 for a consumer.
        log_start_offset: i64 [5.., ignorable] = -1,
        /// How many bytes to answer with at most; a first batch larger than that comes nonetheless (KIP-74).
        partition_max_bytes: i32,
        /// The follower's log directory; zero for none.
        replica_directory_id: Uuid [17.., tag 0, ignorable],
        /// The high watermark as the follower knows it: -1 if it doesn't, `i64::MAX` if it doesn't care (KIP-1166).
        high_watermark: i64 [18.., tag 1, ignorable] = i64::MAX,
    }

    /// Partitions that a session shall forget.
    pub struct ForgottenTopic {
        /// The topic's name.
        topic: String [..=12, ignorable],
        /// The topic's id.
        topic_id: Uuid [13.., ignorable],
        /// The partitions' numbers.
        partitions: Vec<i32>,
    }

    /// Records of the partitions asked for.
    pub struct FetchResponse {
        /// How long the client should pause, in milliseconds, because it exceeded a quota.
        throttle_time_ms: i32,
        /// The error of the whole request, or none.
        error_code: ErrorCode [7.., ignorable],
        /// The fetch session (KIP-227); 0 for none.
        session_id: i32 [7..],
        /// The topics. Within a session, those with news.
        responses: Vec<FetchableTopicResponse>,
        /// Where the leaders in `current_leader` can be reached (KIP-951).
        node_endpoints: Vec<NodeEndpoint> [16.., tag 0],
    }

    /// A topic in the answer.
    pub struct FetchableTopicResponse {
        /// Its name.
        topic: String [..=12, ignorable],
        /// Its id.
        topic_id: Uuid [13.., ignorable],
        /// Its partitions.
        partitions: Vec<PartitionData>,
    }

    /// A partition's records.
    pub struct PartitionData {
        /// The partition's number.
        partition_index: i32,
        /// The error, or none.
        error_code: ErrorCode,
        /// The offset below which all in-sync replicas have the records; consumers read up to there.
        high_watermark: i64,
        /// The offset below which all transactions are decided; -1 if it isn't known.
        last_stable_offset: i64 = -1,
        /// The first offset that the log still has; -1 if it isn't known.
        log_start_offset: i64 [5.., ignorable] = -1,
        /// Where the reader's log and this one part, if they do.
        diverging_epoch: EpochEndOffset [12.., tag 0],
        /// Whom to ask from now on, if this broker isn't the leader.
        current_leader: LeaderIdAndEpoch [12.., tag 1],
        /// The snapshot to fetch, if the offset lies before the log's start.
        snapshot_id: SnapshotId [12.., tag 2],
        /// The transactions among the records that were aborted; null unless the request has isolation level 1.
        aborted_transactions: Option<Vec<AbortedTransaction>>,
        /// The broker id of the replica to read from; -1 for the leader (KIP-392).
        preferred_read_replica: i32 [11..] = -1,
        /// Record batches in a row; the last one may be cut short.
        records: Option<Records>,
    }

    /// An epoch of a leader, and the offset at which it ended.
    pub struct EpochEndOffset {
        /// The epoch; -1 for none.
        epoch: i32 = -1,
        /// The offset after the epoch's last record; -1 for none.
        end_offset: i64 = -1,
    }

    /// The leader of a partition.
    pub struct LeaderIdAndEpoch {
        /// The leader's broker id; -1 if it isn't known.
        leader_id: i32 = -1,
        /// The leader's epoch; -1 if it isn't known.
        leader_epoch: i32 = -1,
    }

    /// A snapshot of the metadata log.
    pub struct SnapshotId {
        /// The offset after the snapshot's last record; -1 for none.
        end_offset: i64 = -1,
        /// The epoch of the snapshot's last record; -1 for none.
        epoch: i32 = -1,
    }

    /// A transaction that was aborted.
    pub struct AbortedTransaction {
        /// The producer's id.
        producer_id: i64,
        /// The offset of the transaction's first record.
        first_offset: i64,
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
