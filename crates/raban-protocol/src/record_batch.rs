//! Record batches of format version 2 (magic 2, KIP-98): the bytes that producers send and logs keep.
//!
//! A [`RecordsBuilder`] encodes records in place as they are appended. Sealing it compresses the records and computes
//! their checksum once; [`SealedRecords::stamp`] then writes a header in front, as often as a producer id, epoch or
//! sequence changes, combining checksums so that the records are never touched again. [`RecordBatch`] and
//! [`RecordReader`] are the way back.

mod builder;
mod checksum;
mod header;
mod reader;
mod varint;

pub use builder::{RecordsBuilder, SealedRecords};
pub use header::{BatchHeader, Batches, split_batches, verify_crc};
pub use reader::{RecordBatch, RecordReader};

use bytes::Bytes;

use crate::compression::CompressionError;
use varint::varint_len;

/// Bytes of a batch before its records.
pub const HEADER_LEN: usize = 61;

/// The version of the format that is read and written here.
const MAGIC: i8 = 2;

/// The most a record can take besides keys, values and headers: length, attributes, timestamp and offset.
const MAX_RECORD_OVERHEAD: usize = 21;

/// A header of a record: keys may repeat, and their order is kept.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Header {
    /// The key.
    pub key: String,
    /// The value, which may be null.
    pub value: Option<Bytes>,
}

/// The headers of a record, borrowed.
pub type Headers<'a> = &'a [Header];

/// A record to append, borrowed from whoever has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RecordRef<'a> {
    /// The key; null is not the same as empty.
    pub key: Option<&'a [u8]>,
    /// The value; null is a tombstone in a compacted topic.
    pub value: Option<&'a [u8]>,
    /// The headers, in order.
    pub headers: Headers<'a>,
}

/// A record to append whose bytes are counted.
#[derive(Debug, Clone, Copy)]
pub struct Measured<'a> {
    record: RecordRef<'a>,
    /// Bytes of key, value and headers with their lengths: what doesn't depend on the place in the batch.
    payload_len: usize,
}

impl<'a> Measured<'a> {
    /// Counts once what is asked for more than once.
    #[inline(always)]
    pub fn new(record: RecordRef<'a>) -> Self {
        let mut len = nullable_len(record.key)
            + nullable_len(record.value)
            + varint_len(record_int(record.headers.len()));
        for header in record.headers {
            len += nullable_len(Some(header.key.as_bytes()));
            len += nullable_len(header.value.as_deref());
        }
        Self {
            record,
            payload_len: len,
        }
    }

    /// The most that a batch of this record alone can take, uncompressed, in bytes.
    ///
    /// This is the size that Kafka's producer compares with `max.request.size` and `buffer.memory`.
    #[inline]
    pub fn upper_bound(&self) -> usize {
        HEADER_LEN + MAX_RECORD_OVERHEAD + self.payload_len
    }

    /// The record itself.
    #[inline]
    pub fn record(&self) -> &RecordRef<'a> {
        &self.record
    }
}

impl<'a> From<&RecordRef<'a>> for Measured<'a> {
    fn from(record: &RecordRef<'a>) -> Self {
        Self::new(*record)
    }
}

/// A record that was read. Key, value and header values share the memory of the batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The offset in the partition.
    pub offset: i64,
    /// The timestamp in milliseconds: the producer's, or the broker's append time if the batch says so.
    pub timestamp: i64,
    /// The key.
    pub key: Option<Bytes>,
    /// The value.
    pub value: Option<Bytes>,
    /// The headers, in order.
    pub headers: Vec<Header>,
}

impl Record {
    /// The record as it is appended; its timestamp goes with it.
    pub fn borrowed(&self) -> RecordRef<'_> {
        RecordRef {
            key: self.key.as_deref(),
            value: self.value.as_deref(),
            headers: &self.headers,
        }
    }
}

/// A length as records write it.
///
/// Records of 2 GiB can't be expressed; producers refuse them by `max.request.size` before they come here.
#[inline]
fn record_int(len: usize) -> i32 {
    assert!(
        len <= i32::MAX as usize,
        "a record is at most 2^31 - 1 bytes"
    );
    len as i32
}

#[inline]
fn nullable_len(bytes: Option<&[u8]>) -> usize {
    match bytes {
        None => 1,
        Some(bytes) => varint_len(record_int(bytes.len())) + bytes.len(),
    }
}

/// Why bytes aren't a batch, or not the batch that they say.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BatchError {
    /// The bytes end before the batch, a record or a field does.
    #[error("truncated: {needed} bytes are needed, {available} are there")]
    Truncated {
        /// Bytes that are needed at least.
        needed: usize,
        /// Bytes that are there.
        available: usize,
    },
    /// A message format from before Kafka 0.11.
    #[error(
        "message format {magic} is not supported, only 2 (Kafka 0.11 and later): upgrade the topic's message format"
    )]
    UnsupportedMagic {
        /// The magic byte.
        magic: i8,
    },
    /// The batch's length has no place for its header.
    #[error("the batch says it is {length} bytes long, its header alone takes 49 of these")]
    InvalidLength {
        /// The length in the header.
        length: i32,
    },
    /// There are bytes after the batch, a record or the last record.
    #[error("{count} bytes are left over")]
    TrailingBytes {
        /// How many.
        count: usize,
    },
    /// The bytes aren't those that were written.
    #[error("checksum mismatch: the batch says {stored:#010x}, its bytes give {computed:#010x}")]
    ChecksumMismatch {
        /// The checksum in the header.
        stored: u32,
        /// The checksum of the bytes.
        computed: u32,
    },
    /// A compression that Kafka hasn't assigned.
    #[error("unknown compression id {id}")]
    UnknownCompression {
        /// Bits 0–2 of the attributes.
        id: u8,
    },
    /// The records can't be decompressed.
    #[error(transparent)]
    Compression(#[from] CompressionError),
    /// The header's number of records can't be true.
    #[error("the batch says it has {count} records, which its {available} bytes can't hold")]
    InvalidRecordCount {
        /// The number in the header.
        count: i32,
        /// Bytes of the records, decompressed.
        available: usize,
    },
    /// A length inside a record is negative or larger than the record.
    #[error("a {field} says it is {length} long, {available} bytes are there")]
    InvalidRecordLength {
        /// What has the length: record, key, value, header count, header key, header value.
        field: &'static str,
        /// The length.
        length: i32,
        /// Bytes that are there.
        available: usize,
    },
    /// A varint goes on past the bits of its type.
    #[error("a varint is longer than {max_len} bytes")]
    VarintTooLong {
        /// Bytes that it may take.
        max_len: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upper_bound_is_that_of_kafka() {
        let headers = [Header {
            key: "h".into(),
            value: None,
        }];
        let record = RecordRef {
            key: None,
            value: Some(&[0; 100]),
            headers: &headers,
        };
        // 61 + 21, null key, 2 + 100 bytes of value, one header: count, 1 + 1 bytes of key, null value.
        assert_eq!(
            Measured::new(record).upper_bound(),
            61 + 21 + 1 + 102 + 1 + 2 + 1
        );
        assert_eq!(
            Measured::new(RecordRef::default()).upper_bound(),
            61 + 21 + 3
        );
    }
}
