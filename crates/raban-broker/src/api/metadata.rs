//! Metadata: the brokers, the topics and who leads their partitions; creates topics on the way.
use std::collections::BTreeSet;

use raban_protocol::error_code::ErrorCode;
use raban_protocol::messages::metadata::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseBroker,
    MetadataResponsePartition, MetadataResponseTopic,
};
use raban_protocol::primitives::Uuid;

use super::Context;
use crate::cluster::Cluster;
use crate::faults::Operation;
use crate::partition::{NO_LEADER, Partition};
use crate::topic_name;
use crate::topics::Topic;

/// Topics that Apache Kafka itself writes to.
const INTERNAL: [&str; 3] = [
    "__consumer_offsets",
    "__transaction_state",
    "__share_group_state",
];

pub(super) fn handle(
    cluster: &mut Cluster,
    context: &Context,
    request: MetadataRequest,
) -> MetadataResponse {
    let topics = match request.topics {
        // In version 0 an empty list means all topics.
        Some(topics) if context.version > 0 || !topics.is_empty() => {
            let may_create = request.allow_auto_topic_creation && cluster.config.auto_create_topics;
            named(cluster, context, topics, may_create)
        }
        _ => cluster
            .topics
            .iter()
            .filter(|(name, _)| !cluster.faults.is_denied(Operation::Describe, name))
            .map(|(name, topic)| describe(name, topic))
            .collect(),
    };
    MetadataResponse {
        brokers: cluster
            .topics
            .nodes
            .up()
            .map(|node| broker(cluster, context, node))
            .collect(),
        cluster_id: Some(cluster.topics.cluster_id().to_owned()),
        controller_id: cluster.topics.nodes.up().next().unwrap_or(context.node),
        topics,
        ..Default::default()
    }
}

fn broker(cluster: &Cluster, context: &Context, node: i32) -> MetadataResponseBroker {
    let (host, port) = cluster.address(node, context.connection);
    MetadataResponseBroker {
        node_id: node,
        host,
        port: i32::from(port),
        ..Default::default()
    }
}

/// The topics that a request names, each once.
fn named(
    cluster: &mut Cluster,
    context: &Context,
    topics: Vec<MetadataRequestTopic>,
    may_create: bool,
) -> Vec<MetadataResponseTopic> {
    let by_id = topics.iter().any(|t| !t.topic_id.is_zero());
    if context.version < 12 && (by_id || topics.iter().any(|t| t.name.is_none())) {
        let refused = |t: MetadataRequestTopic| {
            // A null name can't be answered in these versions.
            let name = t.name.unwrap_or_default();
            failed(Some(name), t.topic_id, ErrorCode::INVALID_REQUEST)
        };
        return topics.into_iter().map(refused).collect();
    }
    if by_id {
        let ids: BTreeSet<Uuid> = topics
            .iter()
            .map(|t| t.topic_id)
            .filter(|id| !id.is_zero())
            .collect();
        return ids.into_iter().map(|id| by_topic_id(cluster, id)).collect();
    }
    let names: BTreeSet<String> = topics.into_iter().filter_map(|t| t.name).collect();
    if may_create {
        create(cluster, context, &names);
    }
    names
        .into_iter()
        .map(|name| by_name(cluster, name, may_create))
        .collect()
}

fn by_topic_id(cluster: &Cluster, id: Uuid) -> MetadataResponseTopic {
    let found = cluster
        .topics
        .name_of(id)
        .and_then(|name| Some((name, cluster.topics.get(name)?)));
    match found {
        Some((name, _)) if cluster.faults.is_denied(Operation::Describe, name) => {
            failed(None, id, ErrorCode::TOPIC_AUTHORIZATION_FAILED)
        }
        Some((name, topic)) => describe(name, topic),
        None => failed(None, id, ErrorCode::UNKNOWN_TOPIC_ID),
    }
}

fn by_name(cluster: &Cluster, name: String, may_create: bool) -> MetadataResponseTopic {
    if cluster.faults.is_denied(Operation::Describe, &name) {
        return failed(
            Some(name),
            Uuid::ZERO,
            ErrorCode::TOPIC_AUTHORIZATION_FAILED,
        );
    }
    if let Some(topic) = cluster.topics.get(&name) {
        return describe(&name, topic);
    }
    // Where topics may be created, this one could not be, for a reason that stands.
    let refused = cluster
        .topics
        .check_new(&name, cluster.config.default_partitions);
    let code = match refused {
        Err((code, _)) if may_create => code,
        _ if topic_name::check(&name).is_err() => ErrorCode::INVALID_TOPIC_EXCEPTION,
        _ => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
    };
    failed(Some(name), Uuid::ZERO, code)
}

fn create(cluster: &mut Cluster, context: &Context, names: &BTreeSet<String>) {
    let missing = names.iter().filter(|name| {
        cluster.topics.get(name).is_none() && !cluster.faults.is_denied(Operation::Describe, name)
    });
    let wanted: Vec<(String, i32)> = missing
        .map(|name| (name.clone(), cluster.config.default_partitions))
        .collect();
    if wanted.is_empty() {
        return;
    }
    let created = cluster.topics.create(&wanted, context.now.elapsed);
    for ((topic, _), result) in wanted.iter().zip(created) {
        match result {
            Ok(()) => tracing::info!(topic, "created a topic that a client asked for"),
            Err((code, reason)) => tracing::debug!(topic, %code, reason, "did not create a topic"),
        }
    }
}

fn describe(name: &str, topic: &Topic) -> MetadataResponseTopic {
    let partition = |(partition_index, partition): (i32, &Partition)| MetadataResponsePartition {
        error_code: match partition.leader {
            NO_LEADER => ErrorCode::LEADER_NOT_AVAILABLE,
            _ => ErrorCode::NONE,
        },
        partition_index,
        leader_id: partition.leader,
        leader_epoch: partition.leader_epoch,
        replica_nodes: partition.replicas.nodes(|_| true),
        isr_nodes: partition.replicas.in_sync(),
        offline_replicas: partition.replicas.nodes(|replica| !replica.is_up),
    };
    MetadataResponseTopic {
        error_code: ErrorCode::NONE,
        name: Some(name.to_owned()),
        topic_id: topic.id,
        is_internal: INTERNAL.contains(&name),
        partitions: (0..).zip(&topic.partitions).map(partition).collect(),
        ..Default::default()
    }
}

fn failed(name: Option<String>, topic_id: Uuid, error_code: ErrorCode) -> MetadataResponseTopic {
    MetadataResponseTopic {
        error_code,
        name,
        topic_id,
        ..Default::default()
    }
}
