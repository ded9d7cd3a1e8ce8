//! Outcomes, told in the order of the records: a batch that was decided before an older one waits for it.

use std::sync::Arc;

use super::Sender;
use super::partition_queue::{Entry, EntryBatch};
use crate::accumulator::partition::PartitionId;
use crate::batch::{SealedBatch, SpentBatch};
use crate::delivery::Settled;
use crate::error::{ErrorKind, ProduceError};
use crate::event::Event;
use crate::idempotence::Stamp;
use crate::mutant::Mutant;
use crate::trail::Trail;

impl Sender {
    /// A batch is in the log. Returns it if its outcome is still to be told; `is_first`: nothing
    /// unsettled is before it.
    pub(super) fn in_log(
        &mut self,
        id: PartitionId,
        mut entry: Entry,
        base_offset: Option<i64>,
        log_append_time: Option<i64>,
        is_first: bool,
    ) -> Option<Entry> {
        let now = self.now.instant;
        let is_first = is_first || self.config.has(Mutant::FloorAtHighestAcknowledged);
        let queue = &mut self.queues[id.0 as usize];
        let count = entry.count();
        // Appended once more by a leader without memory, it may lie behind what is in doubt still.
        let may_be_a_copy = entry.in_doubt && queue.entries.iter().any(|other| other.in_doubt);
        if let Some(stamp) = entry.stamp.filter(|stamp| *stamp != Stamp::NONE) {
            queue.sequences.confirm(stamp, count);
            if let Some(base_offset) = base_offset.filter(|_| is_first && !may_be_a_copy) {
                queue.doubt.floor.raise(base_offset, stamp, count);
            }
        }
        entry.in_doubt = false;
        match std::mem::replace(&mut entry.batch, EntryBatch::Ghost { count }) {
            EntryBatch::Live(batch) => {
                queue.doubt.confirmed_timestamp = Some(batch.max_timestamp());
                let settled = Settled::Acknowledged {
                    base_offset,
                    log_append_time,
                    trail: entry.trail.of_success(now),
                };
                entry.batch = EntryBatch::Decided(batch, settled);
                return Some(entry);
            }
            EntryBatch::Spent(spent) => self.accumulator.release(&queue.partition, spent),
            EntryBatch::Decided(..) | EntryBatch::Ghost { .. } => {}
        }
        None
    }

    /// Fails a batch that no request carries.
    pub(super) fn fail(&mut self, id: PartitionId, index: usize, kind: ErrorKind) {
        let entry = self.remove_entry(id, index);
        if let Some(kept) = self.give_up_entry(id, entry, kind) {
            self.queue(id).entries.insert(index, kept);
        }
        self.tell_decided(id);
    }

    /// Fails a batch that no request carries; returns what stays of it. The sequences it took stay a
    /// gap, so that the partition goes on under a new epoch; of a batch in doubt they are kept as a
    /// ghost.
    pub(super) fn give_up_entry(
        &mut self,
        id: PartitionId,
        mut entry: Entry,
        kind: ErrorKind,
    ) -> Option<Entry> {
        let is_sequenced = self.config.enable_idempotence && entry.stamp.is_some();
        if is_sequenced && !entry.in_doubt {
            self.queue(id).sequences.want_bump(None);
        }
        // A hole in front of others that are in doubt has to be looked for along with them.
        self.queue(id).doubt.may_resend = false;
        let ghost = EntryBatch::Ghost {
            count: entry.count(),
        };
        match std::mem::replace(&mut entry.batch, ghost) {
            EntryBatch::Live(batch) => {
                let trail = std::mem::take(&mut entry.trail);
                let error = self.failure(&batch, kind, trail, entry.may_have_been_written());
                entry.batch = EntryBatch::Decided(batch, Settled::Failed(error));
                return Some(entry);
            }
            EntryBatch::Spent(spent) => {
                let partition = &self.queues[id.0 as usize].partition;
                self.accumulator.release(partition, spent);
            }
            decided @ EntryBatch::Decided(..) => {
                entry.batch = decided;
                return Some(entry);
            }
            EntryBatch::Ghost { .. } => {}
        }
        (is_sequenced && entry.in_doubt).then_some(entry)
    }

    /// Tells of what was decided, as far as all before it was told of.
    pub(super) fn tell_decided(&mut self, id: PartitionId) {
        let mut index = 0;
        let at_once = self.config.has(Mutant::TellOutOfOrder);
        while let Some(entry) = self.queue(id).entries.get(index) {
            match &entry.batch {
                EntryBatch::Live(_) if at_once => index += 1,
                EntryBatch::Live(_) => return,
                EntryBatch::Spent(_) | EntryBatch::Ghost { .. } => index += 1,
                EntryBatch::Decided(..) => {
                    let entry = self.remove_entry(id, index);
                    if let Some(ghost) = self.tell(id, entry) {
                        self.queue(id).entries.insert(index, ghost);
                        index += 1;
                    }
                }
            }
        }
    }

    /// Returns the ghost of a batch in doubt.
    fn tell(&mut self, id: PartitionId, mut entry: Entry) -> Option<Entry> {
        let count = entry.count();
        let EntryBatch::Decided(batch, settled) =
            std::mem::replace(&mut entry.batch, EntryBatch::Ghost { count })
        else {
            return Some(entry);
        };
        let spent = self.settle(batch, settled);
        let partition = &self.queues[id.0 as usize].partition;
        self.accumulator.release(partition, spent);
        let is_sequenced = self.config.enable_idempotence && entry.stamp.is_some();
        let is_sequenced = is_sequenced && !self.config.has(Mutant::DropGhost);
        (is_sequenced && entry.in_doubt).then_some(entry)
    }

    /// As [`Mutant::AcknowledgeTwice`] has it.
    pub(super) fn acknowledge_the_next(
        &mut self,
        id: PartitionId,
        index: usize,
        base_offset: Option<i64>,
    ) {
        let next = self.queue(id).entries.get(index + 1);
        if next.is_some_and(Entry::is_live) {
            let entry = self.remove_entry(id, index + 1);
            if let Some(kept) = self.in_log(id, entry, base_offset, None, false) {
                self.queue(id).entries.insert(index + 1, kept);
            }
        }
    }

    /// Gives a batch's records their outcome; counts and tells of failures that nobody awaits.
    fn settle(&mut self, batch: SealedBatch, settled: Settled) -> SpentBatch {
        let error = match &settled {
            Settled::Failed(error) => Some(error.clone()),
            _ => None,
        };
        let spent = self.accumulator.settle(self.now.instant, batch, settled);
        if let Some(error) = error.filter(|_| spent.unobserved > 0) {
            self.tell_unobserved(spent.unobserved, error);
        }
        spent
    }

    /// One line for all that fail at once, as when the producer closes.
    fn tell_unobserved(&mut self, count: u32, why: ProduceError) {
        if let Some(Event::UnobservedFailure {
            records,
            batches,
            error,
        }) = self.events.back_mut()
            && error.is_like(&why)
        {
            *records += u64::from(count);
            *batches += 1;
            return;
        }
        self.event(Event::UnobservedFailure {
            records: u64::from(count),
            batches: 1,
            error: why,
        });
    }

    /// Gives a batch's records their failure at once.
    pub(super) fn settle_failed(
        &mut self,
        batch: SealedBatch,
        kind: ErrorKind,
        trail: Trail,
        in_doubt: bool,
    ) -> SpentBatch {
        let error = self.failure(&batch, kind, trail, in_doubt);
        self.settle(batch, Settled::Failed(error))
    }

    fn failure(
        &self,
        batch: &SealedBatch,
        kind: ErrorKind,
        mut trail: Trail,
        in_doubt: bool,
    ) -> ProduceError {
        let topic_partition = (Arc::clone(batch.topic()), batch.partition());
        let aborted = matches!(kind, ErrorKind::Aborted);
        let in_doubt = in_doubt && !(aborted && self.config.has(Mutant::CloseForgetsDoubt));
        trail.end(self.now.instant);
        ProduceError::new(kind, topic_partition, trail, in_doubt)
    }
}
