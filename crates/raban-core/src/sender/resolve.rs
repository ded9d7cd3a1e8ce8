//! Batches in doubt: finds out whether they are in the log before they are sent again.
//!
//! ```text
//! Ask ── the leader knows this producer ─────────────────────────────▶ send again: it drops what it has
//!  │ it doesn't, or called the batch out of order, or no answer has told yet whose timestamps the log has
//!  ▼
//! Start ──▶ Prefix ──▶ End ──▶ Read ──▶ in the log: acknowledge; absent: send again, or a new stamp;
//!  where     is the     where    from the    neither can be told: the policy
//!  it begins floor's    it ends  floor on
//!            log still this one?
//! ```
//!
//! It has connections of its own, since a Fetch that waits would block the Produce behind it. Any
//! trouble begins it anew after a pause, until `delivery.timeout.ms` ends it.

mod ask;
mod decide;
mod floor;
mod reading;
mod settle;

use std::time::Duration;

use raban_protocol::error_code::ErrorCode;

use self::decide::State;
pub(crate) use self::floor::Floor;
use self::reading::{Name, Reading};
use super::Sender;
use super::partition_queue::{Entry, EntryBatch};
use crate::accumulator::partition::PartitionId;
use crate::backoff::backoff;
use crate::connection::{ConnectionId, Role};
use crate::error::Unresolved;
use crate::time::Instant;

/// How long brokers surely remember a producer: a day by default (`producer.id.expiration.ms`),
/// counted from the newest record's timestamp, less an hour in which to send again.
const REMEMBERED_FOR: Duration = Duration::from_secs(23 * 3600);

/// Requests under way to one broker.
const MAX_IN_FLIGHT: usize = 16;

/// The resolution of a partition's batches in doubt.
#[derive(Debug)]
pub(crate) struct Resolution {
    /// Tells its answers from those to an earlier one.
    pub(super) round: u32,
    began: Instant,
    step: Step,
    state: State,
    /// READ is denied: the log can't be read.
    denied: bool,
    /// The next question waits until then: a Fetch brought nothing.
    pub(super) paused_until: Option<Instant>,
}

/// What is asked next, or is being asked.
#[derive(Debug)]
enum Step {
    /// DescribeProducers.
    Ask,
    /// ListOffsets of the log's start.
    Start,
    /// OffsetForLeaderEpoch of the floor's epoch.
    Prefix { from: i64, epoch: i32 },
    /// OffsetForLeaderEpoch of the current epoch.
    End {
        from: i64,
        incomplete: Option<Unresolved>,
    },
    /// Fetch.
    Read(Reading),
}

impl Sender {
    /// Begins, or goes on after a pause: the partition is to be asked about.
    pub(super) fn resolve(&mut self, now: Instant, id: PartitionId) {
        let queue = &mut self.queues[id.0 as usize];
        let Some(node) = queue.leader else {
            self.metadata.want();
            return;
        };
        if queue.doubt.resolution.is_none() {
            queue.doubt.round = queue.doubt.round.wrapping_add(1);
            queue.doubt.resolution = Some(Resolution {
                round: queue.doubt.round,
                began: now,
                step: Step::Ask,
                state: State::Unknown,
                denied: false,
                paused_until: None,
            });
        }
        if let Some(resolution) = queue.doubt.resolution.as_mut() {
            resolution.paused_until = None;
        }
        let node = self.nodes.entry(node).or_default();
        if !node.to_resolve.contains(&id) {
            node.to_resolve.push_back(id);
        }
        self.resolving_nodes
            .extend(self.queues[id.0 as usize].leader);
    }

    /// Sends the next questions to the brokers that can take them.
    pub(super) fn pump_resolutions(&mut self, now: Instant) {
        let nodes: Vec<i32> = self.resolving_nodes.iter().copied().collect();
        for node in nodes {
            if let Some(conn) = self.node_connection(now, Role::Resolver(node)) {
                self.ask_all(now, node, conn);
            }
            let waits = self
                .nodes
                .get(&node)
                .is_some_and(|n| !n.to_resolve.is_empty());
            if !waits {
                self.resolving_nodes.remove(&node);
            }
        }
    }

    fn ask_all(&mut self, now: Instant, node: i32, conn: ConnectionId) {
        loop {
            let can_take = self.connections.get(&conn).is_some_and(|connection| {
                connection.is_ready(now) && connection.in_flight.len() < MAX_IN_FLIGHT
            });
            let Some(node) = self.nodes.get_mut(&node).filter(|_| can_take) else {
                return;
            };
            let Some(id) = node.to_resolve.pop_front() else {
                return;
            };
            self.ask(now, id, conn);
        }
    }

    /// The leader, or what is in doubt, has changed: what was found out so far is worth nothing.
    pub(super) fn stop_resolving(&mut self, id: PartitionId) {
        self.queue(id).doubt.resolution = None;
        let nodes = self.nodes.values_mut();
        nodes.for_each(|node| node.to_resolve.retain(|listed| *listed != id));
    }

    /// Begins anew after a pause.
    fn resolve_again(&mut self, now: Instant, id: PartitionId, code: Option<ErrorCode>) {
        if code.is_none_or(ErrorCode::is_invalid_metadata) {
            self.metadata.want();
        }
        let doubt = &mut self.queues[id.0 as usize].doubt;
        doubt.resolution = None;
        doubt.failures += 1;
        let wait = backoff(
            self.config.retry_backoff,
            self.config.retry_backoff_max,
            doubt.failures,
            &mut self.random,
        );
        self.queue(id).not_before = now + wait;
        self.evaluate(now, id);
    }

    /// No answer came.
    pub(super) fn resolution_unanswered(&mut self, now: Instant, id: PartitionId, round: u32) {
        if self.resolution(id, round).is_some() {
            self.resolve_again(now, id, None);
        }
    }

    /// The resolution that an answer belongs to.
    fn resolution(&mut self, id: PartitionId, round: u32) -> Option<&mut Resolution> {
        self.queue(id)
            .doubt
            .resolution
            .as_mut()
            .filter(|resolution| resolution.round == round)
    }

    /// Goes on with the next question.
    fn step_to(&mut self, now: Instant, id: PartitionId, step: Step) {
        if let Some(resolution) = self.queue(id).doubt.resolution.as_mut() {
            resolution.step = step;
        }
        self.resolve(now, id);
    }

    /// Whether asking was enough: the leader remembers what it has, and will until the batches have
    /// been sent again. What it answers of a duplicate doesn't tell whose timestamps its log has: where nothing else has
    /// told it either, the log is read.
    fn may_resend(&self, id: PartitionId, state: State) -> bool {
        let queue = &self.queues[id.0 as usize];
        let refused = queue.entries.iter().any(|entry| entry.refused.is_some());
        let ghosts = queue.entries.iter().any(|entry| entry.is_ghost());
        let young = queue.entries.iter().all(|entry| self.is_young(entry));
        young
            && queue.log_append_time.is_some()
            && !queue.doubt.must_read
            && !refused
            && !ghosts
            && !queue.sequences.bump_wanted()
            && state.covers(queue.sequences.identity(), queue.sequences.seen())
    }

    /// Whether a broker that appends the batch will remember it.
    fn is_young(&self, entry: &Entry) -> bool {
        match &entry.batch {
            EntryBatch::Live(batch) if entry.in_doubt => self.is_remembered(batch.max_timestamp()),
            _ => true,
        }
    }

    /// Whether a broker that counts from this timestamp still remembers the producer for a while.
    fn is_remembered(&self, timestamp: i64) -> bool {
        let remembered_for = i64::try_from(REMEMBERED_FOR.as_millis()).unwrap_or(i64::MAX);
        self.now.wall_ms.saturating_sub(timestamp) < remembered_for
    }

    fn names(&self, id: PartitionId) -> Vec<Name> {
        let entries = self.queues[id.0 as usize].entries.iter();
        entries
            .filter_map(|entry| {
                let (stamp, count) = (entry.stamp?, entry.count());
                Some(Name { stamp, count })
            })
            .collect()
    }
}
