//! Adaptive partitioning, the sender's part (KIP-794): queue lengths and slow brokers become weights of each topic's
//! partitions.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::Sender;
use super::timers::Timer;
use crate::accumulator::partition::PartitionId;
use crate::partitioner::{Load, Weights};
use crate::time::Instant;

/// How often topics are weighed at most, since that looks at all of their partitions.
const WEIGH_EVERY: Duration = Duration::from_millis(1);

/// Topics of which something has changed that bears on the choice of partitions.
#[derive(Debug, Default)]
pub(super) struct Unweighed {
    topics: BTreeSet<Arc<str>>,
    not_before: Instant,
}

impl Unweighed {
    pub(super) fn add(&mut self, topic: &Arc<str>) {
        if !self.topics.contains(topic) {
            self.topics.insert(Arc::clone(topic));
        }
    }
}

impl Sender {
    /// Takes in how many of the partition's batches wait.
    pub(super) fn measure(&mut self, id: PartitionId) {
        if !self.config.adaptive_partitioning {
            return;
        }
        let queue = &mut self.queues[id.0 as usize];
        let unsent = queue.entries.iter();
        let unsent = unsent.filter(|entry| entry.sent.is_none() && entry.is_live());
        let unsent = u32::try_from(unsent.count()).unwrap_or(u32::MAX);
        let queued = queue.partition.lock().queued().saturating_add(unsent);
        if queue.queued != queued {
            queue.queued = queued;
            self.unweighed.add(&queue.partition.topic);
        }
    }

    /// The broker has a connection or its requests to wait for, and batches to take.
    pub(super) fn note_busy(&mut self, now: Instant, node: i32) {
        let Some(timeout) = self.config.partition_availability_timeout else {
            return;
        };
        let node_state = self.nodes.entry(node).or_default();
        if node_state.busy_since.is_none() {
            node_state.busy_since = Some(now);
            self.timers.arm(Timer::Availability(node), now + timeout);
        }
    }

    /// A partition's batches wait for the answers to others of it.
    pub(super) fn note_held_up(&mut self, now: Instant, id: PartitionId) {
        let queue = &self.queues[id.0 as usize];
        if let Some(node) = queue.leader
            && queue.queued > 0
            && queue.has_in_flight()
        {
            self.note_busy(now, node);
        }
    }

    /// The broker takes a request.
    pub(super) fn note_taken(&mut self, node: i32) {
        if let Some(node_state) = self.nodes.get_mut(&node)
            && node_state.busy_since.take().is_some()
        {
            self.timers.disarm(Timer::Availability(node));
        }
    }

    /// The broker has taken no request for `partitioner.availability.timeout.ms`.
    pub(super) fn weigh_without(&mut self, now: Instant, node: i32) {
        let queues = self.queues.iter();
        for queue in queues.filter(|queue| queue.leader == Some(node) && queue.queued > 0) {
            self.unweighed.add(&queue.partition.topic);
        }
        self.unweighed.not_before = now;
    }

    /// Whether leaders in the client's rack are preferred, and this one is there.
    pub(super) fn is_in_rack(&self, leader: i32) -> bool {
        let rack = self.config.client_rack.as_deref();
        self.config.rack_aware && rack.is_some() && self.metadata.rack(leader) == rack
    }

    /// Publishes how the partitions of changed topics are to be chosen from now on.
    pub(super) fn pump_weights(&mut self, now: Instant) {
        if self.unweighed.topics.is_empty() || now < self.unweighed.not_before {
            return;
        }
        self.unweighed.not_before = now + WEIGH_EVERY;
        for name in std::mem::take(&mut self.unweighed.topics) {
            let entry = &self.metadata.topics[&name];
            if !self.config.adaptive_partitioning || !entry.topic.sticky.is_used() {
                continue;
            }
            let loads: Vec<Load> = entry
                .queues
                .iter()
                .filter_map(|id| self.load(now, *id))
                .collect();
            entry.topic.sticky.weigh(Weights::of(&loads));
        }
    }

    /// `None` for a partition without a leader.
    fn load(&self, now: Instant, id: PartitionId) -> Option<Load> {
        let queue = &self.queues[id.0 as usize];
        let leader = queue.leader?;
        let busy_since = self.nodes.get(&leader).and_then(|node| node.busy_since);
        let timeout = self.config.partition_availability_timeout;
        let is_stuck = busy_since
            .zip(timeout)
            .is_some_and(|(since, timeout)| since + timeout <= now);
        Some(Load {
            partition: queue.partition.index,
            queued: queue.queued,
            in_rack: self.is_in_rack(leader),
            // An empty queue may be tried: nothing would tell that the broker is well again.
            stuck: is_stuck && queue.queued > 0,
        })
    }
}
