//! Fetch: whole batches from the log, at once or when enough have come (KIP-74, KIP-320, KIP-516).
//!
//! There are no fetch sessions: responses carry session id 0, which every client takes as "none" (KIP-227). Without
//! transactions the high watermark is the last stable offset too.
use std::time::Duration;

use bytes::Bytes;
use raban_log::LogError;
use raban_protocol::error_code::ErrorCode;
use raban_protocol::messages::fetch::{
    EpochEndOffset, FetchPartition, FetchRequest, FetchResponse, FetchTopic,
    FetchableTopicResponse, LeaderIdAndEpoch, NodeEndpoint, PartitionData,
};
use raban_protocol::primitives::{Reader, Records};

use super::{Context, Parked, decode, leader, reply};
use crate::cluster::{Cluster, Outcome};
use crate::faults::Operation;
use crate::waiting::{PartitionKey, Waiting};

/// The first version that tells the leader (KIP-951).
const TELLS_LEADER: i16 = 16;
/// A request waits no longer than this, whatever it asks for: an empty response is always legal.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// A request that waits.
#[derive(Debug)]
pub(crate) struct ParkedFetch {
    context: Context,
    request: FetchRequest,
}

impl ParkedFetch {
    pub(crate) fn node(&self) -> i32 {
        self.context.node
    }
}

/// What a request can be answered with now.
struct Found {
    response: FetchResponse,
    bytes: usize,
    /// Whether waiting could bring more: nothing failed, and all that there is was read.
    may_grow: bool,
}

pub(super) fn handle(cluster: &mut Cluster, context: &Context, body: Reader) -> Outcome {
    let request = match decode::<FetchRequest>(context, body) {
        Ok(request) => request,
        Err(reason) => return Outcome::Close(reason),
    };
    if request.session_id != 0 {
        let response = FetchResponse {
            error_code: ErrorCode::FETCH_SESSION_ID_NOT_FOUND,
            ..Default::default()
        };
        return reply::<FetchRequest>(context, response);
    }
    let wait = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0));
    let deadline = context.now.elapsed.saturating_add(wait.min(MAX_WAIT));
    let parked = ParkedFetch {
        context: *context,
        request,
    };
    answer_or_park(cluster, parked, deadline)
}

/// Answers a request that waits with what there is.
pub(super) fn finish(cluster: &mut Cluster, parked: ParkedFetch) -> Outcome {
    let found = read(cluster, &parked);
    reply::<FetchRequest>(&parked.context, found.response)
}

pub(super) fn answer_or_park(
    cluster: &mut Cluster,
    parked: ParkedFetch,
    deadline: Duration,
) -> Outcome {
    let found = read(cluster, &parked);
    let min_bytes = usize::try_from(parked.request.min_bytes).unwrap_or(0);
    let missing = min_bytes.saturating_sub(found.bytes);
    let over = deadline <= parked.context.now.elapsed || parked.request.topics.is_empty();
    if missing == 0 || over || !found.may_grow {
        return reply::<FetchRequest>(&parked.context, found.response);
    }
    let connection = parked.context.connection;
    let waiting = Waiting {
        deadline,
        missing,
        partitions: partitions(cluster, &parked.request),
        request: Parked::Fetch(parked),
    };
    cluster.waiting.park(connection, waiting);
    Outcome::Wait { deadline }
}

fn partitions(cluster: &Cluster, request: &FetchRequest) -> Vec<PartitionKey> {
    let of_topic = |topic: &FetchTopic| {
        let id = match topic.topic_id.is_zero() {
            false => Some(topic.topic_id),
            true => cluster.topics.get(&topic.topic).map(|t| t.id),
        };
        let indexes: Vec<i32> = topic.partitions.iter().map(|p| p.partition).collect();
        indexes
            .into_iter()
            .filter_map(move |index| Some((id?.0, index)))
    };
    request.topics.iter().flat_map(of_topic).collect()
}

fn read(cluster: &mut Cluster, parked: &ParkedFetch) -> Found {
    let ParkedFetch { context, request } = parked;
    let mut left = usize::try_from(request.max_bytes)
        .unwrap_or(0)
        .min(cluster.config.fetch_max_bytes);
    let mut found = Found {
        response: FetchResponse::default(),
        bytes: 0,
        may_grow: true,
    };
    for topic in &request.topics {
        let name = topic_name(cluster, context, topic);
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for wanted in &topic.partitions {
            let data = name.as_ref().map_err(|code| *code).and_then(|name| {
                let max_bytes = usize::try_from(wanted.partition_max_bytes)
                    .unwrap_or(0)
                    .min(left);
                read_partition(cluster, context, name, wanted, max_bytes, found.bytes == 0)
            });
            let (mut data, all_read) =
                data.unwrap_or_else(|code| (failed(wanted.partition, code), false));
            if let Ok(name) = &name {
                let endpoints = &mut found.response.node_endpoints;
                tell_leader(cluster, context, name, &mut data, endpoints);
            }
            let bytes = data.records.as_ref().map_or(0, Records::len);
            left = left.saturating_sub(bytes);
            found.bytes += bytes;
            found.may_grow &= all_read;
            partitions.push(data);
        }
        found.response.responses.push(FetchableTopicResponse {
            topic: topic.topic.clone(),
            topic_id: topic.topic_id,
            partitions,
        });
    }
    found
}

/// Tells newer clients who leads what they sought here.
fn tell_leader(
    cluster: &Cluster,
    context: &Context,
    topic: &str,
    data: &mut PartitionData,
    endpoints: &mut Vec<NodeEndpoint>,
) {
    if context.version < TELLS_LEADER {
        return;
    }
    let (code, index) = (data.error_code, data.partition_index);
    let Some(leader) = leader::hint(cluster, context, code, topic, index) else {
        return;
    };
    data.current_leader = LeaderIdAndEpoch {
        leader_id: leader.node,
        leader_epoch: leader.epoch,
    };
    if leader.node >= 0 && endpoints.iter().all(|e| e.node_id != leader.node) {
        endpoints.push(NodeEndpoint {
            node_id: leader.node,
            host: leader.host,
            port: leader.port,
            rack: None,
        });
    }
}

fn topic_name(
    cluster: &Cluster,
    context: &Context,
    topic: &FetchTopic,
) -> Result<String, ErrorCode> {
    if context.version < 13 {
        return Ok(topic.topic.clone());
    }
    let name = cluster.topics.name_of(topic.topic_id).map(str::to_owned);
    name.ok_or(ErrorCode::UNKNOWN_TOPIC_ID)
}

/// A partition's part of the response, and whether all that it has was read, without anything to tell.
fn read_partition(
    cluster: &mut Cluster,
    context: &Context,
    topic: &str,
    wanted: &FetchPartition,
    max_bytes: usize,
    min_one: bool,
) -> Result<(PartitionData, bool), ErrorCode> {
    if cluster.faults.is_denied(Operation::Read, topic) {
        return Err(ErrorCode::TOPIC_AUTHORIZATION_FAILED);
    }
    let partition = cluster
        .topics
        .partition(context.node, topic, wanted.partition)?;
    partition.check_epoch(wanted.current_leader_epoch)?;
    let end_offset = partition.end_offset();
    let watermark = partition.high_watermark();
    let mut data = PartitionData {
        partition_index: wanted.partition,
        high_watermark: watermark,
        last_stable_offset: watermark,
        log_start_offset: partition.start_offset(),
        ..Default::default()
    };
    if wanted.last_fetched_epoch >= 0 {
        // KIP-595: what the client has read last was written by another leader than it thinks.
        let end = partition
            .epochs
            .end_offset(wanted.last_fetched_epoch, end_offset);
        let (epoch, epoch_end) = end.ok_or(ErrorCode::OFFSET_OUT_OF_RANGE)?;
        if epoch < wanted.last_fetched_epoch || epoch_end < wanted.fetch_offset {
            data.diverging_epoch = EpochEndOffset {
                epoch,
                end_offset: epoch_end,
            };
            return Ok((data, false));
        }
    }
    let batches = partition.read_visible(wanted.fetch_offset, max_bytes, min_one);
    let batches = batches.map_err(|error| match error {
        LogError::OffsetOutOfRange { .. } => ErrorCode::OFFSET_OUT_OF_RANGE,
        error => {
            tracing::error!(topic, partition = wanted.partition, %error, "a partition can't be read");
            ErrorCode::KAFKA_STORAGE_ERROR
        }
    })?;
    data.records = Some(Records::from(batches.bytes));
    Ok((data, batches.next_offset >= watermark))
}

fn failed(partition_index: i32, error_code: ErrorCode) -> PartitionData {
    PartitionData {
        partition_index,
        error_code,
        high_watermark: -1,
        last_stable_offset: -1,
        log_start_offset: -1,
        records: Some(Records::from(Bytes::new())),
        ..Default::default()
    }
}
