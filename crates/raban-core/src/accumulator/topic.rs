//! A topic as the application's threads see it: its partitions, and the sticky choice among them.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};

use raban_protocol::error_code::ErrorCode;

use super::partition::Partition;
use super::ratio::CompressionRatio;
use super::view::View;
use super::waits::WaitId;
use crate::error::{Cause, EnqueueError, ErrorKind};
use crate::partitioner::{Choices, Sticky};
use crate::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use crate::sync::{Mutex, MutexGuard};
use crate::time::Instant;

/// Kafka's limit on a topic's name.
const MAX_NAME_LEN: usize = 249;

/// A topic's place in the producer. Holding it saves the lookup by name.
#[derive(Debug)]
pub struct Topic {
    name: Arc<str>,
    pub(crate) sticky: Sticky,
    /// Records that were partitioned in turn.
    turns: AtomicU32,
    pub(crate) ratio: Arc<CompressionRatio>,
    /// Bytes of the smallest batch that a broker found too large.
    refused_size: AtomicUsize,
    view: View,
    waiting: Mutex<BTreeSet<WaitId>>,
    trouble: Mutex<Option<Cause>>,
    /// When a record last asked for it: an idle topic's metadata is dropped.
    last_used: AtomicU64,
}

/// What is known of a topic.
#[derive(Debug, Default)]
pub(crate) enum TopicView {
    /// Nothing yet.
    #[default]
    Unknown,
    /// The brokers refuse it for good; asked again when it is `stale`.
    Refused { code: ErrorCode, until: Instant },
    /// No broker can be asked about it: calls fail with this.
    Unreachable(EnqueueError),
    /// Its partitions, by index.
    Known(Partitions),
}

#[derive(Debug)]
pub(crate) struct Partitions {
    /// Grows with each metadata response, so that a call can wait for a newer one.
    pub(crate) version: u64,
    pub(crate) all: Vec<Arc<Partition>>,
    /// Indexes of those that have a leader.
    pub(crate) available: Vec<i32>,
    /// Those of them whose leader is in the client's rack, where such ones are preferred.
    pub(crate) in_rack: Vec<i32>,
    pub(crate) info: Vec<PartitionInfo>,
}

impl Partitions {
    #[inline]
    pub(crate) fn count(&self) -> i32 {
        self.all.len() as i32
    }

    #[inline]
    pub(crate) fn choices(&self) -> Choices<'_> {
        Choices {
            count: self.count(),
            available: &self.available,
            preferred: &self.in_rack,
        }
    }
}

/// A partition as the cluster's metadata describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartitionInfo {
    /// Its index in the topic.
    pub partition: i32,
    /// The leading broker's id, if it has a leader.
    pub leader: Option<i32>,
    /// The ids of all brokers that hold it.
    pub replicas: Vec<i32>,
    /// The ids of those that are in sync with the leader.
    pub in_sync: Vec<i32>,
}

impl Topic {
    pub(crate) fn new(name: &str, sticky: Sticky) -> Result<Self, EnqueueError> {
        if let Some(reason) = illegal_name(name) {
            return Err(ErrorKind::InvalidTopic {
                topic: name.to_owned(),
                reason,
            }
            .into());
        }
        Ok(Self {
            name: Arc::from(name),
            sticky,
            turns: AtomicU32::new(0),
            ratio: Arc::default(),
            refused_size: AtomicUsize::new(usize::MAX),
            view: View::default(),
            waiting: Mutex::default(),
            trouble: Mutex::default(),
            last_used: AtomicU64::new(0),
        })
    }

    /// The topic's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many partitions it has, if that is known.
    pub fn partition_count(&self) -> Option<i32> {
        self.with_view(|view| match view {
            TopicView::Known(partitions) => i32::try_from(partitions.all.len()).ok(),
            _ => None,
        })
    }

    pub(crate) fn shared_name(&self) -> &Arc<str> {
        &self.name
    }

    /// Looks at what is known now.
    #[inline]
    pub(crate) fn with_view<T>(&self, look: impl FnOnce(&TopicView) -> T) -> T {
        self.view.with(look)
    }

    /// Publishes what is known now, and returns the calls that waited for it.
    pub(crate) fn publish(&self, view: TopicView) -> BTreeSet<WaitId> {
        self.view.publish(view);
        std::mem::take(&mut *self.waiting())
    }

    pub(crate) fn wait(&self, call: WaitId) {
        self.waiting().insert(call);
    }

    pub(crate) fn forget(&self, call: WaitId) {
        self.waiting().remove(&call);
    }

    pub(crate) fn has_waiting(&self) -> bool {
        !self.waiting().is_empty()
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeSet<WaitId>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A broker found a batch of this size too large. Returns the smallest such size.
    pub(crate) fn refuse_size(&self, bytes: usize) -> usize {
        self.refused_size
            .fetch_min(bytes, Ordering::Relaxed)
            .min(bytes)
    }

    /// The topic's limit may have been raised: larger batches are tried again, little by little.
    pub(crate) fn forgive_size(&self) {
        let size = self.refused_size.load(Ordering::Relaxed);
        self.refused_size
            .store(size.saturating_mul(2), Ordering::Relaxed);
    }

    /// Bytes of the smallest batch that a broker found too large.
    #[inline]
    pub(crate) fn refused_size(&self) -> usize {
        self.refused_size.load(Ordering::Relaxed)
    }

    /// Bytes of a batch that the brokers are expected to take.
    #[inline]
    pub(crate) fn expected_limit(&self) -> usize {
        self.refused_size() / 2
    }

    /// The partition whose turn it is, as Java's `RoundRobinPartitioner` has it.
    pub(crate) fn in_turn(&self, partitions: &Partitions) -> i32 {
        let turn = self.turns.fetch_add(1, Ordering::Relaxed) & i32::MAX as u32;
        match &*partitions.available {
            [] => turn as i32 % partitions.count(),
            available => available[turn as usize % available.len()],
        }
    }

    pub(crate) fn set_trouble(&self, cause: Option<Cause>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = cause;
    }

    pub(crate) fn trouble(&self) -> Option<Cause> {
        self.trouble
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn touch(&self, now: Instant) {
        self.last_used.store(now.as_nanos(), Ordering::Relaxed);
    }

    pub(crate) fn last_used(&self) -> Instant {
        Instant::from_nanos(self.last_used.load(Ordering::Relaxed))
    }
}

/// The rule that `name` breaks, as Kafka's `Topic.validate` says them.
fn illegal_name(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        Some("it is empty")
    } else if name == "." || name == ".." {
        Some("it can't be \".\" or \"..\"")
    } else if name.len() > MAX_NAME_LEN {
        Some("it is longer than 249 characters")
    } else if !name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
    {
        Some("only ASCII letters, digits, '.', '_' and '-' are allowed")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_judged_as_kafka_does() {
        let longest = "a".repeat(249);
        for legal in ["a", "a.b_c-D9", "...", &longest] {
            assert_eq!(illegal_name(legal), None, "{legal}");
        }
        for illegal in ["", ".", "..", "a b", "ä", "a/b", &"a".repeat(250)] {
            assert!(illegal_name(illegal).is_some(), "{illegal}");
        }
    }
}
