//! The partition of one record: the caller's, a partitioner's, its key's, or the sticky one.

use std::sync::Arc;

use super::Accumulator;
use super::blocked::Blocked;
use super::lanes;
use super::partition::Partition;
use super::topic::{Partitions, Topic};
use crate::error::ErrorKind;
use crate::partitioner::murmur2::partition_for_key;
use crate::partitioner::{Lane, NamedPartitioner, Partitioning, Unpartitioned};
use crate::record::NewRecord;

#[derive(Clone, Copy)]
pub(super) struct Chosen<'a> {
    pub(super) partition: &'a Arc<Partition>,
    /// It is this lane's sticky one.
    pub(super) lane: Option<Lane>,
}

impl Chosen<'_> {
    /// Bytes of records without a key that go there, too, before it took `enough` of them.
    pub(super) fn left(&self, topic: &Topic, enough: usize) -> usize {
        let index = self.partition.index;
        self.lane
            .map_or(0, |lane| topic.sticky.left(lane, index, enough))
    }
}

impl Accumulator {
    /// A record that is tried again goes where it was to go: `chosen` keeps what was asked for once.
    #[inline(always)]
    pub(super) fn choose<'a>(
        &self,
        topic: &Topic,
        partitions: &'a Partitions,
        record: &NewRecord<'_>,
        chosen: &mut Option<i32>,
    ) -> Result<Chosen<'a>, Box<Blocked>> {
        let count = partitions.count();
        // A topic made anew may have fewer.
        *chosen = chosen.filter(|index| *index < count);
        let index = match (record.partition, record.key, &self.config.partitioner) {
            (Some(index), ..) => Some(index),
            (None, Some(key), Partitioning::BuiltIn) if !self.config.ignore_keys => {
                Some(partition_for_key(key, count))
            }
            (None, _, Partitioning::BuiltIn) => None,
            (None, _, Partitioning::Named(NamedPartitioner::RoundRobin)) => {
                Some(*chosen.get_or_insert_with(|| topic.in_turn(partitions)))
            }
            (None, key, Partitioning::Named(named)) => named.partition_for_key(key, count),
            (None, key, Partitioning::Custom(custom)) => {
                let index = *chosen.get_or_insert_with(|| {
                    custom.partition(&Unpartitioned {
                        topic: topic.name(),
                        key,
                        value: record.value,
                        partition_count: count,
                        available: &partitions.available,
                    })
                });
                if index >= count {
                    return Err(invalid(topic, index, count));
                }
                Some(index)
            }
        };
        if let Some(index) = index.filter(|index| *index < 0) {
            return Err(invalid(topic, index, count));
        }
        let (index, lane) = match index {
            Some(index) => (index, None),
            None => {
                let lane = lanes::own();
                let index = topic.sticky.partition(lane, partitions.choices());
                (index, Some(lane))
            }
        };
        let partition = partitions
            .all
            .get(index as usize)
            .ok_or(Blocked::Metadata {
                newer_than: partitions.version,
            })?;
        Ok(Chosen { partition, lane })
    }
}

fn invalid(topic: &Topic, partition: i32, count: i32) -> Box<Blocked> {
    Blocked::for_good(ErrorKind::InvalidPartition {
        topic: Arc::clone(topic.shared_name()),
        partition,
        count,
    })
}
