//! What a partition remembers of idempotent producers, to append each of their batches once and in order.
//!
//! The rules are Apache Kafka's (KIP-98, KIP-360): per producer id the epoch and the last five batches; a batch with the
//! epoch and sequences of one of these is a duplicate; any other one must follow the last, or start a new epoch at 0. Without
//! state any sequence is accepted. Content is never compared.
//!
//! Two things differ, both so that nothing is doubled that Kafka would double: all five batches are known again after a
//! restart, and a producer id expires by the time of its last append, not by the timestamps of its records.
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use raban_protocol::error_code::ErrorCode;
use raban_protocol::record_batch::BatchHeader;

/// Batches remembered per producer: as many as a producer may have in flight.
const WINDOW: usize = 5;
const NO_SEQUENCE: i32 = -1;

/// A batch that was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AppendedBatch {
    pub(crate) base_offset: i64,
    pub(crate) max_timestamp: i64,
    first_sequence: i32,
    last_sequence: i32,
    last_offset: i64,
}

impl AppendedBatch {
    /// Offset after its last record.
    pub(crate) fn end_offset(&self) -> i64 {
        self.last_offset + 1
    }
}

/// A producer id that is known to a partition.
#[derive(Clone, Debug)]
pub(crate) struct ProducerState {
    pub(crate) epoch: i16,
    batches: VecDeque<AppendedBatch>,
    last_append: Duration,
}

impl ProducerState {
    pub(crate) fn last_sequence(&self) -> i32 {
        self.batches.back().map_or(NO_SEQUENCE, |b| b.last_sequence)
    }

    pub(crate) fn last_timestamp(&self) -> i64 {
        self.batches.back().map_or(-1, |b| b.max_timestamp)
    }
}

/// What to do with a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Append it.
    Append,
    /// Acknowledge it as this earlier batch.
    Duplicate(AppendedBatch),
    /// Answer with this error.
    Refuse(ErrorCode),
}

/// All producer ids that are known to a partition.
#[derive(Clone, Debug, Default)]
pub(crate) struct ProducerStates {
    producers: BTreeMap<i64, ProducerState>,
}

impl ProducerStates {
    /// Judges a batch that a client wants to append.
    pub(crate) fn check(&self, batch: &BatchHeader) -> Verdict {
        let state = match self.producers.get(&batch.producer_id) {
            Some(state) if batch.producer_id >= 0 => state,
            _ => return Verdict::Append,
        };
        let (first, last) = (batch.base_sequence, batch.last_sequence());
        if batch.producer_epoch == state.epoch {
            let same = |b: &&AppendedBatch| b.first_sequence == first && b.last_sequence == last;
            if let Some(batch) = state.batches.iter().find(same) {
                return Verdict::Duplicate(*batch);
            }
        }
        let in_order = if batch.producer_epoch < state.epoch {
            return Verdict::Refuse(ErrorCode::INVALID_PRODUCER_EPOCH);
        } else if batch.producer_epoch > state.epoch {
            first == 0
        } else {
            follows(state.last_sequence(), first)
        };
        if in_order {
            Verdict::Append
        } else {
            Verdict::Refuse(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER)
        }
    }

    /// Notes a batch that was appended, or is read from the log at start. `now` is the time of the append, or of the start.
    pub(crate) fn push(&mut self, batch: &BatchHeader, now: Duration) {
        if batch.producer_id < 0 || batch.is_control() {
            return;
        }
        let state = self
            .producers
            .entry(batch.producer_id)
            .or_insert_with(|| ProducerState {
                epoch: batch.producer_epoch,
                batches: VecDeque::new(),
                last_append: now,
            });
        if state.epoch != batch.producer_epoch {
            state.epoch = batch.producer_epoch;
            state.batches.clear();
        }
        if state.batches.len() == WINDOW {
            state.batches.pop_front();
        }
        state.batches.push_back(AppendedBatch {
            base_offset: batch.base_offset,
            max_timestamp: batch.max_timestamp,
            first_sequence: batch.base_sequence,
            last_sequence: batch.last_sequence(),
            last_offset: batch.last_offset(),
        });
        state.last_append = now;
    }

    /// Forgets producers that appended nothing for `expiration`.
    pub(crate) fn expire(&mut self, now: Duration, expiration: Duration) {
        let alive = |s: &ProducerState| now.saturating_sub(s.last_append) < expiration;
        self.producers.retain(|_, state| alive(state));
    }

    /// Forgets producers whose newest record is older than `expiration`, as Apache Kafka does.
    pub(crate) fn expire_by_timestamps(&mut self, now_ms: i64, expiration: Duration) {
        let expiration = i64::try_from(expiration.as_millis()).unwrap_or(i64::MAX);
        self.producers
            .retain(|_, state| now_ms.saturating_sub(state.last_timestamp()) < expiration);
    }

    /// Remembers only the last `window` batches of each producer.
    pub(crate) fn shrink(&mut self, window: usize) {
        for state in self.producers.values_mut() {
            let over = state.batches.len().saturating_sub(window);
            state.batches.drain(..over);
        }
        self.producers.retain(|_, state| !state.batches.is_empty());
    }

    /// Forgets all producers.
    pub(crate) fn clear(&mut self) {
        self.producers.clear();
    }

    /// All producers, by id.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (i64, &ProducerState)> {
        self.producers.iter().map(|(id, state)| (*id, state))
    }
}

/// Whether sequence `next` comes after `last`; sequences wrap from 2^31 − 1 to 0.
fn follows(last: i32, next: i32) -> bool {
    i64::from(next) == i64::from(last) + 1 || (next == 0 && last == i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(epoch: i16, base_sequence: i32, count: i32) -> BatchHeader {
        BatchHeader {
            base_offset: 0,
            batch_length: 49,
            partition_leader_epoch: 0,
            magic: 2,
            crc: 0,
            attributes: 0,
            last_offset_delta: count - 1,
            base_timestamp: 0,
            max_timestamp: 7,
            producer_id: 1,
            producer_epoch: epoch,
            base_sequence,
            record_count: count,
        }
    }

    const OUT_OF_ORDER: Verdict = Verdict::Refuse(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    const FENCED: Verdict = Verdict::Refuse(ErrorCode::INVALID_PRODUCER_EPOCH);

    struct Partition {
        states: ProducerStates,
        end: i64,
    }

    impl Partition {
        fn new() -> Self {
            Self {
                states: ProducerStates::default(),
                end: 0,
            }
        }

        fn produce(&mut self, mut batch: BatchHeader) -> Verdict {
            let verdict = self.states.check(&batch);
            if verdict == Verdict::Append {
                batch.base_offset = self.end;
                self.end += i64::from(batch.record_count);
                self.states.push(&batch, Duration::ZERO);
            }
            verdict
        }

        fn duplicate_of(&mut self, batch: BatchHeader) -> Option<i64> {
            match self.produce(batch) {
                Verdict::Duplicate(batch) => Some(batch.base_offset),
                _ => None,
            }
        }
    }

    #[test]
    fn five_batches_are_known_and_older_ones_are_out_of_order() {
        let mut partition = Partition::new();
        for at in 0..7 {
            assert_eq!(partition.produce(batch(0, at * 2, 2)), Verdict::Append);
        }
        for at in 2..7 {
            assert_eq!(
                partition.duplicate_of(batch(0, at * 2, 2)),
                Some(i64::from(at) * 2)
            );
        }
        assert_eq!(partition.produce(batch(0, 2, 2)), OUT_OF_ORDER);
    }

    #[test]
    fn other_boundaries_gaps_and_overlaps_are_out_of_order() {
        let mut partition = Partition::new();
        assert_eq!(partition.produce(batch(0, 0, 4)), Verdict::Append);
        for (base, count) in [(0, 3), (0, 5), (1, 3), (5, 1), (3, 2)] {
            assert_eq!(
                partition.produce(batch(0, base, count)),
                OUT_OF_ORDER,
                "{base} {count}"
            );
        }
        assert_eq!(partition.produce(batch(0, 4, 1)), Verdict::Append);
    }

    #[test]
    fn without_state_any_sequence_is_accepted() {
        let mut partition = Partition::new();
        assert_eq!(partition.produce(batch(3, 17, 1)), Verdict::Append);
        assert_eq!(partition.produce(batch(3, 18, 1)), Verdict::Append);
    }

    #[test]
    fn a_new_epoch_starts_at_zero_and_fences_the_old_one() {
        let mut partition = Partition::new();
        assert_eq!(partition.produce(batch(0, 0, 3)), Verdict::Append);
        assert_eq!(partition.produce(batch(1, 3, 1)), OUT_OF_ORDER);
        assert_eq!(partition.produce(batch(0, 3, 1)), Verdict::Append);
        assert_eq!(partition.produce(batch(1, 0, 1)), Verdict::Append);
        assert_eq!(partition.produce(batch(0, 4, 1)), FENCED);
        assert_eq!(partition.produce(batch(0, 3, 1)), FENCED);
        assert_eq!(partition.duplicate_of(batch(1, 0, 1)), Some(4));
    }

    #[test]
    fn sequences_wrap() {
        let mut partition = Partition::new();
        assert_eq!(
            partition.produce(batch(0, i32::MAX - 1, 1)),
            Verdict::Append
        );
        assert_eq!(partition.produce(batch(0, i32::MAX, 3)), Verdict::Append);
        assert_eq!(partition.duplicate_of(batch(0, i32::MAX, 3)), Some(1));
        assert_eq!(partition.produce(batch(0, 2, 1)), Verdict::Append);
        let mut partition = Partition::new();
        assert_eq!(partition.produce(batch(0, i32::MAX, 1)), Verdict::Append);
        assert_eq!(partition.produce(batch(0, 0, 1)), Verdict::Append);
    }

    #[test]
    fn producers_expire_by_the_time_of_their_last_append() {
        let mut states = ProducerStates::default();
        states.push(&batch(0, 0, 1), Duration::from_secs(10));
        states.expire(Duration::from_secs(19), Duration::from_secs(10));
        assert_eq!(states.iter().count(), 1);
        states.expire(Duration::from_secs(20), Duration::from_secs(10));
        assert_eq!(states.iter().count(), 0);
        assert_eq!(states.check(&batch(0, 5, 1)), Verdict::Append);
    }

    #[test]
    fn batches_without_producer_id_are_not_tracked() {
        let mut states = ProducerStates::default();
        let plain = BatchHeader {
            producer_id: -1,
            ..batch(-1, -1, 1)
        };
        assert_eq!(states.check(&plain), Verdict::Append);
        states.push(&plain, Duration::ZERO);
        assert_eq!(states.iter().count(), 0);
    }
}
