//! What is known of the cluster: brokers, and the topics in use with their leaders.

use std::collections::BTreeMap;
use std::sync::Arc;

use raban_protocol::error_code::ErrorCode;
use raban_protocol::messages::metadata::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponsePartition,
    MetadataResponseTopic,
};
use raban_protocol::primitives::Uuid;

use crate::accumulator::Topic;
use crate::accumulator::partition::PartitionId;
use crate::config::{Address, Config};
use crate::partitioner::Lengths;
use crate::time::Instant;

/// The cluster as the latest responses told it, and what is to be asked next.
#[derive(Debug)]
pub(crate) struct Metadata {
    pub(crate) brokers: BTreeMap<i32, Address>,
    /// None before the first response, and with brokers older than 0.10.1.
    pub(crate) cluster_id: Option<String>,
    /// Of those that have one.
    racks: BTreeMap<i32, String>,
    pub(crate) topics: BTreeMap<Arc<str>, TopicMetadata>,
    /// Counts responses.
    pub(crate) version: u64,
    /// Somebody needs it newer than it is.
    wanted: bool,
    asked: bool,
    refreshed: Instant,
    pub(crate) not_before: Instant,
    pub(crate) failures: u32,
}

/// A topic in use.
#[derive(Debug)]
pub(crate) struct TopicMetadata {
    pub(crate) topic: Arc<Topic>,
    /// Zero where the brokers are older than topic ids (2.8).
    pub(crate) id: Uuid,
    /// The last id that was told of it. Another one tells of a topic made anew; none tells nothing.
    pub(crate) told_id: Uuid,
    pub(crate) queues: Vec<PartitionId>,
    pub(crate) lengths: Lengths,
    /// Asked for with each refresh; idle topics aren't.
    pub(crate) in_use: bool,
}

/// What a response says of a topic.
#[derive(Debug)]
pub(crate) enum TopicNews {
    /// Its partitions, by index.
    Known {
        id: Uuid,
        partitions: Vec<PartitionNews>,
    },
    /// Not now: it doesn't exist, or isn't ready yet.
    NotYet(ErrorCode),
    /// Not ever, with these rights and this name.
    Refused(ErrorCode),
}

#[derive(Debug, Clone)]
pub(crate) struct PartitionNews {
    pub(crate) leader: Option<i32>,
    pub(crate) leader_epoch: i32,
    pub(crate) replicas: Vec<i32>,
    pub(crate) in_sync: Vec<i32>,
}

impl Metadata {
    pub(crate) fn new() -> Self {
        Self {
            brokers: BTreeMap::new(),
            cluster_id: None,
            racks: BTreeMap::new(),
            topics: BTreeMap::new(),
            version: 0,
            wanted: false,
            asked: false,
            refreshed: Instant::default(),
            not_before: Instant::default(),
            failures: 0,
        }
    }

    /// Puts a topic in use.
    pub(crate) fn want_topic(&mut self, topic: &Arc<Topic>, now: Instant) {
        topic.touch(now);
        let asked_for = self
            .topics
            .get(topic.name())
            .is_some_and(|entry| entry.in_use);
        if !asked_for {
            // A new topic needn't wait for the backoff of the others.
            self.not_before = now;
        }
        let entry = self
            .topics
            .entry(Arc::clone(topic.shared_name()))
            .or_insert_with(|| TopicMetadata {
                topic: Arc::clone(topic),
                id: Uuid::ZERO,
                told_id: Uuid::ZERO,
                queues: Vec::new(),
                lengths: Lengths::default(),
                in_use: true,
            });
        entry.in_use = true;
        self.wanted = true;
    }

    pub(crate) fn want(&mut self) {
        self.wanted = true;
    }

    /// When to ask, if at all: at once if somebody needs it, else when it is old.
    pub(crate) fn due(&self, config: &Config) -> Option<Instant> {
        if self.asked {
            return None;
        }
        if self.wanted {
            return Some(self.not_before);
        }
        (self.version > 0).then(|| (self.refreshed + config.metadata_max_age).max(self.not_before))
    }

    pub(crate) fn ask(&mut self, config: &Config, newest_version: i16) -> MetadataRequest {
        self.asked = true;
        self.wanted = false;
        let topics = self
            .topics
            .iter()
            .filter(|(_, topic)| topic.in_use)
            .map(|(name, _)| MetadataRequestTopic {
                name: Some(name.to_string()),
                ..MetadataRequestTopic::default()
            })
            .collect::<Vec<_>>();
        // Version 0 says "all topics" with an empty list; it can't say "none".
        debug_assert!(newest_version > 0 || !topics.is_empty());
        MetadataRequest {
            topics: Some(topics),
            // Before version 4 the request can't forbid it.
            allow_auto_topic_creation: config.allow_auto_create_topics || newest_version < 4,
            ..MetadataRequest::default()
        }
    }

    /// The request is lost.
    pub(crate) fn unanswered(&mut self) {
        self.asked = false;
        self.wanted = true;
    }

    /// Takes in the brokers, and returns what is said of the topics.
    pub(crate) fn handle_response(
        &mut self,
        now: Instant,
        response: MetadataResponse,
    ) -> Vec<(Arc<str>, TopicNews)> {
        self.asked = false;
        self.refreshed = now;
        self.version += 1;
        self.racks.clear();
        for broker in &response.brokers {
            self.place(broker.node_id, broker.rack.clone());
        }
        self.brokers = response
            .brokers
            .into_iter()
            .filter_map(|broker| {
                let port = u16::try_from(broker.port).ok()?;
                let address = Address {
                    host: broker.host,
                    port,
                };
                Some((broker.node_id, address))
            })
            .collect();
        response
            .topics
            .into_iter()
            .filter_map(|topic| {
                let (name, _) = self.topics.get_key_value(topic.name.as_deref()?)?;
                Some((Arc::clone(name), topic_news(topic)))
            })
            .collect()
    }

    /// Another cluster has ids of its own.
    pub(crate) fn forget_topic_ids(&mut self) {
        for topic in self.topics.values_mut() {
            topic.id = Uuid::ZERO;
            topic.told_id = Uuid::ZERO;
        }
    }

    /// Takes in which rack a broker is in.
    pub(crate) fn place(&mut self, node: i32, rack: Option<String>) {
        match rack {
            Some(rack) => self.racks.insert(node, rack),
            None => self.racks.remove(&node),
        };
    }

    pub(crate) fn rack(&self, node: i32) -> Option<&str> {
        self.racks.get(&node).map(String::as_str)
    }

    /// Stops asking for topics that no record used for `metadata.max.idle.ms`, and returns them.
    pub(crate) fn drop_idle(&mut self, now: Instant, config: &Config) -> Vec<Arc<Topic>> {
        self.topics
            .values_mut()
            .filter(|entry| {
                entry.in_use && now - entry.topic.last_used() >= config.metadata_max_idle
            })
            .filter(|entry| !entry.topic.has_waiting())
            .map(|entry| {
                entry.in_use = false;
                Arc::clone(&entry.topic)
            })
            .collect()
    }

    /// The id of a topic in use; zero where it isn't known.
    pub(crate) fn topic_id(&self, name: &str) -> Uuid {
        self.topics.get(name).map_or(Uuid::ZERO, |topic| topic.id)
    }

    /// Whether the topic was made anew since it was known by this id.
    pub(crate) fn is_made_anew(&self, name: &str, id: Uuid) -> bool {
        let told = self.topics.get(name).map(|topic| topic.told_id);
        !id.is_zero() && told.is_some_and(|told| told != id)
    }
}

fn topic_news(topic: MetadataResponseTopic) -> TopicNews {
    let code = topic.error_code;
    match code {
        ErrorCode::NONE => match partition_news(topic.partitions) {
            Some(partitions) => TopicNews::Known {
                id: topic.topic_id,
                partitions,
            },
            None => TopicNews::NotYet(ErrorCode::LEADER_NOT_AVAILABLE),
        },
        code if code.is_retriable() => TopicNews::NotYet(code),
        code => TopicNews::Refused(code),
    }
}

/// The partitions by index; `None` where the response doesn't name each from 0 on once.
fn partition_news(mut partitions: Vec<MetadataResponsePartition>) -> Option<Vec<PartitionNews>> {
    partitions.sort_unstable_by_key(|partition| partition.partition_index);
    let complete = !partitions.is_empty()
        && partitions
            .iter()
            .enumerate()
            .all(|(index, partition)| usize::try_from(partition.partition_index) == Ok(index));
    complete.then(|| {
        partitions
            .into_iter()
            .map(|partition| PartitionNews {
                leader: (partition.leader_id >= 0).then_some(partition.leader_id),
                leader_epoch: partition.leader_epoch,
                replicas: partition.replica_nodes,
                in_sync: partition.isr_nodes,
            })
            .collect()
    })
}
