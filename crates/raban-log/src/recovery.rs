//! Opening a log: which segments there are, what is in them, and cutting the torn tail.
use raban_protocol::record_batch::BatchHeader;

use crate::segment::{Segment, Walk, WalkError, is_cleaned, parse_file_name};
use crate::{LogError, Storage};

/// What was found when a log was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovery {
    /// Segments in the log.
    pub segments: usize,
    /// Whole batches in it.
    pub batches: u64,
    /// Bytes of these batches.
    pub bytes: u64,
    /// The torn tail that was cut off, if there was one.
    pub truncated: Option<Truncation>,
}

/// A torn tail that was cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Truncation {
    /// The segment's file name.
    pub file: String,
    /// The bytes that were kept of it.
    pub position: u64,
    /// The bytes that were cut off.
    pub bytes: u64,
    /// What was wrong with the first batch that was cut off.
    pub reason: String,
}

/// Reads all segments' headers, in order, and cuts the last segment at its first batch that is not whole.
pub(crate) fn recover<S: Storage>(
    storage: &mut S,
    index_interval: u64,
    on_batch: &mut dyn FnMut(&BatchHeader),
) -> Result<(Vec<Segment>, Recovery), LogError> {
    let files = storage
        .list()
        .map_err(|e| LogError::io("list", "files", e))?;
    for left in files.iter().filter(|file| is_cleaned(&file.name)) {
        let removed = storage.remove(&left.name);
        removed.map_err(|e| LogError::io("remove", &left.name, e))?;
    }
    let named = |file: crate::FileEntry| Some((parse_file_name(&file.name)?, file.len));
    let mut found: Vec<(i64, u64)> = files.into_iter().filter_map(named).collect();
    found.sort_unstable();

    let mut recovery = Recovery::default();
    let mut segments: Vec<Segment> = Vec::with_capacity(found.len());
    for (at, &(base_offset, file_len)) in found.iter().enumerate() {
        let mut segment = Segment::new(base_offset, index_interval);
        if let Some(previous) = segments.last()
            && previous.end_offset != base_offset
        {
            return Err(LogError::Corrupt {
                file: segment.name,
                position: 0,
                reason: format!(
                    "the segment before it ends at offset {}",
                    previous.end_offset
                ),
            });
        }
        let is_last = at + 1 == found.len();
        let cut = scan(
            storage,
            &mut segment,
            file_len,
            is_last,
            &mut recovery,
            on_batch,
        )?;
        if let Some(reason) = cut {
            recovery.truncated = Some(cut_tail(storage, &segment, file_len, reason)?);
        }
        segments.push(segment);
    }
    recovery.segments = segments.len();
    Ok((segments, recovery))
}

/// Fills the segment from its file; the answer says why the rest of the file is to be cut off.
fn scan<S: Storage>(
    storage: &mut S,
    segment: &mut Segment,
    file_len: u64,
    is_last: bool,
    recovery: &mut Recovery,
    on_batch: &mut dyn FnMut(&BatchHeader),
) -> Result<Option<String>, LogError> {
    let name = segment.name.clone();
    // Only closed segments are ever compacted.
    let mut walk = Walk::new(&name, 0, file_len, segment.base_offset, !is_last);
    loop {
        match walk.next(storage, is_last) {
            Ok(Some(passed)) => {
                segment.push(&passed.header, passed.total_len);
                recovery.batches += 1;
                recovery.bytes += passed.total_len;
                on_batch(&passed.header);
            }
            Ok(None) => return Ok(None),
            Err(WalkError::Bad(reason)) if is_last => return Ok(Some(reason)),
            Err(error) => return Err(error.in_segment(&name, walk.position)),
        }
    }
}

fn cut_tail<S: Storage>(
    storage: &mut S,
    segment: &Segment,
    file_len: u64,
    reason: String,
) -> Result<Truncation, LogError> {
    let (file, position) = (segment.name.clone(), segment.len);
    storage
        .truncate(&file, position)
        .map_err(|e| LogError::io("truncate", &file, e))?;
    storage
        .sync(&file)
        .map_err(|e| LogError::io("sync", &file, e))?;
    let bytes = file_len - position;
    tracing::warn!(file, position, bytes, reason, "cut a torn tail off the log");
    Ok(Truncation {
        file,
        position,
        bytes,
        reason,
    })
}
