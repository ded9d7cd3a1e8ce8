//! One shared result per batch; a record's handle is a pointer to it and an index.
//!
//! ```text
//! undecided ── settle ──▶ settled: every record has its outcome
//!     └─────── split ───▶ split: each range of records has another result, undecided yet
//! ```
//!
//! Each result is decided once, by the sender. A handle follows splits down to the result that holds its
//! record, and there is one lock at a time: that of the result at hand.

use std::future::Future;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::error::{ErrorKind, ProduceError};
use crate::record::RecordMetadata;
use crate::sync::atomic::{AtomicU32, Ordering};
use crate::sync::{Mutex, OnceLock};
use crate::told::{Listener, Note};
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
    index: u32,
    /// Where the batch holds this handle's waker, counted from 1; `NO_SLOT` before the first wait.
    slot: NonZeroU32,
    /// -1: null.
    key_size: i32,
    value_size: i32,
    timestamp: i64,
}

const NO_SLOT: NonZeroU32 = NonZeroU32::MAX;

/// Bytes of a key or value; -1 for null. One larger than i32::MAX was refused before: its length field couldn't hold it.
#[inline]
pub(crate) fn size(part: Option<&[u8]>) -> i32 {
    part.map_or(-1, |part| part.len() as i32)
}

impl Delivery {
    #[inline]
    pub(crate) fn new(
        batch: Arc<BatchResult>,
        index: u32,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
    ) -> Self {
        Self {
            batch: Some(batch),
            index,
            slot: NO_SLOT,
            key_size: size(key),
            value_size: size(value),
            timestamp,
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
        self.settled()
            .map(|(settled, index)| self.outcome(settled, index))
    }

    /// What the record went through: after a failure always, after a success only when it took more
    /// than one attempt, `None` before the outcome. All records of a batch share it.
    pub fn trail(&self) -> Option<Arc<Trail>> {
        match self.settled()? {
            (Settled::Acknowledged { trail, .. }, _) => trail.clone(),
            (Settled::Failed(error), _) => Some(error.shared_trail()),
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

    /// The outcome of the batch, and the record's index in it.
    #[inline]
    fn settled(&self) -> Option<(&Settled, u32)> {
        let (mut batch, mut index) = (self.batch(), self.index);
        loop {
            match batch.decision.get()? {
                Decision::Settled(settled) => return Some((settled, index)),
                Decision::Split(parts) => (batch, index) = part_of(parts, index),
            }
        }
    }

    #[inline]
    fn outcome(&self, settled: &Settled, index: u32) -> Result<RecordMetadata, ProduceError> {
        let sizes = (self.key_size, self.value_size);
        settled.outcome(self.batch(), index, self.timestamp, sizes)
    }

    /// The outcome if it is there. The handle's share in the batch becomes the metadata's.
    #[inline]
    pub fn into_outcome(mut self) -> Option<Result<RecordMetadata, ProduceError>> {
        while self.follow_split() {}
        let batch = self.batch.take()?;
        let Some(Decision::Settled(settled)) = batch.decision.get() else {
            self.batch = Some(batch);
            return None;
        };
        let sizes = (self.key_size, self.value_size);
        Some(match settled.place(self.index, self.timestamp) {
            Ok(place) => Ok(RecordMetadata::new(batch, place, sizes)),
            Err(error) => Err(error.clone()),
        })
    }

    /// Holds on to the result that has the record now; true if that is another one.
    #[inline]
    fn follow_split(&mut self) -> bool {
        let Some(Decision::Split(parts)) = self.batch().decision.get() else {
            return false;
        };
        let (part, index) = part_of(parts, self.index);
        self.batch = Some(Arc::clone(part));
        self.index = index;
        self.slot = NO_SLOT;

        true
    }
}

impl Future for Delivery {
    type Output = Result<RecordMetadata, ProduceError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        loop {
            while this.follow_split() {}
            if let Some((settled, index)) = this.settled() {
                return Poll::Ready(this.outcome(settled, index));
            }
            let batch = this.batch.as_ref().expect("it goes with the handle");
            if batch.register(&mut this.slot, cx.waker()) {
                return Poll::Pending;
            }
        }
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        while self.batch.as_ref().is_some_and(|batch| !batch.leave()) && self.follow_split() {}
    }
}

/// An acknowledged record's offset and timestamp.
pub(crate) struct Place {
    pub(crate) offset: Option<i64>,
    pub(crate) timestamp: i64,
}

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

impl Settled {
    /// Where the record at this place of its batch is, or why it isn't there.
    #[inline]
    fn place(&self, index: u32, timestamp: i64) -> Result<Place, &ProduceError> {
        match self {
            Self::Acknowledged {
                base_offset,
                log_append_time,
                ..
            } => Ok(Place {
                offset: base_offset.map(|base| base + i64::from(index)),
                timestamp: log_append_time.unwrap_or(timestamp),
            }),
            Self::Failed(error) => Err(error),
        }
    }

    /// The outcome of the record at this place of its batch, of this timestamp and with these sizes of key and value.
    #[inline]
    fn outcome(
        &self,
        batch: &Arc<BatchResult>,
        index: u32,
        timestamp: i64,
        sizes: (i32, i32),
    ) -> Result<RecordMetadata, ProduceError> {
        match self.place(index, timestamp) {
            Ok(place) => Ok(RecordMetadata::new(Arc::clone(batch), place, sizes)),
            Err(error) => Err(error.clone()),
        }
    }
}

/// What became of a batch's result.
#[derive(Debug)]
enum Decision {
    Settled(Settled),
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
fn part_of(parts: &[Part], index: u32) -> (&Arc<BatchResult>, u32) {
    let behind = parts.partition_point(|part| part.first <= index);
    let part = &parts[behind - 1];
    (&part.result, part.index + (index - part.first))
}

/// What all records of a batch share.
#[derive(Debug)]
pub(crate) struct BatchResult {
    pub(crate) topic: Arc<str>,
    pub(crate) partition: i32,
    decision: OnceLock<Decision>,
    wakers: Mutex<Vec<Waker>>,
    /// Handles dropped before the decision, and `DECIDED`.
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

    /// Tells the outcomes of records of a settled batch.
    fn tell(self: &Arc<Self>, notes: Vec<Note>, listener: &dyn Listener) {
        let Some(Decision::Settled(settled)) = self.decision.get() else {
            return;
        };
        for note in notes {
            let sizes = (note.key_size, note.value_size);
            let outcome = settled.outcome(self, note.index, note.timestamp, sizes);
            listener.told(note.tag, outcome, note.callback);
        }
    }

    /// Another result of the same partition.
    pub(crate) fn sibling(&self) -> Arc<Self> {
        Self::new(Arc::clone(&self.topic), self.partition)
    }

    /// Settles all records at once, tells of those that are noted, and wakes whoever waits. Returns how
    /// many handles nobody holds any more. Deciding twice is a bug.
    pub(crate) fn settle(
        self: &Arc<Self>,
        settled: Settled,
        notes: Vec<Note>,
        listener: Option<&dyn Listener>,
    ) -> u32 {
        let unobserved = self.decide(Decision::Settled(settled));
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

    /// Returns how many handles were dropped before.
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

    /// Counts a dropped handle; false after the decision.
    #[inline]
    fn leave(&self) -> bool {
        self.decision.get().is_none()
            && self.unobserved.fetch_add(1, Ordering::AcqRel) & DECIDED == 0
    }

    /// Has `waker` woken by the decision; false if that was made before. One slot a handle, so that
    /// polling again and again takes no more room.
    fn register(&self, slot: &mut NonZeroU32, waker: &Waker) -> bool {
        let mut wakers = self.wakers.lock().unwrap_or_else(PoisonError::into_inner);
        // Looked at under the lock: who decides takes the wakers after that.
        if self.decision.get().is_some() {
            return false;
        }
        if let Some(held) = wakers.get_mut(slot.get() as usize - 1) {
            held.clone_from(waker);
        } else {
            wakers.push(waker.clone());
            let last = u32::try_from(wakers.len()).ok();
            *slot = last.and_then(NonZeroU32::new).unwrap_or(NO_SLOT);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::task::Wake;

    use super::*;

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

    fn acknowledged(base_offset: i64) -> Settled {
        Settled::Acknowledged {
            base_offset: Some(base_offset),
            log_append_time: None,
            trail: None,
        }
    }

    #[test]
    fn who_waits_is_woken_by_a_split_and_waits_for_the_part() {
        let result = BatchResult::new("t".into(), 0);
        let mut delivery = Delivery::new(Arc::clone(&result), 3, 0, None, None);
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let mut cx = Context::from_waker(&waker);
        let wakes = || woken.0.load(Ordering::SeqCst);
        assert!(Pin::new(&mut delivery).poll(&mut cx).is_pending());
        let (first, second, parts) = parts(&result);
        result.split(parts);
        assert_eq!(wakes(), 1);
        assert!(Pin::new(&mut delivery).poll(&mut cx).is_pending());
        first.settle(acknowledged(10), Vec::new(), None);
        assert_eq!(wakes(), 1);
        assert!(!delivery.is_settled());
        second.settle(acknowledged(20), Vec::new(), None);
        assert_eq!(wakes(), 2);
        let Poll::Ready(Ok(metadata)) = Pin::new(&mut delivery).poll(&mut cx) else {
            panic!("it is settled");
        };
        assert_eq!(metadata.offset, Some(21));
    }

    #[test]
    fn no_handle_takes_anothers_place_behind_a_split() {
        let result = BatchResult::new("t".into(), 0);
        let mut handles = [2, 3].map(|index| {
            let woken = Arc::new(Woken::default());
            let delivery = Delivery::new(Arc::clone(&result), index, 0, None, None);
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
        second.settle(acknowledged(0), Vec::new(), None);
        for (_, _, woken) in &handles {
            assert_eq!(woken.0.load(Ordering::SeqCst), 2);
        }
    }

    #[test]
    fn handles_dropped_around_a_split_are_counted_once() {
        let result = BatchResult::new("t".into(), 0);
        let handle = |index| Delivery::new(Arc::clone(&result), index, 0, None, None);
        let handles: Vec<_> = (0..4).map(handle).collect();
        let [a, b, c, d] = handles.try_into().expect("four were made");
        drop((a, b));
        let (first, second, parts) = parts(&result);
        result.split(parts);
        drop(c);
        assert_eq!(first.settle(acknowledged(0), Vec::new(), None), 2);
        assert_eq!(second.settle(acknowledged(2), Vec::new(), None), 1);
        drop(d);
    }
}
