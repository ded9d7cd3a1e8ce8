//! Which partition a record goes to: the caller's, the key's hash, or the sticky one.

pub mod murmur2;

use std::sync::atomic::{AtomicU64, Ordering};

/// The sticky choice for records without a key (KIP-794): one partition until it took `batch.size`
/// bytes, then another, each equally likely.
#[derive(Debug)]
pub(crate) struct Sticky {
    /// Partition in the upper half, bytes it took in the lower; one word, so that no lock is needed.
    state: AtomicU64,
    choices: AtomicU64,
    seed: u64,
    switch_after: u32,
}

const NONE: u32 = u32::MAX;

impl Sticky {
    pub(crate) fn new(seed: u64, batch_size: usize) -> Self {
        Self {
            state: AtomicU64::new(pack(NONE, 0)),
            choices: AtomicU64::new(0),
            seed,
            switch_after: u32::try_from(batch_size).unwrap_or(u32::MAX / 4).max(1),
        }
    }

    /// The partition for the next record: the sticky one while it is among `available`, or where no
    /// partition has a leader any of `count`.
    pub(crate) fn partition(&self, available: &[i32], count: i32) -> i32 {
        let state = self.state.load(Ordering::Relaxed);
        let (partition, _) = unpack(state);
        let current = partition as i32;
        let usable = partition != NONE
            && current < count
            && (available.is_empty()
                || available.len() == count as usize
                || available.binary_search(&current).is_ok());
        if usable {
            return current;
        }
        let chosen = self.choose(available, count);
        // A thread that lost the race takes the winner's choice with its next record.
        let _ = self.state.compare_exchange(
            state,
            pack(chosen as u32, 0),
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
        chosen
    }

    /// Counts a record of `bytes`. Switches at a batch's end once the partition took `batch.size`
    /// bytes, and in the midst of one only after twice as many, so that batches aren't cut short.
    pub(crate) fn took(
        &self,
        partition: i32,
        bytes: usize,
        batch_ends: bool,
        available: &[i32],
        count: i32,
    ) {
        let state = self.state.load(Ordering::Relaxed);
        let (current, taken) = unpack(state);
        if current != partition as u32 {
            return;
        }
        let taken = taken.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
        let switch = (taken >= self.switch_after && batch_ends)
            || taken >= self.switch_after.saturating_mul(2);
        let next = if switch {
            pack(self.choose(available, count) as u32, 0)
        } else {
            pack(current, taken)
        };
        // Lost races only make the count a little short.
        let _ = self
            .state
            .compare_exchange(state, next, Ordering::Relaxed, Ordering::Relaxed);
    }

    fn choose(&self, available: &[i32], count: i32) -> i32 {
        let choice = self.choices.fetch_add(1, Ordering::Relaxed);
        let random = split_mix(self.seed.wrapping_add(choice)) >> 1;
        if available.is_empty() {
            (random % count as u64) as i32
        } else {
            available[(random % available.len() as u64) as usize]
        }
    }
}

fn pack(partition: u32, bytes: u32) -> u64 {
    u64::from(partition) << 32 | u64::from(bytes)
}

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

    #[test]
    fn sticks_until_a_batch_is_full_then_spreads_evenly() {
        let sticky = Sticky::new(7, 1000);
        let all: Vec<i32> = (0..4).collect();
        let mut counts = [0u32; 4];
        for _ in 0..40_000 {
            let first = sticky.partition(&all, 4);
            for record in 0..10 {
                assert_eq!(sticky.partition(&all, 4), first);
                sticky.took(first, 100, record == 9, &all, 4);
            }
            counts[first as usize] += 1;
        }
        for count in counts {
            assert!((9_500..10_500).contains(&count), "{counts:?}");
        }
    }

    #[test]
    fn leaves_a_partition_that_lost_its_leader() {
        let sticky = Sticky::new(1, 1000);
        let first = sticky.partition(&[0, 1, 2], 3);
        let rest: Vec<i32> = (0..3).filter(|index| *index != first).collect();
        for _ in 0..100 {
            assert_ne!(sticky.partition(&rest, 3), first);
        }
    }

    #[test]
    fn a_batch_is_not_cut_short_before_twice_its_size() {
        let sticky = Sticky::new(3, 1000);
        let all: Vec<i32> = (0..100).collect();
        let first = sticky.partition(&all, 100);
        for _ in 0..19 {
            sticky.took(first, 100, false, &all, 100);
            assert_eq!(sticky.partition(&all, 100), first);
        }
    }
}
