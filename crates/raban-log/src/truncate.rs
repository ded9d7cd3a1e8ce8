//! Cutting a log at its front and at its end.
use bytes::Bytes;
use raban_protocol::record_batch::{BatchHeader, HEADER_LEN};

use crate::log::next_whole;
use crate::segment::Segment;
use crate::{Log, LogError, Storage};

impl<S: Storage> Log<S> {
    /// Makes `offset` the first one that can be read and removes the segments before it. After the log is opened again it
    /// starts at the first record of the segment that holds `offset`.
    ///
    /// # Errors
    /// [`LogError::OffsetOutOfRange`] or [`LogError::Io`].
    pub fn truncate_front(&mut self, offset: i64) -> Result<(), LogError> {
        self.check_offset(offset)?;
        // An empty segment at the end keeps the offset when all others go.
        if offset == self.end_offset && self.segments.last().is_some_and(|s| s.len > 0) {
            self.roll()?;
        }
        self.start_offset = offset;
        while self.segments.len() > 1 && self.segments[0].end_offset <= offset {
            let name = &self.segments[0].name;
            let removed = self.storage.remove(name);
            removed.map_err(|e| LogError::io("remove", name, e))?;
            self.segments.remove(0);
        }
        Ok(())
    }

    /// Cuts off all batches from the one that holds `offset` on, as a follower does that was ahead of its new leader. Durable
    /// when it returns. An offset before the log's start leaves an empty log that starts there.
    ///
    /// # Errors
    /// [`LogError::OffsetOutOfRange`] beyond the log's end; [`LogError::Io`] or [`LogError::Corrupt`], after which appends
    /// are refused.
    pub fn truncate_to(&mut self, offset: i64) -> Result<(), LogError> {
        self.check_offset(offset.max(self.start_offset))?;
        if offset == self.end_offset {
            return Ok(());
        }
        self.cuts += 1;
        let cut = self.cut(offset);
        cut.inspect_err(|error| self.failed = Some(error.to_string()))
    }

    fn cut(&mut self, offset: i64) -> Result<(), LogError> {
        let mut in_closed = false;
        while let Some(segment) = self.segments.pop_if(|s| s.base_offset >= offset) {
            in_closed = true;
            let removed = self.storage.remove(&segment.name);
            removed.map_err(|e| LogError::io("remove", &segment.name, e))?;
        }
        self.end_offset = match self.segments.pop() {
            None => offset,
            Some(last) => {
                let (kept, end_offset) = self.cut_segment(&last, offset)?;
                self.segments.push(kept);
                end_offset
            }
        };
        self.synced_offset = self.end_offset;
        self.start_offset = self.start_offset.min(self.end_offset);
        // What was closed may be compacted, and stays closed.
        let last = self.segments.last();
        let is_new = last.is_some_and(|s| s.len == 0 && s.base_offset == self.end_offset);
        if in_closed && !is_new {
            self.roll()
        } else {
            Ok(())
        }
    }

    /// What is left of a segment, and the offset that comes next.
    fn cut_segment(&mut self, segment: &Segment, offset: i64) -> Result<(Segment, i64), LogError> {
        let mut kept = Segment::new(segment.base_offset, self.config.index_interval_bytes);
        let (mut end_offset, mut leader_epoch) = (offset, 0);
        let mut walk = segment.walk_to_offset(segment.base_offset);
        while let Some(passed) = next_whole(&mut walk, &mut self.storage)? {
            if passed.header.last_offset() >= offset {
                end_offset = offset.min(passed.header.base_offset);
                break;
            }
            leader_epoch = passed.header.partition_leader_epoch;
            kept.push(&passed.header, passed.total_len);
        }
        let name = kept.name.clone();
        let cut = self.storage.truncate(&name, kept.len);
        cut.map_err(|e| LogError::io("truncate", &name, e))?;
        if kept.end_offset < end_offset {
            // The next segment follows on this one: a batch without records fills what compaction has left.
            let (header, batch) = empty_batch(kept.end_offset, end_offset, leader_epoch);
            let filled = self.storage.append(&name, &[batch]);
            filled.map_err(|e| LogError::io("append to", &name, e))?;
            kept.push(&header, HEADER_LEN as u64);
        }
        let synced = self.storage.sync(&name);
        synced.map_err(|e| LogError::io("sync", &name, e))?;
        Ok((kept, end_offset))
    }
}

/// A batch that has these offsets and no records.
fn empty_batch(
    base_offset: i64,
    end_offset: i64,
    partition_leader_epoch: i32,
) -> (BatchHeader, Bytes) {
    let header = BatchHeader {
        base_offset,
        batch_length: HEADER_LEN as i32 - 12,
        partition_leader_epoch,
        magic: 2,
        crc: 0,
        attributes: 0,
        last_offset_delta: (end_offset - base_offset - 1) as i32,
        base_timestamp: -1,
        max_timestamp: -1,
        producer_id: -1,
        producer_epoch: -1,
        base_sequence: -1,
        record_count: 0,
    }
    .with_crc(&[]);
    (header, Bytes::copy_from_slice(&header.write()))
}
