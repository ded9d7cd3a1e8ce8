//! Produce: batches are checked and appended; with acks=all the answer waits until all in-sync replicas have them.
use std::time::Duration;

use bytes::Bytes;
use raban_protocol::error_code::ErrorCode;
use raban_protocol::messages::produce::{
    BatchIndexAndErrorMessage, PartitionProduceData, PartitionProduceResponse, ProduceRequest,
    ProduceResponse, TopicProduceData, TopicProduceResponse,
};
use raban_protocol::primitives::Reader;

use super::produce_wait::{ParkedProduce, Wait, answer, answer_or_park};
use super::{Context, decode};
use crate::cluster::{Cluster, Outcome};
use crate::faults::Operation;
use crate::partition::Produced;
use crate::validate::{Rejection, Rules, check, stamp_append_time};

/// The first version that names topics by their ids (KIP-516).
const BY_TOPIC_ID: i16 = 13;
/// A request waits no longer than this, whatever it asks for.
const MAX_WAIT: Duration = Duration::from_secs(300);
const ACKS_ALL: i16 = -1;

pub(super) fn handle(cluster: &mut Cluster, context: &Context, body: Reader) -> Outcome {
    let request = match decode::<ProduceRequest>(context, body) {
        Ok(request) => request,
        Err(reason) => return Outcome::Close(reason),
    };
    let acks = request.acks;
    let mut waits = Vec::new();
    let topics = request.topic_data.into_iter().enumerate();
    let responses =
        topics.map(|(at, topic)| produce_topic(cluster, context, acks, topic, at, &mut waits));
    let response = ProduceResponse {
        responses: responses.collect(),
        ..Default::default()
    };
    if acks == 0 {
        return without_answer(&response);
    }
    if waits.is_empty() {
        return answer(cluster, context, response);
    }
    let wait = Duration::from_millis(u64::try_from(request.timeout_ms).unwrap_or(0));
    let deadline = context.now.elapsed.saturating_add(wait.min(MAX_WAIT));
    let parked = ParkedProduce {
        context: *context,
        response,
        waits,
    };
    answer_or_park(cluster, parked, deadline)
}

/// No response is expected, so a failure can only be told by closing the connection.
fn without_answer(response: &ProduceResponse) -> Outcome {
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
    topic_at: usize,
    waits: &mut Vec<Wait>,
) -> TopicProduceResponse {
    // From version 13 on topics are named by their ids.
    let name = if topic.topic_id.is_zero() {
        Ok(topic.name.clone())
    } else {
        let name = cluster.topics.name_of(topic.topic_id).map(str::to_owned);
        name.ok_or(ErrorCode::UNKNOWN_TOPIC_ID)
    };
    let name = if context.version >= BY_TOPIC_ID && topic.topic_id.is_zero() {
        Err(ErrorCode::UNKNOWN_TOPIC_ID)
    } else {
        name
    };
    let partitions = topic.partition_data.into_iter().enumerate();
    let answers = partitions.map(|(at, data)| {
        let index = data.index;
        let produced = match &name {
            Ok(name) => produce(cluster, context, acks, name, data, (topic_at, at)),
            Err(code) => Err(Rejection::new(*code, code.message())),
        };
        let produced = produced.map(|(appended, wait)| {
            waits.extend(wait);
            appended
        });
        let mut answer = respond(index, produced);
        belie(cluster, context, &mut answer);
        answer
    });
    TopicProduceResponse {
        partition_responses: answers.collect(),
        name: topic.name,
        topic_id: topic.topic_id,
    }
}

/// Where a batch is, and the log's start offset.
type Appended = (Produced, i64);

/// Appends one partition's batch, whose answer is to stand at this place. Answers with what it must wait for, too.
fn produce(
    cluster: &mut Cluster,
    context: &Context,
    acks: i16,
    topic: &str,
    data: PartitionProduceData,
    at: (usize, usize),
) -> Result<(Appended, Option<Wait>), Rejection> {
    let plain = |code: ErrorCode| Rejection::new(code, code.message());
    if cluster.faults.is_denied(Operation::Write, topic) {
        return Err(plain(ErrorCode::TOPIC_AUTHORIZATION_FAILED));
    }
    let led = cluster.topics.led(context.node, topic, data.index);
    let (id, config, partition) = led.map_err(plain)?;
    if !matches!(acks, -1..=1) {
        return Err(plain(ErrorCode::INVALID_REQUIRED_ACKS));
    }
    if let Some(code) = cluster.faults.refuses(context.node) {
        return Err(plain(code));
    }
    if acks == ACKS_ALL && partition.replicas.is_under_min_isr() {
        return Err(plain(ErrorCode::NOT_ENOUGH_REPLICAS));
    }
    let batch = data
        .records
        .map_or_else(Bytes::new, |records| records.into_bytes());
    let max_message_bytes = config.max_message_bytes;
    let rules = Rules {
        version: context.version,
        max_message_bytes: max_message_bytes.unwrap_or(cluster.config.max_message_bytes),
        now_ms: context.now.unix_ms,
        each_record: partition.keeps_records(),
        needs_keys: config.compacted,
    };
    let mut header = check(&batch, rules)?;
    let batch = match config.log_append_time {
        true => stamp_append_time(&mut header, &batch, context.now.unix_ms),
        false => batch,
    };
    let mut produced = partition.produce(context.now.elapsed, &header, &batch)?;
    if config.log_append_time && produced.grown > 0 {
        produced.log_append_time_ms = header.max_timestamp;
    }
    let key = (id.0, data.index);
    if produced.grown > 0 {
        cluster.waiting.grown(key, produced.grown);
    }
    let must_wait = acks == ACKS_ALL && partition.high_watermark() < produced.end_offset;
    let wait = must_wait.then(|| Wait {
        topic: topic.to_owned(),
        key,
        leader_epoch: partition.leader_epoch,
        end_offset: produced.end_offset,
        at,
    });
    Ok(((produced, partition.start_offset()), wait))
}

/// Gives the false answer that a test asked for.
fn belie(cluster: &mut Cluster, context: &Context, answer: &mut PartitionProduceResponse) {
    if answer.error_code.is_none()
        && let Some((code, with_base_offset)) = cluster.faults.belies(context.node)
    {
        answer.error_code = code;
        if !with_base_offset {
            answer.base_offset = -1;
        }
    }
}

fn respond(index: i32, produced: Result<Appended, Rejection>) -> PartitionProduceResponse {
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
            let record_errors = rejection.records.into_iter().map(|(batch_index, message)| {
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
