//! The same API for threads without a runtime: each call blocks the calling thread until it is done.

use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use raban_core::{
    ClientInstanceIdError, EnqueueError, ErrorKind, PartitionInfo, ProduceError, RecordMetadata,
};

use raban_protocol::primitives::Uuid;

use crate::callbacks::is_inside;
use crate::delivery::Delivery;
use crate::many::SendManyReport;
use crate::producer::CloseError;
use crate::record::Record;
use crate::serializer::Nullable;

/// A [`Producer`](crate::Producer) for threads that may block; made by
/// [`Producer::blocking`](crate::Producer::blocking). It is the same producer: records, memory
/// and closing are shared.
///
/// Don't use it in asynchronous code: it blocks the executor's thread.
#[derive(Debug, Clone)]
pub struct Producer(pub(crate) crate::Producer);

impl Producer {
    /// Sends a record and waits until the brokers have acknowledged it.
    ///
    /// # Errors
    /// As [`Producer::send`](crate::Producer::send).
    pub fn send(&self, record: Record<'_>) -> Result<RecordMetadata, ProduceError> {
        self.enqueue(record)?.wait()
    }

    /// Waits until the record is accepted, up to `max.block.ms`.
    ///
    /// # Errors
    /// As [`Producer::enqueue`](crate::Producer::enqueue).
    pub fn enqueue(&self, mut record: Record<'_>) -> Result<Delivery, EnqueueError> {
        let shared = &self.0.shared;
        shared.callbacks.intercept(&mut record);
        let new = record.as_new();
        let topic = shared.accumulator.topic(record.topic());
        let accepted = topic.and_then(|topic| shared.accept_blocking(&topic, &new));
        accepted.inspect_err(|error| shared.callbacks.refused(new.tag, error))
    }

    /// As [`Producer::send_with_callback`](crate::Producer::send_with_callback), waiting until the
    /// record is accepted, up to `max.block.ms`.
    ///
    /// # Errors
    /// As [`Producer::enqueue`](crate::Producer::enqueue).
    pub fn send_with_callback(
        &self,
        record: Record<'_>,
        callback: impl FnOnce(Result<RecordMetadata, ProduceError>) + Send + 'static,
    ) -> Result<(), EnqueueError> {
        wait_for(self.0.send_with_callback(record, callback))
    }

    /// Sends all records and waits until each is acknowledged or failed.
    ///
    /// # Panics
    /// In a callback, which can't wait.
    pub fn send_many<'a>(&self, records: impl IntoIterator<Item = Record<'a>>) -> SendManyReport {
        block_on(self.0.send_many(records))
    }

    /// Waits until all records accepted so far are acknowledged or failed, and callbacks were told.
    ///
    /// # Errors
    /// [`ErrorKind::InCallback`] in a callback, which can't wait; the records are sent at once all
    /// the same.
    pub fn flush(&self) -> Result<(), EnqueueError> {
        wait_for(async {
            self.0.flush().await;
            Ok(())
        })
    }

    /// Closes the producer and all its clones. In a callback it acts as with no time, and returns
    /// before the end.
    ///
    /// # Errors
    /// As [`Producer::close`](crate::Producer::close).
    pub fn close(&self, timeout: Duration) -> Result<(), CloseError> {
        if is_inside() {
            drop(self.0.close(Duration::ZERO));
            return Ok(());
        }
        block_on(self.0.close(timeout))
    }

    /// Gets ready for a topic's records.
    ///
    /// # Errors
    /// As [`Producer::warm`](crate::Producer::warm).
    pub fn warm(&self, topic: &str) -> Result<(), EnqueueError> {
        wait_for(self.0.warm(topic))
    }

    /// The id under which brokers know this producer's telemetry.
    ///
    /// # Errors
    /// As [`Producer::client_instance_id`](crate::Producer::client_instance_id), and
    /// [`ClientInstanceIdError::InCallback`] in a callback, which can't wait.
    pub fn client_instance_id(&self, timeout: Duration) -> Result<Uuid, ClientInstanceIdError> {
        wait(self.0.client_instance_id(timeout)).unwrap_or(Err(ClientInstanceIdError::InCallback))
    }

    /// The topic's partitions.
    ///
    /// # Errors
    /// As [`Producer::partitions_for`](crate::Producer::partitions_for).
    pub fn partitions_for(&self, topic: &str) -> Result<Vec<PartitionInfo>, EnqueueError> {
        wait_for(self.0.partitions_for(topic))
    }
}

/// A typed [`Topic`](crate::Topic) handle for threads that may block; made by
/// [`Topic::blocking`](crate::Topic::blocking).
#[derive(Debug)]
pub struct Topic<'t, K: ?Sized, V: ?Sized>(pub(crate) &'t crate::Topic<K, V>);

impl<K: ?Sized, V: ?Sized> Topic<'_, K, V> {
    /// Sends a record and waits until the brokers have acknowledged it.
    ///
    /// # Errors
    /// As [`Topic::send`](crate::Topic::send).
    pub fn send(
        &self,
        key: impl Nullable<K>,
        value: impl Nullable<V>,
    ) -> Result<RecordMetadata, ProduceError> {
        self.enqueue(key, value)?.wait()
    }

    /// Waits until the record is accepted, up to `max.block.ms`.
    ///
    /// # Errors
    /// As [`Topic::enqueue`](crate::Topic::enqueue).
    #[inline]
    pub fn enqueue(
        &self,
        key: impl Nullable<K>,
        value: impl Nullable<V>,
    ) -> Result<Delivery, EnqueueError> {
        self.0.record(key, value).enqueue_blocking()
    }

    /// Sends all records and waits until each is acknowledged or failed, as
    /// [`Topic::send_many`](crate::Topic::send_many) does.
    ///
    /// # Panics
    /// In a callback, which can't wait.
    pub fn send_many<'r, GK: Nullable<K>, GV: Nullable<V>>(
        &self,
        records: impl IntoIterator<Item = crate::TopicRecord<'r, K, V, GK, GV>>,
    ) -> SendManyReport
    where
        K: 'r,
        V: 'r,
    {
        block_on(self.0.send_many(records))
    }
}

/// A [`TopicRecord`](crate::TopicRecord) for threads that may block; made by
/// [`TopicRecord::blocking`](crate::TopicRecord::blocking).
#[derive(Debug)]
#[must_use = "a record does nothing until it is sent or enqueued"]
pub struct TopicRecord<'r, K: ?Sized, V: ?Sized, GK, GV>(
    pub(crate) crate::TopicRecord<'r, K, V, GK, GV>,
);

impl<K: ?Sized, V: ?Sized, GK: Nullable<K>, GV: Nullable<V>> TopicRecord<'_, K, V, GK, GV> {
    /// Sends the record and waits until the brokers have acknowledged it.
    ///
    /// # Errors
    /// As [`Topic::send`](crate::Topic::send).
    pub fn send(self) -> Result<RecordMetadata, ProduceError> {
        self.enqueue()?.wait()
    }

    /// Waits until the record is accepted, up to `max.block.ms`.
    ///
    /// # Errors
    /// As [`Topic::enqueue`](crate::Topic::enqueue).
    #[inline]
    pub fn enqueue(self) -> Result<Delivery, EnqueueError> {
        self.0.enqueue_blocking()
    }
}

/// Wakes a parked thread. The flag tells its own wake-ups from other uses of `unpark`.
struct Parker {
    thread: Thread,
    woken: AtomicBool,
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

thread_local! {
    /// Each thread's parker while no future is waited for: a future polled within another's poll
    /// gets one of its own.
    static PARKER: Cell<Option<Arc<Parker>>> = const { Cell::new(None) };
}

/// Runs a future to its end on this thread, which sleeps in between. Enough for this crate's
/// futures where there is no executor; one that needs a runtime's timers or sockets needs that
/// runtime.
///
/// # Panics
/// In a callback, where a wait for the producer would have no end.
pub fn block_on<F: Future>(future: F) -> F::Output {
    wait(future).unwrap_or_else(|| panic!("{}", ErrorKind::InCallback))
}

/// The same; `None` in place of the panic.
pub(crate) fn wait<F: Future>(future: F) -> Option<F::Output> {
    poll_parked(future, None)
}

/// The same, with an error in place of the panic.
pub(crate) fn wait_for<T, E: From<ErrorKind>>(
    future: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    wait(future).unwrap_or_else(|| Err(ErrorKind::InCallback.into()))
}

/// The same for at most `timeout`; `None`: not done by then.
pub(crate) fn block_on_timeout<F: Future>(future: F, timeout: Duration) -> Option<F::Output> {
    // A timeout beyond what the clock can tell is none.
    poll_parked(future, Instant::now().checked_add(timeout))
}

fn poll_parked<F: Future>(future: F, deadline: Option<Instant>) -> Option<F::Output> {
    let mut future = pin!(future);
    // Most are ready at once: then nothing has to be set up that wakes this thread.
    let mut at_once = Context::from_waker(Waker::noop());
    if let Poll::Ready(output) = future.as_mut().poll(&mut at_once) {
        return Some(output);
    }
    let parker = PARKER.try_with(Cell::take).ok().flatten();
    let parker = parker.unwrap_or_else(|| {
        Arc::new(Parker {
            thread: std::thread::current(),
            woken: AtomicBool::new(false),
        })
    });
    let waker = Waker::from(Arc::clone(&parker));
    let mut context = Context::from_waker(&waker);
    let output = loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            break Some(output);
        }
        // The thread that would wake this one is this one.
        if is_inside() || !park(&parker, deadline) {
            break None;
        }
    };
    // At the thread's end its place is gone already.
    let _ = PARKER.try_with(|place| place.set(Some(parker)));
    output
}

/// Sleeps until woken; `false`: the deadline has passed.
fn park(parker: &Parker, deadline: Option<Instant>) -> bool {
    while !parker.woken.swap(false, Ordering::Acquire) {
        match deadline {
            None => std::thread::park(),
            Some(deadline) => match deadline.checked_duration_since(Instant::now()) {
                Some(left) if !left.is_zero() => std::thread::park_timeout(left),
                _ => return false,
            },
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, poll_fn, ready};

    #[test]
    fn a_future_woken_by_another_thread_ends() {
        let mut thread = None;
        let value = block_on(poll_fn(|cx| match thread.take() {
            None => {
                let waker = cx.waker().clone();
                thread = Some(std::thread::spawn(move || waker.wake()));
                Poll::Pending
            }
            Some(thread) => {
                thread.join().unwrap();
                Poll::Ready(7)
            }
        }));
        assert_eq!(value, 7);
    }

    #[test]
    fn a_timeout_ends_the_wait_only() {
        assert_eq!(block_on_timeout(pending::<()>(), Duration::ZERO), None);
        assert_eq!(block_on_timeout(ready(1), Duration::ZERO), Some(1));
        assert_eq!(block_on_timeout(ready(1), Duration::MAX), Some(1));
    }

    #[test]
    fn a_wait_within_a_wait_has_its_own_parker() {
        assert_eq!(block_on(async { block_on(async { 3 }) }), 3);
    }
}
