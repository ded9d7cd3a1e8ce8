//! The producer as state machines: time, bytes and a seed come in, actions go out.
//!
//! There is no clock, socket, file, thread or random source here, so that a simulation can replay
//! any run byte for byte. Application threads call the [`Accumulator`]; one driver owns the
//! [`Sender`], tells it what happened (`handle_*`) and does what it asks for (`poll_*`).
//!
//! The modules stand in the order of a record's way. Users depend on the crate `raban`; this one
//! makes no semver promise.
#![forbid(unsafe_code)]

#[cfg(all(test, raban_shuttle))]
extern crate self as raban_core;

pub mod config;
mod sync;
mod time;

mod facts;
mod record;

mod partitioner;

mod accumulator;
mod batch;

mod sender;

mod idempotence;

mod metadata;

mod backoff;
mod connection;

mod delivery;
mod error;
mod event;
mod metrics;
mod telemetry;
mod told;
mod trail;

#[cfg(not(feature = "mutants"))]
mod mutant;
#[cfg(feature = "mutants")]
pub mod mutant;

#[cfg(all(test, raban_shuttle))]
mod seam;

use std::sync::Arc;

pub use accumulator::{
    Accumulator, ClientInstanceIdError, Close, CloseReport, EnqueueWait, Flush, InstanceIdWait,
    PartitionInfo, Patience, Purge, Topic, TryEnqueueError,
};
pub use config::Config;
pub use connection::{CloseReason, ConnectError, ConnectionId};
pub use delivery::{Deliveries, Delivery, ManyOutcome};
pub use error::{Cause, EnqueueError, ErrorKind, ProduceError, Speaks, Unresolved};
pub use event::{Event, Level};
pub use metrics::{Distribution, Meter, Metric, Metrics, NodeMetrics, TopicMetrics};
pub use partitioner::{
    NamedPartitioner, Partitioner, Partitioning, UnknownPartitioner, Unpartitioned, crc32, fnv1a,
    murmur2,
};
pub use record::{Header, NewRecord, RecordMetadata};
pub use sender::{Action, Sender};
pub use time::{Clock, Instant, Now};
pub use told::{Callback, CallbackSlot, Listener};
pub use trail::{Attempt, AttemptOutcome, Found, Resolution, ResolvedBy, Trail};

/// The two halves of a producer. `seed` decides all that is random in it: sticky partitions,
/// jitter, the order in which brokers are asked.
pub fn new(config: Config, seed: u64) -> (Arc<Accumulator>, Sender) {
    let config = Arc::new(config);
    let accumulator = Accumulator::new(Arc::clone(&config), seed);
    let sender = Sender::new(config, Arc::clone(&accumulator), seed);
    (accumulator, sender)
}
