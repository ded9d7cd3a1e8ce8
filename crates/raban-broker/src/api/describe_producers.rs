//! DescribeProducers: which producer ids a partition knows, and their last sequences (KIP-664).
use std::collections::BTreeMap;

use raban_protocol::error_code::ErrorCode;
use raban_protocol::messages::describe_producers::{
    DescribeProducersRequest, DescribeProducersResponse, PartitionResponse, ProducerState,
    TopicResponse,
};

use super::Context;
use crate::cluster::Cluster;
use crate::faults::Operation;
use crate::producer_state::ProducerStates;

pub(super) fn handle(
    cluster: &mut Cluster,
    context: &Context,
    request: DescribeProducersRequest,
) -> DescribeProducersResponse {
    // A partition that is named again and again is answered once, so that a response can't grow far beyond its request.
    let mut wanted: BTreeMap<String, Vec<i32>> = BTreeMap::new();
    for topic in request.topics {
        wanted
            .entry(topic.name)
            .or_default()
            .extend(topic.partition_indexes);
    }
    let topics = wanted.into_iter().map(|(name, mut indexes)| {
        indexes.sort_unstable();
        indexes.dedup();
        let partitions = indexes
            .into_iter()
            .map(|index| describe(cluster, context, &name, index));
        let partitions = partitions.collect();
        TopicResponse { name, partitions }
    });
    DescribeProducersResponse {
        topics: topics.collect(),
        ..Default::default()
    }
}

fn describe(
    cluster: &mut Cluster,
    context: &Context,
    topic: &str,
    index: i32,
) -> PartitionResponse {
    let known = match cluster.faults.is_denied(Operation::Read, topic) {
        true => Err(ErrorCode::TOPIC_AUTHORIZATION_FAILED),
        false => known(cluster, context.node, topic, index),
    };
    let known = match known {
        Ok(known) => known,
        Err(code) => {
            return PartitionResponse {
                partition_index: index,
                error_code: code,
                error_message: Some(code.message().to_owned()),
                ..Default::default()
            };
        }
    };
    let producers = known.iter().map(|(producer_id, state)| ProducerState {
        producer_id,
        producer_epoch: i32::from(state.epoch),
        last_sequence: state.last_sequence(),
        last_timestamp: state.last_timestamp(),
        coordinator_epoch: -1,
        current_txn_start_offset: -1,
    });
    PartitionResponse {
        partition_index: index,
        error_code: ErrorCode::NONE,
        active_producers: producers.collect(),
        ..Default::default()
    }
}

/// What a node knows of a partition's producers: any replica answers, with what it has copied so far.
fn known<'a>(
    cluster: &'a mut Cluster,
    node: i32,
    topic: &str,
    index: i32,
) -> Result<&'a ProducerStates, ErrorCode> {
    let found = cluster.topics.any_partition(topic, index);
    let (_, partition) = found.ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
    if partition.leader == node {
        return Ok(&partition.producers);
    }
    let replica = partition.replicas.get(node);
    let replica = replica.ok_or(ErrorCode::NOT_LEADER_OR_FOLLOWER)?;
    Ok(&replica.producers)
}
