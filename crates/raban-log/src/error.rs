//! What can go wrong in a log.
use std::io;

use raban_protocol::record_batch::BatchError;

/// A log could not be opened, written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The storage refused an operation.
    #[error("cannot {operation} log segment {file}: {source}")]
    Io {
        /// What was tried: "create", "append to", "read", "truncate", "sync", "remove" or "list".
        operation: &'static str,
        /// The segment's file name.
        file: String,
        /// What the storage said.
        source: io::Error,
    },
    /// A segment before the last one is damaged. Such a segment was synced, so this is not the torn tail of a crash, and
    /// cutting there would throw away whole segments.
    #[error(
        "log segment {file} is damaged at byte {position}: {reason}; restore the file from a copy, or remove it and all segments after it"
    )]
    Corrupt {
        /// The segment's file name.
        file: String,
        /// Where in the file the first bad batch starts, in bytes.
        position: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The bytes to append are no whole record batch.
    #[error("not a record batch: {0}")]
    InvalidBatch(#[from] BatchError),
    /// The bytes to append are not exactly one record batch.
    #[error("the batch's header announces {announced} bytes, but {actual} were given")]
    BatchLength {
        /// Length that the header announces, in bytes.
        announced: u64,
        /// Bytes given.
        actual: u64,
    },
    /// The offset to read or truncate at is not in the log.
    #[error("offset {offset} is outside of the log, which reaches from {start} to {end}")]
    OffsetOutOfRange {
        /// The offset asked for.
        offset: i64,
        /// The first offset in the log.
        start: i64,
        /// The offset that the next record will get.
        end: i64,
    },
    /// An earlier write or sync failed, so what the storage holds is unknown.
    #[error(
        "the log takes no more records since a write or sync failed ({reason}); open it again to recover"
    )]
    Failed {
        /// The failure.
        reason: String,
    },
}

impl LogError {
    pub(crate) fn io(operation: &'static str, file: &str, source: io::Error) -> Self {
        Self::Io {
            operation,
            file: file.to_owned(),
            source,
        }
    }
}
