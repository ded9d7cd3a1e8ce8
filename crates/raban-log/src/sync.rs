//! Making a log durable, at once or in two halves beside appends.
use std::io;

use crate::{Log, LogError, Storage, SyncJob};

impl<S: Storage> Log<S> {
    /// Makes everything appended so far durable: one call serves any number of appends.
    ///
    /// # Errors
    /// [`LogError::Io`]; appends are refused from then on, since what reached the disk is unknown.
    pub fn sync(&mut self) -> Result<(), LogError> {
        if self.synced_offset == self.end_offset {
            return Ok(());
        }
        let Some(segment) = self.segments.last() else {
            return Ok(());
        };
        let result = self.storage.sync(&segment.name);
        let outcome = SyncOutcome {
            file: segment.name.clone(),
            end_offset: self.end_offset,
            cuts: self.cuts,
            result,
        };
        self.finish_sync(outcome)
    }

    /// The first half of a sync beside appends: what [`PendingSync::run`] does on any thread goes to
    /// [`finish_sync`](Self::finish_sync). `None` if all is durable.
    ///
    /// # Errors
    /// [`LogError::Io`].
    pub fn begin_sync(&mut self) -> Result<Option<PendingSync>, LogError> {
        let segment = match self.segments.last() {
            Some(segment) if self.synced_offset < self.end_offset => segment,
            _ => return Ok(None),
        };
        let job = self.storage.sync_job(&segment.name);
        let job = job.map_err(|e| LogError::io("sync", &segment.name, e))?;
        Ok(Some(PendingSync {
            file: segment.name.clone(),
            end_offset: self.end_offset,
            cuts: self.cuts,
            job,
        }))
    }

    /// The second half of a sync beside appends.
    ///
    /// # Errors
    /// As [`sync`](Self::sync).
    pub fn finish_sync(&mut self, outcome: SyncOutcome) -> Result<(), LogError> {
        match outcome.result {
            // Segments before the one that was synced were synced before it was created.
            Ok(()) if outcome.cuts == self.cuts => {
                self.synced_offset = self.synced_offset.max(outcome.end_offset);
            }
            Err(source) if self.segments.iter().any(|s| s.name == outcome.file) => {
                let error = LogError::io("sync", &outcome.file, source);
                self.failed = Some(error.to_string());
                return Err(error);
            }
            // What was to be synced was cut off or removed meanwhile.
            Ok(()) | Err(_) => {}
        }
        Ok(())
    }
}

/// A sync under way. Dropped instead of run, nothing becomes durable.
pub struct PendingSync {
    file: String,
    end_offset: i64,
    cuts: u64,
    job: SyncJob,
}

impl PendingSync {
    /// Syncs, on any thread; blocks until the disk has it.
    pub fn run(self) -> SyncOutcome {
        SyncOutcome {
            result: (self.job)(),
            file: self.file,
            end_offset: self.end_offset,
            cuts: self.cuts,
        }
    }
}

impl std::fmt::Debug for PendingSync {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = f.debug_struct("PendingSync");
        out.field("file", &self.file)
            .field("end_offset", &self.end_offset);
        out.finish_non_exhaustive()
    }
}

/// What came of a [`PendingSync`]: for [`Log::finish_sync`].
#[derive(Debug)]
pub struct SyncOutcome {
    file: String,
    end_offset: i64,
    cuts: u64,
    result: io::Result<()>,
}
