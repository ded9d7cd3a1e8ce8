//! Many records sent at a time, and one report of how they ended.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::iter;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use raban_core::{Deliveries, EnqueueError, ErrorKind, ManyOutcome, NewRecord, ProduceError};

use crate::accept::let_others_run;
use crate::blocking::block_on;
use crate::delivery::Delivery;
use crate::producer::{Shared, TryEnqueueError};
use crate::serializer::Nullable;
use crate::topic::{Topic, TopicRecord};

/// Records without an outcome that a producer's calls hold at a time, some more or less.
const MOST_UNDER_WAY: usize = 1 << 16;

/// Records that are looked at before the next lock, which the driver wants, too: a microsecond or two of work.
const CHUNK: usize = 32;

/// Of records accepted together so many cost the time of one accepted by itself.
const COST: usize = 4;

/// How many calls are sending many records: they share what may be under way.
#[derive(Debug, Default)]
pub(crate) struct ManyCalls(AtomicUsize);

impl ManyCalls {
    /// One more, until what this returns is dropped.
    pub(crate) fn begin(&self) -> Counted<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Counted(&self.0)
    }

    /// How many records one of them may have under way.
    fn share(&self) -> usize {
        MOST_UNDER_WAY / self.0.load(Ordering::Relaxed).max(1)
    }
}

pub(crate) struct Counted<'a>(&'a AtomicUsize);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How [`Producer::send_many`](crate::Producer::send_many) or [`Topic::send_many`] ended.
#[derive(Debug, Clone, Default)]
#[must_use = "it tells which records failed"]
#[non_exhaustive]
pub struct SendManyReport {
    /// Records acknowledged.
    pub delivered: usize,
    /// The failed ones: their place in the iterator, from 0, and why; in order.
    pub failures: Vec<(usize, ProduceError)>,
}

impl SendManyReport {
    /// Whether every record was acknowledged.
    pub fn is_ok(&self) -> bool {
        self.failures.is_empty()
    }
}

/// The outcomes to come of records that [`Topic::enqueue_many`] had accepted; awaited, the report of how they ended.
///
/// Dropping it doesn't take the records back.
#[must_use = "it tells which records failed: await it, or wait() for it"]
pub struct ManyDeliveries(Sending);

impl ManyDeliveries {
    /// How many records the iterator had, those among them that weren't accepted included.
    pub fn count(&self) -> usize {
        self.0.next
    }

    /// Blocks this thread until each record is acknowledged or failed.
    ///
    /// # Panics
    /// In a callback, which can't wait.
    pub fn wait(self) -> SendManyReport {
        block_on(self.0.end())
    }
}

impl IntoFuture for ManyDeliveries {
    type Output = SendManyReport;
    type IntoFuture = Pin<Box<dyn Future<Output = SendManyReport> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.0.end())
    }
}

impl fmt::Debug for ManyDeliveries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManyDeliveries")
            .field("count", &self.count())
            .finish_non_exhaustive()
    }
}

/// Records under way, and what is known of those that were.
#[derive(Default)]
pub(crate) struct Sending {
    report: SendManyReport,
    /// In the order of the records, each with the place of its first one.
    under_way: VecDeque<(usize, Handle)>,
    /// Records in it.
    held: usize,
    /// The place of the next record.
    next: usize,
    /// Records since there was seen to be room.
    unchecked: usize,
}

enum Handle {
    One(Delivery),
    Many(Deliveries),
}

impl Handle {
    fn count(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Many(deliveries) => deliveries.count(),
        }
    }

    fn is_settled(&self) -> bool {
        match self {
            Self::One(delivery) => delivery.is_settled(),
            Self::Many(deliveries) => deliveries.is_settled(),
        }
    }

    fn poll_settled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            // It can be asked again.
            Self::One(delivery) => Pin::new(delivery).poll(cx).map(drop),
            Self::Many(deliveries) => deliveries.poll_settled(cx),
        }
    }
}

impl Sending {
    /// Takes in what came of enqueuing the next record.
    pub(crate) async fn took(&mut self, enqueued: Result<Delivery, EnqueueError>) {
        match enqueued {
            Ok(delivery) => self.hold(Handle::One(delivery)),
            Err(error) => {
                self.report.failures.push((self.next, error.into()));
                self.next += 1;
            }
        }
        self.settle().await;
    }

    /// Takes in that the next records were enqueued.
    async fn took_many(&mut self, many: &mut Vec<Deliveries>) {
        for deliveries in many.drain(..) {
            self.hold(Handle::Many(deliveries));
        }
        self.settle().await;
    }

    fn hold(&mut self, handle: Handle) {
        let count = handle.count();
        self.under_way.push_back((self.next, handle));
        self.held += count;
        self.next += count;
    }

    /// Takes in the outcomes that are there.
    async fn settle(&mut self) {
        while let Some((first, handle)) = self
            .under_way
            .pop_front_if(|(_, handle)| handle.is_settled())
        {
            self.settle_one(first, handle).await;
        }
    }

    /// To be awaited before `count` more records. Where there is no room for them, waits for the older half of those under way, for
    /// `max.block.ms` at most. In the line for memory, batches would leave before they are full, and each would wake this task.
    pub(crate) async fn make_room(
        &mut self,
        shared: &Shared,
        count: usize,
        waited_in_vain: &mut Option<EnqueueError>,
    ) {
        self.unchecked += count;
        if self.unchecked < CHUNK || waited_in_vain.is_some() {
            return;
        }
        // Not for each record: it takes a lock.
        self.unchecked = 0;
        let accumulator = &shared.accumulator;
        let has_room = || self.held < shared.many_calls.share() && accumulator.has_room();
        if self.held == 0 || has_room() {
            return;
        }
        let most = self.held / 2;
        let patience = accumulator.wait_for_room(shared.clock.now());
        // First for the last of them, then for those before it that aren't settled yet: one by one each would wake this task.
        let mut at = self.last_of(self.held - most);
        while self.held > most
            && let Some((_, handle)) = self.under_way.get_mut(at)
        {
            let settled = poll_fn(|cx| match handle.poll_settled(cx) {
                Poll::Ready(()) => Poll::Ready(Ok(())),
                Poll::Pending => accumulator
                    .poll_patience(cx, shared.clock.now(), &patience)
                    .map(Err),
            });
            if let Err(error) = settled.await {
                *waited_in_vain = Some(error);
                return;
            }
            at = 0;
            self.settle().await;
        }
    }

    /// Which handle has the last of the first `count` records.
    fn last_of(&self, count: usize) -> usize {
        let mut records = 0;
        let is_before = |(_, handle): &&(usize, Handle)| {
            records += handle.count();
            records < count
        };
        self.under_way.iter().take_while(is_before).count()
    }

    async fn settle_one(&mut self, first: usize, handle: Handle) {
        let count = handle.count();
        let outcome = match handle {
            Handle::One(delivery) => delivery.await.map(drop),
            Handle::Many(mut many) => match poll_fn(|cx| many.poll_outcome(cx)).await {
                ManyOutcome::Settled(outcome) => outcome,
                ManyOutcome::Split(parts) => {
                    let mut end = first + count;
                    for part in parts.into_iter().rev() {
                        end -= part.count();
                        self.under_way.push_front((end, Handle::Many(part)));
                    }
                    return;
                }
            },
        };
        self.held -= count;
        match outcome {
            Ok(()) => self.report.delivered += count,
            Err(error) => {
                let places = first..first + count;
                let failed = places.map(|place| (place, error.clone()));
                self.report.failures.extend(failed);
            }
        }
    }

    pub(crate) async fn end(mut self) -> SendManyReport {
        if let Some((_, last)) = self.under_way.back_mut() {
            poll_fn(|cx| last.poll_settled(cx)).await;
        }
        while let Some((first, handle)) = self.under_way.pop_front() {
            self.settle_one(first, handle).await;
        }
        self.report
            .failures
            .sort_unstable_by_key(|(place, _)| *place);
        self.report
    }
}

impl<K: ?Sized, V: ?Sized> Topic<K, V> {
    /// Sends all records, waiting for memory as it goes, and resolves when each is acknowledged or failed. Where key and
    /// value are bytes as they are sent, which [`Serializer::as_bytes`](crate::Serializer::as_bytes) tells, it is the way to send
    /// that costs least: many records are accepted, and waited for, as one.
    ///
    /// Once a record has waited for `max.block.ms` in vain, those after it that would have to wait for the same fail at
    /// once, until one is accepted again. Dropping the future leaves the records that it hasn't come to unsent. Of the records that
    /// the iterator's `size_hint` promises it takes up to 32 at a time; where that promises none, one.
    ///
    /// ```
    /// # async fn example(producer: raban::Producer, lines: Vec<String>) {
    /// let topic = producer.topic("lines").with_value(raban::Utf8);
    /// let report = topic.send_many(lines.iter().map(|line| topic.record(None, line))).await;
    /// for (line, error) in &report.failures {
    ///     eprintln!("line {}: {error}", line + 1);
    /// }
    /// # }
    /// ```
    pub async fn send_many<'r, GK: Nullable<K>, GV: Nullable<V>>(
        &self,
        records: impl IntoIterator<Item = TopicRecord<'r, K, V, GK, GV>>,
    ) -> SendManyReport
    where
        K: 'r,
        V: 'r,
    {
        self.enqueue_many(records).await.0.end().await
    }

    /// Resolves when all records are accepted, as [`send_many`](Self::send_many) has them accepted; awaiting what it
    /// resolves to tells how they ended.
    pub async fn enqueue_many<'r, GK: Nullable<K>, GV: Nullable<V>>(
        &self,
        records: impl IntoIterator<Item = TopicRecord<'r, K, V, GK, GV>>,
    ) -> ManyDeliveries
    where
        K: 'r,
        V: 'r,
    {
        let mut sending = Sending::default();
        let mut waited_in_vain = None;
        let mut many = Vec::new();
        let mut records = records.into_iter();
        let mut chunk: Vec<_> = iter::repeat_with(|| None).take(CHUNK).collect();
        let shared = &self.producer.shared;
        let _counted = shared.many_calls.begin();
        loop {
            let count = take_next(&mut records, &mut chunk);
            if count == 0 {
                return ManyDeliveries(sending);
            }
            sending.make_room(shared, count, &mut waited_in_vain).await;
            let mut done = 0;
            while done < count {
                let accepted = self.enqueue_at_once(&chunk[done..count], &mut many);
                chunk[done..done + accepted].fill_with(|| None);
                done += accepted;
                if accepted > 0 {
                    waited_in_vain = None;
                    sending.took_many(&mut many).await;
                    let_others_run(accepted.div_ceil(COST)).await;
                }
                if let Some(record) = chunk.get_mut(done).and_then(Option::take) {
                    done += 1;
                    let enqueued = record.enqueue_after(&mut waited_in_vain).await;
                    sending.took(enqueued).await;
                }
            }
        }
    }

    /// Enqueues as many as there is nothing to be done for but to copy them, and returns how many.
    fn enqueue_at_once<GK: Nullable<K>, GV: Nullable<V>>(
        &self,
        records: &[Option<TopicRecord<'_, K, V, GK, GV>>],
        many: &mut Vec<Deliveries>,
    ) -> usize {
        let shared = &self.producer.shared;
        let Ok(topic) = &self.topic else { return 0 };
        if records.len() < 2 || !shared.callbacks.interceptors.is_empty() {
            return 0;
        }
        // Before any lock: serializers and what is given are the application's.
        let mut new = [NewRecord::default(); CHUNK];
        let mut count = 0;
        for (new, record) in new.iter_mut().zip(records.iter().flatten()) {
            match record.as_it_is() {
                Some(as_it_is) if record.is_of(topic) => *new = as_it_is,
                _ => break,
            }
            count += 1;
        }
        let accumulator = &shared.accumulator;
        accumulator.enqueue_many(&shared.clock, topic, &new[..count], many)
    }
}

/// Takes the next records, as many as are surely there, since the one after may be long in coming; returns how many.
#[inline(always)]
fn take_next<R>(records: &mut impl Iterator<Item = R>, chunk: &mut [Option<R>]) -> usize {
    let there = records.size_hint().0.clamp(1, chunk.len());
    let mut count = 0;
    for slot in &mut chunk[..there] {
        // Made where it stays: as a block of bytes it can't be moved before all that was written to it one by one has settled.
        *slot = records.next();
        if slot.is_none() {
            break;
        }
        count += 1;
    }
    count
}

/// The record, if it would have to wait for something else than an earlier one has waited for in vain.
pub(crate) fn waits_for_another<R>(
    refused: TryEnqueueError<R>,
    in_vain: &EnqueueError,
    topic: impl Fn(&R) -> &str,
) -> Result<R, EnqueueError> {
    match (refused, in_vain.kind()) {
        (TryEnqueueError::Failed(error), _) => Err(error),
        (TryEnqueueError::Full(_), ErrorKind::MemoryTimeout { .. }) => Err(in_vain.clone()),
        (
            TryEnqueueError::MetadataPending(record),
            ErrorKind::MetadataTimeout { topic: waited, .. },
        ) if **waited == *topic(&record) => Err(in_vain.clone()),
        (TryEnqueueError::Full(record) | TryEnqueueError::MetadataPending(record), _) => Ok(record),
    }
}

/// Remembers that this record waited in vain.
pub(crate) fn note_vain_wait(
    enqueued: &Result<Delivery, EnqueueError>,
    waited_in_vain: &mut Option<EnqueueError>,
) {
    if let Err(error) = enqueued
        && let ErrorKind::MemoryTimeout { .. } | ErrorKind::MetadataTimeout { .. } = error.kind()
    {
        *waited_in_vain = Some(error.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_share_what_may_be_under_way() {
        let calls = ManyCalls::default();
        let first = calls.begin();
        assert_eq!(calls.share(), MOST_UNDER_WAY);
        let others = [calls.begin(), calls.begin(), calls.begin()];
        assert_eq!(calls.share(), MOST_UNDER_WAY / 4);
        drop(others);
        assert_eq!(calls.share(), MOST_UNDER_WAY);
        drop(first);
    }
}
