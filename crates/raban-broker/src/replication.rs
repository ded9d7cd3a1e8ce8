//! Which replica has how much of a partition's log, what readers may see of it, and what each knows of producers.
//!
//! There is one log, that of the leader; a follower has a prefix of it. What nodes know of producers is kept apart, as in
//! Apache Kafka: one that was restarted knows less than one that was not. With one replica there is nothing to copy, and
//! readers see the whole log.
use std::time::Duration;

use raban_log::LogError;
use raban_protocol::record_batch::BatchHeader;

use crate::partition::Partition;
use crate::producer_state::ProducerStates;

/// A node's copy of a partition.
#[derive(Clone, Debug)]
pub(crate) struct Replica {
    pub(crate) node: i32,
    pub(crate) is_up: bool,
    pub(crate) is_lagging: bool,
    pub(crate) in_sync: bool,
    /// Offset after the last record it has. Without meaning for the leader, which has the whole log.
    pub(crate) end: i64,
    /// What it knows of producers. Without meaning for the leader, which knows [`Partition::producers`].
    pub(crate) producers: ProducerStates,
}

impl Replica {
    /// Whether it copies what the leader appends, at once.
    fn copies(&self) -> bool {
        self.is_up && !self.is_lagging
    }
}

/// Where a partition's replicas are when it is opened.
#[derive(Clone, Debug)]
pub(crate) struct Placement {
    /// Each node, whether it is up, whether it lags; the preferred leader comes first.
    pub(crate) nodes: Vec<(i32, bool, bool)>,
    pub(crate) min_in_sync: usize,
    /// The least that the leader epoch is.
    pub(crate) leader_epoch: i32,
}

impl Placement {
    /// The first node that is up.
    pub(crate) fn leader(&self) -> Option<i32> {
        let up = self.nodes.iter().find(|(_, is_up, _)| *is_up);
        up.map(|(node, ..)| *node)
    }

    /// Replicas that all have the whole log; in sync are those that are up, or all if none is.
    pub(crate) fn replicas(&self, end: i64, producers: &ProducerStates) -> Replicas {
        let replica = |&(node, is_up, is_lagging): &(i32, bool, bool)| Replica {
            node,
            is_up,
            is_lagging,
            in_sync: is_up || self.leader().is_none(),
            end,
            producers: producers.clone(),
        };
        Replicas {
            all: self.nodes.iter().map(replica).collect(),
            watermark: end,
            min_in_sync: self.min_in_sync,
        }
    }
}

/// The replicas of a partition, the preferred leader first.
#[derive(Clone, Debug)]
pub(crate) struct Replicas {
    all: Vec<Replica>,
    /// Readers see the log up to here: every in-sync replica has it. It goes back only when the log is cut.
    watermark: i64,
    /// In-sync replicas that acks=all needs.
    min_in_sync: usize,
}

impl Replicas {
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Replica> {
        self.all.iter_mut()
    }

    pub(crate) fn get(&self, node: i32) -> Option<&Replica> {
        self.all.iter().find(|replica| replica.node == node)
    }

    pub(crate) fn get_mut(&mut self, node: i32) -> Option<&mut Replica> {
        self.all.iter_mut().find(|replica| replica.node == node)
    }

    /// The nodes whose replicas are as wanted.
    pub(crate) fn nodes(&self, wanted: impl Fn(&Replica) -> bool) -> Vec<i32> {
        let found = self.all.iter().filter(|replica| wanted(replica));
        found.map(|replica| replica.node).collect()
    }

    pub(crate) fn in_sync(&self) -> Vec<i32> {
        self.nodes(|replica| replica.in_sync)
    }

    fn in_sync_count(&self) -> usize {
        self.all.iter().filter(|replica| replica.in_sync).count()
    }

    /// Whether fewer replicas are in sync than acks=all needs, which is never more than there are.
    pub(crate) fn is_under_min_isr(&self) -> bool {
        self.in_sync_count() < self.min_in_sync.min(self.all.len())
    }

    pub(crate) fn set_min_in_sync(&mut self, min_in_sync: usize) {
        self.min_in_sync = min_in_sync;
    }

    /// A replica is no longer counted, unless it is the last one in sync.
    pub(crate) fn drop_from_isr(&mut self, node: i32) {
        if self.in_sync_count() > 1
            && let Some(replica) = self.get_mut(node)
        {
            replica.in_sync = false;
        }
    }

    /// The log was cut: readers see no more than there is.
    pub(crate) fn lower_watermark(&mut self, end: i64) {
        self.watermark = self.watermark.min(end);
    }
}

impl Partition {
    /// Offset after the last record that readers see. With one replica it is the log's end.
    pub(crate) fn high_watermark(&self) -> i64 {
        match self.replicas.all.len() {
            0 | 1 => self.end_offset(),
            _ => self.replicas.watermark,
        }
    }

    /// Followers copy a batch that was appended just now.
    pub(crate) fn copy_appended(&mut self, batch: &BatchHeader, now: Duration) {
        if self.replicas.all.len() <= 1 {
            return;
        }
        let leader = self.leader;
        let followers = self.replicas.all.iter_mut();
        let copies =
            |r: &&mut Replica| r.node != leader && r.copies() && r.end == batch.base_offset;
        for follower in followers.filter(copies) {
            follower.producers.push(batch, now);
            follower.end = batch.last_offset() + 1;
        }
        self.advance_watermark();
    }

    /// Followers that can copy all that they miss, and are in sync then. Without a leader there is nobody to copy from.
    pub(crate) fn catch_up(&mut self, now: Duration) -> Result<(), LogError> {
        let leader = self.leader;
        if self.has_leader() {
            for node in self.replicas.nodes(|r| r.node != leader && r.copies()) {
                self.copy_to(node, now)?;
            }
        }
        self.advance_watermark();
        Ok(())
    }

    fn copy_to(&mut self, node: i32, now: Duration) -> Result<(), LogError> {
        let (start, end) = (self.start_offset(), self.end_offset());
        let Some(follower) = self.replicas.get_mut(node) else {
            return Ok(());
        };
        let mut producers = std::mem::take(&mut follower.producers);
        let missing = follower.end.max(start);
        if missing < end {
            self.headers(missing, &mut |batch| producers.push(batch, now))?;
        }
        if let Some(follower) = self.replicas.get_mut(node) {
            follower.producers = producers;
            follower.end = end;
            follower.in_sync = true;
        }
        Ok(())
    }

    /// Shows readers what all in-sync replicas have. With too few of these for acks=all nothing more is shown (KIP-966).
    pub(crate) fn advance_watermark(&mut self) {
        if !self.has_leader() || self.replicas.is_under_min_isr() {
            return;
        }
        let followers = self.replicas.all.iter();
        let followers = followers.filter(|r| r.in_sync && r.node != self.leader);
        let common = followers.map(|r| r.end).min().unwrap_or(i64::MAX);
        let common = common.min(self.end_offset());
        self.replicas.watermark = self.replicas.watermark.max(common);
    }
}
