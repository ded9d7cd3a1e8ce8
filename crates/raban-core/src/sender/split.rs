//! Batches that a broker refuses for their size, or for some of their records: they are taken apart, and
//! what can be sent is sent again.
//!
//! That holds for batches that surely aren't in the log. Of one in doubt the log tells first.

use std::collections::BTreeMap;
use std::sync::Arc;

use raban_protocol::error_code::ErrorCode;

use super::Sender;
use super::partition_queue::{Entry, EntryBatch};
use crate::accumulator::partition::PartitionId;
use crate::batch::{SealedBatch, Separated, Split};
use crate::error::ErrorKind;
use crate::event::Event;
use crate::idempotence::Stamp;

impl Sender {
    /// The batch is too large for the topic. It is sent again in smaller ones, which share its sequences, so
    /// that the batches behind it keep theirs. A single record fails.
    pub(super) fn split_batch(
        &mut self,
        id: PartitionId,
        index: usize,
        code: ErrorCode,
        message: Option<String>,
    ) {
        let Some((entry, batch)) = self.take_to_split(id, index) else {
            self.refuse(id, index, ErrorKind::Rejected { code, message });
            return;
        };
        let size = batch.len();
        let topic = Arc::clone(&self.metadata.topics[batch.topic()].topic);
        let smallest_refused = topic.refuse_size(size);
        match self.accumulator.split(batch, smallest_refused - 1) {
            Split::Halves(batches) => {
                self.accumulator.recorder.split(self.now.instant);
                self.tell_of_split(id, code, &batches);
                let mut stamp = entry.stamp;
                for (at, batch) in (index..).zip(batches) {
                    let next = stamp.map(|stamp| stamp.behind(batch.count()));
                    let part = entry.part(batch, std::mem::replace(&mut stamp, next));
                    self.queue(id).entries.insert(at, part);
                }
            }
            Split::Whole(batch) => {
                self.put_back(id, index, entry, batch);
                self.refuse(id, index, ErrorKind::Rejected { code, message });
            }
        }
    }

    /// The broker refuses these records (KIP-467). They fail with its words; the others are sent again, under a
    /// new epoch, because a part of the sequences is never used.
    pub(super) fn separate_culprits(
        &mut self,
        id: PartitionId,
        index: usize,
        code: ErrorCode,
        message: Option<String>,
        culprits: &BTreeMap<u32, Option<String>>,
    ) {
        let Some((entry, batch)) = self.take_to_split(id, index) else {
            self.refuse(id, index, ErrorKind::Rejected { code, message });
            return;
        };
        let Separated { rest, refused } = match self.accumulator.separate(batch, culprits) {
            Ok(separated) => separated,
            Err(batch) => {
                self.put_back(id, index, entry, batch);
                self.refuse(id, index, ErrorKind::Rejected { code, message });
                return;
            }
        };
        if entry.stamp.is_some() {
            self.queue(id).sequences.want_bump(Some(code));
        }
        let mut at = index;
        for (batch, words) in refused {
            let message = words.or_else(|| message.clone());
            let kind = ErrorKind::Rejected { code, message };
            let part = entry.part(batch, None);
            if let Some(failed) = self.give_up_entry(id, part, kind) {
                self.queue(id).entries.insert(at, failed);
                at += 1;
            }
        }
        if let Some(rest) = rest {
            self.tell_of_split(id, code, std::slice::from_ref(&rest));
            // With its stamp until the bump: it must not come behind a batch that a leader without memory took instead.
            let part = entry.part(rest, entry.stamp);
            self.queue(id).entries.insert(at, part);
        }
        self.tell_decided(id);
    }

    /// Takes the batch out of its row, unless it is settled or in doubt.
    fn take_to_split(&mut self, id: PartitionId, index: usize) -> Option<(Entry, SealedBatch)> {
        let idempotent = self.config.enable_idempotence;
        let entries = &mut self.queue(id).entries;
        let entry = &mut entries[index];
        if !entry.is_live() || (idempotent && entry.in_doubt) {
            return None;
        }
        let mut entry = entries.remove(index)?;
        let count = entry.count();
        match std::mem::replace(&mut entry.batch, EntryBatch::Ghost { count }) {
            EntryBatch::Live(batch) => Some((entry, batch)),
            _ => unreachable!("it was live above"),
        }
    }

    fn put_back(&mut self, id: PartitionId, index: usize, mut entry: Entry, batch: SealedBatch) {
        entry.batch = EntryBatch::Live(batch);
        self.queue(id).entries.insert(index, entry);
    }

    fn tell_of_split(&mut self, id: PartitionId, code: ErrorCode, batches: &[SealedBatch]) {
        let partition = &self.queues[id.0 as usize].partition;
        let (topic, partition) = (Arc::clone(&partition.topic), partition.index);
        self.event(Event::Split {
            topic,
            partition,
            code,
            records: batches.iter().map(SealedBatch::count).sum(),
            batches: batches.len(),
        });
    }
}

impl Entry {
    /// The place in the row of a part of this one's batch.
    fn part(&self, batch: SealedBatch, stamp: Option<Stamp>) -> Self {
        Self {
            stamp,
            trail: self.trail.clone(),
            attempts: self.attempts,
            refusals: self.refusals + 1,
            in_doubt: self.in_doubt,
            was_in_doubt: self.was_in_doubt,
            ..Self::new(batch)
        }
    }
}
