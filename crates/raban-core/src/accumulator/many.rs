//! Records accepted many at a time: one lock, one look at the time and one share in the result serve all that follow one another
//! into a batch.

use std::sync::Arc;

use super::Accumulator;
use super::append::Candidate;
use super::choose::Chosen;
use super::lanes;
use super::partition::PartitionState;
use super::topic::{Partitions, Topic, TopicView};
use crate::delivery::Deliveries;
use crate::record::NewRecord;
use crate::sync::MutexGuard;
use crate::time::Clock;

/// A partition whose lock is held from one record to the next.
struct Held<'a> {
    topic: &'a Topic,
    partitions: &'a Partitions,
    chosen: Chosen<'a>,
    state: MutexGuard<'a, PartitionState>,
    batch_size: usize,
    /// Bytes of the open batch up to which a record without a partition or a key needs nothing but to be copied.
    plain_until: usize,
    /// Bytes of the open batch that the sticky choice knows of.
    counted: usize,
    /// Bytes after which that goes on with another partition.
    enough: usize,
}

impl Held<'_> {
    /// Adds a record that nothing else is to be done for. Such records go where the one before them went.
    #[inline(always)]
    fn add_plain(
        &mut self,
        record: &NewRecord<'_>,
        candidate: &Candidate<'_>,
        deliveries: &mut [Deliveries],
    ) -> Option<()> {
        let open = self.state.open.as_mut()?;
        let plain = candidate.is_plain(open.len(), self.plain_until)
            && record.partition.is_none()
            && record.key.is_none();
        let last = deliveries.last_mut().filter(|_| plain)?;
        candidate.append_to(open, None);
        last.add_one();
        Some(())
    }

    /// Tells the sticky choice of the plain records.
    fn count(&mut self) {
        let Some(open) = &mut self.state.open else {
            return;
        };
        let bytes = open.len().saturating_sub(self.counted);
        if bytes > 0 {
            self.counted += bytes;
            lanes::took(
                self.topic,
                self.partitions,
                &self.chosen,
                bytes,
                self.enough,
            );
        }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.count();
    }
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
        if self.asks_once() || self.generations.is_closing() {
            return 0;
        }
        let now = clock.recent();
        topic.with_view(|view| {
            let TopicView::Known(partitions) = view else {
                return 0;
            };
            let mut held: Option<Held<'_>> = None;
            let accepted = records.iter().take_while(|record| {
                let candidate = Candidate::new(now, record);
                held.as_mut()
                    .and_then(|held| held.add_plain(record, &candidate, deliveries))
                    .or_else(|| {
                        self.add(topic, partitions, record, &candidate, &mut held, deliveries)
                    })
                    .is_some()
            });
            accepted.count()
        })
    }

    /// `None`: it isn't accepted.
    fn add<'a>(
        &self,
        topic: &'a Topic,
        partitions: &'a Partitions,
        record: &NewRecord<'_>,
        candidate: &Candidate<'_>,
        held: &mut Option<Held<'a>>,
        deliveries: &mut Vec<Deliveries>,
    ) -> Option<()> {
        if let Some(held) = held {
            held.count();
        }
        self.validate(candidate).ok()?;
        let mut chosen = self.choose(topic, partitions, record, &mut None).ok()?;
        let held = match held {
            Some(held) if Arc::ptr_eq(held.chosen.partition, chosen.partition) => held,
            _ => {
                // Before the next: there is one lock at a time.
                *held = None;
                let (locked, state) = lanes::lock(topic, partitions, chosen);
                chosen = locked;
                held.insert(Held {
                    topic,
                    partitions,
                    chosen,
                    batch_size: self.batch_limit(topic, chosen.partition),
                    state,
                    plain_until: 0,
                    counted: usize::MAX,
                    enough: usize::MAX,
                })
            }
        };
        held.state.open.as_ref()?;
        let room = self
            .make_room(topic, &mut held.state, candidate, held.batch_size, None)
            .ok()?;
        if !room.is_there || room.may_end() {
            return None;
        }
        let open = held.state.open.as_mut()?;
        let index = self.put(candidate, open, &room);
        room.count(topic, partitions, &chosen);
        let goes_on = |last: &&mut Deliveries| last.goes_on(open.result(), index);
        match deliveries.last_mut().filter(goes_on) {
            Some(last) => last.add_one(),
            None => deliveries.push(Deliveries::new(Arc::clone(open.result()), index)),
        }
        held.chosen = chosen;
        held.counted = room.len;
        held.enough = open.plain.enough;
        let same = room.len + chosen.left(topic, held.enough);
        held.plain_until = match self.notes_all() {
            true => 0,
            false => open.plain.until.min(same),
        };
        Some(())
    }
}
