//! How a record comes to be accepted: at once, as nearly all are, or after a wait for memory or metadata.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use raban_core::{CallbackSlot, EnqueueError, EnqueueWait, NewRecord};

use crate::blocking::wait_for;
use crate::delivery::Delivery;
use crate::producer::{Shared, TryEnqueueError};
use crate::record::Record;

/// Records that a loop may enqueue without a wait before it offers the processor to other threads: some 0.2 ms of work.
const LET_THREADS_RUN_EVERY: usize = 1024;
/// And before it lets the executor's other tasks run, after about a millisecond. An executor of several threads may wake another one
/// for that: each 1,024 records, it was a tenth of a record's cost.
const LET_TASKS_RUN_EVERY: usize = 8 * LET_THREADS_RUN_EVERY;

thread_local! {
    /// Records accepted on this thread since it let other tasks run.
    static SINCE_YIELD: Cell<usize> = const { Cell::new(0) };
}

/// To be awaited with each record, or for so many: once in a while the executor's other tasks run.
pub(crate) fn let_others_run(records: usize) -> impl Future<Output = ()> {
    let mut counted = false;
    poll_fn(move |cx| {
        if std::mem::replace(&mut counted, true) {
            return Poll::Ready(());
        }
        let before = SINCE_YIELD.get();
        let since = before + records;
        SINCE_YIELD.set(since);
        if since / LET_THREADS_RUN_EVERY == before / LET_THREADS_RUN_EVERY {
            return Poll::Ready(());
        }
        // The producer's thread may wait for this processor: without this until a time slice ends, some milliseconds.
        std::thread::yield_now();
        if since < LET_TASKS_RUN_EVERY {
            return Poll::Ready(());
        }
        SINCE_YIELD.set(0);
        cx.waker().wake_by_ref();
        Poll::Pending
    })
}

/// Records that a thread which enqueues one by one may accept before it lets others run, where another one does the same.
const LET_BLOCKING_RUN_EVERY: usize = 4 * LET_THREADS_RUN_EVERY;

/// The thread that was the last to enqueue so many.
#[derive(Debug, Default)]
pub(crate) struct LastThread(AtomicUsize);

impl LastThread {
    /// To be called with each record of a thread that enqueues one by one. By itself it leaves a processor to the producer's
    /// thread; several take turns with that one.
    #[inline]
    pub(crate) fn let_others_run(&self) {
        SINCE_YIELD.with(|since| {
            let records = since.get() + 1;
            since.set(records % LET_BLOCKING_RUN_EVERY);
            if records >= LET_BLOCKING_RUN_EVERY && self.was_another(ptr::from_ref(since).addr()) {
                std::thread::yield_now();
            }
        });
    }

    fn was_another(&self, thread: usize) -> bool {
        let last = self.0.swap(thread, Ordering::Relaxed);
        last != 0 && last != thread
    }
}

impl Shared {
    /// Accepts a record that has nothing to wait for. Else [`Self::accept`] has to go on with what is noted in `wait`.
    #[inline(always)]
    pub(crate) fn accept_at_once(
        &self,
        topic: &Arc<raban_core::Topic>,
        record: &NewRecord<'_>,
        wait: &mut EnqueueWait,
    ) -> Option<Delivery> {
        let accumulator = &self.accumulator;
        let accepted = accumulator.accept_at_once(&self.clock, topic, record, wait);
        accepted.map(Delivery)
    }

    pub(crate) async fn accept(
        &self,
        topic: &Arc<raban_core::Topic>,
        record: &NewRecord<'_>,
        mut wait: EnqueueWait,
    ) -> Result<Delivery, EnqueueError> {
        let accumulator = &self.accumulator;
        let accepted =
            poll_fn(|cx| accumulator.poll_enqueue(cx, &self.clock, topic, record, &mut wait));
        accepted.await.map(Delivery)
    }

    /// Accepts a record on a thread that waits for this alone.
    pub(crate) fn accept_blocking(
        &self,
        topic: &Arc<raban_core::Topic>,
        record: &NewRecord<'_>,
    ) -> Result<Delivery, EnqueueError> {
        let mut wait = EnqueueWait::default();
        match self.accept_at_once(topic, record, &mut wait) {
            Some(delivery) => Ok(delivery),
            None => wait_for(self.accept(topic, record, wait)),
        }
    }

    /// Accepts a record that the interceptors have seen, and lets them hear if it isn't.
    pub(crate) async fn accept_seen(
        &self,
        record: &Record<'_>,
        callback: Option<&CallbackSlot>,
    ) -> Result<Delivery, EnqueueError> {
        let new = NewRecord {
            callback,
            ..record.as_new()
        };
        let accepted = match self.accumulator.topic(record.topic()) {
            Ok(topic) => {
                let_others_run(1).await;
                self.accept(&topic, &new, EnqueueWait::default()).await
            }
            Err(error) => Err(error),
        };
        accepted.inspect_err(|error| self.callbacks.refused(new.tag, error))
    }

    pub(crate) fn try_accept(
        &self,
        topic: &Arc<raban_core::Topic>,
        record: &NewRecord<'_>,
    ) -> Result<Delivery, TryEnqueueError<()>> {
        use raban_core::TryEnqueueError as Refused;
        match self.accumulator.try_enqueue(&self.clock, topic, record) {
            Ok(delivery) => Ok(Delivery(delivery)),
            Err(Refused::Full) => Err(TryEnqueueError::Full(())),
            Err(Refused::MetadataPending) => Err(TryEnqueueError::MetadataPending(())),
            Err(Refused::Failed(error)) => Err(TryEnqueueError::Failed(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_by_itself_keeps_its_processor() {
        let last = LastThread::default();
        assert!(!last.was_another(1));
        assert!(!last.was_another(1));
        assert!(last.was_another(2));
        assert!(last.was_another(1));
        assert!(!last.was_another(1));
    }
}
