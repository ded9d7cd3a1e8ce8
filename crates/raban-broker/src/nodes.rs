//! The nodes of a cluster: which are up, which lag, where they are; and what tests make of them.
use std::collections::{BTreeMap, BTreeSet};

use raban_log::LogError;

use crate::cluster::{Cluster, Now};
use crate::partition::Partition;

/// Which nodes there are, and where.
#[derive(Debug, Default)]
pub(crate) struct Nodes {
    all: Vec<i32>,
    down: BTreeSet<i32>,
    lagging: BTreeSet<i32>,
    advertised: BTreeMap<i32, (String, u16)>,
}

impl Nodes {
    pub(crate) fn new(first: i32, count: i32) -> Self {
        Self {
            all: (first..first.saturating_add(count)).collect(),
            ..Self::default()
        }
    }

    pub(crate) fn up(&self) -> impl Iterator<Item = i32> {
        self.all.iter().copied().filter(|node| self.is_up(*node))
    }

    pub(crate) fn is_up(&self, node: i32) -> bool {
        !self.down.contains(&node)
    }

    pub(crate) fn is_lagging(&self, node: i32) -> bool {
        self.lagging.contains(&node)
    }

    pub(crate) fn address(&self, node: i32) -> Option<&(String, u16)> {
        self.advertised.get(&node)
    }

    /// The nodes that get a partition, the preferred leader first.
    pub(crate) fn place(&self, partition: i32, replication: usize) -> Vec<i32> {
        let first = usize::try_from(partition).unwrap_or(0) % self.all.len().max(1);
        let nodes = self.all.iter().cycle().skip(first);
        nodes
            .take(replication.min(self.all.len()))
            .copied()
            .collect()
    }
}

/// For tests and simulation.
impl Cluster {
    /// Host and port that clients are told to reach a node at.
    pub fn advertise(&mut self, node: i32, host: &str, port: u16) {
        let address = (host.to_owned(), port);
        self.topics.nodes.advertised.insert(node, address);
    }

    /// A node is gone: other in-sync replicas lead what it led, or nobody does. Requests that wait there are dropped, and one
    /// that still comes closes its connection; the driver ends the others.
    pub fn stop_node(&mut self, now: Now, node: i32) {
        if self.topics.nodes.down.insert(node) {
            self.waiting.retain(|request| request.node() != node);
            self.each_partition(|partition| partition.stop_node(node, now.elapsed));
        }
    }

    /// A node is back, remembers `window` batches of each producer (Apache Kafka: 1), and follows, or leads where nobody
    /// else may.
    pub fn start_node(&mut self, now: Now, node: i32, window: usize) {
        if self.topics.nodes.down.remove(&node) {
            self.each_partition(|partition| partition.start_node(node, window, now.elapsed));
        }
    }

    /// Moves a partition's leadership to a node that is up and in sync, or with `unclean` to any that is up: what it lacks is
    /// cut off. Returns whether it leads now.
    pub fn elect(&mut self, now: Now, topic: &str, index: i32, node: i32, unclean: bool) -> bool {
        self.one_partition(topic, index, |partition| {
            let replica = partition.replicas.get(node);
            let may_lead = replica.is_some_and(|r| r.is_up && (r.in_sync || unclean));
            if !may_lead || partition.leader == node {
                return Ok(false);
            }
            partition.lead(node, now.elapsed)?;
            Ok(true)
        })
    }

    /// A follower that lags doesn't copy what leaders append. It stays in sync until [`drop_from_isr`](Self::drop_from_isr);
    /// when it stops lagging it catches up. A node that leads lags once it follows.
    pub fn lag(&mut self, node: i32, lagging: bool) {
        let nodes = &mut self.topics.nodes.lagging;
        match lagging {
            true => nodes.insert(node),
            false => nodes.remove(&node),
        };
        let now = self.latest;
        self.each_partition(|partition| {
            if let Some(replica) = partition.replicas.get_mut(node) {
                replica.is_lagging = lagging;
            }
            partition.catch_up(now)
        });
    }

    /// The leader no longer counts this follower as in sync. One that doesn't lag is back with the next change.
    pub fn drop_from_isr(&mut self, topic: &str, index: i32, node: i32) {
        self.one_partition(topic, index, |partition| {
            if partition.leader != node {
                partition.replicas.drop_from_isr(node);
                partition.advance_watermark();
            }
            Ok(())
        });
    }

    /// Changes a partition, and lets what waits for it look again.
    pub(crate) fn one_partition<T: Default>(
        &mut self,
        topic: &str,
        index: i32,
        change: impl FnOnce(&mut Partition) -> Result<T, LogError>,
    ) -> T {
        let Some((id, partition)) = self.topics.any_partition(topic, index) else {
            return T::default();
        };
        let changed = change(partition);
        self.waiting.changed((id.0, index));
        changed.unwrap_or_else(|error| {
            tracing::error!(topic, partition = index, %error, "a partition could not be changed");
            T::default()
        })
    }

    /// Changes all partitions, and lets everything that waits look again.
    pub(crate) fn each_partition(
        &mut self,
        change: impl Fn(&mut Partition) -> Result<(), LogError>,
    ) {
        for ((topic, index), partition) in self.topics.partitions_mut() {
            if let Err(error) = change(partition) {
                tracing::error!(%topic, partition = index, %error, "a partition could not be changed");
            }
            self.waiting.changed((topic.0, index));
        }
    }
}
