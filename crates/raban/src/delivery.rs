//! A record's outcome to come, as a future and for threads that wait.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use raban_core::{ProduceError, RecordMetadata, Trail};

use crate::blocking::{block_on_timeout, wait};

/// A record's outcome to come: resolves to its place in the log, or to why it failed. It can be
/// awaited on any executor, or waited for on a thread.
///
/// Dropping it doesn't take the record back: it is still delivered, and a failure is counted and
/// logged. [`detach`](Self::detach) says that this is meant.
#[must_use = "a Delivery tells whether the record was delivered: await it, wait() for it, or detach() it"]
#[derive(Debug)]
pub struct Delivery(pub(crate) raban_core::Delivery);

impl Delivery {
    /// Blocks this thread until the outcome is there, at the latest after `delivery.timeout.ms`.
    ///
    /// # Errors
    /// Why the record failed; [`ErrorKind::InCallback`](crate::ErrorKind::InCallback) in a callback,
    /// which can't wait.
    #[inline]
    pub fn wait(self) -> Result<RecordMetadata, ProduceError> {
        match self.0.into_outcome() {
            Ok(outcome) => outcome,
            Err(delivery) => Self(delivery).wait_long(),
        }
    }

    #[cold]
    fn wait_long(mut self) -> Result<RecordMetadata, ProduceError> {
        wait(&mut self).unwrap_or_else(|| Err(self.0.in_callback()))
    }

    /// Blocks this thread until the outcome is there, or for `timeout`: then `None`, and the
    /// delivery goes on. In a callback it doesn't wait at all.
    pub fn wait_timeout(
        &mut self,
        timeout: Duration,
    ) -> Option<Result<RecordMetadata, ProduceError>> {
        block_on_timeout(self, timeout)
    }

    /// The outcome, if it is there.
    pub fn try_outcome(&self) -> Option<Result<RecordMetadata, ProduceError>> {
        self.0.try_outcome()
    }

    /// Whether the outcome is there.
    #[inline]
    pub fn is_settled(&self) -> bool {
        self.0.is_settled()
    }

    /// Where the record's time went, each attempt to send it, and each look for it in the log: of a
    /// record that failed, and of one that took more than one attempt. `None` of one that was
    /// delivered at the first attempt, and of one that isn't settled yet. Records of one batch
    /// share it: [`Arc::ptr_eq`] tells.
    ///
    /// ```
    /// # fn tell(delivery: &raban::Delivery) {
    /// if let Some(trail) = delivery.trail() {
    ///     println!("{:?} lingering, {:?} waiting", trail.linger(), trail.buffer());
    ///     println!("{:?} on the wire", trail.wire());
    ///     for attempt in trail.attempts() {
    ///         println!("attempt {}: {attempt}", attempt.number);
    ///     }
    /// }
    /// # }
    /// ```
    pub fn trail(&self) -> Option<Arc<Trail>> {
        self.0.trail()
    }

    /// The record's topic.
    pub fn topic(&self) -> &str {
        self.0.topic()
    }

    /// The partition chosen for the record.
    pub fn partition(&self) -> i32 {
        self.0.partition()
    }

    /// Lets go of the handle on purpose; the same as dropping it.
    pub fn detach(self) {
        self.0.detach();
    }
}

impl Future for Delivery {
    type Output = Result<RecordMetadata, ProduceError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}
