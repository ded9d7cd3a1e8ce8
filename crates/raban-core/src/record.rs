//! What goes in, a record, and what comes back for it, its metadata.

use std::sync::Arc;

pub use raban_protocol::record_batch::Header;

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
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordMetadata {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: i32,
    /// The offset in the partition; `None` with `acks=0`, where no broker tells it.
    pub offset: Option<i64>,
    /// Milliseconds since the Unix epoch: the broker's append time where the topic says
    /// `message.timestamp.type=LogAppendTime`, else the record's own.
    pub timestamp: i64,
    /// Bytes of the serialized key; `None` for a null key.
    pub serialized_key_size: Option<usize>,
    /// Bytes of the serialized value; `None` for a null value.
    pub serialized_value_size: Option<usize>,
}
