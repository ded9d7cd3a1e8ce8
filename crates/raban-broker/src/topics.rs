//! A cluster's topics: opening and finding them, and giving out producer ids.
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use raban_log::{LogConfig, Recovery};
use raban_protocol::error_code::ErrorCode;
use raban_protocol::primitives::Uuid;

use crate::config::BrokerConfig;
use crate::error::StartError;
use crate::metadata::{ClusterMetadata, TopicMetadata};
use crate::nodes::Nodes;
use crate::partition::Partition;
use crate::replication::Placement;
use crate::storage::LogDir;
use crate::topic_name;
use crate::upkeep::TopicConfig;

/// Producer ids that are set aside at once, so that giving one out seldom writes the metadata.
const PRODUCER_ID_BLOCK: i64 = 1_000;

/// A topic with its partitions open.
#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) id: Uuid,
    pub(crate) partitions: Vec<Partition>,
    pub(crate) config: TopicConfig,
}

/// Why a topic can't be created, deleted or found: an error code and what it means here.
pub(crate) type Refusal = (ErrorCode, String);

/// All topics, and the metadata that outlives the cluster.
pub(crate) struct Topics {
    pub(crate) log_dir: Box<dyn LogDir>,
    pub(crate) metadata: ClusterMetadata,
    pub(crate) seed: u64,
    pub(crate) nodes: Nodes,
    replication: usize,
    pub(crate) min_in_sync: usize,
    pub(crate) max_partitions: usize,
    log_config: LogConfig,
    pub(crate) by_name: BTreeMap<String, Topic>,
    pub(crate) names: BTreeMap<[u8; 16], String>,
    /// The names of topics as [`topic_name::collision_key`] has them.
    pub(crate) collision_keys: BTreeSet<String>,
    /// The id that is given out next; those up to `metadata.next_producer_id` are set aside.
    producer_id: i64,
}

impl Topics {
    /// Opens all topics in `log_dir`, as a new generation of leader epochs.
    pub(crate) fn open(
        config: &BrokerConfig,
        seed: u64,
        mut log_dir: Box<dyn LogDir>,
        now: Duration,
    ) -> Result<Self, StartError> {
        let failed = |e: std::io::Error| StartError::Metadata {
            reason: e.to_string(),
        };
        let metadata = match log_dir.load().map_err(failed)? {
            None => ClusterMetadata::new(seed),
            Some(text) => {
                let read = ClusterMetadata::decode(&text);
                let mut metadata = read.map_err(|reason| StartError::Metadata { reason })?;
                metadata.generation += 1;
                metadata
            }
        };
        log_dir.save(&metadata.encode()).map_err(failed)?;
        let mut topics = Self {
            log_dir,
            seed,
            nodes: Nodes::new(config.node_id, config.nodes),
            replication: usize::try_from(config.default_replication).unwrap_or(1),
            min_in_sync: config.min_insync_replicas,
            max_partitions: config.max_partitions,
            log_config: LogConfig {
                segment_bytes: config.segment_bytes,
                ..LogConfig::default()
            },
            by_name: BTreeMap::new(),
            names: BTreeMap::new(),
            collision_keys: BTreeSet::new(),
            producer_id: metadata.next_producer_id,
            metadata,
        };
        for (name, topic) in topics.metadata.topics.clone() {
            topics.open_topic(&name, &topic, now)?;
        }
        Ok(topics)
    }

    pub(crate) fn open_topic(
        &mut self,
        name: &str,
        topic: &TopicMetadata,
        now: Duration,
    ) -> Result<(), StartError> {
        let partitions = self.open_partitions(name, topic, 0, now)?;
        self.names.insert(topic.id.0, name.to_owned());
        self.collision_keys.insert(topic_name::collision_key(name));
        let topic = Topic {
            id: topic.id,
            partitions,
            config: TopicConfig::default(),
        };
        self.by_name.insert(name.to_owned(), topic);
        Ok(())
    }

    /// The partitions from number `first` on.
    pub(crate) fn open_partitions(
        &mut self,
        name: &str,
        topic: &TopicMetadata,
        first: i32,
        now: Duration,
    ) -> Result<Vec<Partition>, StartError> {
        let leader_epoch = self.metadata.generation - topic.created_in;
        let mut partitions = Vec::new();
        for index in first..topic.partitions {
            let storage = self.log_dir.open(name, topic.id, index);
            let storage = storage.map_err(|e| StartError::Metadata {
                reason: format!("cannot open {name}-{index}: {e}"),
            })?;
            let placement = self.place(index, leader_epoch);
            let opened = Partition::open(storage, self.log_config.clone(), placement, now);
            let (partition, recovery) = opened.map_err(|source| StartError::Log {
                topic: name.to_owned(),
                partition: index,
                source,
            })?;
            report(name, index, &recovery);
            partitions.push(partition);
        }
        Ok(partitions)
    }

    fn place(&self, index: i32, leader_epoch: i32) -> Placement {
        let nodes = self.nodes.place(index, self.replication).into_iter();
        let state = |node| (node, self.nodes.is_up(node), self.nodes.is_lagging(node));
        Placement {
            nodes: nodes.map(state).collect(),
            min_in_sync: self.min_in_sync,
            leader_epoch,
        }
    }

    pub(crate) fn cluster_id(&self) -> &str {
        &self.metadata.cluster_id
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Topic)> {
        self.by_name
            .iter()
            .map(|(name, topic)| (name.as_str(), topic))
    }

    pub(crate) fn partitions_mut(&mut self) -> impl Iterator<Item = ((Uuid, i32), &mut Partition)> {
        self.by_name.values_mut().flat_map(|topic| {
            let id = topic.id;
            (0..)
                .zip(&mut topic.partitions)
                .map(move |(index, p)| ((id, index), p))
        })
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Topic> {
        self.by_name.get(name)
    }

    /// A partition, whoever leads it, and its topic's id.
    pub(crate) fn any_partition(
        &mut self,
        topic: &str,
        index: i32,
    ) -> Option<(Uuid, &mut Partition)> {
        let topic = self.by_name.get_mut(topic)?;
        let partition = topic.partitions.get_mut(usize::try_from(index).ok()?)?;
        Some((topic.id, partition))
    }

    pub(crate) fn name_of(&self, id: Uuid) -> Option<&str> {
        self.names.get(&id.0).map(String::as_str)
    }

    /// A partition that `node` leads.
    pub(crate) fn partition(
        &mut self,
        node: i32,
        topic: &str,
        index: i32,
    ) -> Result<&mut Partition, ErrorCode> {
        let (_, _, partition) = self.led(node, topic, index)?;
        Ok(partition)
    }

    /// A partition that `node` leads, with its topic's id and settings.
    pub(crate) fn led(
        &mut self,
        node: i32,
        topic: &str,
        index: i32,
    ) -> Result<(Uuid, &TopicConfig, &mut Partition), ErrorCode> {
        let topic = self.by_name.get_mut(topic);
        let found = topic.zip(usize::try_from(index).ok());
        let found = found.and_then(|(topic, index)| {
            let partition = topic.partitions.get_mut(index)?;
            Some((topic.id, &topic.config, partition))
        });
        match found {
            None => Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
            Some((_, _, partition)) if partition.leader != node => {
                Err(ErrorCode::NOT_LEADER_OR_FOLLOWER)
            }
            Some(found) => Ok(found),
        }
    }

    /// A producer id that was never given out before.
    pub(crate) fn next_producer_id(&mut self) -> Result<i64, Refusal> {
        if self.producer_id >= self.metadata.next_producer_id {
            let before = self.metadata.next_producer_id;
            self.metadata.next_producer_id = self.producer_id.saturating_add(PRODUCER_ID_BLOCK);
            self.save()
                .inspect_err(|_| self.metadata.next_producer_id = before)?;
        }
        self.producer_id += 1;
        Ok(self.producer_id - 1)
    }

    pub(crate) fn save(&mut self) -> Result<(), Refusal> {
        self.log_dir.save(&self.metadata.encode()).map_err(|error| {
            tracing::error!(%error, "cannot save the broker's metadata");
            (
                ErrorCode::KAFKA_STORAGE_ERROR,
                format!("cannot save the broker's metadata: {error}"),
            )
        })
    }
}

fn report(topic: &str, partition: i32, recovery: &Recovery) {
    if let Some(cut) = &recovery.truncated {
        tracing::warn!(
            topic,
            partition,
            bytes = cut.bytes,
            file = cut.file,
            position = cut.position,
            reason = cut.reason,
            "bytes that the last crash had left half-written were cut off"
        );
    }
}

impl std::fmt::Debug for Topics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Topics")
            .field("by_name", &self.by_name)
            .finish_non_exhaustive()
    }
}
