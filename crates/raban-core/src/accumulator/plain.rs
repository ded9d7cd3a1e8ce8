//! Records that nothing is to be decided for: none of them begins a batch or ends it, needs more memory, or is wrong. Where
//! there was something to decide, it is also told how far the next ones have nothing.

use std::sync::Arc;

use raban_protocol::record_batch::HEADER_LEN;

use super::Accumulator;
use super::append::Candidate;
use super::lanes;
use super::room::Room;
use super::topic::{Topic, TopicView};
use crate::batch::OpenBatch;
use crate::delivery::Delivery;
use crate::partitioner::{NamedPartitioner, Partitioning};
use crate::record::NewRecord;
use crate::time::{Clock, Instant};

/// How far a batch's next records need nothing but to be copied, and to be counted for the sticky choice.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Plain {
    /// Bytes of the batch.
    pub(super) until: usize,
    /// When it may be too old.
    pub(super) before: Instant,
    /// Bytes after which the sticky choice goes on.
    pub(super) enough: usize,
}

impl Accumulator {
    /// Accepts a record that nothing is to be decided for. `None`: nothing was done.
    // A handle alone is returned in registers; together with what there may be in its place it would go by way of memory.
    // Once for each clock: whoever calls it, the compiler inlines all steps here, which have no other caller.
    #[inline(never)]
    pub fn enqueue_plain(
        &self,
        clock: &impl Clock,
        topic: &Topic,
        record: &NewRecord<'_>,
    ) -> Option<Delivery> {
        if self.asks_once() || self.notes_all() {
            return None;
        }
        let candidate = Candidate::new(clock.recent(), record);
        topic.with_view(|view| {
            let TopicView::Known(partitions) = view else {
                return None;
            };
            let chosen = self.choose(topic, partitions, record, &mut None).ok()?;
            let (chosen, mut state) = lanes::lock(topic, partitions, chosen);
            let open = state.open.as_mut()?;
            let (len, plain) = (open.len(), open.plain);
            let is_plain = candidate.is_plain(len, plain.until)
                && candidate.now < plain.before
                && open.generation == self.generations.current();
            if !is_plain {
                return None;
            }
            let index = candidate.append_to(open, None);
            lanes::took(topic, partitions, &chosen, open.len() - len, plain.enough);
            let result = Arc::clone(open.result());
            // Made last: held across what may panic, it would be put into memory as two numbers and copied as one block.
            Some(Delivery::new(result, index))
        })
    }

    /// Whether the partitioner is asked once for each record, and never while a lock is held.
    #[inline]
    pub(super) fn asks_once(&self) -> bool {
        matches!(
            self.config.partitioner,
            Partitioning::Custom(_) | Partitioning::Named(NamedPartitioner::RoundRobin)
        )
    }

    /// How far there is nothing to decide after a record that took this room.
    #[inline]
    pub(super) fn plain_after(&self, room: &Room, open: &OpenBatch) -> Plain {
        let fits = HEADER_LEN + open.capacity();
        Plain {
            until: room.end().min(self.largest_record).min(fits),
            before: self.growth.until(open),
            enough: room.enough(),
        }
    }
}
