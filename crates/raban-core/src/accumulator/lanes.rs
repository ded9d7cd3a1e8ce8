//! Threads that meet at a sticky partition part: each goes on with that of another lane.
//!
//! A partition that several processors append to at a time costs them a multiple of what each would need alone: its lock, its batch
//! and the batch's result move from one processor's cache to the other's with every record.

use std::cell::Cell;
use std::sync::Arc;

use super::choose::Chosen;
use super::partition::PartitionState;
use super::topic::{Partitions, Topic};
use crate::partitioner::Lane;
use crate::sync::{MutexGuard, thread_local};

thread_local! {
    /// Of all topics.
    static LANE: Cell<Lane> = const { Cell::new(Lane::FIRST) };
}

/// The lane that this thread is on.
#[inline]
pub(super) fn own() -> Lane {
    LANE.with(Cell::get)
}

/// Locks the chosen partition, or, where another thread is at the sticky one, that of another lane.
#[inline]
pub(super) fn lock<'a>(
    topic: &Topic,
    partitions: &'a Partitions,
    chosen: Chosen<'a>,
) -> (Chosen<'a>, MutexGuard<'a, PartitionState>) {
    match chosen.partition.try_lock() {
        Some(state) => (chosen, state),
        None => part(topic, partitions, chosen),
    }
}

#[cold]
fn part<'a>(
    topic: &Topic,
    partitions: &'a Partitions,
    chosen: Chosen<'a>,
) -> (Chosen<'a>, MutexGuard<'a, PartitionState>) {
    for lane in chosen.lane.into_iter().flat_map(Lane::others) {
        let index = topic.sticky.partition(lane, partitions.choices());
        let Some(partition) = partitions.all.get(index as usize) else {
            continue;
        };
        if Arc::ptr_eq(partition, chosen.partition) {
            continue;
        }
        if let Some(state) = partition.try_lock() {
            LANE.with(|own| own.set(lane));
            let lane = Some(lane);
            return (Chosen { partition, lane }, state);
        }
    }
    let state = chosen.partition.lock();
    (chosen, state)
}

/// Counts a record for the sticky choice, under the lock of its partition. Returns whether that took `enough` bytes, and the lane
/// goes on with another.
#[inline]
pub(super) fn took(
    topic: &Topic,
    partitions: &Partitions,
    chosen: &Chosen<'_>,
    bytes: usize,
    enough: usize,
) -> bool {
    let Some(lane) = chosen.lane else {
        return false;
    };
    let index = chosen.partition.index;
    let switched = topic
        .sticky
        .took(lane, index, bytes, enough, || partitions.choices());
    if switched {
        // Threads that don't meet fill one batch together.
        LANE.with(|own| own.set(Lane::FIRST));
    }
    switched
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accumulator::partition::{Partition, PartitionId};
    use crate::partitioner::Sticky;

    const BATCH_SIZE: usize = 1000;

    fn topic(count: u32) -> (Topic, Partitions) {
        let topic = Topic::new("t", Sticky::new(1)).unwrap();
        let partition = |index: u32| {
            let name = Arc::clone(topic.shared_name());
            Partition::new(PartitionId(index), name, index as i32, Arc::default())
        };
        let partitions = Partitions {
            version: 1,
            all: (0..count).map(partition).collect(),
            available: (0..count as i32).collect(),
            in_rack: Vec::new(),
            info: Vec::new(),
        };
        (topic, partitions)
    }

    fn choose<'a>(topic: &Topic, partitions: &'a Partitions) -> Chosen<'a> {
        let index = topic.sticky.partition(own(), partitions.choices());
        Chosen {
            partition: &partitions.all[index as usize],
            lane: Some(own()),
        }
    }

    #[test]
    fn whoever_finds_another_at_the_sticky_partition_fills_one_of_its_own() {
        let (topic, partitions) = topic(6);
        let first = choose(&topic, &partitions).partition;
        let others = first.lock();
        let (chosen, state) = lock(&topic, &partitions, choose(&topic, &partitions));
        assert!(!Arc::ptr_eq(chosen.partition, first));
        drop(state);
        let own = chosen.partition;
        for _ in 1..BATCH_SIZE / 100 {
            let (chosen, _state) = lock(&topic, &partitions, choose(&topic, &partitions));
            assert!(Arc::ptr_eq(chosen.partition, own), "it stays");
            took(&topic, &partitions, &chosen, 100, 2 * BATCH_SIZE);
        }
        drop(others);
        let (chosen, state) = lock(&topic, &partitions, choose(&topic, &partitions));
        took(&topic, &partitions, &chosen, 100, BATCH_SIZE / 2);
        drop(state);
        let (chosen, _state) = lock(&topic, &partitions, choose(&topic, &partitions));
        assert!(
            Arc::ptr_eq(chosen.partition, first),
            "one batch, while nobody is in the way"
        );
    }
}
