//! What happens to a partition besides producing and reading: settings, growth, deletion, compaction, forgetting; and a
//! look at all of it.
use raban_protocol::primitives::Uuid;
use raban_protocol::record_batch::{BatchHeader, Record, RecordBatch, split_batches};

use crate::cluster::{Cluster, Now, UNPACK_LIMIT};
use crate::error::{RecordsError, TopicError};
use crate::partition::Partition;
use crate::producer_state::ProducerStates;

/// Settings of a topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicConfig {
    /// `max.message.bytes`; that of the broker unless set.
    pub max_message_bytes: Option<usize>,
    /// `min.insync.replicas`; that of the broker unless set.
    pub min_insync_replicas: Option<usize>,
    /// `message.timestamp.type=LogAppendTime`.
    pub log_append_time: bool,
    /// `cleanup.policy=compact`: records without a key are refused.
    pub compacted: bool,
}

/// What is known of a partition beside its records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionState {
    /// The topic's id.
    pub topic_id: Uuid,
    /// The node that leads it, if one does.
    pub leader: Option<i32>,
    /// How often leaders changed.
    pub leader_epoch: i32,
    /// Offset of the first record.
    pub start_offset: i64,
    /// Offset after the last record that readers see.
    pub high_watermark: i64,
    /// Offset after the last record.
    pub end_offset: i64,
    /// The replicas in sync.
    pub in_sync: Vec<i32>,
}

/// A partition's log.
#[derive(Clone, Debug)]
pub struct LogDump {
    /// What is known beside the records.
    pub state: PartitionState,
    /// Batches in order.
    pub batches: Vec<(BatchHeader, Vec<Record>)>,
}

/// For tests and simulation.
impl Cluster {
    /// Settings of a topic, in place of those before. They are kept for as long as the cluster runs.
    pub fn set_topic_config(&mut self, topic: &str, config: TopicConfig) {
        self.topics.configure(topic, config);
        let count = self.topics.get(topic).map_or(0, |t| t.partitions.len());
        for index in 0..count as i32 {
            self.one_partition(topic, index, |_| Ok(()));
        }
    }

    /// Gives a topic more partitions, `total` in all.
    ///
    /// # Errors
    /// [`TopicError`] with the code that a client would get.
    pub fn create_partitions(
        &mut self,
        now: Now,
        topic: &str,
        total: i32,
    ) -> Result<(), TopicError> {
        let grown = self.topics.grow(topic, total, now.elapsed);
        grown.map_err(|(code, message)| TopicError {
            topic: topic.to_owned(),
            code,
            message,
        })
    }

    /// Deletes a topic with its records.
    ///
    /// # Errors
    /// [`TopicError`] with the code that a client would get.
    pub fn delete_topic(&mut self, topic: &str) -> Result<(), TopicError> {
        let deleted = self.topics.delete(topic);
        let deleted = deleted.map_err(|(code, message)| TopicError {
            topic: topic.to_owned(),
            code,
            message,
        })?;
        for index in 0..deleted.partitions.len() as i32 {
            self.waiting.changed((deleted.id.0, index));
        }
        Ok(())
    }

    /// Deletes a partition's records below `before`, as far as readers see them.
    pub fn delete_records(&mut self, topic: &str, index: i32, before: i64) {
        if let Some((_, partition)) = self.topics.any_partition(topic, index) {
            partition.delete_records(before);
        }
    }

    /// Takes away the records that readers see and that are not to be kept, as the log cleaner does: offsets and sequences
    /// stay, a batch without records goes. But each producer's last batch stays, empty, and so does the last one of each
    /// segment of the log; this call ends a segment.
    ///
    /// # Errors
    /// [`RecordsError`].
    pub fn compact(
        &mut self,
        topic: &str,
        index: i32,
        keep: &mut dyn FnMut(&Record) -> bool,
    ) -> Result<(), RecordsError> {
        let found = self.topics.any_partition(topic, index);
        let (_, partition) = found.ok_or_else(|| RecordsError::UnknownTopic(topic.to_owned()))?;
        Ok(partition.compact(keep)?)
    }

    /// All replicas forget all producers, as when these have expired.
    pub fn forget_producers(&mut self, topic: &str, index: i32) {
        if let Some((_, partition)) = self.topics.any_partition(topic, index) {
            partition.forget(ProducerStates::clear);
        }
    }

    /// The leader remembers only the last `window` batches of each producer, as after a reload; with `reload` it leads under
    /// a new epoch, too.
    pub fn shrink_producer_window(&mut self, topic: &str, index: i32, window: usize, reload: bool) {
        let now = self.latest;
        self.one_partition(topic, index, |partition| {
            partition.producers.shrink(window);
            match reload && partition.has_leader() {
                true => partition.lead(partition.leader, now),
                false => Ok(()),
            }
        });
    }

    /// What is known of a partition beside its records.
    pub fn partition_state(&mut self, topic: &str, index: i32) -> Option<PartitionState> {
        let (topic_id, partition) = self.topics.any_partition(topic, index)?;
        Some(state(topic_id, partition))
    }

    /// A partition's batches from the one with `offset` on.
    ///
    /// # Errors
    /// [`RecordsError`].
    pub fn log_from(
        &mut self,
        topic: &str,
        index: i32,
        offset: i64,
    ) -> Result<LogDump, RecordsError> {
        let unknown = || RecordsError::UnknownTopic(topic.to_owned());
        let (topic_id, partition) = self
            .topics
            .any_partition(topic, index)
            .ok_or_else(unknown)?;
        let mut dump = LogDump {
            state: state(topic_id, partition),
            batches: Vec::new(),
        };
        let mut offset = offset.max(dump.state.start_offset);
        while offset < dump.state.end_offset {
            let read = partition.read(offset, 1 << 20, true)?;
            if read.next_offset <= offset {
                break;
            }
            offset = read.next_offset;
            for batch in split_batches(read.bytes) {
                let (header, bytes) = batch?;
                let batch = RecordBatch::decode(bytes, UNPACK_LIMIT)?;
                dump.batches.push((header, batch.records));
            }
        }
        Ok(dump)
    }
}

fn state(topic_id: Uuid, partition: &Partition) -> PartitionState {
    PartitionState {
        topic_id,
        leader: partition.has_leader().then_some(partition.leader),
        leader_epoch: partition.leader_epoch,
        start_offset: partition.start_offset(),
        high_watermark: partition.high_watermark(),
        end_offset: partition.end_offset(),
        in_sync: partition.replicas.in_sync(),
    }
}
