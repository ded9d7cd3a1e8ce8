//! raban's embedded Kafka broker: real Kafka clients produce to it and read from it.
//!
//! [`Server`] listens on a TCP port; [`Cluster`] is the broker behind it, a state machine without clock, sockets or
//! threads. A request takes this way:
//!
//! ```text
//! connection.rs    frame → Cluster::handle_request → frame, in order, bounded
//! api.rs           header, version, which API
//! api/<api>.rs     one API each: request → response
//! topics.rs        name or id → partition
//! validate.rs      may this batch be appended?  record_shape.rs  are its records whole?
//! producer_state.rs  was it appended before?
//! partition.rs     append to the log, read from it
//! waiting.rs       a Fetch that waits for more, a Produce that waits for replicas
//! ```
//!
//! A `Cluster` can have several nodes and be made to fail, for simulations: nodes.rs (who is up),
//! replication.rs (who has what), election.rs (who leads), faults.rs (false answers), upkeep.rs (deletion, compaction, forgetting).
//!
//! # What survives
//! A record is acknowledged when the operating system has it: it survives the death of the broker's process. All logs are
//! synced to disk every [`flush_interval`](BrokerConfig::flush_interval) and when the broker stops: a crash of the machine
//! may take what was written since.
//!
//! There is no semver promise: use the crate `raban`.
#![forbid(unsafe_code)]

mod api;
mod cluster;
mod config;
mod connection;
mod data_dir;
mod election;
mod error;
mod faults;
mod leader_epochs;
mod metadata;
mod nodes;
mod partition;
mod producer_state;
mod record_shape;
mod replication;
mod server;
mod storage;
mod topic_changes;
mod topic_name;
mod topics;
mod upkeep;
mod validate;
mod waiting;

pub use cluster::{
    Cluster, Now, Outcome, PartitionRecord, PartitionSync, PartitionSynced, TopicInfo,
};
pub use config::{BrokerConfig, StorageKind};
pub use error::{RecordsError, StartError, TopicError};
pub use faults::Operation;
pub use server::Server;
pub use storage::{DiscardLogDir, LogDir, MemoryLogDir};
pub use upkeep::{LogDump, PartitionState, TopicConfig};
