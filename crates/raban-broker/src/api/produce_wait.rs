//! Produce with acks=all: the answer waits until all in-sync replicas have the batches, or for as long as the client said.
use std::time::Duration;

use raban_protocol::error_code::ErrorCode;
use raban_protocol::messages::produce::{
    LeaderIdAndEpoch, NodeEndpoint, ProduceRequest, ProduceResponse,
};

use super::{Context, Parked, leader, reply};
use crate::cluster::{Cluster, Outcome};
use crate::waiting::{PartitionKey, Waiting};

/// The first version that tells the leader (KIP-951).
const TELLS_LEADER: i16 = 10;

/// A request whose batches are in the log, but not on all in-sync replicas.
#[derive(Debug)]
pub(crate) struct ParkedProduce {
    pub(super) context: Context,
    pub(super) response: ProduceResponse,
    pub(super) waits: Vec<Wait>,
}

impl ParkedProduce {
    pub(crate) fn node(&self) -> i32 {
        self.context.node
    }
}

/// What one partition's answer waits for.
#[derive(Debug)]
pub(super) struct Wait {
    pub(super) topic: String,
    pub(super) key: PartitionKey,
    pub(super) leader_epoch: i32,
    /// The high watermark to come.
    pub(super) end_offset: i64,
    /// Place of the answer in the response: topic and partition.
    pub(super) at: (usize, usize),
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
pub(super) fn finish(cluster: &Cluster, mut parked: ParkedProduce) -> Outcome {
    for wait in std::mem::take(&mut parked.waits) {
        settle(&mut parked.response, &wait, ErrorCode::REQUEST_TIMED_OUT);
    }
    answer(cluster, &parked.context, parked.response)
}

/// Answers, and tells newer clients who leads what they sought here.
pub(super) fn answer(
    cluster: &Cluster,
    context: &Context,
    mut response: ProduceResponse,
) -> Outcome {
    if context.version >= TELLS_LEADER {
        tell_leaders(cluster, context, &mut response);
    }
    reply::<ProduceRequest>(context, response)
}

fn tell_leaders(cluster: &Cluster, context: &Context, response: &mut ProduceResponse) {
    let endpoints = &mut response.node_endpoints;
    for topic in &mut response.responses {
        let failed = topic.partition_responses.iter_mut();
        for answer in failed.filter(|answer| !answer.error_code.is_none()) {
            let name = cluster.topics.name_of(topic.topic_id);
            let name = name.unwrap_or(&topic.name);
            let (code, index) = (answer.error_code, answer.index);
            let Some(leader) = leader::hint(cluster, context, code, name, index) else {
                continue;
            };
            answer.current_leader = LeaderIdAndEpoch {
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
    }
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
