//! Which replica has how much of a partition's log, and what readers may see of it.
//!
//! There is one log, that of the leader; a follower has a prefix of it. So a follower that becomes leader cuts off
//! what it doesn't have, and the replicas of a partition differ in nothing else.

/// A node's copy of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Replica {
    pub(crate) node: i32,
    /// Offset after the last record it has. That of the leader is the log's end.
    pub(crate) end: i64,
    pub(crate) in_sync: bool,
    /// It copies what the leader appends.
    pub(crate) copies: bool,
    /// How many batches of each producer it knew when it was started last, and the log's end then.
    pub(crate) reloaded: Option<(usize, i64)>,
}

impl Replica {
    fn new(node: i32) -> Self {
        Self {
            node,
            end: 0,
            in_sync: true,
            copies: true,
            reloaded: None,
        }
    }
}

/// The replicas of a partition, the preferred leader first.
#[derive(Clone, Debug)]
pub(crate) struct Replicas {
    all: Vec<Replica>,
    /// Readers see the log up to here: every in-sync replica has it. It goes back only in an unclean election.
    watermark: i64,
}

impl Replicas {
    pub(crate) fn new(nodes: &[i32]) -> Self {
        Self {
            all: nodes.iter().map(|node| Replica::new(*node)).collect(),
            watermark: 0,
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Replica> {
        self.all.iter()
    }

    pub(crate) fn get_mut(&mut self, node: i32) -> Option<&mut Replica> {
        self.all.iter_mut().find(|replica| replica.node == node)
    }

    pub(crate) fn in_sync(&self) -> Vec<i32> {
        let in_sync = self.all.iter().filter(|replica| replica.in_sync);
        in_sync.map(|replica| replica.node).collect()
    }

    pub(crate) fn in_sync_count(&self) -> usize {
        self.all.iter().filter(|replica| replica.in_sync).count()
    }

    /// The high watermark of a log that ends at `log_end`.
    pub(crate) fn watermark(&self, log_end: i64) -> i64 {
        if self.all.len() <= 1 {
            log_end
        } else {
            self.watermark
        }
    }

    /// The leader's log has this end now: followers that copy have it, too. Returns whether the high watermark moved.
    pub(crate) fn grown(&mut self, leader: i32, log_end: i64) -> bool {
        for replica in &mut self.all {
            if replica.node == leader || replica.copies {
                replica.end = log_end;
            }
        }
        self.advance()
    }

    fn advance(&mut self) -> bool {
        let in_sync = self.all.iter().filter(|replica| replica.in_sync);
        let common = in_sync.map(|replica| replica.end).min().unwrap_or(0);
        let moved = common > self.watermark;
        self.watermark = self.watermark.max(common);
        moved
    }

    /// A follower catches up and counts as in sync again. Returns whether the high watermark moved.
    pub(crate) fn catch_up(&mut self, node: i32, log_end: i64) -> bool {
        if let Some(replica) = self.get_mut(node) {
            replica.end = log_end;
            replica.copies = true;
            replica.in_sync = true;
        }
        self.advance()
    }

    /// The replica is no longer counted. The last one in sync stays. Returns whether the high watermark moved.
    pub(crate) fn drop_from_isr(&mut self, node: i32) -> bool {
        if self.in_sync_count() > 1
            && let Some(replica) = self.get_mut(node)
        {
            replica.in_sync = false;
        }
        self.advance()
    }

    /// `leader` leads a log that ends at `log_end`: nobody has more, and after an unclean election nobody else counts.
    pub(crate) fn lead(&mut self, leader: i32, log_end: i64, unclean: bool) {
        for replica in &mut self.all {
            replica.end = replica.end.min(log_end);
            if unclean {
                replica.in_sync = replica.node == leader;
            }
        }
        self.watermark = self.watermark.min(log_end);
        self.advance();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_see_what_all_in_sync_replicas_have() {
        let mut replicas = Replicas::new(&[1, 2, 3]);
        assert!(replicas.grown(1, 5));
        replicas.get_mut(2).unwrap().copies = false;
        assert!(!replicas.grown(1, 8));
        assert_eq!(replicas.watermark(8), 5);
        assert!(replicas.drop_from_isr(2));
        assert_eq!((replicas.watermark(8), replicas.in_sync()), (8, vec![1, 3]));
        replicas.grown(1, 9);
        replicas.catch_up(2, 9);
        assert_eq!(replicas.in_sync_count(), 3);
    }

    #[test]
    fn an_unclean_leader_takes_back_what_readers_saw() {
        let mut replicas = Replicas::new(&[1, 2]);
        replicas.get_mut(2).unwrap().copies = false;
        replicas.drop_from_isr(2);
        replicas.grown(1, 5);
        assert_eq!(replicas.watermark(5), 5);
        replicas.lead(2, 0, true);
        assert_eq!((replicas.watermark(0), replicas.in_sync()), (0, vec![2]));
    }

    #[test]
    fn the_last_one_in_sync_stays() {
        let mut replicas = Replicas::new(&[1]);
        replicas.drop_from_isr(1);
        assert_eq!(replicas.in_sync(), [1]);
    }
}
