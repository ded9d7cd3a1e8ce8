//! Why a record failed, what stood in its way, and whether it may be in the log all the same.

use std::fmt;
use std::mem::discriminant;
use std::sync::Arc;
use std::time::Duration;

use raban_protocol::error_code::ErrorCode;

use crate::trail::{Attempt, AttemptOutcome, Trail};

/// A record that wasn't accepted. It is surely not in the log.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct EnqueueError(Arc<ErrorKind>);

impl EnqueueError {
    /// Wraps the cause.
    pub fn new(kind: ErrorKind) -> Self {
        Self(Arc::new(kind))
    }

    /// What happened.
    pub fn kind(&self) -> &ErrorKind {
        &self.0
    }
}

impl From<ErrorKind> for EnqueueError {
    fn from(kind: ErrorKind) -> Self {
        Self::new(kind)
    }
}

/// A record that wasn't delivered, with what was tried. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ProduceError(Arc<Failure>);

#[derive(Debug)]
struct Failure {
    kind: ErrorKind,
    topic_partition: Option<(Arc<str>, i32)>,
    trail: Arc<Trail>,
    may_have_been_written: bool,
}

impl ProduceError {
    pub(crate) fn new(
        kind: ErrorKind,
        topic_partition: (Arc<str>, i32),
        trail: Trail,
        may_have_been_written: bool,
    ) -> Self {
        Self(Arc::new(Failure {
            kind,
            topic_partition: Some(topic_partition),
            trail: Arc::new(trail),
            may_have_been_written,
        }))
    }

    /// What happened.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// The attempts to send the batch, oldest first; the first and the latest few of a long row.
    pub fn attempts(&self) -> &[Attempt] {
        self.0.trail.attempts()
    }

    /// Where the time went, each attempt, and each look for the batch in the log. Empty for a record
    /// that wasn't accepted.
    pub fn trail(&self) -> &Trail {
        &self.0.trail
    }

    /// Whether both are of one topic, and of a kind.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        self.topic() == other.topic()
            && self.may_have_been_written() == other.may_have_been_written()
            && discriminant(self.kind()) == discriminant(other.kind())
    }

    pub(crate) fn shared_trail(&self) -> Arc<Trail> {
        Arc::clone(&self.0.trail)
    }

    /// Whether a later try of the same record could succeed with nothing changed.
    pub fn is_retriable(&self) -> bool {
        self.0.kind.is_retriable()
    }

    /// `true`: the record may be in the log, so that sending it again may write it twice.
    /// `false`: it is surely absent.
    pub fn may_have_been_written(&self) -> bool {
        self.0.may_have_been_written
    }

    /// The topic, unless the record was refused before it had one.
    pub fn topic(&self) -> Option<&str> {
        self.0.topic_partition.as_ref().map(|(topic, _)| &**topic)
    }

    /// The partition, once one was chosen.
    pub fn partition(&self) -> Option<i32> {
        self.0.topic_partition.as_ref().map(|(_, index)| *index)
    }
}

impl From<EnqueueError> for ProduceError {
    fn from(error: EnqueueError) -> Self {
        let kind = Arc::unwrap_or_clone(error.0);
        Self(Arc::new(Failure {
            kind,
            topic_partition: None,
            trail: Arc::default(),
            may_have_been_written: false,
        }))
    }
}

impl fmt::Display for ProduceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failure = &*self.0;
        write!(f, "{}", failure.kind)?;
        if let Some((topic, partition)) = &failure.topic_partition {
            write!(f, " (topic {topic}, partition {partition}")?;
            if let Some(last) = failure.trail.attempts().last() {
                match last.number {
                    1 => write!(f, "; the only attempt: {last}")?,
                    number => write!(f, "; the last of {number} attempts: {last}")?,
                }
            }
            write!(f, ")")?;
        }
        if failure.may_have_been_written {
            write!(f, "; the record may be in the log all the same")?;
        }
        Ok(())
    }
}

impl std::error::Error for ProduceError {}

/// What happened to a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The record alone is larger than a setting allows.
    #[error(
        "record too large: {size} bytes with its batch's header, but {setting} is {limit}; \
         raise {setting} (and the topic's max.message.bytes) or send less"
    )]
    RecordTooLarge {
        /// Bytes the record would take, uncompressed, alone in a batch.
        size: usize,
        /// The setting's value.
        limit: usize,
        /// `max.request.size` or `buffer.memory`.
        setting: &'static str,
    },
    /// A record's timestamp is negative.
    #[error("timestamp {0} is negative; give milliseconds since 1970, or none")]
    InvalidTimestamp(i64),
    /// The topic's name is not one that Kafka allows.
    #[error("illegal topic name {topic:?}: {reason}")]
    InvalidTopic {
        /// The name.
        topic: String,
        /// Which rule it breaks.
        reason: &'static str,
    },
    /// The topic has no such partition.
    #[error("topic {topic} has no partition {partition}: its partitions are 0 to {}", count - 1)]
    InvalidPartition {
        /// The topic.
        topic: Arc<str>,
        /// The partition asked for.
        partition: i32,
        /// How many the topic has.
        count: i32,
    },
    /// The topic's partitions weren't known within `max.block.ms`.
    #[error("no metadata for topic {topic} within max.block.ms ({waited:?}){}", because(.cause))]
    MetadataTimeout {
        /// The topic.
        topic: Arc<str>,
        /// How long the call waited.
        waited: Duration,
        /// The latest trouble on the way to it.
        cause: Option<Cause>,
    },
    /// No name in `bootstrap.servers` resolved for `bootstrap.resolve.timeout.ms`. Names are tried on; records are
    /// accepted again once one resolves.
    #[error(
        "no name in bootstrap.servers can be resolved: {servers}; correct bootstrap.servers or the DNS; if names come up \
         later than the producer, set bootstrap.resolve.timeout.ms (now {} ms) to how long that may take", timeout.as_millis()
    )]
    BootstrapUnresolved {
        /// Each server with the system's words.
        servers: String,
        /// `bootstrap.resolve.timeout.ms`.
        timeout: Duration,
    },
    /// The brokers refuse the topic for good.
    #[error("topic {topic} is refused: {code}: {}", code.message())]
    TopicRefused {
        /// The topic.
        topic: Arc<str>,
        /// The brokers' answer.
        code: ErrorCode,
    },
    /// `buffer.memory` stayed full for `max.block.ms`.
    #[error(
        "buffer.memory ({capacity} bytes) stayed full for max.block.ms ({waited:?}): \
         records come faster than the brokers take them{}", because(.cause)
    )]
    MemoryTimeout {
        /// How long the call waited.
        waited: Duration,
        /// `buffer.memory`.
        capacity: usize,
        /// The latest trouble, if any.
        cause: Option<Cause>,
    },
    /// The producer is closed.
    #[error("the producer is closed")]
    Closed,
    /// `delivery.timeout.ms` passed since the batch's first record was accepted.
    #[error("not delivered within delivery.timeout.ms ({waited:?}){}", because(.cause))]
    DeliveryTimeout {
        /// Time since the batch's first record was accepted.
        waited: Duration,
        /// The latest trouble on the way.
        cause: Option<Cause>,
    },
    /// A broker refused the batch, and trying again wouldn't help.
    #[error("refused by the broker: {code}: {}", refusal(*.code, message.as_deref()))]
    Rejected {
        /// The broker's answer.
        code: ErrorCode,
        /// The broker's own words, if it gave any.
        message: Option<String>,
    },
    /// `retries` tries were made in vain.
    #[error("given up after {retries} retries (the setting retries): {last}")]
    RetriesExhausted {
        /// The number of retries made.
        retries: u32,
        /// How the last try ended.
        last: AttemptOutcome,
    },
    /// `close` ran out of time before the record was delivered.
    #[error("the producer was closed before the record was delivered")]
    Aborted,
    /// The application purged the record before it was delivered.
    #[error("the record was purged before it was delivered")]
    Purged,
    /// Neither the broker nor the log can tell whether the record was written.
    #[error(
        "it can't be told whether the record is in the log: {reason}; \
         look for it there, or set in.doubt.policy=resend where a duplicate is better than a failure"
    )]
    Unresolved {
        /// Why not.
        reason: Unresolved,
    },
    /// Key, value or headers couldn't be serialized.
    #[error("{part} can't be serialized: {reason}")]
    Serialize {
        /// `key` or `value`.
        part: &'static str,
        /// The serializer's words.
        reason: String,
    },
    /// A callback can't wait for the producer whose thread it is called on.
    #[error(
        "a callback can't wait: the producer's own thread calls it; use try_enqueue there, or leave the waiting to another thread"
    )]
    InCallback,
    /// The batch couldn't be compressed.
    #[error("the batch can't be compressed: {0}")]
    Compression(String),
}

impl ErrorKind {
    fn is_retriable(&self) -> bool {
        match self {
            Self::MetadataTimeout { .. }
            | Self::BootstrapUnresolved { .. }
            | Self::MemoryTimeout { .. }
            | Self::DeliveryTimeout { .. }
            | Self::RetriesExhausted { .. } => true,
            Self::Rejected { code, .. } | Self::TopicRefused { code, .. } => code.is_retriable(),
            _ => false,
        }
    }
}

/// Why it can't be told whether a record is in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unresolved {
    /// Reading the topic isn't allowed, and the broker may have forgotten the producer.
    #[error(
        "reading the topic is denied (grant READ), and the broker may have forgotten this producer"
    )]
    ReadDenied,
    /// The log begins behind the place where the record may have been.
    #[error("the beginning of the log was deleted meanwhile")]
    LogStartMoved,
    /// The log is shorter than it was, or another one: a replica that wasn't in sync became leader.
    #[error("the log lost records that had been acknowledged (unclean leader election)")]
    LogTruncated,
    /// Compaction took batches out of the part of the log to be looked at.
    #[error("the log was compacted meanwhile")]
    Compacted,
    /// The record isn't in the log now, but an earlier attempt may still be carried out.
    #[error("it isn't in the log, but an earlier attempt may still arrive")]
    LateCopy,
    /// A later record was appended first, or may have been. The record is surely not in the log, and would come out of
    /// order.
    #[error(
        "a later record was appended before it, or may have been, so that it would be out of order"
    )]
    Overtaken,
    /// The topic was deleted and made anew.
    #[error("the topic was deleted and made anew")]
    TopicRecreated,
    /// The bootstrap servers lead into another cluster now.
    #[error("the brokers belong to another cluster now")]
    ClusterChanged,
    /// The broker can't be asked for the log's end by leader epoch.
    #[error("the broker is too old to be asked (Apache Kafka 2.4 or later is needed)")]
    OldBroker,
}

fn because(cause: &Option<Cause>) -> String {
    cause
        .as_ref()
        .map(|cause| format!("; the latest trouble: {cause}"))
        .unwrap_or_default()
}

/// What kept a connection, the metadata or a batch from getting on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// The name has no address.
    #[error("can't resolve the name in {address}: {error}; correct the name, or the DNS")]
    Unresolved {
        /// `host:port`.
        address: String,
        /// The system's words.
        error: String,
    },
    /// No connection came about.
    #[error("can't connect to {address}: {error}; is a broker listening there?")]
    Connect {
        /// `host:port`.
        address: String,
        /// The system's words, for each address tried.
        error: String,
    },
    /// Something else than a Kafka broker listens there.
    #[error("{address} doesn't speak Kafka: {speaks}")]
    NotKafka {
        /// `host:port`.
        address: String,
        /// What it speaks instead.
        speaks: Speaks,
    },
    /// The connection was closed before the broker's first answer.
    #[error(
        "{address} closed the connection before answering ApiVersions; \
         does the listener expect TLS or SASL (security.protocol), or is it no broker?"
    )]
    ClosedInHandshake {
        /// `host:port`.
        address: String,
    },
    /// The connection was lost.
    #[error("the connection to {address} was lost: {error}")]
    Disconnected {
        /// `host:port`.
        address: String,
        /// The system's words.
        error: String,
    },
    /// `request.timeout.ms` passed without an answer.
    #[error("{address} didn't answer {api} within request.timeout.ms ({after:?})")]
    RequestTimeout {
        /// `host:port`.
        address: String,
        /// The request's name.
        api: &'static str,
        /// `request.timeout.ms`.
        after: Duration,
    },
    /// A broker's answer can't be what Kafka's protocol says.
    #[error("{address} gave a wrong answer to {api}: {error}")]
    WrongAnswer {
        /// `host:port`.
        address: String,
        /// The request's name.
        api: &'static str,
        /// What is wrong with it.
        error: String,
    },
    /// The broker is too old or too new.
    #[error(
        "{address} has no version of {api} that raban speaks (Apache Kafka 1.0 or later is needed)"
    )]
    UnsupportedBroker {
        /// `host:port`.
        address: String,
        /// The request's name.
        api: &'static str,
    },
    /// A broker answered with an error.
    #[error("{address} answered {api} with {code}: {}", hint(*.code))]
    Broker {
        /// `host:port`.
        address: String,
        /// The request's name.
        api: &'static str,
        /// The error.
        code: ErrorCode,
    },
    /// Another broker listens where metadata says that this one does (KIP-1242).
    #[error(
        "{address} isn't broker {node} of cluster {cluster_id}, as metadata says; metadata is asked for anew; \
         if brokers are meant to be reached so, set metadata.cluster.check.enable=false"
    )]
    Misrouted {
        /// `host:port`.
        address: String,
        /// The broker's id.
        node: i32,
        /// The cluster's id.
        cluster_id: String,
    },
    /// Its metadata is another cluster's (KIP-1242).
    #[error(
        "{address} belongs to cluster {told}, and the brokers known so far to {known}; \
         correct bootstrap.servers if it names brokers of both"
    )]
    OtherCluster {
        /// `host:port`.
        address: String,
        /// The id of its cluster.
        told: String,
        /// The id of the cluster that is produced to.
        known: String,
    },
    /// The partition has no leader at the moment.
    #[error("partition {partition} of topic {topic} has no leader at the moment")]
    NoLeader {
        /// The topic.
        topic: Arc<str>,
        /// The partition.
        partition: i32,
    },
}

fn hint(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => {
            "the topic doesn't exist and isn't created by itself (auto.create.topics.enable of the broker, \
             allow.auto.create.topics of the producer); create it, or correct the name"
        }
        other => other.message(),
    }
}

/// The broker's words, with the remedy that they lack.
fn refusal(code: ErrorCode, message: Option<&str>) -> String {
    let words = message.unwrap_or(code.message());
    match code {
        ErrorCode::MESSAGE_TOO_LARGE | ErrorCode::RECORD_LIST_TOO_LARGE => format!(
            "{}; raise the topic's max.message.bytes, or send smaller records",
            words.trim_end_matches('.')
        ),
        _ => words.to_owned(),
    }
}

/// What a listener that isn't a Kafka broker's seems to speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Speaks {
    /// A web server.
    Http,
    /// A TLS listener.
    Tls,
    /// Something unknown.
    Unknown,
}

impl fmt::Display for Speaks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "a web server answered; give the port of the broker's Kafka listener",
            Self::Tls => "it expects TLS; give a PLAINTEXT listener's port (security.protocol)",
            Self::Unknown => "its answer is no Kafka frame; give the broker's Kafka listener",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_that_the_broker_refuses_comes_with_the_remedy() {
        let refused = |code, message: Option<&str>| {
            let message = message.map(str::to_owned);
            ErrorKind::Rejected { code, message }.to_string()
        };
        assert_eq!(
            refused(ErrorCode::MESSAGE_TOO_LARGE, Some("Too much.")),
            "refused by the broker: MESSAGE_TOO_LARGE (10): Too much; raise the topic's max.message.bytes, \
             or send smaller records"
        );
        assert_eq!(
            refused(ErrorCode::INVALID_RECORD, Some("No key.")),
            "refused by the broker: INVALID_RECORD (87): No key."
        );
    }
}
