//! Requests that wait for records, or for replicas: one per connection at most.
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Topic id and index of a partition.
pub(crate) type PartitionKey = ([u8; 16], i32);

/// A request that waits, with what it waits for.
#[derive(Debug)]
pub(crate) struct Waiting<T> {
    pub(crate) request: T,
    pub(crate) deadline: Duration,
    /// Bytes that are still missing for an answer.
    pub(crate) missing: usize,
    pub(crate) partitions: Vec<PartitionKey>,
}

/// All requests that wait, by connection and by partition.
#[derive(Debug)]
pub(crate) struct WaitingRequests<T> {
    by_connection: BTreeMap<u64, Waiting<T>>,
    by_partition: BTreeMap<PartitionKey, BTreeSet<u64>>,
    ready: BTreeSet<u64>,
}

impl<T> Default for WaitingRequests<T> {
    fn default() -> Self {
        Self {
            by_connection: BTreeMap::new(),
            by_partition: BTreeMap::new(),
            ready: BTreeSet::new(),
        }
    }
}

impl<T> WaitingRequests<T> {
    /// Lets a connection's request wait; one that waited before is dropped.
    pub(crate) fn park(&mut self, connection: u64, waiting: Waiting<T>) {
        self.take(connection);
        for partition in &waiting.partitions {
            self.by_partition
                .entry(*partition)
                .or_default()
                .insert(connection);
        }
        self.by_connection.insert(connection, waiting);
    }

    /// Notes that a partition grew by `bytes`.
    pub(crate) fn grown(&mut self, partition: PartitionKey, bytes: usize) {
        if self.by_partition.is_empty() {
            return;
        }
        let Some(connections) = self.by_partition.get(&partition) else {
            return;
        };
        for connection in connections {
            if let Some(waiting) = self.by_connection.get_mut(connection) {
                waiting.missing = waiting.missing.saturating_sub(bytes);
                if waiting.missing == 0 {
                    self.ready.insert(*connection);
                }
            }
        }
    }

    /// Notes that a partition changed otherwise, or is gone: what waits for it looks again.
    pub(crate) fn changed(&mut self, partition: PartitionKey) {
        self.grown(partition, usize::MAX);
    }

    /// A connection whose request need not wait any longer.
    pub(crate) fn next_ready(&mut self) -> Option<u64> {
        self.ready.pop_first()
    }

    /// The first deadline of all.
    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        self.by_connection.values().map(|w| w.deadline).min()
    }

    /// Drops the requests that are not to be kept.
    pub(crate) fn retain(&mut self, keep: impl Fn(&T) -> bool) {
        let dropped = self.by_connection.iter().filter(|(_, w)| !keep(&w.request));
        let dropped: Vec<u64> = dropped.map(|(connection, _)| *connection).collect();
        for connection in dropped {
            self.take(connection);
        }
    }

    /// Ends the wait of a connection's request.
    pub(crate) fn take(&mut self, connection: u64) -> Option<Waiting<T>> {
        let waiting = self.by_connection.remove(&connection)?;
        self.ready.remove(&connection);
        for partition in &waiting.partitions {
            if let Some(connections) = self.by_partition.get_mut(partition) {
                connections.remove(&connection);
                if connections.is_empty() {
                    self.by_partition.remove(partition);
                }
            }
        }
        Some(waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(missing: usize, partitions: &[i32]) -> Waiting<&'static str> {
        Waiting {
            request: "fetch",
            deadline: Duration::from_secs(missing as u64),
            missing,
            partitions: partitions.iter().map(|p| ([0; 16], *p)).collect(),
        }
    }

    #[test]
    fn requests_are_ready_when_their_partitions_have_grown_enough() {
        let mut all = WaitingRequests::default();
        all.park(1, waiting(10, &[0, 1, 1]));
        all.park(2, waiting(3, &[1]));
        assert_eq!(all.next_deadline(), Some(Duration::from_secs(3)));
        all.grown(([0; 16], 0), 6);
        assert_eq!(all.next_ready(), None);
        all.grown(([0; 16], 1), 4);
        assert_eq!(
            (all.next_ready(), all.next_ready(), all.next_ready()),
            (Some(1), Some(2), None)
        );
        assert_eq!(all.take(1).map(|w| w.request), Some("fetch"));
        assert!(all.take(1).is_none());
        all.take(2);
        assert!(all.by_partition.is_empty() && all.by_connection.is_empty());
    }

    #[test]
    fn a_changed_partition_makes_ready_and_a_second_request_replaces_the_first() {
        let mut all = WaitingRequests::default();
        all.park(1, waiting(10, &[0]));
        all.park(1, waiting(10, &[1]));
        all.changed(([0; 16], 0));
        assert_eq!(all.next_ready(), None);
        all.changed(([0; 16], 1));
        assert_eq!(all.next_ready(), Some(1));
    }
}
