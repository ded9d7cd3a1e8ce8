//! Takes sealed batches out of the accumulator: one request per leader, one batch per partition.

use std::collections::BTreeMap;
use std::sync::Arc;

use raban_protocol::api::Message;
use raban_protocol::messages::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use raban_protocol::primitives::Records;

use super::Sender;
use super::partition_queue::{Entry, EntryBatch, Row, Sent};
use super::timers::Timer;
use crate::accumulator::partition::{Front, PartitionId, Seen};
use crate::config::Acks;
use crate::connection::{ConnectionId, RequestKind, Role};
use crate::error::Unresolved;
use crate::event::Event;
use crate::idempotence::{ProducerId, Stamp};
use crate::metrics::Produced;
use crate::mutant::Mutant;
use crate::time::Instant;

/// The last version that names topics; later ones use topic ids (KIP-516).
const NEWEST_BY_NAME: i16 = 12;

/// Most sequenced batches that a broker can tell apart after a retry: it remembers five.
const MAX_IDEMPOTENT_IN_FLIGHT: usize = 5;

/// Whether a partition has something to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Readiness {
    Ready,
    /// What the log has must be found out first.
    Resolve,
    /// Not before this time.
    Later(Instant),
    /// Not until something happens that looks at it again.
    Never,
}

impl Sender {
    /// Looks at a partition: puts it on its leader's list, or sets its timer.
    pub(super) fn evaluate(&mut self, now: Instant, id: PartitionId) {
        let seen = self.queue(id).partition.look();
        self.evaluate_as(now, id, seen);
    }

    /// The same for one that was just looked at.
    pub(super) fn evaluate_as(&mut self, now: Instant, id: PartitionId, seen: Seen) {
        self.measure(id, seen);
        self.queue(id).pass_ghosts();
        if self.queue(id).is_overtaken() {
            self.cannot_tell(now, id, Unresolved::Overtaken);
            return;
        }
        self.bump_if_wanted(now, id);
        let readiness = self.readiness(now, id, seen.front);
        let timeout = self.next_timeout(id, seen.front);
        let at = match readiness {
            Readiness::Later(at) => Some(timeout.map_or(at, |timeout| timeout.min(at))),
            _ => timeout,
        };
        match at {
            Some(at) => self.timers.arm(Timer::Partition(id), at),
            None => self.timers.disarm(Timer::Partition(id)),
        }
        self.note_lingering(id, matches!(readiness, Readiness::Later(_)));
        match readiness {
            Readiness::Ready => {}
            Readiness::Resolve => return self.resolve(now, id),
            Readiness::Never => return self.note_held_up(now, id),
            Readiness::Later(_) => return,
        }
        let queue = self.queue(id);
        match queue.leader {
            Some(node) if !queue.listed => {
                queue.listed = true;
                self.nodes.entry(node).or_default().ready.push_back(id);
                self.busy_nodes.insert(node);
            }
            Some(_) => {}
            None => self.metadata.want(),
        }
    }

    fn note_lingering(&mut self, id: PartitionId, lingers: bool) {
        let before = std::mem::replace(&mut self.queue(id).lingers, lingers);
        if lingers && !before {
            self.lingering.insert(id);
        } else if before && !lingers {
            self.lingering.remove(&id);
        }
    }

    fn readiness(&mut self, now: Instant, id: PartitionId, front: Front) -> Readiness {
        if !matches!(self.producer_id, ProducerId::Known(_) | ProducerId::Unused) {
            return Readiness::Never;
        }
        let idempotent = self.config.enable_idempotence;
        let (max_in_flight, hurried) = (self.max_in_flight(), self.hurried);
        let generation = self.accumulator.generations.current();
        let linger = self.config.linger;
        let at_once = self.config.has(Mutant::NoFirstAcknowledgement);
        let queue = self.queue(id);
        queue.confirmed |= at_once;
        if let Some(resolution) = &queue.doubt.resolution {
            return match resolution.paused_until {
                Some(at) if now < at => Readiness::Later(at),
                Some(_) => Readiness::Resolve,
                None => Readiness::Never,
            };
        }
        let row = queue.row(max_in_flight, idempotent);
        match row {
            Row::Waiting => return Readiness::Never,
            _ if now < queue.not_before => return Readiness::Later(queue.not_before),
            Row::Resolve => return Readiness::Resolve,
            Row::Resend(_) => return Readiness::Ready,
            Row::Open => {}
        }
        match front {
            Front::Sealed { .. } => Readiness::Ready,
            Front::Open {
                opened,
                is_full,
                generation: of_batch,
            } => {
                let at = opened + linger;
                // It may have been opened after the loop looked at the time.
                let is_due = linger.is_zero() || now >= at;
                if is_due || is_full || hurried || of_batch < generation {
                    Readiness::Ready
                } else {
                    Readiness::Later(at)
                }
            }
            Front::Sealing | Front::Empty => Readiness::Never,
        }
    }

    /// How many batches of a partition, and requests of a connection, may be under way at once.
    pub(super) fn max_in_flight(&self) -> usize {
        let most = match self.config.enable_idempotence {
            true => MAX_IDEMPOTENT_IN_FLIGHT,
            false => usize::MAX,
        };
        self.config.max_in_flight.min(most) + usize::from(self.config.has(Mutant::SixInFlight))
    }

    /// Sends what can be sent to the leaders that have something to be sent.
    pub(super) fn pump_nodes(&mut self, now: Instant) {
        let nodes: Vec<i32> = self.busy_nodes.iter().copied().collect();
        for node in nodes {
            if let Some(conn) = self.node_connection(now, Role::Leader(node)) {
                while self.drain(now, node, conn) {}
            }
            if self
                .nodes
                .get(&node)
                .is_none_or(|node| node.ready.is_empty())
            {
                self.busy_nodes.remove(&node);
            } else {
                self.note_busy(now, node);
            }
        }
    }

    /// Sends one request; returns whether there may be another.
    fn drain(&mut self, now: Instant, node: i32, conn: ConnectionId) -> bool {
        let Some(connection) = self.connections.get(&conn) else {
            return false;
        };
        let has_room = connection.produce_in_flight() < self.max_in_flight();
        if !connection.is_ready(now) || !has_room {
            return false;
        }
        let partitions = self.gather(now, node);
        if partitions.is_empty() {
            return false;
        }
        self.send_produce(now, node, conn, partitions);
        true
    }

    /// The next batches for a request of at most `max.request.size` bytes, partitions in turn. A
    /// partition that can't send is left out, and doesn't keep the others waiting.
    fn gather(&mut self, now: Instant, node: i32) -> Vec<PartitionId> {
        let Some(rounds) = self.nodes.get(&node).map(|node| node.ready.len()) else {
            return Vec::new();
        };
        let mut gathered = Vec::new();
        let mut size = 0;
        for _ in 0..rounds {
            let Some(id) = self
                .nodes
                .get_mut(&node)
                .and_then(|node| node.ready.pop_front())
            else {
                break;
            };
            self.queue(id).listed = false;
            let seen = self.queue(id).partition.look();
            if self.readiness(now, id, seen.front) != Readiness::Ready {
                self.evaluate_as(now, id, seen);
                continue;
            }
            let Some(len) = self.take_batch(id) else {
                self.evaluate(now, id);
                continue;
            };
            if !gathered.is_empty() && size + len > self.config.max_request_size {
                // It stays drained, first in its row, and comes first in the next request.
                self.queue(id).listed = true;
                if let Some(node) = self.nodes.get_mut(&node) {
                    node.ready.push_front(id);
                }
                break;
            }
            size += len;
            gathered.push(id);
        }
        gathered
    }

    /// Brings the partition's next batch into its row, if it isn't there yet; returns its size.
    fn take_batch(&mut self, id: PartitionId) -> Option<usize> {
        let row =
            self.queues[id.0 as usize].row(self.max_in_flight(), self.config.enable_idempotence);
        let index = match row {
            Row::Resend(index) => index,
            Row::Open => {
                let batch = self.pop_batch(id)?;
                let queue = self.queue(id);
                queue.push(Entry::new(batch))
            }
            Row::Waiting | Row::Resolve => return None,
        };
        match &self.queue(id).entries[index].batch {
            EntryBatch::Live(batch) => Some(batch.len()),
            _ => None,
        }
    }

    /// The accumulator's next batch; an open one is sealed here, on the driver's side.
    pub(super) fn pop_batch(&mut self, id: PartitionId) -> Option<crate::batch::SealedBatch> {
        let partition = Arc::clone(&self.queue(id).partition);
        let mut state = partition.lock();
        if let Front::Open { .. } = state.front() {
            let taken = state.take_open();
            drop(state);
            self.accumulator.seal(self.now.instant, &partition, taken);
            state = partition.lock();
        }
        state.pop_sealed()
    }

    fn send_produce(
        &mut self,
        now: Instant,
        node: i32,
        conn: ConnectionId,
        partitions: Vec<PartitionId>,
    ) {
        let Some(version) = self.produce_version(now, conn, &partitions) else {
            return;
        };
        self.note_taken(node);
        self.ask_floors(now, conn, &partitions);
        let mut topics: BTreeMap<Arc<str>, Vec<PartitionProduceData>> = BTreeMap::new();
        let correlation_id = self.connections[&conn].next_correlation_id();
        let mut produced = Vec::with_capacity(partitions.len());
        for id in &partitions {
            let topic = &self.queues[id.0 as usize].partition.topic;
            let sent = Sent {
                connection: conn,
                correlation_id,
                broker: node,
                topic_id: self.metadata.topic_id(topic),
                at: now,
            };
            let (index, records, batch) = self.mark_sent(*id, sent);
            let topic = Arc::clone(&batch.topic);
            produced.push(batch);
            topics.entry(topic).or_default().push(PartitionProduceData {
                index,
                records: Some(records),
            });
        }
        let request = ProduceRequest {
            transactional_id: None,
            acks: self.config.acks.code(),
            timeout_ms: i32::try_from(self.config.request_timeout.as_millis()).unwrap_or(i32::MAX),
            topic_data: topics
                .into_iter()
                .map(|(name, partition_data)| TopicProduceData {
                    topic_id: if version > NEWEST_BY_NAME {
                        self.metadata.topic_id(&name)
                    } else {
                        raban_protocol::primitives::Uuid::ZERO
                    },
                    name: if version > NEWEST_BY_NAME {
                        String::new()
                    } else {
                        name.to_string()
                    },
                    partition_data,
                })
                .collect(),
        };
        let deadline = now + self.config.request_timeout;
        let connection = self.connections.get_mut(&conn).expect("checked by drain");
        let kind = RequestKind::Produce(partitions.clone());
        let frame = connection.send(kind, version, &self.client_id, &request, deadline);
        let in_flight = connection.produce_in_flight();
        self.accumulator
            .recorder
            .produced(now, &produced, in_flight);
        self.write(now, conn, frame);
        for id in partitions {
            self.evaluate(now, id);
        }
    }

    /// The version for these topics on this connection. Where there is none, the connection ends
    /// and the batches stay.
    fn produce_version(
        &mut self,
        now: Instant,
        conn: ConnectionId,
        partitions: &[PartitionId],
    ) -> Option<i16> {
        let by_id = partitions.iter().all(|id| {
            let topic = &self.queues[id.0 as usize].partition.topic;
            !self.metadata.topic_id(topic).is_zero()
        });
        let newest = if by_id {
            ProduceRequest::VERSIONS.max
        } else {
            NEWEST_BY_NAME
        };
        match self.connections[&conn].version::<ProduceRequest>(newest) {
            Ok(version) => Some(version),
            Err(cause) => {
                self.disconnect(now, conn, cause);
                for id in partitions {
                    self.evaluate(now, *id);
                }
                None
            }
        }
    }

    /// Stamps the batch at the head of the partition's unsent ones and notes the request it is in.
    fn mark_sent(&mut self, id: PartitionId, sent: Sent) -> (i32, Records, Produced) {
        let producer = match self.producer_id {
            ProducerId::Known(identity) => Some(identity),
            _ => None,
        };
        let queue = &mut self.queues[id.0 as usize];
        let index = queue.first_unsent().expect("take_batch brought one");
        let entry = &mut queue.entries[index];
        let EntryBatch::Live(batch) = &entry.batch else {
            unreachable!("a settled batch leaves the row unless a request carries it");
        };
        let stamp = *entry.stamp.get_or_insert_with(|| match producer {
            Some(producer) => queue.sequences.stamp(producer, batch.count()),
            None => Stamp::NONE,
        });
        let produced = Produced {
            topic: Arc::clone(batch.topic()),
            records: batch.count(),
            bytes: batch.len(),
            uncompressed: batch.uncompressed_len(),
            largest_record: batch.largest_record,
            queued: (entry.attempts == 0).then(|| sent.at - batch.opened),
        };
        entry.attempts += 1;
        entry.trail.handed_over(sent.at);
        entry.sent = Some(sent);
        let identity = stamp.identity;
        let records = batch.stamp(identity.id, identity.epoch, stamp.base_sequence);
        (batch.partition(), records, produced)
    }

    /// A broken sequence goes on under a new epoch, once nothing of the old one is on its way.
    fn bump_if_wanted(&mut self, now: Instant, id: PartitionId) {
        let queue = &mut self.queues[id.0 as usize];
        if !queue.sequences.bump_wanted() || queue.has_in_flight() || queue.has_doubt() {
            return;
        }
        let held = queue.sequences.identity();
        let (identity, because) = queue.sequences.bump();
        queue.confirmed = false;
        queue.forget_stamps();
        if self.config.has(Mutant::RewindOutOfOrder) {
            queue.entries.make_contiguous().reverse();
        }
        let Some(identity) = identity else {
            // The producer needs another id, unless it has one already.
            if matches!(self.producer_id, ProducerId::Known(known) if held.is_none_or(|held| held.id == known.id))
            {
                self.producer_id = ProducerId::Wanted { not_before: now };
            }
            return;
        };
        let (topic, partition) = (Arc::clone(&queue.partition.topic), queue.partition.index);
        self.event(Event::EpochBumped {
            topic,
            partition,
            epoch: identity.epoch,
            because,
        });
    }

    /// With `acks=0` the write is all there is.
    pub(super) fn written(&mut self, now: Instant, conn: ConnectionId, token: u32) {
        debug_assert_eq!(self.config.acks, Acks::None);
        let Some(connection) = self.connections.get_mut(&conn) else {
            return;
        };
        let position = connection.in_flight.iter().position(|request| {
            request.correlation_id as u32 == token
                && matches!(request.kind, RequestKind::Produce(_))
        });
        let Some(request) = position.and_then(|index| connection.in_flight.remove(index)) else {
            return;
        };
        self.accumulator.recorder.settled(1);
        if let RequestKind::Produce(partitions) = request.kind {
            for id in partitions {
                self.batch_written(now, id, conn, request.correlation_id);
            }
        }
    }
}
