//! CreateTopics.
use std::collections::{BTreeMap, BTreeSet};

use raban_protocol::error_code::ErrorCode;
use raban_protocol::messages::create_topics::{
    CreatableTopic, CreatableTopicResult, CreateTopicsRequest, CreateTopicsResponse,
};

use super::{Context, refusal};
use crate::cluster::Cluster;
use crate::topics::Refusal;

pub(super) fn handle(
    cluster: &mut Cluster,
    context: &Context,
    request: CreateTopicsRequest,
) -> CreateTopicsResponse {
    let mut times_named: BTreeMap<&str, usize> = BTreeMap::new();
    for topic in &request.topics {
        *times_named.entry(&topic.name).or_default() += 1;
    }
    let mut results: Vec<(&CreatableTopic, Result<i32, Refusal>)> = Vec::new();
    let mut answered = BTreeSet::new();
    for topic in request.topics.iter().filter(|t| answered.insert(&t.name)) {
        let checked = if times_named[topic.name.as_str()] > 1 {
            Err((
                ErrorCode::INVALID_REQUEST,
                "Duplicate topic name.".to_owned(),
            ))
        } else {
            check(cluster, topic)
        };
        results.push((topic, checked));
    }
    if !request.validate_only {
        create(cluster, context, &mut results);
    }
    let topics = results
        .into_iter()
        .map(|(topic, result)| respond(cluster, topic, result));
    CreateTopicsResponse {
        topics: topics.collect(),
        ..Default::default()
    }
}

/// The number of partitions that the topic may be created with.
fn check(cluster: &Cluster, topic: &CreatableTopic) -> Result<i32, Refusal> {
    let by_hand = !topic.assignments.is_empty();
    if by_hand && (topic.num_partitions != -1 || topic.replication_factor != -1) {
        let message = "Both numPartitions or replicationFactor and replicasAssignments were set.";
        return Err((ErrorCode::INVALID_REQUEST, message.to_owned()));
    }
    let partitions = match topic.num_partitions {
        _ if by_hand => check_assignments(cluster, topic)?,
        -1 => cluster.config.default_partitions,
        count => count,
    };
    if !by_hand && !matches!(topic.replication_factor, -1 | 1) {
        let message = format!(
            "Unable to replicate the partition {} time(s): this cluster has 1 broker.",
            topic.replication_factor
        );
        return Err((ErrorCode::INVALID_REPLICATION_FACTOR, message));
    }
    cluster.topics.check_new(&topic.name, partitions)?;
    if let Some(config) = topic.configs.first() {
        let message = format!(
            "Topics of this broker have no settings, so not {} either.",
            config.name
        );
        return Err((ErrorCode::INVALID_CONFIG, message));
    }
    Ok(partitions)
}

fn check_assignments(cluster: &Cluster, topic: &CreatableTopic) -> Result<i32, Refusal> {
    let invalid = |message: &str| (ErrorCode::INVALID_REPLICA_ASSIGNMENT, message.to_owned());
    let mut indexes: Vec<i32> = topic
        .assignments
        .iter()
        .map(|a| a.partition_index)
        .collect();
    indexes.sort_unstable();
    if !(0..)
        .zip(&indexes)
        .all(|(expected, index)| expected == *index)
    {
        return Err(invalid(
            "Partitions should be a consecutive 0-based integer sequence.",
        ));
    }
    if topic
        .assignments
        .iter()
        .any(|a| a.broker_ids != [cluster.config.node_id])
    {
        return Err(invalid(
            "Each partition must be assigned to the one broker of this cluster.",
        ));
    }
    Ok(indexes.len() as i32)
}

fn create(
    cluster: &mut Cluster,
    context: &Context,
    results: &mut [(&CreatableTopic, Result<i32, Refusal>)],
) {
    let valid = results
        .iter()
        .filter_map(|(topic, result)| Some((topic.name.clone(), *result.as_ref().ok()?)));
    let wanted: Vec<(String, i32)> = valid.collect();
    let mut created = cluster
        .topics
        .create(&wanted, context.now.elapsed)
        .into_iter();
    for (_, result) in results.iter_mut().filter(|(_, result)| result.is_ok()) {
        if let Some(Err(refused)) = created.next() {
            *result = Err(refused);
        }
    }
}

fn respond(
    cluster: &Cluster,
    topic: &CreatableTopic,
    result: Result<i32, Refusal>,
) -> CreatableTopicResult {
    let partitions = result.as_ref().map_or(-1, |count| *count);
    let created = result.is_ok();
    let (error_code, error_message) = refusal(result.map(|_| ()));
    CreatableTopicResult {
        name: topic.name.clone(),
        topic_id: cluster
            .topics
            .get(&topic.name)
            .filter(|_| created)
            .map(|t| t.id)
            .unwrap_or_default(),
        error_code,
        error_message,
        num_partitions: partitions,
        replication_factor: if created { 1 } else { -1 },
        configs: created.then(Vec::new),
        ..Default::default()
    }
}
