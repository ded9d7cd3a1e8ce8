//! Produce: batches are checked and appended; with acks=all the answer waits until all in-sync replicas have them.
use std::time::Duration;

use bytes::Bytes;
use raban_protocol::error_code::ErrorCode;
use raban_protocol::messages::produce::{
    BatchIndexAndErrorMessage, LeaderIdAndEpoch, NodeEndpoint, PartitionProduceData,
    PartitionProduceResponse, ProduceRequest, ProduceResponse, TopicProduceData,
    TopicProduceResponse,
};
use raban_protocol::primitives::Reader;

use super::{Context, Parked, decode, reply};
use crate::cluster::{Cluster, Outcome};
use crate::faults::Operation;
use crate::partition::Produced;
use crate::topics::Topic;
use crate::validate::{Rejection, Rules, check, stamp_append_time};
use crate::waiting::{PartitionKey, Waiting};

/// The first version that names topics by their ids (KIP-516).
const BY_TOPIC_ID: i16 = 13;
/// The first version that tells the leader (KIP-951).
const TELLS_LEADER: i16 = 10;
/// A request waits no longer than this, whatever it asks for.
const MAX_WAIT: Duration = Duration::from_secs(300);
const ACKS_ALL: i16 = -1;

/// A request whose batches are in the log, but not on all in-sync replicas.
#[derive(Debug)]
pub(crate) struct ParkedProduce {
    context: Context,
    response: ProduceResponse,
    waits: Vec<Wait>,
}

impl ParkedProduce {
    pub(crate) fn node(&self) -> i32 {
        self.context.node
    }
}

/// What one partition's answer waits for.
#[derive(Debug)]
struct Wait {
    topic: String,
    key: PartitionKey,
    leader_epoch: i32,
    /// The high watermark to come.
    end_offset: i64,
    /// Place of the answer in the response: topic and partition.
    at: (usize, usize),
}

pub(super) fn handle(cluster: &mut Cluster, context: &Context, body: Reader) -> Outcome {
    let request = match decode::<ProduceRequest>(context, body) {
        Ok(request) => request,
        Err(reason) => return Outcome::Close(reason),
    };
    let acks = request.acks;
    let wait = Duration::from_millis(u64::try_from(request.timeout_ms).unwrap_or(0));
    let mut parked = ParkedProduce {
        context: *context,
        response: ProduceResponse {
            throttle_time_ms: cluster.faults.throttle_ms(context.node),
            ..Default::default()
        },
        waits: Vec::new(),
    };
    for topic in request.topic_data {
        produce_topic(cluster, acks, topic, &mut parked);
    }
    match acks {
        ACKS_ALL => {
            let deadline = context.now.elapsed.saturating_add(wait.min(MAX_WAIT));
            answer_or_park(cluster, parked, deadline)
        }
        0 => without_answer(&parked.response),
        _ => reply::<ProduceRequest>(context, &parked.response),
    }
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
    acks: i16,
    topic: TopicProduceData,
    parked: &mut ParkedProduce,
) {
    let context = parked.context;
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
    let mut partition_responses = Vec::with_capacity(topic.partition_data.len());
    for data in topic.partition_data {
        let index = data.index;
        let produced = match &name {
            Ok(name) => produce(cluster, &context, acks, name, data),
            Err(code) => Err(Rejection::new(*code, code.message())),
        };
        if let (Ok(name), Ok((produced, _))) = (&name, &produced) {
            let at = (parked.response.responses.len(), partition_responses.len());
            let wait = wait_for(cluster, name, index, produced, at);
            parked.waits.extend(wait.filter(|_| acks == ACKS_ALL));
        }
        let mut answer = respond(index, produced);
        if let Ok(name) = &name {
            belie(cluster, &context, name, &mut answer);
        }
        partition_responses.push(answer);
    }
    add_endpoints(
        cluster,
        &context,
        &partition_responses,
        &mut parked.response,
    );
    parked.response.responses.push(TopicProduceResponse {
        partition_responses,
        name: topic.name,
        topic_id: topic.topic_id,
    });
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
    if cluster.faults.is_denied(Operation::Write, topic) {
        return Err(plain(ErrorCode::TOPIC_AUTHORIZATION_FAILED));
    }
    let (id, config) = match cluster.topics.get(topic) {
        Some(Topic { id, config, .. }) => (*id, config.clone()),
        None => Default::default(),
    };
    let partition = cluster
        .topics
        .partition(context.node, topic, data.index)
        .map_err(plain)?;
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
    let log_start_offset = partition.start_offset();
    if produced.grown > 0 {
        cluster.waiting.grown((id.0, data.index), produced.grown);
    }
    Ok((produced, log_start_offset))
}

/// What the answer waits for, unless all in-sync replicas have the batch already.
fn wait_for(
    cluster: &mut Cluster,
    topic: &str,
    index: i32,
    produced: &Produced,
    at: (usize, usize),
) -> Option<Wait> {
    let (id, partition) = cluster.topics.any_partition(topic, index)?;
    (partition.high_watermark() < produced.end_offset).then(|| Wait {
        topic: topic.to_owned(),
        key: (id.0, index),
        leader_epoch: partition.leader_epoch,
        end_offset: produced.end_offset,
        at,
    })
}

/// Answers when nothing is waited for any more.
pub(super) fn answer_or_park(
    cluster: &mut Cluster,
    mut parked: ParkedProduce,
    deadline: Duration,
) -> Outcome {
    let ParkedProduce {
        context,
        response,
        waits,
    } = &mut parked;
    waits.retain(|wait| match look(cluster, context, wait) {
        None => true,
        Some(code) => {
            settle(response, wait, code);
            false
        }
    });
    if waits.is_empty() || deadline <= context.now.elapsed {
        return finish(cluster, parked);
    }
    let connection = context.connection;
    let waiting = Waiting {
        deadline,
        // Only a change of the partition makes it look again.
        missing: usize::MAX,
        partitions: waits.iter().map(|wait| wait.key).collect(),
        request: Parked::Produce(parked),
    };
    cluster.waiting.park(connection, waiting);
    Outcome::Wait { deadline }
}

/// Answers, with an error for what is still waited for: it is appended all the same.
pub(super) fn finish(_cluster: &mut Cluster, mut parked: ParkedProduce) -> Outcome {
    for wait in std::mem::take(&mut parked.waits) {
        settle(&mut parked.response, &wait, ErrorCode::REQUEST_TIMED_OUT);
    }
    reply::<ProduceRequest>(&parked.context, &parked.response)
}

/// How a wait ended, if it did.
fn look(cluster: &mut Cluster, context: &Context, wait: &Wait) -> Option<ErrorCode> {
    let id = cluster.topics.get(&wait.topic).map(|topic| topic.id.0);
    if id != Some(wait.key.0) {
        return Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    }
    let (_, partition) = cluster.topics.any_partition(&wait.topic, wait.key.1)?;
    if partition.leader != context.node || partition.leader_epoch != wait.leader_epoch {
        return Some(ErrorCode::NOT_LEADER_OR_FOLLOWER);
    }
    if partition.high_watermark() < wait.end_offset {
        return None;
    }
    Some(match partition.replicas.is_under_min_isr() {
        true => ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND,
        false => ErrorCode::NONE,
    })
}

/// Kafka leaves the offset in the answer, whatever the error.
fn settle(response: &mut ProduceResponse, wait: &Wait, code: ErrorCode) {
    let (topic, partition) = wait.at;
    let answer = &mut response.responses[topic].partition_responses[partition];
    if answer.error_code.is_none() && !code.is_none() {
        answer.error_code = code;
        answer.error_message = Some(code.message().to_owned());
    }
}

/// Gives the false answer that a test asked for, and tells another leader to newer clients.
fn belie(
    cluster: &mut Cluster,
    context: &Context,
    topic: &str,
    answer: &mut PartitionProduceResponse,
) {
    if answer.error_code.is_none()
        && let Some((code, with_base_offset)) = cluster.faults.belies(context.node)
    {
        answer.error_code = code;
        if !with_base_offset {
            answer.base_offset = -1;
        }
    }
    if answer.error_code == ErrorCode::NOT_LEADER_OR_FOLLOWER
        && context.version >= TELLS_LEADER
        && let Some((_, partition)) = cluster.topics.any_partition(topic, answer.index)
        && partition.leader != context.node
    {
        answer.current_leader = LeaderIdAndEpoch {
            leader_id: partition.leader,
            leader_epoch: partition.leader_epoch,
        };
    }
}

fn add_endpoints(
    cluster: &Cluster,
    context: &Context,
    answers: &[PartitionProduceResponse],
    response: &mut ProduceResponse,
) {
    for answer in answers {
        let leader = answer.current_leader.leader_id;
        let known = response.node_endpoints.iter().any(|e| e.node_id == leader);
        if leader >= 0 && !known {
            let (host, port) = cluster.address(leader, context.connection);
            response.node_endpoints.push(NodeEndpoint {
                node_id: leader,
                host,
                port: i32::from(port),
                rack: None,
            });
        }
    }
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
