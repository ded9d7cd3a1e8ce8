//! Telling a client who leads a partition that it sought elsewhere (KIP-951).
use raban_protocol::error_code::ErrorCode;

use super::Context;
use crate::cluster::Cluster;

/// A partition's leader and where it is.
#[derive(Clone, Debug)]
pub(super) struct Leader {
    /// -1 if there is none.
    pub(super) node: i32,
    pub(super) epoch: i32,
    pub(super) host: String,
    pub(super) port: i32,
}

/// The leader, if `code` says that it isn't the node asked, or not in the epoch that the client thinks.
pub(super) fn hint(
    cluster: &Cluster,
    context: &Context,
    code: ErrorCode,
    topic: &str,
    index: i32,
) -> Option<Leader> {
    if code != ErrorCode::NOT_LEADER_OR_FOLLOWER && code != ErrorCode::FENCED_LEADER_EPOCH {
        return None;
    }
    let partitions = &cluster.topics.get(topic)?.partitions;
    let partition = partitions.get(usize::try_from(index).ok()?)?;
    if code == ErrorCode::NOT_LEADER_OR_FOLLOWER && partition.leader == context.node {
        return None;
    }
    let (host, port) = cluster.address(partition.leader, context.connection);
    Some(Leader {
        node: partition.leader,
        epoch: partition.leader_epoch,
        host,
        port: i32::from(port),
    })
}
