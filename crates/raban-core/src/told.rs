//! Outcomes that are told by a call: what a batch remembers of such records, and who is called.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use crate::error::ProduceError;
use crate::record::RecordMetadata;

/// Called once with a record's outcome.
pub type Callback = Box<dyn FnOnce(Result<RecordMetadata, ProduceError>) + Send>;

/// Hears of outcomes: once of each record, in a partition in the order of the records, before flush and close end and before
/// the handles' tasks run.
///
/// It is called on the driver's thread, which does nothing else meanwhile; only where compression fails on the thread
/// that filled the batch. It must not panic.
pub trait Listener: Send + Sync {
    /// A record's outcome, with its tag and its own callback.
    fn told(
        &self,
        tag: u64,
        outcome: Result<RecordMetadata, ProduceError>,
        callback: Option<Callback>,
    );
}

/// A record's own callback until it is accepted.
#[derive(Default)]
pub struct CallbackSlot(Mutex<Option<Callback>>);

impl CallbackSlot {
    /// Holds `callback`.
    pub fn new(callback: Callback) -> Self {
        Self(Mutex::new(Some(callback)))
    }

    /// The callback, unless the record was accepted and took it along.
    pub fn take(&self) -> Option<Callback> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl fmt::Debug for CallbackSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallbackSlot").finish_non_exhaustive()
    }
}

/// What a batch remembers of a record.
pub(crate) struct Note {
    /// The record's place in the batch.
    pub(crate) index: u32,
    pub(crate) tag: u64,
    pub(crate) callback: Option<Callback>,
}

impl fmt::Debug for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Note")
            .field("index", &self.index)
            .field("tag", &self.tag)
            .finish_non_exhaustive()
    }
}
