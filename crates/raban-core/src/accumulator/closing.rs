//! `flush` and `close` as futures.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Waker};

use super::generations::{Generation, Generations};
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Mutex, MutexGuard};
use crate::time::Instant;

/// Resolves when all records accepted before the flush are settled. The flush goes on when this is
/// dropped.
#[must_use = "a Flush must be awaited to know that the records are settled"]
#[derive(Debug)]
pub struct Flush {
    generations: Arc<Generations>,
    generation: Generation,
    began: Instant,
    id: Option<u64>,
}

impl Flush {
    pub(crate) fn new(
        generations: Arc<Generations>,
        generation: Generation,
        began: Instant,
    ) -> Self {
        Self {
            generations,
            generation,
            began,
            id: None,
        }
    }
}

impl Future for Flush {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        this.generations
            .poll_flush(this.generation, this.began, &mut this.id, cx.waker())
    }
}

impl Drop for Flush {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.generations.forget_flush(id);
        }
    }
}

/// What `close` left undelivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct CloseReport {
    /// Records that failed because time ran out, surely not in the log.
    pub unsent: u64,
    /// Records that failed because time ran out and may be in the log.
    pub in_doubt: u64,
}

/// Where the producer stands between its start and its end.
#[derive(Debug, Default)]
pub(crate) struct Closing {
    /// The driver went away early: nobody takes batches any more.
    abandoned: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    deadline: Option<Instant>,
    report: Option<CloseReport>,
    next_waiter: u64,
    waiters: BTreeMap<u64, Waker>,
}

impl Closing {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To be called before the last look at each partition.
    pub(crate) fn abandon(&self) {
        self.abandoned.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::SeqCst)
    }

    pub(crate) fn begin(&self, deadline: Instant) {
        let mut state = self.state();
        let earliest = state.deadline.map_or(deadline, |held| held.min(deadline));
        state.deadline = Some(earliest);
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.state().deadline
    }

    pub(crate) fn finish(&self, report: CloseReport) {
        let mut state = self.state();
        state.report.get_or_insert(report);
        let waiters = std::mem::take(&mut state.waiters);
        drop(state);
        waiters.into_values().for_each(Waker::wake);
    }
}

/// Resolves when the producer has closed. The closing goes on when this is dropped.
#[must_use = "a Close must be awaited to know what was left undelivered"]
#[derive(Debug)]
pub struct Close {
    closing: Arc<Closing>,
    id: Option<u64>,
}

impl Close {
    pub(crate) fn new(closing: Arc<Closing>) -> Self {
        Self { closing, id: None }
    }
}

impl Future for Close {
    type Output = CloseReport;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<CloseReport> {
        let this = &mut *self;
        let mut state = this.closing.state();
        if let Some(report) = state.report {
            return Poll::Ready(report);
        }
        let id = *this.id.get_or_insert_with(|| {
            state.next_waiter += 1;
            state.next_waiter
        });
        state.waiters.insert(id, cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Close {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.closing.state().waiters.remove(&id);
        }
    }
}
