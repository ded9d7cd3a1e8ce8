//! Topics that are created, grown, configured and deleted.
use std::time::Duration;

use raban_protocol::error_code::ErrorCode;

use crate::metadata::TopicMetadata;
use crate::topic_name;
use crate::topics::{Refusal, Topic, Topics};
use crate::upkeep::TopicConfig;

impl Topics {
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
}
