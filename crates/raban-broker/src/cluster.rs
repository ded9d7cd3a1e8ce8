//! The broker as a state machine without I/O of its own: requests, time and a seed come in, responses go out.
//!
//! Whoever drives it (the [server](crate::Server), or a simulation) tells it the time, hands it each request's bytes and
//! carries the responses. Records go to a [`LogDir`]. A connection's requests are handled one after the other: after
//! [`Outcome::Wait`] the next one waits until [`poll_reply`](Cluster::poll_reply) or
//! [`handle_timeout`](Cluster::handle_timeout) answers.
use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use raban_log::{PendingSync, SyncOutcome};
use raban_protocol::frame::Frame;
use raban_protocol::primitives::Uuid;
use raban_protocol::record_batch::{Record, RecordBatch, split_batches};

use crate::api;
use crate::api::Parked;
use crate::config::BrokerConfig;
use crate::error::{RecordsError, StartError, TopicError};
use crate::faults::Faults;
use crate::storage::LogDir;
use crate::topics::Topics;
use crate::waiting::WaitingRequests;

/// How often producers are looked at for expiry, as in Apache Kafka.
const EXPIRY_CHECK: Duration = Duration::from_secs(600);
/// The most that a batch is unpacked to for [`Cluster::records`].
pub(crate) const UNPACK_LIMIT: usize = 1 << 30;

/// The time, as the driver tells it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Time since some start; never goes back.
    pub elapsed: Duration,
    /// Milliseconds since 1970, for timestamps.
    pub unix_ms: i64,
}

/// What becomes of a request.
#[derive(Debug)]
pub enum Outcome {
    /// This goes back.
    Reply(Frame),
    /// Nothing goes back: the request was a Produce with acks=0.
    NoReply,
    /// The answer comes from [`Cluster::poll_reply`], or when it is [`Now::elapsed`] = `deadline` from
    /// [`Cluster::handle_timeout`].
    Wait {
        /// When to stop waiting.
        deadline: Duration,
    },
    /// The connection must be closed, for this reason.
    Close(String),
}

/// A record and the partition that it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionRecord {
    /// The partition.
    pub partition: i32,
    /// The record, with its offset.
    pub record: Record,
}

/// A topic of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicInfo {
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: Uuid,
    /// How many partitions it has.
    pub partitions: i32,
}

/// A partition's half-done sync; see [`Cluster::begin_sync`].
#[derive(Debug)]
pub struct PartitionSync {
    partition: (Uuid, i32),
    pending: PendingSync,
}

impl PartitionSync {
    /// Syncs, on any thread; blocks until the disk has it.
    pub fn run(self) -> PartitionSynced {
        PartitionSynced {
            partition: self.partition,
            outcome: self.pending.run(),
        }
    }
}

/// What came of a [`PartitionSync`].
#[derive(Debug)]
pub struct PartitionSynced {
    partition: (Uuid, i32),
    outcome: SyncOutcome,
}

/// A cluster of brokers: of one node, or of several for simulations.
#[derive(Debug)]
pub struct Cluster {
    pub(crate) config: BrokerConfig,
    pub(crate) topics: Topics,
    pub(crate) waiting: WaitingRequests<Parked>,
    pub(crate) faults: Faults,
    /// The latest time that was told.
    pub(crate) latest: Duration,
    /// Where each connection's client reached the broker.
    reached_at: BTreeMap<u64, (String, u16)>,
    next_expiry: Duration,
}

impl Cluster {
    /// Opens what is in `log_dir`. Cluster and topic ids follow from `seed`.
    ///
    /// # Errors
    /// [`StartError::Metadata`], [`StartError::Log`] or [`StartError::Setting`].
    pub fn open(
        config: BrokerConfig,
        seed: u64,
        log_dir: Box<dyn LogDir>,
        now: Now,
    ) -> Result<Self, StartError> {
        config.check()?;
        let topics = Topics::open(&config, seed, log_dir, now.elapsed)?;
        Ok(Self {
            latest: now.elapsed,
            faults: Faults::default(),
            config,
            topics,
            waiting: WaitingRequests::default(),
            reached_at: BTreeMap::new(),
            next_expiry: now.elapsed + EXPIRY_CHECK,
        })
    }

    /// Notes a new connection, and host and port that its client connected to: what it is told to connect to again, if
    /// the settings don't name another address.
    pub fn handle_connect(&mut self, connection: u64, reached_at: (String, u16)) {
        self.reached_at.insert(connection, reached_at);
    }

    /// Forgets a connection and the request that may wait on it.
    pub fn handle_disconnect(&mut self, connection: u64) {
        self.reached_at.remove(&connection);
        self.waiting.take(connection);
    }

    /// Handles one request, `content` being its frame without the size, that came to `node`.
    pub fn handle_request(
        &mut self,
        now: Now,
        node: i32,
        connection: u64,
        content: Bytes,
    ) -> Outcome {
        self.latest = now.elapsed;
        api::handle(self, now, node, connection, content)
    }

    /// A request that waited and can be answered now: its connection, and what [`handle_request`](Self::handle_request)
    /// would have answered. To be called after each request until it is `None`.
    pub fn poll_reply(&mut self, _now: Now) -> Option<(u64, Outcome)> {
        loop {
            let connection = self.waiting.next_ready()?;
            if let Some(parked) = self.waiting.take(connection) {
                let outcome = api::resume(self, parked);
                if !matches!(outcome, Outcome::Wait { .. }) {
                    return Some((connection, outcome));
                }
            }
        }
    }

    /// Answers the request that waits on a connection, with what there is. `None` if none waits.
    pub fn handle_timeout(&mut self, _now: Now, connection: u64) -> Option<Outcome> {
        let parked = self.waiting.take(connection)?;
        Some(api::finish(self, parked.request))
    }

    /// When the first waiting request's wait is over.
    pub fn next_deadline(&self) -> Option<Duration> {
        self.waiting.next_deadline()
    }

    /// Does what is due now and then: producers that were silent for long are forgotten.
    pub fn handle_tick(&mut self, now: Now) {
        if now.elapsed >= self.next_expiry {
            self.next_expiry = now.elapsed + EXPIRY_CHECK;
            let expiration = self.config.producer_id_expiration;
            for (_, partition) in self.topics.partitions_mut() {
                partition.forget(|producers| producers.expire(now.elapsed, expiration));
            }
        }
    }

    /// Forgets producers whose newest record is older than `producer.id.expiration.ms`: what Apache Kafka's sweeps do. A
    /// broker of raban's counts from the time of the append instead.
    pub fn expire_producers_by_timestamps(&mut self, now: Now) {
        let expiration = self.config.producer_id_expiration;
        for (_, partition) in self.topics.partitions_mut() {
            partition.forget(|p| p.expire_by_timestamps(now.unix_ms, expiration));
        }
    }

    /// Makes all records durable.
    pub fn sync(&mut self) {
        for ((topic, index), partition) in self.topics.partitions_mut() {
            if let Err(error) = partition.sync() {
                tracing::error!(%topic, partition = index, %error, "cannot sync a partition");
            }
        }
    }

    /// The same in two halves, so that requests go on while the disk works: run each on any thread, then hand the outcome
    /// to [`finish_sync`](Self::finish_sync).
    pub fn begin_sync(&mut self) -> Vec<PartitionSync> {
        let mut begun = Vec::new();
        for (key, partition) in self.topics.partitions_mut() {
            match partition.begin_sync() {
                Ok(None) => {}
                Ok(Some(pending)) => begun.push(PartitionSync {
                    partition: key,
                    pending,
                }),
                Err(error) => {
                    tracing::error!(topic = %key.0, partition = key.1, %error, "cannot sync a partition");
                }
            }
        }
        begun
    }

    /// Notes what came of a sync.
    pub fn finish_sync(&mut self, synced: PartitionSynced) {
        let (id, index) = synced.partition;
        let Some(topic) = self.topics.name_of(id).map(str::to_owned) else {
            return;
        };
        if let Some((_, partition)) = self.topics.any_partition(&topic, index)
            && let Err(error) = partition.finish_sync(synced.outcome)
        {
            tracing::error!(topic, partition = index, %error, "cannot sync a partition");
        }
    }

    /// All topics, by name.
    pub fn topics(&self) -> Vec<TopicInfo> {
        let info = |(name, topic): (&str, &crate::topics::Topic)| TopicInfo {
            name: name.to_owned(),
            id: topic.id,
            partitions: topic.partitions.len() as i32,
        };
        self.topics.iter().map(info).collect()
    }

    /// Creates a topic.
    ///
    /// # Errors
    /// [`TopicError`] with the code that a client would get.
    pub fn create_topic(
        &mut self,
        now: Now,
        name: &str,
        partitions: i32,
    ) -> Result<(), TopicError> {
        let wanted = [(name.to_owned(), partitions)];
        let created = self.topics.create(&wanted, now.elapsed);
        created
            .into_iter()
            .collect::<Result<(), _>>()
            .map_err(|(code, message)| TopicError {
                topic: name.to_owned(),
                code,
                message,
            })
    }

    /// All records of a topic, by partition and offset.
    ///
    /// # Errors
    /// [`RecordsError`].
    pub fn records(&mut self, topic: &str) -> Result<Vec<PartitionRecord>, RecordsError> {
        let unknown = || RecordsError::UnknownTopic(topic.to_owned());
        let count = self.topics.get(topic).ok_or_else(unknown)?.partitions.len() as i32;
        let mut records = Vec::new();
        for partition in 0..count {
            let log = self.topics.any_partition(topic, partition);
            let (_, log) = log.ok_or_else(unknown)?;
            let mut offset = log.start_offset();
            while offset < log.end_offset() {
                let read = log.read(offset, 1 << 20, true)?;
                assert!(
                    read.next_offset > offset,
                    "a log has a batch for each of its offsets"
                );
                offset = read.next_offset;
                for batch in split_batches(read.bytes) {
                    let (_, bytes) = batch?;
                    let batch = RecordBatch::decode(bytes, UNPACK_LIMIT)?;
                    let with_partition = |record| PartitionRecord { partition, record };
                    records.extend(batch.records.into_iter().map(with_partition));
                }
            }
        }
        Ok(records)
    }

    /// Host and port of a node, as a connection's client is told.
    pub(crate) fn address(&self, node: i32, connection: u64) -> (String, u16) {
        let advertised = self.topics.nodes.address(node).cloned();
        advertised.unwrap_or_else(|| self.advertised(connection))
    }

    /// Host and port that a connection's client is told to connect to.
    pub(crate) fn advertised(&self, connection: u64) -> (String, u16) {
        let configured = self.config.advertised.as_ref();
        let address = configured.or_else(|| self.reached_at.get(&connection));
        address.cloned().unwrap_or_else(|| {
            let listen = self.config.listen;
            (listen.ip().to_string(), listen.port())
        })
    }
}
