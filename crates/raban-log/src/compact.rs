//! Compaction: records leave closed segments, offsets and producers' last sequences stay.
//!
//! As in Apache Kafka a batch keeps its offsets, leader epoch and sequences when it loses records, and goes when it loses
//! them all; but each producer's last batch stays, without records, so that its state can be read from the log. So does the
//! last batch of each segment, which says where the next one begins.
use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use raban_protocol::compression::{Compression, decompress};
use raban_protocol::record_batch::{
    BatchError, BatchHeader, HEADER_LEN, Record, RecordReader, verify_crc,
};

use crate::log::next_whole;
use crate::segment::{Segment, cleaned_name};
use crate::{Log, LogError, Storage};

/// The most that a batch is unpacked to, in bytes; one that is larger stays as it is.
const UNPACK_LIMIT: usize = 64 << 20;
/// Bits of a batch's attributes that say how it is compressed.
const COMPRESSION_BITS: i16 = 0x07;

/// What becomes of a batch.
enum Cleaned {
    Kept,
    Replaced(Bytes),
    Empty,
}

impl<S: Storage> Log<S> {
    /// Removes the records that are not to be kept from all batches before `end`. A batch that can't be unpacked here stays
    /// as it is.
    ///
    /// # Errors
    /// [`LogError::Io`] or [`LogError::Corrupt`].
    pub fn compact(
        &mut self,
        end: i64,
        keep: &mut dyn FnMut(&Record) -> bool,
    ) -> Result<(), LogError> {
        if self.segments.last().is_some_and(|s| s.len > 0) {
            self.roll()?;
        }
        let mut last_of: BTreeMap<i64, i64> = BTreeMap::new();
        self.headers(self.start_offset, &mut |batch| {
            last_of.insert(batch.producer_id, batch.base_offset);
        })?;
        last_of.remove(&-1);
        let start = self.start_offset;
        for at in 0..self.segments.len().saturating_sub(1) {
            let last_in_segment = self.segments[at].end_offset;
            let mut clean = |header: &BatchHeader, batch: &Bytes| {
                if header.base_offset < start || header.last_offset() >= end {
                    return Cleaned::Kept;
                }
                let stays = last_of.get(&header.producer_id) == Some(&header.base_offset)
                    || header.last_offset() + 1 == last_in_segment;
                match clean(header, batch, keep) {
                    Ok(Cleaned::Empty) if stays => {
                        Cleaned::Replaced(rewritten(header, &[], 0, None))
                    }
                    Ok(cleaned) => cleaned,
                    Err(_) => Cleaned::Kept,
                }
            };
            if let Some(cleaned) = self.clean_segment(at, &mut clean)? {
                self.segments[at] = cleaned;
            }
        }
        Ok(())
    }

    /// Writes a segment anew; `None` if nothing in it changes.
    fn clean_segment(
        &mut self,
        at: usize,
        clean: &mut dyn FnMut(&BatchHeader, &Bytes) -> Cleaned,
    ) -> Result<Option<Segment>, LogError> {
        let Self {
            storage,
            segments,
            config,
            ..
        } = self;
        let segment = &segments[at];
        let name = cleaned_name(&segment.name);
        let io = |operation| move |e| LogError::io(operation, &segment.name, e);
        let mut cleaned = Segment::new(segment.base_offset, config.index_interval_bytes);
        let mut batches: Vec<Bytes> = Vec::new();
        let mut changed = false;
        let mut walk = segment.walk_to_offset(segment.base_offset);
        while let Some(passed) = next_whole(&mut walk, storage)? {
            let read = storage.read_at(&segment.name, passed.position, passed.total_len as usize);
            let batch = read.map_err(io("read"))?;
            let batch = match clean(&passed.header, &batch) {
                Cleaned::Kept => batch,
                Cleaned::Replaced(smaller) => {
                    changed = true;
                    smaller
                }
                Cleaned::Empty => {
                    changed = true;
                    continue;
                }
            };
            let header = BatchHeader::read(&batch)?;
            cleaned.push(&header, batch.len() as u64);
            batches.push(batch);
        }
        if !changed {
            return Ok(None);
        }
        storage.create(&name).map_err(io("create"))?;
        storage.append(&name, &batches).map_err(io("append to"))?;
        storage.sync(&name).map_err(io("sync"))?;
        let replaced = storage.replace(&name, &segment.name);
        replaced.map_err(io("replace"))?;
        Ok(Some(cleaned))
    }
}

/// What is left of a batch.
fn clean(
    header: &BatchHeader,
    batch: &Bytes,
    keep: &mut dyn FnMut(&Record) -> bool,
) -> Result<Cleaned, BatchError> {
    if header.is_control() {
        return Ok(Cleaned::Kept);
    }
    verify_crc(batch)?;
    let body = batch.slice(HEADER_LEN..);
    let unpacked = match header.compression()? {
        _ if header.record_count == 0 => body,
        Compression::None => body,
        compression => decompress(compression, &body, UNPACK_LIMIT)?,
    };
    let plain = BatchHeader {
        attributes: header.attributes & !COMPRESSION_BITS,
        ..*header
    };
    let (mut kept, mut count, mut max_timestamp) = (BytesMut::new(), 0, None);
    let mut rest = &unpacked[..];
    for record in RecordReader::new(&plain, unpacked.clone(), UNPACK_LIMIT)? {
        let record = record?;
        let (bytes, after) = rest.split_at(encoded_len(rest));
        rest = after;
        if keep(&record) {
            kept.extend_from_slice(bytes);
            count += 1;
            max_timestamp = max_timestamp.max(Some(record.timestamp));
        }
    }
    Ok(if count == header.record_count && count > 0 {
        Cleaned::Kept
    } else if count == 0 {
        Cleaned::Empty
    } else {
        Cleaned::Replaced(rewritten(&plain, &kept, count, max_timestamp))
    })
}

/// Bytes of the record in front, which was read already: a length as a varint, and so many more.
fn encoded_len(records: &[u8]) -> usize {
    let mut bits = 0;
    let mut digits = 0;
    for &byte in records {
        bits |= usize::from(byte & 0x7f) << (7 * digits);
        digits += 1;
        if byte < 0x80 {
            break;
        }
    }
    // Zigzag: lengths are never negative.
    digits + (bits >> 1)
}

/// The batch with these records.
fn rewritten(header: &BatchHeader, body: &[u8], count: i32, max_timestamp: Option<i64>) -> Bytes {
    let header = BatchHeader {
        batch_length: (HEADER_LEN - 12 + body.len()) as i32,
        record_count: count,
        max_timestamp: max_timestamp.unwrap_or(header.max_timestamp),
        ..*header
    };
    let mut batch = BytesMut::with_capacity(HEADER_LEN + body.len());
    batch.extend_from_slice(&header.with_crc(body).write());
    batch.extend_from_slice(body);
    batch.freeze()
}
