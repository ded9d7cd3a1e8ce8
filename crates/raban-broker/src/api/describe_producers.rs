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
    let partition = match cluster.faults.is_denied(Operation::Read, topic) {
        true => Err(ErrorCode::TOPIC_AUTHORIZATION_FAILED),
        false => cluster.topics.partition(context.node, topic, index),
    };
    let partition = match partition {
        Ok(partition) => partition,
        Err(code) => {
            return PartitionResponse {
                partition_index: index,
                error_code: code,
                error_message: Some(code.message().to_owned()),
                ..Default::default()
            };
        }
    };
    let producers = partition
        .producers
        .iter()
        .map(|(producer_id, state)| ProducerState {
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
