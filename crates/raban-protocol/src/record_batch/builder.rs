//! Batches being written: records encoded in place, sealed once, stamped as often as needed.

use bytes::{Bytes, BytesMut};

use super::checksum::Suffix;
use super::header::CRC_COVERS_FROM;
use super::varint::{Lead, Output, encoded_len};
use super::{BatchError, BatchHeader, HEADER_LEN, MAGIC, Measured, RecordReader, record_int};
use crate::compression::{Codec, Compression, CompressionError};
use crate::primitives::Records;

/// What a producer writes where the broker will put the epoch of the leader.
const NO_LEADER_EPOCH: i32 = -1;

/// The buffer is filled with zeros so many bytes ahead, which costs less than as many for each record.
const AHEAD: usize = 1024;

/// The records of an open batch, encoded into one buffer as they are appended.
///
/// Timestamps are counted from the first record's, offsets from 0.
#[derive(Debug)]
pub struct RecordsBuilder {
    /// The records, and behind them what further ones are written over: zeros, or what an earlier batch left.
    buffer: BytesMut,
    /// Bytes of the records.
    len: usize,
    count: u32,
    base_timestamp: i64,
    max_timestamp: i64,
}

impl RecordsBuilder {
    /// Starts a batch in `buffer`, which grows as needed: give it the capacity of a batch. What it holds is written over.
    pub fn new(buffer: BytesMut) -> Self {
        Self {
            buffer,
            len: 0,
            count: 0,
            base_timestamp: -1,
            max_timestamp: -1,
        }
    }

    /// Bytes that [`append`](Self::append) would add now for this record.
    #[inline]
    pub fn encoded_len<'r>(&self, timestamp: i64, record: impl Into<Measured<'r>>) -> usize {
        let since = self.timestamp_delta(timestamp);
        encoded_len(since, self.count as i32, record.into().payload_len)
    }

    #[inline]
    fn timestamp_delta(&self, timestamp: i64) -> i64 {
        if self.count == 0 {
            return 0;
        }
        timestamp.wrapping_sub(self.base_timestamp)
    }

    /// Appends a record with its timestamp in milliseconds and returns its index in the batch.
    ///
    /// # Panics
    ///
    /// If the record takes 2 GiB or the batch has 2^31 - 1 records, which no limit of Kafka's lets come here.
    #[inline(always)]
    pub fn append<'r>(&mut self, timestamp: i64, record: impl Into<Measured<'r>>) -> u32 {
        let measured = record.into();
        let record = &measured.record;
        let index = self.count;
        assert!(
            index < i32::MAX as u32,
            "a batch counts its records in 31 bits"
        );
        if index == 0 {
            self.base_timestamp = timestamp;
            self.max_timestamp = timestamp;
        }
        let since = timestamp.wrapping_sub(self.base_timestamp);
        let lead = Lead::new(since, index as i32, measured.payload_len);
        let bytes = match lead {
            Some(lead) => lead.len() + measured.payload_len,
            None => encoded_len(since, index as i32, measured.payload_len),
        };
        let end = self.len + bytes;
        if end > self.buffer.len() {
            self.zero_ahead(end);
        }
        let out = Output::new(&mut self.buffer[self.len..]);
        let mut out = match lead {
            Some(lead) => out.put_lead(lead),
            None => out.put_long_lead(since, index as i32, measured.payload_len),
        };
        out = out
            .put_nullable(record.key)
            .put_nullable(record.value)
            .put_varint(record_int(record.headers.len()));
        for header in record.headers {
            out = out
                .put_nullable(Some(header.key.as_bytes()))
                .put_nullable(header.value.as_deref());
        }

        self.max_timestamp = self.max_timestamp.max(timestamp);
        self.len = end;
        self.count = index + 1;
        index
    }

    #[cold]
    fn zero_ahead(&mut self, end: usize) {
        // Not beyond what there is: a buffer that has the room must not grow.
        let ahead = (end + AHEAD).min(self.buffer.capacity());
        self.buffer.resize(end.max(ahead), 0);
    }

    /// Bytes of the records so far, uncompressed, without the batch's header of [`HEADER_LEN`].
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Bytes that the buffer holds or can take before it grows.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.buffer.capacity()
    }

    /// Moves the records to `buffer`, which is cleared first, and gives back the one that held them.
    pub fn move_to(&mut self, mut buffer: BytesMut) -> BytesMut {
        buffer.clear();
        buffer.extend_from_slice(&self.buffer[..self.len]);
        std::mem::replace(&mut self.buffer, buffer)
    }

    /// Records so far.
    #[inline]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Whether nothing has been appended.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The first record's timestamp in milliseconds; -1 when empty.
    pub fn base_timestamp(&self) -> i64 {
        self.base_timestamp
    }

    /// The largest timestamp in milliseconds; -1 when empty.
    pub fn max_timestamp(&self) -> i64 {
        self.max_timestamp
    }

    /// Ends the batch: compresses the records, if `codec` does, and computes their checksum.
    ///
    /// Compressed records go into `scratch` (cleared first), and the buffer that held them plain comes back for the
    /// next batch. Without compression the buffer itself becomes the body, and `scratch` comes back.
    ///
    /// # Errors
    ///
    /// What [`Codec::compress`] says. The records are lost then.
    ///
    /// # Panics
    ///
    /// If nothing was appended: a producer never sends an empty batch.
    pub fn seal(
        mut self,
        codec: &Codec,
        mut scratch: BytesMut,
    ) -> Result<(SealedRecords, Option<BytesMut>), CompressionError> {
        assert!(self.count > 0, "an empty batch can't be sealed");
        let uncompressed_len = self.len;
        let (body, spare) = if codec.compression() == Compression::None {
            self.buffer.truncate(uncompressed_len);
            (self.buffer, scratch)
        } else {
            scratch.clear();
            codec.compress(&self.buffer[..uncompressed_len], &mut scratch)?;
            (scratch, self.buffer)
        };
        let sealed = SealedRecords {
            checksum: Suffix::new(&body),
            body: body.freeze(),
            count: self.count,
            base_timestamp: self.base_timestamp,
            max_timestamp: self.max_timestamp,
            compression: codec.compression(),
            uncompressed_len,
        };
        Ok((sealed, (spare.capacity() > 0).then_some(spare)))
    }
}

/// The records of a batch that takes no more: compressed and checksummed, waiting for a header.
#[derive(Debug, Clone)]
pub struct SealedRecords {
    body: Bytes,
    checksum: Suffix,
    count: u32,
    base_timestamp: i64,
    max_timestamp: i64,
    compression: Compression,
    uncompressed_len: usize,
}

impl SealedRecords {
    /// The whole batch: a new header with these values (-1 each without idempotence) and the body, which is shared.
    ///
    /// Costs the same for every size of batch: the checksum of the header is combined with that of the body.
    pub fn stamp(&self, producer_id: i64, epoch: i16, base_sequence: i32) -> Records {
        let mut header = BatchHeader {
            producer_id,
            producer_epoch: epoch,
            base_sequence,
            ..self.header()
        };
        let covered = header.write();
        header.crc = self.checksum.behind(&covered[CRC_COVERS_FROM..]);
        let header = Bytes::copy_from_slice(&header.write());
        Records::new(vec![header, self.body.clone()])
    }

    /// The records again, decompressed, with offsets counted from 0.
    ///
    /// # Errors
    ///
    /// Those of [`RecordReader::new`]. They don't come of bytes that this process sealed.
    pub fn read(&self) -> Result<RecordReader, BatchError> {
        RecordReader::new(&self.header(), self.body.clone(), self.uncompressed_len)
    }

    /// The header without identity and checksum.
    fn header(&self) -> BatchHeader {
        BatchHeader {
            base_offset: 0,
            batch_length: record_int(self.len() - 12),
            partition_leader_epoch: NO_LEADER_EPOCH,
            magic: MAGIC,
            crc: 0,
            attributes: i16::from(self.compression.id()),
            last_offset_delta: self.count as i32 - 1,
            base_timestamp: self.base_timestamp,
            max_timestamp: self.max_timestamp,
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            record_count: self.count as i32,
        }
    }

    /// Bytes of the whole batch, header included, as it is sent.
    #[allow(clippy::len_without_is_empty, reason = "never empty")]
    pub fn len(&self) -> usize {
        HEADER_LEN + self.body.len()
    }

    /// Records in the batch.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Bytes of the records before compression, without the header.
    pub fn uncompressed_len(&self) -> usize {
        self.uncompressed_len
    }

    /// The first record's timestamp in milliseconds.
    pub fn base_timestamp(&self) -> i64 {
        self.base_timestamp
    }

    /// The largest timestamp in milliseconds.
    pub fn max_timestamp(&self) -> i64 {
        self.max_timestamp
    }

    /// How the records are compressed.
    pub fn compression(&self) -> Compression {
        self.compression
    }

    /// The records as they are sent, without the header.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// Gives the body up, so that its memory can be used again once no frame holds it.
    pub fn into_body(self) -> Bytes {
        self.body
    }
}
