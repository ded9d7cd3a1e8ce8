//! The nodes of a cluster: which are up, who leads what, and what becomes of a partition when that changes.
use std::collections::{BTreeMap, BTreeSet};

use crate::cluster::{Cluster, Now};
use crate::partition::{NO_LEADER, Partition};

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

    pub(crate) fn address(&self, node: i32) -> Option<&(String, u16)> {
        self.advertised.get(&node)
    }

    fn copies(&self, node: i32) -> bool {
        self.is_up(node) && !self.lagging.contains(&node)
    }
}

/// For tests and simulation.
impl Cluster {
    /// Host and port that clients are told to reach a node at.
    pub fn advertise(&mut self, node: i32, host: &str, port: u16) {
        let address = (host.to_owned(), port);
        self.nodes.advertised.insert(node, address);
    }

    /// A node is gone: other in-sync replicas lead what it led, or nobody does. The driver ends its connections, and with
    /// them the requests that wait there.
    pub fn stop_node(&mut self, _now: Now, node: i32) {
        self.nodes.down.insert(node);
        self.each_partition(|nodes, partition| {
            if let Some(replica) = partition.replicas.get_mut(node) {
                replica.copies = false;
            }
            partition.replicas.drop_from_isr(node);
            if partition.leader == node {
                let heir = heir(nodes, partition);
                partition.lead(heir.unwrap_or(NO_LEADER), false);
            }
        });
    }

    /// A node is back, remembers `window` batches of each producer (Apache Kafka: 1), and follows, or leads where nobody
    /// else may.
    pub fn start_node(&mut self, _now: Now, node: i32, window: usize) {
        self.nodes.down.remove(&node);
        self.each_partition(|nodes, partition| {
            let end = partition.end_offset();
            let Some(replica) = partition.replicas.get_mut(node) else {
                return;
            };
            replica.reloaded = Some((window, replica.end.min(end)));
            if partition.leader != NO_LEADER {
                if nodes.copies(node) {
                    partition.replicas.catch_up(node, end);
                }
            } else if replica.in_sync {
                replica.copies = true;
                partition.lead(node, false);
                partition.follow(nodes);
            }
        });
    }

    /// Moves a partition's leadership to a node that is up and in sync, or with `unclean` to any that is up: what it lacks is
    /// cut off. Returns whether it leads now.
    pub fn elect(&mut self, _now: Now, topic: &str, index: i32, node: i32, unclean: bool) -> bool {
        let is_up = self.nodes.is_up(node);
        let mut elected = false;
        self.one_partition(topic, index, |nodes, partition| {
            let replica = partition.replicas.get_mut(node);
            let in_sync = replica.map(|replica| replica.in_sync);
            elected = is_up && partition.leader != node && in_sync.is_some_and(|s| s || unclean);
            if elected {
                partition.lead(node, in_sync == Some(false));
                partition.follow(nodes);
            }
        });
        elected
    }

    /// A follower that lags doesn't copy what leaders append. It stays in sync until [`drop_from_isr`](Self::drop_from_isr);
    /// when it stops lagging it catches up.
    pub fn lag(&mut self, node: i32, lagging: bool) {
        if lagging {
            self.nodes.lagging.insert(node);
        } else {
            self.nodes.lagging.remove(&node);
        }
        self.each_partition(|nodes, partition| {
            if partition.leader == node || partition.leader == NO_LEADER {
                return;
            }
            if nodes.copies(node) {
                partition.follow(nodes);
            } else if let Some(replica) = partition.replicas.get_mut(node) {
                replica.copies = false;
            }
        });
    }

    /// The leader no longer counts this follower as in sync.
    pub fn drop_from_isr(&mut self, topic: &str, index: i32, node: i32) {
        self.one_partition(topic, index, |_, partition| {
            if partition.leader != node {
                partition.replicas.drop_from_isr(node);
            }
        });
    }

    fn one_partition(
        &mut self,
        topic: &str,
        index: i32,
        change: impl FnOnce(&Nodes, &mut Partition),
    ) {
        if let Some((key, partition)) = self.topics.any_partition(topic, index) {
            change(&self.nodes, partition);
            self.waiting.removed((key.0, index));
        }
    }

    /// Changes all partitions, and lets everything that waits look again.
    fn each_partition(&mut self, change: impl Fn(&Nodes, &mut Partition)) {
        for ((topic, index), partition) in self.topics.partitions_mut() {
            change(&self.nodes, partition);
            self.waiting.removed((topic.0, index));
        }
    }
}

/// The in-sync replica that is up and comes first.
fn heir(nodes: &Nodes, partition: &Partition) -> Option<i32> {
    let mut replicas = partition.replicas.iter();
    let heir = replicas.find(|replica| {
        replica.in_sync && replica.node != partition.leader && nodes.is_up(replica.node)
    });
    heir.map(|replica| replica.node)
}

impl Partition {
    /// Lets the followers that can catch up with the leader.
    fn follow(&mut self, nodes: &Nodes) {
        let end = self.end_offset();
        let others: Vec<i32> = self.replicas.iter().map(|replica| replica.node).collect();
        for node in others {
            if node != self.leader && nodes.copies(node) {
                self.replicas.catch_up(node, end);
            }
        }
    }
}
