//! What a metadata response changes: topics' partitions and their leaders.

use std::collections::BTreeSet;
use std::sync::Arc;

use raban_protocol::error_code::ErrorCode;
use raban_protocol::messages::produce::NodeEndpoint;
use raban_protocol::primitives::Uuid;

use super::Sender;
use super::partition_queue::PartitionQueue;
use crate::accumulator::partition::{Partition, PartitionId};
use crate::accumulator::topic::{PartitionInfo, Partitions, TopicView};
use crate::config::Address;
use crate::connection::ConnectionId;
use crate::error::{Cause, Unresolved};
use crate::idempotence::Sequences;
use crate::metadata::{PartitionNews, TopicNews};
use crate::time::Instant;

impl Sender {
    /// Takes in what is said of each topic. Returns whether nothing is left to be asked again.
    pub(super) fn take_topic_news(
        &mut self,
        now: Instant,
        conn: ConnectionId,
        news: Vec<(Arc<str>, TopicNews)>,
    ) -> bool {
        let address = self.connections[&conn].address.to_string();
        let mut settled = true;
        for (name, news) in news {
            let topic = Arc::clone(&self.metadata.topics[&name].topic);
            let trouble = |code| {
                Some(Cause::Broker {
                    address: address.clone(),
                    api: "Metadata",
                    code,
                })
            };
            match news {
                TopicNews::Known { id, partitions } => {
                    topic.set_trouble(None);
                    topic.forgive_size();
                    settled &= self.take_partitions(now, &name, id, &partitions);
                }
                TopicNews::NotYet(code) => {
                    topic.set_trouble(trouble(code));
                    settled &= !topic.has_waiting() && !self.has_batches(&name);
                }
                TopicNews::Refused(code) => {
                    topic.set_trouble(trouble(code));
                    self.refuse_topic(now, &name, code);
                }
            }
        }
        settled
    }

    fn refuse_topic(&mut self, now: Instant, name: &Arc<str>, code: ErrorCode) {
        let entry = self
            .metadata
            .topics
            .get_mut(name)
            .expect("it was asked for");
        entry.in_use = false;
        let until = now + self.config.retry_backoff_max;
        let waiting = entry.topic.publish(TopicView::Refused { code, until });
        self.accumulator.waits.wake(waiting);
    }

    fn has_batches(&self, name: &Arc<str>) -> bool {
        let queues = &self.metadata.topics[name].queues;
        queues.iter().any(|id| {
            let queue = &self.queues[id.0 as usize];
            !queue.entries.is_empty() || queue.partition.lock().held > 0
        })
    }

    /// Makes the partitions known to the application's threads, and moves them to their leaders.
    fn take_partitions(
        &mut self,
        now: Instant,
        name: &Arc<str>,
        id: Uuid,
        news: &[PartitionNews],
    ) -> bool {
        let has_id = !id.is_zero();
        let recreated = {
            let entry = self
                .metadata
                .topics
                .get_mut(name)
                .expect("it was asked for");
            let before = entry.told_id;
            if has_id {
                entry.told_id = id;
            }
            let queues = &self.queues;
            let denied = |id: &PartitionId| queues[id.0 as usize].leader_denies;
            // A broker older than topic ids tells nothing of them; an id that leaders deny is worth nothing.
            if has_id || entry.queues.iter().any(denied) {
                entry.id = id;
            }
            has_id && !before.is_zero() && before != id
        };
        while self.metadata.topics[name].queues.len() < news.len() {
            self.add_partition(name);
        }
        let queues = self.metadata.topics[name].queues.clone();
        let mut leaderless = false;
        for (index, id) in queues.iter().enumerate() {
            if recreated {
                self.begin_anew(now, *id, Unresolved::TopicRecreated);
            }
            // A partition that is gone has no leader any more.
            let (leader, epoch) = news
                .get(index)
                .map_or((None, -1), |said| (said.leader, said.leader_epoch));
            let denied = !has_id && self.queues[id.0 as usize].leader_denies;
            self.move_to_leader(now, *id, leader, epoch, recreated || denied);
            leaderless |= index < news.len() && self.queues[id.0 as usize].leader.is_none();
        }
        self.publish(name, &queues[..news.len()], news);
        for id in queues {
            // Brokers may be in other racks now.
            self.weigh(id);
            self.evaluate(now, id);
        }
        !leaderless || !self.has_batches(name)
    }

    fn add_partition(&mut self, name: &Arc<str>) {
        let id = PartitionId(u32::try_from(self.queues.len()).expect("fewer than 2^32 partitions"));
        let entry = self
            .metadata
            .topics
            .get_mut(name)
            .expect("it was asked for");
        let index = i32::try_from(entry.queues.len()).expect("fewer than 2^31 partitions");
        entry.queues.push(id);
        let partition = Partition::new(id, Arc::clone(name), index, Arc::clone(&entry.topic.ratio));
        let mut queue = PartitionQueue::new(partition);
        queue.sequences = Sequences::beginning_at(self.first_sequence);
        self.queues.push(queue);
    }

    fn publish(&mut self, name: &Arc<str>, queues: &[PartitionId], news: &[PartitionNews]) {
        let queues = queues.iter().map(|id| &self.queues[id.0 as usize]);
        let indexes = |led: &dyn Fn(i32) -> bool| {
            let queues = queues.clone().filter(|queue| queue.leader.is_some_and(led));
            queues.map(|queue| queue.partition.index).collect()
        };
        let partitions = Partitions {
            version: self.metadata.version,
            available: indexes(&|_| true),
            in_rack: indexes(&|leader| self.is_in_rack(leader)),
            all: queues.map(|queue| Arc::clone(&queue.partition)).collect(),
            info: (0..).zip(news).map(partition_info).collect(),
        };
        let entry = &self.metadata.topics[name];
        let waiting: BTreeSet<_> = entry.topic.publish(TopicView::Known(partitions));
        self.accumulator.waits.wake(waiting);
    }

    /// Takes in where brokers can be reached that a Produce answer names as leaders (KIP-951).
    pub(super) fn take_endpoints(&mut self, endpoints: Vec<NodeEndpoint>) {
        for endpoint in endpoints {
            if let Ok(port) = u16::try_from(endpoint.port) {
                let host = endpoint.host;
                let address = Address { host, port };
                self.metadata.brokers.insert(endpoint.node_id, address);
                self.metadata.place(endpoint.node_id, endpoint.rack);
            }
        }
    }

    /// Follows a broker that names the new leader, at once: nothing has to settle first.
    pub(super) fn follow_hint(&mut self, now: Instant, id: PartitionId, leader: i32, epoch: i32) {
        let known = self.metadata.brokers.contains_key(&leader);
        if known && epoch > self.queues[id.0 as usize].leader_epoch {
            self.move_to_leader(now, id, Some(leader), epoch, false);
            self.queue(id).not_before = now;
        }
    }

    /// Follows the leader, unless the news is older than what is known (KIP-320).
    pub(super) fn move_to_leader(
        &mut self,
        now: Instant,
        id: PartitionId,
        leader: Option<i32>,
        epoch: i32,
        force: bool,
    ) {
        let queue = &mut self.queues[id.0 as usize];
        let stale = epoch >= 0 && epoch < queue.leader_epoch;
        if stale && !force {
            return;
        }
        let changed = queue.leader_epoch != epoch;
        queue.leader_epoch = epoch;
        queue.leader_denies = false;
        let leader = leader.filter(|node| self.metadata.brokers.contains_key(node));
        let moved = queue.leader != leader;
        if moved {
            queue.confirmed = false;
            let was_listed = std::mem::take(&mut queue.listed);
            let old = queue.leader.filter(|_| was_listed);
            if let Some(node) = old.and_then(|old| self.nodes.get_mut(&old)) {
                node.ready.retain(|listed| *listed != id);
            }
            queue.leader = leader;
            queue.doubt.may_resend = false;
            self.weigh(id);
        }
        if changed || moved {
            self.stop_resolving(id);
        }
        let reachable = leader.is_some_and(|node| {
            let node = self.nodes.entry(node).or_default();
            node.failures == 0 || node.not_before <= now
        });
        let partition = Arc::clone(&self.queues[id.0 as usize].partition);
        self.accumulator.set_stalled(&partition, !reachable);
    }
}

fn partition_info((partition, news): (i32, &PartitionNews)) -> PartitionInfo {
    PartitionInfo {
        partition,
        leader: news.leader,
        replicas: news.replicas.clone(),
        in_sync: news.in_sync.clone(),
    }
}
