//! A partition's records before they are sent: one open batch, and sealed ones in order.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError, TryLockError};

use super::generations::Generation;
use super::memory::Line;
use super::ratio::CompressionRatio;
use crate::batch::{OpenBatch, SealedBatch};
use crate::sync::{Mutex, MutexGuard};
use crate::time::Instant;

/// Names a partition of any topic; dense, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PartitionId(pub(crate) u32);

#[derive(Debug)]
pub(crate) struct Partition {
    pub(crate) id: PartitionId,
    pub(crate) topic: Arc<str>,
    pub(crate) index: i32,
    /// Shared by all partitions of the topic.
    pub(crate) ratio: Arc<CompressionRatio>,
    state: Mutex<PartitionState>,
}

#[derive(Debug, Default)]
pub(crate) struct PartitionState {
    pub(crate) open: Option<OpenBatch>,
    sealed: VecDeque<Slot>,
    /// How many batches of `batch.size` those in `sealed` come to.
    sealed_worth: u32,
    /// How many slots have left `sealed`, so that a ticket finds its slot.
    taken: u64,
    /// Bytes of `buffer.memory` held by all of the partition's batches, sent ones included.
    pub(crate) held: usize,
    /// Cut off from the leader: see [`Line::Stalled`].
    pub(crate) stalled: bool,
    /// Already in the list that the sender looks at.
    pub(crate) signalled: bool,
    /// The last batch was full: the next one will be large, too.
    pub(crate) filled: bool,
    /// Records of the last batch.
    pub(crate) last_count: u32,
}

/// A place in the order, kept while a batch is sealed outside the lock.
#[derive(Debug)]
struct Slot {
    /// How many batches of `batch.size` it comes to.
    worth: u32,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Sealing,
    Sealed(SealedBatch),
    /// Sealing failed; its records are settled.
    Gone,
}

/// Names the slot a batch is being sealed for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SlotTicket(u64);

/// What the sender sees of a partition at one look.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) front: Front,
    /// How many batches of `batch.size` are there.
    pub(crate) queued: u32,
}

/// The first batch in the order, as far as it can be sent.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Front {
    /// Nothing is there.
    Empty,
    /// A batch is being sealed; its sealer will say when it is done.
    Sealing,
    /// A sealed batch can be taken.
    Sealed { opened: Instant },
    /// Only the open batch is there.
    Open {
        opened: Instant,
        is_full: bool,
        generation: Generation,
    },
}

impl Front {
    /// When the batch was opened, unless it is being sealed.
    pub(crate) fn opened(self) -> Option<Instant> {
        match self {
            Self::Sealed { opened } | Self::Open { opened, .. } => Some(opened),
            Self::Empty | Self::Sealing => None,
        }
    }
}

impl Partition {
    pub(crate) fn new(
        id: PartitionId,
        topic: Arc<str>,
        index: i32,
        ratio: Arc<CompressionRatio>,
    ) -> Arc<Self> {
        Arc::new(Self {
            id,
            topic,
            index,
            ratio,
            state: Mutex::new(PartitionState::default()),
        })
    }

    #[inline]
    pub(crate) fn lock(&self) -> MutexGuard<'_, PartitionState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `None`: another thread has it.
    #[inline]
    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, PartitionState>> {
        match self.state.try_lock() {
            Ok(state) => Some(state),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// One lock, since whoever fills the partition wants it all the while.
    pub(crate) fn look(&self) -> Seen {
        self.lock().look()
    }

    /// The same in answer to a signal: from now on there may be another.
    pub(crate) fn look_as_signalled(&self) -> Seen {
        let mut state = self.lock();
        state.signalled = false;
        state.look()
    }
}

impl PartitionState {
    #[inline]
    pub(crate) fn line(&self) -> Line {
        if self.stalled {
            Line::Stalled
        } else {
            Line::Moving
        }
    }

    /// Takes the open batch out to be sealed, and keeps its place.
    pub(crate) fn take_open(&mut self) -> Option<(OpenBatch, SlotTicket)> {
        let open = self.open.take()?;
        let ticket = SlotTicket(self.taken + self.sealed.len() as u64);
        self.filled = open.is_full();
        self.last_count = open.count();
        let worth = open.worth();
        self.sealed_worth += worth;
        if self.sealed.capacity() == 0 {
            // Most of very many partitions never have a second one.
            self.sealed.reserve_exact(1);
        }
        self.sealed.push_back(Slot {
            worth,
            content: Content::Sealing,
        });
        Some((open, ticket))
    }

    /// Puts the sealed batch into its place; `None` where sealing failed.
    pub(crate) fn fill(&mut self, ticket: SlotTicket, batch: Option<SealedBatch>) {
        let index =
            usize::try_from(ticket.0 - self.taken).expect("a slot waits until it is filled");
        self.sealed[index].content = batch.map_or(Content::Gone, Content::Sealed);
    }

    fn look(&mut self) -> Seen {
        let front = self.front();
        let open = self.open.as_ref().map_or(0, OpenBatch::worth);
        Seen {
            front,
            queued: self.sealed_worth + open,
        }
    }

    pub(crate) fn front(&mut self) -> Front {
        while matches!(self.first(), Some(Content::Gone)) {
            self.pop();
        }
        match (self.first(), &self.open) {
            (Some(Content::Sealed(batch)), _) => Front::Sealed {
                opened: batch.opened,
            },
            (Some(_), _) => Front::Sealing,
            (None, Some(open)) => Front::Open {
                opened: open.opened,
                is_full: open.is_full(),
                generation: open.generation,
            },
            (None, None) => Front::Empty,
        }
    }

    /// Whether the open batch, if it were sealed, would have to wait for one before it.
    pub(crate) fn is_held_up(&self) -> bool {
        !self.sealed.is_empty()
    }

    fn first(&self) -> Option<&Content> {
        self.sealed.front().map(|slot| &slot.content)
    }

    fn pop(&mut self) -> Option<Content> {
        let slot = self.sealed.pop_front()?;
        self.taken += 1;
        self.sealed_worth -= slot.worth;
        Some(slot.content)
    }

    pub(crate) fn pop_sealed(&mut self) -> Option<SealedBatch> {
        match self.front() {
            Front::Sealed { .. } => {}
            _ => return None,
        }
        match self.pop() {
            Some(Content::Sealed(batch)) => Some(batch),
            other => unreachable!("the front was sealed, now it is {other:?}"),
        }
    }
}
