//! Produce: batches are checked and appended.
use bytes::Bytes;
use raban_protocol::error_code::ErrorCode;
use raban_protocol::messages::produce::{
    BatchIndexAndErrorMessage, PartitionProduceData, PartitionProduceResponse, ProduceRequest,
    ProduceResponse, TopicProduceData, TopicProduceResponse,
};
use raban_protocol::primitives::Reader;

use super::{Context, decode, reply};
use crate::cluster::{Cluster, Outcome};
use crate::partition::Produced;
use crate::validate::{Rejection, Rules, check};

pub(super) fn handle(cluster: &mut Cluster, context: &Context, body: Reader) -> Outcome {
    let request = match decode::<ProduceRequest>(context, body) {
        Ok(request) => request,
        Err(reason) => return Outcome::Close(reason),
    };
    let acks = request.acks;
    let topics = request
        .topic_data
        .into_iter()
        .map(|topic| produce_topic(cluster, context, acks, topic));
    let response = ProduceResponse {
        responses: topics.collect(),
        ..Default::default()
    };
    if acks != 0 {
        return reply::<ProduceRequest>(context, &response);
    }
    // No response is expected, so a failure can only be told by closing the connection.
    let mut partitions = response
        .responses
        .iter()
        .flat_map(|t| &t.partition_responses);
    match partitions.find(|p| !p.error_code.is_none()) {
        None => Outcome::NoReply,
        Some(failed) => Outcome::Close(format!(
            "a Produce request with acks=0 failed: {}, {}",
            failed.error_code,
            failed.error_message.as_deref().unwrap_or_default()
        )),
    }
}

fn produce_topic(
    cluster: &mut Cluster,
    context: &Context,
    acks: i16,
    topic: TopicProduceData,
) -> TopicProduceResponse {
    // From version 13 on topics are named by their ids.
    let name = if topic.topic_id.is_zero() {
        Ok(topic.name.clone())
    } else {
        let name = cluster.topics.name_of(topic.topic_id).map(str::to_owned);
        name.ok_or(ErrorCode::UNKNOWN_TOPIC_ID)
    };
    let name = if context.version >= 13 && topic.topic_id.is_zero() {
        Err(ErrorCode::UNKNOWN_TOPIC_ID)
    } else {
        name
    };
    let partitions = topic.partition_data.into_iter().map(|data| {
        let index = data.index;
        let produced = match &name {
            Ok(name) => produce(cluster, context, acks, name, data),
            Err(code) => Err(Rejection::new(*code, code.message())),
        };
        respond(index, produced)
    });
    TopicProduceResponse {
        partition_responses: partitions.collect(),
        name: topic.name,
        topic_id: topic.topic_id,
    }
}

/// Appends one partition's batch; answers with where it is and the log's start offset.
fn produce(
    cluster: &mut Cluster,
    context: &Context,
    acks: i16,
    topic: &str,
    data: PartitionProduceData,
) -> Result<(Produced, i64), Rejection> {
    let plain = |code: ErrorCode| Rejection::new(code, code.message());
    let id = cluster.topics.get(topic).map(|t| t.id).unwrap_or_default();
    let partition = cluster
        .topics
        .partition(context.node, topic, data.index)
        .map_err(plain)?;
    if !matches!(acks, -1..=1) {
        return Err(plain(ErrorCode::INVALID_REQUIRED_ACKS));
    }
    let batch = data
        .records
        .map_or_else(Bytes::new, |records| records.into_bytes());
    let rules = Rules {
        version: context.version,
        max_message_bytes: cluster.config.max_message_bytes,
        now_ms: context.now.unix_ms,
        each_record: partition.keeps_records(),
    };
    let header = check(&batch, rules)?;
    let produced = partition.produce(context.now.elapsed, &header, &batch)?;
    let log_start_offset = partition.start_offset();
    if produced.grown > 0 {
        cluster.waiting.grown((id.0, data.index), produced.grown);
    }
    Ok((produced, log_start_offset))
}

fn respond(index: i32, produced: Result<(Produced, i64), Rejection>) -> PartitionProduceResponse {
    match produced {
        Ok((produced, log_start_offset)) => PartitionProduceResponse {
            index,
            error_code: ErrorCode::NONE,
            base_offset: produced.base_offset,
            log_append_time_ms: produced.log_append_time_ms,
            log_start_offset,
            ..Default::default()
        },
        Err(rejection) => {
            let record_errors = rejection.record.into_iter().map(|(batch_index, message)| {
                BatchIndexAndErrorMessage {
                    batch_index,
                    batch_index_error_message: Some(message),
                }
            });
            PartitionProduceResponse {
                index,
                error_code: rejection.code,
                base_offset: -1,
                log_append_time_ms: -1,
                log_start_offset: -1,
                record_errors: record_errors.collect(),
                error_message: Some(rejection.message),
                ..Default::default()
            }
        }
    }
}
