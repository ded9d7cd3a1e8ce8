//! What goes in, a record, and what comes back for it, its metadata.

use std::fmt;
use std::sync::Arc;

pub use raban_protocol::record_batch::Header;

use crate::delivery::BatchResult;
use crate::facts::Facts;
use crate::told::CallbackSlot;

/// A serialized record on its way into a batch. It borrows: the bytes are copied once, on acceptance.
#[derive(Debug, Clone, Copy, Default)]
pub struct NewRecord<'a> {
    /// The partition, when the caller chose one.
    pub partition: Option<i32>,
    /// Milliseconds since the Unix epoch; the time of acceptance when absent.
    pub timestamp: Option<i64>,
    /// The key; it decides the partition when none is given.
    pub key: Option<&'a [u8]>,
    /// The value; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
    /// Headers in order; keys may repeat.
    pub headers: &'a [Header],
    /// What the [`Listener`](crate::Listener) is told along with the outcome.
    pub tag: u64,
    /// Called with the outcome; taken on acceptance.
    pub callback: Option<&'a CallbackSlot>,
}

/// Where an acknowledged record lies.
///
/// It shares the outcome of its batch, which may take 16 bytes for each of the batch's records and stays in memory as long as one of them
/// is held.
#[derive(Clone)]
pub struct RecordMetadata {
    /// Settled. Handed over by the record's handle, it costs no count, and what nobody asks for isn't looked up.
    batch: Arc<BatchResult>,
    index: u32,
}

impl RecordMetadata {
    /// Of a record of a batch that is acknowledged.
    #[inline]
    pub(crate) fn new(batch: Arc<BatchResult>, index: u32) -> Self {
        Self { batch, index }
    }

    /// The topic.
    pub fn topic(&self) -> &str {
        &self.batch.topic
    }

    /// The partition.
    pub fn partition(&self) -> i32 {
        self.batch.partition
    }

    /// The offset in the partition; `None` with `acks=0`, where no broker tells it.
    #[inline]
    pub fn offset(&self) -> Option<i64> {
        let base_offset = self.batch.base_offset()?;
        Some(base_offset + i64::from(self.index))
    }

    /// Milliseconds since the Unix epoch: the broker's append time where the topic says `message.timestamp.type=LogAppendTime`, else
    /// the record's own.
    pub fn timestamp(&self) -> i64 {
        let append_time = self.batch.log_append_time();
        append_time.unwrap_or_else(|| self.facts().timestamp)
    }

    /// Whether the timestamp is the broker's append time.
    pub fn is_log_append_time(&self) -> bool {
        self.batch.log_append_time().is_some()
    }

    /// Bytes of the serialized key; `None` for a null key.
    pub fn serialized_key_size(&self) -> Option<usize> {
        usize::try_from(self.facts().key_size).ok()
    }

    /// Bytes of the serialized value; `None` for a null value.
    pub fn serialized_value_size(&self) -> Option<usize> {
        usize::try_from(self.facts().value_size).ok()
    }

    fn facts(&self) -> Facts {
        self.batch.facts(self.index)
    }
}

/// By what they tell, in whichever batch.
impl PartialEq for RecordMetadata {
    fn eq(&self, other: &Self) -> bool {
        let place = |it: &Self| (it.partition(), it.offset(), it.timestamp());
        let sizes = |it: &Self| (it.facts().key_size, it.facts().value_size);
        self.topic() == other.topic() && place(self) == place(other) && sizes(self) == sizes(other)
    }
}

impl Eq for RecordMetadata {}

impl fmt::Debug for RecordMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordMetadata")
            .field("topic", &self.topic())
            .field("partition", &self.partition())
            .field("offset", &self.offset())
            .field("timestamp", &self.timestamp())
            .field("serialized_key_size", &self.serialized_key_size())
            .field("serialized_value_size", &self.serialized_value_size())
            .finish()
    }
}
