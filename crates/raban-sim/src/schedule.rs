//! The faults of a run: what happens when, and for how long. Drawn from the seed, printed as text, shrunk when it fails.

mod draw;
mod situations;

use std::fmt;
use std::time::Duration;

use raban_broker::Operation;
use raban_protocol::error_code::ErrorCode;

pub(crate) use self::situations::Situation;
use crate::network::{Hostility, Refusal};

/// A fault from its beginning to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) at: Duration,
    pub(crate) length: Duration,
    pub(crate) what: What,
}

/// A topic of the setup, and a partition of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Partition {
    pub(crate) topic: usize,
    pub(crate) index: i32,
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What {
    /// Bytes to and from the node take up to so much longer.
    Delay { node: i32, up_to: Duration },
    /// The link to the node is narrow.
    Slow { node: i32, bytes_per_ms: u64 },
    /// Bytes on one way or both come through when it is over, or never.
    Loss {
        node: i32,
        up: bool,
        down: bool,
        delivers: bool,
    },
    /// What is sent to the node on the connections of now comes through when it is over; others aren't concerned.
    Strand { node: i32 },
    /// Connections to the node are reset.
    Reset { node: i32 },
    /// Nobody can connect to the node.
    Unreachable { node: i32, refusal: Refusal },
    /// The node's answers to Produce vanish; at the end its connections are reset.
    Swallow { node: i32 },
    /// The node's next answers are spoilt.
    Hostile {
        node: i32,
        how: Hostility,
        answers: u32,
    },
    /// The node takes its time for every request.
    Busy { node: i32, service: Duration },
    /// The node asks its clients to pause after each request.
    Throttle { node: i32, ms: i32 },
    /// The node's process dies, or its machine, and comes back at the end, remembering so many batches of each producer.
    Crash {
        node: i32,
        window: usize,
        silent: bool,
    },
    /// Another replica that is in sync leads the partition.
    Move(Partition),
    /// A follower falls behind; at the end it leads the partition all the same.
    Unclean(Partition),
    /// The node copies nothing, and leaves the in-sync replicas or holds up the high watermark.
    Lag { node: i32, drops: bool },
    /// The leader remembers one batch of each producer, as after a reload; under a new epoch, or not.
    Shrink { partition: Partition, reload: bool },
    /// The leader forgets all producers.
    Forget(Partition),
    /// All leaders forget the producers whose latest record is older than a day.
    Expire,
    /// The leader forgets all producers, rejects the next batch, and takes those behind it.
    ForgetAndReject(Partition),
    /// The node answers the next batches with this error, having appended them.
    Belie {
        node: i32,
        code: ErrorCode,
        with_base_offset: bool,
        times: u32,
    },
    /// The node rejects the next batches with this error.
    Reject {
        node: i32,
        code: ErrorCode,
        times: u32,
    },
    /// So many of 1,000 records stay.
    Compact { partition: Partition, kept: i64 },
    /// So many of 1,000 records are deleted.
    DeleteRecords { partition: Partition, deleted: i64 },
    /// The producer's user has no such right on the topic, or on none.
    Deny {
        operation: Operation,
        topic: Option<usize>,
    },
    /// The topic takes only batches up to so many bytes.
    LowerLimit { topic: usize, bytes: usize },
    /// The topic demands so many replicas in sync.
    Demand { topic: usize, in_sync: usize },
    /// The topic is deleted, and made anew at the end.
    Recreate { topic: usize, partitions: i32 },
    /// The topic gets more partitions.
    Grow { topic: usize, by: i32 },
}

/// All faults of a run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Schedule(pub(crate) Vec<Fault>);

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "topic-{}-{}", self.topic, self.index)
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delay { node, up_to } => {
                write!(f, "node {node}: bytes take up to {up_to:?} longer")
            }
            Self::Slow { node, bytes_per_ms } => {
                write!(f, "node {node}: {bytes_per_ms} bytes a ms")
            }
            Self::Loss {
                node,
                up,
                down,
                delivers,
            } => {
                let way = match (up, down) {
                    (true, false) => "to it",
                    (false, true) => "from it",
                    _ => "to and from it",
                };
                let end = if *delivers {
                    "come through at the end"
                } else {
                    "are lost"
                };
                write!(f, "node {node}: bytes {way} {end}")
            }
            Self::Strand { node } => write!(
                f,
                "node {node}: what is sent to it on the connections of now comes through at the end"
            ),
            Self::Reset { node } => write!(f, "node {node}: connections are reset"),
            Self::Unreachable { node, refusal } => {
                write!(f, "node {node}: unreachable ({refusal:?})")
            }
            Self::Swallow { node } => write!(f, "node {node}: answers to Produce vanish"),
            Self::Hostile { node, how, answers } => {
                write!(f, "node {node}: {answers} answers {how}")
            }
            Self::Busy { node, service } => {
                write!(f, "node {node}: takes up to {service:?} a request")
            }
            Self::Throttle { node, ms } => write!(f, "node {node}: asks for pauses of {ms} ms"),
            Self::Crash {
                node,
                window,
                silent,
            } => {
                let what = if *silent {
                    "its machine dies"
                } else {
                    "crashes"
                };
                write!(
                    f,
                    "node {node}: {what}, comes back with a window of {window}"
                )
            }
            Self::Lag { node, drops } => {
                let drops = if *drops {
                    ", and leaves the in-sync replicas"
                } else {
                    ""
                };
                write!(f, "node {node}: copies nothing{drops}")
            }
            Self::Belie {
                node,
                code,
                with_base_offset,
                times,
            } => {
                let offset = if *with_base_offset {
                    " and the offset"
                } else {
                    ""
                };
                write!(
                    f,
                    "node {node}: answers {times} appended batches with {code}{offset}"
                )
            }
            Self::Reject { node, code, times } => {
                write!(f, "node {node}: rejects {times} batches with {code}")
            }
            Self::Expire => write!(f, "all leaders forget the producers of old records"),
            other => other.of_topic(f),
        }
    }
}

impl What {
    fn of_topic(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Move(partition) => write!(f, "{partition}: another replica leads"),
            Self::Unclean(partition) => {
                write!(f, "{partition}: a replica out of sync leads at the end")
            }
            Self::Shrink { partition, reload } => {
                let epoch = if *reload { ", under a new epoch" } else { "" };
                write!(
                    f,
                    "{partition}: the leader remembers one batch of each producer{epoch}"
                )
            }
            Self::Forget(partition) => write!(f, "{partition}: the leader forgets all producers"),
            Self::ForgetAndReject(partition) => {
                write!(
                    f,
                    "{partition}: the leader forgets all producers and rejects the next batch"
                )
            }
            Self::Compact { partition, kept } => {
                write!(f, "{partition}: compacted, {kept} of 1,000 records stay")
            }
            Self::DeleteRecords { partition, deleted } => {
                write!(f, "{partition}: {deleted} of 1,000 records are deleted")
            }
            Self::Deny {
                operation,
                topic: None,
            } => write!(f, "{operation:?} denied"),
            Self::Deny {
                operation,
                topic: Some(topic),
            } => write!(f, "topic-{topic}: {operation:?} denied"),
            Self::LowerLimit { topic, bytes } => {
                write!(f, "topic-{topic}: takes batches up to {bytes} bytes")
            }
            Self::Demand { topic, in_sync } => {
                write!(f, "topic-{topic}: demands {in_sync} replicas in sync")
            }
            Self::Recreate { topic, partitions } => {
                write!(
                    f,
                    "topic-{topic}: deleted, and made anew with {partitions} partitions"
                )
            }
            Self::Grow { topic, by } => write!(f, "topic-{topic}: gets {by} more partitions"),
            _ => unreachable!("the others name a node"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at {:.6} s", self.at.as_secs_f64())?;
        if self.length > Duration::ZERO {
            write!(f, " for {:.6} s", self.length.as_secs_f64())?;
        }
        write!(f, ": {}", self.what)
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|fault| writeln!(f, "{fault}"))
    }
}
