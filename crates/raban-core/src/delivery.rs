//! One shared result per batch; a record's handle is a pointer to it and an index.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::error::ProduceError;
use crate::record::RecordMetadata;
use crate::sync::atomic::{AtomicU32, Ordering};
use crate::sync::{Mutex, OnceLock};
use crate::trail::Trail;

/// A record's outcome to come: resolves to its place in the log, or to why it failed.
///
/// Dropping it doesn't take the record back: it is still delivered, and a failure is counted and
/// logged. [`detach`](Self::detach) says that this is meant.
#[must_use = "a Delivery tells whether the record was delivered: await it, or detach() it"]
#[derive(Debug)]
pub struct Delivery {
    batch: Arc<BatchResult>,
    index: u32,
    /// Where the batch holds this handle's waker; `NO_SLOT` before the first wait.
    slot: u32,
    /// -1: null.
    key_size: i32,
    value_size: i32,
    timestamp: i64,
}

const NO_SLOT: u32 = u32::MAX;

impl Delivery {
    pub(crate) fn new(
        batch: Arc<BatchResult>,
        index: u32,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
    ) -> Self {
        // A record larger than i32::MAX was refused before: its length field couldn't hold it.
        let size = |part: Option<&[u8]>| part.map_or(-1, |part| part.len() as i32);
        Self {
            batch,
            index,
            slot: NO_SLOT,
            key_size: size(key),
            value_size: size(value),
            timestamp,
        }
    }

    /// The record's topic.
    pub fn topic(&self) -> &str {
        &self.batch.topic
    }

    /// The partition chosen for the record.
    pub fn partition(&self) -> i32 {
        self.batch.partition
    }

    /// Whether the outcome is there.
    pub fn is_settled(&self) -> bool {
        self.batch.settled.get().is_some()
    }

    /// The outcome, if it is there.
    pub fn try_outcome(&self) -> Option<Result<RecordMetadata, ProduceError>> {
        self.batch
            .settled
            .get()
            .map(|settled| self.outcome(settled))
    }

    /// What the record went through: after a failure always, after a success only when it took more
    /// than one attempt, `None` before the outcome. All records of a batch share it.
    pub fn trail(&self) -> Option<Arc<Trail>> {
        match self.batch.settled.get()? {
            Settled::Acknowledged { trail, .. } => trail.clone(),
            Settled::Failed(error) => Some(error.shared_trail()),
        }
    }

    /// Lets go of the handle on purpose; the same as dropping it.
    pub fn detach(self) {}

    fn outcome(&self, settled: &Settled) -> Result<RecordMetadata, ProduceError> {
        match settled {
            Settled::Acknowledged {
                base_offset,
                log_append_time,
                ..
            } => Ok(RecordMetadata {
                topic: Arc::clone(&self.batch.topic),
                partition: self.batch.partition,
                offset: base_offset.map(|base| base + i64::from(self.index)),
                timestamp: log_append_time.unwrap_or(self.timestamp),
                serialized_key_size: usize::try_from(self.key_size).ok(),
                serialized_value_size: usize::try_from(self.value_size).ok(),
            }),
            Settled::Failed(error) => Err(error.clone()),
        }
    }
}

impl Future for Delivery {
    type Output = Result<RecordMetadata, ProduceError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if !self.is_settled() {
            self.slot = self.batch.register(self.slot, cx.waker());
        }
        // Looked at again after registering: it may have been settled between the two.
        match self.batch.settled.get() {
            Some(settled) => Poll::Ready(self.outcome(settled)),
            None => Poll::Pending,
        }
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if !self.is_settled() {
            self.batch.unobserved.fetch_add(1, Ordering::Relaxed);
        }
    }
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

/// What all records of a batch share.
#[derive(Debug)]
pub(crate) struct BatchResult {
    pub(crate) topic: Arc<str>,
    pub(crate) partition: i32,
    settled: OnceLock<Settled>,
    wakers: Mutex<Vec<Waker>>,
    /// Handles dropped before the outcome was there.
    unobserved: AtomicU32,
}

impl BatchResult {
    pub(crate) fn new(topic: Arc<str>, partition: i32) -> Arc<Self> {
        Arc::new(Self {
            topic,
            partition,
            settled: OnceLock::new(),
            wakers: Mutex::new(Vec::new()),
            unobserved: AtomicU32::new(0),
        })
    }

    /// Settles all records at once and wakes whoever waits. Returns how many handles nobody holds
    /// any more. Settling twice is a bug.
    pub(crate) fn settle(&self, settled: Settled) -> u32 {
        assert!(self.settled.set(settled).is_ok(), "a batch is settled once");
        let wakers = {
            let mut wakers = self.wakers.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *wakers)
        };
        wakers.into_iter().for_each(Waker::wake);
        self.unobserved.load(Ordering::Relaxed)
    }

    /// One slot a handle, so that polling again and again takes no more room.
    fn register(&self, slot: u32, waker: &Waker) -> u32 {
        let mut wakers = self.wakers.lock().unwrap_or_else(PoisonError::into_inner);
        // Settled in between: `settle` may have taken the wakers already.
        if self.settled.get().is_some() {
            return slot;
        }
        if let Some(held) = wakers.get_mut(slot as usize) {
            held.clone_from(waker);
            return slot;
        }
        wakers.push(waker.clone());
        u32::try_from(wakers.len() - 1).unwrap_or(NO_SLOT)
    }
}
