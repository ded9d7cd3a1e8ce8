//! DeleteTopics: topics and their records go, by name or id (KIP-516).
use raban_protocol::error_code::ErrorCode;
use raban_protocol::messages::delete_topics::{
    DeletableTopicResult, DeleteTopicsRequest, DeleteTopicsResponse,
};
use raban_protocol::primitives::Uuid;

use super::refusal;
use crate::cluster::Cluster;
use crate::topics::Refusal;

pub(super) fn handle(cluster: &mut Cluster, request: DeleteTopicsRequest) -> DeleteTopicsResponse {
    // Up to version 5 there is a list of names, afterwards one of names or ids.
    let by_name = request
        .topic_names
        .into_iter()
        .map(|name| (Some(name), Uuid::ZERO));
    let by_either = request
        .topics
        .into_iter()
        .map(|topic| (topic.name, topic.topic_id));
    let wanted: Vec<_> = by_name.chain(by_either).collect();
    let responses = wanted.into_iter().map(|(name, id)| {
        let found = find(cluster, name, id);
        let (name, topic_id, result) = match found {
            Err((name, refused)) => (name, id, Err(refused)),
            Ok(name) => match delete(cluster, &name) {
                Ok(id) => (Some(name), id, Ok(())),
                Err(refused) => (Some(name), id, Err(refused)),
            },
        };
        let (error_code, error_message) = refusal(result);
        DeletableTopicResult {
            name,
            topic_id,
            error_code,
            error_message,
        }
    });
    DeleteTopicsResponse {
        responses: responses.collect(),
        ..Default::default()
    }
}

/// The name of the topic that is meant, or what the response says of it.
fn find(
    cluster: &Cluster,
    name: Option<String>,
    id: Uuid,
) -> Result<String, (Option<String>, Refusal)> {
    match name {
        Some(name) if id.is_zero() => Ok(name),
        None if !id.is_zero() => {
            let name = cluster.topics.name_of(id).map(str::to_owned);
            name.ok_or_else(|| {
                let code = ErrorCode::UNKNOWN_TOPIC_ID;
                (None, (code, code.message().to_owned()))
            })
        }
        name => {
            let message = "You must specify either a topic name or a topic id.".to_owned();
            Err((name, (ErrorCode::INVALID_REQUEST, message)))
        }
    }
}

fn delete(cluster: &mut Cluster, name: &str) -> Result<Uuid, Refusal> {
    let topic = cluster.topics.delete(name)?;
    for (index, _) in (0..).zip(&topic.partitions) {
        cluster.waiting.changed((topic.id.0, index));
    }
    Ok(topic.id)
}
