//! The sticky choice for records without a key (KIP-794): one partition until it took a batch's worth, then another.
//!
//! Threads that come in each other's way have one each: a lane of their own.

use std::num::NonZeroU8;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Bounds, Load, Weights};
use crate::sync::RwLock;

/// How many sticky partitions a topic may have at a time.
const LANES: u8 = 8;

/// Which of them. One byte, and none of it for there being none, so that a choice goes by way of registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lane(NonZeroU8);

impl Lane {
    pub(crate) const FIRST: Self = Self(NonZeroU8::MIN);

    /// All but this one, in turn.
    pub(crate) fn others(self) -> impl Iterator<Item = Self> {
        let next = move |after| self.0.get().wrapping_add(after) % LANES;
        (0..LANES - 1).map(move |after| Self(NonZeroU8::MIN.saturating_add(next(after))))
    }

    #[inline]
    fn index(self) -> usize {
        usize::from(self.0.get() - 1)
    }
}

/// A topic's sticky partitions. Unless it is told of their loads, all partitions are equally likely to be the next.
#[derive(Debug)]
pub(crate) struct Sticky {
    lanes: [Stuck; LANES as usize],
    choices: AtomicU64,
    seed: u64,
    /// Looked at once for a batch's worth of records.
    weights: RwLock<Weights>,
}

/// Partition in the upper half, bytes it took in the lower; one word, so that no lock is needed. In a cache line that no other
/// lane's threads write to.
#[derive(Debug)]
#[repr(align(128))]
struct Stuck(AtomicU64);

/// What there is to choose from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Choices<'a> {
    /// All partitions of the topic.
    pub(crate) count: i32,
    /// Those that have a leader, in order; if none has, any may be chosen.
    pub(crate) available: &'a [i32],
    /// The preferred ones of them, if there are any.
    pub(crate) preferred: &'a [i32],
}

impl Choices<'_> {
    #[inline]
    fn has(&self, partition: i32) -> bool {
        partition < self.count
            && (self.available.is_empty()
                || self.available.len() == self.count as usize
                || self.available.binary_search(&partition).is_ok())
    }

    pub(super) fn uniform(&self, random: u64) -> i32 {
        let among = match self.preferred {
            [] => self.available,
            preferred => preferred,
        };
        match among {
            [] => (random % self.count as u64) as i32,
            _ => among[(random % among.len() as u64) as usize],
        }
    }
}

const NONE: u32 = u32::MAX;

impl Sticky {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            lanes: [const { Stuck(AtomicU64::new(pack(NONE, 0))) }; LANES as usize],
            choices: AtomicU64::new(0),
            seed,
            weights: RwLock::default(),
        }
    }

    /// The partition for the next record: the lane's sticky one while it can be chosen.
    #[inline]
    pub(crate) fn partition(&self, lane: Lane, choices: Choices<'_>) -> i32 {
        let lane = &self.lanes[lane.index()].0;
        let state = lane.load(Ordering::Relaxed);
        let (partition, _) = unpack(state);
        if partition != NONE && choices.has(partition as i32) {
            return partition as i32;
        }
        let chosen = self.choose(choices);
        // A thread that lost the race takes the winner's choice with its next record.
        let _ = lane.compare_exchange(
            state,
            pack(chosen as u32, 0),
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
        chosen
    }

    /// Counts a record of `bytes`, under the lock of its partition. Switches if the partition took `enough` bytes; returns
    /// whether it did.
    #[inline]
    pub(crate) fn took<'a>(
        &self,
        lane: Lane,
        partition: i32,
        bytes: usize,
        enough: usize,
        choices: impl FnOnce() -> Choices<'a>,
    ) -> bool {
        let lane = &self.lanes[lane.index()].0;
        let (current, taken) = unpack(lane.load(Ordering::Relaxed));
        if current != partition as u32 {
            return false;
        }
        let taken = taken.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
        let switch = taken as usize >= enough;
        let next = if switch {
            pack(self.choose(choices()) as u32, 0)
        } else {
            pack(current, taken)
        };
        // While this is the lane's partition, the holder of its lock is the only one that counts or switches. Only a
        // choice made because the partition can't be chosen any more is overwritten: it is made again.
        lane.store(next, Ordering::Relaxed);
        switch
    }

    /// Bytes to be counted for a partition before it took `enough`; 0 if it isn't the lane's.
    #[inline]
    pub(crate) fn left(&self, lane: Lane, partition: i32, enough: usize) -> usize {
        let (current, taken) = unpack(self.lanes[lane.index()].0.load(Ordering::Relaxed));
        if current != partition as u32 {
            return 0;
        }
        enough.saturating_sub(taken as usize)
    }

    /// Has choices go by this load of a partition from now on; `None`: it has no leader.
    pub(crate) fn weigh(&self, partition: i32, load: Option<Load>, bounds: Option<Bounds>) {
        let index = partition as usize;
        let weights = self.weights.read().unwrap_or_else(PoisonError::into_inner);
        if index < weights.room() {
            weights.set(partition, load, bounds);
            return;
        }
        drop(weights);
        let mut weights = self.weights.write().unwrap_or_else(PoisonError::into_inner);
        weights.make_room(index + 1);
        weights.set(partition, load, bounds);
    }

    fn choose(&self, choices: Choices<'_>) -> i32 {
        let choice = self.choices.fetch_add(1, Ordering::Relaxed);
        let random = split_mix(self.seed.wrapping_add(choice)) >> 1;
        let weights = self.weights.read().unwrap_or_else(PoisonError::into_inner);
        weights.choose(choices, random)
    }
}

#[inline]
const fn pack(partition: u32, bytes: u32) -> u64 {
    (partition as u64) << 32 | bytes as u64
}

#[inline]
fn unpack(state: u64) -> (u32, u32) {
    ((state >> 32) as u32, state as u32)
}

/// SplitMix64: spreads a counter over all 64 bits.
pub(crate) fn split_mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partitioner::Lengths;

    fn among(available: &[i32], count: i32) -> Choices<'_> {
        Choices {
            count,
            available,
            preferred: &[],
        }
    }

    /// How often each of four partitions is chosen for a batch's worth.
    fn shares(sticky: &Sticky, choices: Choices<'_>) -> [u32; 4] {
        let mut counts = [0; 4];
        for _ in 0..40_000 {
            let first = sticky.partition(Lane::FIRST, choices);
            for _ in 0..10 {
                assert_eq!(sticky.partition(Lane::FIRST, choices), first);
                sticky.took(Lane::FIRST, first, 100, 1000, || choices);
            }
            counts[first as usize] += 1;
        }
        counts
    }

    #[test]
    fn sticks_until_a_batch_is_full_then_spreads_evenly() {
        let sticky = Sticky::new(7);
        let counts = shares(&sticky, among(&[0, 1, 2, 3], 4));
        for count in counts {
            assert!((9_500..10_500).contains(&count), "{counts:?}");
        }
    }

    #[test]
    fn spreads_as_the_weights_say() {
        let sticky = Sticky::new(7);
        let load = |queued| Load {
            queued,
            in_rack: false,
            stuck: false,
        };
        let mut lengths = Lengths::default();
        for (partition, queued) in (0..).zip([0, 3, 1, 3]) {
            lengths.change(None, Some(load(queued)));
            sticky.weigh(partition, Some(load(queued)), lengths.bounds());
        }
        // Of nine: 4 1 3 1.
        let counts = shares(&sticky, among(&[0, 1, 2, 3], 4));
        for (count, ninths) in counts.into_iter().zip([4, 1, 3, 1]) {
            let expected = 40_000 * ninths / 9;
            assert!(count.abs_diff(expected) < 500, "{counts:?}");
        }
        // Weights that are older than the loss of a leader don't bring it back.
        assert_eq!(shares(&sticky, among(&[1, 2, 3], 4))[0], 0);
        for (partition, queued) in [(0, 0), (2, 1)] {
            lengths.change(Some(load(queued)), Some(load(3)));
            sticky.weigh(partition, Some(load(3)), lengths.bounds());
        }
        assert!(shares(&sticky, among(&[0, 1, 2, 3], 4))[1] > 9_500);
    }

    #[test]
    fn prefers_what_is_preferred() {
        let sticky = Sticky::new(7);
        let counts = shares(
            &sticky,
            Choices {
                preferred: &[1, 3],
                ..among(&[0, 1, 2, 3], 4)
            },
        );
        assert_eq!((counts[0], counts[2]), (0, 0));
        assert!(counts[1].abs_diff(counts[3]) < 1000, "{counts:?}");
    }

    #[test]
    fn leaves_a_partition_that_lost_its_leader() {
        let sticky = Sticky::new(1);
        let first = sticky.partition(Lane::FIRST, among(&[0, 1, 2], 3));
        let rest: Vec<i32> = (0..3).filter(|index| *index != first).collect();
        for _ in 0..100 {
            assert_ne!(sticky.partition(Lane::FIRST, among(&rest, 3)), first);
        }
    }

    #[test]
    fn a_batch_is_not_cut_short_before_twice_its_size() {
        let sticky = Sticky::new(3);
        let all: Vec<i32> = (0..100).collect();
        let first = sticky.partition(Lane::FIRST, among(&all, 100));
        for _ in 0..19 {
            sticky.took(Lane::FIRST, first, 100, 2000, || among(&all, 100));
            assert_eq!(sticky.partition(Lane::FIRST, among(&all, 100)), first);
        }
    }

    #[test]
    fn each_lane_has_all_the_others() {
        for lane in Lane::FIRST.others().chain([Lane::FIRST]) {
            let mut all: Vec<_> = lane.others().chain([lane]).map(Lane::index).collect();
            all.sort_unstable();
            assert_eq!(all, (0..usize::from(LANES)).collect::<Vec<_>>());
        }
    }
}
