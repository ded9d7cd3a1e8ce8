//! What all records of a batch share: one result, decided once by the sender.

use std::num::NonZeroU32;
use std::sync::{Arc, PoisonError};
use std::task::Waker;

use crate::error::ProduceError;
use crate::facts::{Facts, FactsOfAll};
use crate::record::RecordMetadata;
use crate::sync::atomic::{AtomicU32, Ordering};
use crate::sync::{Mutex, OnceLock};
use crate::told::{Listener, Note};
use crate::trail::Trail;

/// The place of a handle that has none for its waker yet.
pub(super) const NO_SLOT: NonZeroU32 = NonZeroU32::MAX;

/// How a batch ended.
#[derive(Debug)]
pub(crate) enum Settled {
    Acknowledged {
        /// `None` where the broker doesn't say (`acks=0`, a duplicate of an unknown place).
        base_offset: Option<i64>,
        log_append_time: Option<i64>,
        /// `None` when the first attempt succeeded.
        trail: Option<Arc<Trail>>,
    },
    Failed(ProduceError),
}

/// How a batch ended, and what its records were.
#[derive(Debug)]
pub(super) struct Outcomes {
    pub(super) settled: Settled,
    /// Nobody looks at them after a failure.
    facts: FactsOfAll,
}

/// What became of a batch's result.
#[derive(Debug)]
pub(super) enum Decision {
    Settled(Outcomes),
    Split(Vec<Part>),
}

/// A range of a batch's records that has another result now.
#[derive(Debug)]
pub(crate) struct Part {
    /// The range's first record.
    pub(crate) first: u32,
    pub(crate) count: u32,
    pub(crate) result: Arc<BatchResult>,
    /// The index of the range's first record there.
    pub(crate) index: u32,
}

/// Where a record of this index is now. The parts follow one another without a gap.
pub(super) fn part_of(parts: &[Part], index: u32) -> (&Arc<BatchResult>, u32) {
    let behind = parts.partition_point(|part| part.first <= index);
    let part = &parts[behind - 1];
    (&part.result, part.index + (index - part.first))
}

/// What all records of a batch share.
#[derive(Debug)]
pub(crate) struct BatchResult {
    pub(crate) topic: Arc<str>,
    pub(crate) partition: i32,
    pub(super) decision: OnceLock<Decision>,
    wakers: Mutex<Vec<Waker>>,
    /// Records whose handles were dropped before the decision, and `DECIDED`.
    unobserved: AtomicU32,
}

/// Set in `unobserved` after the decision: from then on nothing is counted there.
const DECIDED: u32 = 1 << 31;

impl BatchResult {
    pub(crate) fn new(topic: Arc<str>, partition: i32) -> Arc<Self> {
        Arc::new(Self {
            topic,
            partition,
            decision: OnceLock::new(),
            wakers: Mutex::new(Vec::new()),
            unobserved: AtomicU32::new(0),
        })
    }

    /// The offset of the first record, if a broker told it.
    #[inline]
    pub(crate) fn base_offset(&self) -> Option<i64> {
        match self.outcomes()?.settled {
            Settled::Acknowledged { base_offset, .. } => base_offset,
            Settled::Failed(_) => None,
        }
    }

    /// The records' timestamp, if brokers set it.
    pub(crate) fn log_append_time(&self) -> Option<i64> {
        match self.outcomes()?.settled {
            Settled::Acknowledged {
                log_append_time, ..
            } => log_append_time,
            Settled::Failed(_) => None,
        }
    }

    /// What the record at this place of a settled batch was.
    pub(crate) fn facts(&self, index: u32) -> Facts {
        let outcomes = self.outcomes().expect("it is settled");
        outcomes.facts.get(index)
    }

    #[inline]
    fn outcomes(&self) -> Option<&Outcomes> {
        match self.decision.get()? {
            Decision::Settled(outcomes) => Some(outcomes),
            Decision::Split(_) => None,
        }
    }

    /// The outcome of the record at this place of a settled batch.
    #[inline]
    pub(super) fn outcome(
        self: &Arc<Self>,
        settled: &Settled,
        index: u32,
    ) -> Result<RecordMetadata, ProduceError> {
        match settled {
            Settled::Acknowledged { .. } => Ok(RecordMetadata::new(Arc::clone(self), index)),
            Settled::Failed(error) => Err(error.clone()),
        }
    }

    /// Tells the outcomes of records of a settled batch.
    fn tell(self: &Arc<Self>, notes: Vec<Note>, listener: &dyn Listener) {
        let Some(outcomes) = self.outcomes() else {
            return;
        };
        for note in notes {
            let outcome = self.outcome(&outcomes.settled, note.index);
            listener.told(note.tag, outcome, note.callback);
        }
    }

    /// Another result of the same partition.
    pub(crate) fn sibling(&self) -> Arc<Self> {
        Self::new(Arc::clone(&self.topic), self.partition)
    }

    /// Settles all records at once, tells of those that are noted, and wakes whoever waits. Returns of how
    /// many nobody holds a handle any more. Deciding twice is a bug.
    pub(crate) fn settle(
        self: &Arc<Self>,
        settled: Settled,
        facts: FactsOfAll,
        notes: Vec<Note>,
        listener: Option<&dyn Listener>,
    ) -> u32 {
        let unobserved = self.decide(Decision::Settled(Outcomes { settled, facts }));
        if let Some(listener) = listener {
            self.tell(notes, listener);
        }
        self.wake();
        unobserved
    }

    /// Hands the records over to the results of these parts, all of them, in order. Whoever waits is
    /// woken, to wait there. It isn't known which handles were dropped, but how many: the first parts
    /// take over the count.
    pub(crate) fn split(&self, parts: Vec<Part>) {
        let results: Vec<(Arc<Self>, u32)> = parts
            .iter()
            .map(|part| (Arc::clone(&part.result), part.count))
            .collect();
        let mut unobserved = self.decide(Decision::Split(parts));
        for (result, count) in results {
            let taken = unobserved.min(count);
            result.unobserved.fetch_add(taken, Ordering::AcqRel);
            unobserved -= taken;
        }
        self.wake();
    }

    /// Returns of how many records the handles were dropped before.
    fn decide(&self, decision: Decision) -> u32 {
        let first = self.decision.set(decision).is_ok();
        assert!(first, "a batch is settled or split once");
        self.unobserved.fetch_or(DECIDED, Ordering::AcqRel)
    }

    fn wake(&self) {
        let wakers = {
            let mut wakers = self.wakers.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *wakers)
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Counts records whose handle is dropped; false after the decision.
    #[inline]
    pub(super) fn leave(&self, records: u32) -> bool {
        self.decision.get().is_none()
            && self.unobserved.fetch_add(records, Ordering::AcqRel) & DECIDED == 0
    }

    /// Has `waker` woken by the decision, and returns its slot; `None` if that was made before. One slot a handle, so that
    /// polling again and again takes no more room.
    pub(super) fn register(&self, slot: NonZeroU32, waker: &Waker) -> Option<NonZeroU32> {
        let mut wakers = self.wakers.lock().unwrap_or_else(PoisonError::into_inner);
        // Looked at under the lock: who decides takes the wakers after that.
        if self.decision.get().is_some() {
            return None;
        }
        if let Some(held) = wakers.get_mut(slot.get() as usize - 1) {
            held.clone_from(waker);
            return Some(slot);
        }
        wakers.push(waker.clone());
        let last = u32::try_from(wakers.len()).ok();
        Some(last.and_then(NonZeroU32::new).unwrap_or(NO_SLOT))
    }
}
