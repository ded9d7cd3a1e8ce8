//! Who leads a partition, and what becomes of its log and of what is known of producers when that changes (KIP-101).
use std::time::Duration;

use raban_log::LogError;
use raban_protocol::record_batch::BatchHeader;

use crate::partition::{NO_LEADER, Partition};
use crate::producer_state::ProducerStates;

impl Partition {
    pub(crate) fn has_leader(&self) -> bool {
        self.leader != NO_LEADER
    }

    /// A replica leads from now on, in a new epoch: what it hasn't copied is cut off. One that wasn't in sync takes itself
    /// alone for in sync (an unclean election).
    pub(crate) fn lead(&mut self, node: i32, now: Duration) -> Result<(), LogError> {
        self.resign();
        let Some(elected) = self.replicas.get_mut(node) else {
            return Ok(());
        };
        let (end, clean) = (elected.end, elected.in_sync);
        self.producers = std::mem::take(&mut elected.producers);
        self.leader = node;
        for replica in self.replicas.iter_mut() {
            replica.in_sync = replica.node == node || clean && replica.in_sync;
        }
        self.cut(end, now)?;
        self.epochs.assign(self.leader_epoch, end);
        self.catch_up(now)
    }

    /// Nobody leads from now on, in a new epoch: what the leader had is a copy like the others.
    fn resign(&mut self) {
        let (leader, end) = (self.leader, self.end_offset());
        if let Some(replica) = self.replicas.get_mut(leader) {
            replica.end = end;
            replica.producers = std::mem::take(&mut self.producers);
        }
        self.leader = NO_LEADER;
        self.leader_epoch += 1;
    }

    /// Cuts the log, and what other replicas have beyond: what these know of producers they read from the log then.
    fn cut(&mut self, end: i64, now: Duration) -> Result<(), LogError> {
        if end == self.end_offset() {
            return Ok(());
        }
        self.truncate_to(end)?;
        self.epochs.truncate(end);
        self.replicas.lower_watermark(end);
        let leader = self.leader;
        let beyond = self.replicas.nodes(|r| r.node != leader && r.end > end);
        let producers = self.producers_before(end, now)?;
        for node in beyond {
            if let Some(replica) = self.replicas.get_mut(node) {
                replica.end = end;
                replica.producers = producers.clone();
            }
        }
        Ok(())
    }

    /// What the log says of producers before an offset.
    fn producers_before(&mut self, end: i64, now: Duration) -> Result<ProducerStates, LogError> {
        let mut producers = ProducerStates::default();
        let start = self.start_offset();
        self.headers(start, &mut |batch: &BatchHeader| {
            if batch.base_offset < end {
                producers.push(batch, now);
            }
        })?;
        Ok(producers)
    }

    /// A node goes down. Unless it is the last one in sync it leaves these, and the next one of them leads.
    pub(crate) fn stop_node(&mut self, node: i32, now: Duration) -> Result<(), LogError> {
        let Some(replica) = self.replicas.get_mut(node) else {
            return Ok(());
        };
        replica.is_up = false;
        let heirs = self.replicas.nodes(|r| r.in_sync && r.is_up);
        if self.leader == node {
            match heirs.first() {
                Some(heir) => self.lead(*heir, now)?,
                None => self.resign(),
            }
        }
        self.replicas.drop_from_isr(node);
        self.advance_watermark();
        Ok(())
    }

    /// A node comes up, and reads from its log what it knows of producers: the last `window` batches of each. It leads if it
    /// was the last one in sync, otherwise it follows.
    pub(crate) fn start_node(
        &mut self,
        node: i32,
        window: usize,
        now: Duration,
    ) -> Result<(), LogError> {
        let Some(end) = self.replicas.get(node).map(|replica| replica.end) else {
            return Ok(());
        };
        let mut producers = self.producers_before(end, now)?;
        producers.shrink(window);
        let has_leader = self.has_leader();
        let Some(replica) = self.replicas.get_mut(node) else {
            return Ok(());
        };
        replica.is_up = true;
        replica.producers = producers;
        match replica.in_sync && !has_leader {
            true => self.lead(node, now),
            false => self.catch_up(now),
        }
    }
}
