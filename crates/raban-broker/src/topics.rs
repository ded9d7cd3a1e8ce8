//! A cluster's topics: creating, finding and deleting them, and giving out producer ids.
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
    log_dir: Box<dyn LogDir>,
    metadata: ClusterMetadata,
    seed: u64,
    pub(crate) nodes: Nodes,
    replication: usize,
    min_in_sync: usize,
    max_partitions: usize,
    log_config: LogConfig,
    by_name: BTreeMap<String, Topic>,
    names: BTreeMap<[u8; 16], String>,
    /// The names of topics as [`topic_name::collision_key`] has them.
    collision_keys: BTreeSet<String>,
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

    fn open_topic(
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
    fn open_partitions(
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

    /// Sets a topic's settings.
    pub(crate) fn configure(&mut self, name: &str, config: TopicConfig) {
        if let Some(topic) = self.by_name.get_mut(name) {
            let min_in_sync = config.min_insync_replicas.unwrap_or(self.min_in_sync);
            for partition in &mut topic.partitions {
                partition.replicas.set_min_in_sync(min_in_sync);
                partition.advance_watermark();
            }
            topic.config = config;
        }
    }

    /// Gives a topic more partitions.
    pub(crate) fn grow(&mut self, name: &str, total: i32, now: Duration) -> Result<(), Refusal> {
        let Some(metadata) = self.metadata.topics.get(name) else {
            let code = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
            return Err((code, code.message().to_owned()));
        };
        let before = metadata.clone();
        if total <= before.partitions {
            let message = format!(
                "Topic '{name}' has {} partitions already.",
                before.partitions
            );
            return Err((ErrorCode::INVALID_PARTITIONS, message));
        }
        self.check_room(total - before.partitions)?;
        let grown = TopicMetadata {
            partitions: total,
            ..before.clone()
        };
        let added = self.open_partitions(name, &grown, before.partitions, now);
        let added = added.map_err(|e| (ErrorCode::KAFKA_STORAGE_ERROR, e.to_string()))?;
        self.metadata.topics.insert(name.to_owned(), grown);
        if let Err(refusal) = self.save() {
            self.metadata.topics.insert(name.to_owned(), before);
            return Err(refusal);
        }
        if let Some(topic) = self.by_name.get_mut(name) {
            topic.partitions.extend(added);
            let config = topic.config.clone();
            self.configure(name, config);
        }
        Ok(())
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
        match self.any_partition(topic, index) {
            None => Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
            Some((_, partition)) if partition.leader != node => {
                Err(ErrorCode::NOT_LEADER_OR_FOLLOWER)
            }
            Some((_, partition)) => Ok(partition),
        }
    }

    /// Whether a topic could be created.
    pub(crate) fn check_new(&self, name: &str, partitions: i32) -> Result<(), Refusal> {
        topic_name::check(name).map_err(|message| (ErrorCode::INVALID_TOPIC_EXCEPTION, message))?;
        if self.by_name.contains_key(name) {
            return Err((
                ErrorCode::TOPIC_ALREADY_EXISTS,
                format!("Topic '{name}' already exists."),
            ));
        }
        let key = topic_name::collision_key(name);
        if self.collision_keys.contains(&key) {
            let other = self
                .by_name
                .keys()
                .find(|n| topic_name::collision_key(n) == key);
            let other = other.map_or("", String::as_str);
            let message = format!("Topic '{name}' collides with existing topic: {other}");
            return Err((ErrorCode::INVALID_TOPIC_EXCEPTION, message));
        }
        if partitions <= 0 {
            let message = "Number of partitions must be larger than 0.".to_owned();
            return Err((ErrorCode::INVALID_PARTITIONS, message));
        }
        self.check_room(partitions)
    }

    /// Whether there may be so many more partitions.
    fn check_room(&self, partitions: i32) -> Result<(), Refusal> {
        let held: usize = self.by_name.values().map(|t| t.partitions.len()).sum();
        if held + partitions as usize > self.max_partitions {
            let message = format!(
                "{partitions} more partitions than the {held} there are would exceed the broker's limit of {}.",
                self.max_partitions
            );
            return Err((ErrorCode::POLICY_VIOLATION, message));
        }
        Ok(())
    }

    /// Creates topics, each with its number of partitions; the answers are in the same order.
    pub(crate) fn create(
        &mut self,
        wanted: &[(String, i32)],
        now: Duration,
    ) -> Vec<Result<(), Refusal>> {
        let mut created: Vec<Result<(), Refusal>> = Vec::with_capacity(wanted.len());
        for (name, partitions) in wanted {
            created.push(self.create_unsaved(name, *partitions, now));
        }
        if created.iter().any(Result::is_ok)
            && let Err(refusal) = self.save()
        {
            for ((name, _), result) in wanted.iter().zip(&mut created) {
                if result.is_ok() {
                    self.forget(name);
                    *result = Err(refusal.clone());
                }
            }
        }
        created
    }

    fn create_unsaved(
        &mut self,
        name: &str,
        partitions: i32,
        now: Duration,
    ) -> Result<(), Refusal> {
        self.check_new(name, partitions)?;
        let topic = TopicMetadata {
            id: self.metadata.next_topic_id(self.seed),
            partitions,
            created_in: self.metadata.generation,
        };
        let opened = self.open_topic(name, &topic, now);
        opened.map_err(|e| (ErrorCode::KAFKA_STORAGE_ERROR, e.to_string()))?;
        self.metadata.topics.insert(name.to_owned(), topic);
        Ok(())
    }

    /// Deletes a topic with its records and answers with what it was.
    pub(crate) fn delete(&mut self, name: &str) -> Result<Topic, Refusal> {
        let Some(metadata) = self.metadata.topics.remove(name) else {
            let message = "This server does not host this topic-partition.".to_owned();
            return Err((ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, message));
        };
        if let Err(refusal) = self.save() {
            self.metadata.topics.insert(name.to_owned(), metadata);
            return Err(refusal);
        }
        for index in 0..metadata.partitions {
            // What stays behind is removed when the broker starts next.
            if let Err(error) = self.log_dir.remove(name, metadata.id, index) {
                tracing::warn!(topic = name, partition = index, %error, "cannot remove a deleted partition");
            }
        }
        let topic = self.forget(name);
        topic.ok_or_else(|| (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, String::new()))
    }

    fn forget(&mut self, name: &str) -> Option<Topic> {
        self.metadata.topics.remove(name);
        self.collision_keys.remove(&topic_name::collision_key(name));
        let topic = self.by_name.remove(name)?;
        self.names.remove(&topic.id.0);
        Some(topic)
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

    fn save(&mut self) -> Result<(), Refusal> {
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
