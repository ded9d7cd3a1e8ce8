//! An append-only, segmented log of Kafka record batches.
//!
//! A log is a row of segment files named by the offset of their first record (`00000000000000000000.log`) in Apache
//! Kafka's own format, so that Kafka's tools read them. Indexes by offset and by time live in memory and are rebuilt from
//! the batch headers when the log is opened.
//!
//! # What survives
//! - A segment is synced before its successor is created: only the last segment can hold bytes that a crash of the machine
//!   takes away, and only that one is checked record by record (CRC) when the log is opened.
//! - What a crash leaves is a prefix of what was appended, holds everything that was synced, and ends between two batches:
//!   the last segment is cut at the first batch that is not whole, and [`Recovery`] says how much was cut.
//! - A write or sync that fails makes the log refuse appends until it is opened again, because what the disk holds then is
//!   unknown.
//!
//! There is no semver promise: use the crate `raban`.
#![forbid(unsafe_code)]

mod compact;
mod error;
mod log;
mod recovery;
mod segment;
mod storage;
mod sync;
mod truncate;

pub use error::LogError;
pub use log::{Appended, Batches, Log, LogConfig};
pub use recovery::{Recovery, Truncation};
pub use storage::disk::DiskStorage;
pub use storage::memory::MemoryStorage;
pub use storage::{FileEntry, Storage, SyncJob};
pub use sync::{PendingSync, SyncOutcome};
