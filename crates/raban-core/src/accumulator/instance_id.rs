//! The id that a broker gave this client for its telemetry (KIP-714), and the calls that wait for it.

use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use raban_protocol::error_code::ErrorCode;
use raban_protocol::primitives::Uuid;

use super::Accumulator;
use super::waits::{WaitId, Waits};
use crate::error::Cause;
use crate::sync::{Mutex, MutexGuard};
use crate::time::{Instant, Now};

/// Why there is no client instance id.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ClientInstanceIdError {
    /// `enable.metrics.push=false`.
    #[error("telemetry is off; set enable.metrics.push=true")]
    Disabled,
    /// raban was built without it.
    #[error("raban was built without telemetry; build it with the feature `telemetry`")]
    NotBuilt,
    /// The broker that was asked collects no metrics of clients.
    #[error(
        "the brokers collect no metrics of clients; that takes Apache Kafka 3.7 or later with a telemetry plugin among \
         its metric.reporters"
    )]
    NotCollected,
    /// A broker refused for good.
    #[error("a broker refused to tell the telemetry subscription: {0}")]
    Refused(ErrorCode),
    /// No broker answered in time.
    #[error("no broker gave a client instance id within {waited:.1?}{}", .cause.as_ref().map(|cause| format!(": {cause}")).unwrap_or_default())]
    Timeout {
        /// How long the call waited.
        waited: Duration,
        /// The latest trouble with brokers, if any.
        cause: Option<Cause>,
    },
    /// The producer was closed before it got one.
    #[error("the producer is closed")]
    Closed,
    /// The call would have to wait in a callback, where nothing happens meanwhile.
    #[error("a callback can't wait for the client instance id; ask for it on another thread")]
    InCallback,
}

#[derive(Debug, Default)]
pub(crate) struct InstanceId(Mutex<Known>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Known {
    #[default]
    NotYet,
    Given(Uuid),
    /// No broker that answered collects; a later one may.
    NotCollected,
    Refused(ErrorCode),
}

impl InstanceId {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self) -> Known {
        *self.known()
    }
}

/// A call's wait for the client instance id. Dropping it ends the wait.
#[derive(Debug)]
pub struct InstanceIdWait {
    since: Instant,
    deadline: Instant,
    waiting: Option<(WaitId, Arc<Waits>)>,
}

impl InstanceIdWait {
    /// A wait for at most `timeout`.
    pub fn new(now: Now, timeout: Duration) -> Self {
        Self {
            since: now.instant,
            deadline: now.instant + timeout,
            waiting: None,
        }
    }
}

impl Drop for InstanceIdWait {
    fn drop(&mut self) {
        if let Some((id, waits)) = &self.waiting {
            waits.remove(*id);
        }
    }
}

impl Accumulator {
    /// The id that a broker gave this client for its telemetry. Asks brokers if none was connected to yet.
    pub fn poll_client_instance_id(
        &self,
        cx: &mut Context<'_>,
        now: Now,
        wait: &mut InstanceIdWait,
    ) -> Poll<Result<Uuid, ClientInstanceIdError>> {
        if let Some(outcome) = self.client_instance_id() {
            return Poll::Ready(outcome);
        }
        if now.instant >= wait.deadline {
            return Poll::Ready(Err(ClientInstanceIdError::Timeout {
                waited: now.instant - wait.since,
                cause: self.trouble(),
            }));
        }
        let (id, _) = wait
            .waiting
            .get_or_insert_with(|| (self.waits.new_id(), Arc::clone(&self.waits)));
        self.waits.register(*id, wait.deadline, cx.waker());
        self.signal.instance_id();
        // It may have come before the call could be woken.
        self.client_instance_id().map_or(Poll::Pending, Poll::Ready)
    }

    fn client_instance_id(&self) -> Option<Result<Uuid, ClientInstanceIdError>> {
        if !cfg!(feature = "telemetry") {
            return Some(Err(ClientInstanceIdError::NotBuilt));
        }
        if !self.config.enable_metrics_push {
            return Some(Err(ClientInstanceIdError::Disabled));
        }
        match self.instance_id.get() {
            Known::Given(id) => Some(Ok(id)),
            _ if self.is_closed() => Some(Err(ClientInstanceIdError::Closed)),
            Known::NotCollected => Some(Err(ClientInstanceIdError::NotCollected)),
            Known::Refused(code) => Some(Err(ClientInstanceIdError::Refused(code))),
            Known::NotYet => None,
        }
    }

    /// What is known of the id from now on; whoever waits for it looks again.
    pub(crate) fn set_instance_id(&self, known: Known) {
        let before = std::mem::replace(&mut *self.instance_id.known(), known);
        if before != known && known != Known::NotYet {
            self.waits.wake_all();
        }
    }
}
