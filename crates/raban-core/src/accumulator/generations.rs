//! What `flush` and `close` wait for: batches not yet settled, counted by generation.
//!
//! Each flush begins a new generation. A batch belongs to the one it was opened in and takes no
//! records of a later one, so that a flush waits for all that was accepted before it and for
//! nothing else.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::task::{Poll, Waker};
use std::time::Duration;

use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{Mutex, MutexGuard};
use crate::time::Instant;

pub(crate) type Generation = u64;

#[derive(Debug, Default)]
pub(crate) struct Generations {
    current: AtomicU64,
    /// Written under the lock, so that no batch is opened after `close`.
    closing: AtomicBool,
    /// A flush began that the sender hasn't seen.
    flushed: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    unsettled: BTreeMap<Generation, usize>,
    next_flush: u64,
    flushes: BTreeMap<u64, WaitingFlush>,
    flush_time: Duration,
}

#[derive(Debug)]
struct WaitingFlush {
    waits_for: Generation,
    began: Instant,
    waker: Waker,
}

impl State {
    fn settled_up_to(&self, generation: Generation) -> bool {
        self.unsettled
            .first_key_value()
            .is_none_or(|(oldest, _)| *oldest > generation)
    }
}

impl Generations {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[inline]
    pub(crate) fn current(&self) -> Generation {
        self.current.load(Ordering::Acquire)
    }

    /// Counts a new batch; `None` once the producer closes.
    pub(crate) fn open_batch(&self) -> Option<Generation> {
        let mut state = self.state();
        if self.is_closing() {
            return None;
        }
        let generation = self.current();
        *state.unsettled.entry(generation).or_default() += 1;
        Some(generation)
    }

    /// Counts `more` batches of this generation, made of one that isn't settled.
    pub(crate) fn split_batch(&self, generation: Generation, more: usize) {
        let mut state = self.state();
        let count = state.unsettled.get_mut(&generation);
        *count.expect("a batch is counted from its opening to its settling") += more;
    }

    /// Counts a batch as settled; wakes the flushes that waited for the last of its generation.
    pub(crate) fn settle_batch(&self, now: Instant, generation: Generation) {
        let mut state = self.state();
        let count = state
            .unsettled
            .get_mut(&generation)
            .expect("a batch is counted from its opening to its settling");
        *count -= 1;
        if *count > 0 {
            return;
        }
        state.unsettled.remove(&generation);
        let done: Vec<u64> = state
            .flushes
            .iter()
            .filter(|(_, flush)| state.settled_up_to(flush.waits_for))
            .map(|(id, _)| *id)
            .collect();
        let done: Vec<WaitingFlush> = done
            .into_iter()
            .filter_map(|id| state.flushes.remove(&id))
            .collect();
        state.flush_time += done.iter().map(|flush| now - flush.began).sum::<Duration>();
        drop(state);
        done.into_iter().for_each(|flush| flush.waker.wake());
    }

    /// How long flushes took, together.
    pub(crate) fn flush_time(&self) -> Duration {
        self.state().flush_time
    }

    /// Ends the current generation and returns it.
    pub(crate) fn begin_flush(&self) -> Generation {
        let _state = self.state();
        let ended = self.current.fetch_add(1, Ordering::AcqRel);
        self.flushed.store(true, Ordering::Release);
        ended
    }

    /// Whether a flush began since this was asked last.
    pub(crate) fn flushed_since_asked(&self) -> bool {
        self.flushed.swap(false, Ordering::AcqRel)
    }

    pub(crate) fn poll_flush(
        &self,
        waits_for: Generation,
        began: Instant,
        id: &mut Option<u64>,
        waker: &Waker,
    ) -> Poll<()> {
        let mut state = self.state();
        if state.settled_up_to(waits_for) {
            return Poll::Ready(());
        }
        let id = *id.get_or_insert_with(|| {
            state.next_flush += 1;
            state.next_flush
        });
        let flush = WaitingFlush {
            waits_for,
            began,
            waker: waker.clone(),
        };
        state.flushes.insert(id, flush);
        Poll::Pending
    }

    pub(crate) fn forget_flush(&self, id: u64) {
        self.state().flushes.remove(&id);
    }

    /// From now on no batch is opened.
    pub(crate) fn close(&self) {
        let state = self.state();
        self.closing.store(true, Ordering::Release);
        drop(state);
        self.begin_flush();
    }

    #[inline]
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    pub(crate) fn all_settled(&self) -> bool {
        self.state().unsettled.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flush_waits_for_what_was_before_it_and_for_nothing_later() {
        let (generations, start) = (Generations::default(), Instant::default());
        let before = generations.open_batch().unwrap();
        let flush = generations.begin_flush();
        let after = generations.open_batch().unwrap();
        assert_ne!(before, after);
        let mut id = None;
        assert!(
            generations
                .poll_flush(flush, start, &mut id, Waker::noop())
                .is_pending()
        );
        generations.settle_batch(start + Duration::from_secs(3), before);
        assert_eq!(generations.flush_time(), Duration::from_secs(3));
        assert!(
            generations
                .poll_flush(flush, start, &mut id, Waker::noop())
                .is_ready()
        );
        assert!(!generations.all_settled());
    }

    #[test]
    fn a_closing_producer_opens_no_batch() {
        let generations = Generations::default();
        generations.close();
        assert_eq!(generations.open_batch(), None);
        assert!(generations.all_settled());
    }
}
