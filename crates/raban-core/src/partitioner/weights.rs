//! How often each partition of a topic is chosen: the more often, the shorter its queue (KIP-794).

/// What bears on the choice of one partition that has a leader.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) partition: i32,
    /// Batches that wait to be sent.
    pub(crate) queued: u32,
    /// Its leader is in the client's rack, and such leaders are preferred (KIP-1123).
    pub(crate) in_rack: bool,
    /// They wait for a leader that has taken no request for `partitioner.availability.timeout.ms`.
    pub(crate) stuck: bool,
}

/// Partitions and their frequencies, summed up.
#[derive(Debug)]
pub(crate) struct Weights {
    /// Each partition with the sum of its own frequency and of those before it.
    sums: Vec<(i32, u64)>,
}

impl Weights {
    /// A partition's frequency is the longest queue's length + 1 - its own queue's length. `None`: all partitions are
    /// alike, or none is left.
    pub(crate) fn of(loads: &[Load]) -> Option<Self> {
        let usable = || loads.iter().filter(|load| !load.stuck);
        let first = usable().next()?;
        let all_alike = loads
            .iter()
            .all(|load| !load.stuck && load.queued == first.queued);
        if all_alike {
            return None;
        }
        let any_in_rack = usable().any(|load| load.in_rack);
        let eligible = || usable().filter(|load| load.in_rack || !any_in_rack);
        let longest = eligible().map(|load| load.queued).max()?;
        let mut sum = 0;
        let sums = eligible().map(|load| {
            sum += u64::from(longest - load.queued) + 1;
            (load.partition, sum)
        });
        Some(Self {
            sums: sums.collect(),
        })
    }

    /// The partition that a random number stands for.
    pub(crate) fn choose(&self, random: u64) -> i32 {
        let (_, total) = self.sums.last().expect("one partition at least");
        let at = random % total;
        self.sums[self.sums.partition_point(|(_, sum)| *sum <= at)].0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn load(partition: i32, queued: u32) -> Load {
        Load {
            partition,
            queued,
            in_rack: false,
            stuck: false,
        }
    }

    fn frequencies(loads: &[Load]) -> Vec<(i32, u64)> {
        let mut before = 0;
        let own =
            |(partition, sum): (i32, u64)| (partition, sum - std::mem::replace(&mut before, sum));
        let sums = Weights::of(loads).unwrap().sums;
        sums.into_iter().map(own).collect()
    }

    #[test]
    fn the_longest_queue_is_chosen_least() {
        // The example in the Java client's comment: 0 3 1 become 4 1 3.
        let loads = [load(0, 0), load(1, 3), load(2, 1)];
        assert_eq!(frequencies(&loads), [(0, 4), (1, 1), (2, 3)]);
        let weights = Weights::of(&loads).unwrap();
        let chosen: Vec<i32> = (0..8).map(|random| weights.choose(random)).collect();
        assert_eq!(chosen, [0, 0, 0, 0, 1, 2, 2, 2]);
        assert_eq!(weights.choose(u64::MAX / 8 * 8 + 4), 1);
    }

    #[test]
    fn equal_queues_need_no_weights() {
        assert!(Weights::of(&[load(0, 7), load(1, 7)]).is_none());
        assert!(Weights::of(&[load(0, 7)]).is_none());
        assert!(Weights::of(&[]).is_none());
    }

    #[test]
    fn stuck_partitions_are_left_out_unless_all_are() {
        let stuck = |load: Load| Load {
            stuck: true,
            ..load
        };
        let loads = [load(0, 2), stuck(load(1, 9)), load(2, 2)];
        assert_eq!(frequencies(&loads), [(0, 1), (2, 1)]);
        assert_eq!(frequencies(&[load(0, 2), stuck(load(1, 2))]), [(0, 1)]);
        assert!(Weights::of(&[stuck(load(0, 2)), stuck(load(1, 9))]).is_none());
    }

    #[test]
    fn leaders_in_the_rack_come_first_if_there_are_any() {
        let near = |load: Load| Load {
            in_rack: true,
            ..load
        };
        let loads = [load(0, 0), near(load(1, 3)), near(load(2, 5))];
        assert_eq!(frequencies(&loads), [(1, 3), (2, 1)]);
        let loads = [
            load(0, 0),
            Load {
                stuck: true,
                ..near(load(1, 3))
            },
            load(2, 1),
        ];
        assert_eq!(frequencies(&loads), [(0, 2), (2, 1)]);
    }

    proptest! {
        #[test]
        fn only_usable_partitions_are_chosen(
            loads in proptest::collection::vec((any::<u32>(), any::<bool>(), any::<bool>()), 0..20),
            random: u64,
        ) {
            let loads: Vec<Load> = (0..)
                .zip(loads)
                .map(|(partition, (queued, in_rack, stuck))| Load { partition, queued, in_rack, stuck })
                .collect();
            if let Some(weights) = Weights::of(&loads) {
                let chosen = weights.choose(random);
                prop_assert!(!loads[chosen as usize].stuck);
            }
        }
    }
}
