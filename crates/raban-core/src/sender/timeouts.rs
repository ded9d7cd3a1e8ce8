//! What time does: late answers, `delivery.timeout.ms`, idle connections, the end of `close`.

use std::sync::Arc;

use raban_protocol::error_code::ErrorCode;

use super::Sender;
use super::partition_queue::{Doubt, Entry, EntryBatch};
use super::timers::Timer;
use crate::accumulator::Purge;
use crate::accumulator::partition::{Front, PartitionId};
use crate::batch::SealedBatch;
use crate::connection::ConnectionId;
use crate::error::{Cause, ErrorKind, Unresolved};
use crate::time::Instant;
use crate::trail::AttemptOutcome;

impl Sender {
    pub(super) fn due(&mut self, now: Instant, timer: Timer) {
        match timer {
            Timer::Partition(id) => {
                self.expire(now, id);
                self.evaluate(now, id);
            }
            Timer::Connection(conn) => self.connection_due(now, conn),
            Timer::Availability(node) => self.weigh_without(node),
            // What they stand for is looked at whenever anything happens.
            Timer::Node(_)
            | Timer::Control
            | Timer::Resolving
            | Timer::Telemetry
            | Timer::News
            | Timer::Close => {}
        }
    }

    fn connection_due(&mut self, now: Instant, conn: ConnectionId) {
        let Some(connection) = self.connections.get(&conn) else {
            return;
        };
        let late = connection
            .in_flight
            .iter()
            .find(|request| request.deadline <= now);
        if let Some(request) = late {
            let cause = Cause::RequestTimeout {
                address: connection.address.to_string(),
                api: request.kind.name(),
                after: self.config.request_timeout,
            };
            self.disconnect(now, conn, cause);
            return;
        }
        let idle_at = connection.idle_at(self.config.connections_max_idle);
        if connection.in_flight.is_empty() && !connection.is_in_handshake() && now >= idle_at {
            self.close_idle(conn);
            return;
        }
        let next = connection.next_deadline(now, self.config.connections_max_idle);
        if next > now {
            self.timers.arm(Timer::Connection(conn), next);
        }
    }

    /// When the partition's oldest batch without an outcome runs out of `delivery.timeout.ms`.
    pub(super) fn next_timeout(&self, id: PartitionId, front: Front) -> Option<Instant> {
        let drained = self.queues[id.0 as usize].oldest();
        // Of one that is being sealed its sealer will say when it is done.
        let oldest = drained.or_else(|| front.opened())?;
        Some(oldest + self.config.delivery_timeout)
    }

    /// Fails the partition's batches whose time is over.
    fn expire(&mut self, now: Instant, id: PartitionId) {
        while let Some((index, opened)) = self.first_expired(now, id) {
            let kind = self.delivery_timed_out(id, now - opened);
            self.give_up(id, index, kind);
        }
        loop {
            let queue = &self.queues[id.0 as usize];
            if queue.oldest().is_some() {
                return;
            }
            let front = queue.partition.look().front;
            let expired = self
                .next_timeout(id, front)
                .filter(|at| *at <= now)
                .and_then(|_| self.pop_batch(id));
            let Some(batch) = expired else {
                return;
            };
            let kind = self.delivery_timed_out(id, now - batch.opened);
            self.fail_unsent(id, batch, kind);
        }
    }

    fn first_expired(&self, now: Instant, id: PartitionId) -> Option<(usize, Instant)> {
        let mut entries = self.queues[id.0 as usize].entries.iter().enumerate();
        entries.find_map(|(index, entry)| match &entry.batch {
            EntryBatch::Live(batch) if batch.opened + self.config.delivery_timeout <= now => {
                Some((index, batch.opened))
            }
            _ => None,
        })
    }

    fn delivery_timed_out(&self, id: PartitionId, waited: std::time::Duration) -> ErrorKind {
        let queue = &self.queues[id.0 as usize];
        let topic = &queue.partition.topic;
        let of_topic = self
            .metadata
            .topics
            .get(topic)
            .and_then(|entry| entry.topic.trouble());
        let of_leader = queue
            .leader
            .and_then(|node| self.nodes.get(&node)?.trouble.clone());
        let no_leader = queue.leader.is_none().then(|| Cause::NoLeader {
            topic: Arc::clone(topic),
            partition: queue.partition.index,
        });
        ErrorKind::DeliveryTimeout {
            waited,
            cause: of_topic
                .or(of_leader)
                .or_else(|| self.accumulator.trouble())
                .or(no_leader),
        }
    }

    /// Fails a batch now. While a request carries it, its bytes and its place are kept.
    fn give_up(&mut self, id: PartitionId, index: usize, kind: ErrorKind) {
        let now = self.now.instant;
        let entry = &mut self.queue(id).entries[index];
        let Some(sent) = entry.sent else {
            self.fail(id, index, kind);
            return;
        };
        entry.in_doubt = true;
        entry.note(sent, AttemptOutcome::Awaited, now);
        let trail = std::mem::take(&mut entry.trail);
        let kept = EntryBatch::Ghost {
            count: entry.count(),
        };
        let settled = match std::mem::replace(&mut entry.batch, kept) {
            EntryBatch::Live(batch) => {
                EntryBatch::Spent(self.settle_failed(batch, kind, trail, true))
            }
            settled => settled,
        };
        self.queue(id).entries[index].batch = settled;
        self.tell_decided(id);
    }

    /// The topic was made anew, or is another cluster's: its log knows none of our sequences. What may be in the old log
    /// stays in doubt, the rest begins a new sequence.
    pub(super) fn begin_anew(&mut self, now: Instant, id: PartitionId, why: Unresolved) {
        let queue = self.queue(id);
        queue.confirmed = false;
        queue.log_append_time = None;
        queue.doubt = Doubt {
            round: queue.doubt.round,
            ..Doubt::default()
        };
        queue.sequences.want_bump(Some(ErrorCode::UNKNOWN_TOPIC_ID));
        if self.config.enable_idempotence {
            self.cannot_tell(now, id, why);
        }
    }

    /// Fails all batches that no request carries.
    pub(super) fn fail_all_queued(&mut self, now: Instant, code: ErrorCode) {
        for id in self.all_partitions() {
            self.give_up_partition(id, false, || ErrorKind::Rejected {
                code,
                message: None,
            });
            self.evaluate(now, id);
        }
    }

    /// Fails what the application gives up.
    pub(super) fn purge(&mut self, now: Instant, what: Purge) {
        let in_flight = what == Purge::QueuedAndInFlight;
        for id in self.all_partitions() {
            self.give_up_partition(id, in_flight, || ErrorKind::Purged);
            self.evaluate(now, id);
        }
    }

    /// Fails the partition's batches; with `sent` those too that a request carries. Returns how many
    /// records surely aren't in the log, and how many may be.
    fn give_up_partition(
        &mut self,
        id: PartitionId,
        sent: bool,
        kind: impl Fn() -> ErrorKind,
    ) -> (u64, u64) {
        let (mut unsent, mut in_doubt) = (0, 0);
        let mut index = 0;
        while let Some(entry) = self.queue(id).entries.get(index) {
            let EntryBatch::Live(batch) = &entry.batch else {
                index += 1;
                continue;
            };
            if entry.sent.is_some() && !sent {
                index += 1;
                continue;
            }
            let count = u64::from(batch.count());
            if entry.may_have_been_written() || entry.sent.is_some() {
                in_doubt += count;
            } else {
                unsent += count;
            }
            // What stays in the row isn't live any more.
            self.give_up(id, index, kind());
        }
        while let Some(batch) = self.pop_batch(id) {
            unsent += u64::from(batch.count());
            self.fail_unsent(id, batch, kind());
        }
        (unsent, in_doubt)
    }

    /// Fails a batch that never was in a request.
    fn fail_unsent(&mut self, id: PartitionId, batch: SealedBatch, kind: ErrorKind) {
        let last = self.queue(id).push(Entry::new(batch));
        self.fail(id, last, kind);
    }

    /// Gives up all that has no outcome yet.
    pub(super) fn abort(&mut self) {
        for id in self.all_partitions() {
            let (unsent, in_doubt) = self.give_up_partition(id, true, || ErrorKind::Aborted);
            self.left.unsent += unsent;
            self.left.in_doubt += in_doubt;
        }
        self.drop_barriers();
    }

    /// Ends when all is settled, or when `close`'s time is over.
    pub(super) fn pump_closing(&mut self, now: Instant) {
        let deadline = self.accumulator.closing.deadline();
        if deadline.is_some_and(|deadline| deadline <= now) {
            self.abort();
        }
        if !self.accumulator.generations.all_settled() {
            return;
        }
        if !self.end_telemetry(now) {
            return;
        }
        let connections: Vec<ConnectionId> = self.connections.keys().copied().collect();
        for conn in connections {
            self.close_idle(conn);
        }
        self.release_all();
        self.closed = true;
        self.accumulator.closing.finish(self.left);
    }

    /// No connection is left that could carry what was given up.
    pub(super) fn release_all(&mut self) {
        for queue in &mut self.queues {
            for entry in std::mem::take(&mut queue.entries) {
                if let EntryBatch::Spent(spent) = entry.batch {
                    self.accumulator.release(&queue.partition, spent);
                }
            }
        }
    }
}
