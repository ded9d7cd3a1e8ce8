//! One handle for records that follow one another in a batch.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::Delivery;
use super::result::{BatchResult, Decision, NO_SLOT, Part, Settled};
use crate::error::ProduceError;

/// Outcomes to come of records that follow one another in a batch.
///
/// Dropping it doesn't take the records back.
#[derive(Debug)]
#[must_use = "it tells whether the records were delivered"]
pub struct Deliveries {
    batch: Arc<BatchResult>,
    first: u32,
    count: u32,
    slot: NonZeroU32,
}

/// What became of such records.
#[derive(Debug)]
pub enum ManyOutcome {
    /// All of them are acknowledged, or all failed for one reason.
    Settled(Result<(), ProduceError>),
    /// Their batch was taken apart: these have them now, in the same order.
    Split(Vec<Deliveries>),
}

impl Deliveries {
    /// Of one record, this one of its batch.
    pub(crate) fn new(batch: Arc<BatchResult>, index: u32) -> Self {
        Self {
            batch,
            first: index,
            count: 1,
            slot: NO_SLOT,
        }
    }

    /// Whether that record is the next one behind these.
    #[inline]
    pub(crate) fn goes_on(&self, batch: &Arc<BatchResult>, index: u32) -> bool {
        Arc::ptr_eq(&self.batch, batch) && index == self.first + self.count
    }

    #[inline]
    pub(crate) fn add_one(&mut self) {
        self.count += 1;
    }

    /// How many records those are.
    pub fn count(&self) -> usize {
        self.count as usize
    }

    /// Whether there is news of them.
    pub fn is_settled(&self) -> bool {
        self.batch.decision.get().is_some()
    }

    /// A handle for each of them.
    pub fn into_each(mut self) -> impl Iterator<Item = Delivery> {
        let batch = Arc::clone(&self.batch);
        let indexes = self.first..self.first + std::mem::take(&mut self.count);
        indexes.map(move |index| Delivery::new(Arc::clone(&batch), index))
    }

    /// Resolves when there is news of them; until then the task is woken by it.
    pub fn poll_settled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while !self.is_settled() {
            if let Some(slot) = self.batch.register(self.slot, cx.waker()) {
                self.slot = slot;
                return Poll::Pending;
            }
        }
        Poll::Ready(())
    }

    /// What became of them; until then the task is woken by it.
    pub fn poll_outcome(&mut self, cx: &mut Context<'_>) -> Poll<ManyOutcome> {
        self.poll_settled(cx)
            .map(|()| match self.batch.decision.get() {
                Some(Decision::Settled(outcomes)) => {
                    ManyOutcome::Settled(match &outcomes.settled {
                        Settled::Acknowledged { .. } => Ok(()),
                        Settled::Failed(error) => Err(error.clone()),
                    })
                }
                Some(Decision::Split(parts)) => {
                    let parts = self.in_parts(parts).collect();
                    // They are theirs now.
                    self.count = 0;
                    ManyOutcome::Split(parts)
                }
                None => unreachable!("it was just there"),
            })
    }

    /// The records, by the results that have them now.
    fn in_parts<'a>(&self, parts: &'a [Part]) -> impl Iterator<Item = Self> + 'a {
        let (first, end) = (self.first, self.first + self.count);
        parts.iter().filter_map(move |part| {
            let from = part.first.max(first);
            let until = (part.first + part.count).min(end);
            (from < until).then(|| Self {
                batch: Arc::clone(&part.result),
                first: part.index + (from - part.first),
                count: until - from,
                slot: NO_SLOT,
            })
        })
    }
}

impl Drop for Deliveries {
    fn drop(&mut self) {
        if self.batch.leave(self.count) {
            return;
        }
        if let Some(Decision::Split(parts)) = self.batch.decision.get() {
            self.in_parts(parts).for_each(drop);
        }
    }
}
