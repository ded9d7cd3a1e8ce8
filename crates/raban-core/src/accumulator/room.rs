//! What room an open batch has for a record, and what comes of taking it.

use raban_protocol::record_batch::HEADER_LEN;

use super::Accumulator;
use super::append::Candidate;
use super::blocked::Blocked;
use super::choose::Chosen;
use super::lanes;
use super::partition::PartitionState;
use super::topic::{Partitions, Topic};
use super::waits::WaitId;

/// What an open batch has for a record.
pub(super) struct Room {
    /// Else the batch is full.
    pub(super) is_there: bool,
    /// What the record takes.
    bytes: usize,
    /// The batch's bytes with it.
    pub(super) len: usize,
    /// The bytes at which the batch is sealed.
    pub(super) limit: usize,
    /// The bytes at which it is full, which may be fewer.
    pub(super) batch_size: usize,
}

impl Room {
    /// Whether another record like it would not fit.
    #[inline]
    pub(super) fn is_last(&self) -> bool {
        self.len + self.bytes > self.batch_size
    }

    /// Has the sticky choice count the record; returns whether it goes on with another partition.
    #[inline]
    pub(super) fn count(
        &self,
        topic: &Topic,
        partitions: &Partitions,
        chosen: &Chosen<'_>,
    ) -> bool {
        let enough = match self.is_last() {
            // Others, or another lane, may have begun the batch.
            true if self.len < self.batch_size => self.batch_size / 2,
            _ => self.enough(),
        };
        lanes::took(topic, partitions, chosen, self.bytes, enough)
    }

    /// Bytes after which the sticky choice goes on with another partition than that of a batch which this record doesn't
    /// end: one that has grown is full already, another one isn't to be cut short.
    #[inline]
    pub(super) fn enough(&self) -> usize {
        match self.len < self.batch_size {
            true => self.batch_size.saturating_mul(2),
            false => self.batch_size,
        }
    }

    /// Bytes of the batch up to which there is nothing new to be decided.
    #[inline]
    pub(super) fn end(&self) -> usize {
        match self.len < self.batch_size {
            true => self.batch_size,
            false => self.limit,
        }
    }

    /// Whether the batch may have to be sealed with the record.
    #[inline]
    pub(super) fn may_end(&self) -> bool {
        self.len >= self.limit || (self.len < self.batch_size && self.is_last())
    }
}

impl Accumulator {
    /// Makes room for the record in the open batch, if that takes it.
    #[inline(always)]
    pub(super) fn make_room(
        &self,
        topic: &Topic,
        state: &mut PartitionState,
        candidate: &Candidate<'_>,
        batch_size: usize,
        call: Option<WaitId>,
    ) -> Result<Room, Box<Blocked>> {
        let open = state.open.as_ref().expect("the caller opened it");
        let bytes = candidate.len_in(open);
        let len = open.len() + bytes;
        let limit = if len < batch_size {
            batch_size
        } else {
            let grown = self.growth.limit(topic, state, candidate.now);
            grown.max(batch_size)
        };
        let of_this_generation = open.generation == self.generations.current();
        let mut is_there = open.is_empty() || (len <= limit && of_this_generation);
        let capacity = open.capacity();
        let larger = grown_capacity(capacity, len - HEADER_LEN, batch_size, limit);
        if is_there && larger > capacity {
            let (more, line) = (larger - capacity, state.line());
            match (
                self.memory.larger(capacity, larger, line, call),
                &mut state.open,
            ) {
                (Some(buffer), Some(open)) => {
                    self.memory.keep(open.move_to(buffer));
                    state.held += more;
                }
                // It is large enough: others need the memory more.
                _ if len > batch_size => is_there = false,
                _ => return Err(Blocked::Memory { bytes: more, line }.into()),
            }
        }
        Ok(Room {
            is_there,
            bytes,
            len,
            limit,
            batch_size,
        })
    }
}

/// A batch's buffer doubles, up to `batch.size` and, where it may grow to a larger `limit`, from there on, so that memory
/// follows the bytes held.
#[inline]
fn grown_capacity(capacity: usize, need: usize, batch_size: usize, limit: usize) -> usize {
    if need <= capacity {
        capacity
    } else if batch_size < need && batch_size < limit {
        batch_size * need.div_ceil(batch_size).next_power_of_two()
    } else {
        need.max(capacity.saturating_mul(2).min(batch_size))
    }
}
