//! ListOffsets: the first offset, the next one, or the one of a timestamp (KIP-79, KIP-734).
use std::collections::BTreeSet;

use raban_protocol::error_code::ErrorCode;
use raban_protocol::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse,
    ListOffsetsTopicResponse,
};

use super::Context;
use crate::cluster::Cluster;
use crate::faults::Operation;
use crate::partition::Partition;

/// Timestamps with a meaning of their own, and the version that brought each.
const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: (i64, i16) = (-3, 7);
const EARLIEST_LOCAL: (i64, i16) = (-4, 8);
const LATEST_TIERED: (i64, i16) = (-5, 9);
const EARLIEST_PENDING_UPLOAD: (i64, i16) = (-6, 11);

/// The first version that knows this error (KIP-207).
const OFFSET_NOT_AVAILABLE: i16 = 5;

/// Offset, timestamp, leader epoch; -1 each if there is none.
type Position = (i64, i64, i32);
const NONE: Position = (-1, -1, -1);

pub(super) fn handle(
    cluster: &mut Cluster,
    context: &Context,
    request: ListOffsetsRequest,
) -> ListOffsetsResponse {
    let mut seen = BTreeSet::new();
    let mut duplicates = BTreeSet::new();
    for topic in &request.topics {
        for partition in &topic.partitions {
            let key = (topic.name.as_str(), partition.partition_index);
            if !seen.insert(key) {
                duplicates.insert(key);
            }
        }
    }
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|wanted| {
            let is_duplicate = duplicates.contains(&(topic.name.as_str(), wanted.partition_index));
            let position = match is_duplicate {
                true => Err(ErrorCode::INVALID_REQUEST),
                false => find(cluster, context, &topic.name, wanted),
            };
            respond(context.version, wanted.partition_index, position)
        });
        ListOffsetsTopicResponse {
            name: topic.name.clone(),
            partitions: partitions.collect(),
        }
    });
    ListOffsetsResponse {
        topics: topics.collect(),
        ..Default::default()
    }
}

fn find(
    cluster: &mut Cluster,
    context: &Context,
    topic: &str,
    wanted: &ListOffsetsPartition,
) -> Result<Position, ErrorCode> {
    if !is_supported(wanted.timestamp, context.version) {
        return Err(ErrorCode::UNSUPPORTED_VERSION);
    }
    if cluster.faults.is_denied(Operation::Describe, topic) {
        return Err(ErrorCode::TOPIC_AUTHORIZATION_FAILED);
    }
    let partition = cluster
        .topics
        .partition(context.node, topic, wanted.partition_index)?;
    partition.check_epoch(wanted.current_leader_epoch)?;
    let found = position(partition, wanted.timestamp).map_err(|error| {
        tracing::error!(topic, partition = wanted.partition_index, %error, "a timestamp can't be looked up");
        ErrorCode::KAFKA_STORAGE_ERROR
    })?;
    visible(partition, wanted.timestamp, found).ok_or(match context.version {
        ..OFFSET_NOT_AVAILABLE => ErrorCode::LEADER_NOT_AVAILABLE,
        _ => ErrorCode::OFFSET_NOT_AVAILABLE,
    })
}

/// What readers may be told of a position: nothing that lies beyond the high watermark. `None` if it isn't known yet how
/// far they see, since the replicas haven't what there was when the leader began to lead.
fn visible(partition: &Partition, timestamp: i64, found: Position) -> Option<Position> {
    let watermark = partition.high_watermark();
    let is_settled = partition.epochs.latest_start() <= Some(watermark);
    match timestamp {
        EARLIEST => Some(found),
        _ if timestamp == EARLIEST_LOCAL.0 => Some(found),
        LATEST => is_settled.then_some(found),
        _ if found.0 < watermark => Some(found),
        _ => is_settled.then_some(NONE),
    }
}

fn is_supported(timestamp: i64, version: i16) -> bool {
    let since = [
        MAX_TIMESTAMP,
        EARLIEST_LOCAL,
        LATEST_TIERED,
        EARLIEST_PENDING_UPLOAD,
    ];
    timestamp >= EARLIEST
        || since
            .iter()
            .any(|(special, min)| *special == timestamp && version >= *min)
}

fn position(partition: &mut Partition, timestamp: i64) -> Result<Position, raban_log::LogError> {
    let (start, end) = (partition.start_offset(), partition.high_watermark());
    let found = if timestamp == LATEST {
        return Ok((end, -1, partition.leader_epoch));
    } else if timestamp == EARLIEST || timestamp == EARLIEST_LOCAL.0 {
        Some((start, -1))
    } else if timestamp == MAX_TIMESTAMP.0 {
        partition.offset_of_max_timestamp()?
    } else if timestamp < 0 {
        // Nothing is kept elsewhere.
        None
    } else {
        partition.offset_for_timestamp(timestamp)?
    };
    let position = |(offset, timestamp)| {
        (
            offset,
            timestamp,
            partition.epochs.epoch_at(offset).unwrap_or(-1),
        )
    };
    Ok(found.map_or(NONE, position))
}

fn respond(
    version: i16,
    partition_index: i32,
    position: Result<Position, ErrorCode>,
) -> ListOffsetsPartitionResponse {
    let (error_code, (offset, timestamp, leader_epoch)) = match position {
        Ok(position) => (ErrorCode::NONE, position),
        Err(code) => (code, NONE),
    };
    ListOffsetsPartitionResponse {
        partition_index,
        error_code,
        timestamp,
        offset,
        // Before version 4 there is no place for it.
        leader_epoch: if version >= 4 { leader_epoch } else { -1 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_timestamps_have_their_versions() {
        for (timestamp, version, expected) in [
            (0, 1, true),
            (-1, 1, true),
            (-2, 1, true),
            (-3, 6, false),
            (-3, 7, true),
            (-4, 7, false),
            (-4, 11, true),
            (-5, 9, true),
            (-6, 10, false),
            (-6, 11, true),
            (-7, 11, false),
            (i64::MIN, 11, false),
        ] {
            assert_eq!(
                is_supported(timestamp, version),
                expected,
                "{timestamp} in version {version}"
            );
        }
    }
}
