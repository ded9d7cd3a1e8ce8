//! What becomes of sealed batches, and of what they hold and count for.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Accumulator;
use super::memory::Line;
use super::partition::Partition;
use crate::batch::{SealedBatch, Separated, SpentBatch, Split};
use crate::delivery::Settled;
use crate::error::{ErrorKind, ProduceError};
use crate::mutant::Mutant;
use crate::time::Instant;
use crate::trail::Trail;

impl Accumulator {
    /// After the driver's early end a batch that was being sealed meanwhile fails here.
    pub(super) fn fail_abandoned(&self, now: Instant, partition: &Partition) {
        while self.closing.is_abandoned() {
            let Some(batch) = partition.lock().pop_sealed() else {
                return;
            };
            let topic = (Arc::clone(&partition.topic), partition.index);
            let trail = Trail::new(batch.opened, batch.sealed);
            let error = ProduceError::new(ErrorKind::Aborted, topic, trail, false);
            let spent = self.settle(now, batch, Settled::Failed(error));
            self.release(partition, spent);
        }
    }

    /// Cuts a batch that is too large: see [`SealedBatch::split`].
    pub(crate) fn split(&self, batch: SealedBatch, max_bytes: usize) -> Split {
        let generation = batch.generation();
        let split = batch.split(&self.config.codec, max_bytes);
        if let Split::Halves(batches) = &split {
            if self.config.has(Mutant::LeakOnSplit) {
                self.memory.reserve(1, Line::Moving, None);
            }
            self.generations.split_batch(generation, batches.len() - 1);
        }
        split
    }

    /// Takes refused records out of a batch: see [`SealedBatch::without`].
    #[expect(clippy::result_large_err, reason = "the batch is what is given back")]
    pub(crate) fn separate(
        &self,
        batch: SealedBatch,
        culprits: &BTreeMap<u32, Option<String>>,
    ) -> Result<Separated, SealedBatch> {
        let generation = batch.generation();
        let separated = batch.without(&self.config.codec, culprits)?;
        let batches = separated.refused.len() + usize::from(separated.rest.is_some());
        self.generations.split_batch(generation, batches - 1);
        Ok(separated)
    }

    /// Gives every record of the batch its outcome. The batch's memory is held until it is
    /// [released](Self::release).
    pub(crate) fn settle(&self, now: Instant, batch: SealedBatch, settled: Settled) -> SpentBatch {
        if matches!(settled, Settled::Failed(_)) {
            self.recorder.failed(now, batch.topic(), batch.count());
        }
        let spent = batch.settle(settled, self.listener());
        self.generations.settle_batch(now, spent.generation);
        spent
    }

    /// Gives back what a settled batch held, once no write of it is under way.
    pub(crate) fn release(&self, partition: &Partition, spent: SpentBatch) {
        let line = {
            let mut state = partition.lock();
            state.held -= spent.held;
            state.line()
        };
        self.memory.release(spent.held, line, Some(spent.body));
    }
}
