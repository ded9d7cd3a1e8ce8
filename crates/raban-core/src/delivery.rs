//! One shared result per batch; a record's handle is a pointer to it and an index.
//!
//! ```text
//! undecided ── settle ──▶ settled: every record has its outcome
//!     └─────── split ───▶ split: each range of records has another result, undecided yet
//! ```
//!
//! Each result is decided once, by the sender. A handle follows splits down to the result that holds its
//! record, and there is one lock at a time: that of the result at hand.

mod many;
mod result;

use std::future::Future;
use std::num::{NonZeroU32, NonZeroU64};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

pub use self::many::{Deliveries, ManyOutcome};
pub(crate) use self::result::{BatchResult, Part, Settled};
use self::result::{Decision, NO_SLOT, part_of};
use crate::error::{ErrorKind, ProduceError};
use crate::record::RecordMetadata;
use crate::trail::Trail;

/// A record's outcome to come: resolves to its place in the log, or to why it failed.
///
/// Dropping it doesn't take the record back: it is still delivered, and a failure is counted and
/// logged. [`detach`](Self::detach) says that this is meant.
#[must_use = "a Delivery tells whether the record was delivered: await it, or detach() it"]
#[derive(Debug)]
pub struct Delivery {
    /// `None` once the outcome was taken along with it.
    batch: Option<Arc<BatchResult>>,
    seat: Seat,
}

/// A record's place in its batch, and its handle's place among those that wait.
///
/// One number, so that a handle is two: of three fields it would be copied as a block of bytes, which a processor can't do at once
/// when they were written one by one just before.
#[derive(Debug, Clone, Copy)]
struct Seat(NonZeroU64);

impl Seat {
    #[inline]
    fn new(index: u32) -> Self {
        Self::of(index, NO_SLOT)
    }

    #[inline]
    fn of(index: u32, slot: NonZeroU32) -> Self {
        let slot = u64::from(slot.get()) << 32;
        Self(NonZeroU64::new(slot | u64::from(index)).expect("no slot is 0"))
    }

    #[inline]
    fn index(self) -> u32 {
        self.0.get() as u32
    }

    /// Where the batch holds the waker, counted from 1; `NO_SLOT` before the first wait.
    fn slot(self) -> NonZeroU32 {
        NonZeroU32::new((self.0.get() >> 32) as u32).unwrap_or(NO_SLOT)
    }

    fn take(&mut self, slot: NonZeroU32) {
        *self = Self::of(self.index(), slot);
    }
}

// It is made, moved and kept once a record: larger ones don't travel in registers.
const _: () = assert!(size_of::<Result<Delivery, ProduceError>>() == 16);

impl Delivery {
    #[inline]
    pub(crate) fn new(batch: Arc<BatchResult>, index: u32) -> Self {
        Self {
            batch: Some(batch),
            seat: Seat::new(index),
        }
    }

    #[inline]
    fn batch(&self) -> &Arc<BatchResult> {
        self.batch.as_ref().expect("it goes with the handle")
    }

    /// The record's topic.
    pub fn topic(&self) -> &str {
        &self.batch().topic
    }

    /// The partition chosen for the record.
    pub fn partition(&self) -> i32 {
        self.batch().partition
    }

    /// Whether the outcome is there.
    #[inline]
    pub fn is_settled(&self) -> bool {
        self.settled().is_some()
    }

    /// The outcome, if it is there.
    #[inline]
    pub fn try_outcome(&self) -> Option<Result<RecordMetadata, ProduceError>> {
        let (batch, settled, index) = self.settled()?;
        Some(batch.outcome(settled, index))
    }

    /// What the record went through: after a failure always, after a success only when it took more
    /// than one attempt, `None` before the outcome. All records of a batch share it.
    pub fn trail(&self) -> Option<Arc<Trail>> {
        match self.settled()?.1 {
            Settled::Acknowledged { trail, .. } => trail.clone(),
            Settled::Failed(error) => Some(error.shared_trail()),
        }
    }

    /// The error of who would wait for the outcome where that would have no end.
    #[doc(hidden)]
    pub fn in_callback(&self) -> ProduceError {
        let topic_partition = (Arc::clone(&self.batch().topic), self.batch().partition);
        ProduceError::new(
            ErrorKind::InCallback,
            topic_partition,
            Trail::default(),
            true,
        )
    }

    /// Lets go of the handle on purpose; the same as dropping it.
    pub fn detach(self) {}

    /// The batch that has the record, how it ended, and the record's index in it.
    #[inline]
    fn settled(&self) -> Option<(&Arc<BatchResult>, &Settled, u32)> {
        let (mut batch, mut index) = (self.batch(), self.seat.index());
        loop {
            match batch.decision.get()? {
                Decision::Settled(outcomes) => return Some((batch, &outcomes.settled, index)),
                Decision::Split(parts) => (batch, index) = part_of(parts, index),
            }
        }
    }

    /// The outcome if it is there, else the handle again. Its share in the batch becomes the metadata's.
    #[inline(always)]
    pub fn into_outcome(mut self) -> Result<Result<RecordMetadata, ProduceError>, Self> {
        if matches!(self.batch().decision.get(), Some(Decision::Split(_))) {
            self.follow_splits();
        }
        let batch = self.batch.take().expect("it goes with the handle");
        let Some(Decision::Settled(outcomes)) = batch.decision.get() else {
            self.batch = Some(batch);
            return Err(self);
        };
        Ok(match &outcomes.settled {
            Settled::Acknowledged { .. } => Ok(RecordMetadata::new(batch, self.seat.index())),
            Settled::Failed(error) => Err(error.clone()),
        })
    }

    #[cold]
    fn poll_undecided(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<RecordMetadata, ProduceError>> {
        loop {
            self.follow_splits();
            if let Some(outcome) = self.try_outcome() {
                return Poll::Ready(outcome);
            }
            let slot = self.batch().register(self.seat.slot(), cx.waker());
            if let Some(slot) = slot {
                self.seat.take(slot);
                return Poll::Pending;
            }
        }
    }

    #[cold]
    fn follow_splits(&mut self) {
        while self.follow_split() {}
    }

    /// Holds on to the result that has the record now; true if that is another one.
    #[inline]
    fn follow_split(&mut self) -> bool {
        let Some(Decision::Split(parts)) = self.batch().decision.get() else {
            return false;
        };
        let (part, index) = part_of(parts, self.seat.index());
        self.batch = Some(Arc::clone(part));
        self.seat = Seat::new(index);
        true
    }
}

impl Future for Delivery {
    type Output = Result<RecordMetadata, ProduceError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.batch().decision.get() {
            Some(Decision::Settled(outcomes)) => {
                Poll::Ready(self.batch().outcome(&outcomes.settled, self.seat.index()))
            }
            _ => self.poll_undecided(cx),
        }
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        while self.batch.as_ref().is_some_and(|batch| !batch.leave(1)) && self.follow_split() {}
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Wake, Waker};

    use raban_protocol::record_batch::RecordRef;

    use super::*;
    use crate::facts::Facts;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn parts(result: &Arc<BatchResult>) -> (Arc<BatchResult>, Arc<BatchResult>, Vec<Part>) {
        let (first, second) = (result.sibling(), result.sibling());
        let part = |first, result: &Arc<BatchResult>| Part {
            first,
            count: 2,
            result: Arc::clone(result),
            index: 0,
        };
        let parts = vec![part(0, &first), part(2, &second)];
        (first, second, parts)
    }

    fn acknowledge(result: &Arc<BatchResult>, base_offset: i64) -> u32 {
        let settled = Settled::Acknowledged {
            base_offset: Some(base_offset),
            log_append_time: None,
            trail: None,
        };
        let facts = [Facts::new(0, &RecordRef::default()); 2];
        result.settle(settled, facts.into_iter().collect(), Vec::new(), None)
    }

    #[test]
    fn who_waits_is_woken_by_a_split_and_waits_for_the_part() {
        let result = BatchResult::new("t".into(), 0);
        let mut delivery = Delivery::new(Arc::clone(&result), 3);
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let mut cx = Context::from_waker(&waker);
        let wakes = || woken.0.load(Ordering::SeqCst);
        assert!(Pin::new(&mut delivery).poll(&mut cx).is_pending());
        let (first, second, parts) = parts(&result);
        result.split(parts);
        assert_eq!(wakes(), 1);
        assert!(Pin::new(&mut delivery).poll(&mut cx).is_pending());
        acknowledge(&first, 10);
        assert_eq!(wakes(), 1);
        assert!(!delivery.is_settled());
        acknowledge(&second, 20);
        assert_eq!(wakes(), 2);
        let Poll::Ready(Ok(metadata)) = Pin::new(&mut delivery).poll(&mut cx) else {
            panic!("it is settled");
        };
        assert_eq!(metadata.offset(), Some(21));
    }

    #[test]
    fn no_handle_takes_anothers_place_behind_a_split() {
        let result = BatchResult::new("t".into(), 0);
        let mut handles = [2, 3].map(|index| {
            let woken = Arc::new(Woken::default());
            let delivery = Delivery::new(Arc::clone(&result), index);
            (delivery, Waker::from(Arc::clone(&woken)), woken)
        });
        let poll = |(delivery, waker, _): &mut (Delivery, Waker, _)| {
            Pin::new(delivery).poll(&mut Context::from_waker(waker))
        };
        for handle in &mut handles {
            assert!(poll(handle).is_pending());
        }
        let (_first, second, parts) = parts(&result);
        result.split(parts);
        for handle in handles.iter_mut().rev() {
            assert!(poll(handle).is_pending());
        }
        acknowledge(&second, 0);
        for (_, _, woken) in &handles {
            assert_eq!(woken.0.load(Ordering::SeqCst), 2);
        }
    }

    #[test]
    fn handles_dropped_around_a_split_are_counted_once() {
        let result = BatchResult::new("t".into(), 0);
        let handle = |index| Delivery::new(Arc::clone(&result), index);
        let handles: Vec<_> = (0..4).map(handle).collect();
        let [a, b, c, d] = handles.try_into().expect("four were made");
        drop((a, b));
        let (first, second, parts) = parts(&result);
        result.split(parts);
        drop(c);
        assert_eq!(acknowledge(&first, 0), 2);
        assert_eq!(acknowledge(&second, 2), 1);
        drop(d);
    }
}
