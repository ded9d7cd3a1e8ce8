//! The broker's settings.
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::error::StartError;

/// Where partitions keep their records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum StorageKind {
    /// In memory, for as long as the broker runs.
    #[default]
    Memory,
    /// In segment files below this directory, which is created if it doesn't exist. One broker at a time uses it.
    Disk(PathBuf),
    /// Nowhere: batches are checked, acknowledged and dropped. For measuring producers.
    Discard,
}

/// Settings of an embedded broker. Names in parentheses are Apache Kafka's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerConfig {
    /// Where to listen; port 0 takes a free one. Default 127.0.0.1:0.
    pub listen: SocketAddr,
    /// Host and port that clients are told to connect to (`advertised.listeners`). Default: the address that the client
    /// reached the broker at.
    pub advertised: Option<(String, u16)>,
    /// The broker's id (`node.id`). Default 1.
    pub node_id: i32,
    /// How many nodes there are, numbered from `node_id` on; more than one only for tests that drive a
    /// [`Cluster`](crate::Cluster) themselves. Default 1.
    pub nodes: i32,
    /// Replicas of a partition (`default.replication.factor`), at most one a node. Default 1.
    pub default_replication: i16,
    /// In-sync replicas that a Produce with acks=all needs (`min.insync.replicas`), at most all. Default 1.
    pub min_insync_replicas: usize,
    /// Where records are kept. Default memory.
    pub storage: StorageKind,
    /// Partitions of topics that are created without a number (`num.partitions`). Default 1.
    pub default_partitions: i32,
    /// Whether a Metadata request that asks for it creates missing topics (`auto.create.topics.enable`). Default true.
    pub auto_create_topics: bool,
    /// Partitions in all topics together; creating more is refused. Default 10 000.
    pub max_partitions: usize,
    /// The largest record batch, in bytes (`message.max.bytes`). Default 1 048 588.
    pub max_message_bytes: usize,
    /// The largest request, in bytes (`socket.request.max.bytes`). Default 104 857 600.
    pub max_request_bytes: usize,
    /// Bytes of records in one Fetch response, but for a first batch that is larger (`fetch.max.bytes`). Default 57 671 680.
    pub fetch_max_bytes: usize,
    /// Connections at a time; further ones are closed at once (`max.connections`). Default 1 000.
    pub max_connections: usize,
    /// A connection that moves no byte for so long is closed (`connections.max.idle.ms`). Default 10 minutes.
    pub connections_max_idle: Duration,
    /// Bytes of a segment file before the next one is begun (`log.segment.bytes`). Default 1 GiB.
    pub segment_bytes: u64,
    /// How often all that was written is synced to disk. What a crash of the machine (not of the process) may take is what
    /// was written since. Default 1 s.
    pub flush_interval: Duration,
    /// How long after its last batch a producer id is forgotten (`producer.id.expiration.ms`). Default 1 day.
    pub producer_id_expiration: Duration,
    /// Determines cluster and topic ids. Default: a random one.
    pub seed: Option<u64>,
}

impl Default for BrokerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            advertised: None,
            node_id: 1,
            nodes: 1,
            default_replication: 1,
            min_insync_replicas: 1,
            storage: StorageKind::Memory,
            default_partitions: 1,
            auto_create_topics: true,
            max_partitions: 10_000,
            max_message_bytes: 1_048_588,
            max_request_bytes: 100 << 20,
            fetch_max_bytes: 55 << 20,
            max_connections: 1_000,
            connections_max_idle: Duration::from_secs(600),
            segment_bytes: 1 << 30,
            flush_interval: Duration::from_secs(1),
            producer_id_expiration: Duration::from_secs(24 * 3600),
            seed: None,
        }
    }
}

impl BrokerConfig {
    pub(crate) fn check(&self) -> Result<(), StartError> {
        let limit = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let segment_bytes = i64::try_from(self.segment_bytes).unwrap_or(i64::MAX);
        let flush_ms = i64::try_from(self.flush_interval.as_millis()).unwrap_or(i64::MAX);
        let up_to_2_gib = 1..=i64::from(i32::MAX);
        let checks = [
            (
                "node_id",
                i64::from(self.node_id),
                0..=i64::from(i32::MAX),
                "0 or more",
            ),
            (
                "nodes",
                i64::from(self.nodes),
                1..=i64::from(i32::MAX.saturating_sub(self.node_id)),
                "1 or more, with ids up to 2147483647",
            ),
            (
                "default_replication",
                i64::from(self.default_replication),
                1..=i64::from(self.nodes),
                "1 to the number of nodes",
            ),
            (
                "min_insync_replicas",
                limit(self.min_insync_replicas),
                1..=i64::MAX,
                "1 or more",
            ),
            (
                "default_partitions",
                i64::from(self.default_partitions),
                up_to_2_gib.clone(),
                "1 or more",
            ),
            (
                "max_message_bytes",
                limit(self.max_message_bytes),
                up_to_2_gib.clone(),
                "1 to 2147483647",
            ),
            (
                "max_request_bytes",
                limit(self.max_request_bytes),
                up_to_2_gib.clone(),
                "1 to 2147483647",
            ),
            (
                "fetch_max_bytes",
                limit(self.fetch_max_bytes),
                up_to_2_gib.clone(),
                "1 to 2147483647",
            ),
            (
                "max_connections",
                limit(self.max_connections),
                1..=i64::MAX,
                "1 or more",
            ),
            (
                "segment_bytes",
                segment_bytes,
                up_to_2_gib,
                "1 to 2147483647",
            ),
            ("flush_interval (ms)", flush_ms, 1..=i64::MAX, "1 or more"),
        ];
        for (setting, value, valid, range) in checks {
            if !valid.contains(&value) {
                return Err(StartError::Setting {
                    setting,
                    value,
                    range,
                });
            }
        }
        Ok(())
    }
}
