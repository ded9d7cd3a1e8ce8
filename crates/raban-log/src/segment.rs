//! One segment: its file, its sparse index, and the walk over its batch headers.
use bytes::Bytes;
use raban_protocol::record_batch::{BatchHeader, HEADER_LEN, verify_crc};

use crate::{LogError, Storage};

const SUFFIX: &str = ".log";
/// What follows on a segment's name while its successor is written.
const CLEANED_SUFFIX: &str = ".cleaned";
/// Bytes of a batch that its length field counts at least: the header without offset and length.
const MIN_BATCH_LENGTH: i32 = HEADER_LEN as i32 - 12;
/// Bytes read at once on a walk over headers: many small batches, or little waste on a big one.
const WINDOW: usize = 8 << 10;

/// The name of the segment that starts at `base_offset`.
pub(crate) fn file_name(base_offset: i64) -> String {
    format!("{base_offset:020}{SUFFIX}")
}

/// The base offset that a segment's name says; `None` for other files.
pub(crate) fn parse_file_name(name: &str) -> Option<i64> {
    let digits = name.strip_suffix(SUFFIX)?;
    let valid = digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_digit());
    valid.then(|| digits.parse().ok()).flatten()
}

/// The name of the file that is to take a segment's place.
pub(crate) fn cleaned_name(name: &str) -> String {
    format!("{name}{CLEANED_SUFFIX}")
}

/// Whether a file was to take a segment's place, but never did.
pub(crate) fn is_cleaned(name: &str) -> bool {
    let segment = name.strip_suffix(CLEANED_SUFFIX);
    segment.is_some_and(|name| parse_file_name(name).is_some())
}

/// Where a batch starts, and what is known of the batches before it.
#[derive(Clone, Copy, Debug)]
struct IndexEntry {
    offset: i64,
    position: u64,
    /// The highest timestamp in the segment before this batch.
    max_timestamp_before: i64,
}

/// A segment file and its index.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) name: String,
    pub(crate) base_offset: i64,
    /// Offset after the last record.
    pub(crate) end_offset: i64,
    /// Bytes of whole batches.
    pub(crate) len: u64,
    /// The highest timestamp of a record, and the base offset of the first batch that has it.
    pub(crate) max_timestamp: Option<(i64, i64)>,
    index: Vec<IndexEntry>,
    index_interval: u64,
}

impl Segment {
    pub(crate) fn new(base_offset: i64, index_interval: u64) -> Self {
        Self {
            name: file_name(base_offset),
            base_offset,
            end_offset: base_offset,
            len: 0,
            max_timestamp: None,
            index: Vec::new(),
            index_interval,
        }
    }

    /// Notes that a batch was appended at the segment's end.
    pub(crate) fn push(&mut self, header: &BatchHeader, total_len: u64) {
        let due = match self.index.last() {
            Some(last) => self.len - last.position >= self.index_interval,
            None => true,
        };
        if due {
            self.index.push(IndexEntry {
                offset: header.base_offset,
                position: self.len,
                max_timestamp_before: self.max_timestamp.map_or(i64::MIN, |(t, _)| t),
            });
        }
        // A batch that compaction has emptied has no record with its timestamp.
        if header.record_count > 0
            && self
                .max_timestamp
                .is_none_or(|(t, _)| header.max_timestamp > t)
        {
            self.max_timestamp = Some((header.max_timestamp, header.base_offset));
        }
        self.len += total_len;
        self.end_offset = header.last_offset() + 1;
    }

    /// A walk that starts at or before the batch that holds `offset`.
    pub(crate) fn walk_to_offset(&self, offset: i64) -> Walk<'_> {
        let after = self.index.partition_point(|e| e.offset <= offset);
        self.walk_from(after)
    }

    /// A walk that starts at or before the first batch with a record at or after `timestamp`.
    pub(crate) fn walk_to_timestamp(&self, timestamp: i64) -> Walk<'_> {
        let after = self
            .index
            .partition_point(|e| e.max_timestamp_before < timestamp);
        self.walk_from(after)
    }

    fn walk_from(&self, after: usize) -> Walk<'_> {
        let entry = after.checked_sub(1).and_then(|at| self.index.get(at));
        let (position, offset) = entry.map_or((0, self.base_offset), |e| (e.position, e.offset));
        // What stands in the log was checked when it came there.
        Walk::new(&self.name, position, self.len, offset, true)
    }
}

/// A batch that a [`Walk`] passed.
#[derive(Debug)]
pub(crate) struct Passed {
    pub(crate) header: BatchHeader,
    pub(crate) position: u64,
    pub(crate) total_len: u64,
}

/// Why a [`Walk`] ended early.
#[derive(Debug)]
pub(crate) enum WalkError {
    /// The storage failed.
    Log(LogError),
    /// The bytes are no whole, valid batch.
    Bad(String),
}

impl WalkError {
    /// As the error of a segment that should be whole.
    pub(crate) fn in_segment(self, file: &str, position: u64) -> LogError {
        match self {
            Self::Log(error) => error,
            Self::Bad(reason) => LogError::Corrupt {
                file: file.to_owned(),
                position,
                reason,
            },
        }
    }
}

/// A walk over the headers of a segment's batches, reading little more than them.
#[derive(Debug)]
pub(crate) struct Walk<'a> {
    pub(crate) name: &'a str,
    /// Start of the next batch.
    pub(crate) position: u64,
    end: u64,
    next_offset: i64,
    /// Whether offsets may be missing between two batches, as compaction leaves a segment.
    gaps: bool,
    window: Bytes,
    window_start: u64,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(
        name: &'a str,
        position: u64,
        end: u64,
        next_offset: i64,
        gaps: bool,
    ) -> Self {
        Self {
            name,
            position,
            end,
            next_offset,
            gaps,
            window: Bytes::new(),
            window_start: 0,
        }
    }

    /// The next batch's header; `None` at the end. The batch is whole as far as lengths and offsets tell; with
    /// `check_crc` its content is read and checked too.
    pub(crate) fn next<S: Storage>(
        &mut self,
        storage: &mut S,
        check_crc: bool,
    ) -> Result<Option<Passed>, WalkError> {
        let left = self.end - self.position;
        if left == 0 {
            return Ok(None);
        }
        if left < HEADER_LEN as u64 {
            return Err(WalkError::Bad(format!(
                "{left} bytes are less than a batch header"
            )));
        }
        let header = {
            let bytes = self.bytes(storage, HEADER_LEN)?;
            BatchHeader::read(&bytes).map_err(|e| WalkError::Bad(e.to_string()))?
        };
        let offset = match self.gaps {
            true => self.next_offset.max(header.base_offset),
            false => self.next_offset,
        };
        let total_len = check_header(&header, offset, left).map_err(WalkError::Bad)?;
        if check_crc {
            let batch = self.bytes(storage, total_len as usize)?;
            verify_crc(&batch).map_err(|e| WalkError::Bad(e.to_string()))?;
        }
        let passed = Passed {
            header,
            position: self.position,
            total_len,
        };
        self.position += total_len;
        self.next_offset = passed.header.last_offset() + 1;
        Ok(Some(passed))
    }

    /// `len` bytes from the current position, which are known to be there.
    fn bytes<S: Storage>(&mut self, storage: &mut S, len: usize) -> Result<Bytes, WalkError> {
        let within = self
            .position
            .checked_sub(self.window_start)
            .map(|s| s as usize);
        if let Some(start) = within
            && start + len <= self.window.len()
        {
            return Ok(self.window.slice(start..start + len));
        }
        let read = (self.end - self.position).min(WINDOW.max(len) as u64) as usize;
        let window = storage.read_at(self.name, self.position, read);
        self.window = window.map_err(|e| WalkError::Log(LogError::io("read", self.name, e)))?;
        self.window_start = self.position;
        Ok(self.window.slice(..len))
    }
}

/// The batch's total length, if the header can be that of a batch at `offset` with `left` bytes to go.
fn check_header(header: &BatchHeader, offset: i64, left: u64) -> Result<u64, String> {
    if header.magic != 2 {
        return Err(format!("record batch format {} is not 2", header.magic));
    }
    if header.batch_length < MIN_BATCH_LENGTH {
        return Err(format!("batch length {} is too small", header.batch_length));
    }
    let total_len = header.batch_length as u64 + 12;
    if total_len > left {
        return Err(format!(
            "a batch of {total_len} bytes, but only {left} are left"
        ));
    }
    if header.base_offset != offset {
        return Err(format!(
            "base offset {} where {offset} follows",
            header.base_offset
        ));
    }
    if header.last_offset_delta < 0 {
        return Err(format!("last offset delta {}", header.last_offset_delta));
    }
    Ok(total_len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_kafka() {
        assert_eq!(file_name(1234), "00000000000000001234.log");
        assert_eq!(parse_file_name("00000000000000001234.log"), Some(1234));
        for other in [
            "1234.log",
            "00000000000000001234.index",
            "0000000000000000-123.log",
            "99999999999999999999.log",
        ] {
            assert_eq!(parse_file_name(other), None, "{other}");
        }
    }
}
