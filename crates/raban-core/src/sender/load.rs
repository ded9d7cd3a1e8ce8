//! Adaptive partitioning, the sender's part (KIP-794): queue lengths and slow brokers become weights of each topic's
//! partitions.

use super::Sender;
use super::timers::Timer;
use crate::accumulator::partition::{PartitionId, Seen};
use crate::partitioner::Load;
use crate::time::Instant;

impl Sender {
    /// Takes in how many of the partition's batches wait.
    pub(super) fn measure(&mut self, id: PartitionId, seen: Seen) {
        if !self.config.adaptive_partitioning {
            return;
        }
        let queue = &mut self.queues[id.0 as usize];
        let unsent = queue.entries.iter();
        let unsent = unsent.filter(|entry| entry.sent.is_none() && entry.is_live());
        let unsent = u32::try_from(unsent.count()).unwrap_or(u32::MAX);
        let queued = seen.queued.saturating_add(unsent);
        if queue.queued != queued {
            queue.queued = queued;
            self.weigh(id);
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
            if std::mem::take(&mut node_state.stuck) {
                self.weigh_led_by(node);
            }
        }
    }

    /// The broker has taken no request for `partitioner.availability.timeout.ms`.
    pub(super) fn weigh_without(&mut self, node: i32) {
        self.nodes.entry(node).or_default().stuck = true;
        self.weigh_led_by(node);
    }

    fn weigh_led_by(&mut self, node: i32) {
        for id in self.all_partitions() {
            if self.queue(id).leader == Some(node) {
                self.weigh(id);
            }
        }
    }

    /// Whether leaders in the client's rack are preferred, and this one is there.
    pub(super) fn is_in_rack(&self, leader: i32) -> bool {
        let rack = self.config.client_rack.as_deref();
        self.config.rack_aware && rack.is_some() && self.metadata.rack(leader) == rack
    }

    /// Has the choice of the topic's partitions go by how things stand with this one now.
    pub(super) fn weigh(&mut self, id: PartitionId) {
        if !self.config.adaptive_partitioning {
            return;
        }
        let load = self.load(id);
        let queue = &mut self.queues[id.0 as usize];
        let before = std::mem::replace(&mut queue.load, load);
        if before == load {
            return;
        }
        if let Some(entry) = self.metadata.topics.get_mut(&queue.partition.topic) {
            entry.lengths.change(before, load);
            let bounds = entry.lengths.bounds();
            entry
                .topic
                .sticky
                .weigh(queue.partition.index, load, bounds);
        }
    }

    /// `None` for a partition without a leader.
    fn load(&self, id: PartitionId) -> Option<Load> {
        let queue = &self.queues[id.0 as usize];
        let leader = queue.leader?;
        let is_stuck = self.nodes.get(&leader).is_some_and(|node| node.stuck);
        Some(Load {
            queued: queue.queued,
            in_rack: self.is_in_rack(leader),
            // An empty queue may be tried: nothing would tell that the broker is well again.
            stuck: is_stuck && queue.queued > 0,
        })
    }
}
