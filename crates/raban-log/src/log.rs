//! The log: append and read.
use bytes::{BufMut, Bytes, BytesMut};
use raban_protocol::record_batch::{BatchHeader, RecordBatch};

use crate::recovery::{Recovery, recover};
use crate::segment::{Passed, Segment, Walk};
use crate::{LogError, Storage};

/// The header fields that an append assigns: base offset, length, partition leader epoch. The batch's CRC covers none.
const ASSIGNED_LEN: usize = 16;
/// The most that a batch may unpack to when a timestamp is looked up in it, in bytes.
const LOOKUP_LIMIT: usize = 64 << 20;

/// How a log lays out its segments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// A segment that would grow beyond this gets a successor (Kafka's `log.segment.bytes`); at most 2 GiB − 1, as in
    /// Kafka. Default 1 GiB.
    pub segment_bytes: u64,
    /// Bytes between two entries of the index in memory (Kafka's `log.index.interval.bytes`): 24 bytes of memory each.
    /// Default 64 KiB.
    pub index_interval_bytes: u64,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            segment_bytes: 1 << 30,
            index_interval_bytes: 64 << 10,
        }
    }
}

/// The offsets that a batch got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Offset of the first record.
    pub base_offset: i64,
    /// Offset of the last record.
    pub last_offset: i64,
}

/// Batches that were read from a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batches {
    /// Whole batches, one after the other.
    pub bytes: Bytes,
    /// The offset after their last record; if there are none, the offset that was asked for, or the log's end if compaction
    /// left nothing from there on.
    pub next_offset: i64,
}

/// An append-only log of record batches. See the [crate's page](crate) for what survives a crash.
#[derive(Debug)]
pub struct Log<S: Storage> {
    pub(crate) storage: S,
    pub(crate) config: LogConfig,
    /// In the order of offsets; the last one is written to. Empty before the first append.
    pub(crate) segments: Vec<Segment>,
    pub(crate) start_offset: i64,
    pub(crate) end_offset: i64,
    /// Everything before this offset is durable.
    pub(crate) synced_offset: i64,
    pub(crate) failed: Option<String>,
    /// How often the log was cut at its end: a sync that began before doesn't cover what came since.
    pub(crate) cuts: u64,
}

impl<S: Storage> Log<S> {
    /// Opens the log in `storage`, or an empty one that starts at offset 0, and cuts off a torn tail. `on_batch` gets the
    /// header of each batch in the log, in order.
    ///
    /// # Errors
    /// [`LogError::Io`], or [`LogError::Corrupt`] if a segment before the last one is damaged.
    pub fn open(
        mut storage: S,
        config: LogConfig,
        on_batch: &mut dyn FnMut(&BatchHeader),
    ) -> Result<(Self, Recovery), LogError> {
        let (segments, recovery) = recover(&mut storage, config.index_interval_bytes, on_batch)?;
        let start_offset = segments.first().map_or(0, |s| s.base_offset);
        let end_offset = segments.last().map_or(0, |s| s.end_offset);
        // What the last segment holds was read, but perhaps from the page cache only.
        let synced_offset = segments.last().map_or(0, |s| s.base_offset);
        let log = Self {
            storage,
            config,
            segments,
            start_offset,
            end_offset,
            synced_offset,
            failed: None,
            cuts: 0,
        };
        Ok((log, recovery))
    }

    /// Offset of the first record that can be read.
    pub fn start_offset(&self) -> i64 {
        self.start_offset
    }

    /// Offset that the next record gets.
    pub fn end_offset(&self) -> i64 {
        self.end_offset
    }

    /// Everything before this offset survives a crash of the machine.
    pub fn synced_offset(&self) -> i64 {
        self.synced_offset
    }

    /// Bytes in all segments.
    pub fn size(&self) -> u64 {
        self.segments.iter().map(|s| s.len).sum()
    }

    /// Appends one batch. Its base offset and leader epoch are assigned; the given bytes are not copied but for these.
    ///
    /// # Errors
    /// [`LogError::InvalidBatch`] or [`LogError::BatchLength`] if `batch` is not one batch, [`LogError::Io`], after which
    /// nothing was appended, or [`LogError::Failed`]. The batch's CRC is for the caller to check.
    pub fn append(&mut self, batch: &Bytes, leader_epoch: i32) -> Result<Appended, LogError> {
        if let Some(reason) = &self.failed {
            let reason = reason.clone();
            return Err(LogError::Failed { reason });
        }
        let mut header = BatchHeader::read(batch)?;
        let announced = (i64::from(header.batch_length) + 12).max(0) as u64;
        if announced != batch.len() as u64 || header.last_offset_delta < 0 {
            let actual = batch.len() as u64;
            return Err(LogError::BatchLength { announced, actual });
        }
        header.base_offset = self.end_offset;
        header.partition_leader_epoch = leader_epoch;
        self.roll_if_full(&header, announced)?;

        let mut assigned = BytesMut::with_capacity(ASSIGNED_LEN);
        assigned.put_i64(header.base_offset);
        assigned.put_i32(header.batch_length);
        assigned.put_i32(leader_epoch);
        let parts = [assigned.freeze(), batch.slice(ASSIGNED_LEN..)];
        let Some(segment) = self.segments.last_mut() else {
            unreachable!("a segment was made just now");
        };
        if let Err(error) = self.storage.append(&segment.name, &parts) {
            let error = LogError::io("append to", &segment.name, error);
            // What was written of the batch must not stay in front of the next one.
            if let Err(again) = self.storage.truncate(&segment.name, segment.len) {
                self.failed = Some(format!("{error}, then {again}"));
            }
            return Err(error);
        }
        segment.push(&header, announced);
        self.end_offset = segment.end_offset;
        Ok(Appended {
            base_offset: header.base_offset,
            last_offset: header.last_offset(),
        })
    }

    fn roll_if_full(&mut self, header: &BatchHeader, total_len: u64) -> Result<(), LogError> {
        let segment_bytes = self.config.segment_bytes.min(i32::MAX as u64);
        let full = match self.segments.last() {
            None => true,
            // Kafka's indexes hold offsets relative to the segment's base in 32 bits.
            Some(segment) => {
                let relative = header.last_offset() - segment.base_offset;
                segment.len > 0
                    && (segment.len + total_len > segment_bytes || relative > i64::from(i32::MAX))
            }
        };
        if full { self.roll() } else { Ok(()) }
    }

    /// Starts a new segment at the log's end; all before it is made durable first.
    pub(crate) fn roll(&mut self) -> Result<(), LogError> {
        self.sync()?;
        let segment = Segment::new(self.end_offset, self.config.index_interval_bytes);
        let created = self.storage.create(&segment.name);
        created.map_err(|e| LogError::io("create", &segment.name, e))?;
        self.segments.push(segment);
        Ok(())
    }

    /// Reads whole batches, starting with the one that holds `offset`, of `max_bytes` in all at most; with `min_one` the first
    /// one comes even if it is larger. Empty at the log's end. All are of one segment, so fewer bytes may come than there
    /// are.
    ///
    /// # Errors
    /// [`LogError::OffsetOutOfRange`], [`LogError::Io`], or [`LogError::Corrupt`].
    pub fn read(
        &mut self,
        offset: i64,
        max_bytes: usize,
        min_one: bool,
    ) -> Result<Batches, LogError> {
        self.check_offset(offset)?;
        let none = Batches {
            bytes: Bytes::new(),
            next_offset: offset,
        };
        if offset == self.end_offset {
            return Ok(none);
        }
        let after = self.segments.partition_point(|s| s.base_offset <= offset);
        let mut found = None;
        for segment in &self.segments[after - 1..] {
            found = first_batch(segment, &mut self.storage, offset)?.map(|first| (segment, first));
            if found.is_some() {
                break;
            }
        }
        let Some((segment, first)) = found else {
            let next_offset = self.end_offset;
            return Ok(Batches {
                next_offset,
                ..none
            });
        };
        if first.total_len > max_bytes as u64 && !min_one {
            return Ok(none);
        }
        let wanted = first.total_len.max(max_bytes as u64);
        let len = wanted.min(segment.len - first.position) as usize;
        let read = self.storage.read_at(&segment.name, first.position, len);
        let bytes = read.map_err(|e| LogError::io("read", &segment.name, e))?;
        let (whole, last) = whole_batches(&bytes);
        let next_offset = last.map_or(offset, |header| header.last_offset() + 1);
        let bytes = bytes.slice(..whole);
        Ok(Batches { bytes, next_offset })
    }

    /// Hands out the header of each batch with records from `offset` on, in order.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn headers(
        &mut self,
        offset: i64,
        on_batch: &mut dyn FnMut(&BatchHeader),
    ) -> Result<(), LogError> {
        for segment in self.segments.iter().filter(|s| s.end_offset > offset) {
            let mut walk = segment.walk_to_offset(offset);
            while let Some(passed) = next_whole(&mut walk, &mut self.storage)? {
                if passed.header.last_offset() >= offset {
                    on_batch(&passed.header);
                }
            }
        }
        Ok(())
    }

    /// Offset and timestamp of the first record whose timestamp is `timestamp` (in ms since 1970) or later.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn offset_for_timestamp(&mut self, timestamp: i64) -> Result<Option<(i64, i64)>, LogError> {
        let late = |s: &&Segment| s.max_timestamp.is_some_and(|(max, _)| max >= timestamp);
        for segment in self.segments.iter().filter(late) {
            let mut walk = segment.walk_to_timestamp(timestamp);
            while let Some(passed) = next_whole(&mut walk, &mut self.storage)? {
                let visible = passed.header.record_count > 0
                    && passed.header.last_offset() >= self.start_offset;
                if visible && passed.header.max_timestamp >= timestamp {
                    let (offset, found) =
                        first_record(&mut self.storage, segment, &passed, |t| t >= timestamp)?;
                    return Ok(Some((offset.max(self.start_offset), found)));
                }
            }
        }
        Ok(None)
    }

    /// Offset and timestamp of the first record with the highest timestamp in the log.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn offset_of_max_timestamp(&mut self) -> Result<Option<(i64, i64)>, LogError> {
        let newest = self
            .segments
            .iter()
            .filter_map(|s| Some((s, s.max_timestamp?)));
        let newest = newest.reduce(|best, next| if next.1.0 > best.1.0 { next } else { best });
        let Some((segment, (max, base_offset))) = newest else {
            return Ok(None);
        };
        let mut walk = segment.walk_to_offset(base_offset);
        while let Some(passed) = next_whole(&mut walk, &mut self.storage)? {
            if passed.header.base_offset == base_offset {
                let found = first_record(&mut self.storage, segment, &passed, |t| t >= max)?;
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    pub(crate) fn check_offset(&self, offset: i64) -> Result<(), LogError> {
        let (start, end) = (self.start_offset, self.end_offset);
        if (start..=end).contains(&offset) {
            return Ok(());
        }
        Err(LogError::OffsetOutOfRange { offset, start, end })
    }
}

/// The segment's first batch that reaches to `offset` or beyond.
fn first_batch<S: Storage>(
    segment: &Segment,
    storage: &mut S,
    offset: i64,
) -> Result<Option<Passed>, LogError> {
    let mut walk = segment.walk_to_offset(offset);
    while let Some(passed) = next_whole(&mut walk, storage)? {
        if passed.header.last_offset() >= offset {
            return Ok(Some(passed));
        }
    }
    Ok(None)
}

pub(crate) fn next_whole<S: Storage>(
    walk: &mut Walk<'_>,
    storage: &mut S,
) -> Result<Option<Passed>, LogError> {
    let position = walk.position;
    let passed = walk.next(storage, false);
    passed.map_err(|e| e.in_segment(walk.name, position))
}

/// How many of the bytes are whole batches, each of which is known to be valid, and the last one's header.
fn whole_batches(bytes: &[u8]) -> (usize, Option<BatchHeader>) {
    let (mut end, mut last) = (0, None);
    while let Ok(header) = BatchHeader::read(&bytes[end..]) {
        if header.total_len() > bytes.len() - end {
            break;
        }
        end += header.total_len();
        last = Some(header);
    }
    (end, last)
}

/// Offset and timestamp of the first record in a batch whose timestamp is `wanted`. A batch that can't be unpacked here
/// (its codec is not built in, or it is huge) answers for all of its records.
fn first_record<S: Storage>(
    storage: &mut S,
    segment: &Segment,
    passed: &Passed,
    wanted: impl Fn(i64) -> bool,
) -> Result<(i64, i64), LogError> {
    let bytes = storage.read_at(&segment.name, passed.position, passed.total_len as usize);
    let bytes = bytes.map_err(|e| LogError::io("read", &segment.name, e))?;
    let batch = RecordBatch::decode(bytes, LOOKUP_LIMIT).ok();
    let found = batch.and_then(|b| b.records.into_iter().find(|r| wanted(r.timestamp)));
    let header = &passed.header;
    Ok(
        found.map_or((header.base_offset, header.max_timestamp), |r| {
            (r.offset, r.timestamp)
        }),
    )
}
