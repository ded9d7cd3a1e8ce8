//! The 61 bytes before the records of a batch, and the way from a run of bytes to whole batches.

use bytes::Bytes;
use crc_fast::crc32_iscsi;

use super::checksum::Suffix;
use super::{BatchError, HEADER_LEN, MAGIC};
use crate::compression::Compression;

/// Bytes before those that `batch_length` counts: the base offset and the length itself.
const LOG_OVERHEAD: usize = 12;
/// Where the magic byte is, in every version of the format.
const MAGIC_AT: usize = 16;
/// Where the checksum is.
const CRC_AT: usize = 17;
/// From here on the checksum covers the batch.
pub(super) const CRC_COVERS_FROM: usize = 21;

const COMPRESSION_MASK: i16 = 0x07;
const LOG_APPEND_TIME: i16 = 0x08;
const TRANSACTIONAL: i16 = 0x10;
const CONTROL: i16 = 0x20;

/// The header of a record batch (magic 2), field by field as it stands in the bytes.
///
/// The checksum covers everything after itself. Base offset, length and leader epoch stand before it, so a broker
/// assigns them without touching the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchHeader {
    /// Offset of the first record; 0 from a producer, assigned by the broker.
    pub base_offset: i64,
    /// Bytes of the batch after this field: all but 12.
    pub batch_length: i32,
    /// Epoch of the leader that appended the batch; -1 from a producer.
    pub partition_leader_epoch: i32,
    /// Version of the format: 2.
    pub magic: i8,
    /// CRC-32C of the bytes after this field.
    pub crc: u32,
    /// Bits 0–2 compression, 3 log append time, 4 transactional, 5 control batch, 6 delete horizon.
    pub attributes: i16,
    /// Offset of the last record, counted from `base_offset`.
    pub last_offset_delta: i32,
    /// Timestamp, in milliseconds, that the records' timestamps are counted from.
    pub base_timestamp: i64,
    /// Largest timestamp of the records, or the broker's append time, in milliseconds.
    pub max_timestamp: i64,
    /// Id of the idempotent or transactional producer, or -1.
    pub producer_id: i64,
    /// Epoch of that producer, or -1.
    pub producer_epoch: i16,
    /// Sequence number of the first record, or -1.
    pub base_sequence: i32,
    /// Records in the batch. What the sender says: [`RecordReader`](super::RecordReader) checks it.
    pub record_count: i32,
}

impl BatchHeader {
    /// Reads the header at the front of `bytes`.
    ///
    /// # Errors
    ///
    /// [`BatchError::Truncated`] for less than 61 bytes, [`BatchError::UnsupportedMagic`] for the formats before
    /// Kafka 0.11, [`BatchError::InvalidLength`] for a length that has no place for this header.
    pub fn read(bytes: &[u8]) -> Result<Self, BatchError> {
        if let Some(&magic) = bytes.get(MAGIC_AT)
            && magic as i8 != MAGIC
        {
            return Err(BatchError::UnsupportedMagic { magic: magic as i8 });
        }
        let Some(bytes) = bytes.first_chunk::<HEADER_LEN>() else {
            return Err(BatchError::Truncated {
                needed: HEADER_LEN,
                available: bytes.len(),
            });
        };
        let header = Self {
            base_offset: i64::from_be_bytes(field(bytes, 0)),
            batch_length: i32::from_be_bytes(field(bytes, 8)),
            partition_leader_epoch: i32::from_be_bytes(field(bytes, 12)),
            magic: MAGIC,
            crc: u32::from_be_bytes(field(bytes, CRC_AT)),
            attributes: i16::from_be_bytes(field(bytes, 21)),
            last_offset_delta: i32::from_be_bytes(field(bytes, 23)),
            base_timestamp: i64::from_be_bytes(field(bytes, 27)),
            max_timestamp: i64::from_be_bytes(field(bytes, 35)),
            producer_id: i64::from_be_bytes(field(bytes, 43)),
            producer_epoch: i16::from_be_bytes(field(bytes, 51)),
            base_sequence: i32::from_be_bytes(field(bytes, 53)),
            record_count: i32::from_be_bytes(field(bytes, 57)),
        };
        if header.batch_length < (HEADER_LEN - LOG_OVERHEAD) as i32 {
            return Err(BatchError::InvalidLength {
                length: header.batch_length,
            });
        }
        Ok(header)
    }

    /// The header's bytes, with the checksum as it stands in `crc`.
    pub fn write(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        bytes[0..8].copy_from_slice(&self.base_offset.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.batch_length.to_be_bytes());
        bytes[12..16].copy_from_slice(&self.partition_leader_epoch.to_be_bytes());
        bytes[16] = self.magic as u8;
        bytes[17..21].copy_from_slice(&self.crc.to_be_bytes());
        bytes[21..23].copy_from_slice(&self.attributes.to_be_bytes());
        bytes[23..27].copy_from_slice(&self.last_offset_delta.to_be_bytes());
        bytes[27..35].copy_from_slice(&self.base_timestamp.to_be_bytes());
        bytes[35..43].copy_from_slice(&self.max_timestamp.to_be_bytes());
        bytes[43..51].copy_from_slice(&self.producer_id.to_be_bytes());
        bytes[51..53].copy_from_slice(&self.producer_epoch.to_be_bytes());
        bytes[53..57].copy_from_slice(&self.base_sequence.to_be_bytes());
        bytes[57..61].copy_from_slice(&self.record_count.to_be_bytes());
        bytes
    }

    /// The header with the checksum that a batch of it and `body` has.
    pub fn with_crc(mut self, body: &[u8]) -> Self {
        self.crc = Suffix::new(body).behind(&self.write()[CRC_COVERS_FROM..]);
        self
    }

    /// How the records are compressed.
    ///
    /// # Errors
    ///
    /// [`BatchError::UnknownCompression`] for an id that Kafka hasn't assigned.
    pub fn compression(&self) -> Result<Compression, BatchError> {
        let id = (self.attributes & COMPRESSION_MASK) as u8;
        Compression::from_id(id).ok_or(BatchError::UnknownCompression { id })
    }

    /// Whether the batch is part of a transaction.
    pub fn is_transactional(&self) -> bool {
        self.attributes & TRANSACTIONAL != 0
    }

    /// Whether the batch holds a control record (the end of a transaction) instead of user data.
    pub fn is_control(&self) -> bool {
        self.attributes & CONTROL != 0
    }

    /// Whether the broker's append time (`max_timestamp`) takes the place of the records' timestamps.
    pub fn is_log_append_time(&self) -> bool {
        self.attributes & LOG_APPEND_TIME != 0
    }

    /// Bytes of the whole batch, header included.
    pub fn total_len(&self) -> usize {
        LOG_OVERHEAD + usize::try_from(self.batch_length).unwrap_or_default()
    }

    /// Offset of the last record.
    pub fn last_offset(&self) -> i64 {
        self.base_offset
            .wrapping_add(i64::from(self.last_offset_delta))
    }

    /// Sequence number of the last record, or -1 without one. The number after 2^31 - 1 is 0.
    pub fn last_sequence(&self) -> i32 {
        if self.base_sequence < 0 {
            return -1;
        }
        self.base_sequence.wrapping_add(self.last_offset_delta) & i32::MAX
    }
}

fn field<const N: usize>(bytes: &[u8; HEADER_LEN], at: usize) -> [u8; N] {
    std::array::from_fn(|index| bytes[at + index])
}

/// Reads the header of `batch`, which must be one whole batch, and checks the checksum.
///
/// # Errors
///
/// Those of [`BatchHeader::read`]; [`BatchError::Truncated`] or [`BatchError::TrailingBytes`] when the length in the
/// header isn't that of `batch`; [`BatchError::ChecksumMismatch`].
pub fn verify_crc(batch: &[u8]) -> Result<BatchHeader, BatchError> {
    let header = BatchHeader::read(batch)?;
    let needed = header.total_len();
    if batch.len() < needed {
        return Err(BatchError::Truncated {
            needed,
            available: batch.len(),
        });
    }
    if batch.len() > needed {
        return Err(BatchError::TrailingBytes {
            count: batch.len() - needed,
        });
    }
    let computed = crc32_iscsi(&batch[CRC_COVERS_FROM..]);
    if computed != header.crc {
        return Err(BatchError::ChecksumMismatch {
            stored: header.crc,
            computed,
        });
    }
    Ok(header)
}

/// Cuts `bytes` (several batches in a row, as in a Fetch response or a log segment) into batches, not copying them.
///
/// A partial batch at the end ends the iteration without an error: brokers cut there at a byte limit. After an error
/// the iteration has ended. Checksums aren't looked at.
pub fn split_batches(bytes: Bytes) -> Batches {
    Batches { rest: bytes }
}

/// The iterator that [`split_batches`] returns.
#[derive(Debug, Clone)]
pub struct Batches {
    rest: Bytes,
}

impl Batches {
    /// What hasn't been given out: after the last batch, the bytes of a partial one.
    pub fn remaining(&self) -> &Bytes {
        &self.rest
    }
}

impl Iterator for Batches {
    type Item = Result<(BatchHeader, Bytes), BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        match BatchHeader::read(&self.rest) {
            Ok(header) if header.total_len() <= self.rest.len() => {
                let batch = self.rest.split_to(header.total_len());
                Some(Ok((header, batch)))
            }
            Ok(_) | Err(BatchError::Truncated { .. }) => None,
            Err(error) => {
                self.rest = Bytes::new();
                Some(Err(error))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header() -> BatchHeader {
        BatchHeader {
            base_offset: 42,
            batch_length: 49,
            partition_leader_epoch: -1,
            magic: 2,
            crc: 0xdead_beef,
            attributes: 0x3c,
            last_offset_delta: 9,
            base_timestamp: 1_000,
            max_timestamp: 2_000,
            producer_id: 77,
            producer_epoch: 3,
            base_sequence: i32::MAX - 4,
            record_count: 10,
        }
    }

    #[test]
    fn attributes_and_derived_fields() {
        let header = header();
        assert_eq!(header.compression(), Ok(Compression::Zstd));
        assert!(header.is_transactional() && header.is_control() && header.is_log_append_time());
        assert_eq!(header.total_len(), HEADER_LEN);
        assert_eq!(header.last_offset(), 51);
        assert_eq!(header.last_sequence(), 4, "the number after 2^31 - 1 is 0");
        let unknown = BatchHeader {
            attributes: 5,
            base_sequence: -1,
            ..header
        };
        assert_eq!(
            unknown.compression(),
            Err(BatchError::UnknownCompression { id: 5 })
        );
        assert_eq!(unknown.last_sequence(), -1);
    }

    #[test]
    fn refuses_old_formats_and_impossible_lengths() {
        let mut bytes = header().write();
        bytes[MAGIC_AT] = 1;
        assert_eq!(
            BatchHeader::read(&bytes),
            Err(BatchError::UnsupportedMagic { magic: 1 })
        );
        let short = BatchHeader {
            batch_length: 48,
            ..header()
        };
        assert_eq!(
            BatchHeader::read(&short.write()),
            Err(BatchError::InvalidLength { length: 48 })
        );
        assert!(matches!(
            BatchHeader::read(&header().write()[..60]),
            Err(BatchError::Truncated { needed: 61, .. })
        ));
    }

    #[test]
    fn a_partial_last_batch_ends_the_iteration() {
        let mut run = Vec::new();
        for _ in 0..3 {
            run.extend_from_slice(&header().write());
        }
        run.truncate(2 * HEADER_LEN + 20);
        let mut batches = split_batches(Bytes::from(run));
        assert_eq!(batches.by_ref().filter(|batch| batch.is_ok()).count(), 2);
        assert_eq!(batches.remaining().len(), 20);
    }

    #[test]
    fn an_error_ends_the_iteration() {
        let mut run = header().write().to_vec();
        run.extend_from_slice(&[0; HEADER_LEN]);
        let seen: Vec<_> = split_batches(Bytes::from(run)).collect();
        assert_eq!(seen.len(), 2);
        assert_eq!(seen[1], Err(BatchError::UnsupportedMagic { magic: 0 }));
    }

    proptest! {
        #[test]
        fn reading_any_bytes_writes_them_back(mut bytes in proptest::collection::vec(any::<u8>(), HEADER_LEN)) {
            bytes[MAGIC_AT] = 2;
            if let Ok(header) = BatchHeader::read(&bytes) {
                prop_assert_eq!(header.write().to_vec(), bytes);
            }
        }
    }
}
