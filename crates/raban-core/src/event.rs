//! What is worth a line in a log.

use std::sync::Arc;
use std::time::Duration;

use raban_protocol::error_code::ErrorCode;

use crate::error::{Cause, ProduceError};
use crate::trail::AttemptOutcome;

/// How much an [`Event`] matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Of use when looking for a cause.
    Debug,
    /// A change of state.
    Info,
    /// Something is wrong.
    Warn,
}

/// Something the sender met with.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Event {
    /// Records failed whose [`Delivery`](crate::Delivery) nobody holds.
    #[error(
        "{records} records failed whose outcome nobody awaits{}: {error}",
        if *batches > 1 { format!(", in {batches} batches; the first of them") } else { String::new() }
    )]
    UnobservedFailure {
        /// How many.
        records: u64,
        /// In how many batches that failed one after the other.
        batches: u32,
        /// Why the first of them did.
        error: ProduceError,
    },
    /// A connection came about and the broker's versions are known.
    #[error("connected to {address}")]
    Connected {
        /// `host:port`.
        address: String,
    },
    /// A connection failed or was lost.
    #[error("{0}")]
    ConnectionTrouble(Cause),
    /// Metadata or a producer id couldn't be had.
    #[error("{0}")]
    ClusterTrouble(Cause),
    /// The bootstrap servers lead into another cluster than before.
    #[error(
        "the brokers belong to cluster {entered} now, and no longer to {left}: records that wait are sent there"
    )]
    ClusterChanged {
        /// The old cluster's id.
        left: String,
        /// The new one's.
        entered: String,
    },
    /// A producer id was given.
    #[error("got producer id {producer_id}, epoch {epoch}")]
    ProducerId {
        /// The id.
        producer_id: i64,
        /// Its epoch.
        epoch: i16,
    },
    /// A batch will be sent again.
    #[error("a batch of topic {topic}, partition {partition}, is sent again: the broker {outcome}")]
    Retry {
        /// The topic.
        topic: Arc<str>,
        /// The partition.
        partition: i32,
        /// How the attempt ended.
        outcome: AttemptOutcome,
    },
    /// A batch that a broker refused was taken apart, and what can be sent is sent again.
    #[error(
        "topic {topic}, partition {partition}: a batch was answered {code}; {records} of its records are sent \
         again in {batches} new batches"
    )]
    Split {
        /// The topic.
        topic: Arc<str>,
        /// The partition.
        partition: i32,
        /// The broker's answer.
        code: ErrorCode,
        /// The records that are sent again.
        records: u32,
        /// In how many batches.
        batches: usize,
    },
    /// Batches in doubt need not be any more.
    #[error(
        "topic {topic}, partition {partition}: {records} records in doubt were resolved after {took:.1?}: {how}"
    )]
    Resolved {
        /// The topic.
        topic: Arc<str>,
        /// The partition.
        partition: i32,
        /// How many.
        records: u32,
        /// By what.
        how: &'static str,
        /// How long that took.
        took: Duration,
    },
    /// The partition goes on under a new epoch, with sequences from 0.
    #[error(
        "topic {topic}, partition {partition}: goes on with producer epoch {epoch}{}",
        .because.map(|code| format!(" because of {code}")).unwrap_or_default()
    )]
    EpochBumped {
        /// The topic.
        topic: Arc<str>,
        /// The partition.
        partition: i32,
        /// The new epoch.
        epoch: i16,
        /// The broker's answer that asked for it; none after a batch that failed for good.
        because: Option<ErrorCode>,
    },
    /// A broker told which metrics it wants (KIP-714).
    #[error(
        "client telemetry goes every {interval:.1?} under the client instance id {client_instance_id}"
    )]
    TelemetrySubscribed {
        /// The id that the broker knows this client by.
        client_instance_id: String,
        /// The time between pushes.
        interval: Duration,
    },
    /// Metrics couldn't be pushed, or the subscription couldn't be had. Records don't notice.
    #[error(
        "client telemetry{}: {cause}",
        if *stopped { " stops for good" } else { "" }
    )]
    TelemetryTrouble {
        /// Why.
        cause: Cause,
        /// Whether it isn't tried again.
        stopped: bool,
    },
    /// Metrics weren't pushed.
    #[error(
        "client telemetry: {size} bytes of metrics are more than the broker's telemetry.max.bytes={limit}"
    )]
    TelemetryTooLarge {
        /// What even the producer's own metrics come to, without those of nodes and topics.
        size: usize,
        /// The broker's limit.
        limit: usize,
    },
}

impl Event {
    /// How much it matters.
    pub fn level(&self) -> Level {
        match self {
            Self::UnobservedFailure { .. }
            | Self::ClusterChanged { .. }
            | Self::EpochBumped { .. }
            | Self::TelemetryTrouble { stopped: true, .. } => Level::Warn,
            Self::ConnectionTrouble(_)
            | Self::ClusterTrouble(_)
            | Self::Retry { .. }
            | Self::Split { .. }
            | Self::Resolved { .. }
            | Self::TelemetryTooLarge { .. } => Level::Info,
            Self::Connected { .. }
            | Self::ProducerId { .. }
            | Self::TelemetrySubscribed { .. }
            | Self::TelemetryTrouble { .. } => Level::Debug,
        }
    }
}
