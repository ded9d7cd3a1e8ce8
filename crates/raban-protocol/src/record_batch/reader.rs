//! Batches being read: from bytes that anybody may have written to records.

use bytes::Bytes;

use super::varint::{read_varint, read_varlong};
use super::{BatchError, BatchHeader, HEADER_LEN, Header, Record, verify_crc};
use crate::compression::{Compression, decompress};

/// The least that a record takes: length, attributes, two deltas, null key, null value, no headers.
const MIN_RECORD_LEN: usize = 7;
/// The least that a header of a record takes: an empty key and a null value.
const MIN_HEADER_LEN: usize = 2;
/// Places reserved ahead for headers; more come as they are read.
const RESERVED_HEADERS: usize = 8;
/// Places reserved ahead for records.
const RESERVED_RECORDS: usize = 1024;

/// A whole batch, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordBatch {
    /// The header.
    pub header: BatchHeader,
    /// The records, in order.
    pub records: Vec<Record>,
}

impl RecordBatch {
    /// Reads one whole batch: checks the checksum, decompresses the records to at most `limit` bytes, reads them all.
    ///
    /// # Errors
    ///
    /// Those of [`verify_crc`], [`RecordReader::new`] and its iteration.
    pub fn decode(batch: Bytes, limit: usize) -> Result<Self, BatchError> {
        let header = verify_crc(&batch)?;
        let reader = RecordReader::new(&header, batch.slice(HEADER_LEN..), limit)?;
        // What the header says must not reserve more than the bytes can be worth.
        let mut records = Vec::with_capacity(reader.remaining().min(RESERVED_RECORDS));
        for record in reader {
            records.push(record?);
        }
        Ok(Self { header, records })
    }
}

/// Reads the records of a batch one by one, sharing its memory.
///
/// Yields exactly as many records as the header says, or an error as its last item.
#[derive(Debug)]
pub struct RecordReader {
    body: Bytes,
    at: usize,
    left: usize,
    base_offset: i64,
    base_timestamp: i64,
    /// The broker's append time, where it takes the place of the records' own timestamps.
    append_time: Option<i64>,
}

impl RecordReader {
    /// Starts on `body`, the bytes of a batch after `header`, decompressing them to at most `limit` bytes.
    ///
    /// Uncompressed bodies are read where they are, whatever their size.
    ///
    /// # Errors
    ///
    /// [`BatchError::UnknownCompression`], [`BatchError::Compression`], and [`BatchError::InvalidRecordCount`] for
    /// more records than the bytes can hold.
    pub fn new(header: &BatchHeader, body: Bytes, limit: usize) -> Result<Self, BatchError> {
        let body = match header.compression()? {
            Compression::None => body,
            // An empty batch (all its records compacted away) keeps its attributes but has nothing compressed.
            _ if body.is_empty() && header.record_count == 0 => body,
            compression => decompress(compression, &body, limit)?,
        };
        let invalid = BatchError::InvalidRecordCount {
            count: header.record_count,
            available: body.len(),
        };
        let left = usize::try_from(header.record_count).map_err(|_| invalid.clone())?;
        if left > body.len() / MIN_RECORD_LEN {
            return Err(invalid);
        }
        if left == 0 && !body.is_empty() {
            return Err(BatchError::TrailingBytes { count: body.len() });
        }
        Ok(Self {
            body,
            at: 0,
            left,
            base_offset: header.base_offset,
            base_timestamp: header.base_timestamp,
            append_time: header.is_log_append_time().then_some(header.max_timestamp),
        })
    }

    /// Records that are still to come.
    pub fn remaining(&self) -> usize {
        self.left
    }

    /// Bytes of the records, decompressed.
    pub fn uncompressed_len(&self) -> usize {
        self.body.len()
    }

    fn read_record(&mut self) -> Result<Record, BatchError> {
        let mut input = &self.body[self.at..];
        let length = read_varint(&mut input)?;
        let (record, after) = split_record(input, length)?;
        let mut fields = Fields {
            body: &self.body,
            end: self.body.len() - after.len(),
            rest: record,
        };
        let read = fields.record(self.base_offset, self.base_timestamp, self.append_time)?;
        if !fields.rest.is_empty() {
            return Err(BatchError::TrailingBytes {
                count: fields.rest.len(),
            });
        }
        if self.left == 1 && !after.is_empty() {
            return Err(BatchError::TrailingBytes { count: after.len() });
        }
        self.at = fields.end;
        Ok(read)
    }
}

fn split_record(input: &[u8], length: i32) -> Result<(&[u8], &[u8]), BatchError> {
    usize::try_from(length)
        .ok()
        .and_then(|length| input.split_at_checked(length))
        .ok_or(BatchError::InvalidRecordLength {
            field: "record",
            length,
            available: input.len(),
        })
}

impl Iterator for RecordReader {
    type Item = Result<Record, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        let record = self.read_record();
        self.left = if record.is_ok() { self.left - 1 } else { 0 };
        Some(record)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // An error may end it early.
        (usize::from(self.left > 0), Some(self.left))
    }
}

/// The fields of one record: `rest` is what is unread of it, and `end` where it ends in `body`.
struct Fields<'a> {
    body: &'a Bytes,
    end: usize,
    rest: &'a [u8],
}

impl Fields<'_> {
    fn record(
        &mut self,
        base_offset: i64,
        base_timestamp: i64,
        append_time: Option<i64>,
    ) -> Result<Record, BatchError> {
        let Some((_attributes, rest)) = self.rest.split_first() else {
            return Err(BatchError::Truncated {
                needed: 1,
                available: 0,
            });
        };
        self.rest = rest;
        let timestamp_delta = read_varlong(&mut self.rest)?;
        let offset_delta = read_varint(&mut self.rest)?;
        Ok(Record {
            offset: base_offset.wrapping_add(i64::from(offset_delta)),
            timestamp: append_time.unwrap_or(base_timestamp.wrapping_add(timestamp_delta)),
            key: self.nullable("key")?,
            value: self.nullable("value")?,
            headers: self.headers()?,
        })
    }

    fn headers(&mut self) -> Result<Vec<Header>, BatchError> {
        let length = read_varint(&mut self.rest)?;
        let count = usize::try_from(length)
            .ok()
            .filter(|&count| count <= self.rest.len() / MIN_HEADER_LEN)
            .ok_or(BatchError::InvalidRecordLength {
                field: "header count",
                length,
                available: self.rest.len(),
            })?;
        let mut headers = Vec::with_capacity(count.min(RESERVED_HEADERS));
        for _ in 0..count {
            let length = read_varint(&mut self.rest)?;
            let key = self.take("header key", length)?;
            headers.push(Header {
                // As Kafka's consumers do: bytes that aren't UTF-8 are replaced, or one record could never be read.
                key: String::from_utf8_lossy(&key).into_owned(),
                value: self.nullable("header value")?,
            });
        }
        Ok(headers)
    }

    /// A length, -1 for null, and as many bytes.
    fn nullable(&mut self, field: &'static str) -> Result<Option<Bytes>, BatchError> {
        match read_varint(&mut self.rest)? {
            -1 => Ok(None),
            length => self.take(field, length).map(Some),
        }
    }

    fn take(&mut self, field: &'static str, length: i32) -> Result<Bytes, BatchError> {
        let start = self.end - self.rest.len();
        let Some((taken, rest)) = usize::try_from(length)
            .ok()
            .and_then(|length| self.rest.split_at_checked(length))
        else {
            return Err(BatchError::InvalidRecordLength {
                field,
                length,
                available: self.rest.len(),
            });
        };
        self.rest = rest;
        Ok(self.body.slice(start..start + taken.len()))
    }
}
