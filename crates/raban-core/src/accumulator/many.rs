//! Records accepted many at a time: one lock, one look at the time and one share in the result serve all that follow one another
//! into a batch.

use std::sync::Arc;

use super::Accumulator;
use super::append::Candidate;
use super::lanes;
use super::partition::{Partition, PartitionState};
use super::topic::{Partitions, Topic, TopicView};
use crate::delivery::Deliveries;
use crate::partitioner::{NamedPartitioner, Partitioning};
use crate::record::NewRecord;
use crate::sync::MutexGuard;
use crate::time::Clock;

/// A partition whose lock is held from one record to the next.
struct Held<'a> {
    partition: &'a Arc<Partition>,
    state: MutexGuard<'a, PartitionState>,
    batch_size: usize,
}

impl Accumulator {
    /// Accepts records, in order, as long as open batches have room for them, and returns how many those are. The next one is
    /// to be enqueued by itself: it needs a batch begun or ended, has to wait, or is wrong.
    ///
    /// `deliveries` gets their outcomes to come, in order. With a partitioner that must be asked once nothing is accepted: the
    /// next record is asked for again, and an application's own can't be asked while a lock is held.
    pub fn enqueue_many(
        &self,
        clock: &impl Clock,
        topic: &Topic,
        records: &[NewRecord<'_>],
        deliveries: &mut Vec<Deliveries>,
    ) -> usize {
        let asks_once = matches!(
            self.config.partitioner,
            Partitioning::Custom(_) | Partitioning::Named(NamedPartitioner::RoundRobin)
        );
        if asks_once || self.generations.is_closing() {
            return 0;
        }
        let now = clock.recent();
        topic.with_view(|view| {
            let TopicView::Known(partitions) = view else {
                return 0;
            };
            let mut held = None;
            let accepted = records.iter().take_while(|record| {
                let candidate = Candidate::new(now, record);
                self.add(topic, partitions, record, &candidate, &mut held, deliveries)
                    .is_some()
            });
            accepted.count()
        })
    }

    /// `None`: it isn't accepted.
    #[inline(always)]
    fn add<'a>(
        &self,
        topic: &Topic,
        partitions: &'a Partitions,
        record: &NewRecord<'_>,
        candidate: &Candidate<'_>,
        held: &mut Option<Held<'a>>,
        deliveries: &mut Vec<Deliveries>,
    ) -> Option<()> {
        self.validate(candidate).ok()?;
        let mut chosen = self.choose(topic, partitions, record, &mut None).ok()?;
        let Held {
            state, batch_size, ..
        } = match held {
            Some(held) if Arc::ptr_eq(held.partition, chosen.partition) => held,
            _ => {
                // Before the next: there is one lock at a time.
                *held = None;
                let (locked, state) = lanes::lock(topic, partitions, chosen);
                chosen = locked;
                held.insert(Held {
                    partition: chosen.partition,
                    state,
                    batch_size: self.batch_limit(topic, chosen.partition),
                })
            }
        };
        state.open.as_ref()?;
        let room = self
            .make_room(topic, state, candidate, *batch_size, None)
            .ok()?;
        if !room.is_there || room.len >= room.limit {
            return None;
        }
        let open = state.open.as_mut()?;
        let index = self.put(topic, partitions, &chosen, candidate, open, &room);
        let goes_on = |last: &&mut Deliveries| last.goes_on(open.result(), index);
        match deliveries.last_mut().filter(goes_on) {
            Some(last) => last.add_one(),
            None => deliveries.push(Deliveries::new(Arc::clone(open.result()), index)),
        }
        Some(())
    }
}
