//! OffsetForLeaderEpoch: where a leader epoch ended (KIP-279, KIP-320).
use raban_protocol::error_code::ErrorCode;
use raban_protocol::messages::offset_for_leader_epoch::{
    EpochEndOffset, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
    OffsetForLeaderPartition, OffsetForLeaderTopicResult,
};

use super::Context;
use crate::cluster::Cluster;
use crate::faults::Operation;

pub(super) fn handle(
    cluster: &mut Cluster,
    context: &Context,
    request: OffsetForLeaderEpochRequest,
) -> OffsetForLeaderEpochResponse {
    let topics = request.topics.into_iter().map(|topic| {
        let ends = topic
            .partitions
            .iter()
            .map(|p| end_offset(cluster, context, &topic.topic, p));
        let partitions = ends.collect();
        OffsetForLeaderTopicResult {
            topic: topic.topic,
            partitions,
        }
    });
    OffsetForLeaderEpochResponse {
        topics: topics.collect(),
        ..Default::default()
    }
}

fn end_offset(
    cluster: &mut Cluster,
    context: &Context,
    topic: &str,
    request: &OffsetForLeaderPartition,
) -> EpochEndOffset {
    let denied = cluster.faults.is_denied(Operation::Describe, topic);
    let partition = match denied {
        true => Err(ErrorCode::TOPIC_AUTHORIZATION_FAILED),
        false => cluster
            .topics
            .partition(context.node, topic, request.partition),
    };
    let found = partition.and_then(|partition| {
        partition.check_epoch(request.current_leader_epoch)?;
        Ok(partition
            .epochs
            .end_offset(request.leader_epoch, partition.end_offset()))
    });
    let (error_code, end) = match found {
        Ok(end) => (ErrorCode::NONE, end),
        Err(code) => (code, None),
    };
    let (leader_epoch, end_offset) = end.unwrap_or((-1, -1));
    EpochEndOffset {
        error_code,
        partition: request.partition,
        leader_epoch,
        end_offset,
    }
}
