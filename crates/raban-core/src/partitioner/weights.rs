//! How often each partition of a topic is chosen: the more often, the shorter its queue (KIP-794).
//!
//! The sender says what changes, partition by partition; a choice draws until it takes what it drew. So neither of them
//! looks at all partitions.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use super::sticky::{Choices, split_mix};

/// What bears on the choice of one partition that has a leader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Load {
    /// Batches that wait to be sent.
    pub(crate) queued: u32,
    /// Its leader is in the client's rack, and such leaders are preferred (KIP-1123).
    pub(crate) in_rack: bool,
    /// They wait for a leader that has taken no request for `partitioner.availability.timeout.ms`.
    pub(crate) stuck: bool,
}

/// How many partitions of a topic have queues of which length; those that are stuck aside.
#[derive(Debug, Default)]
pub(crate) struct Lengths {
    in_rack: BTreeMap<u32, u32>,
    elsewhere: BTreeMap<u32, u32>,
}

/// The queues of the partitions that are chosen among.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    shortest: u32,
    longest: u32,
    in_rack: bool,
}

impl Lengths {
    /// A partition's load isn't `before` any more.
    pub(crate) fn change(&mut self, before: Option<Load>, now: Option<Load>) {
        if let Some(load) = before.filter(|load| !load.stuck) {
            let lengths = self.of(load);
            let count = lengths.get_mut(&load.queued).expect("it was counted");
            *count -= 1;
            if *count == 0 {
                lengths.remove(&load.queued);
            }
        }
        if let Some(load) = now.filter(|load| !load.stuck) {
            *self.of(load).entry(load.queued).or_default() += 1;
        }
    }

    fn of(&mut self, load: Load) -> &mut BTreeMap<u32, u32> {
        match load.in_rack {
            true => &mut self.in_rack,
            false => &mut self.elsewhere,
        }
    }

    /// `None` where all are stuck.
    pub(crate) fn bounds(&self) -> Option<Bounds> {
        let in_rack = !self.in_rack.is_empty();
        let lengths = match in_rack {
            true => &self.in_rack,
            false => &self.elsewhere,
        };
        Some(Bounds {
            shortest: *lengths.first_key_value()?.0,
            longest: *lengths.last_key_value()?.0,
            in_rack,
        })
    }
}

/// What choices go by. They may come while it changes: then they go by some of the old and some of the new.
#[derive(Debug, Default)]
pub(crate) struct Weights {
    /// By partition.
    queued: Vec<AtomicU32>,
    shortest: AtomicU32,
    longest: AtomicU32,
    among: AtomicU32,
}

/// In place of a queue's length.
const STUCK: u32 = u32::MAX;

/// In `among`: nothing is known, or nothing is better than anything else.
const ANY: u32 = 0;
const IN_RACK: u32 = 1;
const ELSEWHERE: u32 = 2;

/// Where nearly all queues are much longer than the shortest one, the next best is good enough after so many draws.
const MOST_DRAWS: u32 = 64;

impl Weights {
    /// How many partitions it has room for.
    pub(crate) fn room(&self) -> usize {
        self.queued.len()
    }

    pub(crate) fn make_room(&mut self, partitions: usize) {
        self.queued.resize_with(partitions, AtomicU32::default);
    }

    /// `bounds` are those with this partition's new load.
    pub(crate) fn set(&self, partition: i32, load: Option<Load>, bounds: Option<Bounds>) {
        if let (Some(load), Some(queued)) = (load, self.queued.get(partition as usize)) {
            let length = match load.stuck {
                true => STUCK,
                false => load.queued,
            };
            queued.store(length, Ordering::Relaxed);
        }
        let (shortest, longest, among) = match bounds {
            None => (0, 0, ANY),
            Some(bounds) if bounds.in_rack => (bounds.shortest, bounds.longest, IN_RACK),
            Some(bounds) => (bounds.shortest, bounds.longest, ELSEWHERE),
        };
        self.shortest.store(shortest, Ordering::Relaxed);
        self.longest.store(longest, Ordering::Relaxed);
        self.among.store(among, Ordering::Relaxed);
    }

    /// The longest queue's length + 1 - its own queue's length; 0: never.
    fn frequency(&self, partition: i32) -> u32 {
        let queued = self.queued.get(partition as usize);
        match queued.map_or(0, |queued| queued.load(Ordering::Relaxed)) {
            STUCK => 0,
            queued => self
                .longest
                .load(Ordering::Relaxed)
                .saturating_sub(queued)
                .saturating_add(1),
        }
    }

    /// The partition that a random number stands for.
    pub(crate) fn choose(&self, choices: Choices<'_>, random: u64) -> i32 {
        let among = match (self.among.load(Ordering::Relaxed), choices.preferred) {
            (ANY, _) => return choices.uniform(random),
            (IN_RACK, preferred @ [_, ..]) => preferred,
            _ => choices.available,
        };
        if among.is_empty() {
            return choices.uniform(random);
        }
        let longest = self.longest.load(Ordering::Relaxed);
        let shortest = self.shortest.load(Ordering::Relaxed);
        let most = u64::from(longest.saturating_sub(shortest)) + 1;
        let mut random = random;
        for _ in 0..MOST_DRAWS {
            let drawn = among[(random % among.len() as u64) as usize];
            random = split_mix(random) >> 1;
            if random % most < u64::from(self.frequency(drawn)) {
                return drawn;
            }
            random = split_mix(random) >> 1;
        }
        let (before, behind) = among.split_at((random % among.len() as u64) as usize);
        let usable = |partition: &&i32| self.frequency(**partition) > 0;
        *behind
            .iter()
            .chain(before)
            .find(usable)
            .unwrap_or(&behind[0])
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn load(queued: u32) -> Load {
        Load {
            queued,
            in_rack: false,
            stuck: false,
        }
    }

    fn stuck(load: Load) -> Load {
        Load {
            stuck: true,
            ..load
        }
    }

    fn near(load: Load) -> Load {
        Load {
            in_rack: true,
            ..load
        }
    }

    /// Weights of partitions with these loads, which came to be one by one, and which of them are preferred.
    fn weights(loads: &[Load]) -> (Weights, Vec<i32>) {
        let (mut weights, mut lengths) = (Weights::default(), Lengths::default());
        weights.make_room(loads.len());
        for before in [None, Some(load(7))] {
            for (partition, now) in (0..).zip(loads) {
                let now = match before {
                    None => load(7),
                    Some(_) => *now,
                };
                lengths.change(before, Some(now));
                weights.set(partition, Some(now), lengths.bounds());
            }
        }
        let indexes = (0..).zip(loads);
        let preferred = indexes
            .filter(|(_, load)| load.in_rack)
            .map(|(index, _)| index);
        (weights, preferred.collect())
    }

    /// How often each is chosen in so many choices.
    fn shares(loads: &[Load], choices: u64) -> Vec<u32> {
        let (weights, preferred) = weights(loads);
        let available: Vec<i32> = (0..).take(loads.len()).collect();
        let mut shares = vec![0; loads.len()];
        for choice in 0..choices {
            let among = Choices {
                count: loads.len() as i32,
                available: &available,
                preferred: &preferred,
            };
            shares[weights.choose(among, split_mix(choice) >> 1) as usize] += 1;
        }
        shares
    }

    /// Each share of 10,000 choices.
    fn assert_shares(loads: &[Load], parts: &[u32]) {
        let shares = shares(loads, 10_000);
        let total: u32 = parts.iter().sum();
        for (share, part) in shares.iter().zip(parts) {
            let expected = 10_000 * part / total;
            let is_near = match part {
                0 => *share == 0,
                _ => share.abs_diff(expected) < 250,
            };
            assert!(is_near, "{shares:?}, not {parts:?}");
        }
    }

    #[test]
    fn the_longest_queue_is_chosen_least() {
        // The example in the Java client's comment: 0 3 1 become 4 1 3.
        let loads = [load(0), load(3), load(1)];
        assert_eq!(
            (0..3)
                .map(|index| weights(&loads).0.frequency(index))
                .collect::<Vec<_>>(),
            [4, 1, 3]
        );
        assert_shares(&loads, &[4, 1, 3]);
        assert_shares(&[load(7), load(7)], &[1, 1]);
        assert_shares(&[load(7)], &[1]);
    }

    #[test]
    fn stuck_partitions_are_left_out_unless_all_are() {
        assert_shares(&[load(2), stuck(load(9)), load(2)], &[1, 0, 1]);
        assert_shares(&[load(2), stuck(load(2))], &[1, 0]);
        assert_shares(&[stuck(load(2)), stuck(load(9))], &[1, 1]);
        let mut loads = [stuck(load(1)); 1000];
        loads[700] = load(1);
        assert_eq!(shares(&loads, 100)[700], 100);
    }

    #[test]
    fn leaders_in_the_rack_come_first_if_there_are_any() {
        assert_shares(&[load(0), near(load(3)), near(load(5))], &[0, 3, 1]);
        assert_shares(&[load(9), near(load(3)), near(load(5))], &[0, 3, 1]);
        assert_shares(&[load(0), stuck(near(load(3))), load(1)], &[2, 0, 1]);
    }

    #[test]
    fn one_short_queue_among_many_long_ones_is_found() {
        let mut loads = [load(40); 100];
        loads[70] = load(0);
        let shares = shares(&loads, 10_000);
        assert!((2_000..4_000).contains(&shares[70]), "{shares:?}");
    }

    proptest! {
        #[test]
        fn only_usable_partitions_are_chosen(
            loads in proptest::collection::vec((any::<u32>(), any::<bool>(), any::<bool>()), 1..20),
            random: u64,
        ) {
            let load = |(queued, in_rack, stuck)| Load { queued: queued / 2, in_rack, stuck };
            let loads: Vec<Load> = loads.into_iter().map(load).collect();
            let (weights, preferred) = weights(&loads);
            let available: Vec<i32> = (0..).take(loads.len()).collect();
            let count = loads.len() as i32;
            let among = Choices { count, available: &available, preferred: &preferred };
            let chosen = weights.choose(among, random);
            prop_assert!(!loads[chosen as usize].stuck || loads.iter().all(|load| load.stuck));
        }
    }
}
